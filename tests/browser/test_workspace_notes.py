"""Notes on the page, in real Chromium: read, written, found, and never lost (C5, C7, C8, P3)."""

from __future__ import annotations

import os
import re
import struct
import zlib
from typing import Any

import pytest
from django.utils import timezone
from playwright.async_api import (
    Browser,
    FilePayload,
    Locator,
    Page,
    WebSocketRoute,
    expect,
)

from bos.models import Notification
from collaboration.models import Annotation
from tests.browser.axe import violations_in_both_schemes
from tests.browser.board import retry_now
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.furnished import make_note, make_session
from tests.support.network import network
from tests.support.server import Server
from tests.wire.test_notes_on_things import noted, pin

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.once("sqlite")]
LIVE, RECONNECTING = '[data-connection="live"]', '[data-connection="reconnecting"]'


async def enter(page: Page, url: str, person: Person, place: str) -> Locator:
    """Sign in at an address of the page; its notes."""
    await page.goto(url + place)
    await page.fill('[name="email"]', person.email)
    await page.fill('[name="password"]', PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator(LIVE)).to_be_visible()
    return page.locator("[data-notes]")


def at(thing: Any, kind: str = "kpi") -> str:
    return f"/{kind}/{thing.pk}"


def note_of(scope: Page | Locator, id_: object) -> Locator:
    return scope.locator(f'[data-note="{id_}"]')


def form(scope: Locator, label: str = "New note") -> Locator:
    return scope.get_by_role("form", name=label)


async def write(scope: Locator, text: str, label: str = "New note") -> None:
    field = form(scope, label).locator("textarea")
    await field.fill(text)
    await field.press("Control+Enter")


async def choose(note: Locator, what: str) -> None:
    """Choose from the menu of a note."""
    await note.get_by_role("button", name="More about").click()
    await note.get_by_role("button", name=what).click()


async def notes_on(thing: Any) -> list[str]:
    rows = Annotation.objects.filter(thing__entity_id=thing.pk)
    return [content async for content in rows.values_list("content", flat=True)]


# ------------------------------------------------------------------ together


async def test_c8_two_see_each_others_notes_at_once_and_do_what_is_theirs(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    """Bob writes and mentions, Mia answers and resolves, Bob changes and deletes."""
    place = at(cast.home.revenue)
    other = await (await chromium.new_context()).new_page()
    bobs = await enter(page, server.url, cast.bob, place)
    mias = await enter(other, server.url, cast.mia, place)
    field = form(bobs).locator("textarea")
    await field.press_sequentially("Why, @mi")
    await expect(bobs.get_by_role("option")).to_have_count(1)
    await field.press("Enter")
    await expect(field).to_have_value("Why, @Mia ")
    await field.press("Control+Enter")
    await expect(mias.locator(".notes-mention")).to_have_text("@Mia")
    await expect(field).to_have_value("")
    assert await Notification.objects.filter(user=cast.mia.user, category="mention").aexists()

    seen = mias.locator("article").first
    await seen.get_by_role("button", name="More about").click()
    await expect(seen.locator("[popover] button")).to_have_text(["Copy link"])
    await other.keyboard.press("Escape")
    await seen.get_by_role("button", name="Answer").click()
    await write(mias, "The feed was late", "Answer to Bob")
    await expect(bobs.locator(".notes-replies article")).to_contain_text("The feed was late")
    await seen.get_by_role("button", name="Resolve").click()
    await expect(bobs.locator("article")).to_have_count(0)
    await other.get_by_role("button", name="Undo").click()
    await expect(bobs.locator("article")).to_have_count(2)
    await seen.get_by_role("button", name="Resolve").click()
    await bobs.get_by_role("radio", name="Resolved 1").check()
    await bobs.get_by_role("button", name="resolved by Mia").click()

    own = bobs.locator("article").first
    await choose(own, "Change")
    await write(bobs, "Why so low?", "Change the note")
    await expect(own).to_contain_text("Why so low?")
    await expect(own).to_contain_text("changed")
    await choose(own, "Delete")
    await expect(page.get_by_role("dialog")).to_contain_text("The answer to it goes with it")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for notes in (bobs, mias):
        await expect(notes).to_contain_text("No notes yet")
    assert await notes_on(cast.home.revenue) == []
    await other.context.close()


async def test_c8_a_departments_notes_are_for_those_in_it(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    sales = cast.home.sales
    bobs = await enter(page, server.url, cast.bob, at(sales, "department"))
    await write(bobs, "For us in sales")
    await expect(bobs.locator("article")).to_contain_text("For us in sales")
    other = await (await chromium.new_context()).new_page()
    veras = await enter(other, server.url, cast.vera, at(sales, "department"))
    await expect(veras).to_contain_text("shown to those who work in the department")
    await expect(veras.locator("article")).to_have_count(0)
    await other.context.close()


async def test_c8_an_answer_that_is_being_written_outlives_the_note(
    page: Page, server: Server, cast: Cast
) -> None:
    note = pin(cast.mia, cast.home.revenue)
    notes = await enter(page, server.url, cast.bob, at(cast.home.revenue))
    await note_of(notes, note.pk).get_by_role("button", name="Answer").click()
    await form(notes, "Answer to Mia").locator("textarea").fill("Long thought about")
    async with await Client.connect(server, cast.mia) as mia:
        # Not among the open ones any more, and yet there.
        await mia.ask("ANNOTATION_RESOLVE", {"annotationId": str(note.pk), "resolved": True})
        await expect(notes).to_contain_text("Resolved by Mia")
        await expect(form(notes, "Answer to Mia").locator("textarea")).to_be_focused()
        await mia.ask("ANNOTATION_DELETE", {"annotationId": str(note.pk)})
    left = notes.locator(f'[data-left="{note.pk}"]')
    await expect(left).to_contain_text("has been deleted")
    await expect(left.locator("textarea")).to_have_value("Long thought about")
    await left.get_by_role("button", name="Add as a note").click()
    await expect(notes.locator("article")).to_contain_text("Long thought about")
    await expect(left).to_have_count(0)


# ------------------------------------------------------------------ nothing lost, nothing twice


async def test_p3_a_note_waits_for_the_network_and_can_be_taken_back_until_then(
    page: Page, server: Server, cast: Cast
) -> None:
    async with network(server.url) as way:
        notes = await enter(page, way.url, cast.bob, at(cast.home.revenue))
        await way.cut()
        await expect(page.locator(RECONNECTING)).to_be_visible()
        await write(notes, "Too early")
        await expect(notes.locator("[data-sending]")).to_contain_text("Waits for the connection")
        await notes.get_by_role("button", name="Take back").click()
        field = form(notes).locator("textarea")
        await expect(field).to_be_editable()
        await expect(field).to_have_value("Too early")
        await write(notes, "In good time")
        await way.join()
        # Unless it is connected already.
        await retry_now(page)
        await expect(notes.locator("article")).to_contain_text("In good time")
        await expect(field).to_have_value("")
    assert await notes_on(cast.home.revenue) == ["In good time"]


async def test_p3_a_note_whose_answer_was_lost_is_one_note_after_a_reload(
    page: Page, server: Server, cast: Cast
) -> None:
    """A refusal leaves what was typed as well, with the reason beside it."""
    deaf = False

    def between(route: WebSocketRoute) -> None:
        to_server = route.connect_to_server()
        to_server.on_message(lambda message: None if deaf else route.send(message))

    await page.route_web_socket("**/v1/ws", between)
    notes = await enter(page, server.url, cast.bob, at(cast.home.margin))
    await write(notes, "For @Vera, who may not see it")
    field = form(notes).locator("textarea")
    await expect(notes.get_by_role("alert")).to_contain_text(["Vera may not see this note"])
    await page.reload()
    await expect(field).to_have_value("For @Vera, who may not see it")
    await expect(page.locator(LIVE)).to_be_visible()
    deaf = True
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(f"kpi:{cast.home.margin.pk}")
        await write(notes, "Sent once")
        await mia.until("ANNOTATION_CREATED")
    await expect(notes.locator("[data-sending]")).to_be_visible()
    deaf = False
    await page.reload()
    await expect(notes.locator("article")).to_contain_text("Sent once")
    await expect(field).to_have_value("")
    await expect(notes.locator("[data-sending]")).to_have_count(0)
    assert await notes_on(cast.home.margin) == ["Sent once"]


# ------------------------------------------------------------------ led to


async def test_p1_an_address_leads_to_a_note_wherever_it_is_and_says_when_it_is_gone(
    page: Page, chromium: Browser, server: Server, cast: Cast
) -> None:
    """To an answer in a folded thread, to one that comes later, to one that goes."""
    revenue = cast.home.revenue
    async with await Client.connect(server, cast.mia) as mia:
        begun = await noted(mia, revenue)
        answer = await noted(mia, revenue, parentId=begun, content="Here it is")
        await mia.ask("ANNOTATION_RESOLVE", {"annotationId": begun, "resolved": True})
        notes = await enter(page, server.url, cast.bob, f"{at(revenue)}?note={answer}")
        await expect(note_of(notes, answer)).to_be_focused()
        await expect(note_of(notes, answer)).to_have_attribute("aria-current", "true")
        await mia.ask("ANNOTATION_DELETE", {"annotationId": answer})
        await expect(notes.get_by_role("status")).to_contain_text(["has been deleted"])
    elsewhere = pin(cast.mia, cast.home.margin)
    await page.goto(f"{server.url}{at(revenue)}?note={elsewhere.pk}")
    await notes.get_by_role("link", name="Go there").click()
    await expect(note_of(notes, elsewhere.pk)).to_be_focused()
    foreign = pin(cast.charlie, cast.other.revenue)
    # A browser complains of what is not there by itself: in a page of its own, that may.
    other = await (await chromium.new_context()).new_page()
    notes = await enter(other, server.url, cast.bob, f"{at(revenue)}?note={foreign.pk}")
    await expect(notes).to_contain_text("is gone, or you may not see it")
    await other.context.close()


async def test_c7_a_sessions_notes_are_answered_after_it_and_found_from_their_kpi(
    page: Page, server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    session = make_session(cast.mia, cast.bob)
    note = make_note(session, cast.mia, entity_type="kpi", entity_id=str(revenue.pk))
    async with await Client.connect(server, cast.mia) as mia:
        await mia.ask("SESSION_LEAVE", {"sessionId": str(session.pk)})
    notes = await enter(page, server.url, cast.bob, at(session, "session"))
    await expect(notes).to_contain_text("its notes can still be answered")
    await expect(form(notes)).to_have_count(0)
    await expect(note_of(notes, note.pk).get_by_role("link", name="Revenue")).to_be_visible()
    await note_of(notes, note.pk).get_by_role("button", name="Answer").click()
    await write(notes, "After the meeting", "Answer to Mia")
    await expect(notes.locator(".notes-replies")).to_contain_text("After the meeting")
    await page.goto(server.url + at(revenue))
    await notes.get_by_text("From meetings").click()
    await expect(notes.get_by_role("link", name="In its session")).to_be_visible()


# ------------------------------------------------------------------ what a note says


def noise(side: int) -> bytes:
    """Return a picture that can hardly be made smaller: PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


async def test_p1_links_pictures_and_drawings_are_written_and_fit_into_a_note(
    page: Page, server: Server, cast: Cast
) -> None:
    notes = await enter(page, server.url, cast.bob, at(cast.home.revenue))
    new, articles = form(notes), notes.locator("article")
    await new.locator("textarea").focus()
    await new.get_by_role("radio", name="Link").check()
    await new.get_by_label("Address").fill("javascript:alert(1)")
    await new.get_by_role("button", name="Add note").click()
    await expect(new.get_by_role("alert")).to_contain_text(["begins with http"])
    await new.get_by_label("Address").fill("https://example.org/plan")
    await new.get_by_label("What it is").press("Control+Enter")
    link = articles.get_by_role("link", name="https://example.org/plan")
    await expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))

    await new.locator("textarea").focus()
    await new.get_by_role("radio", name="Picture").check()
    picture: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": noise(300)}
    await (
        new.get_by_label("Picture", exact=True)
        .and_(page.locator("[type=file]"))
        .set_input_files(files=[picture])
    )
    await new.get_by_role("button", name="Add note").click()
    await expect(new.get_by_role("alert")).to_contain_text(["Say in words what it shows"])
    await new.get_by_label("What it shows").fill("The noise of March; 100 %")
    await new.get_by_role("button", name="Add note").click()
    await expect(articles.get_by_role("img", name="The noise of March; 100 %")).to_be_visible()

    await new.locator("textarea").focus()
    await new.get_by_role("radio", name="Drawing").check()
    box = await new.locator("[data-pad]").bounding_box()
    assert box is not None
    for y in (20, 60):
        await page.mouse.move(box["x"] + 20, box["y"] + y)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 120, box["y"] + y, steps=3)
        await page.mouse.up()
    await new.get_by_role("button", name="Undo").click()
    await new.get_by_label("What it shows").fill("A line")
    await new.get_by_role("button", name="Add note").click()
    await expect(articles.get_by_role("img", name="A line").locator("path")).to_have_count(1)
    sizes = [len(content) for content in await notes_on(cast.home.revenue)]
    assert len(sizes) == 3
    assert max(sizes) <= 10_000


async def test_p4_what_a_note_says_is_never_html_and_a_viewer_only_reads(
    page: Page, server: Server, cast: Cast
) -> None:
    """Of every type, well formed and not; axe finds nothing, as a viewer and as a manager."""
    revenue = cast.home.revenue
    begun = pin(cast.bob, revenue, "See https://example.org and @Mia", mentions=[cast.mia.id])
    wrong = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
    said = [
        (
            "markdown",
            f"# Title\n\n- **a**\n- `b`\n\n|x|y|\n|-|-|\n|1|2|\n\n```\ncode\n```\n\n{wrong}",
        ),
        ("markdown", "[here](javascript:window.hit=1) [there](https://example.org)"),
        ("markdown", ">" * 5_000),
        ("drawing", '{"width": 9, "height": 9, "strokes": [{"points": [1, 2, 3, 4]}]}'),
        *((kind, wrong) for kind in ("text", "link", "image", "audio", "drawing")),
    ]
    for kind, content in said:
        row = Annotation(author=cast.mia.user, thing=begun.thing, x=0, y=0, z=0, content=content)
        row.content_type, row.entity_type, row.entity_id = kind, "kpi", str(revenue.pk)
        await row.asave()
    await Annotation.objects.filter(pk=begun.pk).aupdate(
        resolved_at=timezone.now(), resolved_by=cast.mia.user
    )
    notes = await enter(page, server.url, cast.vera, f"{at(revenue)}?notes=all")
    await expect(notes.locator("article")).to_have_count(len(said))
    await expect(notes.locator(".notes-markdown table")).to_be_visible()
    for name in ("New note", "Answer", "Resolve"):
        await expect(notes.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await expect(form(notes)).to_have_count(0)
    for address in await notes.locator("article a").evaluate_all("all => all.map(a => a.href)"):
        assert address.startswith("http")
    assert await page.evaluate("window.hit") is None
    assert await violations_in_both_schemes(page) == []
    await page.evaluate("localStorage.clear()")
    notes = await enter(page, server.url, cast.mia, f"{at(revenue)}?notes=all&note={begun.pk}")
    await note_of(notes, begun.pk).get_by_role("button", name="Answer").click()
    await form(notes, "Answer to Bob").locator("textarea").fill("@bo")
    await expect(notes.get_by_role("listbox").get_by_role("option")).to_contain_text(["Bob"])
    assert await violations_in_both_schemes(page) == []
