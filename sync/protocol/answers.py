"""The answers of a request, as they are declared where the request is handled (decision E8).

    @handles(OrderPlace, answers=[Answer.copy(OrderPlaced)], errors=[Unauthorized, NotFound])

answers: the messages that carry the `requestId` of the request, or name it; none is `[]`. errors:
what the request is refused with beside what any request may be refused with, which is declared here
once. `sync.checks` checks the declarations at start-up, the dispatcher those of errors as it goes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sync.protocol.errors import (
    AuthenticationRequired,
    InternalServerError,
    InvalidMessage,
    ProtocolError,
    RateLimitExceeded,
    TokenExpired,
)

if TYPE_CHECKING:
    from sync.protocol.registry import Message

Refusal = type[ProtocolError]

BEFORE_AUTH = frozenset({"AUTH", "PING", "PONG"})
"""The requests that are served before AUTH, and after the token has expired (A1, A3)."""
NEVER_MALFORMED = frozenset({"PONG"})
"""A sign of life, whatever else it says: it asks for nothing."""
OF_ANY: tuple[Refusal, ...] = (InvalidMessage, RateLimitExceeded, InternalServerError)
"""The refusals of any request."""
OF_THE_SIGNED_IN: tuple[Refusal, ...] = (AuthenticationRequired, TokenExpired)
"""The further refusals of any request that is not served before AUTH."""


class AnswerKind(StrEnum):
    """How an answer comes."""

    REPLY = "reply"
    COPY = "copy"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that answers a request.

    ends: whether it is the last one that is sure to come. codes: of a message that refuses the
    request, as ERROR does; empty for any other. note: when it comes, in words, where that is not
    plain.
    """

    message: type[Message]
    kind: AnswerKind
    ends: bool = True
    codes: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def reply(cls, message: type[Message], *, ends: bool = True, note: str = "") -> Answer:
        """Declare a message to the requester alone, with their requestId."""
        return cls(message, AnswerKind.REPLY, ends, note=note)

    @classmethod
    def copy(cls, message: type[Message], *, ends: bool = True, note: str = "") -> Answer:
        """Declare the requester's own copy of an event, in its order, with their requestId (E3)."""
        return cls(message, AnswerKind.COPY, ends, note=note)

    @classmethod
    def notice(cls, message: type[Message], *, note: str) -> Answer:
        """Declare a message without the requestId, which names the request in `data.requestId`."""
        return cls(message, AnswerKind.NOTICE, note=note)

    @classmethod
    def failure(cls, message: type[Message], codes: Collection[str]) -> Answer:
        """Declare a refusal that is a message of its own, with these codes."""
        return cls(message, AnswerKind.REPLY, codes=tuple(sorted(codes)))


def codes_of(name: str, errors: Collection[Refusal]) -> frozenset[str]:
    """Return every code of an ERROR that may answer the request of this name.

    errors: the request's own.
    """
    codes = {error.code for error in (*errors, *OF_ANY)}
    if name not in BEFORE_AUTH:
        codes |= {error.code for error in OF_THE_SIGNED_IN}
    return frozenset(codes - {InvalidMessage.code} if name in NEVER_MALFORMED else codes)
