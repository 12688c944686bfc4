"""Base of the admin pages: an organization's admin sees and edits that organization only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import DateTimeField, DecimalField, ForeignKey, ManyToManyField, QuerySet
from django.forms import HiddenInput, ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from bos.adminsite.choosing import DepartmentField, Ways
from bos.adminsite.numbers import plain_number
from bos.adminsite.scope import has_tenant, sees_all, tenant_of
from bos.adminsite.zone import zone_name
from bos.history.page import history_page
from bos.ids import canonical_uuids
from bos.jobs.queue import require_room
from bos.models import Department, Organization, User
from bos.texts import one_form
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.eventlog.threads import in_batches, retry_on_conflict
from sync.protocol.errors import RateLimitExceeded

if TYPE_CHECKING:  # generic for the type checker only
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyTabularInline = admin.TabularInline[Any, Any]
else:
    # How every page looks: with django.contrib.admin here it is the stock admin.
    from unfold import admin as look

    AnyModelAdmin, AnyTabularInline = look.ModelAdmin, look.TabularInline


DELETED_AT_ONCE = 100
"""Rows of one transaction; what belongs to them comes along."""


class SearchForm(AutocompleteDropdownForm):
    """Names the chosen row where the user may know of it."""

    def __init__(self, request: HttpRequest, *args: Any, field: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, field=field, **kwargs)
        ways: Any = Ways(request)
        for choice in self.fields.values():
            choice.queryset = choices_of(field.remote_field.model, request)
            choice.label_from_instance = ways


class SearchFilter(AutocompleteSelectFilter):
    """Searches the rows of one's own organization when the user types; Django's own filter lists
    everybody's in each page."""

    form_class = SearchForm


def refuse_if_full(form: Any) -> None:
    """Refuse a form that has work done where too much waits for its organization already."""
    try:
        require_room(form.instance.organization_id)
    except RateLimitExceeded as full:
        form.add_error(None, full.message)


class Exact:
    """1500.0000 is shown as 1500."""

    def format_value(self, value: Any) -> Any:
        return plain_number(value) if isinstance(value, Decimal) else value


class ExactInput(Exact, UnfoldAdminDecimalFieldWidget):
    pass


class ExactHidden(Exact, HiddenInput):
    pass


class SearchOne(AutocompleteSelect):
    """A field that searches, shown again with what was posted: what can be no row's key is left
    out, of which the database would make an error instead of none."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        return super().optgroups(name, _keys(value), attr)


class SearchSeveral(AutocompleteSelectMultiple):
    """The same, for several."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        return super().optgroups(name, _keys(value), attr)


def _keys(value: Sequence[str]) -> list[str]:
    return [str(id_) for id_ in canonical_uuids([str(one) for one in value])]


class ZonedAdmin(AnyModelAdmin):
    """Pages whose forms take times in the zone of the user who looks, and say so.

    A time that comes twice there, or never, because clocks are changed, is refused by the form.
    """

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, DateTimeField) and field is not None:
            field.help_text = f"{field.help_text} In {zone_name()}.".strip()
        return field


class LockingAdmin(ZonedAdmin):
    """Pages that lock the row which they change or delete before they read it."""

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Leave out what a query would fill in that can be no row's key."""
        initial = super().get_changeform_initial_data(request)
        for field in (*self.model._meta.fields, *self.model._meta.many_to_many):
            if not isinstance(field, ForeignKey | ManyToManyField) or field.name not in initial:
                continue
            given = initial[field.name]
            try:
                for key in given if isinstance(given, list) else [given]:
                    field.target_field.to_python(key)
            except ValidationError:
                del initial[field.name]
        return initial

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """The row; where it is about to be changed, as it is once nobody else changes it.

        A form writes all of the row: what was committed between its reading and its writing would
        be written over with what was there before.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not connection.in_atomic_block:
            return row
        hold_rows(self.model, [row.pk], Lock.CHANGE, wait=True)
        return super().get_object(request, object_id, from_field)


class TenantAdmin(LockingAdmin):
    """Rows have an `organization`, and so have the rows that they refer to.

    A superuser sees every organization and chooses it when adding; everybody else has one.
    """

    tenant_field = "organization"
    out_of_sight = ""
    """The message about a row that exists, and is on no page any more."""
    formfield_overrides: ClassVar[Any] = {DecimalField: {"widget": ExactInput}}
    list_filter_submit = True
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if sees_all(request):
            return rows
        return rows.filter(**{self.tenant_field: tenant_of(request).pk})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for what was typed in the form in which names are stored."""
        return super().get_search_results(request, queryset, one_form(search_term))

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        exclude = tuple(super().get_exclude(request, obj) or ())
        return exclude if sees_all(request) else (*exclude, "organization")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A row stays in its organization: others refer to it there."""
        fields = tuple(super().get_readonly_fields(request, obj))
        moved = obj is not None and sees_all(request) and self.tenant_field == "organization"
        return (*fields, "organization") if moved else fields

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = tuple(super().get_list_filter(request))
        if not sees_all(request):
            filters = tuple(name for name in filters if name != "organization")
        return tuple(map(self._searching, filters))

    def _searching(self, name: Any) -> Any:
        """A superuser may have hundreds of organizations to choose from, too."""
        related = self.model._meta.get_field(name).related_model if isinstance(name, str) else None
        is_searched = has_tenant(related) or related is Organization
        return (name, SearchFilter) if is_searched else name

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = tuple(super().get_list_display(request))
        return columns if sees_all(request) else tuple(c for c in columns if c != "organization")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if has_tenant(db_field.related_model):
            kwargs["queryset"] = choices_of(db_field.related_model, request)
        if db_field.related_model is Department:
            kwargs |= {"form_class": DepartmentField, "ways": Ways(request)}
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", SearchOne(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if has_tenant(db_field.related_model):
            kwargs["queryset"] = choices_of(db_field.related_model, request)
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", SearchSeveral(db_field, self.admin_site))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        if sees_all(request) or obj is not None:
            return form
        tenant = tenant_of(request)

        class OfTenant(form):  # type: ignore[misc, valid-type]  # of a class that a call makes
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                # Before validation: whether references stay inside is checked against it.
                self.instance.organization = tenant

        return OfTenant

    # Somebody else's change that got in the way is found by the form when it is looked at again.

    @retry_on_conflict
    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(*args, **kwargs)

    @retry_on_conflict
    def changelist_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().changelist_view(*args, **kwargs)

    @retry_on_conflict
    def delete_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().delete_view(*args, **kwargs)

    def response_action(self, request: HttpRequest, *args: Any, **more: Any) -> Any:
        """Select nothing by what is no id: Django fails at it."""
        try:
            for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(selected)
        except ValidationError:
            self.message_user(request, "What was selected is not there.", messages.ERROR)
            return None
        return super().response_action(request, *args, **more)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete thousands of rows in batches, between which others write."""
        keys = list(queryset.values_list("pk", flat=True))
        for some in in_batches(keys, DELETED_AT_ONCE):
            super().delete_queryset(request, self.model._base_manager.filter(pk__in=some))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the authors of a row's changes; a deleted row has no other page any more."""
        if not hasattr(self.model, "history"):
            return super().history_view(request, object_id, extra_context)
        row = self.get_object(request, unquote(object_id))
        page = history_page(self, request, unquote(object_id), row)
        if page is None or not self.has_view_permission(request, row):
            return self.missing(request, object_id)
        return page

    def is_own_page(self, request: HttpRequest) -> bool:
        """Whether this is asked for a page of this model; else for one of what it belongs to.

        Rows that are not to be deleted by themselves are still deleted with what they belong to.
        """
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return match is not None and (match.url_name or "").startswith(own)

    def missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The answer for a row that is not there, and for another organization's."""
        django: Any = self  # its own method for that is not in the stubs
        answer: HttpResponse = django._get_obj_does_not_exist_redirect(
            request, self.opts, object_id
        )
        return answer

    # A user who may use the admin at all may do so with each row that `get_queryset` shows.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def choices_of(model: Any, request: HttpRequest) -> QuerySet[Any]:
    """Rows that this user may choose: of their organization, no machine and nobody who has been
    erased."""
    rows: QuerySet[Any] = model._default_manager.filter(**_those_there(model))
    return rows if sees_all(request) else rows.filter(organization=tenant_of(request))


def _those_there(model: Any) -> dict[str, Any]:
    return {"erased_at": None, "is_service": False} if model is User else {}
