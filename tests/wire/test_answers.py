"""Each declared answer and error of each request is provoked (decision E8).

A declared pair of request and answer that nobody provokes fails, and so does a provocation of what
is not declared; that nothing else answers is what every client of the tests sees to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from kpis.models import AskedPrediction
from sync.eventlog import log
from sync.protocol.answers import BEFORE_AUTH, NEVER_MALFORMED, OF_ANY, OF_THE_SIGNED_IN
from sync.protocol.registry import RequestType, client_messages, name_of
from tests.support.answers import said_by
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of
from tests.support.provocations import (
    CONNECTIONS,
    PROVOCATIONS,
    Pair,
    Stage,
    forecast,
    give_history,
    of_token,
    weekly,
)
from tests.support.server import Server, serving

BYTES = 32 * 1024
COUNTED = 1024
"""A message of so many bytes counts to them."""
SIGNED_IN = sorted(set(client_messages) - BEFORE_AUTH)


@pytest.fixture(scope="module")
def limited(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes few bytes and connections, and any number of messages."""
    log_file = tmp_path_factory.mktemp("limited") / "log"
    with serving(
        log_file,
        BOS_MESSAGES_PER_MINUTE="100000",
        BOS_USER_MESSAGES_PER_MINUTE="1000000",
        BOS_MAX_MESSAGE_BYTES=str(BYTES),
        BOS_BYTES_PER_MINUTE=str(BYTES),
        BOS_MAX_CONNECTIONS_PER_USER=str(CONNECTIONS),
    ) as running:
        yield running
    said = log_file.read_text(errors="replace")
    assert "undeclared" not in said, said
    # The one fault that a test provokes.
    assert said.count("Traceback") == said.count("request failed") <= 1, said


def own_pairs(request: RequestType) -> set[Pair]:
    """Return all that the request declares besides what any may get."""
    pairs = {(request.name, "ERROR", str(error.code)) for error in request.errors}
    for answer in request.answers:
        hows = answer.codes or (answer.kind,)
        pairs |= {(request.name, name_of(answer.message), str(how)) for how in hows}
    return pairs


# ------------------------------------------------------------------ what is a request's own


def test_e8_each_declared_answer_and_error_is_provoked_and_nothing_else() -> None:
    assert set(PROVOCATIONS) == {
        pair for one in client_messages.values() for pair in own_pairs(one)
    }


@pytest.mark.parametrize("name", sorted({request for request, _, _ in PROVOCATIONS}))
async def test_e8_a_request_is_answered_with_all_that_it_declares(
    limited: Server, cast: Cast, name: str
) -> None:
    async with Stage(limited, cast, name) as stage:
        for pair in [pair for pair in PROVOCATIONS if pair[0] == name]:
            _assert_answers(cast, pair, await PROVOCATIONS[pair](stage))


def _assert_answers(cast: Cast, pair: Pair, message: Message) -> None:
    _, answer, how = pair
    assert message["type"] == answer, message
    assert ("requestId" in message) == (how != "notice"), message
    assert said_by(message)[1] in ("", how), message
    assert _is_copy(cast, message) == (how == "copy"), message
    if how == "notice":
        assert message["payload"]["data"]["requestId"]


def _is_copy(cast: Cast, message: Message) -> bool:
    """Return whether it shows an event of the log, to the requester."""
    event = log.find(cast.home.id, message.get("payload", {}).get("sequence", 0))
    return (
        event is not None
        and event.live_type == message["type"]
        and event.request_id == message.get("requestId")
    )


# ------------------------------------------------------------------ what any request may get


async def refusals(client: Client, names: list[str], payload: Any) -> dict[str, set[str]]:
    """Make these requests, each of which is refused; return their names by the code."""
    refused: dict[str, set[str]] = {}
    for name in names:
        code, _ = error_of(await client.ask(name, payload))
        refused.setdefault(code, set()).add(name)
        await client.settle()  # ten malformed ones in a row are too many
    return refused


async def test_e8_before_auth_every_request_but_three_is_refused(limited: Server) -> None:
    async with await Client.connect(limited) as client:
        refused = await refusals(client, SIGNED_IN, {})
    assert refused == {"AUTHENTICATION_REQUIRED": set(SIGNED_IN)}


async def test_e8_after_the_tokens_end_every_request_but_three_is_refused(
    limited: Server, cast: Cast
) -> None:
    async with await Client.connect(limited) as client:
        await client.ask("AUTH", of_token(cast.bob, seconds=2))
        await client.until("TOKEN_EXPIRED")
        refused = await refusals(client, SIGNED_IN, {})
    assert refused == {"TOKEN_EXPIRED": set(SIGNED_IN)}


async def test_e8_every_request_is_refused_that_is_malformed_but_a_pong(
    limited: Server, cast: Cast
) -> None:
    may_be = sorted(set(client_messages) - NEVER_MALFORMED)
    async with await Client.connect(limited, cast.bob) as client:
        refused = await refusals(client, may_be, "no object")
    assert refused == {"INVALID_MESSAGE_FORMAT": set(may_be)}


async def test_e8_every_request_is_refused_where_a_minutes_bytes_are_used_up(
    limited: Server, cast: Cast
) -> None:
    async with await Client.connect(limited, cast.bob) as client:
        await client.ask("PING", {"padding": "x" * (BYTES - COUNTED // 2)})
        refused = await refusals(client, sorted(client_messages), {"padding": "x" * COUNTED})
    assert refused == {"RATE_LIMIT_EXCEEDED": set(client_messages)}


async def test_e8_a_request_that_meets_a_fault_of_ours_is_refused(
    limited: Server, cast: Cast
) -> None:
    """A forecast that is kept, and is none."""
    give_history(cast.home.revenue, weekly)
    AskedPrediction.objects.create(
        organization_id=cast.home.id,
        kpi_id=str(cast.home.revenue.pk),
        horizon=1,
        user_id=cast.vera.id,
        origin="",
        request_id="r",
        asked_at=timezone.now(),
        answered_at=timezone.now(),
        answer={},
    )
    async with Stage(limited, cast, "PREDICTION_REQUEST") as stage:
        answer = await stage.ask(cast.vera, forecast(stage), request_id="r")
    assert said_by(answer) == ("ERROR", "INTERNAL_SERVER_ERROR")


def test_e8_no_other_code_is_one_that_any_request_may_get() -> None:
    assert [str(error.code) for error in OF_ANY + OF_THE_SIGNED_IN] == [
        *("INVALID_MESSAGE_FORMAT", "RATE_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR"),
        *("AUTHENTICATION_REQUIRED", "TOKEN_EXPIRED"),
    ]
