"""The server double's entities, and the log of what has happened to them."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patterns import Json

WORLD = Path(__file__).with_name("world.json")
WHOLE = {"organization", "department", "employee", "kpi"}
"""The types that go out live as SYNC_UPDATE and SYNC_DELETE, whatever else tells of them."""
OF_A_KPI = {"alert", "insight"}
"""The types that are gone with their KPI."""
Key = tuple[str, str]


@dataclass
class Entity:
    """An entity, and the channels that show it."""

    data: dict[str, Json]
    channels: frozenset[str]


@dataclass
class Event:
    """A change as a sync tells it."""

    sequence: int
    channels: frozenset[str]
    frame: dict[str, Json]


@dataclass
class World:
    """The server's knowledge: the user, the entities now, and the log after `floor`."""

    user: dict[str, str]
    head: int
    entities: dict[Key, Entity]
    channels: set[str]
    floor: int = 0
    log: list[Event] = field(default_factory=list)

    @classmethod
    def make(cls, changes: dict[str, Json]) -> World:
        """Return the world of `world.json` with the changes that a conversation asks for."""
        base: dict[str, Any] = json.loads(WORLD.read_text(encoding="utf-8"))
        user = base["user"] | {key: changes[key] for key in base["user"] if key in changes}
        entities = {
            (one["type"], one["data"]["id"]): Entity(one["data"], frozenset(one["in"]))
            for one in changes.get("entities", base["entities"])
        }
        shown = {channel for entity in entities.values() for channel in entity.channels}
        own = f"user:{user['userId']}"
        channels = shown | {own} | set(changes.get("channels", ()))
        return cls(user=user, head=base["sequence"], entities=entities, channels=channels)

    def picture(self, channels: Collection[str]) -> dict[Key, dict[str, Json]]:
        """Return all that these channels show."""
        return {
            key: entity.data
            for key, entity in self.entities.items()
            if entity.channels.intersection(channels)
        }

    def snapshot(self, channels: Collection[str]) -> list[dict[str, Json]]:
        """Return the frames of a snapshot."""
        return [
            update(type_, id_, "snapshot", data, self.head)
            for (type_, id_), data in self.picture(channels).items()
        ]

    def since(self, sequence: int, channels: Collection[str]) -> list[dict[str, Json]]:
        """Return the frames of what has happened in these channels after the sequence."""
        return [
            event.frame
            for event in self.log
            if event.sequence > sequence and event.channels.intersection(channels)
        ]

    def happen(self, change: dict[str, Json], time: str) -> tuple[frozenset[str], list[Json]]:
        """Apply a change; returns who it concerns, and the frames that tell of it live."""
        type_, id_ = change["entity"]
        sequence = change["sequence"]
        if sequence <= self.head:
            raise ValueError(f"sequence {sequence} does not come after {self.head}")
        self.head = sequence
        if change.get("deleted"):
            return self._delete(type_, id_, change, time)
        if "created" in change:
            kind, data = change.get("changeType", "created"), change["created"] | {"id": id_}
            channels = frozenset(change["in"])
        else:
            before = self.entities[type_, id_]
            kind, data = "updated", copy.deepcopy(before.data) | change["set"]
            channels = before.channels
        self.entities[type_, id_] = Entity(data, channels)
        self.channels |= channels
        frame = update(type_, id_, kind, data, sequence)
        self.log.append(Event(sequence, channels, frame))
        return channels, _live(change, kind, frame)

    def _delete(
        self, type_: str, id_: str, change: dict[str, Json], time: str
    ) -> tuple[frozenset[str], list[Json]]:
        gone = self.entities.pop((type_, id_))
        frame = deletion(type_, id_, change["sequence"], time)
        self.log.append(Event(change["sequence"], gone.channels, frame))
        if type_ == "kpi":
            self._delete_of_kpi(id_, change["sequence"], time)
        return gone.channels, _live(change, "deleted", frame)

    def _delete_of_kpi(self, kpi_id: str, sequence: int, time: str) -> None:
        for key, entity in list(self.entities.items()):
            if key[0] in OF_A_KPI and entity.data["kpiId"] == kpi_id:
                del self.entities[key]
                self.log.append(Event(sequence, entity.channels, deletion(*key, sequence, time)))


def update(type_: str, id_: str, change: str, data: Json, sequence: int) -> dict[str, Json]:
    """Return a SYNC_UPDATE."""
    payload = {
        "entityType": type_,
        "entityId": id_,
        "changeType": change,
        "data": data,
        "updatedBy": "u2",
        "sequence": sequence,
    }
    return {"type": "SYNC_UPDATE", "payload": payload}


def deletion(type_: str, id_: str, sequence: int, time: str) -> dict[str, Json]:
    """Return a SYNC_DELETE."""
    payload = {
        "entityType": type_,
        "entityId": id_,
        "deletedBy": "u2",
        "deletedAt": time,
        "sequence": sequence,
    }
    return {"type": "SYNC_DELETE", "payload": payload}


def _live(change: dict[str, Json], kind: str, frame: dict[str, Json]) -> list[Json]:
    """Return the frames that tell of the change: one with a name of its own, the whole, or both."""
    if change.get("sync_only"):
        return []
    type_, id_ = change["entity"]
    if "live" not in change:
        return [frame]
    shown = {
        "entityType": type_,
        "entityId": id_,
        "changeType": kind,
        "sequence": change["sequence"],
    }
    named = change["live"] | {"payload": shown | change["live"]["payload"]}
    return [named, frame] if type_ in WHOLE else [named]
