"""Changes that are committed together have the effects that each has alone (L3, E7).

On both databases. `tests/unit/eventlog/test_groups.py` tells what a group is.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import DataError, connections, transaction

from bos.models import Department
from bos.permissions import principal_of
from kpis.models import Kpi, KpiValue
from kpis.services import kpi_set_value
from sync.eventlog import log
from sync.eventlog.fast_sql import insert_rows, lock_row, update_row
from sync.eventlog.idempotency import Repeated, body_hash, once
from sync.eventlog.log import LoggedEvent
from sync.eventlog.scripts import MOST_CHARACTERS
from sync.eventlog.writer import GROUP, GroupWriter
from sync.models import RequestRecord
from sync.protocol.errors import NotFound, ProtocolError, Unauthorized
from sync.protocol.identity import Actor, Principal, acting
from sync.protocol.topics import Audience
from tests.conftest import BACKEND
from tests.support.cast import Cast
from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import until

BATCH_DELAY = 0.05
SYSTEM = Actor("system", "worker", "", "")
HASH = body_hash("ASK", {})


@dataclass
class Group:
    """Changes that are committed together; how often each was made."""

    cast: Cast
    writer: GroupWriter = field(default_factory=GroupWriter)
    made: list[Any] = field(default_factory=list)

    def put(
        self,
        effect: Callable[[Principal], Any],
        *,
        name: object = None,
        request_id: str = "",
        kpi: Kpi | None = None,
    ) -> asyncio.Future[Any]:
        mia = self.cast.mia
        actor = Actor(mia.id, "websocket", "c1", request_id)

        def write(now: Principal) -> Any:
            self.made.append(name)
            with acting(actor):
                return once(actor, now.organization_id, HASH, partial(effect, now))

        return self.writer.submit_for(
            principal_of(mia.user),
            write,
            rows=[] if kpi is None else [(Kpi, kpi.pk)],
            request=(mia.id, request_id) if request_id else None,
            batch_delay=BATCH_DELAY,
        )

    def set(
        self,
        value: float,
        *,
        kpi: Kpi | None = None,
        request_id: str = "",
        then: Callable[[], object] = lambda: None,
    ) -> asyncio.Future[Any]:
        """Set the KPI's value, and do something else in the same change."""
        changed = kpi or self.cast.home.revenue

        def effect(now: Principal) -> None:
            kpi_set_value(str(changed.pk), value=Decimal(str(value)), principal=now)
            then()

        return self.put(effect, name=value, request_id=request_id, kpi=changed)


@pytest.fixture
def group(cast: Cast) -> Group:
    return Group(cast)


def values(kpi: Kpi) -> list[float]:
    """Return the values that it has been set to, besides the first, as they were stored."""
    rows = KpiValue.objects.filter(kpi=kpi).order_by("pk")
    return [float(value) for value in rows.values_list("value", flat=True)][1:]


def events_of(cast: Cast, after: int) -> list[LoggedEvent]:
    return log.read(cast.home.id, after=after, upto=after + 1_000, limit=1_000)


def fail(error: ProtocolError) -> None:
    raise error


async def test_l3_two_updates_of_one_kpi_in_a_group_keep_their_order_and_their_history(
    group: Group, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    before = log.head(cast.home.id)
    await asyncio.gather(
        group.set(1.5), group.set(2, kpi=margin), group.set(3), group.set(0.0001, kpi=margin)
    )
    assert (values(revenue), values(margin)) == ([1.5, 3], [2, 0.0001])
    revenue.refresh_from_db()
    margin.refresh_from_db()
    assert (revenue.value, margin.value) == (3, Decimal("0.0001"))
    events = events_of(cast, before.sequence)
    assert [event.entity_id for event in events] == [
        str(kpi.pk) for kpi in (revenue, margin, revenue, margin)
    ]
    assert [event.sequence for event in events] == [before.sequence + n for n in (1, 2, 3, 4)]
    times = [before.at_us, *(event.at_us for event in events)]
    assert times == sorted(set(times))


@pytest.mark.parametrize("size", [3, GROUP])
async def test_e7_a_change_that_is_refused_is_taken_back_and_no_other_is_made_again(
    group: Group, cast: Cast, size: int
) -> None:
    before = log.head(cast.home.id).sequence
    refused = {1, size - 1}
    outcomes = await asyncio.gather(
        *(
            group.set(n, request_id=f"{n}", then=partial(fail, NotFound()) if n in refused else int)
            for n in range(size)
        ),
        return_exceptions=True,
    )
    assert {n for n, outcome in enumerate(outcomes) if isinstance(outcome, NotFound)} == refused
    left = [n for n in range(size) if n not in refused]
    assert values(cast.home.revenue) == left
    assert len(events_of(cast, before)) == len(left)
    assert group.made == list(range(size))
    records = RequestRecord.objects.filter(user_id=cast.mia.id)
    assert {record.request_id for record in records} == {str(n) for n in left}


async def test_e7_what_a_refused_change_had_set_is_not_what_the_next_one_finds(
    group: Group, cast: Cast
) -> None:
    found: list[Any] = []

    def look(now: Principal) -> None:
        kpi = lock_row(Kpi, cast.home.revenue.pk, organization_id=now.organization_id)
        found.append(kpi and kpi.value)

    changes = [
        group.set(7),
        group.set(8, then=partial(fail, NotFound())),
        group.put(look, kpi=cast.home.revenue),
        group.set(9),
    ]
    await asyncio.gather(*changes, return_exceptions=True)
    assert (found, values(cast.home.revenue)) == ([7], [7, 9])


async def test_e7_a_change_that_the_database_knows_of_is_rolled_back_by_itself(
    group: Group, cast: Cast
) -> None:
    """The database is asked something in between: what waits is written before that."""
    seen: list[float] = []

    def look_and_fail() -> None:
        seen.append(values(cast.home.revenue)[-1])
        raise NotFound

    outcomes = await asyncio.gather(
        group.set(1), group.set(2, then=look_and_fail), group.set(3), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), NotFound, type(None)]
    assert set(seen) == {2}
    assert values(cast.home.revenue) == [1, 3]


async def test_e7_the_same_request_twice_in_a_group_is_made_once(group: Group, cast: Cast) -> None:
    outcomes = await asyncio.gather(
        group.set(1, request_id="a"), group.set(2, request_id="b"), group.set(1, request_id="a")
    )
    assert [isinstance(outcome, Repeated) for outcome in outcomes] == [False, False, True]
    assert values(cast.home.revenue) == [1, 2]


async def test_e7_a_request_that_was_refused_is_made_by_its_second_in_the_same_group(
    group: Group, cast: Cast
) -> None:
    refused = group.set(1, request_id="a", then=partial(fail, NotFound()))
    made = group.set(1, request_id="a")
    assert isinstance((await asyncio.gather(refused, return_exceptions=True))[0], NotFound)
    assert await made is None
    assert values(cast.home.revenue) == [1]


async def test_s3_rows_of_another_organization_are_unknown_to_a_group_that_has_them(
    group: Group, cast: Cast
) -> None:
    """On SQLite organizations share a group, and so what it knows of rows."""
    theirs = cast.other.revenue
    charlie = principal_of(cast.charlie.user)
    set_theirs = partial(kpi_set_value, str(theirs.pk), value=Decimal(5))
    outcomes = await asyncio.gather(
        group.writer.submit_for(
            charlie,
            lambda now: set_theirs(principal=now),
            rows=[(Kpi, theirs.pk)],
            batch_delay=BATCH_DELAY,
        ),
        group.set(6, kpi=theirs),
        group.set(7),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], Unauthorized)
    assert (values(theirs), values(cast.home.revenue)) == ([5], [7])


async def test_f4_what_the_database_refuses_of_one_change_leaves_the_others(
    group: Group, cast: Cast
) -> None:
    """It says so when the group is written: then each is made by itself."""
    if BACKEND == "sqlite":
        pytest.skip("SQLite stores what it is given")

    def too_long(now: Principal) -> None:
        row = KpiValue(
            kpi_id=cast.home.revenue.pk, value=1, at=cast.home.revenue.updated_at, actor_id="x" * 65
        )
        insert_rows([row])

    outcomes = await asyncio.gather(
        group.set(1), group.put(too_long), group.set(3), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), DataError, type(None)]
    assert values(cast.home.revenue) == [1, 3]


@pytest.mark.parametrize(
    ("text", "refused"),
    [("\0", DataError), ("\ud800", UnicodeEncodeError)],
    ids=["nul", "surrogate"],
)
@pytest.mark.parametrize("asks", [False, True], ids=["at_the_end", "before_the_next"])
async def test_f4_what_cannot_be_written_at_all_fails_the_change_that_has_it_and_no_other(
    group: Group, cast: Cast, text: str, refused: type[Exception], asks: bool
) -> None:
    """The driver says so before the database is asked: when the group is written, or where another
    change asks for something in between."""
    if BACKEND == "sqlite" and refused is DataError:
        pytest.skip("SQLite stores it")

    def write(now: Principal) -> None:
        row = KpiValue(
            kpi_id=cast.home.revenue.pk, value=1, at=cast.home.revenue.updated_at, actor_id=text
        )
        insert_rows([row])

    def look() -> None:
        if asks:
            values(cast.home.revenue)

    outcomes = await asyncio.gather(
        group.set(1), group.put(write), group.set(3, then=look), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), refused, type(None)]
    assert values(cast.home.revenue) == [1, 3]


def test_f4_what_cannot_be_written_at_all_leaves_no_transaction_open(cast: Cast) -> None:
    """By whatever way it comes: what was written with it would be in the next one."""
    revenue = cast.home.revenue
    before = log.head(cast.home.id).sequence
    with pytest.raises((UnicodeEncodeError, DataError)), transaction.atomic():
        Kpi.objects.filter(pk=revenue.pk).update(value=5)
        log.append(
            log.PendingEvent(
                cast.home.id, "kpi", "1", "updated", "\ud800", "", "", SYSTEM, "", Audience()
            )
        )
    Kpi.objects.filter(pk=cast.home.margin.pk).update(value=6)
    revenue.refresh_from_db()
    assert revenue.value == 100
    assert len(events_of(cast, before)) == 1


async def test_l3_a_change_by_the_orm_finds_and_is_found_by_what_waits(
    group: Group, cast: Cast
) -> None:
    revenue = cast.home.revenue
    found: list[tuple[Any, str]] = []

    def rename() -> None:
        kpi = Kpi.objects.get(pk=revenue.pk)
        found.append((kpi.value, kpi.name))
        kpi.name = "Turnover"
        kpi.save(update_fields=["name"])

    def look(now: Principal) -> None:
        kpi = lock_row(Kpi, revenue.pk, organization_id=now.organization_id)
        assert kpi is not None
        found.append((kpi.value, kpi.name))

    await asyncio.gather(group.set(4, then=rename), group.put(look, kpi=revenue), group.set(5))
    assert found == [(4, "Revenue"), (4, "Turnover")]
    revenue.refresh_from_db()
    assert (revenue.value, revenue.name) == (5, "Turnover")


async def test_l3_different_fields_of_one_row_are_written_in_their_order(
    group: Group, cast: Cast
) -> None:
    revenue = cast.home.revenue

    def write(value: int, target: int | None, *fields: str) -> Callable[[Principal], None]:
        def effect(now: Principal) -> None:
            kpi = lock_row(Kpi, revenue.pk, organization_id=now.organization_id)
            assert kpi is not None
            kpi.value, kpi.target = Decimal(value), target
            update_row(kpi, *fields)

        return effect

    await asyncio.gather(
        group.put(write(1, 10, "value", "target"), kpi=revenue),
        group.put(write(2, None, "value"), kpi=revenue),
        group.put(write(3, None, "value", "target"), kpi=revenue),
        group.put(write(4, 40, "value"), kpi=revenue),
    )
    revenue.refresh_from_db()
    assert (revenue.value, revenue.target) == (4, None)


async def test_l3_text_of_any_kind_comes_through_a_group_as_it_is(group: Group, cast: Cast) -> None:
    """On PostgreSQL it is part of one long statement."""
    texts = ["O'Reilly; DROP TABLE x --", "100 % \\ 'E''' %s $1 ü 𝛑", '"\\u0000"', ""]
    before = log.head(cast.home.id).sequence

    def create(name: str) -> Callable[[Principal], None]:
        return lambda now: Department(organization=cast.home.organization, name=name).save()

    def record(text: str) -> Callable[[Principal], None]:
        row = KpiValue(
            kpi_id=cast.home.revenue.pk, value=1, at=cast.home.revenue.updated_at, actor_id=text
        )
        return lambda now: insert_rows([row])

    await asyncio.gather(
        *(group.put(record(text), request_id=f"{text}#") for text in texts),
        *(group.put(create(text)) for text in texts),
    )
    rows = KpiValue.objects.filter(kpi=cast.home.revenue, actor_id__in=texts).order_by("pk")
    assert [row.actor_id for row in rows if row.value == 1] == texts
    assert [json.loads(event.data)["name"] for event in events_of(cast, before)] == texts
    records = RequestRecord.objects.filter(user_id=cast.mia.id)
    assert {record.request_id for record in records} == {f"{text}#" for text in texts}


async def test_l3_what_is_too_long_for_one_text_is_written_in_several(
    group: Group, cast: Cast
) -> None:
    before = log.head(cast.home.id)
    long = "x" * (MOST_CHARACTERS // 2)

    def append(now: Principal) -> None:
        for data in (long, long, long, "short"):
            log.append(
                log.PendingEvent(
                    cast.home.id, "kpi", "1", "updated", data, "", "", SYSTEM, "", Audience()
                )
            )

    await asyncio.gather(group.set(1), group.put(append, request_id="a"), group.set(2))
    events = events_of(cast, before.sequence)
    assert [event.sequence for event in events] == [before.sequence + n for n in range(1, 7)]
    assert [event.data for event in events[1:5]] == [long, long, long, "short"]
    assert values(cast.home.revenue) == [1, 2]


# ------------------------------------------------------------------ round trips


@pytest.fixture
def proxy(database: None) -> Iterator[Proxy]:
    settings = connections["default"].settings_dict
    with proxy_to(settings["HOST"], int(settings["PORT"])) as proxy:
        yield proxy


@pytest.mark.skipif(BACKEND == "sqlite", reason="SQLite runs in the process itself")
async def test_l3_a_group_of_64_takes_as_many_round_trips_as_one_change(
    proxy: Proxy, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "PORT", str(proxy.port))
    group = Group(cast)
    kpis = (cast.home.revenue, cast.home.margin)
    taken = list[int]()
    for name, size in (("connecting", 1), ("one", 1), ("group", GROUP)):
        before = proxy.answers
        await asyncio.gather(
            *(group.set(n, kpi=kpis[n % 2], request_id=f"{name}-{n}") for n in range(size))
        )
        taken.append(proxy.answers - before)
    assert len(values(cast.home.revenue)) == 2 + GROUP // 2
    assert taken[1] == taken[2] <= 8


def test_h2_a_write_outlives_the_loop_that_waited_for_it(cast: Cast) -> None:
    """As where the server ends; an error in the thread would be one of what it writes next."""
    writer, failed = GroupWriter(), list[object]()

    async def begin() -> None:
        writer.submit(lambda: committing.wait(5), organization_id=cast.home.id)
        await until(writer.busy, within=5)

    committing, before = threading.Event(), threading.excepthook
    threading.excepthook = failed.append
    try:
        asyncio.run(begin())
        committing.set()
        asyncio.run(_written(writer, cast))
    finally:
        threading.excepthook = before
    assert failed == []


async def _written(writer: GroupWriter, cast: Cast) -> None:
    assert await writer.submit(lambda: "next", organization_id=cast.home.id) == "next"
