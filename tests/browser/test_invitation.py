"""From an invitation to being signed in, in real Chromium (decision D6)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bos.people import sending
from tests.conftest import ServeFixture
from tests.support import doors
from tests.support.cast import Cast
from tests.support.mailbox import Mailbox, do_jobs, links_in, mail_server, send_by
from tests.support.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEW = "nine blue herons"


@pytest.fixture
def server(serve: ServeFixture) -> Server:
    """With mail: those that tests share have none."""
    return serve(EMAIL_URL="console:")


@pytest.fixture
def box(settings: Any, server: Server) -> Iterator[Mailbox]:
    with mail_server() as box:
        send_by(box, settings)
        settings.PUBLIC_URL = server.url
        yield box


async def test_d6_somebody_is_invited_opens_the_mail_and_is_in(
    page: Page, server: Server, cast: Cast, box: Mailbox
) -> None:
    email = f"new-{uuid.uuid4().hex[:10]}@test.example"
    await page.set_viewport_size({"width": 1400, "height": 900})
    session = doors.browser(cast.alice).cookies["sessionid"].value
    await page.context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
    await page.goto(f"{server.url}/admin/bos/user/")
    await page.get_by_role("link", name="Invite somebody").click()
    await page.fill('[name="email"]', email)
    await page.fill('[name="name"]', "Nora New")
    await page.select_option('[name="role"]', "member")
    await page.select_option('[name="department"]', label="Sales / Support")
    await page.get_by_role("button", name="Send the invitation").click()
    await expect(page.get_by_text("“Nora New” is invited")).to_be_visible()

    do_jobs(sending.send_invitation)
    [link] = links_in(box.to(email)[0])
    await page.context.clear_cookies()
    await page.goto(link)
    assert link.rstrip("/").rpartition("/")[2] not in page.url
    await page.fill('[name="new_password1"]', NEW)
    await page.fill('[name="new_password2"]', NEW)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("heading", name="Nora New")).to_be_visible()
    await expect(page.get_by_role("definition").get_by_text(email)).to_be_visible()

    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download my data").click()
    assert (await download.value).suggested_filename.startswith("bos-data-")
