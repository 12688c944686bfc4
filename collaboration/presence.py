"""Who is really there: true after lost connections, killed processes and a forgetful Redis (C4).

The database says who takes part and in which state; leases in the shared state say who is
connected, and expire by themselves. Every process compares the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta
from functools import partial

import msgspec
from django.db import DatabaseError
from django.utils import timezone

from collaboration import rooms, services
from collaboration.models import State
from collaboration.rooms import Room
from sync.access import when_revoked
from sync.conf import sync_settings
from sync.connection import Connection
from sync.database import in_database, submit_write
from sync.feed import Feed, follow_entity
from sync.hub import Hub, after_connection, run_beside_hub, watch_shown
from sync.log import LoggedEvent

log = logging.getLogger("bos.collaboration")

# A killed process's participants are `disconnected` within 30 s: a lease, then the time for which
# one must be missing (Redis may have forgotten it), then a round of the keeper.
LEASE = 15.0
RENEW = 5.0
MISSING = 7.0
ROUND = 2.0


def enter_room(connection: Connection, session_id: str) -> Room:
    """This connection takes part in the session from now on, and follows it."""
    assert connection.feed is not None
    room = Room(connection, session_id, asyncio.get_running_loop().time())
    connection.rooms[session_id] = room
    connection.feed.follow(connection, [f"session:{session_id}"])
    return room


async def be_present(hub: Hub, room: Room) -> None:
    """Let the other processes know that somebody is in the room."""
    connection = room.connection
    await hub.state.be_present([(room.place, connection.id)], LEASE)
    await hub.state.be_present([(_sign(room), connection.id)], sync_settings().participant_idle)


def _sign(room: Room) -> str:
    """Where it is kept that the participant gave a sign on any of his devices."""
    return f"sign:{room.place}"


async def leave_rooms(hub: Hub, connection: Connection) -> None:
    """The connection is gone: `disconnected` at once, unless another device is there."""
    for room in list(connection.rooms.values()):
        room.leave()
        await hub.state.be_gone(_sign(room), connection.id)
        if await hub.state.be_gone(room.place, connection.id) == 0:
            await _set_state(room, State.DISCONNECTED, {State.ACTIVE, State.IDLE})


async def _set_state(room: Room, state: State, only_from: set[State]) -> None:
    await submit_write(
        partial(
            services.participant_set_state,
            room.session_id,
            room.user_id,
            state,
            only_from=only_from,
        )
    )


# ------------------------------------------------------------------ what events tell


_giving_up: set[asyncio.Future[int | None]] = set()


def _give_up(feed: Feed, room: Room) -> None:
    """Leave the room; its lease would count as a second device of who comes back."""
    room.leave()
    task = asyncio.ensure_future(feed.hub.state.be_gone(room.place, room.connection.id))
    _giving_up.add(task)
    task.add_done_callback(_giving_up.discard)


def participant_changed(feed: Feed, event: LoggedEvent) -> None:
    """Who has left has no place in the room any more, on any device."""
    if event.live_type != "SESSION_LEFT":
        return
    left = msgspec.json.decode(event.live)
    rooms.forget(left["sessionId"], left["userId"])
    for connection in list(feed.connections):
        room = connection.rooms.get(left["sessionId"])
        if room is not None and room.user_id == left["userId"]:
            _give_up(feed, room)
            # A host's leaving may end the session: he still hears of that.
            if left["role"] != "host":
                feed.unfollow(connection, [f"session:{left['sessionId']}"])


def access_lost(feed: Feed, connection: Connection, topics: Collection[str]) -> None:
    """Where one may not look one does not point, either."""
    for topic in topics:
        kind, _, id_ = topic.partition(":")
        room = connection.rooms.get(id_) if kind == "session" else None
        if room is not None:
            rooms.forget(id_, room.user_id)
            _give_up(feed, room)


def session_changed(feed: Feed, event: LoggedEvent) -> None:
    if event.live_type != "SESSION_ENDED":
        return
    rooms.forget(event.entity_id)
    for connection in list(feed.connections):
        room = connection.rooms.get(event.entity_id)
        if room is not None:
            _give_up(feed, room)


# ------------------------------------------------------------------ the keeper


async def keep_presence(hub: Hub) -> None:
    """Runs in every process: renew our leases, notice who is idle, and who is missing."""
    keeper = _Keeper(hub)
    while True:
        await asyncio.sleep(keeper.tick)
        try:
            await keeper.go_round(asyncio.get_running_loop().time())
        except DatabaseError as error:  # away or locked: the next round does it
            log.warning("presence not kept", extra={"error": str(error)})
        except Exception:
            log.exception("presence not kept")


class _Keeper:
    def __init__(self, hub: Hub) -> None:
        settings = sync_settings()
        times = (settings.participant_idle, settings.reconnect_grace)
        self.tick = min(1.0, *(seconds / 4 for seconds in (*times, settings.empty_session_timeout)))
        self._hub = hub
        self._renew_at = 0.0
        self._round_at = 0.0
        self._missing_since: dict[str, float] = {}
        self._left_over: set[tuple[str, str]] | None = None

    async def go_round(self, now: float) -> None:
        ours = [room for c in self._hub.connections.values() for room in c.rooms.values()]
        for room in ours:
            await self._notice_idle(room, now)
        if now >= self._renew_at:
            self._renew_at = now + RENEW
            await self._hub.state.be_present([(r.place, r.connection.id) for r in ours], LEASE)
        if now >= self._round_at:
            self._round_at = now + min(ROUND, self.tick)
            await self._notice_missing(now)
            await self._time_out()
            await self._end_empty()

    async def _notice_idle(self, room: Room, now: float) -> None:
        """No sign but heartbeats for a minute is idle; a sign on any device is not."""
        idle = sync_settings().participant_idle
        signed_at = room.connection.signed_at
        if signed_at > room.signed_at:
            room.signed_at = signed_at
            left = max(idle - (now - signed_at), 0.001)
            await self._hub.state.be_present([(_sign(room), room.connection.id)], left)
            if room.shown_state == State.IDLE:
                room.shown_state = State.ACTIVE
                await _set_state(room, State.ACTIVE, {State.IDLE})
        elif room.shown_state == State.ACTIVE and now - room.signed_at >= idle:
            signs = await self._hub.state.present([_sign(room)])
            if signs == [0]:
                room.shown_state = State.IDLE
                await _set_state(room, State.IDLE, {State.ACTIVE})

    async def _notice_missing(self, now: float) -> None:
        """Participants whom no process claims: theirs was killed."""
        expected = await in_database(services.present_participants)
        if not self._hub.state.shared:
            # One process sees its own connections go; only its predecessor can have been killed.
            if self._left_over is None:
                self._left_over = set(expected)
            expected = [participant for participant in expected if participant in self._left_over]
        counts = await self._hub.state.present([f"{s}:{u}" for s, u in expected])
        if counts is None:  # Redis is away: nobody is cut off because of it
            self._missing_since.clear()
            return
        missing = {
            f"{session_id}:{user_id}": (session_id, user_id)
            for (session_id, user_id), count in zip(expected, counts, strict=True)
            if count == 0
        }
        self._missing_since = {place: self._missing_since.get(place, now) for place in missing}
        for place, (session_id, user_id) in missing.items():
            if now - self._missing_since[place] >= MISSING:
                gone = partial(
                    services.participant_set_state,
                    session_id,
                    user_id,
                    State.DISCONNECTED,
                    only_from={State.ACTIVE, State.IDLE},
                )
                await submit_write(gone)

    async def _time_out(self) -> None:
        grace = sync_settings().reconnect_grace
        for participant_id in await in_database(services.overdue_participants, grace):
            await submit_write(partial(services.participant_time_out, participant_id, grace))

    async def _end_empty(self) -> None:
        since = timezone.now() - timedelta(seconds=sync_settings().empty_session_timeout)
        for session_id in await in_database(services.empty_sessions, since):
            await submit_write(partial(services.session_end_if_empty, session_id, since))


run_beside_hub(keep_presence)
after_connection(leave_rooms)
watch_shown(rooms.remember)
when_revoked(access_lost)
follow_entity("participant", participant_changed)
follow_entity("session", session_changed)
