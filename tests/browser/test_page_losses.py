"""The page when something is refused, lost, full or not there (c5, c6, c7, P3)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from playwright.async_api import Page, expect

from bos.models import Organization, SignIn
from kpis.archive.services import kpis_archive
from kpis.models import Kpi, KpiValue
from tests.browser.board import (
    LIVE,
    RECONNECTING,
    card_of,
    fill_sign_in,
    retry_now,
    set_value,
    sign_in,
    sign_out,
    value_of,
)
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.network import network
from tests.support.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

# ------------------------------------------------------------------ c5: what was typed


async def test_p3_a_refused_value_stays_in_its_form_with_the_reason_beside_it(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.mia)
    card = card_of(page, cast.home.revenue)
    await set_value(card, "1.23456")
    await expect(card.get_by_role("alert")).to_have_text("Expected at most 4 decimals.")
    await expect(card.locator("input")).to_have_value("1.23456")
    await expect(value_of(card)).to_have_text("100")
    await card.locator("input").fill("1.2345")
    await card.locator("input").press("Enter")
    await expect(value_of(card)).to_have_text("1.2345")
    await expect(card.locator("[data-edit-form]")).to_have_count(0)


async def test_p3_a_comma_is_told_of_and_not_dropped(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.mia)
    card = card_of(page, cast.home.revenue)
    await card.locator("[data-edit]").click()
    for typed in ("1,5", "1.234.567", "abc"):
        await card.locator("input").fill("")
        await card.locator("input").press_sequentially(typed)
        await card.locator("input").press("Enter")
        said = f"“{typed}” is not a number. Write it like 1234.5."
        await expect(card.get_by_role("alert")).to_have_text(said)
        await expect(card.locator("input")).to_have_value(typed)
    await expect(value_of(card)).to_have_text("100")


async def test_p3_a_value_saved_offline_is_kept_and_sent_once_on_reconnect(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    async with network(server.url) as way:
        await sign_in(page, way.url, cast.mia)
        await way.cut()
        await expect(page.locator(RECONNECTING)).to_be_visible()
        card, other = card_of(page, revenue), card_of(page, margin)
        await set_value(card, "77.25")
        await expect(card.locator("[data-value-note]")).to_contain_text("Not connected")
        await expect(card.locator("input")).to_have_value("77.25")
        await set_value(other, "8")
        await other.locator("[data-cancel]").click()
        await way.join()
        await retry_now(page)
        await expect(page.locator(LIVE)).to_be_visible()
        await expect(value_of(card)).to_have_text("77.25")
        await expect(card.locator("[data-edit-form]")).to_have_count(0)
        await expect(page.locator("[data-notice]")).to_have_text("")
    assert KpiValue.objects.filter(kpi=revenue, value="77.25").count() == 1
    assert not KpiValue.objects.filter(kpi=margin, value=8).exists()


async def test_p3_what_is_typed_outlives_a_new_sign_in(
    page: Page, server: Server, cast: Cast
) -> None:
    """Rights have changed: everything is shown anew."""
    await sign_in(page, server.url, cast.mia)
    card = card_of(page, cast.home.revenue)
    await card.locator("[data-edit]").click()
    await card.locator("input").fill("55.5")
    cast.mia.user.role = "admin"
    cast.mia.user.save()
    await expect(page.get_by_text("Your access has changed")).to_be_visible()
    await fill_sign_in(page, cast.mia)
    await expect(card.locator("input")).to_have_value("55.5")
    await sign_out(page)
    await fill_sign_in(page, cast.alice)
    await expect(card.locator("[data-edit]")).to_be_visible()


# ------------------------------------------------------------------ c6: tabs

NO_WEB_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"


@pytest.mark.parametrize("script", ["", NO_WEB_LOCKS], ids=["locks", "leases"])
async def test_c6_two_tabs_with_short_tokens_stay_signed_in(
    page: Page, serve: ServeFixture, cast: Cast, script: str
) -> None:
    # A refresh token that is used twice is a theft at once.
    server = serve(BOS_ACCESS_TOKEN_SECONDS="3", BOS_REFRESH_GRACE="0", BOS_REAUTH_GRACE="3")
    await page.context.add_init_script(script)
    refreshes: list[int] = []
    page.context.on(
        "response",
        lambda answer: refreshes.append(answer.status) if "/auth/refresh" in answer.url else None,
    )
    await sign_in(page, server.url, cast.bob)
    async with page.expect_popup() as opened:
        await page.evaluate("window.open(location.href)")
    copy = await opened.value
    await expect(copy.locator(LIVE)).to_be_visible()
    while len(refreshes) < 3:
        await page.context.wait_for_event("response")
    for tab in (page, copy):
        await expect(tab.locator(LIVE)).to_be_visible()
    assert set(refreshes) == {200}
    assert SignIn.objects.filter(user=cast.bob.user, ended_at=None).count() == 1


# ------------------------------------------------------------------ c7: as a person expects


async def test_c7_a_number_never_breaks_and_fits_its_card(
    page: Page, server: Server, cast: Cast
) -> None:
    numbers = {"-12345.67": "-12,345.67", "123456789": "123.5M"}
    numbers["-99999999999.9999"] = "-100B"
    for value in numbers:
        Kpi.objects.create(
            organization=cast.home.organization,
            department=cast.home.sales,
            name=value,
            value=value,
            unit="passengers per hour and direction of the line",
        )
    for width in (320, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        await (sign_in(page, server.url, cast.mia) if width == 320 else page.reload())
        for value, shown in numbers.items():
            card = page.locator("[data-kpi]", has=page.get_by_text(value, exact=True)).first
            number = value_of(card)
            await expect(number).to_have_text(shown)
            lines, inside = await number.evaluate(
                "(e) => [e.getClientRects().length, e.getBoundingClientRect().right"
                " <= e.closest('.card').getBoundingClientRect().right]"
            )
            height = await number.evaluate(
                "(e) => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight)"
            )
            assert (lines, inside, round(height)) == (1, True, 1), (width, value)
        assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_c7_the_eleventh_tab_says_why_and_comes_in_when_a_place_is_free(
    page: Page, server: Server, cast: Cast
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(await Client.connect(server, cast.bob))
            for _ in range(10)
        ]
        await page.goto(server.url)
        await fill_sign_in(page, cast.bob)
        await expect(page.locator("[data-connection-why]")).to_contain_text(
            "as often as you may be"
        )
        await expect(page.locator("[data-connection-text]")).to_contain_text("reconnecting in")
        await others[0].socket.close()
        await retry_now(page)
        await expect(page.locator(LIVE)).to_be_visible()
        await expect(page.locator("[data-connection-why]")).to_have_count(0)
        await expect(card_of(page, cast.home.revenue)).to_be_visible()


async def test_c7_an_organization_without_kpis_explains_itself(
    page: Page, server: Server, cast: Cast
) -> None:
    kpis_archive(Kpi.objects.of(cast.home.id))
    await sign_in(page, server.url, cast.vera)
    await expect(page.locator("[data-empty]")).to_contain_text("An administrator")
    await sign_out(page)
    await fill_sign_in(page, cast.alice)
    link = page.locator("[data-empty]").get_by_role("link", name="KPIs")
    await expect(link).to_have_attribute("href", "/admin/kpis/kpi/")
    Kpi.objects.create(organization=cast.home.organization, name="First", value=1)
    await expect(page.locator("[data-readout]")).to_have_text("First, 90 days: 1 to 1")
    await expect(page.locator("[data-empty]")).to_be_hidden()
    Organization.objects.filter(pk=cast.home.id).update(name="Empty again")
    kpis_archive(Kpi.objects.of(cast.home.id))
    await expect(page.locator("[data-empty]")).to_be_visible()


async def test_c7_a_network_that_passes_nothing_on_is_seen_within_seconds(
    page: Page, server: Server, cast: Cast
) -> None:
    async with network(server.url) as way:
        await sign_in(page, way.url, cast.bob)
        way.swallow()
        async with asyncio.timeout(12):
            await expect(page.locator('[data-connection="unsure"]')).to_be_visible()
        await expect(page.locator("main[data-outdated]")).to_be_visible()


async def test_c7_a_browser_that_is_offline_says_so_at_once_until_the_server_answers(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.bob)
    first = await page.evaluate(
        """() => new Promise((told) => {
          const shown = document.querySelector("[data-connection]");
          new MutationObserver(() => told(shown.dataset.connection))
            .observe(shown, { attributeFilter: ["data-connection"] });
          dispatchEvent(new Event("offline"));
        })"""
    )
    assert first == "unsure"
    await expect(page.locator(LIVE)).to_be_visible()
