"""A transaction in another's way is done again, and nobody sees an error.

On PostgreSQL: of SQLite's writers one waits until the other has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from bos.models import Role, User
from collaboration.models import Session
from collaboration.services.sessions import session_end
from kpis.archive.services import kpis_archive
from kpis.jobs import judge, predict
from kpis.models import Alert, AlertRule, AskedPrediction, InsightState, Kpi
from sync.eventlog import log
from sync.eventlog.processors import advance
from sync.eventlog.threads import TRIES, retry_on_conflict
from sync.models import Event, StreamHead
from sync.protocol.topics import Topic
from tests.support import doors
from tests.support.backlog import is_processed, skip_backlog
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.locks import (
    on_connections_of_its_own,
    wait_until_somebody_is_blocked,
    while_open,
)
from tests.support.server import Server
from tests.test_jobs import ask_for, give_history


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Collect what BOS logs, which it keeps to its own handlers otherwise."""
    logger = logging.getLogger("bos")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


# ------------------------------------------------------------------ who deletes, and who adds


def test_v1_a_kpi_may_be_deleted_while_its_events_are_looked_at(
    cast: Cast, logged: pytest.LogCaptureFixture
) -> None:
    skip_backlog()
    revenue = cast.home.revenue
    revenue.value = 5
    revenue.save()
    while_open(partial(doors.erase, revenue), advance)
    assert not [r for r in logged.records if r.levelno >= logging.ERROR]
    assert is_processed(cast.home.id)


@pytest.mark.parametrize("judged_before", [True, False])
def test_b3_a_kpi_may_be_deleted_while_it_is_forecast(cast: Cast, judged_before: bool) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    if judged_before:
        InsightState.objects.create(kpi=revenue, waiting=True)
    kpi_id = str(revenue.pk)
    if judged_before:
        while_open(partial(doors.erase, revenue), lambda: judge(kpi_id))
    else:
        ask_for(revenue, cast.vera, "p", horizon=7)
        while_open(partial(doors.erase, revenue), lambda: predict(kpi_id, 7))
        asked = AskedPrediction.objects.get(kpi_id=kpi_id)
        assert asked.answered_at is not None
        told = Event.objects.filter(organization_id=cast.home.id, entity_type="answer")
        assert not told.exists(), "nobody sees it any more"
    assert not InsightState.objects.filter(kpi_id=kpi_id).exists()


def test_v1_a_kpi_is_erased_in_the_admin_while_an_alert_of_it_is_raised(cast: Cast) -> None:
    """The alert is committed when the admin has deleted those that it knew of."""
    revenue = cast.home.revenue
    organization = cast.home.organization
    kpis_archive([revenue])
    rule = AlertRule.objects.create(
        organization=organization, kpi=revenue, kind="above", threshold=1
    )

    def raise_alert() -> None:
        AlertRule.objects.filter(pk=rule.pk).update(raised=True)
        alert = Alert(organization=organization, kpi=revenue, rule=rule, message="High.")
        alert.severity, alert.raised_at = "warning", timezone.now()
        alert.save()

    browser = doors.browser(cast.alice)
    address = reverse("admin:kpis_kpi_erase", args=[revenue.pk])
    answer = while_open(raise_alert, lambda: browser.post(address, {"typed": "Revenue"}))
    assert answer.status_code == 302
    assert not Kpi.everything.filter(pk=revenue.pk).exists()
    deleted = Event.objects.filter(organization_id=cast.home.id, change_type="deleted")
    assert deleted.filter(entity_id=str(revenue.pk)).count() == 2  # archived, erased


@pytest.mark.parametrize("first", ["archived", "raised"])
def test_v6_an_alert_and_the_archiving_of_its_kpi_see_each_other(cast: Cast, first: str) -> None:
    """Otherwise clients would keep an alert that no fresh snapshot shows."""
    revenue = cast.home.revenue
    alert = Alert(organization=cast.home.organization, kpi=revenue, message="High.")
    alert.severity, alert.raised_at = "warning", timezone.now()
    steps = [partial(kpis_archive, [revenue]), alert.save]
    while_open(*(steps if first == "archived" else reversed(steps)))
    to_all = log.concerning([Topic("organization", cast.home.id)])
    about = Event.objects.filter(to_all, entity_type="alert", entity_id=str(alert.pk))
    told = [event.change_type for event in about.order_by("sequence")]
    assert told == ([] if first == "archived" else ["created", "deleted"])


def test_v1_what_another_admin_has_just_added_is_an_error_in_the_form(cast: Cast) -> None:
    browser, address = doors.browser(cast.alice), reverse("admin:bos_user_add")
    taken = f"new-{cast.home.id}@test.example"

    def add_the_same() -> None:
        User.objects.create(
            email=taken, name="First", organization=cast.home.organization, role=Role.VIEWER
        )

    page = browser.get(address)
    secret = "a long one, for once"
    filled = doors.form(page, email=taken, name="Second", password1=secret, password2=secret)
    answer = while_open(add_the_same, lambda: browser.post(address, filled))
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["email"]
    assert User.objects.get(email=taken).name == "First"


# ------------------------------------------------------------------ the law of it


def test_v1_who_waits_for_a_deleted_row_at_the_commit_does_not_hold_the_head(cast: Cast) -> None:
    """Or each would wait for the other, until PostgreSQL ends one of them after a second."""
    revenue = cast.home.revenue
    known = Kpi.objects.get(pk=revenue.pk)  # another instance: the deleted one loses its id
    alert = Alert(organization=cast.home.organization, kpi=known, message="High.")
    alert.severity, alert.raised_at = "warning", timezone.now()
    head = StreamHead.objects.select_for_update(nowait=True).filter(pk=cast.home.id)
    with pytest.raises(IntegrityError):
        while_open(partial(doors.erase, revenue), alert.save, then=head.get)


def test_two_that_wait_for_each_other_are_both_done(cast: Cast) -> None:
    """PostgreSQL ends one of them after a second, the one that looks first when both wait."""
    revenue, margin = (
        Kpi.objects.filter(pk=kpi.pk) for kpi in (cast.home.revenue, cast.home.margin)
    )
    each_holds_one = Barrier(2, timeout=30)

    def set_both(first: QuerySet[Kpi], second: QuerySet[Kpi], value: int) -> int:
        tries = 0

        @retry_on_conflict
        @transaction.atomic
        def set_in_turn() -> None:
            nonlocal tries
            tries += 1
            first.update(value=value)
            if tries == 1:
                each_holds_one.wait()
            second.update(value=value)

        set_in_turn()
        return tries

    orders = [partial(set_both, revenue, margin, 1), partial(set_both, margin, revenue, 2)]
    with ThreadPoolExecutor(2) as pool:
        tries = list(pool.map(on_connections_of_its_own, orders))
    assert sum(tries) > 2
    assert revenue.get().value == margin.get().value


def test_a_conflict_that_does_not_end_is_raised() -> None:
    tries = 0

    @retry_on_conflict
    def refer_to_nobody() -> None:
        nonlocal tries
        tries += 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT gen_random_uuid()")
            (nobody,) = cursor.fetchone()
            InsightState.objects.create(kpi_id=nobody)

    with pytest.raises(IntegrityError):
        refer_to_nobody()
    assert tries == TRIES


def test_what_was_there_and_is_not_any_more_is_looked_for_again(cast: Cast) -> None:
    """Two who share a session are erased at the same time: 6 of 60 erasures were an error."""
    gone = iter([True, False])

    @retry_on_conflict
    def name_of_host() -> str:
        pk = None if next(gone) else cast.bob.user.pk
        return str(User.objects.get(pk=pk).name)

    assert name_of_host() == cast.bob.user.name


def test_an_error_that_is_no_conflict_is_raised_at_once() -> None:
    tries = 0

    @retry_on_conflict
    def ask_for_nonsense() -> None:
        nonlocal tries
        tries += 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nonsense")

    with pytest.raises(DatabaseError):
        ask_for_nonsense()
    assert tries == 1


# ------------------------------------------------------------------ who comes back, and who ends it


async def test_e8_a_session_that_ends_while_its_host_comes_back_is_no_second_answer(
    server: Server, cast: Cast
) -> None:
    """A SESSION_CREATE that is made again is answered with its first outcome, and that is all."""
    room = {"title": "Q4 planning", "activeSpace": "dashboard"}
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.bob) as tablet,
    ):
        await bob.send("SESSION_CREATE", room, request_id="r")
        created = await bob.answer("r")
        with transaction.atomic():
            session = Session.objects.select_for_update().get(pk=created["payload"]["sessionId"])
            await tablet.send("SESSION_CREATE", room, request_id="r")
            assert await tablet.answer("r") == created
            await asyncio.to_thread(on_connections_of_its_own, wait_until_somebody_is_blocked)
            session_end(session, reason="admin")
        assert [m for m in await tablet.settle() if m.get("requestId") == "r"] == []
        # Nor is its place one in a session.
        position = {"x": 0, "y": 0, "z": 0}
        move = {"sessionId": str(session.pk), "position": position}
        assert error_of(await tablet.ask("CURSOR_MOVE", move))[0] == "SESSION_NOT_FOUND"
