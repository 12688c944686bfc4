"""Many clients that resume at once: what they share, and what they do not (V4, S4, s6)."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from sync.delivery.hub import Hub
from sync.delivery.pages import PAGE_EVENTS
from sync.delivery.pause import FEW
from sync.delivery.sharing import SENDING_OF_ONE, SharedReads
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import READINGS_OF_ONE
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import Context
from sync.gateway.replay import serve_sync
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import Envelope
from sync.protocol.identity import Principal
from sync.protocol.messages import SyncRequest
from sync.protocol.topics import Topic
from sync.testing import Clock, FakeOutbox, MemoryLog, principal
from tests.support.waiting import until

KPI, SECRET = "kpi:k", "kpi:secret"


class CountedLog(MemoryLog):
    """Counts what is read of it. Once it is halted, nothing of users' own topics is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = {"read_topics": 0, "count_topics": 0, "read": 0}
        self.halted = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def read_topics(
        self, organization_id: str, topics: Iterable[Topic], **kwargs: Any
    ) -> list[LoggedEvent]:
        self.reads["read_topics"] += 1
        if not self.go_on.is_set() and any(topic.kind == "user" for topic in topics):
            self.halted += 1
            assert self.go_on.wait(10)
        return super().read_topics(organization_id, topics, **kwargs)

    def count_topics(self, *args: Any, **kwargs: Any) -> int:
        self.reads["count_topics"] += 1
        return super().count_topics(*args, **kwargs)

    def read(self, *args: Any, **kwargs: Any) -> list[LoggedEvent]:
        self.reads["read"] += 1
        return super().read(*args, **kwargs)


class Crowd:
    """Users of the organizations `o` and `x`, each with a connection; each log has 500 events:
    every other one of the secret KPI, which `bob` may not follow."""

    async def open(self) -> Crowd:
        self.log = CountedLog()
        for n in range(500):
            for organization in "ox":
                self.log.append(organization, topics=[SECRET if n % 2 else KPI])
        self.hub = Hub(log=self.log, clock=Clock())
        self.forbidden = {"bob": {SECRET}}
        self.outboxes: dict[str, FakeOutbox] = {}
        self.connections: dict[str, Connection] = {}
        self.slow: set[str] = set()
        self.asking: set[str] = set()
        self.answer = asyncio.Event()
        return self

    async def join(self, user: str, organization: str = "o") -> None:
        outbox = self.outboxes[user] = FakeOutbox()

        def closed(code: CloseCode) -> None:
            raise AssertionError(code)

        connection = Connection(user, outbox, raw=False, now=0, on_close=closed)
        connection.authenticated(principal(user, organization), now=0, wall=0)
        (await self.hub.feed(organization)).add(connection.subscriber)
        self.connections[user] = connection

    async def permitted(self, user: Principal, wanted: Collection[Topic]) -> set[Topic]:
        if user.user_id in self.slow:
            self.asking.add(user.user_id)
            await self.answer.wait()
        return {t for t in wanted if str(t) not in self.forbidden.get(user.user_id, ())}

    async def sync(self, user: str, *channels: str, **cursor: Any) -> list[Any]:
        """Return what the user is told of: sequences, or why it is refused."""
        asked = registry.client_messages["SYNC_REQUEST"]
        envelope = Envelope("SYNC_REQUEST", {}, request_id="r")
        context = Context(self.connections[user], self.hub, envelope, asked)
        request = SyncRequest(channels=list(channels or [KPI, SECRET]), **cursor)
        await serve_sync(context, request, self.permitted)
        messages = [message["payload"] for message in self.outboxes[user].take()]
        return [each.get("code", each.get("sequence")) for each in messages]


@pytest.fixture
async def crowd() -> Crowd:
    return await Crowd().open()


def whole(first: int, last: int, step: int = 1) -> list[Any]:
    return [None, *range(first, last + 1, step), None]


async def test_v4_a_hundred_who_resume_together_read_the_log_as_two_do(crowd: Crowd) -> None:
    for n in range(100):
        await crowd.join(str(n))
    told = await asyncio.gather(*(crowd.sync(str(n), last_sequence=10) for n in range(100)))
    assert told == [whole(11, 500)] * 100
    # The second came while the first was being read, the others before the second was.
    assert crowd.log.reads["count_topics"] <= 2
    assert crowd.log.reads["read_topics"] == 4


async def test_s4_what_one_may_see_is_not_shown_to_one_who_may_not(crowd: Crowd) -> None:
    """Also where all of it is in memory, and whatever is asked for beside it."""
    for user in ("alice", "bob"):
        await crowd.join(user)
    assert await crowd.sync("alice", last_sequence=0) == whole(1, 500)
    assert await crowd.sync("bob", last_sequence=0) == ["UNAUTHORIZED"]
    assert await crowd.sync("bob", SECRET, last_sequence=0) == ["UNAUTHORIZED"]
    assert await crowd.sync("bob", KPI, last_sequence=0) == whole(1, 500, step=2)
    assert await crowd.sync("alice", SECRET, last_sequence=0) == whole(2, 500, step=2)


async def test_s1_two_organizations_share_nothing(crowd: Crowd) -> None:
    await crowd.join("alice")
    await crowd.join("xenia", "x")
    (await crowd.hub.feed("x")).ingest([crowd.log.append("x", topics=[KPI])])
    alice, xenia = await asyncio.gather(
        *(crowd.sync(user, last_sequence=400) for user in ("alice", "xenia"))
    )
    assert (alice, xenia) == (whole(401, 500), whole(401, 501))


async def test_a5_a_right_that_ends_while_many_resume_ends_the_sync_of_that_user_alone(
    crowd: Crowd,
) -> None:
    for user in ("alice", "bob"):
        await crowd.join(user)
        crowd.outboxes[user].stop_reading()
    crowd.forbidden = {}
    syncs = [asyncio.create_task(crowd.sync(u, last_sequence=0)) for u in ("alice", "bob")]
    await until(lambda: all(crowd.outboxes[user].messages for user in ("alice", "bob")), within=5)
    crowd.forbidden = {"bob": {SECRET}}
    (await crowd.hub.feed("o")).access_epoch += 1
    for user in ("alice", "bob"):
        crowd.outboxes[user].read_on()
    assert await asyncio.gather(*syncs) == [whole(1, 500), [None, "UNAUTHORIZED"]]


async def test_s6_those_who_do_not_read_take_no_turn_from_the_others(crowd: Crowd) -> None:
    stuck = [f"stuck {n}" for n in range(SENDING_OF_ONE + 1)]
    for user in (*stuck, "alice"):
        await crowd.join(user)
    for user in stuck:
        crowd.outboxes[user].stop_reading()
    waiting = [asyncio.create_task(crowd.sync(user, last_sequence=0)) for user in stuck]
    await until(lambda: all(crowd.outboxes[user].messages for user in stuck), within=5)
    assert await crowd.sync("alice", last_sequence=0) == whole(1, 500)
    for user in stuck:
        crowd.outboxes[user].read_on()
    assert await asyncio.gather(*waiting) == [whole(1, 500)] * len(stuck)


def pushes_by_look(
    outboxes: Iterable[FakeOutbox], *, of: Callable[[Any], bool] = lambda frames: True
) -> Counter[int]:
    """Count from now on how often these are pushed such frames between two looks of the loop."""
    loop = asyncio.get_running_loop()
    pushes: Counter[int] = Counter()
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        loop.call_soon(look)

    def count(outbox: FakeOutbox) -> None:
        push = outbox.push

        def push_and_count(frames: Any) -> None:
            pushes[looks] += of(frames)
            push(frames)

        outbox.push = push_and_count  # type: ignore[method-assign]  # seen by the client

    look()
    for outbox in outboxes:
        count(outbox)
    return pushes


async def test_s6_between_two_looks_of_the_loop_no_more_are_sent_a_page_than_have_a_turn(
    crowd: Crowd,
) -> None:
    for n in range(40):
        await crowd.join(str(n))
    assert await crowd.sync("0", last_sequence=10) == whole(11, 500)  # from now on in memory
    outboxes = crowd.outboxes.values()
    pages = pushes_by_look(outboxes, of=lambda frames: len(frames) > 1)
    for outbox in outboxes:
        outbox.stop_reading()
    syncs = asyncio.gather(*(crowd.sync(str(n), last_sequence=10) for n in range(40)))
    await until(lambda: all(outbox.messages for outbox in outboxes), within=10)
    for outbox in outboxes:  # as when the network takes what waited for it
        outbox.read_on()
    assert await syncs == [whole(11, 500)] * 40
    assert pages.total() >= 40 * 490 // PAGE_EVENTS
    assert max(pages.values()) <= SENDING_OF_ONE


async def test_s6_between_two_looks_of_the_loop_few_are_delivered_of_what_came_in_a_pause(
    crowd: Crowd,
) -> None:
    await crowd.join("alice")
    feed, subscriber = await crowd.hub.feed("o"), crowd.connections["alice"].subscriber
    feed.follow(subscriber, [KPI])
    pushes = pushes_by_look([crowd.outboxes["alice"]])
    async with feed.paused(subscriber):
        feed.ingest([crowd.log.append("o", topics=[KPI]) for _ in range(4 * FEW)])
    assert pushes.total() == 4 * FEW
    assert max(pushes.values()) <= FEW


async def test_v4_a_history_that_is_pruned_on_the_way_ends_the_sync_with_its_reason(
    crowd: Crowd,
) -> None:
    await crowd.join("alice")
    crowd.outboxes["alice"].stop_reading()
    syncing = asyncio.create_task(crowd.sync("alice", last_sequence=0))
    await until(lambda: crowd.outboxes["alice"].messages, within=5)
    crowd.log.prune("o", 10)
    crowd.outboxes["alice"].read_on()
    assert (await syncing)[-1] == "SYNC_HISTORY_EXPIRED"


# ------------------------------------------------------------------ the user's own topic


async def test_v4_a_users_own_events_come_in_their_places_and_the_others_stay_shared(
    crowd: Crowd,
) -> None:
    users = [f"user{n}" for n in range(20)]
    for user in users:
        await crowd.join(user)
    feed = await crowd.hub.feed("o")
    for topics in ([f"user:{user}"] for user in users):
        feed.ingest([crowd.log.append("o", topics=topics)])
    both = crowd.log.append("o", topics=[KPI, f"user:{users[0]}"])
    feed.ingest([both])
    told = await asyncio.gather(
        *(crowd.sync(u, KPI, SECRET, f"user:{u}", last_sequence=0) for u in users)
    )
    for n, of_user in enumerate(told):
        assert of_user == [None, *range(1, 501), 501 + n, both.sequence, None]
    # Four pages of what is shared, and for each what is their own.
    assert crowd.log.reads["read_topics"] == 4 + len(users)


@pytest.mark.parametrize(("own", "reads"), [(127, 1 + 4), (128, 1 + 5)])
async def test_v4_many_own_events_are_told_like_all_others(
    crowd: Crowd, own: int, reads: int
) -> None:
    await crowd.join("alice")
    feed = await crowd.hub.feed("o")
    for n in range(2 * own):
        topic = "user:alice" if n % 2 else "kpi:another"
        feed.ingest([crowd.log.append("o", topics=[topic])])
    told = await crowd.sync("alice", KPI, SECRET, "user:alice", last_sequence=0)
    assert told == [None, *range(1, 501), *range(502, 501 + 2 * own, 2), None]
    assert crowd.log.reads["read_topics"] == reads


async def test_v4_of_the_own_topic_alone_all_is_told(crowd: Crowd) -> None:
    await crowd.join("alice")
    (await crowd.hub.feed("o")).ingest([crowd.log.append("o", topics=["user:alice"])])
    assert await crowd.sync("alice", "user:alice", last_sequence=0) == [None, 501, None]


# ------------------------------------------------------------------ one read for all who wait


async def test_v4_who_asks_after_a_read_has_begun_gets_the_next_one() -> None:
    """The one that runs may not see what was committed before they asked."""
    reads: SharedReads[int] = SharedReads()
    begun, go_on = [0], asyncio.Semaphore(0)

    async def read() -> int:
        begun[0] += 1
        mine = begun[0]
        await go_on.acquire()
        return mine

    first = asyncio.create_task(reads.read("key", read))
    await asyncio.sleep(0)
    others = [asyncio.create_task(reads.read("key", read)) for _ in range(5)]
    elsewhere = asyncio.create_task(reads.read("another key", read))
    await asyncio.sleep(0)
    for _ in range(3):
        go_on.release()
    assert await first == 1
    assert await elsewhere == 2
    assert await asyncio.gather(*others) == [3] * 5
    assert not reads._reads


async def test_v4_a_read_that_fails_fails_who_asked_for_it_and_the_next_tries_again() -> None:
    reads: SharedReads[str] = SharedReads()
    outcomes = iter([ConnectionError("away"), "read"])

    async def read() -> str:
        outcome = next(outcomes)
        await asyncio.sleep(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    asked = [reads.read("key", read) for _ in range(3)]
    first, *others = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(first, ConnectionError)
    assert others == ["read", "read"]


# ------------------------------------------------------------------ turns are for sending alone


async def test_v4_a_page_that_is_in_memory_waits_for_none_that_is_being_read(crowd: Crowd) -> None:
    readers = [f"reader{n}" for n in range(SENDING_OF_ONE)]
    users = {user: [f"user:{user}"] for user in readers} | {"alice": []}
    for user, own in users.items():
        await crowd.join(user)
        (await crowd.hub.feed("o")).ingest([crowd.log.append("o", topics=own)])
    whole_log = await crowd.sync("alice", last_sequence=0)
    for user in users:
        crowd.outboxes[user].stop_reading()
    syncs = {
        user: asyncio.create_task(crowd.sync(user, *own, last_sequence=0))
        for user, own in users.items()
    }
    await until(lambda: all(crowd.outboxes[user].messages for user in users), within=5)
    crowd.log.go_on.clear()
    for user in readers:
        crowd.outboxes[user].read_on()
    await until(lambda: crowd.log.halted == READINGS_OF_ONE, within=5)
    crowd.outboxes["alice"].read_on()
    async with asyncio.timeout(5):
        assert await syncs["alice"] == whole_log
    crowd.log.go_on.set()
    await asyncio.gather(*syncs.values())


async def test_v4_what_came_in_a_pause_and_is_in_memory_waits_for_no_turn(crowd: Crowd) -> None:
    await crowd.join("alice")
    feed = await crowd.hub.feed("o")
    feed.follow(crowd.connections["alice"].subscriber, [KPI])
    async with AsyncExitStack() as turns:
        for _ in range(SENDING_OF_ONE):
            await turns.enter_async_context(crowd.hub.syncs.sending.turn("o"))
        async with asyncio.timeout(5), feed.paused(crowd.connections["alice"].subscriber):
            feed.ingest([crowd.log.append("o", topics=[KPI]) for _ in range(3 * FEW)])
        told = crowd.outboxes["alice"].sequences()
    assert told == list(range(501, 501 + 3 * FEW))


async def test_a5_no_turn_is_kept_while_rights_are_asked(crowd: Crowd) -> None:
    users = [f"user{n}" for n in range(SENDING_OF_ONE)]
    for user in (*users, "alice"):
        await crowd.join(user)
        crowd.outboxes[user].stop_reading()
    syncs = [asyncio.create_task(crowd.sync(user, last_sequence=0)) for user in users]
    await until(lambda: all(crowd.outboxes[user].messages for user in users), within=5)
    crowd.slow = set(users)
    feed = await crowd.hub.feed("o")
    feed.access_epoch += 1
    for user in (*users, "alice"):
        crowd.outboxes[user].read_on()
    await until(lambda: crowd.asking == set(users), within=5)
    async with asyncio.timeout(5):
        assert await crowd.sync("alice", last_sequence=0) == whole(1, 500)
    crowd.answer.set()
    assert await asyncio.gather(*syncs) == [whole(1, 500)] * len(users)
