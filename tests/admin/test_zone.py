"""Times in the admin: in the zone of the user who looks, which each of them names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import Schedule

from bos.adminsite.zone import COOKIE, _database_knows, today_begins, zone_named
from kpis.models import Alert, KpiValue, Severity
from tests.support import doors
from tests.support.cast import Cast

BERLIN = "Europe/Berlin"


def alert_of(cast: Cast, raised_at: datetime) -> Alert:
    alert: Alert = Alert.objects.create(
        organization=cast.home.organization,
        kpi=cast.home.revenue,
        message="an alert",
        severity=Severity.INFO,
        raised_at=raised_at,
    )
    return alert


def in_zone(browser: Browser, zone: str) -> Browser:
    browser.cookies[COOKIE] = zone
    return browser


# ------------------------------------------------------------------ which zone


@pytest.mark.once("sqlite")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe/Nowhere",
        "localtime",
        "Factory",
        "posixrules",
        "right/UTC",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/Berlin\0",
        "Europe/Berlin ",
        "europe/berlin'; --",
        "A" * 65,
        "Ëurope/Berlin",
        "Etc/GMT+5",
        "Etc/GMT-14",
        "Etc/UTC",
    ],
)
def test_m2_a_zone_that_is_none_is_utc(name: str) -> None:
    assert zone_named(name) is UTC


@pytest.mark.parametrize("name", [BERLIN, "America/Argentina/Buenos_Aires", "Asia/Kolkata", "UTC"])
def test_zones_as_browsers_call_them_are_known(name: str) -> None:
    assert str(zone_named(name)) == name


@pytest.mark.once("postgres")
def test_a_zone_that_the_database_does_not_know_is_not_used() -> None:
    assert _database_knows("postgresql", BERLIN)
    assert not _database_knows("postgresql", "Europe/Nowhere")


# ------------------------------------------------------------------ how times are shown


@pytest.mark.once("postgres")
@pytest.mark.parametrize(
    ("at", "zone", "text"),
    [
        ("2026-01-15T13:05", BERLIN, "2026-01-15 14:05 CET"),
        ("2026-07-15T13:05", BERLIN, "2026-07-15 15:05 CEST"),
        ("2026-01-15T23:30", "Asia/Kolkata", "2026-01-16 05:00 IST"),
        # The hour that comes twice, and the one that never comes.
        ("2026-10-25T00:30", BERLIN, "2026-10-25 02:30 CEST"),
        ("2026-10-25T01:30", BERLIN, "2026-10-25 02:30 CET"),
        ("2026-03-29T01:00", BERLIN, "2026-03-29 03:00 CEST"),
        ("2026-01-15T13:05", "", "2026-01-15 13:05 UTC"),
        ("2026-01-15T13:05", "no/zone", "2026-01-15 13:05 UTC"),
    ],
)
def test_m2_a_time_is_shown_in_the_viewers_zone_with_its_name(
    cast: Cast, admin: Browser, at: str, zone: str, text: str
) -> None:
    alert = alert_of(cast, datetime.fromisoformat(at).replace(tzinfo=UTC))
    browser = in_zone(admin, zone)
    for path in ("/admin/kpis/alert/", f"/admin/kpis/alert/{alert.pk}/change/", "/admin/"):
        assert text in browser.get(path).content.decode(), path


@pytest.mark.parametrize("zone", ["Etc/GMT+5", "Etc/UTC", "Australia/Lord_Howe", "Africa/Cairo"])
def test_m2_no_zone_of_a_browser_breaks_a_page(cast: Cast, admin: Browser, zone: str) -> None:
    alert_of(cast, datetime(2026, 1, 15, 23, 30, tzinfo=UTC))
    browser = in_zone(admin, zone)
    assert "cannot be shown now" not in browser.get("/admin/").content.decode()
    day = "/admin/kpis/alert/?raised_at__year=2026&raised_at__month=1"
    assert browser.get(day).status_code == 200


def test_m2_lists_are_divided_by_the_days_of_the_viewers_zone(cast: Cast, admin: Browser) -> None:
    alert_of(cast, datetime(2026, 1, 15, 23, 30, tzinfo=UTC))
    day = "/admin/kpis/alert/?raised_at__year=2026&raised_at__month=1&raised_at__day={}"
    for zone, there in ((BERLIN, 16), ("UTC", 15)):
        for number in (15, 16):
            page = in_zone(admin, zone).get(day.format(number))
            assert page.context["cl"].result_count == (number == there), (zone, number)


@pytest.mark.once("postgres")
def test_m2_each_page_names_the_zone_and_no_other_than_the_admins_has_one(
    cast: Cast, admin: Browser
) -> None:
    in_zone(admin, BERLIN)
    for path in ("/admin/", "/admin/kpis/kpi/", "/admin/bos/user/add/"):
        assert f">{BERLIN}</span>" in admin.get(path).content.decode()
    assert timezone.get_current_timezone_name() == "UTC"
    assert b"bos/zone.js" in Browser().get("/account/login/").content


@pytest.mark.once("postgres")
def test_m2_what_is_exported_stays_in_utc(cast: Cast, admin: Browser) -> None:
    at = datetime(2026, 1, 15, 13, 5, tzinfo=UTC)
    KpiValue.objects.create(kpi=cast.home.revenue, value=1, at=at, actor_id="system")
    exported = in_zone(admin, BERLIN).get("/admin/kpis/kpivalue/export/csv/").content.decode()
    assert "2026-01-15T13:05:00Z" in exported


@pytest.mark.once("postgres")
def test_until_when_an_alert_is_snoozed_is_said_in_the_viewers_zone(
    cast: Cast, admin: Browser
) -> None:
    alert = alert_of(cast, timezone.now())
    in_zone(admin, "Asia/Tokyo").post(f"/admin/kpis/alert/{alert.pk}/handle/", {"act": "day"})
    assert " JST." in admin.get("/admin/kpis/alert/").content.decode()


@pytest.mark.once("sqlite")
def test_today_begins_where_the_viewer_is() -> None:
    for zone in (BERLIN, "Pacific/Auckland", "America/New_York"):
        with timezone.override(zone_named(zone)):
            begins = today_begins()
            assert (begins.hour, begins.minute) == (0, 0)
            assert begins <= timezone.now() < begins + timedelta(hours=25)


# ------------------------------------------------------------------ how times are taken


@pytest.mark.once("postgres")
@pytest.mark.parametrize(
    ("at", "is_found"),
    [
        ("2026-03-28T22:59", False),
        ("2026-03-28T23:00", True),
        # A day of 23 hours.
        ("2026-03-29T21:59", True),
        ("2026-03-29T22:00", False),
    ],
)
def test_m2_a_day_of_a_filter_is_one_of_the_viewers_zone(
    cast: Cast, admin: Browser, at: str, is_found: bool
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    KpiValue.objects.create(kpi=cast.home.revenue, value=1, at=moment, actor_id="system")
    query = urlencode({"at_from_0": "2026-03-29", "at_to_0": "2026-03-29"})
    page = in_zone(admin, BERLIN).get(f"/admin/kpis/kpivalue/?{query}")
    assert page.context["cl"].result_count == is_found
    assert f"({BERLIN})" in page.content.decode()


@pytest.mark.once("postgres")
def test_a_time_of_a_filter_that_names_its_zone_keeps_it(cast: Cast, admin: Browser) -> None:
    moment = datetime(2026, 3, 29, 12, tzinfo=UTC)
    KpiValue.objects.create(kpi=cast.home.revenue, value=1, at=moment, actor_id="system")
    for text, is_found in (("12:00:00+00:00", True), ("12:00:00", False)):
        begin = {"at_from_0": "2026-03-29", "at_from_1": text}
        query = urlencode(begin | {"at_to_0": "2026-03-29", "at_to_1": "14:00:01"})
        page = in_zone(admin, "America/New_York").get(f"/admin/kpis/kpivalue/?{query}")
        assert page.context["cl"].result_count == is_found, text


@pytest.mark.once("postgres")
def test_m2_a_form_takes_a_time_in_the_viewers_zone_and_says_so(root: Browser) -> None:
    schedule = Schedule.objects.create(name="zoned", func="builtins.print", repeats=0)
    address = f"/admin/django_q/schedule/{schedule.pk}/change/"

    def post(day: str, hour: str) -> int:
        page = in_zone(root, BERLIN).get(address)
        assert f"In {BERLIN}." in page.content.decode()
        fields = doors.form(page)
        del fields["next_run"]
        return root.post(address, fields | {"next_run_0": day, "next_run_1": hour}).status_code

    assert post("2031-01-15", "14:05:00") == 302
    schedule.refresh_from_db()
    assert schedule.next_run == datetime(2031, 1, 15, 13, 5, tzinfo=UTC)
    # Clocks are put forward from 2 to 3: it never comes, and nothing is stored.
    assert post("2031-03-30", "02:30:00") == 200
    schedule.refresh_from_db()
    assert schedule.next_run == datetime(2031, 1, 15, 13, 5, tzinfo=UTC)
    schedule.delete()


@pytest.mark.once("sqlite")
def test_m2_no_page_of_the_admin_calls_a_time_utc_that_is_not() -> None:
    """Times are written in the viewer's zone, which `T` of their form names."""
    pages = (Path(settings.BASE_DIR) / "templates" / "admin").rglob("*.html")
    wrong = re.compile(r'\|date:"[^"]*H:i[^"T]*"|(?:\|date:"[^"]*"|\{% now [^%]*%)\}?\}? *UTC')
    assert [str(page) for page in pages if wrong.search(page.read_text())] == []
