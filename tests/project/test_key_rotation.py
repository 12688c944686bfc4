"""A rotation of SECRET_KEY signs nobody out, and loses no work (s12)."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings

from bos.auth import tokens
from bos.models import User
from tests.conftest import ServeFixture
from tests.support import doors
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.rest import rest
from tests.wire.test_auth import auth

KEY = django_settings.SECRET_KEY
NEW = "another-key-that-is-as-long-as-it-has-to-be-0123456789"


async def test_s12_servers_with_a_new_key_know_whom_the_old_one_signed_in(
    serve: ServeFixture, cast: Cast
) -> None:
    refresh, access = tokens.signed_in(cast.bob.user, address="192.0.2.1")
    server = serve(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=f"an-even-older-one,{KEY}")
    async with await Client.connect(server) as client:
        assert (await auth(client, str(access)))["type"] == "AUTH_SUCCESS"
        body = {"refresh": str(refresh)}
        status, pair = await rest(server, "POST", "/auth/refresh", body=body)
        assert status == 200
        assert (await auth(client, pair["access"]))["type"] == "AUTH_SUCCESS"


def test_s12_a_session_of_the_admin_outlives_a_rotation_and_takes_the_new_key(
    cast: Cast, settings: Any
) -> None:
    browser = doors.browser(cast.alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [KEY]
    assert browser.get("/admin/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get("/admin/").status_code == 200, "it was signed anew"


def test_s12_a_session_of_a_key_that_is_gone_or_of_an_old_password_is_none(
    cast: Cast, settings: Any
) -> None:
    browser, other = doors.browser(cast.alice), doors.browser(cast.charlie)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, ["yet-another-key"]
    assert browser.get("/admin/").status_code == 302
    settings.SECRET_KEY_FALLBACKS = [KEY]
    user = User.objects.get(pk=cast.charlie.id)
    user.set_password("another one entirely")
    user.save()
    assert other.get("/admin/").status_code == 302
