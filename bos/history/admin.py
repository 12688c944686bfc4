"""The authors of changes, to read: of one row, and of all rows of a kind, also of deleted ones."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from bos.adminsite.scope import scope_of
from bos.adminsite.tenant import TenantAdmin
from bos.history.page import author_names, name_authors
from bos.models import Department, Employee, Organization, User

MOST_AUTHORS = 200


class AuthorFilter(admin.SimpleListFilter):
    """Those who have changed something here."""

    title = "author"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ids = model_admin.get_queryset(request).order_by().values_list("history_user_id", flat=True)
        tenant = scope_of(request)
        authors = list(ids.distinct()[:MOST_AUTHORS])
        names = author_names(authors, tenant)
        return sorted(((id_, names[id_]) for id_ in authors), key=lambda author: author[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(history_user_id=self.value())


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
