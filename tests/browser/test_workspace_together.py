"""The views of the page with each other: what several people see of what each of them does (P1)."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Awaitable, Callable

import pytest
from django.utils import timezone
from playwright.async_api import Browser, Page, expect

from bos.models import Notification, SignIn
from collaboration.models import Annotation
from kpis.models import KpiValue
from tests.browser.axe import violations_in_both_schemes
from tests.browser.board import LIVE, RECONNECTING, card_of, fill_sign_in, set_value, value_of
from tests.browser.test_workspace_alerts import rule_of
from tests.browser.test_workspace_sessions import another, enter, phase
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.furnished import make_alert, make_note, make_report, make_session
from tests.support.server import Server
from tests.support.waiting import until
from tests.wire.test_notes_on_things import pin
from tests.wire.test_sessions import create

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("postgres")]

SECOND = 1.0
TRIES = 3
"""Of a machine that does other things, too."""


async def soonest(once: Callable[[int], Awaitable[float]]) -> float:
    """Do it some times, and return the shortest of the times that it says."""
    return min([await once(number) for number in range(TRIES)])


async def note(page: Page, text: str) -> None:
    """Write a note, and send it."""
    field = page.get_by_role("form", name="New note").locator("textarea")
    await field.fill(text)
    await field.press("Control+Enter")


# ------------------------------------------------------------------ seen at once

PLACE = """(id) => {
  const shown = document.querySelector(`[data-pointer="${id}"]`);
  return shown ? shown.getBoundingClientRect().x : null;
}"""
MOVED = f"([id, before]) => {{ const now = ({PLACE})(id); return now !== null && now !== before; }}"


async def test_p1_two_see_each_others_kpi_pointer_and_note_within_a_second(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as client:
        meeting = f"/session/{(await create(client))['sessionId']}?join=1&as=plan"
    await enter(page, server.url, cast.bob, meeting)
    async with another(chromium, server, cast.mia, meeting) as mia:
        for each in (page, mia):
            await expect(phase(each, "in")).to_be_visible()
            await expect(each.locator('[data-picture="plan"]')).to_be_visible()
        board = await mia.context.new_page()
        await board.goto(server.url)
        card = card_of(board, cast.home.revenue)

        async def value(number: int) -> float:
            await set_value(card, f"{130 + number}")
            begun = time.perf_counter()
            shown = page.locator(".stage-label.thing", has_text=f"{130 + number} EUR")
            await expect(shown).to_be_visible()
            return time.perf_counter() - begun

        def pointer(own: Page, other: Page, person_id: str) -> Callable[[int], Awaitable[float]]:
            async def once(number: int) -> float:
                box = await own.locator(".stage-picture canvas").bounding_box()
                assert box is not None
                before = await other.evaluate(PLACE, person_id)
                middle = box["y"] + box["height"] / 2
                await own.mouse.move(box["x"] + box["width"] * (0.3 + 0.1 * number), middle)
                begun = time.perf_counter()
                await other.wait_for_function(MOVED, arg=[person_id, before])
                return time.perf_counter() - begun

            return once

        def said(own: Page, other: Page) -> Callable[[int], Awaitable[float]]:
            async def once(number: int) -> float:
                await note(own, f"Look at {number}")
                begun = time.perf_counter()
                await expect(other.locator("article", has_text=f"Look at {number}")).to_be_visible()
                await expect(own.locator("article", has_text=f"Look at {number}")).to_be_visible()
                return time.perf_counter() - begun

            return once

        assert await soonest(value) < SECOND
        assert await soonest(pointer(page, mia, cast.bob.id)) < SECOND
        assert await soonest(pointer(mia, page, cast.mia.id)) < SECOND
        assert await soonest(said(page, mia)) < SECOND


# ------------------------------------------------------------------ nothing lost, nothing twice


async def test_p3_a_server_that_is_killed_under_two_loses_nothing_and_doubles_nothing(
    page: Page, chromium: Browser, serve: ServeFixture, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    place = f"/kpi/{revenue.pk}"
    server = serve()
    await enter(page, server.url, cast.bob, place)
    async with another(chromium, server, cast.mia, place) as mia:
        thought = mia.get_by_role("form", name="New note").locator("textarea")
        await thought.fill("Half a thought")
        await note(page, "Before")
        for each in (page, mia):
            await expect(each.locator("article", has_text="Before")).to_be_visible()
        server.kill()
        for each in (page, mia):
            await expect(each.locator(RECONNECTING)).to_be_visible()
        pin(cast.alice, revenue, "While all were away")
        margin.value = 8
        margin.save()
        await note(page, "Sent into the void")
        await expect(page.locator("[data-sending]")).to_contain_text("Waits for the connection")
        standing = mia.locator(".kpi-standing")
        await set_value(standing, "77.25")
        await expect(standing.locator("[data-value-note]")).to_contain_text("Not connected")
        serve(port=server.port)
        for each in (page, mia):
            await expect(each.locator(LIVE)).to_be_visible()
            await expect(each.locator("[data-value] data")).to_have_attribute("value", "77.25")
            await expect(each.locator("article")).to_have_count(3)
            for text in ("Before", "While all were away", "Sent into the void"):
                await expect(each.locator("article", has_text=text)).to_have_count(1)
        await expect(thought).to_have_value("Half a thought")
        await thought.press("Control+Enter")
        await expect(page.locator("article", has_text="Half a thought")).to_have_count(1)
        await mia.goto(server.url)
        await expect(value_of(card_of(mia, margin))).to_have_text("8")
    assert KpiValue.objects.filter(kpi=revenue, value="77.25").count() == 1
    assert Annotation.objects.filter(thing__entity_id=revenue.pk).count() == 4


# ------------------------------------------------------------------ told, found, done


@pytest.mark.usefixtures("worker")
async def test_b5_an_alert_is_on_the_board_in_the_inbox_and_acknowledged_for_all(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    rule_of(revenue, cast.bob)
    await enter(page, server.url, cast.bob, "/")
    bell = page.get_by_role("link", name="Inbox, 1 unread")
    async with another(chromium, server, cast.mia, "/") as mia:
        await set_value(card_of(mia, revenue), "950")
        for each in (page, mia):
            badge = card_of(each, revenue).locator("[data-alerts]")
            await expect(badge).to_contain_text("critical", ignore_case=True)
        await expect(bell).to_be_visible()
        await bell.click()
        item = page.locator("[data-notification]")
        await expect(item).to_contain_text("Revenue")
        await page.get_by_role("group", name="Show").locator("label", has_text="Alerts").click()
        row = page.locator("[data-alert]")
        await expect(row).to_contain_text("Revenue")
        await mia.get_by_role("link", name="Alerts", exact=True).click()
        await mia.locator("[data-alert]").get_by_role("button", name="Acknowledge").click()
        await expect(row).to_contain_text("Mia acknowledged")
        await expect(row.locator("[data-acknowledge]")).to_have_count(0)


async def test_c8_a_mention_is_told_of_and_leads_to_its_note_in_view(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    for number in range(8):
        pin(cast.alice, revenue, f"Something else, {number}")
    await enter(page, server.url, cast.mia, "/")
    async with another(chromium, server, cast.bob, f"/kpi/{revenue.pk}") as bob:
        await note(bob, "Why is it so late, @Mia?")
        await expect(bob.locator("article", has_text="Why is it so late")).to_be_visible()
    await page.get_by_role("link", name="Inbox, 1 unread").click()
    await page.locator("[data-notification]").get_by_role("link").first.click()
    made = await Annotation.objects.of(cast.home.id).aget(content__startswith="Why")
    await expect(page).to_have_url(f"{server.url}/kpi/{revenue.pk}?note={made.pk}")
    led = page.locator(f'[data-note="{made.pk}"]')
    await expect(led).to_be_in_viewport()
    await expect(led).to_be_focused()
    assert await violations_in_both_schemes(page) == []
    assert await Notification.objects.filter(user=cast.mia.user, read_at=None).acount() == 0


async def test_p1_on_a_phone_a_note_a_pin_and_the_space_lead_to_each_other(
    page: Page, server: Server, cast: Cast
) -> None:
    session = make_session(cast.bob)
    made = make_note(session, cast.bob)
    await page.set_viewport_size({"width": 390, "height": 844})
    await enter(page, server.url, cast.bob, f"/session/{session.pk}?as=list&note={made.pk}")
    led = page.locator(f'[data-note="{made.pk}"]')
    await expect(led).to_be_focused()
    assert await violations_in_both_schemes(page) == []
    await page.locator("label", has_text="Space").click()
    await expect(led).to_be_hidden()
    await page.get_by_role("button", name="1 note. Bob: Look at March").click()
    await expect(led).to_be_focused()
    await page.locator("label", has_text="Space").click()
    await page.get_by_role("button", name="Pin a note on Revenue").click()
    await expect(page.locator("[data-pinned-to]")).to_contain_text("Revenue")
    await page.get_by_role("button", name="Do not pin it").click()
    await expect(page.locator("[data-pinned-to]")).to_have_count(0)


async def test_p3_an_ended_sign_in_returns_to_its_place_with_what_was_typed(
    page: Page, serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_ACCESS_TOKEN_SECONDS="2", BOS_REAUTH_GRACE="1")
    place = f"/kpi/{cast.home.revenue.pk}?period=30d"
    await enter(page, server.url, cast.bob, place)
    thought = page.get_by_role("form", name="New note").locator("textarea")
    await thought.fill("Half a thought")
    await SignIn.objects.filter(user=cast.bob.user).aupdate(ends_at=timezone.now())
    await expect(page.locator("[data-sign-in]")).to_be_visible()
    await expect(page.get_by_text("Sign in again")).to_be_visible()
    await fill_sign_in(page, cast.bob)
    await expect(page.locator(LIVE)).to_be_visible()
    await expect(page).to_have_url(server.url + place)
    await expect(thought).to_have_value("Half a thought")


# ------------------------------------------------------------------ to each their own

GO = """(place) => {
  history.pushState(null, "", place);
  dispatchEvent(new PopStateEvent("popstate"));
}"""
CONTROL = re.compile(r"""^ *- '?(?:button|link|form) "(.*?)"'?(?: |:|$)""", re.MULTILINE)
MEMBERS, MANAGERS, ADMINS = ("bob", "mia", "alice"), ("mia", "alice"), ("alice",)
EVERYBODY = ("vera", *MEMBERS)
NOTES = {"New note": MEMBERS}
OFFERED: dict[str, dict[str, tuple[str, ...]]] = {
    "/": {"Change Revenue": MANAGERS, "Change Margin": MANAGERS},
    "/department/{sales}": {"Change Revenue": MANAGERS, "Change Margin": MANAGERS, **NOTES},
    "/kpi/{revenue}": {
        **NOTES,
        "Forecast": EVERYBODY,
        "Change Revenue": MANAGERS,
        "Answer": MEMBERS,
        "Resolve": MEMBERS,  # bob has written it
        "Acknowledge": MANAGERS,
        "Snooze: High": MANAGERS,
        "Add a rule": MANAGERS,
        "Edit the rule: when it rises above 900 EUR": MANAGERS,
        "Remove the rule: when it rises above 900 EUR": MANAGERS,
        "Make a report of its department": MANAGERS,
        "Change in the administration": ADMINS,
    },
    "/space?as=list": {"Start a session here": MEMBERS},
    "/sessions": {
        "Start a session": MEMBERS,
        "Join Planning": ("bob", "alice"),
        "Open Planning": ("mia",),
    },
    "/session/{session}": {
        "Join the session": ("bob", "alice"),
        **dict.fromkeys(("Invite", "Leave", "More to do in this session"), ("mia",)),
        **dict.fromkeys(("Pin a note", "New note"), ("mia",)),
    },
    "/session/{session}/replay": {"Play": ("mia",), "Load what has happened since": ("mia",)},
    "/alerts": {"Acknowledge": MANAGERS, "Snooze: High": MANAGERS},
    "/alerts?state=rules": {
        "Add a rule": MANAGERS,
        "Edit the rule: when it rises above 900 EUR": MANAGERS,
        "Remove the rule: when it rises above 900 EUR": MANAGERS,
    },
    "/reports": {
        "Download: Home, Jan 1, 2026": EVERYBODY,
        "Request a report": MANAGERS,
        "Request": MANAGERS,
    },
    "/people": {
        "Invite and manage people": ADMINS,
        "Invite Mia to a session": ("bob", "alice"),
        "Invite Bob to a session": MANAGERS,
        "Invite Alice to a session": ("bob", "mia"),
        "Invite Vera to a session": MEMBERS,
    },
    "/inbox": {},
}
"""By address: what changes anything, or leads to where that is done, and to whom it is offered."""
READING = {
    *("Sales", "Support", "Revenue", "Margin", "Planning", "Board", "Sessions", "To the sessions"),
    *("Favourite: Revenue", "Favourite: Margin", "Make it a favourite", "info", "open notes: 1"),
    *("All", "Values", "Targets and changes", "Imports", "Alerts", "Insights", "Notes", "Zoom in"),
    *("More about the note by Bob", "1 note", "1 note. Bob: Look at March", "Look at March"),
    *("Nearer", "Further", "Show everything", "To the meeting", "Mail and push settings"),
}
READING_OF = ("Note by Bob, ", "0:00 Mia began")
"""Places to go, and ways to look at what is there: offered to everybody who sees them."""


async def offered_in(page: Page) -> set[str]:
    shown = CONTROL.findall(await page.locator("main").aria_snapshot())
    return {name for name in shown if name not in READING and not name.startswith(READING_OF)}


@pytest.mark.parametrize("name", EVERYBODY)
async def test_s3_everybody_is_offered_in_each_view_what_they_may_do_and_nothing_else(
    page: Page, server: Server, cast: Cast, name: str
) -> None:
    home = cast.home
    pin(cast.bob, home.revenue, "Look at March")
    make_alert(home.revenue)
    rule_of(home.revenue)
    make_report(cast, None)
    names = {"sales": home.sales.pk, "revenue": home.revenue.pk}
    names["session"] = make_session(cast.mia).pk
    await enter(page, server.url, getattr(cast, name), "/")
    for place, offered in OFFERED.items():
        expected = {what for what, people in offered.items() if name in people}

        async def is_so(expected: set[str] = expected) -> bool:
            return await offered_in(page) == expected

        await page.evaluate(GO, place.format(**names))
        await expect(page.locator(".loading")).to_have_count(0)
        with contextlib.suppress(TimeoutError):
            await until(is_so, within=10)
        assert await offered_in(page) == expected, place
