"""TIMELINE_REQUEST: what has happened to a thing, on one line of time, as far as one may see it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from bos.imports import workflow
from bos.leaving.people import user_erase
from bos.models import Department, Import, ImportState, Organization
from collaboration.services.notes import notes_resolve
from kpis.archive.services import kpi_restore, kpis_archive
from kpis.models import Alert, Insight, InsightKind, Kpi, KpiValue
from sync.protocol.identity import Actor, acting
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of, refused
from tests.support.server import Server
from tests.wire.test_notes_on_things import UNKNOWN, hide, pin
from tests.wire.test_sessions import create

NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def without_values(cast: Cast) -> None:
    """Leave out what the KPIs of the cast were added with."""
    for tenant in (cast.home, cast.other):
        KpiValue.objects.filter(kpi__organization=tenant.organization).delete()


def of(thing: Any, **more: Any) -> Message:
    type_ = "kpi" if isinstance(thing, Kpi) else "department"
    return {"entity": {"type": type_, "id": str(thing.pk)}} | more


async def line(client: Client, thing: Any, **more: Any) -> list[Message]:
    """Return the items of one answer, without that the thing itself was added."""
    items = (await told(client, thing, **more))["items"]
    return [item for item in items if item.get("change") != "created" or item["kind"] == "note"]


async def told(client: Client, thing: Any, **more: Any) -> Message:
    answer = await client.ask("TIMELINE_REQUEST", of(thing, **more))
    assert answer["type"] == "TIMELINE", answer
    return dict(answer["payload"])


async def whole(client: Client, thing: Any, **more: Any) -> list[Message]:
    """Return all items, page by page."""
    items: list[Message] = []
    cursor = None
    while True:
        page = await told(client, thing, cursor=cursor, **more)
        items += page["items"]
        if page["complete"]:
            assert "cursor" not in page
            return items
        assert len(page["items"]) == more["limit"]
        cursor = page["cursor"]


def values_at(kpi: Kpi, *times: datetime) -> None:
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=n, at=at, actor_id="system") for n, at in enumerate(times, 1)
    )


def alert(kpi: Kpi, at: datetime, **more: Any) -> Alert:
    return Alert.objects.create(
        organization_id=kpi.organization_id,
        kpi=kpi,
        severity="warning",
        message=f"{kpi.name} is low.",
        value=95,
        threshold=100,
        raised_at=at,
        **more,
    )


def import_values(cast: Cast, rows: str) -> None:
    """As an administrator and a worker do."""
    import_ = Import.objects.create(
        organization=cast.home.organization,
        author=cast.alice.user,
        kind="values",
        file_name="values.csv",
        content=f"kpi,date,value\n{rows}".encode(),
        state_since=timezone.now(),
    )
    workflow.check(str(import_.pk))
    Import.objects.filter(state=ImportState.CHECKED).update(state=ImportState.CONFIRMED)
    workflow.write(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.DONE, import_.problem


ANOMALY = {
    "day": "2026-01-20",
    "value": 82.0,
    "expected": 97.0,
    "lower": 93.0,
    "upper": 101.0,
    "score": -5.0,
    "severity": "high",
    "method": "m",
}


def anomaly(kpi: Kpi, at: datetime) -> Insight:
    return Insight.objects.create(
        organization_id=kpi.organization_id,
        kpi=kpi,
        kind=InsightKind.ANOMALY,
        figures=ANOMALY,
        created_at=at,
    )


# ------------------------------------------------------------------ what is on it


async def test_p1_a_value_says_who_set_it_by_which_source_and_what_was_before(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
    ):
        await mia.set_value(cast.home.revenue, 101.5)
        await mia.set_value(cast.home.revenue, 99)
        newest, oldest = await line(vera, cast.home.revenue)
    assert newest["at"] >= oldest["at"]
    assert newest | {"at": ""} == {
        "kind": "value",
        "at": "",
        "value": 99,
        "before": 101.5,
        "actorId": cast.mia.id,
        "actorName": "Mia",
        "source": "websocket",
    }
    assert (oldest["value"], oldest["before"]) == (101.5, None)


async def test_p1_all_that_happened_is_on_one_line_the_newest_first(
    server: Server, cast: Cast
) -> None:
    revenue, now = cast.home.revenue, timezone.now()
    values_at(revenue, now - timedelta(days=9))
    with acting(Actor(cast.mia.id, "admin")):
        revenue.target = 150
        revenue.unit = "USD"
        revenue.save()
    row = alert(revenue, now - timedelta(days=7))
    Alert.objects.filter(pk=row.pk).update(
        acknowledged_at=now - timedelta(days=6),
        acknowledged_by=cast.bob.user,
        resolved_at=now - timedelta(days=5),
    )
    anomaly(revenue, now - timedelta(days=8))
    note = pin(cast.bob, revenue, "x" * 300)
    notes_resolve([note.pk], user=cast.mia.user, resolved=True)
    async with await Client.connect(server, cast.vera) as vera:
        items = await line(vera, revenue)
    assert [(item["kind"], item.get("change")) for item in items] == [
        ("note", "resolved"),
        ("note", "created"),
        ("change", "updated"),
        ("target", None),
        ("alert", "resolved"),
        ("alert", "acknowledged"),
        ("alert", "raised"),
        ("anomaly", None),
        ("value", None),
    ]
    resolved, created, change, target, _, seen, raised, odd, _ = items
    assert (resolved["actorName"], created["actorName"]) == ("Mia", "Bob")
    assert (created["text"], created["annotationId"]) == ("x" * 200, str(note.pk))
    assert change["fields"] == [{"name": "unit", "before": "EUR", "after": "USD"}]
    assert (change["actorName"], change["source"]) == ("Mia", "admin")
    assert (target["target"], target["before"], target["actorId"]) == (150, 120, cast.mia.id)
    assert (seen["actorId"], seen["actorName"], raised["actorId"]) == (cast.bob.id, "Bob", None)
    assert (raised["message"], raised["value"], raised["threshold"]) == (row.message, 95, 100)
    assert (odd["lower"], odd["upper"], odd["day"]) == (93, 101, "2026-01-20")


async def test_p1_an_import_is_told_of_once_with_how_many_values_it_has_brought(
    server: Server, cast: Cast
) -> None:
    name = cast.home.revenue.name
    rows = "".join(f"{name},2026-01-{day:02},{day}\n" for day in range(1, 21))
    import_values(cast, rows)
    import_values(cast, f"{name},2026-01-01,1\n")  # nothing new
    async with await Client.connect(server, cast.vera) as vera:
        items = await line(vera, cast.home.revenue)
    [told_of] = [item for item in items if item["kind"] == "imported"]
    assert (told_of["values"], told_of["actorName"]) == (20, "Alice")
    assert (told_of["from"], told_of["to"]) == ("2026-01-01T00:00:00Z", "2026-01-20T00:00:00Z")
    values = [item for item in items if item["kind"] == "value"]
    assert {item["source"] for item in values} == {"import"}
    assert len(values) == 20


async def test_v6_it_stays_with_an_archived_kpi_and_who_left_is_a_former_user(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(revenue, 7)
    user_erase(cast.mia.user)
    kpis_archive([revenue])
    async with await Client.connect(server, cast.alice) as alice:
        gone = await alice.ask("TIMELINE_REQUEST", of(revenue))
        never = await alice.ask("TIMELINE_REQUEST", {"entity": {"type": "kpi", "id": UNKNOWN}})
        assert error_of(gone)[0] == "UNAUTHORIZED"
        assert gone["payload"] == never["payload"]
        kpi_restore(Kpi.everything.get(pk=revenue.pk))
        items = await line(alice, revenue)
    assert [item.get("change", item.get("actorName")) for item in items] == [
        "restored",
        "archived",
        "Former user",
    ]


async def test_p1_of_a_department_it_has_its_own_changes_notes_and_its_kpis_alerts(
    server: Server, cast: Cast
) -> None:
    sales, now = cast.home.sales, timezone.now()
    alert(cast.home.margin, now - timedelta(hours=2))
    anomaly(cast.home.revenue, now - timedelta(hours=1))
    values_at(cast.home.revenue, now)
    with acting(Actor(cast.alice.id, "admin")):
        sales.name = "Selling"
        sales.save()
    pin(cast.bob, sales)
    async with await Client.connect(server, cast.bob) as bob:
        note, change, odd, raised = await line(bob, sales)
    assert (note["kind"], change["kind"]) == ("note", "change")
    assert change["fields"] == [{"name": "name", "before": "Sales", "after": "Selling"}]
    assert (odd["kpiId"], raised["kpiId"]) == (
        str(cast.home.revenue.pk),
        str(cast.home.margin.pk),
    )


# ------------------------------------------------------------------ who may


async def test_s4_whoever_may_not_see_the_thing_is_answered_as_if_there_were_none(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    elsewhere = Department.objects.create(organization=home.organization, name="Elsewhere")
    refusals = []
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for name in ("alice", "mia", "bob", "vera", "charlie"):
            person: Person = getattr(cast, name)
            clients[name] = await stack.enter_async_context(await Client.connect(server, person))
        for thing, allowed in (
            (home.revenue, {"alice", "mia", "bob", "vera"}),
            (home.margin, {"alice", "mia", "bob"}),
            (home.support, {"alice", "mia", "bob", "vera"}),
            (elsewhere, {"alice", "mia"}),
        ):
            for name, client in clients.items():
                answer = await client.ask("TIMELINE_REQUEST", of(thing))
                assert (answer["type"] == "TIMELINE") == (name in allowed), (name, thing)
                refusals += [answer["payload"]] if name not in allowed else []
        for entity in (("session", home.revenue.pk), ("kpi", "none"), ("kpi", home.sales.pk)):
            type_, id_ = entity
            payload = {"entity": {"type": type_, "id": str(id_)}}
            refusals.append((await clients["alice"].ask("TIMELINE_REQUEST", payload))["payload"])
    assert {payload["code"] for payload in refusals} == {"UNAUTHORIZED"}
    assert all(payload == refusals[0] for payload in refusals)


async def test_c8_a_note_of_a_session_is_on_it_for_those_alone_who_may_follow_the_session(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
    ):
        session = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        note = {
            "sessionId": session,
            "position": {"x": 0, "y": 0, "z": 0},
            "content": "Between us",
            "contentType": "text",
            "entity": {"type": "kpi", "id": str(revenue.pk)},
        }
        assert (await bob.ask("ANNOTATION_CREATE", note))["type"] == "ANNOTATION_CREATED"
        [own] = await line(bob, revenue)
        assert (own["sessionId"], own["text"]) == (session, "Between us")
        assert await line(vera, revenue) == []


async def test_s4_what_was_in_another_organization_is_not_told_in_this_one(
    server: Server, cast: Cast
) -> None:
    kpi = cast.other.revenue
    alert(kpi, timezone.now())
    with acting(Actor(cast.charlie.id, "admin")):
        kpi.unit = "GBP"
        kpi.save()
    organization = Organization.objects.get(pk=cast.home.id)
    Kpi.objects.filter(pk=kpi.pk).update(organization=organization, department=None)
    async with await Client.connect(server, cast.alice) as alice:
        items = await line(alice, kpi)
    assert [item["kind"] for item in items] == ["change"]
    assert "GBP" not in str(items)


async def test_s4_a_kpi_that_is_hidden_meanwhile_is_refused_from_then_on(
    server: Server, cast: Cast
) -> None:
    values_at(cast.home.revenue, *(NOON + timedelta(hours=n) for n in range(3)))
    async with await Client.connect(server, cast.vera) as vera:
        page = await told(vera, cast.home.revenue, limit=2)
        hide(cast.home.revenue)
        following = of(cast.home.revenue, limit=2, cursor=page["cursor"])
        assert error_of(await vera.ask("TIMELINE_REQUEST", following))[0] == "UNAUTHORIZED"


# ------------------------------------------------------------------ how much of it


@pytest.mark.parametrize("most", [4, 5, 6])
async def test_p2_at_most_the_limit_is_answered_and_the_rest_by_its_cursor(
    server: Server, cast: Cast, most: int
) -> None:
    """Five items, of which three are of one moment, and two of one kind."""
    revenue = cast.home.revenue
    values_at(revenue, NOON, NOON, NOON + timedelta(seconds=1))
    alert(revenue, NOON, resolved_at=NOON + timedelta(milliseconds=1))
    async with await Client.connect(server, cast.vera) as vera:
        about = ["values", "alerts"]
        page = await told(vera, revenue, limit=most, about=about)
        assert len(page["items"]) == min(most, 5)
        assert page["complete"] == (most >= 5)
        at_once = await line(vera, revenue)
        assert [(item["kind"], item.get("value")) for item in at_once] == [
            ("value", 3),
            ("alert", 95),
            ("alert", 95),
            ("value", 2),
            ("value", 1),
        ]
        assert [item.get("before") for item in at_once] == [2, None, None, 1, None]
        for limit in range(1, most):
            assert await whole(vera, revenue, limit=limit, about=about) == at_once, limit


async def test_p2_it_may_be_about_some_kinds_alone(server: Server, cast: Cast) -> None:
    revenue = cast.home.revenue
    values_at(revenue, *(NOON + timedelta(minutes=n) for n in range(30)))
    alert(revenue, NOON - timedelta(days=1))
    anomaly(revenue, NOON - timedelta(days=2))
    async with await Client.connect(server, cast.vera) as vera:
        page = await told(vera, revenue, limit=1, about=["alerts", "insights"])
        assert ([item["kind"] for item in page["items"]], page["complete"]) == (["alert"], False)
        items = await whole(vera, revenue, limit=1, about=["alerts", "insights"])
        assert [item["kind"] for item in items] == ["alert", "anomaly"]
        assert await line(vera, revenue, about=["notes"]) == []


async def test_p2_from_is_in_it_and_to_is_not(server: Server, cast: Cast) -> None:
    revenue = cast.home.revenue
    values_at(revenue, *(NOON + timedelta(hours=n) for n in range(5)))
    async with await Client.connect(server, cast.vera) as vera:
        part = {"from": "2026-01-20T14:00:00+01:00", "to": "2026-01-20T15:00:00Z"}
        items = await line(vera, revenue, **part)
        assert [(item["value"], item["before"]) for item in items] == [(3, 2), (2, 1)]
        assert await whole(vera, revenue, limit=1, **part) == items
        later = await told(vera, revenue, about=["values"], **{"from": "2026-02-01T00:00:00Z"})
        nothing = {"items": [], "complete": True}
        assert later == {"entity": of(revenue)["entity"]} | nothing
        assert await line(vera, revenue, to="2026-01-20T12:00:00Z") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("about", ["alerts", "weather"]),
        ("about", []),
        ("limit", 0),
        ("limit", 501),
        ("from", "yesterday"),
        ("to", "0001-01-01T00:00:00Z"),
        ("from", "9999-12-31T23:59:59-01:00"),
        ("to", "2026-01-19T00:00:00Z"),
        ("cursor", "1"),
        ("cursor", "999999999999999999.1"),
        ("cursor", "x" * 33),
        ("entity", {"type": "", "id": "1"}),
    ],
)
@pytest.mark.once("sqlite")
async def test_e4_what_is_asked_for_wrongly_is_refused_by_its_field(
    server: Server, cast: Cast, field: str, value: object
) -> None:
    payload = of(cast.home.revenue, **{"from": "2026-01-20T00:00:00Z"}) | {field: value}
    async with await Client.connect(server, cast.vera) as vera:
        named, _ = refused(await vera.ask("TIMELINE_REQUEST", payload))
    assert named in (f"payload.{field}", "payload.entity.type")


async def test_p2_an_answer_of_the_largest_size_fits_into_a_message(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    values_at(revenue, *(NOON + timedelta(minutes=n) for n in range(501)))
    with transaction.atomic():
        KpiValue.objects.filter(kpi=revenue).update(actor_id=cast.mia.id, source="x" * 16)
    async with await Client.connect(server, cast.vera) as vera:
        page = await told(vera, revenue, limit=500, about=["values"])
        assert (len(page["items"]), page["complete"]) == (500, False)
        rest = await told(vera, revenue, limit=500, about=["values"], cursor=page["cursor"])
    assert ([item["value"] for item in rest["items"]], rest["complete"]) == ([1], True)


@pytest.mark.once("sqlite")
async def test_l1_what_a_cursor_passes_is_paid_for_whoever_has_written_it(
    server: Server, cast: Cast
) -> None:
    """Each lane reads as much: with a cursor of their own a user would have it for nothing."""
    forged = of(cast.home.revenue, limit=1, cursor="4000000000000000.9999")
    async with await Client.connect(server, cast.vera) as vera:
        answers = [await vera.ask("TIMELINE_REQUEST", forged) for _ in range(8)]
        assert answers[0]["type"] == "TIMELINE"
        code, details = error_of(answers[-1])
        assert (code, details["scope"]) == ("RATE_LIMIT_EXCEEDED", "user")
        assert (await told(vera, cast.home.revenue))["items"]  # a page of its own costs little
