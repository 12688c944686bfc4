"""Find by axe-core what keeps people with disabilities from using a page (P4)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

AXE = (
    Path(__file__).parents[2] / "clients" / "workspace" / "node_modules" / "axe-core" / "axe.min.js"
)
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const places = (nodes) => nodes.map(({ target }) => target.join(" ")).join(", ");
  return violations.map(({ id, nodes }) => `${id}: ${places(nodes)}`);
}"""


async def violations(page: Page) -> list[str]:
    """Return each rule that the page breaks, and where. Skips where axe is not installed."""
    if not AXE.exists():
        pytest.skip("the packages of the page are not installed")
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(RUN)
    return found


async def violations_in_both_schemes(page: Page) -> list[str]:
    """Return the same, in light and in dark colours."""
    found = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        # Else a colour is measured on its way from one to the other.
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{scheme}: {one}" for one in await violations(page)]
    return found
