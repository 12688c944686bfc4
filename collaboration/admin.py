"""Sessions with their participants and annotations in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from bos.adminsite.pages import register_pages
from bos.adminsite.tenant import LockingAdmin, TenantAdmin
from collaboration import admin_live, admin_notes
from collaboration.admin_notes import ReadOnlyInline
from collaboration.models import Annotation, Invitation, Participant, Session
from collaboration.services.sessions import session_end
from sync.eventlog.threads import in_batches

ENDED_AT_ONCE = 20
"""Sessions of one transaction, each with all who take part."""


class Participants(ReadOnlyInline):
    model = Participant
    fields = readonly_fields = ("user", "state", "state_since", "joined_at", "left_at")


class Annotations(ReadOnlyInline):
    model = Annotation
    fields = readonly_fields = ("author", "content", "content_type", "revision", "created_at")
    show_change_link = True


register_pages(admin_notes.PAGES)


@admin.register(Session)
class SessionAdmin(TenantAdmin):
    """People make sessions; an administrator watches them and may end one."""

    list_display = ("title", "host", "present", "created_at", "ended_at", "organization")
    list_filter = ("organization", "invitation_only", "end_reason")
    list_select_related = ("host", "organization")
    search_fields = ("title",)
    inlines = (Participants, Annotations)
    actions = ("end_sessions",)

    def get_urls(self) -> Any:
        return [*admin_live.urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        there = Count("participants", filter=Q(participants__left_at=None))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(present_count=there)
        return rows

    @admin.display(description="present", ordering="present_count")
    def present(self, session: Any) -> int:
        found: int = session.present_count
        return found

    @admin.action(description="End the selected sessions", permissions=["view"])
    def end_sessions(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        keys = list(sessions.filter(ended_at=None).values_list("pk", flat=True))
        ended = 0
        for some in in_batches(keys, ENDED_AT_ONCE):
            with transaction.atomic():
                running = Session.objects.filter(pk__in=some, ended_at=None).order_by("pk")
                for session in running.select_for_update():
                    session_end(session, reason="admin")
                    ended += 1
        self.message_user(request, f"{ended} sessions ended.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)


class OfSessionAdmin(LockingAdmin):
    """Rows that belong to a session, to read and to delete."""

    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        user: Any = request.user
        return rows if user.is_superuser else rows.filter(session__organization=user.organization)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invitation)
class InvitationAdmin(OfSessionAdmin):
    list_display = ("user", "session")
    list_select_related = ("user", "session")
