"""The live picture: who of an organization is connected, which sessions run, and how to end it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe

from bos.adminsite.scope import sees_all, tenant_of
from bos.ids import canonical_uuids
from bos.models import Organization, User
from collaboration.models import Participant, Session
from collaboration.services.sessions import session_end
from sync.gateway.roster import Lease, connected, disconnect

MOST_PEOPLE = 200


@dataclass(slots=True)
class Connected:
    """A connection: since when, on which process."""

    id: str
    since: datetime
    process: str


@dataclass(slots=True)
class Person:
    """A connected user with the sessions that they take part in."""

    user: User
    may_revoke: bool
    connections: list[Connected] = field(default_factory=list)
    participations: list[Participant] = field(default_factory=list)


def urls() -> list[URLPattern]:
    def page(view: Callable[..., HttpResponse]) -> Any:
        return admin.site.admin_view(view)

    return [
        path("live/", page(require_safe(live)), name="live"),
        path("live/picture/", page(require_safe(picture)), name="live_picture"),
        path("live/disconnect/", page(require_POST(disconnect_view)), name="live_disconnect"),
        path("live/revoke/", page(require_POST(revoke_view)), name="live_revoke"),
        path("live/end/", page(require_POST(end_view)), name="live_end"),
    ]


# ------------------------------------------------------------------ to look at


def live(request: HttpRequest) -> HttpResponse:
    organization = _organization(request)
    everybodys = Organization.objects.all() if sees_all(request) else ()
    context = {
        **admin.site.each_context(request),
        **_picture(request, organization),
        "title": "Live",
        "organizations": everybodys,
    }
    return TemplateResponse(request, "admin/bos/live.html", context)


def picture(request: HttpRequest) -> HttpResponse:
    """Show the part of the page that changes; it is asked for every few seconds."""
    context = _picture(request, _organization(request))
    return TemplateResponse(
        request, "admin/bos/live_picture.html", context, headers={"Cache-Control": "no-store"}
    )


def _organization(request: HttpRequest) -> Organization:
    """One's own; a superuser chooses. Raises Http404 for one that is not there."""
    if not sees_all(request):
        own: Organization = tenant_of(request)
        return own
    asked = request.GET.get("organization") or request.POST.get("organization")
    rows = (
        Organization.objects.filter(pk__in=canonical_uuids([asked]))
        if asked
        else Organization.objects
    )
    found: Organization | None = rows.order_by("name").first()
    if found is None:
        raise Http404
    return found


def _picture(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    leases = connected(str(organization.pk))
    people = _people(organization, leases or [], by_superuser=sees_all(request))
    present = Participant.objects.filter(left_at=None).select_related("user").order_by("joined_at")
    sessions = (
        Session.objects.of(organization.pk)
        .filter(ended_at=None)
        .select_related("host")
        .prefetch_related(Prefetch("participants", queryset=present, to_attr="present"))
    )
    return {
        "organization": organization,
        "is_known": leases is not None,
        "connection_count": len(leases or ()),
        "people_count": len(people),
        "people": people[:MOST_PEOPLE],
        "sessions": list(sessions),
    }


def _people(
    organization: Organization, leases: Iterable[Lease], *, by_superuser: bool
) -> list[Person]:
    """Longest connected first."""
    by_user: dict[str, list[Lease]] = defaultdict(list)
    for lease in leases:
        by_user[lease.user_id].append(lease)
    present = Participant.objects.filter(left_at=None, session__ended_at=None)
    users = User.objects.of(organization.pk).filter(pk__in=canonical_uuids(by_user))
    with_sessions = users.prefetch_related(
        Prefetch(
            "participations", queryset=present.select_related("session"), to_attr="taking_part"
        )
    )
    found = {str(user.pk): user for user in with_sessions}
    return [
        Person(
            user=found[user_id],
            may_revoke=by_superuser or not found[user_id].is_superuser,
            connections=[_connection(lease) for lease in of_user],
            participations=found[user_id].taking_part,
        )
        for user_id, of_user in by_user.items()
        if user_id in found
    ]


def _connection(lease: Lease) -> Connected:
    since = datetime.fromtimestamp(lease.since_us / 1_000_000, UTC)
    return Connected(lease.connection_id, since, lease.process)


# ------------------------------------------------------------------ to act


def disconnect_view(request: HttpRequest) -> HttpResponse:
    """Close one connection, or all of a user: with 4403, so that no client comes back by itself."""
    organization = _organization(request)
    leases = connected(str(organization.pk)) or []
    chosen = (request.POST.get("connection"), request.POST.get("user"))
    ids = [lease.connection_id for lease in leases if _is_chosen(lease, *chosen)]
    with transaction.atomic():
        disconnect(str(organization.pk), ids)
    return _done(request, organization, f"{len(ids)} connections closed." if ids else "")


def _is_chosen(lease: Lease, connection_id: str | None, user_id: str | None) -> bool:
    return lease.connection_id == connection_id or lease.user_id == user_id


def revoke_view(request: HttpRequest) -> HttpResponse:
    """End a user's tokens and connections: they must sign in again (decision A5)."""
    organization = _organization(request)
    users = User.objects.of(organization.pk).filter(
        pk__in=canonical_uuids([request.POST.get("user", "")])
    )
    if not sees_all(request):
        users = users.filter(is_superuser=False)
    revoked = users.update(token_version=F("token_version") + 1)
    return _done(request, organization, "The user must sign in again." if revoked else "")


def end_view(request: HttpRequest) -> HttpResponse:
    organization = _organization(request)
    with transaction.atomic():
        session = (
            Session.objects.of(organization.pk)
            .filter(pk__in=canonical_uuids([request.POST.get("session", "")]), ended_at=None)
            .select_for_update()
            .first()
        )
        if session is not None:
            session_end(session, reason="admin")
    return _done(request, organization, "The session has ended." if session else "")


def _done(request: HttpRequest, organization: Organization, done: str) -> HttpResponse:
    """Nothing done is told in one way: it was over already, or it is somebody else's."""
    level = messages.SUCCESS if done else messages.WARNING
    messages.add_message(request, level, done or "This has already ended.")
    chosen = f"?organization={organization.pk}" if sees_all(request) else ""
    return HttpResponseRedirect(reverse("admin:live") + chosen)
