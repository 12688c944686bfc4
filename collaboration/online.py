"""Requests about users who are online, and the picture that answers them."""

from __future__ import annotations

import asyncio
import time
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
from collaboration.models import Participant, Session
from collaboration.online_messages import (
    Looked,
    Looking,
    LookingAt,
    Presence,
    PresenceRequest,
    SessionPresence,
    Someone,
)
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
"""So old may be what is known of an organization's connections: many ask, and it is read once."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What is leased for an organization's connections. complete: of those of all processes."""

    user_ids: list[str]
    looks: list[Look]
    complete: bool


_known: WeakKeyDictionary[Hub, dict[str, tuple[float, asyncio.Task[Connections]]]] = (
    WeakKeyDictionary()
)


async def _connections(hub: Hub, organization_id: str) -> Connections:
    """Read what is leased; once a second for all who ask here."""
    known, now = _known.setdefault(hub, {}), time.monotonic()
    at, reading = known.get(organization_id, (0.0, None))
    if reading is None or now - at > FRESH_SECONDS:
        for id_ in [id_ for id_, (then, _) in known.items() if now - then > FRESH_SECONDS]:
            del known[id_]
        reading = asyncio.ensure_future(_read_leases(hub, organization_id))
        known[organization_id] = now, reading
    return await asyncio.shield(reading)


async def _read_leases(hub: Hub, organization_id: str) -> Connections:
    users, looks = await asyncio.gather(
        roster.connected_users(hub, organization_id),
        hub.state.holders(looking.looks_key(organization_id)),
    )
    return Connections(
        user_ids=sorted(users or ()),
        looks=sorted(map(looking.decode, looks or ()), key=lambda look: look.connection_id),
        complete=users is not None and looks is not None,
    )


# ------------------------------------------------------------------ what one may know


def presence(principal: Principal, known: Connections, *, after: str | None) -> Presence:
    """Return the page after this user, of what the principal may know."""
    # One is online oneself, also where the others are told of it in a second.
    ids = sorted({*known.user_ids, principal.user_id})
    rest = [id_ for id_ in ids if after is None or id_ > after]
    page = rest[:PAGE]
    is_first = after is None
    looks = _visible(principal, known.looks) if is_first else []
    names = _names(principal, {*page, *(look.user_id for look in looks)})
    return Presence(
        online=[Someone(id_, names[id_]) for id_ in page if id_ in names],
        next=page[-1] if len(rest) > PAGE else None,
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


@handles(PresenceRequest, answers=[Answer.reply(Presence)], cost=5, only_reads=True)
async def presence_request(context: Context, request: PresenceRequest) -> Reply:
    known = await _connections(context.hub, context.principal.organization_id)
    return Reply(await context.read(presence, context.principal, known, after=request.after))
