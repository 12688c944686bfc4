"""How imports end: with a reason that can be stored, and of two alike only one writes (i1, i4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from bos.imports import kinds, workflow
from bos.imports.kinds import Plan, Step
from bos.imports.outcome import Outcome
from bos.jobs.queue import MAX_DEATHS, Broker
from bos.models import Employee, Import, ImportState, Job
from kpis.models import Kpi, KpiValue
from tests.conftest import BACKEND
from tests.support.cast import Cast
from tests.support.importing import bring, upload
from tests.support.locks import while_open

# ------------------------------------------------------------------ reasons (row i1)

HEADERS = ",".join(f"{n:02}" + "ü" * 44 for n in range(12))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("values", f"{HEADERS}\n1"),
        ("values", "kpi,time,value\nRevenue,2026-01-31,1".encode("utf-16-le")),
        ("values", "kpi,time,value\nRevenue,2026-01-31,1".encode("utf-16-be")),
        ("values", b"kpi,time,no\0te\nRevenue,2026-01-31,1"),
        ("kpis", b"name,no\0te\nA,1"),
        ("kpis", b"name\nA\0B"),
        ("kpis", ("x" * 6_000 + ",y\n1,2")),
        ("employees", ",".join(["x" * 5_000] * 2) + "\n1,2"),
    ],
    ids=["long names", "utf-16-le", "utf-16-be", "nul", "nul unread", "cell", "one name", "twice"],
)
def test_i1_a_file_is_refused_with_a_reason_that_can_be_stored(
    cast: Cast, admin: Browser, kind: str, content: bytes | str
) -> None:
    import_ = bring(admin, kind, content)
    assert import_.state == ImportState.REFUSED
    assert 10 < len(import_.problem) <= 500
    assert import_.problem.isprintable()
    assert not import_.content


def test_i1_what_a_file_holds_can_be_told_of_it(cast: Cast, admin: Browser) -> None:
    """JSON, too, has texts that PostgreSQL refuses."""
    content = 'name,"\u2028odd\x07",value\n"A\x07\x1b",1,"\x01\x02"'
    import_ = bring(admin, "kpis", content)
    assert import_.state == ImportState.REFUSED
    assert import_.outcome["ignored_columns"] == ["odd"]
    outcome = Outcome(ignored_columns=["a\0b\ud800"])
    workflow._settle(
        import_, ImportState.FAILED, outcome=outcome.as_json(), problem="\0" + "x" * 600
    )
    import_.refresh_from_db()
    assert (import_.state, import_.problem) == (ImportState.FAILED, "x" * 499 + "…")
    assert import_.outcome["ignored_columns"] == ["a b "]


class Unstorable:
    """A kind whose outcome no database takes."""

    name, title, max_rows, columns = "kpis", "Broken", 10, (("name", ""),)
    step = Step

    def plan(self, *args: Any) -> Plan:
        return Plan(Outcome(), [Step(2)])

    def compare(self, steps: Any, organization: Any, outcome: Outcome) -> None:
        outcome.new = "many"  # type: ignore[assignment]  # on purpose
        outcome.rows = [object()]  # type: ignore[list-item]  # on purpose

    write = compare


@pytest.mark.parametrize("step", [workflow.check, workflow.write])
def test_i1_whatever_fails_while_the_outcome_is_stored_ends_as_failed(
    cast: Cast, admin: Browser, step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = bring(admin, "kpis", "name\nMade")
    begins = ImportState.CONFIRMED if step is workflow.write else ImportState.WAITING
    Import.objects.filter(pk=import_.pk).update(state=begins)
    monkeypatch.setitem(kinds._kinds, "kpis", Unstorable())
    step(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.FAILED
    assert "could not be" in import_.problem


# ------------------------------------------------------------------ two at once (row i4)


@pytest.mark.skipif(BACKEND != "postgres", reason="of SQLite's one writer see the test before")
@pytest.mark.parametrize(
    ("kind", "content", "rows"),
    [
        ("kpis", "name,value\n" + "\n".join(f"New {n},{n}" for n in range(50)), 50),
        ("employees", "name,email\nNina,nina@x.example\nOle,ole@x.example", 2),
        ("values", "kpi,date,value\nRevenue,2026-01-30,1\nRevenue,2026-01-31,2", 2),
    ],
)
def test_i4_two_admins_who_confirm_the_same_at_once_get_one_set(
    cast: Cast, admin: Browser, kind: str, content: str, rows: int
) -> None:
    pair = [bring(admin, kind, content) for _ in range(2)]
    for import_ in pair:
        admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    models: dict[str, Any] = {
        "kpis": Kpi.objects.of(cast.home.id),
        "employees": Employee.objects.of(cast.home.id),
        "values": KpiValue.objects.filter(kpi=cast.home.revenue),
    }
    before = models[kind].count()
    first, second = (str(import_.pk) for import_ in pair)
    while_open(lambda: workflow.write(first), lambda: workflow.write(second))
    assert models[kind].count() == before + rows
    for import_ in pair:
        import_.refresh_from_db()
        assert import_.state == ImportState.DONE
    assert pair[0].outcome["new"] == rows
    assert (pair[1].outcome["new"], pair[1].outcome["unchanged"]) == (0, rows)


# ------------------------------------------------------------------ a worker that dies of it


def test_s7_an_import_that_kills_its_worker_twice_has_failed(cast: Cast, admin: Browser) -> None:
    upload(admin, "kpis", b"name\nMade")
    import_ = Import.objects.get(organization=cast.home.organization)
    mine = Job.objects.filter(organization_id=cast.home.id)
    Job.objects.exclude(pk__in=mine).delete()
    mine.update(begun=MAX_DEATHS)
    assert Broker().dequeue() is None
    import_.refresh_from_db()
    assert import_.state == ImportState.FAILED
    assert "too long" in import_.problem
    assert not mine.exists()
