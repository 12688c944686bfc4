"""An archived KPI is there for nobody, and comes back with all that it has (decision V6)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from bos.models import Notification
from kpis import jobs
from kpis.alerts import clock
from kpis.archive.services import kpi_restore, kpis_archive
from kpis.insights.queue import sweep
from kpis.models import Alert, AlertRule, Insight, InsightKind, InsightState, Kpi, KpiValue, Report
from kpis.reports.content import report_content
from kpis.reports.requests import visible_in
from sync.eventlog import log
from tests.support import doors
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.figures import figures_of
from tests.support.importing import bring, problems, values_file
from tests.support.mirror import apply, snapshot
from tests.support.rest import Caller
from tests.support.server import Server


def _furnish(cast: Cast) -> Kpi:
    """An open alert, an insight, and one of each kind of rule."""
    kpi, organization = cast.home.revenue, cast.home.organization
    of_kpi: dict[str, Any] = {"organization": organization, "kpi": kpi}
    AlertRule.objects.create(**of_kpi, kind="missing", hours=1)
    Alert.objects.create(**of_kpi, severity="info", message="high", raised_at=timezone.now())
    Insight.objects.create(
        **of_kpi,
        kind=InsightKind.PREDICTION,
        figures=figures_of(InsightKind.PREDICTION),
        created_at=timezone.now(),
    )
    return kpi


def _kinds(shown: dict[Any, Any], kpi: Kpi) -> set[str]:
    return {kind for (kind, id_), data in shown.items() if str(kpi.pk) in (id_, data.get("kpiId"))}


async def test_v6_clients_lose_an_archived_kpi_and_get_it_back_with_all_that_it_has(
    server: Server, cast: Cast
) -> None:
    """An old snapshot plus a sync equals a fresh one, on each topic, after each step."""
    kpi = _furnish(cast)
    topics = [(cast.home.topic,), (f"department:{cast.home.sales.pk}",)]
    all_of_it = {"kpi", "alert", "insight"}
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        await mia.subscribe(cast.home.topic)
        old = [(of, *await snapshot(alice, *of)) for of in topics]
        assert all(_kinds(shown, kpi) == all_of_it for _, shown, _ in old)
        for act, kinds in (
            (lambda: kpis_archive([kpi]), set[str]()),
            (lambda: kpi_restore(kpi), all_of_it),
            (lambda: doors.erase(kpi), set[str]()),
        ):
            act()
            for of, shown, sequence in old:
                fresh, _ = await snapshot(alice, *of)
                missed = await alice.sync(*of, lastSequence=sequence)
                assert apply(dict(shown), missed) == fresh
                assert _kinds(fresh, kpi) == kinds
        await mia.set_value(cast.home.margin, 1)  # what was before it has been delivered
        live = [m for m in mia.seen() if m["payload"].get("entityId") == str(kpi.pk)]
    # Archived, restored, archived: erased it is gone already.
    assert [(m["type"], m["payload"].get("changeType")) for m in live] == [
        ("SYNC_DELETE", None),
        ("SYNC_UPDATE", "created"),
        ("SYNC_DELETE", None),
    ]


async def test_v6_who_follows_an_archived_kpi_is_unsubscribed(server: Server, cast: Cast) -> None:
    topic = f"kpi:{cast.home.revenue.pk}"
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(topic)
        kpis_archive([cast.home.revenue])
        gone = await mia.expect("SYNC_DELETE")
        assert gone["payload"]["entityId"] == str(cast.home.revenue.pk)
        ended = await mia.expect("UNSUBSCRIBED")
        assert ended["payload"] == {"channels": [topic], "reason": "access_revoked"}
        again = await mia.ask("SUBSCRIBE", {"channels": [topic]})
        assert again["payload"]["code"] == "UNAUTHORIZED"


async def test_v6_requests_about_an_archived_kpi_are_refused_as_if_there_were_none(
    server: Server, cast: Cast
) -> None:
    kpis_archive([cast.home.revenue])
    missing = str(cast.home.sales.pk)
    async with await Client.connect(server, cast.mia) as mia:
        for type_, more in (("KPI_UPDATE", {"value": 5}), ("PREDICTION_REQUEST", {"horizon": 3})):
            answers = []
            for id_ in (str(cast.home.revenue.pk), missing):
                answer = await mia.ask(type_, {"kpiId": id_, **more})
                answers.append((error_of(answer)[0], answer["payload"]["message"]))
            assert answers[0] == answers[1]
            assert answers[0][0] == "UNAUTHORIZED"
    assert Kpi.everything.get(pk=cast.home.revenue.pk).value == 100


def test_v6_no_alert_no_job_no_report_and_no_history_over_rest(cast: Cast) -> None:
    kpi = _furnish(cast)
    long_ago = timezone.now() - timedelta(days=2)
    KpiValue.objects.filter(kpi=kpi).update(at=long_ago)
    AlertRule.objects.filter(kpi=kpi).update(created_at=long_ago)
    InsightState.objects.create(kpi=kpi, waiting=True)
    kpis_archive([kpi])
    clock.raise_missing()
    sweep()
    assert Alert.objects.filter(kpi=kpi).count() == 1
    assert InsightState.objects.get(kpi=kpi).waiting_since is None
    today = timezone.now().date()
    report = Report(organization=cast.home.organization, from_day=today, to_day=today)
    cast.home.margin.visibility = "organization"
    cast.home.margin.save()
    content = report_content(
        organization_id=cast.home.id,
        department_id=None,
        from_=today,
        to=today,
        visible=visible_in(report),
    )
    assert [one.name for one in content.kpis] == ["Margin"]
    status, found = Caller().get("/api/kpis/history", cast.mia.token)[:2]
    assert status == 200
    assert str(kpi.pk) not in str(found)
    kpi_restore(kpi)
    clock.raise_missing()
    assert Alert.objects.filter(kpi=kpi).count() == 2


def test_v6_a_restored_kpi_has_no_new_value(cast: Cast) -> None:
    """`created` for clients; nothing that a rule has not seen before."""
    kpi = cast.home.revenue
    kpis_archive([kpi])
    AlertRule.objects.create(
        organization=cast.home.organization, kpi=kpi, kind="above", threshold=Decimal(50)
    )
    before = log.head(cast.home.id).sequence
    kpi_restore(kpi)
    events = log.read(cast.home.id, after=before, upto=before + 10, limit=10)
    assert [event.change_type for event in events] == ["created"]
    jobs.look_at_values(cast.home.id, events)
    assert not Alert.objects.filter(kpi=kpi).exists()
    assert not Notification.objects.filter(organization=cast.home.organization).exists()


def test_v6_what_a_worker_says_of_a_kpi_archived_meanwhile_goes_to_nobody(cast: Cast) -> None:
    stale = Kpi.objects.get(pk=cast.home.revenue.pk)
    kpis_archive([cast.home.revenue])
    before = log.head(cast.home.id).sequence
    Alert.objects.create(
        organization=cast.home.organization,
        kpi=stale,
        severity="info",
        message="late",
        raised_at=timezone.now(),
    )
    [event] = log.read(cast.home.id, after=before, upto=before + 10, limit=10)
    assert (event.entity_type, event.topics()) == ("alert", [])


def test_v6_files_leave_archived_kpis_out_and_say_so(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    kpis_archive([kpi])
    now = timezone.now() - timedelta(hours=1)
    done = bring(admin, "values", values_file([("Revenue", now, 1), ("Margin", now, 2)]))
    assert "“Revenue” is archived" in str(done.outcome)
    assert problems(done) == [(2, "kpi")]
    for content, field in (
        (b"name,department,value\nRevenue,Sales,7\n", "name"),
        (f"id,name\n{kpi.pk},Revenue\n".encode(), "id"),
    ):
        done = bring(admin, "kpis", content)
        assert problems(done) == [(2, field)]
        assert "archived" in str(done.outcome)
    assert Kpi.everything.of(cast.home.id).filter(name="Revenue").count() == 1
    for list_ in ("kpi", "kpivalue"):
        exported = admin.get(f"/admin/kpis/{list_}/export/csv/").content.decode()
        assert "Margin" in exported
        assert "Revenue" not in exported
