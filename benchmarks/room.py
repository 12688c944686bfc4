"""A room of 20 who all point: `python -m benchmarks.room`.

20 participants of one session send 10 cursors a second each; every other one must get the last
position of each, and the time from sending to receiving is measured. In the second round other
database work blocks for 200 ms every half second: SQLite's write lock is held by another process
while a manager sets KPI values. One core serves, the other one carries the clients.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from benchmarks import machine, product
from tests.frames import TEXT, frame
from tests.services import redis_server

PEOPLE = 20
HZ = 10
SECONDS = 10.0
ROUNDS = 3
LOCK_SECONDS = 0.2
LOCK_EVERY = 0.5


CURSOR = re.compile(rb'"x":([-+.e\d]+),"y":([-+.e\d]+),"z":([-+.e\d]+)')


class Person(asyncio.Protocol):
    """One participant: as little client as will do, for its time is in the figures.

    A cursor's x counts, its y is the time it was sent, its z is who sent it.
    """

    def __init__(self, port: int) -> None:
        self.last: dict[float, float] = {}
        self.delays_ms: list[float] = []
        self.messages: asyncio.Queue[dict] = asyncio.Queue()
        self._port = port
        self._received = b""
        self.upgraded = asyncio.Event()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Protocol: bos-v1\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._received + data
        at = 0
        if not self.upgraded.is_set():
            assert b" 101 " in data, data
            at = data.index(b"\r\n\r\n") + 4
            self.upgraded.set()
        while (payload := self._payload(data, at)) is not None:
            self._take(data[payload], now)
            at = payload.stop
        self._received = data[at:]

    @staticmethod
    def _payload(data: bytes, at: int) -> slice | None:
        """Where the payload of the frame at `at` is, once all of it has come."""
        if len(data) < at + 4:
            return None
        size, begin = data[at + 1], at + 2
        if size == 126:
            size, begin = int.from_bytes(data[at + 2 : at + 4]), at + 4
        elif size == 127:
            size, begin = int.from_bytes(data[at + 2 : at + 10]), at + 10
        return slice(begin, begin + size) if len(data) >= begin + size else None

    def _take(self, payload: bytes, now: float) -> None:
        if payload.startswith(b'{"type":"CURSOR_MOVE"'):
            found = CURSOR.search(payload)
            assert found is not None, payload
            x, sent_at, sender = map(float, found.groups())
            self.delays_ms.append((now - sent_at) * 1000)
            self.last[sender] = x
        elif payload.startswith(b"{"):
            self.messages.put_nowait(json.loads(payload))

    def send(self, type_: str, payload: dict, request_id: str) -> None:
        message = {"type": type_, "payload": payload, "requestId": request_id}
        self._transport.write(frame(TEXT, json.dumps(message).encode()))

    async def ask(self, type_: str, payload: dict, request_id: str, answer: str) -> dict:
        self.send(type_, payload, request_id)
        while (message := await self.messages.get())["type"] != answer:
            assert message["type"] != "ERROR", message
        return message["payload"]

    async def point(self, session_id: str, number: int, until: float) -> float:
        """Ten times a second; returns the last position."""
        due = time.monotonic() + number / PEOPLE / HZ
        x = 0.0
        while due < until:
            await asyncio.sleep(max(0, due - time.monotonic()))
            x += 1
            position = {"x": x, "y": time.monotonic(), "z": float(number)}
            self.send("CURSOR_MOVE", {"sessionId": session_id, "position": position}, f"c{x}")
            due += 1 / HZ
        return x

    def close(self) -> None:
        self._transport.close()


async def room(port: int, tokens: list[str], kpi: str | None) -> dict:
    people: list[Person] = []
    for n in range(PEOPLE):
        loop = asyncio.get_running_loop()
        _, person = await loop.create_connection(lambda: Person(port), "127.0.0.1", port)
        await person.upgraded.wait()
        await person.ask("AUTH", {"token": tokens[n % len(tokens)]}, f"a{n}", "AUTH_SUCCESS")
        people.append(person)
    session_id = await meet(people)
    until = time.monotonic() + SECONDS
    writing = asyncio.create_task(write(people[0], kpi, until)) if kpi else None
    last = await asyncio.gather(
        *(person.point(session_id, n, until) for n, person in enumerate(people))
    )
    await asyncio.sleep(1)
    if writing is not None:
        writing.cancel()
    for person in people:
        person.close()
    delays = sorted(delay for person in people for delay in person.delays_ms)
    wrong = [
        (m, n)
        for m, person in enumerate(people)
        for n in range(PEOPLE)
        if n != m and person.last.get(float(n)) != last[n]
    ]
    return {
        "received": len(delays),
        "p50_ms": round(statistics.median(delays), 2),
        "p99_ms": round(delays[int(len(delays) * 0.99)], 2),
        "last positions missing": len(wrong),
    }


async def meet(people: list[Person]) -> str:
    room = {"title": "Room", "activeSpace": "bench"}
    host, *guests = people
    created = await host.ask("SESSION_CREATE", room, f"s{time.time()}", "SESSION_CREATED")
    session_id = created["sessionId"]
    for n, guest in enumerate(guests):
        wanted = {"sessionId": session_id}
        await guest.ask("SESSION_JOIN", wanted, f"j{n}{time.time()}", "SESSION_JOINED")
    return session_id


async def write(person: Person, kpi: str, until: float) -> None:
    n = 0
    while time.monotonic() < until:
        n += 1
        person.send("KPI_UPDATE", {"kpiId": kpi, "value": n}, f"k{time.time()}")
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def blocked(database: Path) -> Iterator[None]:
    """Hold the database's write lock for 200 ms every half second."""
    ended = threading.Event()

    def block() -> None:
        connection = sqlite3.connect(database, isolation_level=None, timeout=10)
        while not ended.wait(LOCK_EVERY - LOCK_SECONDS):
            connection.execute("BEGIN IMMEDIATE")
            ended.wait(LOCK_SECONDS)
            connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=block)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


MAKE_PEOPLE = """
from bos.models import Organization, User
from kpis.demo.seed import PASSWORD
from django.contrib.auth.hashers import make_password
password = make_password(PASSWORD)
for n in range({people}):
    User.objects.create(email=f"room{{n}}@harbor.example", name=f"Room {{n}}", role="manager",
                        organization_id="{organization}", password=password)
print(PASSWORD)
"""


def with_people(prepared: product.Product) -> product.Product:
    """The same product with twenty users more, who alone sign in."""
    organization = prepared.organization
    code = MAKE_PEOPLE.format(people=PEOPLE, organization=organization["id"])
    arguments = ("shell", "--no-imports", "-c", code)
    password = product.manage(*arguments, environment=prepared.environment()).strip()
    users = [
        {"email": f"room{n}@harbor.example", "password": password, "role": "manager"}
        for n in range(PEOPLE)
    ]
    return dataclasses.replace(prepared, organization=organization | {"users": users})


def main() -> None:
    machine.raise_open_files()
    _, clients = machine.cores()
    with tempfile.TemporaryDirectory(prefix="bench-room-") as name, redis_server() as redis:
        directory = Path(name)
        prepared = with_people(product.prepare(f"sqlite:///{directory / 'room.sqlite3'}"))
        with product.product_server(prepared, redis_url=redis.url, directory=directory) as target:
            os.sched_setaffinity(0, {clients})
            for _ in range(ROUNDS):
                calm = uvloop.run(room(target.port, target.tokens, None))
                print("calm   ", json.dumps(calm), flush=True)
                with blocked(directory / "product.sqlite3"):
                    busy = uvloop.run(room(target.port, target.tokens, target.kpis[0]))
                print("blocked", json.dumps(busy), flush=True)


if __name__ == "__main__":
    main()
