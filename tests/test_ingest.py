"""Values that systems send by REST, and `manage.py ingest` (decision D2)."""

from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.models import Role
from kpis.ingest import services
from kpis.ingest.services import prune_requests
from kpis.ingest.values import MOST_VALUES, Format, Parsed, TooMany, Unreadable, parse
from kpis.keys import FORM, key_of
from kpis.models import IngestRequest, Kpi, KpiValue
from sync.eventlog import log
from sync.models import Event
from tests.support import doors
from tests.support.cast import Cast, Person
from tests.support.machines import make_machine

VALUES = "/api/v1/values"
JSON, NDJSON, CSV = (format_.value for format_ in Format)
UNKNOWN = services.UNKNOWN


class Sender:
    """Posts values by the key of a service account, or a person's token."""

    def __init__(self, person: Person) -> None:
        self.token = person.token

    def send(
        self, body: Any, type_: str = JSON, *, query: str = "", **headers: str
    ) -> tuple[int, Any, Any]:
        """Return status, JSON and headers of the answer."""
        sent = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Browser().post(
            VALUES + query,
            sent,
            content_type=type_,
            headers={"Authorization": f"Bearer {self.token}"} | named,
        )
        return answer.status_code, json.loads(answer.content), answer.headers

    def values(self, *values: Any, query: str = "", **headers: str) -> tuple[int, Any]:
        status, told, _ = self.send({"values": list(values)}, query=query, **headers)
        return status, told


@pytest.fixture
def sender(cast: Cast) -> Sender:
    return Sender(make_machine(cast.home.organization))


def value(kpi: Any, number: Any = 1, **more: Any) -> dict[str, Any]:
    return {"kpi": str(getattr(kpi, "pk", kpi)), "value": number, **more}


def stored(kpi: Kpi) -> list[Decimal]:
    return list(KpiValue.objects.filter(kpi=kpi).order_by("at").values_list("value", flat=True))


def current(kpi: Kpi) -> Decimal | None:
    number: Decimal | None = Kpi.everything.get(pk=kpi.pk).value
    return number


def refused(told: Any) -> list[tuple[int, str, str]]:
    return [(one["index"], one["field"], one["reason"]) for one in told["details"]["refused"]]


# ------------------------------------------------------------------ keys of KPIs


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Newark on-time share", "newark-on-time-share"),
        ("Müllmenge (t)", "mullmenge-t"),
        ("売上", "kpi"),
        ("--", "kpi"),
        ("x" * 200, "x" * 64),
        ("770e8400-e29b-41d4-a716-446655440002", "kpi-770e8400-e29b-41d4-a716-446655440002"),
    ],
)
def test_d2_a_kpi_gets_a_key_by_its_name(name: str, key: str) -> None:
    assert key_of(name, ()) == key
    second = key_of(name, {key})
    assert second != key
    assert FORM.fullmatch(second)


def test_d2_every_door_gives_a_key_and_none_twice(cast: Cast, admin: Browser) -> None:
    organization = cast.home.organization
    saved = Kpi.objects.create(organization=organization, name="Revenue")
    bulk = Kpi.objects.bulk_create(Kpi(organization=organization, name="Revenue") for _ in "ab")
    page = admin.get("/admin/kpis/kpi/add/")
    fields = doors.form(page, name="Revenue", key="")
    assert admin.post("/admin/kpis/kpi/add/", fields).status_code == 302
    kpis = Kpi.objects.of(organization.pk).filter(name="Revenue")
    names = {"revenue", "revenue-2", "revenue-3", "revenue-4", "revenue-5"}
    assert set(kpis.values_list("key", flat=True)) == names
    assert (saved.key, [kpi.key for kpi in bulk]) == ("revenue-2", ["revenue-3", "revenue-4"])
    # An archived KPI keeps its key; another organization's is no obstacle.
    Kpi.objects.filter(pk=saved.pk).update(archived_at=timezone.now())
    again = Kpi.objects.create(organization=organization, name="revenue 2")
    assert again.key == "revenue-2-2"
    assert cast.other.revenue.key == "revenue"
    cast.other.revenue.organization = organization
    cast.other.revenue.save()
    assert cast.other.revenue.key == "revenue-6"


def test_d2_a_key_is_edited_in_the_admin_and_is_one_kpis(cast: Cast, admin: Browser) -> None:
    doors.admin_change(admin, cast.home.revenue, key="umsatz.2026")
    assert Kpi.objects.get(pk=cast.home.revenue.pk).key == "umsatz.2026"
    address = f"/admin/kpis/kpi/{cast.home.margin.pk}/change/"
    for key, problem in [
        ("umsatz.2026", "Another KPI"),
        ("Up", "small letter"),
        (str(uuid.uuid4()), "the form of an id"),
    ]:
        answer = admin.post(address, doors.form(admin.get(address), key=key))
        assert problem in answer.content.decode(), key
    doors.admin_change(admin, cast.home.margin, key="")
    assert Kpi.objects.get(pk=cast.home.margin.pk).key == "margin"


# ------------------------------------------------------------------ what is read


def problems(body: str | bytes, format_: Format) -> list[tuple[int, str, str]]:
    sent = body.encode() if isinstance(body, str) else body
    return [(one.index, one.field, one.reason) for one in parse(sent, format_).refused]


BAD_VALUES = [
    ('{"kpi":"a"}', "value", "missing"),
    ('{"value":1}', "kpi", "missing"),
    ('{"kpi":"a","value":1,"time":"x"}', "time", "unknown field"),
    ('{"kpi":1,"value":1}', "kpi", "Expected `str`, got `int`"),
    ('{"kpi":"a","value":"1"}', "value", "Expected a number"),
    ('{"kpi":"a","value":true}', "value", "Expected a number"),
    ('{"kpi":"a","value":null}', "value", "Expected a number"),
    ('{"kpi":"a","value":1.23456}', "value", "Expected at most 4 decimals"),
    ('{"kpi":"a","value":1e15}', "value", "Expected a number below 10^15 in size"),
    ('{"kpi":"a","value":1,"at":1}', "at", "Expected `str | null`, got `int`"),
    ('{"kpi":"a","value":1,"at":"2026-01-31T10:00:00"}', "at", None),
    ('{"kpi":"a","value":1,"at":"2026-01-31"}', "at", None),
    ('{"kpi":"a","value":1,"at":"0001-01-01T00:00:00+14:00"}', "at", None),
    ('{"kpi":"a","value":1e999999999999999999999}', "value", None),
    ('{"kpi":"a","value":1e-999999999999999999999}', "value", None),
    ("5", "", "Expected `object`, got `int`"),
    ("[" * 500 + "]" * 500, "", None),
]


@pytest.mark.parametrize(("item", "field", "reason"), BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_d2_a_bad_value_is_named_by_index_field_and_reason(
    item: str, field: str, reason: str | None
) -> None:
    good = '{"kpi":"a","value":1}'
    for body, format_ in (
        (f'{{"values":[{good},{item},{good}]}}', Format.JSON),
        (f"{good}\n{item}\r\n\n{good}", Format.NDJSON),
    ):
        [(index, found, why)] = problems(body, format_)
        assert (index, found) == (1, field)
        assert reason is None or why == reason


def test_d2_csv_is_read_by_its_header() -> None:
    body = '\ufeffKPI,at,value\na,,1.5\n"b ",2026-01-31T10:00:00Z,-2e3\n\n'
    parsed = parse(body.encode(), Format.CSV)
    at = datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert [(row.index, row.kpi, row.value, row.at) for row in parsed.rows] == [
        (0, "a", Decimal("1.5"), None),
        (1, "b", Decimal(-2000), at),
    ]
    assert problems("kpi,value\na,1,2\nb,x\nc,5 %\nd,\ne,nan\n", Format.CSV) == [
        (0, "", "expected 2 cells, there are 3"),
        (1, "value", "“x” is not a number. Write it like 1234.5"),
        (2, "value", "5 % is a percent, and the KPI's unit is none. Write a number"),
        (3, "value", "“” is not a number. Write it like 1234.5"),
        (4, "value", "“nan” is not a number. Write it like 1234.5"),
    ]


@pytest.mark.parametrize("format_", list(Format))
def test_d2_a_byte_order_mark_before_the_body_means_nothing(format_: Format) -> None:
    body = bodies(2)[format_]
    assert parse(b"\xef\xbb\xbf" + body, format_) == parse(body, format_)


@pytest.mark.parametrize(
    ("body", "format_"),
    [
        (b"", Format.JSON),
        (b"{", Format.JSON),
        (b"[]", Format.JSON),
        (b'{"values":{}}', Format.JSON),
        (b'{"values":[],"more":1}', Format.JSON),
        (b'{"values":[1', Format.JSON),
        (b"\xff", Format.JSON),
        (b"[" * 100_000, Format.JSON),
        (b"", Format.CSV),
        (b"kpi;value\na;1", Format.CSV),
        (b"kpi,value,kpi\n", Format.CSV),
        (b"kpi,value,unit\n", Format.CSV),
        (b'kpi,value\n"a,1', Format.CSV),
        (b"kpi,value\n\xff,1", Format.CSV),
    ],
    ids=range(14),
)
def test_d2_what_is_no_such_body_is_refused_as_a_whole(body: bytes, format_: Format) -> None:
    with pytest.raises(Unreadable):
        parse(body, format_)


def bodies(count: int) -> dict[Format, bytes]:
    one = '{"kpi":"a","value":1}'
    return {
        Format.JSON: f'{{"values":[{",".join([one] * count)}]}}'.encode(),
        Format.NDJSON: "\n".join([one] * count).encode(),
        Format.CSV: ("kpi,value\n" + "a,1\n" * count).encode(),
    }


@pytest.mark.parametrize("format_", list(Format))
def test_d2_ten_thousand_values_are_read_and_one_more_is_not(format_: Format) -> None:
    parsed: Parsed = parse(bodies(MOST_VALUES)[format_], format_)
    assert (len(parsed.rows), parsed.count) == (MOST_VALUES, MOST_VALUES)
    with pytest.raises(TooMany):
        parse(bodies(MOST_VALUES + 1)[format_], format_)


# ------------------------------------------------------------------ what is written


def test_d2_values_are_set_by_key_and_by_id_exactly(cast: Cast, sender: Sender) -> None:
    before = log.head(cast.home.id).sequence
    body = '{"values":[{"kpi":"revenue","value":99999999999.9999},{"kpi":"%s","value":0.1}]}'
    status, told, _ = sender.send(body % cast.home.margin.pk)
    assert (status, told) == (200, {"accepted": 2, "refused": [], "sequence": before + 2})
    assert log.head(cast.home.id).sequence == before + 2
    assert current(cast.home.revenue) == Decimal("99999999999.9999")
    assert current(cast.home.margin) == Decimal("0.1")
    events = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert {event.source for event in events} == {"rest"}
    assert '"value":99999999999.9999' in events.get(entity_id=str(cast.home.revenue.pk)).live


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        (NDJSON, '{"kpi":"revenue","value":5}\n{"kpi":"margin","value":6}\n'),
        (CSV, "kpi,value\nrevenue,5\nmargin,6\n"),
        (f"{CSV}; charset=utf-8", "kpi,value,at\r\nrevenue,5,\r\nmargin,6,\r\n"),
    ],
)
def test_d2_ndjson_and_csv_do_the_same(cast: Cast, sender: Sender, type_: str, body: str) -> None:
    status, told, _ = sender.send(body, type_)
    assert (status, told["accepted"]) == (200, 2)
    assert [current(kpi) for kpi in (cast.home.revenue, cast.home.margin)] == [5, 6]


def test_d2_all_or_nothing(cast: Cast, sender: Sender) -> None:
    before = log.head(cast.home.id).sequence
    status, told = sender.values(value("revenue", 5), value("no such"), value("margin", 1.23456))
    assert (status, told["code"], told["details"]["count"]) == (422, "VALUES_REFUSED", 2)
    assert refused(told) == [(1, "kpi", UNKNOWN), (2, "value", "Expected at most 4 decimals")]
    assert current(cast.home.revenue) == 100
    assert log.head(cast.home.id).sequence == before


def test_d2_partial_writes_the_good_ones(cast: Cast, sender: Sender) -> None:
    sent = [value("no such"), value("revenue", 5), value("margin", "x")]
    status, told = sender.values(*sent, query="?partial=true")
    assert (status, told["accepted"]) == (200, 1)
    assert [(one["index"], one["field"]) for one in told["refused"]] == [(0, "kpi"), (2, "value")]
    assert current(cast.home.revenue) == 5
    status, told = sender.values(value("no such"), query="?partial=true")
    assert (status, told["accepted"], len(told["refused"])) == (200, 0, 1)
    status, told = sender.values(*[value("no such")] * 101, query="?partial=true")
    assert len(told["refused"]) == 101
    assert sender.values(query="?partial=yes")[0] == 400


def test_d2_a_hundred_refused_values_are_named_and_all_are_counted(sender: Sender) -> None:
    status, told = sender.values(*[value("no such")] * 101)
    assert (status, len(refused(told)), told["details"]["count"]) == (422, 100, 101)


def test_d2_unknown_archived_foreign_and_not_ones_own_are_answered_alike(cast: Cast) -> None:
    gone = Kpi.objects.create(organization=cast.home.organization, name="Gone")
    Kpi.objects.filter(pk=gone.pk).update(archived_at=timezone.now())
    member = Sender(cast.bob)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(owner=cast.bob.user)
    names = [
        "no such", "", "Revenue", "\0", "é", str(uuid.uuid4()), str(cast.home.revenue.pk).upper(),
        "gone", str(gone.pk), str(cast.other.revenue.pk), "margin", str(cast.home.margin.pk),
    ]  # fmt: skip
    status, told = member.values(*map(value, names))
    assert status == 422
    assert refused(told) == [(index, "kpi", UNKNOWN) for index in range(len(names))]
    assert member.values(value("revenue", 8))[0] == 200  # its owner
    assert Sender(cast.vera).values(value("revenue"))[0] == 422
    assert current(cast.other.revenue) == 100
    assert Sender(cast.charlie).values(value("revenue", 3))[0] == 200
    assert [current(home.revenue) for home in (cast.home, cast.other)] == [8, 3]


def test_d2_history_does_not_move_the_current_value_back(cast: Cast, sender: Sender) -> None:
    before = log.head(cast.home.id).sequence
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    status, told = sender.values(value("revenue", 1, at=yesterday))
    assert (status, told["accepted"], told["sequence"]) == (200, 1, before)
    assert current(cast.home.revenue) == 100
    assert stored(cast.home.revenue) == [1, 100]
    sender.values(value("revenue", 2, at=yesterday))  # the same moment: a correction
    assert stored(cast.home.revenue) == [2, 100]


def test_d2_many_values_of_a_kpi_are_one_event_and_the_newest_counts(
    cast: Cast, sender: Sender
) -> None:
    before = log.head(cast.home.id).sequence
    now = timezone.now()
    times = [(now + timedelta(minutes=n)).isoformat() for n in range(5)]
    sent = [value("revenue", n, at=times[n]) for n in (3, 1, 4, 2)] + [value("revenue", 9)]
    status, told = sender.values(*sent)
    assert (status, told["accepted"], told["sequence"]) == (200, 5, before + 1)
    assert current(cast.home.revenue) == 4
    assert stored(cast.home.revenue) == [100, 9, 1, 2, 3, 4]


def test_d2_many_values_are_corrected_each_to_its_own(cast: Cast, sender: Sender) -> None:
    """Of some a value is stored, of others not; the numbers say which is which."""
    kpis = [cast.home.revenue, cast.home.margin]
    times = [f"2026-01-{day:02}T10:00:00.123456Z" for day in range(1, 29)]
    for first, upto in ((1, 20), (1000, 28)):
        sent = [
            value(kpi, first + 100 * n + m + 0.5, at=times[m])
            for n, kpi in enumerate(kpis)
            for m in range(upto)
        ]
        assert sender.values(*sent)[0] == 200
        for n, kpi in enumerate(kpis):
            history = [Decimal(f"{first + 100 * n + m}.5") for m in range(upto)]
            assert stored(kpi)[:upto] == history
            assert len(stored(kpi)) == upto + 1
            assert KpiValue.objects.filter(kpi=kpi, at=times[0]).count() == 1
    assert current(cast.home.revenue) == 100


def test_d2_many_values_take_no_more_statements_than_few(cast: Cast, sender: Sender) -> None:
    counts = []
    for days in (2, 900):
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        times = [(begin + timedelta(days=day)).isoformat() for day in range(days)]
        with CaptureQueriesContext(connection) as statements:
            assert sender.values(*[value("revenue", 1, at=at) for at in times])[0] == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_d2_the_same_kpi_and_time_twice_is_refused(cast: Cast, sender: Sender) -> None:
    status, told = sender.values(
        value("revenue", 1, at="2026-01-31T10:00:00Z"),
        value(cast.home.revenue, 2, at="2026-01-31T11:00:00+01:00"),
        value("margin", 1),
        value("margin", 2),
    )
    assert status == 422
    assert refused(told) == [
        (1, "at", "Value 0 is of the same KPI and time"),
        (3, "at", "Value 2 is of the same KPI and time"),
    ]


def test_d2_a_day_ahead_is_taken_and_a_second_more_is_not(cast: Cast, sender: Sender) -> None:
    ahead = timezone.now() + timedelta(hours=24)
    status, told = sender.values(value("revenue", 1, at=(ahead + timedelta(minutes=1)).isoformat()))
    assert (status, refused(told)) == (422, [(0, "at", "More than 24 hours in the future")])
    assert sender.values(value("revenue", 1, at=ahead.isoformat()))[0] == 200


# ------------------------------------------------------------------ bounds


def test_d2_a_body_of_its_bound_is_read_and_a_byte_more_is_a_413(
    cast: Cast, sender: Sender, settings: Any
) -> None:
    body = json.dumps({"values": [value("revenue", 5)]})
    settings.INGEST_BYTES = len(body)
    assert sender.send(body)[0] == 200
    status, told, _ = sender.send(body + " ")
    assert (status, told["code"]) == (413, "REQUEST_TOO_LARGE")
    assert told["details"] == {"limit": len(body)}


def test_d2_more_values_than_a_request_may_have_are_a_413(sender: Sender) -> None:
    status, told, _ = sender.send(bodies(MOST_VALUES + 1)[Format.CSV], CSV)
    assert (status, told["details"]) == (413, {"limit": MOST_VALUES})


def test_d2_values_of_a_minute_are_limited_for_the_organization(
    cast: Cast, sender: Sender, settings: Any
) -> None:
    settings.INGEST_VALUES_PER_MINUTE = 3
    assert sender.values(value("revenue", 1), value("margin", 1))[0] == 200
    status, told, headers = sender.send({"values": [value("revenue"), value("margin")]})
    assert (status, told["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert told["details"]["limit"] == 3
    assert told["details"]["scope"] == "organization"
    assert 0 < int(headers["Retry-After"]) == told["details"]["retryAfter"] <= 60
    other_key = Sender(make_machine(cast.home.organization))
    assert other_key.values(value("revenue", 2))[0] == 200
    assert other_key.values(value("revenue", 3))[0] == 429
    assert Sender(make_machine(cast.other.organization)).values(value("revenue", 3))[0] == 200


@pytest.mark.parametrize("type_", ["text/plain", "application/xml", "", "multipart/form-data"])
def test_d2_another_kind_of_body_is_a_415(sender: Sender, type_: str) -> None:
    assert sender.send("x", type_)[:1] == (415,)
    assert sender.send("{}", JSON, Content_Encoding="gzip")[0] == 415


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_d2_a_body_that_is_sent_as_it_is_may_say_so(sender: Sender, encoding: str) -> None:
    assert sender.send({"values": []}, Content_Encoding=encoding)[0] == 200


@pytest.mark.parametrize("body", [" ", "{", "[]", "[" * 100_000, '{"values":[1'])
def test_d2_a_malformed_body_is_a_400(sender: Sender, body: str) -> None:
    status, told, _ = sender.send(body)
    assert (status, told["code"]) == (400, "INVALID_REQUEST")


# ------------------------------------------------------------------ once


def test_d2_a_repeat_gets_the_first_answer_and_has_no_effect(cast: Cast, sender: Sender) -> None:
    body = {"values": [value("revenue", 5), value("no such")]}
    sent = {"query": "?partial=true", "Idempotency_Key": "a"}
    first = sender.send(body, **sent)
    sender.values(value("revenue", 6))
    again = sender.send(body, **sent)
    assert again[:2] == first[:2]
    assert (first[0], first[2].get("Idempotent-Replay")) == (200, None)
    assert again[2]["Idempotent-Replay"] == "true"
    assert current(cast.home.revenue) == 6
    for other, query in (({"values": []}, "?partial=true"), (body, "")):
        status, told, _ = sender.send(other, query=query, Idempotency_Key="a")
        assert (status, told["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    # Somebody else's key of the same text is another one.
    elses = Sender(make_machine(cast.home.organization))
    assert elses.values(value("revenue", 7), Idempotency_Key="a")[0] == 200
    assert current(cast.home.revenue) == 7


def test_d2_a_refused_request_may_be_mended_and_sent_with_the_same_key(
    cast: Cast, sender: Sender
) -> None:
    assert sender.values(value("no such"), Idempotency_Key="b")[0] == 422
    assert sender.values(value("revenue", 5), Idempotency_Key="b")[0] == 200


def test_d2_a_key_is_kept_a_day(cast: Cast, sender: Sender) -> None:
    for number, age, replayed in ((1, 23, True), (2, 25, False)):
        key = f"c{number}"
        sender.values(value("revenue", number), Idempotency_Key=key)
        begun = timezone.now() - timedelta(hours=age)
        IngestRequest.objects.filter(key=key).update(created_at=begun)
        body = {"values": [value("revenue", number)]}
        headers = sender.send(body, Idempotency_Key=key)[2]
        assert ("Idempotent-Replay" in headers) is replayed
    old = IngestRequest.objects.filter(key="c2")
    old.update(created_at=timezone.now() - timedelta(hours=25))
    prune_requests()
    assert not old.exists()
    assert IngestRequest.objects.filter(key="c1").exists()


@pytest.mark.parametrize(("key", "status"), [("k" * 255, 200), ("k" * 256, 400), ("", 400)])
def test_d2_an_idempotency_key_has_up_to_255_characters(
    sender: Sender, key: str, status: int
) -> None:
    assert sender.values(value("revenue"), Idempotency_Key=key)[0] == status


# ------------------------------------------------------------------ the command


def run(*arguments: str) -> Any:
    told = io.StringIO()
    call_command("ingest", *arguments, stdout=told)
    return json.loads(told.getvalue())


def test_d2_the_command_does_the_same(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text("kpi,value\nrevenue,5\nno such,6\n")
    where = f"--organization={cast.home.id}"
    with pytest.raises(CommandError, match=r"nothing was written.\nValue 1, kpi: There is no"):
        run(str(file), where)
    assert current(cast.home.revenue) == 100
    assert run(str(file), where, "--partial")["accepted"] == 1
    assert current(cast.home.revenue) == 5
    machine = make_machine(cast.home.organization)
    file.write_text('{"kpi":"revenue","value":6}')
    assert run(str(file), where, f"--as={machine.user.name}", "--format=ndjson")["accepted"] == 1
    assert KpiValue.objects.filter(kpi=cast.home.revenue, actor_id=machine.id).exists()
    with pytest.raises(CommandError, match="nothing was written"):
        run(str(file), where, f"--as={cast.vera.email}", "--format=ndjson")
    with pytest.raises(CommandError, match="no user and no service account"):
        run(str(file), where, f"--as={cast.charlie.email}", "--format=ndjson")
    with pytest.raises(CommandError, match="No such file"):
        run(str(tmp_path / "none.csv"), where)


def test_d2_a_machine_that_is_switched_off_sends_nothing(cast: Cast, tmp_path: Path) -> None:
    machine = make_machine(cast.home.organization, Role.ADMIN)
    machine.user.is_active = False
    machine.user.save()
    file = tmp_path / "values.json"
    file.write_text('{"values":[{"kpi":"revenue","value":6}]}')
    with pytest.raises(CommandError, match="is not active"):
        run(str(file), f"--organization={cast.home.id}", f"--as={machine.user.name}")
