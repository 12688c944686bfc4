"""The page of a large organization in Chromium: `python -m benchmarks.page [--write]`.

1,000 KPIs in 64 departments, 50 notes, twenty people who point ten times a second and twenty
changes a second. The server has one core, the browser the other one. With --write the table of
docs/workspace.md is made anew.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from benchmarks import machine
from benchmarks.page import looking
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
VIEWS = {"plan": "plan", "three dimensions": "3d"}


@dataclass(frozen=True)
class Measured:
    """loads: ms to the first KPI. busy: by view. heaps: MB each minute. weights: kB by part."""

    first_kpi_ms: float
    busy: dict[str, looking.Busy]
    heaps: list[float]
    weights: dict[str, float]


def weights() -> dict[str, float]:
    """Return kilobytes as they are sent, compressed: what the board needs, and all of it."""
    made = json.loads((SERVED / "manifest.json").read_text())
    first = {made["script"], made["style"], *made["imports"]}

    def of(names: set[str]) -> float:
        return sum(len(gzip.compress((SERVED / n).read_bytes(), 9)) for n in names) / 1000

    everything = {path.name for path in SERVED.iterdir() if path.suffix in (".js", ".css")}
    return {"the board": of(first), "every view": of(everything)}


async def look(browser: Browser, url: str, told: dict[str, Any], minutes: int) -> Measured:
    state = await looking.sign_in(browser, url, told["looker"])
    first = await looking.first_kpi_ms(browser, url, state)
    busy, heaps = {}, []
    async with meeting(url, told["people"], told["kpis"]) as session_id:
        context = await browser.new_context(storage_state=state)
        page = await context.new_page()
        await page.goto(f"{url}/session/{session_id}")
        await page.get_by_role("button", name="Join").click()
        for name, view in VIEWS.items():
            await page.goto(f"{url}/session/{session_id}?view={view}")
            await page.wait_for_selector(f'[data-stage="{view}"]')
            busy[name] = await looking.busy(browser, page)
        for _ in range(minutes + 1):
            heaps.append(await looking.heap_mb(context, page))
            if len(heaps) <= minutes:
                await asyncio.sleep(60)
        await context.close()
    return Measured(first, busy, heaps, weights())


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
                browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
                try:
                    return await look(browser, f"http://127.0.0.1:{port}", told, minutes)
                finally:
                    await browser.close()


def table(measured: Measured) -> str:
    rows = [("first KPI, nothing in the cache", f"{measured.first_kpi_ms:.0f} ms", "1,000 ms")]
    rows += [
        (
            f"main thread in a second of a meeting, {name}",
            f"{one.all:.0f} ms (scripts {one.script:.0f}, rendering {one.rendering:.0f})",
            "500 ms",
        )
        for name, one in measured.busy.items()
    ]
    heaps = ", ".join(f"{heap:.1f}" for heap in measured.heaps)
    rows.append(("memory of its scripts, each minute", f"{heaps} MB", "steady"))
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
