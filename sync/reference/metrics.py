"""docs/metrics.md: what is measured, made of the declarations."""

from __future__ import annotations

from sync.gateway.exposition import PUBLISH_SECONDS
from sync.metrics import Histogram, Metric, declared

HEAD = """# Metrics

Written by `make docs` from the declarations (`sync/metrics.py`), each of which stands beside what
it measures. Prometheus reads them from `/metrics`, with the token as it stands in
`BOS_METRICS_TOKEN`:

```
scrape_configs:
  - job_name: bos
    authorization: {{credentials: the token}}
    static_configs: [{{targets: ["127.0.0.1:8000"]}}]
```

Without that setting there is no such page, and another token gets 401: the numbers of all
organizations are in it, though no names. Read it from the port of `serve`, not through the proxy,
which refuses it (`deploy/nginx.conf`). It is answered by a thread of its own, whatever else is
waited for.

**Several processes.** `serve` has one page for all of its processes, whichever is asked: counters
and histograms are added up, gauges, too, or the largest counts where the table says `max`. The
numbers of the others are at most {seconds:g} s old. What a process had counted stays when it dies,
but for its last second; its gauges do not. All begin at 0 when `serve` starts. A Daphne process has
its own page.

**Workers** have no page: what they do is read from the database when somebody asks, so it is the
same on every machine. Of several machines take the `max` of these (`database` in the table), and
the `sum` of the others. Where the database does not answer within a second, they are left out.

Alerts that we would set are in [deployment.md](deployment.md#what-to-watch); what counting costs in
[performance.md](performance.md).
"""


def metrics_text() -> str:
    """The page."""
    lines = [
        HEAD.format(seconds=PUBLISH_SECONDS),
        "| metric | is | labels | over processes | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(metric) for _, metric in sorted(declared.items())]
    lines += ["", "The bounds of histograms:", "", "| metric | upper bounds |", "|---|---|"]
    for name, metric in sorted(declared.items()):
        if isinstance(metric, Histogram):
            bounds = ", ".join(f"{bound:g}" for bound in metric.bounds)
            lines.append(f"| `{name}` | {bounds} |")
    return "\n".join(lines) + "\n"


def _row(metric: Metric) -> str:
    name = metric.name + ("_total" if metric.kind == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    over = "database" if metric.shared else metric.over
    return f"| `{name}` | {metric.kind} | {labels} | {over} | {metric.text} |"
