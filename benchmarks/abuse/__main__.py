"""Attack a server with the limits it has by default, and see what another tenant notices.

    python -m benchmarks.abuse                       every attack, on SQLite
    python -m benchmarks.abuse --postgres
    python -m benchmarks.abuse --only continuations,pings --seconds 5
    python -m benchmarks.abuse --before before.json --write

Each attack has a server of its own, and lasts ten seconds after five quiet ones. Somebody of
another organization meanwhile sends PING and sets a KPI. `--write` puts the table into
docs/security.md; `--before` takes the figures of an earlier run, of other code, into it.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.abuse import table
from benchmarks.abuse.attacks import ATTACKS, Attack, attack_process
from benchmarks.abuse.bystander import Bystander, Noticed
from benchmarks.abuse.stage import Prepared, Stage, prepare, served
from tests.support.services import postgres_server, redis_server

ROOT = Path(__file__).resolve().parents[2]
QUIET_SECONDS = 5.0
SETTLE_SECONDS = 2.0
spawn = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Memory:
    """The server's resident memory over time, in MB."""

    stage: Stage
    before: float = 0.0
    most: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> threading.Thread:
        self.before = self.most = self.stage.resident_mb()
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            self.most = max(self.most, self.stage.resident_mb())

    def end(self) -> None:
        self._ended.set()


async def _measure(attack: Attack, stage: Stage, seconds: float, core: int) -> dict[str, Any]:
    bystander = Bystander(stage)
    await bystander.connect()
    quiet = await bystander.watch(QUIET_SECONDS, reporting=attack.worker)
    memory = Memory(stage)
    memory.watch()
    results = spawn.Queue()
    process = spawn.Process(
        target=attack_process, args=(ATTACKS.index(attack), stage, seconds, core, results)
    )
    process.start()
    noticed: Noticed = await bystander.watch(seconds + SETTLE_SECONDS, reporting=attack.worker)
    tally = await asyncio.to_thread(results.get, True, 60)
    process.join(10)
    memory.end()
    await bystander.close()
    return {
        "name": attack.name,
        "quiet": quiet.figures(),
        "attacked": noticed.figures(),
        "failures": dict(Counter(noticed.failures)),
        "memory_mb": round(memory.most - memory.before, 1),
        "tally": tally,
    }


def run(prepared: Prepared, attack: Attack, *, redis_url: str, seconds: float) -> dict[str, Any]:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    _, core = machine.cores()
    with (
        tempfile.TemporaryDirectory(prefix="abuse-") as name,
        served(prepared, redis_url=redis_url, directory=Path(name), worker=attack.worker) as stage,
    ):
        return asyncio.run(_measure(attack, stage, seconds, core))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.abuse",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [attack.run.__name__ for attack in ATTACKS]
    parser.add_argument("--only", help=f"some of: {', '.join(names)}")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--before", type=Path, help="figures of an earlier run")
    parser.add_argument("--write", action="store_true", help="into docs/security.md")
    given = parser.parse_args()
    chosen = given.only.split(",") if given.only else names
    if unknown := set(chosen) - set(names):
        parser.error(f"unknown: {', '.join(unknown)}")
    given.attacks = [attack for attack in ATTACKS if attack.run.__name__ in chosen]
    return given


def main() -> int:
    given = arguments()
    machine.raise_open_files()
    _, rest = machine.cores()
    os.sched_setaffinity(0, {rest})  # inherited by Redis and PostgreSQL
    results = []
    with tempfile.TemporaryDirectory(prefix="abuse-") as name, ExitStack() as stack:
        redis_url = stack.enter_context(redis_server()).url
        url = f"sqlite:///{Path(name) / 'abuse.sqlite3'}"
        if given.postgres:
            url = stack.enter_context(postgres_server())
        prepared = prepare(url)
        for attack in given.attacks:
            result = run(prepared, attack, redis_url=redis_url, seconds=given.seconds)
            results.append(result)
            print(table.line(result), file=sys.stderr, flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))
    before = json.loads(given.before.read_text()) if given.before else []
    text = table.markdown(results, before, command=" ".join(sys.argv[1:]))
    print(text)
    if given.write:
        table.write(ROOT / "docs" / "security.md", text)
    return 0 if all(table.met(result) for result in results) else 2


if __name__ == "__main__":
    raise SystemExit(main())
