"""The rules that every conversation asks for, whatever its steps are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from connection import Received
from patterns import Json, brief
from world import WHOLE

REQUESTS = {
    "ALERT_ACKNOWLEDGE",
    "ALERT_SNOOZE",
    "ANNOTATION_CREATE",
    "ANNOTATION_DELETE",
    "ANNOTATION_RESOLVE",
    "ANNOTATION_UPDATE",
    "AWAY_REQUEST",
    "CURSOR_MOVE",
    "KPI_UPDATE",
    "LOOKING",
    "NOTIFICATION_READ",
    "PREDICTION_REQUEST",
    "PRESENCE_REQUEST",
    "REPLAY_REQUEST",
    "REPORT_REQUEST",
    "SEEN",
    "SESSION_CREATE",
    "SESSION_END",
    "SESSION_HAND_OVER",
    "SESSION_INVITE",
    "SESSION_JOIN",
    "SESSION_LEAVE",
    "TIMELINE_REQUEST",
}
ROUTINE = {"AUTH", "SUBSCRIBE", "UNSUBSCRIBE", "SYNC_REQUEST", "PING", "PONG"}
ANYTIME = {"AUTH", "PING", "PONG"}
"""The requests that are served before AUTH, and after the token has expired."""
UNNUMBERED = {"AUTH", "PING", "PONG", "CURSOR_MOVE"}
"""The requests that need no requestId."""
MOST_CHANNELS = {"SUBSCRIBE": 100, "UNSUBSCRIBE": 100, "SYNC_REQUEST": 500}


@dataclass
class Rules:
    """Looks at frames and reports; `broken` says in words which rule the client has broken."""

    broken: list[str] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)
    """By requestId: the type and payload."""
    _seen: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """By entity and sequence: the types of the messages that were reported."""
    _newest: dict[str, int] = field(default_factory=dict)
    """By entity: the last sequence."""

    def check_frame(self, frame: Received) -> None:
        """Look at a frame from the client."""
        type_, payload, connection = frame.type, frame.payload, frame.connection
        request_id = frame.message.get("requestId")
        if type_ not in REQUESTS | ROUTINE:
            self.broken.append(f"the client has sent {type_}, which clients do not send")
        if not connection.authenticated and type_ not in ANYTIME:
            self.broken.append(f"the client has sent {type_} before AUTH_SUCCESS")
        if request_id is None and type_ not in UNNUMBERED:
            self.broken.append(f"the client has sent {type_} without a requestId")
        if request_id is not None:
            body = json.dumps([type_, payload], sort_keys=True)
            if self._ids.setdefault(str(request_id), body) != body and type_ not in UNNUMBERED:
                self.broken.append(f"the requestId {request_id} was used for something else before")
        if type_ in MOST_CHANNELS:
            self._check_channels(frame)

    def _check_channels(self, frame: Received) -> None:
        type_, channels = frame.type, frame.payload.get("channels")
        if not isinstance(channels, list) or not 1 <= len(channels) <= MOST_CHANNELS[type_]:
            self.broken.append(f"{type_} names {brief(channels)}: 1 to {MOST_CHANNELS[type_]}")
        elif type_ == "SYNC_REQUEST" and (early := set(channels) - frame.connection.followed):
            self.broken.append(f"SYNC_REQUEST for {sorted(early)}, which are not followed yet")

    def check_message(self, message: dict[str, Json]) -> None:
        """Look at a report of an event: each comes once, and of one entity in order."""
        sequence, type_ = message.get("sequence"), str(message.get("type"))
        entity = f"{message.get('entityType')} {message.get('entityId')}"
        if not isinstance(sequence, int):
            self.broken.append(f"a report without sequence: {brief(message)}")
            return
        if sequence < self._newest.get(entity, 0):
            self.broken.append(
                f"out of order: of {entity}, {sequence} came after {self._newest[entity]}"
            )
        self._newest[entity] = sequence
        before = self._seen.setdefault((entity, sequence), [])
        is_pair = message.get("entityType") in WHOLE and "SYNC_UPDATE" in {type_, *before}
        if type_ in before or len(before) > 1 or (before and not is_pair):
            self.broken.append(f"the event {sequence} of {entity} was reported twice")
        before.append(type_)
