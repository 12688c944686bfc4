"""Imports of KPIs, values and employees: what is shown, written and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from bos.imports import workflow
from bos.imports.files import MAX_BYTES, csv_bytes, xlsx_bytes
from bos.imports.outcome import SHOWN_PROBLEMS
from bos.models import Department, Employee, Import, ImportState
from kpis.archive.services import kpis_archive
from kpis.models import Kpi, KpiValue
from tests.support import doors
from tests.support.cast import Cast
from tests.support.importing import (
    NOON,
    bring,
    events_after,
    go_on,
    head,
    history,
    import_file,
    problems,
    upload,
    values_file,
)

# ------------------------------------------------------------------ the form


def test_s6_where_too_much_waits_another_file_is_refused_in_the_form(
    cast: Cast, admin: Browser, settings: Any
) -> None:
    settings.ORGANIZATION_WAITING_JOBS = 1
    upload(admin, "kpis", b"name\nMade")
    assert b"imports waiting to be made" in upload(admin, "kpis", b"name\nMade").content
    assert Import.objects.filter(organization=cast.home.organization).count() == 1


def test_a_file_waits_for_a_worker_and_its_page_says_so(cast: Cast, admin: Browser) -> None:
    queued = OrmQ.objects.count()
    answer = upload(admin, "kpis", b"name\nMade")
    assert OrmQ.objects.count() == queued + 1
    page = admin.get(answer["Location"])
    assert page.status_code == 200
    assert b"Waiting to be checked" in page.content
    import_ = Import.objects.get(organization=cast.home.organization)
    progress = admin.get(reverse("admin:bos_import_progress", args=(import_.pk,)))
    assert progress.json()["state"] == "waiting"
    assert progress.json()["hint"] == ""
    long_ago = timezone.now() - timedelta(seconds=11)
    Import.objects.filter(pk=import_.pk).update(state_since=long_ago)
    progress = admin.get(reverse("admin:bos_import_progress", args=(import_.pk,)))
    assert "manage.py work" in progress.json()["hint"]
    assert not Kpi.objects.of(cast.home.id).filter(name="Made").exists()


@pytest.mark.parametrize("state", [ImportState.CHECKING, ImportState.WRITING])
@pytest.mark.parametrize(("seconds", "told"), [(29, False), (31, True)])
def test_an_import_that_does_not_go_on_says_why_that_may_be(
    cast: Cast, admin: Browser, state: ImportState, seconds: int, told: bool
) -> None:
    upload(admin, "kpis", b"name\nMade")
    import_ = Import.objects.get(organization=cast.home.organization)
    silent_since = timezone.now() - timedelta(seconds=seconds)
    Import.objects.filter(pk=import_.pk).update(state=state, state_since=silent_since)
    progress = admin.get(reverse("admin:bos_import_progress", args=(import_.pk,))).json()
    assert ("manage.py work" in progress["hint"]) == told


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"", "empty"),
        ("a.xls", b"name\nA", "Only .csv and .xlsx"),
        ("a.csv", b"x" * (MAX_BYTES + 1), "at most 5 MB"),
    ],
    ids=["empty", "xls", "too large"],
)
def test_a_file_that_is_none_is_refused_in_the_form(
    admin: Browser, name: str, content: bytes, why: str
) -> None:
    count = Import.objects.count()
    answer = upload(admin, "kpis", content, name)
    assert answer.status_code == 200
    assert why in str(answer.context["adminform"].form.errors["file"])
    assert upload(admin, "secrets", b"name\nA").status_code == 200
    assert Import.objects.count() == count


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", "name\nÄ".encode("latin-1"), "Save the file as “CSV UTF-8”"),
        ("a.csv", b"title\nA", "Columns are missing: name."),
        ("a.csv", b"name\n", "no rows"),
        ("a.xlsx", b"no archive", "not an XLSX file"),
        ("a.csv", csv_bytes(("name",), [("A",)] * 2_001), "more than 2,000 rows"),
    ],
    ids=["encoding", "columns", "no rows", "no xlsx", "too many"],
)
def test_a_file_that_cannot_be_used_is_refused_on_its_page(
    admin: Browser, name: str, content: bytes, why: str
) -> None:
    import_ = bring(admin, "kpis", content, name)
    assert import_.state == ImportState.REFUSED
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,)))
    assert why in page.content.decode()
    assert b"Traceback" not in page.content
    assert not import_.content
    admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    import_.refresh_from_db()
    assert import_.state == ImportState.REFUSED


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ("time,value", "Columns are missing: kpi."),
        ("kpi,value", "a column time or a column date"),
        ("kpi,time,date,value", "a column time or a column date"),
        ("kpi,time", "Columns are missing: value."),
    ],
)
def test_a_file_of_values_without_what_it_needs_is_refused(
    admin: Browser, columns: str, why: str
) -> None:
    import_ = bring(admin, "values", f"{columns}\n{'1,' * columns.count(',')}1")
    assert import_.state == ImportState.REFUSED
    assert why in import_.problem


# ------------------------------------------------------------------ KPIs


def test_kpis_are_added_and_changed_as_the_preview_says(cast: Cast, admin: Browser) -> None:
    home = cast.home
    before = head(cast)
    import_ = bring(
        admin,
        "kpis",
        "id,name,department,owner,unit,value,target,direction,visibility,comment\n"
        f",Revenue,Sales,{cast.mia.email},EUR,150.5,120,,,kept out\n"
        ",Churn,Sales / Support,,%,2.5,,lower,department,\n"
        f"{home.margin.pk},Margin of sales,Sales,,%,,,Higher is better,Its department only,\n",
    )
    assert import_.state == ImportState.CHECKED, import_.outcome
    outcome = import_.outcome
    assert (outcome["new"], outcome["changed"], outcome["unchanged"]) == (1, 2, 0)
    assert outcome["ignored_columns"] == ["comment"]
    revenue, churn, margin = outcome["rows"]
    assert (revenue["row"], revenue["what"], revenue["changes"]) == (
        2,
        "changed",
        [["owner", "", cast.mia.email], ["value", "100", "150.5"]],
    )
    assert churn["what"] == "new"
    assert ["department", "", "Sales / Support"] in churn["changes"]
    assert margin["changes"][0] == ["name", "Margin", "Margin of sales"]
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,))).content.decode()
    assert "<del>100</del> <ins>150.5</ins>" in page
    assert head(cast) == before, "looking changes nothing"
    assert not Kpi.objects.filter(name="Churn").exists()

    assert go_on(admin, import_).state == ImportState.DONE
    churned = Kpi.objects.get(organization=home.organization, name="Churn")
    assert (churned.department, churned.value, churned.direction, churned.visibility) == (
        home.support,
        Decimal("2.5"),
        "lower",
        "department",
    )
    home.revenue.refresh_from_db()
    assert (home.revenue.value, home.revenue.owner) == (Decimal("150.5"), cast.mia.user)
    events = events_after(cast, before)
    assert [event.entity_type for event in events] == ["kpi"] * 3
    assert {(event.actor_id, event.source) for event in events} == {(cast.alice.id, "import")}
    assert [value for _, value in history(home.revenue)] == [100, Decimal("150.5")]
    kept = Kpi.history.filter(id=home.revenue.pk).latest()
    assert (kept.history_user_id, kept.source, kept.changed) == (cast.alice.id, "import", "owner")


def test_what_others_change_meanwhile_is_not_overwritten(cast: Cast, admin: Browser) -> None:
    """Only what the file changes is written; the check may be old when it is confirmed."""
    import_ = bring(admin, "kpis", "name,department,target\nRevenue,Sales,7")
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=999, unit="kEUR")
    go_on(admin, import_)
    kpi = Kpi.objects.get(pk=cast.home.revenue.pk)
    assert (kpi.value, kpi.unit, kpi.target) == (999, "kEUR", 7)


def test_importing_again_changes_nothing(cast: Cast, admin: Browser) -> None:
    content = "name,department,value\nRevenue,Sales,5\nNew one,,6"
    import_file(admin, "kpis", content)
    before = head(cast)
    again = import_file(admin, "kpis", content)
    assert again.outcome["unchanged"] == 2
    assert head(cast) == before


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",,5,", "name"),
        ("A,Nowhere,,", "department"),
        ("A,,NaN,", "value"),
        ("A,,1e20,", "value"),
        ("A,,0.00001,", "value"),
        ('A,,"1,5",', "value"),
        ("A,,,1234567890123456", "target"),
        ("A" * 201 + ",,,", "name"),
    ],
    ids=lambda row: row[:20],
)
def test_b1_a_wrong_cell_is_named_and_nothing_of_the_file_is_written(
    cast: Cast, admin: Browser, row: str, column: str
) -> None:
    before = head(cast)
    import_ = bring(admin, "kpis", f"name,department,value,target\nGood,,1,2\n{row}\n")
    assert problems(import_) == [(3, column)]
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,)))
    assert (
        import_.outcome["problems"][0]["message"] in page.context["outcome"]["problems"][0].values()
    )
    workflow.write(str(import_.pk))
    assert head(cast) == before
    assert not Kpi.objects.filter(organization=cast.home.organization, name="Good").exists()


def test_every_wrong_cell_of_a_row_is_named(cast: Cast, admin: Browser) -> None:
    import_ = bring(
        admin,
        "kpis",
        "name,department,direction,visibility,value\n,Nowhere,sideways,nobody,five\nA,,,department,",
    )
    columns = {column for row, column in problems(import_) if row == 2}
    assert columns == {"name", "department", "direction", "visibility", "value"}
    assert (3, "department") in problems(import_)


def test_names_that_are_not_unique_must_be_told_apart(cast: Cast, admin: Browser) -> None:
    home = cast.home
    other = Department.objects.create(organization=home.organization, name="Support")
    Kpi.objects.create(organization=home.organization, name="revenue", department=home.sales)
    import_ = bring(
        admin,
        "kpis",
        f"name,department\nA,Support\nB,Sales / Support\nRevenue,Sales\nC,\nc,\nD,{other.pk}\n",
    )
    assert problems(import_) == [(2, "department"), (4, "name"), (6, "")]
    messages = [problem["message"] for problem in import_.outcome["problems"]]
    assert "There are 2" in messages[0]
    assert messages[2] == "Row 5 is about the same."


def test_without_a_column_of_departments_a_kpi_is_found_by_its_name(
    cast: Cast, admin: Browser
) -> None:
    """And no twin of it is made beside it."""
    home = cast.home
    before = Kpi.objects.filter(organization=home.organization).count()
    import_file(admin, "kpis", "name,value\nRevenue,5\n")
    assert Kpi.objects.get(pk=home.revenue.pk).value == 5
    assert Kpi.objects.get(pk=home.revenue.pk).department == home.sales
    assert Kpi.objects.filter(organization=home.organization).count() == before
    twin = Kpi.objects.create(organization=home.organization, name="Revenue")
    import_ = bring(admin, "kpis", "name,value\nRevenue,6\n")
    [problem] = import_.outcome["problems"]
    assert problem["message"] == "There are 2 of this name: give the department or the id"
    kpis_archive([twin, Kpi.objects.get(pk=home.revenue.pk)])
    import_ = bring(admin, "kpis", "name,value\nRevenue,6\n")
    [problem] = import_.outcome["problems"]
    assert "archived" in problem["message"]


def test_many_problems_are_counted_and_the_first_ones_shown(admin: Browser) -> None:
    import_ = bring(admin, "kpis", csv_bytes(("name", "value"), [("A", "x")] * 300))
    assert import_.outcome["problem_count"] == 300
    assert len(import_.outcome["problems"]) == SHOWN_PROBLEMS
    page = admin.get(reverse("admin:bos_import_change", args=(import_.pk,)))
    assert b"the first 200" in page.content


# ------------------------------------------------------------------ employees


def test_employees_are_added_and_changed(cast: Cast, admin: Browser) -> None:
    home = cast.home
    bob = Employee.objects.get(user=cast.bob.user)
    Employee.objects.filter(pk=bob.pk).update(email="bob@work.example")
    vera = Employee.objects.get(user=cast.vera.user)
    before = head(cast)
    done = import_file(
        admin,
        "employees",
        "id,name,title,email,department,user\n"
        f",Bob,Captain,BOB@work.example,Support,{cast.bob.email}\n"
        ",Nina,Pilot,nina@work.example,Sales,\n"
        f"{vera.pk},Vera,,,,{cast.vera.email}\n",
    )
    assert (done.outcome["new"], done.outcome["changed"]) == (1, 2)
    bob.refresh_from_db()
    vera.refresh_from_db()
    assert (bob.title, bob.department, vera.department) == ("Captain", home.support, None)
    nina = Employee.objects.get(name="Nina", organization=home.organization)
    assert (nina.department, nina.email) == (home.sales, "nina@work.example")
    assert {event.entity_type for event in events_after(cast, before)} == {"employee"}
    assert Employee.history.filter(id=nina.pk).latest().source == "import"


def test_an_employees_wrong_cells_are_named(cast: Cast, admin: Browser) -> None:
    import_ = bring(
        admin,
        "employees",
        "name,email,user,department\n"
        f"A,not an address,,\nB,,{cast.bob.email},\nC,,nobody@x.example,\nD,,,Nowhere\n"
        "E,e@x.example,,\nE,E@x.example,,\n",
    )
    assert problems(import_) == [
        (2, "email"),
        (3, "user"),
        (4, "user"),
        (5, "department"),
        (7, ""),
    ]


# ------------------------------------------------------------------ values


def test_v1_values_become_history_and_the_newest_the_current_one_as_one_event_a_kpi(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    KpiValue.objects.filter(kpi__organization=home.organization).update(at=NOON)
    before = head(cast)
    rows = [
        (kpi, (NOON + timedelta(hours=n)).isoformat(), n)
        for n in range(-50, 51)
        if n
        for kpi in ("Revenue", "Margin")
    ]
    done = import_file(admin, "values", values_file(rows))
    assert (done.outcome["new"], done.outcome["changed"]) == (200, 0)
    events = events_after(cast, before)
    assert sorted(event.entity_id for event in events) == sorted(
        str(kpi.pk) for kpi in (home.revenue, home.margin)
    )
    assert {event.live_type for event in events} == {"KPI_UPDATED"}
    assert {(event.actor_id, event.source) for event in events} == {(cast.alice.id, "import")}
    for kpi in (home.revenue, home.margin):
        kept = history(kpi)
        assert len(kept) == 101, "each once, also the newest"
        assert [at for at, _ in kept] == [NOON + timedelta(hours=n) for n in range(-50, 51)]
        kpi.refresh_from_db()
        assert kpi.value == 50
    newest = KpiValue.objects.filter(kpi=home.revenue).latest("at")
    assert newest.actor_id == cast.alice.id
    assert Kpi.history.filter(id=home.revenue.pk).count() == 1


def test_older_values_leave_the_current_one_as_it_is_and_are_no_event(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    before = head(cast)
    rows = [("Revenue", (NOON - timedelta(days=n)).date(), n) for n in range(1, 30)]
    import_file(admin, "values", values_file(rows, "kpi,date,value"))
    assert head(cast) == before
    home.revenue.refresh_from_db()
    assert home.revenue.value == 100
    assert len(history(home.revenue)) == 30
    assert history(home.revenue)[0][0] == datetime(2026, 1, 2, tzinfo=UTC)


def test_the_same_kpi_and_time_is_corrected_and_not_doubled(cast: Cast, admin: Browser) -> None:
    home = cast.home
    KpiValue.objects.filter(kpi=home.revenue).delete()
    old = [("Revenue", NOON + timedelta(hours=n), n) for n in range(5)]
    import_file(admin, "values", values_file(old))
    corrected = [("Revenue", NOON + timedelta(hours=n), n * 10) for n in range(1, 6)]
    before = head(cast)
    import_ = bring(admin, "values", values_file(corrected))
    assert (import_.outcome["new"], import_.outcome["changed"]) == (1, 4)
    assert import_.outcome["rows"][0]["changes"] == [["2026-01-31T13:00:00Z", "1", "10"]]
    go_on(admin, import_)
    assert [value for _, value in history(home.revenue)] == [0, 10, 20, 30, 40, 50]
    assert len(events_after(cast, before)) == 1
    # The newest of all corrected: the current value follows, in one event.
    before = head(cast)
    import_file(admin, "values", values_file([("Revenue", NOON + timedelta(hours=5), 51)]))
    assert [value for _, value in history(home.revenue)] == [0, 10, 20, 30, 40, 51]
    home.revenue.refresh_from_db()
    assert home.revenue.value == 51
    assert len(events_after(cast, before)) == 1
    before = head(cast)
    again = import_file(admin, "values", values_file(corrected[:-1]))
    assert again.outcome["unchanged"] == 4
    assert head(cast) == before


def test_a_kpi_that_never_had_a_value_gets_the_newest(cast: Cast, admin: Browser) -> None:
    kpi = Kpi.objects.create(organization=cast.home.organization, name="Fresh")
    rows = [("Fresh", NOON, "1.5"), ("Fresh", NOON - timedelta(days=1), "1.25")]
    import_file(admin, "values", values_file(rows))
    kpi.refresh_from_db()
    assert kpi.value == Decimal("1.5")
    assert [value for _, value in history(kpi)] == [Decimal("1.25"), Decimal("1.5")]


def test_a_kpi_of_a_value_is_found_by_id_or_name_or_name_and_department(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    twin = Kpi.objects.create(
        organization=home.organization, name="Revenue", department=home.support
    )
    content = values_file(
        [
            (home.revenue.pk, "", "", NOON, 1),
            ("", "revenue", "Support", NOON, 2),
            ("", "MARGIN", "", NOON, 3),
            ("", "Revenue", "", NOON, 4),
        ],
        "kpi_id,kpi,department,time,value",
    )
    assert problems(bring(admin, "values", content)) == [(5, "kpi")]
    import_file(admin, "values", b"\n".join(content.split(b"\n")[:-2]))
    found = KpiValue.objects.filter(at=NOON, kpi__organization=home.organization)
    assert {value.kpi_id: value.value for value in found} == {
        home.revenue.pk: 1,
        twin.pk: 2,
        home.margin.pk: 3,
    }


def test_a_kpi_that_is_unknown_is_told_of_in_the_column_that_names_it(
    cast: Cast, admin: Browser
) -> None:
    rows = [(cast.other.revenue.pk, "", NOON, 1), ("", "Nothing", NOON, 1)]
    content = values_file(rows, "kpi_id,kpi,time,value")
    assert problems(bring(admin, "values", content)) == [(2, "kpi_id"), (3, "kpi")]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("Nothing,2026-01-31,1", "kpi"),
        (",2026-01-31,1", "kpi"),
        ("Revenue,31.01.2026,1", "time"),
        ("Revenue,,1", "time"),
        ("Revenue,2199-01-01,1", "time"),
        ("Revenue,2026-01-31,NaN", "value"),
        ("Revenue,2026-01-31,1e20", "value"),
        ("Revenue,2026-01-31,0.12345", "value"),
        ("Revenue,2026-01-31,", "value"),
        ("Revenue,2026-01-30T00:00:00Z,2", ""),
    ],
    ids=lambda row: row[:30],
)
def test_b1_a_wrong_value_is_named_and_no_value_is_written(
    cast: Cast, admin: Browser, row: str, column: str
) -> None:
    before = KpiValue.objects.filter(kpi=cast.home.revenue).count()
    import_ = bring(admin, "values", f"kpi,time,value\nRevenue,2026-01-30,1\n{row}\n")
    assert problems(import_) == [(3, column)]
    assert KpiValue.objects.filter(kpi=cast.home.revenue).count() == before


def test_values_of_a_spreadsheet_are_numbers_and_dates(cast: Cast, admin: Browser) -> None:
    rows = [("Revenue", NOON + timedelta(hours=n), Decimal(n) / 10) for n in range(20)]
    import_file(admin, "values", xlsx_bytes(("kpi", "time", "value"), rows), "values.xlsx")
    assert [value for _, value in history(cast.home.revenue)][:-1] == [v for _, _, v in rows]


def test_ten_thousand_values_are_few_events(cast: Cast, admin: Browser) -> None:
    home = cast.home
    made = Kpi.objects.bulk_create(
        Kpi(organization=home.organization, name=f"Series {n}", value=0) for n in range(20)
    )
    KpiValue.objects.filter(kpi__in=made).update(at=NOON - timedelta(days=900))
    rows = [
        (f"Series {n % 20}", NOON - timedelta(hours=n // 20), Decimal(n) / 4) for n in range(10_000)
    ]
    content = values_file(rows)
    before = head(cast)
    import_ = import_file(admin, "values", content)
    assert len(events_after(cast, before)) == 20
    assert KpiValue.objects.filter(kpi__in=made).count() == 10_020
    assert import_.rows_total == import_.rows_done == 10_000


def test_values_that_fail_in_the_middle_leave_nothing(cast: Cast, admin: Browser) -> None:
    """The KPI vanishes between check and write: all or nothing."""
    kpi = Kpi.objects.create(organization=cast.home.organization, name="Gone")
    import_ = bring(admin, "values", values_file([("Revenue", NOON, 1), ("Gone", NOON, 2)]))
    doors.erase(kpi)
    before = head(cast)
    done = go_on(admin, import_)
    assert problems(done) == [(3, "kpi")]
    assert head(cast) == before
    assert not KpiValue.objects.filter(kpi=cast.home.revenue, at=NOON).exists()
