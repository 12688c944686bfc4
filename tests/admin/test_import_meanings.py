"""The meaning of a file's cells for KPIs and their values: percents, days, times (i2, i3, i10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Q
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.models import ImportState
from kpis.admin import points_of
from kpis.insights.history import daily_history
from kpis.models import Kpi, KpiValue
from kpis.reports.content import report_content
from tests.admin.test_admin_exports import export
from tests.support.cast import Cast
from tests.support.importing import (
    NOON,
    bring,
    events_after,
    go_on,
    head,
    history,
    import_file,
    problems,
)
from tests.support.sheets import workbook

DAY = NOON.date()

# ------------------------------------------------------------------ percents (i2)


def test_i2_a_percent_cell_is_percents_of_a_kpi_in_percent(cast: Cast, admin: Browser) -> None:
    Kpi.objects.filter(pk=cast.home.margin.pk).update(unit="%")
    rows = [("kpi", "date", "value"), ("Margin", DAY, 0.98)]
    content = workbook({"Data": rows}, formats={"C2": "0%"})
    import_file(admin, "values", content, "a.xlsx")
    assert history(cast.home.margin)[0] == (datetime(2026, 1, 31, tzinfo=UTC), 98)
    import_file(admin, "values", "kpi,date,value\nMargin,2026-01-30,97.5 %")
    assert history(cast.home.margin)[0][1] == Decimal("97.5")
    goals = [("name", "unit", "value", "target"), ("Quota", "%", 0.5, 0.75)]
    content = workbook({"Data": goals}, formats={"C2": "0%", "D2": "0.0%"})
    import_file(admin, "kpis", content, "a.xlsx")
    quota = Kpi.objects.get(organization=cast.home.organization, name="Quota")
    assert (quota.value, quota.target) == (50, 75)
    import_file(admin, "kpis", f"id,target\n{quota.pk},80 %")  # the unit is that of the KPI
    quota.refresh_from_db()
    assert quota.target == 80


@pytest.mark.parametrize(
    ("kind", "content", "column"),
    [
        ("values", "kpi,date,value\nRevenue,2026-01-31,98 %", "value"),
        ("kpis", "name,department,value\nRevenue,Sales,98 %", "value"),
        ("kpis", "name,unit,target\nNew,EUR,98 %", "target"),
        ("kpis", "name,target\nNew,98 %", "target"),
    ],
)
def test_i2_a_percent_of_a_kpi_in_another_unit_is_refused(
    cast: Cast, admin: Browser, kind: str, content: str, column: str
) -> None:
    import_ = bring(admin, kind, content)
    assert problems(import_) == [(2, column)]
    assert "98 % is a percent" in import_.outcome["problems"][0]["message"]


# ------------------------------------------------------------------ days (i3)


def have(kpi: Kpi, *values: tuple[datetime, int]) -> None:
    """This history, and no other."""
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, at=at, value=value, actor_id="x") for at, value in values
    )


@pytest.mark.parametrize("column", ["date", "time"])
def test_i3_a_day_that_has_values_gets_the_figure_of_the_file(
    cast: Cast, admin: Browser, column: str
) -> None:
    """Chart, forecast and report show the day's last value: that one is replaced."""
    kpi = cast.home.revenue
    late = NOON + timedelta(hours=3, microseconds=123456)
    next_day = NOON + timedelta(days=1)
    have(kpi, (NOON, 1), (late, 2), (next_day, 3))
    before = head(cast)
    content = f"kpi,{column},value\nRevenue,2026-01-31,70\nRevenue,2026-01-30,60\n"
    import_ = bring(admin, "values", content)
    assert (import_.outcome["new"], import_.outcome["changed"]) == (1, 1)
    assert import_.outcome["rows"][0]["changes"] == [["2026-01-31T15:00:00.123456Z", "2", "70"]]
    assert import_.outcome["notes"] == [
        "1 row names a day that has values: its last one is replaced."
    ]
    go_on(admin, import_)
    morning = datetime(2026, 1, 30, tzinfo=UTC)
    assert history(kpi) == [(morning, 60), (NOON, 1), (late, 70), (next_day, 3)]
    days = {DAY - timedelta(days=1): 60, DAY: 70, DAY + timedelta(days=1): 3}
    assert daily_history(kpi) == days
    report = report_content(
        organization_id=kpi.organization_id, department_id=None, from_=DAY, to=DAY, visible=Q()
    )
    assert [k.values for k in report.kpis if k.name == "Revenue"] == [{DAY: 70}]
    assert [v for _, v in points_of(kpi, timezone.now() - morning + timedelta(1))] == [60, 1, 70, 3]
    assert head(cast) == before, "a newer value stays in force"
    again = bring(admin, "values", content)
    assert (again.outcome["unchanged"], again.outcome["new"]) == (2, 0)


def test_i3_the_figure_of_the_newest_day_becomes_the_current_value(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    have(kpi, (NOON, 100))
    before = head(cast)
    import_file(admin, "values", "kpi,date,value\nRevenue,2026-01-31,70")
    kpi.refresh_from_db()
    assert (kpi.value, history(kpi)) == (70, [(NOON, 70)])
    assert [event.live_type for event in events_after(cast, before)] == ["KPI_UPDATED"]


def test_i3_a_day_and_a_time_of_that_day_contradict_each_other(cast: Cast, admin: Browser) -> None:
    import_ = bring(
        admin,
        "values",
        "kpi,time,value\nRevenue,2026-01-31,1\nRevenue,2026-01-31T08:00,2\n"
        "Margin,2026-01-31,3\nRevenue,2026-01-30T08:00,4\nRevenue,20260130,5",
    )
    assert problems(import_) == [(3, ""), (6, "")]
    assert "Row 2 is about the same KPI and day" in str(import_.outcome["problems"])


def test_i3_midnight_in_a_column_of_times_is_a_time(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    have(kpi, (NOON, 1))
    midnight = datetime(2026, 1, 31)
    rows: list[Any] = [("kpi", "time", "value"), ("Revenue", midnight, 5)]
    import_file(admin, "values", workbook({"Data": rows}), "a.xlsx")
    assert [value for _, value in history(kpi)] == [5, 1]
    rows[0] = ("kpi", "date", "value")
    import_file(admin, "values", workbook({"Data": rows}), "a.xlsx")
    assert [value for _, value in history(kpi)] == [5, 5]


# ------------------------------------------------------------------ times (i10)


def test_i10_times_of_a_spreadsheet_are_those_of_the_values_that_were_exported(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    fine = [NOON + timedelta(seconds=n, microseconds=n * 111_111) for n in range(9)]
    have(kpi, *((at, n) for n, at in enumerate(fine)))
    content = export(admin, "kpis/kpivalue", "xlsx", kpi__id__exact=str(kpi.pk))
    import_ = bring(admin, "values", content, "again.xlsx")
    assert import_.state == ImportState.CHECKED, import_.outcome
    assert (import_.outcome["unchanged"], import_.outcome["new"]) == (9, 0)
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,)))
    assert "Sheet “Export” was read." in page.content.decode()
