"""A KPI's page in the admin: its history as a chart, its latest values, the filters of the list."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from bos.models import Department
from kpis.admin import MOST_POINTS
from kpis.history.paging import NEWEST_FIRST, NewestFirst
from kpis.models import Direction, Kpi, KpiValue, Visibility
from sync.eventlog import log
from tests.support import doors
from tests.support.cast import Cast

LIST = "/admin/kpis/kpi/"
NOW = timezone.now().replace(hour=1, minute=0, second=0, microsecond=0)


def points(browser: Browser, kpi: Kpi, **asked: Any) -> list[list[float]]:
    answer = browser.get(f"{LIST}{kpi.pk}/values/", asked)
    assert answer.status_code == 200
    found: list[list[float]] = answer.json()["points"]
    return found


def remember(kpi: Kpi, *values: tuple[timedelta, int]) -> None:
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value, at=NOW - ago, actor_id="system") for ago, value in values
    )


# ------------------------------------------------------------------ the chart


def test_the_chart_shows_a_periods_values_in_their_order_and_the_target(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    day = timedelta(days=1)
    remember(kpi, (0 * day, 3), (10 * day, 2), (80 * day, 1), (399 * day, 0), (401 * day, 9))
    assert [value for _, value in points(admin, kpi)] == [2, 3]
    assert [value for _, value in points(admin, kpi, days=90)] == [1, 2, 3]
    assert [value for _, value in points(admin, kpi, days=400)] == [0, 1, 2, 3]
    assert points(admin, kpi)[-1][0] == NOW.timestamp()
    answer = admin.get(f"{LIST}{kpi.pk}/values/").json()
    assert (answer["unit"], answer["target"]) == ("EUR", 120)
    for nonsense in ("9999999", "-1", "x", "", "1e9"):
        assert [value for _, value in points(admin, kpi, days=nonsense)] == [2, 3]


def test_c2_of_very_many_values_the_chart_shows_each_peak_and_the_newest(
    cast: Cast, admin: Browser
) -> None:
    minutes = [(timedelta(minutes=n), n) for n in range(MOST_POINTS + 1)]
    minutes[700], minutes[1400] = (minutes[700][0], 99_999), (minutes[1400][0], -99_999)
    remember(cast.home.revenue, *minutes)
    shown = points(admin, cast.home.revenue)
    assert MOST_POINTS / 2 < len(shown) <= MOST_POINTS
    assert {99_999, -99_999} < {value for _, value in shown}
    assert shown == sorted(shown)
    assert shown[-1][1] == 0
    remember(cast.home.revenue, *minutes[:-1])
    assert len(points(admin, cast.home.revenue)) == MOST_POINTS


def test_a_kpi_without_values_has_an_empty_chart(cast: Cast, admin: Browser) -> None:
    kpi = Kpi.objects.create(organization=cast.home.organization, name="Fresh")
    assert points(admin, kpi) == []
    assert admin.get(f"{LIST}{kpi.pk}/values/").json()["target"] is None
    page = admin.get(f"{LIST}{kpi.pk}/change/").content.decode()
    assert "no value" in page


def test_s2_another_organizations_values_are_not_to_be_had(cast: Cast, stranger: Browser) -> None:
    kpi = cast.home.revenue
    missing = "00000000-0000-0000-0000-000000000000"
    answers = [stranger.get(f"{LIST}{id_}/values/") for id_ in (kpi.pk, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content.replace(str(kpi.pk).encode(), missing.encode()) == answers[1].content
    listed = stranger.get("/admin/kpis/kpivalue/", {"kpi__id__exact": str(kpi.pk)})
    assert listed.context["cl"].queryset.count() == 0
    assert str(kpi.pk) not in stranger.get("/admin/kpis/kpivalue/").content.decode()


@pytest.mark.parametrize("name", ["mia", "bob", "vera"])
def test_s3_only_admins_see_the_chart(cast: Cast, name: str) -> None:
    answer = doors.browser(getattr(cast, name)).get(f"{LIST}{cast.home.revenue.pk}/values/")
    assert answer["Location"].startswith("/admin/login/")


def test_the_page_has_the_chart_the_latest_values_and_who_set_them(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    KpiValue.objects.create(kpi=kpi, value="7.5", at=NOW, actor_id=cast.mia.id)
    KpiValue.objects.create(kpi=kpi, value="8", at=NOW, actor_id=cast.charlie.id)
    page = admin.get(f"{LIST}{kpi.pk}/change/").content.decode()
    assert f'data-bos-chart="{LIST}{kpi.pk}/values/"' in page
    for script in ("uPlot.iife.min.js", "bos/kpi_chart.js"):
        assert script in page
    assert "Mia" in page
    assert "Charlie" not in page
    assert "outside of the organization" in page
    assert ">7.5<" in page.replace("\n", "").replace(" ", "")


# ------------------------------------------------------------------ values as a list


def test_values_are_there_to_read_and_go_with_their_kpi_only(cast: Cast, admin: Browser) -> None:
    value = KpiValue.objects.filter(kpi=cast.home.revenue).first()
    assert value is not None
    base = "/admin/kpis/kpivalue/"
    assert admin.get(base + "add/").status_code == 403
    for page in ("change", "delete"):
        answer = admin.post(f"{base}{value.pk}/{page}/", {"post": "yes", "value": "666"})
        assert answer.status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [value.pk], "post": "yes"}
    admin.post(base, selected)
    assert KpiValue.objects.get(pk=value.pk).value == value.value
    doors.admin_action(admin, "archive_kpis", [cast.home.revenue])
    assert KpiValue.objects.filter(pk=value.pk).exists()
    admin.post(f"/admin/kpis/kpi/{cast.home.revenue.pk}/erase/", {"typed": "Revenue"})
    assert not KpiValue.objects.filter(pk=value.pk).exists()


def test_values_are_filtered_by_time(cast: Cast, admin: Browser) -> None:
    day = timedelta(days=1)
    remember(cast.home.revenue, (0 * day, 3), (10 * day, 2), (80 * day, 1))

    def listed(**asked: str) -> list[Decimal]:
        own = {"kpi__id__exact": str(cast.home.revenue.pk)}
        page = admin.get("/admin/kpis/kpivalue/", own | asked)
        return [value.value for value in page.context["cl"].queryset]

    tenth = f"{NOW - 10 * day:%Y-%m-%d}"
    assert listed(at_from_0=tenth) == [3, 2]
    assert listed(at_from_0=tenth, at_from_1="02:00:00") == [3]
    assert listed(at_to_0=tenth) == [2, 1]
    assert listed(at_to_0=tenth, at_to_1="00:30") == [1]
    assert listed(at_from_0=tenth, at_to_0=tenth) == [2]
    assert listed(at_from_0="nonsense", at_to_1="x") == [3, 2, 1]


def test_m4_each_page_has_what_sorting_all_values_would_give(cast: Cast) -> None:
    kpis = Kpi.objects.of(cast.home.organization.pk)
    hour = timedelta(hours=1)
    for n in range(9):  # many of one time, within a KPI and between them; some KPIs have none
        kpi = Kpi.objects.create(organization=cast.home.organization, name=f"Of many {n}")
        remember(kpi, *((hour * (k * n % 7), k) for k in range(n)))
    values = KpiValue.objects.filter(kpi__in=kpis).order_by(*NEWEST_FIRST)
    for rows in (values, values.filter(at__lt=NOW - 2 * hour), values.filter(value__gt=2)):
        every = list(rows)
        for per_page in (1, 4, len(every)):
            pages = NewestFirst(rows, per_page, kpis=kpis)
            assert [value for page in pages for value in page] == every


def test_m4_the_newest_values_are_listed_and_the_next_page_goes_on(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    remember(kpi, *((timedelta(hours=n), n) for n in range(70)))
    remember(cast.home.margin, (timedelta(0), 99))
    KpiValue.objects.filter(kpi=cast.home.margin).exclude(value=99).delete()

    def listed(**asked: str) -> list[int]:
        page = admin.get("/admin/kpis/kpivalue/", asked)
        own = (kpi, cast.home.margin)
        return [int(value.value) for value in page.context["cl"].result_list if value.kpi in own]

    assert sorted(listed()[:2]) == [0, 99]
    assert [value for value in listed() + listed(p="2") if value != 99] == list(range(70))
    assert admin.get("/admin/kpis/kpivalue/", {"p": "9"}).status_code == 302


# ------------------------------------------------------------------ the list


def test_the_list_is_filtered_by_department_owner_visibility_and_direction(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    Kpi.objects.filter(pk=home.margin.pk).update(
        owner=cast.mia.user, direction=Direction.LOWER, department=home.support
    )
    filters = {
        "department__id__exact": str(home.support.pk),
        "owner__id__exact": cast.mia.id,
        "visibility__exact": Visibility.DEPARTMENT,
        "direction__exact": Direction.LOWER,
    }
    for name, value in filters.items():
        listed = admin.get(LIST, {name: value}).context["cl"]
        assert [kpi.pk for kpi in listed.queryset] == [home.margin.pk], name
    titles = {spec.title for spec in admin.get(LIST).context["cl"].filter_specs}
    assert {"department", "owner", "visibility", "direction"} <= titles


def test_a_filter_names_what_is_chosen_and_lists_nothing_else(cast: Cast, admin: Browser) -> None:
    mia, support = cast.mia.user, cast.home.support
    assert mia.name not in admin.get(LIST).content.decode()
    page = admin.get(LIST, {"owner__id__exact": str(mia.pk)}).content.decode()
    assert mia.name in page
    assert support.name not in page


def test_s2_filters_and_searches_find_nothing_of_another_organization(
    cast: Cast, admin: Browser
) -> None:
    other = cast.other
    elsewhere = Department.objects.create(organization=other.organization, name="Elsewhere")
    for asked in (
        {"department__id__exact": str(elsewhere.pk)},
        {"department__id__exact": str(other.sales.pk)},
        {"owner__id__exact": cast.charlie.id},
        {"organization__id__exact": other.id},
        {"q": str(other.revenue.pk)},
    ):
        answer = admin.get(LIST, asked)
        own = set(Kpi.objects.of(cast.home.organization.pk).values_list("pk", flat=True))
        if answer.status_code == 200:
            assert cast.charlie.user.name not in answer.content.decode()
            assert "Elsewhere" not in answer.content.decode()
            listed = {kpi.pk for kpi in answer.context["cl"].queryset}
            assert listed <= own
            assert not listed or "organization__id__exact" in asked
        else:
            assert answer.status_code in (302, 400)
    page = admin.get(LIST).content.decode()
    assert "Elsewhere" not in page
    assert cast.charlie.user.name not in page


@pytest.mark.parametrize(
    ("app", "model", "field"),
    [
        ("kpis", "kpi", "department"),
        ("kpis", "kpi", "owner"),
        ("kpis", "alertrule", "kpi"),
        ("kpis", "alertrule", "notify"),
        ("bos", "employee", "user"),
        ("bos", "employee", "department"),
        ("bos", "department", "parent"),
    ],
)
def test_s2_no_autocompletion_offers_what_is_another_organizations(
    cast: Cast, admin: Browser, stranger: Browser, app: str, model: str, field: str
) -> None:
    asked = {"app_label": app, "model_name": model, "field_name": field, "term": ""}
    own, foreign = (
        {found["id"] for found in browser.get("/admin/autocomplete/", asked).json()["results"]}
        for browser in (admin, stranger)
    )
    assert own
    assert foreign
    assert own.isdisjoint(foreign)
    email = cast.charlie.email.split("@")[0]
    for term in (email, "Charlie"):
        found = admin.get("/admin/autocomplete/", asked | {"term": term}).json()
        assert found["results"] == []


def test_numbers_are_shown_without_zeros_and_saved_exactly(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    page = admin.get(f"{LIST}{kpi.pk}/change/").content.decode()
    assert 'value="100"' in page
    assert "100 EUR" in page
    assert "100.0000" not in page
    doors.admin_change(admin, kpi, value="99999999999.9999")
    kpi.refresh_from_db()
    assert kpi.value == Decimal("99999999999.9999")
    assert 'value="99999999999.9999"' in admin.get(LIST).content.decode()


# ------------------------------------------------------------------ values that move meanwhile


def shown(page: Any) -> dict[str, str]:
    """The hidden fields by which the page says what it has shown."""
    inputs = re.findall(r"<input[^>]*>", page.content.decode())
    hidden = [one for one in inputs if 'name="initial-' in one]
    found = [dict(re.findall(r'(name|value)="([^"]*)"', one)) for one in hidden]
    return {one["name"]: one.get("value", "") for one in found}


def stored(kpi: Kpi) -> Kpi:
    found: Kpi = Kpi.objects.get(pk=kpi.pk)
    return found


def test_b1_a_value_that_moved_while_the_page_was_open_stays(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    address = f"{LIST}{kpi.pk}/change/"
    page = admin.get(address)
    assert set(shown(page)) == {"initial-value", "initial-target"}
    Kpi.objects.filter(pk=kpi.pk).update(value="777.5")
    before = log.head(cast.home.id).sequence
    answer = admin.post(address, doors.form(page, **shown(page), unit="USD"))
    assert answer.status_code == 302
    assert (stored(kpi).value, stored(kpi).unit) == (Decimal("777.5"), "USD")
    [event] = log.read(cast.home.id, after=before, upto=before + 9, limit=9)
    assert event.live_type == ""  # no KPI_UPDATED: no value was set


def test_b1_who_edits_a_value_that_moved_meanwhile_is_told_first(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    address = f"{LIST}{kpi.pk}/change/"
    page = admin.get(address)
    Kpi.objects.filter(pk=kpi.pk).update(value="777.5")
    again = admin.post(address, doors.form(page, **shown(page), value="300"))
    errors = again.context["adminform"].form.errors
    assert errors == {"value": ["It has become 777.5 meanwhile. Save again to replace that."]}
    assert stored(kpi).value == Decimal("777.5")
    answer = admin.post(address, doors.form(again, **shown(again)))
    assert answer.status_code == 302
    assert stored(kpi).value == 300


def test_b1_saving_one_row_of_the_list_sets_no_other_back(cast: Cast, admin: Browser) -> None:
    page = admin.get(LIST)
    forms = page.context["cl"].formset.forms
    posted = {"form-TOTAL_FORMS": len(forms), "form-INITIAL_FORMS": len(forms), "_save": "Save"}
    for form in forms:
        posted |= {form.add_prefix(n): form[n].value() for n in ("id", "value", "target")}
        if form.instance == cast.home.margin:
            posted[form.add_prefix("target")] = 9
    posted = {name: "" if value is None else value for name, value in posted.items()}
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value="888.25")
    before = log.head(cast.home.id).sequence
    assert admin.post(LIST, posted | shown(page)).status_code == 302
    assert stored(cast.home.revenue).value == Decimal("888.25")
    assert stored(cast.home.margin).target == 9
    changed = log.read(cast.home.id, after=before, upto=before + 9, limit=9)
    assert [event.entity_id for event in changed] == [str(cast.home.margin.pk)]
