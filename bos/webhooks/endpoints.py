"""The life of an endpoint: made, rotated, resumed, replayed; and how it stands (decision D5)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, F, Min, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.aggregates import Count
from django.db.models.functions import Now
from django.utils import timezone

from bos.models import Organization, ServiceAccount, User, Webhook, WebhookState
from bos.sealed import seal
from bos.webhooks.contents import new_secret
from bos.webhooks.leases import NO_FAILURE
from sync import metrics
from sync.eventlog import log
from sync.models import Event, StreamHead
from sync.protocol.times import now_us

MOST_ENDPOINTS = 20
"""Of an organization."""
BOTH_SIGN = timedelta(days=1)
"""For so long after a rotation the secret before it signs, too."""


class NotKept(Exception):
    """A replay cannot begin there."""

    def __init__(self, oldest: int, newest: int) -> None:
        super().__init__(
            f"Events {oldest} to {newest} are kept."
            if oldest <= newest
            else f"No events are kept; the next one is {newest + 1}."
        )
        self.oldest = oldest
        self.newest = newest


# ------------------------------------------------------------------ what becomes of it


def require_room(organization_id: UUID) -> None:
    """Raises ValidationError where the organization has as many endpoints as it may have.

    Runs in the transaction that adds one: of two at once the second one waits, and is counted then.
    """
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization_id))
    if Webhook.objects.of(organization_id).count() >= MOST_ENDPOINTS:
        raise ValidationError(f"An organization has at most {MOST_ENDPOINTS} webhooks.")


@transaction.atomic
def webhook_create(
    organization_id: UUID,
    *,
    name: str,
    address: str,
    account: ServiceAccount,
    event_types: Collection[str] = (),
    created_by: User | None = None,
) -> tuple[Webhook, str]:
    """Add an endpoint, which is sent what is committed from now on; the secret is nowhere else.

    Raises ValidationError. The address is the caller's to look at: that takes time.
    """
    require_room(organization_id)
    secret = new_secret()
    webhook = Webhook(
        organization_id=organization_id,
        account=account,
        name=name,
        address=address,
        event_types=sorted(event_types),
        secret=seal(secret),
        log_id=str(organization_id),
        position=log.head(str(organization_id)).sequence,
        created_by=created_by,
    )
    webhook.full_clean()
    webhook.save(force_insert=True)
    return webhook, secret


def webhook_rotate(webhook: Webhook) -> str:
    """Give it a new secret, which is nowhere but in this answer. For a day both sign."""
    secret = new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(
        former_secret=F("secret"),
        former_until=timezone.now() + BOTH_SIGN,
        secret=seal(secret),
    )
    return secret


def webhooks_of(user: User) -> QuerySet[Webhook]:
    """Return the endpoints that are sent what this machine may see."""
    rows: QuerySet[Webhook] = Webhook.objects.filter(account_id=user.pk)
    return rows


def forget_former_secrets() -> int:
    """Delete secrets that sign no more; how many those were."""
    former = Webhook.objects.filter(former_until__lt=timezone.now())
    return former.update(former_secret="", former_until=None)


def webhook_switch_off(webhook: Webhook) -> bool:
    """Send it nothing more; False where that is so already."""
    active = Webhook.objects.filter(pk=webhook.pk, state=WebhookState.ACTIVE)
    return bool(active.update(state=WebhookState.OFF, reason="Switched off by hand."))


def webhook_resume(webhook: Webhook) -> bool:
    """Go on from where it stopped, at once; False where it waits for nothing."""
    rows = Webhook.objects.filter(pk=webhook.pk)
    waiting = rows.exclude(state=WebhookState.ACTIVE, failures=0)
    return bool(
        waiting.update(
            state=WebhookState.ACTIVE, reason="", failures=0, failing_since=None, due_at=Now()
        )
    )


def webhook_replay(webhook: Webhook, *, from_sequence: int) -> None:
    """Send what is kept from this event on, once more or for the first time. Raises NotKept."""
    end = log.head(webhook.log_id)
    if not end.pruned_sequence < from_sequence <= end.sequence + 1:
        raise NotKept(end.pruned_sequence + 1, end.sequence)
    Webhook.objects.filter(pk=webhook.pk).update(
        position=from_sequence - 1,
        failures=0,
        failing_since=None,
        due_at=Now(),
        reason=NO_FAILURE,
    )


# ------------------------------------------------------------------ how it stands


RETRYING = "retrying"
STANDINGS = {
    WebhookState.ACTIVE.value: "active",
    RETRYING: "failing, tried again",
    WebhookState.PAUSED.value: "paused",
    WebhookState.OFF.value: "switched off",
}
"""By state, in words: one that is active and has failed is retrying."""
_STANDING = Case(
    When(state=WebhookState.ACTIVE, failures__gt=0, then=Value(RETRYING)), default=F("state")
)


@dataclass(frozen=True, slots=True)
class Standing:
    """behind: events between its position and the last one. lag: seconds since the first of them
    was committed."""

    state: str
    behind: int
    lag: float

    @classmethod
    def of(cls, webhook: Webhook) -> Standing:
        return standings([webhook])[webhook.pk]


def standings(webhooks: Collection[Webhook]) -> dict[UUID, Standing]:
    """Return how these stand, by id."""
    rows = with_next(Webhook.objects.filter(pk__in=[webhook.pk for webhook in webhooks]))
    now = now_us()
    return {
        id_: Standing(
            state,
            max(0, (head or 0) - position),
            0.0 if next_us is None else max(0, now - next_us) / 1e6,
        )
        for id_, state, position, head, next_us in rows.values_list(
            "pk", "standing", "position", "head", "next_us"
        )
    }


def with_next(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate `standing`, `head` (of the log) and `next_us`: the time of the event after their
    position."""
    head = StreamHead.objects.filter(pk=OuterRef("log_id")).values("sequence")
    after = Event.objects.filter(
        organization_id=OuterRef("log_id"), sequence__gt=OuterRef("position")
    )
    annotated: QuerySet[Any] = rows.annotate(
        standing=_STANDING,
        head=Subquery(head),
        next_us=Subquery(after.order_by("sequence").values("at_us")[:1]),
    )
    return annotated


@metrics.gauge(
    "bos_webhooks",
    "Webhooks by `state`: `active`, `retrying` (the last request failed), `paused`, `off`.",
    "state",
    shared=True,
)
def _count() -> dict[str, float]:
    every: QuerySet[Any] = Webhook.objects.order_by()
    rows = every.annotate(standing=_STANDING).values_list("standing")
    found = dict(rows.annotate(Count("pk")))
    return {state: found.get(state, 0) for state in STANDINGS}


@metrics.gauge(
    "bos_webhook_lag_seconds",
    "Age of the oldest event that webhooks of a `state` have not passed: 0 where there is none.",
    "state",
    shared=True,
)
def _lag() -> dict[str, float]:
    rows = with_next(Webhook.objects.order_by()).values_list("standing")
    oldest = dict(rows.annotate(Min("next_us")))
    now = now_us()
    return {
        state: 0.0 if oldest.get(state) is None else max(0, now - oldest[state]) / 1e6
        for state in STANDINGS
    }
