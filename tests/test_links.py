"""A link in a mail or a chat opens, and no link changes anything (c8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client as Browser
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from bos.models import Notification
from kpis.models import Alert, Report, ReportFile, ReportState
from sync.models import StreamHead
from tests.support.cast import PASSWORD, Cast

BY_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def report(cast: Cast) -> Report:
    return make_report(cast)


def make_report(cast: Cast) -> Report:
    now, day = timezone.now(), date(2026, 1, 1)
    made = Report.objects.create(
        organization=cast.home.organization,
        from_day=day,
        to_day=day,
        format="pdf",
        state=ReportState.READY,
        ready_at=now,
        expires_at=now + timedelta(days=1),
    )
    ReportFile.objects.create(report=made, content=b"%PDF-1.7 a report")
    return made


def address_of(report: Report) -> str:
    return reverse("report-file", args=(report.pk,))


def test_c8_a_link_brings_the_session_along_and_a_post_from_elsewhere_does_not(
    cast: Cast,
) -> None:
    browser = Browser(enforce_csrf_checks=True)
    form = browser.get("/account/login/")
    token = form.cookies["csrftoken"]
    sent = {"email": cast.alice.email, "password": PASSWORD}
    refused = browser.post("/account/login/", sent)
    assert refused.status_code == 403
    signed_in = browser.post(
        "/account/login/?next=/admin/kpis/kpi/", {**sent, "csrfmiddlewaretoken": token.value}
    )
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/admin/kpis/kpi/")
    for cookie in (signed_in.cookies["sessionid"], token):
        assert cookie["samesite"] == "Lax"
    assert signed_in.cookies["sessionid"]["httponly"] is True
    # What a page of another site could post, if it had the cookies, is refused all the same.
    for header in ({}, {"Origin": "https://evil.example"}):
        answer = browser.post("/admin/kpis/kpi/add/", {"name": "Evil"}, headers=header)
        assert answer.status_code == 403


def test_c8_a_report_opens_for_who_is_signed_in_and_asks_others_to_sign_in(
    cast: Cast, report: Report, admin: Browser, stranger: Browser
) -> None:
    address = address_of(report)
    opened = admin.get(address, headers=BY_A_BROWSER)
    assert (opened.status_code, opened.content) == (200, b"%PDF-1.7 a report")
    asked = Browser().get(address, headers=BY_A_BROWSER)
    assert asked.status_code == 302
    assert asked["Location"] == f"/?next={address.replace('/', '%2F')}"
    assert stranger.get(address, headers=BY_A_BROWSER).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{}, {"Accept": "*/*"}, {"Accept": "application/json"}]
    + [{"Authorization": "Bearer no", **accept} for accept in ({}, BY_A_BROWSER)],
)
def test_c8_a_program_that_is_not_signed_in_gets_a_401_in_json(
    report: Report, headers: dict[str, str]
) -> None:
    answer = Browser().get(address_of(report), headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"]


def test_c8_no_link_changes_anything(cast: Cast, admin: Browser, report: Report) -> None:
    """Every address that there is, of a row where one is needed, asked for by GET."""
    now = timezone.now()
    of_home: dict[str, Any] = {"organization": cast.home.organization}
    Notification.objects.create(user=cast.alice.user, category="c", title="t", **of_home)
    Alert.objects.create(
        kpi=cast.home.revenue, severity="info", message="m", raised_at=now, **of_home
    )
    admin.get("/admin/")  # the session has been used
    ids = [str(row.pk) for row in (cast.home.revenue, cast.home.sales, cast.bob.user, report)]
    before = state_of_everything(cast)
    asked = [
        (address, admin.get(address, headers=BY_A_BROWSER).status_code)
        for address in addresses(ids)
        if "logout" not in address
    ]
    assert state_of_everything(cast) == before
    assert len([address for address, status in asked if status == 200]) > 40, asked
    assert admin.get("/admin/logout/").status_code == 405


def state_of_everything(cast: Cast) -> dict[str, Any]:
    """The organization's rows, and the head of its log, which every change of one moves on."""
    rows = {
        str(model._meta): model._default_manager.filter(organization_id=cast.home.id).count()
        for model in apps.get_models()
        if any(field.attname == "organization_id" for field in model._meta.concrete_fields)
    }
    assert len(rows) > 10
    head = StreamHead.objects.filter(pk=cast.home.id).values_list("sequence", flat=True).first()
    return rows | {"sequence": head}


def addresses(ids: list[str]) -> Iterator[str]:
    for names, keywords in named(get_resolver().url_patterns, ()):
        if not keywords:
            choices: list[dict[str, str]] = [{}]
        else:
            choices = [dict.fromkeys(keywords, id_) for id_ in ids]
        for values in choices:
            try:
                yield reverse(":".join(names), kwargs=values)
            except NoReverseMatch:
                continue


def named(patterns: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            within = (*above, pattern.namespace) if pattern.namespace else above
            yield from named(pattern.url_patterns, within)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield (*above, pattern.name), list(pattern.pattern.regex.groupindex)
