"""Departments as a tree: in its order, with what is in each, and chosen by their ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.adminsite.tree import DepartmentTree
from bos.models import Department, Employee, Organization, Role
from kpis.models import Kpi
from tests.support import doors
from tests.support.cast import Cast, make_person

pytestmark = pytest.mark.once("postgres")

LIST = "/admin/bos/department/"
MOST_QUERIES = 12
MOST_BYTES = 30_000
"""As they are sent: compressed."""


def made(cast: Cast, *ways: str) -> dict[str, Department]:
    """Make a department for each of these ways, 'A/B/C'; by way."""
    found: dict[str, Department] = {}
    for way in ways:
        above, _, name = way.rpartition("/")
        found[way] = Department.objects.create(
            organization=cast.home.organization, name=name, parent=found.get(above)
        )
    return found


def rows(browser: Browser, **query: str) -> list[Any]:
    page = browser.get(LIST, query)
    assert page.status_code == 200
    return list(page.context["cl"].result_list)


def outline(browser: Browser, **query: str) -> list[tuple[int, str]]:
    return [(row.depth, row.name) for row in rows(browser, **query)]


def chain(organization: Organization, length: int) -> list[Department]:
    """Departments, each below the one before."""
    found: list[Department] = []
    for n in range(length):
        above = found[-1] if found else None
        found.append(Department(organization=organization, name=f"L{n:04}", parent=above))
    return Department.objects.bulk_create(found)


# ------------------------------------------------------------------ the list


def test_m4_the_list_is_in_the_order_of_the_tree(cast: Cast, admin: Browser) -> None:
    made(cast, "Alpha", "zeta", "Alpha/b", "Alpha/A", "Alpha/A/x", "zeta/y")
    assert outline(admin) == [
        (0, "Alpha"),
        (1, "A"),
        (2, "x"),
        (1, "b"),
        (0, "Sales"),
        (1, "Support"),
        (0, "zeta"),
        (1, "y"),
    ]
    html = admin.get(LIST).content.decode()
    assert 'data-depth="2" data-above="Alpha / A / " title="Alpha / A / x">x</span>' in html


def test_each_department_says_what_is_in_it_and_below_it(cast: Cast, admin: Browser) -> None:
    home = cast.home
    below = made(cast, "Top", "Top/Mid", "Top/Mid/Low", "Top/Other")
    for way, count in (("Top", 1), ("Top/Mid/Low", 3), ("Top/Other", 2)):
        Kpi.objects.bulk_create(
            Kpi(organization=home.organization, department=below[way], name=f"{way} {n}")
            for n in range(count)
        )
    archived = Kpi.objects.filter(name="Top/Other 0")
    archived.update(archived_at=timezone.now())
    Employee.objects.create(organization=home.organization, name="Ann", department=below["Top/Mid"])
    held = {row.name: row.held for row in rows(admin)}
    assert {name: held[name]["kpis"] for name in ("Top", "Mid", "Low", "Other")} == {
        "Top": (1, 5),
        "Mid": (0, 3),
        "Low": (3, 3),
        "Other": (1, 1),
    }
    assert held["Top"]["employees"] == (0, 1)
    assert held["Mid"]["employees"] == (1, 1)
    html = admin.get(LIST).content.decode()
    assert "1 (5)" in html
    assert "KPIs (with those below)" in html


def test_m4_a_search_keeps_those_above_in_sight_and_no_action_touches_them(
    cast: Cast, admin: Browser
) -> None:
    made(cast, "Flights", "Flights/New York", "Flights/New York/Newark", "Flights/Boston")
    found = rows(admin, q="newark")
    assert [(row.name, row.is_context) for row in found] == [
        ("Flights", True),
        ("New York", True),
        ("Newark", False),
    ]
    html = admin.get(LIST, {"q": "newark"}).content.decode()
    assert html.count('name="_selected_action"') == 1
    answer = admin.post(
        f"{LIST}?q=newark",
        {
            "action": "delete_selected",
            "_selected_action": [str(row.pk) for row in found],
            "select_across": "1",
        },
    )
    assert answer.context["title"] == "Delete “Newark”?"


def test_sorted_by_a_column_the_list_names_the_ways(cast: Cast, admin: Browser) -> None:
    made(cast, "Alpha", "Alpha/zz")
    found = [row.shown_name for row in rows(admin, o="-1")]
    assert found[0] == "Alpha / zz"
    assert {row.depth for row in rows(admin, o="-1")} == {0}


def test_s2_a_department_of_another_organization_is_in_nobodys_tree(
    cast: Cast, admin: Browser, root: Browser
) -> None:
    Department.objects.create(organization=cast.other.organization, name="Foreign")
    assert "Foreign" not in [row.name for row in rows(admin)]
    organization = {"organization__id__exact": cast.other.id}
    assert "Foreign" in [row.name for row in rows(root, **organization)]
    assert {row.organization_id for row in rows(root, **organization)} == {
        cast.other.organization.pk
    }


def test_m4_a_circle_is_shown_once_and_breaks_nothing(cast: Cast, admin: Browser) -> None:
    """No form and no import makes one: this one is written past all of them."""
    found = made(cast, "A", "A/B", "A/B/C")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE bos_department SET parent_id = %s WHERE id = %s",
            [found["A/B/C"].pk, found["A"].pk],
        )
    assert outline(admin)[-3:] == [(0, "A"), (1, "B"), (2, "C")]
    assert [row.name for row in rows(admin, q="C") if not row.is_context] == ["C"]
    tree = DepartmentTree(cast.home.organization.pk)
    assert tree.path(found["A/B/C"].pk) == "A / B / C"
    assert tree.sums({found["A/B/C"].pk: 2})[found["A"].pk] == 2
    with pytest.raises(ValidationError, match="below itself"):
        Department.objects.get(pk=found["A"].pk).clean()


def queries(browser: Browser, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        page = browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert page.status_code == 200
    assert len(page.content) < MOST_BYTES
    return len(captured)


def test_m4_a_thousand_departments_deep_or_wide_cost_no_more_queries(cast: Cast) -> None:
    for shape in (_deep, _wide):
        organization = Organization.objects.create(name="Large")
        browser = doors.browser(make_person(organization, "lara", Role.ADMIN, None))
        last = shape(organization)
        pages = (LIST, f"{LIST}?p=20", f"{LIST}?q={last.name}", f"{LIST}{last.pk}/change/")
        for path in pages:
            assert queries(browser, path) <= MOST_QUERIES, path
        assert browser.get(LIST).context["cl"].result_count == 1_000
        assert rows(browser, q=last.name)[0].name == "L0000"
        with CaptureQueriesContext(connection) as captured:
            last.clean()
        assert len(captured) <= 2


def _deep(organization: Organization) -> Department:
    return chain(organization, 1_000)[-1]


def _wide(organization: Organization) -> Department:
    [top] = chain(organization, 1)
    found: list[Department] = Department.objects.bulk_create(
        Department(organization=organization, name=f"W{n}", parent=top) for n in range(999)
    )
    return found[-1]


# ------------------------------------------------------------------ where one is chosen


def completed(browser: Browser, model: str, field: str, term: str) -> Sequence[str]:
    app, _, name = model.partition(".")
    query = {"app_label": app, "model_name": name, "field_name": field, "term": term}
    answer = browser.get("/admin/autocomplete/", query)
    assert answer.status_code == 200
    return [result["text"] for result in answer.json()["results"]]


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("kpis.kpi", "department"),
        ("bos.employee", "department"),
        ("bos.department", "parent"),
        ("kpis.report", "department"),
        ("kpis.reportschedule", "department"),
    ],
)
def test_m4_a_department_is_chosen_by_its_way(
    cast: Cast, admin: Browser, stranger: Browser, model: str, field: str
) -> None:
    below = made(cast, "Flights", "Flights/New York", "Flights/New York/Newark")
    way = "Flights / New York / Newark"
    assert completed(admin, model, field, "newark") == [way]
    assert completed(stranger, model, field, "newark") == []
    address = f"/admin/{model.replace('.', '/')}/"
    chosen = below["Flights/New York/Newark"].pk
    html = admin.get(f"{address}add/", {field: str(chosen)}).content.decode()
    assert f"selected>{way}</option>" in html
    # Only what is chosen: the others are searched.
    assert "Flights / New York</option>" not in html


def test_a_filter_names_the_chosen_department_by_its_way(cast: Cast, admin: Browser) -> None:
    below = made(cast, "Flights", "Flights/Boston")
    query = {"department__id__exact": str(below["Flights/Boston"].pk)}
    html = admin.get("/admin/kpis/kpi/", query).content.decode()
    assert "selected>Flights / Boston</option>" in html


def test_completions_are_for_those_who_may_use_the_admin(cast: Cast, admin: Browser) -> None:
    query = {"app_label": "kpis", "model_name": "kpi", "field_name": "department", "term": ""}
    assert doors.browser(cast.mia).get("/admin/autocomplete/", query).status_code in (302, 403)
    assert admin.get("/admin/autocomplete/", {"term": "x"}).status_code == 403


def test_of_a_long_way_the_first_and_the_last_are_written(cast: Cast) -> None:
    found = chain(cast.home.organization, 8)
    tree = DepartmentTree(cast.home.organization.pk)
    assert tree.path(found[6].pk) == " / ".join(f"L000{n}" for n in range(7))
    assert tree.path(found[7].pk) == "L0000 / L0001 / … / L0004 / L0005 / L0006 / L0007"
