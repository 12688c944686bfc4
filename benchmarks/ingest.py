"""Values by REST, on SQLite and on PostgreSQL: `... ingest DIRECTORY PERCENT`.

A service account posts 10,000 values of 1,000 KPIs, ten of each, again and again, while another
client of the organization follows all of it and asks for a PONG every 10 ms. One line of JSON: how
many values were written a second, and the PING's p99 meanwhile. Each request must lead to one event
a KPI. A run in which the server waited for others for more than PERCENT of the time does not count.
"""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks import machine, product
from benchmarks.servers import Target
from tests.support.services import postgres_server, redis_server

KPIS, VALUES_EACH, REQUESTS = 1_000, 10, 10
PAUSE = 0.01

MAKE = """
from bos.models import Organization
from kpis.models import Kpi
organization = Organization.objects.get(pk="{organization}")
Kpi.objects.bulk_create(
    [Kpi(organization=organization, name=f"Meter {{n}}") for n in range({kpis})],
    batch_size=500)
"""
SEQUENCE = """
from sync.eventlog import log
print(log.head("{organization}").sequence)
"""


class Follower:
    """A client that follows the organization, and pings."""

    def __init__(self, socket: ClientConnection, target: Target) -> None:
        self._socket = socket
        self.waits_ms: list[float] = []
        self._ask("AUTH", {"token": target.tokens[0]})
        self._ask("SUBSCRIBE", {"channels": [target.channel]})

    def _ask(self, type_: str, payload: Any) -> None:
        self._socket.send(json.dumps({"type": type_, "payload": payload, "requestId": type_}))
        while json.loads(self._socket.recv()).get("requestId") != type_:
            pass

    def ping_until(self, ended: threading.Event) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            began = time.monotonic()
            ping = {"type": "PING", "payload": {}, "requestId": str(number)}
            self._socket.send(json.dumps(ping))
            while f'"requestId":"{number}"' not in str(self._socket.recv()):
                pass
            self.waits_ms.append((time.monotonic() - began) * 1000)
            time.sleep(PAUSE)


@contextlib.contextmanager
def following(target: Target) -> Iterator[Follower]:
    address = f"ws://127.0.0.1:{target.port}/v1/ws"
    ended = threading.Event()
    with connect(address, subprotocols=[Subprotocol("bos-v1")], max_size=None) as socket:
        follower = Follower(socket, target)
        thread = threading.Thread(target=follower.ping_until, args=(ended,), daemon=True)
        thread.start()
        try:
            yield follower
        finally:
            ended.set()
            thread.join(30)


def body(number: int, begin: datetime) -> bytes:
    """The values of one request: all of them later than those of the one before."""
    values = [
        {
            "kpi": f"meter-{kpi}",
            "value": number * 1000 + kpi + 0.25,
            "at": (begin + timedelta(minutes=number * VALUES_EACH + place)).isoformat(),
        }
        for place in range(VALUES_EACH)
        for kpi in range(KPIS)
    ]
    return json.dumps({"values": values}).encode()


def post(target: Target, key: str, sent: bytes) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    address = f"http://127.0.0.1:{target.port}/api/v1/values"
    with urllib.request.urlopen(
        urllib.request.Request(address, sent, headers), timeout=60
    ) as answer:
        taken = json.load(answer)
    if taken["accepted"] != KPIS * VALUES_EACH:
        raise RuntimeError(f"accepted {taken['accepted']}")


@dataclass(frozen=True)
class Seconds:
    """On the server's core, so far.

    waited: its threads were ready to run and did not. ran: they ran. busy: anything ran.
    """

    waited: float
    ran: float
    busy: float

    @classmethod
    def of(cls, target: Target) -> Self:
        ran = waited = 0
        for pid in target.pids():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    on_core, off_core, _ = path.read_text().split()
                    ran, waited = ran + int(on_core), waited + int(off_core)
        (core, *_) = os.sched_getaffinity(target.pids()[0])
        return cls(waited / 1e9, ran / 1e9, _busy_seconds(core))

    def disturbed(self, since: Self) -> float:
        """Return the seconds that others took from it since then.

        Its threads wait for each other as well, which is no fault of the run.
        """
        others = (self.busy - since.busy) - (self.ran - since.ran)
        return max(0.0, min(self.waited - since.waited, others))


def _busy_seconds(core: int) -> float:
    """User, nice and system, as wsload counts them: what interrupts do is nobody's."""
    name = f"cpu{core} "
    lines = Path("/proc/stat").read_text().splitlines()
    figures = next(line for line in lines if line.startswith(name)).split()[1:4]
    return sum(map(int, figures)) / os.sysconf("SC_CLK_TCK")


def measure(directory: Path, *, postgres: bool, max_wait_percent: float) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(redis_server()).url
        url = f"sqlite:///{directory / 'ingest.sqlite3'}"
        if postgres:
            url = stack.enter_context(postgres_server())
        prepared = product.prepare(url)
        organization_id = prepared.organization["id"]
        environment = prepared.environment()

        def shell(code: str) -> str:
            code = code.format(organization=organization_id, kpis=KPIS)
            command = ("shell", "--no-imports", "-c", code)
            return product.manage(*command, environment=environment).strip()

        shell(MAKE)
        asked = ("service_key", organization_id, "Meters", "--role=manager", "--scopes=ingest")
        key = product.manage(*asked, environment=environment).strip()
        serving = product.product_server(prepared, redis_url=redis_url, directory=directory)
        target = stack.enter_context(serving)
        if not postgres:
            environment["DATABASE_URL"] = f"sqlite:///{directory / 'product.sqlite3'}"
        begin = datetime.now(UTC) - timedelta(days=1)
        bodies = [body(number, begin) for number in range(REQUESTS + 1)]
        post(target, key, bodies[0])  # the first one also prepares statements
        before = int(shell(SEQUENCE))
        with following(target) as follower:
            began, before_it = time.monotonic(), Seconds.of(target)
            for sent in bodies[1:]:
                post(target, key, sent)
            seconds = time.monotonic() - began
            percent = Seconds.of(target).disturbed(before_it) / seconds * 100
        events = int(shell(SEQUENCE)) - before
    waits = sorted(follower.waits_ms)
    disturbed, reason = percent > max_wait_percent, ""
    if disturbed:
        reason = f"the server waited for others for {percent:.1f} % of the time"
    elif events != REQUESTS * KPIS:
        reason = f"{events} events of {REQUESTS * KPIS}"
    return {
        "valid": not reason,
        "disturbed": disturbed,
        "reason": reason,
        "values_per_s": REQUESTS * KPIS * VALUES_EACH / seconds,
        "ping_p99_ms": waits[int(len(waits) * 0.99)],
    }


def main() -> None:
    max_wait_percent = float(sys.argv[2])
    # A script is begun on the server's core alone: the server that it starts is to have that core.
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    _, rest = machine.cores()
    os.sched_setaffinity(0, {rest})  # inherited by client, Redis and PostgreSQL
    result: dict[str, Any] = {"valid": True, "disturbed": False, "reason": ""}
    for prefix, postgres in (("", False), ("postgres_", True)):
        with tempfile.TemporaryDirectory(prefix="ingest-", dir=sys.argv[1]) as name:
            found = measure(Path(name), postgres=postgres, max_wait_percent=max_wait_percent)
        for told in ("values_per_s", "ping_p99_ms"):
            result[f"{prefix}{told}"] = found[told]
        if not found["valid"]:
            result |= {name: found[name] for name in ("valid", "disturbed", "reason")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
