"""A driver with a client of its own: the least that is right, to begin with and to compare.

It keeps nothing for later that it need not: no cursors, no sessions, no tokens by password. What it
passes and what it does not: `python run.py -- python example_driver.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import uuid
from collections.abc import Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

Message = dict[str, Any]
Key = tuple[str, str]

BACKOFF_S = (0.25, 2, 4, 8, 16, 30)
FINAL = {1002: "ProtocolError", 1007: "ProtocolError", 4400: "ProtocolError", 4403: "SignInError"}
OUT_OF_DATE = {"SYNC_HISTORY_EXPIRED", "SYNC_TIMESTAMP_IN_FUTURE"}
PICTURED = ("entityType", "entityId", "changeType", "sequence")  # of a message about an entity


def report(event: str, **content: Any) -> None:
    """Write a report."""
    print(json.dumps({"event": event} | content), flush=True)


class Client:
    """Signs in, follows channels, and after every loss comes back where it was."""

    def __init__(self, url: str, tokens: list[str], pace: float) -> None:
        self.url = url.replace("http", "ws", 1) + "/v1/ws"
        self.tokens, self.pace = tokens, pace
        self.socket: ClientConnection | None = None
        self.signed_in = False
        self.in_round = True
        self.refused = False  # the last token
        self.attempt = 0
        self.pause = 0.0
        self.cursor = -1
        self.wanted: dict[str, None] = {}  # in their order
        self.pictured: set[str] = set()
        self.unanswered: set[str] = set()  # channels that SUBSCRIBE has asked for
        self.syncs: dict[str, list[str]] = {}  # by requestId
        self.completed: list[int] = []
        self.store: dict[Key, Message] = {}
        self.anew: dict[Key, Message] | None = None
        self.seen: set[tuple[int, str, str]] = set()
        self.requests: dict[str, tuple[str, Message]] = {}  # by requestId: `as`, the message
        self.task = asyncio.create_task(self.run())

    # ------------------------------------------------------------------ the application's side

    async def follow(self, channels: list[str]) -> None:
        new = [channel for channel in channels if channel not in self.wanted]
        self.wanted.update(dict.fromkeys(new))
        if self.signed_in:
            await self.subscribe(new)

    async def request(self, name: str, type_: str, payload: Message) -> None:
        request_id = str(uuid.uuid4())
        message = {"type": type_, "payload": payload, "requestId": request_id}
        self.requests[request_id] = name, message
        if self.signed_in:
            await self.send(message)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        if self.socket is not None:
            await self.socket.close()
        for name, _ in self.requests.values():
            report("refused", **{"as": name}, error="ClosedError")
        report("state", state="stopped", error=None)

    # ------------------------------------------------------------------ the connection

    async def run(self) -> None:
        final = None
        while final is None:
            report("state", state="connecting", error=None)
            final = await self.converse()
            self.signed_in, self.socket = False, None
            if final is None:
                report("state", state="waiting", error=None)
                seconds = self.pause or BACKOFF_S[min(self.attempt, len(BACKOFF_S) - 1)]
                jitter = random.uniform(-1, 1) * min(1, seconds)  # noqa: S311  # no secret
                await asyncio.sleep((seconds + (jitter if not self.pause else 0)) * self.pace)
                self.attempt += 1
        report("state", state="stopped", error=final)

    async def converse(self) -> str | None:
        """Connect once; returns the name of the error after which nothing is tried again."""
        self.pause = 0.0
        subprotocols = [Subprotocol("bos-v1")]
        try:
            async with connect(self.url, subprotocols=subprotocols, proxy=None) as socket:
                self.socket, self.in_round = socket, True
                report("state", state="authenticating", error=None)
                await self.authenticate()
                async for text in socket:
                    await self.hear(json.loads(text))
        except InvalidStatus as refusal:
            self.pause = float(refusal.response.headers.get("Retry-After", 0))
            return None if refusal.response.status_code in (429, 503) else "NotBosError"
        except ConnectionClosed:
            pass
        except (OSError, InvalidHandshake, EOFError, ValueError):
            return None
        if socket.close_code == 4429:
            self.pause = self.pause or 60.0
        self.refused = self.refused or socket.close_code == 4401
        return FINAL.get(socket.close_code or 0)

    async def authenticate(self, *, fresh: bool = False) -> None:
        if (fresh or self.refused) and len(self.tokens) > 1:
            self.tokens.pop(0)
        await self.send({"type": "AUTH", "payload": {"token": self.tokens[0]}})

    async def send(self, message: Message) -> None:
        if self.socket is not None:
            await self.socket.send(json.dumps(message))

    async def ask(self, type_: str, payload: Message) -> str:
        request_id = str(uuid.uuid4())
        await self.send({"type": type_, "payload": payload, "requestId": request_id})
        return request_id

    # ------------------------------------------------------------------ the server's side

    async def hear(self, message: Message) -> None:
        payload: Message = message.get("payload") or {}
        match message["type"]:
            case "PING":
                await self.send({"type": "PONG", "timestamp": message["timestamp"]})
            case "AUTH_SUCCESS":
                await self.begin()
            case "AUTH_FAILED":
                await self.not_signed_in(payload)
            case "TOKEN_EXPIRED":
                await self.authenticate(fresh=True)
            case "SUBSCRIBED":
                await self.sync(payload["channels"])
            case "UNSUBSCRIBED":
                for channel in payload["channels"]:
                    self.drop(channel, payload.get("reason"))
            case "SYNC_COMPLETE":
                self.synced(message["requestId"], payload["lastSequence"])
            case "SYNC_ERROR" if payload["code"] in OUT_OF_DATE:
                await self.start_anew()
            case "ERROR" if "channel" in payload.get("details", {}):
                self.drop(payload["details"]["channel"], payload["code"])
                self.end_round()
        self.apply(message["type"], payload)
        self.answer(message, payload)

    async def begin(self) -> None:
        if self.signed_in:
            return  # renewed: the connection goes on as it was
        self.signed_in, self.refused = True, False
        self.unanswered, self.syncs, self.completed, self.anew = set(), {}, [], None
        report("state", state="syncing", error=None)
        for _, message in self.requests.values():
            await self.send(message)
        await self.subscribe(list(self.wanted))
        self.end_round()

    async def not_signed_in(self, payload: Message) -> None:
        if payload.get("details", {}).get("scope") == "connections":
            self.pause = 10.0
        elif not self.refused:
            self.refused = True
            await self.authenticate()
        else:
            report("state", state="stopped", error="SignInError")
            self.task.cancel()

    async def subscribe(self, channels: list[str]) -> None:
        for first in range(0, len(channels), 100):
            some = channels[first : first + 100]
            self.unanswered.update(some)
            await self.ask("SUBSCRIBE", {"channels": some})
        if channels:
            self.in_round = True

    async def sync(self, channels: list[str]) -> None:
        self.unanswered.difference_update(channels)
        known = [channel for channel in channels if channel in self.pictured]
        new = [channel for channel in channels if channel not in self.pictured]
        for some, cursor in ((known, {"lastSequence": self.cursor}), (new, {})):
            if some:
                request = await self.ask("SYNC_REQUEST", {"channels": some} | cursor)
                self.syncs[request] = some

    def synced(self, request_id: str, sequence: int) -> None:
        self.pictured.update(self.syncs.pop(request_id, []))
        self.completed.append(sequence)
        self.end_round()

    def end_round(self) -> None:
        if self.unanswered or self.syncs or not self.in_round:
            return
        if self.anew is not None:
            self.swap(self.anew)
        if self.completed:
            # The least: one sync may be ahead of what the other's channels have got so far.
            self.cursor = min(self.completed)
        self.completed, self.in_round, self.anew, self.attempt = [], False, None, 0
        report("state", state="live", error=None)

    async def start_anew(self) -> None:
        channels = list(self.wanted)
        self.anew, self.pictured, self.completed = {}, set(), []
        self.syncs = {await self.ask("SYNC_REQUEST", {"channels": channels}): channels}

    def drop(self, channel: str, reason: str | None) -> None:
        self.unanswered.discard(channel)
        if self.wanted.pop(channel, "") is None:
            self.pictured.discard(channel)
            report("unsubscribed", channel=channel, reason=reason)

    # ------------------------------------------------------------------ events, store, answers

    def apply(self, type_: str, payload: Message) -> None:
        sequence = payload.get("sequence")
        if sequence is None or type_ == "SUBSCRIBED":
            return
        entity, id_ = payload["entityType"], payload["entityId"]
        if payload.get("changeType") != "snapshot":
            event = sequence, entity, id_
            if event not in self.seen:
                self.seen.add(event)
                report("message", type=type_, sequence=sequence, entityType=entity, entityId=id_)
            if not self.in_round:
                self.cursor = max(self.cursor, sequence)
        store = self.store if self.anew is None else self.anew
        before = store.get((entity, id_))
        after: Message | None = None
        if type_ == "SYNC_UPDATE":
            after = payload["data"]
        elif type_ != "SYNC_DELETE" and payload["changeType"] != "deleted":
            named = {f"{entity}Id", *PICTURED}
            shown = {key: value for key, value in payload.items() if key not in named}
            after = (before or {"id": id_}) | shown
        self.put(store, (entity, id_), after)

    def put(self, store: dict[Key, Message], key: Key, after: Message | None) -> None:
        if after is None:
            store.pop(key, None)
        else:
            store[key] = after
        if store is self.store:
            report("change", entityType=key[0], entityId=key[1], after=after)

    def swap(self, anew: dict[Key, Message]) -> None:
        before, self.store = self.store, anew
        for key in [*anew, *(before.keys() - anew.keys())]:
            if before.get(key) != anew.get(key):
                report("change", entityType=key[0], entityId=key[1], after=anew.get(key))

    def answer(self, message: Message, payload: Message) -> None:
        if message.get("requestId") not in self.requests:
            return
        name, _ = self.requests.pop(message["requestId"])
        if message["type"] == "ERROR":
            refusal = {"code": payload["code"], "details": payload.get("details", {})}
            report("refused", **{"as": name}, error="RequestRefused", **refusal)
        else:
            report("answer", **{"as": name}, type=message["type"], payload=payload)


def shown(store: Iterable[tuple[Key, Message]]) -> dict[str, dict[str, Message]]:
    """Return the store by type and id."""
    entities: dict[str, dict[str, Message]] = {}
    for (type_, id_), data in store:
        entities.setdefault(type_, {})[id_] = data
    return entities


async def main() -> None:
    """Do as the commands say, until the end of stdin."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    report("ready", client="example", cannot=[])
    client: Client | None = None
    async for line in reader:
        command: Message = json.loads(line)
        match command["do"]:
            case "connect":
                tokens = command.get("tokens") or [command.get("token", "")]
                client = Client(command["url"], list(tokens), command["pace"])
            case "subscribe" if client:
                await client.follow(command["channels"])
            case "request" if client:
                await client.request(command["as"], command["type"], command["payload"])
            case "store":
                report("store", entities=shown(client.store.items() if client else ()))
            case "close":
                if client:
                    await client.close()
                report("closed")
                client = None


if __name__ == "__main__":
    asyncio.run(main())
