"""Notes of sessions. Everything runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from django.db.models import ForeignKey

from bos.ids import canonical_uuids
from collaboration.entities import Position
from collaboration.models import (
    Annotation,
    ContentType,
    Session,
)
from collaboration.services.sessions import followable_by, locked, own_participant
from collaboration.usage import (
    require_room_for_note,
    size_of,
    use,
)
from sync.eventlog.cascade import below
from sync.eventlog.writer import Row
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Principal, acting, current_actor

AT_ONCE = 100
"""Each is an event: nobody else's change should wait long for the organization's log."""
_parent = Annotation._meta.get_field("parent")
assert isinstance(_parent, ForeignKey)
PARENT: ForeignKey[Any, Any] = _parent


def rows_of_annotation(organization_id: str, annotation_id: str) -> list[Row]:
    """The same, of an annotation's session; none where there is no such annotation."""
    of_tenant = Annotation.objects.filter(session__organization_id=organization_id)
    found = of_tenant.filter(pk__in=canonical_uuids([annotation_id]))
    return [(Session, id_) for id_ in found.values_list("session_id", flat=True)]


def annotation_create(
    principal: Principal,
    session_id: str,
    *,
    position: tuple[float, float, float],
    content: str,
    content_type: str,
    entity: tuple[str, str] | None,
    parent_id: str | None,
) -> Annotation:
    """Pin a note.

    Raises SessionNotFound, Unauthorized (not in it), NotFound (the parent), RateLimitExceeded where
    there are too many notes.
    """
    session = locked(principal, session_id)
    own_participant(session, principal)
    require_room_for_note(session, more=size_of(content), is_new=True)
    parent = None
    if parent_id is not None:
        parent = Annotation.objects.filter(
            session=session, pk__in=canonical_uuids([parent_id])
        ).first()
        if parent is None:
            raise NotFound(field="parentId")
    x, y, z = position
    entity_type, entity_id = entity or ("", "")
    annotation = Annotation(
        session=session,
        author_id=principal.user_id,
        parent=parent,
        x=x,
        y=y,
        z=z,
        content=content,
        content_type=content_type,
        entity_type=entity_type,
        entity_id=entity_id,
    )
    annotation.save(force_insert=True)
    return annotation


def annotation_pin(
    organization_id: str,
    session_id: str,
    *,
    about: str,
    position: Position,
    content: str,
    entity: tuple[str, str],
) -> Annotation | None:
    """Pin a note of the system's into a running session: once for what it is `about`.

    about: id of what the note tells of. Several processes may ask for the same note: its id is made
    of what it is about, and whoever comes second finds it there (None).
    """
    session = (
        Session.objects.of(organization_id)
        .select_for_update(no_key=True)
        .filter(pk__in=canonical_uuids([session_id]), ended_at=None)
        .first()
    )
    if session is None:
        return None
    id_ = uuid5(session.pk, about)
    if Annotation.objects.filter(pk=id_).exists():
        return None
    entity_type, entity_id = entity
    annotation = Annotation(
        id=id_,
        session=session,
        content=content,
        content_type=ContentType.TEXT,
        entity_type=entity_type,
        entity_id=entity_id,
        x=position.x,
        y=position.y,
        z=position.z,
    )
    annotation.save(force_insert=True)
    return annotation


def annotation_update(
    principal: Principal, annotation_id: str, session_id: str | None, changes: dict[str, Any]
) -> Annotation:
    """Change some of its fields. By its author or the session's host (decision C5).

    Raises RateLimitExceeded where it grows and there are too many bytes of notes.
    """
    annotation = _changeable(principal, annotation_id, session_id)
    if "content" in changes:
        more = size_of(changes["content"]) - size_of(annotation.content)
        if more > 0:
            require_room_for_note(annotation.session, more=more, is_new=False)
        use(annotation.session_id, size=more)
    for field, value in changes.items():
        setattr(annotation, field, value)
    annotation.revision += 1
    annotation.save(update_fields=[*changes, "revision", "updated_at"])
    return annotation


def annotation_delete(principal: Principal, annotation_id: str, session_id: str | None) -> None:
    """Delete a note with its replies. By its author or the session's host.

    Raises LongThread where it has too many replies to be deleted at once.
    """
    note = _changeable(principal, annotation_id, session_id)
    replies = [reply.pk for reply in below(PARENT, [note])]
    if len(replies) > AT_ONCE:
        raise LongThread(replies)
    with acting(current_actor().besides()):
        Annotation.objects.filter(pk__in=replies).delete()
    note.delete()


class LongThread(Exception):
    """The note has too many replies to be deleted with it; nothing was changed."""

    def __init__(self, replies: list[UUID]) -> None:
        """replies: with replies to replies after them."""
        super().__init__()
        self.parts = list(_parts(replies))


def _parts(notes: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """The last first: deleted in this order, no part has replies that are not in it."""
    for end in range(len(notes), 0, -AT_ONCE):
        yield notes[max(end - AT_ONCE, 0) : end]


def replies_delete(
    principal: Principal, annotation_id: str, session_id: str | None, replies: Collection[UUID]
) -> None:
    """Delete some of a note's replies, by a user who may delete the note."""
    note = _changeable(principal, annotation_id, session_id)
    Annotation.objects.filter(session=note.session_id, pk__in=replies).delete()


def delete_in_parts(notes: Sequence[Annotation]) -> None:
    """Delete notes, those that reply to others after them, a part a transaction."""
    for part in _parts([note.pk for note in notes]):
        Annotation.objects.filter(pk__in=part).delete()


def _changeable(principal: Principal, annotation_id: str, session_id: str | None) -> Annotation:
    """The annotation, locked after its session.

    Raises Unauthorized for what one may not see or change, NotFound for what is not there in a
    session that one may see, SessionNotFound where the session has ended or is none of ours.
    """
    if session_id is not None:
        session = locked(principal, session_id)
    else:
        session = _session_of(principal, annotation_id)
    own_participant(session, principal)
    of_session = Annotation.objects.filter(session=session, pk__in=canonical_uuids([annotation_id]))
    # Read once it is locked: what was changed before is seen. Not every change locks a session.
    found = of_session.select_for_update(no_key=True).first()
    if found is None:
        raise NotFound(annotationId=annotation_id)
    if principal.user_id not in (str(found.author_id), str(session.host_id)):
        raise Unauthorized(annotationId=annotation_id)
    found.session = session
    return found


def _session_of(principal: Principal, annotation_id: str) -> Session:
    """The annotation's session, locked. It never changes."""
    visible = Session.objects.of(principal.organization_id).filter(
        followable_by(principal), annotations__in=canonical_uuids([annotation_id])
    )
    session_id = visible.values_list("pk", flat=True).first()
    if session_id is None:
        raise Unauthorized(annotationId=annotation_id)
    return locked(principal, str(session_id))
