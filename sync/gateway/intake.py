"""Price what comes in: it costs the server before it is known to be worth it.

A connection pays for frames of any kind and for bytes; before AUTH its address pays as well, for
its handshakes and for their frames, and has only so many connections that have not signed in. No
I/O: the protocol classes and the consumer ask, and end who cannot pay (s1, w1, s8).
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

from sync.conf import sync_settings
from sync.delivery.outbox import Transport
from sync.protocol.errors import RateLimitExceeded
from sync.protocol.limits import WINDOW, Bucket, limit_figures

# Prices in frames, by what they take of a processor: a PING some 40 us, a handshake 0.8 ms, the
# look at a token 0.4 ms.
SIGNING_IN = 10
# With it is paid for what follows it: one sign-in, and a heartbeat before. Who has been let in must
# not be cut off as a flood because a thousand others of the address have come meanwhile.
FIRST_FRAMES = SIGNING_IN + 2
HANDSHAKE = 20 + FIRST_FRAMES
ITEMS_A_FRAME = 50
"""Values of a message that cost as much as a frame; most messages have fewer."""
BURST_SECONDS = 10
"""So many seconds' worth may come at once: who comes back sends much, then little."""
SMALL_BYTES = 1024
"""Messages below are not counted by their bytes."""
BYTES_FACTOR = 3
"""At so many times the bytes of a minute the connection is closed, as with messages (L1)."""


class Intake:
    """The budget of what one connection may still send."""

    __slots__ = ("_attempted_bytes", "_bytes", "_frames", "max_message_bytes", "slot")

    def __init__(self) -> None:
        settings = sync_settings()
        a_second = settings.frames_per_second
        a_minute = settings.bytes_per_minute
        self._frames = Bucket(a_second * BURST_SECONDS, per_second=a_second)
        self._bytes = Bucket(a_minute, per_second=a_minute / WINDOW)
        self._attempted_bytes = Bucket(
            a_minute * BYTES_FACTOR, per_second=a_minute * BYTES_FACTOR / WINDOW
        )
        self.max_message_bytes = min(settings.max_unauthenticated_bytes, settings.max_message_bytes)
        """The largest message that is taken now."""
        self.slot: Slot | None = None
        """The connection's among those that have not signed in."""

    def pay(self, frames: int, now: float) -> bool:
        """Whether so many frames (or what is worth as many) could be paid for."""
        slot = self.slot
        if slot is not None and not slot.pay(frames, now):
            return False
        return not self._frames.take(frames, now)

    def flooded_with_bytes(self, size: int, now: float) -> bool:
        """Count a message's bytes, served or not; whether they are three times too many."""
        return self._attempted_bytes.take(size, now) > 0

    def take_bytes(self, size: int, now: float) -> None:
        """Raises RateLimitExceeded where a minute's bytes are used up."""
        wait = self._bytes.take(size, now)
        if wait:
            raise RateLimitExceeded(**limit_figures(int(self._bytes.holds), wait, scope="bytes"))

    def signed_in(self) -> None:
        self.max_message_bytes = sync_settings().max_message_bytes
        self.leave()

    def leave(self) -> None:
        """Give up the slot among those that have not signed in."""
        if self.slot is not None:
            self.slot.leave()
            self.slot = None


class Receiver(Protocol):
    """Takes the messages of a client where they are read."""

    def take(self, body: bytes, is_text: bool, now: float) -> dict[str, Any] | None:
        """Serve a message, or return it in the form in which it is to wait in the queue."""
        ...


class RawTransport(Transport, Protocol):
    """The transport that `sync.gateway.server` offers in scope['extensions']['bos.raw']."""

    intake: Intake
    """The budget of what the client may still send; the transport asks it for each frame."""

    heard_at: float
    """When something came in last, be it a WebSocket ping; by the loop's clock."""

    receiver: Receiver | None
    """Gets each message before it is queued."""

    def abort(self) -> None: ...
    async def wait_written(self) -> None:
        """Wait until the client has taken everything that was written."""
        ...


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A handshake that is refused: 429 where it is the address's fault, 503 where it is not."""

    TEXT: ClassVar[bytes] = b"Too many connections that have not signed in.\n"
    status: int
    retry_after: int


class Gate:
    """Keeps count, by address, of the connections of a process that have not signed in."""

    def __init__(self) -> None:
        self.waiting = 0
        self._addresses: dict[str, Address] = {}

    def enter(self, host: str | None, now: float) -> Slot | TurnedAway:
        """host: the client's address, None where there is none (a Unix socket)."""
        settings = sync_settings()
        address = self._address(block_of(host), now)
        wait = address.frames.take(HANDSHAKE, now)
        if wait:
            return TurnedAway(429, math.ceil(wait))
        if address.waiting >= settings.unauthenticated_per_address:
            return TurnedAway(429, math.ceil(settings.auth_timeout))
        if self.waiting >= settings.unauthenticated_per_process:
            return TurnedAway(503, math.ceil(settings.auth_timeout))
        return Slot(self, address)

    def _address(self, block: str, now: float) -> Address:
        """This one's, the most recently used; those that have used nothing lately are forgotten."""
        found = self._addresses.pop(block, None) or Address()
        for other in list(self._addresses)[:2]:
            if self._addresses[other].is_idle(now):
                del self._addresses[other]
        self._addresses[block] = found
        return found


class Address:
    """The budget of the connections of one address before they have signed in."""

    __slots__ = ("frames", "waiting")

    def __init__(self) -> None:
        per_second = sync_settings().handshakes_per_second * HANDSHAKE
        self.waiting = 0
        self.frames = Bucket(per_second * BURST_SECONDS, per_second=per_second)

    def is_idle(self, now: float) -> bool:
        return not self.waiting and self.frames.is_full(now)


class Slot:
    """One connection's among those that have not signed in."""

    __slots__ = ("_address", "_gate", "_paid_for")

    def __init__(self, gate: Gate, address: Address) -> None:
        self._gate = gate
        self._address = address
        self._paid_for = FIRST_FRAMES
        gate.waiting += 1
        address.waiting += 1

    def pay(self, frames: int, now: float) -> bool:
        """By what was paid with the handshake, then by the address."""
        before = min(frames, self._paid_for)
        self._paid_for -= before
        return frames == before or not self._address.frames.take(frames - before, now)

    def leave(self) -> None:
        """Once; `Intake.leave` sees to that."""
        self._gate.waiting -= 1
        self._address.waiting -= 1


_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gate] = WeakKeyDictionary()


def gate() -> Gate:
    """Return the gate of the running event loop; a server has one loop a process."""
    loop = asyncio.get_running_loop()
    found = _gates.get(loop)
    if found is None:
        found = _gates[loop] = Gate()
    return found


@lru_cache(maxsize=1024)  # it is asked for again and again by the same
def block_of(host: str | None) -> str:
    """Return whom an address stands for: itself; in IPv6 its /64, which is one customer's."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return ""  # a Unix socket, or the command line
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
