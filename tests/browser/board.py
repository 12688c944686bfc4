"""Actions on the page."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from kpis.models import Kpi
from tests.support.cast import PASSWORD, Person

EXPECTED = (
    *("WebSocket connection", "ERR_CONNECTION_RE", "ERR_EMPTY_RESPONSE"),
    *("400 (Bad Request)", "401 (Unauthorized)"),
)
"""Of a browser's complaints: that a server is away, or refuses, is what we test."""
LIVE, RECONNECTING = '[data-connection="live"]', '[data-connection="reconnecting"]'


async def fill_sign_in(page: Page, person: Person) -> None:
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.click("[data-sign-in] [type=submit]")


async def sign_in(page: Page, url: str, person: Person) -> None:
    await page.goto(url)
    await fill_sign_in(page, person)
    await expect(page.locator(LIVE)).to_be_visible()


async def sign_out(page: Page) -> None:
    await page.click(".bar .menu-opener")
    # The form is there a moment before the page loads anew, and that would end what follows.
    async with page.expect_event("load"):
        await page.click("[data-sign-out]")
    await expect(page.locator("[data-sign-in]")).to_be_visible()


def card_of(page: Page, kpi: Kpi) -> Locator:
    return page.locator(f'[data-kpi="{kpi.pk}"]')


def value_of(card: Locator) -> Locator:
    return card.locator(".card-figure data")


async def set_value(card: Locator, value: str) -> None:
    await card.locator("[data-edit]").click()
    await card.locator("input").fill(value)
    await card.locator("input").press("Enter")


async def retry_now(page: Page) -> None:
    """Have the page connect at once; where it is just doing so by itself, the button is gone."""
    await page.evaluate("document.querySelector('[data-retry]')?.click()")
