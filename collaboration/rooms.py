"""Connections that take part in sessions: in memory, so that a cursor asks nobody (decision C6)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import msgspec
from django.conf import settings

from collaboration.entities import EntityRef, Position
from collaboration.messages import Cursor, CursorMoved
from sync.delivery.bus import Ephemeral, bus
from sync.delivery.hub import Hub
from sync.delivery.subscriber import Subscriber
from sync.protocol.codecs import json_text
from sync.protocol.envelope import encode
from sync.protocol.limits import Rate

# Where everybody in a session points, as far as this process has seen: for those who join.
_last: dict[str, dict[str, str]] = {}


class Room:
    """shown_state: what the others were last told of this participant from here.

    since: up to this sequence, the log tells of what was before the user came.
    """

    __slots__ = (
        "_among",
        "_rate",
        "_timer",
        "_waiting",
        "active_at",
        "session_id",
        "shown_state",
        "since",
        "subscriber",
    )

    def __init__(
        self, subscriber: Subscriber, session_id: str, *, since: int, now: float, among: Rooms
    ) -> None:
        self._among = among
        self.since = since
        self.subscriber = subscriber
        self.session_id = session_id
        self.shown_state = "active"
        self.active_at = now
        self._rate = Rate(settings.CURSOR_RATE)
        self._waiting: CursorMoved | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def user_id(self) -> str:
        assert self.subscriber.principal is not None
        return self.subscriber.principal.user_id

    @property
    def organization_id(self) -> str:
        assert self.subscriber.principal is not None
        return self.subscriber.principal.organization_id

    @property
    def presence_key(self) -> str:
        """The participant's name where presence is kept."""
        return f"{self.session_id}:{self.user_id}"

    def move(self, cursor: CursorMoved, now: float) -> None:
        """Show the cursor to the others, at most ten times a second; the last one always (L2)."""
        if self._timer is not None:
            self._waiting = cursor
        elif self._rate.in_time(now):
            self._show(cursor, now)
        else:
            self._waiting = cursor
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._rate.due_at, self._show_waiting)

    def _show_waiting(self) -> None:
        self._timer = None
        cursor, self._waiting = self._waiting, None
        if cursor is not None and not self.subscriber.closing:
            self._show(cursor, asyncio.get_running_loop().time())

    def _show(self, cursor: CursorMoved, now: float) -> None:
        self._rate.go(now)
        principal = self.subscriber.principal
        assert principal is not None
        payload = json_text(cursor)
        bus.publish_ephemeral(
            principal.organization_id,
            Ephemeral(
                organization_id=principal.organization_id,
                topic=f"session:{self.session_id}",
                key=self.presence_key,
                message=encode("CURSOR_MOVE", payload.encode()).decode(),
                user_id=self.user_id,
            ),
        )

    @property
    def is_left(self) -> bool:
        """Whether the connection has left it; it may be in another one of the session since."""
        return self.subscriber.rooms.get(self.session_id) is not self

    def leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._among.discard(self)
        if not self.is_left:
            del self.subscriber.rooms[self.session_id]


class Coming:
    """A user on the way into a session.

    left_at: the sequence of the event that says meanwhile that they have left, or it has ended.
    """

    __slots__ = ("left_at", "session_id", "user_id")

    def __init__(self, session_id: str, user_id: str) -> None:
        self.session_id = session_id
        self.user_id = user_id
        self.left_at = 0


class Rooms:
    """The rooms of all connections of a process: few of many thousand connections have one."""

    def __init__(self) -> None:
        self._by_session: dict[str, dict[Room, None]] = {}
        self._coming: set[Coming] = set()

    @contextmanager
    def coming(self, session_id: str, user_id: str) -> Iterator[Coming]:
        """Note in this block what is told of the user, who has no room in the session yet."""
        coming = Coming(session_id, user_id)
        self._coming.add(coming)
        try:
            yield coming
        finally:
            self._coming.remove(coming)

    def note_left(self, sequence: int, session_id: str, user_id: str | None = None) -> None:
        """Note for those on the way that the user has left the session, or all have."""
        for coming in self._coming:
            if coming.session_id == session_id and user_id in (None, coming.user_id):
                coming.left_at = sequence

    def enter(self, subscriber: Subscriber, session_id: str, *, since: int, now: float) -> Room:
        """Return the connection's room in this session: the one that it has there, if it does.

        In a second one, a cursor that waits in the first would be shown after later ones.
        """
        before: Room | None = subscriber.rooms.get(session_id)
        if before is not None:
            before.shown_state, before.active_at, before.since = "active", now, since
            return before
        room = Room(subscriber, session_id, since=since, now=now, among=self)
        subscriber.rooms[session_id] = room
        self._by_session.setdefault(session_id, {})[room] = None
        return room

    def discard(self, room: Room) -> None:
        of_session = self._by_session.get(room.session_id, {})
        of_session.pop(room, None)
        if not of_session:
            self._by_session.pop(room.session_id, None)

    def all(self) -> list[Room]:
        return [room for of_session in self._by_session.values() for room in of_session]

    def of_session(self, session_id: str) -> list[Room]:
        return list(self._by_session.get(session_id, ()))


_rooms: WeakKeyDictionary[Hub, Rooms] = WeakKeyDictionary()


def rooms_of(hub: Hub) -> Rooms:
    """Return the rooms of the hub's connections."""
    found = _rooms.get(hub)
    if found is None:
        found = _rooms[hub] = Rooms()
    return found


def remember(shown: Ephemeral) -> None:
    """Keep the last cursor of each participant, in memory only."""
    if not shown.topic.startswith("session:"):
        return
    session_id, _, user_id = shown.key.partition(":")
    _last.setdefault(session_id, {})[user_id] = shown.message


class _Message(msgspec.Struct):
    """The part of a CURSOR_MOVE that is read again here."""

    payload: Cursor


_decode = msgspec.json.Decoder(_Message).decode


def last_cursors(session_id: str) -> dict[str, Cursor]:
    """Return where each participant points, by user id."""
    shown = _last.get(session_id, {})
    return {user_id: _decode(message).payload for user_id, message in shown.items()}


def focused_on(entity_type: str, entity_id: str) -> dict[str, Position]:
    """{session id: position} of the sessions in which somebody is focused on this entity."""
    entity = EntityRef(entity_type, entity_id)
    return {
        session_id: cursor.position
        for session_id in _last
        for cursor in last_cursors(session_id).values()
        if cursor.focused_entity == entity
    }


def forget(session_id: str, user_id: str | None = None) -> None:
    if user_id is None:
        _last.pop(session_id, None)
    else:
        _last.get(session_id, {}).pop(user_id, None)
