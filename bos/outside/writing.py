"""The words of a delivery, made when it is sent, by what its receiver may be told then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from bos.models import Choice, Delivery, DeliveryKind, OutsideChannel, User
from bos.outside.preferences import choice_of, choices_of
from bos.outside.sources import Letter, Withheld, category_named, sources
from bos.outside.stopping import ALL, DAILY

MOST_LISTED = 50
"""Messages that a mail of the day lists; of the others it says how many they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All that a delivery says. letters: one, or those of a bundle that are listed; more: how many
    are not.

    reason: why somebody gets it. stops: what the link in a mail ends, a category or all of a kind;
    empty for nothing.
    """

    subject: str
    letters: Sequence[Letter]
    reason: str
    more: int = 0
    stops: str = ""

    @property
    def severity(self) -> str:
        severities = {letter.severity for letter in self.letters}
        return next((each for each in ("critical", "warning") if each in severities), "info")


def receiver_of(delivery: Delivery) -> User | OutsideChannel:
    """Return the person or channel. Raises Withheld where it gets nothing any more."""
    if delivery.channel is not None:
        if not delivery.channel.is_active and delivery.kind != DeliveryKind.TEST:
            raise Withheld("The channel is switched off.")
        return delivery.channel
    user = delivery.user
    assert user is not None, "a delivery is for a person or a channel"
    is_member = user.organization_id == delivery.organization_id and not user.is_service
    if not is_member or not user.is_active or user.erased_at is not None:
        raise Withheld("The person has no access any more.")
    return user


def words_of(delivery: Delivery) -> Words:
    """Raises Withheld where nothing of it is to be told any more."""
    match delivery.kind:
        case DeliveryKind.TEST:
            return _test()
        case DeliveryKind.MESSAGE:
            return _message(delivery)
    return _bundle(delivery)


def _test() -> Words:
    letter = Letter(
        title="A test from BOS",
        text="It has arrived: messages reach you here.",
        action="Open BOS",
    )
    reason = "You get this because somebody has asked for a test."
    return Words(subject=letter.title, letters=[letter], reason=reason)


def _message(delivery: Delivery) -> Words:
    letter = _letter(delivery)
    category = category_named(delivery.category)
    return Words(
        subject=letter.title,
        letters=[letter],
        reason=f"You get this because {category.reason}.",
        stops=category.name,
    )


def _letter(delivery: Delivery) -> Letter:
    """Return the words of one thing. Raises Withheld."""
    source = sources().get(delivery.entity_type)
    if source is None:
        raise Withheld("Nothing tells of this any more.")
    user = delivery.user
    if user is not None:
        choices = choices_of([user.pk])
        chosen = choice_of(choices, user.pk, delivery.category, delivery.medium)
        if chosen == Choice.NEVER:
            raise Withheld("The person has chosen to get no such messages.")
    letter = source.letter(delivery.organization_id, delivery.entity_id, delivery.moment, user)
    if letter.restricted and delivery.channel is not None and not delivery.channel.restricted:
        raise Withheld("It is restricted to a department now, and the channel is not.")
    return letter


def _bundle(delivery: Delivery) -> Words:
    letters, count = list[Letter](), 0
    parts = delivery.parts.order_by("created_at", "pk").select_related("user", "channel")
    for part in parts:
        try:
            letter = _letter(part)
        except Withheld:
            continue
        count += 1
        if len(letters) < MOST_LISTED:
            letters.append(letter)
    if not letters:
        raise Withheld("All of it was read, or may not be told any more.")
    more = count - len(letters)
    if delivery.kind == DeliveryKind.DIGEST:
        subject = f"{count} message{'' if count == 1 else 's'} from BOS"
        reason = "You get this because you get these messages once a day."
        return Words(subject=subject, letters=letters, more=more, reason=reason, stops=DAILY)
    limit = settings.RECEIVER_MESSAGES_PER_HOUR
    reason = f"You get these as one because more than {limit} came within an hour."
    subject = f"And {count} more from BOS"
    return Words(subject=subject, letters=letters, more=more, reason=reason, stops=ALL)


def link(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"
