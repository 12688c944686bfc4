"""Alerts, alert rules and reports on the page, in real Chromium (P1, P3, B4, B5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from kpis.models import Alert, AlertRule, Kpi, Report
from tests.browser.axe import violations_in_both_schemes
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.furnished import make_alert, make_report
from tests.support.server import Server

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.once("sqlite"),
    pytest.mark.usefixtures("worker"),
]


async def open_as(page: Page, server: Server, person: Person, path: str) -> None:
    await page.goto(server.url + path)
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


def alert_on(page: Page, alert: Alert) -> Locator:
    return page.locator(f'[data-alert="{alert.pk}"]')


def rule_of(kpi: Kpi, *notified: Person, **more: Any) -> AlertRule:
    usual: dict[str, Any] = {"kind": "above", "threshold": 900, "severity": "critical"}
    rule = AlertRule.objects.create(organization=kpi.organization, kpi=kpi, **usual | more)
    rule.notify.set([person.user for person in notified])
    return rule


# ------------------------------------------------------------------ alerts


async def test_b5_an_alert_comes_by_itself_is_handled_by_keyboard_and_others_are_told(
    page: Page, server: Server, cast: Cast
) -> None:
    home = cast.home
    rule = rule_of(home.revenue, cast.bob)
    await open_as(page, server, cast.bob, "/alerts")
    await expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    said = "Revenue is 100 EUR, above 90 EUR."
    named = make_alert(home.revenue, rule=rule, severity="critical", message=said, value=100)
    other = make_alert(home.margin, message="Margin is 7 %, below 8 %.", value=7)
    row, unnamed = alert_on(page, named), alert_on(page, other)
    await expect(row).to_contain_text("Critical")
    await expect(row).to_contain_text(said)
    assert await violations_in_both_schemes(page) == []
    # The rule names bob, and nobody has told bob of the other one.
    await expect(unnamed).to_contain_text("Margin is 7 %")
    await expect(unnamed.get_by_role("button")).to_have_count(0)

    await row.get_by_role("button", name="Snooze").press("Enter")
    await expect(page.get_by_role("button", name="For 1 hour")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(row).to_contain_text("Snoozed until")
    await expect(page.locator('[data-section="snoozed"]')).to_contain_text("Revenue")
    named.refresh_from_db()
    assert named.snoozed_until is not None
    assert abs(named.snoozed_until - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)

    await row.get_by_role("button", name="Acknowledge").press("Enter")
    await expect(row).to_contain_text("You acknowledged")
    await expect(row.locator("[data-acknowledge]")).to_have_count(0)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.send("ALERT_ACKNOWLEDGE", {"alertId": str(other.pk)}, request_id="r")
        await mia.answer("r")
    told = "Mia acknowledged: Margin is 7 %, below 8 %."
    await expect(page.locator("[data-notice]")).to_contain_text(told)


async def test_p2_past_alerts_are_found_by_an_address_and_a_wrong_time_is_said_beside_its_field(
    page: Page, server: Server, cast: Cast
) -> None:
    home, now = cast.home, timezone.now()
    ends: dict[str, Any] = {"raised_at": now - timedelta(hours=5), "resolved_at": now}
    past = make_alert(home.revenue, message="Revenue was high.", **ends)
    grave = make_alert(home.margin, message="Margin was low.", severity="critical", **ends)
    open_ = make_alert(home.revenue, message="Revenue is high.")
    await open_as(page, server, cast.mia, "/alerts?state=past&severity=critical")
    await expect(alert_on(page, grave)).to_contain_text("after 5 hours")
    await expect(alert_on(page, past)).to_have_count(0)
    await page.get_by_label("Severity").select_option("")
    await page.get_by_label("Search by KPI").fill("reven")
    await expect(alert_on(page, past)).to_be_visible()
    await expect(alert_on(page, grave)).to_have_count(0)
    await page.reload()
    await expect(alert_on(page, past)).to_be_visible()
    assert page.url.endswith("/alerts?state=past&search=reven")

    await page.get_by_role("radio", name="All unresolved").check()
    await alert_on(page, open_).get_by_role("button", name="Snooze").click()
    await page.get_by_role("button", name="Until another time …").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Day and time")
    await field.fill("2020-01-01T08:00")
    await field.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("This time is over.")
    await field.fill(f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}")
    await field.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(alert_on(page, open_)).to_contain_text("Snoozed until")


# ------------------------------------------------------------------ rules


async def test_p3_a_rule_is_typed_refused_tried_and_kept_through_a_reload_then_changed_and_removed(
    page: Page, server: Server, cast: Cast
) -> None:
    await open_as(page, server, cast.mia, "/alerts?state=rules")
    dialog = page.get_by_role("dialog")

    async def add() -> None:
        await page.click("[data-add-rule]")
        await dialog.get_by_label("KPI").select_option("Revenue")
        await dialog.get_by_role("button", name="Next").click()

    await add()
    await dialog.get_by_label("Value, in EUR").fill("")
    await dialog.get_by_label("For, in minutes").fill("10")
    await dialog.get_by_label("Also tell").select_option("Bob")
    await dialog.get_by_role("button", name="Add the rule").click()
    await expect(dialog.get_by_text("At which value?")).to_be_visible()
    assert await violations_in_both_schemes(page) == []

    await page.reload()
    await add()
    await expect(dialog.get_by_label("For, in minutes")).to_have_value("10")
    await dialog.get_by_label("Value, in EUR").fill("90,5")
    await dialog.get_by_role("button", name="Try it on the last 90 days").click()
    tried = dialog.get_by_text("It would not have alerted in the last 90 days.")
    await expect(tried).to_be_visible()
    await dialog.get_by_role("button", name="Add the rule").click()
    row = page.locator("[data-rule]")
    words = "Alerts when it falls below 90.5 EUR for 10 minutes; tells Bob."
    await expect(row).to_contain_text(words)

    await row.get_by_role("button", name="Edit the rule").click()
    await dialog.get_by_role("radio", name="Critical").check()
    await dialog.get_by_label("Value, in EUR").fill("150")
    await dialog.get_by_label("For, in minutes").fill("0")
    await dialog.get_by_role("button", name="Save").click()
    # Its KPI is at 100.
    await expect(page.locator("[data-notice]")).to_contain_text("The rule has alerted at once")
    await expect(row).to_contain_text("Beyond now")
    rule = await AlertRule.objects.aget(kpi=cast.home.revenue)
    assert (rule.severity, rule.threshold, rule.raised) == ("critical", 150, True)

    await row.get_by_role("button", name="Remove the rule").click()
    await expect(dialog).to_contain_text("The alert that it has raised is resolved.")
    await dialog.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    assert not await AlertRule.objects.filter(kpi=cast.home.revenue).aexists()


async def test_s3_a_viewer_reads_the_rules_and_is_offered_nothing(
    page: Page, server: Server, cast: Cast
) -> None:
    rule_of(cast.home.revenue)
    make_alert(cast.home.revenue)
    await open_as(page, server, cast.vera, "/alerts?state=rules")
    await expect(page.locator("[data-rule]")).to_contain_text("rises above 900 EUR")
    await page.get_by_role("radio", name="All unresolved").check()
    await expect(page.locator("[data-alert]")).to_be_visible()
    await expect(page.locator("main").get_by_role("button")).to_have_count(0)


# ------------------------------------------------------------------ reports


async def test_b4_a_report_is_requested_arrives_by_itself_and_is_downloaded(
    page: Page, server: Server, cast: Cast
) -> None:
    sales = cast.home.sales
    await open_as(page, server, cast.mia, f"/reports?scope=department&id={sales.pk}")
    form = page.get_by_role("form", name="Request a report")
    await expect(form.get_by_label("Report of")).to_have_value(str(sales.pk))
    today = f"{timezone.now():%Y-%m-%d}"
    await form.get_by_label("From").fill(today)
    await form.get_by_label("To", exact=True).fill("2020-01-01")
    await form.get_by_role("button", name="Request").click()
    await expect(form).to_contain_text("It ends before it begins.")
    await form.get_by_label("From").fill("2020-01-01")
    await form.get_by_role("button", name="Request").click()
    failed = page.locator('[data-report-asked="failed"]')
    await expect(failed).to_contain_text("No KPI has a value in that time.")
    await failed.get_by_role("button", name="Dismiss").click()

    await form.get_by_label("From").fill(today)
    await form.get_by_label("To", exact=True).fill(today)
    await form.get_by_role("button", name="Request").click()
    row = page.locator("[data-report]")
    await expect(row).to_contain_text("Sales")
    await expect(page.locator("[data-report-asked]")).to_have_count(0)
    assert await violations_in_both_schemes(page) == []
    async with page.expect_download() as saving:
        await row.get_by_role("button", name="Download").click()
    saved = await saving.value
    assert saved.suggested_filename == f"report-{today}-{today}.pdf"
    assert (await saved.path()).read_bytes().startswith(b"%PDF")


async def test_b4_who_may_not_request_reads_the_list_and_what_has_expired_says_so(
    page: Page, server: Server, cast: Cast
) -> None:
    over = make_report(cast, None)
    Report.objects.filter(pk=over.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    await open_as(page, server, cast.vera, "/reports")
    row = page.locator(f'[data-report="{over.pk}"]')
    await expect(row).to_contain_text("Expired")
    await expect(row.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_role("form")).to_have_count(0)
    await expect(page.locator("main")).to_contain_text("Managers and administrators request")
