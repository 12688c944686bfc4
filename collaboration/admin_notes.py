"""Notes in the admin: where they are, what is resolved, and an administrator's reply."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from bos.adminsite.confirm import Button, Question, Section, ask, page_of
from bos.adminsite.read_only import ReadOnlyAdmin
from bos.adminsite.scope import scope_of
from bos.adminsite.tenant import AnyModelAdmin, AnyTabularInline
from bos.models import User
from collaboration.models import Annotation, NotedThing
from collaboration.services.notes import (
    PARENT,
    delete_in_parts,
    note_reply,
    notes_resolve,
    where,
)
from sync.eventlog.cascade import below
from sync.eventlog.threads import retry_on_conflict
from sync.protocol.errors import RateLimitExceeded

LONGEST = 10_000


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("resolved", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("open", "resolved"):
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "open")


class ReadOnlyInline(AnyTabularInline):
    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Replies(ReadOnlyInline):
    model = Annotation
    fk_name = "parent"
    fields = readonly_fields = ("author", "content", "created_at")
    show_change_link = True
    verbose_name_plural = "replies"


class ReplyForm(forms.Form):
    content = forms.CharField(
        label="Reply",
        max_length=LONGEST,
        widget=UnfoldAdminTextareaWidget({"rows": 5}),
    )


class AnnotationAdmin(ReadOnlyAdmin):
    """People write notes; an administrator replies, resolves and deletes."""

    tenant_field = "session__organization"
    list_display = ("short", "author", "about", "life", "created_at")
    list_filter = (StateFilter, "thing", "session", "author")
    list_select_related = ("author", "session", "thing")
    search_fields = ("content",)
    ordering = ("-created_at",)
    actions = ("resolve_notes", "reopen_notes")
    inlines = (Replies,)
    fields = (
        "content",
        "author",
        "about",
        "life",
        "content_type",
        "parent",
        "mentioned",
        "resolved_at",
        "resolved_by",
        "revision",
        "created_at",
        "updated_at",
    )
    readonly_fields = ("about", "life", "mentioned")
    change_form_outer_before_template = "admin/bos/note_tools.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = AnyModelAdmin.get_queryset(self, request)
        scope = scope_of(request)
        found: QuerySet[Any] = rows if scope is None else rows.of(scope.pk)
        return found

    @admin.display(description="content", ordering="content")
    def short(self, note: Annotation) -> str:
        return str(note)

    @admin.display(description="about")
    def about(self, note: Annotation) -> str:
        words = where(note.place)
        return words[0].upper() + words[1:]

    @admin.display(description="state", ordering="resolved_at")
    def life(self, note: Annotation) -> str:
        state = "Open" if note.resolved_at is None else "Resolved"
        is_archived = note.thing is not None and note.thing.archived
        return f"{state}, of something archived" if is_archived else state

    @admin.display(description="mentions")
    def mentioned(self, note: Annotation) -> str:
        users = User.objects.of(note.place.organization_id).filter(pk__in=note.mentions)
        return ", ".join(user.name for user in users) or "-"

    def get_urls(self) -> Any:
        def own(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        name = "collaboration_annotation"
        return [
            path("<uuid:id_>/reply/", own(self.reply_view), name=f"{name}_reply"),
            path(
                "<uuid:id_>/resolve/", own(require_POST(self.resolve_view)), name=f"{name}_resolve"
            ),
            *super().get_urls(),
        ]

    @retry_on_conflict
    def reply_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        note, user = self._one(request, id_), self._user(request)
        if user.organization_id != note.place.organization_id:
            raise PermissionDenied  # a superuser's name is none of the organization's
        form = ReplyForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                content = form.cleaned_data["content"].replace("\r\n", "\n")
                reply = note_reply(note, content, user=user)
            except RateLimitExceeded as full:
                form.add_error("content", full.message)
            else:
                if reply is not None:
                    self.message_user(request, "Your reply is sent.", messages.SUCCESS)
                    return HttpResponseRedirect(page_of(self, note))
                form.add_error("content", "It is archived: nobody adds a note to it any more.")
        question = Question(
            title="Reply to this note",
            text=[note.content],
            sections=(
                Section(f"Written by {note.author or 'System'}", [(self.about(note), None)]),
            ),
            form=form,
            buttons=(Button("reply", "Send the reply"),),
            back=page_of(self, note),
        )
        return ask(self, request, question)

    @retry_on_conflict
    def resolve_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Resolve a note, or open it again, as the buttons of its page say."""
        note = self._one(request, id_)
        self._resolve(request, [note.pk], resolved=request.POST.get("act") != "reopen")
        return HttpResponseRedirect(page_of(self, note))

    @admin.action(description="Resolve the selected notes", permissions=["view"])
    def resolve_notes(self, request: HttpRequest, notes: QuerySet[Any]) -> None:
        self._resolve(request, list(notes.values_list("pk", flat=True)), resolved=True)

    @admin.action(description="Open the selected notes again", permissions=["view"])
    def reopen_notes(self, request: HttpRequest, notes: QuerySet[Any]) -> None:
        self._resolve(request, list(notes.values_list("pk", flat=True)), resolved=False)

    def _resolve(self, request: HttpRequest, keys: list[UUID], *, resolved: bool) -> None:
        count = notes_resolve(keys, user=self._user(request), resolved=resolved)
        done = "resolved" if resolved else "open again"
        self.message_user(request, f"{count} note{pluralize(count)} {done}.", messages.SUCCESS)

    def _one(self, request: HttpRequest, id_: UUID) -> Annotation:
        note: Annotation | None = self.get_queryset(request).filter(pk=id_).first()
        if note is None:
            raise Http404
        return note

    def _user(self, request: HttpRequest) -> User:
        user: Any = request.user  # nobody anonymous gets here
        found: User = user
        return found

    # Replies go before what they reply to, in parts: others' changes come through between two.

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        if request.POST:  # the user has confirmed it
            note = self.get_object(request, unquote(object_id))
            if note is not None and self.has_delete_permission(request, note):
                delete_in_parts(below(PARENT, [note]))
        return super().delete_view(request, object_id, *args, **kwargs)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        notes = list(queryset)
        delete_in_parts([*notes, *below(PARENT, notes)])


class NotedThingAdmin(ReadOnlyAdmin):
    """Lists the KPIs and departments that have notes; the filter of the notes searches here."""

    list_display = ("name", "entity_type", "listed", "archived", "organization")
    list_filter = ("organization", "entity_type", "archived")
    list_select_related = ("organization",)
    search_fields = ("name",)
    fields = ("name", "entity_type", "listed", "archived")
    readonly_fields = ("listed",)

    @admin.display(description="notes", ordering="notes")
    def listed(self, thing: NotedThing) -> str:
        address = (
            f"{reverse('admin:collaboration_annotation_changelist')}?thing__id__exact={thing.pk}"
        )
        return format_html('<a class="bos-link" href="{}">{}</a>', address, thing.notes)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)


PAGES = {Annotation: AnnotationAdmin, NotedThing: NotedThingAdmin}
