"""Insights of a KPI: what is odd, what will come, what to do (decision B3). For the worker only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import cast

import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec.structs import asdict

from kpis.entities import Direction, Interval
from kpis.insights import asked, wording
from kpis.insights.advice import Advice, advise
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Forecast, Outlook, judge
from kpis.insights.history import has_been_negative, values_of
from kpis.insights.queue import HORIZON, enqueue_judgement
from kpis.insights.reasons import NoInsight
from kpis.messages import (
    AnomalyFigures,
    PredictionAnswer,
    PredictionFigures,
    PredictionReady,
    Recommendation,
    RecommendationFigures,
)
from kpis.messages import Figures as Stored
from kpis.models import Insight, InsightKind, InsightState, Kpi, KpiValue
from sync.protocol.times import wire_time

LATEST = timedelta(days=14)
LATEST_OF_DAY = timedelta(days=1)
"""Values that came while no worker ran are judged as well, so far back from now; of a KPI with
several values a day, each hour of which takes a fit of its own, one day back."""


def outlook_of(kpi: Kpi) -> Outlook:
    """Return what is known of the KPI now."""
    values = values_of(kpi)
    figures = Figures.of([value for _, value in values], kpi.unit, negative=has_been_negative(kpi))
    return Outlook(values, timezone.now().astimezone(UTC), figures)


def judge_new_values(kpi_id: str) -> None:
    """Judge what has come since the last time, and renew forecast and recommendation once a day.

    Idempotent: a job that runs twice finds nothing new.
    """
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    state = InsightState.objects.filter(kpi_id=kpi_id).first()
    if kpi is None or state is None:
        return
    newest_id = asked.newest_value(kpi_id)
    outlook = outlook_of(kpi)
    found, reasons = _Odd(state), []
    for at, value in _new_values(kpi, state, outlook):
        try:
            found.look_at(at, value, outlook)
        except NoInsight as reason:
            reasons.append(str(reason))
    forecast, due = None, state.forecast_day != outlook.last_day
    try:
        forecast = outlook.forecast(HORIZON) if due else None
    except NoInsight as reason:
        reasons.append(str(reason))
    with transaction.atomic():
        state = InsightState.objects.select_for_update().filter(kpi_id=kpi_id).first()
        if state is None or (state.judged_id >= newest_id and not state.waiting):
            return  # the KPI is deleted, or another run of this job was faster
        for figures in found.anomalies:
            _insert(kpi, InsightKind.ANOMALY, figures)
        if due:
            _renew(kpi, outlook, forecast)
            state.model = forecast.model[:300] if forecast is not None else ""
            state.forecast_day = outlook.last_day if forecast is not None else None
        state.judged_id, state.judged_at = newest_id, timezone.now()
        state.odd_day, state.odd_side = found.day, found.side
        state.rhythm = wording.rhythm_in_words(outlook.rhythm)[:300]
        state.note = "; ".join(dict.fromkeys(reasons))[:300]
        state.waiting = False
        state.save()
        if KpiValue.objects.filter(kpi=kpi, pk__gt=state.judged_id).exists():
            enqueue_judgement(kpi)


def _new_values(
    kpi: Kpi, state: InsightState, outlook: Outlook
) -> Iterable[tuple[datetime, float]]:
    """Those not judged yet, in their order; at first those of the newest day only. What is long
    past is not told of any more."""
    if not outlook.values:
        return
    patience = max(LATEST, outlook.rhythm.patience)
    first = outlook.now - (LATEST_OF_DAY if outlook.rhythm.several_a_day else patience)
    if not state.judged_id:
        newest = outlook.values[-1][0].replace(hour=0, minute=0, second=0, microsecond=0)
        first = max(first, newest)
    values = KpiValue.objects.filter(kpi=kpi, pk__gt=state.judged_id, at__gte=first)
    for at, value in values.order_by("at", "pk").values_list("at", "value"):
        yield at.astimezone(UTC), float(value)


class _Odd:
    """Looks at values in order; a day's value that stays odd on the same side is told of once."""

    def __init__(self, state: InsightState) -> None:
        self.day, self.side = state.odd_day, state.odd_side
        self.anomalies: list[AnomalyFigures] = []

    def look_at(self, at: datetime, value: float, outlook: Outlook) -> None:
        expected = outlook.expectation(at)
        judgement = judge(expected, value)
        side = 0 if judgement is None else 1 if value > expected.expected else -1
        day: date = at.date()
        if judgement is not None and (self.day, self.side) != (day, side):
            self.anomalies.append(
                AnomalyFigures(
                    day=day.isoformat(),
                    value=value,
                    expected=expected.expected,
                    lower=expected.lower,
                    upper=expected.upper,
                    score=judgement.score,
                    severity=judgement.severity,
                    method=expected.method,
                )
            )
        self.day, self.side = day, side


def answer_questions(kpi_id: str, horizon: int) -> None:
    """Answer every PREDICTION_REQUEST that waits for this; nothing that is shared changes.

    Idempotent: a job that runs twice finds nobody who waits.
    """
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    newest_id = asked.newest_value(kpi_id)
    found, reason = None, ""
    if kpi is not None:
        found = asked.known_answer(kpi, horizon, newest_id)
        if found is None:
            outlook = outlook_of(kpi)
            try:
                found = _answer(kpi, outlook, outlook.forecast(horizon))
            except NoInsight as impossible:
                reason = f"{wording.rhythm_in_words(outlook.rhythm)} No forecast: {impossible}."
    with transaction.atomic():
        asked.answer(kpi_id, horizon, newest_id=newest_id, found=found, reason=reason)


def _answer(kpi: Kpi, outlook: Outlook, forecast: Forecast) -> PredictionAnswer:
    kpi_id, now = str(kpi.pk), wire_time()
    advice = _advice(kpi, outlook, forecast)
    prediction = asdict(_prediction(forecast))
    recommendation = asdict(_recommendation(advice, forecast)) if advice else None
    return PredictionAnswer(
        PredictionReady(kpi_id=kpi_id, **prediction, created_at=now),
        Recommendation(kpi_id=kpi_id, **recommendation, created_at=now) if recommendation else None,
    )


def _renew(kpi: Kpi, outlook: Outlook, forecast: Forecast | None) -> None:
    """Put this forecast, and what follows from it, in place of the ones before; none ends them."""
    kinds = {InsightKind.PREDICTION, InsightKind.RECOMMENDATION}
    if forecast is not None:
        _replace(kpi, InsightKind.PREDICTION, _prediction(forecast))
        kinds.remove(InsightKind.PREDICTION)
        advice = _advice(kpi, outlook, forecast)
        if advice is not None:
            _replace(kpi, InsightKind.RECOMMENDATION, _recommendation(advice, forecast))
            return
    Insight.objects.filter(kpi=kpi, kind__in=kinds).delete()


def _prediction(forecast: Forecast) -> PredictionFigures:
    points = [
        Interval(point.date.isoformat(), point.expected, point.lower, point.upper)
        for point in forecast.points
    ]
    return PredictionFigures(forecast.horizon, points, forecast.method)


def _recommendation(advice: Advice, forecast: Forecast) -> RecommendationFigures:
    return RecommendationFigures(advice.message, advice.evidence, forecast.method)


def _advice(kpi: Kpi, outlook: Outlook, forecast: Forecast) -> Advice | None:
    if kpi.target is None:
        return None
    return advise(
        kpi.name,
        float(kpi.target),
        cast(Direction, kpi.direction),
        forecast.points,
        figures=outlook.figures,
        figure=wording.DAY_FIGURE.get(outlook.rhythm.kind, ""),
    )


def _insert(kpi: Kpi, kind: InsightKind, figures: Stored) -> None:
    Insight(
        organization_id=kpi.organization_id,
        kpi=kpi,
        kind=kind,
        figures=msgspec.to_builtins(figures),
        created_at=timezone.now(),
    ).save(force_insert=True)


def _replace(kpi: Kpi, kind: InsightKind, figures: Stored) -> None:
    old = Insight.objects.filter(kpi=kpi, kind=kind).first()
    if old is None:
        _insert(kpi, kind, figures)
        return
    old.figures, old.created_at = msgspec.to_builtins(figures), timezone.now()
    old.save(update_fields=["figures", "created_at"])
