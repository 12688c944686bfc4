"""Connectors run: what they write, when, and what becomes of those that fail (decision D7)."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import RestrictedError
from django.utils import timezone
from django_q.models import OrmQ

from bos.jobs.queue import MAX_DEATHS, Broker, due_jobs
from bos.models import Job, Notification, Organization, Role, User
from kpis.connectors import running, trials
from kpis.connectors.running import LOST, SWITCHED_OFF
from kpis.connectors.source import LOCKED, Source
from kpis.ingest.services import UNKNOWN
from kpis.ingest.values import Parsed, Row
from kpis.models import Connector, ConnectorKind, ConnectorTrial, Kpi, KpiValue
from sync.models import Event
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast, make_tenant
from tests.support.connecting import make_connector, run_once
from tests.support.doors import erase
from tests.support.dying import die_before_the_commit
from tests.support.importing import events_after, head
from tests.support.sources import Sources, serving_sources

CSV = ConnectorKind.CSV
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
JANUARY = "2026-01-31T08:30:00Z"


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with serving_sources() as found:
        yield found


@pytest.fixture(autouse=True)
def empty_queue(settings: Any, database: None) -> Iterator[None]:
    """No worker runs; what other tests have left would come first."""
    settings.OUTBOUND_INSIDE = True
    skip_backlog()
    OrmQ.objects.all().delete()
    yield
    OrmQ.objects.all().delete()
    Connector.objects.update(is_active=False)


def csv(*rows: tuple[object, ...]) -> str:
    return "kpi,value,at\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows)


def connector_of(cast: Cast, sources: Sources, *rows: tuple[object, ...], **more: Any) -> Connector:
    return make_connector(cast, CSV, sources.answer(csv(*rows)), at_field="at", **more)


def value_of(kpi: Kpi) -> Decimal | None:
    found: Decimal | None = Kpi.objects.get(pk=kpi.pk).value
    return found


def stored(kpi: Kpi) -> int:
    return KpiValue.objects.filter(kpi=kpi).count()


def refused(connector: Connector) -> list[tuple[int, str, str]]:
    return [(one["index"], one["field"], one["reason"]) for one in connector.refused]


# ------------------------------------------------------------------ what is written


def test_d7_a_run_writes_what_the_source_has_as_its_service_account(
    cast: Cast, sources: Sources
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    connector = connector_of(cast, sources, ("revenue", 125, ""), (margin.pk, 8, JANUARY))
    before, began = head(cast), timezone.now()
    run_once(connector, cast.alice.user)
    assert value_of(revenue) == 125
    assert value_of(margin) == 7, "the past is history"
    [event] = events_after(cast, before)
    machine = str(connector.account_id)
    assert (event.actor_id, event.source) == (machine, "connector")
    values = KpiValue.objects.filter(actor_id=machine).order_by("at")
    assert [value.kpi_id for value in values] == [margin.pk, revenue.pk]
    assert (connector.problem, connector.failures, connector.written) == ("", 0, 2)
    assert connector.run_id is None
    assert connector.last_run_at is not None
    assert connector.last_run_at == connector.last_success_at
    assert connector.last_run_at >= began


def test_d7_a_source_without_rows_is_no_failure(cast: Cast, sources: Sources) -> None:
    connector = run_once(connector_of(cast, sources), cast.alice.user)
    assert (connector.problem, connector.written) == ("", 0)


def test_d7_one_refused_row_keeps_all_from_being_written_and_is_named(
    cast: Cast, sources: Sources
) -> None:
    rows = [("revenue", 125, ""), ("revenue", "x", ""), ("nonsense", 1, "")]
    connector = run_once(connector_of(cast, sources, *rows), cast.alice.user)
    assert value_of(cast.home.revenue) == 100
    assert connector.problem == "2 rows are refused, so nothing was written."
    assert (connector.refused_count, connector.failures, connector.written) == (2, 1, None)
    assert refused(connector) == [
        (2, "value", "“x” is not a number. Write it like 1234.5"),
        (3, "kpi", UNKNOWN),
    ]


def test_d7_with_the_good_ones_wanted_they_are_written(cast: Cast, sources: Sources) -> None:
    rows = [("revenue", 125, ""), *(("nonsense", 1, "") for _ in range(25))]
    connector = run_once(connector_of(cast, sources, *rows, partial=True), cast.alice.user)
    assert value_of(cast.home.revenue) == 125
    assert (connector.problem, connector.failures, connector.written) == ("", 0, 1)
    assert (connector.refused_count, len(connector.refused)) == (25, 20)
    bad = connector_of(cast, sources, ("nonsense", 1, ""), partial=True)
    bad = run_once(bad, cast.alice.user)
    assert (bad.problem, bad.failures) == ("Every row is refused, so nothing was written.", 1)


def test_d7_a_kpi_that_is_anothers_or_hidden_from_its_role_is_unknown(
    cast: Cast, sources: Sources
) -> None:
    foreign, archived = cast.other.revenue, cast.home.margin
    Kpi.objects.filter(pk=archived.pk).update(archived_at=timezone.now())
    rows = [
        (foreign.pk, 1, ""),
        (archived.pk, 1, ""),
        ("00000000-0000-4000-8000-000000000000", 1, ""),
    ]
    connector = run_once(connector_of(cast, sources, *rows), cast.alice.user)
    assert refused(connector) == [(place, "kpi", UNKNOWN) for place in (1, 2, 3)]
    assert value_of(foreign) == 100
    as_member = connector_of(cast, sources, ("revenue", 1, ""), role=Role.MEMBER)
    assert refused(run_once(as_member, cast.alice.user)) == [(1, "kpi", UNKNOWN)]


def test_d7_the_same_moment_is_replaced_and_not_doubled(cast: Cast, sources: Sources) -> None:
    revenue = cast.home.revenue
    before = stored(revenue)
    for value in (1, 2, 2):
        connector = connector_of(cast, sources, ("revenue", value, JANUARY))
        run_once(connector, cast.alice.user)
        assert stored(revenue) == before + 1
    assert KpiValue.objects.get(kpi=revenue, at=JANUARY).value == 2


# ------------------------------------------------------------------ one at a time, and once


def test_d7_a_job_that_comes_twice_writes_once(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources, ("revenue", 125, ""))
    assert running.run_now(connector, cast.alice.user)
    connector.refresh_from_db()
    job = (str(connector.pk), str(connector.run_id))
    running.run(*job)
    before, values = head(cast), stored(cast.home.revenue)
    running.run(*job)
    assert (head(cast), stored(cast.home.revenue)) == (before, values)


def test_d7_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    cast: Cast, sources: Sources
) -> None:
    connector = connector_of(cast, sources, ("revenue", 125, ""))
    assert running.run_now(connector, cast.alice.user)
    connector.refresh_from_db()
    job = (str(connector.pk), str(connector.run_id))
    before, values = head(cast), stored(cast.home.revenue)
    environment = dict(os.environ) | {"BOS_OUTBOUND_INSIDE": "on"}
    process = multiprocessing.get_context("spawn").Process(
        target=die_before_the_commit, args=(*job, environment)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (head(cast), stored(cast.home.revenue)) == (before, values), "it was not committed"
    for _ in range(2):
        running.run(*job)
        assert (head(cast), stored(cast.home.revenue)) == (before + 1, values + 1)


def test_d7_a_connector_has_one_run_at_a_time(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources, ("revenue", 125, ""))
    running.enqueue_due()
    assert not running.run_now(connector, cast.alice.user)
    running.enqueue_due()
    [job] = due_jobs()
    connector.refresh_from_db()
    assert job.task["args"] == (str(connector.pk), str(connector.run_id))
    assert job.organization_id == cast.home.id
    # Its job is lost: another one takes its place, and should it come after all, it does nothing.
    lost = str(connector.run_id)
    Connector.objects.filter(pk=connector.pk).update(run_since=timezone.now() - LOST)
    assert running.run_now(connector, cast.alice.user)
    running.run(str(connector.pk), lost)
    assert value_of(cast.home.revenue) == 100


def test_d7_a_run_writes_nothing_of_what_the_connector_was_before(
    cast: Cast, sources: Sources
) -> None:
    connector = connector_of(cast, sources, ("revenue", 125, ""))
    assert running.run_now(connector, cast.alice.user)
    connector.refresh_from_db()
    taken = running._taken(str(connector.pk), str(connector.run_id))
    assert taken is not None
    running.set_up(connector, timezone.now())  # somebody saves its form
    connector.save()
    parsed = Parsed([Row(0, "revenue", Decimal(125), None)], count=1)
    assert running._write(taken, parsed) is None
    assert value_of(cast.home.revenue) == 100
    connector.refresh_from_db()
    assert (connector.run_id, connector.problem, connector.last_run_at) == (None, "", None)


# ------------------------------------------------------------------ by the clock


def test_d7_a_connector_runs_when_it_is_due(cast: Cast, sources: Sources) -> None:
    now = timezone.now()
    due = connector_of(cast, sources, minutes=60)
    Connector.objects.filter(pk=due.pk).update(next_run_at=now - 5 * MINUTE)
    others: dict[str, dict[str, Any]] = {
        "later": {"next_run_at": now + MINUTE},
        "off": {"is_active": False},
        "never": {"next_run_at": None},
    }
    for fields in others.values():
        Connector.objects.filter(pk=connector_of(cast, sources).pk).update(**fields)
    clock_was_ahead = connector_of(cast, sources, minutes=60)
    Connector.objects.filter(pk=clock_was_ahead.pk).update(next_run_at=now + 30 * DAY)
    running.enqueue_due()
    assert {job.task["args"][0] for job in due_jobs()} == {str(due.pk), str(clock_was_ahead.pk)}
    due.refresh_from_db()
    assert due.next_run_at == now + 55 * MINUTE
    run = str(due.run_id)
    running.run(str(due.pk), run)
    due.refresh_from_db()
    assert due.next_run_at == now + 55 * MINUTE, "its beat is kept"


def test_d7_what_is_run_by_hand_and_is_due_runs_once(cast: Cast, sources: Sources) -> None:
    connector = run_once(connector_of(cast, sources, minutes=60), cast.alice.user)
    running.enqueue_due()
    assert connector.next_run_at is not None
    assert connector.next_run_at > timezone.now() + 59 * MINUTE
    by_hand = run_once(connector, cast.alice.user)
    assert by_hand.next_run_at == connector.next_run_at, "its beat is kept"
    assert len(due_jobs()) == 2


def test_d7_after_a_failure_it_is_tried_again_and_a_success_ends_all_that(
    cast: Cast, sources: Sources
) -> None:
    connector = make_connector(cast, CSV, sources.answer("", 500), at_field="at")
    for failures, pause in ((1, 5), (2, 10)):
        now = timezone.now()
        connector = run_once(connector, cast.alice.user)
        assert connector.failures == failures
        assert connector.next_run_at is not None
        assert connector.next_run_at - now >= pause * MINUTE
        assert connector.next_run_at - now < (pause + 1) * MINUTE
    assert connector.problem == "The source answers with status 500."
    assert connector.failing_since is not None
    good = connector_of(cast, sources, ("revenue", 5, ""))
    connector.sealed_address = good.sealed_address
    connector.save()
    connector = run_once(connector, cast.alice.user)
    ended = (connector.failures, connector.failing_since, connector.problem, connector.written)
    assert ended == (0, None, "", 1)


def test_d7_after_a_day_of_failures_the_admins_are_told_once(cast: Cast, sources: Sources) -> None:
    connector = make_connector(cast, CSV, sources.answer("", 500))
    told = Notification.objects.filter(category="connector_failed", organization_id=cast.home.id)
    run_once(connector, cast.alice.user)
    almost = timezone.now() - DAY + MINUTE
    Connector.objects.filter(pk=connector.pk).update(failing_since=almost)
    run_once(connector, cast.alice.user)
    assert not told.exists()
    Connector.objects.filter(pk=connector.pk).update(failing_since=almost - MINUTE)
    run_once(connector, cast.alice.user)
    run_once(connector, cast.alice.user)
    [notification] = told
    assert notification.user_id == cast.alice.user.pk
    assert notification.title == "The connector “Sales” has failed for a day"
    assert notification.message == "The source answers with status 500."
    assert notification.data == {"connectorId": str(connector.pk)}


# ------------------------------------------------------------------ whose rights


def test_d7_a_service_account_that_is_switched_off_writes_nothing(
    cast: Cast, sources: Sources
) -> None:
    connector = connector_of(cast, sources, ("revenue", 125, ""))
    User.objects.filter(pk=connector.account_id).update(is_active=False)
    assert run_once(connector, cast.alice.user).problem == SWITCHED_OFF
    User.objects.filter(pk=connector.account_id).update(
        is_active=True, organization=cast.other.organization
    )
    assert run_once(connector, cast.alice.user).problem == SWITCHED_OFF
    assert value_of(cast.home.revenue) == 100
    assert value_of(cast.other.revenue) == 100


def test_d7_a_job_that_is_given_up_says_so(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources)
    running.enqueue_due()
    Job.objects.update(begun=MAX_DEATHS)
    assert Broker().dequeue() is None
    connector.refresh_from_db()
    assert connector.problem == "It could not be run. It took too long, or too much memory."
    assert (connector.failures, connector.run_id) == (1, None)


@pytest.mark.once("sqlite")
def test_d7_secrets_of_another_key_are_asked_for_anew(
    cast: Cast, sources: Sources, settings: Any
) -> None:
    connector = connector_of(cast, sources)
    settings.SECRET_KEY = "another key, as long as it has to be " * 2
    assert run_once(connector, cast.alice.user).problem == LOCKED


@pytest.mark.once("sqlite")
def test_d7_no_secret_is_kept_or_logged_in_the_clear(
    cast: Cast,
    sources: Sources,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    address = sources.answer("", 500) + "?key=s3cret"
    connector = make_connector(cast, CSV, address, token="s3cret")
    logger = logging.getLogger("bos")
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "bos"):
        logger.addHandler(caplog.handler)
        try:
            connector = run_once(connector, cast.alice.user)
        finally:
            logger.removeHandler(caplog.handler)
    assert "s3cret" in str(sources.seen(address))
    kept = [str(value) for value in vars(connector).values()]
    assert [text for text in kept if "s3cret" in text or path_of(address) in text] == []
    said = capfd.readouterr()  # of the process that has fetched, too
    assert "connector failed" in caplog.text
    assert "s3cret" not in caplog.text + said.out + said.err
    assert "s3cret" not in repr(Source.of(connector))
    [job] = [str(row.task) for row in OrmQ.objects.all()]
    assert "s3cret" not in job


def path_of(address: str) -> str:
    return address.split("?")[0].rsplit("/", 1)[1]


# ------------------------------------------------------------------ what goes with what


def test_d7_a_service_account_with_connectors_is_not_deleted(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources)
    with pytest.raises(RestrictedError), transaction.atomic():
        connector.account.user.delete()
    assert Connector.objects.filter(pk=connector.pk).exists()


def test_d7_a_connector_whose_kpi_is_erased_stays_and_says_so(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources, (1, 125, ""), kpi=cast.home.revenue)
    assert run_once(connector, cast.alice.user).problem == ""
    assert value_of(cast.home.revenue) == 125
    erase(cast.home.revenue)
    connector.refresh_from_db()
    connector = run_once(connector, cast.alice.user)
    assert connector.problem == "The KPI that it writes to is gone: choose another one."


def test_d7_connectors_go_with_their_organization(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources)
    trial = trials.begin(Source.of(connector), account=connector.account, user=cast.alice.user)
    other = make_tenant("Stays")
    Organization.objects.get(pk=cast.home.id).delete()
    assert not Connector.objects.filter(pk=connector.pk).exists()
    assert not ConnectorTrial.objects.filter(pk=trial.pk).exists()
    assert Organization.objects.filter(pk=other.id).exists()


def test_d7_trials_are_forgotten_after_an_hour(cast: Cast, sources: Sources) -> None:
    connector = connector_of(cast, sources)
    made = [
        trials.begin(Source.of(connector), account=connector.account, user=cast.alice.user)
        for _ in range(2)
    ]
    old = ConnectorTrial.objects.filter(pk=made[0].pk)
    old.update(created_at=datetime.now(UTC) - trials.KEPT - MINUTE)
    trials.prune_trials()
    left = ConnectorTrial.objects.filter(organization_id=cast.home.id)
    assert [trial.pk for trial in left] == [made[1].pk]


def test_d7_values_of_a_connector_alert_and_are_live_like_any_other(
    cast: Cast, sources: Sources
) -> None:
    before = head(cast)
    run_once(connector_of(cast, sources, ("revenue", 125, "")), cast.alice.user)
    [event] = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert (event.live_type, event.entity_id) == ("KPI_UPDATED", str(cast.home.revenue.pk))


def test_d7_two_rows_of_one_moment_are_named_by_their_numbers(cast: Cast, sources: Sources) -> None:
    rows = [("revenue", 1, JANUARY), ("margin", 1, ""), ("revenue", 2, JANUARY)]
    connector = run_once(connector_of(cast, sources, *rows), cast.alice.user)
    assert refused(connector) == [(3, "at", "Value 1 is of the same KPI and time")]
