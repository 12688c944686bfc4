"""Participants and their states, as the keeper of presence sees to them (C4).

Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from collaboration.models import (
    Participant,
    Session,
    State,
    Vouch,
)
from collaboration.services.sessions import (
    TIMEOUT,
    enter,
    hand_on,
    leave,
    locked_if_free,
    note_presence,
    present,
    session_end,
    set_state,
    to_change,
)


def participant_missing(session_id: str, user_id: str) -> None:
    """No process sees the participant: `disconnected`, where somebody is not at the session."""
    if locked_if_free(session_id) is not None:
        only_from = {State.ACTIVE, State.IDLE}
        participant_set_state(session_id, user_id, State.DISCONNECTED, only_from=only_from)


def participant_set_state(
    session_id: str, user_id: str, state: State, *, only_from: Collection[State]
) -> bool:
    """Move a participant who is in one of the states `only_from` to this one; whether they were."""
    session = (
        Session.objects.select_for_update(no_key=True).filter(pk=session_id, ended_at=None).first()
    )
    if session is None:
        return False
    own = present(session).filter(user_id=user_id, state__in=only_from)
    participant = to_change(own).first()
    if participant is None:
        return False
    set_state(participant, state)
    note_presence(session)
    return True


def participant_return(session_id: str, user_id: str, state: State) -> bool:
    """Undo what was said of a participant who is connected all the same (decision C4).

    `disconnected` becomes `state` again; who has left by timeout is let in again as if they had
    always been there, but for a host's role that has passed. Who left in another way has left.
    False where the session has filled up meanwhile: there is no place any more.
    """
    session = locked_if_free(session_id)
    if session is None:
        return True
    own = to_change(session.participants.filter(user_id=user_id)).first()
    if own is None:
        return True
    if own.left_at is not None:
        if own.left_reason != TIMEOUT:
            return True
        if present(session).count() >= session.max_participants:
            return False
        enter(own, own.joined_at)
    elif own.state != State.DISCONNECTED:
        return True
    if own.state != state:
        set_state(own, state)
    note_presence(session)
    return True


def vouch(presence_keys: Collection[str], seconds: float) -> None:
    """For so long, none of these participants is missing, whatever Redis knows."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    # Sorted: two processes that vouch for the same people lock the rows in one order.
    Vouch.objects.bulk_create(
        [Vouch(place=key, until=until) for key in sorted(set(presence_keys))],
        update_conflicts=True,
        unique_fields=["place"],
        update_fields=["until"],
    )
    Vouch.objects.filter(until__lt=now - timedelta(days=1)).delete()


def vouched() -> set[str]:
    return set(Vouch.objects.filter(until__gt=timezone.now()).values_list("place", flat=True))


ParticipantKey = tuple[str, str]
"""A participant: session id, user id."""


def present_participants() -> dict[ParticipantKey, str]:
    """Return those who should be connected somewhere now, with the id of their organization."""
    rows = Participant.objects.filter(left_at=None, session__ended_at=None)
    connected = rows.exclude(state=State.DISCONNECTED)
    fields = connected.values_list("session_id", "user_id", "session__organization_id")
    return {(str(session_id), str(user_id)): str(of) for session_id, user_id, of in fields}


def overdue_participants(grace: float) -> list[tuple[str, str]]:
    """(organization id, id) of participants who have been disconnected for longer than this."""
    long_ago = timezone.now() - timedelta(seconds=grace)
    rows = Participant.objects.filter(
        left_at=None, session__ended_at=None, state=State.DISCONNECTED, state_since__lt=long_ago
    )
    found = rows.values_list("session__organization_id", "pk")
    return [(str(organization_id), str(pk)) for organization_id, pk in found]


def participant_time_out(participant_id: str, grace: float) -> None:
    """Let one who did not come back leave; a host's role passes to the longest present."""
    session_id = Participant.objects.filter(pk=participant_id).values_list("session_id").first()
    if session_id is None:
        return
    session = locked_if_free(session_id[0])
    if session is None:
        return
    long_ago = timezone.now() - timedelta(seconds=grace)
    overdue = Participant.objects.filter(
        pk=participant_id, left_at=None, state=State.DISCONNECTED, state_since__lt=long_ago
    )
    participant = to_change(overdue).first()
    if participant is None:
        return
    leave(participant, reason=TIMEOUT)
    if participant.user_id == session.host_id:
        heirs = present(session).exclude(state=State.DISCONNECTED).order_by("joined_at")
        heir = heirs.first() or present(session).order_by("joined_at").first()
        if heir is not None:
            hand_on(session, heir)
    note_presence(session)


def empty_sessions(since: datetime) -> list[tuple[str, UUID]]:
    """(organization id, id) of running sessions in which nobody has been connected since then."""
    running = Session.objects.filter(ended_at=None, empty_since__lt=since)
    found = running.values_list("organization_id", "pk")
    return [(str(organization_id), pk) for organization_id, pk in found]


def session_end_if_empty(session_id: UUID, since: datetime) -> None:
    session = locked_if_free(session_id)
    if session is not None and session.empty_since is not None and session.empty_since < since:
        session_end(session, reason="empty")
