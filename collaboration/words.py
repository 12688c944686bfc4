"""How the events of sessions, and of what is in them, read: see `bos.adminsite.words`."""

from __future__ import annotations

from collections.abc import Mapping

from bos.adminsite.phrases import shortened
from bos.adminsite.words import Happened, Wording, names_from
from collaboration.models import Session

IN_SESSION = {"sessionId": "session"}


def _of_session(happened: Happened) -> str:
    verbs = {"created": "opened", "updated": "changed", "deleted": "ended"}
    return f"{verbs.get(happened.kind, happened.kind)} the session “{happened.name}”"


def _session_of(happened: Happened) -> str:
    id_ = happened.told("sessionId")
    return f"“{happened.name_of('session', id_)}”" if id_ else "a session"


def _of_invitation(happened: Happened) -> str:
    user = happened.topic("user")
    name = happened.name_of("user", user) if user else "somebody"
    if happened.kind == "deleted":
        return f"ended an invitation of {name}"
    verb = "invited" if happened.kind == "created" else "changed the invitation of"
    return f"{verb} {name} to {_session_of(happened)}"


def _of_participant(happened: Happened) -> str:
    session, name = _session_of(happened), happened.told("userName")
    is_own = happened.told("userId") in (happened.event.actor_id, None)
    match happened.kind:
        case "created":
            return f"joined {session}" if is_own else f"had {name or 'somebody'} join {session}"
        case "deleted":
            return f"left {session}" if is_own else f"had {name or 'somebody'} leave {session}"
    return f"saw a participant of {session} change"


def _of_annotation(happened: Happened) -> str:
    if happened.kind == "deleted":
        return "deleted a note"
    verb = "wrote" if happened.kind == "created" else "changed"
    content, entity = happened.told("content"), happened.told("entity")
    text = f"the note “{shortened(content)}”" if isinstance(content, str) else "a note"
    if isinstance(entity, dict) and entity.get("id"):
        return f"{verb} {text} on {happened.name_of(str(entity.get('type')), entity.get('id'))}"
    return f"{verb} {text} in {_session_of(happened)}"


WORDS: Mapping[str, Wording] = {
    "session": Wording(say=_of_session, plural="sessions", names=names_from(Session, name="title")),
    "invitation": Wording(
        say=_of_invitation,
        plural="invitations",
        mentions=IN_SESSION,
        topics=("user",),
        is_quiet=True,
    ),
    "participant": Wording(
        say=_of_participant, plural="participants", mentions=IN_SESSION, is_quiet=True
    ),
    "annotation": Wording(say=_of_annotation, plural="notes", mentions=IN_SESSION),
}
