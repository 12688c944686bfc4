"""The bases of all that is sent: see `bos_client.protocol`, which is generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from typing import Literal as OneOf
else:

    class OneOf:
        """Values that the server is known to send; a checker of types takes it for a `Literal`.

        Decoded, any string is one: a value that a newer server adds is no reason to lose an event.
        """

        def __class_getitem__(cls, values: Any) -> type[str]:
            return str


class Payload(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Payload of a message, or a part of one. A field that may be missing is UNSET then."""


class EntityData(Payload):
    """An entity as clients keep it, whole: `data` of its SYNC_UPDATE."""

    id: str


R = TypeVar("R")


class Request(Payload, Generic[R]):
    """Payload of a message that is answered by a payload of type R."""

    TYPE: ClassVar[str]
    REPLY: ClassVar[str]
    NOTICED: ClassVar[bool] = False
    """Whether a failure may be told later, by a NOTIFICATION that names the request."""


class Signal(Payload):
    """Payload of a message that nothing answers."""

    TYPE: ClassVar[str]


class Frame(msgspec.Struct, rename="camel", kw_only=True):
    """A message of the server. What is not declared is ignored."""

    TYPE: ClassVar[str]
    timestamp: str
    request_id: str | UnsetType = UNSET


__all__ = [
    "UNSET",
    "EntityData",
    "Frame",
    "OneOf",
    "Payload",
    "Request",
    "Signal",
    "UnsetType",
]
