"""The page on which a department is deleted: it asks where goes what is in it (decision V6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from bos.adminsite.confirm import Button, Question, Section, ask, choice, list_of, page_of
from bos.adminsite.tenant import LockingAdmin, TenantAdmin
from bos.adminsite.tree import DepartmentTree
from bos.leaving.departments import (
    Holding,
    NotSaid,
    below,
    departments_delete,
    going_with,
    held,
    holdings_of,
    lock_tree,
)
from bos.models import Department, Organization
from sync.eventlog.threads import retry_on_conflict

NONE = "none"


class Destinations(forms.Form):
    """For each kind of rows that there are: into which department, or into none."""

    def __init__(
        self, *args: Any, organization: Organization, ids: Collection[UUID], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._ids = ids
        self._holdings: dict[str, Holding] = {}
        tree = DepartmentTree(organization.pk)
        rows: dict[UUID, Department] = Department.objects.of(organization.pk).in_bulk()
        self._departments = {
            str(pk): rows[pk] for pk in tree.depths if pk not in ids and pk in rows
        }
        in_a_circle = below(organization.pk, ids)
        for holding, count in holdings_of(ids):
            self._holdings[holding.name] = holding
            is_tree = holding.field == "parent"
            choices = [(NONE, "The top level" if is_tree else "No department")]
            choices += [
                (id_, tree.path(row.pk))
                for id_, row in self._departments.items()
                if not is_tree or row.pk not in in_a_circle
            ]
            label = f"{holding.label[0].upper()}{holding.label[1:]} ({count:,}) go to"
            self.fields[holding.name] = choice(label, choices)

    def clean(self) -> None:
        for name, holding in self._holdings.items():
            if self.cleaned_data.get(name) == NONE:
                reason = holding.without_one(held(holding, self._ids))
                if reason:
                    self.add_error(name, reason)

    def destinations(self) -> dict[str, Department | None]:
        return {name: self._departments.get(self.cleaned_data[name]) for name in self._holdings}


class DepartmentDeletion(TenantAdmin):
    """Mixin of the departments' pages."""

    actions = ("delete_selected",)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """The row; its form looks at the tree as it is once nobody else changes it."""
        if request.method == "POST" and connection.in_atomic_block:
            row = super(LockingAdmin, self).get_object(request, object_id, from_field)
            if row is not None:
                lock_tree(row.organization_id)
        return super().get_object(request, object_id, from_field)

    @retry_on_conflict
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        department = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, department):
            raise PermissionDenied
        if department is None:
            return self.missing(request, object_id)
        return self._delete(request, [department], back=page_of(self, department), hidden=[])

    @admin.action(description="Delete the selected departments", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, departments: QuerySet[Department]
    ) -> HttpResponse | None:
        chosen = list(departments.select_related("organization").order_by("name"))
        if len({department.organization_id for department in chosen}) > 1:
            self.message_user(request, "Choose those of one organization only.", messages.ERROR)
            return None
        again = [("_selected_action", str(department.pk)) for department in chosen]
        hidden = [("action", "delete_selected"), *again]
        return self._delete(request, chosen, back=list_of(self), hidden=hidden)

    def _delete(
        self,
        request: HttpRequest,
        departments: Sequence[Department],
        *,
        back: str,
        hidden: Sequence[tuple[str, str]],
    ) -> HttpResponse:
        ids = {department.pk for department in departments}
        organization = departments[0].organization
        posted = request.POST if request.POST.get("post") else None
        form = Destinations(posted, organization=organization, ids=ids)
        if form.is_valid():
            try:
                departments_delete(departments, form.destinations())
            except ValidationError as circle:
                self.message_user(request, " ".join(circle.messages), messages.ERROR)
                form = Destinations(organization=organization, ids=ids)
            except NotSaid as more:
                problem = f"Added to it meanwhile: {more}. Choose where these go, too."
                self.message_user(request, problem, messages.WARNING)
                form = Destinations(organization=organization, ids=ids)
            else:
                self.message_user(request, f"Deleted: {_names(departments)}.", messages.SUCCESS)
                return HttpResponseRedirect(list_of(self))
        return ask(self, request, _question(departments, ids, form, back, hidden))


def _question(
    departments: Sequence[Department],
    ids: Collection[UUID],
    form: Destinations,
    back: str,
    hidden: Sequence[tuple[str, str]],
) -> Question:
    text = ["What is in it is kept."]
    if form.fields:
        text.append(
            "Choose where it goes: those who may see it there see it at once, others lose it."
        )
    return Question(
        title=f"Delete {_names(departments)}?",
        text=text,
        sections=(
            Section("In it now", [(h.label, count) for h, count in holdings_of(ids)]),
            Section("Deleted with it", going_with(ids)),
        ),
        form=form,
        hidden=hidden,
        buttons=(Button("delete", "Move and delete" if form.fields else "Delete", "danger"),),
        back=back,
    )


def _names(departments: Sequence[Department]) -> str:
    return ", ".join(f"“{department}”" for department in departments)
