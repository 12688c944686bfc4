"""SYNC_REQUEST on the kernel's own doubles (V4, V5): no socket, no database."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from sync.conf import sync_settings
from sync.delivery.feed import Feed
from sync.delivery.hub import Hub
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import Context, spend
from sync.gateway.replay import MESSAGES_A_UNIT, serve_sync
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import Envelope
from sync.protocol.errors import RateLimitExceeded, TokenExpired
from sync.protocol.identity import Principal
from sync.protocol.messages import SyncRequest
from sync.protocol.times import wire_cursor
from sync.protocol.topics import Topic
from sync.testing import Clock, FakeOutbox, MemoryLog, Sent, principal
from tests.support.waiting import until

KPI = "kpi:k"


class World:
    """bob is signed in to `o`, whose log has 250 events: every other one of bob's KPI."""

    def __init__(self) -> None:
        self.log, self.clock, self.outbox = MemoryLog(), Clock(), FakeOutbox()
        self.hub = Hub(log=self.log, clock=self.clock)
        self.forbidden: set[str] = set()
        self.closes: list[CloseCode] = []
        for n in range(250):
            self.log.append("o", topics=[KPI if n % 2 else "kpi:other"], entity_id=str(n))

    async def open(self) -> World:
        self.feed: Feed = await self.hub.feed("o")
        self.connection = Connection(
            "bob", self.outbox, raw=False, now=0, on_close=self.closes.append
        )
        self.connection.authenticated(principal(), now=0, wall=0)
        self.subscriber = self.connection.subscriber
        self.feed.add(self.subscriber)
        return self

    async def permitted(self, user: Principal, wanted: Collection[Topic]) -> set[Topic]:
        return {topic for topic in wanted if str(topic) not in self.forbidden}

    async def sync(self, *channels: str, **cursor: Any) -> list[Sent]:
        envelope = Envelope("SYNC_REQUEST", {}, request_id="r")
        asked = registry.client_messages["SYNC_REQUEST"]
        context = Context(self.connection, self.hub, envelope, asked)
        request = SyncRequest(channels=list(channels or [KPI]), **cursor)
        await serve_sync(context, request, self.permitted)
        return self.outbox.take()


@pytest.fixture
async def world() -> World:
    return await World().open()


def told(messages: list[Sent]) -> list[Any]:
    """The sequences of the events; of any other message its type, and why it refuses."""
    return [
        message["payload"]["sequence"]
        if message["type"] == "SYNC_UPDATE"
        else message["payload"].get("code", message["type"])
        for message in messages
    ]


async def test_v4_what_was_missed_is_sent_in_order_by_pages_and_of_these_topics_alone(
    world: World,
) -> None:
    messages = await world.sync(last_sequence=10)
    assert told(messages) == ["SYNC_START", *range(12, 251, 2), "SYNC_COMPLETE"]
    begun, done = messages[0], messages[-1]
    assert begun["payload"]["updateCount"] == 120
    assert (done["payload"]["updatesSent"], done["payload"]["lastSequence"]) == (120, 250)
    assert {begun["requestId"], done["requestId"]} == {"r"}


async def test_v4_a_time_is_as_good_a_cursor_as_a_sequence(world: World) -> None:
    event = world.log.find("o", 240)
    assert event is not None
    messages = await world.sync(last_sync_timestamp=wire_cursor(event.at_us))
    assert told(messages) == ["SYNC_START", 242, 244, 246, 248, 250, "SYNC_COMPLETE"]


@pytest.mark.parametrize(
    ("cursor", "code"),
    [
        ({"last_sequence": 99}, "SYNC_HISTORY_EXPIRED"),
        ({"last_sequence": 100}, None),
        ({"last_sequence": 250}, None),
        ({"last_sequence": 251}, "SYNC_TIMESTAMP_IN_FUTURE"),
    ],
)
async def test_v5_a_cursor_before_what_is_kept_or_behind_the_head_is_refused(
    world: World, cursor: dict[str, int], code: str | None
) -> None:
    world.log.prune("o", 100)
    outcome = told(await world.sync(**cursor))
    assert outcome[-1] == (code or "SYNC_COMPLETE")
    assert code is None or outcome == [code]


@pytest.mark.parametrize("channel", ["nonsense", "kpi:secret"])
async def test_v4_a_channel_that_cannot_be_served_refuses_the_whole_sync(
    world: World, channel: str
) -> None:
    world.forbidden = {"kpi:secret"}
    messages = await world.sync(KPI, channel, last_sequence=0)
    assert [message["type"] for message in messages] == ["SYNC_ERROR"]
    assert messages[0]["payload"]["details"]["channel"] == channel


async def test_a5_a_right_that_is_withdrawn_on_the_way_ends_the_sync(world: World) -> None:
    world.outbox.stop_reading()
    syncing = asyncio.create_task(world.sync(last_sequence=0))
    await until(lambda: world.outbox.messages, within=10, every=0.001)
    world.forbidden, world.feed.access_epoch = {KPI}, world.feed.access_epoch + 1
    world.outbox.read_on()
    assert told(await syncing) == ["SYNC_START", "UNAUTHORIZED"]


async def test_a3_behind_the_end_of_the_token_nothing_of_a_sync_is_sent(world: World) -> None:
    world.outbox.stop_reading()
    syncing = asyncio.create_task(world.sync(last_sequence=0))
    await until(lambda: world.outbox.messages, within=10, every=0.001)
    world.subscriber.expire()
    world.outbox.read_on()
    with pytest.raises(TokenExpired):
        await syncing
    assert told(world.outbox.take()) == ["SYNC_START"]


async def test_v4_a_client_that_goes_ends_its_sync(world: World) -> None:
    world.outbox.stop_reading()
    syncing = asyncio.create_task(world.sync(last_sequence=0))
    await until(lambda: world.outbox.messages, within=10, every=0.001)
    world.outbox.end()
    assert told(await syncing) == ["SYNC_START"]


async def test_v4_live_events_wait_for_the_end_of_a_sync_and_come_once(world: World) -> None:
    world.feed.follow(world.subscriber, [KPI, "kpi:other"])
    world.outbox.stop_reading()
    syncing = asyncio.create_task(world.sync(last_sequence=248))
    await until(lambda: world.outbox.messages, within=10, every=0.001)
    live = [world.log.append("o", topics=[topic]) for topic in (KPI, "kpi:other")]
    world.feed.ingest(live)
    world.outbox.read_on()
    assert told(await syncing) == ["SYNC_START", 250, "SYNC_COMPLETE", 251, 252]


async def test_v4_what_a_sync_has_read_before_it_arrived_here_is_not_sent_once_more(
    world: World,
) -> None:
    world.feed.follow(world.subscriber, [KPI, "kpi:other"])
    events = [world.log.append("o", topics=[topic]) for topic in (KPI, "kpi:other")]
    syncing = asyncio.create_task(world.sync(last_sequence=250))
    await until(lambda: world.clock.sleeping, within=10, every=0.001)
    world.feed.ingest(events)
    world.clock.advance(1)
    assert told(await syncing) == ["SYNC_START", 251, "SYNC_COMPLETE", 252]


@pytest.mark.parametrize("lacking", [0, 1])
async def test_s6_a_sync_is_paid_for_before_any_of_it_is_sent(world: World, lacking: int) -> None:
    work = sync_settings().user_work_per_minute
    await spend(world.connection, world.hub, work - 125 // MESSAGES_A_UNIT + lacking)
    if lacking:
        with pytest.raises(RateLimitExceeded):
            await world.sync(last_sequence=0)
        assert world.outbox.take() == []
    else:
        assert told(await world.sync(last_sequence=0))[-1] == "SYNC_COMPLETE"
    assert not world.subscriber.paused
