"""A KPI's page in real Chromium: its value, its history, and why it is this number (P1, P2, P4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from bos.models import Employee
from kpis import jobs
from kpis.archive.services import kpis_archive
from kpis.models import Alert, Insight, InsightKind, Kpi, KpiValue
from sync.protocol.identity import Actor, acting
from tests.browser.axe import violations_in_both_schemes
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.provocations import give_history
from tests.support.server import Server
from tests.wire.test_notes_on_things import pin

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def open_kpi(page: Page, server: Server, person: Person, kpi: Kpi, query: str = "") -> None:
    await page.goto(f"{server.url}/kpi/{kpi.pk}{query}")
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


def give_days(kpi: Kpi, days: int) -> None:
    """A value at the beginning of each of the last days, of 1, 2, 3 ..."""
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=n + 1, at=TODAY - timedelta(days=days - n), actor_id="system")
        for n in range(days)
    )


def give_anomaly(kpi: Kpi, day: datetime) -> None:
    figures = {"day": f"{day:%Y-%m-%d}", "value": 82.0, "expected": 95.0, "lower": 93.0}
    figures |= {"upper": 97.0, "score": -5.0, "severity": "high", "method": "m"}
    Insight.objects.create(
        organization_id=kpi.organization_id,
        kpi=kpi,
        kind=InsightKind.ANOMALY,
        figures=figures,
        created_at=timezone.now() - timedelta(hours=1),
    )


def items(page: Page, kind: str) -> Locator:
    return page.locator(f'[data-item="{kind}"]')


async def test_p1_a_kpis_page_shows_live_what_it_is_and_why(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    await open_kpi(page, server, cast.vera, revenue)
    await expect(page.locator("h1")).to_have_text("Revenue")
    await expect(page.locator("[data-value]")).to_have_text("100EUR")
    await expect(page.get_by_text("20 EUR (16.7%) below its target")).to_be_visible()
    await expect(page.get_by_role("link", name="Sales")).to_be_visible()
    # What a viewer may not do is not offered.
    for name in ("Make a report of its department", "Change in the administration"):
        await expect(page.get_by_role("link", name=name)).to_have_count(0)
    await expect(items(page, "change")).to_contain_text("Added")
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(revenue, 95.5)
    await expect(page.locator("[data-value]")).to_have_text("95.5EUR")
    said = "by Mia, over a live connection"
    await expect(page.locator("[data-last-change]")).to_contain_text(said)
    await expect(items(page, "value").first).to_contain_text("100 → 95.5 EUR")
    await expect(page.locator("[data-reading]")).to_contain_text("95.5 EUR")
    Alert.objects.create(
        organization_id=cast.home.id,
        kpi=revenue,
        severity="critical",
        message="Revenue is low.",
        raised_at=timezone.now(),
    )
    with acting(Actor(cast.mia.id, "admin")):
        revenue.refresh_from_db()
        revenue.target = 90
        revenue.save()
    await expect(items(page, "alert")).to_contain_text("Revenue is low.")
    await expect(items(page, "target")).to_contain_text("120 → 90 EUR")
    await expect(items(page, "target")).to_contain_text("Mia, in the administration")
    await expect(page.get_by_text("5.5 EUR (6.1%) above its target")).to_be_visible()
    await page.locator("[data-favourite]").click()
    await page.reload()
    await expect(page.locator("[data-favourite]")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("[data-chart] canvas")).to_be_visible()
    kpis_archive([revenue])
    await expect(page.get_by_role("heading", name="This KPI is not here")).to_be_visible()


async def test_p2_the_history_is_zoomed_read_by_keys_and_shared_by_its_address(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_days(revenue, 60)
    give_anomaly(revenue, TODAY - timedelta(days=1))
    note = pin(cast.bob, revenue, "The strike")
    await page.set_viewport_size({"width": 1280, "height": 1000})
    await open_kpi(page, server, cast.mia, revenue)
    chart, reading = page.locator("[data-chart]"), page.locator("[data-reading]")
    await expect(chart.locator("canvas")).to_be_visible()
    await expect(reading).to_contain_text("60 EUR, unusual: expected 93 to 97 EUR")
    await expect(page.locator("[data-anomaly]")).to_contain_text("expected 93 to 97 EUR")
    await expect(page.locator(f'[data-flag="{note.pk}"]')).to_have_attribute(
        "aria-label", re.compile("Bob.*The strike")
    )
    assert await violations_in_both_schemes(page) == []

    await chart.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(chart).to_have_attribute("aria-valuetext", re.compile(r": 59 EUR$"))
    await page.keyboard.press("Home")
    await expect(reading).to_contain_text(": 1 EUR")

    plot = chart.locator(".u-over")
    box = await plot.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    await page.mouse.up()
    await expect(page.locator("[data-whole]")).to_be_visible()
    assert "zoom=" in page.url
    await page.reload()
    await expect(page.locator("[data-span]")).to_contain_text("One figure an hour")
    await page.locator("[data-whole]").click()
    assert "zoom=" not in page.url

    await page.get_by_role("radio", name="30 d").check()
    await page.get_by_role("radio", name="Table").check()
    assert "period=30d&view=table" in page.url
    await page.reload()
    rows = page.locator(".kpi-table tbody tr")
    await expect(rows).to_have_count(29)
    await expect(rows.first).to_contain_text("60")
    assert await violations_in_both_schemes(page) == []
    await page.locator(f'[data-item="note"] a[href$="?note={note.pk}"]').click()
    assert page.url.endswith(f"/kpi/{revenue.pk}?note={note.pk}")


async def test_p2_the_line_of_time_is_filtered_by_the_server_and_goes_back_on_demand(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_days(revenue, 70)
    Alert.objects.create(
        organization_id=cast.home.id,
        kpi=revenue,
        severity="info",
        message="Revenue was low.",
        raised_at=TODAY - timedelta(days=200),
    )
    await open_kpi(page, server, cast.vera, revenue)
    await expect(page.locator("[data-item]")).to_have_count(30)
    await page.locator("[data-older]").click()
    await expect(page.locator("[data-item]")).to_have_count(60)
    await page.locator('[data-about="alerts"]').click()
    await expect(page.locator("[data-item]")).to_have_count(1)
    await expect(items(page, "alert")).to_contain_text("Revenue was low.")
    await expect(page.locator("[data-older]")).to_have_count(0)
    await page.reload()
    await expect(page.locator("[data-item]")).to_have_count(1)
    assert "why=alerts" in page.url


async def test_b3_a_forecast_comes_on_request_and_what_cannot_be_loaded_is_said(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    values = "**/api/v1/kpis/*/values?*"
    await page.route(values, lambda route: route.abort("connectionrefused"))
    await open_kpi(page, server, cast.mia, revenue)
    again = page.locator(".kpi-history").get_by_role("button", name="Try again")
    await expect(page.locator(".kpi-history")).to_contain_text("The server does not answer.")
    await page.unroute(values)
    await again.click()
    await expect(page.locator("[data-chart] canvas")).to_be_visible()
    await page.locator("[data-ask-forecast]").click()
    await expect(page.locator(".kpi-insights .problem")).to_contain_text(re.compile("28|few"))
    give_history(revenue, lambda n: 100 + n % 7)
    await page.locator("[data-ask-forecast]").click()
    await expect(page.get_by_text("Being made")).to_be_visible()
    jobs.predict(str(revenue.pk), 30)
    own = page.locator('[data-forecast="own"]')
    await expect(own).to_contain_text("Forecast for the next 30 days")
    await expect(page.locator('[data-line="forecast"]')).to_be_visible()


async def test_s4_a_kpi_that_may_not_be_seen_is_not_here_and_its_owner_sees_it(
    page: Page, server: Server, cast: Cast
) -> None:
    margin = cast.home.margin
    await open_kpi(page, server, cast.vera, margin)
    await expect(page.get_by_role("heading", name="This KPI is not here")).to_be_visible()
    Employee.objects.filter(user=cast.vera.user).update(department=None)
    Kpi.objects.filter(pk=margin.pk).update(owner=cast.vera.user)
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Margin")
    await expect(items(page, "change").first).to_contain_text("Owner set to “Vera”")
