"""A client's picture: what it gets, live or in a sync, applied to a dictionary (V4, V8).

By nothing but what docs/clients.md says: the fields of each entity are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tests.support.client import Client, Message
from tests.support.server import ROOT

Entities = dict[tuple[str, str], Any]

_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| ", re.MULTILINE)
_CELLS = dict(_ROW.findall((ROOT / "docs/clients.md").read_text()))
FIELDS = {entity_type: set(re.findall(r"`(\w+)`", cell)) for entity_type, cell in _CELLS.items()}
# 'all other fields of the message': all but what each message has.
_WHOLE = {entity_type for entity_type, cell in _CELLS.items() if "all other fields" in cell}
_OF_MESSAGES = {"entityType", "entityId", "changeType", "sequence", "insightId"}


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
            known = {} if payload["changeType"] == "created" else entities.get(key)
            entities[key] = (known or _nothing_yet(*key)) | _shown(key[0], payload)
    return entities


def _nothing_yet(entity_type: str, id_: str) -> dict[str, Any]:
    unknown = set() if entity_type in _WHOLE else FIELDS[entity_type]
    return {"id": id_} | dict.fromkeys(unknown)


def _shown(entity_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    if entity_type in _WHOLE:
        return {name: payload[name] for name in payload.keys() - _OF_MESSAGES}
    return {name: payload[name] for name in payload.keys() & FIELDS[entity_type]}


async def snapshot(client: Client, *channels: str) -> tuple[Entities, int]:
    """All that these channels show, and the sequence it is of."""
    messages = await client.sync(*channels)
    assert messages[-1]["type"] == "SYNC_COMPLETE", messages
    assert messages[0]["payload"]["updateCount"] == len(messages) - 2
    return apply({}, messages), messages[-1]["payload"]["lastSequence"]
