"""Time passes at once: whatever is recorded happened so much earlier."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, QuerySet

from collaboration.models import KeptEvent, Participant, Session
from kpis.models import Kpi, KpiValue
from sync.models import Event
from tests.support.cast import Tenant


def let_pass(home: Tenant, seconds: int) -> None:
    """Let so many seconds pass for all that an organization's log, sessions and KPIs tell."""
    by, by_us = timedelta(seconds=seconds), seconds * 1_000_000
    organization = home.organization
    # Django's own querysets: these are no changes that anybody made.
    values: QuerySet[KpiValue] = QuerySet(KpiValue).filter(kpi__organization=organization)
    values.update(at=F("at") - by)
    values.filter(shown_at__year__lt=9000).update(shown_at=F("shown_at") - by)
    QuerySet(Kpi).filter(organization=organization).update(updated_at=F("updated_at") - by)
    sessions: QuerySet[Session] = QuerySet(Session).filter(organization=organization)
    sessions.update(created_at=F("created_at") - by, ended_at=F("ended_at") - by)
    of_sessions = {"session__organization": organization}
    QuerySet(Participant).filter(**of_sessions).update(joined_at=F("joined_at") - by)
    QuerySet(KeptEvent).filter(**of_sessions).update(at_us=F("at_us") - by_us)
    QuerySet(Event).filter(organization_id=home.id).update(at_us=F("at_us") - by_us)
