"""A collaboration session: participants, notes and cursors, as long as the user takes part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from bos_client.protocol import (
    AnnotationCreate,
    AnnotationCreated,
    AnnotationData,
    AnnotationDelete,
    AnnotationDeleted,
    AnnotationResolve,
    AnnotationUpdate,
    AnnotationUpdated,
    CursorMove,
    CursorMoved,
    EntityRef,
    ParticipantData,
    Position,
    SessionData,
    SessionJoined,
    SessionLeave,
    SessionLeft,
)

if TYPE_CHECKING:
    from bos_client.client import Client

EVERY = 0.1
"""Seconds between two cursors that are sent."""
GLIDE = 0.125
"""Seconds in which a cursor that is shown goes to where it was seen last."""


class Throttle:
    """Sends the latest cursor, and no more than one in EVERY seconds; the last always."""

    def __init__(self, send: Callable[[CursorMove], None], pace: float) -> None:
        self._send, self._every = send, EVERY * pace
        self._latest: CursorMove | None = None
        self._timer: asyncio.TimerHandle | None = None

    def move(self, cursor: CursorMove) -> None:
        self._latest = cursor
        if self._timer is None:
            self._flush()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._latest = None

    def _flush(self) -> None:
        self._timer = None
        if self._latest is None:
            return
        cursor, self._latest = self._latest, None
        self._send(cursor)
        self._timer = asyncio.get_running_loop().call_later(self._every, self._flush)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where another participant points, and what they look at."""

    user_id: str
    position: Position
    focused_entity: EntityRef | None


@dataclass(slots=True)
class _Glide:
    start: Position
    end: Position
    since: float
    focused_entity: EntityRef | None

    def at(self, now: float, seconds: float) -> Position:
        part = min(1.0, max(0.0, (now - self.since) / seconds)) if seconds > 0 else 1.0

        def between(start: float, end: float) -> float:
            return start + (end - start) * part if part < 1 else end

        return Position(
            x=between(self.start.x, self.end.x),
            y=between(self.start.y, self.end.y),
            z=between(self.start.z, self.end.z),
        )


class Cursors:
    """Where others point: ten times a second on the wire, and smooth in between."""

    def __init__(self, pace: float = 1.0) -> None:
        self._seconds = GLIDE * pace
        self._glides: dict[str, _Glide] = {}

    def take(self, moved: CursorMoved, now: float | None = None) -> None:
        """Let a cursor go to where it was seen last. now: of `time.monotonic()`."""
        self.put(moved.user_id, moved.position, moved.focused_entity, now)

    def put(
        self,
        user_id: str,
        position: Position,
        focused: EntityRef | UnsetType | None,
        now: float | None = None,
    ) -> None:
        now = time.monotonic() if now is None else now
        before = self._glides.get(user_id)
        start = before.at(now, self._seconds) if before else position
        target = None if focused is UNSET else focused
        self._glides[user_id] = _Glide(start, position, now, target)

    def gone(self, user_id: str) -> None:
        self._glides.pop(user_id, None)

    def at(self, now: float | None = None) -> dict[str, Cursor]:
        """Return every cursor by its user's id. now: of `time.monotonic()`."""
        now = time.monotonic() if now is None else now
        return {
            user_id: Cursor(user_id, glide.at(now, self._seconds), glide.focused_entity)
            for user_id, glide in self._glides.items()
        }


class Session:
    """A session that the user takes part in, also after every reconnect, until `leave`.

    joined: the answer to the first join.
    """

    def __init__(self, client: Client, joined: SessionJoined, *, pace: float) -> None:
        self._client = client
        self.joined = joined
        self.id = joined.session_id
        self.cursors = Cursors(pace)
        self.leaving = False
        """A leave is under way."""
        self._throttle = Throttle(client.tell, pace)
        present = [] if joined.session is UNSET else joined.session.participants
        for one in present:
            if one.cursor is not None:
                self.cursors.put(one.user_id, one.cursor.position, one.cursor.focused_entity)

    @property
    def channel(self) -> str:
        return f"session:{self.id}"

    @property
    def data(self) -> SessionData | None:
        return self._client.store.sessions.get(self.id)

    @property
    def participants(self) -> list[ParticipantData]:
        everybody = self._client.store.participants.values()
        return [one for one in everybody if one.session_id == self.id]

    @property
    def annotations(self) -> list[AnnotationData]:
        """Return the notes, oldest first."""
        notes = [
            note for note in self._client.store.annotations.values() if note.session_id == self.id
        ]
        return sorted(notes, key=lambda note: note.created_at)

    async def annotate(
        self,
        content: str,
        position: Position,
        *,
        content_type: Any = "text",
        entity: EntityRef | None = None,
        parent_id: str | None = None,
        mentions: Sequence[str] = (),
    ) -> AnnotationCreated:
        """Pin a note to a point of the session's space."""
        return await self._client.request(
            AnnotationCreate(
                session_id=self.id,
                position=position,
                content=content,
                content_type=content_type,
                entity=UNSET if entity is None else entity,
                parent_id=UNSET if parent_id is None else parent_id,
                mentions=list(mentions) or UNSET,
            )
        )

    async def update(
        self,
        annotation_id: str,
        *,
        content: str | UnsetType = UNSET,
        position: Position | UnsetType = UNSET,
        content_type: Any = UNSET,
        entity: EntityRef | UnsetType = UNSET,
        unpin: bool | UnsetType = UNSET,
        mentions: list[str] | UnsetType = UNSET,
    ) -> AnnotationUpdated:
        """Change those fields of a note that are given."""
        return await self._client.request(
            AnnotationUpdate(
                annotation_id=annotation_id,
                session_id=self.id,
                content=content,
                position=position,
                content_type=content_type,
                entity=entity,
                unpin=unpin,
                mentions=mentions,
            )
        )

    async def remove(self, annotation_id: str) -> AnnotationDeleted:
        """Remove a note and its replies."""
        request = AnnotationDelete(annotation_id=annotation_id, session_id=self.id)
        return await self._client.request(request)

    async def resolve(self, annotation_id: str, *, resolved: bool = True) -> AnnotationUpdated:
        """Mark a note as resolved, or as open again."""
        return await self._client.request(
            AnnotationResolve(annotation_id=annotation_id, resolved=resolved, session_id=self.id)
        )

    def move_cursor(self, position: Position, target: EntityRef | None = None) -> None:
        """Show where the user points; the latest is sent, ten times a second at most."""
        focused = UNSET if target is None else target
        self._throttle.move(
            CursorMove(session_id=self.id, position=position, focused_entity=focused)
        )

    async def leave(self, new_host_id: str | None = None) -> SessionLeft:
        """Leave. A host names the next one, or ends the session by leaving."""
        host = UNSET if new_host_id is None else new_host_id
        self.leaving = True
        try:
            left = await self._client.request(SessionLeave(session_id=self.id, new_host_id=host))
        finally:
            self.leaving = False
        self._client.forget_session(self)
        return left

    def stop(self) -> None:
        """Send no cursor any more."""
        self._throttle.stop()
