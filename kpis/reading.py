"""KPIs, alerts, insights and reports, as they are read by GET (decision D3)."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django_filters import Filter, FilterSet

from bos.api.parameters import IdFilter, SearchFilter, SinceFilter, TextField, WordsFilter
from bos.api.readables import CHANGED
from bos.api.reading import Readable, Rows
from kpis.keys import FORM, is_id
from kpis.models import (
    IN_STATE,
    Alert,
    Insight,
    InsightKind,
    Kpi,
    Report,
    ReportFormat,
    ReportState,
    Severity,
    Visibility,
)
from kpis.permissions import about_visible, readable_by, visible_to
from sync.protocol.identity import Principal

# ------------------------------------------------------------------ rows


def visible_kpis(principal: Principal) -> Rows:
    rows: Rows = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
    return rows


def kpis_named(rows: Rows, text: str) -> Rows:
    """Those with this id, or this key."""
    if is_id(text):
        return rows.filter(pk=text)
    return rows.filter(key=text) if FORM.fullmatch(text) else rows.none()


def _alerts(principal: Principal) -> Rows:
    return Alert.objects.of(principal.organization_id).filter(about_visible(principal))


def _insights(principal: Principal) -> Rows:
    return Insight.objects.of(principal.organization_id).filter(about_visible(principal))


def _reports(principal: Principal) -> Rows:
    ready = Report.objects.of(principal.organization_id).filter(state=ReportState.READY)
    return ready.filter(readable_by(principal))


# ------------------------------------------------------------------ filters


class KpiFilter(Filter):
    """Of a KPI by its id or key; of one that may not be seen there is nothing."""

    field_class = TextField

    def filter(self, rows: Rows, value: str) -> Rows:
        if not value:
            return rows
        return rows.filter(kpi=value) if is_id(value) else rows.filter(kpi__key=value)


class StateFilter(WordsFilter):
    """In one of some states of an alert."""

    def filter(self, rows: Rows, value: tuple[str, ...]) -> Rows:
        return rows.filter(reduce(or_, (IN_STATE[state] for state in value))) if value else rows


OF_KPI = "Of this KPI: its id or key."


class KpiFilters(FilterSet):
    search = SearchFilter("name", "key", help_text="Has this in its name or key.")
    department = IdFilter(help_text="Of this department itself.")
    owner = IdFilter(help_text="Owned by this user.")
    visibility = WordsFilter(words=Visibility.values, help_text="Who may see it.")
    updatedSince = SinceFilter("updated_at", help_text=CHANGED)


class AlertFilters(FilterSet):
    kpi = KpiFilter(help_text=OF_KPI)
    state = StateFilter(words=IN_STATE, help_text="`open,acknowledged`: all that are unresolved.")
    severity = WordsFilter(words=Severity.values, help_text="Of these severities.")
    rule = IdFilter(help_text="Raised by this rule.")
    search = SearchFilter(
        "message", "kpi__name", help_text="Has this in its message, or in its KPI's name."
    )
    since = SinceFilter("raised_at", help_text="Raised at this time or later.")


class InsightFilters(FilterSet):
    kpi = KpiFilter(help_text=OF_KPI)
    kind = WordsFilter(words=InsightKind.values, help_text="Of these kinds.")
    since = SinceFilter("created_at", help_text="Made at this time or later.")


class ReportFilters(FilterSet):
    department = IdFilter(help_text="Of this department.")
    format = WordsFilter(words=ReportFormat.values, help_text="Of these formats.")
    since = SinceFilter("ready_at", help_text="Ready at this time or later.")


# ------------------------------------------------------------------ what is read

KPIS = Readable(
    name="kpis",
    model=Kpi,
    rows=visible_kpis,
    filters=KpiFilters,
    named=kpis_named,
    one="a KPI, by its id or key",
    many="KPIs",
    about="Archived ones are not there.",
)
READABLES = (
    KPIS,
    Readable(
        name="alerts",
        model=Alert,
        rows=_alerts,
        filters=AlertFilters,
        newest="raised_at",
        one="an alert",
        many="alerts",
        about="Resolved ones, too.",
    ),
    Readable(
        name="insights",
        model=Insight,
        rows=_insights,
        filters=InsightFilters,
        newest="created_at",
        one="an insight",
        many="insights",
        about="A forecast or recommendation that is made anew comes first again.",
    ),
    Readable(
        name="reports",
        model=Report,
        rows=_reports,
        filters=ReportFilters,
        newest="ready_at",
        one="a report",
        many="reports",
        about="Those that are ready.",
    ),
)
