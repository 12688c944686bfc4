"""Ask a Chromium of the page: when it shows the first KPI, how it works, how much it keeps."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page

from benchmarks.page.furnished import PASSWORD

LOADS = 9
TRACED_SECONDS = 10.0
SETTLE_SECONDS = 3.0
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
RENDERING = ("UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit")
FIRST_KPI = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-kpi]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.firstKpi = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""


@dataclass(frozen=True)
class Busy:
    """In a second: milliseconds that the main thread worked, of them scripts and rendering; and
    messages that came."""

    all: float
    script: float
    rendering: float
    messages: float


class Heard:
    """Counts what comes by the WebSocket of a page."""

    def __init__(self, page: Page) -> None:
        self.messages = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, _: object) -> None:
        self.messages += 1


async def sign_in(browser: Browser, url: str, email: str) -> Any:
    """Sign in once; returns what a later context begins with to be signed in."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    await page.fill('[name="email"]', email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await page.wait_for_selector('[data-connection="live"]')
    state = await context.storage_state()
    await context.close()
    return state


async def first_kpi_ms(browser: Browser, url: str, state: Any) -> float:
    """Return the median time from the address to the first KPI, with nothing in the cache."""
    times = []
    for _ in range(LOADS):
        context = await browser.new_context(storage_state=state)
        page = await context.new_page()
        await page.add_init_script(FIRST_KPI)
        await page.goto(url, wait_until="commit")
        await page.wait_for_function("() => window.firstKpi")
        times.append(float(await page.evaluate("() => window.firstKpi")))
        await context.close()
    return median(times)


async def busy(browser: Browser, page: Page, heard: Heard) -> Busy:
    """Return how busy the main thread is in a second of what goes on, by a trace."""
    await asyncio.sleep(SETTLE_SECONDS)
    # The second one has the tasks themselves.
    categories = ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"]
    await browser.start_tracing(page=page, categories=categories)
    before = heard.messages
    await asyncio.sleep(TRACED_SECONDS)
    messages = heard.messages - before
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    main = {
        (e["pid"], e["tid"])
        for e in events
        if e.get("name") == "thread_name" and e["args"].get("name") == "CrRendererMain"
    }
    own = [e for e in events if e.get("ph") == "X" and (e["pid"], e["tid"]) in main]
    own.sort(key=lambda event: event["ts"])
    return Busy(
        all=_per_second(own, *TASKS),
        script=_per_second(own, "FunctionCall", "EvaluateScript", "FireAnimationFrame"),
        rendering=_per_second(own, *RENDERING),
        messages=messages / TRACED_SECONDS,
    )


def _per_second(events: list[dict[str, Any]], *names: str) -> float:
    """Return the milliseconds in which the thread had the processor; what is within another of
    these is counted once."""
    total, over = 0, 0
    for event in events:
        if event["name"] in names and event["ts"] >= over:
            over = event["ts"] + event.get("dur", 0)
            total += event.get("tdur", 0)
    return total / 1000 / TRACED_SECONDS


async def heap_mb(context: BrowserContext, page: Page) -> float:
    """Return what the page's scripts keep, after a collection."""
    session: CDPSession = await context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    used = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return float(used["usedSize"]) / 1e6
