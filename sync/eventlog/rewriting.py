"""Take back what kept events say of somebody. Nothing else of an event is ever changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from django.db.models import Q

from sync.models import Event
from sync.protocol.codecs import json_text

Payload = dict[str, Any]
BATCH = 500


def rewrite(organization_id: str, which: Q, change: Callable[[Payload], Payload]) -> int:
    """Change what these events of an organization tell; how many told something else before.

    which: a condition on `Event`; change: called with each payload, what a sync sends (`data`) and
    what went out live. Order, number and audience stay: a client that catches up passes by what
    the event says now. Runs inside the caller's transaction, which reads the organization's whole
    log: for rare acts.
    """
    changed: list[Event] = []
    events = Event.objects.filter(which, organization_id=organization_id)
    for event in events.only("pk", "data", "live").iterator(BATCH):
        before = (event.data, event.live)
        event.data, event.live = _changed(event.data, change), _changed(event.live, change)
        if (event.data, event.live) != before:
            changed.append(event)
    Event.objects.bulk_update(changed, ["data", "live"], batch_size=BATCH)
    return len(changed)


def _changed(text: str, change: Callable[[Payload], Payload]) -> str:
    payload = msgspec.json.decode(text) if text else None
    if not isinstance(payload, dict):
        return text
    after = change(dict(payload))
    return text if after == payload else json_text(after)
