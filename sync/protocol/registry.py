"""Which messages there are, who sends them, and what handles a client's.

A message is a struct next to the feature that owns it:

    @message("ORDER_PLACE")
    class OrderPlace(Request):
        shop_id: WireId
        item: str

    @handles(OrderPlace, answers=[Answer.copy(OrderPlaced)], errors=[Unauthorized])
    async def order_place(context: Context, message: OrderPlace) -> Reply | None: ...

The decorators only mark what they decorate; it is served where a Feature lists it (`sync.feature`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.answers import Answer, Refusal, codes_of
from sync.protocol.errors import InvalidMessage, NotServed, Unauthorized

if TYPE_CHECKING:
    from sync.gateway.dispatcher import Context

WireId = Annotated[str, Meta(min_length=1, max_length=64, description="An opaque id.")]


class Message(msgspec.Struct, rename="camel", omit_defaults=True):
    """Payload of a message that the server sends, or a part of one.

    A field with a default is left out where it has that value. A field that is always sent, also as
    null, has none.
    """

    wire: ClassVar[Wire]


class EntityData(msgspec.Struct, rename="camel"):
    """An entity as clients keep it: `data` of its SYNC_UPDATE, whole. One struct an entity type.

    The class's docstring says what the entity is, and which channels' snapshots show it.
    """

    id: str


ChangeType = Literal["created", "updated", "deleted"]
CHANGE_TYPES: tuple[ChangeType, ...] = get_args(ChangeType)


class EntityMessage(Message, kw_only=True):
    """Payload of a message that tells of a change to an entity, as sync messages do."""

    entity_type: str | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: ChangeType | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Wire:
    """The words of `message` about a struct: its name on the wire, and what it shows."""

    name: str
    subject: Subject | None


@dataclass(frozen=True, slots=True)
class Subject:
    """The entity in an EntityMessage: one of these types, and the field with its id."""

    entities: tuple[str, ...]
    named: str
    """The payload's own field that is the entity's id; empty where only `entityId` is."""
    changes: tuple[ChangeType, ...] = CHANGE_TYPES
    """Values that `changeType` may have."""


class Request(msgspec.Struct, rename="camel"):
    """Payload of a message that a client sends. Unknown extra fields are ignored (E1)."""

    wire: ClassVar[Wire]


# Answers with a Reply, the task of a change that is answered by its event, or None: a coroutine
# function, but for what is served at once.
Handler = Callable[["Context", Any], Any]
Price = int | Callable[[Any], int]
"""Units of work (see `sync.delivery.budgets`), or how many by the payload."""
R = TypeVar("R", bound=type[msgspec.Struct])


@dataclass(frozen=True, slots=True)
class Handles:
    """A handler, and what is to be known of the request that it serves: see `handles`."""

    struct: type[Request]
    function: Handler
    answers: tuple[Answer, ...]
    errors: tuple[Refusal, ...]
    each: str
    pipelined: bool
    cost: Price
    frequent: bool
    at_once: bool
    only_reads: bool


@dataclass(slots=True)
class RequestType:
    """pipelined: the next frame is read while this request is committed.

    Its handler queues its change before it first waits, so changes keep their order; whatever is
    not pipelined waits for the changes before it.
    answers, errors, each, at_once, only_reads: see `handles`. codes: of every ERROR that may answer
    it.
    """

    name: str
    struct: type[Request]
    handler: Handler | None = None
    pipelined: bool = False
    at_once: bool = False
    only_reads: bool = False
    cost: Price = 1
    answers: tuple[Answer, ...] = ()
    errors: tuple[Refusal, ...] = ()
    each: str = ""
    codes: frozenset[str] = frozenset()

    def price(self, message: Request) -> int:
        """Return the price of this request, in units of work."""
        return self.cost if isinstance(self.cost, int) else self.cost(message)


client_messages: dict[str, RequestType] = {}
server_messages: dict[str, type[Message]] = {}
subjects: dict[str, Subject] = {}
"""By the name of an EntityMessage."""
ALIASES: dict[str, str] = {}
"""Types that clients may send for a request: the document calls them 'Bidirectional' (E5)."""
FREQUENT: set[str] = set()
"""Requests with a budget of their own, outside of the messages that are counted (decision L2)."""


def message(
    name: str,
    *,
    shows: Sequence[str] = (),
    named: str = "",
    changes: Sequence[ChangeType] = CHANGE_TYPES,
) -> Callable[[R], R]:
    """Say a payload struct's name on the wire; its base class says who sends it.

    shows, named, changes: of an EntityMessage, see Subject.
    PING, PONG and others are sent by both: a struct for each.
    """

    def declare(struct: R) -> R:
        if not issubclass(struct, Request | Message):
            raise TypeError(f"{struct.__name__} is neither a Request nor a Message")
        if issubclass(struct, EntityMessage) != bool(shows):
            raise ValueError(f"{name}: an EntityMessage, and nothing else, shows an entity")
        struct.wire = Wire(name, Subject(tuple(shows), named, tuple(changes)) if shows else None)
        return struct

    return declare


def handles(
    struct: type[Request],
    *,
    answers: Sequence[Answer],
    errors: Sequence[Refusal] = (),
    each: str = "",
    pipelined: bool = False,
    cost: Price = 1,
    frequent: bool = False,
    at_once: bool = False,
    only_reads: bool = False,
) -> Callable[[Handler], Handles]:
    """Declare that a function serves this request.

    answers: every message that may answer it; `[]` where none does. errors: those it may be refused
    with, beside those of any request (see `sync.protocol.answers`). each: the field of the payload
    of whose items each is refused by an ERROR of its own while the others are served.
    pipelined: see RequestType. cost: what of the work of a user and an organization it takes.
    frequent: it is counted by itself and has a budget of its own (`Connection.count`).
    at_once: the function is a plain one, which waits for nothing and answers with a Reply or None:
    it is called where the frame is read, without a queue or a task.
    only_reads: it changes nothing and has no work done, so a machine's key needs no scope for it
    but that of AUTH. Any other request needs `write`, and is refused with UNAUTHORIZED without.
    """

    def declare(function: Handler) -> Handles:
        if iscoroutinefunction(function) is at_once:
            raise TypeError(f"{function.__name__}: `async def`, or at_once; not both, nor neither")
        told = tuple(answers), tuple(errors), each
        return Handles(struct, function, *told, pipelined, cost, frequent, at_once, only_reads)

    return declare


def add_message(struct: type[Request] | type[Message]) -> None:
    wire = struct.wire
    if issubclass(struct, Request):
        client_messages[wire.name] = RequestType(wire.name, struct)
        return
    server_messages[wire.name] = struct
    if wire.subject is not None:
        subjects[wire.name] = wire.subject


def add_handler(handles: Handles) -> None:
    """Raises KeyError where the request is none that a feature has listed."""
    request = client_messages[name_of(handles.struct)]
    request.handler = handles.function
    request.pipelined = handles.pipelined
    request.at_once = handles.at_once
    request.only_reads = handles.only_reads
    request.cost = handles.cost
    request.answers, request.errors, request.each = handles.answers, handles.errors, handles.each
    of_scope = () if request.only_reads else (Unauthorized,)
    request.codes = codes_of(request.name, {*request.errors, *of_scope})
    if handles.frequent:
        FREQUENT.add(request.name)


def name_of(struct: type[Request] | type[Message]) -> str:
    return struct.wire.name


def resolve(type_: str) -> tuple[RequestType, Handler]:
    """Return the request that a client means by this type.

    Raises InvalidMessage for a type that clients do not send, NotServed where it has no handler.
    """
    request = client_messages.get(ALIASES.get(type_, type_))
    if request is None:
        reason = "only the server sends this type" if type_ in server_messages else "unknown type"
        raise InvalidMessage("type", reason)
    if request.handler is None:
        raise NotServed(type=request.name)
    return request, request.handler
