"""Messages that leave: made of the log and sent, as a worker does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from bos.entities import NotificationSubject
from bos.models import Choice, Delivery, Medium, Notification, User
from bos.notifying import notify
from bos.outside.preferences import choose
from bos.outside.sending import send_due
from bos.outside.sources import category_named
from sync.eventlog.processors import advance
from tests.support.cast import Cast, Person

FAILURES = "failure"


def work(cast: Cast) -> None:
    """Process all that has happened, and send what is due at home."""
    make()
    send_due(cast.home.id)


def make() -> None:
    while advance():
        pass


def tell(person: Person, title: str = "Your import failed", message: str = "") -> Notification:
    """Notify somebody; by default it is told once a day by mail."""
    user = person.user
    assert user.organization_id is not None
    notify(
        [user],
        user.organization_id,
        category="import_failed",
        title=title,
        message=message,
        about=NotificationSubject(import_id="6f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e"),
    )
    made: Notification = Notification.objects.filter(user=user).latest("created_at")
    return made


def at_once(person: Person, category: str = FAILURES, medium: str = Medium.EMAIL) -> User:
    """Let the person have these at once."""
    choose(person.user, category_named(category), medium, Choice.AT_ONCE)
    return person.user


def deliveries(cast: Cast, **which: Any) -> list[Delivery]:
    return list(Delivery.objects.of(cast.home.id).filter(**which).order_by("created_at", "pk"))


def delivery(cast: Cast, **which: Any) -> Delivery:
    [found] = deliveries(cast, **which)
    return found


def make_due(cast: Cast) -> None:
    """Let the time have come for all that is to be tried again."""
    Delivery.objects.of(cast.home.id).filter(state="waiting").update(next_at=timezone.now())


def age(cast: Cast, by: timedelta) -> None:
    """Let all of it have happened so long ago."""
    for row in Delivery.objects.of(cast.home.id):
        Delivery.objects.filter(pk=row.pk).update(
            created_at=row.created_at - by,
            began_at=row.began_at - by,
            next_at=row.next_at - by,
        )
