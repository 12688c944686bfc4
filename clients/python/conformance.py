"""The driver of this client for `clients/conformance/run.py`: commands in, reports out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent / "src"))  # also where it is not installed

from bos_client import (
    BosError,
    Changes,
    Client,
    ClosedError,
    Dropped,
    GivenUp,
    PasswordSession,
    StateChange,
)
from bos_client.protocol import CLIENT_MESSAGES, EntityRef, Position, ServerMessage
from bos_client.structs import Request
from bos_client.wire import to_wire

Command = dict[str, Any]


def report(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def name_of(error: BosError | None) -> str | None:
    """Return the name that an error has in all languages: of the family's own, not of a part."""
    if error is None:
        return None
    return next(t.__name__ for t in type(error).__mro__ if t.__module__ == "bos_client.errors")


class Driver:
    def __init__(self) -> None:
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def client(self) -> Client:
        assert self._client is not None, "connect first"
        return self._client

    async def do(self, command: Command) -> None:
        await getattr(self, f"do_{command['do']}")(command)

    async def do_connect(self, command: Command) -> None:
        await self._close()
        self._client = Client(command["url"], token=_token(command), pace=command.get("pace", 1))
        self._client.on_state(_state)
        self._client.on_message(_message)
        self._client.on_dropped(_dropped)
        self._client.on_unknown(lambda unknown: report("unknown", type=unknown.type))
        self._client.on_problem(lambda error: report("problem", error=name_of(error)))
        self._client.store.on_change(_changes)
        self._client.start()

    async def do_subscribe(self, command: Command) -> None:
        self.client.follow(*command["channels"])

    async def do_unsubscribe(self, command: Command) -> None:
        self.client.unfollow(*command["channels"])

    async def do_request(self, command: Command) -> None:
        request = _request_of(command["type"], command["payload"])
        self._start(self._request(command["as"], request, command.get("timeout")))

    async def _request(self, name: str, request: Request[Any], timeout: float | None) -> None:
        try:
            answer = await self.client.request(request, timeout=timeout)
        except BosError as error:
            _refused(name, error)
        else:
            report("answer", **{"as": name}, type=request.REPLY, payload=to_wire(answer))

    async def do_join(self, command: Command) -> None:
        self._start(self._join(command["as"], command["sessionId"]))

    async def _join(self, name: str, session_id: str) -> None:
        try:
            session = await self.client.join_session(session_id)
        except BosError as error:
            _refused(name, error)
        else:
            payload = to_wire(session.joined)
            report("answer", **{"as": name}, type="SESSION_JOINED", payload=payload)

    async def do_cursor(self, command: Command) -> None:
        session = self.client.session(command["sessionId"])
        if session is not None:
            target = command.get("focusedEntity")
            session.move_cursor(
                msgspec.convert(command["position"], Position),
                None if target is None else msgspec.convert(target, EntityRef),
            )

    async def do_store(self, _: Command) -> None:
        types = ("organization", "department", "employee", "kpi", "alert", "insight", "report")
        more = ("session", "invitation", "participant", "annotation", "notification")
        store = self.client.store
        report("store", entities={name: to_wire(store.all(name)) for name in (*types, *more)})

    async def do_close(self, _: Command) -> None:
        await self._close()
        report("closed")

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
            await asyncio.gather(*self._tasks)

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _request_of(type_: str, payload: dict[str, Any]) -> Request[Any]:
    """Return the request, also one that the server will refuse for what is in it."""
    struct: Any = CLIENT_MESSAGES[type_]
    try:
        request = msgspec.convert(payload, struct)
    except msgspec.ValidationError:
        names = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
        request = struct(**{names[name]: value for name, value in payload.items()})
    assert isinstance(request, Request)
    return request


def _token(command: Command) -> Any:
    if "email" in command:
        return PasswordSession(command["url"], command["email"], command["password"])
    if "tokens" in command:
        return _next_of(command["tokens"])
    return command["token"]


def _next_of(tokens: list[str]) -> Callable[..., str]:
    left = list(tokens)

    def token(*, fresh: bool) -> str:
        if fresh and len(left) > 1:
            left.pop(0)
        return left[0]

    return token


def _state(change: StateChange) -> None:
    report("state", state=change.state, error=name_of(change.error))


def _message(message: ServerMessage) -> None:
    payload = to_wire(getattr(message, "payload", None))
    if isinstance(payload, dict) and "sequence" in payload:
        about = ("sequence", "entityType", "entityId")
        known = {name: payload[name] for name in about if name in payload}
        report("message", type=message.TYPE, **known)


def _changes(changes: Changes) -> None:
    for change in changes.changes:
        after = None if change.after is None else to_wire(change.after)
        report("change", entityType=change.type, entityId=change.id, after=after)


def _dropped(dropped: Dropped) -> None:
    report("unsubscribed", channel=dropped.channel, reason=dropped.reason)


def _refused(name: str, error: BosError) -> None:
    sent = {"sent": error.sent} if isinstance(error, GivenUp | ClosedError) else {}
    about = {"code": error.code, "details": dict(error.details), **sent}
    report("refused", **{"as": name}, error=name_of(error), **about)


async def main() -> None:
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    report("ready", client="bos-client (Python)", cannot=[])
    driver = Driver()
    while line := await reader.readline():
        await driver.do(json.loads(line))
    await driver._close()


if __name__ == "__main__":
    asyncio.run(main())
