"""Base of the admin pages: an organization's admin sees and edits that organization only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

if TYPE_CHECKING:  # generic for the type checker only
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class TenantFilter(admin.RelatedFieldListFilter):
    """Offers the rows of one's own organization; Django's own offers everybody's."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        limit = {"organization": _tenant(request)}
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=limit)


class TenantAdmin(AnyModelAdmin):
    """Rows have an `organization`, and so have the rows that they refer to.

    A superuser sees every organization and chooses it when adding; everybody else has one.
    """

    tenant_field = "organization"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if _sees_all(request) else rows.filter(**{self.tenant_field: _tenant(request)})

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        exclude = tuple(super().get_exclude(request, obj) or ())
        return exclude if _sees_all(request) else (*exclude, "organization")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A row stays in its organization: others refer to it there."""
        fields = tuple(super().get_readonly_fields(request, obj))
        moved = obj is not None and _sees_all(request) and self.tenant_field == "organization"
        return (*fields, "organization") if moved else fields

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = tuple(super().get_list_filter(request))
        if _sees_all(request):
            return filters
        return tuple(self._of_tenant(name) for name in filters if name != "organization")

    def _of_tenant(self, name: Any) -> Any:
        related = self.model._meta.get_field(name).related_model if isinstance(name, str) else None
        return (name, TenantFilter) if _has_tenant(related) else name

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = tuple(super().get_list_display(request))
        return columns if _sees_all(request) else tuple(c for c in columns if c != "organization")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if not _sees_all(request) and _has_tenant(db_field.related_model):
            related: Any = db_field.related_model
            kwargs["queryset"] = related._default_manager.filter(organization=_tenant(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if not _sees_all(request) and _has_tenant(db_field.related_model):
            related: Any = db_field.related_model
            kwargs["queryset"] = related._default_manager.filter(organization=_tenant(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        if _sees_all(request) or obj is not None:
            return form
        tenant = _tenant(request)

        class OfTenant(form):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                # Before validation: whether references stay inside is checked against it.
                self.instance.organization = tenant

        return OfTenant

    # Who may use the admin at all may do so with every row that `get_queryset` shows.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_staff(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_staff(request)


def _is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def _sees_all(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def _tenant(request: HttpRequest) -> Any:
    return request.user.organization  # type: ignore[union-attr]


def _has_tenant(model: Any) -> bool:
    is_model = isinstance(model, type) and issubclass(model, Model)
    return is_model and any(f.name == "organization" for f in model._meta.fields)
