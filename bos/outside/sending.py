"""Deliveries are sent by jobs: each mail once, as far as that can be known.

A job claims one delivery at a time, by an UPDATE that one of several wins, and sends it outside of
any transaction. A worker that dies before the receiver was given anything loses nothing: the claim
runs out, and the delivery is due again. A mail's row is marked (`HANDED`) in the moment between the
mail server's go-ahead and the text. If the worker dies from there on, or no answer comes, nobody
knows whether the server has taken it, and the mail is not sent again by itself: it has failed, and
an administrator may try it again. A push is sent again: the browser shows it once, by its tag. So
is a chat message, which may come twice then.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from bos.jobs.queue import Priority, enqueue
from bos.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Medium,
    OutsideChannel,
    User,
)
from bos.outside import chat, push
from bos.outside.bundles import make_bundles
from bos.outside.mail import PostOffice, mail_of
from bos.outside.outcomes import Away, Later, NotSent
from bos.outside.sources import Withheld
from bos.outside.trouble import tell_admins
from bos.outside.writing import receiver_of, words_of
from bos.texts import cut
from sync import metrics

logger = logging.getLogger("bos.outside")

ROUND_SECONDS = 20.0
"""A job begins nothing more after so long: the organization's next job goes on, after others'."""
CLAIM = timedelta(seconds=settings.Q_CLUSTER["retry"] + 30)
"""Longer than any job lives: nobody is sending what was claimed longer ago."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240))
"""After the first try that has failed, after the second ...; then the last one again."""
PATIENCE = timedelta(days=1)
"""A delivery that has failed for so long is given up."""
LOST = (
    "The worker ended while the mail server took the mail. It may have arrived, so it is not sent"
    " again by itself."
)


@metrics.gauge(
    "bos_outside_messages",
    "Messages of the last 24 hours that leave by email, push and chat, by `state`.",
    "state",
    shared=True,
)
def _states() -> dict[str, float]:
    recent = Delivery.objects.filter(created_at__gt=timezone.now() - timedelta(days=1))
    found = dict(recent.order_by().values_list("state").annotate(Count("pk")))
    return {str(state): float(found.get(str(state), 0)) for state in DeliveryState}


# ------------------------------------------------------------------ by the clock


def follow_outside() -> None:
    """Have sent what is due by now: what was tried in vain before, and what is told together."""
    now = timezone.now()
    fail_lost(now)
    make_bundles(now)
    due = Delivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=now)
    for organization_id in due.order_by().values_list("organization_id", flat=True).distinct():
        enqueue_sending(organization_id)


def enqueue_sending(organization_id: object, *, priority: Priority = Priority.SOON) -> None:
    """Have sent what is due of the organization, once the transaction that is open commits."""
    enqueue(send_due, str(organization_id), organization_id=organization_id, priority=priority)


def fail_lost(now: datetime) -> None:
    """Say so of mails that a worker was handing over when it ended."""
    lost = Delivery.objects.filter(state=DeliveryState.HANDED, next_at__lte=now)
    for delivery in lost:
        _end(delivery, DeliveryState.FAILED, LOST)


# ------------------------------------------------------------------ one organization's


def send_due(organization_id: str) -> None:
    """Send what is due of an organization, for a while. Idempotent: another run finds the rest."""
    ends_at = time.monotonic() + ROUND_SECONDS
    office, away = PostOffice(), Q()
    try:
        while (delivery := _claim(organization_id, away)) is not None:
            if not _try(delivery, office):
                away |= _same_way(delivery)
            if time.monotonic() > ends_at:
                enqueue_sending(organization_id)
                return
    finally:
        office.close()


def _claim(organization_id: str, away: Q) -> Delivery | None:
    """Take the delivery that is due for the longest time, not by these ways; None where none is."""
    while True:
        now = timezone.now()
        due = Delivery.objects.of(organization_id).filter(
            state=DeliveryState.WAITING, next_at__lte=now
        )
        found: Delivery | None = (
            (due.exclude(away) if away else due)
            .order_by("next_at", "created_at", "pk")
            .select_related("user", "channel", "organization")
            .first()
        )
        if found is None:
            return None
        same = Delivery.objects.filter(
            pk=found.pk, state=DeliveryState.WAITING, next_at=found.next_at
        )
        if same.update(next_at=now + CLAIM, attempts=F("attempts") + 1):
            found.attempts += 1
            found.next_at = now + CLAIM
            return found


def _same_way(delivery: Delivery) -> Q:
    """Return what cannot be sent either while this one cannot."""
    if delivery.channel_id is not None:
        return Q(channel=delivery.channel_id)
    return Q(medium=delivery.medium)


class Lost(Exception):
    """Somebody else has the delivery: the claim has run out."""


def _try(delivery: Delivery, office: PostOffice) -> bool:
    """Send a claimed delivery, and keep what has become of it; False where the way is closed."""
    try:
        _send(delivery, office)
    except Lost:
        logger.warning("message lost to another worker", extra={"delivery": str(delivery.pk)})
    except Withheld as reason:
        _end(delivery, DeliveryState.DROPPED, str(reason))
    except Away as obstacle:
        _again(delivery, str(obstacle))
        _put_off(delivery, str(obstacle))
        return False
    except Later as obstacle:
        _again(delivery, str(obstacle))
    except NotSent as refusal:
        _end(delivery, DeliveryState.FAILED, str(refusal))
    except Exception:
        # A fault of ours, of this one message: it must not keep all others waiting.
        logger.exception("message not sent", extra={"delivery": str(delivery.pk)})
        _again(delivery, "It could not be made; the server's log says why.")
    else:
        _end(delivery, DeliveryState.SENT, "")
    return True


def _send(delivery: Delivery, office: PostOffice) -> None:
    """Raises Withheld, and what `bos.outside.outcomes` has."""
    receiver = receiver_of(delivery)
    words = words_of(delivery)
    match receiver:
        case OutsideChannel():
            chat.send(receiver, words)
        case User() if delivery.medium == Medium.PUSH:
            push.send(delivery, receiver, words)
        case User():
            mail = mail_of(delivery, receiver, words)
            office.send(mail, before_text=lambda: _hand_over(delivery))


def _hand_over(delivery: Delivery) -> None:
    """Commit that the text is about to leave. Raises Lost where somebody else has the claim."""
    if not _own(delivery).update(state=DeliveryState.HANDED):
        raise Lost


# ------------------------------------------------------------------ what has become of it


def _own(delivery: Delivery) -> QuerySet[Delivery]:
    """Return its row while the claim is ours: nobody else's is ended by what we have seen."""
    under_way = (DeliveryState.WAITING, DeliveryState.HANDED)
    return Delivery.objects.filter(pk=delivery.pk, state__in=under_way, next_at=delivery.next_at)


@transaction.atomic
def _end(delivery: Delivery, state: DeliveryState, error: str) -> None:
    """Keep how it has ended; what was told together has ended with it."""
    sent_at = timezone.now() if state == DeliveryState.SENT else None
    values = {"state": state, "error": cut(error, 300), "sent_at": sent_at}
    if not _own(delivery).update(**values):
        return
    if delivery.kind in (DeliveryKind.DIGEST, DeliveryKind.MORE):
        Delivery.objects.filter(bundle=delivery.pk).update(**values)
    extra = {"delivery": str(delivery.pk), "medium": delivery.medium, "state": str(state)}
    logger.info("message ended", extra=extra)
    if state in (DeliveryState.FAILED, DeliveryState.GIVEN_UP):
        tell_admins(delivery, error)


def _again(delivery: Delivery, error: str) -> None:
    """Put it off, longer each time; give it up after a day."""
    now = timezone.now()
    pause = PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
    if now + pause > delivery.began_at + PATIENCE:
        _end(delivery, DeliveryState.GIVEN_UP, error)
        return
    _own(delivery).update(state=DeliveryState.WAITING, next_at=now + pause, error=cut(error, 300))


def _put_off(delivery: Delivery, error: str) -> None:
    """Put off all that is due and would go the same way, of whatever organization: a mail server
    that is away is asked by one of them, not by all."""
    now = timezone.now()
    pause = PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
    due = Delivery.objects.filter(
        _same_way(delivery), state=DeliveryState.WAITING, next_at__lte=now
    )
    for old in due.filter(began_at__lt=now + pause - PATIENCE)[:GIVEN_UP_AT_ONCE]:
        _end(old, DeliveryState.GIVEN_UP, error)
    due.update(next_at=now + pause, error=cut(error, 300))


GIVEN_UP_AT_ONCE = 200


def try_again(deliveries: QuerySet[Delivery]) -> int:
    """Have these sent once more, from the beginning; how many of them can be."""
    now = timezone.now()
    ended = deliveries.filter(bundle=None, state__in=(DeliveryState.FAILED, DeliveryState.GIVEN_UP))
    with transaction.atomic():
        of_organizations = set(ended.order_by().values_list("organization_id", flat=True))
        count = ended.update(
            state=DeliveryState.WAITING, error="", attempts=0, began_at=now, next_at=now
        )
        for organization_id in of_organizations:
            enqueue_sending(organization_id)
    return int(count)
