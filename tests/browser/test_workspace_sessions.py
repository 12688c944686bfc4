"""People and sessions on the page, in real Chromium: a meeting from its start to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from collaboration.models import Invitation, Session
from tests.browser.axe import violations_in_both_schemes
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.cutting import CuttingProxy, cutting
from tests.support.server import Server
from tests.wire.test_sessions import create, join

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]

MOST_TABS = 60
FOCUSED = """() => {
  const { activeElement: it } = document;
  if (!it.matches("a, button, input, textarea, canvas")) return "";
  const labels = [...(it.labels ?? [])].map(({ textContent }) => textContent);
  return [it.getAttribute("aria-label"), it.placeholder, ...labels, it.textContent].join(" ");
}"""


async def enter(page: Page, url: str, person: Person, place: str) -> None:
    """Sign in at this address of the page."""
    await page.goto(f"{url}{place}")
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


@asynccontextmanager
async def another(
    chromium: Browser, server: Server, person: Person, place: str
) -> AsyncIterator[Page]:
    context = await chromium.new_context()
    page = await context.new_page()
    await enter(page, server.url, person, place)
    yield page
    await context.close()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this in its name has the focus."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if name in await page.evaluate(FOCUSED):
            return
    raise AssertionError(f"{name!r} is not reached by Tab")


async def press(page: Page, name: str) -> None:
    await tab_to(page, name)
    await page.keyboard.press("Enter")


def participant(page: Page, person: Person) -> Locator:
    return page.locator(f'[data-participant="{person.id}"]')


def phase(page: Page, name: str) -> Locator:
    return page.locator(f'[data-phase="{name}"]')


async def test_p1_a_whole_meeting_is_held_by_keyboard_alone(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    await enter(page, server.url, cast.bob, "/space")
    await press(page, "Start a session here")
    await expect(page.get_by_label("What it is about")).to_be_focused()
    await page.keyboard.type("Why is it so late?")
    await tab_to(page, "Everybody may join")
    await page.keyboard.press("ArrowRight")
    await tab_to(page, "People to invite")
    await page.keyboard.type("mia")
    await expect(page.get_by_role("option", name="Mia")).to_be_visible()
    assert await violations_in_both_schemes(page) == []
    await page.keyboard.press("Enter")
    await tab_to(page, "Most people at a time")
    await press(page, "Start")
    await expect(phase(page, "in")).to_be_visible()

    async with another(chromium, server, cast.mia, "/sessions") as mia:
        await expect(mia.get_by_text("you are invited")).to_be_visible()
        assert await violations_in_both_schemes(mia) == []
        await press(mia, "Join Why is it so late?")
        await expect(phase(mia, "in")).to_be_visible()
        await expect(participant(page, cast.mia)).to_have_attribute("data-state", "active")

        await press(page, "Invite")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await tab_to(page, "People")
        await page.keyboard.type("alice")
        await page.keyboard.press("Enter")
        await press(page, "Invite")
        await expect(page.get_by_text("One person is invited.")).to_be_visible()
        invited = Invitation.objects.filter(session__host=cast.bob.user, user=cast.alice.user)
        assert await invited.acount() == 1

        # To point is to walk there; what is pinned there is pinned for all.
        await tab_to(page, "Space: ")
        await page.keyboard.press("Tab")
        await expect(mia.locator(f'[data-pointer="{cast.bob.id}"]')).to_be_visible()
        await page.keyboard.press("n")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-pinned-to]")).to_contain_text("Revenue")
        await expect(page.get_by_placeholder("Write a note")).to_be_focused()
        await page.keyboard.type("Look at March, @mi")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Control+Enter")
        noted = mia.locator("[data-notes] article")
        await expect(noted).to_contain_text("Look at March")
        await expect(noted.get_by_role("link", name="Revenue")).to_be_visible()
        await expect(page.get_by_placeholder("Write a note")).to_have_value("")
        await expect(page.locator("[data-pinned-to]")).to_have_count(0)
        await press(mia, "1 note. Bob: Look at March")
        await expect(noted).to_be_focused()
        await press(mia, "Answer")
        answer = mia.get_by_role("form", name="Answer to Bob").get_by_role("textbox")
        await expect(answer).to_be_focused()
        await mia.keyboard.type("The feed was late")
        await mia.keyboard.press("Control+Enter")
        await expect(page.get_by_text("The feed was late", exact=True)).to_be_visible()
        await press(page, "Resolve")
        await expect(mia.get_by_text("Resolved by Bob")).to_be_visible()
        await press(mia, "Follow Bob")
        await tab_to(mia, "Space: ")
        await mia.keyboard.press("ArrowLeft")  # moves by itself, and follows nobody any longer
        await expect(mia.get_by_role("button", name="Follow Bob")).to_be_visible()

        await press(page, "Make host of Mia")
        await expect(participant(mia, cast.mia).get_by_text("host", exact=True)).to_be_visible()
        await expect(mia.get_by_text("You are the host now.")).to_be_visible()
        assert await violations_in_both_schemes(page) == []
        await press(mia, "More to do in this session")
        await press(mia, "End for everybody")
        await press(mia, "End it for everybody")
        for each in (page, mia):
            await expect(phase(each, "ended")).to_be_visible()
        assert await violations_in_both_schemes(page) == []
    await press(page, "Sessions")
    await tab_to(page, "Running")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("link", name="Replay of Why is it so late?")).to_be_visible()
    assert await violations_in_both_schemes(page) == []
    await press(page, "Replay of Why is it so late?")
    await tab_to(page, "Time of the meeting")
    await page.keyboard.press("End")
    await expect(page.locator("[data-people-then]")).to_contain_text("The meeting has ended")
    await expect(page.locator("[data-notes-then]")).to_contain_text("resolved by Bob")


async def test_c4_a_place_outlives_a_reload_another_tab_and_a_lost_network(
    page: Page, server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        with cutting(server.url, every=None) as way:
            await _outlive(page, way, server, cast, mia)


async def _outlive(page: Page, way: CuttingProxy, server: Server, cast: Cast, mia: Client) -> None:
    session_id = (await create(mia))["sessionId"]
    await enter(page, way.url, cast.bob, f"/session/{session_id}")
    await page.get_by_role("button", name="Join the session").click()
    await mia.until("SESSION_JOINED")
    await page.reload()
    await expect(phase(page, "in")).to_be_visible()
    second = await page.context.new_page()
    await second.goto(page.url)
    await expect(phase(second, "in")).to_be_visible()
    await second.close()
    await expect(participant(page, cast.bob)).to_have_attribute("data-state", "active")
    await mia.settle()
    await page.context.set_offline(True)  # which leaves the WebSocket that there is
    way.start_cutting(0.05)
    await expect(page.locator("[data-reconnecting]")).to_be_visible()
    lost = await mia.until("PARTICIPANT_UPDATE")
    way.stop_cutting()
    assert (lost["payload"]["userId"], lost["payload"]["state"]) == (
        cast.bob.id,
        "disconnected",
    )
    await page.context.set_offline(False)
    back = await mia.until("PARTICIPANT_UPDATE")
    assert (back["payload"]["userId"], back["payload"]["state"]) == (cast.bob.id, "active")
    await expect(page.locator("[data-reconnecting]")).to_have_count(0)
    # Left on another device, one is out here, too, and may come back.
    async with await Client.connect(server, cast.bob) as other:
        left = await other.ask("SESSION_LEAVE", {"sessionId": session_id})
        assert left["type"] == "SESSION_LEFT"
        await expect(page.get_by_text("You have left the session.")).to_be_visible()
    await page.get_by_role("button", name="Join the session").click()
    await expect(participant(page, cast.mia)).to_have_attribute("data-state", "active")


async def test_p1_a_session_says_why_one_cannot_come_in(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        small = (await create(bob, maxParticipants=2))["sessionId"]
        await join(mia, small)
        private = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        await enter(page, server.url, cast.alice, f"/session/{small}")
        await page.get_by_role("button", name="Join the session").click()
        await expect(page.get_by_text("All 2 places are taken.")).to_be_visible()
        assert await violations_in_both_schemes(page) == []
        await page.goto(f"{server.url}/session/{private}")
        await expect(page.get_by_text("There is no such session")).to_be_visible()
        async with another(chromium, server, cast.vera, f"/session/{small}") as vera:
            await expect(vera.get_by_text("Viewers may not take part")).to_be_visible()
            await expect(vera.get_by_role("button", name="Join")).to_have_count(0)
            await bob.ask("SESSION_END", {"sessionId": small})
            await expect(phase(vera, "ended")).to_be_visible()
    assert (await Session.objects.aget(pk=small)).end_reason == "host_ended"


async def test_p1_people_are_found_with_who_is_online_and_where_they_meet(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session = await create(bob)
        await enter(page, server.url, cast.alice, "/people")
        row = page.locator(f'[data-person="{cast.bob.id}"]')
        await expect(row.get_by_role("link", name="Q4 planning")).to_be_visible()
        await expect(row).to_have_attribute("data-is-online", "true")
        await expect(page.locator(f'[data-person="{cast.vera.id}"]')).to_be_visible()
        await expect(page.get_by_role("link", name="Invite and manage people")).to_be_visible()
        assert await violations_in_both_schemes(page) == []
        await page.get_by_label("Online").check()
        await page.get_by_label("Search people").fill("bob")
        await page.reload()
        await expect(page.locator("[data-person]")).to_have_count(1)
        await expect(page.get_by_label("Search people")).to_have_value("bob")
        await page.goto(f"{server.url}/session/{session['sessionId']}?join=1")
        await expect(phase(page, "in")).to_be_visible()
        await page.goto(f"{server.url}/people")
        await page.get_by_role("button", name="Invite Mia to a session").click()
        await page.get_by_role("button", name="To “Q4 planning”").click()
        await expect(page.get_by_text("Mia is invited to “Q4 planning”.")).to_be_visible()
        async with another(chromium, server, cast.vera, "/people") as vera:
            await expect(vera.locator(f'[data-person="{cast.bob.id}"]')).to_be_visible()
            await expect(vera.get_by_role("button", name="Invite")).to_have_count(0)
            await expect(vera.get_by_role("link", name="Invite and manage people")).to_have_count(0)
