"""The connected users and their connections, for an organization's managers; ends connections.

Every process keeps a lease in the shared state for each of its connections; it expires by itself.
A connection is closed by an event, like every withdrawal of access (`sync/delivery/access.py`): it
reaches the right process also without Redis, and the log says who did it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from sync.delivery.access import withdraw
from sync.delivery.bus import bus
from sync.delivery.hub import Hub
from sync.delivery.leases import in_slices
from sync.delivery.subscriber import Subscriber
from sync.protocol.codecs import json_text
from sync.protocol.rights import AccessChange

logger = logging.getLogger("bos.sync")

# A killed process's connections are gone within 45 s, like their slots (decision A4).
LEASE = 45.0
# Newcomers are told of together: after a restart everybody comes at once.
ROUND = 1.0


class Lease(msgspec.Struct, array_like=True, frozen=True):
    """A connection that is signed in; since_us: when, in microseconds since the epoch."""

    connection_id: str
    user_id: str
    since_us: int
    process: str


_decode = msgspec.json.Decoder(Lease).decode
_leases: dict[str, tuple[str, str]] = {}
"""Key and lease, by connection."""
_newcomers: dict[str, None] = {}
"""Connections that nobody was told of yet."""


def presence_key(organization_id: str) -> str:
    """Return where an organization's connections are kept in the shared state."""
    return f"connected:{organization_id}"


def signed_in(subscriber: Subscriber) -> None:
    """Put the connection on the roster."""
    principal = subscriber.principal
    assert principal is not None
    process = f"{socket.gethostname()}:{os.getpid()}"
    lease = Lease(subscriber.id, principal.user_id, int(time.time() * 1_000_000), process)
    _leases[subscriber.id] = presence_key(principal.organization_id), json_text(lease)
    _newcomers[subscriber.id] = None


async def take_off(hub: Hub, subscriber: Subscriber) -> None:
    entry = _leases.pop(subscriber.id, None)
    _newcomers.pop(subscriber.id, None)
    if entry is not None:
        await hub.state.release(*entry)


async def renew(hub: Hub, subscribers: Sequence[Subscriber]) -> bool:
    """Keep these connections on the roster; whether that could be told."""
    return await _tell(hub, [each.id for each in subscribers])


async def _tell(hub: Hub, connection_ids: Sequence[str]) -> bool:
    there = [_leases[id_] for id_ in connection_ids if id_ in _leases]
    return await hub.state.lease(there, LEASE)


async def tell_newcomers(hub: Hub) -> None:
    """Runs in every process; what cannot be told now is told with the next renewal."""
    while True:
        await asyncio.sleep(ROUND)
        newcomers = list(_newcomers)
        _newcomers.clear()
        try:
            # In slices: who has gone before their turn must not be told of after that.
            await in_slices(newcomers, partial(_tell, hub), over=0, clock=hub.clock)
        except Exception:
            logger.exception("roster not kept")


def connected(organization_id: str) -> list[Lease] | None:
    """The leases of all processes, longest first; None where that cannot be known.

    For code that runs outside of the event loop.
    """
    found = bus.ask(lambda state: state.holders(presence_key(organization_id)))
    if found is None:
        return None
    return sorted((_decode(lease) for lease in found), key=lambda lease: lease.since_us)


def users_of(leases: Iterable[str]) -> set[str]:
    """Return the users of these, as the shared state holds them under `presence_key`."""
    return {_decode(lease).user_id for lease in leases}


def disconnect(organization_id: str, connection_ids: Iterable[str]) -> None:
    """Close these connections with 4403. One that is not of the organization is left alone.

    Runs inside the caller's transaction. The user's tokens hold: they may sign in again.
    """
    for connection_id in connection_ids:
        withdraw(
            organization_id,
            entity_type="connection",
            entity_id=connection_id,
            access=AccessChange(connections=(connection_id,)),
        )
