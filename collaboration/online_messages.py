"""The messages about users who are online: where they are, and what they look at."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from collaboration.entities import EntityRef, SessionData
from sync.protocol.messages import UserName
from sync.protocol.registry import Message, Request, WireId, message

# ------------------------------------------------------------------ from a client


@message("LOOKING")
class Looking(Request):
    """Say what you look at now: a KPI (`kpi`) or a department (`department`) that you may see;
    null: at none any more. It holds until the next one, or the end of the connection."""

    entity: EntityRef | None = None


@message("PRESENCE_REQUEST")
class PresenceRequest(Request):
    """Ask who is online. after: `next` of the answer before, where that had one."""

    after: Annotated[WireId | None, Meta(examples=[None])] = None


# ------------------------------------------------------------------ from the server


class Someone(Message):
    """A user, by name."""

    user_id: str
    user_name: UserName


class LookingAt(Message):
    """A user, and what they look at."""

    user_id: str
    user_name: UserName
    entity: EntityRef


class SessionPresence(Message):
    """A running session, and how many take part; which users, where one may join or follow it."""

    session: SessionData
    count: Annotated[int, Meta(examples=[1])]
    participants: list[Someone]


@message("LOOKING")
class Looked(Message):
    """Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The
    answer to a request repeats it.

    looking: false where that user looks at it on no device any more. An end that is lost with a
    killed server is not told: see PRESENCE.
    """

    user_id: str
    user_name: UserName
    entity: EntityRef | None
    looking: bool


@message("PRESENCE")
class Presence(Message):
    """Which users are online, a thousand at a time, in the order of their ids.

    In the first answer also what they look at, of what one may see, and the sessions that run and
    one may know of: the first thousand, and the newest hundred. No event tells of a change: ask
    again, some times a minute. Who came or went a moment ago may be missing or there; who was
    connected to a killed server is there for up to 45 s. complete: false where the server knows
    only of its own connections now.
    """

    online: list[Someone]
    next: Annotated[str | None, Meta(examples=[None])]
    complete: bool
    looking: list[LookingAt]
    sessions: list[SessionPresence]
