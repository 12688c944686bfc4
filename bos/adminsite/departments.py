"""The list of departments as the tree that it is, with what is in each, and below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR
from django.core.paginator import InvalidPage
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bos.adminsite.scope import scope_of
from bos.adminsite.tree import DepartmentTree
from bos.leaving.admin_departments import DepartmentDeletion
from bos.leaving.departments import Holding, counts_of, kinds_held

DEEPEST_SHOWN = 8
"""Farther to the right there is no room."""


def _column(holding: Holding) -> Callable[[Any], str]:
    """Show how many rows of this kind a department holds, and with those below it."""

    @admin.display(description=f"{holding.label} (with those below)")
    def column(department: Any) -> str:
        own, together = department.held[holding.name]
        return f"{own:,}" if own == together else f"{own:,} ({together:,})"

    return column


class DepartmentTreeAdmin(DepartmentDeletion):
    """The list is in the order of the tree; sorted by a column, it names the ways instead.

    A search keeps the departments above in sight, in grey: no action touches these.
    """

    list_display = ("place", "organization", "updated_at")

    def get_list_display(self, request: HttpRequest) -> Any:
        first, *others = super().get_list_display(request)
        return (first, *map(_column, kinds_held()), *others)

    @admin.display(description="name", ordering="name")
    def place(self, department: Any) -> SafeString:
        return format_html(
            '<span class="bos-depth{}" data-depth="{}" data-above="{}" title="{}">{}</span>',
            " bos-context" if department.is_context else "",
            min(department.depth, DEEPEST_SHOWN),
            department.path.removesuffix(department.shown_name),
            department.path,
            department.shown_name,
        )

    @admin.display(description=getattr(DepartmentDeletion.action_checkbox, "short_description", ""))
    def action_checkbox(self, obj: Any) -> SafeString:
        if getattr(obj, "is_context", False):
            return SafeString("")
        return super().action_checkbox(obj)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        base: Any = super().get_changelist(request, **kwargs)
        scope = scope_of(request)

        class InTree(base):  # type: ignore[misc]  # of a class that a call makes
            def get_results(self, request: HttpRequest) -> None:
                tree = DepartmentTree(None if scope is None else scope.pk)
                page: Any = self
                found = None
                if ORDER_VAR in request.GET:
                    super().get_results(request)
                    page.result_list = list(page.result_list)
                else:
                    found = _cut_out(page, request, tree)
                _place(page.result_list, tree, found)
                _count(page.result_list, tree, page.root_queryset)

        return InTree


def _cut_out(page: Any, request: HttpRequest, tree: DepartmentTree) -> set[Any]:
    """Set the page of the list that is asked for, in the order of the tree; what was found.

    What Django's `get_results` sets, is set here.
    """
    found = set(page.queryset.order_by().values_list("pk", flat=True))
    shown = tree.with_those_above(found)
    ids = [id_ for id_ in tree.depths if id_ in shown]
    paginator = page.model_admin.get_paginator(request, ids, page.list_per_page)
    page.result_count, page.full_result_count = paginator.count, len(tree.depths)
    page.show_full_result_count = page.show_admin_actions = True
    page.can_show_all = page.result_count <= page.list_max_show_all
    page.multi_page = page.result_count > page.list_per_page
    page.paginator = paginator
    if page.multi_page and not (page.show_all and page.can_show_all):
        try:
            ids = list(paginator.page(page.page_num).object_list)
        except InvalidPage:
            raise IncorrectLookupParameters from None
    related = page.root_queryset.select_related("organization")
    rows = {row.pk: row for row in related.filter(pk__in=ids)}
    page.result_list = [rows[id_] for id_ in ids if id_ in rows]  # one may be gone since
    return found


def _place(rows: Sequence[Any], tree: DepartmentTree, found: set[Any] | None) -> None:
    """found: without one, the list is no tree, and each row names its way."""
    for row in rows:
        row.path = tree.path(row.pk) or row.name
        row.is_context = found is not None and row.pk not in found
        row.depth = 0 if found is None else tree.depths.get(row.pk, 0)
        row.shown_name = row.path if found is None else row.name


def _count(rows: Sequence[Any], tree: DepartmentTree, departments: Any) -> None:
    for row in rows:
        row.held = {}
    for holding in kinds_held():
        own = counts_of(holding, departments)
        together = tree.sums(own)
        for row in rows:
            row.held[holding.name] = (own.get(row.pk, 0), together.get(row.pk, 0))
