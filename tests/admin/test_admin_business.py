"""Alert rules, alerts, insights and reports in the admin (decisions B2 to B4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from kpis.models import (
    Alert,
    AlertRule,
    Insight,
    InsightKind,
    InsightState,
    Kpi,
    Report,
    ReportFile,
    ReportSchedule,
    ReportState,
)
from sync.models import Event
from tests.support import doors
from tests.support.cast import Cast
from tests.support.figures import figures_of

TODAY = timezone.now().date()
MODELS = (AlertRule, Alert, Insight, InsightState, Report, ReportSchedule)


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def add(browser: Browser, model: Any, **fields: Any) -> dict[str, list[str]]:
    """Post the form for a new row; its errors, none where it was added."""
    page = browser.get(address(model, "add"))
    assert page.status_code == 200
    # An empty choice of several is not posted at all.
    nobody: dict[str, Any] = {"notify": [], "recipients": []}
    answer = browser.post(address(model, "add"), doors.form(page, **nobody | fields))
    if answer.status_code == 302:
        return {}
    errors: dict[str, list[str]] = answer.context["adminform"].form.errors
    assert errors
    return errors


def everything_of(kpi: Kpi) -> dict[type[Any], Any]:
    """A row of each model that concerns this KPI."""
    organization, now = kpi.organization, timezone.now()
    figures = figures_of(InsightKind.RECOMMENDATION)
    of_kpi = {"organization": organization, "kpi": kpi}
    period = {"from_day": TODAY, "to_day": TODAY}
    return {
        AlertRule: AlertRule.objects.create(**of_kpi, kind="above", threshold=1),
        Alert: Alert.objects.create(**of_kpi, severity="info", message="High", raised_at=now),
        Insight: Insight.objects.create(
            **of_kpi, kind=InsightKind.RECOMMENDATION, figures=figures, created_at=now
        ),
        InsightState: InsightState.objects.create(kpi=kpi, note="its history is constant"),
        Report: Report.objects.create(organization=organization, **period),
        ReportSchedule: ReportSchedule.objects.create(organization=organization, rhythm="daily"),
    }


# ------------------------------------------------------------------ pages


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_s3_the_admin_of_another_organization_sees_none_of_it(
    cast: Cast, admin: Browser, model: Any
) -> None:
    own, foreign = everything_of(cast.home.revenue), everything_of(cast.other.revenue)
    page = admin.get(address(model, "changelist"))
    assert page.status_code == 200
    shown = {row.pk for row in page.context["cl"].queryset}
    assert shown == {own[model].pk}
    assert admin.get(address(model, "change", own[model].pk)).status_code == 200
    assert admin.get(address(model, "change", foreign[model].pk)).status_code == 302
    assert admin.get(address(model, "history", foreign[model].pk)).status_code in (302, 404)


def test_b3_an_insight_of_another_shape_takes_the_list_from_nobody(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    insight = Insight(
        organization=kpi.organization, kpi=kpi, kind=InsightKind.ANOMALY,
        figures={"day": 1}, created_at=timezone.now(),
    )  # fmt: skip
    uncaptured: Any = QuerySet
    uncaptured(Insight).bulk_create([insight])
    for page in ("", f"{insight.pk}/change/"):
        answer = admin.get(f"/admin/kpis/insight/{page}")
        assert "What is stored cannot be read." in answer.content.decode()


@pytest.mark.parametrize("kind", InsightKind.values)
def test_b3_each_kind_of_insight_is_shown_with_its_figures(
    cast: Cast, admin: Browser, kind: str
) -> None:
    insight = Insight.objects.create(
        organization=cast.home.organization,
        kpi=cast.home.revenue,
        kind=kind,
        figures=figures_of(kind),
        created_at=timezone.now(),
    )
    told = {
        "anomaly": "expected 90 to 110",
        "prediction": "90 to 110",
        "recommendation": "Do more.",
    }
    page = admin.get(address(Insight, "changelist")).content.decode()
    assert told[kind] in page
    assert admin.get(address(Insight, "change", insight.pk)).status_code == 200


def test_b3_the_admin_says_why_a_kpi_has_no_insight(cast: Cast, admin: Browser) -> None:
    state = InsightState.objects.create(
        kpi=cast.home.revenue,
        rhythm="Its values come once a week.",
        model="An average of a steady trend (90%).",
        note="its history is constant",
    )
    page = admin.get(address(InsightState, "changelist")).content.decode()
    assert "its history is constant" in page
    assert state.rhythm in page
    assert state.model in admin.get(address(InsightState, "change", state.pk)).content.decode()


# ------------------------------------------------------------------ rules


def test_b2_a_rule_is_made_in_the_form(cast: Cast, admin: Browser) -> None:
    fields = {
        "kpi": cast.home.revenue.pk,
        "kind": "change",
        "threshold": "12.5",
        "hours": 24,
        "severity": "critical",
        "notify": [cast.bob.user.pk],
    }
    assert add(admin, AlertRule, **fields) == {}
    [rule] = AlertRule.objects.of(cast.home.id)
    assert (rule.kpi, rule.hours, rule.threshold_text) == (cast.home.revenue, 24, "12.5")
    assert list(rule.notify.all()) == [cast.bob.user]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "above"}, "threshold"),
        ({"kind": "below", "threshold": "nan"}, "threshold"),
        ({"kind": "below", "threshold": "Infinity"}, "threshold"),
        ({"kind": "above", "threshold": "1e15"}, "threshold"),
        ({"kind": "above", "threshold": "0.00001"}, "threshold"),
        ({"kind": "above", "threshold": "1", "hours": "1"}, "hours"),
        ({"kind": "change", "threshold": "10"}, "hours"),
        ({"kind": "change", "threshold": "10", "hours": "0"}, "hours"),
        ({"kind": "change", "threshold": "0", "hours": "1"}, "threshold"),
        ({"kind": "change", "threshold": "-5", "hours": "1"}, "threshold"),
        ({"kind": "missing"}, "hours"),
        ({"kind": "missing", "hours": str(24 * 366 + 1)}, "hours"),
        ({"kind": "missing", "hours": "1", "threshold": "5"}, "threshold"),
        ({"kind": "sometimes", "threshold": "5"}, "kind"),
        ({"kind": "above", "threshold": "5", "kpi": ""}, "kpi"),
    ],
    ids=str,
)
def test_b2_an_impossible_rule_is_refused_in_the_form(
    cast: Cast, admin: Browser, fields: dict[str, str], wrong: str
) -> None:
    assert set(add(admin, AlertRule, **{"kpi": cast.home.revenue.pk} | fields)) == {wrong}
    assert not AlertRule.objects.of(cast.home.id).exists()


def test_s3_a_rule_names_nobody_and_nothing_of_another_organization(
    cast: Cast, admin: Browser
) -> None:
    rule = {"kind": "above", "threshold": "5"}
    assert set(add(admin, AlertRule, **rule, kpi=cast.other.revenue.pk)) == {"kpi"}
    named = {"kpi": cast.home.revenue.pk, "notify": [cast.charlie.user.pk]}
    assert set(add(admin, AlertRule, **rule, **named)) == {"notify"}
    page = admin.get(address(AlertRule, "add")).content.decode()
    assert str(cast.charlie.user.pk) not in page
    assert str(cast.other.revenue.pk) not in page


# ------------------------------------------------------------------ alerts


def test_b2_an_alert_is_acknowledged_by_a_person_in_the_admin(cast: Cast, admin: Browser) -> None:
    alert = everything_of(cast.home.revenue)[Alert]
    foreign = everything_of(cast.other.revenue)[Alert]
    doors.admin_action(admin, "acknowledge_alerts", [alert, foreign])
    alert.refresh_from_db()
    foreign.refresh_from_db()
    assert alert.acknowledged_by == cast.alice.user
    assert foreign.acknowledged_at is None
    told = Event.objects.filter(entity_id=str(alert.pk)).order_by("sequence").last()
    assert told is not None
    assert (told.live_type, told.actor_id) == ("ALERT", cast.alice.id)


@pytest.mark.parametrize(
    ("state", "count"), [("open", 1), ("acknowledged", 0), ("resolved", 0), ("", 1)]
)
def test_b2_alerts_are_filtered_by_their_state(
    cast: Cast, admin: Browser, state: str, count: int
) -> None:
    everything_of(cast.home.revenue)
    page = admin.get(address(Alert, "changelist"), {"state": state} if state else {})
    assert page.context["cl"].result_count == count


# ------------------------------------------------------------------ reports


def test_b4_a_report_is_asked_for_in_the_form_and_its_file_opens_there(
    cast: Cast, admin: Browser
) -> None:
    waiting = OrmQ.objects.count()
    fields = {"from_day": TODAY - timedelta(days=3), "to_day": TODAY, "format": "xlsx"}
    assert add(admin, Report, department=cast.home.sales.pk, **fields) == {}
    [report] = Report.objects.of(cast.home.id)
    assert (report.requested_by, report.state) == (cast.alice.user, ReportState.WAITING)
    assert OrmQ.objects.count() == waiting + 1
    ReportFile.objects.create(report=report, content=b"file")
    report.state, report.ready_at = ReportState.READY, timezone.now()
    report.expires_at = report.ready_at + timedelta(days=1)
    report.save()
    link = reverse("report-file", args=(report.pk,))
    assert link in admin.get(address(Report, "changelist")).content.decode()
    assert admin.get(link).content == b"file"
    assert doors.browser(cast.charlie).get(link).status_code == 404


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"from_day": "2020-01-01", "to_day": "2020-01-31"}, "__all__"),
        ({"from_day": "2026-01-02", "to_day": "2026-01-01"}, "to_day"),
        ({"from_day": "2020-01-01", "to_day": "2026-01-01"}, "from_day"),
        ({"from_day": "soon", "to_day": "2026-01-01"}, "from_day"),
        ({"from_day": "", "to_day": ""}, "from_day"),
    ],
    ids=str,
)
def test_b4_a_report_over_nothing_or_of_no_time_is_refused_in_the_form(
    cast: Cast, admin: Browser, fields: dict[str, str], wrong: str
) -> None:
    assert wrong in add(admin, Report, **fields)
    assert not Report.objects.of(cast.home.id).exists()


def test_s3_a_report_of_another_organizations_department_is_refused(
    cast: Cast, admin: Browser
) -> None:
    period = {"from_day": TODAY, "to_day": TODAY}
    assert set(add(admin, Report, department=cast.other.sales.pk, **period)) == {"department"}
    wrong = add(admin, ReportSchedule, department=cast.other.sales.pk, rhythm="daily")
    assert set(wrong) == {"department"}


def test_b4_a_schedule_is_made_in_the_form(cast: Cast, admin: Browser) -> None:
    assert add(admin, ReportSchedule, rhythm="weekly", department=cast.home.sales.pk) == {}
    [schedule] = ReportSchedule.objects.of(cast.home.id)
    assert str(schedule) == "Sales: Every Monday, of the last 13 weeks"
