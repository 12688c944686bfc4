"""Draws results as an SVG: one panel a workload, one bar a server.

Colours follow the reader's choice of light or dark; the product's bars stand out, and the number is
beside each bar, so that nothing is told by colour alone.
"""

from collections.abc import Iterator
from html import escape
from statistics import median

from benchmarks.demands import Workload
from benchmarks.results import Results, number
from benchmarks.workloads import WORKLOADS

SHOWN = ("fanout", "fanout-1", "pointers", "rate", "ping", "connect", "rooms-60", "update-64")
LESS_IS_BETTER = ("rate", "rooms-60")

WIDTH, LABEL, VALUE = 760, 200, 120
BAR, GAP, HEAD, FOOT = 18, 6, 34, 14

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.axis { fill: #59636e; }
.other { fill: #a8b3bf; }
.product { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .axis { fill: #9198a1; }
  .other { fill: #545d68; }
  .product { fill: #4493f8; }
}
"""


def svg(results: Results) -> str:
    """The picture; workloads that were not measured have no panel."""
    parts: list[str] = []
    top = 0
    for workload in WORKLOADS:
        bars = _bars(results, workload) if workload.name in SHOWN else []
        if len(bars) > 1:
            parts += _panel(workload, bars, top)
            top += HEAD + len(bars) * (BAR + GAP) + FOOT
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" role="img" aria-label="The product beside other servers">'
    )
    return "\n".join([opening, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _bars(results: Results, workload: Workload) -> list[tuple[str, float]]:
    """(server, median), the best one first."""
    figure = workload.figures[0].name
    known = {
        target: results.values(workload.name, target, figure).values()
        for target in workload.targets
        if target not in workload.per_target  # asked for something else, it is not comparable
    }
    bars = [(target, median(values)) for target, values in known.items() if values]
    return sorted(bars, key=lambda bar: bar[1], reverse=workload.name not in LESS_IS_BETTER)


def _panel(workload: Workload, bars: list[tuple[str, float]], top: int) -> Iterator[str]:
    figure = workload.figures[0]
    unit = f", {figure.unit}" if figure.unit else ""
    less = "; less is better" if workload.name in LESS_IS_BETTER else ""
    longest = max(value for _, value in bars) or 1
    told = f"{figure.title}{unit}{less}"
    yield f'<text class="title" x="0" y="{top + 16}">{escape(workload.title)}</text>'
    yield f'<text class="axis" x="{WIDTH}" y="{top + 16}" text-anchor="end">{escape(told)}</text>'
    for place, (server, value) in enumerate(bars):
        y = top + HEAD - 8 + place * (BAR + GAP)
        width = max(1, round((WIDTH - LABEL - VALUE) * value / longest))
        kind = "product" if server.startswith("product") else "other"
        middle = y + BAR - 5
        yield f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end">{escape(server)}</text>'
        yield f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width}" height="{BAR}" rx="2"/>'
        yield f'<text x="{LABEL + width + 6}" y="{middle}">{number(value)}</text>'
