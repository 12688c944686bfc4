"""The part of the conversation that the peers have: nothing stored, no right beyond the token.

The same messages as conversation.js makes.
"""

import itertools
import json
import os
from collections.abc import Callable
from typing import Any

import jwt

AT = "2026-01-20T10:35:00Z"
SECRET = os.environ["PEER_TOKEN_SECRET"]

_sessions = itertools.count(1)

Tell = Callable[[str, str, bool], None]
"""(topic, text, also to the client itself): to all who follow the topic"""


def update(payload: dict[str, Any]) -> dict[str, Any]:
    id_, value = payload["kpiId"], payload["value"]
    data = {"id": id_, "name": "Monthly Revenue", "value": value, "target": 1500000.0}
    changed = {"entityType": "kpi", "entityId": id_, "changeType": "updated", "updatedBy": "user-1"}
    changed["data"] = data | {"updatedAt": AT}
    return {"type": "SYNC_UPDATE", "payload": changed, "timestamp": AT}


def cursor(payload: dict[str, Any]) -> dict[str, Any]:
    names = ("position", "sessionId", "focusedEntity")
    moved = {"userId": "user-1"} | {name: payload[name] for name in names if name in payload}
    return {"type": "CURSOR_MOVE", "payload": moved, "timestamp": AT}


def answer(text: str, *, follow: Callable[[str], None], tell: Tell) -> str | None:
    """Do as the request says; return the answer to the client, if there is one."""
    request = json.loads(text)
    payload = request.get("payload", {})

    def reply(type_: str, payload: dict[str, Any]) -> str:
        message = {"type": type_, "payload": payload, "requestId": request.get("requestId")}
        return json.dumps(message | {"timestamp": AT})

    match request["type"]:
        case "PING":
            return reply("PONG", {})
        case "AUTH":
            claims = jwt.decode(payload["token"], SECRET, algorithms=["HS256"])
            signed_in = {"userId": claims["sub"], "organizationId": claims["organization"]}
            return reply("AUTH_SUCCESS", signed_in | {"sessionId": "s", "expiresAt": AT})
        case "SUBSCRIBE":
            for channel in payload["channels"]:
                follow(channel)
            return reply("SUBSCRIBED", payload)
        case "SESSION_CREATE":
            session_id = f"room-{next(_sessions)}"
            follow(f"session:{session_id}")
            return reply("SESSION_CREATED", {"sessionId": session_id})
        case "SESSION_JOIN":
            follow(f"session:{payload['sessionId']}")
            return reply("SESSION_JOINED", payload)
        case "KPI_UPDATE":
            tell("organization:1", json.dumps(update(payload)), True)
        case "CURSOR_MOVE":
            tell(f"session:{payload['sessionId']}", json.dumps(cursor(payload)), False)
    return None
