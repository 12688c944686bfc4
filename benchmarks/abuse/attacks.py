"""Each thing that somebody may try, by what they are to the attacked organization."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks import machine
from benchmarks.abuse.admin_doors import admin_session, bomb, bring_file
from benchmarks.abuse.stage import Stage, confine
from benchmarks.abuse.tools import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Attacker,
    RawSocket,
    Refused,
    frame,
    text,
)
from tests.support.services import die_with_parent

MESSAGE_BYTES = 2**20
# It runs on the bystander's core: its own work must not be what the bystander notices.
NICE = 15
Run = Callable[[Attacker], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """who: 'nobody', or a role. what: as the table says it. worker: it needs one to be done."""

    who: str
    what: str
    run: Run
    worker: bool = False

    @property
    def name(self) -> str:
        return f"{self.who}: {self.what}"


ATTACKS: list[Attack] = []


def attack(who: str, what: str, *, worker: bool = False) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        ATTACKS.append(Attack(who=who, what=what, run=run, worker=worker))
        return run

    return register


async def _flood(attacker: Attacker, socket: RawSocket, data: bytes, *, pause: float = 0) -> None:
    """Send the same bytes again and again, reading what comes, until the server closes."""
    reading = asyncio.ensure_future(socket.read_all())
    try:
        while attacker.going and not reading.done():
            await socket.send(data)
            attacker.tally["sent MB"] += len(data) / 2**20
            await asyncio.sleep(pause)
        if reading.done():
            await reading
    finally:
        reading.cancel()
        socket.close()


# ------------------------------------------------------------------ nobody


@attack("nobody", "1,000 silent connections")
async def silent(attacker: Attacker) -> None:
    async def one() -> None:
        reader, writer = await attacker.connect()
        try:
            if not await reader.read(1):
                raise Refused("closed")
        finally:
            writer.close()

    await attacker.many(1000, one)


@attack("nobody", "half requests, 500 at once")
async def half(attacker: Attacker) -> None:
    async def one() -> None:
        reader, writer = await attacker.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ")
        try:
            line = await reader.readline()
            raise Refused(f"http {line.split()[1].decode()}" if line else "closed")
        finally:
            writer.close()

    await attacker.many(500, one)


@attack("nobody", "a header without end")
async def endless_header(attacker: Attacker) -> None:
    async def one() -> None:
        _, writer = await attacker.connect()
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Endless: ")
            for _ in range(200):
                writer.write(b"a" * 2**20)
                await asyncio.wait_for(writer.drain(), 5)
        finally:
            writer.close()

    await attacker.many(2, one)


@attack("nobody", "400 MB to /auth/token")
async def large_body(attacker: Attacker) -> None:
    async def one() -> None:
        _, writer = await attacker.connect()
        head = "POST /auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        try:
            writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(400):
                writer.write(b"100000\r\n" + b"a" * 2**20 + b"\r\n")
                await asyncio.wait_for(writer.drain(), 5)
        finally:
            writer.close()

    await attacker.many(2, one)


@attack("nobody", "2,000 sockets that never sign in")
async def unauthenticated(attacker: Attacker) -> None:
    async def one() -> None:
        socket = await attacker.socket()
        try:
            await socket.read_all()
        finally:
            socket.close()

    await attacker.many(2000, one)


@attack("nobody", "handshakes, 50 at once")
async def handshakes(attacker: Attacker) -> None:
    async def one() -> None:
        (await attacker.socket()).close()
        attacker.tally["handshake"] += 1

    await attacker.many(50, one)


def _wide(size: int) -> bytes:
    """MessagePack whose key is half of the message, and whose value is the other half."""
    half = size // 2 - 32
    return msgspec.msgpack.encode({"type": "PING", "a" * half: [None] * half})


def _deep(size: int) -> bytes:
    return b'{"type":"PING","a":' + b"[" * (size - 32) + b"]" * 8


@attack("nobody", "1 MB of MessagePack, wide and with a long key")
async def wide_anonymous(attacker: Attacker) -> None:
    data = frame(BINARY, _wide(MESSAGE_BYTES))

    async def one() -> None:
        await _flood(attacker, await attacker.socket(), data, pause=0.2)

    await attacker.many(1, one)


@attack("nobody", "1 MB of brackets")
async def deep_anonymous(attacker: Attacker) -> None:
    data = frame(TEXT, _deep(MESSAGE_BYTES))

    async def one() -> None:
        await _flood(attacker, await attacker.socket(), data, pause=0.2)

    await attacker.many(1, one)


EMPTY = frame(CONTINUATION, b"", fin=False)


@attack("nobody", "empty continuations")
async def continuations(attacker: Attacker) -> None:
    async def one() -> None:
        socket = await attacker.socket()
        await socket.send(frame(TEXT, b"", fin=False))
        await _flood(attacker, socket, EMPTY * 10_000)

    await attacker.many(1, one)


@attack("nobody", "continuations of one byte")
async def one_byte(attacker: Attacker) -> None:
    async def one() -> None:
        socket = await attacker.socket()
        await socket.send(frame(TEXT, b"{", fin=False))
        await _flood(attacker, socket, frame(CONTINUATION, b" ", fin=False) * 10_000)

    await attacker.many(1, one)


@attack("nobody", "WebSocket pings")
async def pings(attacker: Attacker) -> None:
    async def one() -> None:
        await _flood(attacker, await attacker.socket(), frame(PING, b"") * 10_000)

    await attacker.many(1, one)


@attack("nobody", "WebSocket pings, and never reads")
async def unread_pongs(attacker: Attacker) -> None:
    data = frame(PING, b"x" * 125) * 1000

    async def one() -> None:
        socket = await attacker.socket()
        try:
            while attacker.going:
                await asyncio.wait_for(socket.send(data), 5)
        finally:
            socket.close()

    await attacker.many(10, one)


@attack("nobody", "PING messages")
async def ping_messages(attacker: Attacker) -> None:
    async def one() -> None:
        await _flood(attacker, await attacker.socket(), text({"type": "PING"}) * 500, pause=0.05)

    await attacker.many(4, one)


@attack("nobody", "AUTH with wrong tokens, 50 sockets")
async def wrong_tokens(attacker: Attacker) -> None:
    data = text({"type": "AUTH", "payload": {"token": "eyJhbGciOiJIUzI1NiJ9.e30.x"}})

    async def one() -> None:
        await _flood(attacker, await attacker.socket(), data, pause=0.01)

    await attacker.many(50, one)


@attack("nobody", "80 wrong passwords at once")
async def wrong_passwords(attacker: Attacker) -> None:
    numbers = itertools.count()

    async def one() -> None:
        email = f"nobody{next(numbers)}@harbor.example"
        body = json.dumps({"email": email, "password": "wrong"}).encode()
        await attacker.http("POST", "/auth/token", body, Content_Type="application/json")

    await attacker.many(80, one)


@attack("nobody", "200 page loads at once")
async def pages(attacker: Attacker) -> None:
    async def one() -> None:
        await attacker.http("GET", "/account/login/")

    await attacker.many(200, one)


# ------------------------------------------------------------------ somebody


async def _requests(
    attacker: Attacker, role: str, messages: list[dict[str, Any]], *, sockets: int = 3
) -> None:
    """Send all of these over some connections as fast as they go, then begin anew."""
    numbers = itertools.count()

    async def one() -> None:
        socket = await attacker.socket(attacker.stage.tokens[role])
        reading = asyncio.ensure_future(socket.read_all())
        try:
            for message in messages:
                await socket.send(text(message | {"requestId": f"abuse-{next(numbers)}"}))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading), min(attacker.left, 2))
        finally:
            reading.cancel()
            socket.close()

    await attacker.many(sockets, one)


@attack("viewer", "1 MB of many small items, over and over")
async def many_items(attacker: Attacker) -> None:
    message = {"type": "SUBSCRIBE", "payload": {"channels": ["a:b"] * 130_000}}

    async def one() -> None:
        socket = await attacker.socket(attacker.stage.tokens["viewer"])
        await _flood(attacker, socket, text(message), pause=0.05)

    await attacker.many(3, one)


@attack("viewer", "1 MB of MessagePack, over and over")
async def wide_message(attacker: Attacker) -> None:
    data = frame(BINARY, _wide(MESSAGE_BYTES))

    async def one() -> None:
        socket = await attacker.socket(attacker.stage.tokens["viewer"])
        await _flood(attacker, socket, data, pause=0.05)

    await attacker.many(3, one)


@attack("viewer", "297 snapshots")
async def snapshots(attacker: Attacker) -> None:
    channel = f"organization:{attacker.stage.organization}"
    message = {"type": "SYNC_REQUEST", "payload": {"channels": [channel]}}
    await _requests(attacker, "viewer", [message] * 99)


@attack("viewer", "20 histories at once")
async def histories(attacker: Attacker) -> None:
    token = attacker.stage.tokens["viewer"]

    async def one() -> None:
        await attacker.http("GET", "/api/kpis/history?days=3650", Authorization=f"Bearer {token}")

    await attacker.many(20, one)


@attack("viewer", "297 PREDICTION_REQUEST", worker=True)
async def predictions(attacker: Attacker) -> None:
    messages = [
        {"type": "PREDICTION_REQUEST", "payload": {"kpiId": kpi, "horizon": 1 + n % 90}}
        for n, kpi in zip(range(99), itertools.cycle(attacker.stage.kpis), strict=False)
    ]
    await _requests(attacker, "viewer", messages)


@attack("member", "297 SESSION_CREATE with 100 invited")
async def sessions(attacker: Attacker) -> None:
    payload = {
        "title": "Abuse",
        "activeSpace": "office",
        "inviteUserIds": attacker.stage.users,
    }
    await _requests(attacker, "member", [{"type": "SESSION_CREATE", "payload": payload}] * 99)


@attack("member", "notes of 40 kB without end")
async def notes(attacker: Attacker) -> None:
    numbers = itertools.count()

    async def one() -> None:
        socket = await attacker.socket(attacker.stage.tokens["member"])
        try:
            create = {
                "type": "SESSION_CREATE",
                "requestId": f"s{next(numbers)}",
                "payload": {"title": "Abuse", "activeSpace": "office"},
            }
            await socket.send(text(create))
            while (answer := await socket.message()).get("requestId") != create["requestId"]:
                pass
            if answer["type"] != "SESSION_CREATED":
                raise Refused(answer["payload"]["code"])
            payload = {
                "sessionId": answer["payload"]["sessionId"],
                "position": {"x": 0, "y": 0, "z": 0},
                "content": "\U0001f600" * 10_000,
                "contentType": "text",
            }
            await _flood(
                attacker,
                socket,
                text({"type": "ANNOTATION_CREATE", "payload": payload}),
                pause=0.02,
            )
        finally:
            socket.close()

    await attacker.many(3, one)


@attack("member", "cursors, 10,000 a second")
async def cursors(attacker: Attacker) -> None:
    async def one() -> None:
        socket = await attacker.socket(attacker.stage.tokens["member"])
        payload = {"sessionId": "none", "position": {"x": 0, "y": 0, "z": 0}}
        data = text({"type": "CURSOR_MOVE", "payload": payload}) * 500
        await _flood(attacker, socket, data, pause=0.05)

    await attacker.many(3, one)


@attack("manager", "KPI_UPDATE as fast as it goes")
async def updates(attacker: Attacker) -> None:
    messages = [
        {"type": "KPI_UPDATE", "payload": {"kpiId": kpi, "value": n}}
        for n, kpi in zip(range(99), itertools.cycle(attacker.stage.kpis), strict=False)
    ]
    await _requests(attacker, "manager", messages)


@attack("manager", "297 REPORT_REQUEST", worker=True)
async def reports(attacker: Attacker) -> None:
    scope = {"type": "organization", "id": attacker.stage.organization}
    payload = {"scope": scope, "from": "2024-01-01", "to": "2026-11-01", "format": "pdf"}
    await _requests(attacker, "manager", [{"type": "REPORT_REQUEST", "payload": payload}] * 99)


@attack("admin", "an XLSX of five million styles", worker=True)
async def styles(attacker: Attacker) -> None:
    await bring_file(attacker, bomb(), "bomb.xlsx")


@attack("admin", "an XLSX of 95 MB unpacked", worker=True)
async def strings(attacker: Attacker) -> None:
    await bring_file(attacker, bomb(styles=0, text=95 * 2**20), "bomb.xlsx")


@attack("admin", "20 lists of the admin at once")
async def lists(attacker: Attacker) -> None:
    cookie = await admin_session(attacker)

    async def one() -> None:
        await attacker.http("GET", "/admin/kpis/kpivalue/", Cookie=cookie)

    await attacker.many(20, one)


def attack_process(index: int, stage: Stage, seconds: float, core: int, results: Any) -> None:
    """In a process of its own: attack, and put what came of it."""
    die_with_parent()
    confine(core, nice=NICE)
    machine.raise_open_files()

    async def run() -> dict[str, float]:
        attacker = Attacker(stage, seconds)
        try:
            async with asyncio.timeout(seconds + 5):
                await ATTACKS[index].run(attacker)
        except Exception as error:
            attacker.tally[f"attack ended: {type(error).__name__}"] += 1
        return dict(attacker.tally)

    results.put(dict(asyncio.run(run())))
