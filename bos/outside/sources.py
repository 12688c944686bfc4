"""Declare the messages that leave the socket: entities whose events are told outside, and the
categories about which people choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from bos.models import Choice, Medium, Notification, User
from sync.eventlog.log import LoggedEvent


class Withheld(Exception):
    """Nothing is to be sent any more; its text says why."""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The words about one thing, as they are told outside.

    path: of the page about it, here; action: the words of the link to it. severity: of an alert.
    file: called where a mail can hold one.
    is_good: it tells that something is over. restricted: only people who see its department may
    read it.
    """

    title: str
    text: str = ""
    path: str = "/"
    action: str = "Open it"
    severity: str = ""
    is_good: bool = False
    restricted: bool = False
    file: Callable[[], Attachment | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something has happened to an entity, of which people and channels are told outside.

    moment: which of the things that can happen to it. people: the ids of users, each with a
    category. topic: what a channel must want in order to be told, 'alerts' or 'reports'; empty
    where none is. after: only channels that were told of this moment before.
    """

    entity_id: str
    moment: str
    people: Sequence[tuple[UUID, str]] = ()
    topic: str = ""
    severity: str = ""
    restricted: bool = False
    after: str = ""


class Source:
    """An entity of which people or channels are told outside: subclass it, and list it in a
    Feature."""

    entity_type: ClassVar[str]

    def told(self, organization_id: str, events: Sequence[LoggedEvent]) -> Iterable[Told]:
        """Yield what these events of the entity have to tell outside.

        Runs in the transaction of the processor.
        """
        raise NotImplementedError

    def letter(
        self, organization_id: UUID, entity_id: str, moment: str, user: User | None
    ) -> Letter:
        """Return the words, by what is there now and what the user may see of it now.

        user: None for a channel. Raises Withheld.
        """
        raise NotImplementedError


def _always(notification: Notification) -> None:
    """Withhold nothing."""


def _front_page(notification: Notification) -> str:
    return "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """Messages about which a person chooses as one.

    title: in the page of choices. reason: what follows on "You get this because". email, push:
    what counts for those who have not chosen.
    notifications: the categories of the stored notifications that it takes; severities: of these
    only, where there are some. require: called before one is sent; raises Withheld where its user
    may not be told of it any more. path: of the page about it.
    """

    name: str
    title: str
    reason: str
    email: Choice
    push: Choice = Choice.AT_ONCE
    notifications: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    require: Callable[[Notification], None] = _always
    path: Callable[[Notification], str] = _front_page

    def default(self, medium: str) -> Choice:
        return self.email if medium == Medium.EMAIL else self.push

    def takes(self, notification: Notification) -> bool:
        if notification.category not in self.notifications:
            return False
        severity = str(notification.data.get("severity", ""))
        return not self.severities or severity in self.severities


OTHER = Category(
    name="other",
    title="Everything else",
    reason="it concerns you",
    email=Choice.DAILY,
)
"""Of a notification that no category takes."""

_sources: dict[str, Source] = {}
_categories: dict[str, Category] = {}


def add_source(source: Source) -> None:
    _sources[source.entity_type] = source


def add_category(category: Category) -> None:
    _categories[category.name] = category


def sources() -> Mapping[str, Source]:
    return _sources


def told_entities() -> KeysView[str]:
    """Return the entity types that are told outside; those that are added later come into it."""
    return _sources.keys()


def categories() -> list[Category]:
    """Return all of them as a person reads them: what is told soonest first."""
    soonest = [Choice.AT_ONCE, Choice.DAILY, Choice.NEVER]
    return [*sorted(_categories.values(), key=lambda one: soonest.index(one.email)), OTHER]


def category_named(name: str) -> Category:
    """Return the category of this name; one that is not there any more is as any other."""
    return _categories.get(name, OTHER)


def category_of(notification: Notification) -> Category:
    taking = (each for each in _categories.values() if each.takes(notification))
    return next(taking, OTHER)
