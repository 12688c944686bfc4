"""Workers deliver to webhooks: soon, in order, and nothing is lost by a worker that dies (D5)."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from bos.models import Webhook
from bos.webhooks.delivery import send_test
from bos.webhooks.endpoints import webhook_rotate
from kpis.models import Kpi
from sync.eventlog import log
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.receiver import Receiver, answers, make_endpoint, taking_part
from tests.support.server import working
from tests.support.services import free_port, wait_for_port
from tests.support.waiting import until

WITHIN = 30
PAGE = Path(__file__).resolve().parents[2] / "docs/webhooks.md"
SETTINGS = {"BOS_OUTBOUND_INSIDE": "on"}
SOON = {"BOS_WEBHOOK_TIMEOUT": "1"}
"""A lease lapses after six times that."""


@pytest.fixture
def receiver(database: None) -> Iterator[Receiver]:
    skip_backlog()
    with Receiver() as made:
        yield made
    Webhook.objects.all().delete()


async def test_d5_a_worker_that_is_killed_in_the_middle_loses_no_event(
    cast: Cast, receiver: Receiver, tmp_path: Path
) -> None:
    endpoint = make_endpoint(cast.home, receiver)
    revenue = cast.home.revenue
    with working(tmp_path / "first", **SETTINGS, **SOON) as first:
        # After the request has come, and before its answer has: the position is not written.
        receiver.will(answers(200), answers(200), taking_part(first.kill))
        before = log.head(cast.home.id).sequence
        for value in range(1, 6):
            revenue.value = value
            revenue.save()
        await until(lambda: not first.is_alive(), within=WITHIN)
    row = endpoint.now()
    assert row.position == before + 2
    assert row.lease is not None
    with working(tmp_path / "second", **SETTINGS, **SOON):
        last = log.head(cast.home.id).sequence
        await until(lambda: endpoint.now().position == last, within=WITHIN)
    one, two, three, *rest = range(before + 1, before + 6)
    assert receiver.sequences == [one, two, three, three, *rest]
    for each in receiver.received:
        each.verified(endpoint.secret)


async def test_d5_two_workers_send_what_many_commit_at_once_in_order_and_soon(
    cast: Cast, receiver: Receiver, tmp_path: Path
) -> None:
    endpoint = make_endpoint(cast.home, receiver, "kpi")
    kpis = [Kpi(organization=cast.home.organization, name=f"{n}", value=1) for n in range(3)]
    for kpi in kpis:
        kpi.save()

    def write(kpi: Kpi) -> None:
        for value in range(2, 12):
            kpi.value = value
            kpi.save()
        connections.close_all()

    with ExitStack() as ending:
        workers = [ending.enter_context(working(tmp_path / f"{n}", **SETTINGS)) for n in range(2)]
        before = len(kpis)
        await until(lambda: len(receiver.received) == before, within=WITHIN)
        cast.home.revenue.value = 5
        cast.home.revenue.save()
        committed = time.monotonic()
        await until(lambda: len(receiver.received) > before, within=WITHIN)
        # A look each quarter of a second; a machine that is busy with other tests may add to it.
        assert receiver.received[-1].at - committed < 1.0
        threads = [threading.Thread(target=write, args=(kpi,)) for kpi in kpis]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        last = log.head(cast.home.id).sequence
        await until(lambda: endpoint.now().position == last, within=WITHIN)
        for worker in workers:
            worker.terminate()
            await asyncio.to_thread(worker.join, WITHIN)
            assert worker.exitcode == 0
    sequences = receiver.sequences
    assert sequences == sorted(set(sequences))
    assert len(sequences) == before + 1 + 30
    assert endpoint.now().lease is None


@pytest.mark.once("sqlite")
def test_d5_the_receiver_of_the_page_takes_what_is_signed_and_nothing_else(
    cast: Cast, receiver: Receiver, settings: Any
) -> None:
    settings.OUTBOUND_INSIDE = True
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    endpoint, port = make_endpoint(cast.home, receiver), free_port()
    endpoint.set(address=f"http://127.0.0.1:{port}/")
    environment = os.environ | {"WEBHOOK_SECRET": endpoint.secret, "RECEIVER_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            wait_for_port(port, process.poll)
            cast.home.revenue.value = 5
            cast.home.revenue.save()
            row = endpoint.deliver()
            assert (row.failures, row.position) == (0, log.head(cast.home.id).sequence)
            webhook_rotate(endpoint.webhook)
            endpoint.set(former_until=None)
            assert send_test(endpoint.now()).status == 400
        finally:
            process.terminate()
        printed, _ = process.communicate()
    assert printed.startswith(f"{cast.home.id}:{row.position} KPI_UPDATED {{'kpiId'")
    assert printed.count("\n") == 1
