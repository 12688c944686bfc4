"""The past that an alert rule looks back on, and many rules at once (decision B2)."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client as Browser
from django.utils import timezone

from bos.models import Notification, Organization
from kpis.alerts import clock, handling, telling
from kpis.history.measurements import write_values
from kpis.history.stored import Measurement
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from sync.eventlog.processors import advance
from sync.models import Event
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.importing import head, import_file, values_file

H = timedelta(hours=1)
DAY = 24 * H
CHANGE, MISSING = RuleKind.CHANGE, RuleKind.MISSING


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def kpi(cast: Cast) -> Kpi:
    """Without any value."""
    made = Kpi(organization=cast.home.organization, name="Orders", unit="pcs")
    made.save()
    return made


def rule(kpi: Kpi, kind: str, threshold: Any, hours: int | None = None) -> AlertRule:
    """Older than every value that a test tells of."""
    made = AlertRule.objects.create(
        organization=kpi.organization, kpi=kpi, kind=kind, threshold=threshold, hours=hours
    )
    AlertRule.objects.filter(pk=made.pk).update(created_at=timezone.now() - 400 * DAY)
    return made


def measured(kpi: Kpi, *values: tuple[float, timedelta]) -> None:
    """(value, how long ago), as history."""
    now = timezone.now()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=Decimal(str(value)), at=now - ago, actor_id="")
        for value, ago in values
    )


def set_value(kpi: Kpi, value: float) -> None:
    kpi.value = Decimal(str(value))
    kpi.save()
    advance()


def bring(kpi: Kpi, value: float, at: datetime) -> None:
    """By an import, and a worker that looks at it then."""
    with transaction.atomic():
        write_values(kpi.organization, [Measurement(kpi.pk, at, Decimal(str(value)))])
    advance()


def told(kpi: Kpi) -> list[str]:
    rows = Alert.objects.filter(kpi=kpi).order_by("raised_at")
    return list(rows.values_list("message", flat=True))


# ------------------------------------------------------------------ how a value has changed


def test_n6_an_imported_value_is_compared_with_the_one_measured_before_it(
    admin: Browser, cast: Cast
) -> None:
    revenue = cast.home.revenue
    KpiValue.objects.filter(kpi=revenue).delete()
    rule(revenue, CHANGE, 50, hours=24)
    now = timezone.now()
    for value, ago in ((100, 2 * DAY), (1000, DAY)):
        at = (now - ago).isoformat()
        import_file(admin, "values", values_file([("Revenue", at, value)]))
        advance()
    assert told(revenue) == ["Revenue is 1000 EUR: changed by +900 % in 24 h, from 100 EUR."]


def test_n6_a_corrected_value_is_not_compared_with_what_it_corrects(kpi: Kpi) -> None:
    rule(kpi, CHANGE, 50, hours=24)
    now = timezone.now()
    bring(kpi, 100, now - 2 * DAY)
    bring(kpi, 9, now - H)
    assert told(kpi) == ["Orders is 9 pcs: changed by -91 % in 24 h, from 100 pcs."]
    bring(kpi, 90, now - H)
    bring(kpi, 10, now - H)
    assert told(kpi)[1:] == ["Orders is 10 pcs: changed by -90 % in 24 h, from 100 pcs."]


def test_n6_values_that_came_together_are_each_compared_with_what_was_before(kpi: Kpi) -> None:
    """A worker that was away finds all of them in the history."""
    rule(kpi, CHANGE, 50, hours=24)
    for value in (100, 100, 149, 100, 151, 150):
        kpi.value = Decimal(value)
        kpi.save()
    advance()
    assert told(kpi) == ["Orders is 151 pcs: changed by +51 % in 24 h, from 100 pcs."]


WITHIN = [
    # rule, history, value: what is told
    ((5, 1), [(1000, 2 * H)], 120, "120 pcs: changed by -88 % in 1 h, from 1000 pcs."),
    ((20, 24), [(100, 30 * H), (200, 2 * H)], 100, "100 pcs: changed by -50 % in 24 h, from 200"),
    ((50, 24), [(100, 30 * H), (20, 2 * H)], 100, "100 pcs: changed by +400 % in 24 h, from 20"),
    ((50, 24), [(10, 20 * H)], 100, "100 pcs: changed by +900 % in 24 h, from 10 pcs."),
    ((50, 24), [(10, 30 * H), (100, 25 * H)], 100, None),
    ((50, 24), [(10, 30 * H), (100, 23 * H)], 100, "100 pcs: changed by +900 % in 24 h, from 10"),
    ((50, 24), [], 100, None),
    ((50, 24), [(0, 2 * H)], 0.5, "0.5 pcs: changed from 0 pcs in 24 h."),
    ((50, 24), [(0, 30 * H)], -3, "-3 pcs: changed from 0 pcs in 24 h."),
    ((50, 24), [(7, 2 * H), (0, H)], 7, "7 pcs: changed from 0 pcs in 24 h."),
    ((50, 24), [(0, 2 * H)], 0, None),
    ((100, 24), [(3, 2 * H)], 0, "0 pcs: changed by -100 % in 24 h, from 3 pcs."),
    ((10, 24), [(-100, 2 * H)], -89, "-89 pcs: changed by +11 % in 24 h, from -100 pcs."),
    ((10, 24), [(100, 2 * H)], 109.9999, None),
    ((10, 24), [(100, 2 * H)], 110, "110 pcs: changed by +10 % in 24 h, from 100 pcs."),
    ((10, 24), [(100, 2 * H)], 90.0001, None),
]


@pytest.mark.parametrize(("of_rule", "values", "value", "expected"), WITHIN)
def test_n7_the_largest_change_within_the_time_is_told_with_its_sign(
    kpi: Kpi,
    of_rule: tuple[int, int],
    values: list[tuple[float, timedelta]],
    value: float,
    expected: str | None,
) -> None:
    percent, hours = of_rule
    rule(kpi, CHANGE, percent, hours)
    measured(kpi, *values)
    set_value(kpi, value)
    messages = told(kpi)
    if expected is None:
        assert messages == []
    else:
        assert len(messages) == 1
        assert messages[0].startswith(f"Orders is {expected}")


def test_n7_a_change_alerts_again_once_the_kpi_was_back(kpi: Kpi) -> None:
    made = rule(kpi, CHANGE, 50, hours=24)
    measured(kpi, (100, 2 * H))
    for value in (160, 170, 110, 40):
        set_value(kpi, value)
    # 110 is a third less than 170.
    assert [message.split(":")[0] for message in told(kpi)] == [
        "Orders is 160 pcs",
        "Orders is 40 pcs",
    ]
    assert AlertRule.objects.get(pk=made.pk).raised


# ------------------------------------------------------------------ values that are missing


def test_n8_values_that_come_late_neither_end_an_outage_nor_make_new_ones(kpi: Kpi) -> None:
    made = rule(kpi, MISSING, None, hours=2)
    now = timezone.now()
    bring(kpi, 1, now - 5 * DAY)
    clock.raise_missing()
    assert len(told(kpi)) == 1
    for days in (4, 3, 2, 1):
        bring(kpi, days, now - days * DAY)
        clock.raise_missing()
    assert len(told(kpi)) == 1
    assert AlertRule.objects.get(pk=made.pk).raised
    bring(kpi, 5, now - H)
    assert not AlertRule.objects.get(pk=made.pk).raised
    clock.raise_missing(now + 3 * H)
    assert len(told(kpi)) == 2


def test_n8_late_values_of_an_outage_that_nobody_has_told_of_yet_tell_of_it_once(
    kpi: Kpi,
) -> None:
    rule(kpi, MISSING, None, hours=2)
    now = timezone.now()
    for days in (5, 4, 3):
        bring(kpi, days, now - days * DAY)
    assert told(kpi) == []  # it is still going on
    clock.raise_missing()
    assert len(told(kpi)) == 1
    set_value(kpi, 9)
    assert len(told(kpi)) == 1


def test_j3_a_value_of_next_year_does_not_hide_that_values_are_missing(kpi: Kpi) -> None:
    rule(kpi, MISSING, None, hours=2)
    measured(kpi, (1, 3 * H), (2, -365 * DAY))
    clock.raise_missing()
    assert len(told(kpi)) == 1


# ------------------------------------------------------------------ many at once

MANY = 2 * telling.AT_ONCE + 1
"""Three transactions and more."""


@pytest.fixture
def many(cast: Cast, kpi: Kpi) -> list[AlertRule]:
    """Rules of one KPI, that all notify bob."""
    rules = [
        AlertRule(organization=kpi.organization, kpi=kpi, kind="above", threshold=n + 1)
        for n in range(MANY)
    ]
    AlertRule.objects.bulk_create(rules)
    link = AlertRule.notify.through
    link.objects.bulk_create([link(alertrule=r, user=cast.bob.user) for r in rules[:10]])
    return rules


def test_n9_rules_that_are_crossed_at_once_alert_once_each_in_short_transactions(
    cast: Cast, kpi: Kpi, many: list[AlertRule]
) -> None:
    before = head(cast)
    kpi.value = Decimal(10_000)
    kpi.save()
    began = time.thread_time()
    passes = 0
    while advance():
        passes += 1
    assert time.thread_time() - began < 20
    assert passes > MANY // telling.AT_ONCE
    assert Alert.objects.filter(kpi=kpi).count() == MANY
    assert Notification.objects.filter(user=cast.bob.user).count() == 10
    assert AlertRule.objects.filter(kpi=kpi, raised=True).count() == MANY
    events = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert events.filter(live_type="ALERT").count() == MANY
    assert events.filter(live_type="NOTIFICATION").count() == 10
    set_value(kpi, 20_000)
    assert Alert.objects.filter(kpi=kpi).count() == MANY
    kpi.value = Decimal(0)
    kpi.save()
    passes = 0
    while advance():
        passes += 1
    assert passes > MANY // telling.AT_ONCE
    assert Alert.objects.filter(kpi=kpi).exclude(resolved_at=None).count() == MANY


def test_n9_rules_that_miss_a_value_at_once_alert_in_short_transactions(
    cast: Cast, kpi: Kpi, many: list[AlertRule]
) -> None:
    AlertRule.objects.filter(kpi=kpi).update(
        kind=MISSING, threshold=None, hours=1, created_at=timezone.now() - DAY
    )
    assert len(clock.raise_missing()) >= MANY
    assert Alert.objects.filter(kpi=kpi).count() == MANY
    assert clock.raise_missing() == []


def open_alerts(kpi: Kpi, count: int) -> None:
    now = timezone.now()
    Alert.objects.bulk_create(
        Alert(
            organization=kpi.organization, kpi=kpi, severity="info", message=f"{n}", raised_at=now
        )
        for n in range(count)
    )


class Others:
    """Somebody who writes every now and then; the longest wait, in seconds."""

    def __init__(self, organization: Organization) -> None:
        self.longest = 0.0
        self.failures: list[Exception] = []
        self._organization = organization
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Others:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _write(self) -> None:
        n = 0
        while not self._ending.wait(0.01):
            n += 1
            began = time.monotonic()
            try:
                self._organization.name = f"Other {n}"
                self._organization.save()
            except Exception as error:
                self.failures.append(error)
            self.longest = max(self.longest, time.monotonic() - began)
        connections.close_all()


@pytest.mark.parametrize("action", ["acknowledge_alerts", "delete_selected"])
def test_n9_several_batches_of_alerts_are_acknowledged_or_deleted_while_others_write(
    admin: Browser, cast: Cast, kpi: Kpi, action: str
) -> None:
    count = 2 * handling.AT_ONCE + 1
    open_alerts(kpi, count)
    chosen = Alert.objects.filter(kpi=kpi).first()
    assert chosen is not None
    before = head(cast)
    posted = {"action": action, "_selected_action": str(chosen.pk), "select_across": "1"}
    with Others(cast.other.organization) as others:
        answer = admin.post("/admin/kpis/alert/", posted | {"post": "yes"})
    assert answer.status_code == 302
    assert others.failures == []
    assert others.longest < 3
    events = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    change = "updated" if action == "acknowledge_alerts" else "deleted"
    assert events.filter(entity_type="alert", change_type=change).count() == count
    left = Alert.objects.filter(kpi=kpi)
    if action == "acknowledge_alerts":
        assert left.filter(acknowledged_by=cast.alice.user).count() == count
    else:
        assert not left.exists()
