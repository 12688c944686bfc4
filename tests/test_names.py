"""Names have one form from whatever source they come, and are found in any (row i5)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from bos.models import Department, Employee, ImportState, Organization, User
from kpis.models import Kpi, KpiValue
from sync.eventlog import log
from tests.support import doors
from tests.support.cast import Cast
from tests.support.importing import NOON, bring, events_after, head, import_file, values_file

TWIN = "Cafe\u0301\u00a0 am\u200b Markt"
FORM = "Café am Markt"


def stored(model: Any, pk: Any, field: str = "name") -> str:
    """Return what the database has, past the model."""
    column = connection.ops.quote_name(field)
    table = connection.ops.quote_name(model._meta.db_table)
    key = model._meta.pk.get_db_prep_value(pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [key])
        return str(cursor.fetchone()[0])


def put(model: Any, pk: Any, **texts: str) -> None:
    """Store this as it was stored before names had a form."""
    table = connection.ops.quote_name(model._meta.db_table)
    changes = ", ".join(f"{connection.ops.quote_name(name)} = %s" for name in texts)
    key = model._meta.pk.get_db_prep_value(pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {changes} WHERE id = %s", [*texts.values(), key])


@pytest.mark.parametrize("model", [Organization, Department, Employee, User, Kpi])
def test_i5_a_name_is_stored_in_one_form_by_every_door_of_a_model(cast: Cast, model: Any) -> None:
    row = (
        model.objects.filter(pk=cast.home.organization.pk).first()
        or model.objects.filter(organization=cast.home.organization).first()
    )
    row.name = TWIN
    row.save()
    assert (row.name, stored(model, row.pk)) == (FORM, FORM)
    model.objects.filter(pk=row.pk).update(name=f"{TWIN} 2")
    assert stored(model, row.pk) == f"{FORM} 2"
    row.name = f"{TWIN} 3"
    model.objects.bulk_update([row], ["name"])
    assert stored(model, row.pk) == f"{FORM} 3"
    assert model.objects.filter(pk=row.pk, name=f"{TWIN} 3").exists()


def test_i5_clients_are_told_the_form_that_is_stored(cast: Cast) -> None:
    before = head(cast)
    kpi = Kpi(organization=cast.home.organization, name=TWIN, unit=" m\u00a0\u00a0³ ")
    Kpi.objects.bulk_create([kpi])
    Kpi.objects.filter(pk=kpi.pk).update(name=TWIN, target=1)
    for event in events_after(cast, before):
        assert f'"name":"{FORM}"' in event.data
        assert '"unit":"m ³"' in event.data
    assert stored(Kpi, kpi.pk, "unit") == "m ³"


def test_i5_the_admins_form_stores_and_finds_the_same(cast: Cast, admin: Browser) -> None:
    doors.admin_change(admin, cast.home.revenue, name=TWIN)
    assert stored(Kpi, cast.home.revenue.pk) == FORM
    listed = admin.get(reverse("admin:kpis_kpi_changelist"), {"q": "Cafe\u0301\u200b am"})
    assert FORM in listed.content.decode()
    page = reverse("admin:kpis_kpi_change", args=[cast.home.margin.pk])
    answer = admin.post(page, doors.form(admin.get(page), name="\u200b\u00a0"))
    assert answer.context["adminform"].form.errors["name"], "nothing is left of it"


def test_i5_a_file_finds_what_looks_the_same_and_makes_no_twin(cast: Cast, admin: Browser) -> None:
    home = cast.home
    put(Kpi, home.revenue.pk, name=TWIN)
    put(Department, home.sales.pk, name="Ve\u0301lo\u00a0Sales")
    name = "Café\u2003 am Ma\u00adrkt"
    done = bring(admin, "kpis", f"name,department,target\n{name},Vélo Sales,7")
    assert done.state == ImportState.CHECKED, done.outcome
    assert (done.outcome["new"], done.outcome["changed"]) == (0, 1)
    again = bring(admin, "kpis", f"name,department\n{name},Vélo Sales\n{FORM},Vélo Sales")
    assert [problem["message"] for problem in again.outcome["problems"]] == [
        "Row 2 is about the same."
    ]
    rows = [(name, NOON, 5)]
    import_file(admin, "values", values_file(rows))
    assert KpiValue.objects.filter(kpi=home.revenue, at=NOON).exists()


def test_i5_rows_from_before_are_formed_and_those_that_become_the_same_all_stay(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    twin = Kpi.objects.create(organization=home.organization, name=FORM, department=home.sales)
    put(Kpi, home.revenue.pk, name=TWIN, unit="\u200b")
    put(Kpi, home.margin.pk, name="\u200b\u3164")
    put(Department, home.support.pk, name="Sup\u200bport")
    put(User, cast.bob.user.pk, name=TWIN)
    bob = Employee.objects.get(user=cast.bob.user)
    put(Employee, bob.pk, name=TWIN, title="\u00a0")
    seen, others = log.head(cast.home.id), log.head(cast.other.id)
    for app in ("bos", "kpis"):
        [migration] = Path(apps.get_app_config(app).path, "migrations").glob("*_one_form.py")
        import_module(f"{app}.migrations.{migration.stem}").form(apps, None)
    assert [stored(Kpi, pk) for pk in (home.revenue.pk, twin.pk)] == [FORM, FORM]
    assert (stored(Kpi, home.margin.pk), stored(Kpi, home.revenue.pk, "unit")) == ("Unnamed", "")
    assert stored(Department, home.support.pk) == "Support"
    assert stored(User, cast.bob.user.pk) == FORM
    assert (stored(Employee, bob.pk), stored(Employee, bob.pk, "title")) == (FORM, "")
    head = log.head(cast.home.id)
    assert head.pruned_at_us == head.at_us > seen.at_us, "no client keeps its picture"
    assert head.pruned_sequence == head.sequence > seen.sequence
    assert log.head(cast.other.id) == others
    told_apart = bring(admin, "kpis", f"name,department,target\n{FORM},Sales,7")
    assert "There are 2 of this name: give the id" in str(told_apart.outcome["problems"])
