"""The fate of an error that a request does not declare (decision E8)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from collaboration.errors import SessionFull
from sync.delivery.asgi_outbox import AsgiOutbox
from sync.delivery.hub import Hub
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import UNDECLARED, Context, handle
from sync.protocol import registry
from sync.protocol.answers import codes_of
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.messages import Ping
from sync.protocol.registry import RequestType

PING = '{"type": "PING", "requestId": "r"}'
ROOM = 2**20


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.undeclared: list[tuple[Any, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == UNDECLARED:
            self.undeclared.append((vars(record)["request"], vars(record)["code"]))


@pytest.fixture
def records() -> Iterator[Records]:
    handler = Records()
    logger = logging.getLogger("bos.sync")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def answers_to(request: RequestType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the codes that two such requests are answered with."""
    monkeypatch.setitem(registry.client_messages, "PING", request)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    connection = Connection(
        "c", AsgiOutbox(send, ROOM), raw=False, now=0.0, on_close=lambda code: None
    )
    for _ in range(2):
        await handle(connection, Hub(), PING, 0.0)
    await connection.subscriber.outbox.flushed()
    return [json.loads(message["text"])["payload"]["code"] for message in sent]


async def refuse(context: Context, message: Ping) -> None:
    raise SessionFull


async def refuse_parts(context: Context, message: Ping) -> None:
    context.refuse(NotFound())
    context.refuse(Unauthorized())


async def test_e8_an_error_that_is_not_declared_is_sent_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    request = RequestType("ONE", Ping, handler=refuse, codes=codes_of("ONE", [NotFound]))
    assert await answers_to(request, monkeypatch) == ["SESSION_FULL"] * 2
    assert records.undeclared == [("ONE", "SESSION_FULL")]


async def test_e8_so_is_one_that_refuses_a_part_and_a_declared_one_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    request = RequestType("PARTS", Ping, handler=refuse_parts, codes=codes_of("PARTS", [NotFound]))
    assert await answers_to(request, monkeypatch) == ["NOT_FOUND", "UNAUTHORIZED"] * 2
    assert records.undeclared == [("PARTS", "UNAUTHORIZED")]


async def test_e8_an_error_of_any_request_is_no_news(
    monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    request = RequestType("ANY", Ping, handler=fail, codes=codes_of("ANY", []))
    assert await answers_to(request, monkeypatch) == ["INTERNAL_SERVER_ERROR"] * 2
    assert records.undeclared == []


async def fail(context: Context, message: Ping) -> None:
    raise RuntimeError("a fault of ours")
