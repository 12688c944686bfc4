"""The page at / in real Chromium: signs in, shows KPIs, changes live, comes back after a loss."""

from __future__ import annotations

import asyncio

import pytest
from django.utils import timezone
from playwright.async_api import Browser, Page, Route, expect

from bos.models import SignIn
from kpis.archive.services import kpis_archive
from kpis.models import Kpi, Report
from tests.browser.axe import violations_in_both_schemes
from tests.browser.board import (
    LIVE,
    RECONNECTING,
    card_of,
    fill_sign_in,
    set_value,
    sign_in,
    sign_out,
    value_of,
)
from tests.conftest import ANOTHER_ORIGIN, ServeFixture
from tests.support.cast import PASSWORD, Cast
from tests.support.client import Client
from tests.support.rest import rest
from tests.support.server import Server
from tests.test_links import address_of, make_report

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_change_made_elsewhere_appears_without_reloading(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.bob)
    card = card_of(page, cast.home.revenue)
    await expect(value_of(card)).to_have_text("100")
    await expect(card).to_contain_text("off target by 17%")
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(cast.home.revenue, 120.5)
    await expect(value_of(card)).to_have_text("120.5")
    await expect(card).to_contain_text("on target")
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
    await sign_in(page, server.url, cast.mia)
    shown = await page.evaluate("shownWhenLive")
    assert shown == [str(cast.home.margin.pk), str(cast.home.revenue.pk)]


async def test_s4_a_restricted_kpi_is_shown_to_its_department_only(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.vera)
    await expect(card_of(page, cast.home.revenue)).to_be_visible()
    await expect(card_of(page, cast.home.margin)).to_have_count(0)
    await sign_out(page)
    await sign_in(page, server.url, cast.bob)
    await expect(card_of(page, cast.home.margin)).to_be_visible()


async def test_a_manager_sets_a_value_on_the_card(page: Page, server: Server, cast: Cast) -> None:
    await sign_in(page, server.url, cast.mia)
    card = card_of(page, cast.home.revenue)
    await set_value(card, "77.25")
    await expect(value_of(card)).to_have_text("77.25")
    cast.home.revenue.refresh_from_db()
    assert str(cast.home.revenue.value) == "77.2500"


async def test_c4_the_pencil_is_offered_to_those_who_may_set_the_value(
    page: Page, server: Server, cast: Cast
) -> None:
    """A viewer, who is made the owner and no owner meanwhile; then a manager."""
    revenue = cast.home.revenue
    await sign_in(page, server.url, cast.vera)
    card = card_of(page, revenue)
    await expect(value_of(card)).to_have_text("100")
    await expect(card.locator("[data-edit]")).to_have_count(0)
    assert await card.locator("[data-may-set]").count() == 0
    revenue.owner = cast.vera.user
    revenue.save()
    await set_value(card, "101")
    await expect(value_of(card)).to_have_text("101")
    await card.locator("[data-edit]").click()
    await card.locator("input").fill("102")
    Kpi.objects.filter(pk=revenue.pk).update(owner=None)
    await expect(card.get_by_role("alert")).to_contain_text("may not")
    await expect(card.get_by_role("button", name="Save")).to_be_disabled()
    await expect(card.locator("input")).to_have_value("102")
    await sign_out(page)
    await sign_in(page, server.url, cast.mia)
    await expect(page.locator("[data-user]")).to_have_text("Mia")
    await expect(page.locator("[data-role]")).to_have_text("manager")
    for kpi in page.locator("[data-kpi]"), page.locator("[data-edit]"):
        await expect(kpi).to_have_count(2)


FRESH = """async () => {
  const { StoredSession } = await import("/static/bos/client/index.js");
  const kept = { key: "bos.session", own: localStorage, shared: localStorage };
  window.session ??= new StoredSession({ url: location.origin, ...kept });
  return window.session.token({ fresh: true });
}"""


async def test_s9_a_duplicated_tab_renews_its_tokens_without_ending_the_others(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.bob)
    async with page.expect_popup() as opened:
        await page.evaluate("window.open(location.href)")
    copy = await opened.value
    await expect(copy.locator(LIVE)).to_be_visible()
    for tabs in ((page, copy), (page,), (copy,), (page, copy)):
        fresh = await asyncio.gather(*(tab.evaluate(FRESH) for tab in tabs))
        assert (await rest(server, "GET", "/api/kpis/history", token=fresh[-1]))[0] == 200
    assert SignIn.objects.filter(user=cast.bob.user, ended_at=None).count() == 1
    for tab in (page, copy):
        await expect(tab.locator(LIVE)).to_be_visible()


async def test_wrong_credentials_are_said_to_be_wrong(
    page: Page, server: Server, cast: Cast
) -> None:
    await page.goto(server.url)
    assert await violations_in_both_schemes(page) == []
    await page.fill('[name="email"]', cast.bob.email)
    await page.fill('[name="password"]', "not it")
    async with page.expect_response("**/auth/token"):
        await page.click("[data-sign-in] [type=submit]")
    told = page.locator("[data-sign-in]").get_by_role("alert").last
    await expect(told).to_have_text("Email or password is wrong.")


async def test_a_card_whose_history_has_not_come_does_not_say_that_there_is_none(
    page: Page, server: Server, cast: Cast
) -> None:
    let_go = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    await page.route("**/api/kpis/history*", hold)
    await sign_in(page, server.url, cast.bob)
    told = card_of(page, cast.home.revenue).locator("[data-readout]")
    await expect(told).to_have_text("Revenue, 90 days: not loaded yet")
    let_go.set()
    await expect(told).not_to_contain_text("not loaded")


async def test_after_a_restart_the_page_comes_back_and_has_missed_nothing(
    page: Page, serve: ServeFixture, cast: Cast
) -> None:
    server = serve()
    await sign_in(page, server.url, cast.bob)
    card = card_of(page, cast.home.revenue)
    await expect(value_of(card)).to_have_text("100")
    server.kill()
    await expect(page.locator(RECONNECTING)).to_be_visible()
    cast.home.revenue.value = 222
    cast.home.revenue.save()
    serve(port=server.port)
    await expect(value_of(card)).to_have_text("222")


# ------------------------------------------------------------------ c8: links from elsewhere

ELSEWHERE = "https://mail.example/"


async def follow_from_elsewhere(page: Page, address: str) -> None:
    """Click a link in a mail, which is another site's page."""
    letter = f'<!doctype html><a href="{address}">Look</a>'
    await page.context.route(
        f"{ELSEWHERE}**", lambda route: route.fulfill(content_type="text/html", body=letter)
    )
    await page.goto(ELSEWHERE)
    await page.click("a")


async def test_c8_a_link_to_the_admin_opens_while_signed_in_there(
    page: Page, server: Server, cast: Cast
) -> None:
    await page.goto(f"{server.url}/admin/")
    await page.fill('[name="email"]', cast.alice.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Alert rules").first).to_be_visible()
    await follow_from_elsewhere(page, f"{server.url}/admin/kpis/kpi/")
    await expect(page.get_by_role("link", name="Revenue")).to_be_visible()
    async with page.expect_download() as opened:
        await follow_from_elsewhere(page, server.url + address_of(make_report(cast)))
    assert (await opened.value).suggested_filename == "report-2026-01-01-2026-01-01.pdf"


async def test_c8_a_link_to_a_report_opens_once_one_has_signed_in_and_in_another_tab(
    page: Page, server: Server, cast: Cast
) -> None:
    address = server.url + address_of(make_report(cast))
    await follow_from_elsewhere(page, address)
    await expect(page.get_by_text("Sign in to open the report.")).to_be_visible()
    async with page.expect_download() as opened:
        await fill_sign_in(page, cast.vera)
    file = await (await opened.value).path()
    assert file.read_bytes() == b"%PDF-1.7 a report"
    await expect(page.locator(LIVE)).to_be_visible()
    another = await page.context.new_page()
    async with another.expect_download():
        await follow_from_elsewhere(another, address)
    await expect(another.locator(LIVE)).to_be_visible()
    await expect(another.locator("[data-user]")).to_have_text("Vera")
    assert another.url == f"{server.url}/"


async def test_c8_a_link_to_a_report_that_is_over_or_of_others_says_so(
    chromium: Browser, server: Server, cast: Cast
) -> None:
    context = await chromium.new_context()  # whose refusals are no complaints
    page = await context.new_page()
    over, of_others = make_report(cast), make_report(cast)
    Report.objects.filter(pk=over.pk).update(expires_at=timezone.now())
    Report.objects.filter(pk=of_others.pk).update(organization=cast.other.organization)
    await sign_in(page, server.url, cast.vera)
    for report, says in ((over, "has expired"), (of_others, "You may not read this report")):
        await follow_from_elsewhere(page, server.url + address_of(report))
        await expect(page.locator("[data-notice]")).to_contain_text(says)
    await context.close()


# ------------------------------------------------------------------ c1: a page of another origin

ASK = """async ([server, email, password]) => {
  const headers = { "Content-Type": "application/json" };
  const sent = { method: "POST", headers, body: JSON.stringify({ email, password }) };
  try {
    const refused = await fetch(`${server}/auth/refresh`, { ...sent, body: "{}" });
    const { access } = await (await fetch(`${server}/auth/token`, sent)).json();
    const bearer = { headers: { Authorization: `Bearer ${access}` } };
    const history = await fetch(`${server}/api/kpis/history`, bearer);
    return [refused.status, Object.keys(await history.json()).length];
  } catch (error) {
    return error.name;
  }
}"""


async def test_c1_a_browser_lets_a_page_of_an_allowed_origin_sign_in_and_read_and_no_other(
    chromium: Browser, impatient: Server, cast: Cast
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    blank = "<!doctype html><title>Board</title>"
    for origin, expected in ((ANOTHER_ORIGIN, [400, 2]), ("https://else.example", "TypeError")):
        await page.route(
            f"{origin}/", lambda route: route.fulfill(content_type="text/html", body=blank)
        )
        await page.goto(f"{origin}/")
        given = [impatient.url, cast.bob.email, PASSWORD]
        assert await page.evaluate(ASK, given) == expected
    await context.close()
