"""The admin in real Chromium, in light and dark: its policy lets everything of it work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from django.utils import timezone
from playwright.async_api import Browser, Page, ViewportSize, expect

from kpis.models import Alert, Kpi, KpiValue, Severity
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(
    request: pytest.FixtureRequest, chromium: Browser, server: Server
) -> AsyncIterator[Page]:
    size: ViewportSize = {"width": 1400, "height": 900}  # a narrower page has no sidebar
    scheme: Literal["light", "dark"] = getattr(request, "param", "light")
    context = await chromium.new_context(
        color_scheme=scheme, viewport=size, timezone_id="Asia/Tokyo"
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if _away(asked.url) else None)

    def _away(url: str) -> bool:
        return not url.startswith((server.url, "data:"))

    yield page
    await context.close()
    assert complaints == []


async def sign_in(page: Page, server: Server, person: Person) -> None:
    await page.goto(f"{server.url}/admin/")
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Alert rules").first).to_be_visible()


async def test_b5_the_form_of_a_rule_tells_what_it_would_have_done_as_it_is_filled_in(
    page: Page, server: Server, cast: Cast
) -> None:
    kpi, now = cast.home.revenue, timezone.now()
    for n in range(1, 6):
        KpiValue.objects.create(
            kpi=kpi, value=100 * (n % 2), at=now - timedelta(days=n), actor_id="system"
        )
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/kpis/alertrule/add/")
    told = page.locator("[data-bos-tried]")
    await expect(told).to_have_text("Choose a KPI, and when the rule alerts.")
    await page.click(".field-kpi .select2-selection")
    await page.fill(".select2-search__field", "Revenue")
    await page.click(".select2-results__option >> text=Revenue")
    await page.select_option('[name="kind"]', "below")
    await expect(told).to_have_text("Threshold: At which value?")
    await page.fill('[name="threshold"]', "50")
    await expect(told).to_contain_text("It would have alerted 2 times in the last 90 days.")
    await expect(told).to_contain_text("It notifies nobody")
    await expect(page.locator("[data-bos-days] li")).to_have_count(2)
    await page.click('[name="_save"]')
    await expect(page.get_by_text("It notifies nobody").first).to_be_visible()


async def test_d7_the_form_of_a_connector_has_the_fields_of_its_kind_and_tries_it(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/kpis/connector/add/")
    fields = {name: page.locator(f'[name="{name}"]') for name in ("query", "rows_path", "daily_at")}
    await page.select_option('[name="kind"]', "json")
    await expect(fields["query"]).to_be_hidden()
    await expect(fields["rows_path"]).to_be_visible()
    await page.select_option('[name="kind"]', "sql")
    await expect(fields["query"]).to_be_visible()
    await expect(fields["rows_path"]).to_be_hidden()
    await expect(fields["daily_at"]).to_be_hidden()
    await page.select_option('[name="rhythm"]', "daily")
    await expect(fields["daily_at"]).to_be_visible()
    await page.click("[data-bos-try-it]")
    await expect(page.locator("[data-bos-tried]")).to_contain_text("This field is required.")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
async def test_the_history_of_a_kpi_is_drawn_and_told(
    page: Page, server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    now = timezone.now()
    for n in range(40):
        KpiValue.objects.create(kpi=kpi, value=n, at=now - timedelta(days=n), actor_id="system")
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/kpis/kpi/{kpi.pk}/change/")
    readout = page.locator("[data-bos-readout]")
    await expect(readout).to_have_text("41 values, 0 to 100 EUR")
    await expect(page.locator("[data-bos-chart] canvas")).to_be_visible()
    await page.select_option("[data-bos-days]", "30")
    await expect(readout).to_have_text("31 values, 0 to 100 EUR")
    await page.locator(".u-over").hover()
    await expect(readout).to_contain_text("UTC:")


@pytest.mark.parametrize("page", ["dark"], indirect=True)
async def test_a_file_is_brought_shown_and_imported(
    page: Page, server: Server, cast: Cast, worker: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kpis.csv"
    file.write_text("name,unit,value\nBrought,EUR,5\n")
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/kpis/kpi/")
    await page.get_by_role("link", name="Import", exact=True).click()
    await page.set_input_files('[name="file"]', file)
    await page.click('[name="_save"]')
    confirm = page.get_by_role("button", name="Import 1 row", exact=True)
    await expect(confirm).to_be_visible()
    await expect(page.get_by_role("cell", name="Brought", exact=True)).to_be_visible()
    await confirm.click()
    await expect(page.locator('[data-bos-state="done"]')).to_be_visible()
    await page.goto(f"{server.url}/admin/kpis/kpi/?q=Brought")
    await expect(page.get_by_role("link", name="Brought")).to_be_visible()


async def test_the_live_picture_follows_and_a_button_disconnects(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.alice)
    await page.get_by_role("link", name="sensors Live").click()
    await expect(page.get_by_text("Nobody.")).to_be_visible()
    async with await Client.connect(server, cast.bob) as bob:
        row = page.locator(f'[data-bos-user="{cast.bob.id}"]')
        await expect(row).to_be_visible()
        await row.get_by_role("button", name="Disconnect all").click()
        assert (await bob.closed())[0] == 4403
    await expect(row).to_have_count(0)


async def test_v6_a_department_goes_and_a_kpi_comes_back_by_hand(
    page: Page, server: Server, cast: Cast
) -> None:
    home = cast.home
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/bos/department/{home.sales.pk}/change/")
    await page.get_by_role("link", name="Delete").click()
    await expect(page.get_by_role("heading", name="In it now")).to_be_visible()
    await page.get_by_label("KPIs (2) go to").select_option(label="Sales / Support")
    await page.get_by_label("Employees (1) go to").select_option(label="No department")
    await page.get_by_label("Sub-departments (1) go to").select_option(index=1)
    await page.get_by_role("button", name="Move and delete").click()
    await expect(page.get_by_text("Deleted: “Sales”.")).to_be_visible()
    await page.goto(f"{server.url}/admin/kpis/kpi/{home.revenue.pk}/change/")
    await page.get_by_role("link", name="Archive …").click()
    await page.get_by_role("button", name="Archive").click()
    row = page.locator(f'[data-bos-kpi="{home.revenue.pk}"]')
    await expect(row).to_contain_text("Support")
    await row.get_by_role("button", name="Restore").click()
    await expect(page.get_by_text("“Revenue” is in use again.")).to_be_visible()
    assert (await Kpi.objects.aget(pk=home.revenue.pk)).department_id == home.support.pk


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
async def test_b5_the_front_page_acknowledges_by_keyboard_in_the_browsers_zone_on_any_screen(
    page: Page, server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    await Alert.objects.acreate(
        organization=cast.home.organization,
        kpi=kpi,
        severity=Severity.CRITICAL,
        message="Revenue is 95 EUR, below 100 EUR",
        raised_at=datetime(2026, 1, 15, 23, 30, tzinfo=UTC),
    )
    await sign_in(page, server, cast.alice)
    alerts = page.locator('[data-bos-panel="Open alerts"]')
    await expect(alerts).to_contain_text("2026-01-16 08:30 JST")
    await expect(page.locator(".bos-zone")).to_have_text("Times: Asia/Tokyo")
    changed = page.locator('[data-bos-panel="What changed today"]')
    await expect(changed).to_contain_text("The system raised the alert “Revenue is 95 EUR")
    for width in (390, 768, 1400):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    button = alerts.get_by_role("button", name="Acknowledge: Revenue is 95 EUR")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 alert acknowledged.")).to_be_visible()
    await expect(alerts).to_contain_text("None is open.")


async def test_a_department_is_found_in_the_tree_and_chosen_by_its_way(
    page: Page, server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    await sign_in(page, server, cast.alice)
    await page.goto(f"{server.url}/admin/bos/department/?q=support")
    row = page.locator("#result_list tbody")
    await expect(row).to_have_count(2)
    await expect(row.first).to_contain_text("Sales")
    await page.goto(f"{server.url}/admin/kpis/kpi/{kpi.pk}/change/")
    await page.click(".field-department .select2-selection")
    await page.fill(".select2-search__field", "Supp")
    await page.click(".select2-results__option >> text=Sales / Support")
    await page.locator('[name="_save"]').first.click()
    await expect(page.get_by_text("was changed successfully").first).to_be_visible()
    assert (await Kpi.objects.aget(pk=kpi.pk)).department_id == cast.home.support.pk
