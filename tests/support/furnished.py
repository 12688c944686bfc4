"""A row of every kind that is read by REST, for all to see and for some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from bos.models import Department, Employee, Notification
from bos.permissions import principal_of
from bos.service.keys import Scope
from collaboration.models import Annotation, Session
from collaboration.services.sessions import session_create
from kpis.models import Alert, Insight, InsightKind, Kpi, Report, ReportState
from tests.support.cast import Cast, Person
from tests.support.figures import figures_of
from tests.support.machines import make_machine

NAMES = (
    "kpis", "departments", "employees", "alerts", "insights", "sessions", "annotations",
    "notifications", "reports",
)  # fmt: skip
"""In the addresses."""


@dataclass(slots=True)
class Furnished:
    """rows: ids by name in the address; callers: whoever reads, by what they are called."""

    rows: dict[str, list[str]]
    callers: dict[str, Person]
    open_session: Session
    private_session: Session

    def seen_by(self, who: str) -> dict[str, set[str]]:
        """Return the ids that somebody may see, by name: of what is listed as (open, restricted)
        the open one, and the restricted one where their role or their place lets them."""
        sees_restricted = who in ("bob", "mia", "alice", "machine")
        open_session, private_session = self.rows["sessions"]
        open_note, private_note = self.rows["annotations"]
        of_session = {
            "vera": ({open_session}, set()),
            "bob": ({open_session}, {open_note}),
            "mia": ({open_session, private_session}, {private_note}),
            "alice": ({open_session, private_session}, {private_note}),
            "machine": ({open_session}, set()),
        }
        sessions, notes = of_session[who]
        own = Notification.objects.filter(user=self.callers[who].user)
        return {
            name: set(ids) if sees_restricted else {ids[0]}
            for name, ids in self.rows.items()
            if name in ("kpis", "alerts", "insights", "reports")
        } | {
            "departments": set(self.rows["departments"]),
            "employees": set(self.rows["employees"]),
            "sessions": sessions,
            "annotations": notes,
            "notifications": {str(pk) for pk in own.values_list("pk", flat=True)},
        }


def furnish(cast: Cast) -> Furnished:
    house = cast.home
    kpis = (house.revenue, house.margin)
    notified = [make_notification(person) for person in (cast.vera, cast.bob, cast.mia)]
    open_, private = make_session(cast.bob), make_session(cast.mia, cast.alice)
    notes = [make_note(open_, cast.bob), make_note(private, cast.mia)]
    rows: Mapping[str, Any] = {
        "kpis": kpis,
        "departments": Department.objects.of(house.id),
        "employees": Employee.objects.of(house.id),
        "alerts": [make_alert(kpi) for kpi in kpis],
        "insights": [make_insight(kpi) for kpi in kpis],
        "sessions": [open_, private],
        "annotations": notes,
        "notifications": notified,
        "reports": [make_report(cast, None), make_report(cast, house.sales)],
    }
    callers: dict[str, Person] = {
        name: getattr(cast, name) for name in ("vera", "bob", "mia", "alice")
    }
    callers["machine"] = make_machine(house.organization, scopes=[Scope.READ])
    ids = {name: [str(row.pk) for row in of_name] for name, of_name in rows.items()}
    return Furnished(ids, callers, open_, private)


def make_notification(person: Person, **fields: Any) -> Notification:
    organization_id = person.user.organization_id
    assert organization_id is not None
    made: Notification = Notification.objects.create(
        organization_id=organization_id,
        user=person.user,
        **{"category": "report_failed", "title": "Your report failed"} | fields,
    )
    return made


def make_alert(kpi: Kpi, **fields: Any) -> Alert:
    usual = {"severity": "info", "message": "High", "raised_at": timezone.now()}
    of_kpi = {"organization": kpi.organization, "kpi": kpi}
    made: Alert = Alert.objects.create(**of_kpi | usual | fields)
    return made


def make_insight(kpi: Kpi, kind: str = InsightKind.ANOMALY, **fields: Any) -> Insight:
    of_kpi = {"organization": kpi.organization, "kpi": kpi}
    figures = {"figures": figures_of(kind), "created_at": timezone.now()}
    made: Insight = Insight.objects.create(**of_kpi | figures | fields, kind=kind)
    return made


def make_report(cast: Cast, department: Department | None, **fields: Any) -> Report:
    now, day = timezone.now(), date(2026, 1, 1)
    usual = {
        "from_day": day,
        "to_day": day,
        "format": "pdf",
        "state": ReportState.READY,
        "ready_at": now,
        "expires_at": now + timedelta(days=1),
    }
    made: Report = Report.objects.create(
        organization=cast.home.organization, department=department, **usual | fields
    )
    return made


@transaction.atomic
def make_session(host: Person, *invited: Person) -> Session:
    return session_create(
        principal_of(host.user),
        title="Planning",
        active_space="dashboard",
        max_participants=10,
        invite_user_ids=[person.id for person in invited],
    )


def make_note(session: Session, author: Person, **fields: Any) -> Annotation:
    usual = {"content": "Look at March", "content_type": "text", "x": 1.5, "y": 0.8, "z": -2.0}
    made: Annotation = Annotation.objects.create(
        session=session, author=author.user, **usual | fields
    )
    return made
