"""The board and a department's page: what is shown, in which order, and what a change costs."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, Request, expect

from bos.auth import sign_ins
from bos.models import Department, SignIn
from bos.permissions import principal_of
from collaboration.services.notes import annotation_create
from kpis.models import Kpi, KpiValue
from tests.browser.axe import violations_in_both_schemes
from tests.browser.board import LIVE, card_of, fill_sign_in, set_value, sign_in, sign_out, value_of
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.figures import figures_of
from tests.support.furnished import make_alert, make_insight
from tests.support.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]


def make_kpi(cast: Cast, name: str, **fields: Any) -> Kpi:
    usual = {"organization": cast.home.organization, "department": cast.home.sales, "value": 10}
    made: Kpi = Kpi.objects.create(name=name, **usual | fields)
    return made


def names_on(page: Page) -> Locator:
    return page.locator("[data-kpi] h3")


def note_on(kpi: Kpi, author: Person) -> None:
    annotation_create(
        principal_of(author.user),
        None,
        position=(0, 0, 0),
        content="Look at March",
        content_type="text",
        entity=("kpi", str(kpi.pk)),
        parent_id=None,
    )


async def test_p2_search_filter_and_order_are_in_the_address_and_stay_after_a_reload(
    page: Page, server: Server, cast: Cast
) -> None:
    make_kpi(cast, "Orders", target=40, department=cast.home.support)
    make_kpi(cast, "Returns", target=5, direction="lower", department=cast.home.support)
    await sign_in(page, server.url, cast.mia)
    await expect(page.locator("[data-department]")).to_have_count(2)
    await expect(page.get_by_text("Sales", exact=True).last).to_be_visible()
    await expect(page.locator("[data-count]").first).to_have_text("0 of 3 on target")
    await expect(names_on(page)).to_have_text(["Margin", "Revenue", "Orders", "Returns"])
    await page.keyboard.press("/")
    await page.keyboard.type("support")
    await expect(names_on(page)).to_have_text(["Orders", "Returns"])
    await page.get_by_label("Order", exact=True).select_option("distance")
    await expect(names_on(page)).to_have_text(["Returns", "Orders"])
    await page.get_by_label("Off target 2").check(force=True)
    await page.reload()
    assert page.url == f"{server.url}/?search=support&sort=distance&filter=off"
    await expect(names_on(page)).to_have_text(["Returns", "Orders"])
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(Kpi.objects.get(name="Orders", organization=cast.home.id), 50)
    await expect(names_on(page)).to_have_text(["Returns"])
    await page.get_by_label("Favourites 0").check(force=True)
    await page.get_by_role("button", name="Show all").click()
    await expect(names_on(page)).to_have_count(4)


async def test_p1_favourites_collapsed_departments_and_rows_are_the_users_own_and_stay(
    page: Page, server: Server, cast: Cast
) -> None:
    await sign_in(page, server.url, cast.mia)
    await page.get_by_role("button", name="Favourite: Revenue").click()
    await page.get_by_label("Favourites 1").check(force=True)
    await expect(names_on(page)).to_have_text(["Revenue"])
    await page.get_by_label("Rows").check(force=True)
    await page.reload()
    await expect(names_on(page)).to_have_text(["Revenue"])
    await expect(page.locator(".board-sections.rows")).to_be_visible()
    for width in (390, 2560):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await violations_in_both_schemes(page) == []
    await page.get_by_role("button", name="Sales").click()
    await expect(names_on(page)).to_have_count(0)
    await sign_out(page)
    await fill_sign_in(page, cast.alice)
    await expect(names_on(page)).to_have_text(["Margin", "Revenue"])


async def test_p1_alerts_unusual_values_and_notes_are_on_the_card_and_lead_to_the_kpi(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    today = timezone.now().date().isoformat()
    make_insight(revenue, figures=figures_of("anomaly", day=today))
    make_insight(cast.home.margin)  # of long ago
    note_on(revenue, cast.bob)
    await sign_in(page, server.url, cast.vera)
    card = card_of(page, revenue)
    unusual = card.locator("[data-anomaly] .badge")
    await expect(unusual).to_have_attribute("title", re.compile("12, expected 90 to 110"))
    make_alert(revenue, severity="critical", message="Revenue is 100 EUR, below 110 EUR")
    await expect(card.locator("[data-alerts]")).to_have_text("critical")
    await expect(card.locator("[data-notes]")).to_contain_text("1")
    await expect(page.locator("[data-anomaly]")).to_have_count(1)
    assert await violations_in_both_schemes(page) == []
    await page.get_by_label("Alerts 1").check(force=True)
    await card.locator("[data-alerts]").click()
    await page.wait_for_url(f"{server.url}/kpi/{revenue.pk}")
    await page.go_back()
    await expect(names_on(page)).to_have_text(["Revenue"])
    await card.get_by_role("link", name="Revenue", exact=True).press("Enter")
    await page.wait_for_url(f"{server.url}/kpi/{revenue.pk}")


KEEP_WHAT_IS_DRAWN = """() => {
  window.drawn = new Set();
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const element = target instanceof Element ? target : target.parentElement;
      const place = element.closest("[data-kpi], [data-department], .view-header, .bar, .notices");
      window.drawn.add(place?.dataset.kpi ?? place?.className ?? element.tagName);
    }
  }).observe(document.body, {
    subtree: true, childList: true, characterData: true, attributes: true,
  });
}"""


async def test_p2_of_many_kpis_a_change_draws_one_card_and_a_history_is_asked_for_once_if_seen(
    page: Page, server: Server, cast: Cast
) -> None:
    made = [make_kpi(cast, f"Line {n}") for n in range(80)]
    at = timezone.now() - timedelta(days=9)
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=n, at=at + timedelta(days=n)) for kpi in made for n in range(3)
    )
    histories: list[str] = []

    def note(asked: Request) -> None:
        if "/history" in asked.url or "/values" in asked.url:
            histories.append(asked.url)

    page.on("request", note)
    await sign_in(page, server.url, cast.bob)
    await expect(page.locator("[data-kpi]")).to_have_count(82)
    card = card_of(page, made[0])
    await expect(card.locator("[data-readout]")).to_have_text("Line 0, 90 days: 0 to 10")
    await page.evaluate(KEEP_WHAT_IS_DRAWN)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(made[0], 33)
        await expect(card.locator("[data-readout]")).to_have_text("Line 0, 90 days: 0 to 33")
        await mia.set_value(made[0], 34)
        await expect(value_of(card)).to_have_text("34")
    drawn = set(await page.evaluate("[...drawn]"))
    assert {str(made[0].pk)} == {one for one in drawn if len(one) == 36}
    assert drawn <= {str(made[0].pk), "bar", "notices"}
    asked_for = [kpi for url in histories for kpi in parse_qs(urlsplit(url).query)["kpis"]]
    assert len(asked_for) == len(set(asked_for)) < 82
    assert len(histories) <= 3
    last = card_of(page, made[-1])
    await last.scroll_into_view_if_needed()
    await expect(last.locator("[data-readout]")).to_have_text("Line 79, 90 days: 0 to 10")


async def test_p2_a_manager_who_comes_again_gets_all_that_is_shown_in_one_picture(
    page: Page, server: Server, cast: Cast
) -> None:
    sent: list[str] = []

    def keep(frame: str | bytes) -> None:
        sent.append(json.loads(frame)["type"])

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    await sign_in(page, server.url, cast.mia)
    assert sent.count("SYNC_REQUEST") == 2
    sent.clear()
    await page.reload()
    await expect(page.locator(LIVE)).to_be_visible()
    for kpi in (cast.home.revenue, cast.home.margin):  # which only its department sees
        await expect(card_of(page, kpi)).to_be_visible()
    assert sent.count("SYNC_REQUEST") == 1


async def test_p3_what_is_typed_outlives_a_change_a_filter_another_view_and_a_reload(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    await sign_in(page, server.url, cast.mia)
    card = card_of(page, revenue)
    await card.locator("[data-edit]").click()
    await expect(card.locator("input")).to_be_focused()
    await card.locator("input").fill("55.5")
    async with await Client.connect(server, cast.alice) as alice:
        await alice.set_value(revenue, 120.5)
    await expect(value_of(card)).to_have_text("120.5")
    await expect(card.get_by_role("status")).to_have_text("Meanwhile it was set to 120.5.")
    await page.goto(f"{server.url}/?search=nothing")
    await expect(page.locator("[data-kpi]")).to_have_count(1)
    await page.get_by_role("link", name="People").click()
    await page.get_by_role("link", name="Board").first.click()
    await expect(card.locator("input")).to_have_value("55.5")
    await card.locator("input").press("Escape")
    await expect(page.locator("[data-kpi]")).to_have_count(2)
    await expect(card.locator("[data-edit]")).to_be_visible()
    await set_value(card, "1,234,567.25")
    await expect(value_of(card)).to_have_text("1.235M")
    await expect(card.locator("[data-edit]")).to_be_focused()
    await page.reload()
    await expect(card.locator("[data-edit]")).to_be_visible()
    revenue.refresh_from_db()
    assert str(revenue.value) == "1234567.2500"


async def test_p1_a_department_shows_its_own_and_what_is_below_and_another_one_says_so(
    page: Page, server: Server, cast: Cast
) -> None:
    home = cast.home
    make_kpi(cast, "Tickets", department=home.support)
    elsewhere = Department.objects.create(organization=home.organization, name="Elsewhere")
    make_kpi(cast, "Nothing of it", department=elsewhere)
    await sign_in(page, f"{server.url}/department/{home.sales.pk}", cast.bob)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sales")
    await expect(names_on(page)).to_have_text(["Margin", "Revenue", "Tickets"])
    await expect(page.locator("[data-employee]")).to_contain_text(["Bob"])
    assert await violations_in_both_schemes(page) == []
    await page.get_by_role("link", name="Support").click()
    await expect(names_on(page)).to_have_text(["Tickets"])
    path = page.get_by_role("navigation", name="Departments above")
    await expect(path).to_have_text("Board / Sales")
    await path.get_by_role("link", name="Sales").click()
    await page.wait_for_url(f"{server.url}/department/{home.sales.pk}")
    await page.goto(f"{server.url}/department/{cast.other.sales.pk}")
    await expect(page.get_by_text("There is no such department here")).to_be_visible()


async def test_p1_a_sign_in_is_kept_by_a_new_tab_and_ends_in_all_of_them(
    page: Page, server: Server, cast: Cast
) -> None:
    place = f"{server.url}/department/{cast.home.sales.pk}"
    await sign_in(page, place, cast.bob)
    await page.reload()
    await expect(page.locator(LIVE)).to_be_visible()
    another = await page.context.new_page()
    await another.goto(place)
    await expect(another.locator(LIVE)).to_be_visible()
    # It ends on the server: both tabs ask for a new one, and go on where they were.
    [of_bob] = SignIn.objects.filter(user=cast.bob.user, ended_at=None)
    await asyncio.to_thread(sign_ins.end, of_bob, sign_ins.End.LOGOUT)
    for tab in (another, page):
        await expect(tab.locator("[data-sign-in]").get_by_role("alert").last).not_to_be_empty()
    await fill_sign_in(page, cast.bob)
    for tab in (page, another):
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Sales")
        assert tab.url == place
    await sign_out(another)
    await expect(page.locator("[data-sign-in]")).to_be_visible()
    assert (
        await page.evaluate("Object.keys(localStorage).filter((k) => k.includes('session'))") == []
    )
