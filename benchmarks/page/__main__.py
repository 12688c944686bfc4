"""The page of a large organization in Chromium: `python -m benchmarks.page [--write]`.

1,000 KPIs in 64 departments, 50 notes, twenty people who point ten times a second and twenty
changes a second. The server has one core, the browser and those people the other one; of the main
thread counts the time for which it had that core. With --write the table of docs/workspace.md is
made anew.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks import machine
from benchmarks.page import looking
from benchmarks.page.furnished import KPIS
from benchmarks.page.moving import meeting
from benchmarks.product import RAISED_LIMITS, manage
from benchmarks.servers import ROOT, pinned_server
from tests.support.services import free_port

DOCUMENT = ROOT / "docs" / "workspace.md"
BEGIN, END = "<!-- page:begin -->", "<!-- page:end -->"
SERVED = ROOT / "bos" / "static" / "bos" / "workspace"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-features=LocalNetworkAccessChecks"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
FURNISH = "import json; from benchmarks.page.furnished import furnish; print(json.dumps(furnish()))"
BOARD = "on the board"
VIEWS = {BOARD: "", "in a session as a plan": "plan", "in a session in 3-D": "3d"}
"""By what the table calls them: how the address names them."""
ALL_DRAWN = "kpis => document.querySelectorAll('[data-kpi]').length >= kpis"
IS_THERE = "selector => document.querySelector(selector) !== null"
PATIENCE_SECONDS, POLL_MS = 120, 250
Launch = Callable[[], Awaitable[Browser]]


@dataclass(frozen=True)
class Measured:
    """loads: ms to the first KPI. busy, heaps (MB each minute): by view. weights: kB by part."""

    first_kpi_ms: float
    busy: dict[str, looking.Busy]
    heaps: dict[str, list[float]]
    weights: dict[str, float]


def weights() -> dict[str, float]:
    """Return kilobytes as they are sent, compressed: what the board needs, and all of it."""
    made = json.loads((SERVED / "manifest.json").read_text())
    first = {made["script"], made["style"], *made["imports"]}

    def of(names: set[str]) -> float:
        return sum(len(gzip.compress((SERVED / n).read_bytes(), 9)) for n in names) / 1000

    everything = {path.name for path in SERVED.iterdir() if path.suffix in (".js", ".css")}
    return {"the board": of(first), "every view": of(everything)}


async def look(launch: Launch, url: str, told: dict[str, Any], minutes: int) -> Measured:
    async with await launch() as browser:
        state = await looking.sign_in(browser, url, told["looker"])
        first = await looking.first_kpi_ms(browser, url, state)
    busy: dict[str, looking.Busy] = {}
    heaps: dict[str, list[float]] = {name: [] for name in VIEWS}
    async with meeting(url, told["people"], told["kpis"]) as session_id, AsyncExitStack() as stack:
        # Each has a browser of its own: what draws 3-D without a graphics card is shared in one.
        for name in VIEWS:
            async with await launch() as browser:
                _, page = await shown_as(browser, state)
                heard = looking.Heard(page)
                await open_view(page, url, session_id, name)
                busy[name] = await looking.busy(browser, page, heard)
        shown = {}
        for name in VIEWS:
            browser = await stack.enter_async_context(await launch())
            shown[name] = context, page = await shown_as(browser, state)
            await open_view(page, url, session_id, name)
        for minute in range(minutes + 1):
            await asyncio.sleep(60 if minute else looking.SETTLE_SECONDS)
            for name, (context, page) in shown.items():
                heaps[name].append(await looking.heap_mb(context, page))
    return Measured(first, busy, heaps, weights())


async def shown_as(browser: Browser, state: Any) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(storage_state=state)
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    return context, await context.new_page()


async def open_view(page: Page, url: str, session_id: str, name: str) -> None:
    """Open the board, or take part in the session in this view of its space."""
    if name == BOARD:
        await page.goto(url)
        await page.wait_for_function(ALL_DRAWN, arg=KPIS, polling=POLL_MS)
        return
    await page.goto(f"{url}/session/{session_id}?join=1&as={VIEWS[name]}")
    picture = f'[data-picture="{VIEWS[name]}"]'
    # Not by frames: drawn without a graphics card, 3-D has few of them.
    await page.wait_for_function(IS_THERE, arg=picture, polling=POLL_MS)


async def measure(minutes: int) -> Measured:
    _, core = machine.cores()
    os.sched_setaffinity(0, {core})  # the browser inherits it
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory(prefix="bos-page-") as directory:
        environment = RAISED_LIMITS | {
            "DATABASE_URL": f"sqlite:///{directory}/page.sqlite3",
            "SECRET_KEY": secrets.token_hex(32),
            "DEBUG": "1",
        }
        manage("migrate", "-v0", environment=environment)
        told = json.loads(manage("shell", "--no-imports", "-c", FURNISH, environment=environment))
        port = free_port()
        command = [sys.executable, "manage.py", "serve", "--port", str(port), "--processes", "1"]
        log = Path(directory, "server.log")
        with pinned_server(command, port=port, environment=environment, log=log):
            async with async_playwright() as playwright:
                launch = partial(playwright.chromium.launch, executable_path=executable, args=FLAGS)
                return await look(launch, f"http://127.0.0.1:{port}", told, minutes)


def table(measured: Measured) -> str:
    rows = [("first KPI, nothing in the cache", f"{measured.first_kpi_ms:.0f} ms", "1,000 ms")]
    rows += [
        (
            f"main thread in a second {name}, in which {one.messages:.0f} messages come",
            f"{one.all:.0f} ms (scripts {one.script:.0f}, rendering {one.rendering:.0f})",
            "500 ms",
        )
        for name, one in measured.busy.items()
    ]
    rows += [
        (
            f"memory of scripts {name}, each minute",
            f"{', '.join(f'{one:.1f}' for one in each)} MB",
            "steady",
        )
        for name, each in measured.heaps.items()
    ]
    rows += [
        (f"weight of {name}, compressed", f"{kilobytes:.0f} kB", "350 kB")
        for name, kilobytes in measured.weights.items()
    ]
    lines = [f"| {what} | {found} | {most} |" for what, found, most in rows]
    return "\n".join(["| | measured | at most |", "|---|---|---|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10, help="of memory, default 10")
    parser.add_argument("--write", action="store_true", help="into docs/workspace.md")
    options = parser.parse_args()
    made = table(asyncio.run(measure(options.minutes)))
    print(made)
    if options.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        told = f"{BEGIN}\nOn {machine.cpu_model()}:\n\n{made}\n{END}"
        DOCUMENT.write_text(pattern.sub(lambda _: told, text), encoding="utf-8")


if __name__ == "__main__":
    main()
