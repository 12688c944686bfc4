"""Organizations, departments, employees, users and the event log in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from bos.adminsite import events
from bos.adminsite.attached import ThingAdmin
from bos.adminsite.departments import DepartmentTreeAdmin
from bos.adminsite.pages import register_pages
from bos.adminsite.tenant import TenantAdmin
from bos.history import admin as history
from bos.identity import admin as identity
from bos.imports import admin as imports
from bos.imports.admin import ExportAdmin
from bos.imports.resources import EmployeeResource
from bos.jobs import admin as jobs
from bos.leaving.admin_organizations import OrganizationDeletion
from bos.leaving.admin_people import EmployeeErasure, Leaving, UserForm
from bos.models import Department, Employee, Notification, Organization, User
from bos.outside import admin as outside
from bos.people.admin import People
from bos.service import admin as service
from bos.webhooks import admin as webhooks

admin.site.index_title = "Administration"
# The pages that come with them.
admin.site.unregister((Group, *jobs.PAGES, *identity.foreign_pages()))
for pages in (
    events.PAGES,
    history.PAGES,
    identity.PAGES,
    imports.PAGES,
    jobs.PAGES,
    outside.PAGES,
    service.PAGES,
    webhooks.PAGES,
):
    register_pages(pages)


@admin.register(Organization)
class OrganizationAdmin(OrganizationDeletion):
    list_display = ("name", "updated_at")
    search_fields = ("name",)
    tenant_field = "pk"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = Organization.objects.all()
        user: Any = request.user
        return rows if user.is_superuser else rows.filter(pk=user.organization_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        return super(TenantAdmin, self).get_form(request, obj, change, **kw)


@admin.register(Department)
class DepartmentAdmin(DepartmentTreeAdmin, ThingAdmin):
    entity_type = "department"
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name",)
    autocomplete_fields = ("parent",)
    change_form_outer_before_template = "admin/bos/thing_tools.html"


@admin.register(Employee)
class EmployeeAdmin(EmployeeErasure, ExportAdmin):
    import_kind = "employees"
    resource = EmployeeResource
    list_display = ("name", "title", "department", "email", "organization")
    list_filter = ("organization", "department")
    list_select_related = ("department", "organization")
    search_fields = ("name", "email", "title")
    autocomplete_fields = ("department", "user")


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name", "role", "organization")


@admin.register(User)
class UserAdmin(
    identity.FactorReset,
    People,
    Leaving,
    DjangoUserAdmin,  # type: ignore[type-arg]  # generic in the stubs only
):
    actions: Any = (*People.actions, *Leaving.actions)
    list_display = (
        "email",
        "name",
        "role",
        "is_active",
        "last_login",
        "invitation",
        "organization",
    )
    list_filter = ("role", "is_active", "organization")
    list_select_related = ("organization", "employee", "account_link")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    readonly_fields = ("last_login",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ["email", "name", "role", "is_active", "last_login"]
        if request.user.is_superuser:
            fields += ["organization", "is_superuser"]
        if obj is not None:
            return ((None, {"fields": ("password", *fields)}),)
        new = [f for f in fields if f not in ("is_active", "last_login", "is_superuser")]
        return ((None, {"fields": (*new, "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Unlike other rows a user may move: their tokens of the old organization are void then.
        return self.readonly_fields

    # With a superuser's password an organization's admin would see every organization.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_edit(request, obj)


def _may_edit(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or bool(request.user.is_superuser)


@admin.register(Notification)
class NotificationAdmin(TenantAdmin):
    """Messages that users were sent, to read."""

    list_display = ("title", "user", "category", "created_at", "read_at", "organization")
    list_filter = ("organization", "category")
    list_select_related = ("user", "organization")
    search_fields = ("title", "user__email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
