"""The log in the admin, in words. Nothing in it can be changed."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bos.adminsite.phrases import SOURCES
from bos.adminsite.scope import scope_of, sees_all
from bos.adminsite.tenant import AnyModelAdmin, is_staff
from bos.adminsite.words import tell, time_of, wordings
from bos.adminsite.zone import exact_time
from sync.models import Event
from sync.protocol.topics import names_of

PAGE = 50


class _Known(admin.SimpleListFilter):
    """Offers what there can be: to ask the log what there is, all of it would be read."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(**{str(self.parameter_name): self.value()})


class EntityFilter(_Known):
    title = "what"
    parameter_name = "entity_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = {entity_type: wording.plural for entity_type, wording in wordings().items()}
        return sorted(named.items(), key=lambda one: one[1].lower())


class ChangeFilter(_Known):
    title = "change"
    parameter_name = "change_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in ("created", "updated", "deleted")]


class SourceFilter(_Known):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(source, words or "the system") for source, words in SOURCES.items()]


class EventAdmin(AnyModelAdmin):
    list_display = ("text", "time", "source", "sequence")
    list_filter = (EntityFilter, ChangeFilter, SourceFilter)
    list_filter_submit = True
    list_per_page = PAGE
    search_fields = ("=entity_id", "=actor_id")
    search_help_text = "The id of what has changed, or of the user who changed it"
    show_full_result_count = False
    fields: ClassVar[Any] = (
        "text",
        "time",
        "sequence",
        "source",
        "entity_type",
        "entity_id",
        "change_type",
        "actor_id",
        "channels",
        "everything",
    )
    readonly_fields = ("text", "time", "channels", "everything")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The newest first, by an index: of one log, or of all."""
        return ("-pk",) if sees_all(request) else ("-sequence",)

    @admin.display(description="what happened")
    def text(self, event: Any) -> str:
        return str(getattr(event, "told", ""))

    @admin.display(description="time", ordering="at_us")
    def time(self, event: Event) -> SafeString:
        return format_html('<span class="bos-time">{}</span>', exact_time(time_of(event)))

    @admin.display(description="channels")
    def channels(self, event: Event) -> str:
        return ", ".join(names_of(event)) or "-"

    @admin.display(description="as it is stored")
    def everything(self, event: Event) -> SafeString:
        parts = (("data", event.data), (event.live_type, event.live), ("rights", event.access))
        shown = {name or "live": _readable(text) for name, text in parts if text}
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        return format_html(
            '<details><summary>JSON</summary><pre class="bos-json">{}</pre></details>', text
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        base: Any = super().get_changelist(request, **kwargs)
        tenant = scope_of(request)

        class InWords(base):  # type: ignore[misc]  # of a class that a call makes
            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                page: Any = self
                page.result_list = list(page.result_list)
                for told in tell(page.result_list, tenant):
                    told.event.told = told.text  # type: ignore[attr-defined]  # for this list

        return InWords

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        event = super().get_object(request, object_id, from_field)
        if event is not None:
            event.told = tell([event], scope_of(request))[0].text
        return event

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        rows = super().get_queryset(request)
        scope = scope_of(request)
        return rows if scope is None else rows.filter(organization_id=str(scope.pk))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _readable(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


PAGES = {Event: EventAdmin}
