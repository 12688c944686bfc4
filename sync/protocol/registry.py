"""Which messages there are, who sends them, and what handles a client's.

A message is a struct next to the feature that owns it:

    @message("KPI_UPDATE")
    class KpiUpdate(Request):
        kpi_id: WireId
        value: Number

    @handles(KpiUpdate, answers=[Answer.copy(KpiUpdated)], errors=[Unauthorized])
    async def kpi_update(context: Context, message: KpiUpdate) -> Reply | None: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.answers import Answer, Refusal, codes_of
from sync.protocol.errors import ErrorCode, InvalidMessage, NotServed

if TYPE_CHECKING:
    from sync.gateway.dispatcher import Context

WireId = Annotated[str, Meta(min_length=1, max_length=64, description="An opaque id.")]


class Message(msgspec.Struct, rename="camel", omit_defaults=True):
    """Payload of a message that the server sends."""


class EntityMessage(Message, kw_only=True):
    """Payload of a message that tells of a change to an entity, as sync messages do."""

    entity_type: str | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: Literal["created", "updated", "deleted"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Shown:
    """The entity in an EntityMessage: one of these types, and the field with its id."""

    entities: tuple[str, ...]
    named: str
    """The payload's own field that is the entity's id; empty where only `entityId` is."""


class Request(msgspec.Struct, rename="camel"):
    """Payload of a message that a client sends. Unknown extra fields are ignored (E1)."""


# Returns a Reply, the task of a change that is answered by its event, or None.
Handler = Callable[["Context", Any], Awaitable[Any]]
Price = int | Callable[[Any], int]
"""Units of work (see `sync.delivery.budgets`), or how many by the payload."""
R = TypeVar("R", bound=type[msgspec.Struct])
H = TypeVar("H", bound=Callable[..., Awaitable[Any]])


@dataclass(slots=True)
class RequestType:
    """pipelined: the next frame is read while this request is committed.

    Its handler queues its change before it first waits, so changes keep their order; whatever is
    not pipelined waits for the changes before it.
    answers, errors, each: see `handles`. codes: of every ERROR that may answer it.
    """

    name: str
    struct: type[Request]
    handler: Handler | None = None
    pipelined: bool = False
    cost: Price = 1
    answers: tuple[Answer, ...] = ()
    errors: tuple[Refusal, ...] = ()
    each: str = ""
    codes: frozenset[ErrorCode] = frozenset()

    def price(self, message: Request) -> int:
        """Return the price of this request, in units of work."""
        return self.cost if isinstance(self.cost, int) else self.cost(message)


requests: dict[str, RequestType] = {}
events: dict[str, type[Message]] = {}
shown: dict[str, Shown] = {}
"""By the name of an EntityMessage."""
_names: dict[type[msgspec.Struct], str] = {}

# The document calls these types 'Bidirectional': sent by a client they mean the request (E5).
ALIASES = {
    "SESSION_CREATED": "SESSION_CREATE",
    "SESSION_JOINED": "SESSION_JOIN",
    "SESSION_LEFT": "SESSION_LEAVE",
    "ANNOTATION_CREATED": "ANNOTATION_CREATE",
    "ANNOTATION_UPDATED": "ANNOTATION_UPDATE",
    "ANNOTATION_DELETED": "ANNOTATION_DELETE",
}


def message(name: str, *, shows: Sequence[str] = (), named: str = "") -> Callable[[R], R]:
    """Register a payload struct under its wire name; its base class says who sends it.

    shows, named: of an EntityMessage, see Shown.
    PING, PONG, CURSOR_MOVE and NOTIFICATION_READ are sent by both and registered for each.
    """

    def register(struct: R) -> R:
        if issubclass(struct, Request):
            if name in requests:
                raise ValueError(f"the request {name} is registered twice")
            requests[name] = RequestType(name, struct)
        elif issubclass(struct, Message):
            if name in events:
                raise ValueError(f"the message {name} is registered twice")
            events[name] = struct
            if issubclass(struct, EntityMessage) != bool(shows):
                raise ValueError(f"{name}: an EntityMessage, and nothing else, shows an entity")
            if shows:
                shown[name] = Shown(tuple(shows), named)
        else:
            raise TypeError(f"{struct.__name__} is neither a Request nor a Message")
        _names[struct] = name
        return struct

    return register


def handles(
    struct: type[Request],
    *,
    answers: Sequence[Answer],
    errors: Sequence[Refusal] = (),
    each: str = "",
    pipelined: bool = False,
    cost: Price = 1,
) -> Callable[[H], H]:
    """Register the handler of a request.

    answers: every message that may answer it; `[]` where none does. errors: those it may be refused
    with, beside those of any request (see `sync.protocol.answers`). each: the field of the payload
    of whose items each is refused by an ERROR of its own while the others are served.
    cost: what of the work of a user and an organization it takes.
    """

    def register(handler: H) -> H:
        request = requests[_names[struct]]
        if request.handler is not None:
            raise ValueError(f"{request.name} has two handlers")
        request.handler = handler
        request.pipelined = pipelined
        request.cost = cost
        request.answers, request.errors, request.each = tuple(answers), tuple(errors), each
        request.codes = codes_of(request.name, request.errors)
        return handler

    return register


def name_of(struct: type[msgspec.Struct]) -> str:
    return _names[struct]


def resolve(type_: str) -> tuple[RequestType, Handler]:
    """Return the request that a client means by this type.

    Raises InvalidMessage for a type that clients do not send, NotServed where it has no handler.
    """
    request = requests.get(ALIASES.get(type_, type_))
    if request is None:
        reason = "only the server sends this type" if type_ in events else "unknown type"
        raise InvalidMessage("type", reason)
    if request.handler is None:
        raise NotServed(type=request.name)
    return request, request.handler
