"""Tells results as tables for docs/performance.md."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.demands import Demand, Figure, Group, Workload
from benchmarks.results import Results, number, spread
from benchmarks.workloads import WORKLOADS

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
PICTURE = "![Bars of the product and other servers, a panel a workload](performance.svg)"
LONGEST_LINE = 130
"""Characters of a line of prose in docs."""


def markdown(results: Results) -> str:
    """All of it: the demands first, then each group with all servers."""
    workloads = [one for one in WORKLOADS if results.targets_of(one.name)]
    lines = [PICTURE, "", *_head(results), "", *_demands(results, workloads)]
    for group in Group:
        of_group = [one for one in workloads if one.group == group]
        if of_group:
            lines += ["", f"### {group}", *_tables(results, of_group)]
    lines += [*_bulk(results), "", *_notes(results, workloads)]
    return "\n".join(lines)


def _head(results: Results) -> Iterator[str]:
    about = results.about
    yield from wrapped(
        f"Measured {about['date']} on {about['machine']}, one core for the server and one for the "
        f"load client, Redis and PostgreSQL. {about['versions']}."
    )
    yield ""
    yield from wrapped(
        f"`{about['command']}`: median of the valid rounds, [lowest to highest]; the servers "
        "alternate; a ratio is the median of the ratios within each round."
    )


# ------------------------------------------------------------------ what is demanded


def _demands(results: Results, workloads: Iterable[Workload]) -> Iterator[str]:
    yield from _table_head("workload", "what", "measured", "demand", "met")
    for workload in workloads:
        for demand in workload.demands:
            yield _row(workload.title, demand.title, *_judged(results, workload, demand))


def _judged(results: Results, workload: Workload, demand: Demand) -> tuple[str, str, str]:
    wanted = _wanted(demand)
    values = results.demanded(workload, demand)
    if not values:
        missing = results.about["missing"].get(demand.beside or demand.target)
        return f"not measured: {missing}" if missing else "not measured", wanted, ""
    value = median(values)
    measured = spread(values, "x" if demand.is_ratio else "")
    return (
        measured,
        wanted,
        "met" if demand.met(value) else f"**missed by {_missed(demand, value)}**",
    )


def _wanted(demand: Demand) -> str:
    least = demand.at_least is not None
    bound = demand.at_least if demand.at_least is not None else demand.at_most
    beside = f" x {demand.beside}" if demand.beside else " x" if demand.of else ""
    return f"at {'least' if least else 'most'} {bound:g}{beside}"


def _missed(demand: Demand, value: float) -> str:
    bound = demand.at_least if demand.at_least is not None else demand.at_most
    assert bound is not None
    if not bound:
        return number(value)
    return f"{abs(value - bound) / bound:.0%}"


# ------------------------------------------------------------------ all servers


def _tables(results: Results, workloads: list[Workload]) -> Iterator[str]:
    for workload in workloads:
        yield ""
        yield f"**{workload.title}** (`{workload.name}`)"
        yield ""
        figures = workload.figures
        ratio = ["product to it"] if len(results.targets_of(workload.name)) > 1 else []
        yield from _table_head("server", *(_title(one) for one in figures), *ratio)
        for target in workload.targets:
            if target in results.targets_of(workload.name) or target in results.about["missing"]:
                yield _server_row(results, workload, target, ratio=bool(ratio))


def _title(figure: Figure) -> str:
    return f"{figure.title}, {figure.unit}" if figure.unit else figure.title


def _server_row(results: Results, workload: Workload, target: str, *, ratio: bool) -> str:
    if why := results.about["missing"].get(target):
        return _row(target, f"missing: {why}", *([""] * (len(workload.figures) - 1 + ratio)))
    cells = [_cell(results, workload, target, figure.name) for figure in workload.figures]
    return _row(target, *cells, *([_ratio(results, workload, target)] if ratio else []))


def _cell(results: Results, workload: Workload, target: str, figure: str) -> str:
    values = results.values(workload.name, target, figure).values()
    if values:
        return spread(values)
    return "" if results.of(workload.name, target) else "**invalid**"


def _ratio(results: Results, workload: Workload, target: str) -> str:
    first = workload.figures[0].name
    product = workload.targets[0]
    if target == product:
        return ""
    demand = Demand(title="", figure=first, beside=target, target=product)
    ratios = results.ratios(workload, demand)
    return f"{median(ratios):.3g} x" if ratios else ""


def _bulk(results: Results) -> Iterator[str]:
    """Yield the lines of what measures by itself, as it printed them."""
    for command, lines in results.about.get("bulk", {}).items():
        yield from ["", f"### `{command}`", "", "```text", *lines, "```"]


# ------------------------------------------------------------------ notes


def _notes(results: Results, workloads: Iterable[Workload]) -> Iterator[str]:
    for note in results.about["notes"]:
        yield from wrapped(f"- {note}", indent="  ")
    for name, why in results.about["missing"].items():
        yield from wrapped(f"- Missing: {name}: {why}.", indent="  ")
    yield from wrapped(f"- {_busy(results, workloads)}", indent="  ")
    for told in _not_counted(results):
        yield from wrapped(f"- {told}", indent="  ")


def _busy(results: Results, workloads: Iterable[Workload]) -> str:
    """How near the client was to being the limit, and the server to not having its core."""
    valid = [
        result
        for workload in workloads
        for target in results.targets_of(workload.name)
        for result in results.of(workload.name, target)
    ]
    client = [r["client_cpu_percent"] for r in valid if r.get("client_cpu_percent") is not None]
    waited = [r["server_waited_percent"] for r in valid if r.get("server_waited_percent")]
    return (
        f"In the runs that count the client took at most {max(client, default=0):.0f} % of its "
        f"core, and the server waited for others for at most {max(waited, default=0):.1f} %."
    )


def _not_counted(results: Results) -> Iterator[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for run in results.invalid():
        reasons.setdefault((run["workload"], run["target"]), []).append(run["result"]["reason"])
    for (workload, target), told in reasons.items():
        runs = "1 run" if len(told) == 1 else f"{len(told)} runs"
        yield f"Not counted: {workload}, {target}, {runs}: {told[-1]}."


# ------------------------------------------------------------------ Markdown


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _table_head(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield "|" + "---|" * len(titles)


def wrapped(text: str, *, indent: str = "") -> Iterator[str]:
    """Lines that are no longer than docs may have."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > LONGEST_LINE - len(indent):
            yield line
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    yield line


def write(document: Path, text: str) -> None:
    """Replace what stands between the markers."""
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{document.name} lacks the markers {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
