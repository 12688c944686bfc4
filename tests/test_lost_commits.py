"""A COMMIT whose answer is lost has one effect, or none that is known of (f4).

On PostgreSQL: SQLite's COMMIT runs in the process itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import cycle, islice

import pytest
from django.db import connections

from bos.permissions import principal_of
from kpis.models import Kpi, KpiValue
from kpis.services import kpi_set_value
from sync.eventlog import commits, log
from sync.eventlog.writer import GroupWriter
from sync.models import CommitMark
from sync.protocol.errors import ErrorCode, OutcomeUnknown
from sync.protocol.times import now_us
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.proxy import Cut, Proxy, proxy_to

REQUESTS = 96
CLIENTS = 4
BATCH_DELAY = 0.05


@pytest.fixture
def proxy(database: None) -> Iterator[Proxy]:
    settings = connections["default"].settings_dict
    with proxy_to(settings["HOST"], int(settings["PORT"])) as proxy:
        yield proxy


@pytest.fixture
def writer(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> GroupWriter:
    """One whose threads connect through the proxy."""
    monkeypatch.setitem(connections.settings["default"], "PORT", str(proxy.port))
    return GroupWriter()


def values(cast: Cast) -> list[float]:
    """Return the values that the KPI has been set to, besides the first."""
    rows = KpiValue.objects.filter(kpi=cast.home.revenue).order_by("pk")
    return [float(value) for value in rows.values_list("value", flat=True)][1:]


def set_to(writer: GroupWriter, cast: Cast, *new: int) -> list[asyncio.Future[Kpi]]:
    """Changes that are committed together."""
    kpi_id, mia = str(cast.home.revenue.pk), principal_of(cast.mia.user)
    return [
        writer.submit_for(
            mia,
            partial(
                lambda value, now: kpi_set_value(kpi_id, value=value, principal=now), Decimal(n)
            ),
            rows=[(Kpi, cast.home.revenue.pk)],
            batch_delay=BATCH_DELAY,
        )
        for n in new
    ]


@pytest.mark.parametrize("cut", Cut)
async def test_f4_a_group_whose_commit_is_not_answered_has_one_effect(
    proxy: Proxy, writer: GroupWriter, cast: Cast, cut: Cut
) -> None:
    before = log.head(cast.home.id).sequence
    proxy.plan.append(cut)
    await asyncio.gather(*set_to(writer, cast, 1, 2, 3))
    assert proxy.cuts == 1
    assert values(cast) == [1, 2, 3]
    assert log.head(cast.home.id).sequence == before + 3


async def test_f4_a_single_change_whose_commit_is_not_answered_is_told_as_it_is(
    proxy: Proxy, writer: GroupWriter, cast: Cast
) -> None:
    proxy.plan.append(Cut.ANSWERED)
    [kpi] = await asyncio.gather(*set_to(writer, cast, 1))
    assert kpi.value == 1
    assert values(cast) == [1]


@pytest.mark.parametrize("cut", Cut)
async def test_f4_where_the_database_does_not_say_nothing_is_tried_again(
    proxy: Proxy, writer: GroupWriter, cast: Cast, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "ASK_SECONDS", 0.1)
    proxy.plan.append(cut)
    proxy.shuts = True
    outcomes = await asyncio.gather(*set_to(writer, cast, 1, 2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
    assert OutcomeUnknown().code == ErrorCode.INTERNAL_SERVER_ERROR
    assert OutcomeUnknown().details == {"outcome": "unknown"}
    assert values(cast) == ([] if cut is Cut.SWALLOWED else [1, 2])
    # The thread goes on with what comes next.
    proxy.open = True
    await asyncio.gather(*set_to(writer, cast, 3))
    assert values(cast)[-1] == 3


async def test_f4_of_96_requests_without_id_each_has_one_effect_and_its_answer(
    serve: ServeFixture, proxy: Proxy, cast: Cast
) -> None:
    """Three of five COMMITs are cut off, at each of the places there are."""
    url = os.environ["DATABASE_URL"].replace(
        f":{connections['default'].settings_dict['PORT']}/", f":{proxy.port}/"
    )
    server = serve(DATABASE_URL=url)
    proxy.plan.extend(
        islice(cycle([None, Cut.PASSED, Cut.ANSWERED, None, Cut.SWALLOWED]), REQUESTS)
    )
    told = Counter[float]()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await Client.connect(server, cast.mia))
            for _ in range(CLIENTS)
        ]
        for first in range(0, REQUESTS, CLIENTS):
            for n, client in enumerate(clients, first):
                update = {"kpiId": str(cast.home.revenue.pk), "value": n}
                await client.send("KPI_UPDATE", update)
            for client in clients:
                told[(await client.expect("KPI_UPDATED"))["payload"]["value"]] += 1
    assert proxy.cuts >= REQUESTS / CLIENTS / 2
    assert told == Counter(range(REQUESTS))
    assert Counter(values(cast)) == told


def test_f4_marks_are_forgotten_after_their_time(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    CommitMark.objects.create(id=cast.home.revenue.pk, at_us=0)
    fresh = CommitMark.objects.create(id=cast.home.margin.pk, at_us=now_us())
    assert commits.prune() >= 1
    assert CommitMark.objects.filter(pk__in=[cast.home.revenue.pk, fresh.pk]).get() == fresh
