"""How the admin's pages are served: their policy, their sidebar, whom background work is for."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client as Browser
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from tests.support import doors
from tests.support.cast import PASSWORD, Cast

SYSTEM = (Schedule, Success, Failure, OrmQ)


def policy(browser: Browser, path: str) -> dict[str, str]:
    header = browser.get(path).headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


# ------------------------------------------------------------------ the policy


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/schema", "/administration", "/account/2fa/"]
)
def test_no_page_but_the_admins_may_evaluate_scripts_or_style_inline(
    admin: Browser, path: str
) -> None:
    directives = policy(admin, path)
    assert "script-src" not in directives
    assert "style-src" not in directives
    assert directives["default-src"] == "'self'"
    assert "unsafe" not in str(directives)


@pytest.mark.parametrize("path", ["/admin/", "/admin/kpis/kpi/"])
def test_the_admin_may_evaluate_scripts_of_its_own_and_no_others(path: str, cast: Cast) -> None:
    directives = policy(doors.browser(cast.alice), path)
    assert directives["script-src"] == "'self' 'unsafe-eval'"
    assert directives["style-src"] == "'self' 'unsafe-inline'"
    assert directives["default-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["object-src"] == "'none'"


# ------------------------------------------------------------------ the sidebar


def sidebar(browser: Browser) -> list[str]:
    groups = browser.get("/admin/").context["sidebar_navigation"]
    return [item["link"] for group in groups for item in group["items"]]


def test_every_link_of_the_sidebar_opens_a_page_without_a_script_in_it(
    admin: Browser, root: Browser
) -> None:
    """Inline scripts would be refused by the policy, and nobody would notice."""
    for visitor in (admin, root):
        links = sidebar(visitor)
        assert len(links) == len(set(links)) > 10
        for link in links:
            page = visitor.get(link)
            assert page.status_code == 200, link
            html = page.content.decode()
            scripts = re.findall(r"<script([^>]*)>", html)
            assert scripts
            assert all("src=" in s or "application/json" in s for s in scripts), link
            assert not re.search(r'\son\w+="', html), link
            assert not re.search(r'(?:src|href)="(?:https?:)?//', html), link


def test_every_list_of_the_admin_is_in_the_sidebar_or_a_tab_of_one(root: Browser) -> None:
    context = root.get("/admin/").context
    links = {str(item["link"]) for tabs in context["tab_list"] for item in tabs["items"]}
    links |= set(sidebar(root))
    lists = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    }
    assert lists - links == set()


def test_who_is_signed_in_and_asks_for_the_admins_door_is_shown_the_admin(cast: Cast) -> None:
    browser = Browser()
    browser.post("/account/login/", {"email": cast.alice.email, "password": PASSWORD})
    answer = browser.get("/admin/login/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_s3_who_is_signed_in_and_no_administrator_is_told_so(cast: Cast) -> None:
    browser = Browser()
    browser.post("/account/login/", {"email": cast.bob.email, "password": PASSWORD})
    answer = browser.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "these pages are for administrators" in answer.content.decode()


# ------------------------------------------------------------------ background work


@pytest.mark.parametrize("model", SYSTEM, ids=lambda model: model.__name__)
def test_an_organizations_admin_has_no_hand_in_background_work(
    cast: Cast, admin: Browser, root: Browser, model: type[Model]
) -> None:
    """A schedule may call any function, and a queue holds what is of other organizations."""
    schedule = Schedule.objects.create(name=cast.home.id, func="builtins.print", repeats=0)
    name = model._meta.model_name
    pages = [reverse(f"admin:django_q_{name}_{page}") for page in ("changelist", "add")]
    pages.append(reverse(f"admin:django_q_{name}_change", args=[schedule.pk]))
    for page in pages:
        assert admin.get(page).status_code == 403
        posted = admin.post(page, {"func": "builtins.exit", "name": "x", "schedule_type": "O"})
        assert posted.status_code == 403
    assert pages[0] not in sidebar(admin)
    assert Schedule.objects.get(pk=schedule.pk).func == "builtins.print"
    assert root.get(pages[0]).status_code == 200


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize("page", ["x", "-1", "0", "99", "1.5"])
def test_a_page_of_found_things_that_does_not_exist_is_not_found(admin: Browser, page: str) -> None:
    assert admin.get("/admin/search/", {"s": "kpi"}).status_code == 200
    assert admin.get("/admin/search/", {"s": "kpi", "page": page}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "kpis/alertrule/?kind__exact=%00",
        "bos/import/?x=1&x=%00",
        "kpis/alert/?raised_at__year=99999999999999999999",
        "bos/historicaluser/?history_date__year=2026&history_date__month=99999999999999999999",
    ],
)
def test_a_query_that_no_list_can_read_is_refused(admin: Browser, path: str) -> None:
    assert admin.get(f"/admin/{path}").status_code == 400


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("bos/department/", "parent"),
        ("bos/employee/", "user"),
        ("kpis/kpi/", "department"),
        ("kpis/connector/", "kpi"),
        ("kpis/alertrule/", "notify"),
        ("kpis/reportschedule/", "department"),
    ],
)
@pytest.mark.parametrize("id_", ["x", "9" * 40, "\0", "{00000000-0000-4000-8000-000000000000}"])
def test_what_can_be_no_id_is_refused_beside_its_field(
    admin: Browser, path: str, field: str, id_: str
) -> None:
    answer = admin.post(f"/admin/{path}add/", {field: id_})
    assert answer.status_code == 200
    assert answer.context["adminform"].errors[field]


@pytest.mark.parametrize("path", ["kpis/kpi/", "bos/user/", "kpis/alertrule/", "sync/event/"])
@pytest.mark.parametrize(
    "query", ["p=x", "p=99999999999999999999", "o=x", "o=999", "q='", "nonsense=1", "kpi__id=x"]
)
def test_nonsense_in_a_query_of_a_list_is_no_traceback(
    admin: Browser, path: str, query: str
) -> None:
    answer = admin.get(f"/admin/{path}?{query}", follow=True)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("bos/department", "parent"),
        ("bos/employee", "department"),
        ("kpis/alertrule", "kpi"),
        ("kpis/alertrule", "notify"),
        ("kpis/kpi", "owner"),
        ("kpis/reportschedule", "department"),
    ],
)
@pytest.mark.parametrize("value", ["x", "-1", "", "00000000-0000-0000-0000-000000000000"])
def test_nonsense_that_fills_in_a_form_is_no_traceback(
    admin: Browser, path: str, field: str, value: str
) -> None:
    assert admin.get(f"/admin/{path}/add/", {field: value}).status_code == 200
