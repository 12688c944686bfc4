"""Alert rules that are tried, made and changed in the admin, and what is done about alerts (B5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.models import Notification
from kpis.models import Alert, AlertRule, Kpi, KpiValue
from sync.models import Event
from tests.support import doors
from tests.support.cast import Cast
from tests.support.importing import head

ADD = "/admin/kpis/alertrule/add/"
TRY = "/admin/kpis/alertrule/try/"
NOBODY = "It notifies nobody: choose users, or give the KPI an owner."


def save(admin: Browser, address: str = ADD, **fields: Any) -> list[str]:
    """Post the form of a rule; what the page says once it is saved."""
    page = admin.get(address)
    nobody: dict[str, Any] = {"notify": []}
    answer = admin.post(address, doors.form(page, **nobody | fields))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    return [str(message) for message in get_messages(answer.wsgi_request)]


def above(kpi: Kpi, threshold: int | str = 90, **more: Any) -> dict[str, Any]:
    return {"kpi": kpi.pk, "kind": "above", "threshold": threshold} | more


def tried(admin: Browser, **fields: Any) -> dict[str, Any]:
    usual = {"severity": "info", "for_minutes": 0, "hysteresis": 0}
    posted: Any = usual | fields
    answer = admin.get(TRY, posted)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def measured(kpi: Kpi, *values: tuple[float, timedelta]) -> datetime:
    """Give the KPI these values, so long ago; the last one becomes its own."""
    now = timezone.now()
    KpiValue.objects.filter(kpi=kpi).delete()
    Kpi.objects.filter(pk=kpi.pk).update(value=values[-1][0])
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value, at=now - ago, actor_id="") for value, ago in values
    )
    return now


# ------------------------------------------------------------------ its KPI is beyond already


def test_b5_a_rule_whose_kpi_is_beyond_already_alerts_when_it_is_saved(
    cast: Cast, admin: Browser
) -> None:
    revenue = cast.home.revenue  # at 100
    said = save(admin, **above(revenue, notify=[cast.bob.user.pk]))
    told = "Revenue is 100 EUR, above 90 EUR."
    assert f"{told} The rule has alerted at once: its KPI is beyond already." in said
    [alert] = Alert.objects.filter(kpi=revenue)
    assert (alert.message, alert.state) == (told, "open")
    assert Notification.objects.filter(user=cast.bob.user, title=told).count() == 1
    [rule] = AlertRule.objects.filter(kpi=revenue)
    assert rule.raised
    # Saved once more it has nothing new to tell; with another condition it has.
    address = reverse("admin:kpis_alertrule_change", args=(rule.pk,))
    assert not [text for text in save(admin, address, severity="critical") if told in text]
    save(admin, address, threshold=95)
    states = Alert.objects.filter(kpi=revenue).order_by("raised_at")
    assert [alert.state for alert in states] == ["resolved", "open"]
    save(admin, address, threshold=200)
    assert not Alert.objects.filter(kpi=revenue, resolved_at=None).exists()


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOT_BEYOND: list[dict[str, Any]] = [
    {"kind": "above", "threshold": 100},
    {"kind": "above", "threshold": 90, "is_active": False},
    {"kind": "change", "threshold": 50, "hours": 24},
    {"kind": "missing", "threshold": "", "hours": 49},
]


@pytest.mark.parametrize("fields", NOT_BEYOND)
def test_b5_a_rule_whose_kpi_is_inside_or_that_is_off_alerts_nobody_when_it_is_saved(
    cast: Cast, admin: Browser, fields: dict[str, Any]
) -> None:
    measured(cast.home.revenue, (50, 3 * DAY), (100, 2 * DAY))
    save(admin, kpi=cast.home.revenue.pk, **fields)
    assert AlertRule.objects.filter(kpi=cast.home.revenue).count() == 1
    assert not Alert.objects.filter(kpi=cast.home.revenue).exists()


BEYOND: list[tuple[dict[str, Any], str]] = [
    ({"kind": "change", "threshold": 50, "hours": 49},
     "Revenue is 100 EUR: changed by +100 % in 49 h, from 50 EUR."),
    ({"kind": "missing", "threshold": "", "hours": 47}, "Revenue has no new value since "),
    ({"kind": "above", "threshold": 90, "for_minutes": 48 * 60 - 1},
     "Revenue is 100 EUR, above 90 EUR, for 2879 minutes."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), BEYOND)
def test_b5_what_has_lasted_until_now_alerts_when_the_rule_is_saved(
    cast: Cast, admin: Browser, fields: dict[str, Any], told: str
) -> None:
    revenue = cast.home.revenue
    measured(revenue, (50, 3 * DAY), (100, 2 * DAY))
    found = tried(admin, kpi=revenue.pk, **fields)
    assert found["notes"][1].startswith(told)
    assert found["notes"][1].endswith("So it alerts as soon as it is saved.")
    assert not Alert.objects.filter(kpi=revenue).exists()
    save(admin, kpi=revenue.pk, **fields)
    assert Alert.objects.get(kpi=revenue).message.startswith(told)


def test_b5_a_rule_that_has_to_last_says_that_its_minutes_are_counted(
    cast: Cast, admin: Browser
) -> None:
    now = measured(cast.home.revenue, (100, 2 * HOUR))
    said = save(admin, **above(cast.home.revenue, for_minutes=180))
    assert "“Revenue” is beyond already: the rule alerts if that lasts." in said
    [rule] = AlertRule.objects.filter(kpi=cast.home.revenue)
    assert (rule.raised, rule.crossed_since) == (False, now - 2 * HOUR)
    assert not Alert.objects.filter(kpi=cast.home.revenue).exists()


# ------------------------------------------------------------------ it notifies nobody


def test_b5_a_rule_that_would_notify_nobody_says_so_when_it_is_saved(
    cast: Cast, admin: Browser
) -> None:
    margin = cast.home.margin  # of sales only, and nobody's
    assert NOBODY in " ".join(save(admin, **above(margin, 900)))
    said = save(admin, **above(margin, 901, notify=[cast.vera.user.pk]))
    assert NOBODY in " ".join(said)
    assert "Vera will not be notified: this user may not see the KPI." in said
    said = save(admin, **above(margin, 902, notify=[cast.vera.user.pk, cast.bob.user.pk]))
    assert NOBODY not in " ".join(said)
    assert "Vera will not be notified: this user may not see the KPI." in said
    Kpi.objects.filter(pk=margin.pk).update(owner=cast.mia.user)
    said = save(admin, **above(margin, 903))
    assert len(said) == 1, said
    assert NOBODY in " ".join(save(admin, **above(margin, 904, notify_owner=False)))
    assert NOBODY not in " ".join(save(admin, **above(margin, 905, is_active=False)))


# ------------------------------------------------------------------ tried on the past


def test_b5_the_form_of_a_rule_says_how_often_it_would_have_alerted(
    cast: Cast, admin: Browser
) -> None:
    revenue = cast.home.revenue
    now = measured(revenue, *((150 if n % 2 else 50, n * DAY) for n in range(14, 0, -1)))
    found = tried(admin, **above(revenue, 100, notify=[cast.bob.user.pk]))
    assert found["text"] == "It would have alerted 7 times in the last 90 days."
    days = [now - n * DAY for n in range(13, 0, -2)]
    assert found["days"] == [f"{day.day} {day:%B %Y}: 1" for day in days]
    first = now - 14 * DAY
    assert found["notes"] == [
        f"The KPI has values since {first.day} {first:%B %Y} only.",
        "Revenue is 150 EUR, above 100 EUR. So it alerts as soon as it is saved.",
    ]
    assert not AlertRule.objects.filter(kpi=revenue).exists()


def test_b5_a_stored_rule_is_tried_with_what_is_in_its_form_and_stays_as_it_is(
    cast: Cast, admin: Browser
) -> None:
    revenue = cast.home.revenue
    measured(revenue, (50, 9 * DAY), (150, 8 * DAY))
    rule = AlertRule.objects.create(
        organization=revenue.organization, kpi=revenue, kind="above", threshold=200
    )
    found = tried(admin, **above(revenue, 100, rule=rule.pk))
    assert found["text"] == "It would have alerted once in the last 90 days."
    rule.refresh_from_db()
    assert (rule.threshold, rule.raised) == (200, False)


def test_b5_what_cannot_be_tried_says_why(cast: Cast, admin: Browser) -> None:
    revenue = cast.home.revenue
    assert tried(admin, **above(revenue, threshold="")) == {"problem": "Threshold: At which value?"}
    foreign = tried(admin, **above(cast.other.revenue))
    assert foreign["problem"].startswith("KPI: Select a valid choice")
    assert "problem" in tried(admin, **above(revenue, rule="nonsense", hysteresis=100))
    assert Browser().get(TRY).status_code == 302  # to the sign-in
    assert admin.post(TRY).status_code == 405


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"hysteresis": "-0.1"}, "hysteresis"),
        ({"hysteresis": "100"}, "hysteresis"),
        ({"hysteresis": "99.9999"}, None),
        ({"hysteresis": "5", "threshold": "0"}, "hysteresis"),
        ({"for_minutes": "-1"}, "for_minutes"),
        ({"for_minutes": "10081"}, "for_minutes"),
        ({"for_minutes": "10080"}, None),
        ({"kind": "missing", "threshold": "", "hours": "2", "for_minutes": "5"}, "for_minutes"),
        ({"kind": "missing", "threshold": "", "hours": "2", "hysteresis": "5"}, "hysteresis"),
    ],
)
def test_b5_time_and_distance_of_a_rule_have_bounds(
    cast: Cast, admin: Browser, fields: dict[str, str], wrong: str | None
) -> None:
    page = admin.get(ADD)
    nobody: dict[str, Any] = {"notify": []}
    posted = doors.form(page, **nobody | above(cast.home.revenue, 900) | fields)
    answer = admin.post(ADD, posted)
    assert answer.status_code == (302 if wrong is None else 200)
    if wrong is not None:
        assert set(answer.context["adminform"].form.errors) == {wrong}


# ------------------------------------------------------------------ what is done about alerts


def alert_of(kpi: Kpi) -> Alert:
    return Alert.objects.create(
        organization=kpi.organization,
        kpi=kpi,
        severity="info",
        message="Revenue is high.",
        raised_at=timezone.now(),
    )


def test_b5_the_page_of_an_alert_acknowledges_and_snoozes_it(cast: Cast, admin: Browser) -> None:
    alert = alert_of(cast.home.revenue)
    page = reverse("admin:kpis_alert_change", args=(alert.pk,))
    handle = reverse("admin:kpis_alert_handle", args=(alert.pk,))
    assert "Acknowledge" in admin.get(page).content.decode()
    before = head(cast)
    for act in ("acknowledge", "day", "nonsense", "acknowledge"):
        assert admin.post(handle, {"act": act}).headers["Location"] == page
    alert.refresh_from_db()
    assert alert.acknowledged_by == cast.alice.user
    assert alert.snoozed_until is not None
    assert timedelta() < timezone.now() + DAY - alert.snoozed_until < HOUR
    events = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert [event.live_type for event in events] == ["ALERT", "ALERT"]
    shown = admin.get(page).content.decode()
    assert "Acknowledged, snoozed" in shown
    assert 'value="acknowledge"' not in shown
    Alert.objects.filter(pk=alert.pk).update(resolved_at=timezone.now())
    shown = admin.get(page).content.decode()
    assert "Resolved" in shown
    assert 'name="act"' not in shown


def test_b5_alerts_are_snoozed_in_the_list_and_none_of_another_organization(
    cast: Cast, admin: Browser
) -> None:
    own, foreign = alert_of(cast.home.revenue), alert_of(cast.other.revenue)
    for name in ("snooze_for_an_hour", "snooze_for_a_day", "snooze_for_a_week"):
        doors.admin_action(admin, name, [own, foreign])
    handle = reverse("admin:kpis_alert_handle", args=(foreign.pk,))
    assert admin.post(handle, {"act": "day"}).status_code == 404
    assert admin.get(handle).status_code == 405
    own.refresh_from_db()
    foreign.refresh_from_db()
    assert own.snoozed_until is not None
    assert own.snoozed_until > timezone.now() + 6 * DAY
    assert (foreign.snoozed_until, foreign.acknowledged_at) == (None, None)
