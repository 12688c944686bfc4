"""Turns runs into a table."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.workloads import NAIVE, PRODUCT, PRODUCT_POSTGRES, Row, Workload

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

Runs = dict[tuple[str, str], list[dict[str, Any]]]
"""(workload, target) -> results of the load client, with `valid` and `reason`"""

HEAD = ("workload", "product", "p50 / p99 ms", "naive Channels", "p50 / p99 ms", "ratio", "demand")


def markdown(
    workloads: Iterable[Workload], runs: Runs, *, command: str, notes: Iterable[str]
) -> str:
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine.cpu_model()}, one core for the server "
        "and one for the load client and Redis.",
        f"{machine.versions()}.",
        "",
        f"`{command}`: median of the valid rounds, [lowest to highest]; the servers alternate.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    for workload in workloads:
        for row in workload.rows:
            lines += _lines(workload, row, runs)
    lines += ["", *(f"- {note}" for note in [*notes, *_cpu(workloads, runs), *_invalid(runs)])]
    return "\n".join(lines)


def _lines(workload: Workload, row: Row, runs: Runs) -> list[str]:
    """One line, and another for each further variant of the product that was run."""
    product, naive = runs.get((workload.name, PRODUCT), []), runs.get((workload.name, NAIVE), [])
    lines = [_line(row, row.title, product, naive)] if product or naive else []
    if postgres := runs.get((workload.name, PRODUCT_POSTGRES), []):
        lines.append(_line(row, f"{row.title}, PostgreSQL", postgres, []))
    return lines


def _line(row: Row, title: str, product: list[dict[str, Any]], naive: list[dict[str, Any]]) -> str:
    mine, theirs = _median(row, product), _median(row, naive)
    ratio = mine / theirs if row.compared and mine and theirs else None
    cells = (
        title,
        _figure(row, product),
        _latency(row, product),
        _figure(row, naive),
        _latency(row, naive),
        f"{ratio:.3g} x" if ratio else "",
        _demand(row, mine, ratio),
    )
    return "| " + " | ".join(cells) + " |"


def _valid(runs: list[dict[str, Any]], figure: str) -> list[float]:
    return [run[figure] for run in runs if run["valid"] and run[figure] is not None]


def _median(row: Row, runs: list[dict[str, Any]]) -> float | None:
    values = _valid(runs, row.figure)
    return median(values) if values else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _figure(row: Row, runs: list[dict[str, Any]]) -> str:
    if not runs:
        return ""
    values = _valid(runs, row.figure)
    if not values:
        return "**invalid**"
    spread = f" [{_number(min(values))} to {_number(max(values))}]" if len(values) > 1 else ""
    return f"{_number(median(values))} {row.unit}{spread}"


def _latency(row: Row, runs: list[dict[str, Any]]) -> str:
    p50, p99 = _valid(runs, "p50_ms"), _valid(runs, "p99_ms")
    if not row.latency or not p50 or not p99:
        return ""
    return f"{median(p50):.2f} / {median(p99):.2f}"


def _demand(row: Row, value: float | None, ratio: float | None) -> str:
    if row.min_ratio is not None:
        wanted, met = (
            f"at least {row.min_ratio:g} x",
            None if ratio is None else ratio >= row.min_ratio,
        )
    elif row.max_value is not None:
        wanted, met = (
            f"at most {row.max_value:g} {row.unit}",
            None if value is None else value <= row.max_value,
        )
    else:
        return ""
    return wanted if met is None else f"{wanted}: {'met' if met else '**missed**'}"


def _cpu(workloads: Iterable[Workload], runs: Runs) -> list[str]:
    """How busy the cores were: a server below 100 % was not what limited the figure."""
    lines = []
    for workload in workloads:
        parts = []
        for target in workload.targets:
            valid = [run for run in runs.get((workload.name, target), []) if run["valid"]]
            if valid:
                server = median(run["server_cpu_percent"] for run in valid)
                client = max(run["client_cpu_percent"] for run in valid)
                parts.append(f"{target} {server:.0f} % (client at most {client:.0f} %)")
        if parts:
            lines.append(f"Server CPU, {workload.name}: {', '.join(parts)}.")
    return lines


def _invalid(runs: Runs) -> list[str]:
    return [
        f"Invalid, not counted: {workload}, {target}: {run['reason']}"
        for (workload, target), results in runs.items()
        for run in results
        if not run["valid"]
    ]


def write(document: Path, table: str) -> None:
    """Replace what stands between the markers."""
    text = document.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{document.name} lacks the markers {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
