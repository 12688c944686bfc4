"""The page of messages in real Chromium, and the worker that shows them when it is closed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from bos.models import MessagePreference, MessageSettings
from bos.outside.push import new_private_key
from tests.conftest import ServeFixture
from tests.support import doors
from tests.support.cast import Cast
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def pushing(serve: ServeFixture) -> Server:
    return serve(BOS_VAPID_PRIVATE_KEY=new_private_key())


@pytest_asyncio.fixture(loop_scope="module")
async def context(chromium: Browser, pushing: Server, cast: Cast) -> AsyncIterator[BrowserContext]:
    """bob's, in Berlin."""
    made = await chromium.new_context(
        timezone_id="Europe/Berlin", viewport={"width": 390, "height": 844}
    )
    session = doors.browser(cast.bob).cookies["sessionid"].value
    await made.add_cookies([{"name": "sessionid", "value": session, "url": pushing.url}])
    await made.grant_permissions(["notifications"], origin=pushing.url)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


async def test_b7_a_person_chooses_and_is_offered_the_devices_time_zone(
    page: Page, pushing: Server, cast: Cast
) -> None:
    await page.goto(f"{pushing.url}/account/messages/")
    await expect(page.get_by_role("button", name="Show messages in this browser")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing is beyond the edge of a phone"
    await page.get_by_role("button", name="Use this device's: Europe/Berlin").click()
    await page.get_by_label("Other alerts, by email").select_option("never")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Your choices are saved.")).to_be_visible()
    assert MessageSettings.objects.get(user=cast.bob.user).time_zone == "Europe/Berlin"
    chosen = MessagePreference.objects.get(user=cast.bob.user, category="alert", medium="email")
    assert chosen.choice == "never"


async def test_b7_the_worker_shows_what_a_push_says(
    page: Page, context: BrowserContext, pushing: Server
) -> None:
    await page.goto(f"{pushing.url}/account/messages/")
    registered: list[dict[str, Any]] = []
    devtools = await context.new_cdp_session(page)
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registered.extend(told["registrations"]),
    )
    await devtools.send("ServiceWorker.enable")
    async with context.expect_event("serviceworker") as started:
        await page.evaluate("navigator.serviceWorker.register('/static/bos/push_worker.js')")
    worker = await started.value
    # A browser without windows has no place to show it.
    await worker.evaluate(
        """() => {
            self.shown = [];
            self.registration.showNotification = async (...told) => self.shown.push(told);
        }"""
    )
    told = {"title": "Revenue is 200 EUR", "body": "Severity: Critical.", "url": "/", "tag": "t"}
    ids = await until(lambda: {one["registrationId"] for one in registered}, within=10)
    for id_ in ids:
        await devtools.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": pushing.url, "registrationId": id_, "data": json.dumps(told)},
        )
    shown = await until(lambda: worker.evaluate("self.shown"), within=10)
    options = {"body": "Severity: Critical.", "tag": "t", "data": "/"}
    assert shown == [["Revenue is 200 EUR", options]]
