"""How rows are named where one is chosen: departments by the way from the top."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest

from bos.adminsite.scope import scope_of
from bos.adminsite.tree import DepartmentTree
from bos.models import Department

if TYPE_CHECKING:  # generic for the type checker only
    AnyModelChoiceField = forms.ModelChoiceField[Any]
else:
    AnyModelChoiceField = forms.ModelChoiceField


class Ways:
    """Names departments by their ways: the tree is read once, and only where one is named."""

    def __init__(self, request: HttpRequest) -> None:
        self._scope = scope_of(request)

    @cached_property
    def _tree(self) -> DepartmentTree:
        return DepartmentTree(None if self._scope is None else self._scope.pk)

    def __call__(self, row: Any) -> str:
        return (self._tree.path(row.pk) or str(row)) if isinstance(row, Department) else str(row)


class DepartmentField(AnyModelChoiceField):
    """A choice of departments, each named by its way."""

    def __init__(self, *args: Any, ways: Ways, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ways = ways

    def label_from_instance(self, obj: Any) -> str:
        return self._ways(obj)


class Completions(AutocompleteJsonView):
    """Django's answers to what somebody types into a field that searches."""

    @cached_property
    def _ways(self) -> Ways:
        return Ways(self.request)

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        result: dict[str, str] = super().serialize_result(obj, to_field_name)
        return result | {"text": self._ways(obj)}


def completions(request: HttpRequest) -> Any:
    """Serve the address that all such fields ask, for those who may use the admin."""
    view = Completions.as_view(admin_site=admin.site)
    return admin.site.admin_view(view)(request)
