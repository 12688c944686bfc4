"""Which channels show which entities, as docs/entities.md says of each type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bos_client.protocol import (
    AlertData,
    AnnotationData,
    AnomalyData,
    DepartmentData,
    EmployeeData,
    Entity,
    InvitationData,
    KpiData,
    NotificationData,
    OrganizationData,
    ParticipantData,
    PredictionData,
    RecommendationData,
    ReportData,
    SessionData,
)

Kpis = Mapping[str, KpiData]


def shown_by_any(channels: Iterable[str], entity: Entity, kpis: Kpis) -> bool:
    """Return whether one of these channels shows the entity. kpis: those that are known."""
    return any(shows(channel, entity, kpis) for channel in channels)


def shows(channel: str, entity: Entity, kpis: Kpis) -> bool:
    """Return whether this channel shows the entity."""
    kind, _, id_ = channel.partition(":")
    match entity:
        case NotificationData() | InvitationData():
            return kind == "user"
        case OrganizationData():
            return kind == "organization"
        case DepartmentData():
            return kind == "organization" or (kind == "department" and entity.id == id_)
        case EmployeeData():
            return kind == "organization" or (kind == "department" and entity.department_id == id_)
        case KpiData():
            return _shows_kpi(kind, id_, entity)
        case AlertData() | AnomalyData() | PredictionData() | RecommendationData():
            kpi = kpis.get(entity.kpi_id)
            return _shows_kpi(kind, id_, kpi) if kpi else (kind, id_) == ("kpi", entity.kpi_id)
        case ReportData():
            return kind == entity.scope.type and id_ == entity.scope.id
        case SessionData():
            open_to_all = not entity.invitation_only and entity.ended_at is None
            return (kind == "organization" and open_to_all) or (kind, id_) == ("session", entity.id)
        case ParticipantData():
            return (kind, id_) == ("session", entity.session_id)
        case AnnotationData():
            return _shows_note(kind, id_, entity, kpis)


def _shows_note(kind: str, id_: str, note: AnnotationData, kpis: Kpis) -> bool:
    if note.session_id is not None or note.entity is None:
        return (kind, id_) == ("session", note.session_id)
    if note.entity_archived:
        return kind in ("organization", "department")  # one of them, where it was shown
    kpi = kpis.get(note.entity.id) if note.entity.type == "kpi" else None
    return _shows_kpi(kind, id_, kpi) if kpi else (kind, id_) == (note.entity.type, note.entity.id)


def _shows_kpi(kind: str, id_: str, kpi: KpiData) -> bool:
    match kind:
        case "organization":
            return kpi.visibility == "organization"
        case "department":
            return kpi.department_id == id_
        case _:
            return (kind, id_) == ("kpi", kpi.id)
