"""Declarations of answers and errors that are taken, and that are refused (decision E8)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from bos.messages import Notification
from kpis.messages import KpiUpdate, KpiUpdated
from sync.checks import check_answers, problems_of
from sync.protocol.answers import (
    BEFORE_AUTH,
    NEVER_MALFORMED,
    OF_ANY,
    OF_THE_SIGNED_IN,
    Answer,
    Refusal,
)
from sync.protocol.errors import (
    InvalidMessage,
    ProtocolError,
    SyncErrorCode,
    Unauthorized,
    error_codes,
)
from sync.protocol.messages import ServerPong, SyncStart
from sync.protocol.registry import EntityMessage, Message, RequestType, client_messages
from tests.support.answers import Declared


class Unregistered(EntityMessage):
    """A message without a name."""


class Codeless(ProtocolError):
    """An error of which a client would not be told the kind."""


def request(
    answers: Sequence[Answer] = (), errors: Sequence[Refusal] = (), each: str = ""
) -> RequestType:
    return RequestType(
        "KPI_UPDATE", KpiUpdate, answers=tuple(answers), errors=tuple(errors), each=each
    )


def test_e8_what_is_registered_is_declared_rightly() -> None:
    assert check_answers() == []
    assert all(request.codes for request in client_messages.values() if request.handler)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (request([Answer.reply(Message)]), "Message is no message that the server sends"),
        (request([Answer.copy(Unregistered)]), "Unregistered is no message that the server sends"),
        (request([Answer.copy(ServerPong)]), "ServerPong is no message of an event"),
        (request([Answer.notice(KpiUpdated, note="")]), "KpiUpdated has no data"),
        (request([Answer.reply(SyncStart, ends=False)]), "none of its answers ends it"),
        (request(errors=[InvalidMessage]), "InvalidMessage is an error of any request"),
        (request(errors=[Codeless]), "Codeless has no code"),
        (request(errors=[Unauthorized, Unauthorized]), "it declares an error twice"),
        (request(each="channels"), "it has no field channels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_e8_a_wrong_declaration_is_found_at_start(wrong: RequestType, problem: str) -> None:
    (found,) = problems_of(wrong)
    assert found.startswith(problem)


def test_e8_no_process_starts_with_a_wrong_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client_messages, "KPI_UPDATE", request(errors=[InvalidMessage]))
    with pytest.raises(SystemCheckError, match=r"\(sync\.E007\) KPI_UPDATE: InvalidMessage is an"):
        call_command("check")


def test_e8_a_right_declaration_has_no_problem() -> None:
    answers = [Answer.copy(KpiUpdated), Answer.notice(Notification, note="n")]
    assert problems_of(request(answers, [Unauthorized], "value")) == []
    assert problems_of(request()) == []


def test_e8_every_error_code_is_one_of_some_request() -> None:
    codes = {code for request in client_messages.values() for code in request.codes}
    codes |= {
        code
        for request in client_messages.values()
        for answer in request.answers
        for code in answer.codes
        if not isinstance(code, SyncErrorCode)
    }
    assert codes == error_codes()


@pytest.mark.parametrize("name", sorted(client_messages))
def test_e8_what_any_request_may_get_is_among_its_codes(name: str) -> None:
    codes = client_messages[name].codes
    of_any = {error.code for error in OF_ANY}
    assert of_any - codes == ({InvalidMessage.code} if name in NEVER_MALFORMED else set())
    of_the_signed_in = {error.code for error in OF_THE_SIGNED_IN}
    assert codes & of_the_signed_in == (set() if name in BEFORE_AUTH else of_the_signed_in)


@pytest.mark.parametrize(
    ("asked", "answer", "allowed"),
    [
        ("KPI_UPDATE", {"type": "KPI_UPDATED", "payload": {}}, True),
        ("KPI_UPDATE", {"type": "SUBSCRIBED", "payload": {}}, False),
        ("KPI_UPDATE", {"type": "ERROR", "payload": {"code": "UNAUTHORIZED"}}, True),
        ("KPI_UPDATE", {"type": "ERROR", "payload": {"code": "SESSION_FULL"}}, False),
        ("SESSION_CREATED", {"type": "SESSION_CREATED", "payload": {}}, True),
        ("SYNC_REQUEST", {"type": "SYNC_ERROR", "payload": {"code": "UNAUTHORIZED"}}, True),
        ("AUTH", {"type": "AUTH_FAILED", "payload": {"error": "UNAUTHORIZED"}}, False),
        ("NONSENSE", {"type": "ERROR", "payload": {"code": "INVALID_MESSAGE_FORMAT"}}, True),
        ("NONSENSE", {"type": "PONG"}, False),
    ],
)
def test_e8_the_tests_client_fails_where_an_answer_is_not_declared(
    asked: str, answer: dict[str, object], allowed: bool
) -> None:
    client = Declared()
    client.sent({"type": asked, "requestId": "r"})
    client.received(answer | {"requestId": "another's"})
    if allowed:
        client.received(answer | {"requestId": "r"})
    else:
        with pytest.raises(AssertionError, match="no request declares"):
            client.received(answer | {"requestId": "r"})
