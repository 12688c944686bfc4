"""The pages that show both descriptions, in real Chromium, under the strict policy (P4)."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from tests.support.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("address", "shown", "link"),
    [
        ("/docs/api", "Send values of KPIs", "OpenAPI document"),
        ("/docs/messages", "KPI_UPDATE", "AsyncAPI document"),
    ],
)
async def test_p4_a_description_is_shown_without_a_foreign_host_or_a_complaint(
    chromium: Browser,
    server: Server,
    address: str,
    shown: str,
    link: str,
    scheme: Literal["light", "dark"],
) -> None:
    context = await chromium.new_context(color_scheme=scheme)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if _away(asked.url) else None)

    def _away(url: str) -> bool:
        return not url.startswith((server.url, "data:", "blob:"))

    await page.goto(server.url + address)
    await expect(page.get_by_text(shown).first).to_be_visible()
    source = await page.get_by_role("link", name=link).get_attribute("href")
    answer = await page.request.get(f"{server.url}{source}")
    assert answer.ok
    await context.close()
    assert complaints == []
