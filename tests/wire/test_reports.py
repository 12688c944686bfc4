"""Reports (decision B4): asked for over the wire, made by a worker, opened by those permitted."""

from __future__ import annotations

import asyncio
import io
from datetime import date, timedelta
from typing import Any

import openpyxl
import pypdf
import pytest
from django.utils import timezone

from bos.models import Notification
from kpis import jobs
from kpis.archive.services import kpis_archive
from kpis.models import MAX_REPORT_DAYS, Kpi, Report, ReportSchedule, ReportState, Rhythm
from kpis.reports import requests
from kpis.services import delete_expired_reports
from sync.models import Event
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.mirror import snapshot
from tests.support.rest import download
from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("worker")

WITHIN = 30
TODAY = timezone.now().date()


def wanted(cast: Cast, department: Any = None, **changes: Any) -> dict[str, Any]:
    if department is None:
        scope = {"type": "organization", "id": cast.home.id}
    else:
        scope = {"type": "department", "id": str(department.pk)}
    period = {"from": (TODAY - timedelta(days=6)).isoformat(), "to": TODAY.isoformat()}
    return {"scope": scope, **period, "format": "pdf"} | changes


async def made(client: Client, request: dict[str, Any], request_id: str = "r") -> dict[str, Any]:
    await client.send("REPORT_REQUEST", request, request_id=request_id)
    async with asyncio.timeout(WITHIN):
        while (message := await client.receive(WITHIN)).get("requestId") != request_id:
            pass
    assert message["type"] == "REPORT_GENERATED", message
    payload: dict[str, Any] = message["payload"]
    return payload


# ------------------------------------------------------------------ asked for and opened


async def test_b4_a_manager_asks_for_a_pdf_and_everybody_it_concerns_may_open_it(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
    ):
        await vera.subscribe(cast.home.topic)
        report = await made(mia, wanted(cast))
        told = await vera.until("REPORT_GENERATED", WITHIN)
        assert "requestId" not in told
        assert told["payload"] == report
    assert report["scope"] == {"type": "organization", "id": cast.home.id}
    status, body, kind = await download(server, report["url"], cast.vera.token)
    assert (status, kind) == (200, "application/pdf")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    assert "Revenue" in text
    assert "Margin" not in text  # of its department only


async def test_b4_a_department_report_is_an_excel_file_of_its_kpis(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        report = await made(mia, wanted(cast, cast.home.sales, format="xlsx"))
    status, body, kind = await download(server, report["url"], cast.bob.token)
    assert status == 200
    assert kind.endswith("spreadsheetml.sheet")
    book = openpyxl.load_workbook(io.BytesIO(body))
    cells = {cell.value for sheet in book for row in sheet for cell in row}
    assert {"Revenue", "Margin"} <= cells


async def test_b4_a_file_opens_only_to_those_permitted_and_until_it_expires(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        report = await made(mia, wanted(cast, cast.home.sales))
    url = report["url"]
    may = {"mia": 200, "bob": 200, "alice": 200, "vera": 404, "charlie": 404}
    for name, expected in may.items():
        status, _, _ = await download(server, url, getattr(cast, name).token)
        assert status == expected, name
    assert (await download(server, url, None))[0] == 401
    unknown = url.replace(report["reportId"], "00000000-0000-4000-8000-000000000000")
    assert (await download(server, unknown, cast.mia.token))[0] == 404
    Report.objects.filter(pk=report["reportId"]).update(expires_at=timezone.now())
    assert (await download(server, url, cast.mia.token))[0] == 410


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
async def test_s3_only_managers_of_the_organization_ask_for_reports(
    server: Server, cast: Cast, who: str
) -> None:
    async with await Client.connect(server, getattr(cast, who)) as client:
        refused = await client.ask("REPORT_REQUEST", wanted(cast))
    assert error_of(refused)[0] == "UNAUTHORIZED"
    assert not Report.objects.of(cast.home.id).exists()


async def test_e6_what_is_not_ones_own_cannot_be_reported(server: Server, cast: Cast) -> None:
    others = [
        {"type": "organization", "id": cast.other.id},
        {"type": "organization", "id": str(cast.home.sales.pk)},
        {"type": "department", "id": str(cast.other.sales.pk)},
        {"type": "department", "id": cast.home.id},
        {"type": "department", "id": "nonsense"},
    ]
    async with await Client.connect(server, cast.mia) as mia:
        for scope in others:
            refused = await mia.ask("REPORT_REQUEST", wanted(cast, scope=scope))
            assert error_of(refused) == ("UNAUTHORIZED", {"field": "scope"}), scope


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"from": "yesterday"}, "payload.from"),
        ({"to": "2026-02-30"}, "payload.to"),
        ({"from": None}, "payload.from"),
        ({"to": "9999-12-31"}, "from"),
        ({"format": "docx"}, "payload.format"),
        ({"scope": {"type": "kpi", "id": "x"}}, "payload.scope.type"),
        ({"scope": None}, "payload.scope"),
    ],
    ids=str,
)
async def test_e4_a_request_that_makes_no_sense_names_the_field(
    server: Server, cast: Cast, changes: dict[str, Any], field: str
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        code, details = error_of(await mia.ask("REPORT_REQUEST", wanted(cast, **changes)))
    assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", field)
    assert not Report.objects.of(cast.home.id).exists()


@pytest.mark.parametrize(
    ("days", "accepted"), [(MAX_REPORT_DAYS, True), (MAX_REPORT_DAYS + 1, False)]
)
async def test_b4_a_report_is_of_three_years_at_most(
    server: Server, cast: Cast, days: int, accepted: bool
) -> None:
    first = TODAY - timedelta(days=days - 1)
    async with await Client.connect(server, cast.mia) as mia:
        if accepted:
            assert (await made(mia, wanted(cast, **{"from": str(first)})))["from"] == str(first)
        else:
            refused = await mia.ask("REPORT_REQUEST", wanted(cast, **{"from": str(first)}))
            assert error_of(refused)[0] == "INVALID_MESSAGE_FORMAT"


async def test_b4_a_report_over_nothing_says_so(server: Server, cast: Cast) -> None:
    before = {"from": "2020-01-01", "to": "2020-01-31"}
    async with await Client.connect(server, cast.mia) as mia:
        for department in (None, cast.home.sales, cast.home.support):
            period = before if department != cast.home.support else {}
            refused = await mia.ask("REPORT_REQUEST", wanted(cast, department, **period))
            code, details = error_of(refused)
            assert (code, details["field"]) == ("NOT_FOUND", "scope")
    assert not Report.objects.of(cast.home.id).exists()


def test_b4_what_turns_out_to_be_nothing_is_told_to_the_requester(cast: Cast) -> None:
    report = Report.objects.create(
        organization=cast.home.organization,
        from_day=TODAY,
        to_day=TODAY,
        requested_by=cast.mia.user,
        request_id="r",
    )
    kpis_archive(Kpi.objects.of(cast.home.id))
    jobs.make_report(str(report.pk))
    report.refresh_from_db()
    assert report.state == ReportState.FAILED
    told = Notification.objects.get(user=cast.mia.user)
    assert told.data == {"reportId": str(report.pk), "requestId": "r"}


# ------------------------------------------------------------------ once


async def test_e7_a_repeated_request_makes_one_report_and_answers_again(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        first = await made(mia, wanted(cast))
        again = await made(mia, wanted(cast))
        await mia.send("REPORT_REQUEST", wanted(cast, format="xlsx"), request_id="r")
        other_body = await mia.answer("r")
    again.pop("sequence", None)
    assert again == {key: first[key] for key in again}
    assert error_of(other_body)[1]["field"] == "requestId"
    assert Report.objects.of(cast.home.id).count() == 1


async def test_e7_whoever_asks_again_over_another_connection_is_answered_there(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        await mia.send("REPORT_REQUEST", wanted(cast), request_id="r")
        await mia.settle()
    async with await Client.connect(server, cast.mia) as mia:
        report = await made(mia, wanted(cast))
    [only] = Report.objects.of(cast.home.id)
    assert report["reportId"] == str(only.pk)


def test_b4_making_a_report_twice_tells_of_it_once(cast: Cast) -> None:
    report = Report.objects.create(
        organization=cast.home.organization, from_day=TODAY, to_day=TODAY
    )
    for _ in range(2):
        jobs.make_report(str(report.pk))
    told = Event.objects.filter(organization_id=cast.home.id, live_type="REPORT_GENERATED")
    assert told.count() == 1


def test_b4_a_report_whose_values_are_gone_says_so_once(cast: Cast) -> None:
    long_ago = date(2001, 1, 1)
    report = Report.objects.create(
        organization=cast.home.organization,
        requested_by=cast.mia.user,
        from_day=long_ago,
        to_day=long_ago,
        request_id="r",
    )
    for _ in range(2):
        jobs.make_report(str(report.pk))
    report.refresh_from_db()
    assert report.state == ReportState.FAILED
    assert "No KPI has a value" in report.problem
    [told] = Notification.objects.filter(user=cast.mia.user)
    assert told.data == {"reportId": str(report.pk), "requestId": "r"}


async def test_b4_an_expired_report_is_deleted_also_for_those_who_mirror_it(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        report = await made(mia, wanted(cast))
        shown, cursor = await snapshot(mia, cast.home.topic)
        assert shown["report", report["reportId"]]["url"] == report["url"]
        Report.objects.filter(pk=report["reportId"]).update(expires_at=timezone.now())
        assert delete_expired_reports() >= 1
        missed = await mia.sync(cast.home.topic, lastSequence=cursor)
        gone = [m["payload"]["entityId"] for m in missed if m["type"] == "SYNC_DELETE"]
        assert gone == [report["reportId"]]


# ------------------------------------------------------------------ by schedule


@pytest.mark.parametrize(
    ("rhythm", "today", "period"),
    [
        (Rhythm.DAILY, date(2026, 3, 2), (date(2026, 1, 31), date(2026, 3, 1))),
        (Rhythm.WEEKLY, date(2026, 3, 4), (date(2025, 12, 1), date(2026, 3, 1))),
        (Rhythm.MONTHLY, date(2026, 3, 15), (date(2026, 2, 1), date(2026, 2, 28))),
    ],
)
def test_b4_a_scheduled_report_is_made_once_a_period(
    cast: Cast, rhythm: Rhythm, today: date, period: tuple[date, date]
) -> None:
    ReportSchedule.objects.create(organization=cast.home.organization, rhythm=rhythm)
    off = ReportSchedule.objects.create(organization=cast.other.organization, rhythm=rhythm)
    off.is_active = False
    off.save()
    for _ in range(2):
        requests.request_due(today)
    [report] = Report.objects.of(cast.home.id)
    assert (report.from_day, report.to_day) == period
    assert not Report.objects.of(cast.other.id).exists()
    requests.request_due(today + timedelta(days=31))
    assert Report.objects.of(cast.home.id).count() == 2
