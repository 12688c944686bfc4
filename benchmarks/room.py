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
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import machine, product
from tests.services import redis_server

PEOPLE = 20
HZ = 10
SECONDS = 10.0
LOCK_SECONDS = 0.2
LOCK_EVERY = 0.5


async def send(socket: ClientConnection, type_: str, payload: dict, request_id: str = "r") -> None:
    await socket.send(json.dumps({"type": type_, "payload": payload, "requestId": request_id}))


async def answer(socket: ClientConnection, type_: str) -> dict:
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == type_:
            return message["payload"]
        assert message["type"] != "ERROR", message


class Person:
    """One participant; a cursor's x counts, its y is the time it was sent."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket = socket
        self.name = name
        self.last: dict[float, float] = {}
        self.delays_ms: list[float] = []

    async def listen(self) -> None:
        async for frame in self.socket:
            message = json.loads(frame)
            if message["type"] != "CURSOR_MOVE":
                continue
            position = message["payload"]["position"]
            self.delays_ms.append((time.monotonic() - position["y"]) * 1000)
            self.last[position["z"]] = position["x"]

    async def point(self, session_id: str, number: int, until: float) -> float:
        """Ten times a second; returns the last position."""
        due = time.monotonic() + number / PEOPLE / HZ
        x = 0.0
        while due < until:
            await asyncio.sleep(max(0, due - time.monotonic()))
            x += 1
            position = {"x": x, "y": time.monotonic(), "z": float(number)}
            payload = {"sessionId": session_id, "position": position}
            await send(self.socket, "CURSOR_MOVE", payload, f"c{x}")
            due += 1 / HZ
        return x


async def room(address: str, tokens: list[str], kpi: str | None) -> dict:
    people = []
    for n in range(PEOPLE):
        socket = await connect(address, subprotocols=["bos-v1"], compression=None, max_queue=None)
        await send(socket, "AUTH", {"token": tokens[n % len(tokens)]}, f"a{n}")
        await answer(socket, "AUTH_SUCCESS")
        people.append(Person(socket, f"person {n}"))
    session_id = await meet(people)
    listening = [asyncio.create_task(person.listen()) for person in people]
    until = time.monotonic() + SECONDS
    writing = asyncio.create_task(write(people[0].socket, kpi, until)) if kpi else None
    last = await asyncio.gather(
        *(person.point(session_id, n, until) for n, person in enumerate(people))
    )
    await asyncio.sleep(1)
    for task in [*listening, *([writing] if writing else [])]:
        task.cancel()
    for person in people:
        await person.socket.close()
    delays = sorted(delay for person in people for delay in person.delays_ms)
    wrong = [
        (person.name, n)
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
    host = people[0].socket
    await send(host, "SESSION_CREATE", {"title": "Room", "activeSpace": "bench"}, f"s{time.time()}")
    session_id = (await answer(host, "SESSION_CREATED"))["sessionId"]
    for n, person in enumerate(people[1:]):
        await send(person.socket, "SESSION_JOIN", {"sessionId": session_id}, f"j{n}{time.time()}")
        await answer(person.socket, "SESSION_JOINED")
    return session_id


async def write(socket: ClientConnection, kpi: str, until: float) -> None:
    n = 0
    while time.monotonic() < until:
        n += 1
        await send(socket, "KPI_UPDATE", {"kpiId": kpi, "value": n}, f"k{time.time()}")
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
            address = f"ws://127.0.0.1:{target.port}/v1/ws"
            print("calm   ", json.dumps(uvloop.run(room(address, target.tokens, None))))
            with blocked(directory / "product.sqlite3"):
                busy = uvloop.run(room(address, target.tokens, target.kpis[0]))
            print("blocked", json.dumps(busy))


if __name__ == "__main__":
    main()
