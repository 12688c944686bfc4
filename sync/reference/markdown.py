"""docs/messages.md: the messages for people to read, made of the same structs."""

from __future__ import annotations

import json

from django.apps import apps

from sync.conf import sync_settings
from sync.gateway.connection import UNLIMITED
from sync.protocol.caps import caps
from sync.protocol.close_codes import CloseCode
from sync.protocol.messages import SyncDelete, SyncUpdate
from sync.protocol.registry import ALIASES, FREQUENT, client_messages
from sync.protocol.topics import kinds
from sync.reference.answers import answers_section, answers_table
from sync.reference.asyncapi import (
    SYNC_ACTIONS,
    Entry,
    entries,
    error_actions,
    error_meanings,
    schemas,
)
from sync.reference.examples import example
from sync.reference.schemas import Schema, name_of
from sync.reference.tables import anchor, cell, fields_table, filled, pages_of_data

HEAD = """# Messages

Written by `make docs` from the message structs; [asyncapi.json](asyncapi.json) says the same to
programs. How a client uses them is in [writing-a-client.md](writing-a-client.md).

Every message is an object `{"type", "payload", "requestId", "timestamp", "version"}`: JSON in a
text frame, MessagePack in a binary frame (or JSON, if it begins with `{`).

- `type` is upper case; `payload` is an object and may be missing where no field is required.
  `null` is as if missing wherever a field, or the payload, may be missing. An integer may be
  written as 5.0. A `PONG` is a sign of life whatever else it says.
- `requestId`, 1 to 128 characters, comes back in the answer, and in nobody else's copy. A request
  that changes something has one effect however often it is sent with the same `requestId` within
  ten minutes, and answers with the first outcome. So an id belongs to one request of the user, on
  whatever connection or device: make it random (a UUID).
  Numbers that begin again at 1 after a reload are answered with an old outcome, or refused with
  `INVALID_MESSAGE_FORMAT` and a `details.hint` where the body is another.
- `timestamp` is in every message from the server, in UTC and whole seconds. Clients may send any
  RFC 3339 time with an offset; it is cut to the microsecond, never rounded.
- `version` is `1.x` or missing.
- Unknown fields are ignored. What is malformed gets an `ERROR` and changes nothing.
- A message has at most 1 MB (before `AUTH` 16 kB), then 1009, and at most 10,000 values.
"""
CHANNELS = """## Channels

`kind:id`; kinds are {kinds}. An id has 1 to 64
characters of `A-Z a-z 0-9 . _ -`. One event reaches a connection once, however many of its channels
match.
"""


def reference_text() -> str:
    components = schemas()
    shared = _shared_types(components)
    parts = [HEAD, CHANNELS.format(kinds=", ".join(f"`{kind}`" for kind in kinds()))]
    parts += [answers_section(), "## All of them\n", _contents()]
    for area in _areas():
        parts.append(f"## {area}\n")
        parts += [_section(entry, components) for entry in entries() if entry.area == area]
    parts.append("## Types used above\n")
    parts += [_type_section(name, components) for name in shared]
    parts += [_aliases(), _errors(), _work(), _caps(), _closes()]
    return filled("\n".join(parts))


def _areas() -> list[str]:
    """In the order in which the applications are loaded: each builds on those before it."""
    used = {entry.area for entry in entries()}
    names = [str(config.verbose_name) for config in apps.get_app_configs()]
    return [name for name in names if name in used]


def _contents() -> str:
    lines = ["| message | direction | meaning |", "|---|---|---|"]
    for name in sorted({entry.name for entry in entries()}):
        both = [entry for entry in entries() if entry.name == name]
        direction = "both" if len(both) == 2 else _direction(both[0])
        link = f"[`{name}`](#{_anchor(both[0])})"
        lines.append(f"| {link} | {direction} | {cell(_short(both[0]))} |")
    return "\n".join(lines) + "\n"


def _direction(entry: Entry) -> str:
    return "client → server" if entry.from_client else "server → client"


def _anchor(entry: Entry) -> str:
    return anchor(entry.name, from_client=entry.from_client)


def _payload(entry: Entry, components: dict[str, Schema]) -> str:
    schema = components[entry.struct.__name__]
    if entry.struct is not SyncUpdate:
        return fields_table(schema, components)
    one = components[name_of(schema["oneOf"][0])]
    kinds = components[SyncDelete.__name__]["properties"]["entityType"]
    data = {"type": "object", "description": "As [its entityType](entities.md) says"}
    properties = one["properties"] | {"entityType": kinds, "data": data}
    return fields_table(one | {"properties": properties}, components)


def _short(entry: Entry) -> str:
    return entry.description + ("" if entry.served else " Not served yet.")


def _section(entry: Entry, components: dict[str, Schema]) -> str:
    who = "from a client" if entry.from_client else "from the server"
    parts = [f"### `{entry.name}` {who}\n", entry.description + "\n"]
    if not entry.served:
        parts.append(
            "This server knows the request but does not serve it yet: it answers `ERROR`.\n"
        )
    if entry.has_payload:
        parts.append(_payload(entry, components))
    if not entry.from_client:
        parts.append(_entity(entry) + "\n")
    elif entry.served:
        parts.append(answers_table(client_messages[entry.name]))
    shown = json.dumps(example(entry, components), indent=1, ensure_ascii=False)
    parts.append(f"```json\n{shown}\n```\n")
    return "\n".join(parts)


def _entity(entry: Entry) -> str:
    """Describe what a client with a map by (entityType, entityId) keeps of it."""
    if entry.struct in (SyncUpdate, SyncDelete):
        return "Entity: the one that `entityType` names; its id is `entityId`."
    if entry.subject is None:
        return "Entity: none."
    kinds = " or ".join(f"`{kind}`" for kind in entry.subject.entities)
    field = f"`{entry.subject.named}`, which is `entityId`" if entry.subject.named else "`entityId`"
    return f"Entity: {kinds}; its id is {field}."


def _type_section(name: str, components: dict[str, Schema]) -> str:
    schema = components[name]
    description = schema.get("description", "")
    parts = [
        f"### {name}\n",
        f"{description}\n" if description else "",
        fields_table(schema, components),
    ]
    return "\n".join(part for part in parts if part)


def _shared_types(components: dict[str, Schema]) -> list[str]:
    """Structs that payloads are made of."""
    elsewhere = {entry.struct.__name__ for entry in entries()} | pages_of_data().keys()
    elsewhere |= {name_of(one) for one in components[SyncUpdate.__name__]["oneOf"]}
    return sorted(
        name
        for name, schema in components.items()
        if schema.get("type") == "object" and name not in elsewhere and name != "Envelope"
    )


# ------------------------------------------------------------------ tables


def _aliases() -> str:
    lines = [
        "## Two names for one request\n",
        "Sent by a client, the name of the resulting message means the request.\n",
        "| sent | means |",
        "|---|---|",
        *(f"| `{alias}` | `{name}` |" for alias, name in sorted(ALIASES.items())),
    ]
    return "\n".join(lines) + "\n"


def _errors() -> str:
    lines = [
        "## Errors\n",
        "`code` of an `ERROR`. Nothing was changed unless `details.outcome` is `unknown`, and the"
        " connection stays open unless `details.closeCode` says otherwise.\n",
        "| code | meaning | what a client does |",
        "|---|---|---|",
    ]
    meanings = error_meanings()
    for code, action in sorted(error_actions().items()):
        lines.append(f"| `{code}` | {meanings[code]} | {action} |")
    lines += ["", "`code` of a `SYNC_ERROR`. Nothing of the sync was sent.\n"]
    lines += ["| code | what a client does |", "|---|---|"]
    lines += [f"| `{code}` | {action} |" for code, action in sorted(SYNC_ACTIONS.items())]
    return "\n".join(lines) + "\n"


def _work() -> str:
    sync = sync_settings()
    limits = map(sync.name_of, ("user_work_per_minute", "organization_work_per_minute"))
    lines = [
        "## What requests cost\n",
        "A user and an organization have so much work in any 60 s ("
        + ", ".join(f"`{limit}`" for limit in limits)
        + "); a unit is about a millisecond of one core. Over it"
        " nothing is done, and `RATE_LIMIT_EXCEEDED` carries `limit`, `window`, `retryAfter` and"
        " `scope`: `user` or `organization`; `connection` and `user` also where messages are too"
        " many.\n",
        "| request | units |",
        "|---|---|",
    ]
    for name, request in sorted(client_messages.items()):
        if request.handler is not None and name not in UNLIMITED | FREQUENT:
            cost = request.cost
            units = str(cost) if isinstance(cost, int) else (cost.__doc__ or "")
            lines.append(f"| `{name}` | {units} |")
    return "\n".join(lines) + "\n"


def _caps() -> str:
    lines = [
        "## What there may be at once\n",
        "Beyond it the request is refused with `RATE_LIMIT_EXCEEDED`, `limit` and this `scope`,"
        " without `retryAfter`: waiting alone does not help.\n",
        "| scope | of what | what makes room |",
        "|---|---|---|",
    ]
    lines += [f"| `{cap.scope}` | {cap.what} | {cap.remedy} |" for cap in caps()]
    return "\n".join(lines) + "\n"


def _closes() -> str:
    lines = [
        "## Close codes\n",
        "Each of the 44xx and 45xx is preceded by an `ERROR` with `details.closeCode`.\n",
        "| code | why | error before it | reconnect |",
        "|---|---|---|---|",
    ]
    for code in sorted(CloseCode):
        error = f"`{code.error}`" if code.error is not None else ""
        lines.append(
            f"| {int(code)} | {code.reason} | {error} | {'yes' if code.reconnect else 'no'} |"
        )
    return "\n".join(lines) + "\n"
