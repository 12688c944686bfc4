"""How the events of tenants and people read: see `bos.adminsite.words`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bos.adminsite.words import Happened, Wording, names_from, simply
from bos.history.page import author_names
from bos.models import Department, Employee, Notification, Organization


def _user_names(ids: Collection[str], tenant: Organization | None) -> Mapping[str, str]:
    return author_names(list(ids), tenant)


def _of_user(happened: Happened) -> str:
    """Say it of a user: the log only carries that somebody's rights have changed."""
    event = happened.event
    if event.source == "account" and event.actor_id == event.entity_id:
        return "changed how they sign in"  # all that one's own pages change of it
    if happened.kind == "updated":
        return f"changed what {happened.name} may do"
    return f"{happened.verb} the user {happened.name}"


def _of_notification(happened: Happened) -> str:
    reader = happened.topic("user")
    if happened.kind == "deleted":
        return f"{'read' if reader == happened.event.actor_id else 'ended'} “{happened.name}”"
    if happened.kind == "created":
        return f"notified {happened.name_of('user', reader)}: “{happened.name}”"
    return f"{happened.verb} the notification “{happened.name}”"


WORDS: Mapping[str, Wording] = {
    "organization": Wording(
        say=simply("the organization"), plural="organizations", names=names_from(Organization)
    ),
    "department": Wording(
        say=simply("the department"), plural="departments", names=names_from(Department)
    ),
    "employee": Wording(say=simply("the employee"), plural="employees", names=names_from(Employee)),
    "user": Wording(say=_of_user, plural="users", names=_user_names),
    "notification": Wording(
        say=_of_notification,
        plural="notifications",
        names=names_from(Notification, name="title"),
        topics=("user",),
        is_quiet=True,
    ),
    "sign_in": Wording(say=lambda _: "ended a sign-in", plural="sign-ins"),
    "service_key": Wording(say=lambda _: "revoked a key of a service account", plural="keys"),
    "connection": Wording(say=lambda _: "closed a connection", plural="connections"),
}
