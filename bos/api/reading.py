"""Everything that one may see, by GET: lists in pages, and each row by its id (decision D3).

    KPIS = Readable(name="kpis", model=Kpi, rows=..., filters=KpiFilters, ...)
    urlpatterns = [*paths(KPIS)]

A row is shown as the very struct that sync messages carry, by the entity's own `EntitySync`, and to
those who may see it by the same functions that decide about topics and snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import Model, Q, QuerySet
from django.http import HttpResponse
from django.urls import URLPattern, path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from bos.api import answers, shapes
from bos.api.answers import LAST_SEQUENCE, Room
from bos.api.parameters import (
    CursorField,
    TimeAndId,
    WholeField,
    cursor_of,
    described,
    require_valid,
)
from bos.auth.bearer import AuthenticatedPrincipal
from bos.ids import canonical_uuids
from bos.service.keys import Scope
from sync.eventlog import log
from sync.eventlog.capture import registered_for
from sync.eventlog.threads import reading
from sync.protocol.codecs import to_json
from sync.protocol.identity import Principal
from sync.reference.schemas import Schema

MOST_ROWS = 1_000
USUAL_ROWS = 100
READ_AT_ONCE = 100
"""A note may have 40 kB: with more, much would be read that does not fit into the answer."""

Rows = QuerySet[Any]


def by_id(rows: Rows, text: str) -> Rows:
    return rows.filter(pk__in=canonical_uuids([text]))


@dataclass(frozen=True, slots=True)
class Shown:
    """How rows are shown that are no entities of the log.

    name: of a row in the OpenAPI document. struct: with no other structs in it; data: makes it.
    """

    name: str
    struct: type
    data: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A kind of rows that are read at `/api/v1/<name>`, and each at `/api/v1/<name>/<id>`.

    rows: those that the principal may see now, from their organization on, joined with all that the
    entity's `data` reads. filters: what may be asked of a list. newest: the time by which a list
    is ordered, the latest first; empty: by id, so that it has no order to people, and a row that
    changes meanwhile keeps its place. named: the rows of a name in an address.
    shown: where they are no entities. one, many: in words. about: more of it, for the OpenAPI
    document.
    """

    name: str
    model: type[Model]
    rows: Callable[[Principal], Rows]
    filters: type[Any]
    one: str
    many: str
    newest: str = ""
    named: Callable[[Rows, str], Rows] = by_id
    shown: Shown | None = None
    about: str = ""

    def data(self, row: Any) -> Any | None:
        """Return what is shown of a row; None where it cannot be read."""
        if self.shown is not None:
            return self.shown.data(row)
        return registered_for(self.model).readable_data(row)

    @property
    def schema(self) -> Schema:
        if self.shown is not None:
            return shapes.inline(self.shown.struct)
        return shapes.entity_ref(self.row_name)

    @property
    def row_name(self) -> str:
        return registered_for(self.model).entity_type if self.shown is None else self.shown.name

    @property
    def place(self) -> Any:
        """The type of a place in its order."""
        return TimeAndId if self.newest else tuple[UUID]

    def place_of(self, row: Any) -> tuple[Any, ...]:
        return (getattr(row, self.newest), row.pk) if self.newest else (row.pk,)

    def ordered(self, rows: Rows, after: tuple[Any, ...] | None) -> Rows:
        """Put the rows into order, those after a place."""
        if not self.newest:
            return (rows if after is None else rows.filter(pk__gt=after[0])).order_by("pk")
        if after is not None:
            at, pk = after
            before = Q(**{f"{self.newest}__lt": at}) | Q(pk__lt=pk)
            rows = rows.filter(before, **{f"{self.newest}__lte": at})
        return rows.order_by(f"-{self.newest}", "-pk")


def paths(*readables: Readable) -> Iterator[URLPattern]:
    """Yield the addresses of these."""
    for readable in readables:
        yield path(readable.name, _listing(readable), name=readable.name)
        yield path(f"{readable.name}/<str:id>", _single(readable), name=f"{readable.name}-one")


# ------------------------------------------------------------------ views


class ReadingView(APIView):
    """Reads, by a key with the scope `read` or a person's token."""

    scope = Scope.READ

    @property
    def principal(self) -> Principal:
        return cast(AuthenticatedPrincipal, self.request.user).principal


class ListView(ReadingView):
    readable: Readable

    def get(self, request: Request) -> HttpResponse:
        given = request.query_params
        nothing = self.readable.model._default_manager.none()  # what is read comes later
        filters = self.readable.filters(given, queryset=nothing)
        page = _page_form(self.readable)(given)
        require_valid(given, page, filters.form)
        limit, after = page.cleaned_data["limit"], page.cleaned_data["cursor"]
        with reading():
            head = log.head(self.principal.organization_id)
            rows = filters.filter_queryset(self.readable.rows(self.principal))
            items, following = self._page(self.readable.ordered(rows, after), limit)
        response = answers.page_of(request, items, following)
        response[LAST_SEQUENCE] = str(head.sequence)
        return response

    def _page(self, rows: Rows, limit: int) -> tuple[list[bytes], str | None]:
        """Return the rows of a page as JSON, and the cursor of the next one.

        One that cannot be read is left out, as in a snapshot: it must not take away the others.
        """
        items: list[bytes] = []
        room, last, looked_at = Room(), None, 0
        for row in rows[: limit + 1].iterator(chunk_size=READ_AT_ONCE):
            data = self.readable.data(row)
            item = b"" if data is None else to_json(data)
            if looked_at == limit or not room.takes(item):
                return items, cursor_of(self.readable.place_of(last))
            if item:
                items.append(item)
            last, looked_at = row, looked_at + 1
        return items, None


class OneView(ReadingView):
    readable: Readable

    def get(self, request: Request, id: str) -> HttpResponse:
        require_valid(request.query_params)
        with reading():
            rows = self.readable.named(self.readable.rows(self.principal), id)
            row = rows.first()
        data = None if row is None else self.readable.data(row)
        if data is None:  # unknown, foreign or not to be seen: the same answer
            raise NotFound
        return answers.answer(request, to_json(data))


# ------------------------------------------------------------------ one view a kind of rows


@cache
def _page_form(readable: Readable) -> type[forms.Form]:
    fields = {
        "limit": WholeField(
            least=1,
            most=MOST_ROWS,
            initial=USUAL_ROWS,
            required=False,
            help_text="At most so many; a page ends at 2 MB, too.",
        ),
        "cursor": CursorField(
            readable.place, required=False, help_text="Where the page begins: see `next`."
        ),
    }
    return type("PageForm", (forms.Form,), fields)


def describe_listing(readable: Readable) -> Callable[[Any], Any]:
    """Return the decorator of a ListView that says what its GET answers."""
    filters = {name: one.field for name, one in readable.filters.base_filters.items()}
    parameters = [*described(filters), *described(_page_form(readable).base_fields)]
    order = "The latest first." if readable.newest else "In the order of their ids."
    return shapes.describe(
        operation_id=f"list_{readable.name.replace('-', '_')}",
        summary=f"List the {readable.many} that one may see",
        description=f"{order} {readable.about}".strip(),
        parameters=parameters,
        answer=shapes.page(readable.schema),
        headers=("ETag", "Link", LAST_SEQUENCE),
        refusals=(400, 401, 403),
    )


def describe_single(readable: Readable) -> Callable[[Any], Any]:
    """Return the decorator of a OneView that says what its GET answers."""
    return shapes.describe(
        operation_id=f"get_{readable.row_name}",
        summary=f"Read {readable.one}",
        description="The same 404 for one that is not there, and for one that is not yours to see.",
        parameters=[],
        answer=readable.schema,
        headers=("ETag",),
        refusals=(400, 401, 403, 404),
    )


def _listing(readable: Readable) -> Any:
    return _view(ListView, readable, describe_listing(readable))


def _single(readable: Readable) -> Any:
    return _view(OneView, readable, describe_single(readable))


def _view(base: type[ReadingView], readable: Readable, describe: Callable[[Any], Any]) -> Any:
    """Return the view of its own that the OpenAPI document wants for each operation."""
    name = f"{readable.name.title()}{base.__name__}"
    view = type(name, (base,), {"readable": readable, "__doc__": base.__doc__})
    return describe(view).as_view()
