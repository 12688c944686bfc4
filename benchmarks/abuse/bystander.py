"""Somebody of another organization, who only wants to work: what do they notice?"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.abuse.stage import Stage

PINGS_A_SECOND = 20
UPDATES_A_SECOND = 1.5
"""A connection's: below its 100 messages a minute, with room for what the server counts."""
PATIENCE = 30.0
REPORT_PATIENCE = 120.0


@dataclass(slots=True)
class Noticed:
    """Milliseconds from request to answer; what never came counts with how long it was awaited."""

    pings: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    report_s: float | None = None
    """Seconds until a report was there, where one was asked for."""

    def figures(self) -> dict[str, float | int | None]:
        return {
            "ping_p99_ms": p99(self.pings),
            "update_p99_ms": p99(self.updates),
            "report_s": self.report_s,
            "failures": len(self.failures),
        }


def p99(values: list[float]) -> float | None:
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


class Bystander:
    """One connection for PING, and one for KPI_UPDATE of each of two people."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sockets: list[ClientConnection] = []
        self.noticed = Noticed()

    async def connect(self) -> None:
        asking = pinging = self._stage.bystanders[0]
        for token in (pinging, *self._stage.bystanders, asking):
            socket = await connect(
                f"ws://127.0.0.1:{self._stage.port}/v1/ws",
                subprotocols=[Subprotocol("bos-v1")],
                ping_interval=None,
                compression=None,
            )
            await socket.send(json.dumps({"type": "AUTH", "payload": {"token": token}}))
            answer = json.loads(await socket.recv())
            assert answer["type"] == "AUTH_SUCCESS", answer
            self._sockets.append(socket)

    async def watch(self, seconds: float, *, reporting: bool = False) -> Noticed:
        """Work for so long; what was noticed meanwhile. reporting: ask for a report, too."""
        self.noticed = noticed = Noticed()
        until = time.monotonic() + seconds
        pinging, *updating, asking = self._sockets
        await asyncio.gather(
            *([self._have_a_report(asking, noticed)] if reporting else []),
            self._repeat(pinging, 1 / PINGS_A_SECOND, until, noticed.pings, self._ping),
            *(
                self._repeat(socket, 1 / UPDATES_A_SECOND, until, noticed.updates, self._update)
                for socket in updating
            ),
        )
        return noticed

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()

    async def _repeat(
        self,
        socket: ClientConnection,
        pause: float,
        until: float,
        times: list[float],
        message: Callable[[int], dict[str, Any]],
    ) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            began = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await self._ask(socket, message(number), f"{id(socket)}-{began}")
            except Exception as error:
                self.noticed.failures.append(type(error).__name__)
                times.append((time.monotonic() - began) * 1000)
                return
            if answer["type"] == "ERROR":
                self.noticed.failures.append(answer["payload"]["code"])
            times.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))

    async def _have_a_report(self, socket: ClientConnection, noticed: Noticed) -> None:
        """When the attack has begun."""
        await asyncio.sleep(1)
        began = time.monotonic()
        scope = {"type": "organization", "id": self._stage.bystander_organization}
        payload = {"scope": scope, "from": "2026-01-01", "to": "2026-11-01", "format": "xlsx"}
        request = {"type": "REPORT_REQUEST", "payload": payload}
        try:
            async with asyncio.timeout(REPORT_PATIENCE):
                answer = await self._ask(socket, request, f"report-{began}")
        except Exception as error:
            noticed.failures.append(type(error).__name__)
        else:
            if answer["type"] == "ERROR":
                noticed.failures.append(answer["payload"]["code"])
        noticed.report_s = time.monotonic() - began

    @staticmethod
    def _ping(number: int) -> dict[str, Any]:
        return {"type": "PING"}

    def _update(self, number: int) -> dict[str, Any]:
        payload = {"kpiId": self._stage.bystander_kpi, "value": number}
        return {"type": "KPI_UPDATE", "payload": payload}

    @staticmethod
    async def _ask(
        socket: ClientConnection, message: dict[str, Any], request_id: str
    ) -> dict[str, Any]:
        await socket.send(json.dumps(message | {"requestId": request_id}))
        while True:
            answer: dict[str, Any] = json.loads(await socket.recv())
            if answer["type"] == "PING":
                await socket.send('{"type":"PONG"}')
            if answer.get("requestId") == request_id:
                return answer
