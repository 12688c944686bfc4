"""The right to deliver to an endpoint: of one worker at a time, and it lapses with that worker.

Every change of an endpoint's position is an UPDATE that names the lease and the position before. So
a worker that was halted, and whose endpoint another one has taken over, changes nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Now

from bos.models import Webhook, WebhookState
from sync.models import StreamHead

NO_FAILURE = Case(When(state=WebhookState.ACTIVE, then=Value("")), default=F("reason"))
"""The reason of one that was taken: why it is not active is still true."""
LEASE = 6
"""Times the patience with a receiver: a request ends within that, and looking up its name does."""


def ahead(seconds: float) -> Combinable:
    """Return a time by the database's clock, which all workers share."""
    return Now() + timedelta(seconds=seconds)


def _lease_end() -> Combinable:
    return ahead(LEASE * settings.WEBHOOK_TIMEOUT)


def _free() -> Q:
    return Q(leased_until=None) | Q(leased_until__lt=Now())


def due() -> QuerySet[Webhook]:
    """Return the endpoints for which something may wait, and that no worker serves; of these the
    one that has waited for the longest is first."""
    further = StreamHead.objects.filter(pk=OuterRef("log_id"), sequence__gt=OuterRef("position"))
    rows: QuerySet[Webhook] = Webhook.objects.filter(
        _free(), Exists(further), state=WebhookState.ACTIVE, due_at__lte=Now()
    )
    return rows.order_by("due_at")


@dataclass(frozen=True, slots=True)
class Lease:
    webhook_id: UUID
    token: UUID

    @classmethod
    def claim(cls, webhook_id: UUID) -> Self | None:
        """Take the endpoint; None where nothing may be sent to it now, or another worker does."""
        lease = cls(webhook_id, uuid4())
        rows = Webhook.objects.filter(
            _free(), pk=webhook_id, state=WebhookState.ACTIVE, due_at__lte=Now()
        )
        return lease if rows.update(lease=lease.token, leased_until=_lease_end()) else None

    def webhook(self) -> Webhook | None:
        """Return the endpoint as it is now; None where nothing more may be sent to it by this."""
        active = self._rows().filter(state=WebhookState.ACTIVE)
        found: Webhook | None = active.select_related("account__user").first()
        return found

    def change(self, *, after: int, **values: Any) -> bool:
        """Change the endpoint, and keep it; False where it is another's, or stands elsewhere.

        after: its position, which somebody may have set meanwhile.
        """
        rows = self._rows().filter(position=after)
        return bool(rows.update(**{"leased_until": _lease_end()} | values))

    def change_active(self, *, after: int, **values: Any) -> bool:
        """As `change`; False also where somebody has switched it off meanwhile."""
        rows = self._rows().filter(position=after, state=WebhookState.ACTIVE)
        return bool(rows.update(**{"leased_until": _lease_end()} | values))

    def give_back(self) -> None:
        """Let others deliver, and other endpoints go first."""
        due_at = Greatest(F("due_at"), Now())
        self._rows().update(lease=None, leased_until=None, due_at=due_at)

    def _rows(self) -> QuerySet[Webhook]:
        rows: QuerySet[Webhook] = Webhook.objects.filter(pk=self.webhook_id, lease=self.token)
        return rows
