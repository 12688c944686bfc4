"""Every address that takes an id, with ids that are none; how long answers are kept (s13)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from kpis.models import Kpi
from sync.eventlog.retention import prune_all
from tests.support.cast import PASSWORD, Cast
from tests.support.doors import browser

# No UUID, no number, too large for 32 and for 64 bits, what databases dislike, and nobody's.
NO_IDS = [
    *("x", "2147483648", "9223372036854775808", "a%00b", "%ff", str(uuid.UUID(int=0))),
]


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """The routes of all addresses, as they are written."""
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def addresses(no_id: str) -> list[str]:
    """Every address that takes something, with this in its place."""
    found = []
    for route in patterns(get_resolver()):
        if "<" not in route or "(?P" in route:
            continue
        parts = [
            part if n == 0 else no_id + part.partition(">")[2]
            for n, part in enumerate(route.split("<"))
        ]
        found.append("/" + "".join(parts))
    return found


@pytest.mark.parametrize("no_id", NO_IDS)
def test_s13_an_id_that_is_none_is_no_fault_of_ours_at_any_address(
    root: Browser, no_id: str
) -> None:
    asked = addresses(no_id)
    assert len(asked) > 50
    content_type = ContentType.objects.get_for_model(Kpi).pk
    asked += [f"/admin/r/{content_type}/{no_id}/", f"/admin/r/{no_id}/{no_id}/"]
    root.raise_request_exception = False
    answers = {address: root.get(address).status_code for address in asked}
    failed = {address: status for address, status in answers.items() if status >= 500}
    assert failed == {}


def test_s13_a_shortcut_to_what_has_no_page_is_a_404(root: Browser) -> None:
    content_type = ContentType.objects.get_for_model(Kpi).pk
    for id_ in ("x", "1", str(uuid.uuid4())):
        assert root.get(f"/admin/r/{content_type}/{id_}/").status_code == 404


@pytest.mark.parametrize(
    "path", ["/auth/token", "/auth/refresh", "/auth/nothing", "/api/kpis/history", "/healthz"]
)
def test_s13_what_tells_tokens_or_a_tenants_data_is_kept_by_nobody(cast: Cast, path: str) -> None:
    bearer = {"Authorization": f"Bearer {cast.bob.token}"}
    credentials = {"email": cast.bob.email, "password": PASSWORD}
    for answer in (
        Browser().get(path, headers=bearer),
        Browser().get(path),
        Browser().post(path, credentials, content_type="application/json"),
    ):
        told = set(answer.headers["Cache-Control"].split(", "))
        assert told >= {"no-store", "private"}, answer.status_code


def test_s13_a_session_that_has_expired_is_forgotten_and_no_other(cast: Cast) -> None:
    kept, expired = (browser(cast.alice).cookies["sessionid"].value for _ in range(2))
    ended = timezone.now() - timedelta(seconds=1)
    assert Session.objects.filter(pk=expired).update(expire_date=ended) == 1
    assert prune_all()["sessions of pages"] >= 1
    assert [Session.objects.filter(pk=key).exists() for key in (kept, expired)] == [True, False]
