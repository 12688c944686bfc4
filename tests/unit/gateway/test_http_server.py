"""An HTTP connection's time, by a clock of our own and without a socket (s8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from sync.conf import sync_settings
from sync.gateway import http_server
from sync.gateway.http_server import (
    PROGRESS_BYTES,
    TURNED_AWAY_SECONDS,
    UNREAD_SECONDS,
    HttpProtocol,
)
from sync.gateway.intake import gate

PATIENCE = sync_settings().request_timeout


class Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A loop whose time passes when it is told; tasks do not run."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + delay, call))
        return self.timers[-1]

    def create_task(self, coroutine: Any, **_: Any) -> Any:
        coroutine.close()
        return Task()

    def run_until(self, end: float) -> None:
        while due := [timer for timer in self.timers if not timer.cancelled and timer.at <= end]:
            timer = min(due, key=lambda one: one.at)
            self.timers.remove(timer)
            self.now = timer.at
            timer.call()
        self.now = end


class Task:
    def add_done_callback(self, done: Callable[[Any], None]) -> None: ...


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.unread = 0
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int) -> None: ...
    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class World:
    def __init__(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None: ...

        self.clock, self.pipe = Clock(), Pipe()
        config = Config(application, lifespan="off", log_config=None)
        config.load()
        loop: Any = self.clock
        self.protocol = HttpProtocol(config, ServerState(), {}, _loop=loop)
        transport: Any = self.pipe
        self.protocol.connection_made(transport)


@pytest.fixture
def world() -> World:
    return World()


POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"


def test_s8_silence_ends_after_ten_seconds_and_not_before(world: World) -> None:
    world.clock.run_until(PATIENCE - 0.01)
    assert world.pipe.ended == ""
    world.clock.run_until(PATIENCE)
    assert (world.pipe.ended, world.pipe.written) == ("closed", b"")


def test_s8_a_head_has_ten_seconds_however_it_comes(world: World) -> None:
    for n, byte in enumerate(POST[:-2]):
        world.clock.run_until(n * 0.1)
        world.protocol.data_received(bytes((byte,)))
    world.clock.run_until(PATIENCE)
    assert world.pipe.written.startswith(b"HTTP/1.1 408 ")


def test_s8_the_body_has_ten_seconds_of_its_own(world: World) -> None:
    world.clock.run_until(PATIENCE - 1)
    world.protocol.data_received(POST)
    world.clock.run_until(2 * PATIENCE - 1.01)
    assert world.pipe.written == b""
    world.clock.run_until(2 * PATIENCE - 1)
    assert world.pipe.written.startswith(b"HTTP/1.1 408 ")


def test_s8_a_body_that_makes_progress_may_take_long(world: World) -> None:
    world.protocol.data_received(POST)
    for n in range(1, 6):
        world.protocol.data_received(b"x" * PROGRESS_BYTES)
        world.protocol.cycle.body.clear()  # the application has read it
        world.protocol.flow.resume_reading()
        world.clock.run_until(n * PATIENCE)
        assert world.pipe.written == b""
    world.protocol.data_received(b"x" * (PROGRESS_BYTES - 1))
    world.protocol.flow.resume_reading()
    world.clock.run_until(6 * PATIENCE)
    assert world.pipe.written.startswith(b"HTTP/1.1 408 ")


def test_s8_a_body_that_we_do_not_read_is_not_the_clients_fault(world: World) -> None:
    world.protocol.data_received(POST + b"x" * 100_000)
    assert world.protocol.flow.read_paused
    world.clock.run_until(10 * PATIENCE)
    assert (world.pipe.ended, world.pipe.written) == ("", b"")


def test_s8_an_answer_that_nobody_takes_is_given_up(world: World) -> None:
    world.pipe.unread = 100_000
    world.protocol.data_received(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    world.protocol.pause_writing()
    world.pipe.unread = 99_999
    world.clock.run_until(UNREAD_SECONDS)  # some of it was taken
    assert world.pipe.ended == ""
    world.clock.run_until(2 * UNREAD_SECONDS)
    assert world.pipe.ended == "aborted"


def test_s8_an_answer_that_is_taken_ends_the_wait(world: World) -> None:
    world.pipe.unread = 100_000
    world.protocol.data_received(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    world.protocol.pause_writing()
    world.protocol.resume_writing()
    world.clock.run_until(10 * UNREAD_SECONDS)
    assert world.pipe.ended == ""


HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


def turned_away() -> World:
    """One whose handshake finds every place of its address taken."""
    world = World()
    world.protocol.data_received(HANDSHAKE)
    return world


async def test_s8_a_handshake_that_is_turned_away_hears_so_a_second_later() -> None:
    for _ in range(sync_settings().unauthenticated_per_address):
        gate().enter(None, 0.0)
    world = turned_away()
    world.clock.run_until(TURNED_AWAY_SECONDS - 0.01)
    assert (world.pipe.ended, world.pipe.written) == ("", b"")
    world.clock.run_until(TURNED_AWAY_SECONDS)
    assert world.pipe.written.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: 10\r\n" in world.pipe.written
    assert world.pipe.ended == "closed"
    world.protocol.connection_lost(None)


async def test_s8_of_those_turned_away_no_more_are_held_back_than_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_server, "MOST_HELD_BACK", 1)
    for _ in range(sync_settings().unauthenticated_per_address):
        gate().enter(None, 0.0)
    first, second = turned_away(), turned_away()
    assert (first.pipe.ended, second.pipe.ended) == ("", "closed")
    first.protocol.connection_lost(None)
    third = turned_away()
    assert third.pipe.ended == ""
    third.protocol.connection_lost(None)
