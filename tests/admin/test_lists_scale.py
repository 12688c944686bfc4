"""Every list of the admin at 500 users, 64 departments and 1,000 KPIs: its size, its queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin as site
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bos.models import Department, Employee, Import, ImportState, Notification, Organization, User
from collaboration.models import Annotation, Invitation, Participant, Session
from kpis.models import (
    Alert,
    AlertRule,
    Insight,
    InsightKind,
    InsightState,
    Kpi,
    KpiValue,
    Report,
    ReportSchedule,
    RuleKind,
    Severity,
)
from tests.support import doors
from tests.support.cast import Cast, make_cast, password_hash
from tests.support.figures import figures_of

pytestmark = pytest.mark.once("postgres")

MOST_BYTES = 40_000
"""As they are sent: compressed."""
MOST_CHOICES = 20
"""Of a filter: more are searched."""
MOST_QUERIES = 20
ROWS = 60
"""Of each other kind: more than a page has."""


def fill(cast: Cast) -> None:
    organization = cast.home.organization
    users = User.objects.bulk_create(
        User(
            organization=organization,
            email=f"u{n}-{organization.pk}@test.example",
            name=f"User {n}",
            password=password_hash(),
        )
        for n in range(500)
    )
    departments = Department.objects.bulk_create(
        Department(organization=organization, name=f"Department {n}", parent=cast.home.sales)
        for n in range(64)
    )
    Employee.objects.bulk_create(
        Employee(
            organization=organization, name=f"E {n}", user=user, department=departments[n % 64]
        )
        for n, user in enumerate(users[:ROWS])
    )
    kpis = Kpi.objects.bulk_create(
        Kpi(
            organization=organization,
            name=f"KPI {n}",
            key=f"kpi-{n}",
            value=n,
            department=departments[n % 64],
            owner=users[n % 500],
        )
        for n in range(1_000)
    )
    _fill_kpis(organization, kpis, users, departments)
    _fill_sessions(organization, users)
    Organization.objects.bulk_create(Organization(name=f"Organization {n}") for n in range(ROWS))


def _fill_kpis(
    organization: Organization, kpis: list[Kpi], users: list[User], departments: list[Department]
) -> None:
    now = timezone.now()
    some = list(enumerate(kpis[:ROWS]))
    of_tenant = {"organization": organization}
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=n, at=now - timedelta(hours=n), actor_id=str(users[n].pk))
        for n, kpi in some
    )
    AlertRule.objects.bulk_create(
        AlertRule(**of_tenant, kpi=kpi, kind=RuleKind.ABOVE, threshold=n) for n, kpi in some
    )
    Alert.objects.bulk_create(
        Alert(**of_tenant, kpi=kpi, message=f"A {n}", severity=Severity.INFO, raised_at=now)
        for n, kpi in some
    )
    Insight.objects.bulk_create(
        Insight(
            **of_tenant,
            kpi=kpi,
            kind=InsightKind.ANOMALY,
            figures=figures_of(InsightKind.ANOMALY),
            created_at=now,
        )
        for _, kpi in some
    )
    InsightState.objects.bulk_create(InsightState(kpi=kpi) for _, kpi in some)
    today = now.date()
    Report.objects.bulk_create(
        Report(
            **of_tenant,
            department=departments[n],
            from_day=today,
            to_day=today,
            format="pdf",
            requested_by=users[n],
        )
        for n in range(ROWS)
    )
    ReportSchedule.objects.bulk_create(
        ReportSchedule(**of_tenant, department=departments[n], format="pdf", rhythm="daily")
        for n in range(ROWS)
    )
    Import.objects.bulk_create(
        Import(
            **of_tenant,
            kind="kpis",
            file_name=f"{n}.csv",
            author=users[n],
            state=ImportState.DONE,
            state_since=now,
        )
        for n in range(ROWS)
    )
    Notification.objects.bulk_create(
        Notification(**of_tenant, user=users[n], category="x", title=f"N {n}") for n in range(ROWS)
    )


def _fill_sessions(organization: Organization, users: list[User]) -> None:
    now = timezone.now()
    sessions = Session.objects.bulk_create(
        Session(organization=organization, host=users[n], title=f"S {n}", active_space="x")
        for n in range(ROWS)
    )
    Participant.objects.bulk_create(
        Participant(session=session, user=users[n], state_since=now, joined_at=now)
        for n, session in enumerate(sessions)
    )
    Invitation.objects.bulk_create(
        Invitation(session=session, user=users[n]) for n, session in enumerate(sessions)
    )
    Annotation.objects.bulk_create(
        Annotation(
            session=session, author=users[n], x=0, y=0, z=0, content=f"N {n}", content_type="text"
        )
        for n, session in enumerate(sessions)
    )


def lists() -> list[str]:
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in site.site._registry
    ] + [reverse("admin:archived_kpis"), reverse("admin:index")]


def test_m4_no_list_grows_with_what_there_is(root: Browser) -> None:
    """Neither the links of a filter, nor the queries of a page."""
    cast = make_cast()
    fill(cast)
    admin = doors.browser(cast.alice)
    too_much = []
    for browser in (admin, root):
        for path in lists():
            with CaptureQueriesContext(connection) as captured:
                page = browser.get(path, headers={"Accept-Encoding": "gzip"})
            if page.status_code == 403 and browser is admin:
                continue  # background work is a superuser's
            assert page.status_code == 200, path
            listed = (page.context or {}).get("cl")
            for filter_ in listed.filter_specs if listed is not None else ():
                assert len(list(filter_.choices(listed))) <= MOST_CHOICES, (path, filter_.title)
            if len(captured) > MOST_QUERIES or len(page.content) > MOST_BYTES:
                too_much.append((path, len(captured), len(page.content)))
    assert too_much == []
