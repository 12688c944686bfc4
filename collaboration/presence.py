"""The users that are there: true after lost connections, killed processes, a forgetful Redis (C4).

The database says who takes part and in which state; leases in the shared state say who is
connected, and expire by themselves. Every process compares the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from collaboration import rooms
from collaboration.messages import SessionLeft
from collaboration.models import State
from collaboration.rooms import Room, rooms_of
from collaboration.services import participants, sessions
from collaboration.services.participants import ParticipantKey
from sync.delivery.feed import Feed
from sync.delivery.hub import Hub
from sync.delivery.leases import in_slices
from sync.delivery.subscriber import Subscriber
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import in_database
from sync.eventlog.writer import submit_write

logger = logging.getLogger("bos.collaboration")

# A killed process's participants are `disconnected` within 30 s: a lease, then the time for which
# one must be missing (Redis may have forgotten it), then a round of the keeper. Of a lease of 15 s:
# renewed every 5 s, missing for 7 s, so that a flushed Redis has been told again by then.
RENEWALS = 3
# Spread over a third of that time: a connection whose turn comes later by as much is in time.
SPREAD = 1 / 3
MISSING = 7 / 15
ROUND = 2.0
# Participants of whom one write says that they are here: others write in between.
VOUCHED_AT_ONCE = 500


def enter_room(subscriber: Subscriber, session_id: str, *, since: int) -> Room:
    """This connection takes part in the session from now on, and follows it.

    since: the sequence of the log at which the user is there.
    """
    assert subscriber.feed is not None
    now = asyncio.get_running_loop().time()
    room = rooms_of(subscriber.feed.hub).enter(subscriber, session_id, since=since, now=now)
    subscriber.feed.follow(subscriber, [f"session:{session_id}"])
    return room


async def hold_presence(hub: Hub, room: Room) -> None:
    """Let the other processes know that somebody is in the room."""
    await asyncio.gather(
        _hold(hub, room, room.presence_key, settings.PRESENCE_LEASE),
        _hold(hub, room, _sign(room), settings.PARTICIPANT_IDLE),
    )


async def _hold(hub: Hub, room: Room, key: str, seconds: float) -> None:
    # Looked at right before it is told: who leaves after that is taken out after that, too.
    if not room.is_left:
        await hub.state.lease([(key, room.subscriber.id)], seconds)


def _sign(room: Room) -> str:
    """Where it is kept that the participant gave a sign on any of their devices."""
    return f"sign:{room.presence_key}"


async def leave_rooms(hub: Hub, subscriber: Subscriber) -> None:
    """The connection is gone: `disconnected` at once, unless another device is there."""
    await asyncio.gather(*(_leave_room(hub, room) for room in list(subscriber.rooms.values())))


async def _leave_room(hub: Hub, room: Room) -> None:
    if room.is_left:
        return
    room.leave()
    id_ = room.subscriber.id
    _, left = await asyncio.gather(
        hub.state.release(_sign(room), id_), hub.state.release(room.presence_key, id_)
    )
    if left == 0:
        await _set_state(room, State.DISCONNECTED, {State.ACTIVE, State.IDLE})


async def _set_state(room: Room, state: State, only_from: set[State]) -> None:
    await submit_write(
        partial(
            participants.participant_set_state,
            room.session_id,
            room.user_id,
            state,
            only_from=only_from,
        ),
        organization_id=room.organization_id,
        rows=sessions.rows_of_session(room.session_id),
    )


# ------------------------------------------------------------------ what events tell


_giving_up: set[asyncio.Future[Any]] = set()


def _give_up(hub: Hub, room: Room) -> None:
    """Leave the room; its lease would count as a second device of who comes back.

    Where it was left before, the lease is that of the room that was entered since.
    """
    if room.is_left:
        return
    room.leave()
    id_ = room.subscriber.id
    task = asyncio.gather(
        hub.state.release(_sign(room), id_), hub.state.release(room.presence_key, id_)
    )
    _giving_up.add(task)
    task.add_done_callback(_giving_up.discard)


def participant_changed(feed: Feed, event: LoggedEvent) -> None:
    """Take participants who have left out of their room, on every device.

    A user who is connected here keeps it, also when said to be gone: the keeper says otherwise.
    """
    if event.live_type != "SESSION_LEFT":
        return
    left = msgspec.json.decode(event.live, type=SessionLeft)
    by_timeout = left.reason == sessions.TIMEOUT
    rooms.forget(left.session_id, left.user_id)
    ours = rooms_of(feed.hub)
    if not by_timeout:
        ours.note_left(event.sequence, left.session_id, left.user_id)
    for room in ours.of_session(left.session_id):
        if room.user_id != left.user_id or event.sequence <= room.since:
            continue
        if by_timeout and not room.subscriber.ending:
            continue
        _give_up(feed.hub, room)
        # A host's leaving may end the session: they still hear of that.
        if left.role != "host":
            _unfollow(feed, room)


def _unfollow(feed: Feed, room: Room) -> None:
    """Follow the session no longer; one that is paused gets first what it has missed.

    That the user has left is among it: their other devices hear of it by nothing else.
    """
    if not room.subscriber.pausing.locked():
        feed.unfollow(room.subscriber, [f"session:{room.session_id}"])
        return
    task = asyncio.ensure_future(_unfollow_after_pause(feed, room))
    _giving_up.add(task)
    task.add_done_callback(_giving_up.discard)


async def _unfollow_after_pause(feed: Feed, room: Room) -> None:
    async with room.subscriber.pausing:
        if room.session_id not in room.subscriber.rooms:
            feed.unfollow(room.subscriber, [f"session:{room.session_id}"])


def access_lost(feed: Feed, subscriber: Subscriber, topics: Collection[str]) -> None:
    """Where one may not look one does not point, either."""
    for topic in topics:
        kind, _, id_ = topic.partition(":")
        room = subscriber.rooms.get(id_) if kind == "session" else None
        if room is not None:
            rooms.forget(id_, room.user_id)
            _give_up(feed.hub, room)


def session_changed(feed: Feed, event: LoggedEvent) -> None:
    if event.live_type != "SESSION_ENDED":
        return
    rooms.forget(event.entity_id)
    ours = rooms_of(feed.hub)
    ours.note_left(event.sequence, event.entity_id)
    for room in ours.of_session(event.entity_id):
        _give_up(feed.hub, room)


# ------------------------------------------------------------------ the keeper


async def keep_presence(hub: Hub) -> None:
    """Runs in every process: renew our leases, notice who is idle, and who is missing."""
    keeper = _Keeper(hub)
    await asyncio.gather(_again(keeper.go_round), _again(keeper.renew))


async def _again(step: Callable[[], Awaitable[float]]) -> None:
    """Take the step again and again, after the seconds that it says."""
    pause = 0.0
    while True:
        await asyncio.sleep(pause)
        try:
            pause = await step()
        except DatabaseError as error:  # away or locked: the next round does it
            logger.warning("presence not kept", extra={"error": str(error)})
            pause = ROUND
        except Exception:
            logger.exception("presence not kept")
            pause = ROUND


class _Keeper:
    def __init__(self, hub: Hub) -> None:
        times = (
            settings.PARTICIPANT_IDLE,
            settings.RECONNECT_GRACE,
            settings.EMPTY_SESSION_TIMEOUT,
            settings.PRESENCE_LEASE,
        )
        self._tick = min(1.0, *(seconds / 4 for seconds in times))
        self._lease = settings.PRESENCE_LEASE
        self._hub = hub
        self._rooms = rooms_of(hub)
        self._round_at = 0.0
        self._missing_since: dict[str, float] = {}
        self._left_over: set[ParticipantKey] | None = None

    async def go_round(self) -> float:
        now = asyncio.get_running_loop().time()
        ours = self._rooms.all()
        await self._notice_signs(ours, now)
        if now >= self._round_at:
            self._round_at = now + min(ROUND, self._tick)
            expected = await in_database(participants.present_participants)
            await self._set_right(ours, expected)
            await self._notice_missing(expected, now)
            await self._time_out()
            await self._end_empty()
        return self._tick

    async def renew(self) -> float:
        """Say who is here: to Redis or, where it does not hear us, in the database."""
        clock = self._hub.clock
        began, every = clock.time(), self._lease / RENEWALS
        if not await in_slices(self._rooms.all(), self._keep, over=every * SPREAD, clock=clock):
            # Others may have a Redis: they must not take ours for missing.
            every = min(every, ROUND)
            keys = [room.presence_key for room in self._rooms.all()]
            for start in range(0, len(keys), VOUCHED_AT_ONCE):
                part = keys[start : start + VOUCHED_AT_ONCE]
                await submit_write(partial(participants.vouch, part, self._lease))
        return max(0.0, began + every - clock.time())

    async def _keep(self, rooms: Sequence[Room]) -> bool:
        # Some have been left since the round began.
        there = [room for room in rooms if not room.is_left]
        return await self._hub.state.lease(
            [(r.presence_key, r.subscriber.id) for r in there], self._lease
        )

    async def _set_right(self, ours: list[Room], expected: Collection[ParticipantKey]) -> None:
        """Undo what a process says that cannot see the connection of who is present (C4)."""
        wrong = [
            room
            for room in ours
            if not room.is_left
            and not room.subscriber.ending
            and (room.session_id, room.user_id) not in expected
        ]
        await asyncio.gather(*(self._bring_back(room) for room in wrong))

    async def _bring_back(self, room: Room) -> None:
        state = State(room.shown_state)
        back = partial(participants.participant_return, room.session_id, room.user_id, state)
        has_place = await submit_write(back, organization_id=room.organization_id)
        if has_place or room.is_left:  # it may be that they have come again since
            return
        _give_up(self._hub, room)
        feed = room.subscriber.feed
        if feed is not None:
            feed.unfollow(room.subscriber, [f"session:{room.session_id}"])

    async def _notice_signs(self, ours: list[Room], now: float) -> None:
        """No sign but heartbeats for a minute is idle; a sign on any device is not."""
        idle = settings.PARTICIPANT_IDLE
        signed = [room for room in ours if room.subscriber.last_active_at > room.active_at]
        for room in signed:
            room.active_at = room.subscriber.last_active_at
        await self._hub.state.lease([(_sign(r), r.subscriber.id) for r in signed], idle)
        for room in signed:
            if room.shown_state == State.IDLE:
                room.shown_state = State.ACTIVE
                await _set_state(room, State.ACTIVE, {State.IDLE})
        silent = [
            room
            for room in ours
            if room.shown_state == State.ACTIVE and now - room.active_at >= idle
        ]
        signs = await self._hub.state.present([_sign(room) for room in silent])
        for room, count in zip(silent, signs, strict=True):
            if count == 0:
                room.shown_state = State.IDLE
                await _set_state(room, State.IDLE, {State.ACTIVE})

    async def _notice_missing(self, expected: dict[ParticipantKey, str], now: float) -> None:
        """Participants whom no process claims: theirs was killed."""
        if not self._hub.state.shared:
            # One process sees its own connections go; only its predecessor can have been killed.
            if self._left_over is None:
                self._left_over = set(expected)
            left_over = self._left_over
            expected = {key: of for key, of in expected.items() if key in left_over}
        counts = await self._hub.state.present([f"{s}:{u}" for s, u in expected])
        # Of whom nobody knows, because Redis is away: they are not cut off for that.
        missing = {
            f"{session_id}:{user_id}": (session_id, user_id)
            for (session_id, user_id), count in zip(expected, counts, strict=True)
            if count == 0
        }
        if missing:
            for presence_key in await in_database(participants.vouched):
                missing.pop(presence_key, None)
        self._missing_since = {key: self._missing_since.get(key, now) for key in missing}
        await _write_all(
            (expected[participant], partial(participants.participant_missing, *participant))
            for presence_key, participant in missing.items()
            if now - self._missing_since[presence_key] >= self._lease * MISSING
        )

    async def _time_out(self) -> None:
        grace = settings.RECONNECT_GRACE
        overdue = await in_database(participants.overdue_participants, grace)
        await _write_all(
            (organization_id, partial(participants.participant_time_out, id_, grace))
            for organization_id, id_ in overdue
        )

    async def _end_empty(self) -> None:
        since = timezone.now() - timedelta(seconds=settings.EMPTY_SESSION_TIMEOUT)
        empty = await in_database(participants.empty_sessions, since)
        await _write_all(
            (organization_id, partial(participants.session_end_if_empty, id_, since))
            for organization_id, id_ in empty
        )


async def _write_all(writes: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Make these changes, each of an organization.

    One that fails is tried in the next round, and keeps nobody else waiting until then.
    """
    done = (
        submit_write(write, organization_id=organization_id) for organization_id, write in writes
    )
    for outcome in await asyncio.gather(*done, return_exceptions=True):
        if isinstance(outcome, Exception):
            logger.warning("presence not kept", extra={"error": type(outcome).__name__})
