"""The space of the page in real Chromium: as a room, as a plan, as a list (P1, P2, P4)."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.axe import violations_in_both_schemes
from tests.browser.conftest import first_tab, started
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.furnished import make_alert
from tests.support.server import Server
from tests.wire.test_sessions import create

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]

ROOM, PLAN = '[data-picture="3d"]', '[data-picture="plan"]'
AT = "2026-11-29T12:00:00Z"


async def enter(page: Page, server: Server, person: Person, place: str = "/space") -> None:
    await page.goto(f"{server.url}{place}")
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.press('[name="password"]', "Enter")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


# ---------------------------------------------------------------- beside a real server

COLOURS = """() => new Promise((resolve) => requestAnimationFrame(() => {
  const drawn = document.querySelector(".stage-picture canvas");
  const copy = Object.assign(document.createElement("canvas"), { width: 200, height: 100 });
  const context = copy.getContext("2d");
  context.drawImage(drawn, 0, 0, 200, 100);
  const pixels = new Uint32Array(context.getImageData(0, 0, 200, 100).data.buffer);
  resolve(new Set(pixels).size);
}))"""
"""How many there are in the picture of this frame."""


async def test_p1_the_room_is_walked_through_and_chosen_from_by_keys(
    drawing_page: Page, server: Server, cast: Cast
) -> None:
    page, home = drawing_page, cast.home
    make_alert(home.revenue, severity="critical")
    await enter(page, server, cast.mia)
    await expect(page.locator(ROOM)).to_be_visible()
    canvas, card = page.locator(".stage-picture canvas"), page.locator("[data-card]")
    await canvas.focus()
    await page.keyboard.press("+")
    assert await page.evaluate(COLOURS) > 50
    await page.keyboard.press("Tab")
    await expect(card).to_have_attribute("data-card", str(home.revenue.pk))
    for text in ("Sales", "Revenue", "100EUR", "Target 120EUR", "off target", "1 alert, critical"):
        await expect(card).to_contain_text(text)
    told = page.locator("[data-announcement]")
    await expect(told).to_have_text("Revenue: 100 EUR, target 120 EUR, off target, 1 alert")
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(home.revenue, 130)
    await expect(card).to_contain_text("130EUR")
    await expect(card).to_contain_text("on target")
    await page.keyboard.press("Tab")
    await expect(card).to_have_attribute("data-card", str(home.margin.pk))
    await page.keyboard.press("Tab")  # the last is behind
    await expect(canvas).not_to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Tab")  # and so is a walk that was ended
    await expect(canvas).not_to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-open]")).to_be_focused()
    assert await violations_in_both_schemes(page) == []
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{server.url}/kpi/{home.revenue.pk}")


async def test_p1_without_webgl_the_plan_comes_by_itself_and_the_list_has_the_same(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.mia) as mia,
        started("--disable-3d-apis") as browser,
        first_tab(browser) as page,
    ):
        session = (await create(mia, title="Weekly numbers"))["sessionId"]
        await page.set_viewport_size({"width": 390, "height": 844})
        await enter(page, server, cast.vera)
        await expect(page.locator(PLAN)).to_be_visible()
        await expect(page.locator("[data-notice]")).to_contain_text("no 3-D")
        await expect(page.get_by_role("link", name="Start a session here")).to_have_count(0)
        await expect(page.locator(f'[data-session="{session}"]')).to_contain_text("Weekly numbers")
        label = page.locator(".stage-label.thing", has_text="100 EUR")
        box = await label.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] - 12)
        card = page.locator(".stage-card.chosen")
        await expect(card).to_contain_text("Revenue")
        assert await violations_in_both_schemes(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("radio", name="List").check()
        await expect(page).to_have_url(f"{server.url}/space?as=list")
        await page.reload()
        rows = page.locator("tr[data-kpi]")
        await expect(rows).to_have_count(1)  # what her department does not see is nowhere
        await expect(rows).to_contain_text("off target")
        assert await violations_in_both_schemes(page) == []
        await page.locator(f'[data-session="{session}"]').click()
        await page.wait_for_url(f"{server.url}/session/{session}")


# ---------------------------------------------------------------- the stage by itself

WORKSPACE = Path(__file__).parents[2] / "clients" / "workspace"
COUNTING = """
window.draws = 0;
window.contexts = [];
for (const name of ["drawElements", "drawArrays", "drawElementsInstanced", "drawArraysInstanced"]) {
  const draw = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...all) {
    window.draws += 1;
    return draw.apply(this, all);
  };
}
const { getContext } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.getContext = function (...all) {
  const context = getContext.apply(this, all);
  if (all[0] === "webgl2") window.contexts.push(new WeakRef(context));
  return context;
};
window.frames_ = async (count) => {
  for (let n = 0; n < count; n++) await new Promise(requestAnimationFrame);
};
"""


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage without the rest of the page, as one script."""
    esbuild = WORKSPACE / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the packages of the page are not installed")
    made = tmp_path_factory.mktemp("stage") / "stage.js"
    options = ("--bundle", "--format=iife", "--target=es2022", "--log-level=warning")
    jsx = ("--jsx=automatic", "--jsx-import-source=preact")
    command = [str(esbuild), "tests/stage_harness.tsx", *options, *jsx, f"--outfile={made}"]
    subprocess.run(command, cwd=WORKSPACE, check=True, timeout=60)
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def stage(drawing_chromium: Browser, harness: Path, server: Server) -> AsyncIterator[Page]:
    """A page that shows what `stage.show(scene)` is given."""
    # Small: a processor draws it.
    view = {"width": 600, "height": 440}
    async with first_tab(drawing_chromium, bypass_csp=True, viewport=view) as opened:
        await opened.add_init_script(COUNTING)
        await opened.goto(f"{server.url}/space")
        await opened.add_script_tag(path=harness)
        yield opened


def scene_of(kpis: int, **more: Any) -> dict[str, Any]:
    departments = max(1, kpis // 16)
    return {
        "departments": [
            {"id": f"d{n}", "name": f"Department {n}", "parentId": None, "updatedAt": AT}
            for n in range(departments)
        ],
        "kpis": [
            {
                "id": f"k{n}",
                "name": f"Indicator {n:04}",
                "key": "",
                "unit": "EUR",
                "value": 60 + n % 90,
                "target": None if n % 7 == 0 else 100,
                "direction": "higher",
                "departmentId": f"d{n % departments}",
                "ownerId": None,
                "visibility": "organization",
                "updatedAt": AT,
            }
            for n in range(kpis)
        ],
        "notes": [],
        "names": {"ann": "Ann"},
        **more,
    }


def note(name: str, **more: Any) -> dict[str, Any]:
    author = {"authorId": "ann", "authorName": "Ann"}
    usual: dict[str, Any] = {"sessionId": "s", "content": name, **author}
    usual |= {"position": {"x": 0, "y": 0, "z": 0}, "contentType": "text", "revision": 1}
    unset = dict.fromkeys(("entity", "parentId", "resolvedAt", "resolvedBy"))
    times = {"createdAt": AT, "updatedAt": AT, "mentions": [], "entityArchived": False}
    return {"id": name, **usual, **unset, **times, **more}


async def show(stage: Page, scene: dict[str, Any], **options: Any) -> None:
    await stage.evaluate(
        "([scene, options]) => window.stage.show(scene, options)", [scene, options]
    )
    await expect(stage.locator("[data-picture]:not([data-picture=loading])")).to_be_visible()


async def said(stage: Page, what: str) -> list[Any]:
    every: list[list[Any]] = await stage.evaluate("window.stage.said")
    return [one[1:] for one in every if one[0] == what]


async def place_of(stage: Page, selector: str) -> tuple[float, float]:
    box = await stage.locator(selector).bounding_box()
    assert box is not None
    return box["x"], box["y"]


async def test_p2_a_thousand_kpis_are_few_draw_calls_and_none_while_nothing_changes(
    stage: Page,
) -> None:
    scene = scene_of(1_000)
    await show(stage, scene)
    await stage.evaluate("frames_(3)")
    still = "async () => { const before = draws; await frames_(12); return draws - before; }"
    assert await stage.evaluate(still) == 0
    drawn = await stage.evaluate("""async () => {
      const before = draws;
      document.querySelector("[aria-label='Show everything']").click();
      await frames_(2);
      return draws - before;
    }""")
    assert 0 < drawn <= 2 * 8


async def test_p1_others_are_seen_where_they_point_and_followed_until_one_moves(
    stage: Page,
) -> None:
    looking = {"type": "kpi", "id": "k3"}
    await show(stage, scene_of(40))

    async def point(x: float, z: float) -> None:
        at = {"userId": "ann", "position": {"x": x, "y": 0, "z": z}, "focusedEntity": looking}
        await stage.evaluate("(at) => { window.stage.pointers = [at]; }", at)

    await point(0, 0)
    pointer = stage.locator('[data-pointer="ann"]')
    await expect(pointer).to_have_text("Ann")
    before = await place_of(stage, '[data-pointer="ann"]')
    await point(3, 0)
    await expect(pointer).to_be_visible()
    await stage.wait_for_function(
        "([x]) => document.querySelector('[data-pointer]').getBoundingClientRect().x > x + 20",
        arg=list(before),
    )
    for _ in range(8):
        await stage.get_by_label("Nearer").click()
    await show(stage, scene_of(40), followed="ann")
    await point(-7, -2)
    inside = """() => {
      const picture = document.querySelector(".stage-picture").getBoundingClientRect();
      const { x, y } = document.querySelector("[data-pointer]").getBoundingClientRect();
      return x > picture.left && x < picture.right && y > picture.top && y < picture.bottom;
    }"""
    await stage.wait_for_function(inside)
    assert await said(stage, "follow end") == []
    await stage.locator("canvas").focus()
    await stage.keyboard.press("ArrowLeft")
    assert await said(stage, "follow end") == [[]]
    await stage.get_by_role("radio", name="List").check()
    await expect(stage.locator("tr[data-kpi=k3]")).to_contain_text("Ann")
    await stage.evaluate("window.stage.pointers = []")
    await expect(stage.locator("tr[data-kpi=k3]")).not_to_contain_text("Ann")


async def test_c8_notes_are_pinned_to_what_was_chosen_and_opened_by_their_pin(stage: Page) -> None:
    on_kpi = {"type": "kpi", "id": "k1"}
    notes = [note("free"), note("on it", entity=on_kpi), note("too", entity=on_kpi)]
    await show(stage, scene_of(8, notes=notes))
    await stage.get_by_role("button", name="2 notes").click()
    await stage.get_by_role("button", name="1 note. Ann: free").click()
    chosen = [one for [one] in await said(stage, "choose")]
    assert chosen == [{"noteId": "on it", "entity": on_kpi}, {"noteId": "free"}]
    await stage.locator("canvas").focus()
    await stage.keyboard.press("n")
    await expect(stage.locator("[data-pin-mode]")).to_have_attribute("aria-pressed", "true")
    await stage.keyboard.press("Enter")
    await stage.keyboard.press("Tab")
    await stage.keyboard.press("n")
    await stage.keyboard.press("Enter")
    [[spot, _], [_, entity]] = await said(stage, "pin")
    assert spot["y"] == 0
    assert entity == {"type": "kpi", "id": "k0"}
    [[_, focused]] = await said(stage, "point")
    assert focused == entity
    await show(stage, scene_of(8), mayPin=False)
    await expect(stage.locator("[data-pin-mode]")).to_have_count(0)


async def test_p1_the_plan_takes_over_where_3d_is_lost(stage: Page) -> None:
    await show(stage, scene_of(8))
    await expect(stage.locator(ROOM)).to_be_visible()
    await stage.evaluate("contexts.at(-1).deref().getExtension('WEBGL_lose_context').loseContext()")
    await expect(stage.locator(PLAN)).to_be_visible()
    await stage.get_by_role("radio", name="3-D").check()
    await expect(stage.locator(ROOM)).to_be_visible()


SHOW_OFTEN = """async ([scene, times]) => {
  for (let n = 0; n < times; n++) {
    stage.show(scene);
    while (!document.querySelector('[data-picture="3d"]')) await frames_(1);
    stage.hide();
  }
}"""


async def test_p2_nothing_is_left_of_a_room_that_was_shown_twenty_times(stage: Page) -> None:
    protocol = await stage.context.new_cdp_session(stage)
    scene = scene_of(16)

    async def counted() -> tuple[int, int]:
        await protocol.send("HeapProfiler.collectGarbage")
        counters = await protocol.send("Memory.getDOMCounters")
        return counters["nodes"], counters["jsEventListeners"]

    await stage.evaluate(SHOW_OFTEN, [scene, 2])
    nodes, listeners = await counted()
    await stage.evaluate(SHOW_OFTEN, [scene, 20])
    nodes_after, listeners_after = await counted()
    assert nodes_after <= nodes + 20
    assert listeners_after <= listeners + 20
    assert await stage.evaluate("contexts.every((one) => one.deref()?.isContextLost() ?? true)")


HEADSET = """Object.defineProperty(navigator, "xr", { value: {
  isSessionSupported: async (kind) => kind === "immersive-vr",
  requestSession: async () => { throw new DOMException("not here", "NotSupportedError"); },
} });"""


async def test_a_headset_is_offered_where_the_browser_says_that_there_is_one(stage: Page) -> None:
    await stage.evaluate(HEADSET)
    await show(stage, scene_of(8))
    await expect(stage.locator("[data-xr]")).to_have_text(["Enter VR"])
    await stage.locator("[data-xr]").click()
    await expect(stage.locator("[data-notice]").first).to_contain_text("did not begin it")
