"""docs/messages.md: the messages for people to read, made of the same structs."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings

from sync.gateway.connection import FREQUENT, UNLIMITED
from sync.protocol.caps import caps
from sync.protocol.close_codes import CloseCode
from sync.protocol.messages import SyncDelete, SyncUpdate
from sync.protocol.registry import ALIASES, requests
from sync.protocol.topics import KINDS
from sync.reference.answers import answers_section, answers_table
from sync.reference.asyncapi import (
    ACTIONS,
    REF,
    SYNC_ACTIONS,
    Entry,
    Schema,
    document_text,
    entries,
    error_meanings,
    example,
    schemas,
)
from sync.reference.metrics import metrics_text

LINE = 100
WRAPPING: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}

HEAD = """# Messages

Written by `make docs` from the message structs; [asyncapi.json](asyncapi.json) says the same to
programs. How a client uses them is in [clients.md](clients.md).

Every message is an object `{"type", "payload", "requestId", "timestamp", "version"}`: JSON in a
text frame, MessagePack in a binary frame (or JSON, if it begins with `{`).

- `type` is upper case; `payload` is an object and may be missing where no field is required.
  `null` is as if missing wherever a field, or the payload, may be missing. An integer may be
  written as 5.0. A `PONG` is a sign of life whatever else it says.
- `requestId`, 1 to 128 characters, comes back in the answer, and in nobody else's copy. A request
  that changes something (`KPI_UPDATE`, `SESSION_*`, `ANNOTATION_*`) has one effect however often
  it is sent with the same `requestId` within ten minutes, and answers with the first outcome. So an
  id belongs to one request of the user, on whatever connection or device: make it random (a UUID).
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
    parts = [HEAD, CHANNELS.format(kinds=", ".join(f"`{kind}`" for kind in KINDS))]
    parts += [answers_section(), "## All of them\n", _contents()]
    for area in _areas():
        parts.append(f"## {area}\n")
        parts += [_section(entry, components) for entry in entries() if entry.area == area]
    parts.append("## Types used above\n")
    parts += [_type_section(name, components) for name in shared]
    parts += [_aliases(), _errors(), _work(), _caps(), _closes()]
    return _filled("\n".join(parts))


def _filled(page: str) -> str:
    """With long paragraphs in lines that a person reads; tables and examples as they are."""
    lines: list[str] = []
    for line in page.split("\n"):
        whole = len(line) <= LINE or line.startswith(("|", "#", " ", "{"))
        lines += [line] if whole else textwrap.wrap(line, LINE, **WRAPPING)
    return "\n".join(lines)


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
        lines.append(f"| {link} | {direction} | {_cell(_short(both[0]))} |")
    return "\n".join(lines) + "\n"


def _direction(entry: Entry) -> str:
    return "client → server" if entry.from_client else "server → client"


def _anchor(entry: Entry) -> str:
    return f"{entry.name.lower()}-{'from-a-client' if entry.from_client else 'from-the-server'}"


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
        parts.append(_fields(components[entry.struct.__name__], components))
    if not entry.from_client:
        parts.append(_entity(entry) + "\n")
    elif entry.served:
        parts.append(answers_table(requests[entry.name]))
    shown = json.dumps(example(entry, components), indent=1, ensure_ascii=False)
    parts.append(f"```json\n{shown}\n```\n")
    return "\n".join(parts)


def _entity(entry: Entry) -> str:
    """What a client keeps of it that has a map by (entityType, entityId)."""
    if entry.struct in (SyncUpdate, SyncDelete):
        return "Entity: the one that `entityType` names; its id is `entityId`."
    if entry.shown is None:
        return "Entity: none."
    kinds = " or ".join(f"`{kind}`" for kind in entry.shown.entities)
    field = f"`{entry.shown.named}`, which is `entityId`" if entry.shown.named else "`entityId`"
    return f"Entity: {kinds}; its id is {field}."


def _type_section(name: str, components: dict[str, Schema]) -> str:
    schema = components[name]
    description = schema.get("description", "")
    parts = [
        f"### {name}\n",
        f"{description}\n" if description else "",
        _fields(schema, components),
    ]
    return "\n".join(part for part in parts if part)


def _shared_types(components: dict[str, Schema]) -> list[str]:
    """Structs that payloads are made of."""
    payloads = {entry.struct.__name__ for entry in entries()}
    return sorted(
        name
        for name, schema in components.items()
        if schema.get("type") == "object" and name not in payloads and name != "Envelope"
    )


# ------------------------------------------------------------------ fields


def _fields(schema: Schema, components: dict[str, Schema]) -> str:
    required = schema.get("required", ())
    lines = ["| field | type | required | limits |", "|---|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in required else "no"
        lines.append(
            f"| `{name}` | {_type(field)} | {needed} | {_cell(_limits(field, components))} |"
        )
    return "\n".join(lines) + "\n"


def _type(schema: Schema) -> str:
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return f"[{name}](#{'errors' if name.endswith('ErrorCode') else name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return "string"
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    if schema.get("format") in ("date", "date-time"):
        return {"date": "day", "date-time": "time"}[schema["format"]]
    return str(schema.get("type", "any"))


def _limits(schema: Schema, components: dict[str, Schema]) -> str:
    parts = [schema.get("description", "").rstrip(".")]
    if "anyOf" in schema:
        parts.append(_limits(schema["anyOf"][0], components))
    if "enum" in schema:
        parts.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"]))
    parts.append(_span(schema, "minLength", "maxLength", "character"))
    parts.append(_span(schema, "minItems", "maxItems", "item"))
    parts.append(_span(schema, "minimum", "maximum", ""))
    if schema.get("type") == "array":
        inner = _limits(schema["items"], components)
        parts.append(f"each: {inner}" if inner else "")
    if schema.get("default") not in (None, "", []):
        parts.append(f"default {json.dumps(schema['default'])}")
    return "; ".join(part for part in parts if part)


def _span(schema: Schema, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        text = f"at least {least:,}"
    elif least is None:
        text = f"at most {most:,}"
    else:
        text = f"{least:,} to {most:,}"
    ending = "s" if unit and (most or least) != 1 else ""
    return f"{text} {unit}{ending}".strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


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
    for code, action in sorted(ACTIONS.items()):
        lines.append(f"| `{code}` | {meanings[code]} | {action} |")
    lines += ["", "`code` of a `SYNC_ERROR`. Nothing of the sync was sent.\n"]
    lines += ["| code | what a client does |", "|---|---|"]
    lines += [f"| `{code}` | {action} |" for code, action in sorted(SYNC_ACTIONS.items())]
    return "\n".join(lines) + "\n"


def _work() -> str:
    lines = [
        "## What requests cost\n",
        "A user and an organization have so much work in any 60 s (`BOS_USER_WORK_PER_MINUTE`,"
        " `BOS_ORGANIZATION_WORK_PER_MINUTE`); a unit is about a millisecond of one core. Over it"
        " nothing is done, and `RATE_LIMIT_EXCEEDED` carries `limit`, `window`, `retryAfter` and"
        " `scope`: `user` or `organization`; `connection` and `user` also where messages are too"
        " many.\n",
        "| request | units |",
        "|---|---|",
    ]
    for name, request in sorted(requests.items()):
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


# ------------------------------------------------------------------ files


def documents() -> dict[Path, str]:
    """The generated files and what they must hold."""
    docs = Path(settings.BASE_DIR) / "docs"
    return {
        docs / "asyncapi.json": document_text(),
        docs / "messages.md": reference_text(),
        docs / "metrics.md": metrics_text(),
    }


def stale() -> list[Path]:
    """Those of the files that do not hold what they must."""
    return [
        path
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
