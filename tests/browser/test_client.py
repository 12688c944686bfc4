"""The client in JavaScript in real Chromium, where every connection is cut each second (K2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.clients.conftest import WITHOUT_LIMITS
from tests.clients.trials import assert_nothing_is_lost_or_doubled, change, result_of, task
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.cutting import cutting

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
TRIAL = (Path(__file__).parent.parent / "clients" / "trial.js").read_text()
RUN = """async (task) => {
  const bos = await import("/static/bos/client/index.js");
  const url = location.origin;
  const token = bos.passwordSession(url, task.email, task.password);
  return trial(bos, { ...task, url, token, ready: () => window.ready() });
  TRIAL
}""".replace("TRIAL", TRIAL.replace("export async", "async"))


async def test_k2_in_chromium_nothing_is_lost_or_doubled_however_often_it_is_cut(
    page: Page, serve: ServeFixture, cast: Cast
) -> None:
    server = serve(WITHOUT_LIMITS)
    with cutting(server.url, every=None) as way:
        await page.goto(way.url)
        ready = asyncio.Event()
        await page.expose_function("ready", ready.set)
        running = asyncio.ensure_future(page.evaluate(RUN, task(cast)))
        await ready.wait()
        way.start_cutting(1.0)
        await change(server, cast, way)
        result = await result_of(running, way)
    await assert_nothing_is_lost_or_doubled(result, cast)
