"""Deliver an organization's log to an endpoint: in order, each event at least once (decision D5).

One event at a time: the next one is sent once the one before was answered with 2xx and the position
is written. A worker that dies in between sends that one event again. While a request is under way
no transaction is open and no row is locked.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.models import Webhook, WebhookAttempt, WebhookState
from bos.notifying import admins_of, notify
from bos.outbound import http
from bos.outbound.http import OutboundError
from bos.permissions import principal_of
from bos.sealed import CannotOpen
from bos.webhooks import contents
from bos.webhooks.contents import Content
from bos.webhooks.leases import NO_FAILURE, Lease, ahead
from sync.eventlog import log
from sync.eventlog.log import LoggedEvent
from sync.protocol.topics import Topic, authorize

logger = logging.getLogger("bos.webhooks")

BATCH = 200
"""Events that are read at once."""
TURN_SECONDS = 5.0
"""Then other endpoints have their turn."""
MOST_ATTEMPTS = 100
"""Kept of each endpoint."""
PAUSES = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0)
"""Seconds after each failure in a row; the last of them from then on."""
JITTER = 0.2
"""At most so much of a pause more: what failed together does not come back together."""
MOST_RETRY_AFTER = 3_600.0
"""Seconds for which a receiver may ask for."""
GIVES_UP_AFTER = timedelta(days=1)
GONE = 410
CATEGORY = "webhook_failed"
"""Of the notifications that administrators get."""

Asked = Callable[[], bool]


def take_turn(webhook_id: UUID, is_over: Asked = lambda: False) -> None:
    """Deliver some of what waits for an endpoint, unless another worker does.

    is_over: asked before each event whether to leave the others to a later turn.
    """
    lease = Lease.claim(webhook_id)
    if lease is None:
        return
    ends_at = time.monotonic() + TURN_SECONDS

    def goes_on() -> bool:
        return time.monotonic() < ends_at and not is_over()

    try:
        while goes_on() and _deliver_batch(lease, goes_on):
            pass
        _forget_attempts(webhook_id)
    finally:
        lease.give_back()


def _deliver_batch(lease: Lease, goes_on: Asked) -> bool:
    """Deliver the next events; whether there may be more."""
    webhook = lease.webhook()
    if webhook is None:
        return False
    end, after = log.head(webhook.log_id), webhook.position
    events = log.read(webhook.log_id, after=after, upto=end.sequence, limit=BATCH)
    kept_from = events[0].sequence if events else end.sequence + 1
    if kept_from > after + 1:  # a log has no gaps: the others were pruned
        if not _pass_forgotten(lease, webhook, kept_from):
            return False
        after = kept_from - 1
    passed = after
    for event in events:
        if not goes_on():
            break
        type_ = contents.type_of(event, webhook.event_types)
        if type_ is not None and event.has_topics():
            match _offer(lease, event, type_, after=after):
                case _Offer.TAKEN:
                    after = event.sequence
                case _Offer.ENDED:
                    return False
        passed = event.sequence
    if passed > after and not lease.change(after=after, position=passed):
        return False
    return len(events) == BATCH


class _Offer(Enum):
    TAKEN = auto()
    NOT_SEEN = auto()
    """The account may not see it, so it is not for this endpoint."""
    ENDED = auto()
    """Nothing more is sent now."""


def _offer(lease: Lease, event: LoggedEvent, type_: str, *, after: int) -> _Offer:
    """Send an event, by what the endpoint and the rights of its account are now.

    after: the endpoint's position.
    """
    webhook = lease.webhook()
    if webhook is None or webhook.position != after:
        return _Offer.ENDED
    user = webhook.account.user
    if not user.is_active or user.organization_id != webhook.organization_id:
        _pause(lease, webhook, f"Its service account “{user}” is switched off.")
        return _Offer.ENDED
    # As at a sync: it may be sent what is on a topic that the account may follow now.
    if not authorize(principal_of(user), map(Topic.parse, event.topics())):
        return _Offer.NOT_SEEN
    try:
        outcome = post(webhook, contents.of_event(event, type_))
    except CannotOpen:
        _pause(lease, webhook, "Its secret cannot be opened with the SECRET_KEY of now: rotate it.")
        return _Offer.ENDED
    if outcome.is_taken:
        is_ours = _taken(lease, webhook, event, outcome)
        return _Offer.TAKEN if is_ours else _Offer.ENDED
    _failed(lease, webhook, event, outcome)
    return _Offer.ENDED


# ------------------------------------------------------------------ a request


@dataclass(frozen=True, slots=True)
class Outcome:
    """status: of HTTP, None where there was no answer. error: in words; empty where it was taken.

    retry_after: seconds for which the receiver wants to be left alone.
    """

    status: int | None
    took_ms: int
    error: str = ""
    retry_after: float = 0.0

    @property
    def is_taken(self) -> bool:
        return not self.error


def post(webhook: Webhook, content: Content) -> Outcome:
    """Send a request to an endpoint. Raises CannotOpen where it cannot be signed."""
    headers = contents.headers_of(webhook, content)
    began = time.monotonic()
    status, error, retry_after = None, "", 0.0
    try:
        answer = http.request(
            "POST",
            webhook.address,
            headers=headers,
            body=content.body,
            seconds=settings.WEBHOOK_TIMEOUT,
            most_bytes=0,  # what it says beside the status is not read
        )
    except OutboundError as failure:
        error = str(failure)
    else:
        status = answer.status
        if not 200 <= status < 300:
            redirected = ": redirects are not followed" if 300 <= status < 400 else ""
            error = f"The receiver answered {status}{redirected}."
            retry_after = _retry_after(answer.headers)
    return Outcome(status, round((time.monotonic() - began) * 1000), error, retry_after)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that `Retry-After` asks for; 0 where it asks for none."""
    found = (value for name, value in headers.items() if name.lower() == "retry-after")
    text = next(found, "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MOST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, min((at - datetime.now(UTC)).total_seconds(), MOST_RETRY_AFTER))


# ------------------------------------------------------------------ its outcome


@transaction.atomic
def _taken(lease: Lease, webhook: Webhook, event: LoggedEvent, outcome: Outcome) -> bool:
    """Move on; False where the endpoint is no longer ours, or was set to another event."""
    _note(webhook, event.sequence, outcome)
    return lease.change(
        after=webhook.position,
        position=event.sequence,
        failures=0,
        failing_since=None,
        reason=NO_FAILURE,
        delivered_at=Now(),
        took_ms=outcome.took_ms,
    )


@transaction.atomic
def _failed(lease: Lease, webhook: Webhook, event: LoggedEvent, outcome: Outcome) -> None:
    """Try again later; or not, where the receiver has said so or has failed for a day."""
    _note(webhook, event.sequence, outcome)
    known = Webhook.objects.filter(pk=webhook.pk).values_list("failures", "failing_since").first()
    if known is None:  # deleted meanwhile
        return
    # As it is now: somebody may have resumed it meanwhile, and its day begins anew then.
    failures, now = known[0] + 1, timezone.now()
    since = known[1] or now
    is_ours = lease.change_active(
        after=webhook.position,
        failures=failures,
        failing_since=since,
        reason=outcome.error[:300],
        took_ms=outcome.took_ms,
        due_at=ahead(pause_after(failures, outcome.retry_after)),
    )
    extra = {"webhook": str(webhook.pk), "sequence": event.sequence, "failures": failures}
    logger.info("webhook not taken", extra=extra | {"error": outcome.error})
    if not is_ours:
        return
    if outcome.status == GONE:
        _end(lease, webhook, WebhookState.OFF, "The receiver answered 410: it is gone.")
    elif now - since >= GIVES_UP_AFTER:
        _end(lease, webhook, WebhookState.PAUSED, f"It has failed for a day. {outcome.error}")


def pause_after(failures: int, retry_after: float = 0.0) -> float:
    """Return the seconds until it is tried again."""
    pause = max(PAUSES[min(failures, len(PAUSES)) - 1], min(retry_after, MOST_RETRY_AFTER))
    return pause * random.uniform(1, 1 + JITTER)  # noqa: S311 -- no secret


def _pause(lease: Lease, webhook: Webhook, reason: str) -> None:
    with transaction.atomic():
        _end(lease, webhook, WebhookState.PAUSED, reason)


def _end(lease: Lease, webhook: Webhook, state: WebhookState, reason: str) -> None:
    """Send nothing more until somebody resumes it, and tell the administrators."""
    if not lease.change_active(after=webhook.position, state=state, reason=reason[:300]):
        return
    logger.warning("webhook ended", extra={"webhook": str(webhook.pk), "state": str(state)})
    words = "paused" if state == WebhookState.PAUSED else "switched off"
    _tell(
        webhook,
        f"The webhook “{webhook}” is {words}",
        f"{reason} It is sent nothing until somebody resumes it, and goes on from where it"
        " stopped then.",
    )


def _pass_forgotten(lease: Lease, webhook: Webhook, kept_from: int) -> bool:
    """Go on from the oldest event that is kept, and say so."""
    first, last = webhook.position + 1, kept_from - 1
    text = f"Events {first} to {last} are no longer kept: they were not sent."
    with transaction.atomic():
        if not lease.change(after=webhook.position, position=last):
            return False
        WebhookAttempt.objects.create(webhook=webhook, sequence=last, error=text)
        _tell(webhook, f"The webhook “{webhook}” has missed events", text)
    logger.warning("events were forgotten", extra={"webhook": str(webhook.pk), "upto": last})
    return True


def _tell(webhook: Webhook, title: str, message: str) -> None:
    notify(
        admins_of(webhook.organization_id),
        webhook.organization_id,
        category=CATEGORY,
        title=title,
        message=message,
        about=NotificationSubject(webhook_id=str(webhook.pk)),
    )


def _note(webhook: Webhook, sequence: int | None, outcome: Outcome) -> None:
    WebhookAttempt.objects.create(
        webhook=webhook,
        sequence=sequence,
        status=outcome.status,
        took_ms=outcome.took_ms,
        error=outcome.error[:300],
    )


def _forget_attempts(webhook_id: UUID) -> None:
    attempts = WebhookAttempt.objects.filter(webhook_id=webhook_id).order_by("-pk")
    newest_old = attempts.values_list("pk", flat=True)[MOST_ATTEMPTS : MOST_ATTEMPTS + 1].first()
    if newest_old is not None:
        attempts.filter(pk__lte=newest_old).delete()


def send_test(webhook: Webhook) -> Outcome:
    """Send `webhook.test`, which is no event. Raises CannotOpen."""
    outcome = post(webhook, contents.of_test(webhook))
    _note(webhook, None, outcome)
    _forget_attempts(webhook.pk)
    return outcome
