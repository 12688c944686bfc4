"""A server double on a loopback port: the routine of a BOS server, and whatever a step asks for.

It knows the protocol's order and words, one user and a handful of entities (`world.py`). A step may
take any part of the routine into its own hands: see README.md.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from connection import SUBPROTOCOL, Arrival, Call, Connection, Received
from patterns import Json, brief
from rules import ANYTIME, ROUTINE, Rules
from websockets.http11 import Request
from world import World

CLOSES = {
    1000: ("", ""),
    1002: ("The WebSocket protocol was violated.", ""),
    1007: ("A text message is not UTF-8.", ""),
    1009: ("A message is too big.", ""),
    1011: ("The server failed.", ""),
    1012: ("The server restarts.", ""),
    4400: ("Ten malformed messages in a row.", "INVALID_MESSAGE_FORMAT"),
    4401: ("Not authenticated in time, or three failed attempts.", "AUTHENTICATION_REQUIRED"),
    4403: ("Access was withdrawn.", "UNAUTHORIZED"),
    4408: ("No sign of life. Reconnect and sync.", "INTERNAL_SERVER_ERROR"),
    4429: ("Too many connections, messages, bytes or frames.", "RATE_LIMIT_EXCEEDED"),
    4508: (
        "Messages are read too slowly. Reconnect and sync: nothing is lost.",
        "INTERNAL_SERVER_ERROR",
    ),
}
"""By close code: the reason, and the code of the ERROR that goes before, if any."""
PASSING = {429, 503}
"""The statuses by which a BOS refuses a handshake."""
UNAUTHENTICATED = 4401
EXPIRED = {"message": "Authentication token has expired. Please reauthenticate."}


@dataclass
class Settings:
    """How this server differs from others."""

    pace: float = 1.0
    clock: float = 0.0
    life: int = 3600


@dataclass
class Double:
    """The server. `stir` is called after whatever happened; `note` gets a line of the trace."""

    world: World
    settings: Settings
    rules: Rules
    stir: Callable[[], None]
    note: Callable[[str], None]
    record: Callable[[dict[str, Json]], None]
    by_hand: set[str] = field(default_factory=set)
    names: dict[str, Json] = field(default_factory=dict)
    frames: list[Received] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    sockets: set[Connection] = field(default_factory=set)
    connection: Connection | None = None
    """The newest that was accepted."""
    last: Received | None = None
    """The frame that a step has last taken."""
    stopped: bool = False
    """Whether the client has said that it will not come back."""
    _pairs: int = 0
    _signed_in: int = 0
    _spent: set[str] = field(default_factory=set)
    _expired: set[str] = field(default_factory=set)
    _foreign: tuple[int, dict[str, str], str] | None = None
    """The answer to everything, where the address is no BOS."""
    _server: asyncio.Server | None = None

    # ------------------------------------------------------------------ life

    async def start(self) -> str:
        """Listen on a loopback port; returns the base address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """Listen no longer, and drop all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.sockets):
            connection.cut()

    def time(self, later: float = 0) -> str:
        """Return the time as this server has it."""
        now = time.time() + self.settings.clock + later
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    # ------------------------------------------------------------------ connections

    def arrived(self, connection: Connection, request: Request) -> None:
        """Take a handshake: accept it, or let it wait for a step."""
        arrival = Arrival(connection, request, time.monotonic())
        self.arrivals.append(arrival)
        self.note("→ a new connection")
        if self.stopped:
            self.rules.broken.append("the client has connected again after it had said 'stopped'")
        if not request.path.startswith("/v1/ws"):
            self.rules.broken.append(f"the client has connected to {request.path}, not to /v1/ws")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in [one.strip() for one in offered.split(",")]:
            self.rules.broken.append(f"the client has not offered the subprotocol {SUBPROTOCOL}")
        if "connection" not in self.by_hand:
            self.accept(arrival)
        self.stir()

    def accept(self, arrival: Arrival, subprotocol: str = SUBPROTOCOL) -> None:
        """Let the connection in."""
        arrival.answered = True
        self.connection = arrival.connection
        arrival.connection.accept(arrival.request, subprotocol)

    def refuse(self, arrival: Arrival, status: int, headers: dict[str, str], body: str) -> None:
        """Answer the handshake with something else than 101."""
        arrival.answered = True
        if status not in PASSING:
            self._foreign = status, headers, body
        self.note(f"← HTTP {status} {headers or ''}")
        arrival.connection.answer(status, headers, body)

    def forsake(self) -> None:
        """Count no connection so far as new: the next one is waited for."""
        for arrival in self.arrivals:
            arrival.taken = True

    # ------------------------------------------------------------------ HTTP

    def called(self, connection: Connection, method: str, path: str, body: bytes) -> None:
        """Take a request of HTTP."""
        try:
            content = json.loads(body) if body else None
        except ValueError:
            content = None
        self.note(f"→ {method} {path} {brief(content)}")
        if method != "POST" or path not in ("/auth/token", "/auth/refresh"):
            self._answer_other(connection, path)
            return
        call = Call(path, content, time.monotonic(), connection)
        self.calls.append(call)
        if path not in self.by_hand:
            self.serve_call(call)
        self.stir()

    def _answer_other(self, connection: Connection, path: str) -> None:
        """Some clients cannot see why a handshake was refused, and look what is there."""
        if self._foreign is not None:
            connection.answer(*self._foreign)
        elif path == "/healthz":
            connection.answer(200, {}, json.dumps({"status": "ok"}))
        else:
            connection.answer(404, {}, "")

    def serve_call(self, call: Call) -> None:
        """Give a pair of tokens, for the right words."""
        call.taken = True
        body = call.body if isinstance(call.body, dict) else {}
        if call.path == "/auth/token":
            good = {"email", "password"} <= body.keys()
            self._signed_in += good
        else:
            good = self._spend(str(body.get("refresh")))
        if good:
            self.answer_call(call, 200, {}, self._pair())
        else:
            words = {"code": "INVALID_TOKEN", "message": "Token is invalid", "details": {}}
            self.answer_call(call, 401, {}, words)

    def answer_call(self, call: Call, status: int, headers: dict[str, str], body: Json) -> None:
        """Answer a request of HTTP with JSON."""
        self.note(f"← HTTP {status} {brief(body)}")
        call.connection.answer(status, headers, body if isinstance(body, str) else json.dumps(body))

    def lose_call(self, call: Call) -> None:
        """Serve it, and lose the answer: a refresh token is spent."""
        if call.path == "/auth/refresh":
            self._spend(str(call.body.get("refresh")))
            self._pair()
        self.note("← the connection is cut")
        call.connection.cut()

    def _spend(self, refresh: str) -> bool:
        """Return whether the refresh token is the newest; it is not from now on."""
        good = self._pairs > 0 and refresh == self.names[f"refresh{self._pairs}"]
        if good and refresh not in self._spent:
            self._spent.add(refresh)
            return True
        if refresh in self._spent and "lost" not in self.names:
            self.rules.broken.append("a refresh token was used twice")
        return False

    def _pair(self) -> dict[str, str]:
        self._pairs += 1
        issued = int(time.time() + self.settings.clock)
        claims = {"iat": issued, "sid": f"sign-in-{self._signed_in}", "user_id": "u1"}
        access = claims | {"exp": issued + self.settings.life, "jti": f"access{self._pairs}"}
        refresh = claims | {"exp": issued + 86_400, "jti": f"refresh{self._pairs}"}
        pair = {"access": _token(access), "refresh": _token(refresh)}
        self.names |= {f"{name}{self._pairs}": token for name, token in pair.items()}
        return pair

    # ------------------------------------------------------------------ frames from the client

    def heard(self, connection: Connection, data: bytes) -> None:
        """Take a frame: look whether it keeps the rules, and serve it if it is routine."""
        try:
            message = json.loads(data)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            self.rules.broken.append(f"the client has sent no message: {data[:200]!r}")
            self.stir()
            return
        self.note(f"→ {brief(message)}")
        type_ = message["type"]
        routine = type_ in ROUTINE and type_ not in self.by_hand
        if connection.expired and type_ not in ANYTIME:
            routine = True  # refused
        frame = Received(message, time.monotonic(), connection, routine)
        self.rules.check_frame(frame)
        if type_ == "AUTH":
            connection.token = str(frame.payload.get("token"))
        self.frames.append(frame)
        if routine:
            self.serve(frame)
        self.stir()

    # ------------------------------------------------------------------ routine

    def serve(self, frame: Received) -> None:
        """Answer a frame as a server does."""
        connection, request_id = frame.connection, frame.message.get("requestId")
        if connection.expired and frame.type not in ANYTIME:
            payload = {"code": "TOKEN_EXPIRED"} | EXPIRED
            self.send({"type": "ERROR", "payload": payload, "requestId": request_id}, connection)
            return
        for answer in self._answers(frame):
            if request_id is not None:
                answer |= {"requestId": request_id}
            self.send(answer, connection)

    def _answers(self, frame: Received) -> list[dict[str, Json]]:
        match frame.type:
            case "PING":
                given = frame.message.get("timestamp")
                return [{"type": "PONG"} | ({"timestamp": given} if given else {})]
            case "AUTH":
                if frame.payload.get("token") in self._expired:
                    return [
                        {"type": "AUTH_FAILED", "payload": {"error": "TOKEN_EXPIRED"} | EXPIRED}
                    ]
                return [self._signed_in_answer()]
            case "SUBSCRIBE":
                return self._subscribe(frame)
            case "UNSUBSCRIBE":
                channels = frame.payload["channels"]
                return [{"type": "UNSUBSCRIBED", "payload": {"channels": channels}}]
            case "SYNC_REQUEST":
                return self._sync(frame)
        return []

    def _signed_in_answer(self) -> dict[str, Json]:
        payload = self.world.user | {
            "sessionId": f"connection-{len(self.arrivals)}",
            "expiresAt": self.time(self.settings.life),
        }
        return {"type": "AUTH_SUCCESS", "payload": payload}

    def _subscribe(self, frame: Received) -> list[dict[str, Json]]:
        channels = frame.payload["channels"]
        good = [channel for channel in channels if channel in self.world.channels]
        frame.connection.asked.update(good)
        answers = [_refused_channel(one) for one in channels if one not in self.world.channels]
        if good:
            payload = {"channels": good, "sequence": self.world.head}
            answers.append({"type": "SUBSCRIBED", "payload": payload})
        return answers

    def _sync(self, frame: Received) -> list[dict[str, Json]]:
        channels = frame.payload["channels"]
        cursor = frame.payload.get("lastSequence")
        frame.connection.asked.update(channels)
        if cursor is not None and cursor > self.world.head:
            return [_sync_error("SYNC_TIMESTAMP_IN_FUTURE", "The cursor is not of this server.")]
        if cursor is not None and cursor < self.world.floor:
            return [_sync_error("SYNC_HISTORY_EXPIRED", "The history does not reach back so far.")]
        world = self.world
        updates = world.snapshot(channels) if cursor is None else world.since(cursor, channels)
        start = {"updateCount": len(updates), "fromTimestamp": self.time()}
        complete = {
            "updatesSent": len(updates),
            "lastSyncTimestamp": f"{self.time()[:-1]}.000000Z",
            "lastSequence": world.head,
        }
        return [
            {"type": "SYNC_START", "payload": start},
            *(dict(update) for update in updates),
            {"type": "SYNC_COMPLETE", "payload": complete},
        ]

    # ------------------------------------------------------------------ frames to the client

    def send(self, message: dict[str, Json], connection: Connection | None = None) -> None:
        """Send a message, and keep in mind what it means for the connection."""
        connection = connection or self.connection
        if connection is None:
            return
        whole = {key: value for key, value in message.items() if value is not None}
        wrong = whole.pop("wrong", None)
        whole.setdefault("timestamp", self.time())
        self.record({"frame": whole, "wrong": wrong})
        self.note(f"← {brief(whole)}{' (to no avail: deaf)' if connection.deaf else ''}")
        connection.send_text(json.dumps(whole))
        self._remember(connection, whole)

    def _remember(self, connection: Connection, message: dict[str, Json]) -> None:
        payload = message.get("payload") or {}
        match message["type"]:
            case "AUTH_SUCCESS":
                connection.authenticated, connection.expired = True, False
                connection.followed.add(f"user:{self.world.user['userId']}")
            case "TOKEN_EXPIRED":
                connection.expired = True
                self._expired.add(connection.token)
            case "SUBSCRIBED":
                connection.followed.update(payload["channels"])
            case "UNSUBSCRIBED":
                connection.followed.difference_update(payload["channels"])
                connection.asked.difference_update(payload["channels"])
            case "SESSION_JOINED" if "session" in payload:
                connection.followed.add(f"session:{payload['sessionId']}")
            case "SYNC_START":
                connection.syncing = True
            case "SYNC_COMPLETE" | "SYNC_ERROR":
                connection.syncing = False
        if not connection.syncing and not connection.expired:
            waiting, connection.waiting = connection.waiting, []
            for event in waiting:
                self.send(event, connection)

    def happen(self, change: dict[str, Json]) -> None:
        """Let something happen, and tell the client that follows it."""
        channels, frames = self.world.happen(change, self.time())
        connection = self.connection
        if connection is None or not connection.open or not connection.authenticated:
            return
        follows = bool(channels.intersection(connection.followed))
        for frame in frames:
            # The requester gets their own copy, subscribed or not.
            if not follows and "requestId" not in frame:
                continue
            if connection.syncing or connection.expired:
                connection.waiting.append(dict(frame))
            else:
                self.send(dict(frame), connection)

    def close(self, code: int, details: dict[str, Json]) -> None:
        """Close as a server does: an ERROR before a 44xx or 45xx."""
        if self.connection is None:
            return
        reason, error = CLOSES[code]
        if error:
            payload = {"code": error, "message": reason, "details": {"closeCode": code} | details}
            self.send({"type": "ERROR", "payload": payload})
        if code == UNAUTHENTICATED:
            self._expired.add(self.connection.token)
        self.note(f"← close {code}")
        self.connection.close(code, reason)
        self.forsake()


def _refused_channel(channel: str) -> dict[str, Json]:
    code, words = "UNAUTHORIZED", "You may not do this, or it does not exist."
    if ":" not in channel:
        code, words = "INVALID_CHANNEL", "The channel name is not of the form kind:id."
    details = {"channel": channel}
    return {"type": "ERROR", "payload": {"code": code, "message": words, "details": details}}


def _sync_error(code: str, words: str) -> dict[str, Json]:
    return {"type": "SYNC_ERROR", "payload": {"code": code, "message": words}}


def _token(claims: dict[str, Json]) -> str:
    """Return what looks like a JWT: clients may read it, and nobody checks its signature here."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return ".".join([*(part.decode() for part in coded), "c2lnbmF0dXJl"])
