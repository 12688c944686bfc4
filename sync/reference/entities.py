"""The entities that clients mirror, as the models' registrations declare them.

`sync_update_type` makes of them what SYNC_UPDATE is: one struct an entity type, told apart by
`entityType`. What is sent has one struct for all, whose `data` is encoded already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, get_args, get_type_hints

import msgspec

from sync.eventlog.capture import registered
from sync.protocol import registry
from sync.protocol.answers import AnswerKind
from sync.protocol.messages import SyncUpdate
from sync.protocol.registry import EntityData, Message


def shows_always(name: str) -> bool:
    """Return whether each message of this name is an event, with all fields of an EntityMessage.

    One that answers a single connection has none of them, or its `sequence` alone: a reply, or one
    that may lack its entity's id.
    """
    subject = registry.subjects.get(name)
    if subject is None:
        return False
    struct = registry.server_messages[name]
    optional = {one.encode_name for one in msgspec.structs.fields(struct) if not one.required}
    replies = {
        answer.message
        for request in registry.client_messages.values()
        for answer in request.answers
        if answer.kind is AnswerKind.REPLY
    }
    return struct not in replies and subject.named not in optional


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity type by its name, and the structs that its `data` may be, told apart by a tag."""

    name: str
    shapes: tuple[type[EntityData], ...]

    @property
    def live_types(self) -> list[str]:
        """Names of the messages, SYNC_* besides, that tell of a change to it."""
        return [name for name, shown in registry.subjects.items() if self.name in shown.entities]


def entities() -> Iterator[Entity]:
    """Give every entity type that is ever sent, in the order of registration."""
    for synced in registered().values():
        if synced.shape is not None:
            yield Entity(synced.entity_type, get_args(synced.shape) or (synced.shape,))


def sync_update_type() -> Any:
    """Return SYNC_UPDATE as a union of structs by `entityType`, as clients should decode it."""
    return reduce(or_, [_sync_update_of(entity) for entity in entities()])


def _sync_update_of(entity: Entity) -> Any:
    types = get_type_hints(SyncUpdate, include_extras=True)
    types["data"] = reduce(or_, entity.shapes)
    del types["entity_type"]
    return msgspec.defstruct(
        f"{entity.name.title()}SyncUpdate",
        [(name, types[name]) for name in SyncUpdate.__struct_fields__ if name in types],
        bases=(Message,),
        module=__name__,
        namespace={"__doc__": f"SYNC_UPDATE of the entity type `{entity.name}`."},
        rename="camel",
        tag_field="entityType",
        tag=entity.name,
    )
