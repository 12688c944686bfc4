"""A client's picture: what it gets, live or in a sync, applied to a dictionary (V4, V8).

By nothing but what docs/writing-a-client.md and docs/entities.md say: the fields of each entity are
read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tests.support.client import Client, Message
from tests.support.server import ROOT

Entities = dict[tuple[str, str], Any]

_HEADING = re.compile(r"^#+ `(\w+)`(?: of kind `(\w+)`)?$", re.MULTILINE)
_, *_PARTS = _HEADING.split((ROOT / "docs/entities.md").read_text())
FIELDS = {
    (entity_type, kind): set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - {"id"}
    for entity_type, kind, table in zip(_PARTS[::3], _PARTS[1::3], _PARTS[2::3], strict=True)
}
"""By entity type and kind, which is None for most."""


def apply(entities: Entities, messages: Iterable[Message]) -> Entities:
    """Apply these messages in place; returns the same dictionary."""
    for message in messages:
        payload = message.get("payload") or {}
        if message["type"] == "NOTIFICATION_READ":
            for id_ in payload["notificationIds"]:
                entities.pop(("notification", id_), None)
        if "entityType" not in payload:
            continue
        key = payload["entityType"], payload["entityId"]
        if message["type"] == "SYNC_DELETE" or payload.get("changeType") == "deleted":
            entities.pop(key, None)
        elif message["type"] == "SYNC_UPDATE":
            entities[key] = payload["data"]
        else:
            fields = FIELDS[payload["entityType"], payload.get("kind")]
            known = {} if payload["changeType"] == "created" else entities.get(key)
            nothing_yet = {"id": payload["entityId"]} | dict.fromkeys(fields)
            shown = {name: payload[name] for name in payload.keys() & fields}
            entities[key] = (known or nothing_yet) | shown
    return entities


async def snapshot(client: Client, *channels: str) -> tuple[Entities, int]:
    """All that these channels show, and the sequence it is of."""
    messages = await client.sync(*channels)
    assert messages[-1]["type"] == "SYNC_COMPLETE", messages
    assert messages[0]["payload"]["updateCount"] == len(messages) - 2
    return apply({}, messages), messages[-1]["payload"]["lastSequence"]
