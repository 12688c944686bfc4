"""Measure the product beside the naive baseline.

Everything, three rounds, about ten minutes; one short round; some workloads; one server alone; and
with the table written into docs/performance.md:

    python -m benchmarks
    python -m benchmarks --quick
    python -m benchmarks --only fanout,ping --rounds 1
    python -m benchmarks --targets naive --only ping
    python -m benchmarks --write
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import load, machine, report
from benchmarks.product import Product, prepare, product_server
from benchmarks.servers import ROOT, Target, naive_server
from benchmarks.workloads import NAIVE, PRODUCT, PRODUCT_POSTGRES, WORKLOADS, Workload
from tests.support.services import postgres_server, redis_server

TARGETS = {"product": PRODUCT, "postgres": PRODUCT_POSTGRES, "naive": NAIVE}
RESULTS = load.BINARY.with_name("results.json")

Start = Callable[[Path], contextlib.AbstractContextManager[Target]]
"""Starts a server whose files lie in the given directory."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each")
    parser.add_argument("--rounds", type=int, help="default 3, with --quick 1")
    parser.add_argument(
        "--seconds", type=float, help="measured seconds of a run, default 5, with --quick 2"
    )
    parser.add_argument(
        "--only", type=_names({workload.name for workload in WORKLOADS}), help="workloads"
    )
    parser.add_argument(
        "--targets", type=_names(TARGETS), default=list(TARGETS), help="product, postgres, naive"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the table into docs/performance.md"
    )
    given = parser.parse_args()
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.seconds = given.seconds or (2 if given.quick else 5)
    return given


def _names(known: set[str] | dict[str, str]) -> Callable[[str], list[str]]:
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


@contextlib.contextmanager
def started_services(
    targets: set[str], directory: Path
) -> Iterator[tuple[str, dict[str, Start], list[str]]]:
    """Redis and the databases; yields Redis' address, how to start each target, and notes."""
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(redis_server()).url
        starts: dict[str, Start] = {}
        notes: list[str] = []
        if NAIVE in targets:
            starts[NAIVE] = lambda run: naive_server(redis_url=redis_url, directory=run)
        if PRODUCT in targets:
            starts[PRODUCT] = _product_start(
                prepare(f"sqlite:///{directory / 'demo.sqlite3'}"), redis_url
            )
        if PRODUCT_POSTGRES in targets:
            database_url = stack.enter_context(postgres_server())
            starts[PRODUCT_POSTGRES] = _product_start(prepare(database_url), redis_url)
            notes.append(_postgres_note(database_url))
        yield redis_url, starts, notes


def _product_start(product: Product, redis_url: str) -> Start:
    return lambda run: product_server(product, redis_url=redis_url, directory=run)


def _postgres_note(database_url: str) -> str:
    """Whether its commits reach the disk changes an update's cost by far."""
    import psycopg

    with psycopg.connect(database_url) as connection:
        names = ("server_version", "fsync", "synchronous_commit")
        settings = (connection.execute("SELECT current_setting(%s)", [name]) for name in names)
        version, fsync, commit = (value for row in settings for value in row.fetchone() or ("?",))
    return (
        f"PostgreSQL {version} shares the load client's core; "
        f"fsync {fsync}, synchronous_commit {commit}."
    )


def empty_redis(url: str) -> None:
    """A killed server's group members would stay in Redis for a day, and slow the next one down."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()


def measure(
    workload: Workload, target: str, start: Start, *, redis_url: str, seconds: float
) -> dict[str, Any]:
    """One run against a server of its own, so that no run inherits another's memory or backlog."""
    empty_redis(redis_url)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with start(directory) as server:
            if workload.warm_up:
                load.run(server, directory, workload.warm_up)
            return load.run(server, directory, {"seconds": seconds, **workload.options_for(target)})


def tell(workload: Workload, target: str, result: dict[str, Any]) -> None:
    figures = [
        f"{row.figure}={result[row.figure]:,.1f}" for row in workload.rows if result.get(row.figure)
    ]
    verdict = "" if result["valid"] else f"INVALID: {result['reason']}"
    progress(f"  {workload.name}, {target}: {' '.join(figures)} {verdict}")


def run_rounds(
    workloads: list[Workload],
    starts: dict[str, Start],
    *,
    redis_url: str,
    rounds: int,
    seconds: float,
) -> report.Runs:
    """Every workload on every target, in turn: what else the machine does hits all alike."""
    runs: report.Runs = {}
    for round_number in range(1, rounds + 1):
        progress(f"round {round_number} of {rounds}")
        for workload in workloads:
            for target in (name for name in workload.targets if name in starts):
                result = measure(
                    workload, target, starts[target], redis_url=redis_url, seconds=seconds
                )
                runs.setdefault((workload.name, target), []).append(result)
                tell(workload, target, result)
    return runs


def prepare_machine() -> None:
    machine.raise_open_files()
    server_core, load_core = machine.cores()
    if server_core == load_core:
        progress("only one core: the server shares it with its load, the figures say little")
    os.sched_setaffinity(0, {load_core})  # Inherited by Redis, PostgreSQL and the client.


def main() -> int:
    given = arguments()
    workloads = [one for one in WORKLOADS if not given.only or one.name in given.only]
    wanted = {TARGETS[name] for name in given.targets}
    targets = wanted & {name for one in workloads for name in one.targets}
    prepare_machine()
    load.build()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        started_services(targets, Path(directory)) as (redis_url, starts, notes),
    ):
        runs = run_rounds(
            workloads, starts, redis_url=redis_url, rounds=given.rounds, seconds=given.seconds
        )
    raw = [{"workload": name, "target": target, "runs": of} for (name, target), of in runs.items()]
    RESULTS.write_text(json.dumps(raw, indent=1))
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    table = report.markdown(workloads, runs, command=command, notes=notes)
    print(table)
    if given.write:
        report.write(ROOT / "docs" / "performance.md", table)
    return 0 if all(run["valid"] for results in runs.values() for run in results) else 2


if __name__ == "__main__":
    sys.exit(main())
