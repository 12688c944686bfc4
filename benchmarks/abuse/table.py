"""Show the outcome of the attacks as a table."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine

BEGIN, END = "<!-- abuse:begin -->", "<!-- abuse:end -->"
MOST_MS = 100.0
MOST_TIMES = 2.0
MOST_MB = 50.0
MOST_REPORT_S = 10.0
HEAD = ("who: what", "PING p99", "KPI_UPDATE p99", "report", "memory", "before")


def met(result: dict[str, Any]) -> bool:
    """Others' p99 is within twice that of quiet or 100 ms, memory within 50 MB, nothing failed; and
    where a worker is attacked a report is there within 10 s."""
    quiet, attacked = result["quiet"], result["attacked"]
    times = ("ping_p99_ms", "update_p99_ms")
    return (
        not attacked["failures"]
        and (attacked["report_s"] or 0) <= MOST_REPORT_S
        and result["memory_mb"] <= MOST_MB
        and all(attacked[name] <= max(MOST_MS, MOST_TIMES * quiet[name]) for name in times)
    )


def line(result: dict[str, Any]) -> str:
    """For the terminal: everything about one attack."""
    quiet, attacked = result["quiet"], result["attacked"]
    verdict = "met" if met(result) else "MISSED"
    return (
        f"{result['name']}: PING {quiet['ping_p99_ms']:.1f} -> {attacked['ping_p99_ms']:.1f} ms, "
        f"KPI_UPDATE {quiet['update_p99_ms']:.1f} -> {attacked['update_p99_ms']:.1f} ms, "
        f"report {_report(result, '-')}, {result['memory_mb']:+.0f} MB, "
        f"failures {result['failures']}: {verdict} {result['tally']}"
    )


def markdown(
    results: Iterable[dict[str, Any]], before: Iterable[dict[str, Any]], *, command: str
) -> str:
    earlier = {result["name"]: result for result in before}
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine.cpu_model()}, one core for the server; "
        f"`python -m benchmarks.abuse {command}`.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    for result in results:
        old = earlier.get(result["name"])
        missed = "" if met(result) else " **missed**"
        cells = (f"{result['name']}{missed}", *_cells(result), _short(old) if old else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _report(result: dict[str, Any], none: str) -> str:
    quiet, attacked = result["quiet"]["report_s"], result["attacked"]["report_s"]
    return none if attacked is None else f"{quiet:.1f} to {attacked:.1f} s"


def _cells(result: dict[str, Any]) -> tuple[str, str, str, str]:
    quiet, attacked = result["quiet"], result["attacked"]
    failed = f", {attacked['failures']} failed" if attacked["failures"] else ""
    return (
        f"{quiet['ping_p99_ms']:.1f} to {attacked['ping_p99_ms']:.1f} ms",
        f"{quiet['update_p99_ms']:.1f} to {attacked['update_p99_ms']:.1f} ms{failed}",
        _report(result, ""),
        f"{result['memory_mb']:+.0f} MB",
    )


def _short(result: dict[str, Any]) -> str:
    attacked = result["attacked"]
    failed = f", {attacked['failures']} failed" if attacked["failures"] else ""
    report = attacked.get("report_s")
    return (
        f"{attacked['ping_p99_ms']:,.0f} ms, {attacked['update_p99_ms']:,.0f} ms{failed}, "
        f"{'' if report is None else f'{report:,.0f} s, '}{result['memory_mb']:+,.0f} MB"
    )


def write(document: Path, text: str) -> None:
    """Replace what stands between the markers."""
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{document.name} lacks the markers {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
