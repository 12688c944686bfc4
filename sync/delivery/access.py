"""Rights that change while people are connected (decision A5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from sync.delivery.subscriber import Subscriber
from sync.eventlog.log import LoggedEvent, append_look
from sync.eventlog.threads import in_database
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.close_codes import CloseCode
from sync.protocol.identity import Principal, current_actor
from sync.protocol.messages import Unsubscribed
from sync.protocol.rights import AccessChange
from sync.protocol.topics import Topic, authorize

if TYPE_CHECKING:
    from sync.delivery.feed import Feed


Revoked = Callable[["Feed", Subscriber, Collection[str]], None]
_watchers: list[Revoked] = []
add_watcher = _watchers.append
"""Call this with the subscriber and the topics that it has just lost."""


def withdraw(
    organization_id: str, *, entity_type: str, entity_id: str, access: AccessChange
) -> None:
    """Have every process look at these rights again; what has ended is in the log.

    Runs inside the caller's transaction, and takes effect with it. Nobody gets a message of it.
    """
    append_look(
        organization_id,
        entity_type=entity_type,
        entity_id=entity_id,
        change_type="deleted",
        access=access,
        actor=current_actor(),
    )


async def recheck(feed: Feed, change: AccessChange, *, ending: Collection[str]) -> None:
    """Close connections that have lost access, and unsubscribe from what may not be followed now.

    ending: topics of what is gone. The event that tells of it is on its way, and unsubscribes.
    """
    for subscriber in [c for c in feed.subscribers.values() if c.id in change.connections]:
        subscriber.close(CloseCode.FORBIDDEN)
    touched = list(_touched(feed, change))
    while touched:
        touched = await _look_at(feed, touched, ending)


async def _look_at(
    feed: Feed, connections: Iterable[Subscriber], ending: Collection[str]
) -> list[Subscriber]:
    """Look at the rights of these; those that have signed in anew meanwhile are to be looked at
    again."""
    asked = {
        subscriber: (subscriber.principal, frozenset(subscriber.topics))
        for subscriber in connections
        if subscriber.principal is not None and not subscriber.closing
    }
    if not asked:
        return []
    topics_of: dict[Principal, set[Topic]] = defaultdict(set)
    for principal, names in asked.values():
        topics_of[principal] |= {Topic.parse(name) for name in names}
    allowed = await in_database(_allowed, dict(topics_of))
    renewed = []
    for subscriber, (principal, names) in asked.items():
        still = allowed[principal]
        if subscriber.principal is not principal:
            renewed.append(subscriber)
        elif still is None:
            subscriber.close(CloseCode.FORBIDDEN)
        else:
            # What it has subscribed to meanwhile was granted by the new rights.
            revoke(feed, subscriber, (names - still).difference(ending) & subscriber.topics)
    return renewed


def _touched(feed: Feed, change: AccessChange) -> Iterable[Subscriber]:
    if change.everyone:
        return list(feed.subscribers.values())
    users = set(change.users)
    return {
        *(c for c in feed.subscribers.values() if c.principal and c.principal.user_id in users),
        *(c for topic in change.topics for c in feed.followers(topic)),
    }


def _allowed(topics_of: dict[Principal, set[Topic]]) -> dict[Principal, set[str] | None]:
    """Return the topics that each may still follow; None for those whose token no longer holds."""
    principals = list(topics_of)
    loaded = authenticator().load([Claims.of(principal) for principal in principals])
    return {
        principal: None
        if now is None or now.role != principal.role  # what a subscriber may do is decided by it
        else {str(topic) for topic in authorize(now, topics_of[principal])}
        for principal, now in zip(principals, loaded, strict=True)
    }


def revoke(feed: Feed, subscriber: Subscriber, lost: Collection[str]) -> None:
    """Unsubscribe the subscriber from these topics, and from all that hangs on them."""
    if not lost:
        return
    feed.unfollow(subscriber, lost)
    for topic in lost:
        subscriber.outbox.forget_latest(topic)
    subscriber.send(Unsubscribed(sorted(lost), "access_revoked"))
    for watch in _watchers:
        watch(feed, subscriber, lost)


def ended_topic(event: LoggedEvent) -> str | None:
    """Return the topic of what is gone by this event."""
    own = f"{event.entity_type}:{event.entity_id}"
    return own if event.change_type == "deleted" and own in event.topics() else None


def ending_topics(events: Iterable[LoggedEvent]) -> frozenset[str]:
    """Return topics whose end one of these events tells, and none before it shows anything on them.

    The right to what is shown may have ended sooner than the topic.
    """
    ending, shown = set[str](), set[str]()
    for event in events:
        ended = ended_topic(event)
        if ended is not None and ended not in shown:
            ending.add(ended)
        if event.change_type != "deleted":
            shown.update(event.topics())
    return frozenset(ending)
