"""Insights of a KPI: what is odd, what will come, what to do (decision B3). For the worker only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from kpis.insights import asked
from kpis.insights.advice import Advice, advise
from kpis.insights.history import begin_of, daily_history
from kpis.insights.statistics import Expectation, Forecast, NoInsight, expectation, forecast, judge
from kpis.insights.waiting import have_judged
from kpis.models import Insight, InsightKind, InsightState, Kpi, KpiValue
from sync.times import wire_time

HORIZON = 14
# Values that came while no worker ran are judged as well, so far back.
LATEST_DAYS = 14


def judge_new_values(kpi_id: str) -> None:
    """Judge what has come since the last time, and renew forecast and recommendation once a day.

    Idempotent: a job that runs twice finds nothing new.
    """
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    state = InsightState.objects.filter(kpi_id=kpi_id).first()
    if kpi is None or state is None:
        return
    history = daily_history(kpi)
    newest_id: int = KpiValue.objects.filter(kpi=kpi).aggregate(newest=Max("pk"))["newest"] or 0
    note, found, outlook = "", _Odd(state), None
    try:
        for day, value in _new_values(kpi, state, history):
            found.look_at(day, value, history)
        if history and state.forecast_day != max(history):
            outlook = forecast(history, HORIZON)
    except NoInsight as reason:
        note = str(reason)
    with transaction.atomic():
        state = InsightState.objects.select_for_update().filter(kpi_id=kpi_id).first()
        if state is None or (state.judged_id >= newest_id and not state.waiting):
            return  # the KPI is deleted, or another run of this job was faster
        for figures in found.anomalies:
            _insert(kpi, InsightKind.ANOMALY, figures)
        if outlook is not None:
            _renew(kpi, outlook)
            state.forecast_day = max(history)
        state.judged_id, state.judged_at = newest_id, timezone.now()
        state.odd_day, state.odd_side, state.note = found.day, found.side, note[:300]
        state.waiting = False
        state.save()
        if KpiValue.objects.filter(kpi=kpi, pk__gt=state.judged_id).exists():
            have_judged(kpi)


def _new_values(
    kpi: Kpi, state: InsightState, history: dict[date, float]
) -> Iterable[tuple[date, float]]:
    """Those not judged yet, in their order; at first those of the newest day only."""
    if not history:
        return
    first = max(history) - timedelta(days=LATEST_DAYS if state.judged_id else 0)
    values = KpiValue.objects.filter(kpi=kpi, pk__gt=state.judged_id, at__gte=begin_of(first))
    for at, value in values.order_by("at", "pk").values_list("at", "value"):
        yield at.date(), float(value)


class _Odd:
    """Looks at values in order; a day's value that stays odd on the same side is told of once."""

    def __init__(self, state: InsightState) -> None:
        self.day, self.side = state.odd_day, state.odd_side
        self.anomalies: list[dict[str, Any]] = []
        self._expected: Expectation | None = None

    def look_at(self, day: date, value: float, history: dict[date, float]) -> None:
        if self._expected is None or self._expected.day != day:
            before = {other: known for other, known in history.items() if other < day}
            self._expected = expectation(before, day)
        expected = self._expected
        judgement = judge(expected, value)
        side = 0 if judgement is None else 1 if value > expected.expected else -1
        if judgement is not None and (self.day, self.side) != (day, side):
            self.anomalies.append(
                {
                    "day": day.isoformat(),
                    "value": value,
                    "expected": judgement.expected,
                    "lower": judgement.lower,
                    "upper": judgement.upper,
                    "score": judgement.score,
                    "severity": judgement.severity,
                    "method": expected.method,
                }
            )
        self.day, self.side = day, side


def answer_questions(kpi_id: str, horizon: int) -> None:
    """Answer every PREDICTION_REQUEST that waits for this; nothing that is shared changes.

    Idempotent: a job that runs twice finds nobody who waits.
    """
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    newest_id = asked.newest_value(kpi_id)
    figures, reason = None, ""
    if kpi is not None:
        figures = asked.known_answer(kpi, horizon, newest_id)
        try:
            figures = figures or _answer(kpi, forecast(daily_history(kpi), horizon))
        except NoInsight as impossible:
            reason = str(impossible)
    with transaction.atomic():
        asked.answer(kpi_id, horizon, newest_id=newest_id, figures=figures, reason=reason)


def _answer(kpi: Kpi, outlook: Forecast) -> dict[str, Any]:
    """As it goes out: a forecast, and a recommendation or None."""
    about = {"kpiId": str(kpi.pk)}
    made = {"createdAt": wire_time()}
    advice = _advice(kpi, outlook)
    return {
        "prediction": about | _prediction(outlook) | made,
        "recommendation": about | _recommendation(advice, outlook) | made if advice else None,
    }


def _renew(kpi: Kpi, outlook: Forecast) -> None:
    """Put this forecast, and what follows from it, in place of the ones before."""
    _replace(kpi, InsightKind.PREDICTION, _prediction(outlook))
    advice = _advice(kpi, outlook)
    if advice is None:
        Insight.objects.filter(kpi=kpi, kind=InsightKind.RECOMMENDATION).delete()
        return
    _replace(kpi, InsightKind.RECOMMENDATION, _recommendation(advice, outlook))


def _prediction(outlook: Forecast) -> dict[str, Any]:
    points = [
        {
            "date": point.date.isoformat(),
            "expected": point.expected,
            "lower": point.lower,
            "upper": point.upper,
        }
        for point in outlook.points
    ]
    return {"horizon": len(points), "points": points, "method": outlook.method}


def _recommendation(advice: Advice, outlook: Forecast) -> dict[str, Any]:
    return {"message": advice.message, "evidence": advice.evidence, "method": outlook.method}


def _advice(kpi: Kpi, outlook: Forecast) -> Advice | None:
    if kpi.target is None:
        return None
    return advise(kpi.name, kpi.unit, float(kpi.target), kpi.direction, outlook.points)


def _insert(kpi: Kpi, kind: InsightKind, figures: dict[str, Any]) -> None:
    Insight(
        organization_id=kpi.organization_id,
        kpi=kpi,
        kind=kind,
        figures=figures,
        created_at=timezone.now(),
    ).save(force_insert=True)


def _replace(kpi: Kpi, kind: InsightKind, figures: dict[str, Any]) -> None:
    old = Insight.objects.filter(kpi=kpi, kind=kind).first()
    if old is None:
        _insert(kpi, kind, figures)
        return
    old.figures, old.created_at = figures, timezone.now()
    old.save(update_fields=["figures", "created_at"])
