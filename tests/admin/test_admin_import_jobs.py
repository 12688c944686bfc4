"""Imports as jobs of a worker, and whose rows they may touch."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.imports import workflow
from bos.imports.files import xlsx_bytes
from bos.imports.kinds import kind_named
from bos.models import Department, Employee, Import, ImportState, Organization, Role, User
from kpis.models import Kpi
from tests.conftest import BACKEND
from tests.support import doors
from tests.support.cast import Cast, make_person
from tests.support.client import Client
from tests.support.importing import (
    NOON,
    bring,
    go_on,
    head,
    import_file,
    problems,
    upload,
    values_file,
)
from tests.support.server import Server
from tests.support.waiting import until

# ------------------------------------------------------------------ jobs that run twice


def test_a_job_that_runs_twice_writes_once(cast: Cast, admin: Browser) -> None:
    done = import_file(admin, "kpis", "name\nOnce")
    before = head(cast)
    workflow.write(str(done.pk))
    workflow.check(str(done.pk))
    assert head(cast) == before
    assert Kpi.objects.filter(name="Once", organization=cast.home.organization).count() == 1
    done.refresh_from_db()
    assert (done.state, bytes(done.content)) == (ImportState.DONE, b"")


def test_what_a_slower_run_of_a_job_finds_changes_nothing(cast: Cast, admin: Browser) -> None:
    import_ = bring(admin, "kpis", "name\nFaster")
    admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    slower = workflow._take(str(import_.pk), workflow.WAITING_TO_BE_WRITTEN, ImportState.WRITING)
    assert slower is not None
    workflow.write(str(import_.pk))
    workflow._settle(slower, ImportState.FAILED, problem="late")
    import_.refresh_from_db()
    assert (import_.state, import_.problem) == (ImportState.DONE, "")


def test_a_worker_that_died_is_followed_by_another(cast: Cast, admin: Browser) -> None:
    import_ = bring(admin, "kpis", "name\nRisen")
    Import.objects.filter(pk=import_.pk).update(state=ImportState.CHECKING)
    workflow.check(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.CHECKED
    Import.objects.filter(pk=import_.pk).update(state=ImportState.WRITING)
    workflow.write(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.DONE


def test_what_is_not_confirmed_is_not_written(cast: Cast, admin: Browser) -> None:
    import_ = bring(admin, "kpis", "name\nNever")
    workflow.write(str(import_.pk))
    assert not Kpi.objects.filter(name="Never", organization=cast.home.organization).exists()
    admin.post(reverse("admin:bos_import_delete", args=(import_.pk,)), {"post": "yes"})
    workflow.write(str(import_.pk))
    assert not Import.objects.filter(pk=import_.pk).exists()


def test_who_is_no_admin_any_more_imports_nothing(cast: Cast, admin: Browser) -> None:
    import_ = bring(admin, "kpis", "name\nLate")
    admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    User.objects.filter(pk=cast.alice.user.pk).update(role="member")
    workflow.write(str(import_.pk))
    import_.refresh_from_db()
    assert import_.state == ImportState.REFUSED
    assert not Kpi.objects.of(cast.home.id).filter(name="Late").exists()


def test_a_user_who_became_somebody_elses_meanwhile_fails_the_import_and_not_the_worker(
    cast: Cast, admin: Browser
) -> None:
    user = User.objects.create(
        email=f"n-{cast.bob.email}", name="N", organization=cast.home.organization
    )
    import_ = bring(admin, "employees", f"name,user\nFirst,\nSecond,{user.email}")
    stored = Import.objects.get(pk=import_.pk)
    plan = workflow._plan(stored, workflow._read(stored))
    Employee.objects.create(organization=cast.home.organization, name="Quicker", user=user)
    kind = kind_named("employees")
    with pytest.raises(Exception, match=r"(?i)unique"), transaction.atomic():
        kind.write(plan.steps, stored.organization, plan.outcome)
    go_on(admin, import_)
    assert problems(import_) == [(3, "user")]
    assert not Employee.objects.filter(organization=cast.home.organization, name="First").exists()


# ------------------------------------------------------------------ one's own organization only


def test_s2_what_is_another_organizations_is_unknown_by_id_and_by_name(
    cast: Cast, admin: Browser
) -> None:
    other = cast.other
    Department.objects.create(organization=other.organization, name="Secret")
    Kpi.objects.create(organization=other.organization, name="Hidden")
    absent = "00000000-0000-4000-8000-000000000000"

    def answers(kind: str, columns: str, *cells: Any) -> list[str]:
        rows = "\n".join(str(cell) for cell in cells)
        import_ = bring(admin, kind, f"{columns}\n{rows}")
        found = import_.outcome["problems"]
        assert len(found) == len(cells)
        return [problem["message"] for problem in found]

    foreign, missing = answers("kpis", "id,name", f"{other.revenue.pk},X", f"{absent},X")
    assert foreign.replace(str(other.revenue.pk), absent) == missing
    foreign, missing = answers("kpis", "name,department", "X,Secret", "Y,Absent")
    assert foreign.replace("Secret", "Absent") == missing
    foreign, missing = answers("kpis", "name,department", f"X,{other.sales.pk}", f"Y,{absent}")
    assert foreign.replace(str(other.sales.pk), absent) == missing
    foreign, missing = answers("kpis", "name,owner", f"X,{cast.charlie.email}", "Y,a@b.example")
    assert foreign.replace(cast.charlie.email, "a@b.example") == missing
    foreign, missing = answers("employees", "name,user", f"X,{cast.charlie.email}", "Y,a@b.example")
    assert foreign.replace(cast.charlie.email, "a@b.example") == missing
    row = "{},2026-01-31,1"
    foreign, missing = answers(
        "values", "kpi_id,time,value", row.format(other.revenue.pk), row.format(absent)
    )
    assert foreign.replace(str(other.revenue.pk), absent) == missing
    foreign, missing = answers(
        "values", "kpi,time,value", row.format("Hidden"), row.format("Absent")
    )
    assert foreign.replace("Hidden", "Absent") == missing


def test_s2_an_import_is_of_ones_own_organization_whatever_the_form_says(
    cast: Cast, admin: Browser
) -> None:
    upload(admin, "kpis", b"name\nForged", organization=str(cast.other.organization.pk))
    import_ = Import.objects.latest("created_at")
    assert import_.organization == cast.home.organization
    assert import_.author == cast.alice.user


def test_s2_another_organizations_imports_are_not_to_be_found(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    import_ = bring(admin, "kpis", "name\nPrivate figures")
    pages = {
        name: reverse(f"admin:bos_import_{name}", args=(import_.pk,))
        for name in ("progress", "confirm")
    }
    assert stranger.get(pages["progress"]).status_code == 404
    assert stranger.post(pages["confirm"]).status_code == 404
    assert admin.get(pages["confirm"]).status_code == 405
    for name in ("change", "delete", "history"):
        page = reverse(f"admin:bos_import_{name}", args=(import_.pk,))
        for answer in (stranger.get(page), stranger.post(page, {"post": "yes"})):
            assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    stranger.get("/admin/")
    listed = stranger.get(reverse("admin:bos_import_changelist")).content.decode()
    assert str(import_.pk) not in listed
    import_.refresh_from_db()
    assert import_.state == ImportState.CHECKED


@pytest.mark.parametrize("name", ["mia", "bob", "vera"])
def test_s3_only_admins_import_and_export(cast: Cast, name: str) -> None:
    browser = doors.browser(getattr(cast, name))
    count = Import.objects.count()
    assert upload(browser, "kpis", b"name\nA").status_code == 302
    assert Import.objects.count() == count
    for page in ("/admin/kpis/kpi/export/csv/", "/admin/bos/import/"):
        assert browser.get(page)["Location"].startswith("/admin/login/")


def test_a_superuser_imports_into_the_organization_that_he_chooses(
    cast: Cast, root: Browser
) -> None:
    missing = upload(root, "kpis", b"name\nChosen")
    assert "organization" in missing.context["adminform"].form.errors
    upload(root, "kpis", b"name\nChosen", organization=str(cast.other.organization.pk))
    import_ = Import.objects.latest("created_at")
    workflow.check(str(import_.pk))
    import_.refresh_from_db()
    assert go_on(root, import_).state == ImportState.DONE
    assert Kpi.objects.of(cast.other.id).filter(name="Chosen").exists()


# ------------------------------------------------------------------ the wire, and a real worker


async def test_v1_an_import_reaches_clients_as_one_message_a_kpi(
    server: Server, cast: Cast, worker: Path
) -> None:
    """Through a worker, with progress, and without a flood."""
    home = cast.home
    admin = doors.browser(cast.alice)
    now = timezone.now()
    names = ("Revenue", "Margin")
    rows = [(name, now - timedelta(minutes=n), n) for n in range(1_000) for name in names]
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        await bob.subscribe(home.topic, f"department:{home.sales.pk}")
        await charlie.subscribe(cast.other.topic)
        upload(admin, "values", values_file(rows))
        import_ = await Import.objects.aget(organization=home.organization)
        assert (await _settled(import_)).state == ImportState.CHECKED
        admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
        done = await _settled(import_)
        assert (done.state, done.outcome["new"]) == (ImportState.DONE, 2_000)
        shown = []
        for _ in names:
            shown.append(await bob.expect("KPI_UPDATED"))
            await bob.expect("SYNC_UPDATE")
        assert {message["payload"]["kpiId"] for message in shown} == {
            str(home.revenue.pk),
            str(home.margin.pk),
        }
        assert {message["payload"]["updatedBy"] for message in shown} == {cast.alice.id}
        assert {message["payload"]["value"] for message in shown} == {0}
        assert await bob.settle() == []
        assert await charlie.settle() == []


async def _settled(import_: Import) -> Import:
    return await until(
        Import.objects.filter(pk=import_.pk).exclude(state__in=workflow.BUSY).first, within=40
    )


@pytest.mark.skipif(BACKEND != "postgres", reason="SQLite has one writer")
async def test_while_values_are_written_others_set_values(
    server: Server, cast: Cast, admin: Browser
) -> None:
    """The organization's log is locked at the very end only."""
    rows = [("Revenue", NOON - timedelta(minutes=n), n) for n in range(100)]
    import_ = bring(admin, "values", values_file(rows))
    admin.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    async with await Client.connect(server, cast.mia) as mia:
        with transaction.atomic():
            workflow.write(str(import_.pk))
            answer = await mia.set_value(cast.home.margin, 1)
            assert answer["type"] == "KPI_UPDATED"
    await import_.arefresh_from_db()
    assert import_.state == ImportState.DONE


def test_old_imports_are_forgotten(cast: Cast, admin: Browser) -> None:
    import_ = bring(admin, "kpis", "name\nOld")
    Import.objects.filter(pk=import_.pk).update(created_at=timezone.now() - timedelta(days=31))
    fresh = bring(admin, "kpis", "name\nFresh")
    workflow.prune_imports()
    assert not Import.objects.filter(pk=import_.pk).exists()
    assert Import.objects.filter(pk=fresh.pk).exists()
    assert Organization.objects.filter(pk=cast.home.organization.pk).exists()


# ------------------------------------------------------------------ what takes too much (row s7)


def bomb() -> bytes:
    """A row of fifteen million cells, 64 MB of XML: within the bounds of a sheet."""
    noise = random.Random(7).randbytes(2**18).hex().encode()
    sheet = b"<worksheet><sheetData><row>" + b"<c/>" * 15_000_000 + b"<!--" + noise + b"-->"
    file = io.BytesIO()
    sound = io.BytesIO(xlsx_bytes(("name",), [("A",)]))
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            new.writestr(name, sheet if is_sheet else old.read(name))
    return file.getvalue()


@pytest.mark.once("sqlite")  # the file is read by a process that knows no database
async def test_s7_a_file_that_takes_too_much_fails_at_once_and_the_next_one_is_taken(
    worker: Path, cast: Cast, admin: Browser, stranger: Browser
) -> None:
    upload(admin, "kpis", bomb(), "bomb.xlsx")
    upload(stranger, "kpis", b"name\nMade", "sound.csv")
    heavy = await Import.objects.aget(organization=cast.home.organization)
    sound = await Import.objects.aget(organization=cast.other.organization)
    assert (await _settled(sound)).state == ImportState.CHECKED
    failed = await _settled(heavy)
    assert failed.state == ImportState.FAILED
    assert "more than 384 MB of memory" in failed.problem
    assert bytes(failed.content) == b""
    page = admin.get(reverse("admin:bos_import_change", args=(heavy.pk,)))
    assert b"more than 384 MB of memory" in page.content
    assert not has_lost_a_process(worker)


def has_lost_a_process(worker: Path) -> bool:
    return "reincarnated" in worker.read_text()
