"""Requests of collaboration: sessions, annotations, cursors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from bos.things import rows_of_thing
from collaboration.entities import EntityRef, Position
from collaboration.errors import SessionFull, SessionNotFound
from collaboration.messages import (
    AnnotationCreate,
    AnnotationCreated,
    AnnotationDelete,
    AnnotationDeleted,
    AnnotationResolve,
    AnnotationUpdate,
    AnnotationUpdated,
    CursorMove,
    CursorMoved,
    SessionCreate,
    SessionCreated,
    SessionJoin,
    SessionJoined,
    SessionLeave,
    SessionLeft,
)
from collaboration.models import Participant
from collaboration.payloads import session_joined
from collaboration.picture import picture_for
from collaboration.presence import enter_room, hold_presence
from collaboration.rooms import last_cursors, rooms_of
from collaboration.services import notes, sessions
from sync.delivery.pause import Pause
from sync.eventlog import log
from sync.eventlog.idempotency import first_outcome
from sync.eventlog.threads import in_database, reading
from sync.eventlog.writer import Rows, submit_for
from sync.gateway.dispatcher import Context
from sync.protocol.answers import Answer
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Principal, acting
from sync.protocol.registry import handles

# ------------------------------------------------------------------ sessions


def _of_session(request: SessionCreate) -> int:
    """5, and 4 for each user invited."""
    return 5 + 4 * len(request.invite_user_ids)


@handles(
    SessionCreate,
    answers=[Answer.copy(SessionCreated)],
    errors=[NotFound, Unauthorized],
    cost=_of_session,
)
async def session_create(context: Context, request: SessionCreate) -> None:
    """The answer is the event, SESSION_CREATED; its creator follows the session from there."""
    principal, subscriber = context.principal, context.subscriber

    async def repeat() -> None:
        # A user that lost the answer with the connection is a participant of the session, too.
        await context.repeat()
        session_id = await in_database(_session_of, context)
        if session_id not in subscriber.rooms and await _come_back(principal, session_id):
            await _enter(context, session_id)

    async with context.feed.paused(subscriber):
        session = await context.change(
            lambda principal: sessions.session_create(
                principal,
                title=request.title,
                active_space=request.active_space,
                max_participants=request.max_participants,
                invite_user_ids=request.invite_user_ids,
            ),
            repeat=repeat,
        )
        if session is not None:
            await _enter(context, str(session.pk))


async def _enter(context: Context, session_id: str) -> None:
    """Begin to follow the session, unless the user's place was taken away meanwhile."""
    feed, principal = context.feed, context.principal
    since, epoch = None, -1
    with rooms_of(context.hub).coming(session_id, principal.user_id) as coming:
        while epoch != feed.access_epoch:  # rights changed while we asked: ask again
            epoch = feed.access_epoch
            since = await in_database(_there_at, principal, session_id)
        if since is None or coming.left_at > since:
            return
        room = enter_room(context.subscriber, session_id, since=since)
    await hold_presence(context.hub, room)


def _session_of(context: Context) -> str:
    """Which session this request has created before."""
    assert context.request_id is not None
    first = first_outcome(context.principal.user_id, context.request_id)
    assert first.event is not None
    return first.event.entity_id


async def _come_back(principal: Principal, session_id: str) -> bool:
    """Bring the user back after a lost connection; False for who has left, or where it has ended.

    Also where either happens meanwhile: the request has an answer, its first one.
    """
    if not await in_database(_takes_part, principal, session_id):
        return False
    try:
        await submit_for(
            principal,
            lambda now: sessions.session_join(now, session_id),
            rows=sessions.rows_of_session(session_id),
        )
    except (SessionFull, SessionNotFound, Unauthorized):
        return False
    return True


@handles(
    SessionJoin,
    answers=[Answer.reply(SessionJoined)],
    errors=[SessionFull, SessionNotFound, Unauthorized],
    cost=20,
)
async def session_join(context: Context, request: SessionJoin) -> None:
    """The joiner's copy is sent from here: it carries the session as it is (decision C2)."""
    session_id = request.session_id

    def join(principal: Principal) -> Participant:
        # The event is for the others: it must not come to the joiner as an answer as well.
        with acting(context.actor.besides()):
            return sessions.session_join(principal, session_id)

    async def repeat() -> None:
        if await _come_back(context.principal, session_id):
            await _take_place(context, session_id, pause)
        else:
            await context.repeat()

    async with context.feed.paused(context.subscriber) as pause:
        own = await context.change(
            join,
            rows=sessions.rows_of_session(session_id),
            reply=session_joined,
            repeat=repeat,
        )
        if own is not None:
            await _take_place(context, session_id, pause)


async def _take_place(context: Context, session_id: str, pause: Pause) -> None:
    """Send the session as it is, and follow it from exactly there.

    Raises SessionNotFound where the place was taken away meanwhile.
    """
    feed, principal = context.feed, context.principal
    epoch = -1
    with rooms_of(context.hub).coming(session_id, principal.user_id) as coming:
        while epoch != feed.access_epoch:  # rights changed while it was read: it may be forbidden
            epoch = feed.access_epoch
            picture = await picture_for(principal, session_id, hub=context.hub)
        joined = picture.of(principal)
        if coming.left_at > picture.sequence:
            raise SessionNotFound(sessionId=session_id)
        pause.covers([f"session:{session_id}"], picture.sequence)
        room = enter_room(context.subscriber, session_id, since=picture.sequence)
    # Only now: a cursor is shown to who follows, and what was shown before is in this picture.
    cursors = last_cursors(session_id)
    for participant in picture.session.participants:
        participant.cursor = cursors.get(participant.user_id)
    context.subscriber.send(joined, context.request_id)
    await hold_presence(context.hub, room)


def _there_at(principal: Principal, session_id: str) -> int | None:
    """Return the head of the log at which the user takes part; None where they do not."""
    with reading():
        head = log.head(principal.organization_id)
        return head.sequence if _takes_part(principal, session_id) else None


def _takes_part(principal: Principal, session_id: str) -> bool:
    return Participant.objects.filter(
        session_id=session_id,
        session__ended_at=None,
        session__organization_id=principal.organization_id,
        user_id=principal.user_id,
        left_at=None,
    ).exists()


@handles(
    SessionLeave,
    answers=[Answer.copy(SessionLeft)],
    errors=[NotFound, SessionNotFound, Unauthorized],
)
async def session_leave(context: Context, request: SessionLeave) -> None:
    """The answer is the event, SESSION_LEFT, in its order."""
    await context.change(
        lambda principal: sessions.session_leave(
            principal, request.session_id, new_host_id=request.new_host_id
        ),
        rows=sessions.rows_of_session(request.session_id),
    )


# ------------------------------------------------------------------ annotations


def _of_note(request: AnnotationCreate | AnnotationUpdate) -> int:
    """2, 1 for each 256 bytes of its content, and 4 for each user mentioned."""
    content, mentions = request.content, request.mentions
    work = 2 + (len(content.encode()) // 256 if isinstance(content, str) else 0)
    return work + 4 * (0 if isinstance(mentions, UnsetType) else len(mentions))


@handles(
    AnnotationCreate,
    answers=[Answer.copy(AnnotationCreated)],
    errors=[NotFound, SessionNotFound, Unauthorized],
    pipelined=True,
    cost=_of_note,
)
async def annotation_create(context: Context, request: AnnotationCreate) -> asyncio.Task[Any]:
    position, entity = request.position, _pair(request.entity)
    return context.change(
        lambda principal: notes.annotation_create(
            principal,
            request.session_id,
            position=(position.x, position.y, position.z),
            content=request.content,
            content_type=request.content_type,
            entity=entity,
            parent_id=request.parent_id,
            mentions=request.mentions,
        ),
        rows=_rows_of_new(context, request.session_id, entity),
    )


def _rows_of_new(context: Context, session_id: str | None, entity: tuple[str, str] | None) -> Rows:
    """Its session, or what holds the right to its thing, which is looked up when its turn comes."""
    if session_id is not None:
        return sessions.rows_of_session(session_id)
    return [] if entity is None else partial(rows_of_thing, context.principal, *entity)


@handles(
    AnnotationUpdate,
    answers=[Answer.copy(AnnotationUpdated)],
    errors=[NotFound, SessionNotFound, Unauthorized],
    pipelined=True,
    cost=_of_note,
)
async def annotation_update(context: Context, request: AnnotationUpdate) -> asyncio.Task[Any]:
    changes = _changes(request)
    return context.change(
        lambda principal: notes.annotation_update(
            principal, request.annotation_id, request.session_id, changes
        ),
        rows=_rows_of(context, request),
    )


def _rows_of(
    context: Context, request: AnnotationUpdate | AnnotationResolve | AnnotationDelete
) -> Rows:
    """The annotation's place: the session that is named, or looked up when its turn comes."""
    if request.session_id is not None:
        return sessions.rows_of_session(request.session_id)
    return partial(notes.rows_of_annotation, context.principal, request.annotation_id)


def _changes(request: AnnotationUpdate) -> dict[str, Any]:
    """Model fields and their new values, of those that the request has."""
    changes: dict[str, Any] = {}
    if isinstance(request.position, Position):
        changes |= {axis: getattr(request.position, axis) for axis in ("x", "y", "z")}
    if request.content is not UNSET:
        changes["content"] = request.content
    if request.content_type is not UNSET:
        changes["content_type"] = request.content_type
    if request.mentions is not UNSET:
        changes["mentions"] = request.mentions
    if not isinstance(request.entity, UnsetType):
        changes["entity_type"], changes["entity_id"] = request.entity.type, request.entity.id
    if request.unpin:
        changes["entity_type"] = changes["entity_id"] = ""
    return changes


def _pair(entity: EntityRef | None) -> tuple[str, str] | None:
    return None if entity is None else (entity.type, entity.id)


@handles(
    AnnotationDelete,
    answers=[Answer.copy(AnnotationDeleted)],
    errors=[NotFound, SessionNotFound, Unauthorized],
    pipelined=True,
)
async def annotation_delete(context: Context, request: AnnotationDelete) -> asyncio.Task[Any]:
    """The answer is the event of the note itself, after those of its replies."""
    return asyncio.ensure_future(_delete(context, request, _delete_at_once(context, request)))


def _delete_at_once(context: Context, request: AnnotationDelete) -> asyncio.Task[Any]:
    return context.change(
        lambda principal: notes.annotation_delete(
            principal, request.annotation_id, request.session_id
        ),
        rows=_rows_of(context, request),
    )


async def _delete(context: Context, request: AnnotationDelete, change: asyncio.Task[Any]) -> None:
    """Delete the replies of a long thread in parts before: others' changes come through between.

    Where the connection ends meanwhile the note stays with some of its replies; the same request
    made again deletes the rest.
    """
    while True:
        try:
            await change
            return
        except notes.LongThread as thread:
            await context.spend(sum(map(len, thread.parts)))
            for part in thread.parts:
                await context.change_besides(
                    partial(_delete_part, request, part), rows=_rows_of(context, request)
                )
        change = _delete_at_once(context, request)


def _delete_part(request: AnnotationDelete, part: Sequence[UUID], principal: Principal) -> None:
    notes.replies_delete(principal, request.annotation_id, request.session_id, part)


@handles(
    AnnotationResolve,
    answers=[Answer.copy(AnnotationUpdated)],
    errors=[NotFound, SessionNotFound, Unauthorized],
    pipelined=True,
    cost=2,
)
async def annotation_resolve(context: Context, request: AnnotationResolve) -> asyncio.Task[Any]:
    """The answer is the event, ANNOTATION_UPDATED."""
    return context.change(
        lambda principal: notes.annotation_resolve(
            principal, request.annotation_id, request.session_id, resolved=request.resolved
        ),
        rows=_rows_of(context, request),
    )


# ------------------------------------------------------------------ cursors


@handles(
    CursorMove,
    answers=[],
    errors=[SessionNotFound, Unauthorized],
    pipelined=True,
    frequent=True,
    at_once=True,
)
def cursor_move(context: Context, request: CursorMove) -> None:
    """To the others only, never stored: no database, no log, no thread (decision C6).

    So it waits for none of the changes before it, either.
    """
    room = context.subscriber.rooms.get(request.session_id)
    if room is None:
        raise SessionNotFound(sessionId=request.session_id)
    cursor = CursorMoved(room.user_id, request.position, request.session_id, request.focused_entity)
    room.move(cursor, asyncio.get_running_loop().time())
