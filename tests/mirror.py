"""What a client shows: SYNC_UPDATE and SYNC_DELETE applied to a dictionary (decision V4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.client import Client, Message

Entities = dict[tuple[str, str], Any]


def apply(entities: Entities, messages: Iterable[Message]) -> Entities:
    """Apply these messages in place; returns the same dictionary."""
    for message in messages:
        payload = message["payload"]
        if message["type"] == "SYNC_UPDATE":
            entities[payload["entityType"], payload["entityId"]] = payload["data"]
        elif message["type"] == "SYNC_DELETE":
            entities.pop((payload["entityType"], payload["entityId"]), None)
    return entities


async def snapshot(client: Client, *channels: str) -> tuple[Entities, int]:
    """All that these channels show, and the sequence it is of."""
    messages = await client.sync(*channels)
    assert messages[-1]["type"] == "SYNC_COMPLETE", messages
    assert messages[0]["payload"]["updateCount"] == len(messages) - 2
    return apply({}, messages), messages[-1]["payload"]["lastSequence"]
