"""The box of those who are connected on the admin's front page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.models import Count, Q
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse

from bos.adminsite.panels import ONE_MORE, Line, Panel
from bos.adminsite.scope import tenant_of
from bos.ids import canonical_uuids
from bos.models import User
from collaboration.models import Session
from sync.gateway.roster import connected


def online(request: HttpRequest) -> Sequence[Line]:
    """Name those who are connected, longest first, and the sessions that run.

    Of the user's own organization: of a superuser who has none, the live picture asks which one.
    """
    organization = tenant_of(request)
    if organization is None:
        return [Line(text="Choose an organization", address=reverse("admin:live"))]
    leases = connected(str(organization.pk))
    if leases is None:
        text = "The connected users cannot be listed now: Redis does not answer."
        return [Line(text=text, tone="bad")]
    since = {lease.user_id: lease.since_us for lease in reversed(leases)}
    first = sorted(since, key=lambda id_: since[id_])[:ONE_MORE]
    users = User.objects.of(organization.pk).filter(pk__in=canonical_uuids(first))
    names = dict(users.values_list("pk", "name"))
    lines = [
        Line(
            text=name,
            note="since",
            at=datetime.fromtimestamp(since[str(pk)] / 1_000_000, UTC),
        )
        for pk, name in sorted(names.items(), key=lambda user: since[str(user[0])])
    ]
    return [*_sessions(organization.pk), *lines][:ONE_MORE]


def _sessions(organization_id: object) -> list[Line]:
    running = Session.objects.of(organization_id).filter(ended_at=None)
    counted = running.annotate(present=Count("participants", filter=Q(participants__left_at=None)))
    rows = counted.order_by("-present", "-created_at").values_list("pk", "title", "present")[:3]
    return [
        Line(
            text=f"Session “{title}”",
            address=reverse("admin:collaboration_session_change", args=(pk,)),
            note=f"{present} participant{pluralize(present)}",
        )
        for pk, title, present in rows
    ]


PANELS = (
    Panel(
        title="Online now",
        symbol="sensors",
        rows=online,
        order=20,
        empty="Nobody is connected.",
        page="admin:live",
    ),
)
