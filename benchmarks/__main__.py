"""Measure the product beside other servers.

Beside a naive Channels consumer; everything, as `make bench-peers` does, and written into docs; one
short round; some workloads again, put in the place of their old results; the tables and the chart
from the results that are there:

    python -m benchmarks
    python -m benchmarks --all --write
    python -m benchmarks --quick
    python -m benchmarks --all --only fanout,ping --merge --write
    python -m benchmarks --report --write
    python -m benchmarks --targets naive --only ping --rounds 1
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import chart, load, machine, report, stage
from benchmarks.demands import PRODUCT, Workload
from benchmarks.results import Results
from benchmarks.room import blocked
from benchmarks.servers import ROOT
from benchmarks.workloads import (
    BASIC,
    DURABLE,
    NAIVE,
    NCHAN,
    PICOWS,
    PLAIN,
    PLAIN_DURABLE,
    PLAIN_POSTGRES,
    POSTGRES,
    SOCKETIO,
    UWS,
    WEBSOCKETS,
    WORKLOADS,
    WS,
)

TARGETS = {
    "product": PRODUCT,
    "postgres": POSTGRES,
    "durable": DURABLE,
    "plain": PLAIN,
    "plain-postgres": PLAIN_POSTGRES,
    "plain-durable": PLAIN_DURABLE,
    "naive": NAIVE,
    "ws": WS,
    "socketio": SOCKETIO,
    "websockets": WEBSOCKETS,
    "picows": PICOWS,
    "nchan": NCHAN,
    "uws": UWS,
}
BASIC_TARGETS = ("product", "postgres", "naive")
RESULTS = load.BUILD / "results.json"
SO_FAR = load.BUILD / "results-so-far.json"
"""Of a measurement under way: `--report --results` tells what an interrupted one had."""
DOCUMENT, CHART = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.svg"
DOCUMENTED = ROOT / "docs" / "performance.json"
"""The results that the document is made of: kept with it, so that a row can be measured again."""
BULK = "bulk"
"""Imports, pruning, a log of millions: measured by benchmarks.bulk, which prints text."""

MAX_WAIT_PERCENT = 5
"""Of the time that others may run on the server's core"""

TRIAL = "A trial: runs count in which others had the server's core for {percent:g} % of the time."

ATTEMPTS = 3
"""A run that the machine disturbed is made again, at most so often in all."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = {workload.name for workload in WORKLOADS} | {BULK}
    parser.add_argument("--all", action="store_true", help="every workload, every server")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each")
    parser.add_argument("--rounds", type=int, help="default 3, with --quick 1")
    parser.add_argument(
        "--seconds", type=float, help="measured seconds of a run, default 4, with --quick 2"
    )
    parser.add_argument("--only", type=_names(names), help="workloads")
    parser.add_argument(
        "--bulk-events", type=int, default=0, help="a log of so many events before, for bulk"
    )
    parser.add_argument("--targets", type=_names(TARGETS), help=", ".join(TARGETS))
    parser.add_argument(
        "--max-wait",
        type=float,
        default=MAX_WAIT_PERCENT,
        help="percent of the time that a server may have waited for its core; more to try things "
        f"out on a busy machine, default {MAX_WAIT_PERCENT}",
    )
    parser.add_argument(
        "--merge", action="store_true", help="put these in the place of their old results"
    )
    parser.add_argument(
        "--results",
        type=Path,
        help=f"the file that keeps them, default {DOCUMENTED.relative_to(ROOT)} with --write,"
        f" {RESULTS.relative_to(ROOT)} without",
    )
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument(
        "--write", action="store_true", help="write results, tables, chart into docs/performance.*"
    )
    given = parser.parse_args()
    given.results = given.results or (DOCUMENTED if given.write else RESULTS)
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.seconds = given.seconds or (2 if given.quick else 4)
    given.only = given.only or (sorted(names) if given.all else list(BASIC))
    given.targets = given.targets or (list(TARGETS) if given.all else list(BASIC_TARGETS))
    return given


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            )
        return chosen

    return names


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(
    workload: Workload, target: str, staged: stage.Stage, given: argparse.Namespace
) -> dict[str, Any]:
    """One run against a server of its own, so that no run inherits another's memory or backlog."""
    stage.empty_redis(staged.redis_url)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        run = Path(name)
        server = stack.enter_context(staged.starts[target](run, workload.cast))
        if workload.warm_up:
            load.run(server, run, workload.warm_up)
        if workload.blocked:
            stack.enter_context(blocked(staged.blocks[target](run)))
        options = {
            "seconds": workload.seconds or given.seconds,
            "max-wait-percent": given.max_wait,
            **workload.options_for(target),
        }
        return load.run(server, run, options)


def measure_by_script(workload: Workload, directory: Path, max_wait: float) -> dict[str, Any]:
    """A workload that needs no load client: its module prints the result as its last line."""
    server_core, _ = machine.cores()
    done = subprocess.run(
        [sys.executable, "-m", str(workload.script), str(directory), str(max_wait)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {server_core}),
    )
    if done.returncode:
        return {"valid": False, "disturbed": False, "reason": done.stderr.strip()[-300:]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


Measure = Callable[[], dict[str, Any]]
"""One run; returns its result."""


def attempt(workload: Workload, target: str, measured: Measure) -> list[dict[str, Any]]:
    """The results of as many runs as it takes until the machine does not disturb one."""
    results = []
    for _ in range(ATTEMPTS):
        try:
            results.append(measured())
        except RuntimeError as error:  # a server that did not start: the others go on
            results.append({"valid": False, "disturbed": False, "reason": str(error)[-300:]})
        tell(workload, target, results[-1])
        if not results[-1]["disturbed"]:
            break
    return results


def tell(workload: Workload, target: str, result: dict[str, Any]) -> None:
    known = [one for one in workload.figures if result.get(one.name) is not None]
    figures = " ".join(f"{one.name}={result[one.name]:,.1f}" for one in known)
    verdict = "" if result["valid"] else f"INVALID: {result['reason']}"
    progress(f"  {workload.name}, {target}: {figures} {verdict}")


def run_rounds(
    workloads: list[Workload],
    staged: stage.Stage,
    results: Results,
    *,
    directory: Path,
    given: argparse.Namespace,
) -> None:
    """Every workload on every server, in turn: what else the machine does hits all alike."""
    for round_ in range(1, given.rounds + 1):
        progress(f"round {round_} of {given.rounds}")
        for workload in workloads:
            for target in workload.targets:
                measured: Measure
                if workload.script:
                    measured = partial(measure_by_script, workload, directory, given.max_wait)
                elif target in staged.starts:
                    measured = partial(measure, workload, target, staged, given)
                else:
                    continue
                for result in attempt(workload, target, measured):
                    results.add(workload.name, target, round_=round_, result=result)
                results.write(SO_FAR)


def prepare_machine() -> None:
    machine.raise_open_files()
    server_core, load_core = machine.cores()
    if server_core == load_core:
        progress("only one core: the server shares it with its load, the figures say little")
    os.sched_setaffinity(0, {load_core})  # Inherited by Redis, PostgreSQL and the client.


def measured_results(given: argparse.Namespace) -> Results:
    workloads = [one for one in WORKLOADS if one.name in given.only]
    wanted = {TARGETS[name] for name in given.targets}
    targets = wanted & {name for one in workloads if not one.script for name in one.targets}
    prepare_machine()
    load.build()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with stage.staged(targets, directory) as staged:
            for peer, why in staged.missing.items():
                progress(f"missing: {peer}: {why}")
            if given.max_wait > MAX_WAIT_PERCENT:
                staged.notes.append(TRIAL.format(percent=given.max_wait))
            results.about = stage.about(
                staged,
                command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
                date=f"{datetime.now(UTC):%Y-%m-%d}",
                machine=machine.cpu_model(),
                versions=machine.versions(),
            )
            run_rounds(workloads, staged, results, directory=directory, given=given)
    return results


def measured_in_bulk(given: argparse.Namespace) -> dict[str, Any]:
    """As `Results.about["bulk"]` has it, {} where the module is not there."""
    if not importlib.util.find_spec(f"benchmarks.{BULK}"):
        progress(f"benchmarks.{BULK} is not there")
        return {}
    options = [f"--events={given.bulk_events}"] if given.bulk_events else []
    command = ["-m", f"benchmarks.{BULK}", *options]
    progress(f"{BULK} ...")
    done = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    progress(done.stdout)
    return {" ".join(["python", *command]): done.stdout.splitlines()}


def main() -> int:
    given = arguments()
    if given.report:
        results = Results.read(given.results)
    else:
        results = measured_results(given)
        if BULK in given.only:
            results.about["bulk"] = measured_in_bulk(given)
        if given.merge and given.results.exists():
            results = results.merged_into(Results.read(given.results))
        results.write(given.results)
    tables = report.markdown(results)
    print(tables)
    if given.write:
        report.write(DOCUMENT, tables)
        CHART.write_text(chart.svg(results))
    return 2 if results.without_result() else 0


if __name__ == "__main__":
    sys.exit(main())
