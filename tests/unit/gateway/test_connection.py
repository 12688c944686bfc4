"""One connection's rules (A1, A3, H1, L1, L3, W6), by a clock of our own and without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.conf import SyncSettings, sync_settings
from sync.delivery.subscriber import PROGRESS_BYTES
from sync.gateway.connection import Connection, State
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import AuthenticationRequired, ErrorCode, RateLimitExceeded, TokenExpired
from sync.protocol.identity import Principal
from sync.protocol.messages import ServerPong

WALL = 1_700_000_000.0


class Kept:
    """An outbox that keeps what it is given."""

    on_lag: Callable[[], None]
    on_overflow: Callable[[], None]
    on_flood: Callable[[], None]
    ended = False

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.dropped = False

    def push(self, frames: Any) -> None:
        self.messages += [json.loads(frame["text"]) for frame in frames]

    def push_ahead(self, frames: Any) -> None:
        self.push(frames)

    def unread(self) -> int:
        return 0

    def is_filling(self) -> bool:
        return False

    def is_drained(self) -> bool:
        return False

    def forget_latest(self, topic: str) -> None:
        raise AssertionError("nothing is shown here")

    def push_latest(self, topic: str, key: str, frames: Any) -> None:
        self.push(frames)

    def flush(self) -> None: ...
    async def drained(self) -> bool:
        return True

    async def flushed(self) -> None: ...
    def drop(self) -> None:
        self.dropped = True
        self.messages.clear()

    def end(self) -> None: ...


class World:
    """A connection that was opened at time 0."""

    def __init__(self) -> None:
        self.outbox = Kept()
        self.closes: list[CloseCode] = []
        self.connection = Connection(
            "c1", self.outbox, raw=False, now=0.0, on_close=self.closes.append
        )

    def sign_in(self, now: float = 0.0, seconds: float = 3600) -> None:
        principal = Principal("u", "o", "Bob", "member", 0, WALL + now + seconds)
        self.connection.authenticated(principal, now=now, wall=WALL + now)

    def told(self) -> list[str]:
        told = [message["type"] for message in self.outbox.messages]
        self.outbox.messages.clear()
        return told

    def run_until(self, end: float, *, answering: bool = True) -> list[tuple[float, str]]:
        """Let time pass from one deadline to the next; what was sent when."""
        sent: list[tuple[float, str]] = []
        while not self.connection.closing and self.connection.next_deadline() <= end:
            now = self.connection.next_deadline()
            self.connection.on_deadline(now)
            types = self.told()
            sent += [(now, type_) for type_ in types]
            if answering and "PING" in types:
                self.connection.touch(now + 0.1)
        return sent


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def limits() -> SyncSettings:
    return sync_settings()


# ------------------------------------------------------------------ A1: before AUTH


def test_a1_the_end_comes_after_ten_seconds_and_not_before(world: World) -> None:
    world.connection.on_deadline(9.999)
    assert (world.closes, world.told()) == ([], [])
    assert world.connection.next_deadline() == 10
    world.connection.on_deadline(10)
    assert world.closes == [CloseCode.AUTHENTICATION]
    assert world.told() == ["ERROR"]


def test_a1_before_auth_only_auth_and_heartbeats_are_allowed(world: World) -> None:
    for type_ in ("AUTH", "PING", "PONG"):
        world.connection.require_access(type_)
    for type_ in ("SUBSCRIBE", "CURSOR_MOVE", "auth", ""):
        with pytest.raises(AuthenticationRequired):
            world.connection.require_access(type_)


def test_a1_the_third_failed_auth_is_one_too_many(world: World) -> None:
    assert [world.connection.auth_failed() for _ in range(3)] == [False, False, True]


def test_a1_a_success_begins_the_count_of_failures_anew(world: World) -> None:
    assert not world.connection.auth_failed()
    assert not world.connection.auth_failed()
    world.sign_in()
    assert [world.connection.auth_failed() for _ in range(3)] == [False, False, True]


# ------------------------------------------------------------------ A3: expiry


def test_a3_token_expired_is_told_once_at_exp_and_the_end_comes_60_seconds_later(
    world: World,
) -> None:
    world.sign_in(seconds=3600)
    sent = [(now, type_) for now, type_ in world.run_until(3650) if type_ != "PING"]
    assert sent == [(3600, "TOKEN_EXPIRED")]
    assert world.connection.state is State.EXPIRED
    assert not world.connection.subscriber.live
    sent = [(now, type_) for now, type_ in world.run_until(4000) if type_ != "PING"]
    assert sent == [(3660, "ERROR")]
    assert world.closes == [CloseCode.AUTHENTICATION]


def test_a3_behind_exp_only_auth_and_heartbeats_are_allowed(world: World) -> None:
    world.sign_in(seconds=5)
    world.connection.require_access("SUBSCRIBE")
    world.run_until(5)
    for type_ in ("AUTH", "PING", "PONG"):
        world.connection.require_access(type_)
    with pytest.raises(TokenExpired):
        world.connection.require_access("SUBSCRIBE")


def test_a3_a_new_auth_in_the_last_moment_keeps_the_connection(world: World) -> None:
    world.sign_in(seconds=5)
    world.run_until(64.9)
    before = world.connection.state
    world.sign_in(now=64.9)
    assert (before, world.connection.state) == (State.EXPIRED, State.ACTIVE)
    assert [type_ for _, type_ in world.run_until(3660) if type_ != "PING"] == []
    assert world.closes == []


# ------------------------------------------------------------------ H1: heartbeat


def test_h1_a_ping_every_thirty_seconds_while_there_is_life(world: World) -> None:
    world.sign_in()
    assert world.run_until(200) == [(30.0 * n, "PING") for n in range(1, 7)]


def test_h1_ten_seconds_without_a_frame_after_a_ping_is_4408_and_less_is_not(
    world: World,
) -> None:
    world.sign_in()
    assert world.run_until(39.9, answering=False) == [(30, "PING")]
    assert world.closes == []
    assert world.run_until(40, answering=False) == [(40, "ERROR")]
    assert world.closes == [CloseCode.HEARTBEAT_LOST]


def test_h1_a_frame_before_the_ping_is_no_answer_and_one_after_it_is(world: World) -> None:
    world.sign_in()
    world.connection.touch(29.9)
    world.run_until(35, answering=False)
    assert world.connection.next_deadline() == 40
    world.connection.touch(39.9)
    world.connection.on_deadline(40)
    assert world.closes == []


def test_h1_who_is_being_served_is_not_missed(world: World) -> None:
    world.sign_in()
    world.connection.busy = True
    world.run_until(100, answering=False)
    assert world.closes == []
    world.connection.busy = False
    world.run_until(200, answering=False)
    assert world.closes == [CloseCode.HEARTBEAT_LOST]


def test_h1_five_minutes_of_silence_are_4408(world: World, limits: SyncSettings) -> None:
    """Where pings are far apart; else they find it out sooner."""
    world.sign_in()
    world.connection._ping_at = 1e9
    world.run_until(limits.idle_timeout - 0.1)
    assert world.closes == []
    world.run_until(limits.idle_timeout)
    assert world.closes == [CloseCode.HEARTBEAT_LOST]


def test_h1_an_older_sign_of_life_does_not_undo_a_newer_one(world: World) -> None:
    world.connection.touch(8)
    world.connection.touch(3)
    assert world.connection._last_heard == 8


# ------------------------------------------------------------------ L1: limits


def test_l1_100_messages_pass_101_is_refused_and_301_closes(world: World) -> None:
    for n in range(100):
        world.connection.count_message(n / 10)
    for n in range(200):
        with pytest.raises(RateLimitExceeded) as refused:
            world.connection.count_message(10 + n / 100)
        assert refused.value.details["limit"] == 100
    assert world.closes == []
    with pytest.raises(RateLimitExceeded):
        world.connection.count_message(12)
    assert world.closes == [CloseCode.TOO_MANY]


def test_l1_the_limit_is_told_once_until_a_message_passes(world: World) -> None:
    error = RateLimitExceeded(limit=100, window="60s", retryAfter=1, scope="user")
    for _ in range(3):
        world.connection.tell_limit(error)
    assert world.told() == ["RATE_LIMIT"]
    world.connection.within_limits()
    world.connection.tell_limit(error)
    assert world.told() == ["RATE_LIMIT"]


# ------------------------------------------------------------------ W6, L3: the end


def test_w6_the_tenth_malformed_message_in_a_row_is_one_too_many(world: World) -> None:
    assert [world.connection.malformed() for _ in range(9)] == [False] * 9
    world.connection.well_formed()
    assert [world.connection.malformed() for _ in range(10)] == [False] * 9 + [True]


@pytest.mark.parametrize("code", list(CloseCode), ids=str)
def test_w6_a_44xx_or_45xx_close_says_why_first_and_is_made_once(
    world: World, code: CloseCode
) -> None:
    for _ in range(2):
        world.connection.close(code)
    assert world.closes == [code]
    said = world.outbox.messages
    if code < 4000:
        assert said == []
    else:
        assert [m["payload"]["details"] for m in said] == [{"closeCode": int(code)}]
        assert said[0]["payload"]["code"] in set(ErrorCode)


def test_w6_nothing_is_due_any_more_after_the_close(world: World) -> None:
    world.connection.close(CloseCode.TOO_MANY)
    world.told()
    for now in (10.0, 40.0, 4000.0):
        world.connection.on_deadline(now)
    assert (len(world.closes), world.told()) == (1, [])


def test_l3_a_full_queue_is_dropped_and_closed_with_4508(world: World) -> None:
    world.connection.subscriber.send(ServerPong())
    world.outbox.on_overflow()
    world.outbox.on_overflow()
    assert world.outbox.dropped
    assert world.closes == [CloseCode.TOO_SLOW]
    assert world.told() == ["ERROR"]


def test_w3_how_it_speaks_is_settled_by_auth(world: World) -> None:
    asked = world.connection.subscriber.encoding
    world.connection.subscriber.negotiate("msgpack")
    assert world.connection.subscriber.encoding is not asked
    world.connection.subscriber.negotiate("text")
    world.sign_in()
    world.connection.subscriber.negotiate("msgpack")
    assert world.connection.subscriber.encoding is asked


def test_v4_a_connection_whose_client_has_gone_gets_no_events() -> None:
    world = World()
    world.sign_in()
    assert world.connection.subscriber.live
    world.outbox.ended = True
    assert world.connection.subscriber.ending
    assert not world.connection.subscriber.live


# ------------------------------------------------------------------ L3: what counts is progress


class Slow(Kept):
    """A client that takes `a_look` bytes each time when it is looked at."""

    def __init__(self, a_look: int, waits: int) -> None:
        super().__init__()
        self._a_look, self._left = a_look, waits

    def unread(self) -> int:
        return self._left

    async def drained(self) -> bool:
        self._left = max(0, self._left - self._a_look)
        if self._left:
            await asyncio.Event().wait()
        return True


@pytest.fixture
def hasty(settings: Any) -> Iterator[None]:
    """Eight looks in 80 ms."""
    settings.SYNC = settings.SYNC | {"slow_patience": 0.08}
    sync_settings.cache_clear()
    yield
    sync_settings.cache_clear()


@pytest.mark.parametrize(
    ("a_look", "closes"), [(PROGRESS_BYTES // 7, []), (100, [CloseCode.TOO_SLOW]), (0, [4508])]
)
async def test_w6_a_client_that_goes_on_reading_may_take_long_and_no_other(
    hasty: None, a_look: int, closes: list[int]
) -> None:
    world = World()
    world.connection.subscriber.outbox = Slow(a_look, 10 * PROGRESS_BYTES)
    async with asyncio.timeout(5):
        await world.connection.subscriber.drained()
    assert world.closes == closes
