"""The subscribers of a feed by the topics that they follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sync.delivery.subscriber import Subscriber


class Followers:
    """Those that are delivered to now by topic, and those that are paused beside them."""

    def __init__(self) -> None:
        self._by_topic: dict[str, dict[Subscriber, None]] = {}
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

    def of(self, topic: str) -> Collection[Subscriber]:
        """Return the topic's followers that are delivered to."""
        return self._by_topic.get(topic, ())

    def of_any(self, topics: Iterable[str]) -> Collection[Subscriber]:
        """Return each follower once, however many of its topics match (decision S5)."""
        groups = [self._by_topic[topic] for topic in topics if topic in self._by_topic]
        if len(groups) < 2:
            return groups[0] if groups else ()
        followers: dict[Subscriber, None] = {}
        for group in groups:
            followers.update(group)
        return followers

    def paused_of(self, topic: str) -> Iterator[Subscriber]:
        """Yield the topic's followers that are paused."""
        return (subscriber for subscriber in self._paused if topic in subscriber.topics)

    def _join(self, topic: str, subscriber: Subscriber) -> None:
        self._by_topic.setdefault(topic, {})[subscriber] = None

    def _leave(self, topic: str, subscriber: Subscriber) -> None:
        followers = self._by_topic.get(topic)
        if followers is not None:
            followers.pop(subscriber, None)
            if not followers:
                del self._by_topic[topic]
