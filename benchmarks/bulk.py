"""Others while much is written: `python -m benchmarks.bulk [--events 2000000] [--postgres]`.

One client sets a value again and again over the WebSocket, and each time from request to answer is
measured: alone, while a worker imports 50,000 values of 10,000 KPIs of the same organization, while
a million old events are pruned, and alone beside a resume of 500 events. With `--events` the log
is filled to so many before, and what it costs then is compared with what it cost before. The server
has one core; worker, client, Redis and PostgreSQL share the other one.
"""

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks import machine, product
from benchmarks.servers import ROOT, Target
from tests.support.services import die_with_parent, postgres_server, redis_server

KPIS, VALUES, OLD_EVENTS = 10_000, 50_000, 1_000_000
ALONE_SECONDS = 10
PAUSE = 0.01
RESUMED = 500
SHORT_LOG = 2 * RESUMED
MAX_IMPORT_SECONDS = 12
MAX_WAIT_MS = 300
MAX_PRUNE_P99_MS = 50
MAX_SLOWER = 1.3
"""Beside a long log, by the median: what the machine differs from minute to minute is less."""

IMPORT = """
import json, time
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from bos.imports import workflow
from bos.imports.files import csv_bytes
from bos.models import Import, User
from kpis.models import Kpi, KpiValue
now = timezone.now()
author = User.objects.filter(organization_id="{organization}", role="admin").first()
kpis = Kpi.objects.bulk_create(
    [Kpi(organization_id=author.organization_id, name=f"Bulk {{n}}", value=0)
     for n in range({kpis})], batch_size=1000)
KpiValue.objects.filter(kpi__name__startswith="Bulk ").update(at=now - timedelta(days=30))
rows = [(kpis[n % {kpis}].pk, now - timedelta(hours=1 + n // {kpis}), n % 900)
        for n in range({values})]
brought = Import(organization_id=author.organization_id, author=author, kind="values",
                 file_name="bulk.csv", content=csv_bytes(("kpi_id", "time", "value"), rows))
workflow.begin(brought)
print(brought.pk, flush=True)
"""
WATCH = """
import json, time
from bos.imports import workflow
from bos.models import Import
from sync.models import Event
def until(*states):
    while True:
        found = Import.objects.defer("content").get(pk="{id}")
        if found.state in states:
            return found
        time.sleep(0.1)
until("checked")
print("checked", flush=True)
input()
workflow.confirm(Import.objects.get(pk="{id}"))
until("writing", "done")
began = time.monotonic()
found = until("done", "partly", "failed", "refused")
print(json.dumps({{"seconds": time.monotonic() - began, "state": found.state,
                  "new": found.outcome["new"]}}), flush=True)
"""
HEAD = """
from sync.eventlog import log
print(log.head("{organization}").sequence)
"""
FILL = """
import json
from django.db import connection
from sync.models import StreamHead
numbers = ("generate_series(1, {count}) AS g(n)" if connection.vendor == "postgresql" else
           "(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {count})"
           " SELECT n FROM g) AS g")
kpi = ("md5((g.n % 1000)::text)" if connection.vendor == "postgresql" else
       "printf('%032d', g.n % 1000)")
head, _ = StreamHead.objects.get_or_create(pk="{organization}")
begin = {at_us} or head.at_us
columns = ("organization_id, sequence, at_us, entity_type, entity_id, change_type, data, live_type,"
           " live, actor_id, source, origin, request_id, access, topic_1, topic_4")
data = json.dumps({{"name": "Monthly revenue", "unit": "EUR", "value": 95.0, "target": 100.0}})
with connection.cursor() as cursor:
    if connection.vendor == "postgresql":
        cursor.execute("SET statement_timeout = 0")
    cursor.execute(f"INSERT INTO sync_event ({{columns}}) SELECT '{organization}',"
                   f" {{head.sequence}} + g.n, {{begin}} + g.n, 'kpi', {{kpi}}, 'updated',"
                   f" '{{data}}', '', '', 'bench', 'shell', '', '', '', '{organization}', {{kpi}}"
                   f" FROM {{numbers}}")
    if connection.vendor == "postgresql":
        cursor.execute("ANALYZE sync_event")
head.sequence, head.at_us = head.sequence + {count}, begin + {count}
head.save()
"""


@dataclass
class Waits:
    """Milliseconds from request to answer."""

    of: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.of)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def __str__(self) -> str:
        p50, p99 = self.quantile(0.5), self.quantile(0.99)
        return (
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(self.of):.0f} ms of {len(self.of)}"
        )


class Person:
    """A signed-in connection; whatever is not an answer is passed over."""

    def __init__(self, target: Target, socket: ClientConnection) -> None:
        self._socket = socket
        self._kpi = target.kpis[0]
        self._channel = target.channel
        self._ask("AUTH", {"token": target.publisher_tokens[0]})

    @classmethod
    @contextlib.contextmanager
    def connected(cls, target: Target) -> Iterator["Person"]:
        address = f"ws://127.0.0.1:{target.port}/v1/ws"
        with connect(address, subprotocols=[Subprotocol("bos-v1")], max_size=None) as socket:
            yield cls(target, socket)

    def _ask(self, type_: str, payload: Any) -> dict[str, Any]:
        request = {"type": type_, "payload": payload, "requestId": str(uuid.uuid4())}
        self._socket.send(json.dumps(request))
        while (answer := json.loads(self._socket.recv())).get("requestId") != request["requestId"]:
            if answer["type"] == "PING":
                self._socket.send(json.dumps({"type": "PONG"}))
        if answer["type"] in ("ERROR", "SYNC_ERROR"):
            raise RuntimeError(f"{type_} was answered {answer}")
        found: dict[str, Any] = answer
        return found

    def set_values(self, waits: Waits, ended: Callable[[], bool]) -> None:
        while not ended():
            began = time.monotonic()
            self._ask("KPI_UPDATE", {"kpiId": self._kpi, "value": random.randint(1, 1000)})
            waits.of.append((time.monotonic() - began) * 1000)
            time.sleep(PAUSE)

    def resume_ms(self, after: int) -> float:
        """Milliseconds until everything after this sequence is there."""
        began = time.monotonic()
        self._ask("SYNC_REQUEST", {"channels": [self._channel], "lastSequence": after})
        while json.loads(self._socket.recv())["type"] != "SYNC_COMPLETE":
            pass
        return (time.monotonic() - began) * 1000


@contextlib.contextmanager
def setting_values(target: Target) -> Iterator[Waits]:
    """Someone sets values while the block lasts. Raises what that failed with."""
    waits, ended = Waits(), threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with Person.connected(target) as person:
                person.set_values(waits, ended.is_set)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join(60)
    if failures:
        raise failures[0]


class Bench:
    def __init__(self, organization_id: str, target: Target, environment: dict[str, str]) -> None:
        self._organization_id = organization_id
        self._target = target
        self._environment = environment

    def shell(self, code: str, **values: Any) -> str:
        code = code.format(**{"organization": self._organization_id, **values})
        return shell(code, self._environment)

    def alone(self) -> tuple[Waits, float]:
        """The waits, and the median time of a resume."""
        with setting_values(self._target) as waits:
            time.sleep(ALONE_SECONDS)
        head = int(self.shell(HEAD))
        with Person.connected(self._target) as person:
            resumes = [person.resume_ms(max(0, head - RESUMED)) for _ in range(5)]
        return waits, statistics.median(resumes)

    def importing(self) -> tuple[dict[str, Any], Waits, float]:
        """The end of the import, the waits, and the worker's CPU seconds."""
        with self._process("work") as worker:
            id_ = self.shell(IMPORT, kpis=KPIS, values=VALUES)
            watching = ("shell", "--no-imports", "-c", WATCH.format(id=id_))
            with self._process(*watching) as watch:
                assert watch.stdout is not None
                assert watch.stdin is not None
                watch.stdout.readline()
                before = cpu_seconds(worker.pid)
                with setting_values(self._target) as waits:
                    watch.stdin.write("\n")
                    watch.stdin.flush()
                    told = json.loads(watch.stdout.readline())
                    # Alerts and insights are looked at after it, in other transactions.
                    time.sleep(ALONE_SECONDS)
                return told, waits, cpu_seconds(worker.pid) - before

    def pruning(self, count: int) -> tuple[float, Waits]:
        """Seconds that it took, and the waits."""
        long_ago = int(time.time() - 40 * 86_400) * 1_000_000
        self.shell(FILL, organization="forgotten", count=count, at_us=long_ago)
        with setting_values(self._target) as waits:
            began = time.monotonic()
            product.manage("prune", environment=self._environment)
            return time.monotonic() - began, waits

    @contextlib.contextmanager
    def _process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | self._environment | {"LOG_LEVEL": "WARNING"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def shell(code: str, environment: dict[str, str]) -> str:
    return product.manage("shell", "--no-imports", "-c", code, environment=environment).strip()


def cpu_seconds(root: int) -> float:
    """CPU time of a process and its children that run."""
    ticks = 0
    for pid in machine.process_tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def tell(what: str, value: float, most: float, unit: str) -> bool:
    met = value <= most
    print(
        f"  {what}: {value:.1f} {unit}; at most {most:g}: {'met' if met else 'MISSED'}", flush=True
    )
    return met


def measure(bench: Bench, *, old_events: int) -> bool:
    """Whether the demands on import and pruning are met."""
    told, waits, cpu = bench.importing()
    print(f"import: {waits}; {told}; {cpu:.1f} s of the worker's CPU", flush=True)
    met = told["state"] == "done" and told["new"] == VALUES
    met &= tell("write", told["seconds"], MAX_IMPORT_SECONDS, "s")
    met &= tell("longest wait beside it", max(waits.of), MAX_WAIT_MS, "ms")
    seconds, waits = bench.pruning(old_events)
    print(f"prune of {old_events:,} events in {seconds:.0f} s: {waits}", flush=True)
    return tell("p99 beside it", waits.quantile(0.99), MAX_PRUNE_P99_MS, "ms") and met


def compare(short: tuple[Waits, float], long: tuple[Waits, float]) -> bool:
    """Whether a long log costs no more than a short one."""
    slower = long[0].quantile(0.5) / short[0].quantile(0.5)
    met = tell("updates, times as slow", slower, MAX_SLOWER, "x")
    return tell("resume, times as slow", long[1] / short[1], MAX_SLOWER, "x") and met


@contextlib.contextmanager
def served(directory: Path, *, postgres: bool, events: int = SHORT_LOG) -> Iterator[Bench]:
    """A server whose log has so many events; filled before it begins, or it would read them."""
    directory.mkdir()
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(redis_server()).url
        url = f"sqlite:///{directory / 'bulk.sqlite3'}"
        if postgres:
            url = stack.enter_context(postgres_server())
        prepared = product.prepare(url)
        organization_id = prepared.organization["id"]
        fill = FILL.format(organization=organization_id, count=events, at_us=0)
        shell(fill, prepared.environment())
        if not postgres:
            url = f"sqlite:///{directory / 'product.sqlite3'}"
        serving = product.product_server(prepared, redis_url=redis_url, directory=directory)
        environment = prepared.environment() | {"DATABASE_URL": url, "REDIS_URL": redis_url}
        yield Bench(organization_id, stack.enter_context(serving), environment)


def show_alone(bench: Bench, *, events: int) -> tuple[Waits, float]:
    waits, resume = bench.alone()
    print(f"alone, log of {events:,}: {waits}; resume of {RESUMED}: {resume:.0f} ms", flush=True)
    return waits, resume


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--events", type=int, default=0, help="fill the log with so many before")
    parser.add_argument("--old-events", type=int, default=OLD_EVENTS, help="that are pruned")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    _, rest = machine.cores()
    os.sched_setaffinity(0, {rest})  # inherited by worker, client, Redis and PostgreSQL
    met = True
    with tempfile.TemporaryDirectory(prefix="bench-bulk-") as name:
        with served(Path(name) / "short", postgres=given.postgres) as bench:
            short = show_alone(bench, events=SHORT_LOG)
            if not given.events:
                met = measure(bench, old_events=given.old_events)
        if given.events:
            long_log = served(Path(name) / "long", postgres=given.postgres, events=given.events)
            with long_log as bench:
                met = compare(short, show_alone(bench, events=given.events))
                met &= measure(bench, old_events=given.old_events)
    return 0 if met else 2


if __name__ == "__main__":
    raise SystemExit(main())
