"""A client that speaks the protocol and says what it expected and what came instead.

Whatever it receives is looked at strictly: what the registry does not declare fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any, Self

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.answers import Declared
from tests.support.cast import Person, Tenant
from tests.support.server import Server
from tests.support.strict import decode

PATIENCE = 10.0
Message = dict[str, Any]


class Client:
    """One connection. speech: 'text' or 'msgpack'.

    It answers the server's PINGs by itself, as often as it reads; with `heartbeat=False` they are
    the test's to see and to answer.
    """

    def __init__(
        self, socket: ClientConnection, speech: str = "text", *, heartbeat: bool = True
    ) -> None:
        self.socket = socket
        self.speech = speech
        self._heartbeat = heartbeat
        self.session_id = ""
        self._seen: list[Message] = []
        self._next_request = 0
        self._name = uuid.uuid4().hex[:8]
        self._declared = Declared()

    @classmethod
    async def connect(
        cls,
        server: Server,
        person: Person | None = None,
        *,
        speech: str = "text",
        heartbeat: bool = True,
        **options: Any,
    ) -> Self:
        """Connect; with a person, sign in as well."""
        options.setdefault("subprotocols", ["bos-v1"])
        # No pings of the library's own: the protocol's heartbeat is what is tested.
        socket = await connect(
            server.ws, ping_interval=None, max_size=None, compression=None, **options
        )
        client = cls(socket, speech, heartbeat=heartbeat)
        if person is not None:
            await client.sign_in(person)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def sign_in(self, person: Person) -> Message:
        answer = await self.ask("AUTH", {"token": person.token})
        assert answer["type"] == "AUTH_SUCCESS", answer
        self.session_id = answer["payload"]["sessionId"]
        return answer

    # -------------------------------------------------------------- sending

    async def send(
        self, type_: str, payload: Any = None, *, request_id: str | None = None, **more: Any
    ) -> None:
        message: Message = {"type": type_, **more}
        if payload is not None:
            message["payload"] = payload
        if request_id is not None:
            message["requestId"] = request_id
        await self.send_raw(message)

    async def send_raw(self, message: Any) -> None:
        self._declared.sent(message)
        if isinstance(message, str | bytes):
            await self.socket.send(message)
        elif self.speech == "msgpack":
            await self.socket.send(msgspec.msgpack.encode(message))
        else:
            await self.socket.send(json.dumps(message))

    # -------------------------------------------------------------- receiving

    async def receive(self, within: float = PATIENCE) -> Message:
        """The next message."""
        try:
            async with asyncio.timeout(within):
                while self._is_heartbeat(message := decode(await self.socket.recv())):
                    with contextlib.suppress(ConnectionClosed):  # what came before it can be read
                        await self.send("PONG")
        except TimeoutError:
            raise AssertionError(f"nothing came within {within} s") from None
        self._declared.received(message)
        return message

    def _is_heartbeat(self, message: Message) -> bool:
        return self._heartbeat and message["type"] == "PING"

    async def expect(self, type_: str, within: float = PATIENCE) -> Message:
        """The next message, which is of this type."""
        message = await self.receive(within)
        assert message["type"] == type_, message
        return message

    async def until(self, type_: str, within: float = PATIENCE) -> Message:
        """The next message of this type, whatever comes before it."""
        async with asyncio.timeout(within):
            while (message := await self.receive(within))["type"] != type_:
                pass
        return message

    async def ask(self, type_: str, payload: Any = None, **more: Any) -> Message:
        """Send with a requestId of our own; the answer with it. Other messages are kept."""
        self._next_request += 1
        # Never one that another client of the same user has used: that would be a retry (E7).
        request_id = f"{self._name}-{self._next_request}"
        await self.send(type_, payload, request_id=request_id, **more)
        return await self.answer(request_id)

    async def answer(self, request_id: str) -> Message:
        while True:
            message = await self.receive()
            if message.get("requestId") == request_id:
                return message
            self._seen.append(message)

    def seen(self) -> list[Message]:
        """Return the messages that came while an answer was awaited; once."""
        seen, self._seen = self._seen, []
        return seen

    async def settle(self) -> list[Message]:
        """Everything that was sent before now: a PING's answer comes behind it, where no request
        of this client is being served."""
        answer = await self.ask("PING")
        assert answer["type"] == "PONG", answer
        return self.seen()

    async def collect(self, upto: int, type_: str = "SYNC_UPDATE") -> list[int]:
        """Sequences of the messages of this type until this one has come."""
        got: list[int] = []
        while not got or got[-1] < upto:
            message = await self.receive()
            if message["type"] == type_:
                got.append(message["payload"]["sequence"])
        return got

    async def closed(self, within: float = PATIENCE) -> tuple[int, list[Message]]:
        """The close code, and what came before it."""
        messages = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                messages.append(await self.receive(within))
        assert closed.value.rcvd is not None, f"closed without a code after {messages}"
        return closed.value.rcvd.code, messages

    # -------------------------------------------------------------- the usual requests

    async def subscribe(self, *channels: str) -> Message:
        answer = await self.ask("SUBSCRIBE", {"channels": list(channels)})
        assert answer["type"] == "SUBSCRIBED", answer
        assert answer["payload"]["channels"] == list(channels)
        return answer

    async def sync(self, *channels: str, **cursor: Any) -> list[Message]:
        """START, updates, COMPLETE; or the SYNC_ERROR alone."""
        await self.send("SYNC_REQUEST", {"channels": list(channels), **cursor}, request_id="sync")
        messages = [await self.answer("sync")]
        if messages[0]["type"] == "SYNC_START":
            while messages[-1]["type"] != "SYNC_COMPLETE":
                messages.append(await self.receive())
        return messages

    async def set_value(self, kpi: Any, value: float) -> Message:
        return await self.ask("KPI_UPDATE", {"kpiId": str(kpi.pk), "value": value})


def error_of(message: Message) -> tuple[str, Any]:
    assert message["type"] == "ERROR", message
    return message["payload"]["code"], message["payload"].get("details", {})


def refused(message: Message) -> tuple[str, str]:
    """The field and the reason of an E4."""
    code, details = error_of(message)
    assert code == "INVALID_MESSAGE_FORMAT", message
    assert details["reason"]
    return details["field"], details["reason"]


def sequences(messages: list[Message], type_: str = "SYNC_UPDATE") -> list[int]:
    return [m["payload"]["sequence"] for m in messages if m["type"] == type_]


__all__ = ["Client", "Message", "Tenant", "error_of", "refused", "sequences"]
