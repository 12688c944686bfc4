"""The live picture in the admin: who is connected where, and disconnecting, revoking, ending it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from bos.models import User
from collaboration.models import Session
from sync.delivery.shared_state.memory import MemoryState
from sync.eventlog import log
from tests.conftest import BACKEND, ServeFixture
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client, error_of
from tests.support.pages import Pages
from tests.support.rest import rest
from tests.support.server import Server
from tests.support.waiting import until
from tests.wire.test_sessions import create, join, meeting

LIVE = "/admin/collaboration/session/live/"
PICTURE = LIVE + "picture/"
ACTIONS = ("disconnect", "revoke", "end")


async def shown(pages: Pages, so: Callable[[str], bool], path: str = PICTURE) -> str:
    """The picture, once it is so: a newcomer is on it within a second or two."""

    async def look() -> str:
        status, html = await pages.get(path)
        assert status == 200
        return html if so(html) else ""

    return await until(look, within=10)


def users_in(html: str) -> set[str]:
    return set(re.findall(r'data-bos-user="([^"]+)"', html))


def connections_in(html: str) -> list[str]:
    return re.findall(r'name="connection" value="([^"]+)"', html)


# ------------------------------------------------------------------ who is connected


async def test_the_picture_shows_who_is_connected_and_takes_part_where(
    server: Server, cast: Cast
) -> None:
    pages = Pages(server, cast.alice)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.bob) as second,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.charlie),
    ):
        session_id = (await create(bob, title="Harbour view"))["sessionId"]
        await join(mia, session_id)
        html = await shown(pages, lambda html: len(connections_in(html)) == 3)
        assert users_in(html) == {cast.bob.id, cast.mia.id}
        assert "Harbour view" in html
        assert html.count("active") >= 2
        assert cast.charlie.email not in html
        assert str(server.process.pid) in html
        await second.socket.close()
        await shown(pages, lambda html: len(connections_in(html)) == 2)
        status, page = await pages.get(LIVE)
        assert status == 200
        assert users_in(page) == {cast.bob.id, cast.mia.id}
    html = await shown(pages, lambda html: users_in(html) == set())
    assert "Nobody." in html


async def test_s2_the_picture_of_another_organization_is_ones_own(
    server: Server, cast: Cast
) -> None:
    stranger = Pages(server, cast.charlie)
    async with await Client.connect(server, cast.bob) as bob:
        await create(bob, title="Secret plans")
        await shown(Pages(server, cast.alice), lambda html: bool(users_in(html)))
        for path in (LIVE, PICTURE, f"{LIVE}?organization={cast.home.id}"):
            status, html = await stranger.get(path)
            assert status == 200
            assert users_in(html) == set()
            assert "Secret plans" not in html
            assert cast.home.id not in html


@pytest.mark.parametrize("name", ["mia", "bob", "vera"])
def test_s3_only_admins_see_the_picture_and_act(cast: Cast, name: str) -> None:
    for browser in (doors.browser(getattr(cast, name)), Browser()):
        for path in (LIVE, PICTURE):
            assert browser.get(path)["Location"].startswith("/admin/login/")
        for action in ACTIONS:
            answer = browser.post(f"{LIVE}{action}/", {"user": cast.vera.id})
            assert answer["Location"].startswith("/admin/login/")
    assert User.objects.get(pk=cast.vera.id).token_version == cast.vera.user.token_version


def test_acting_needs_a_post_and_its_token(cast: Cast) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(cast.alice.user, backend="bos.auth.throttle.ThrottledBackend")
    for action in ACTIONS:
        assert strict.get(f"{LIVE}{action}/").status_code == 405
        assert strict.post(f"{LIVE}{action}/", {"user": cast.bob.id}).status_code == 403


async def test_a_superuser_chooses_whose_picture_he_sees(server: Server, cast: Cast) -> None:
    root = User.objects.create_superuser(f"root-{cast.alice.email}", PASSWORD, name="Root")
    pages = Pages(server, Person(root))
    path = f"{PICTURE}?organization={cast.home.id}"
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        html = await shown(pages, lambda html: users_in(html) == {cast.bob.id}, path)
        assert (await pages.get(LIVE))[0] == 200
        missing = "00000000-0000-0000-0000-000000000000"
        for wrong in (missing, "nonsense"):
            assert (await pages.get(f"{LIVE}?organization={wrong}"))[0] == 404
        [connection] = connections_in(html)
        home, other = cast.home.id, cast.other.id
        await pages.post(f"{LIVE}disconnect/", connection=connection, organization=other)
        await charlie.settle()
        await pages.post(f"{LIVE}disconnect/", connection=connection, organization=home)
        assert (await bob.closed())[0] == 4403


# ------------------------------------------------------------------ to act


async def test_a_connection_that_is_disconnected_is_told_and_alone_and_may_come_back(
    server: Server, cast: Cast
) -> None:
    pages = Pages(server, cast.alice)
    async with await Client.connect(server, cast.bob) as first:
        await shown(pages, lambda html: len(connections_in(html)) == 1)
        async with await Client.connect(server, cast.bob) as second:
            html = await shown(pages, lambda html: len(connections_in(html)) == 2)
            before = log.head(cast.home.id).sequence
            status, _ = await pages.post(f"{LIVE}disconnect/", connection=connections_in(html)[0])
            assert status == 302
            code, messages = await first.closed()
            assert code == 4403
            assert error_of(messages[-1])[0] == "UNAUTHORIZED"
            assert await second.settle() == []
        [event] = log.read(cast.home.id, after=before, upto=before + 9, limit=9)
        assert (event.entity_type, event.actor_id, event.topics()) == (
            "connection",
            cast.alice.id,
            [],
        )
    async with await Client.connect(server, cast.bob) as again:
        assert await again.settle() == []


async def test_all_connections_of_a_user_are_disconnected_and_nobody_elses(
    server: Server, cast: Cast
) -> None:
    pages = Pages(server, cast.alice)
    async with (
        await Client.connect(server, cast.bob) as one,
        await Client.connect(server, cast.bob) as two,
        await Client.connect(server, cast.mia) as mia,
    ):
        await shown(pages, lambda html: len(connections_in(html)) == 3)
        await pages.post(f"{LIVE}disconnect/", user=cast.bob.id)
        assert (await one.closed())[0] == (await two.closed())[0] == 4403
        assert await mia.settle() == []
        await shown(pages, lambda html: users_in(html) == {cast.mia.id})


async def test_a5_who_is_revoked_is_closed_and_no_token_of_his_holds(
    server: Server, cast: Cast
) -> None:
    pages, refresh, access = Pages(server, cast.alice), cast.bob.refresh_token, cast.bob.token
    bobs = doors.browser(cast.bob)
    async with await Client.connect(server, cast.bob) as bob:
        await pages.post(f"{LIVE}revoke/", user=cast.bob.id)
        assert (await bob.closed())[0] == 4403
    late = await Client.connect(server)
    answer = await late.ask("AUTH", {"token": access})
    assert answer["payload"]["error"] == "INVALID_TOKEN"
    await late.socket.close()
    status, _ = await rest(server, "POST", "/auth/refresh", body={"refresh": refresh})
    assert status == 401
    # They sign in again, and what they were signed in to in the admin is over, too.
    cast.bob.user.refresh_from_db()
    async with await Client.connect(server, cast.bob):
        assert "_auth_user_id" in bobs.session
        assert not bobs.get("/admin/login/").wsgi_request.user.is_authenticated


async def test_v1_an_ended_session_is_told_to_everybody_in_it(server: Server, cast: Cast) -> None:
    pages = Pages(server, cast.alice)
    async with meeting(server, cast) as (bob, mia, session_id):
        await pages.post(f"{LIVE}end/", session=session_id)
        for client in (bob, mia):
            ended = (await client.expect("SESSION_ENDED"))["payload"]
            assert (ended["reason"], ended["endedBy"]) == ("admin", cast.alice.id)
        status, location = await pages.post(f"{LIVE}end/", session=session_id)
        assert (status, location) == (302, LIVE)  # it was over already


async def test_s2_nobody_of_another_organization_is_disconnected_revoked_or_ended(
    server: Server, cast: Cast
) -> None:
    stranger, own = Pages(server, cast.charlie), Pages(server, cast.alice)
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        html = await shown(own, lambda html: len(connections_in(html)) == 1)
        [connection] = connections_in(html)
        before = log.head(cast.other.id).sequence
        for action, fields in (
            ("disconnect", {"connection": connection}),
            ("disconnect", {"user": cast.bob.id}),
            ("disconnect", {"connection": "nonsense", "user": "nonsense"}),
            ("disconnect", {}),
            ("revoke", {"user": cast.bob.id}),
            ("revoke", {"user": "nonsense"}),
            ("end", {"session": session_id}),
            ("end", {"session": "nonsense"}),
        ):
            chosen: dict[str, Any] = fields | {"organization": cast.home.id}
            status, location = await stranger.post(f"{LIVE}{action}/", **chosen)
            # The same answer as for what does not exist.
            assert (status, location) == (302, LIVE)
        assert await bob.settle() == []
        assert log.head(cast.other.id).sequence == before
    assert User.objects.get(pk=cast.bob.id).token_version == cast.bob.user.token_version
    assert Session.objects.get(pk=session_id).ended_at is None


async def test_s3_an_organizations_admin_does_not_revoke_a_superuser(
    server: Server, cast: Cast
) -> None:
    boss = User.objects.create_superuser(
        f"boss-{cast.alice.email}", PASSWORD, name="Boss", organization=cast.home.organization
    )
    await Pages(server, cast.alice).post(f"{LIVE}revoke/", user=str(boss.pk))
    assert User.objects.get(pk=boss.pk).token_version == boss.token_version


# ------------------------------------------------------------------ several processes


@pytest.mark.skipif(BACKEND != "postgres", reason="several processes need Redis")
async def test_a_connection_of_another_process_is_shown_and_disconnected(
    serve: ServeFixture, cast: Cast
) -> None:
    one, other = serve(), serve()
    pages = Pages(one, cast.alice)
    async with (
        await Client.connect(one, cast.mia) as mia,
        await Client.connect(other, cast.bob) as bob,
    ):
        html = await shown(pages, lambda html: len(connections_in(html)) == 2)
        assert str(one.process.pid) in html
        assert str(other.process.pid) in html
        await pages.post(f"{LIVE}disconnect/", user=cast.bob.id)
        assert (await bob.closed())[0] == 4403
        assert await mia.settle() == []
    async with await Client.connect(other, cast.bob) as bob:
        await pages.post(f"{LIVE}revoke/", user=cast.bob.id)
        assert (await bob.closed())[0] == 4403


@pytest.mark.skipif(BACKEND != "postgres", reason="needs a Redis that can be away")
async def test_while_redis_is_away_the_picture_says_so_and_revoking_works(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(REDIS_URL="redis://127.0.0.1:1/0")
    pages = Pages(server, cast.alice)
    async with await Client.connect(server, cast.bob) as bob:
        status, html = await pages.get(PICTURE)
        assert status == 200
        assert "Redis does not answer" in html
        await pages.post(f"{LIVE}revoke/", user=cast.bob.id)
        assert (await bob.closed())[0] == 4403


async def test_who_is_present_is_forgotten_when_nobody_renews_it() -> None:
    now = 0.0
    state = MemoryState(lambda: now)
    await state.lease([("place", "a"), ("place", "b"), ("other", "c")], 10)
    now = 5.0
    await state.lease([("place", "b")], 10)
    assert sorted(await state.holders("place") or []) == ["a", "b"]
    now = 12.0
    assert await state.holders("place") == ["b"]
    await state.release("place", "b")
    assert await state.holders("place") == []
    assert await state.holders("nowhere") == []
