"""The entities that the followed channels show: at rest, the same as a fresh snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec
from msgspec import UNSET

from bos_client.channels import shown_by_any
from bos_client.listeners import Listener, Listeners, Remove
from bos_client.protocol import (
    SHAPES,
    AlertData,
    AnnotationData,
    AnomalyData,
    DepartmentData,
    EmployeeData,
    Entity,
    InvitationData,
    KpiData,
    NotificationData,
    NotificationReadConfirmed,
    OrganizationData,
    ParticipantData,
    PredictionData,
    RecommendationData,
    ReportData,
    ServerMessage,
    SessionData,
    SyncUpdateMessage,
)
from bos_client.structs import EntityData

Key = tuple[str, str]
E = TypeVar("E")
Insight = AnomalyData | PredictionData | RecommendationData


@dataclass(frozen=True, slots=True)
class Change:
    """An entity as it was and as it is; None where it was not there, or is no longer."""

    type: str
    id: str
    before: Entity | None
    after: Entity | None


@dataclass(frozen=True, slots=True)
class Changes:
    """All that has changed in one step. sequence: of the newest event in it, or None."""

    changes: Sequence[Change]
    sequence: int | None


@dataclass(slots=True)
class Picture:
    """A snapshot: what these channels showed at this sequence."""

    channels: Collection[str]
    frames: list[SyncUpdateMessage] = field(default_factory=list)
    sequence: int = 0


class Store:
    """A map of entities by type and id. followed: the channels that are followed, as they are."""

    def __init__(self, followed: Collection[str] = ()) -> None:
        self._followed = followed
        self._entities: dict[str, dict[str, Entity]] = {type_: {} for type_, _ in SHAPES}
        self._versions: dict[Key, int] = {}
        """The sequence by which each is what it is: an older event changes nothing."""
        self._before: dict[Key, Entity | None] = {}
        """In a step: what it has changed so far, as it was."""
        self._listeners: Listeners[Changes] = Listeners()

    # ------------------------------------------------------------------ reading

    def get(self, type_: str, id_: str) -> Entity | None:
        return self.all(type_).get(id_)

    def all(self, type_: str) -> Mapping[str, Entity]:
        """Return the entities of a type by their ids. The mapping goes on changing."""
        return self._entities.get(type_, {})

    def _of(self, type_: str, shape: type[E]) -> Mapping[str, E]:
        return cast(Mapping[str, E], self._entities[type_])

    @property
    def organizations(self) -> Mapping[str, OrganizationData]:
        return self._of("organization", OrganizationData)

    @property
    def departments(self) -> Mapping[str, DepartmentData]:
        return self._of("department", DepartmentData)

    @property
    def employees(self) -> Mapping[str, EmployeeData]:
        return self._of("employee", EmployeeData)

    @property
    def kpis(self) -> Mapping[str, KpiData]:
        return self._of("kpi", KpiData)

    @property
    def alerts(self) -> Mapping[str, AlertData]:
        return self._of("alert", AlertData)

    @property
    def insights(self) -> Mapping[str, Insight]:
        return cast(Mapping[str, Insight], self._entities["insight"])

    @property
    def reports(self) -> Mapping[str, ReportData]:
        return self._of("report", ReportData)

    @property
    def sessions(self) -> Mapping[str, SessionData]:
        return self._of("session", SessionData)

    @property
    def invitations(self) -> Mapping[str, InvitationData]:
        return self._of("invitation", InvitationData)

    @property
    def participants(self) -> Mapping[str, ParticipantData]:
        return self._of("participant", ParticipantData)

    @property
    def annotations(self) -> Mapping[str, AnnotationData]:
        return self._of("annotation", AnnotationData)

    @property
    def notifications(self) -> Mapping[str, NotificationData]:
        return self._of("notification", NotificationData)

    def on_change(self, listener: Listener[Changes]) -> Remove:
        """Call it with what each step has changed; returns a function that ends this."""
        return self._listeners.add(listener)

    # ------------------------------------------------------------------ writing, by the client

    def apply(self, message: ServerMessage) -> None:
        """Apply an event."""
        self._apply(message, ())
        self._tell(_sequence(message))

    def settle(
        self, pictures: Sequence[Picture], events: Iterable[ServerMessage], *, anew: bool
    ) -> None:
        """Apply snapshots, and events in their order, in one step.

        anew: the snapshots are all there is; what none of them shows is gone.
        """
        if anew:
            self._versions.clear()
            shown = {
                (m.payload.entity_type, m.payload.entity_id) for p in pictures for m in p.frames
            }
            for type_, of_type in self._entities.items():
                for id_ in [id_ for id_ in of_type if (type_, id_) not in shown]:
                    self._remove(type_, id_)
        last = None
        for picture in pictures:
            last = max(last or 0, picture.sequence)
            for frame in picture.frames:
                self._apply(frame, ())
        for message in events:
            self._apply(message, pictures)
            last = max(last or 0, _sequence(message) or 0)
        self._tell(last)

    def forget(self, channel: str) -> None:
        """Remove what only this channel showed, which is no longer among the followed."""
        kpis = dict(self.kpis)
        for type_, of_type in self._entities.items():
            for id_, entity in list(of_type.items()):
                gone = shown_by_any([channel], entity, kpis)
                if gone and not shown_by_any(self._followed, entity, kpis):
                    self._remove(type_, id_)
        self._tell(None)

    def _apply(self, message: ServerMessage, pictures: Sequence[Picture]) -> None:
        payload: Any = getattr(message, "payload", None)
        if isinstance(payload, NotificationReadConfirmed):
            for read in payload.notification_ids:
                self._remove("notification", read)
            return
        type_: Any = getattr(payload, "entity_type", UNSET)
        id_: Any = getattr(payload, "entity_id", UNSET)
        if type_ not in self._entities or id_ is UNSET:
            return
        sequence = _sequence(message) or 0
        before = self._entities[type_].get(id_)
        if before is not None and sequence < self._versions.get((type_, id_), 0):
            return
        if message.TYPE == "SYNC_DELETE" or payload.change_type == "deleted":
            self._remove(type_, id_)
            return
        after = payload.data if message.TYPE == "SYNC_UPDATE" else _merged(type_, before, payload)
        if after is None or (before is None and self._is_out_of_sight(after, sequence, pictures)):
            return
        self._put(type_, id_, after, sequence)

    def _is_out_of_sight(self, entity: Entity, sequence: int, pictures: Sequence[Picture]) -> bool:
        """Return whether a snapshot that is newer does not show it, or nobody has asked for it.

        A user's own notices come on every connection, also where no snapshot of them was taken.
        """
        if isinstance(entity, NotificationData | InvitationData):
            return not shown_by_any(self._followed, entity, self.kpis)
        newer = [p for p in pictures if sequence <= p.sequence]
        return any(shown_by_any(picture.channels, entity, self.kpis) for picture in newer)

    def _put(self, type_: str, id_: str, entity: Entity, sequence: int) -> None:
        self._before.setdefault((type_, id_), self._entities[type_].get(id_))
        self._entities[type_][id_] = entity
        self._versions[type_, id_] = sequence

    def _remove(self, type_: str, id_: str) -> None:
        before = self._entities[type_].pop(id_, None)
        if before is None:
            return
        self._versions.pop((type_, id_), None)
        self._before.setdefault((type_, id_), before)
        if type_ == "kpi":  # of what goes with it, no live message tells
            for part in ("alert", "insight"):
                of_kpi = cast(dict[str, AlertData | Insight], self._entities[part])
                for part_id in [key for key, value in of_kpi.items() if value.kpi_id == id_]:
                    self._remove(part, part_id)

    def _tell(self, sequence: int | None) -> None:
        before, self._before = self._before, {}
        changes = [
            Change(type_, id_, was, self._entities[type_].get(id_))
            for (type_, id_), was in before.items()
            if was != self._entities[type_].get(id_)
        ]
        if changes:
            self._listeners.tell(Changes(changes, sequence))


def _sequence(message: ServerMessage) -> int | None:
    sequence: Any = getattr(getattr(message, "payload", None), "sequence", None)
    return sequence if isinstance(sequence, int) else None


def _merged(type_: str, before: Entity | None, payload: Any) -> Entity | None:
    """Return the entity with those of its fields that a live message has replaced.

    None where the message alone does not say what the entity is: its snapshot is under way.
    """
    shape = SHAPES.get((type_, getattr(payload, "kind", "") or ""))
    if shape is None:
        return before
    nullable = _fields(shape)
    nothing: Any = UNSET
    known = {name: getattr(payload, name, nothing) for name in nullable if name != "id"}
    known = {name: value for name, value in known.items() if value is not UNSET}
    if before is not None and payload.change_type != "created":
        return cast(Entity, msgspec.structs.replace(cast(EntityData, before), **known))
    missing = nullable.keys() - known.keys() - {"id"}
    if not all(nullable[name] for name in missing):
        return before
    whole: Any = shape
    return cast(Entity, whole(id=payload.entity_id, **dict.fromkeys(missing), **known))


@cache
def _fields(shape: type[Entity]) -> dict[str, bool]:
    """Return the fields of an entity, and whether each may be null."""
    return {
        name: NoneType in get_args(type_)
        for name, type_ in get_type_hints(shape).items()
        if name in shape.__struct_fields__
    }
