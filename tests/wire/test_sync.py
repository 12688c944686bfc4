"""SYNC_REQUEST: what was missed, exactly; or a snapshot (decisions V4, V5)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet
from django.utils import timezone

from bos.models import Employee, Notification
from kpis.archive.services import kpis_archive
from kpis.models import Insight, InsightKind, Kpi, Visibility
from sync.eventlog import log, retention
from sync.models import Event, StreamHead
from sync.protocol.topics import Topic
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of, sequences
from tests.support.mirror import apply, snapshot
from tests.support.server import Server


def sent(messages: list[Message]) -> list[int]:
    """Sequences of what is between START and COMPLETE; the counts say the same."""
    assert messages[0]["type"] == "SYNC_START", messages
    assert messages[-1]["type"] == "SYNC_COMPLETE", messages
    between = messages[1:-1]
    assert messages[0]["payload"]["updateCount"] == len(between)
    assert messages[-1]["payload"]["updatesSent"] == len(between)
    return [message["payload"]["sequence"] for message in between]


def sync_error(messages: list[Message]) -> tuple[str, Any]:
    """The code; a refused sync is not served in any part."""
    assert [message["type"] for message in messages] == ["SYNC_ERROR"], messages
    return messages[0]["payload"]["code"], messages[0]["payload"].get("details", {})


def change(cast: Cast, times: int) -> None:
    """So many events on the organization's channel."""
    for _ in range(times):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(target=F("target") + 1)


def wire(at_us: int, digits: int = 6) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return (text[: 20 + digits] if digits else text[:19]) + "Z"


def head_at(cast: Cast, at_us: int) -> None:
    """Let the next event have a time of at least this, as if the clock said so."""
    StreamHead.objects.filter(pk=cast.home.id).update(at_us=at_us - 1)


# ------------------------------------------------------------------ exact resume


async def test_v4_both_cursors_of_a_sync_complete_resume_exactly_behind_it(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        complete = (await alice.sync(cast.home.topic))[-1]["payload"]
        cursors = [
            {"lastSequence": complete["lastSequence"]},
            {"lastSyncTimestamp": complete["lastSyncTimestamp"]},
        ]
        for cursor in cursors:
            assert sent(await alice.sync(cast.home.topic, **cursor)) == []
        change(cast, 3)
        end = complete["lastSequence"] + 3
        for cursor in cursors:
            messages = await alice.sync(cast.home.topic, **cursor)
            assert sent(messages) == list(range(end - 2, end + 1))
            assert messages[-1]["payload"]["lastSequence"] == end
        again = messages[-1]["payload"]["lastSyncTimestamp"]
        assert sent(await alice.sync(cast.home.topic, lastSyncTimestamp=again)) == []


async def test_v4_every_sequence_resumes_exactly_behind_itself(server: Server, cast: Cast) -> None:
    change(cast, 4)
    end = log.head(cast.home.id).sequence
    async with await Client.connect(server, cast.alice) as alice:
        for last in range(end - 4, end + 1):
            got = sent(await alice.sync(cast.home.topic, lastSequence=last))
            assert got == list(range(last + 1, end + 1))


async def test_v4_a_sync_of_more_events_than_a_page_is_whole_and_in_order(
    server: Server, cast: Cast
) -> None:
    start = log.head(cast.home.id).sequence
    Employee.objects.bulk_create(
        Employee(organization=cast.home.organization, name=str(n)) for n in range(301)
    )
    async with await Client.connect(server, cast.alice) as alice:
        got = sent(await alice.sync(cast.home.topic, lastSequence=start))
        assert got == list(range(start + 1, start + 302))


@pytest.mark.parametrize("digits", [0, 3])
async def test_v4_a_coarser_time_repeats_events_but_loses_none(
    server: Server, cast: Cast, digits: int
) -> None:
    change(cast, 1)
    last = log.head(cast.home.id)
    change(cast, 2)
    async with await Client.connect(server, cast.alice) as alice:
        coarse = wire(last.at_us, digits)
        got = sent(await alice.sync(cast.home.topic, lastSyncTimestamp=coarse))
    on_channel = Event.objects.filter(
        log.concerning([Topic("organization", cast.home.id)]), sequence__gte=got[0]
    )
    assert got == sorted(on_channel.values_list("sequence", flat=True))
    assert got[0] <= last.sequence < got[-1] == last.sequence + 2


@pytest.mark.parametrize(("digits", "repeated"), [(6, 0), (3, 1), (0, 1)])
async def test_v4_an_event_at_the_very_time_is_repeated_if_the_time_may_have_been_cut_off(
    server: Server, cast: Cast, digits: int, repeated: int
) -> None:
    whole_second = (log.head(cast.home.id).at_us // 1_000_000 + 5) * 1_000_000
    head_at(cast, whole_second)
    change(cast, 1)
    event = Event.objects.filter(organization_id=cast.home.id).latest("sequence")
    assert event.at_us == whole_second
    async with await Client.connect(server, cast.alice) as alice:
        time = wire(whole_second, digits)
        got = sent(await alice.sync(cast.home.topic, lastSyncTimestamp=time))
    assert len(got) == repeated


async def test_v4_another_offset_means_the_same_moment(server: Server, cast: Cast) -> None:
    at_us = log.head(cast.home.id).at_us
    change(cast, 2)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us, hours=2)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")
    async with await Client.connect(server, cast.alice) as alice:
        assert len(sent(await alice.sync(cast.home.topic, lastSyncTimestamp=text))) == 2


async def test_v4_of_both_cursors_the_exact_one_counts(server: Server, cast: Cast) -> None:
    change(cast, 2)
    end = log.head(cast.home.id).sequence
    async with await Client.connect(server, cast.alice) as alice:
        both = {"lastSequence": end - 1, "lastSyncTimestamp": "2001-01-01T00:00:00Z"}
        assert sent(await alice.sync(cast.home.topic, **both)) == [end]


async def test_v4_a_sync_tells_only_what_its_channels_tell(server: Server, cast: Cast) -> None:
    home = cast.home
    start = log.head(home.id).sequence
    for kpi in (home.revenue, home.margin):
        Kpi.objects.filter(pk=kpi.pk).update(target=5)
    async with await Client.connect(server, cast.bob) as bob:
        topics = [f"kpi:{home.margin.pk}", home.topic, f"department:{home.sales.pk}"]
        got = [sent(await bob.sync(topic, lastSequence=start)) for topic in topics]
        assert got == [[start + 2], [start + 1], [start + 1, start + 2]]
        # One event once, however many of the channels match.
        assert sent(await bob.sync(*topics, lastSequence=start)) == [start + 1, start + 2]
        assert sent(await bob.sync(home.topic, home.topic, lastSequence=start)) == [start + 1]


async def test_v4_a_delete_is_a_sync_delete_that_says_who_and_when(
    server: Server, cast: Cast
) -> None:
    start = log.head(cast.home.id).sequence
    id_ = str(cast.home.revenue.pk)
    kpis_archive([cast.home.revenue])
    async with await Client.connect(server, cast.alice) as alice:
        messages = await alice.sync(cast.home.topic, lastSequence=start)
    assert sent(messages) == [start + 1]
    deleted = messages[1]
    assert deleted["type"] == "SYNC_DELETE"
    payload = deleted["payload"]
    assert (payload["entityType"], payload["entityId"]) == ("kpi", id_)
    assert payload["deletedBy"] == "system"
    assert datetime.fromisoformat(payload["deletedAt"]).tzinfo is not None


# ------------------------------------------------------------------ snapshot


async def test_v4_without_a_cursor_a_snapshot_shows_all_that_the_channels_show(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    async with await Client.connect(server, cast.bob) as bob:
        messages = await bob.sync(home.topic)
        assert {m["payload"]["changeType"] for m in messages[1:-1]} == {"snapshot"}
        shown = {kind for kind, _ in apply({}, messages)}
        assert shown == {"organization", "department", "employee", "kpi"}
        organization, _ = await snapshot(bob, home.topic)
        assert ("kpi", str(home.revenue.pk)) in organization
        assert ("kpi", str(home.margin.pk)) not in organization
        department, _ = await snapshot(bob, f"department:{home.sales.pk}")
        assert {key for key in department if key[0] == "kpi"} == {
            ("kpi", str(home.revenue.pk)),
            ("kpi", str(home.margin.pk)),
        }
        kpi, _ = await snapshot(bob, f"kpi:{home.margin.pk}")
        assert list(kpi) == [("kpi", str(home.margin.pk))]
        both, _ = await snapshot(bob, home.topic, f"department:{home.sales.pk}")
        assert both == organization | department


async def test_v4_a_restricted_kpi_is_in_no_sync_of_the_organization(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    start = log.head(home.id).sequence
    Kpi.objects.filter(pk=home.revenue.pk).update(visibility=Visibility.DEPARTMENT)
    Kpi.objects.filter(pk=home.revenue.pk).update(value=42)
    Kpi.objects.filter(pk=home.margin.pk).update(value=43)
    async with await Client.connect(server, cast.vera) as vera:
        missed = await vera.sync(home.topic, lastSequence=start)
        # That it is gone is all that the organization hears.
        assert [m["type"] for m in missed[1:-1]] == ["SYNC_DELETE"]
        shown, _ = await snapshot(vera, home.topic)
        assert not [key for key in shown if key[0] == "kpi"]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("organization:123", "UNAUTHORIZED"),
        ("kpi:123", "UNAUTHORIZED"),
        ("galaxy:123", "INVALID_CHANNEL"),
        ("organization", "INVALID_CHANNEL"),
    ],
)
async def test_v4_a_channel_that_cannot_be_served_refuses_the_whole_sync(
    server: Server, cast: Cast, channel: str, code: str
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        for cursor in ({}, {"lastSequence": 0}):
            refused = await alice.sync(cast.home.topic, channel, **cursor)
            assert sync_error(refused) == (code, {"channel": channel})


async def test_v4_a_foreign_channel_is_refused_like_a_missing_one(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.charlie) as charlie:
        foreign, missing = [
            (await charlie.sync(channel))[0]["payload"]
            for channel in (cast.home.topic, "organization:nobody")
        ]
    del foreign["details"], missing["details"]
    assert foreign == missing


async def test_v4_a_cursor_in_the_future_is_refused(server: Server, cast: Cast) -> None:
    end = log.head(cast.home.id)
    later = datetime.now(UTC) + timedelta(minutes=5)
    async with await Client.connect(server, cast.alice) as alice:
        topic = cast.home.topic
        assert sent(await alice.sync(topic, lastSequence=end.sequence)) == []
        for cursor in (
            {"lastSequence": end.sequence + 1},
            {"lastSyncTimestamp": later.isoformat()},
        ):
            code, _ = sync_error(await alice.sync(topic, **cursor))
            assert code == "SYNC_TIMESTAMP_IN_FUTURE"


@pytest.mark.parametrize(
    "cursor",
    [
        {"lastSequence": -1},
        {"lastSequence": "1"},
        {"lastSyncTimestamp": "yesterday"},
        {"lastSyncTimestamp": "2025-01-20T10:30:00"},
        {"lastSyncTimestamp": 5},
    ],
)
async def test_e4_a_cursor_that_is_none_is_refused(
    server: Server, cast: Cast, cursor: dict[str, Any]
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        [answer] = await alice.sync(cast.home.topic, **cursor)
        assert answer["payload"]["code"] == "INVALID_MESSAGE_FORMAT"
        assert answer["payload"]["details"]["field"] == f"payload.{next(iter(cursor))}"


@pytest.mark.parametrize(
    ("cursor", "code"),
    [
        ({"lastSyncTimestamp": "0001-01-01T00:00:00+14:00"}, "INVALID_MESSAGE_FORMAT"),
        ({"lastSyncTimestamp": "0001-01-01T00:00:00.5+00:01"}, "INVALID_MESSAGE_FORMAT"),
        ({"lastSyncTimestamp": "9999-12-31T23:59:59-14:00"}, "INVALID_MESSAGE_FORMAT"),
        ({"lastSyncTimestamp": "0000-12-31T23:59:59Z"}, "INVALID_MESSAGE_FORMAT"),
        ({"lastSyncTimestamp": "9999-12-31T23:59:60Z"}, "INVALID_MESSAGE_FORMAT"),
        ({"lastSyncTimestamp": "9999-12-31T23:59:59.9999999Z"}, "SYNC_TIMESTAMP_IN_FUTURE"),
        ({"lastSyncTimestamp": "9999-12-31T23:59:59+14:00"}, "SYNC_TIMESTAMP_IN_FUTURE"),
        ({"lastSequence": 2**63}, "SYNC_TIMESTAMP_IN_FUTURE"),
        ({"lastSequence": 2**64 - 1}, "SYNC_TIMESTAMP_IN_FUTURE"),
    ],
)
async def test_c9_a_cursor_at_an_end_of_time_is_refused_and_never_a_fault_of_ours(
    server: Server, cast: Cast, cursor: dict[str, Any], code: str
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        [answer] = await alice.sync(cast.home.topic, **cursor)
        assert answer["payload"]["code"] == code
        # The other time that a client sends is read, or refused, likewise.
        text = str(cursor.get("lastSyncTimestamp", "2025-01-20T10:30:00Z"))
        await alice.send("PING", timestamp=text)
        pong = await alice.receive()
        assert pong["type"] == "PONG" or error_of(pong)[1]["field"] == "timestamp"


@pytest.mark.parametrize("of_report", [("0001-01-01", "9999-12-31"), ("9999-12-31", "0001-01-01")])
async def test_c9_a_report_of_all_time_is_refused_or_made_and_never_a_fault_of_ours(
    server: Server, cast: Cast, of_report: tuple[str, str]
) -> None:
    days = dict(zip(("from", "to"), of_report, strict=True))
    scope = {"type": "organization", "id": cast.home.id}
    async with await Client.connect(server, cast.mia) as mia:
        await mia.send("REPORT_REQUEST", {"scope": scope, **days}, request_id="all")
        told = [m for m in await mia.settle() if m["type"] == "ERROR"]
    assert [error_of(m)[0] for m in told] in ([], ["INVALID_MESSAGE_FORMAT"])


async def test_w11_a_cursor_of_more_digits_loses_no_event_however_they_would_be_rounded(
    server: Server, cast: Cast
) -> None:
    """A time in nanoseconds means the microsecond in which it is."""
    first_us = (log.head(cast.home.id).at_us // 1_000_000 + 5) * 1_000_000 + 999_998
    head_at(cast, first_us)
    change(cast, 4)  # the third is of the next second
    end = log.head(cast.home.id).sequence
    async with await Client.connect(server, cast.alice) as alice:
        for digits in ("5", "999", "500000001", "000"):
            cursor = wire(first_us + 1).replace("Z", f"{digits}Z")
            got = sent(await alice.sync(cast.home.topic, lastSyncTimestamp=cursor))
            assert got == [end - 1, end]


# ------------------------------------------------------------------ live events meanwhile


async def test_v4_what_a_sync_has_told_is_not_told_again_live(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        start = (await alice.subscribe(cast.home.topic))["payload"]["sequence"]
        change(cast, 3)
        # The server may not have heard of them yet; the log has them.
        got = sent(await alice.sync(cast.home.topic, lastSequence=start))
        alice.seen()  # what came before the sync began
        change(cast, 1)
        await mia.set_value(cast.home.revenue, 1)
        got += await alice.collect(start + 5)
        assert got == list(range(start + 1, start + 6))
        assert sequences(await alice.settle()) == []


async def test_v4_live_events_wait_for_the_end_of_a_sync_and_all_come_once(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        Employee.objects.bulk_create(
            Employee(organization=cast.home.organization, name=str(n)) for n in range(400)
        )
        start = (await alice.subscribe(cast.home.topic))["payload"]["sequence"]
        old, base = await snapshot(alice, cast.home.topic)
        apply(old, alice.seen())
        for _ in range(5):
            updates = asyncio.gather(*(_set(mia, cast, n) for n in range(10)))
            await alice.send("SYNC_REQUEST", {"channels": [cast.home.topic], "lastSequence": base})
            await updates
            for _ in range(10):
                await mia.expect("KPI_UPDATED")
        received = await alice.settle()
        fresh, end = await snapshot(alice, cast.home.topic)
        received += alice.seen()
    inside, live = False, []
    for message in received:
        if message["type"] in ("SYNC_START", "SYNC_COMPLETE"):
            assert inside == (message["type"] == "SYNC_COMPLETE")
            inside = not inside
        elif message["type"] == "KPI_UPDATED":
            assert not inside
        if not inside and message["type"] == "SYNC_UPDATE":
            live.append(message["payload"]["sequence"])
    assert live == sorted(set(live))
    assert apply(old, received) == fresh
    assert end >= start


async def _set(mia: Client, cast: Cast, n: int) -> None:
    await mia.send("KPI_UPDATE", {"kpiId": str(cast.home.revenue.pk), "value": n})


# ------------------------------------------------------------------ V5: pruning


async def test_v5_behind_what_was_pruned_history_has_expired_and_a_snapshot_helps(
    server: Server, cast: Cast
) -> None:
    change(cast, 2)
    kept_from = log.head(cast.home.id)
    change(cast, 3)
    first_kept = Event.objects.get(organization_id=cast.home.id, sequence=kept_from.sequence + 1)
    assert retention.prune_events_of(cast.home.id, first_kept.at_us) > 0
    topic = cast.home.topic
    async with await Client.connect(server, cast.alice) as alice:
        cursors: list[dict[str, Any]] = [
            {"lastSequence": kept_from.sequence - 1},
            {"lastSequence": 0},
            {"lastSyncTimestamp": wire(kept_from.at_us - 1)},
            {"lastSyncTimestamp": wire(kept_from.at_us, 0)},
        ]
        for cursor in cursors:
            code, _ = sync_error(await alice.sync(topic, **cursor))
            assert code == "SYNC_HISTORY_EXPIRED"
        exact: list[dict[str, Any]] = [
            {"lastSequence": kept_from.sequence},
            {"lastSyncTimestamp": wire(kept_from.at_us)},
            {"lastSyncTimestamp": wire(first_kept.at_us - 1)},
        ]
        for cursor in exact:
            assert len(sent(await alice.sync(topic, **cursor))) == 3
        shown, end = await snapshot(alice, topic)
        assert shown
        assert sent(await alice.sync(topic, lastSequence=end)) == []


async def test_v5_a_cut_off_time_of_a_pruned_event_has_expired(server: Server, cast: Cast) -> None:
    whole_second = (log.head(cast.home.id).at_us // 1_000_000 + 5) * 1_000_000
    head_at(cast, whole_second)
    change(cast, 1)
    assert log.head(cast.home.id).at_us == whole_second
    retention.prune_events_of(cast.home.id, whole_second + 1)
    async with await Client.connect(server, cast.alice) as alice:
        topic = cast.home.topic
        exact = await alice.sync(topic, lastSyncTimestamp=wire(whole_second))
        assert sent(exact) == []
        cut_off = await alice.sync(topic, lastSyncTimestamp=wire(whole_second, 0))
        assert sync_error(cut_off)[0] == "SYNC_HISTORY_EXPIRED"


async def test_v5_pruning_leaves_what_is_younger_and_other_organizations(
    server: Server, cast: Cast
) -> None:
    ours = log.head(cast.home.id)
    others = log.read(cast.other.id, after=0, upto=10_000, limit=100)
    change(cast, 2)
    # Up to, but not with, this event.
    assert retention.prune_events_of(cast.home.id, ours.at_us) > 0
    kept = log.read(cast.home.id, after=0, upto=10_000, limit=100)
    assert [event.sequence for event in kept] == [ours.sequence + n for n in range(3)]
    assert retention.prune_events_of(cast.home.id, ours.at_us) == 0
    assert log.read(cast.other.id, after=0, upto=10_000, limit=100) == others != []


async def test_v5_everything_pruned_a_client_that_was_up_to_date_misses_nothing(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        complete = (await alice.sync(cast.home.topic))[-1]["payload"]
        retention.prune_events_of(cast.home.id, log.head(cast.home.id).at_us + 1)
        change(cast, 1)
        for name in ("lastSequence", "lastSyncTimestamp"):
            missed = await alice.sync(cast.home.topic, **{name: complete[name]})
            assert sent(missed) == [complete["lastSequence"] + 1]


# ------------------------------------------------------------------ E3: answers beside a sync


@pytest.mark.parametrize("snapshot_", [True, False], ids=["snapshot", "missed"])
async def test_e3_who_syncs_what_he_has_just_changed_is_answered_all_the_same(
    server: Server, cast: Cast, snapshot_: bool
) -> None:
    """The sync has read what the server has not been told of: another process's event, and so the
    one behind it."""
    kpi_id = str(cast.home.revenue.pk)
    async with await Client.connect(server, cast.mia) as mia:
        for n in range(10):
            cursor = {} if snapshot_ else {"lastSequence": log.head(cast.home.id).sequence}
            Kpi.objects.filter(pk=cast.home.margin.pk).update(value=n)
            await mia.send("KPI_UPDATE", {"kpiId": kpi_id, "value": n}, request_id=f"set-{n}")
            await mia.send("SYNC_REQUEST", {"channels": [f"kpi:{kpi_id}"], **cursor})
            answer = await mia.answer(f"set-{n}")
            assert (answer["type"], answer["payload"]["value"]) == ("KPI_UPDATED", n)
        assert not [m for m in await mia.settle() if "requestId" in m]


async def test_v4_a_time_before_everything_is_served_where_nothing_was_pruned(
    server: Server, cast: Cast
) -> None:
    """1970 is what SYNC_START of a snapshot says."""
    async with await Client.connect(server, cast.bob) as bob:
        whole = sent(await bob.sync(cast.home.topic, lastSequence=0))
        for moment in ("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z"):
            assert sent(await bob.sync(cast.home.topic, lastSyncTimestamp=moment)) == whole, moment


# ------------------------------------------------------------------ what cannot be read


async def test_v5_a_row_of_another_shape_takes_the_snapshot_from_nobody(
    server: Server, cast: Cast
) -> None:
    """Of an older version, or edited by hand; raw, as no form writes it."""
    revenue, bob = cast.home.revenue, cast.bob
    insight = Insight(
        organization_id=revenue.organization_id, kpi=revenue, kind=InsightKind.ANOMALY,
        figures={"day": 1}, created_at=timezone.now(),
    )  # fmt: skip
    notification = Notification(
        organization_id=revenue.organization_id, user=bob.user, category="alert", title="x",
        message="x", data={"alertId": None},
    )  # fmt: skip
    channels = cast.home.topic, f"user:{bob.id}", f"department:{cast.home.sales.pk}"
    async with await Client.connect(server, bob) as client:
        before, _ = await snapshot(client, *channels)
        assert before
        uncaptured: Any = QuerySet
        uncaptured(Insight).bulk_create([insight])
        uncaptured(Notification).bulk_create([notification])
        assert (await snapshot(client, *channels))[0] == before
        # Nor does it keep anybody from moving what it belongs to.
        revenue.visibility = Visibility.DEPARTMENT
        revenue.save()
        revenue.visibility = Visibility.ORGANIZATION
        revenue.save()
        after, _ = await snapshot(client, *channels)
        assert after.keys() == before.keys()
