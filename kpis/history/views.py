"""`GET /api/v1/kpis/<id>/values`: what a KPI has been (decision D3)."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as RequestRefused
from rest_framework.request import Request

from bos.api import answers, shapes
from bos.api.parameters import (
    CursorField,
    MomentField,
    TimeAndNumber,
    WholeField,
    WordField,
    begin_of,
    cursor_of,
    described,
    end_of,
    require_valid,
)
from bos.api.reading import ReadingView
from kpis.history.pages import turn
from kpis.history.steps import Aggregate, Asked, MeasuredValue, Place, Step, StepValue, points_of
from kpis.reading import KPIS
from sync.eventlog.threads import reading
from sync.protocol.codecs import to_json

MOST_POINTS = 10_000
USUAL_POINTS = 1_000
# Places alone: what tzdata has besides (`Etc/GMT+10`, `posixrules`) means something else to one
# database or the other, or nothing.
_ZONE = re.compile(r"(?!Etc/)[A-Z][A-Za-z_]+(/[A-Za-z][A-Za-z0-9_+-]*){1,2}")
NO_ZONE = "A zone of the IANA database, like Europe/Berlin; or UTC."
IN_UTC = (Step.RAW, Step.HOUR)
"""Steps that no zone moves."""


class ZoneField(forms.Field):
    schema: ClassVar[dict[str, Any]] = {"type": "string", "default": "UTC"}

    def to_python(self, value: Any) -> Any:
        if value in (None, "", "UTC"):
            return UTC
        try:
            return ZoneInfo(value) if _ZONE.fullmatch(value) else self._refuse()
        except (OSError, KeyError, ValueError):  # a folder of the database; not in it
            return self._refuse()

    def _refuse(self) -> Any:
        raise ValidationError(NO_ZONE)


class _ValuesForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        asked = self.cleaned_data
        zone, begin, end = asked.get("tz", UTC), asked.get("from"), asked.get("to")
        first = asked["begin"] = None if begin is None else begin_of(begin, zone)
        last = asked["end"] = None if end is None else end_of(end, zone)
        if first is not None and last is not None and first >= last and begin != end:
            self.add_error("to", "It is before `from`.")
        if zone is not UTC and asked.get("step") in IN_UTC:
            self.add_error("tz", "Of days, weeks and months: hours are the same everywhere.")
        if asked.get("step") == Step.RAW and "aggregate" in self.data:
            self.add_error("aggregate", "`step=raw` is each value as it is.")
        return asked


_FIELDS: dict[str, forms.Field] = {
    "from": MomentField(required=False, help_text="From this time on, or this day."),
    "to": MomentField(required=False, help_text="Before this time, or until this day is over."),
    "step": WordField(
        Step, initial=Step.RAW, required=False, help_text="`raw`: each value as it is."
    ),
    "aggregate": WordField(
        Aggregate, initial=Aggregate.LAST, required=False, help_text="The figure of each step."
    ),
    "tz": ZoneField(
        required=False, help_text="The zone whose days, weeks and months these are: Europe/Berlin."
    ),
    "limit": WholeField(
        least=1,
        most=MOST_POINTS,
        initial=USUAL_POINTS,
        required=False,
        help_text="At most so many. A page may have fewer, though there are more.",
    ),
    "cursor": CursorField(
        TimeAndNumber, required=False, help_text="Where the page begins: see `next`."
    ),
}
# One of them is called `from`.
ValuesForm: type[_ValuesForm] = type("ValuesForm", (_ValuesForm,), _FIELDS)


@shapes.describe(
    operation_id="list_kpi_values",
    summary="Read the values of a KPI",
    description=(
        "Each value, or a figure for each hour, day, week (from Monday) or month that has values,"
        " the oldest first. `id` is the KPI's id or key. A step counts what it has between `from`"
        " and `to`, and is called by its beginning."
    ),
    parameters=[*described(ValuesForm.base_fields)],
    answer=shapes.page(
        {"title": "Point", "anyOf": [shapes.inline(MeasuredValue), shapes.inline(StepValue)]}
    ),
    headers=("ETag", "Link"),
    refusals=(400, 401, 403, 404, 503),
)
class KpiValuesView(ReadingView):
    def get(self, request: Request, id: str) -> HttpResponse:
        form = ValuesForm(request.query_params)
        require_valid(request.query_params, form)
        asked = _asked(form.cleaned_data)
        # Each value is read by an index; of figures there may be much to make.
        place: AbstractContextManager[None]
        place = nullcontext() if asked.step is Step.RAW else turn()
        try:
            with place, reading():
                kpi = KPIS.named(KPIS.rows(self.principal), id).first()
                if kpi is None:
                    raise NotFound
                found = points_of(kpi, asked)
        except DataError:  # a zone that this PostgreSQL does not know
            raise RequestRefused({"tz": [NO_ZONE]}) from None
        following = None if found.following is None else cursor_of(found.following)
        return answers.page_of(request, map(to_json, found.points), following)


def _asked(given: dict[str, Any]) -> Asked:
    return Asked(
        step=Step(given["step"]),
        aggregate=Aggregate(given["aggregate"]),
        begin=given["begin"],
        end=given["end"],
        zone=given["tz"],
        after=None if given["cursor"] is None else Place(*given["cursor"]),
        limit=given["limit"],
    )
