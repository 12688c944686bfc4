"""Actions on the page at /."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from kpis.models import Kpi
from tests.support.cast import PASSWORD, Person

EXPECTED = (
    *("WebSocket connection", "ERR_CONNECTION_RE", "ERR_EMPTY_RESPONSE"),
    *("400 (Bad Request)", "401 (Unauthorized)"),
)
"""Of a browser's complaints: that a server is away, or refuses, is what we test."""


async def fill_sign_in(page: Page, person: Person) -> None:
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.click("[data-sign-in] button:not([type])")


async def sign_in(page: Page, url: str, person: Person) -> None:
    await page.goto(url)
    await fill_sign_in(page, person)
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


def card_of(page: Page, kpi: Kpi) -> Locator:
    return page.locator(f'[data-kpi="{kpi.pk}"]')


async def set_value(card: Locator, value: str) -> None:
    await card.locator("[data-edit]").click()
    await card.locator("input").fill(value)
    await card.locator("input").press("Enter")
