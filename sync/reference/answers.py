"""The answers of each request, for both references: AsyncAPI and the page of messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sync.protocol import registry
from sync.protocol.answers import (
    BEFORE_AUTH,
    NEVER_MALFORMED,
    OF_ANY,
    OF_THE_SIGNED_IN,
    Answer,
    AnswerKind,
    Refusal,
)
from sync.protocol.errors import InvalidMessage
from sync.protocol.messages import Error
from sync.protocol.registry import RequestType, name_of

KINDS: dict[AnswerKind, str] = {
    AnswerKind.REPLY: "to the requester alone, with the `requestId` of the request",
    AnswerKind.COPY: (
        "the requester's own copy of an event, with the `requestId`; everybody else's has none"
    ),
    AnswerKind.NOTICE: "without the `requestId`, which is in `data.requestId`",
}


def message_key(name: str, *, from_client: bool) -> str:
    """Return what a message in one direction is called in the AsyncAPI document."""
    return f"{'client' if from_client else 'server'}.{name}"


# ------------------------------------------------------------------ AsyncAPI


def operations(channel: str) -> dict[str, Any]:
    """Return an operation for each request, with what answers it, and one for all that is sent.

    The codes of a request's ERROR are an extension (`x-errors`): an ERROR of its own for each
    request would be as many types in a generated client.
    """
    asked = {
        name: _operation("receive", channel, [message_key(name, from_client=True)])
        | _answers(request, channel)
        for name, request in sorted(registry.client_messages.items())
    }
    sent = [message_key(name, from_client=False) for name in sorted(registry.server_messages)]
    return asked | {"toClients": _operation("send", channel, sent)}


def _operation(action: str, channel: str, keys: Iterable[str]) -> dict[str, Any]:
    return {"action": action} | _messages(channel, keys)


def _messages(channel: str, keys: Iterable[str]) -> dict[str, Any]:
    return {
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{key}"} for key in keys],
    }


def _answers(request: RequestType, channel: str) -> dict[str, Any]:
    names = dict.fromkeys([*(name_of(a.message) for a in request.answers), name_of(Error)])
    own = _codes(request.errors)
    errors = {"own": own, "any": sorted(request.codes - set(own))}
    reply = _messages(channel, [message_key(name, from_client=False) for name in names])
    reply["x-answers"] = [_answer(answer) for answer in request.answers]
    each = {"x-each": request.each} if request.each else {}
    return {"reply": reply, "x-errors": errors} | each


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {
        "message": name_of(answer.message),
        "comes": str(answer.kind),
        "ends": answer.ends,
    }
    if answer.codes:
        described["codes"] = [str(code) for code in answer.codes]
    return described


def _codes(errors: Iterable[Refusal]) -> list[str]:
    return sorted(str(error.code) for error in errors)


# ------------------------------------------------------------------ the page of messages


def answers_section() -> str:
    """Return what holds of the answers of all requests."""
    lines = [
        "## Answers\n",
        "Each request below says what answers it, and how that comes:\n",
        *(f"- {kind}: {meaning}." for kind, meaning in KINDS.items()),
        "",
        "The answer that ends a request is the last one that is sure to come. An `ERROR` ends it,"
        " too, but where it refuses one of several items: then the others are served. A request"
        " without a `requestId` is served alike, but its answers cannot be recognized.\n",
        f"Any request may be refused with {_or(_codes(OF_ANY))}, and any but {_or(BEFORE_AUTH)}"
        f" with {_or(_codes(OF_THE_SIGNED_IN))}; a {_or(NEVER_MALFORMED)} never with"
        f" `{InvalidMessage.code}`.\n",
    ]
    return "\n".join(lines)


def answers_table(request: RequestType) -> str:
    """Return what answers this request, in a table."""
    lines = [] if request.answers else ["Nothing answers it but an `ERROR`.\n"]
    lines += ["| answer | comes as | ends the request |", "|---|---|---|"]
    lines += [
        _row(
            _link(answer.message) + (f": {_or(map(str, answer.codes))}" if answer.codes else ""),
            f"{answer.kind}, {answer.note}" if answer.note else str(answer.kind),
            ends=answer.ends,
        )
        for answer in request.answers
    ]
    own, of_any = _or(_codes(request.errors)), "what [any request](#answers) may get"
    if request.each:
        lines.append(_row(f"{_link(Error)}: {own}", f"reply, one of `{request.each}`", ends=False))
        own = ""
    lines.append(_row(f"{_link(Error)}: {f'{own}, or ' if own else ''}{of_any}", "reply"))
    return "\n".join(lines) + "\n"


def _row(answer: str, comes_as: str, *, ends: bool = True) -> str:
    return f"| {answer} | {comes_as} | {'yes' if ends else 'no'} |"


def _link(message: type[registry.Message]) -> str:
    name = name_of(message)
    return f"[`{name}`](#{name.lower()}-from-the-server)"


def _or(names: Iterable[str]) -> str:
    *others, last = [f"`{name}`" for name in sorted(names)] or [""]
    return f"{', '.join(others)} or {last}" if others else last
