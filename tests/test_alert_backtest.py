"""A rule tried on the values of the past alerts as it would have alerted live (decision B5)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from kpis.alerts import backtest, clock, services
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast

H, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
ABOVE, BELOW, CHANGE, MISSING = RuleKind.ABOVE, RuleKind.BELOW, RuleKind.CHANGE, RuleKind.MISSING
Series = list[tuple[timedelta, float]]
"""How long ago, and the value."""


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def kpi(cast: Cast) -> Kpi:
    made = Kpi(organization=cast.home.organization, name="Orders", unit="pcs")
    made.save()
    return made


def rule(kpi: Kpi, kind: RuleKind, threshold: Any, **more: Any) -> AlertRule:
    """Not stored, as a form has it."""
    made = AlertRule(organization=kpi.organization, kpi=kpi, kind=kind, threshold=threshold, **more)
    made.full_clean()
    return made


def measured(kpi: Kpi, series: Series, now: datetime) -> None:
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=Decimal(str(value)), at=now - ago, actor_id="")
        for ago, value in series
    )


def ages(found: backtest.BackTest, now: datetime) -> list[timedelta]:
    return [now - alerted.at for alerted in found.alerts]


CASES: list[tuple[Any, Series, list[timedelta]]] = [
    ((ABOVE, 100), [(9 * DAY, 150), (8 * DAY, 50), (7 * DAY, 160), (6 * DAY, 170)],
     [9 * DAY, 7 * DAY]),
    ((ABOVE, 100), [], []),
    ((ABOVE, 100), [(91 * DAY, 150), (89 * DAY, 160), (5 * DAY, 50), (4 * DAY, 101)], [4 * DAY]),
    ((BELOW, 100, {"hysteresis": 10}), [(9 * H, 99), (8 * H, 109), (7 * H, 99), (6 * H, 110),
     (5 * H, 99)], [9 * H, 5 * H]),
    ((ABOVE, 100, {"for_minutes": 60}), [(9 * H, 150), (8 * H + 30 * MINUTE, 50), (7 * H, 150),
     (5 * H, 160), (4 * H, 50), (30 * MINUTE, 150)], [6 * H]),
    ((ABOVE, 100, {"for_minutes": 60}), [(9 * H, 150)], [8 * H]),
    ((ABOVE, 100, {"for_minutes": 60}), [(H, 150)], [timedelta()]),
    ((CHANGE, 50, {"hours": 24}), [(9 * DAY, 100), (8 * DAY, 160), (7 * DAY, 150), (5 * DAY, 0),
     (5 * DAY - H, 7)], [8 * DAY, 5 * DAY]),
    ((CHANGE, 50, {"hours": 24}), [(90 * DAY + H, 100), (90 * DAY - H, 160)], [90 * DAY - H]),
    ((MISSING, None, {"hours": 24}), [(9 * DAY, 1), (7 * DAY, 1), (6 * DAY, 1), (3 * DAY, 1),
     (H, 1)], [8 * DAY, 5 * DAY, 2 * DAY]),
    ((MISSING, None, {"hours": 24}), [(3 * DAY, 1)], [2 * DAY]),
    ((MISSING, None, {"hours": 24}), [(100 * DAY, 1), (12 * H, 1)], []),
]  # fmt: skip


@pytest.mark.parametrize(("of_rule", "series", "expected"), CASES)
def test_b5_the_past_says_when_a_rule_would_have_alerted(
    kpi: Kpi, of_rule: tuple[Any, ...], series: Series, expected: list[timedelta]
) -> None:
    kind, threshold, *more = of_rule
    now = timezone.now()
    measured(kpi, series, now)
    tried = rule(kpi, kind, threshold, **(more[0] if more else {}))
    assert ages(backtest.back_test(tried, now), now) == expected
    assert (tried.raised, tried.crossed_since) == (False, None)
    assert not Alert.objects.filter(kpi=kpi).exists()


LIVE = [
    (ABOVE, 60, {}),
    (ABOVE, 60, {"hysteresis": 20}),
    (BELOW, 40, {"for_minutes": 45}),
    (BELOW, 40, {"for_minutes": 45, "hysteresis": 30}),
    (CHANGE, 80, {"hours": 2}),
    (CHANGE, 80, {"hours": 2, "hysteresis": 25, "for_minutes": 20}),
    (MISSING, None, {"hours": 1}),
]


@pytest.mark.parametrize(("kind", "threshold", "more"), LIVE)
def test_b5_a_back_test_finds_the_alerts_that_live_values_have_raised(
    kpi: Kpi, kind: RuleKind, threshold: Any, more: dict[str, Any]
) -> None:
    """With a worker that looks at each value, and at the clock before it."""
    uncaptured: Any = QuerySet  # or a worker would judge the value, too
    dice, now = random.Random(5), timezone.now()
    at, series = now - 24 * H, []
    while at < now - 2 * H:
        at += timedelta(minutes=dice.choice([5, 10, 20, 30, 50, 70]))
        series.append((at, dice.choice([0, 20, 35, 50, 55, 65, 90])))
    live = rule(kpi, kind, threshold, **more)
    live.save()
    AlertRule.objects.filter(pk=live.pk).update(created_at=series[0][0])
    for at, value in series:
        look_at_clock(kpi, at)
        KpiValue.objects.create(kpi=kpi, value=value, at=at, actor_id="")
        uncaptured(Kpi).filter(pk=kpi.pk).update(value=value)
        with transaction.atomic():
            rules = services.rules_of([kpi])[kpi.pk]
            services.evaluate(kpi, rules, Decimal(value), at)
    look_at_clock(kpi, now)
    told = Alert.objects.filter(kpi=kpi)
    tried = backtest.back_test(rule(kpi, kind, threshold, **more), now)
    assert len(tried.alerts) == told.count() > 0
    assert tried.is_beyond == told.filter(resolved_at=None).exists()


def look_at_clock(kpi: Kpi, now: datetime) -> None:
    """As the worker does, of this KPI's rules only: values that come later are not known yet."""
    clock.raise_missing(now, rules=AlertRule.objects.filter(kpi=kpi))
    clock.raise_lasting(now, rules=AlertRule.objects.filter(kpi=kpi))


def test_b5_a_back_test_says_its_days_and_how_many_values_it_has_seen(kpi: Kpi) -> None:
    now = datetime.fromisoformat("2026-03-31T12:00:00+00:00")
    hours: Series = [(n * H, 150 if n % 2 else 50) for n in range(20, 70)]
    measured(kpi, hours, now)
    found = backtest.back_test(rule(kpi, ABOVE, 100), now)
    assert found.text == "It would have alerted 25 times in the last 90 days."
    assert found.days == ["28 March 2026: 5", "29 March 2026: 12", "30 March 2026: 8"]
    assert found.note == "The KPI has values since 28 March 2026 only."
    once = backtest.back_test(rule(kpi, ABOVE, 100, for_minutes=5), now - 68 * H)
    assert once.text == "It would have alerted once in the last 90 days."
    never = backtest.back_test(rule(kpi, ABOVE, 200), now)
    assert (never.text, never.days) == ("It would not have alerted in the last 90 days.", [])
    always = backtest.back_test(rule(kpi, BELOW, 900), now - 69 * H + MINUTE)
    assert always.text == "It would have alerted once in the last 90 days."
    measured(kpi, [(100 * DAY, 150)], now)
    always = backtest.back_test(rule(kpi, BELOW, 900), now)
    assert always.text.startswith("The KPI has been beyond for all of the last 90 days")
    KpiValue.objects.filter(kpi=kpi, at__lt=now - 99 * DAY).delete()
    nothing = backtest.back_test(rule(kpi, ABOVE, 200), now - 80 * H)
    assert nothing.note == "The KPI has no values of that time."


@pytest.mark.once("sqlite")
def test_b5_a_back_test_takes_the_newest_values_of_many_and_says_so(
    kpi: Kpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(backtest, "MOST_VALUES", 20)
    measured(kpi, [(n * H, n % 2) for n in range(20)], now)
    tried = rule(kpi, ABOVE, 0.5)
    assert len(backtest.back_test(tried, now).alerts) == 10
    measured(kpi, [(20 * H, 0), (21 * H, 1)], now)
    found = backtest.back_test(tried, now)
    assert len(found.alerts) == 9  # the first value says where it began
    assert found.text == "It would have alerted 9 times in the last 19 hours."
