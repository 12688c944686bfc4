"""Between processes: a Channels group for each organization, which wakes the hubs.

Redis drops what it cannot deliver, and so may everything here: a hub that misses a message reads
the log. Nothing in this module may delay or fail the change that is being announced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from channels.layers import InMemoryChannelLayer, get_channel_layer

from sync.conf import sync_settings
from sync.delivery.shared_state.memory import MemoryState
from sync.delivery.shared_state.port import SharedState
from sync.delivery.shared_state.redis import RedisState
from sync.eventlog.log import LoggedEvent

if TYPE_CHECKING:
    from sync.delivery.hub import Hub

logger = logging.getLogger("bos.sync")

T = TypeVar("T")
SEND_TIMEOUT = 1.0
ASK_TIMEOUT = 3.0
# How long the layer is left alone after it failed; hubs read the log meanwhile.
PAUSE = 2.0
SHOWN_AT_ONCE = 200
"""Of what is passing: a message of some 60 kB."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[LoggedEvent]).decode


class Ephemeral(msgspec.Struct, array_like=True, frozen=True):
    """Something passing (a cursor): the latest under a key, for who follows the topic but its
    author. message: JSON text."""

    organization_id: str
    topic: str
    key: str
    message: str
    user_id: str


_decode_ephemerals = msgspec.msgpack.Decoder(list[Ephemeral]).decode


def group_name(organization_id: str) -> str:
    """Group names may not contain the `:` of a topic."""
    return f"org.{organization_id}"


class Bus:
    """Takes committed events from any thread, and passes them on from one event loop."""

    def __init__(self) -> None:
        self._sender = uuid.uuid4().hex
        self._committed: deque[Sequence[LoggedEvent]] = deque()
        self._hub: Hub | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._sends: set[asyncio.Task[None]] = set()
        self._shown: dict[str, dict[tuple[str, str], Ephemeral]] = {}
        """Of organizations, what other processes are told in a moment: the latest under each topic
        and key."""
        self._away_until: dict[str, float] = {}
        """When events of an organization are sent again whose Redis did not take them."""

    def attach(self, hub: Hub) -> None:
        """This process serves connections: its hub gets events without a detour."""
        self._hub = hub
        self._loop = asyncio.get_running_loop()

    def seconds_behind(self) -> float:
        """How long ago this process had last delivered all that the log has; 0 if it serves none.

        About a second where all is well: that often it is compared.
        """
        return 0.0 if self._hub is None else time.monotonic() - self._hub.level_at

    def publish(self, events: Sequence[LoggedEvent]) -> None:
        """Tell every process of what has been committed together. Thread-safe, does not wait."""
        self._committed.append(events)
        try:
            self._running_loop().call_soon_threadsafe(self._pass_on)
        except RuntimeError:  # the loop has ended: the process is shutting down
            self._committed.clear()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The server's loop; in a process without one (a shell, an import) a thread's own.

        A loop a call, as async_to_sync makes it, would also be a Redis connection a call.
        """
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._hub = None
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="bos-bus", daemon=True
                )
                self._thread.start()
            return self._loop

    def _pass_on(self) -> None:
        by_organization: dict[str, list[LoggedEvent]] = {}
        while self._committed:
            for event in self._committed.popleft():
                by_organization.setdefault(event.organization_id, []).append(event)
        for organization_id, events in by_organization.items():
            if self._hub is not None:
                self._hub.ingest(organization_id, events)
            self._send(organization_id, {"type": "sync.events", "events": _encode(events)})

    def _send(self, organization_id: str, message: dict[str, Any]) -> None:
        task = asyncio.ensure_future(
            self._send_message(organization_id, message | {"sender": self._sender})
        )
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send_message(self, organization_id: str, message: dict[str, Any]) -> None:
        layer = get_channel_layer()
        if layer is None or time.monotonic() < self._away_until.get(organization_id, 0.0):
            return
        try:
            await asyncio.wait_for(
                layer.group_send(group_name(organization_id), message), SEND_TIMEOUT
            )
        except Exception as error:  # any: the layer's and Redis' errors have no common base
            # There may be several Redis, and the layer does not say which has an organization's.
            now = time.monotonic()
            self._away_until = {id_: at for id_, at in self._away_until.items() if now < at}
            if not self._away_until:  # otherwise it has been said
                logger.warning("events not broadcast", extra={"error": type(error).__name__})
            self._away_until[organization_id] = now + PAUSE

    def publish_ephemeral(self, organization_id: str, shown: Ephemeral) -> None:
        """Show something passing on every process; for the event loop's thread.

        Other processes are told of all that comes within a turn of the loop together.
        """
        if self._hub is not None:
            self._hub.deliver_ephemeral(organization_id, shown)
        if self._one_process:
            return
        waiting = self._shown.get(organization_id)
        if waiting is None:
            waiting = self._shown[organization_id] = {}
            asyncio.get_running_loop().call_soon(self._send_shown, organization_id)
        waiting[shown.topic, shown.key] = shown

    def _send_shown(self, organization_id: str) -> None:
        latest = list(self._shown.pop(organization_id).values())
        for first in range(0, len(latest), SHOWN_AT_ONCE):
            some = latest[first : first + SHOWN_AT_ONCE]
            self._send(organization_id, {"type": "sync.shown", "latest": _encode(some)})

    def ask(self, question: Callable[[SharedState], Awaitable[T]]) -> T | None:
        """Ask the shared state from any thread but the event loop's; None if nobody knows."""
        loop = self._running_loop()
        state = self._hub.state if self._hub is not None else self._state
        answer = asyncio.run_coroutine_threadsafe(_await(question(state)), loop)
        try:
            return answer.result(ASK_TIMEOUT)
        except TimeoutError:
            return None

    @cached_property
    def _state(self) -> SharedState:
        """Of a process that serves no connections."""
        urls = sync_settings().redis_urls
        return RedisState(urls) if urls else MemoryState()

    @cached_property
    def _one_process(self) -> bool:
        return isinstance(get_channel_layer(), InMemoryChannelLayer)

    def received(self, message: dict[str, Any]) -> list[LoggedEvent]:
        """Events that another process has published; none of our own."""
        if message.get("sender") == self._sender or "events" not in message:
            return []
        return _decode(message["events"])

    def received_ephemerals(self, message: dict[str, Any]) -> list[Ephemeral]:
        """Return what another process shows; nothing of our own."""
        if message.get("sender") == self._sender or "latest" not in message:
            return []
        return _decode_ephemerals(message["latest"])

    def close(self) -> None:
        """End the thread of a process without a server; what was published has been sent then."""
        loop = self._loop
        if loop is None or self._hub is not None or loop.is_closed():
            return
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._settle(), loop).result(SEND_TIMEOUT * 2)
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(SEND_TIMEOUT)
        self._loop = None

    async def _settle(self) -> None:
        self._pass_on()
        if self._sends:
            await asyncio.wait(self._sends)
        layer = get_channel_layer()
        if layer is not None and hasattr(layer, "flush"):
            await layer.flush()


async def _await(answer: Awaitable[T]) -> T:
    return await answer


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


bus = Bus()
