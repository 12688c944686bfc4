"""Exports of lists: their rows, whose they are, and that they can be imported again."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client as Browser
from openpyxl import load_workbook

from bos.models import Department, Employee, ImportState
from kpis.models import Kpi, KpiValue
from tests.support.cast import Cast
from tests.support.importing import (
    NOON,
    bring,
)


def export(browser: Browser, model: str, kind: str = "csv", **filters: Any) -> bytes:
    answer = browser.get(f"/admin/{model}/export/{kind}/", filters)
    assert answer.status_code == 200, answer.status_code
    assert f".{kind}" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    content: bytes = answer.content
    return content


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("model", ["kpis/kpi", "kpis/kpivalue", "bos/employee"])
def test_what_is_exported_can_be_imported_and_is_unchanged(
    cast: Cast, admin: Browser, model: str, kind: str
) -> None:
    home = cast.home
    home.revenue.name = '=HYPERLINK("http://x") / \'+1'
    home.revenue.owner = cast.mia.user
    home.revenue.save()
    Kpi.objects.create(organization=home.organization, name="Revenue", department=home.support)
    Employee.objects.filter(user=cast.bob.user).update(title="@boss", department=home.support)
    content = export(admin, model, kind)
    of = {"kpis/kpi": "kpis", "kpis/kpivalue": "values", "bos/employee": "employees"}[model]
    import_ = bring(admin, of, content, f"again.{kind}")
    assert import_.state == ImportState.CHECKED, import_.outcome or import_.problem
    outcome = import_.outcome
    assert (outcome["new"], outcome["changed"]) == (0, 0)
    assert outcome["unchanged"] == {"kpis": 3, "values": 2, "employees": 4}[of]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_department_is_exported_by_what_means_no_other_one(
    cast: Cast, admin: Browser, kind: str
) -> None:
    """Two of one name, and one whose name is another's path."""
    organization = cast.home.organization
    above, twin, other_twin, likewise = (
        Department.objects.create(organization=organization, name=name)
        for name in ("North", "Twin", "Twin", "North / Sales")
    )
    below = Department.objects.create(organization=organization, name="Sales", parent=above)
    for department in (twin, other_twin, likewise, below):
        Kpi.objects.create(organization=organization, name="Cost", department=department)
    import_ = bring(admin, "kpis", export(admin, "kpis/kpi", kind), f"again.{kind}")
    assert import_.state == ImportState.CHECKED, import_.outcome or import_.problem
    assert (import_.outcome["new"], import_.outcome["changed"]) == (0, 0)


def test_an_exported_formula_is_text(cast: Cast, admin: Browser) -> None:
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(name="=1+1", unit="@x")
    text = export(admin, "kpis/kpi").decode("utf-8-sig")
    assert ",'=1+1," in text
    assert ",'@x," in text
    sheet = load_workbook(io.BytesIO(export(admin, "kpis/kpi", "xlsx"))).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}


def test_s2_an_export_holds_ones_own_rows_only_and_names_nobody_elses(
    cast: Cast, admin: Browser, stranger: Browser, root: Browser
) -> None:
    for model in ("kpis/kpi", "kpis/kpivalue", "bos/employee"):
        own, foreign = (export(browser, model).decode("utf-8-sig") for browser in (admin, stranger))
        assert doors_ids(own).isdisjoint(doors_ids(foreign))
        assert doors_ids(own) | doors_ids(foreign) <= doors_ids(
            export(root, model).decode("utf-8-sig")
        )
        filtered = stranger.get(
            f"/admin/{model}/export/csv/", {"id__exact": str(cast.home.revenue.pk)}
        )
        assert str(cast.home.revenue.pk) not in filtered.content.decode()


def doors_ids(text: str) -> set[str]:
    ids = {line.split(",")[0] for line in text.splitlines()[1:]}
    assert ids
    return ids


def test_an_export_is_filtered_as_the_list_is(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.margin
    text = export(admin, "kpis/kpivalue", kpi__id__exact=str(kpi.pk)).decode("utf-8-sig")
    assert doors_ids(text) == {str(kpi.pk)}
    assert "Margin" in text
    assert "Revenue" not in export(admin, "kpis/kpi", q="Marg").decode("utf-8-sig")
    assert admin.get("/admin/kpis/kpi/export/csv/?nonsense=1").status_code in (302, 400, 404)
    assert admin.get("/admin/kpis/kpi/export/exe/").status_code == 404
    page = admin.get("/admin/kpis/kpi/?q=Marg").content.decode()
    assert "/admin/kpis/kpi/export/csv/?q=Marg" in page


def test_the_author_of_an_exported_value_is_named_within_the_organization(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    KpiValue.objects.create(kpi=kpi, value=1, at=NOON, actor_id=cast.mia.id)
    KpiValue.objects.create(kpi=kpi, value=2, at=NOON, actor_id=cast.charlie.id)
    text = export(admin, "kpis/kpivalue").decode("utf-8-sig")
    assert ",Mia" in text
    assert "Charlie" not in text
