"""Tell what users look at on the entity's own channel, and lease it in the shared state.

A connection looks at one thing at a time. Its lease expires by itself, 45 s after the process was
killed; the database knows nothing of it. Who does not follow the entity's channel asks for it
(`collaboration.online`): an organization whose every glance went out to everybody would send the
square of its people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import msgspec

from collaboration.entities import EntityRef
from collaboration.messages import Looked
from sync.delivery.bus import Ephemeral, bus
from sync.delivery.feed import Feed
from sync.delivery.hub import Hub
from sync.delivery.subscriber import Subscriber
from sync.protocol.codecs import json_text
from sync.protocol.envelope import encode
from sync.protocol.identity import Principal

LEASE = 45.0


class Look(msgspec.Struct, array_like=True, frozen=True):
    """A connection that looks at an entity, as it is leased."""

    connection_id: str
    user_id: str
    entity_type: str
    entity_id: str

    @property
    def topic(self) -> str:
        return f"{self.entity_type}:{self.entity_id}"

    @property
    def key(self) -> str:
        """Where the connections are kept by which this user looks at this entity."""
        return f"look:{self.topic}:{self.user_id}"


decode = msgspec.json.Decoder(Look).decode
_looks: dict[str, Look] = {}
"""By connection."""
_looking_away: set[asyncio.Task[None]] = set()


def looks_key(organization_id: str) -> str:
    """Where all looks of an organization are kept."""
    return f"looks:{organization_id}"


def _leases(principal: Principal, look: Look) -> tuple[tuple[str, str], tuple[str, str]]:
    of_all = looks_key(principal.organization_id), json_text(look)
    return of_all, (look.key, look.connection_id)


async def look_at(hub: Hub, subscriber: Subscriber, entity: EntityRef) -> None:
    """The connection looks at this from now on, and at nothing else. It may see it."""
    principal = subscriber.principal
    assert principal is not None
    look = Look(subscriber.id, principal.user_id, entity.type, entity.id)
    if _looks.get(subscriber.id) == look:
        return
    await look_away(hub, subscriber)
    if subscriber.ending:
        return
    _looks[subscriber.id] = look
    await hub.state.lease(_leases(principal, look), LEASE)
    if _looks.get(subscriber.id) is look:
        _tell(principal, look, looking=True)


async def look_away(hub: Hub, subscriber: Subscriber) -> None:
    """The connection looks at nothing any more, or has ended."""
    look = _looks.pop(subscriber.id, None)
    principal = subscriber.principal
    if look is None or principal is None:
        return
    _, left = await asyncio.gather(
        *(hub.state.release(*lease) for lease in _leases(principal, look))
    )
    if not left:
        _tell(principal, look, looking=False)


async def renew(hub: Hub, subscribers: Sequence[Subscriber]) -> bool:
    """Keep what these connections look at; whether that could be told."""
    leases = [
        lease
        for each in subscribers
        if each.principal is not None and each.id in _looks
        for lease in _leases(each.principal, _looks[each.id])
    ]
    return await hub.state.lease(leases, LEASE)


def access_lost(feed: Feed, subscriber: Subscriber, topics: Collection[str]) -> None:
    """Have those look away who may not see a thing any more."""
    look = _looks.get(subscriber.id)
    if look is not None and look.topic in topics:
        task = asyncio.ensure_future(look_away(feed.hub, subscriber))
        _looking_away.add(task)
        task.add_done_callback(_looking_away.discard)


def _tell(principal: Principal, look: Look, *, looking: bool) -> None:
    entity = EntityRef(look.entity_type, look.entity_id)
    told = Looked(principal.user_id, principal.name, entity, looking)
    bus.publish_ephemeral(
        principal.organization_id,
        Ephemeral(
            organization_id=principal.organization_id,
            topic=look.topic,
            key=look.key,
            message=encode("LOOKING", json_text(told).encode()).decode(),
            user_id=principal.user_id,
        ),
    )
