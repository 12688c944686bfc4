"""Rights that change while people are connected (decision A5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from sync.auth import Claims, authenticator
from sync.capture import AccessChange
from sync.closes import CloseCode
from sync.codecs import json_text
from sync.connection import Connection
from sync.database import in_database
from sync.log import PendingEvent, append
from sync.messages import Unsubscribed
from sync.principal import Principal, current_actor
from sync.topics import Audience, Topic, authorize

if TYPE_CHECKING:
    from sync.feed import Feed


def withdraw(
    organization_id: str, *, entity_type: str, entity_id: str, access: AccessChange
) -> None:
    """Have every process look at these rights again; what has ended is in the log.

    Runs inside the caller's transaction, and takes effect with it. Nobody gets a message of it.
    """
    append(
        PendingEvent(
            organization_id=organization_id,
            entity_type=entity_type,
            entity_id=entity_id,
            change_type="deleted",
            data="{}",
            live_type="",
            live="",
            actor=current_actor(),
            access=json_text(access),
            audience=Audience(),
        )
    )


async def recheck(feed: Feed, change: AccessChange) -> None:
    """Close whoever has lost access, and unsubscribe from what may no longer be followed."""
    for connection in [c for c in feed.connections if c.id in change.connections]:
        connection.close(CloseCode.FORBIDDEN)
    touched = list(_touched(feed, change))
    while touched:
        touched = await _look_at(feed, touched)


async def _look_at(feed: Feed, connections: Iterable[Connection]) -> list[Connection]:
    """Look at the rights of these; those that have signed in anew meanwhile are to be looked at
    again."""
    asked = {
        connection: (connection.principal, frozenset(connection.topics))
        for connection in connections
        if connection.principal is not None and not connection.closing
    }
    if not asked:
        return []
    topics_of: dict[Principal, set[Topic]] = defaultdict(set)
    for principal, names in asked.values():
        topics_of[principal] |= {Topic.parse(name) for name in names}
    allowed = await in_database(_allowed, dict(topics_of))
    renewed = []
    for connection, (principal, names) in asked.items():
        still = allowed[principal]
        if connection.principal is not principal:
            renewed.append(connection)
        elif still is None:
            connection.close(CloseCode.FORBIDDEN)
        else:
            # What it has subscribed to meanwhile was granted by the new rights.
            _unsubscribe(feed, connection, (names - still) & connection.topics)
    return renewed


def _touched(feed: Feed, change: AccessChange) -> Iterable[Connection]:
    if change.everyone:
        return list(feed.connections)
    users = set(change.users)
    return {
        *(c for c in feed.connections if c.principal and c.principal.user_id in users),
        *(c for topic in change.topics for c in feed.followers(topic)),
    }


def _allowed(topics_of: dict[Principal, set[Topic]]) -> dict[Principal, set[str] | None]:
    """What each may still follow; None for whom the token no longer holds."""
    principals = list(topics_of)
    loaded = authenticator().load([Claims.of(principal) for principal in principals])
    return {
        principal: None
        if now is None
        else {str(topic) for topic in authorize(now, topics_of[principal])}
        for principal, now in zip(principals, loaded, strict=True)
    }


def _unsubscribe(feed: Feed, connection: Connection, lost: Collection[str]) -> None:
    if lost:
        feed.unfollow(connection, lost)
        connection.send(Unsubscribed(sorted(lost), "access_revoked"))
