"""Notes of sessions. Everything runs in the caller's transaction."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from bos.permissions import uuids
from collaboration.models import (
    Annotation,
    ContentType,
    Session,
)
from collaboration.services.sessions import followable_by, locked, own_place
from collaboration.usage import (
    require_room_for_note,
    size_of,
    use,
)
from sync.errors import NotFound, Unauthorized
from sync.principal import Principal
from sync.writer import Row


def rows_of_annotation(organization_id: str, annotation_id: str) -> list[Row]:
    """The same, of an annotation's session; none where there is no such annotation."""
    of_tenant = Annotation.objects.filter(session__organization_id=organization_id)
    found = of_tenant.filter(pk__in=uuids([annotation_id]))
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
    own_place(session, principal)
    require_room_for_note(session, more=size_of(content), is_new=True)
    parent = None
    if parent_id is not None:
        parent = Annotation.objects.filter(session=session, pk__in=uuids([parent_id])).first()
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
    position: dict[str, float],
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
        .filter(pk__in=uuids([session_id]), ended_at=None)
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
        **position,
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
    """Delete a note with its replies. By its author or the session's host."""
    _changeable(principal, annotation_id, session_id).delete()


def _changeable(principal: Principal, annotation_id: str, session_id: str | None) -> Annotation:
    """The annotation, its session locked.

    Raises Unauthorized for what one may not see or change, NotFound for what is not there in a
    session that one may see, SessionNotFound where the session has ended or is none of ours.
    """
    of_tenant = Annotation.objects.filter(session__organization_id=principal.organization_id)
    found = of_tenant.filter(pk__in=uuids([annotation_id])).first()
    if session_id is not None:
        session = locked(principal, session_id)
        own_place(session, principal)
        if found is None or found.session_id != session.pk:
            raise NotFound(annotationId=annotation_id)
    elif found is None:
        raise Unauthorized(annotationId=annotation_id)
    else:
        session = _session_of(principal, found)
        own_place(session, principal)
    if principal.user_id not in (str(found.author_id), str(session.host_id)):
        raise Unauthorized(annotationId=annotation_id)
    return found


def _session_of(principal: Principal, annotation: Annotation) -> Session:
    visible = Session.objects.of(principal.organization_id).filter(
        followable_by(principal), pk=annotation.session_id
    )
    if not visible.exists():
        raise Unauthorized(annotationId=str(annotation.pk))
    return locked(principal, str(annotation.session_id))
