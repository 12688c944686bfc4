"""The subscribers of a feed by the topics that they follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from sync.delivery.encodings import Encoding, Frames
from sync.delivery.outbox import Outbox
from sync.delivery.raw_outbox import RawOutboxes
from sync.delivery.subscriber import Subscriber


class Outboxes(Protocol):
    """The outboxes of a crowd that take the same encoding."""

    def push(self, frames: Frames, but: Collection[Outbox] = ()) -> None:
        """Push to all of them but these."""
        ...

    def push_latest(
        self, topic: str, key: str, frames: Frames, but: Collection[Outbox] = ()
    ) -> None: ...


class EachAlone:
    """The outboxes of those that nothing is shared by: of another server than ours."""

    def __init__(self, outboxes: list[Outbox]) -> None:
        self._outboxes = outboxes

    def push(self, frames: Frames, but: Collection[Outbox] = ()) -> None:
        for outbox in self._outboxes:
            if outbox not in but:
                outbox.push(frames)

    def push_latest(
        self, topic: str, key: str, frames: Frames, but: Collection[Outbox] = ()
    ) -> None:
        for outbox in self._outboxes:
            if outbox not in but:
                outbox.push_latest(topic, key, frames)


class Crowd:
    """The followers of one topic that are delivered to now."""

    __slots__ = ("_of_users", "_outboxes", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[Subscriber, None] = {}
        # Made when they are first needed, and anew after somebody came or went.
        self._outboxes: Mapping[Encoding, Outboxes] | None = None
        self._of_users: Mapping[str, list[Outbox]] | None = None

    def add(self, subscriber: Subscriber) -> None:
        self.subscribers[subscriber] = None
        self._outboxes = self._of_users = None

    def remove(self, subscriber: Subscriber) -> None:
        self.subscribers.pop(subscriber, None)
        self._outboxes = self._of_users = None

    def outboxes(self) -> Mapping[Encoding, Outboxes]:
        """Return all of them, by encoding; valid until somebody comes or goes."""
        outboxes = self._outboxes
        if outboxes is None:
            found: dict[Encoding, list[Any]] = {}
            for subscriber in self.subscribers:
                found.setdefault(subscriber.encoding, []).append(subscriber.outbox)
            outboxes = self._outboxes = {
                encoding: RawOutboxes(of_it) if encoding.raw else EachAlone(of_it)
                for encoding, of_it in found.items()
            }
        return outboxes

    def of_user(self, user_id: str) -> Collection[Outbox]:
        """Return the outboxes of the user's connections."""
        of_users = self._of_users
        if of_users is None:
            found: dict[str, list[Outbox]] = {}
            for subscriber in self.subscribers:
                if subscriber.principal is not None:
                    found.setdefault(subscriber.principal.user_id, []).append(subscriber.outbox)
            of_users = self._of_users = found
        return of_users.get(user_id, ())


NOBODY = Crowd()


class Followers:
    """Those that are delivered to now by topic, and those that are paused beside them."""

    def __init__(self) -> None:
        self._by_topic: dict[str, Crowd] = {}
        self._paused: set[Subscriber] = set()

    def attach(self, subscriber: Subscriber) -> None:
        """Deliver what concerns the subscriber's topics to it."""
        self._paused.discard(subscriber)
        for topic in subscriber.topics:
            self._join(topic, subscriber)

    def detach(self, subscriber: Subscriber) -> None:
        """Deliver nothing to the subscriber until it is attached again."""
        self._paused.add(subscriber)
        for topic in subscriber.topics:
            self._leave(topic, subscriber)

    def forget(self, subscriber: Subscriber) -> None:
        self.detach(subscriber)
        self._paused.discard(subscriber)

    def follow(self, subscriber: Subscriber, topics: Iterable[str]) -> None:
        for topic in topics:
            subscriber.topics.add(topic)
            if not subscriber.paused:
                self._join(topic, subscriber)

    def unfollow(self, subscriber: Subscriber, topics: Iterable[str]) -> None:
        for topic in topics:
            subscriber.topics.discard(topic)
            self._leave(topic, subscriber)

    def followed(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Return those of the topics that anybody follows who is delivered to."""
        return tuple(topic for topic in topics if topic in self._by_topic)

    def of(self, topic: str) -> Crowd:
        """Return the topic's followers that are delivered to."""
        return self._by_topic.get(topic, NOBODY)

    def of_any(self, topics: Iterable[str]) -> tuple[Crowd, Collection[Subscriber]]:
        """Return the largest crowd, and the followers of the other topics who are not in it.

        Together each follower once, however many of its topics match (decision S5).
        """
        crowds = [self._by_topic[topic] for topic in topics if topic in self._by_topic]
        if len(crowds) < 2:
            return (crowds[0] if crowds else NOBODY), ()
        largest = max(crowds, key=lambda crowd: len(crowd.subscribers))
        others: dict[Subscriber, None] = {}
        for crowd in crowds:
            if crowd is not largest:
                others.update(crowd.subscribers)
        return largest, others.keys() - largest.subscribers.keys()

    def has_paused(self) -> bool:
        return bool(self._paused)

    def paused_of(self, topic: str) -> Iterator[Subscriber]:
        """Yield the topic's followers that are paused."""
        return (subscriber for subscriber in self._paused if topic in subscriber.topics)

    def _join(self, topic: str, subscriber: Subscriber) -> None:
        crowd = self._by_topic.get(topic)
        if crowd is None:
            crowd = self._by_topic[topic] = Crowd()
        crowd.add(subscriber)

    def _leave(self, topic: str, subscriber: Subscriber) -> None:
        crowd = self._by_topic.get(topic)
        if crowd is not None:
            crowd.remove(subscriber)
            if not crowd.subscribers:
                del self._by_topic[topic]
