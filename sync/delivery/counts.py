"""Counts of messages and deliveries: once an event, whatever the number of receivers."""

from __future__ import annotations

from collections.abc import Iterable

from sync import metrics
from sync.delivery import encodings
from sync.eventlog.log import LoggedEvent
from sync.protocol.errors import ErrorCode, SyncErrorCode
from sync.protocol.messages import AuthFailed, Error, SyncError
from sync.protocol.registry import ALIASES, Message, client_messages

MESSAGES = metrics.counter(
    "bos_messages",
    "Messages by `direction` (`received`, or `sent`: once for each connection) and `type`. Of those"
    " received, `unknown` is a type that clients do not send, `malformed` what is no message.",
    "direction",
    "type",
)
DELIVERIES = metrics.counter(
    "bos_deliveries", "Events given to a connection: each counts once for each connection."
)
ERRORS = metrics.counter(
    "bos_errors",
    "`ERROR`, `SYNC_ERROR` and `AUTH_FAILED` that were sent, by `code`.",
    "code",
    known=dict.fromkeys([*map(str, ErrorCode), *map(str, SyncErrorCode)]),
)


def count_received(type_: str) -> None:
    """Count a message of a client by its type, of which anybody can invent any number."""
    known = type_ in client_messages or type_ in ALIASES
    MESSAGES.add(1, "received", type_ if known else "unknown")


def count_malformed() -> None:
    MESSAGES.add(1, "received", "malformed")


def count_sent(type_: str, connections: int = 1) -> None:
    """Count a message that is no event's."""
    MESSAGES.add(connections, "sent", type_)


def count_answer(type_: str, message: Message) -> None:
    """Count a message to one connection, and the error that it says."""
    MESSAGES.add(1, "sent", type_)
    if type_ in _FAILURES:
        ERRORS.add(1, _code_of(message))


def count_delivered(events: Iterable[LoggedEvent], connections: int = 1) -> None:
    """Count that so many connections were given these events."""
    for event in events:
        DELIVERIES.add(connections)
        for type_ in encodings.types_of(event):
            MESSAGES.add(connections, "sent", type_)


def count_own_copy(event: LoggedEvent, *, subscribed: bool) -> None:
    """Count what `encodings.own_copy` makes, for the requester."""
    if subscribed:
        count_delivered([event])
    elif event.live_type:
        DELIVERIES.add(1)
        MESSAGES.add(1, "sent", event.live_type)


_FAILURES = frozenset({"ERROR", "SYNC_ERROR", "AUTH_FAILED"})


def _code_of(message: Message) -> str:
    if isinstance(message, AuthFailed):
        return str(message.error)
    assert isinstance(message, Error | SyncError)
    return str(message.code)
