"""Plays the real days of the demo series forward, as a client like any other.

Signs in over REST, connects to /v1/ws, finds the KPIs by name in a snapshot, and sends KPI_UPDATEs.
An update that got no answer before the connection broke is sent again with its requestId, so each
is made once.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kpis.demo.series import Series

RECONNECT_PAUSES = (2.0, 4.0, 8.0, 16.0, 30.0)
SERVER_ERRORS = 500
"""HTTP answers from here on pass; those below are the client's."""


@dataclass(frozen=True, slots=True)
class Update:
    """One value of one day, and where it is to go."""

    day: date
    kpi_id: str
    name: str
    value: Decimal


class Refused(Exception):
    """The server answered an update with an ERROR that waiting does not cure."""


@dataclass(slots=True)
class Player:
    """url: of the server, `http://127.0.0.1:8000`. rate: updates a second."""

    url: str
    email: str
    password: str
    rate: float
    total: int = 0
    """How many updates there are to play, once the first has been made."""
    _organization: str = ""

    async def play(self, series: list[Series], days: int) -> AsyncIterator[tuple[Update, int]]:
        """Send every update in order; yields each with the sequence it was committed under."""
        updates: list[Update] | None = None
        run, n, failures = uuid4().hex[:8], 0, 0
        while updates is None or n < len(updates):
            try:
                async with self._connection() as socket:
                    if updates is None:
                        updates = list(_updates(series, days, await self._kpi_ids(socket)))
                        self.total = len(updates)
                    while n < len(updates):
                        sequence = await self._send(socket, updates[n], f"play-{run}-{n}")
                        yield updates[n], sequence
                        n, failures = n + 1, 0
                        await asyncio.sleep(1 / self.rate)
            except (OSError, ConnectionClosed) as error:
                # What has never worked is told at once, and so is what a client has done wrong.
                wrong = isinstance(error, HTTPError) and error.code < SERVER_ERRORS
                if updates is None or wrong or failures == len(RECONNECT_PAUSES):
                    raise
                await asyncio.sleep(RECONNECT_PAUSES[failures])
                failures += 1

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[ClientConnection]:
        token = await asyncio.to_thread(self._token)
        address = self.url.replace("http", "ws", 1).rstrip("/") + "/v1/ws"
        async with connect(address, subprotocols=[Subprotocol("bos-v1")]) as socket:
            await _send(socket, "AUTH", {"token": token})
            answer = await _receive(socket, "AUTH_SUCCESS", "AUTH_FAILED", "ERROR")
            if answer["type"] != "AUTH_SUCCESS":
                raise Refused(answer["payload"].get("message", "not authenticated"))
            self._organization = answer["payload"]["organizationId"]
            yield socket

    def _token(self) -> str:
        if not self.url.startswith(("http://", "https://")):
            raise Refused("the server's address begins with http:// or https://")
        request = urllib.request.Request(  # noqa: S310 -- the scheme is checked
            f"{self.url.rstrip('/')}/auth/token",
            data=json.dumps({"email": self.email, "password": self.password}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 -- as above
            token: str = json.load(response)["access"]
        return token

    async def _kpi_ids(self, socket: ClientConnection) -> dict[str, str]:
        channels = [f"organization:{self._organization}"]
        await _send(socket, "SYNC_REQUEST", {"channels": channels})
        ids: dict[str, str] = {}
        while True:
            message = await _receive(socket, "SYNC_UPDATE", "SYNC_COMPLETE", "SYNC_ERROR")
            payload = message["payload"]
            if message["type"] != "SYNC_UPDATE":
                return ids
            if payload["entityType"] == "kpi":
                ids[payload["data"]["name"]] = payload["entityId"]

    async def _send(self, socket: ClientConnection, update: Update, request_id: str) -> int:
        """Send an update until it is acknowledged; waits as long as the server asks for."""
        payload = {"kpiId": update.kpi_id, "value": float(update.value)}
        while True:
            await _send(socket, "KPI_UPDATE", payload, request_id)
            answer = await _receive(socket, "KPI_UPDATED", "ERROR", request_id=request_id)
            if answer["type"] == "KPI_UPDATED":
                sequence: int = answer["payload"]["sequence"]
                return sequence
            error = answer["payload"]
            if error["code"] != "RATE_LIMIT_EXCEEDED":
                raise Refused(error["message"])
            await asyncio.sleep(error["details"]["retryAfter"])


def _updates(series: list[Series], days: int, ids: dict[str, str]) -> Iterator[Update]:
    played = [one for one in series if one.name in ids]
    if not played:
        raise Refused("none of the demo KPIs is visible to this account")
    # Day by day, as it happened: all KPIs of a day before the next day.
    for day_of_each in islice(zip(*(one.values for one in played), strict=True), days or None):
        for one, (day, value) in zip(played, day_of_each, strict=True):
            yield Update(day, ids[one.name], one.name, value)


async def _send(
    socket: ClientConnection, type_: str, payload: dict[str, Any], request_id: str | None = None
) -> None:
    message: dict[str, Any] = {"type": type_, "payload": payload}
    if request_id is not None:
        message["requestId"] = request_id
    await socket.send(json.dumps(message))


async def _receive(
    socket: ClientConnection, *types: str, request_id: str | None = None
) -> dict[str, Any]:
    """The next message of one of these types; answers the server's PINGs on the way."""
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == "PING":
            await socket.send(json.dumps({"type": "PONG"}))
        elif message["type"] in types and request_id in (None, message.get("requestId")):
            return message
