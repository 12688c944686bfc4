"""Which rows decide who may follow what, and whose access is looked at again (decision A5).

`authorize` of a topic kind, and the authenticator, read rows of the features. Each model that they
read is declared with its fields and with whom a change of them touches: with the topic kind (see
`sync.protocol.topics`), or as a feature's `reads`. From then on a change of these fields, and a
deletion, from whatever source, carries the look at those people's rights into the log
(`sync.eventlog.capture`), also where the change itself is no event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from django.db import models


class AccessChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The users whose rights an event touches; the hub looks at these before it delivers the event.

    users: these users' connections; topics: whoever follows these; everyone: the organization.
    connections: these are closed, whatever their rights are.
    """

    users: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    everyone: bool = False
    connections: tuple[str, ...] = ()


def merged(changes: Iterable[AccessChange]) -> AccessChange:
    """All that these touch."""
    users, topics, connections = dict[str, None](), dict[str, None](), dict[str, None]()
    everyone = False
    for change in changes:
        users |= dict.fromkeys(change.users)
        topics |= dict.fromkeys(change.topics)
        connections |= dict.fromkeys(change.connections)
        everyone = everyone or change.everyone
    return AccessChange(tuple(users), tuple(topics), everyone, tuple(connections))


@dataclass(frozen=True, slots=True)
class Reads:
    """The fields that an authorization reads of a model.

    fields: attnames (`shop_id`); whom: who may have lost something by a change of them,
    called with the row as it was and as it is, None where it was deleted. A row grants; that it is
    there takes nothing away from anybody. So a new one names nobody.
    """

    model: type[models.Model]
    fields: frozenset[str]
    whom: Callable[[Any, Any], AccessChange]


_reads: dict[type[models.Model], list[Reads]] = {}


def add_reads(*reads: Reads) -> None:
    """Declare what is read; the same declaration may serve several topic kinds."""
    for declared in reads:
        of_model = _reads.setdefault(declared.model, [])
        if declared not in of_model:
            of_model.append(declared)


def models_read() -> dict[type[models.Model], frozenset[str]]:
    """Fields that decide about somebody's access, by model."""
    return {model: fields_read(model) for model in _reads}


def fields_read(model: type[models.Model]) -> frozenset[str]:
    return frozenset().union(*(reads.fields for reads in _reads.get(model, ())))


def touched(
    model: type[models.Model], before: Any, after: Any, fields: frozenset[str]
) -> AccessChange | None:
    """Return who may have lost something by this change of a row; None where nobody can.

    before: the row as it was, None for a new one; after: as it is, None where it was deleted;
    fields: attnames of what has changed.
    """
    if before is None:
        return None
    deciding = [
        reads.whom(before, after)
        for reads in _reads.get(model, ())
        if after is None or not fields.isdisjoint(reads.fields)
    ]
    return merged(deciding) if deciding else None
