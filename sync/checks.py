"""System checks: settings that would break a promise are found at start."""

from __future__ import annotations

from dataclasses import fields
from math import inf
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from sync.conf import read_settings
from sync.gateway.origin import parse_origin
from sync.protocol import registry
from sync.protocol.answers import OF_ANY, OF_THE_SIGNED_IN, Answer, AnswerKind
from sync.protocol.registry import EntityMessage, RequestType


def check_engine(**_: Any) -> list[CheckMessage]:
    """Only sync's backends append the events of a transaction before it commits."""
    engine = settings.DATABASES["default"].get("ENGINE", "")
    if engine.startswith("sync.db."):
        return []
    return [
        Error(
            f"ENGINE {engine!r} commits changes without their events.",
            hint="Use sync.db.postgresql or sync.db.sqlite3.",
            id="sync.E001",
        )
    ]


def check_sqlite_transactions(**_: Any) -> list[CheckMessage]:
    """SQLite's default transactions lose updates: two readers both try to become the writer."""
    database = settings.DATABASES["default"]
    mode = database.get("OPTIONS", {}).get("transaction_mode")
    if "sqlite" not in database.get("ENGINE", "") or mode == "IMMEDIATE":
        return []
    return [
        Error(
            "SQLite needs IMMEDIATE transactions.",
            hint="Set OPTIONS['transaction_mode'] = 'IMMEDIATE'.",
            id="sync.E002",
        )
    ]


def check_authenticator(**_: Any) -> list[CheckMessage]:
    sync = read_settings()
    if sync.authenticator:
        return []
    return [
        Error(
            f"{sync.name_of('authenticator')} is not set: nobody could sign in.",
            hint="The dotted path of an object like sync.protocol.authenticator.Authenticator.",
            id="sync.E008",
        )
    ]


def check_heartbeat(**_: Any) -> list[CheckMessage]:
    sync = read_settings()
    if sync.heartbeat_timeout < sync.heartbeat_interval:
        return []
    timeout, interval = map(sync.name_of, ("heartbeat_timeout", "heartbeat_interval"))
    return [Error(f"{timeout} must be shorter than {interval}.", id="sync.E003")]


def check_bytes(**_: Any) -> list[CheckMessage]:
    sync = read_settings()
    if sync.bytes_per_minute >= sync.max_message_bytes:
        return []
    a_minute, a_message = map(sync.name_of, ("bytes_per_minute", "max_message_bytes"))
    return [
        Error(
            f"{a_minute} must not be below {a_message}: the largest message could never be sent.",
            id="sync.E005",
        )
    ]


def check_origins(**_: Any) -> list[CheckMessage]:
    """Check that each origin is one that a page can send: others would refuse their pages later."""
    sync = read_settings()
    errors: list[CheckMessage] = []
    for origin in sync.allowed_origins:
        try:
            parse_origin(origin)
        except ValueError as error:
            name = sync.name_of("allowed_origins")
            errors.append(Error(f"{name}: {origin!r}: {error}.", id="sync.E006"))
    return errors


def check_numbers(**_: Any) -> list[CheckMessage]:
    """Nought, less than that or no number would cut everybody off, or nobody ever."""
    sync = read_settings()
    values = {field.name: getattr(sync, field.name) for field in fields(sync)}
    return [
        Error(f"{sync.name_of(name)} is {value}: a number above 0 is needed.", id="sync.E004")
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < inf
    ]


def check_answers(**_: Any) -> list[CheckMessage]:
    """Check that each request declares answers and errors that there are (E8)."""
    return [
        Error(f"{request.name}: {problem}.", id="sync.E007")
        for request in registry.client_messages.values()
        for problem in problems_of(request)
    ]


def problems_of(request: RequestType) -> list[str]:
    """Return what is wrong with the answers and errors that a request declares, in words."""
    problems = [problem for answer in request.answers for problem in _problems_of_answer(answer)]
    if request.answers and not any(answer.ends for answer in request.answers):
        problems.append("none of its answers ends it")
    if request.each and request.each not in request.struct.__struct_fields__:
        problems.append(f"it has no field {request.each}")
    for error in request.errors:
        if error in OF_ANY + OF_THE_SIGNED_IN:
            problems.append(f"{error.__name__} is an error of any request")
        elif not hasattr(error, "code"):
            problems.append(f"{error.__name__} has no code")
    if len(set(request.errors)) < len(request.errors):
        problems.append("it declares an error twice")
    return problems


def _problems_of_answer(answer: Answer) -> list[str]:
    struct = answer.message
    if struct not in registry.server_messages.values():
        return [f"{struct.__name__} is no message that the server sends"]
    if answer.kind is AnswerKind.COPY and not issubclass(struct, EntityMessage):
        return [f"{struct.__name__} is no message of an event"]
    if answer.kind is AnswerKind.NOTICE and "data" not in struct.__struct_fields__:
        return [f"{struct.__name__} has no data to name the request in"]
    return []


def register_all() -> None:
    for check in (
        check_engine,
        check_sqlite_transactions,
        check_authenticator,
        check_heartbeat,
        check_bytes,
        check_origins,
        check_numbers,
        check_answers,
    ):
        register(check, "sync")
