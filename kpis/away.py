"""Sum up KPIs, alerts and reports for people who were away: see `bos.away`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bos.away.summaries import (
    MOST_LINES,
    Happened,
    Stretch,
    Summary,
    are_of_others,
    decoded,
    first_of,
    last_of,
)
from bos.messages import (
    AwayAlert,
    AwayAlerts,
    AwayKpi,
    AwayKpis,
    AwayReport,
    AwayReports,
)
from kpis.messages import Alert, KpiUpdated, ReportGenerated
from kpis.models import KpiValue
from sync.eventlog.log import LoggedEvent
from sync.eventlog.summing import Sum
from sync.protocol.codecs import wire_number
from sync.protocol.registry import name_of
from sync.protocol.times import EPOCH, wire_time_us

SET, RAISED, MADE = name_of(KpiUpdated), name_of(Alert), name_of(ReportGenerated)


class _Kpi(msgspec.Struct, rename="camel"):
    """The part of a KPI's event that is told; it may be of an older version."""

    name: str = ""
    unit: str = ""
    value: float | None = None


def _setting(happened: Happened) -> list[Sum]:
    """The events that have given the KPI a value, the first one perhaps."""
    return [*happened.of("updated", live_type=SET), *happened.of("created")]


def _sum_up_kpis(stretch: Stretch) -> AwayKpis | None:
    told = {
        happened.id: _setting(happened)
        for happened in stretch.of_entities()
        if are_of_others(_setting(happened)) and not happened.is_gone
    }
    newest = sorted(told, key=lambda id_: -last_of(told[id_]))[:MOST_LINES]
    first = {id_: first_of(told[id_]) for id_ in newest}
    last = {id_: last_of(told[id_]) for id_ in newest}
    events = stretch.read({*first.values(), *last.values()})
    before = stretch.before(first.values(), kind="kpi")
    lines = []
    for id_ in newest:
        begun, ended = events[first[id_]], events[last[id_]]
        kpi = _read(ended)
        lines.append(
            AwayKpi(
                kpi_id=id_,
                name=kpi.name,
                unit=kpi.unit,
                from_=_value_before(begun, before),
                to=kpi.value,
                changes=sum(each.count for each in told[id_]),
                at=wire_time_us(ended.at_us),
            )
        )
    return AwayKpis(count=len(told), lines=lines) if told else None


def _read(event: LoggedEvent) -> _Kpi:
    return decoded(event.data, _Kpi) or _Kpi()


def _value_before(event: LoggedEvent, before: Mapping[int, LoggedEvent]) -> float | None:
    """Return the value before this event: the log's, or where it keeps none, the history's."""
    if event.sequence in before:
        return _read(before[event.sequence]).value
    if event.change_type == "created":
        return None
    live = decoded(event.live, KpiUpdated)
    if live is None:
        return None
    history = KpiValue.objects.filter(kpi_id=event.entity_id).order_by("-at")
    if live.measured_at:
        earlier = history.filter(at__lt=datetime.fromisoformat(live.measured_at))[:1]
    else:  # to the microsecond; its own value was kept right before the event got its time
        earlier = history.filter(at__lte=EPOCH + timedelta(microseconds=event.at_us))[1:2]
    return wire_number(earlier.values_list("value", flat=True).first())


def _sum_up_alerts(stretch: Stretch) -> AwayAlerts | None:
    """Tell of those that were raised or resolved, with what has become of them."""
    told = {
        happened.id: happened.of("created", "updated", "deleted", live_type=RAISED)
        for happened in stretch.of_entities()
        if happened.of("created", "deleted", live_type=RAISED) and not _is_put_away(happened)
    }
    newest = sorted(told, key=lambda id_: -last_of(told[id_]))[:MOST_LINES]
    last = {id_: last_of(told[id_]) for id_ in newest}
    events = stretch.read(last.values())
    lines = []
    for id_ in newest:
        alert = decoded(events[last[id_]].live, Alert)
        if alert is None:
            continue
        lines.append(
            AwayAlert(
                alert_id=id_,
                kpi_id=alert.kpi_id,
                severity=alert.severity,
                message=alert.message,
                state=alert.state,
                raised_at=alert.raised_at,
                resolved_at=alert.resolved_at or None,
            )
        )
    resolved = sum(any(s.change_type == "deleted" for s in sums) for sums in told.values())
    return AwayAlerts(count=len(told), resolved=resolved, lines=lines) if told else None


def _is_put_away(happened: Happened) -> bool:
    """Whether it is gone with its KPI, and not resolved."""
    return happened.is_gone and not happened.of("deleted", live_type=RAISED)


def _sum_up_reports(stretch: Stretch) -> AwayReports | None:
    """Tell of all that are there, of one's own, too: they are made while one does something
    else."""
    told = {
        happened.id: last_of(made)
        for happened in stretch.of_entities()
        if (made := happened.of("created", live_type=MADE)) and not happened.is_gone
    }
    events = stretch.read(list(told.values())[:MOST_LINES])
    lines = []
    for event in sorted(events.values(), key=lambda event: -event.sequence):
        report = decoded(event.live, ReportGenerated)
        if report is None:
            continue
        lines.append(
            AwayReport(
                report_id=report.report_id,
                department_id=report.scope.id if report.scope.type == "department" else None,
                from_=report.from_,
                to=report.to,
                format=report.format,
                url=report.url,
                created_at=report.created_at,
                expires_at=report.expires_at,
            )
        )
    return AwayReports(count=len(told), lines=lines) if told else None


AWAY = [
    Summary("kpis", "kpi", _sum_up_kpis),
    Summary("alerts", "alert", _sum_up_alerts),
    Summary("reports", "report", _sum_up_reports),
]
