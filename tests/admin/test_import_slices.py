"""An import is written in slices: what others do between two of them, and a worker that dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, InterfaceError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.imports import kinds, workflow, writing
from bos.imports.kinds import kind_named
from bos.imports.resources import TWIN
from bos.jobs import processes
from bos.jobs.queue import Broker, enqueue
from bos.models import Employee, Import, ImportPlan, ImportState, Job, Notification, Role, User
from kpis.archive.services import kpis_archive
from kpis.history.imports import ValueImport
from kpis.models import Kpi, KpiValue
from tests.support import doors
from tests.support.cast import Cast, make_person
from tests.support.dying import die_in_the_second_slice
from tests.support.importing import (
    NOON,
    bring,
    events_after,
    go_on,
    head,
    history,
    import_file,
    values_file,
)

ROWS = 120
"""More than a first slice, and than a second one's twice as many is left."""
FIRST = writing.FIRST_STEPS


class Interrupted(ValueImport):
    """Values, with something that happens in the second slice's transaction, when that begins."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.slices: list[int] = []
        self._happens: Callable[[], object] | None = happens

    def write(self, steps: Any, organization: Any, outcome: Any) -> None:
        self.slices.append(len(steps))
        if len(self.slices) == 2 and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        super().write(steps, organization, outcome)


Interrupt = Callable[[Callable[[], object]], Interrupted]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Have this done when the second slice of values begins."""

    def put(happens: Callable[[], object]) -> Interrupted:
        kind = Interrupted(happens)
        monkeypatch.setitem(kinds._kinds, "values", kind)
        return kind

    return put


@pytest.fixture
def series(cast: Cast) -> list[Kpi]:
    """Two KPIs in the order in which they are written, whose values are older than any file's."""
    made = Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=name, value=0) for name in ("One", "Two")
    )
    KpiValue.objects.filter(kpi__in=made).update(at=NOON - timedelta(days=900))
    return sorted(made, key=lambda kpi: kpi.pk)


def file_of(*kpis: Kpi, count: int = ROWS) -> bytes:
    """So many values, as many of each KPI, the newest at noon."""
    rows = [
        (kpi.name, NOON - timedelta(hours=n), n + 1)
        for n in range(count // len(kpis))
        for kpi in kpis
    ]
    return values_file(rows)


def counted(import_: Import) -> tuple[ImportState, int, int, int]:
    import_.refresh_from_db()
    outcome = import_.outcome
    return ImportState(import_.state), outcome["new"], outcome["unchanged"], outcome["lost"]


def confirmed(admin: Browser, content: bytes) -> Import:
    import_ = bring(admin, "values", content)
    admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    return import_


# ------------------------------------------------------------------ slices and their progress


def test_v1_a_file_is_written_in_several_transactions_and_its_page_says_how_far_it_is(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt
) -> None:
    seen: list[Any] = []
    import_: Import

    def look() -> None:
        seen.append(admin.get(reverse("admin:bos_import_progress", args=(import_.pk,))).json())

    kind = interrupt(look)
    before = head(cast)
    import_ = bring(admin, "values", file_of(*series))
    go_on(admin, import_)
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)
    assert kind.slices[0] == FIRST
    assert sum(kind.slices) == ROWS
    assert (seen[0]["state"], seen[0]["rowsDone"], seen[0]["rowsTotal"]) == ("writing", FIRST, ROWS)
    assert [row["row"] for row in import_.outcome["rows"]] == list(range(2, 102)), "as in the file"
    events = events_after(cast, before)
    assert sorted(event.entity_id for event in events) == [str(kpi.pk) for kpi in series]
    for kpi in series:
        kpi.refresh_from_db()
        assert kpi.value == 1
        assert len(history(kpi)) == ROWS // 2 + 1
    assert not ImportPlan.objects.filter(pk=import_.pk).exists()


def test_while_a_file_is_checked_again_its_page_does_not_say_that_rows_are_written(
    cast: Cast, admin: Browser, series: list[Kpi], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    import_ = bring(admin, "values", file_of(*series))

    class Looking(ValueImport):
        def plan(self, *args: Any) -> Any:
            planned = super().plan(*args)
            page = reverse("admin:bos_import_progress", args=(import_.pk,))
            progress = admin.get(page).json()
            seen.append((progress["state"], progress["rowsDone"]))
            return planned

    monkeypatch.setattr(workflow, "TELL_SECONDS", 0.0)
    monkeypatch.setitem(kinds._kinds, "values", Looking())
    go_on(admin, import_)
    assert seen == [("writing", 0)]
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)


def test_v1_of_a_kpi_whose_values_are_in_several_slices_only_the_newest_is_told(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt
) -> None:
    kind = interrupt(lambda: None)
    before = head(cast)
    import_file(admin, "values", file_of(series[0]))
    assert len(kind.slices) > 1
    [event] = events_after(cast, before)
    assert (event.entity_id, event.live_type) == (str(series[0].pk), "KPI_UPDATED")
    series[0].refresh_from_db()
    assert series[0].value == 1


# ------------------------------------------------------------------ a worker that dies


def test_j1_a_worker_that_is_killed_between_two_slices_is_followed_by_one_that_goes_on(
    cast: Cast, admin: Browser, series: list[Kpi]
) -> None:
    before = head(cast)
    import_ = confirmed(admin, file_of(*series))
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(
        target=die_in_the_second_slice, args=(str(import_.pk), dict(os.environ))
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert counted(import_) == (ImportState.WRITING, FIRST, 0, 0)
    assert import_.rows_done == FIRST
    workflow.write(str(import_.pk))
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)
    assert len(events_after(cast, before)) == 2
    assert KpiValue.objects.filter(kpi__in=series).count() == ROWS + 2, "nothing twice"


def test_e7_a_slice_whose_commit_is_not_answered_is_not_written_again(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    interrupt: Interrupt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "PAUSE", 0.0)

    def lose() -> None:
        raise InterfaceError("the connection is lost")

    kind = interrupt(lambda: transaction.on_commit(lose))
    import_ = import_file(admin, "values", file_of(*series))
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)
    assert sum(kind.slices) == ROWS
    assert KpiValue.objects.filter(kpi__in=series).count() == ROWS + 2


def test_e7_a_slice_that_was_in_anothers_way_is_written_again(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    interrupt: Interrupt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "PAUSE", 0.0)

    def fail() -> None:
        raise InterfaceError("the database is away")

    kind = interrupt(fail)
    import_ = import_file(admin, "values", file_of(*series))
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)
    assert sum(kind.slices) == ROWS + kind.slices[1]


def test_j1_an_import_that_is_given_up_in_the_middle_says_how_much_is_written(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt
) -> None:
    def die() -> None:
        raise SystemExit

    interrupt(die)
    import_ = confirmed(admin, file_of(*series))
    with pytest.raises(SystemExit):
        workflow.write(str(import_.pk))
    workflow.given_up(str(import_.pk), reason="It took too long.")
    assert counted(import_) == (ImportState.PARTLY, FIRST, 0, 0)
    assert f"{FIRST} of {ROWS} rows were written." in import_.problem
    told = Notification.objects.get(user=cast.alice.user)
    assert "was stopped before its end" in told.title
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,))).content.decode()
    assert "Stopped: some rows were written" in page
    # Brought again, what is written is found there.
    again = import_file(admin, "values", file_of(*series))
    assert counted(again) == (ImportState.DONE, ROWS - FIRST, FIRST, 0)


# ------------------------------------------------------------------ a worker that is to end


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Ask this process to end, as SIGTERM asks a worker; undone by `monkeypatch.undo`."""

    def ask() -> None:
        monkeypatch.setattr(processes, "_ending", bytearray(b"\1"))

    return ask


def test_b4_an_import_stops_after_the_slice_in_which_its_worker_is_to_end_and_goes_on(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    interrupt: Interrupt,
    jobs: Callable[[], list[str]],
    ending: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long_ago = timezone.now() - timedelta(hours=1)

    def end() -> None:
        Import.objects.filter(pk=import_.pk).update(state_since=long_ago)
        ending()

    kind = interrupt(end)
    import_ = confirmed(admin, file_of(*series, count=4 * ROWS))
    Job.objects.filter(organization_id=cast.home.id).delete()
    workflow.write(str(import_.pk))
    written = sum(kind.slices)
    assert len(kind.slices) == 2
    assert counted(import_) == (ImportState.WRITING, written, 0, 0)
    assert import_.state_since > long_ago, "each slice says that it goes on"
    assert jobs() == [str(import_.pk)]
    workflow.write(str(import_.pk))
    assert len(kind.slices) == 2, "nothing is begun any more"
    monkeypatch.undo()
    workflow.write(str(import_.pk))
    assert counted(import_) == (ImportState.DONE, 4 * ROWS, 0, 0)
    assert KpiValue.objects.filter(kpi__in=series).count() == 4 * ROWS + 2, "nothing twice"


@pytest.mark.parametrize("step", [workflow.check, workflow.write])
def test_b4_a_file_that_is_read_when_its_worker_is_to_end_is_read_by_the_next(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    ending: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    step: Any,
) -> None:
    import_ = bring(admin, "values", file_of(*series))
    begins = ImportState.CONFIRMED if step is workflow.write else ImportState.WAITING
    Import.objects.filter(pk=import_.pk).update(state=begins)
    mine = Job.objects.filter(organization_id=cast.home.id)
    mine.delete()
    ending()
    step(str(import_.pk))
    import_.refresh_from_db()
    busy = ImportState.WRITING if step is workflow.write else ImportState.CHECKING
    assert (import_.state, import_.rows_done) == (busy, 0)
    assert [job.task["func"] for job in mine] == [f"bos.imports.workflow.{step.__name__}"]
    monkeypatch.undo()
    step(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state in (ImportState.CHECKED, ImportState.DONE)


def test_b4_no_job_is_taken_by_a_worker_that_is_to_end(
    cast: Cast, ending: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    Job.objects.all().delete()
    enqueue(workflow.write, "x", organization_id=cast.home.id)
    ending()
    assert Broker().dequeue() is None
    monkeypatch.undo()
    assert Broker().dequeue() is not None
    Job.objects.all().delete()


# ------------------------------------------------------------------ what others do meanwhile


def test_v6_rows_that_were_lost_are_not_said_to_be_written_where_it_stops(
    cast: Cast, admin: Browser, series: list[Kpi], monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = confirmed(admin, file_of(*series))
    monkeypatch.setattr(writing, "TURN_SECONDS", 0.0)
    workflow.write(str(import_.pk))
    kpis_archive(series[:1])
    workflow.write(str(import_.pk))
    lost = counted(import_)[3]
    assert 0 < lost < import_.rows_done
    workflow.given_up(str(import_.pk), reason="Its worker died.")
    import_.refresh_from_db()
    assert import_.problem.startswith(f"{import_.rows_done - lost} of {ROWS} rows were written. ")


@pytest.mark.parametrize("go", [doors.erase, lambda kpi: kpis_archive([kpi])])
def test_v6_rows_of_a_kpi_that_is_gone_meanwhile_are_counted_and_named(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt, go: Any
) -> None:
    first, second = series
    interrupt(lambda: go(second))
    import_ = import_file(admin, "values", file_of(*series))
    half = ROWS // 2
    assert counted(import_) == (ImportState.DONE, half, 0, half)
    assert import_.outcome["notes"] == [f"{half} rows were not written: see the problems."]
    assert {p["message"] for p in import_.outcome["problems"]} == {
        "Its KPI was deleted or archived after the file was checked."
    }
    assert len(history(first)) == half + 1
    listed = admin.get(reverse("admin:bos_import_changelist")).content.decode()
    assert f"{half} new, 0 changed, {half} not written" in listed


def test_v1_a_value_that_somebody_sets_meanwhile_stays_in_force(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt
) -> None:
    second = series[1]

    def set_value() -> None:
        kpi = Kpi.objects.get(pk=second.pk)
        kpi.value = 777
        kpi.save()

    interrupt(set_value)
    before = head(cast)
    import_file(admin, "values", file_of(*series))
    second.refresh_from_db()
    assert second.value == 777
    measured = [e.entity_id for e in events_after(cast, before) if '"measuredAt"' in e.live]
    assert measured == [str(series[0].pk)]
    assert (NOON, 1) in history(second)


@pytest.mark.parametrize("withdraw", [{"is_active": False}, {"role": Role.MEMBER}])
def test_s3_an_author_who_is_no_admin_any_more_writes_no_further_slice(
    cast: Cast, admin: Browser, series: list[Kpi], interrupt: Interrupt, withdraw: Any
) -> None:
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    kind = interrupt(lambda: User.objects.filter(pk=cast.alice.user.pk).update(**withdraw))
    import_ = confirmed(admin, file_of(*series, count=4 * ROWS))
    workflow.write(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.PARTLY
    assert "no longer an administrator" in import_.problem
    assert len(kind.slices) == 2
    assert import_.outcome["new"] == import_.rows_done == sum(kind.slices) < 4 * ROWS
    assert KpiValue.objects.filter(kpi__in=series).count() == 2 + sum(kind.slices)


def test_a_row_that_the_database_refuses_by_itself_is_left_out(
    cast: Cast, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has become an employee after the file was checked for the last time."""
    organization = cast.home.organization
    user = User.objects.create(email=f"n-{cast.bob.email}", name="N", organization=organization)
    rows = "".join(f"Person {n},\n" for n in range(9))
    import_ = bring(admin, "employees", f"name,user\n{rows}Late,{user.email}\n")
    real = kind_named("employees")

    class Late(type(real)):  # type: ignore[misc]  # a class that is known when it runs
        def write(self, *args: Any) -> None:
            if not Employee.objects.filter(user=user).exists():
                Employee.objects.create(organization=organization, name="Quicker", user=user)
            super().write(*args)

    monkeypatch.setitem(kinds._kinds, "employees", Late())
    done = go_on(admin, import_)
    assert (done.state, done.outcome["new"], done.outcome["lost"]) == (ImportState.DONE, 9, 1)
    [problem] = done.outcome["problems"]
    assert (problem["row"], problem["message"]) == (11, writing.CHANGED_MEANWHILE)
    assert not Employee.objects.filter(organization=organization, name="Late").exists()


@pytest.mark.parametrize("bad", [{0}, {49}, {24, 25}], ids=["first", "last", "two"])
def test_a_row_that_the_database_refuses_costs_as_many_tries_as_halving_takes(
    cast: Cast, admin: Browser, series: list[Kpi], monkeypatch: pytest.MonkeyPatch, bad: set[int]
) -> None:
    tries: list[int] = []

    class Refusing(ValueImport):
        def write(self, steps: Any, organization: Any, outcome: Any) -> None:
            tries.append(len(steps))
            if any(step.row - 2 in bad for step in steps):
                raise IntegrityError
            super().write(steps, organization, outcome)

    monkeypatch.setitem(kinds._kinds, "values", Refusing())
    import_ = import_file(admin, "values", file_of(series[0], count=FIRST))
    assert counted(import_) == (ImportState.DONE, FIRST - len(bad), 0, len(bad))
    assert {problem["row"] - 2 for problem in import_.outcome["problems"]} == bad
    assert len(tries) <= len(bad) * (2 + FIRST.bit_length()), tries


@pytest.mark.parametrize(
    ("kind", "rows", "quicker"),
    [
        (
            "kpis",
            "name\nNet  margin\nOther",
            lambda organization: Kpi.objects.create(organization=organization, name="NET margin"),
        ),
        (
            "employees",
            "name,email\nNina,nina@x.example\nOle,ole@x.example",
            lambda organization: Employee.objects.create(
                organization=organization, name="Nina", email="Nina@X.example"
            ),
        ),
    ],
    ids=["kpis", "employees"],
)
def test_i5_a_row_that_somebody_has_added_in_another_spelling_is_not_added_again(
    cast: Cast,
    admin: Browser,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    rows: str,
    quicker: Callable[[Any], object],
) -> None:
    real = kind_named(kind)

    class Late(type(real)):  # type: ignore[misc]  # a class that is known when it runs
        def write(self, *args: Any) -> None:
            quicker(cast.home.organization)
            super().write(*args)

    monkeypatch.setitem(kinds._kinds, kind, Late())
    done = import_file(admin, kind, rows)
    assert (done.outcome["new"], done.outcome["lost"]) == (1, 1)
    assert [problem["message"] for problem in done.outcome["problems"]] == [TWIN]


# ------------------------------------------------------------------ one at a time


@pytest.fixture
def jobs(cast: Cast) -> Iterator[Callable[[], list[str]]]:
    """The imports that wait to be written, by the queue."""

    def waiting() -> list[str]:
        found = Job.objects.filter(organization_id=cast.home.id).order_by("turn")
        tasks = [job.task for job in found]
        return [task["args"][0] for task in tasks if task["func"].endswith("workflow.write")]

    yield waiting
    Job.objects.filter(organization_id=cast.home.id).delete()


def test_i4_of_two_imports_of_an_organization_the_second_follows_the_first(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    interrupt: Interrupt,
    jobs: Callable[[], list[str]],
) -> None:
    first, second = (confirmed(admin, file_of(*series)) for _ in range(2))
    Job.objects.filter(organization_id=cast.home.id).delete()
    hints: list[str] = []

    def meanwhile() -> None:
        workflow.write(str(second.pk))
        long_ago = timezone.now() - timedelta(seconds=11)
        Import.objects.filter(pk=second.pk).update(state_since=long_ago)
        page = reverse("admin:bos_import_progress", args=(second.pk,))
        hints.append(admin.get(page).json()["hint"])

    interrupt(meanwhile)
    workflow.write(str(first.pk))
    assert counted(first) == (ImportState.DONE, ROWS, 0, 0)
    second.refresh_from_db()
    assert second.state == ImportState.CONFIRMED
    assert "this one follows" in hints[0]
    assert jobs() == [str(second.pk)]
    workflow.write(str(second.pk))
    assert counted(second) == (ImportState.DONE, 0, ROWS, 0)


def test_j1_imports_that_were_being_written_at_an_upgrade_are_written_one_after_the_other(
    cast: Cast, admin: Browser, series: list[Kpi], jobs: Callable[[], list[str]]
) -> None:
    """Before there were slices, several of an organization could be being written."""
    both = [confirmed(admin, file_of(*series)) for _ in range(2)]
    pks = [import_.pk for import_ in both]
    Import.objects.filter(pk__in=pks).update(state=ImportState.WRITING, rows_done=0)
    import_module("bos.migrations.0011_imports_under_way").wait_again(apps, None)
    for pk in jobs():  # those that the killed worker had taken are given out again
        workflow.write(pk)
    assert counted(both[0]) == (ImportState.DONE, ROWS, 0, 0)
    assert counted(both[1]) == (ImportState.DONE, 0, ROWS, 0)


def test_j2_a_long_import_lets_other_jobs_have_their_turn(
    cast: Cast,
    admin: Browser,
    series: list[Kpi],
    jobs: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_ = confirmed(admin, file_of(*series))
    Job.objects.filter(organization_id=cast.home.id).delete()
    monkeypatch.setattr(writing, "TURN_SECONDS", 0.0)
    workflow.write(str(import_.pk))
    assert counted(import_) == (ImportState.WRITING, FIRST, 0, 0)
    assert jobs() == [str(import_.pk)]
    monkeypatch.undo()
    workflow.write(str(import_.pk))
    assert counted(import_) == (ImportState.DONE, ROWS, 0, 0)
    assert jobs() == [str(import_.pk)], "not once more"


def test_i4_an_import_whose_turn_nobody_has_told_of_is_written_in_the_end(
    cast: Cast, admin: Browser, series: list[Kpi], jobs: Callable[[], list[str]]
) -> None:
    import_ = confirmed(admin, file_of(*series))
    Job.objects.filter(organization_id=cast.home.id).delete()
    workflow.go_on_with_lost()
    assert jobs() == []
    late = timezone.now() - workflow.LATE - timedelta(seconds=1)
    Import.objects.filter(pk=import_.pk).update(state_since=late)
    workflow.go_on_with_lost()
    assert jobs() == [str(import_.pk)]


def test_an_import_is_not_deleted_while_it_is_written(
    cast: Cast, admin: Browser, series: list[Kpi]
) -> None:
    import_ = confirmed(admin, file_of(*series))
    page = reverse("admin:bos_import_delete", args=(import_.pk,))
    Import.objects.filter(pk=import_.pk).update(state=ImportState.WRITING)
    admin.post(page, {"post": "yes"})
    assert Import.objects.filter(pk=import_.pk).exists()
    Import.objects.filter(pk=import_.pk).update(state=ImportState.CONFIRMED)
    admin.post(page, {"post": "yes"})
    assert not Import.objects.filter(pk=import_.pk).exists()
