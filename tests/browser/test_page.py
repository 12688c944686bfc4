"""The page at / in real Chromium: signs in, shows KPIs, changes live, comes back after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from bos.models import SignIn
from kpis.archive import kpis_archive
from tests.cast import PASSWORD, Cast, Person
from tests.client import Client
from tests.conftest import ServeFixture
from tests.rest import rest
from tests.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context()
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    # Of the Content-Security-Policy, among others; that a server is away is what we test.
    expected = ("WebSocket connection", "401 (Unauthorized)", "ERR_CONNECTION_RE")
    assert [c for c in complaints if not any(e in c for e in expected)] == []


async def sign_in(page: Page, server: Server, person: Person) -> None:
    await page.goto(server.url)
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.click("[data-sign-in] button:not([type])")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


async def set_value(card: Locator, value: str) -> None:
    await card.locator("[data-edit]").click()
    await card.locator("input").fill(value)
    await card.locator("input").press("Enter")


async def test_a_change_made_elsewhere_appears_without_reloading(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.bob)
    card = page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')
    await expect(card.locator("[data-value]")).to_have_text("100")
    await expect(card.locator("[data-standing]")).to_contain_text("off target")
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(cast.home.revenue, 120.5)
    await expect(card.locator("[data-value]")).to_have_text("120.5")
    await expect(card.locator("[data-standing]")).to_have_text("on target")
    kpis_archive([cast.home.revenue])
    await expect(card).to_have_count(0)


KEEP_WHAT_IS_SHOWN = """
new MutationObserver(() => {
  if (!document.querySelector('[data-connection="live"]')) return;
  const cards = [...document.querySelectorAll("[data-kpi]")];
  window.shownWhenLive ??= cards.map((card) => card.dataset.kpi);
}).observe(document, { subtree: true, attributeFilter: ["data-connection"] });
"""


async def test_what_the_page_calls_live_is_complete(page: Page, server: Server, cast: Cast) -> None:
    """A card that came later would move those that somebody is about to press."""
    await page.add_init_script(KEEP_WHAT_IS_SHOWN)
    await sign_in(page, server, cast.mia)
    shown = await page.evaluate("shownWhenLive")
    assert shown == [str(cast.home.margin.pk), str(cast.home.revenue.pk)]


async def test_s4_a_restricted_kpi_is_shown_to_its_department_only(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.vera)
    await expect(page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')).to_be_visible()
    await expect(page.locator(f'[data-kpi="{cast.home.margin.pk}"]')).to_have_count(0)
    await page.click("[data-sign-out]")
    await sign_in(page, server, cast.bob)
    await expect(page.locator(f'[data-kpi="{cast.home.margin.pk}"]')).to_be_visible()


async def test_a_manager_sets_a_value_on_the_card(page: Page, server: Server, cast: Cast) -> None:
    await sign_in(page, server, cast.mia)
    card = page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')
    await set_value(card, "77.25")
    await expect(card.locator("[data-value]")).to_have_text("77.25")
    cast.home.revenue.refresh_from_db()
    assert str(cast.home.revenue.value) == "77.2500"


async def test_who_may_not_set_a_value_is_told_at_the_card(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.vera)
    card = page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')
    await set_value(card, "1")
    await expect(card.locator("[data-card-problem]")).to_contain_text("may not")
    await expect(card.locator("[data-value]")).to_have_text("100")


FRESH = """async () => {
  const { Session } = await import("/static/bos/session.js");
  window.session ??= new Session();
  return window.session.accessToken({ fresh: true });
}"""


async def test_s9_a_duplicated_tab_renews_its_tokens_without_ending_the_others(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server, cast.bob)
    async with page.expect_popup() as opened:
        await page.evaluate("window.open(location.href)")
    copy = await opened.value
    await expect(copy.locator('[data-connection="live"]')).to_be_visible()
    for tabs in ((page, copy), (page,), (copy,), (page, copy)):
        fresh = await asyncio.gather(*(tab.evaluate(FRESH) for tab in tabs))
        assert (await rest(server, "GET", "/api/kpis/history", token=fresh[-1]))[0] == 200
    assert SignIn.objects.filter(user=cast.bob.user, ended_at=None).count() == 1
    for tab in (page, copy):
        await expect(tab.locator('[data-connection="live"]')).to_be_visible()


async def test_wrong_credentials_are_said_to_be_wrong(
    page: Page, server: Server, cast: Cast
) -> None:
    await page.goto(server.url)
    await page.fill('[name="email"]', cast.bob.email)
    await page.fill('[name="password"]', "not it")
    async with page.expect_response("**/auth/token"):
        await page.click("[data-sign-in] button:not([type])")
    await expect(page.locator("[data-problem]")).to_have_text("Email or password is wrong.")


async def test_after_a_restart_the_page_comes_back_and_has_missed_nothing(
    page: Page, serve: ServeFixture, cast: Cast
) -> None:
    server = serve()
    await sign_in(page, server, cast.bob)
    card = page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')
    await expect(card.locator("[data-value]")).to_have_text("100")
    server.kill()
    await expect(page.locator('[data-connection="reconnecting"]')).to_be_visible()
    cast.home.revenue.value = 222
    cast.home.revenue.save()
    serve(port=server.port)
    await expect(card.locator("[data-value]")).to_have_text("222")
