"""The same application under Daphne, which offers no raw writes (docs/deployment.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from sync.protocol.close_codes import CloseCode
from tests.support.cast import Cast
from tests.support.client import Client, error_of, sequences
from tests.support.server import Server, serving

VALUES = 200


@pytest.fixture(scope="module")
def daphne(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log: Path = tmp_path_factory.mktemp("daphne") / "log"
    unlimited = {"BOS_MESSAGES_PER_MINUTE": "10000", "BOS_USER_MESSAGES_PER_MINUTE": "10000"}
    with serving(log, unlimited, by="daphne", BOS_AUTH_TIMEOUT="3") as server:
        yield server
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_v2_every_event_arrives_once_and_in_order_and_again_in_a_sync(
    daphne: Server, cast: Cast, speech: str
) -> None:
    async with (
        await Client.connect(daphne, cast.mia, speech=speech) as mia,
        await Client.connect(daphne, cast.bob, speech=speech) as bob,
    ):
        start = (await bob.subscribe(cast.home.topic))["payload"]["sequence"]
        for n in range(VALUES):
            payload = {"kpiId": str(cast.home.revenue.pk), "value": n}
            await mia.send("KPI_UPDATE", payload, request_id=f"value-{n}")
        for n in range(VALUES):
            assert (await mia.answer(f"value-{n}"))["payload"]["value"] == n
        expected = list(range(start + 1, start + VALUES + 1))
        assert await bob.collect(expected[-1]) == expected
        missed = await bob.sync(cast.home.topic, lastSequence=start)
        assert sequences(missed) == expected


async def test_e4_a_malformed_message_is_refused_and_the_socket_stays_open(
    daphne: Server, cast: Cast
) -> None:
    async with await Client.connect(daphne, cast.bob) as bob:
        await bob.send_raw("{")
        assert error_of(await bob.receive())[0] == "INVALID_MESSAGE_FORMAT"
        assert await bob.settle() == []


async def test_w6_who_does_not_sign_in_is_told_why_and_closed(daphne: Server) -> None:
    async with await Client.connect(daphne) as silent:
        code, before = await silent.closed()
    assert code == CloseCode.AUTHENTICATION
    assert error_of(before[-1])[0] == "AUTHENTICATION_REQUIRED"


def test_w1_runserver_is_daphnes() -> None:
    """Without its app, which would load Twisted into every process."""
    command: Any = load_command_class(get_commands()["runserver"], "runserver")
    assert command.server_cls.__module__ == "daphne.server"
