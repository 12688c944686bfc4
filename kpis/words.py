"""How the events of KPIs, and of what is made of them, read: see `bos.adminsite.words`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bos.adminsite.numbers import plain_number
from bos.adminsite.words import Happened, Wording, begun_in_history, names_from, time_of
from kpis.insights.asked import ANSWER
from kpis.models import AlertState, InsightKind, Kpi

A_MOMENT = timedelta(seconds=5)
"""Longer than from a time that is set to the COMMIT of its event."""
INSIGHTS = {
    InsightKind.ANOMALY: "found an anomaly in",
    InsightKind.PREDICTION: "forecast",
    InsightKind.RECOMMENDATION: "made a recommendation for",
}


def _of_kpi(happened: Happened) -> str:
    name = happened.name
    match happened.kind:
        case "created":
            return f"{'restored' if happened.is_back else 'added'} {name}"
        case "deleted" if happened.is_lost:
            return f"took {name} out of some people's sight"
        case "deleted":
            # An archived one is on no topic any more: what happens then nobody is shown.
            return f"{'archived' if happened.topics else 'erased'} {name}"
    value = happened.live.get("value")
    if happened.event.live_type != "KPI_UPDATED" or not isinstance(value, int | Decimal):
        return f"changed {name}"
    return f"set {name} to {plain_number(Decimal(value))} {happened.told('unit') or ''}".rstrip()


def _of_alert(happened: Happened) -> str:
    message = happened.told("message")
    text = f"the alert “{message}”" if message else "an alert"
    if happened.kind == "created":
        return f"raised {text}"
    if happened.kind == "deleted":
        is_resolved = happened.told("state") == AlertState.RESOLVED
        return f"{'resolved' if is_resolved else 'put away'} {text}"
    if _is_at(happened, happened.told("acknowledgedAt")):
        return f"acknowledged {text}"
    return f"{'snoozed' if happened.told('snoozedUntil') else 'changed'} {text}"


def _is_at(happened: Happened, told: Any) -> bool:
    """Whether this time, as it is on the wire, is the event's own."""
    try:
        return abs(datetime.fromisoformat(told) - time_of(happened.event)) < A_MOMENT
    except (TypeError, ValueError):  # none, or one without a zone
        return False


def _of_insight(happened: Happened) -> str:
    kpi_id = happened.topic("kpi") or happened.told("kpiId")
    if kpi_id is None:
        return f"{happened.verb} an insight"
    if happened.kind == "deleted":
        return f"withdrew an insight into {happened.name_of('kpi', kpi_id)}"
    verb = INSIGHTS.get(happened.told("kind"), "found something in")
    return f"{verb} {happened.name_of('kpi', kpi_id)}"


def _of_report(happened: Happened) -> str:
    days = (happened.told("from"), happened.told("to"))
    period = f" from {days[0]} to {days[1]}" if all(days) else ""
    return f"{'made' if happened.kind == 'created' else happened.verb} a report{period}"


def _of_answer(happened: Happened) -> str:
    kpi_id = happened.told("kpiId")
    return f"asked for a forecast of {happened.name_of('kpi', kpi_id)}"


OF_KPI = {"kpiId": "kpi"}
WORDS: Mapping[str, Wording] = {
    "kpi": Wording(
        say=_of_kpi,
        plural="KPIs",
        verbs={"KPI_UPDATED": "set"},
        names=names_from(Kpi, manager="everything"),
        begun=begun_in_history(Kpi),
    ),
    "alert": Wording(say=_of_alert, plural="alerts"),
    "insight": Wording(
        say=_of_insight, plural="insights", mentions=OF_KPI, topics=("kpi",), is_quiet=True
    ),
    "report": Wording(say=_of_report, plural="reports"),
    ANSWER: Wording(say=_of_answer, plural="forecasts", mentions=OF_KPI, is_quiet=True),
}
