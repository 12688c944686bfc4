"""The page that shows the authors of one row's changes, and their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from bos.adminsite.numbers import plain_number
from bos.adminsite.phrases import GONE, OUTSIDE, shortened, source_words, subject
from bos.adminsite.scope import has_tenant, scope_of
from bos.adminsite.zone import shown_time
from bos.ids import canonical_uuids
from bos.models import Organization, User

if TYPE_CHECKING:
    from bos.adminsite.tenant import TenantAdmin

NOTHING = "-"
PAGE = 50
ARCHIVED = "archived at"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the page shows it; changes: (field, before, after). text: it in words."""

    at: datetime
    kind: str
    author: str
    source: str
    changes: list[tuple[str, str, str]]
    text: str


def history_page(
    page_of: TenantAdmin, request: HttpRequest, object_id: str, row: Any
) -> HttpResponse | None:
    """The changes of one row; None where this user may know of none."""
    kept: Any = page_of.model.history.model
    rows = (
        admin.site._registry[kept].get_queryset(request).filter(id__in=canonical_uuids([object_id]))
    )
    if row is None and not rows.exists():
        return None
    pages = Paginator(rows, PAGE)
    page = pages.get_page(request.GET.get(PAGE_VAR))
    shown = list(rows[page.start_index() - 1 : page.end_index() + 1]) if pages.count else []
    before = shown.pop() if len(shown) > len(page.object_list) else None
    named = row or rows.first()
    context = {
        **page_of.admin_site.each_context(request),
        "title": f"History: {getattr(named, 'name', named)}",
        "object_id": object_id,
        "entries": entries_of(shown, before, scope_of(request)),
        "page": page,
        "page_var": PAGE_VAR,
        "opts": page_of.opts,
        "row": row,
        "gone": _gone(page_of, object_id),
    }
    return TemplateResponse(request, "admin/bos/history.html", context)


def _gone(page_of: TenantAdmin, object_id: str) -> str:
    """Why there is no page of the row itself."""
    is_kept = page_of.model._base_manager.filter(pk__in=canonical_uuids([object_id])).exists()
    return page_of.out_of_sight if is_kept else "It has been deleted."


def entries_of(rows: Sequence[Any], before: Any, tenant: Organization | None) -> list[Entry]:
    """The rows, newest first; `before` is the one before them, if there is one.

    tenant: whose names may be shown; None: everybody's.
    """
    name_authors(rows, tenant)
    older = [*rows[1:], before]
    shown = _Names([*rows, *([before] if before else [])], tenant)
    return [_entry(row, _changes(row, old, shown)) for row, old in zip(rows, older, strict=True)]


def _entry(row: Any, changes: list[tuple[str, str, str]]) -> Entry:
    kind, source = row.get_history_type_display(), row.source
    return Entry(row.history_date, kind, row.author, source, changes, _in_words(row, changes))


def _in_words(row: Any, changes: list[tuple[str, str, str]]) -> str:
    """Say 'Alice changed target from 120 to 1234.5 in the admin'."""
    name = shortened(str(getattr(row, "name", "") or "it"))
    archived = next(((was, now) for field, was, now in changes if field == ARCHIVED), None)
    if row.history_type == "+":
        done = f"added {name}"
    elif row.history_type == "-":
        done = f"deleted {name}"
    elif archived is not None:
        done = f"{'archived' if archived[0] == NOTHING else 'restored'} {name}"
    elif len(changes) == 1 and any(changes[0][1:]):
        done = _in_full(*changes[0])
    else:
        done = f"changed {', '.join(field for field, _, _ in changes) or name}"
    return f"{subject(row.author)} {done} {source_words(row.source)}".rstrip()


def _in_full(field: str, before: str, after: str) -> str:
    if before == NOTHING:
        return f"set {field} to {shortened(after)}"
    if after == NOTHING:
        return f"emptied {field}, which was {shortened(before)}"
    return f"changed {field} from {shortened(before)} to {shortened(after)}"


def changes_between(
    pairs: Sequence[tuple[Any, Any]], tenant: Organization
) -> list[list[tuple[str, str, str]]]:
    """Of each row and the one before it, or None: (field, before, after), in words.

    tenant: whose names are shown.
    """
    shown = _Names([row for pair in pairs for row in pair if row is not None], tenant)
    return [_changes(row, old, shown) for row, old in pairs]


def _changes(row: Any, old: Any, shown: _Names) -> list[tuple[str, str, str]]:
    if row.history_type != "~":
        return []
    if old is None:
        return [(name, "", "") for name in row.changed.split(", ") if name]
    changes, named = [], set()
    for field in row.tracked_fields:
        if getattr(row, field.attname) != getattr(old, field.attname):
            named.add(str(field.verbose_name))
            changes.append((str(field.verbose_name), shown(old, field), shown(row, field)))
    # A password has no value here, only that it was changed.
    kept_secret = [name for name in row.changed.split(", ") if name and name not in named]
    return [*changes, *((name, "", "") for name in kept_secret)]


class _Names:
    """Values in words; references are looked up together, and within the tenant."""

    def __init__(self, rows: Iterable[Any], tenant: Organization | None) -> None:
        wanted: dict[type[Model], set[Any]] = defaultdict(set)
        for row in rows:
            for field in row.tracked_fields:
                if isinstance(field, ForeignKey) and getattr(row, field.attname) is not None:
                    wanted[field.related_model].add(getattr(row, field.attname))
        self._names: dict[tuple[type[Model], Any], str] = {}
        for model, ids in wanted.items():
            found: Any = model._base_manager.filter(pk__in=ids)
            if tenant is not None and has_tenant(model):
                found = found.filter(organization=tenant)
            elif tenant is not None:
                found = found.filter(pk=tenant.pk)
            self._names |= {(model, row.pk): str(row) for row in found}

    def __call__(self, row: Any, field: Any) -> str:
        value = getattr(row, field.attname)
        if value is None or value == "":
            return NOTHING
        if isinstance(field, ForeignKey):
            return self._names.get((field.related_model, value), GONE)
        if field.choices:
            return str(getattr(row, f"get_{field.name}_display")())
        if isinstance(value, datetime):
            return shown_time(value)
        return plain_number(value) if isinstance(value, Decimal) else str(value)


def name_authors(rows: Iterable[Any], tenant: Organization | None) -> None:
    """Give each row its `author` in words: also of who has been deleted, and of no other tenant."""
    ids = {row.history_user_id for row in rows}
    names = author_names(ids, tenant)
    for row in rows:
        row.author = names[row.history_user_id]


def author_names(ids: Iterable[str], tenant: Organization | None) -> dict[str, str]:
    """{actor id: name}; whoever is not of the tenant has none."""
    wanted = canonical_uuids(list(ids))
    users = User.objects.filter(pk__in=wanted)
    if tenant is not None:
        users = users.of(tenant.pk)
    here = {user.pk: str(user) for user in users}
    names = dict.fromkeys(ids, OUTSIDE if tenant else GONE)
    if missing := [id_ for id_ in wanted if id_ not in here]:
        gone = User.history.filter(id__in=missing)
        if tenant is not None:
            gone = gone.filter(organization=tenant)
        for id_, name in gone.order_by("history_date", "history_id").values_list("id", "name"):
            names[str(id_)] = f"{name} ({GONE})"
    names |= {str(id_): name for id_, name in here.items()}
    return names | {"system": "the system"}
