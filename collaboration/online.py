"""Requests about users who are online, and the picture that answers them."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db.models import Count, Q

from bos.ids import canonical_uuids
from bos.models import User
from bos.things import all_things, find_visible
from collaboration import looking
from collaboration.entities import EntityRef
from collaboration.looking import Look
from collaboration.messages import (
    Looked,
    Looking,
    LookingAt,
    Presence,
    PresenceRequest,
    SessionPresence,
    Someone,
)
from collaboration.models import Participant, Session
from collaboration.payloads import session_data
from collaboration.reading import readable_sessions
from collaboration.services.sessions import followed_by, may_take_part
from sync.delivery.hub import Hub
from sync.gateway import roster
from sync.gateway.dispatcher import Context, Reply
from sync.protocol.answers import Answer
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.registry import handles

PAGE = 1_000
MOST_LOOKS = 1_000
MOST_SESSIONS = 100
MOST_NAMED = 2_000
"""Participants of all of these together that are named; the others are counted."""
FRESH_SECONDS = 1.0
"""So old may be what is known of an organization's connections: many ask, and it is read once. As
much older for each thousand of them, which take some 10 ms to be read."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The leases of an organization's connections. complete: of those of all processes."""

    user_ids: list[str]
    looks: list[Look]
    complete: bool

    @property
    def keeps(self) -> float:
        """Seconds for which it is fresh."""
        return FRESH_SECONDS * (1 + (len(self.user_ids) + len(self.looks)) / 1_000)


_known: WeakKeyDictionary[Hub, dict[str, asyncio.Task[Connections]]] = WeakKeyDictionary()


async def _connections(hub: Hub, organization_id: str) -> Connections:
    """Read what is leased; once for all who ask here as long as it is fresh."""
    known = _known.setdefault(hub, {})
    reading = known.get(organization_id)
    if reading is None:
        reading = known[organization_id] = asyncio.ensure_future(_read(hub, organization_id))
        reading.add_done_callback(lambda read: _forget_later(known, organization_id, read))
    return await asyncio.shield(reading)


def _forget_later(
    known: dict[str, asyncio.Task[Connections]],
    organization_id: str,
    read: asyncio.Task[Connections],
) -> None:
    is_read = not read.cancelled() and read.exception() is None
    seconds = read.result().keeps if is_read else 0.0
    read.get_loop().call_later(seconds, known.pop, organization_id, None)


async def _read(hub: Hub, organization_id: str) -> Connections:
    users, looks = await asyncio.gather(
        hub.state.holders(roster.presence_key(organization_id)),
        hub.state.holders(looking.looks_key(organization_id)),
    )
    # In a thread: of ten thousand it would hold the loop.
    return await asyncio.to_thread(_decoded, users, looks)


def _decoded(leases: list[str] | None, looks: list[str] | None) -> Connections:
    return Connections(
        user_ids=sorted(roster.users_of(leases or ())),
        looks=sorted(map(looking.decode, looks or ()), key=lambda look: look.connection_id),
        complete=leases is not None and looks is not None,
    )


# ------------------------------------------------------------------ what one may know


def presence(principal: Principal, known: Connections, *, after: str | None) -> Presence:
    """Return the page after this user, of what the principal may know."""
    is_first = after is None
    begins = 0 if after is None else bisect_right(known.user_ids, after)
    page = known.user_ids[begins : begins + PAGE]
    looks = _visible(principal, known.looks) if is_first else []
    names = _names(principal, {*page, *(look.user_id for look in looks), principal.user_id})
    # One is online oneself, also where the others are told of it in a second.
    there = sorted({*page, principal.user_id}) if is_first else page
    return Presence(
        online=[Someone(id_, names[id_]) for id_ in there if id_ in names],
        next=page[-1] if len(known.user_ids) > begins + PAGE else None,
        complete=known.complete,
        looking=[
            LookingAt(user_id, names[user_id], EntityRef(type_, id_))
            for user_id, type_, id_ in dict.fromkeys(
                (look.user_id, look.entity_type, look.entity_id) for look in looks
            )
            if user_id in names
        ],
        sessions=_sessions(principal) if is_first else [],
    )


def _names(principal: Principal, ids: Collection[str]) -> dict[str, str]:
    """Return the names of those who are people of the organization."""
    people = User.objects.of(principal.organization_id).people()
    found = people.filter(pk__in=canonical_uuids(ids)).values_list("pk", "name")
    return {str(pk): name for pk, name in found}


def _visible(principal: Principal, looks: Iterable[Look]) -> list[Look]:
    """Those of these at things that the principal may see."""
    by_type: dict[str, set[str]] = defaultdict(set)
    first = list(looks)[:MOST_LOOKS]
    for look in first:
        by_type[look.entity_type].add(look.entity_id)
    seen: set[tuple[str, str]] = set()
    for thing in all_things():
        ids = canonical_uuids(by_type[thing.entity_type])
        if not ids:
            continue
        of_tenant = thing.rows().filter(organization_id=principal.organization_id, pk__in=ids)
        for row in of_tenant.filter(thing.visible_to(principal)):
            if not thing.place(row).archived:
                seen.add((thing.entity_type, str(row.pk)))
    return [look for look in first if (look.entity_type, look.entity_id) in seen]


def _sessions(principal: Principal) -> list[SessionPresence]:
    running = readable_sessions(principal).filter(ended_at=None)
    there = Count("participants", filter=Q(participants__left_at=None))
    sessions: list[Session] = list(
        running.annotate(there=there).order_by("-created_at", "pk")[:MOST_SESSIONS]
    )
    named = _participants(principal, sessions)
    return [
        SessionPresence(session_data(session), getattr(session, "there"), named[session.pk])  # noqa: B009 -- annotated
        for session in sessions
    ]


def _participants(principal: Principal, sessions: Collection[Session]) -> dict[UUID, list[Someone]]:
    """Return who takes part, in the sessions that the principal may follow, or may join."""
    ids = {session.pk for session in sessions}
    if not may_take_part(principal):
        ids &= set(followed_by(principal).filter(pk__in=ids).values_list("pk", flat=True))
    present = Participant.objects.filter(session__in=ids, left_at=None)
    rows = present.order_by("joined_at").values_list("session_id", "user_id", "user__name")
    named: dict[UUID, list[Someone]] = defaultdict(list)
    for session_id, user_id, name in rows[:MOST_NAMED]:
        named[session_id].append(Someone(str(user_id), name))
    return named


# ------------------------------------------------------------------ requests


def _may_look_at(principal: Principal, entity: EntityRef) -> bool:
    found = find_visible(principal, entity.type, entity.id)
    return found is not None and not found[0].place(found[1]).archived


@handles(Looking, answers=[Answer.reply(Looked)], errors=[Unauthorized], cost=2)
async def looking_at(context: Context, request: Looking) -> Reply:
    """Answered once the others have been told."""
    principal, entity = context.principal, request.entity
    if entity is None:
        await looking.look_away(context.hub, context.subscriber)
    elif await context.read(_may_look_at, principal, entity):
        await looking.look_at(context.hub, context.subscriber, entity)
    else:
        raise Unauthorized
    return Reply(Looked(principal.user_id, principal.name, entity, entity is not None))


@handles(PresenceRequest, answers=[Answer.reply(Presence)], cost=10, only_reads=True)
async def presence_request(context: Context, request: PresenceRequest) -> Reply:
    known = await _connections(context.hub, context.principal.organization_id)
    return Reply(await context.read(presence, context.principal, known, after=request.after))
