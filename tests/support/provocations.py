"""A way to get each answer and each error that a request declares (decision E8)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, timedelta
from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from bos.auth.tokens import tokens_for
from bos.models import Notification
from bos.service.keys import Scope
from kpis import jobs
from kpis.models import Alert, AskedPrediction, Kpi, KpiValue, Report
from kpis.reports.requests import report_given_up
from sync.eventlog import log, retention
from sync.models import Event
from sync.protocol.times import wire_time
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message
from tests.support.machines import make_machine
from tests.support.server import Server

CONNECTIONS = 3
"""So many a user may have, of the server on which this is done."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROOM = {"title": "Q4 planning", "activeSpace": "dashboard"}
NOTE = {"position": {"x": 1, "y": 2, "z": 3}, "content": "c", "contentType": "text"}
TOO_MANY = {"channels": [f"kpi:{n}" for n in range(101)]}
Payload = dict[str, Any]


class Stage:
    """A cast, connected where it is needed, one request of which is made again and again."""

    def __init__(self, server: Server, cast: Cast, name: str) -> None:
        self.server, self.cast, self.name = server, cast, name
        self._clients: dict[str, Client] = {}

    async def client(self, person: Person) -> Client:
        if person.id not in self._clients:
            self._clients[person.id] = await Client.connect(self.server, person)
        return self._clients[person.id]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.socket.close()

    async def ask(
        self, by: Person, payload: Payload | Awaitable[Payload] | None, *, request_id: str = ""
    ) -> Message:
        """Make the request, and return its first answer."""
        request_id = request_id or uuid.uuid4().hex
        payload = await payload if isinstance(payload, Awaitable) else payload
        client = await self.client(by)
        await client.send(self.name, payload, request_id=request_id)
        return await client.answer(request_id)

    async def send(self, by: Person, payload: Payload) -> tuple[Client, str]:
        """Make the request, wait until it is served, and return the client and the requestId."""
        client, request_id = await self.client(by), uuid.uuid4().hex
        await client.send(self.name, payload, request_id=request_id)
        await client.settle()
        return client, request_id

    async def ask_twice(self, by: Person, payload: Payload, *, between: Callable[[], Any]) -> Any:
        """Make a request twice, with something between, and return the second answer."""
        request_id = uuid.uuid4().hex
        await self.ask(by, payload, request_id=request_id)
        between()
        return await self.ask(by, payload, request_id=request_id)

    def forget(self) -> None:
        """Have the log forget what the organization's events are."""
        assert Event.objects.filter(organization_id=self.cast.home.id).delete()[0]

    async def session(self, **more: Any) -> Payload:
        """Start a session of bob's that mia joins; return it as requests name it."""
        bob, mia = await self.client(self.cast.bob), await self.client(self.cast.mia)
        created = await bob.ask("SESSION_CREATE", ROOM | more)
        session = {"sessionId": created["payload"]["sessionId"]}
        assert (await mia.ask("SESSION_JOIN", session))["type"] == "SESSION_JOINED"
        return session

    async def in_session(self, **more: Any) -> Payload:
        """Return the payload of a request in such a session, with these fields besides."""
        return await self.session() | more

    async def of_note(self, **more: Any) -> Payload:
        """Return that of a request about a note of bob's in such a session."""
        session = await self.session()
        bob = await self.client(self.cast.bob)
        noted = await bob.ask("ANNOTATION_CREATE", session | NOTE)
        return {"annotationId": noted["payload"]["annotationId"]} | session | more


Provocation = Callable[[Stage], Awaitable[Message]]
Pair = tuple[str, str, str]
"""A request; the message that answers it; and its code, or else how it comes."""


# ------------------------------------------------------------------ the kernel's


def of_token(person: Person, *, seconds: float = 3600) -> Payload:
    access = tokens_for(person.user)[1]
    access.set_exp(lifetime=timedelta(seconds=seconds))
    return {"token": str(access)}


async def too_many_connections(stage: Stage) -> Message:
    clients = [await Client.connect(stage.server) for _ in range(CONNECTIONS + 1)]
    answers = [await client.ask("AUTH", of_token(stage.cast.mia)) for client in clients]
    for client in clients:
        await client.socket.close()
    assert [answer["type"] for answer in answers[:-1]] == ["AUTH_SUCCESS"] * CONNECTIONS
    return answers[-1]


async def too_many_channels(stage: Stage) -> Message:
    refused = await stage.ask(stage.cast.bob, TOO_MANY)
    await (await stage.client(stage.cast.bob)).settle()  # each of the others is refused, too
    return refused


async def synced(stage: Stage) -> list[Message]:
    return await (await stage.client(stage.cast.bob)).sync(stage.cast.home.topic)


async def sync_started(stage: Stage) -> Message:
    return (await synced(stage))[0]


async def sync_complete(stage: Stage) -> Message:
    return (await synced(stage))[-1]


async def history_expired(stage: Stage) -> Message:
    Kpi.objects.filter(pk=stage.cast.home.revenue.pk).update(value=5)
    # The server has heard of it after that; what it has not, it must not find pruned.
    await synced(stage)
    await (await stage.client(stage.cast.bob)).settle()
    retention.prune_events_of(stage.cast.home.id, log.head(stage.cast.home.id).at_us + 1)
    since = {"channels": [stage.cast.home.topic], "lastSequence": 0}
    return await stage.ask(stage.cast.bob, since)


def channels(*names: str) -> Payload:
    return {"channels": list(names)}


OF_KERNEL: dict[Pair, Provocation] = {
    ("AUTH", "AUTH_SUCCESS", "reply"): lambda s: s.ask(s.cast.bob, of_token(s.cast.bob)),
    ("AUTH", "AUTH_FAILED", "INVALID_TOKEN"): lambda s: s.ask(s.cast.bob, {"token": "nonsense"}),
    ("AUTH", "AUTH_FAILED", "TOKEN_EXPIRED"): lambda s: s.ask(
        s.cast.bob, of_token(s.cast.bob, seconds=-10)
    ),
    ("AUTH", "AUTH_FAILED", "RATE_LIMIT_EXCEEDED"): too_many_connections,
    ("PING", "PONG", "reply"): lambda s: s.ask(s.cast.bob, None),
    ("SUBSCRIBE", "SUBSCRIBED", "reply"): lambda s: s.ask(s.cast.bob, channels(s.cast.home.topic)),
    ("SUBSCRIBE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        s.cast.bob, channels(s.cast.other.topic)
    ),
    ("SUBSCRIBE", "ERROR", "INVALID_CHANNEL"): lambda s: s.ask(s.cast.bob, channels("nonsense")),
    ("SUBSCRIBE", "ERROR", "SUBSCRIPTION_FAILED"): too_many_channels,
    ("UNSUBSCRIBE", "UNSUBSCRIBED", "reply"): lambda s: s.ask(
        s.cast.bob, channels(s.cast.home.topic)
    ),
    ("UNSUBSCRIBE", "ERROR", "INVALID_CHANNEL"): lambda s: s.ask(s.cast.bob, channels("nonsense")),
    ("UNSUBSCRIBE", "ERROR", "SUBSCRIPTION_FAILED"): lambda s: s.ask(s.cast.bob, TOO_MANY),
    ("SYNC_REQUEST", "SYNC_START", "reply"): sync_started,
    ("SYNC_REQUEST", "SYNC_COMPLETE", "reply"): sync_complete,
    ("SYNC_REQUEST", "SYNC_ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        s.cast.bob, channels(s.cast.other.topic)
    ),
    ("SYNC_REQUEST", "SYNC_ERROR", "INVALID_CHANNEL"): lambda s: s.ask(
        s.cast.bob, channels("nonsense")
    ),
    ("SYNC_REQUEST", "SYNC_ERROR", "SYNC_TIMESTAMP_IN_FUTURE"): lambda s: s.ask(
        s.cast.bob, channels(s.cast.home.topic) | {"lastSequence": 2**40}
    ),
    ("SYNC_REQUEST", "SYNC_ERROR", "SYNC_HISTORY_EXPIRED"): history_expired,
}


# ------------------------------------------------------------------ people and KPIs


def notified(stage: Stage) -> Payload:
    """Send bob a notification; return it as the request names it."""
    row = Notification(
        organization=stage.cast.home.organization,
        user=stage.cast.bob.user,
        category="test",
        title="t",
        message="m",
    )
    row.save(force_insert=True)
    return {"notificationIds": [str(row.pk)]}


async def read_again(stage: Stage) -> Message:
    notification = notified(stage)
    await stage.ask(stage.cast.bob, notification)
    return await stage.ask(stage.cast.bob, notification)


def new_value(stage: Stage) -> Payload:
    return {"kpiId": str(stage.cast.home.revenue.pk), "value": 5}


def forecast(stage: Stage, horizon: int = 1) -> Payload:
    return {"kpiId": str(stage.cast.home.revenue.pk), "horizon": horizon}


def weekly(day: int) -> int:
    return 100 + 5 * (day % 7) + (day * day) % 5


def steady(day: int) -> int:
    """Return what says nothing about the days to come."""
    return 100


def give_history(kpi: Kpi, value: Callable[[int], int], days: int = 40) -> None:
    """Give the KPI so many daily values, up to yesterday."""
    noon = timezone.now().astimezone(UTC).replace(hour=12, minute=0)
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value(n), at=noon - timedelta(days=days - n), actor_id="test")
        for n in range(days)
    )


async def predicted(stage: Stage) -> Message:
    revenue = stage.cast.home.revenue
    give_history(revenue, weekly)
    Kpi.objects.filter(pk=revenue.pk).update(target=1000)  # out of reach: there is an advice
    vera, _ = await stage.send(stage.cast.vera, forecast(stage))
    jobs.predict(str(revenue.pk), 1)
    return await vera.until("PREDICTION_READY")


async def advised(stage: Stage) -> Message:
    return await (await stage.client(stage.cast.vera)).until("RECOMMENDATION")


async def predicted_again(stage: Stage) -> Message:
    vera, asked = stage.cast.vera, AskedPrediction.objects.order_by("-asked_at")
    request_id = asked.filter(user_id=vera.id)[0].request_id
    return await stage.ask(vera, forecast(stage), request_id=request_id)


async def not_predictable(stage: Stage) -> Message:
    vera, _ = await stage.send(stage.cast.vera, forecast(stage, 2))
    give_history(stage.cast.home.revenue, steady)
    jobs.predict(str(stage.cast.home.revenue.pk), 2)
    return await vera.until("NOTIFICATION")


def period(stage: Stage, year: int = 0) -> Payload:
    """Return a report over a year, by default over this one, as the request names it."""
    year = year or date.today().year
    scope = {"type": "organization", "id": stage.cast.home.id}
    return {"scope": scope, "from": f"{year}-01-01", "to": f"{year}-12-31"}


async def asked_to_report(stage: Stage) -> tuple[Client, Report]:
    mia, request_id = await stage.send(stage.cast.mia, period(stage))
    return mia, Report.objects.get(request_id=request_id)


async def reported(stage: Stage) -> Message:
    mia, report = await asked_to_report(stage)
    jobs.make_report(str(report.pk))
    return await mia.until("REPORT_GENERATED")


async def reported_again(stage: Stage) -> Message:
    request_id = Report.objects.get(organization=stage.cast.home.organization).request_id
    return await stage.ask(stage.cast.mia, period(stage), request_id=request_id)


async def not_reported(stage: Stage) -> Message:
    mia, report = await asked_to_report(stage)
    with transaction.atomic():
        report_given_up(str(report.pk), reason="It took too long.")
    return await mia.until("NOTIFICATION")


def alert(stage: Stage, **more: Any) -> Payload:
    """Raise an alert of revenue; return it as requests name it, with these fields besides."""
    revenue = stage.cast.home.revenue
    row = Alert.objects.create(
        organization_id=stage.cast.home.id,
        kpi=revenue,
        severity="info",
        message="Revenue is high.",
        raised_at=timezone.now(),
    )
    return {"alertId": str(row.pk)} | more


def snoozed(stage: Stage) -> Payload:
    return alert(stage, until=wire_time(timezone.now() + timedelta(hours=1)))


async def handled_again(stage: Stage, payload: Payload) -> Message:
    await stage.ask(stage.cast.mia, payload)
    return await stage.ask(stage.cast.alice, payload)


def line(stage: Stage) -> Payload:
    """Return a question for revenue's line of time."""
    return {"entity": {"type": "kpi", "id": str(stage.cast.home.revenue.pk)}}


OF_KPIS: dict[Pair, Provocation] = {
    ("TIMELINE_REQUEST", "TIMELINE", "reply"): lambda s: s.ask(s.cast.vera, line(s)),
    ("TIMELINE_REQUEST", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.charlie, line(s)),
    ("NOTIFICATION_READ", "NOTIFICATION_READ", "copy"): lambda s: s.ask(s.cast.bob, notified(s)),
    ("NOTIFICATION_READ", "NOTIFICATION_READ", "reply"): read_again,
    ("NOTIFICATION_READ", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.mia, notified(s)),
    ("SEEN", "SEEN", "reply"): lambda s: s.ask(s.cast.bob, {"sequence": 0}),
    ("AWAY_REQUEST", "AWAY", "reply"): lambda s: s.ask(s.cast.bob, {}),
    ("KPI_UPDATE", "KPI_UPDATED", "copy"): lambda s: s.ask(s.cast.mia, new_value(s)),
    ("KPI_UPDATE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.vera, new_value(s)),
    ("KPI_UPDATE", "ERROR", "NOT_FOUND"): lambda s: s.ask_twice(
        s.cast.mia, new_value(s), between=s.forget
    ),
    ("PREDICTION_REQUEST", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.charlie, forecast(s)),
    ("PREDICTION_REQUEST", "ERROR", "NOT_FOUND"): lambda s: s.ask(s.cast.vera, forecast(s)),
    # Each goes on from the one before: a forecast, as a report, takes its time.
    ("PREDICTION_REQUEST", "PREDICTION_READY", "copy"): predicted,
    ("PREDICTION_REQUEST", "RECOMMENDATION", "copy"): advised,
    ("PREDICTION_REQUEST", "PREDICTION_READY", "reply"): predicted_again,
    ("PREDICTION_REQUEST", "NOTIFICATION", "notice"): not_predictable,
    ("REPORT_REQUEST", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.bob, period(s)),
    ("REPORT_REQUEST", "ERROR", "NOT_FOUND"): lambda s: s.ask(s.cast.mia, period(s, 2001)),
    ("REPORT_REQUEST", "REPORT_GENERATED", "copy"): reported,
    ("REPORT_REQUEST", "REPORT_GENERATED", "reply"): reported_again,
    ("REPORT_REQUEST", "NOTIFICATION", "notice"): not_reported,
    ("ALERT_ACKNOWLEDGE", "ALERT", "copy"): lambda s: s.ask(s.cast.mia, alert(s)),
    ("ALERT_ACKNOWLEDGE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.bob, alert(s)),
    ("ALERT_ACKNOWLEDGE", "ERROR", "NOT_FOUND"): lambda s: handled_again(s, alert(s)),
    ("ALERT_SNOOZE", "ALERT", "copy"): lambda s: s.ask(s.cast.mia, snoozed(s)),
    ("ALERT_SNOOZE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.bob, snoozed(s)),
    ("ALERT_SNOOZE", "ERROR", "NOT_FOUND"): lambda s: handled_again(s, snoozed(s)),
}


# ------------------------------------------------------------------ collaboration

IN_NO_SESSION = {"sessionId": UNKNOWN}


async def inviting(stage: Stage) -> Payload:
    """Return the payload of a request to invite alice to such a session."""
    return await stage.in_session(userIds=[stage.cast.alice.id])


async def ended_again(stage: Stage) -> Message:
    session = await stage.session()
    answer: Message = await stage.ask_twice(stage.cast.bob, session, between=stage.forget)
    return answer


def at_revenue(stage: Stage) -> Payload:
    return {"entity": {"type": "kpi", "id": str(stage.cast.home.revenue.pk)}}


OF_SESSIONS: dict[Pair, Provocation] = {
    ("SESSION_CREATE", "SESSION_CREATED", "copy"): lambda s: s.ask(s.cast.bob, ROOM),
    ("SESSION_CREATE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.vera, ROOM),
    ("SESSION_CREATE", "ERROR", "NOT_FOUND"): lambda s: s.ask_twice(
        s.cast.bob, ROOM, between=s.forget
    ),
    ("SESSION_JOIN", "SESSION_JOINED", "reply"): lambda s: s.ask(s.cast.alice, s.session()),
    ("SESSION_JOIN", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(s.cast.alice, IN_NO_SESSION),
    ("SESSION_JOIN", "ERROR", "SESSION_FULL"): lambda s: s.ask(
        s.cast.alice, s.session(maxParticipants=2)
    ),
    ("SESSION_JOIN", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.vera, s.session()),
    ("REPLAY_REQUEST", "REPLAY", "reply"): lambda s: s.ask(s.cast.mia, s.session()),
    ("REPLAY_REQUEST", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(s.cast.mia, IN_NO_SESSION),
    ("SESSION_LEAVE", "SESSION_LEFT", "copy"): lambda s: s.ask(s.cast.mia, s.session()),
    ("SESSION_LEAVE", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(s.cast.mia, IN_NO_SESSION),
    ("SESSION_LEAVE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.alice, s.session()),
    ("SESSION_LEAVE", "ERROR", "NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, s.in_session(newHostId=UNKNOWN)
    ),
    ("SESSION_INVITE", "SESSION_INVITED", "reply"): lambda s: s.ask(s.cast.bob, inviting(s)),
    ("SESSION_INVITE", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, IN_NO_SESSION | {"userIds": [s.cast.alice.id]}
    ),
    ("SESSION_INVITE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.alice, inviting(s)),
    ("SESSION_HAND_OVER", "SESSION_HANDED_OVER", "reply"): lambda s: s.ask(
        s.cast.bob, s.in_session(newHostId=s.cast.mia.id)
    ),
    ("SESSION_HAND_OVER", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, IN_NO_SESSION | {"newHostId": s.cast.mia.id}
    ),
    ("SESSION_HAND_OVER", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        s.cast.mia, s.in_session(newHostId=s.cast.mia.id)
    ),
    ("SESSION_HAND_OVER", "ERROR", "NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, s.in_session(newHostId=s.cast.alice.id)
    ),
    ("SESSION_END", "SESSION_ENDED", "copy"): lambda s: s.ask(s.cast.bob, s.session()),
    ("SESSION_END", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(s.cast.bob, IN_NO_SESSION),
    ("SESSION_END", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.mia, s.session()),
    ("SESSION_END", "ERROR", "NOT_FOUND"): ended_again,
    ("ANNOTATION_CREATE", "ANNOTATION_CREATED", "copy"): lambda s: s.ask(
        s.cast.bob, s.in_session(**NOTE)
    ),
    ("ANNOTATION_CREATE", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, NOTE | IN_NO_SESSION
    ),
    ("ANNOTATION_CREATE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        s.cast.alice, s.in_session(**NOTE)
    ),
    ("ANNOTATION_CREATE", "ERROR", "NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, s.in_session(**NOTE, parentId=UNKNOWN)
    ),
    ("ANNOTATION_UPDATE", "ANNOTATION_UPDATED", "copy"): lambda s: s.ask(s.cast.bob, s.of_note()),
    ("ANNOTATION_DELETE", "ANNOTATION_DELETED", "copy"): lambda s: s.ask(s.cast.bob, s.of_note()),
    ("CURSOR_MOVE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        make_machine(s.cast.home.organization, scopes=[Scope.EVENTS]),
        IN_NO_SESSION | {"position": NOTE["position"]},
    ),
    ("CURSOR_MOVE", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, IN_NO_SESSION | {"position": NOTE["position"]}
    ),
}
OF_SESSIONS |= {
    ("ANNOTATION_RESOLVE", "ANNOTATION_UPDATED", "copy"): lambda s: s.ask(
        s.cast.mia, s.of_note(resolved=True)
    ),
    ("ANNOTATION_RESOLVE", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(
        s.cast.alice, s.of_note(resolved=True)
    ),
    ("ANNOTATION_RESOLVE", "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, s.of_note(resolved=True, sessionId=UNKNOWN)
    ),
    ("ANNOTATION_RESOLVE", "ERROR", "NOT_FOUND"): lambda s: s.ask(
        s.cast.bob, s.of_note(resolved=False)
    ),
}
OF_SESSIONS |= {
    ("LOOKING", "LOOKING", "reply"): lambda s: s.ask(s.cast.vera, at_revenue(s)),
    ("LOOKING", "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.charlie, at_revenue(s)),
    ("PRESENCE_REQUEST", "PRESENCE", "reply"): lambda s: s.ask(s.cast.vera, {}),
}
for _name in ("ANNOTATION_UPDATE", "ANNOTATION_DELETE"):
    OF_SESSIONS |= {
        (_name, "ERROR", "UNAUTHORIZED"): lambda s: s.ask(s.cast.mia, s.of_note()),
        (_name, "ERROR", "SESSION_NOT_FOUND"): lambda s: s.ask(
            s.cast.bob, s.of_note(sessionId=UNKNOWN)
        ),
        (_name, "ERROR", "NOT_FOUND"): lambda s: s.ask(s.cast.bob, s.of_note(annotationId=UNKNOWN)),
    }

PROVOCATIONS = OF_KERNEL | OF_KPIS | OF_SESSIONS
