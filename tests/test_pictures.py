"""Snapshots that many ask for at once: read once, whole, and never older than the asking (V4)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bos.models import Notification
from kpis.models import Kpi
from sync.conf import sync_settings
from sync.delivery import encodings, pictures
from sync.delivery.hub import Hub
from sync.delivery.pages import Stretch
from sync.delivery.pictures import LINGER, Picture
from sync.eventlog.threads import READINGS_OF_ONE
from sync.protocol.topics import Topic
from sync.testing import Clock
from tests.support.cast import Cast, Person, Tenant
from tests.support.client import Client
from tests.support.mirror import snapshot
from tests.support.server import Server
from tests.support.waiting import until

TEXT = encodings.encoding(raw=False, wire_format="text")


class Gallery:
    """The pictures of a process, and those that its clients have been shown."""

    def __init__(self, cast: Cast) -> None:
        self.clock = Clock()
        self.hub = Hub(clock=self.clock)
        self.pictures = self.hub.syncs.pictures
        self.home = cast.home
        self.seen: set[Picture] = set()

    async def stretch(self, *topics: str, tenant: Tenant | None = None) -> Stretch:
        tenant = tenant or self.home
        wanted = map(Topic.parse, topics or [tenant.topic])
        return Stretch(await self.hub.feed(tenant.id), frozenset(wanted), TEXT)

    async def look(self, *topics: str, tenant: Tenant | None = None) -> dict[str, Any]:
        """Return what a client is shown: the data of each entity by its id."""
        stretch = await self.stretch(*topics, tenant=tenant)
        async with self.pictures.entered(stretch) as picture:
            self.seen.add(picture)
            return shown(picture)


def shown(picture: Picture) -> dict[str, Any]:
    parts = [picture.part(place) for place in range(picture.length)]
    assert all(parts)
    told = [json.loads(f["text"])["payload"] for part in parts if part for f in part.frames]
    assert len(told) == picture.number
    assert {payload["sequence"] for payload in told} <= {picture.head.sequence}
    return {payload["entityId"]: payload["data"] for payload in told}


@pytest.fixture
async def gallery(cast: Cast) -> Gallery:
    return Gallery(cast)


def set_revenue(tenant: Tenant, value: float) -> None:
    Kpi.objects.filter(pk=tenant.revenue.pk).update(value=value)


async def test_v4_a_snapshot_that_many_ask_for_is_read_once(gallery: Gallery) -> None:
    seen = await asyncio.gather(*(gallery.look() for _ in range(50)))
    assert str(gallery.home.revenue.pk) in seen[0]
    assert all(each == seen[0] for each in seen)
    assert await gallery.look() == seen[0]  # the log has not gone on
    assert len(gallery.seen) == 1


async def test_v4_a_snapshot_shows_all_that_was_committed_before_it_was_asked_for(
    gallery: Gallery,
) -> None:
    revenue = str(gallery.home.revenue.pk)
    for value in (1, 2, 3):
        await asyncio.to_thread(set_revenue, gallery.home, value)
        seen = await asyncio.gather(*(gallery.look() for _ in range(5)))
        assert [each[revenue]["value"] for each in seen] == [value] * 5
    assert len(gallery.seen) == 3


async def test_v4_who_asks_while_another_is_shown_the_log_of_before_gets_a_later_one(
    gallery: Gallery,
) -> None:
    revenue = str(gallery.home.revenue.pk)
    async with gallery.pictures.entered(await gallery.stretch()) as before:
        await asyncio.to_thread(set_revenue, gallery.home, 77)
        assert (await gallery.look())[revenue]["value"] == 77
        assert shown(before)[revenue]["value"] == 100  # as it was, to its end


async def test_s4_pictures_of_other_topics_and_tenants_are_others(
    gallery: Gallery, cast: Cast
) -> None:
    margin = str(gallery.home.margin.pk)
    assert margin not in await gallery.look()
    assert margin in await gallery.look(f"department:{gallery.home.sales.pk}")
    assert margin in await gallery.look(gallery.home.topic, f"department:{gallery.home.sales.pk}")
    assert str(cast.other.revenue.pk) in await gallery.look(tenant=cast.other)
    assert not set(await gallery.look()) & set(await gallery.look(tenant=cast.other))


async def test_s6_a_picture_that_nobody_is_in_is_dropped_in_time(gallery: Gallery) -> None:
    async with gallery.pictures.entered(await gallery.stretch()) as picture:
        gallery.clock.advance(2 * LINGER)
        gallery.pictures.forget()
        assert shown(picture)
    gallery.clock.advance(LINGER - 0.1)
    gallery.pictures.forget()
    assert (len(gallery.pictures), picture.is_withdrawn) == (1, False)
    gallery.clock.advance(0.1)
    gallery.pictures.forget()
    assert (len(gallery.pictures), gallery.pictures.size, picture.is_withdrawn) == (0, 0, True)
    assert not gallery.pictures._places


@pytest.fixture
async def sizes(gallery: Gallery) -> tuple[int, int]:
    """Sizes of two pictures, of which none is kept any more: the organization's and of sales."""
    found = []
    for topic in (gallery.home.topic, f"department:{gallery.home.sales.pk}"):
        async with gallery.pictures.entered(await gallery.stretch(topic)) as picture:
            found.append(picture.size)
    gallery.clock.advance(LINGER)
    gallery.pictures.forget()
    assert gallery.pictures.size == 0
    return found[0], found[1]


async def waits(gallery: Gallery, count: int = 1) -> None:
    await until(lambda: gallery.clock.sleeping == count, within=5)


@pytest.mark.parametrize("short", [0, 1])
async def test_s6_a_picture_for_which_there_is_no_room_waits_until_another_is_left(
    gallery: Gallery, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch, short: int
) -> None:
    """To the byte, and however young those are that clients are in."""
    monkeypatch.setattr(pictures, "KEPT_BYTES", sum(sizes) - short)
    sales = f"department:{gallery.home.sales.pk}"
    async with gallery.pictures.entered(await gallery.stretch()) as large:
        looking = asyncio.create_task(gallery.look(sales))
        if short:
            await waits(gallery)
            assert gallery.pictures.size == sizes[0]
            assert await gallery.look() == shown(large)  # what is there is shown meanwhile
        else:
            await looking
            assert gallery.pictures.size == sum(sizes)
    assert str(gallery.home.margin.pk) in await looking
    assert gallery.pictures.size <= sum(sizes) - short
    assert large.is_withdrawn == bool(short)


async def test_s6_a_picture_that_clients_are_in_for_too_long_makes_room_for_others(
    gallery: Gallery, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "KEPT_BYTES", max(sizes))
    sales = f"department:{gallery.home.sales.pk}"
    async with gallery.pictures.entered(await gallery.stretch()) as large:
        looking = asyncio.create_task(gallery.look(sales))
        await waits(gallery)
        gallery.clock.advance(sync_settings().slow_patience - 0.1)
        await waits(gallery)
        assert not large.is_withdrawn
        gallery.clock.advance(0.1)
        await looking
        assert (large.is_withdrawn, large.part(0)) == (True, None)
    assert gallery.pictures.size == sizes[1]
    monkeypatch.setattr(pictures, "KEPT_BYTES", 1)
    assert str(gallery.home.revenue.pk) in await gallery.look()  # the only one has room


async def test_s6_no_more_pictures_wait_for_room_than_are_read_at_once(
    gallery: Gallery, cast: Cast, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of one organization no more than it may read, so that others come before the rest."""
    monkeypatch.setattr(pictures, "KEPT_BYTES", sizes[0])
    topics = [f"department:{gallery.home.sales.pk}", f"kpi:{gallery.home.revenue.pk}"]
    topics += [f"kpi:{gallery.home.margin.pk}", f"department:{gallery.home.support.pk}"]
    async with gallery.pictures.entered(await gallery.stretch()):
        looking = [asyncio.create_task(gallery.look(topic)) for topic in topics]
        await waits(gallery, READINGS_OF_ONE)
        looking.append(asyncio.create_task(gallery.look(tenant=cast.other)))
        await waits(gallery, READINGS_OF_ONE + 1)
        # They keep nobody from reading the log; and behind this turn no other one was read.
        async with asyncio.timeout(5), gallery.hub.readings.turn(gallery.home.id):
            assert gallery.clock.sleeping == READINGS_OF_ONE + 1
    assert all(await asyncio.gather(*looking))
    assert gallery.pictures.size <= sizes[0]


# ------------------------------------------------------------------ what one user alone is shown


async def test_v4_what_is_beside_a_picture_is_of_its_moment(gallery: Gallery, cast: Cast) -> None:
    """Also where the log has gone on, as long as nothing of it has changed."""
    unread = await asyncio.to_thread(notify, cast.home, cast.bob)
    own = await gallery.stretch(f"user:{cast.bob.id}")
    async with gallery.pictures.entered(await gallery.stretch()) as picture:
        await asyncio.to_thread(set_revenue, gallery.home, 5)
        async with gallery.pictures.beside(picture, own) as beside:
            assert beside is not None
            assert beside.head == picture.head
            assert list(shown(beside)) == [unread]
        await asyncio.to_thread(notify, cast.home, cast.bob)
        async with gallery.pictures.beside(picture, own) as beside:
            assert beside is None
    async with gallery.pictures.entered(await gallery.stretch()) as picture:
        async with gallery.pictures.beside(picture, own) as beside:
            assert beside is not None
        # What may be in both would be told twice.
        async with gallery.pictures.beside(picture, await gallery.stretch()) as beside:
            assert beside is None


async def test_s6_what_is_beside_a_picture_counts_and_waits_for_no_room(
    gallery: Gallery, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is in a picture would wait for others that wait as it does."""
    await asyncio.to_thread(notify, cast.home, cast.bob)
    own = await gallery.stretch(f"user:{cast.bob.id}")
    async with gallery.pictures.entered(await gallery.stretch()) as picture:
        async with gallery.pictures.beside(picture, own) as beside:
            assert beside is not None
            size = gallery.pictures.size
            assert size == picture.size + beside.size > picture.size
        assert gallery.pictures.size == picture.size
        for most, has_room in ((size, True), (size - 1, False)):
            monkeypatch.setattr(pictures, "KEPT_BYTES", most)
            async with gallery.pictures.beside(picture, own) as beside:
                assert (beside is not None) == has_room
        assert not picture.is_withdrawn


def notify(tenant: Tenant, person: Person) -> str:
    made = Notification.objects.create(
        organization=tenant.organization, user=person.user, category="system",
        title="t", message="m", data={},
    )  # fmt: skip
    return str(made.pk)


async def test_v4_a_snapshot_with_the_own_channel_shows_what_both_show(
    server: Server, cast: Cast
) -> None:
    await asyncio.to_thread(notify, cast.home, cast.bob)
    own = f"user:{cast.bob.id}"
    async with await Client.connect(server, cast.bob) as bob:
        (home, _), (alone, _) = await snapshot(bob, cast.home.topic), await snapshot(bob, own)
        both, end = await snapshot(bob, cast.home.topic, own)
        assert len(alone) == 1
        assert both == home | alone
        messages = await bob.sync(cast.home.topic, own)
        assert {m["payload"]["sequence"] for m in messages[1:-1]} == {end}
        assert messages[0]["payload"]["updateCount"] == len(both)
