"""A load test that stays small: so many connections, so long, so many requests a second."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bos_client.client import Client
from bos_client.command.names import kpi_of
from bos_client.command.settings import Settings
from bos_client.errors import BosError
from bos_client.protocol import KpiUpdate, Ping
from bos_client.structs import Request

MOST_SECONDS = 60.0
MOST_CONNECTIONS = 10  # as many as a user may have
MOST_RATE = 50.0
EVERY = 0.1
"""Seconds between two steps of the bar."""


@dataclass(slots=True)
class _Figures:
    milliseconds: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


async def load(
    settings: Settings, *, seconds: float, connections: int, rate: float, kpi: str | None
) -> None:
    """Ask, measure, and say how soon the answers came."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(connections):
            client = Client(settings.address.base, token=settings.source)
            clients.append(await stack.enter_async_context(client))
            await client.live(patient=False)
        request: Request[Any] = Ping()
        if kpi is not None:
            found = await kpi_of(clients[0], kpi)
            request = KpiUpdate(kpi_id=found.id, value=found.value or 0.0)
        figures, started = _Figures(), time.monotonic()
        bar = stack.enter_context(_bar(settings))
        task = bar.add_task("asking", total=seconds)
        asking = [_ask(client, request, rate, started + seconds, figures) for client in clients]
        work = asyncio.gather(*asking)
        while not work.done():
            await asyncio.wait([work], timeout=EVERY)
            bar.update(task, completed=min(time.monotonic() - started, seconds))
        await work
    _say(settings, request.TYPE, figures, seconds)


def _bar(settings: Settings) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    errors = settings.output.errors
    return Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True)


async def _ask(
    client: Client, request: Request[Any], rate: float, end: float, figures: _Figures
) -> None:
    """Ask at an even pace, whether the answers come or not, and wait for all of them."""
    waiting: set[asyncio.Task[None]] = set()
    next_at = time.monotonic()
    while next_at < end:
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        waiting.add(asyncio.create_task(_measure(client, request, figures)))
        next_at += 1 / rate
    await asyncio.gather(*waiting)


async def _measure(client: Client, request: Request[Any], figures: _Figures) -> None:
    started = time.perf_counter()
    try:
        await client.request(request, timeout=MOST_SECONDS)
    except BosError as error:
        figures.refused[error.code] = figures.refused.get(error.code, 0) + 1
    else:
        figures.milliseconds.append((time.perf_counter() - started) * 1000)


def _say(settings: Settings, type_: str, figures: _Figures, seconds: float) -> None:
    times = sorted(figures.milliseconds)
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    found: dict[str, Any] = {
        "request": type_,
        "answered": len(times),
        "aSecond": round(len(times) / seconds, 1),
        **{f"p{n}": round(cuts[n - 1], 2) for n in (50, 95, 99) if cuts},
        "refused": figures.refused,
    }
    if settings.output.for_eyes:
        refused = (f"{code} {number}" for code, number in figures.refused.items())
        found["refused"] = ", ".join(refused) or "none"
        rows = [{"": name, "value": str(value)} for name, value in found.items()]
        settings.output.table(("", "value"), rows)
    else:
        settings.output.line(**found)
