"""Stored notifications leave the socket: each to its user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from django.urls import reverse

from bos.ids import canonical_uuids
from bos.models import Choice, Notification, User
from bos.outside.sources import Category, Letter, Source, Told, Withheld, category_of
from sync.eventlog.log import LoggedEvent


class NotificationSource(Source):
    entity_type: ClassVar[str] = "notification"

    def told(self, organization_id: str, events: Sequence[LoggedEvent]) -> Iterable[Told]:
        """Yield those that were made and that nobody has read since."""
        ids = [event.entity_id for event in events if event.change_type == "created"]
        unread = Notification.objects.of(organization_id).filter(pk__in=ids, read_at=None)
        for row in unread.order_by("created_at", "pk"):
            person = (row.user_id, category_of(row).name)
            yield Told(entity_id=str(row.pk), moment="notified", people=[person])

    def letter(
        self, organization_id: UUID, entity_id: str, moment: str, user: User | None
    ) -> Letter:
        own = Notification.objects.of(organization_id).filter(user=user)
        row = own.filter(pk__in=canonical_uuids([entity_id])).select_related("user").first()
        if row is None:
            raise Withheld("It is not there any more.")
        if row.read_at is not None:
            raise Withheld("It was read before it was sent.")
        category = category_of(row)
        category.require(row)
        return Letter(
            title=row.title,
            text=row.message,
            path=category.path(row),
            severity=str(row.data.get("severity", "")),
        )


DELIVERY_FAILED = "delivery_failed"


def _failed_work(notification: Notification) -> str:
    import_id = notification.data.get("importId")
    if import_id is not None:
        return reverse("admin:bos_import_change", args=(import_id,))
    if notification.category == DELIVERY_FAILED:
        return reverse("admin:bos_delivery_changelist")
    webhook_id = notification.data.get("webhookId")
    if webhook_id is not None:
        return reverse("admin:bos_webhook_change", args=(webhook_id,))
    return "/"


FAILURES = Category(
    name="failure",
    title="Reports, imports, connectors, forecasts, deliveries and webhooks that have failed",
    reason="you have asked for it, or you are an administrator",
    email=Choice.DAILY,
    notifications=frozenset(
        {
            "report_failed",
            "prediction_failed",
            "import_failed",
            "connector_failed",
            DELIVERY_FAILED,
            "webhook_failed",
        }
    ),
    path=_failed_work,
)
