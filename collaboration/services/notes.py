"""Notes of sessions and on things. Everything runs in the caller's transaction.

A note is in a place: a session, running or ended (decisions C5, C7), or a thing (C8). Each change
locks the place first: the session's row, or the thing's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import ForeignKey, Q
from django.utils import timezone

from bos import things
from bos.entities import NotificationSubject
from bos.ids import canonical_uuids
from bos.models import Notification, Role, User
from bos.notifying import notify
from bos.permissions import has_role
from collaboration.entities import Position
from collaboration.errors import SessionNotFound
from collaboration.models import (
    Annotation,
    ContentType,
    NotedThing,
    Session,
)
from collaboration.services import on_things
from collaboration.services.sessions import (
    followable_by,
    is_followable_by,
    locked,
    may_take_part,
    own_participant,
)
from collaboration.usage import (
    require_room_for_note,
    size_of,
    use,
)
from sync.eventlog.cascade import below
from sync.eventlog.threads import in_batches
from sync.eventlog.writer import Row
from sync.protocol.errors import InvalidMessage, NotFound, Unauthorized
from sync.protocol.identity import Principal, acting, current_actor

AT_ONCE = 100
"""Each is an event: nobody else's change should wait long for the organization's log."""
MENTION = "mention"
"""Category of the notifications that tell of a mention."""
MENTIONS_YOU = " mentions you"
_parent = Annotation._meta.get_field("parent")
assert isinstance(_parent, ForeignKey)
PARENT: ForeignKey[Any, Any] = _parent
Place = Session | NotedThing


def rows_of_annotation(principal: Principal, annotation_id: str) -> list[Row]:
    """Return the rows that a change of a note locks: its session, or what holds the right to its
    thing; none where there is no such note."""
    of_tenant = Annotation.objects.of(principal.organization_id)
    found = of_tenant.filter(pk__in=canonical_uuids([annotation_id]))
    for session_id, type_, id_ in found.values_list("session_id", "entity_type", "entity_id"):
        if session_id is not None:
            return [(Session, session_id)]
        return things.rows_of_thing(principal, type_, id_)
    return []


def annotation_create(
    principal: Principal,
    session_id: str | None,
    *,
    position: tuple[float, float, float],
    content: str,
    content_type: str,
    entity: tuple[str, str] | None,
    parent_id: str | None,
    mentions: Collection[str] = (),
) -> Annotation:
    """Pin a note: in the session, which may have ended for a reply, or on the entity.

    Raises SessionNotFound; Unauthorized where the principal is not in the session, may not see the
    entity, only reads, or mentions somebody who may not see the note; NotFound (the parent);
    RateLimitExceeded where there are too many notes.
    """
    is_reply = parent_id is not None
    place = _place_to_write_in(principal, session_id, entity, is_reply=is_reply)
    require_room_for_note(place, more=size_of(content), is_new=True)
    parent = None
    if parent_id is not None:
        parent = _in(place).filter(pk__in=canonical_uuids([parent_id])).first()
        if parent is None:
            raise NotFound(field="parentId")
    mentioned = _mentionable(place, mentions)
    x, y, z = position
    entity_type, entity_id = entity or ("", "")
    annotation = Annotation(
        **_named(place),
        author_id=principal.user_id,
        parent=parent,
        x=x,
        y=y,
        z=z,
        content=content,
        content_type=content_type,
        entity_type=entity_type,
        entity_id=entity_id,
        mentions=list(mentioned),
    )
    annotation.save(force_insert=True)
    _tell(annotation, place, mentioned.values(), by=principal)
    return annotation


def _place_to_write_in(
    principal: Principal,
    session_id: str | None,
    entity: tuple[str, str] | None,
    *,
    is_reply: bool,
) -> Place:
    if session_id is None:
        if entity is None:
            raise Unauthorized(field="entity")
        if not may_take_part(principal):
            raise Unauthorized
        return on_things.thing_to_write_on(principal, *entity)
    session = locked(principal, session_id, or_ended=is_reply)
    _require_inside(principal, session)
    if not may_take_part(principal):
        raise Unauthorized(sessionId=session_id)
    return session


def _require_inside(principal: Principal, session: Session, *, anywhere: bool = False) -> None:
    """Raises Unauthorized for users who are not in the session; where it has ended, SessionNotFound
    for those who may not follow it."""
    if session.ended_at is None:
        own_participant(session, principal)
    elif not anywhere and not is_followable_by(principal, session):
        raise SessionNotFound(sessionId=str(session.pk))


def _named(place: Place) -> dict[str, Place]:
    return {"session" if isinstance(place, Session) else "thing": place}


def _in(place: Place) -> Any:
    return Annotation.objects.filter(**_named(place))


# ------------------------------------------------------------------ mentions


def _mentionable(place: Place, user_ids: Collection[str]) -> dict[str, User]:
    """Return these users by id, each once. Raises Unauthorized where one may not see the note."""
    wanted = list(dict.fromkeys(user_ids))
    if not wanted:
        return {}
    active = User.objects.of(place.organization_id).people().filter(is_active=True)
    users = {str(user.pk): user for user in active.filter(pk__in=canonical_uuids(wanted))}
    if len(users) != len(wanted) or not _may_all_see(place, users):
        raise Unauthorized(field="mentions")
    return {id_: users[id_] for id_ in wanted}


def _may_all_see(place: Place, users: dict[str, User]) -> bool:
    if isinstance(place, NotedThing):
        return on_things.all_may_see(place, users.values())
    inside = User.objects.filter(
        Q(pk=place.host_id)
        | Q(participations__session=place)
        | Q(session_invitations__session=place),
        pk__in=users,
    )
    return set(inside.distinct().values_list("pk", flat=True)) == {u.pk for u in users.values()}


def _not_told(note: Annotation, users: Collection[User]) -> list[User]:
    """Return those of the users whom the note has not mentioned before: they are told once each."""
    if not users:
        return []
    told = Notification.objects.of(note.place.organization_id).filter(
        user__in=users, category=MENTION, data__annotationId=str(note.pk)
    )
    was_told = set(told.values_list("user_id", flat=True))
    return [user for user in users if user.pk not in was_told]


def _tell(note: Annotation, place: Place, users: Collection[User], *, by: Principal) -> None:
    """Notify the users that the note mentions them; not those who mention themselves."""
    others = [user for user in users if str(user.pk) != by.user_id]
    if not others:
        return
    about = NotificationSubject(annotation_id=str(note.pk), mentioned_by=by.user_id)
    if isinstance(place, Session):
        about.session_id = str(place.pk)
    if note.entity_type:
        about.entity_type, about.entity_id = note.entity_type, note.entity_id
    notify(
        others,
        place.organization_id,
        category=MENTION,
        title=f"{by.name}{MENTIONS_YOU}",
        message=f"In a note on {where(place)}.",
        about=about,
    )


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

    Raises InvalidMessage where a note on a thing is to be pinned elsewhere, Unauthorized where one
    who is newly mentioned may not see it, RateLimitExceeded where it grows and there are too many
    bytes of notes.
    """
    annotation = _changeable(principal, annotation_id, session_id, may=_may_edit)
    place = annotation.place
    if isinstance(place, NotedThing):
        _require_to_stay(annotation, changes)
    mentioned: dict[str, User] = {}
    if "mentions" in changes:
        known, wanted = set(annotation.mentions), list(dict.fromkeys(changes["mentions"]))
        mentioned = _mentionable(place, [id_ for id_ in wanted if id_ not in known])
        changes = changes | {"mentions": wanted}
    if "content" in changes:
        more = size_of(changes["content"]) - size_of(annotation.content)
        if more > 0:
            require_room_for_note(place, more=more, is_new=False)
        use(place, size=more)
    for field, value in changes.items():
        setattr(annotation, field, value)
    annotation.revision += 1
    annotation.save(update_fields=[*changes, "revision", "updated_at"])
    _tell(annotation, place, _not_told(annotation, mentioned.values()), by=principal)
    return annotation


def _require_to_stay(annotation: Annotation, changes: dict[str, Any]) -> None:
    for field in ("entity_type", "entity_id"):
        if changes.get(field, getattr(annotation, field)) != getattr(annotation, field):
            named = "payload.entity" if changes[field] else "payload.unpin"
            raise InvalidMessage(named, "a note on a thing stays there")


def annotation_resolve(
    principal: Principal, annotation_id: str, session_id: str | None, *, resolved: bool
) -> Annotation:
    """Mark it as resolved, or as open again. By its author, the session's host, and managers.

    Raises NotFound where it is so already.
    """
    annotation = _changeable(principal, annotation_id, session_id, may=_may_resolve)
    if not resolve(annotation, resolved=resolved, user_id=principal.user_id):
        reason = "it is resolved already" if resolved else "it is open already"
        raise NotFound(annotationId=annotation_id, reason=reason)
    return annotation


def resolve(annotation: Annotation, *, resolved: bool, user_id: UUID | str) -> bool:
    """annotation: as it is in the database, locked. Whether it was otherwise."""
    if (annotation.resolved_at is not None) == resolved:
        return False
    annotation.resolved_at = timezone.now() if resolved else None
    annotation.resolved_by_id = user_id if resolved else None
    annotation.revision += 1
    annotation.save(update_fields=["resolved_at", "resolved_by", "revision", "updated_at"])
    return True


def annotation_delete(principal: Principal, annotation_id: str, session_id: str | None) -> None:
    """Delete a note with its replies. By its author or the session's host; by admins where it is on
    a thing or of a session that has ended.

    Raises LongThread where it has too many replies to be deleted at once.
    """
    note = _changeable(principal, annotation_id, session_id, may=_may_delete)
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
    note = _changeable(principal, annotation_id, session_id, may=_may_delete)
    _in(note.place).filter(pk__in=replies).delete()


def delete_in_parts(notes: Sequence[Annotation]) -> None:
    """Delete notes, those that reply to others after them, a part a transaction."""
    for part in _parts([note.pk for note in notes]):
        Annotation.objects.filter(pk__in=part).delete()


# ------------------------------------------------------------------ who may change a note

May = Callable[[Principal, Annotation], bool]


def _may_edit(principal: Principal, note: Annotation) -> bool:
    host_id = note.place.host_id if isinstance(note.place, Session) else None
    return principal.user_id in (str(note.author_id), str(host_id))


def _may_resolve(principal: Principal, note: Annotation) -> bool:
    return _may_edit(principal, note) or has_role(principal, Role.MANAGER)


def _may_delete(principal: Principal, note: Annotation) -> bool:
    meets = isinstance(note.place, Session) and note.place.ended_at is None
    return _may_edit(principal, note) or (has_role(principal, Role.ADMIN) and not meets)


def _changeable(
    principal: Principal, annotation_id: str, session_id: str | None, *, may: May
) -> Annotation:
    """The annotation, locked after its place.

    Raises Unauthorized for what one may not see or change, NotFound for what is not there in a
    session that one may see, SessionNotFound where the session is none of ours.
    """
    # An admin deletes also what an ended session has left that was others'.
    anywhere = may is _may_delete and has_role(principal, Role.ADMIN)
    place = _place_of(principal, annotation_id, session_id, anywhere=anywhere)
    # Read once it is locked: what was changed before is seen. Not every change locks a session.
    rows = _in(place).filter(pk__in=canonical_uuids([annotation_id]))
    found: Annotation | None = rows.select_for_update(no_key=True).first()
    if found is None:
        raise NotFound(annotationId=annotation_id)
    for name, row in _named(place).items():
        setattr(found, name, row)
    if not may(principal, found):
        raise Unauthorized(annotationId=annotation_id)
    return found


def _place_of(
    principal: Principal, annotation_id: str, session_id: str | None, *, anywhere: bool
) -> Place:
    """The annotation's place, locked; it never changes. anywhere: also an ended session that the
    principal may not follow."""
    if session_id is None:
        of_tenant = Annotation.objects.of(principal.organization_id)
        notes = of_tenant.filter(pk__in=canonical_uuids([annotation_id]))
        thing_id = notes.values_list("thing_id", flat=True).first()
        if thing_id is not None:
            noted = on_things.thing_of_note(principal, thing_id)
            if noted is None:
                raise Unauthorized(annotationId=annotation_id)
            return noted
        session_id = _session_of(principal, notes, anywhere=anywhere)
        if session_id is None:
            raise Unauthorized(annotationId=annotation_id)
    session = locked(principal, session_id, or_ended=True)
    _require_inside(principal, session, anywhere=anywhere)
    return session


def _session_of(principal: Principal, notes: Any, *, anywhere: bool) -> str | None:
    visible = Session.objects.of(principal.organization_id).filter(annotations__in=notes)
    if not anywhere:
        visible = visible.filter(followable_by(principal))
    session_id = visible.values_list("pk", flat=True).first()
    return None if session_id is None else str(session_id)


# ------------------------------------------------------------------ in the admin


def where(place: Place) -> str:
    """Return in words what a note is about."""
    if isinstance(place, NotedThing):
        return on_things.words_for(place)
    return f"the session “{place.title}”"


def notes_resolve(keys: Sequence[UUID], *, user: User, resolved: bool) -> int:
    """Resolve these notes, or open them again, in batches; how many were not so before."""
    changed = 0
    for some in in_batches(keys, AT_ONCE):
        with transaction.atomic():
            rows = Annotation.objects.filter(pk__in=some).order_by("pk")
            for note in rows.select_for_update(no_key=True):
                changed += resolve(note, resolved=resolved, user_id=user.pk)
    return changed


@transaction.atomic
def note_reply(note: Annotation, content: str, *, user: User) -> Annotation | None:
    """Reply where the note is; None where that is archived. Raises RateLimitExceeded."""
    model: Any = type(note.place)
    place = model.objects.select_for_update(no_key=True).get(pk=note.place.pk)
    if isinstance(place, NotedThing) and place.archived:
        return None
    require_room_for_note(place, more=size_of(content), is_new=True)
    reply = Annotation(
        **_named(place),
        author=user,
        parent=note,
        x=note.x,
        y=note.y,
        z=note.z,
        content=content,
        content_type=ContentType.TEXT,
        entity_type=note.entity_type,
        entity_id=note.entity_id,
    )
    reply.save(force_insert=True)
    return reply
