"""Take the pictures of docs/workspace.md: `python clients/workspace/screenshots.py [NAME ...]`.

Serves the demo data from a temporary database, furnishes it as people do, through the client for
Python and the REST API (a meeting that runs and one that has ended, notes, alerts, a forecast, a
report), takes the pictures in the machine's own Chromium, and ends everything that it started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import io
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

from bos_client import PasswordSession, connect
from bos_client.client import Client
from bos_client.protocol import (
    AnnotationCreate,
    AuthSuccess,
    EntityRef,
    KpiUpdate,
    Position,
    PredictionData,
    ReportRequest,
    ReportScope,
)
from bos_client.sessions import Session

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "workspace"
PASSWORD = "bos-demo-2026"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-features=LocalNetworkAccessChecks", "--no-first-run"),
    # WebGL by the CPU.
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
)
START_SECONDS = 60
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
NEWARK = "Newark on-time share"

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Told:
    """The ids of which the addresses of the pictures are made."""

    kpi: str
    department: str
    running: str
    ended: str


@dataclass(frozen=True)
class Picture:
    """place: the address, with fields of Told. shows: what is waited for. act: chosen first."""

    name: str
    place: str
    shows: str
    scheme: Scheme = "light"
    size: tuple[int, int] = (DESK["width"], DESK["height"])
    act: str = ""


def pictures() -> Iterator[Picture]:
    phone = (PHONE["width"], PHONE["height"])
    stage = "[data-stage='3d'] canvas"
    kpi, session = "/kpi/{kpi}?figure=last", "/session/{running}"
    for name, place, shows in (
        ("board", "/", "[data-kpi] .spark"),
        ("kpi", kpi, ".uplot"),
        ("session", session, "[data-phase='in']"),
        ("alerts", "/alerts", "[data-alert]"),
    ):
        yield Picture(name, place, shows)
        yield Picture(f"{name}-dark", place, shows, "dark")
        yield Picture(f"{name}-phone", place, shows, size=phone)
    yield Picture("space", "/space?as=3d", stage)
    yield Picture("space-dark", "/space?as=3d", stage, "dark")
    yield Picture("space-plan", "/space?as=plan", "[data-stage='plan']")
    yield Picture("replay", "/session/{ended}/replay?at=4", "[data-as-of]")
    yield Picture("replay-dark", "/session/{ended}/replay?at=4", "[data-as-of]", "dark")
    yield Picture("rows", "/", "[data-kpi] .spark", act="Rows")
    yield Picture("department", "/department/{department}", "[data-kpi] .spark")
    yield Picture("rules", "/alerts?state=rules", "main li")
    yield Picture("sessions", "/sessions", ".sessions-card")
    yield Picture("reports", "/reports", "tbody tr")
    yield Picture("people", "/people", "[data-person]")
    yield Picture("inbox", "/inbox", "main h1")
    yield Picture("inbox-phone", "/inbox", "main h1", size=phone)


# ------------------------------------------------------------------ the server


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Serve the demo data of a database in this directory, with a worker; yields the address."""
    environment = os.environ | {
        "DEBUG": "on",
        "DATABASE_URL": f"sqlite:///{directory / 'db.sqlite3'}",
        "LOG_LEVEL": "WARNING",
        "MEDIA_ROOT": str(directory / "media"),
    }
    manage = [sys.executable, "manage.py"]
    for command in (["migrate", "-v", "0"], ["seed_demo"]):
        subprocess.run(  # noqa: S603 -- ours
            [*manage, *command], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
        )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [*manage, "serve", "--worker", "--port", str(port)]
    process = subprocess.Popen(serve, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 -- ours
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("The server does not start.")


def _post(url: str, path: str, token: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)  # noqa: S310 -- our server
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 -- our server
        return json.load(response)


# ------------------------------------------------------------------ what there is to see


def signed_in(client: Client) -> AuthSuccess:
    if client.user is None:
        raise SystemExit("A demo account is not signed in.")
    return client.user


def own_id(client: Client) -> str:
    return signed_in(client).user_id


def organization_of(client: Client) -> str:
    return signed_in(client).organization_id


@contextlib.asynccontextmanager
async def furnished(url: str) -> AsyncIterator[Told]:
    """Have people work there until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        member, second, manager = [
            await stack.enter_async_context(connect(url, token=PasswordSession(url, who, PASSWORD)))
            for who in map("{}@harbor.example".format, ("member", "member2", "manager"))
        ]
        for client in (member, second, manager):
            await client.live()
            await client.subscribe(f"organization:{organization_of(client)}")
        ids = {kpi.name: kpi.id for kpi in manager.store.kpis.values()}
        department = next(d.id for d in manager.store.departments.values() if d.name == "Newark")
        await _alert(url, manager, ids)
        await _remark(member, manager, ids)
        ended = await _hold(member, second, manager, ids)
        running = await member.create_session(
            "Why were we late in March?",
            active_space="All KPIs",
            invite_user_ids=[own_id(manager), own_id(second)],
        )
        await running.annotate(
            "Delays grow from noon on",
            Position(x=2.0, y=0.5, z=1.0),
            mentions=[own_id(manager)],
        )
        await running.annotate("Ask the tower", Position(x=-2.0, y=0.5, z=1.0))
        beside = await second.join_session(running.id)
        await second.create_session(
            "The numbers of Monday", active_space="All KPIs", invite_user_ids=[own_id(manager)]
        )
        await _forecast(manager, ids[NEWARK])
        pointing = asyncio.create_task(_point((running, beside), ids))
        try:
            yield Told(ids[NEWARK], department, running.id, ended)
        finally:
            pointing.cancel()
            await asyncio.gather(pointing, return_exceptions=True)


async def _alert(url: str, manager: Client, ids: dict[str, str]) -> None:
    """Rules that alert, and numbers that make them alert; a report."""
    token = _post(
        url, "/auth/token", "", {"email": "manager@harbor.example", "password": PASSWORD}
    )["access"]
    for name, kind, threshold, severity in (
        (NEWARK, "below", "78", "critical"),
        ("Kennedy departures", "below", "250", "warning"),
        ("LaGuardia average delay", "above", "12", "warning"),
    ):
        rule = {"kpiId": ids[name], "kind": kind, "threshold": threshold, "severity": severity}
        _post(url, "/api/v1/alert-rules", token, rule | {"notify": [own_id(manager)]})
    today = datetime.now(UTC).date()
    await manager.request(
        ReportRequest(
            scope=ReportScope(type="organization", id=organization_of(manager)),
            from_=str(today - timedelta(days=30)),
            to=str(today),
        )
    )
    for name, value in ((NEWARK, 61.5), ("Kennedy departures", 238.0), (NEWARK, 64.0)):
        await manager.request(KpiUpdate(kpi_id=ids[name], value=value))


async def _forecast(client: Client, kpi_id: str) -> None:
    """Wait until the worker has made one, of the values that were set."""
    made = asyncio.Event()

    def look(*_: object) -> None:
        insights = client.store.insights.values()
        if any(isinstance(one, PredictionData) and one.kpi_id == kpi_id for one in insights):
            made.set()

    client.store.on_change(look)
    look()
    async with asyncio.timeout(START_SECONDS):
        await made.wait()


async def _remark(member: Client, manager: Client, ids: dict[str, str]) -> None:
    """Notes on a KPI: one that is answered, one that mentions."""
    kpi, here = EntityRef(type="kpi", id=ids[NEWARK]), Position(x=0.0, y=0.0, z=0.0)
    first = await member.request(
        AnnotationCreate(
            position=here,
            content="Runway 4R is closed until Friday, so expect **more delays** than usual.",
            content_type="markdown",
            entity=kpi,
            mentions=[own_id(manager)],
        )
    )
    await manager.request(
        AnnotationCreate(
            position=here,
            content="Thank you. Let us look at it on Monday.",
            content_type="text",
            entity=kpi,
            parent_id=first.annotation_id,
        )
    )


async def _hold(host: Client, guest: Client, invited: Client, ids: dict[str, str]) -> str:
    """A meeting from its start to its end, some seconds long, to be played back."""
    session = await host.create_session(
        "Weekly review",
        active_space="All KPIs",
        invite_user_ids=[own_id(guest), own_id(invited)],
    )
    joined = await guest.join_session(session.id)
    await session.annotate("Newark first", Position(x=1.0, y=0.5, z=0.0))
    for value in (271.0, 284.0, 302.0):
        await host.request(KpiUpdate(kpi_id=ids["Newark departures"], value=value))
        await asyncio.sleep(1.5)
    note = await joined.annotate("Better since noon", Position(x=-1.0, y=0.5, z=0.0))
    await joined.resolve(note.annotation_id)
    await asyncio.sleep(1)
    await joined.leave()
    await session.leave()
    return session.id


async def _point(sessions: tuple[Session, ...], ids: dict[str, str]) -> None:
    """Point a little to and fro, as people do."""
    targets = [EntityRef(type="kpi", id=ids[name]) for name in (NEWARK, "Kennedy departures")]
    for step in range(10**9):
        for number, session in enumerate(sessions):
            x = (4 if number == 0 else -4) + 0.2 * math.sin(step / 5)
            session.move_cursor(Position(x=x, y=1.2, z=1.0), targets[number])
        await asyncio.sleep(0.2)


# ------------------------------------------------------------------ the pictures


async def take(browser: Browser, url: str, told: Told, wanted: list[Picture]) -> None:
    first = await browser.new_page(viewport=DESK)
    await first.goto(url)
    await first.get_by_role("button", name="Manager").wait_for()
    await _keep(first, "sign-in")
    await first.get_by_role("button", name="Manager").click()
    await first.wait_for_selector("[data-connection='live']")
    await first.goto(f"{url}/session/{told.running}?join=1")
    await first.wait_for_selector("[data-phase='in']")
    state = await first.context.storage_state()
    for picture in wanted:
        width, height = picture.size
        context = await browser.new_context(
            storage_state=state,
            viewport={"width": width, "height": height},
            color_scheme=picture.scheme,
            reduced_motion="reduce",
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", functools.partial(_note, complaints))
        await page.goto(url + picture.place.format(**vars(told)))
        await page.wait_for_selector("[data-connection='live']")
        if picture.act:
            await page.get_by_label(picture.act, exact=True).check()
        await page.wait_for_selector(picture.shows)
        # What is asked for beside, and what fades in.
        await page.wait_for_load_state("networkidle")
        await page.wait_for_timeout(1500)
        await _keep(page, picture.name)
        await context.close()
        if complaints:
            raise SystemExit(f"{picture.name}: {complaints}")


def _note(complaints: list[str], said: ConsoleMessage) -> None:
    if said.type == "error":
        complaints.append(said.text)


async def _keep(page: Page, name: str) -> None:
    """Save it with 256 colours: a third of the size, and nobody sees it."""
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    path = PICTURES / f"{name}.png"
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


async def main(names: list[str]) -> None:
    wanted = [picture for picture in pictures() if not names or picture.name in names]
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise SystemExit("There is no Chromium on this machine.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as url:
        async with furnished(url) as told, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            await take(browser, url, told, wanted)
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of pictures; default: all")
    asyncio.run(main(parser.parse_args().names))
