"""A request that changes something has one effect, however often it is sent (decision E7).

The record is inserted in the transaction of the effect, just before COMMIT: a crash leaves both or
neither, and of two processes that serve the same request at once one finds the other's record
there, is rolled back, and answers with the first outcome.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from sync.conf import sync_settings
from sync.eventlog.batch import this_database
from sync.eventlog.log import LoggedEvent, PendingEvent, find
from sync.eventlog.retention import prune_plain
from sync.eventlog.scripts import Insert, Script, script_for
from sync.models import RequestRecord
from sync.protocol.codecs import EXACT, json_text, to_json
from sync.protocol.errors import InvalidMessage, NotFound
from sync.protocol.identity import Actor
from sync.protocol.registry import Message, name_of
from sync.protocol.times import now_us

T = TypeVar("T")


class Repeated:
    """The request was made before; `first_outcome` tells what it led to."""


@dataclass(frozen=True, slots=True)
class FirstOutcome:
    """The outcome of a request when it was first made: an event of the log, or its own reply."""

    event: LoggedEvent | None
    reply_type: str
    reply: str


@dataclass(slots=True, eq=False)
class PendingRecord:
    """A record whose transaction has not committed: one of Django's commit hooks, like events."""

    actor: Actor
    organization_id: str
    body_hash: str
    event: PendingEvent | None
    reply_type: str
    reply: str
    inserted: bool = False

    def __call__(self) -> None:
        """After COMMIT there is nothing left to do."""

    def is_of(self, actor: Actor) -> bool:
        mine = self.actor
        return mine.request_id == actor.request_id and mine.user_id == actor.user_id

    def row(self) -> tuple[Any, ...]:
        sequence = self.event.logged.sequence if self.event and self.event.logged else None
        return (
            self.actor.user_id,
            self.actor.request_id,
            self.body_hash,
            now_us(),
            self.organization_id,
            sequence,
            self.reply_type,
            self.reply,
        )


ANOTHER_BODY = (
    "Each request needs an id that its user has not used for ten minutes, on whatever connection or"
    " device: a random one (UUID). Numbers that begin again after a reload or restart are used."
)
WHOLE_DIGITS = 40
"""Numbers that are longer than any that is accepted are not written out."""
_TABLE = RequestRecord._meta.db_table
_COLUMNS = (
    "user_id",
    "request_id",
    "body_hash",
    "at_us",
    "organization_id",
    "sequence",
    "reply_type",
    "reply",
)
_INSERT = Insert(f'"{_TABLE}"', tuple(f'"{column}"' for column in _COLUMNS))
_FIND = f"""SELECT "user_id", "request_id", "body_hash", "at_us" FROM "{_TABLE}"
            WHERE """  # noqa: S608 -- names of ours

Request = tuple[str, str]
"""User id, requestId."""
_Row = tuple[str, int]
"""The body's hash, and when the request was made."""
_looked_up = threading.local()


@contextmanager
def looked_up(requests: Collection[Request], answer: Sequence[Sequence[Any]]) -> Iterator[None]:
    """`once` need not ask for these requests in this block.

    answer: the rows that `ask_for` has led to. What another process makes of one of the requests
    meanwhile is found out at the end: their records are inserted then.
    """
    _looked_up.rows = dict.fromkeys(requests) | _by_request(answer)
    _looked_up.recorded = set[Request]()
    try:
        yield
    finally:
        del _looked_up.rows, _looked_up.recorded


def _recorded() -> set[Request] | None:
    """Those that were recorded in the block of `looked_up`; None outside of one."""
    recorded: set[Request] | None = getattr(_looked_up, "recorded", None)
    return recorded


def ask_for(requests: Collection[Request], script: Script) -> None:
    """Have these requests looked up, all of them by one statement."""
    # By the index, one after the other: for `IN (VALUES ...)` SQLite reads the whole table.
    which = " OR ".join(['"user_id" = %s AND "request_id" = %s'] * len(requests))
    script.query(_FIND + which, [part for request in requests for part in request])


def _by_request(answer: Sequence[Sequence[Any]]) -> dict[Request, _Row | None]:
    return {(row[0], row[1]): (row[2], row[3]) for row in answer}


def pending_records(database: BaseDatabaseWrapper) -> list[PendingRecord]:
    """The records of the open transaction that are not inserted."""
    hooks = [hook for _, hook, *_ in database.run_on_commit]
    return [hook for hook in hooks if isinstance(hook, PendingRecord) and not hook.inserted]


def insert_records(pending: Sequence[PendingRecord], script: Script) -> None:
    """Have the records inserted; called once their events have a sequence.

    The script raises IntegrityError where another process has made one of the requests meanwhile.
    """
    script.insert(_INSERT, [record.row() for record in pending])
    for record in pending:
        record.inserted = True


def body_hash(type_: str, payload: Any) -> str:
    """The same for the same request, however its fields are ordered and its numbers written."""
    return hashlib.sha256(type_.encode() + b"\0" + to_json(_sorted(payload))).hexdigest()


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
        case Decimal():
            return _number(value)
    return value


def _number(value: Decimal) -> Any:
    """1250000.00 is 1250000, as one client's JSON says it and another's MessagePack."""
    short = value.normalize(EXACT)
    is_short = short.adjusted() < WHOLE_DIGITS and short == short.to_integral_value()
    return int(short) if is_short or not short else short


def once(
    actor: Actor,
    organization_id: str,
    hash_: str,
    effect: Callable[[], T],
    reply: Callable[[T], Message | None] | None = None,
) -> T | Repeated:
    """Run `effect` and record it; if it was recorded before, do nothing.

    reply: what a retry gets, or None where it is answered otherwise; without `reply`, the first
    event that the effect appended, which is the one that answers the request. Runs inside the
    caller's transaction.
    Raises InvalidMessage where this requestId was used with another body.
    """
    known = _find(actor) if actor.request_id else None
    if known is not None:
        if known != hash_:
            raise InvalidMessage("requestId", "was used with another body", hint=ANOTHER_BODY)
        return Repeated()
    database = this_database()
    already = len(database.run_on_commit)
    result = effect()
    event = _answer_of(actor, database.run_on_commit[already:])
    if not actor.request_id:
        return result
    reply_type, text = "", ""
    if reply is not None:
        event, message = None, reply(result)
        if message is not None:
            reply_type, text = name_of(type(message)), json_text(message)
    record = PendingRecord(actor, organization_id, hash_, event, reply_type, text)
    transaction.on_commit(record, robust=True)
    if (recorded := _recorded()) is not None:
        recorded.add((actor.user_id, actor.request_id))
    return result


def _find(actor: Actor) -> str | None:
    """The body's hash of this request, if it was made within the time a retry may come."""
    request = (actor.user_id, actor.request_id)
    recorded = _recorded()
    if recorded is None or request in recorded:  # earlier in the same group of writes
        for _, hook, *_ in this_database().run_on_commit:
            if isinstance(hook, PendingRecord) and hook.is_of(actor):
                return hook.body_hash
    known: dict[Request, _Row | None] = getattr(_looked_up, "rows", {})
    row = known[request] if request in known else _read(request)
    if row is None:
        return None
    hash_, at_us = row
    if at_us < now_us() - int(sync_settings().idempotency_seconds * 1_000_000):
        RequestRecord.objects.filter(user_id=actor.user_id, request_id=actor.request_id).delete()
        return None
    return str(hash_)


def _read(request: Request) -> _Row | None:
    script = script_for(this_database())
    ask_for([request], script)
    return _by_request(script.run()[0]).get(request)


def first_outcome(user_id: str, request_id: str) -> FirstOutcome:
    """Return the outcome of the request. Asked after commit: only then has the event its sequence.

    Raises NotFound where the log has forgotten its event, or has given the number to another one:
    it was put back.
    """
    record = RequestRecord.objects.get(user_id=user_id, request_id=request_id)
    event = None if record.sequence is None else find(record.organization_id, record.sequence)
    if event is not None and (event.actor_id, event.request_id) != (user_id, request_id):
        event = None
    if event is None and not record.reply_type:
        raise NotFound(field="requestId", reason="its outcome is no longer kept")
    return FirstOutcome(event, record.reply_type, record.reply)


def _answer_of(actor: Actor, hooks: Sequence[Sequence[Any]]) -> PendingEvent | None:
    """The event that answers the request: the requester's first of these commit hooks. The others
    go out to all alike, to the requester as well."""
    events = [hook for _, hook, *_ in hooks if isinstance(hook, PendingEvent)]
    answer = next((event for event in events if event.actor.origin == actor.origin), None)
    for event in events:
        if event is not answer:
            event.actor = actor.besides()
    return answer


def prune() -> int:
    """Forget requests that are older than a retry may be."""
    oldest_us = now_us() - int(sync_settings().idempotency_seconds * 1_000_000)
    return prune_plain(RequestRecord.objects.filter(at_us__lt=oldest_us), oldest="at_us")
