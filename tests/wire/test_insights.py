"""Anomalies, predictions, recommendations (decision B3), with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bos.models import Employee, Notification
from bos.permissions import principal_of
from kpis import jobs
from kpis.insights.asked import ask
from kpis.models import AskedPrediction, InsightKind, InsightState, Kpi, KpiValue
from sync.models import Event
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import SYSTEM
from tests.support import doors
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of
from tests.support.figures import figures_of
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("worker")

WITHIN = 30
"""Decision B3."""
figures_alone = pytest.mark.once("sqlite")
"""Of the figures found in a history; its rows are written and read as in the other tests."""
TODAY = timezone.now().astimezone(UTC).date()


def usual(day: int) -> int:
    """A week that repeats itself, with a little noise."""
    return 100 + 5 * (day % 7) + (day * day) % 5


def give_history(kpi: Kpi, days: int = 60, value: Callable[[int], float] = usual) -> None:
    """So many daily values, the last one of yesterday; today has that of its creation."""
    noon = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value(n), at=noon - timedelta(days=days - n), actor_id="test")
        for n in range(days)
    )


def left_waiting(kpi: Kpi, *, since: datetime | None = None) -> InsightState:
    """The worker looks at the value of the KPI's creation, too, and may have made its state."""
    waits = {"waiting": True, "waiting_since": since}
    return InsightState.objects.update_or_create(kpi=kpi, defaults=waits)[0]


async def judged(kpi: Kpi) -> InsightState:
    """Wait until the worker has judged all values that there are."""
    newest = KpiValue.objects.filter(kpi=kpi).order_by("-pk").values_list("pk", flat=True)[0]
    done = InsightState.objects.filter(kpi=kpi, judged_id__gte=newest, waiting=False)
    return await until(done.first, within=WITHIN)


async def noted(kpi: Kpi, why: str) -> None:
    """Wait until the worker has said this of why there is no insight; after each batch anew."""
    await until(InsightState.objects.filter(kpi=kpi, note__contains=why).exists, within=WITHIN)


async def anomalies(client: Client) -> list[Message]:
    return [m for m in await client.settle() if m["type"] == "ANOMALY_DETECTED"]


# ------------------------------------------------------------------ by themselves


async def test_b3_an_odd_value_is_told_within_30_s_with_its_figures(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(f"kpi:{revenue.pk}")
        await mia.set_value(revenue, 400)
        found = (await bob.until("ANOMALY_DETECTED", WITHIN))["payload"]
        assert found["kpiId"] == str(revenue.pk)
        assert found["value"] == 400
        assert found["day"] == TODAY.isoformat()
        assert 90 < found["lower"] < found["expected"] < found["upper"] < 150
        assert found["score"] > 3
        assert found["severity"] == "high"
        assert "UnobservedComponents" in found["method"]


@figures_alone
async def test_b3_a_value_is_told_once_while_it_stays_odd_and_again_after_it_was_back(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        await mia.set_value(revenue, 400)
        await mia.until("ANOMALY_DETECTED", WITHIN)
        await judged(revenue)
        await mia.set_value(revenue, 410)
        await judged(revenue)
        await mia.set_value(revenue, usual(60))
        await judged(revenue)
        assert await anomalies(mia) == []
        await mia.set_value(revenue, -400)
        below = await mia.until("ANOMALY_DETECTED", WITHIN)
        assert below["payload"]["score"] < 0


async def test_b3_values_that_come_together_are_each_judged(server: Server, cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        for value in (usual(60), 400, usual(60), 405, usual(60)):
            await mia.set_value(revenue, value)
        await judged(revenue)
        told = [await mia.until("ANOMALY_DETECTED", WITHIN) for _ in range(2)]
    assert [message["payload"]["value"] for message in told] == [400, 405]


async def test_b3_a_forecast_and_what_follows_from_it_come_with_the_days_first_value(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue  # its target, 120, is out of reach
    give_history(revenue)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        await mia.set_value(revenue, usual(60))
        ready = (await mia.until("PREDICTION_READY", WITHIN))["payload"]
        advice = (await mia.until("RECOMMENDATION", WITHIN))["payload"]
        await judged(revenue)
        await mia.set_value(revenue, usual(60) + 1)
        await judged(revenue)
        assert not [m for m in await mia.settle() if m["type"] == "PREDICTION_READY"]
    assert ready["horizon"] == len(ready["points"]) == 14
    first = ready["points"][0]
    assert first["date"] == (TODAY + timedelta(days=1)).isoformat()
    for point in ready["points"]:
        assert point["lower"] < point["expected"] < point["upper"]
    assert advice["evidence"]["target"] == 120
    assert advice["evidence"]["direction"] == "higher"
    assert advice["evidence"]["date"] in {point["date"] for point in ready["points"]}
    assert "Revenue" in advice["message"]
    assert advice["method"] == ready["method"]


@figures_alone
async def test_b3_a_target_within_reach_needs_no_advice_and_ends_the_old_one(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    revenue.target = 10
    revenue.save()
    revenue.insights.create(
        organization=revenue.organization,
        kind=InsightKind.RECOMMENDATION,
        figures=figures_of(InsightKind.RECOMMENDATION, message="old"),
        created_at=timezone.now(),
    )
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(revenue, usual(60))
        await judged(revenue)
    kinds = set(revenue.insights.values_list("kind", flat=True))
    assert kinds == {InsightKind.PREDICTION}


@pytest.mark.parametrize(
    ("days", "value", "why"),
    [
        (26, usual, "needs 28 daily values, has 27"),  # with today's
        (40, lambda day: 100, "constant"),
    ],
)
@figures_alone
async def test_b3_a_history_that_says_too_little_has_no_insight_and_the_state_says_why(
    server: Server, cast: Cast, days: int, value: Any, why: str
) -> None:
    revenue = cast.home.revenue
    give_history(revenue, days, value)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        await mia.set_value(revenue, 100)
        refused = await mia.ask("PREDICTION_REQUEST", {"kpiId": str(revenue.pk), "horizon": 7})
        code, details = error_of(refused)
        assert code == "NOT_FOUND"
        assert why in details["reason"]
        await noted(revenue, why)
        assert await anomalies(mia) == []
    assert not revenue.insights.exists()


async def test_s4_what_is_found_in_a_departments_kpi_stays_in_the_department(
    server: Server, cast: Cast
) -> None:
    margin = cast.home.margin
    give_history(margin)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(f"department:{cast.home.sales.pk}")
        await vera.subscribe(cast.home.topic)
        await mia.set_value(margin, 400)
        await bob.until("ANOMALY_DETECTED", WITHIN)
        assert await vera.settle() == []
        refused = await vera.ask("PREDICTION_REQUEST", {"kpiId": str(margin.pk), "horizon": 7})
        assert error_of(refused) == ("UNAUTHORIZED", {"kpiId": str(margin.pk)})


async def test_v4_insights_are_in_a_snapshot_and_in_a_sync(server: Server, cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    async with await Client.connect(server, cast.mia) as mia:
        shown, cursor = await snapshot(mia, cast.home.topic)
        await mia.set_value(revenue, 400)
        await judged(revenue)
        fresh, _ = await snapshot(mia, cast.home.topic)
        kinds = {data["kind"] for key, data in fresh.items() if key[0] == "insight"}
        assert kinds == {"anomaly", "prediction", "recommendation"}
        assert apply(shown, await mia.sync(cast.home.topic, lastSequence=cursor)) == fresh


# ------------------------------------------------------------------ on request


@pytest.mark.parametrize("horizon", [1, 90])
@figures_alone
async def test_b3_a_requested_prediction_is_answered_with_its_request_id(
    server: Server, cast: Cast, horizon: int
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    Kpi.objects.filter(pk=revenue.pk).update(target=1000)  # out of reach on every day
    async with await Client.connect(server, cast.vera) as vera:
        wanted = {"kpiId": str(revenue.pk), "horizon": horizon}
        await vera.send("PREDICTION_REQUEST", wanted, request_id="p")
        ready = await vera.expect("PREDICTION_READY", WITHIN)
        advice = await vera.expect("RECOMMENDATION", WITHIN)
    assert ready["requestId"] == advice["requestId"] == "p"
    assert len(ready["payload"]["points"]) == ready["payload"]["horizon"] == horizon
    assert advice["payload"]["evidence"]["horizon"] == horizon


async def test_s10_an_answer_to_a_request_changes_nothing_that_others_see(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.vera) as tablet,
        await Client.connect(server, cast.mia) as mia,
    ):
        channels = (cast.home.topic, f"kpi:{revenue.pk}", f"user:{cast.vera.id}")
        await mia.set_value(revenue, usual(60))
        await judged(revenue)
        before, cursor = await snapshot(vera, *channels)
        assert {data.get("kind") for data in before.values()} >= {"prediction", "recommendation"}
        for client in (vera, tablet):
            await client.subscribe(*channels)
        await mia.subscribe(cast.home.topic)
        Kpi.objects.filter(pk=revenue.pk).update(target=10)  # within reach: no advice follows
        kpi_shown = await vera.sync(*channels, lastSequence=cursor)
        await vera.send("PREDICTION_REQUEST", {"kpiId": str(revenue.pk), "horizon": 1})
        ready = await vera.until("PREDICTION_READY", WITHIN)
        assert "insightId" not in ready["payload"]
        for other in (tablet, mia):
            types = {message["type"] for message in await other.settle()}
            assert not types & {"PREDICTION_READY", "RECOMMENDATION"}, types
        fresh, _ = await snapshot(vera, *channels)
        missed = await vera.sync(*channels, lastSequence=cursor)
        assert len(missed) == len(kpi_shown)  # the target, and nothing of the answer
        assert apply(before, missed) == fresh
    of_insights = {key: data for key, data in fresh.items() if key[0] == "insight"}
    assert sorted(data["kind"] for data in of_insights.values()) == ["prediction", "recommendation"]
    assert {data.get("horizon") for data in of_insights.values()} == {14, None}


async def test_s10_a_request_that_is_sent_again_is_answered_once_on_the_connection_that_asks(
    server: Server, cast: Cast
) -> None:
    """Before the answer it comes to the new connection; after it, it is the same again (E7)."""
    revenue = cast.home.revenue
    give_history(revenue)
    wanted = {"kpiId": str(revenue.pk), "horizon": 3}
    lost = await Client.connect(server, cast.vera)
    await lost.send("PREDICTION_REQUEST", wanted, request_id="lost")
    await lost.settle()
    await lost.socket.close()
    async with await Client.connect(server, cast.vera) as vera:
        await vera.send("PREDICTION_REQUEST", wanted, request_id="lost")
        first = await vera.until("PREDICTION_READY", WITHIN)
        await vera.send("PREDICTION_REQUEST", wanted, request_id="lost")
        again = await vera.until("PREDICTION_READY")
        assert [m["type"] for m in await vera.settle()] == []
    assert first["requestId"] == again["requestId"] == "lost"
    assert first["payload"].pop("sequence", None) or "sequence" not in again["payload"]
    again["payload"].pop("sequence", None)
    assert first["payload"] == again["payload"]


@pytest.mark.parametrize("horizon", [0, 91, -1, 1.5, "7", None])
@figures_alone
async def test_e4_a_horizon_is_1_to_90_days(server: Server, cast: Cast, horizon: Any) -> None:
    wanted = {"kpiId": str(cast.home.revenue.pk), "horizon": horizon}
    async with await Client.connect(server, cast.vera) as vera:
        code, details = error_of(await vera.ask("PREDICTION_REQUEST", wanted))
    assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", "payload.horizon")


@pytest.mark.parametrize("which", ["another's", "unknown", "nonsense"])
@figures_alone
async def test_e6_a_kpi_that_one_may_not_see_is_not_predicted(
    server: Server, cast: Cast, which: str
) -> None:
    kpi_id = {
        "another's": str(cast.other.revenue.pk),
        "unknown": "00000000-0000-4000-8000-000000000000",
        "nonsense": "no-id",
    }[which]
    async with await Client.connect(server, cast.vera) as vera:
        refused = await vera.ask("PREDICTION_REQUEST", {"kpiId": kpi_id, "horizon": 7})
    assert error_of(refused) == ("UNAUTHORIZED", {"kpiId": kpi_id})


def asked(kpi: Kpi, *, by: Person, request_id: str = "p") -> None:
    """As by a PREDICTION_REQUEST of a connection that is none of ours."""
    with transaction.atomic():
        ask(principal_of(by.user), str(kpi.pk), 7, origin="gone", request_id=request_id)


@figures_alone
def test_b3_a_prediction_that_turns_out_impossible_is_told_to_the_requester(cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue, 40, lambda day: 100)
    asked(revenue, by=cast.vera)
    jobs.predict(str(revenue.pk), 7)
    told = Notification.objects.get(user=cast.vera.user)
    assert told.category == "prediction_failed"
    assert told.data == {"kpiId": str(revenue.pk), "requestId": "p"}


def test_e8_a_question_about_a_kpi_that_has_just_been_deleted_is_refused(cast: Cast) -> None:
    """Seen a moment before it, it would never be answered."""
    revenue = cast.home.revenue
    kpi_id = str(revenue.pk)
    doors.erase(revenue)
    with transaction.atomic(), pytest.raises(Unauthorized):
        ask(principal_of(cast.vera.user), kpi_id, 7, origin="gone", request_id="p")
    assert not AskedPrediction.objects.filter(kpi_id=kpi_id).exists()


def test_a5_nobody_is_answered_who_may_not_see_the_kpi_any_more(cast: Cast) -> None:
    margin = cast.home.margin
    give_history(margin)
    for person in (cast.mia, cast.bob):
        asked(margin, by=person)
    Employee.objects.filter(user=cast.bob.user).delete()
    jobs.predict(str(margin.pk), 7)
    answers = Event.objects.filter(
        organization_id=cast.home.id, entity_type="answer", change_type="created"
    )
    answers = answers.filter(live_type="PREDICTION_READY")
    assert [event.actor_id for event in answers] == [cast.mia.id]


def test_b3_judging_again_changes_nothing(cast: Cast) -> None:
    """A killed worker's job is done again."""
    revenue = cast.home.revenue
    give_history(revenue)
    KpiValue.objects.create(kpi=revenue, value=400, at=timezone.now(), actor_id=SYSTEM.user_id)
    left_waiting(revenue)
    jobs.judge(str(revenue.pk))
    made = set(revenue.insights.values_list("pk", "created_at"))
    assert len(made) == 3
    jobs.judge(str(revenue.pk))
    assert set(revenue.insights.values_list("pk", "created_at")) == made


# ------------------------------------------------------------------ like with like


def give_hours(kpi: Kpi, *, days: int = 60) -> None:
    """About 200 at this hour of the day and the one before, else 5; up to the last full hour."""
    now = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    KpiValue.objects.filter(kpi=kpi).delete()
    hours = enumerate(now - timedelta(hours=n) for n in reversed(range(24 * days)))
    KpiValue.objects.bulk_create(
        KpiValue(
            kpi=kpi,
            value=(200 if at.hour in (now.hour, (now.hour - 1) % 24) else 5) + n * n * 7 % 11,
            at=at,
            actor_id="test",
        )
        for n, at in hours
    )


def judged_now(kpi: Kpi) -> InsightState:
    left_waiting(kpi)
    jobs.judge(str(kpi.pk))
    return InsightState.objects.get(kpi=kpi)


def kinds_of(kpi: Kpi) -> set[str]:
    return set(kpi.insights.values_list("kind", flat=True))


@figures_alone
def test_n1_values_that_are_usual_at_their_hour_are_no_anomalies_and_the_admin_says_why(
    cast: Cast,
) -> None:
    revenue = cast.home.revenue
    give_hours(revenue)
    state = judged_now(revenue)
    assert InsightKind.ANOMALY not in kinds_of(revenue)
    assert "several times a day, 0 to 23 h UTC" in state.rhythm
    assert "compared with the same hour of the same weekday" in state.rhythm
    assert state.model.startswith("An average of ")
    at = timezone.now()
    KpiValue.objects.create(kpi=revenue, value=1000, at=at, actor_id="test")  # of no hour
    judged_now(revenue)
    assert InsightKind.ANOMALY in kinds_of(revenue)


@figures_alone
def test_n3_a_history_that_ended_long_ago_has_neither_forecast_nor_anomaly_but_a_reason(
    cast: Cast,
) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    KpiValue.objects.filter(kpi=revenue).update(at=F("at") - timedelta(days=100))
    KpiValue.objects.create(
        kpi=revenue, value=400, at=timezone.now() - timedelta(days=100), actor_id="test"
    )
    state = judged_now(revenue)
    assert "too long ago to say what comes next" in state.note
    assert kinds_of(revenue) == set()
    asked(revenue, by=cast.vera)
    jobs.predict(str(revenue.pk), 7)
    told = Notification.objects.get(user=cast.vera.user).message
    assert "too long ago" in told


def test_n3_a_forecast_whose_days_are_past_is_taken_back(cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    judged_now(revenue)
    assert kinds_of(revenue) == {InsightKind.PREDICTION, InsightKind.RECOMMENDATION}
    made = revenue.insights.values_list("created_at", flat=True)[0]
    for days, left in ((13, 2), (15, 0)):
        revenue.insights.update(created_at=made - timedelta(days=days))
        jobs.sweep()
        assert revenue.insights.count() == left


@figures_alone
def test_n4_a_weekly_kpi_is_judged_by_the_number_of_its_values(cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue, 143)
    noon = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
    for n, value in enumerate(KpiValue.objects.filter(kpi=revenue).order_by("-at")):
        KpiValue.objects.filter(pk=value.pk).update(at=noon - timedelta(weeks=n + 1))
    KpiValue.objects.create(kpi=revenue, value=400_000, at=timezone.now(), actor_id="test")
    state = judged_now(revenue)
    assert "once a week" in state.rhythm
    assert InsightKind.ANOMALY in kinds_of(revenue)
    points = revenue.insights.get(kind=InsightKind.PREDICTION).figures["points"]
    days = [TODAY + timedelta(weeks=1), TODAY + timedelta(weeks=2)]
    assert [point["date"] for point in points] == [day.isoformat() for day in days]


def test_b3_a_kpi_that_was_left_waiting_is_enqueued_again(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    state = left_waiting(cast.home.revenue, since=long_ago)
    jobs.sweep()
    state.refresh_from_db()
    assert state.waiting_since is not None
    assert state.waiting_since > long_ago
