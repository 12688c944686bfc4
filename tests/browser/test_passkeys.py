"""Second factors and passkeys in real Chromium, which has an authenticator of its own (D6)."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.board import fill_sign_in, sign_out
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.factors import app_of, factors_of
from tests.support.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


def address(server: Server, path: str) -> str:
    """Passkeys are for names, not for numbers."""
    return f"http://localhost:{server.port}{path}"


async def with_a_passkey_device(page: Page) -> None:
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def sign_in_on_its_page(page: Page, server: Server, person: Person, path: str) -> None:
    await page.goto(address(server, f"/account/login/?next={path}"))
    await page.get_by_label("Email").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def test_d6_a_passkey_is_added_and_opens_the_page_alone(
    page: Page, server: Server, cast: Cast
) -> None:
    await with_a_passkey_device(page)
    await sign_in_on_its_page(page, server, cast.bob, "/account/2fa/webauthn/add/")
    await page.get_by_label("Name").fill("This computer")
    await page.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    await expect(page.locator(".codes li")).to_have_count(10)
    assert factors_of(cast.bob) == {"webauthn", "recovery_codes"}
    await page.get_by_role("link", name="Go on").click()
    await expect(page.get_by_text("This computer")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()

    await page.goto(address(server, "/account/login/?next=/"))
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.locator('[data-connection="live"]')).to_be_visible()
    await expect(page.locator("[data-user]")).to_have_text("Bob")

    # What ends on the page has ended for its session as well.
    await sign_out(page)
    await page.reload()
    await expect(page.locator("[data-sign-in]")).to_be_visible()


async def test_d6_a_passkey_stands_in_for_the_code(page: Page, server: Server, cast: Cast) -> None:
    await with_a_passkey_device(page)
    await sign_in_on_its_page(page, server, cast.alice, "/account/2fa/webauthn/add/")
    await page.get_by_label("Sign in with it alone").uncheck()
    await page.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await sign_in_on_its_page(page, server, cast.alice, "/admin/")
    await expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url("**/admin/")


async def test_d6_without_a_passkey_one_is_told_so(page: Page, server: Server, cast: Cast) -> None:
    await with_a_passkey_device(page)
    await page.goto(address(server, "/account/login/"))
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_text("No passkey was used.")).to_be_visible()


async def test_d6_the_page_asks_for_the_code_where_one_is_needed(
    page: Page, server: Server, cast: Cast
) -> None:
    app = app_of(cast.bob)
    await page.goto(server.url)
    await expect(page.locator("[data-sign-in]")).to_be_visible()
    await expect(page.locator('[name="code"]')).to_have_count(0)
    await fill_sign_in(page, cast.bob)
    await expect(page.locator('[name="code"]')).to_be_focused()
    await page.fill('[name="code"]', app.wrong())
    await page.click("[data-sign-in] [type=submit]")
    await expect(page.get_by_text("This code is wrong")).to_be_visible()
    await page.fill('[name="code"]', app.code())
    await page.click("[data-sign-in] [type=submit]")
    await expect(page.locator('[data-connection="live"]')).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
async def test_d6_the_pages_of_an_account_fit_the_screen(
    page: Page, server: Server, cast: Cast, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await sign_in_on_its_page(page, server, cast.vera, "/account/2fa/totp/activate/")
    await expect(page.get_by_role("heading", name="Set up an app")).to_be_visible()
    for path in ("/account/2fa/", "/account/2fa/totp/activate/", "/account/2fa/webauthn/add/"):
        await page.goto(address(server, path))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
