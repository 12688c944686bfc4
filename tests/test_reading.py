"""Everything can be read by REST: which rows, by whom, in pages (decision D3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.api.answers import MOST_BYTES, Room
from bos.api.events import READ_AT_ONCE, events_page
from bos.models import Department, Employee, Notification, Role
from bos.permissions import principal_of
from bos.service.keys import Scope, key_revoke
from collaboration.models import Annotation, Session
from kpis.archive.services import kpis_archive
from kpis.models import Alert, Insight, InsightKind, Kpi, Report, ReportState, Visibility
from sync.eventlog import log, retention
from tests.support.cast import Cast, Person
from tests.support.figures import figures_of
from tests.support.furnished import (
    NAMES,
    Furnished,
    furnish,
    make_alert,
    make_insight,
    make_note,
    make_notification,
    make_report,
    make_session,
)
from tests.support.machines import make_machine
from tests.support.mirror import apply

API = "/api/v1"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    *(f"{API}/{name}" for name in NAMES),
    *(f"{API}/{name}/{UNKNOWN}" for name in NAMES),
    f"{API}/kpis/{UNKNOWN}/values",
    f"{API}/events",
]


def get(path: str, person: Person | None = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if person is not None:
        named["Authorization"] = f"Bearer {person.token}"
    return Browser().get(path, headers=named)


def items(path: str, person: Person) -> list[Any]:
    answer = get(path, person)
    assert answer.status_code == 200, answer.content
    return list(answer.json()["items"])


def ids(path: str, person: Person) -> set[str]:
    return {item["id"] for item in items(path, person)}


def paged(path: str, person: Person) -> Iterator[list[Any]]:
    """Yield the items of each page, following `next`."""
    address: str | None = path
    while address is not None:
        answer = get(address, person)
        assert answer.status_code == 200, answer.content
        yield answer.json()["items"]
        address = answer.json()["next"]
        assert answer.get("Link") == (None if address is None else f'<{address}>; rel="next"')


# ------------------------------------------------------------------ who sees which rows


@pytest.mark.parametrize("who", ["vera", "bob", "mia", "alice", "machine"])
def test_d3_each_sees_what_their_rights_let_them_and_the_rest_is_not_there(
    cast: Cast, who: str
) -> None:
    house = furnish(cast)
    caller = house.callers[who]
    seen = house.seen_by(who)
    unknown = get(f"{API}/kpis/{UNKNOWN}", caller)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    for name in NAMES:
        listed = {item["id"]: item for item in items(f"{API}/{name}", caller)}
        assert set(listed) == seen[name], name
        for id_ in {*house.rows[name], *seen[name]}:
            one = get(f"{API}/{name}/{id_}", caller)
            if id_ in seen[name]:
                assert (one.status_code, one.json()) == (200, listed[id_])
            else:
                assert (one.status_code, one.content) == (404, unknown.content), (name, id_)


def test_d3_another_organization_sees_nothing_of_it(cast: Cast) -> None:
    house = furnish(cast)
    keys = make_machine(cast.other.organization, Role.ADMIN, [Scope.READ])
    for stranger in (cast.charlie, keys):
        unknown = get(f"{API}/kpis/{UNKNOWN}", stranger)
        for name in NAMES:
            assert ids(f"{API}/{name}", stranger).isdisjoint(house.rows[name])
            for id_ in house.rows[name]:
                one = get(f"{API}/{name}/{id_}", stranger)
                assert (one.status_code, one.content) == (404, unknown.content)
        values = get(f"{API}/kpis/{cast.home.revenue.pk}/values", stranger)
        assert (values.status_code, values.content) == (404, unknown.content)
        assert get(f"{API}/events?after=0", stranger).content.find(cast.home.id.encode()) == -1


@pytest.mark.parametrize("path", ROUTES)
def test_d3_a_key_reads_by_its_scope_and_nobody_without_one(cast: Cast, path: str) -> None:
    anonymous = get(path)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "NOT_AUTHENTICATED")
    reader = make_machine(cast.home.organization, scopes=[Scope.READ])
    assert get(path, reader).status_code in (200, 404)
    others = make_machine(cast.home.organization, scopes=set(Scope) - {Scope.READ})
    refused = get(path, others)
    assert (refused.status_code, refused.json()["details"]) == (403, {"scope": "read"})
    assert key_revoke(reader.key)
    assert get(path, reader).json()["code"] == "INVALID_TOKEN"
    for method in ("post", "put", "patch", "delete"):
        headers = {"Authorization": f"Bearer {cast.alice.token}"}
        told = getattr(Browser(), method)(path, headers=headers)
        assert (told.status_code, told.json()["code"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("id_", ["x", "%00", UNKNOWN.upper(), "é", "a" * 300, UNKNOWN[:-1]])
def test_d3_what_is_no_id_is_not_there(cast: Cast, id_: str) -> None:
    for name in NAMES:
        assert get(f"{API}/{name}/{id_}", cast.alice).json()["code"] == "NOT_FOUND", name
    assert get(f"{API}/kpis/{id_}/values", cast.alice).status_code == 404


def test_d3_rights_that_are_lost_count_at_once(cast: Cast) -> None:
    house = furnish(cast)
    margin = f"{API}/kpis/{cast.home.margin.pk}"
    assert get(margin, cast.bob).status_code == 200
    Employee.objects.filter(user=cast.bob.user).update(department=None)
    assert get(margin, cast.bob).status_code == 404
    assert ids(f"{API}/alerts", cast.bob) == {house.rows["alerts"][0]}
    Kpi.objects.filter(pk=cast.home.margin.pk).update(owner=cast.bob.user)
    assert ids(f"{API}/alerts", cast.bob) == set(house.rows["alerts"])


def test_d3_an_archived_kpi_is_not_there_with_all_that_it_has(cast: Cast) -> None:
    house = furnish(cast)
    kpis_archive([cast.home.revenue])
    for name in ("kpis", "alerts", "insights"):
        assert ids(f"{API}/{name}", cast.alice) == {house.rows[name][1]}
        assert get(f"{API}/{name}/{house.rows[name][0]}", cast.alice).status_code == 404
    for named in (cast.home.revenue.pk, cast.home.revenue.key):
        assert get(f"{API}/kpis/{named}/values", cast.alice).status_code == 404


def test_d3_a_kpi_is_found_by_its_key_in_its_own_organization(cast: Cast) -> None:
    told = get(f"{API}/kpis/revenue", cast.vera).json()
    assert (told["id"], told["key"]) == (str(cast.home.revenue.pk), "revenue")
    assert get(f"{API}/kpis/revenue", cast.charlie).json()["id"] == str(cast.other.revenue.pk)
    assert get(f"{API}/kpis/margin", cast.vera).status_code == 404


def test_d3_one_that_cannot_be_read_takes_the_list_from_nobody(cast: Cast) -> None:
    good = make_insight(cast.home.revenue)
    bad = Insight(
        organization=cast.home.organization, kpi=cast.home.revenue, kind=InsightKind.ANOMALY,
        figures={"day": 1}, created_at=timezone.now(),
    )  # fmt: skip
    uncaptured: Any = QuerySet
    uncaptured(Insight).bulk_create([bad])
    assert ids(f"{API}/insights?limit=1", cast.vera) == set()
    pages = list(paged(f"{API}/insights?limit=1", cast.vera))
    assert [[item["id"] for item in page] for page in pages] == [[], [str(good.pk)]]
    assert get(f"{API}/insights/{bad.pk}", cast.vera).status_code == 404


# ------------------------------------------------------------------ pages


def raised(cast: Cast, count: int) -> list[str]:
    """Alerts, three each of the same time; the latest first, as they are listed."""
    now = timezone.now()
    made = [
        make_alert(cast.home.revenue, raised_at=now - timedelta(minutes=n // 3))
        for n in range(count)
    ]
    made.sort(key=lambda alert: (alert.raised_at, alert.pk), reverse=True)
    return [str(alert.pk) for alert in made]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_d3_pages_have_every_row_once_and_in_order(cast: Cast, limit: int) -> None:
    expected = raised(cast, 7)
    pages = list(paged(f"{API}/alerts?limit={limit}", cast.vera))
    assert [item["id"] for page in pages for item in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


@pytest.mark.parametrize("name", ["alerts", "kpis"])
def test_d3_rows_that_come_and_go_meanwhile_move_no_others(cast: Cast, name: str) -> None:
    raised(cast, 6)
    Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"K{n}") for n in range(4)
    )
    before = [item["id"] for item in items(f"{API}/{name}", cast.vera)]
    pages = paged(f"{API}/{name}?limit=2", cast.vera)
    seen = [item["id"] for item in next(pages)]
    make_alert(cast.home.revenue)
    Alert.objects.filter(pk__in=before[1:3]).delete()
    kpis_archive(Kpi.objects.filter(pk__in=before[1:3]))
    seen += [item["id"] for page in pages for item in page]
    assert set(before) - {before[2]} <= set(seen)
    assert len(seen) == len(set(seen))


def test_d3_a_page_has_1_000_rows_at_most(cast: Cast) -> None:
    Department.objects.bulk_create(
        Department(organization=cast.home.organization, name=f"D{n}") for n in range(999)
    )
    first, second = paged(f"{API}/departments?limit=1000", cast.vera)
    assert (len(first), len(second)) == (1_000, 1)
    assert len(items(f"{API}/departments", cast.vera)) == 100
    assert get(f"{API}/departments?limit=1001", cast.vera).status_code == 400


def test_d3_an_answer_ends_where_one_more_would_not_fit() -> None:
    room = Room(10)
    assert room.takes(b"x" * 4)
    assert room.takes(b"x" * 4)
    assert not room.takes(b"")
    room = Room(11)
    assert room.takes(b"x" * 4)
    assert room.takes(b"x" * 5)
    assert Room(1).takes(b"x" * 100), "the first one, or there would be no end"


def test_d3_a_page_has_2_mb_at_most(cast: Cast) -> None:
    session = make_session(cast.bob)
    usual = {"content_type": "text", "x": 0, "y": 0, "z": 0}
    notes = [
        Annotation(session=session, author=cast.bob.user, content="\N{SNOWMAN}" * 10_000, **usual)
        for _ in range(75)
    ]
    uncaptured: Any = QuerySet
    uncaptured(Annotation).bulk_create(notes)
    answer = get(f"{API}/annotations?limit=1000", cast.bob)
    assert MOST_BYTES - 40_000 < len(answer.content) < MOST_BYTES + 1_000
    first, second = paged(f"{API}/annotations?limit=1000", cast.bob)
    assert len({item["id"] for item in first + second}) == len(first) + len(second) == 75


# Each route's rows; a hundred more of them.
MORE: dict[str, Callable[[Cast, Furnished], Any]] = {
    "kpis": lambda cast, house: Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"K{n}") for n in range(99)
    ),
    "departments": lambda cast, house: Department.objects.bulk_create(
        Department(organization=cast.home.organization, name=f"D{n}") for n in range(99)
    ),
    "employees": lambda cast, house: Employee.objects.bulk_create(
        Employee(organization=cast.home.organization, name=f"E{n}") for n in range(99)
    ),
    "alerts": lambda cast, house: Alert.objects.bulk_create(
        Alert(organization=cast.home.organization, kpi=cast.home.revenue, message="High",
              severity="info", raised_at=timezone.now()) for _ in range(99)
    ),
    "insights": lambda cast, house: Insight.objects.bulk_create(
        Insight(organization=cast.home.organization, kpi=cast.home.revenue,
                kind=InsightKind.ANOMALY, created_at=timezone.now(),
                figures=figures_of(InsightKind.ANOMALY)) for _ in range(99)
    ),
    "sessions": lambda cast, house: Session.objects.bulk_create(
        Session(organization=cast.home.organization, host=cast.bob.user, title="t",
                active_space="s") for _ in range(99)
    ),
    "annotations": lambda cast, house: Annotation.objects.bulk_create(
        Annotation(session=house.open_session, author=author.user, content="x",
                   content_type="text", x=0, y=0, z=0)
        for author in (cast.bob, cast.mia, cast.vera) for _ in range(33)
    ),
    "notifications": lambda cast, house: Notification.objects.bulk_create(
        Notification(organization=cast.home.organization, user=cast.bob.user, category="c",
                     title="t") for _ in range(99)
    ),
    "reports": lambda cast, house: Report.objects.bulk_create(
        Report(organization=cast.home.organization, from_day="2026-01-01", to_day="2026-01-01",
               state=ReportState.READY, ready_at=timezone.now(),
               expires_at=timezone.now()) for _ in range(99)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_d3_a_hundred_rows_cost_as_many_queries_as_one(cast: Cast, name: str) -> None:
    house = furnish(cast)
    queries = []
    for least in (1, 99):
        with CaptureQueriesContext(connection) as statements:
            assert len(items(f"{API}/{name}?limit=200", cast.bob)) >= least
        queries.append(len(statements))
        if least == 1:
            MORE[name](cast, house)
    assert queries[0] == queries[1] < 15


# ------------------------------------------------------------------ what is asked for


def test_d3_each_filter_leaves_what_it_says(cast: Cast) -> None:
    now = timezone.now()
    yesterday = (now - timedelta(days=1)).date()
    tomorrow = (now + timedelta(days=2)).date()
    house = cast.home
    old = make_alert(
        house.revenue, severity="critical", raised_at=now - timedelta(days=9), resolved_at=now
    )
    seen = make_alert(house.revenue, acknowledged_at=now, raised_at=now - timedelta(days=1))
    new = make_alert(house.margin)
    Kpi.objects.filter(pk=house.margin.pk).update(owner=cast.bob.user, name="Übermarge 100%")
    odd, forecast = make_insight(house.revenue), make_insight(house.margin, InsightKind.PREDICTION)
    open_, private = make_session(cast.bob), make_session(cast.mia, cast.bob)
    Session.objects.filter(pk=private.pk).update(ended_at=now, title="Over")
    note = make_note(open_, cast.bob, entity_type="kpi", entity_id="k1")
    reply = make_note(open_, cast.mia, parent=note, content="Indeed")
    read = make_notification(cast.bob, read_at=now, category="alert")
    unread = make_notification(cast.bob)
    make_report(cast, None), make_report(cast, house.sales, format="xlsx")
    sales, support = str(house.sales.pk), str(house.support.pk)
    employee = Employee.objects.get(user=cast.bob.user)
    reports = {report.department_id: str(report.pk) for report in Report.objects.of(house.id)}
    cases: list[tuple[str, list[Any]]] = [
        (f"kpis?department={sales}", [house.revenue, house.margin]),
        (f"kpis?department={support}", []),
        (f"kpis?owner={cast.bob.id}", [house.margin]),
        ("kpis?visibility=department", [house.margin]),
        ("kpis?visibility=department,organization", [house.revenue, house.margin]),
        ("kpis?search=marge%20%20100%25", [house.margin]),
        ("kpis?search=%25", [house.margin]),
        ("kpis?search=REVEN", [house.revenue]),
        (f"kpis?updatedSince={tomorrow}", []),
        (f"kpis?updatedSince={yesterday}", [house.revenue, house.margin]),
        (f"departments?parent={sales}", [house.support]),
        ("departments?search=sal", [house.sales]),
        (f"employees?department={sales}", [employee]),
        (f"employees?user={cast.bob.id}", [employee]),
        ("employees?search=bOb", [employee]),
        ("alerts?state=open", [new]),
        ("alerts?state=acknowledged", [seen]),
        ("alerts?state=resolved", [old]),
        ("alerts?state=open,acknowledged", [new, seen]),
        ("alerts?severity=critical", [old]),
        ("alerts?kpi=revenue", [old, seen]),
        (f"alerts?kpi={house.margin.pk}", [new]),
        ("alerts?kpi=no-such-one", []),
        (f"alerts?kpi={cast.other.revenue.pk}", []),
        (f"alerts?since={(now - timedelta(days=2)).date()}", [seen, new]),
        (f"alerts?rule={UNKNOWN}", []),
        ("alerts?since=2026-01-01T00:00:00-23:59&state=resolved", [old]),
        ("alerts?state=open&kpi=revenue", []),
        ("insights?kind=anomaly", [odd]),
        ("insights?kind=prediction,recommendation", [forecast]),
        ("insights?kpi=margin", [forecast]),
        ("sessions?running=true", [open_]),
        ("sessions?running=false", [private]),
        (f"sessions?host={cast.mia.id}", [private]),
        ("sessions?search=OVER", [private]),
        (f"annotations?session={open_.pk}", [note, reply]),
        (f"annotations?session={private.pk}", []),
        ("annotations?entity=kpi:k1", [note]),
        ("annotations?entity=department:k1", []),
        (f"annotations?author={cast.mia.id}", [reply]),
        (f"annotations?parent={note.pk}", [reply]),
        ("annotations?search=indeed", [reply]),
        ("annotations?inSession=true", [note, reply]),
        ("notifications?unread=false", [read]),
        ("notifications?category=alert", [read]),
    ]
    for query, expected in cases:
        found = ids(f"{API}/{query}", cast.bob)
        assert found == {str(row.pk) for row in expected}, query
    assert str(unread.pk) in ids(f"{API}/notifications?unread=true", cast.bob)
    assert str(read.pk) not in ids(f"{API}/notifications?unread=true", cast.bob)
    assert ids(f"{API}/reports?format=xlsx", cast.bob) == {reports[house.sales.pk]}
    assert ids(f"{API}/reports?department={sales}", cast.bob) == {reports[house.sales.pk]}


WRONG = {
    "limit": ["limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=", "limit=1&limit=2"],
    "departmnet": ["departmnet=x"],
    "format": ["format=json"],
    "department": ["department=x", "department=%20"],
    "owner": ["owner=null"],
    "search": ["search=%00", f"search={'x' * 201}"],
    "visibility": ["visibility=all", "visibility=organization,"],
    "updatedSince": [
        "updatedSince=yesterday",
        "updatedSince=2026-02-30",
        "updatedSince=2026-01-31T08:30:00+01:00",
        "updatedSince=2026-01-31T08:30:00",
        "updatedSince=0001-01-01",
        "updatedSince=9999-12-31T23:59:59-12:00",
    ],
    "cursor": ["cursor=x", "cursor=bnVsbA", "cursor=W10", "cursor=é"],
}
WRONG_ELSEWHERE = [
    ("alerts?state=closed", "state"),
    ("alerts?severity=INFO", "severity"),
    ("alerts?kpi=%00", "kpi"),
    ("insights?kind=magic", "kind"),
    ("sessions?running=yes", "running"),
    ("annotations?entity=kpi", "entity"),
    ("annotations?entity=:x", "entity"),
    ("annotations?entity=a:%00", "entity"),
    ("notifications?unread=1", "unread"),
    ("reports?format=docx", "format"),
    ("events?after=-1", "after"),
    ("events?after=x", "after"),
    (f"events?after={2**53 + 1}", "after"),
    ("events?limit=1001", "limit"),
    ("events?limit=0", "limit"),
    ("events?since=1", "since"),
    (f"kpis/{UNKNOWN}?fields=id", "fields"),
]


def test_d3_what_is_misspelt_or_wrong_is_refused_by_name(cast: Cast) -> None:
    of_kpis = [(f"kpis?{query}", field) for field, each in WRONG.items() for query in each]
    for query, field in of_kpis + WRONG_ELSEWHERE:
        answer = get(f"{API}/{query}", cast.vera)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (400, "INVALID_REQUEST"), query
        assert list(told["details"]) == [field], query
        [sentence] = told["details"][field]
        assert sentence.endswith("."), query
    told = get(f"{API}/kpis?limit=0&serach=x", cast.vera).json()["details"]
    assert set(told) == {"limit", "serach"}
    assert "search" in told["serach"][0]


ODD = ["\0", "é", "9" * 400, "-1", "' OR 1=1", "[]", "\N{SNOWMAN}" * 60, "%", "null", "a:b"]


def test_d3_no_value_of_a_parameter_is_a_fault_of_ours(cast: Cast) -> None:
    for path in (*(f"{API}/{name}" for name in NAMES), f"{API}/events"):
        told = get(f"{path}?nothing=1", cast.vera).json()["details"]["nothing"][0]
        for name in told.partition("There are: ")[2].rstrip(".").split(", "):
            for value in ODD:
                answer = get(f"{path}?{urlencode({name: value})}", cast.vera)
                assert answer.status_code in (200, 400), (path, name, value)


@pytest.mark.parametrize("path", [f"{API}/kpis", f"{API}/events"])
def test_d3_so_many_parameters_that_nobody_reads_them_are_refused_in_json(
    cast: Cast, path: str
) -> None:
    for count in (1_000, 1_001):
        answer = get(f"{path}?{'a=1&' * (count - 1)}a=1", cast.bob)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


def test_d3_a_cursor_of_another_list_is_refused(cast: Cast) -> None:
    raised(cast, 2)
    following = get(f"{API}/alerts?limit=1", cast.vera).json()["next"]
    cursor = following.partition("cursor=")[2]
    assert get(f"{API}/kpis?cursor={cursor}", cast.vera).status_code == 400
    assert "limit=1" in following


# ------------------------------------------------------------------ what the caller has already


def test_d3_what_the_caller_has_is_not_sent_again(cast: Cast) -> None:
    house = furnish(cast)
    alert = house.rows["alerts"][0]
    of_vera = ("kpis", "kpis/revenue", "kpis/revenue/values", f"alerts/{alert}", "events?after=0")
    for path in (f"{API}/{each}" for each in of_vera):
        first = get(path, cast.vera)
        assert "private" in first["Cache-Control"]
        for known in (first["ETag"], f'"x", W/{first["ETag"]}', "*"):
            again = get(path, cast.vera, If_None_Match=known)
            assert (again.status_code, again.content) == (304, b"")
            assert again["ETag"] == first["ETag"]
        assert get(path, cast.vera, If_None_Match='"x"').content == first.content
    known = get(f"{API}/kpis", cast.vera)["ETag"]
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=101)
    assert get(f"{API}/kpis", cast.vera, If_None_Match=known).status_code == 200


# ------------------------------------------------------------------ events


def lines(path: str, person: Person) -> tuple[list[Any], Any]:
    answer = get(path, person, Accept="application/x-ndjson")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()], answer


def all_events(person: Person, after: int, limit: int) -> list[Any]:
    found: list[Any] = []
    address = f"{API}/events?after={after}&limit={limit}"
    while address:
        more, answer = lines(address, person)
        assert len(more) <= limit
        found += more
        link = answer.get("Link", "")
        address = link.removeprefix("<").partition(">")[0]
    return found


def test_d3_events_are_those_of_what_one_may_follow(cast: Cast) -> None:
    start = log.head(cast.home.id).sequence
    house = furnish(cast)
    Kpi.objects.filter(pk=cast.home.margin.pk).update(value=8)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=9)
    for who in ("vera", "bob", "mia", "machine"):
        caller = house.callers[who]
        found = all_events(caller, start, 1000)
        told = {(line["payload"]["entityType"], line["payload"]["entityId"]) for line in found}
        seen = house.seen_by(who)
        for name in ("kpis", "alerts", "insights", "annotations", "notifications", "reports"):
            mine = {id_ for type_, id_ in told if type_ == name.removesuffix("s")}
            assert mine == seen[name], (who, name)
        sequences = [line["payload"]["sequence"] for line in found]
        assert sequences == sorted(set(sequences))
        assert all_events(caller, start, 2) == found
    assert all_events(cast.charlie, start, 1000) == []


def test_d3_a_list_and_the_events_since_are_the_list_of_now(cast: Cast) -> None:
    furnish(cast)
    for person in (cast.vera, cast.mia):
        old = get(f"{API}/kpis", person)
        mirrored = {("kpi", item["id"]): item for item in old.json()["items"]}
        name = f"K-{person.id[:8]}"
        Kpi.objects.create(organization=cast.home.organization, name=name, value=1)
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(visibility=Visibility.DEPARTMENT)
        Kpi.objects.filter(pk=cast.home.margin.pk).update(visibility=Visibility.ORGANIZATION)
        events = all_events(person, int(old["Last-Sequence"]), 100)
        apply(mirrored, [line for line in events if line["payload"]["entityType"] == "kpi"])
        fresh = {("kpi", item["id"]): item for item in items(f"{API}/kpis", person)}
        assert mirrored == fresh
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(visibility=Visibility.ORGANIZATION)
        Kpi.objects.filter(pk=cast.home.margin.pk).update(visibility=Visibility.DEPARTMENT)


def test_d3_the_log_says_where_it_ends_and_where_it_begins(cast: Cast) -> None:
    head = log.head(cast.home.id)
    for query, last in (
        ("", head.sequence),
        (f"?after={head.sequence}", head.sequence),
        (f"?after={head.sequence + 5}", head.sequence + 5),
    ):
        found, answer = lines(f"{API}/events{query}", cast.vera)
        assert (found, answer["Last-Sequence"]) == ([], str(last))
        assert "Link" not in answer
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=9)
    assert retention.prune_events_of(cast.home.id, log.head(cast.home.id).at_us) > 0
    pruned = log.head(cast.home.id).pruned_sequence
    expired = get(f"{API}/events?after={pruned - 1}", cast.vera)
    assert (expired.status_code, expired.json()["code"]) == (410, "SYNC_HISTORY_EXPIRED")
    assert expired.json()["details"] == {"after": pruned}
    assert len(lines(f"{API}/events?after={pruned}", cast.vera)[0]) == 1


def test_d3_an_answer_looks_at_so_many_events_and_no_further(cast: Cast) -> None:
    """Nothing of these is for vera; the next answer goes on where this one has looked."""
    start = log.head(cast.home.id).sequence
    Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"K{n}", department=cast.home.sales,
            visibility=Visibility.DEPARTMENT)
        for n in range(READ_AT_ONCE + 1)
    )  # fmt: skip
    vera = principal_of(cast.vera.user)
    page = events_page(vera, after=start, limit=100, most=1)
    assert (page.lines, page.last, page.is_last) == ([], start + READ_AT_ONCE, False)
    page = events_page(vera, after=start, limit=100)
    assert (page.lines, page.last, page.is_last) == ([], start + READ_AT_ONCE + 1, True)
    assert len(events_page(principal_of(cast.bob.user), after=start, limit=7).lines) == 7
