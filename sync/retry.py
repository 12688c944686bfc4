"""A request that changes something has one effect, however often it is sent (decision E7).

Kept in the transaction of the effect: a crash leaves both or neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.utils import IntegrityError

from sync.codecs import to_json
from sync.conf import sync_settings
from sync.errors import InvalidMessage
from sync.log import LoggedEvent, PendingEvent, find
from sync.models import RequestRecord
from sync.principal import Actor
from sync.times import now_us

T = TypeVar("T")


class Repeated:
    """The request was made before; `first_outcome` tells what it led to."""


@dataclass(frozen=True, slots=True)
class FirstOutcome:
    """What a request led to when it was first made: an event of the log, or a reply of its own."""

    event: LoggedEvent | None
    reply_type: str
    reply: str


def body_hash(type_: str, payload: Any) -> str:
    """Decimal digits count as sent: 1 and 1.0 are two bodies only if the text differs."""
    return hashlib.sha256(type_.encode() + b"\0" + to_json(_sorted(payload))).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def once(
    actor: Actor,
    organization_id: str,
    hash_: str,
    effect: Callable[[], T],
    reply: Callable[[T], tuple[str, str]] | None = None,
) -> T | Repeated:
    """Run `effect` and record it; if it was recorded before, do nothing.

    reply: (type, payload as JSON) that a retry gets; without it, the last event that the effect
    appended is what a retry gets. Runs inside the caller's transaction.
    Raises InvalidMessage where this requestId was used with another body.
    """
    if not actor.request_id:
        return effect()
    record, is_new = _claim(actor, organization_id, hash_)
    if not is_new:
        if record.body_hash != hash_:
            raise InvalidMessage("requestId", "was used with another body")
        return Repeated()
    result = effect()
    if reply is None:
        _last_event().record_id = record.pk
    else:
        record.reply_type, record.reply = reply(result)
        record.save(update_fields=["reply_type", "reply"])
    return result


def first_outcome(user_id: str, request_id: str) -> FirstOutcome:
    """What the request led to. Asked after commit: only then has the event its sequence."""
    record = RequestRecord.objects.get(user_id=user_id, request_id=request_id)
    event = None if record.sequence is None else find(record.organization_id, record.sequence)
    return FirstOutcome(event, record.reply_type, record.reply)


def _claim(actor: Actor, organization_id: str, hash_: str) -> tuple[RequestRecord, bool]:
    """The record of this request, and whether it is ours and new.

    Two who claim at once: the database lets the second wait until the first has committed.
    """
    oldest_us = now_us() - int(sync_settings().idempotency_seconds * 1_000_000)
    same = RequestRecord.objects.filter(user_id=actor.user_id, request_id=actor.request_id)
    same.filter(at_us__lt=oldest_us).delete()
    first = same.first()
    if first is not None:
        return first, False
    mine = RequestRecord(
        user_id=actor.user_id,
        request_id=actor.request_id,
        body_hash=hash_,
        at_us=now_us(),
        organization_id=organization_id,
    )
    try:
        with transaction.atomic():
            mine.save(force_insert=True)
    except IntegrityError:
        return same.get(), False
    return mine, True


def _last_event() -> PendingEvent:
    for _, hook, *_ in reversed(connection.run_on_commit):
        if isinstance(hook, PendingEvent):
            return hook
    raise AssertionError("the effect of a request that is recorded appends an event")


def prune() -> int:
    """Forget requests that are older than a retry may be."""
    oldest_us = now_us() - int(sync_settings().idempotency_seconds * 1_000_000)
    return RequestRecord.objects.filter(at_us__lt=oldest_us).delete()[0]
