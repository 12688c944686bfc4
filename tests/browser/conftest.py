"""One Chromium, the machine's own, for all tests of a file; a fresh profile for each of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.board import EXPECTED

# The first is the same engine without the windows: a third less CPU for the same tests.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Else the user is asked whether a page of the internet may call this machine.
    "--disable-features=LocalNetworkAccessChecks",
]
# WebGL by the CPU: without these there is none, as for some users.
DRAWING = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
# Four pytest workers and their servers share two cores with it.
expect.set_options(timeout=20_000)


@asynccontextmanager
async def started(*flags: str) -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    async with async_playwright() as playwright:
        arguments = [*FLAGS, *flags]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def first_tab(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A fresh profile's first tab; whatever its tabs complain of fails the test."""
    context = await browser.new_context(**options)
    complaints: list[str] = []
    context.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield await context.new_page()
    await context.close()
    # Of the Content-Security-Policy, among others.
    assert [c for c in complaints if not any(e in c for e in EXPECTED)] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drawing_chromium() -> AsyncIterator[Browser]:
    """One that draws in three dimensions."""
    async with started(*DRAWING) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with first_tab(chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def drawing_page(drawing_chromium: Browser) -> AsyncIterator[Page]:
    async with first_tab(drawing_chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def async_connection(connection: BaseDatabaseWrapper) -> None:
    """As everywhere, in the loop that the browser lives in."""
    connections["default"] = connection
