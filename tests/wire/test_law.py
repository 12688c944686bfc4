"""An old snapshot plus a sync equals a fresh snapshot, and what was mirrored live (V1, V4, V8)."""

from __future__ import annotations

import contextlib
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bos.models import Employee
from kpis.models import Kpi, Visibility
from tests.support import doors
from tests.support.cast import Cast, make_cast
from tests.support.client import Client
from tests.support.mirror import Entities, apply, snapshot
from tests.support.server import Server

NUMBER = st.integers(0, 40)
STEP = st.tuples(st.sampled_from(doors.DOORS), NUMBER, NUMBER)
ROUND = st.tuples(st.sampled_from(doors.WAYS), st.lists(STEP, min_size=1, max_size=5))
EXAMPLES = settings(
    max_examples=12,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Watcher:
    """A client that follows some channels, with what it mirrored live and old snapshots of it."""

    client: Client
    channels: tuple[str, ...]
    live: Entities = field(default_factory=dict)
    old: list[tuple[Entities, dict[str, Any]]] = field(default_factory=list)
    revoked: bool = False

    @classmethod
    async def start(cls, server: Server, cast: Cast, *channels: str) -> Watcher:
        watcher = cls(await Client.connect(server, cast.alice), channels)
        await watcher.client.subscribe(*channels)
        watcher.live, _ = await snapshot(watcher.client, *channels)
        await watcher.keep_snapshot()
        return watcher

    async def keep_snapshot(self) -> None:
        """Keep what the channels show now, with each of the cursors."""
        messages = await self.client.sync(*self.channels)
        self.mirror(self.client.seen())
        if messages[-1]["type"] == "SYNC_ERROR":
            return
        shown, complete = apply({}, messages), messages[-1]["payload"]
        self.old.append((shown, {"lastSequence": complete["lastSequence"]}))
        self.old.append((dict(shown), {"lastSyncTimestamp": complete["lastSyncTimestamp"]}))
        coarse = complete["lastSyncTimestamp"][:19] + "Z"
        self.old.append((dict(shown), {"lastSyncTimestamp": coarse}))

    def mirror(self, messages: list[dict[str, Any]]) -> None:
        self.revoked |= any(message["type"] == "UNSUBSCRIBED" for message in messages)
        apply(self.live, messages)

    async def check(self) -> None:
        """The law, for each of the old snapshots and for what came live."""
        self.mirror(await self.client.settle())
        messages = await self.client.sync(*self.channels)
        if messages[-1]["type"] == "SYNC_ERROR":
            assert messages[-1]["payload"]["code"] == "UNAUTHORIZED"
            assert self.revoked
            return
        fresh = apply({}, messages)
        if self.revoked:  # of an archived KPI, which has been restored since
            assert self.channels[0].startswith("kpi:")
            self.live = dict(fresh)
        assert self.live == fresh, self.channels
        for shown, cursor in self.old:
            missed = await self.client.sync(*self.channels, **cursor)
            assert missed[0]["payload"]["updateCount"] == len(missed) - 2
            assert missed[-1]["payload"]["updatesSent"] == len(missed) - 2
            assert apply(shown, missed) == fresh, (self.channels, cursor)


def _pulse(cast: Cast) -> Kpi:
    kpi: Kpi = Kpi.objects.create(organization=cast.home.organization, name="Pulse")
    return kpi


@pytest.mark.timeout(180)
@EXAMPLES
@given(st.lists(ROUND, min_size=1, max_size=4), st.lists(ROUND, max_size=3))
async def test_v4_an_old_snapshot_plus_a_sync_equals_a_fresh_one_and_the_live_mirror(
    server: Server, first: list[Any], second: list[Any]
) -> None:
    cast = make_cast()
    house, pulse = doors.House(cast), _pulse(cast)
    home = cast.home
    each = (home.topic, f"department:{home.sales.pk}", f"department:{home.support.pk}")
    sets = [*((channel,) for channel in (*each, f"kpi:{home.margin.pk}")), (each[0], each[1])]
    async with contextlib.AsyncExitStack() as stack:
        watchers = [await Watcher.start(server, cast, *channels) for channels in sets]
        for watcher in watchers:
            await stack.enter_async_context(watcher.client)
        mia = await stack.enter_async_context(await Client.connect(server, cast.mia))
        for number, rounds in enumerate((first, second)):
            for way, steps in rounds:
                way(house, steps)
                if kpi := house.kpi(number):
                    assert (await mia.set_value(kpi, number + 0.5))["type"] == "KPI_UPDATED"
            # The answer comes in its order: what was changed before it has been delivered.
            assert (await mia.set_value(pulse, number))["type"] == "KPI_UPDATED"
            if number == 0:
                for watcher in watchers:
                    await watcher.keep_snapshot()
        for watcher in watchers:
            await watcher.check()


def _write_at_random(cast: Cast, seed: int, failures: list[BaseException]) -> None:
    """Move, hide, count up and take back, beside others who do the same."""
    dice = random.Random(seed)
    organization = cast.home.organization
    departments = [cast.home.sales, cast.home.support]
    try:
        for n in range(25):
            kpis = Kpi.objects.of(organization.pk).filter(name__startswith="Busy")
            with contextlib.suppress(doors.RolledBack, DatabaseError), _maybe(dice):
                match dice.randrange(6):
                    case 0:
                        kpis.filter(department=dice.choice(departments)).update(target=n)
                    case 1:
                        kpi = dice.choice(list(kpis.order_by("name")))
                        kpi.department = dice.choice(departments)
                        kpi.save()
                    case 2:
                        kpi = dice.choice(list(kpis.order_by("name")))
                        kpi.value = seed * 1000 + n
                        kpi.save(update_fields=["value", "updated_at"])
                    case 3:
                        kpi = dice.choice(list(kpis.order_by("name")))
                        kpi.visibility = dice.choice(list(Visibility))
                        kpi.save(update_fields=["visibility"])
                    case 4:
                        kpis.filter(department=departments[0]).update(department=departments[1])
                    case 5:
                        Employee.objects.create(
                            organization=organization, department=departments[0], name="New"
                        )
    except BaseException as error:
        failures.append(error)
    finally:
        connections.close_all()


@contextlib.contextmanager
def _maybe(dice: random.Random) -> Any:
    """A transaction that is rolled back one time in four."""
    with transaction.atomic():
        yield
        if dice.randrange(4) == 0:
            raise doors.RolledBack


async def test_v4_the_law_holds_under_concurrent_writers(server: Server, cast: Cast) -> None:
    pulse, home = _pulse(cast), cast.home
    Kpi.objects.bulk_create(
        Kpi(organization=home.organization, department=home.sales, name=f"Busy {n}", value=n)
        for n in range(6)
    )
    sets = [(home.topic,), (f"department:{home.sales.pk}",), (f"department:{home.support.pk}",)]
    watchers = [await Watcher.start(server, cast, *channels) for channels in sets]
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=_write_at_random, args=(cast, seed, failures)) for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(pulse, 1)
    for watcher in watchers:
        await watcher.check()
        await watcher.client.socket.close()
