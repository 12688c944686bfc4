"""Events: as a table that changes, as lines, and once more from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from bos_client.client import Client
from bos_client.command.names import channel_of, kpi_of, organization_of, session_of
from bos_client.command.output import Output, shown
from bos_client.errors import RequestRefused
from bos_client.protocol import Entity, KpiData, ServerMessage
from bos_client.rounds import Dropped
from bos_client.store import Change, Changes, Store
from bos_client.wire import to_wire

TYPES = (
    *("organization", "department", "employee", "kpi", "alert", "insight", "report"),
    *("session", "invitation", "participant", "annotation", "notification"),
)
LATEST = 8
"""Changes of other entities that are shown below the table of KPIs."""


async def watch(
    client: Client,
    output: Output,
    channels: Sequence[str],
    kpis: Sequence[str],
    most: int | None,
) -> None:
    """most: how many changes; None: until it is interrupted."""
    only = {(await kpi_of(client, name)).id for name in kpis}
    if channels or not only:
        named = [channel_of(client, name) for name in channels] or [organization_of(client)]
        await client.subscribe(*named)
    seen = _Seen(output, client.store, only)
    client.on_dropped(lambda dropped: _say_dropped(output, dropped))
    with seen.showing():
        client.store.on_change(seen.hear)
        while most is None or seen.count < most:
            await seen.changed()


class _Seen:
    """Shows the whole store, or these KPIs only."""

    def __init__(self, output: Output, store: Store, only: set[str]) -> None:
        self._output, self._store, self._only = output, store, only
        self.count = 0
        self._latest: list[str] = []
        self._new = asyncio.Event()
        self._gone: BrokenPipeError | None = None
        """Nobody reads any more: for `changed`, since a listener ends nothing."""
        self._live: Live | None = None

    def showing(self) -> Any:
        """Show what is there now; in the block, also what changes."""
        if self._output.for_eyes:
            self._live = Live(self._table(), console=self._output.console, auto_refresh=False)
            return self._live
        for type_ in TYPES:
            for id_, entity in self._store.all(type_).items():
                if self._wanted(type_, id_):
                    self._output.line(change="snapshot", type=type_, id=id_, data=to_wire(entity))
        return _Nothing()

    def _wanted(self, type_: str, id_: str) -> bool:
        return not self._only or (type_ == "kpi" and id_ in self._only)

    def hear(self, changes: Changes) -> None:
        mine = [one for one in changes.changes if self._wanted(one.type, one.id)]
        for one in mine:
            self.count += 1
            if self._live is None:
                try:
                    self._output.line(**_line(one, changes.sequence))
                except BrokenPipeError as error:
                    self._gone = error
            elif one.type != "kpi":
                self._latest = [*self._latest, _words(one)][-LATEST:]
        if mine:
            if self._live is not None:
                self._live.update(self._table(), refresh=True)
            self._new.set()

    async def changed(self) -> None:
        await self._new.wait()
        self._new.clear()
        if self._gone is not None:
            raise self._gone

    def _table(self) -> Table:
        table = Table("KPI", "value", "unit", "target", "updated", box=None, pad_edge=False)
        kpis = [kpi for kpi in self._store.kpis.values() if self._wanted("kpi", kpi.id)]
        for kpi in sorted(kpis, key=lambda kpi: kpi.name.casefold()):
            cells = (kpi.name, shown(kpi.value), kpi.unit, shown(kpi.target), kpi.updated_at)
            table.add_row(*(Text(cell) for cell in cells))
        for words in self._latest:
            table.add_row(Text(words, style="dim"))
        return table


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def _line(change: Change, sequence: int | None) -> dict[str, Any]:
    how = "updated" if change.before and change.after else "created" if change.after else "deleted"
    data = None if change.after is None else to_wire(change.after)
    return {
        "change": how,
        "type": change.type,
        "id": change.id,
        "sequence": sequence,
        "data": data,
    }


def _words(change: Change) -> str:
    entity: Entity | None = change.after or change.before
    name = getattr(entity, "name", None) or getattr(entity, "title", None) or change.id
    return f"{change.type} {name}{'' if change.after else ' is gone'}"


def _say_dropped(output: Output, dropped: Dropped) -> None:
    output.note(f"{dropped.channel} is no longer followed: {dropped.reason or 'ended'}.")


# ------------------------------------------------------------------ events


async def tail(client: Client, output: Output, channels: Sequence[str], count: int | None) -> None:
    """Show each event, until it is interrupted or there have been so many."""
    events: asyncio.Queue[ServerMessage] = asyncio.Queue()
    named = [channel_of(client, name) for name in channels] or [organization_of(client)]
    await client.subscribe(*named)
    client.on_message(events.put_nowait)
    output.note(f"Following {', '.join(named)}.")
    shown_so_far = 0
    while count is None or shown_so_far < count:
        show(output, client.store, await events.get())
        shown_so_far += 1


def show(output: Output, store: Store, message: ServerMessage) -> None:
    payload: Any = getattr(message, "payload", None)
    if not output.for_eyes:
        output.line(type=message.TYPE, timestamp=message.timestamp, payload=to_wire(payload))
        return
    entity_type = getattr(payload, "entity_type", "") or ""
    about = store.get(entity_type, str(getattr(payload, "entity_id", "") or ""))
    text = " ".join(part for part in (entity_type, _name(about), _content(payload)) if part)
    output.say(f"{message.timestamp}  {message.TYPE:<20} {text}")


def _name(entity: Entity | None) -> str:
    return str(getattr(entity, "name", None) or getattr(entity, "title", None) or "")


def _content(payload: Any) -> str:
    """Return the words or the number that an event is about, if it has any."""
    data = getattr(payload, "data", payload)
    if isinstance(data, KpiData):
        return f"= {shown(data.value)} {data.unit}".rstrip()
    for name in ("content", "message", "user_name", "value"):
        value = getattr(data, name, None)
        if isinstance(value, str):
            return value
        if isinstance(value, float):
            return f"= {shown(value)}"
    return ""


# ------------------------------------------------------------------ what was


async def replay(client: Client, output: Output, session: str, speed: float | None) -> None:
    """Show the events of a session; where they are no longer kept, its notes."""
    session_id = await session_of(client, session)
    channel = f"session:{session_id}"
    await client.subscribe(channel)
    try:
        events = await client.history(channel)
    except RequestRefused as refused:
        if refused.code != "SYNC_HISTORY_EXPIRED":
            raise
        output.note("The events are no longer kept; these are the session and its notes.")
        rows = sorted(_kept(client.store, session_id), key=lambda row: str(row["at"]))
    else:
        rows = [_row(event) for event in events]
    before: datetime | None = None
    for row in rows:
        at = _time(row["at"])
        if speed and at and before:
            await asyncio.sleep(max(0.0, (at - before).total_seconds() / speed))
        before = at or before
        text = f"{row['at'] or '':<20}  {row['type']:<12} {row['change']:<9} {row['text']}"
        output.say(text, **row)


def _row(event: ServerMessage) -> dict[str, Any]:
    payload: Any = getattr(event, "payload", None)
    data = getattr(payload, "data", None)
    at = getattr(data, "updated_at", None) or getattr(payload, "deleted_at", None)
    at = at or getattr(data, "joined_at", None) or getattr(data, "created_at", None)
    return {
        "sequence": payload.sequence,
        "at": at,
        "type": payload.entity_type,
        "change": getattr(payload, "change_type", "deleted"),
        "id": payload.entity_id,
        "text": _name(data) or _content(payload),
        "data": None if data is None else to_wire(data),
    }


def _kept(store: Store, session_id: str) -> Iterator[dict[str, Any]]:
    """Give the session and its notes, each with the time at which it began."""
    found: list[tuple[str, str | None, Entity]] = []
    if session := store.sessions.get(session_id):
        found.append(("session", session.created_at, session))
    for note in store.annotations.values():
        if note.session_id == session_id:
            found.append(("annotation", note.created_at, note))
    for type_, at, entity in found:
        yield {
            "sequence": None,
            "at": at,
            "type": type_,
            "change": "kept",
            "id": entity.id,
            "text": _name(entity) or _content(entity),
            "data": to_wire(entity),
        }


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
