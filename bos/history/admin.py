"""The authors of changes, to read: of one row, and of all rows of a kind, also of deleted ones."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import TextFilter

from bos.adminsite.scope import scope_of
from bos.adminsite.tenant import TenantAdmin
from bos.history.page import name_authors
from bos.models import Department, Employee, Organization, User
from bos.texts import one_form
from sync.protocol.identity import SYSTEM

MOST_AUTHORS = 200
"""Of those whose names are like what was typed; of more, some are left out."""
THE_SYSTEM = ("system", "the system")


class AuthorFilter(TextFilter):
    """Those who have changed something here, by name, email or id: also those who have been deleted
    since."""

    title = "author"
    parameter_name = "by"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = one_form(self.value() or "")
        if not text:
            return queryset
        named = Q(name__icontains=text) | Q(email__icontains=text)
        users, kept = User.objects.filter(named), User.history.filter(named)
        if (tenant := scope_of(request)) is not None:
            users, kept = users.of(tenant.pk), kept.filter(organization=tenant)
        ids = {str(pk) for pk in users.values_list("pk", flat=True)[:MOST_AUTHORS]}
        ids |= {str(pk) for pk in kept.values_list("id", flat=True).distinct()[:MOST_AUTHORS]}
        if text.casefold() in THE_SYSTEM:
            ids.add(SYSTEM.user_id)
        return queryset.filter(history_user_id__in=[text, *ids])


class ChangesAdmin(TenantAdmin):
    """All changes of a kind of rows. Nothing here can be changed."""

    list_display: Any = (
        "history_date",
        "what",
        "history_type",
        "changed",
        "by",
        "source",
        "organization",
    )
    list_filter: ClassVar[Any] = (
        "organization",
        "history_type",
        "source",
        AuthorFilter,
        "history_date",
    )
    list_select_related: ClassVar[Any] = ("organization",)
    search_fields = ("name",)
    date_hierarchy = "history_date"
    show_full_result_count = False

    @admin.display(description="what")
    def what(self, row: Any) -> str:
        meta = row.instance_type._meta
        page = reverse(f"admin:{meta.app_label}_{meta.model_name}_history", args=(row.id,))
        return format_html('<a href="{}">{}</a>', page, row.name)

    @admin.display(description="by")
    def by(self, row: Any) -> str:
        return str(row.author)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        base: Any = super().get_changelist(request, **kwargs)
        tenant = scope_of(request)

        class WithAuthors(base):
            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                page: Any = self
                page.result_list = list(page.result_list)
                name_authors(page.result_list, tenant)

        return WithAuthors

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_exclude(request, obj), "history_change_reason")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OrganizationChangesAdmin(ChangesAdmin):
    tenant_field = "id"
    list_display: Any = ("history_date", "what", "history_type", "changed", "by", "source")
    list_filter: ClassVar[Any] = ("history_type", "source", AuthorFilter, "history_date")
    list_select_related: ClassVar[Any] = False

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("history_change_reason",)


PAGES = {Organization.history.model: OrganizationChangesAdmin} | dict.fromkeys(
    (kept.history.model for kept in (Department, Employee, User)), ChangesAdmin
)
