"""A meeting that was held is played back on the page: what it shows is of then (P1, C7)."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import violations_in_both_schemes
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.server import Server
from tests.wire.test_replay import hold_meeting
from tests.wire.test_sessions import create

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]


async def open_as(page: Page, server: Server, person: Person, place: str) -> None:
    """Sign in on the page of this address."""
    await page.goto(server.url + place)
    await page.get_by_label("Email").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


async def test_p1_a_replay_shows_the_people_notes_and_values_of_then(
    page: Page, server: Server, cast: Cast
) -> None:
    people, notes = part(page, "People then"), part(page, "Notes then")
    revenue = page.locator(f'[data-kpi="{cast.home.revenue.pk}"]')
    slider = page.get_by_role("slider", name="Time of the meeting")
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = await hold_meeting(bob, mia, cast)
        await open_as(page, server, cast.vera, f"/session/{session_id}/replay?at=150")
        # The middle; somebody who was only invited looks at it.
        await expect(people.locator("[data-person]")).to_have_text(["Bob, host", "Mia"])
        await expect(notes.get_by_role("article")).to_contain_text(["first words"])
        await expect(revenue.locator("[data-then] data")).to_have_attribute("value", "110")
        await expect(page.locator("[data-as-of]")).to_contain_text("2:30 of 5:")
        assert await violations_in_both_schemes(page) == []
        # Nothing in it is live, though the connection is.
        await mia.set_value(cast.home.revenue, 555)
    await slider.focus()
    await slider.press("PageUp")
    await expect(notes.get_by_role("article")).to_contain_text(["better words"])
    await expect(notes).to_contain_text("resolved by Mia")
    await slider.press("End")
    await expect(revenue.locator("[data-then] data")).to_have_attribute("value", "120")
    await expect(revenue.locator("[data-now] data")).to_have_attribute("value", "120")
    await expect(people).to_contain_text("The meeting has ended")
    await expect(people).to_contain_text("Nobody.")
    await expect(notes).to_contain_text("None.")
    # Backwards it is the same as forwards, and the address keeps the place.
    await page.get_by_role("button", name="Mia joined").click()
    await expect(people.locator("[data-person]")).to_have_count(2)
    await expect(revenue.locator("[data-then] data")).to_have_attribute("value", "100")
    await slider.press("ArrowRight")
    await slider.press("ArrowLeft")
    await page.reload()
    await expect(page.locator("[data-since]")).to_have_text(re.compile("^1:"))
    await expect(people.locator("[data-person]")).to_have_count(2)


async def test_p1_a_replay_plays_by_keys_and_leaves_out_what_is_idle(
    page: Page, server: Server, cast: Cast
) -> None:
    await page.emulate_media(reduced_motion="no-preference")
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = await hold_meeting(bob, mia, cast)
    await open_as(page, server, cast.mia, f"/session/{session_id}/replay")
    await page.get_by_label(re.compile("^60")).check()
    await page.get_by_role("slider", name="Time of the meeting").press(" ")
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await expect(part(page, "People then")).to_contain_text("The meeting has ended")
    await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    await expect(page.locator('[aria-current="step"]')).to_contain_text("The host left")
    await part(page, "What happened").get_by_label("Values").check()
    texts = part(page, "What happened").locator("li .replay-text")
    await expect(texts).to_have_text(["Revenue: 100 EUR → 110 EUR", "Revenue: 110 EUR → 120 EUR"])
    assert "show=values" in page.url


async def test_c7_a_replay_says_in_words_that_it_is_not_for_everybody_and_that_a_meeting_goes_on(
    page: Page, server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        await open_as(page, server, cast.bob, f"/session/{session_id}/replay")
        await expect(page.locator("[data-runs]")).to_contain_text("This meeting goes on")
        await page.locator(".menu-opener").click()
        await page.locator("[data-sign-out]").click()
        await expect(page.get_by_label("Email")).to_be_visible()
        await open_as(page, server, cast.alice, f"/session/{session_id}/replay")
        await expect(page.get_by_role("main")).to_contain_text("cannot be played back")
        assert await violations_in_both_schemes(page) == []
        await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
