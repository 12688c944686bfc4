"""Every live type names its entity, as sync messages do, and one map serves both (c3, V8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bos.models import Department, Employee, Notification
from collaboration.models import Annotation, Invitation, Participant, Session
from kpis.alerts import handling
from kpis.archive.services import kpis_archive
from kpis.models import Alert, Insight, InsightKind, Kpi, Report, ReportState
from sync.protocol import registry
from tests.support.cast import Cast
from tests.support.client import Client, Message
from tests.support.figures import figures_of
from tests.support.mirror import Entities, apply, snapshot
from tests.support.server import Server
from tests.wire.test_notes_on_things import pin

Change = Callable[[Cast, Session], Any]
SCENES: dict[str, list[Change]] = {}
"""By live type: changes that are told by it, or by a SYNC_UPDATE or SYNC_DELETE alone."""


def scene(*names: str) -> Callable[[Change], Change]:
    def add(change: Change) -> Change:
        for name in names:
            SCENES.setdefault(name, []).append(change)
        return change

    return add


@scene("KPI_UPDATED", "SYNC_UPDATE")
def value_set(cast: Cast, session: Session) -> None:
    cast.home.revenue.value = 12.5
    cast.home.revenue.save()


@scene("SYNC_DELETE")
def kpi_archived(cast: Cast, session: Session) -> None:
    kpis_archive([cast.home.margin])


@scene("DEPARTMENT_UPDATED")
def department_renamed(cast: Cast, session: Session) -> None:
    Department.objects.filter(pk=cast.home.sales.pk).update(name="Selling")


@scene("EMPLOYEE_UPDATED")
def employee_promoted(cast: Cast, session: Session) -> None:
    Employee.objects.filter(user=cast.mia.user).update(title="Captain")


@scene("NOTIFICATION", "SYNC_UPDATE", "SYNC_DELETE")
def notified_anew_and_forgotten(cast: Cast, session: Session) -> None:
    told = [_notification(cast) for _ in range(3)]
    told[0].title = "Look again"
    told[0].save()
    told[1].delete()


@scene("ALERT", "SYNC_DELETE")
def alert_raised_corrected_acknowledged(cast: Cast, session: Session) -> None:
    told = [_alert(cast) for _ in range(3)]
    told[0].message = "Worse"
    told[0].save()
    told[1].acknowledged_at, told[1].acknowledged_by = timezone.now(), cast.mia.user
    told[1].save()
    told[2].delete()


@scene("ALERT")
def alert_acknowledged_snoozed_woken_resolved(cast: Cast, session: Session) -> None:
    told = [_alert(cast) for _ in range(4)]
    now = timezone.now()
    handling.snooze(told, now + timedelta(hours=1))
    handling.acknowledge(told[1:], cast.mia.user)
    Alert.objects.filter(pk=told[2].pk).update(snoozed_until=None)
    Alert.objects.filter(pk=told[3].pk).update(resolved_at=now)
    Alert.objects.filter(pk=told[3].pk).update(message="Nobody is told of that any more.")


@scene("ALERT")
def alert_whose_kpi_is_hidden(cast: Cast, session: Session) -> None:
    _alert(cast)
    elsewhere = Department.objects.create(organization=cast.home.organization, name="Elsewhere")
    rows = Kpi.objects.filter(pk=cast.home.revenue.pk)
    rows.update(visibility="department", department=elsewhere)


@scene("ANOMALY_DETECTED", "SYNC_DELETE")
def anomaly(cast: Cast, session: Session) -> None:
    _insight(cast, InsightKind.ANOMALY)
    _insight(cast, InsightKind.ANOMALY).delete()


@scene("PREDICTION_READY")
def prediction(cast: Cast, session: Session) -> None:
    made = _insight(cast, InsightKind.PREDICTION, horizon=7)
    made.figures = figures_of(InsightKind.PREDICTION, horizon=9)
    made.save()


@scene("RECOMMENDATION")
def recommendation(cast: Cast, session: Session) -> None:
    _insight(cast, InsightKind.RECOMMENDATION, message="Do it")


@scene("REPORT_GENERATED", "SYNC_DELETE")
def report(cast: Cast, session: Session) -> None:
    for _ in range(2):
        day, now = date(2026, 1, 1), timezone.now()
        made = Report.objects.create(
            organization=cast.home.organization, from_day=day, to_day=day, format="pdf"
        )
        made.state, made.ready_at = ReportState.READY, now
        made.expires_at = now + timedelta(days=1)
        made.save()
    made.delete()


@scene("SESSION_CREATED")
def meetings_open_to_all_and_by_invitation(cast: Cast, session: Session) -> None:
    _session(cast)
    Invitation.objects.create(session=_session(cast, invitation_only=True), user=cast.bob.user)


@scene("SESSION_JOINED", "PARTICIPANT_UPDATE", "SESSION_LEFT")
def comings_and_goings(cast: Cast, session: Session) -> None:
    stays, goes = _enter(session, cast.alice.user), _enter(session, cast.mia.user)
    stays.state = "idle"
    stays.save()
    goes.left_at = timezone.now()
    goes.save()


@scene("SYNC_UPDATE")
def another_host(cast: Cast, session: Session) -> None:
    _enter(session, cast.alice.user)
    Session.objects.filter(pk=session.pk).update(host=cast.alice.user)


@scene("SESSION_ENDED")
def session_over(cast: Cast, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(ended_at=timezone.now(), end_reason="empty")


@scene("SESSION_ENDED")
def session_deleted(cast: Cast, session: Session) -> None:
    _session(cast).delete()


@scene("SYNC_DELETE")
def disinvited(cast: Cast, session: Session) -> None:
    Invitation.objects.create(session=_session(cast, invitation_only=True), user=cast.bob.user)
    Invitation.objects.exclude(session=session).filter(user=cast.bob.user).delete()


@scene("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED")
def notes(cast: Cast, session: Session) -> None:
    first = _note(cast, session)
    _note(cast, session, parent=first)
    gone = _note(cast, session)
    first.content, first.revision = "Changed", 2
    first.save()
    gone.delete()


@scene("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED")
def notes_on_things(cast: Cast, session: Session) -> None:
    """Of a department, of a KPI that is hidden, and of one that is archived."""
    first = pin(cast.mia, cast.home.sales)
    pin(cast.mia, cast.home.sales, parent_id=str(first.pk), mentions=[cast.bob.id])
    first.resolved_at, first.resolved_by, first.revision = timezone.now(), cast.mia.user, 2
    first.save()
    gone = pin(cast.mia, cast.home.revenue)
    pin(cast.mia, cast.home.revenue)
    pin(cast.mia, cast.home.margin)
    gone.delete()
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(visibility="department")
    kpis_archive([cast.home.margin])


def _notification(cast: Cast) -> Notification:
    return Notification.objects.create(
        organization=cast.home.organization, user=cast.bob.user, category="c", title="t", message=""
    )


def _alert(cast: Cast) -> Alert:
    return Alert.objects.create(
        organization=cast.home.organization,
        kpi=cast.home.revenue,
        severity="info",
        message="Over",
        raised_at=timezone.now(),
    )


def _insight(cast: Cast, kind: InsightKind, **changes: Any) -> Insight:
    return Insight.objects.create(
        organization=cast.home.organization,
        kpi=cast.home.revenue,
        kind=kind,
        figures=figures_of(kind, **changes),
        created_at=timezone.now(),
    )


def _session(cast: Cast, **values: Any) -> Session:
    return Session.objects.create(
        organization=cast.home.organization, host=cast.mia.user, title="T", **values
    )


def _enter(session: Session, user: Any) -> Participant:
    now = timezone.now()
    return Participant.objects.create(session=session, user=user, joined_at=now, state_since=now)


def _note(cast: Cast, session: Session, **values: Any) -> Annotation:
    return Annotation.objects.create(
        session=session,
        author=cast.mia.user,
        content="Look",
        content_type="text",
        **{"x": 1, "y": 2, "z": 3} | values,
    )


async def follow(cast: Cast, bob: Client) -> tuple[Session, tuple[str, ...], Entities, int]:
    """A meeting that bob may follow; all of bob's channels, what they show, and the cursor."""
    session = _session(cast)
    Invitation.objects.create(session=session, user=cast.bob.user)
    channels = (cast.home.topic, f"department:{cast.home.sales.pk}", f"session:{session.pk}")
    await bob.subscribe(*channels)
    every = (*channels, f"user:{cast.bob.id}")
    shown, cursor = await snapshot(bob, *every)
    apply(shown, await bob.settle())
    return session, every, shown, cursor


def named(message: Message) -> tuple[Any, ...]:
    payload = message["payload"]
    change = payload.get("changeType", "deleted" if message["type"] == "SYNC_DELETE" else None)
    return payload["sequence"], payload["entityType"], payload["entityId"], change


@pytest.mark.parametrize("name", sorted({*registry.subjects, "SYNC_UPDATE", "SYNC_DELETE"}))
async def test_v8_each_live_type_names_its_entity_and_the_map_is_a_fresh_snapshot(
    server: Server, cast: Cast, name: str
) -> None:
    pulse = Kpi.objects.create(organization=cast.home.organization, name="Pulse")
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session, channels, shown, cursor = await follow(cast, bob)
        answers = [await read_notifications(cast, bob)] if name == "NOTIFICATION_READ" else []
        for change in SCENES.get(name, ()):
            change(cast, session)
        await mia.set_value(pulse, 1)  # what came before it has been delivered with it
        live = bob.seen() + answers + await bob.settle()
        types = {message["type"] for message in live}
        assert name in types
        synced = (await bob.sync(*channels, lastSequence=cursor))[1:-1]
        told = {named(message) for message in synced}
        for message in live:
            assert named(message) in told, "live and in a sync alike"
            entry = registry.subjects.get(message["type"])
            if entry is not None:
                assert message["payload"]["entityType"] in entry.entities
                if entry.named:
                    assert message["payload"][entry.named] == message["payload"]["entityId"]
        fresh, _ = await snapshot(bob, *channels)
        assert apply(shown, live) == fresh


async def read_notifications(cast: Cast, bob: Client) -> Message:
    ids = [str(_notification(cast).pk) for _ in range(3)]
    answer = await bob.ask("NOTIFICATION_READ", {"notificationIds": ids[:2]})
    assert sorted(answer["payload"]["notificationIds"]) == sorted(ids[:2])
    return answer


def test_v8_every_message_of_an_event_says_what_it_shows_and_no_other_does() -> None:
    about_entities = {*registry.subjects, "SYNC_UPDATE", "SYNC_DELETE"}
    for name, struct in registry.server_messages.items():
        fields = set(struct.__struct_encode_fields__)
        assert ({"entityType", "entityId", "sequence"} <= fields) == (name in about_entities), name
