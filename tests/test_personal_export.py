"""All that is stored about a person, and nothing of anybody else (decision D6)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.auth import sign_ins
from bos.models import Employee, Notification, Role, ServiceKey, User
from bos.people import exporting
from bos.people.exporting import CHUNK, export
from bos.people.views import EXPORTS
from bos.service.keys import Scope, account_create, key_create
from collaboration.models import Annotation, Participant, Session
from kpis.models import KpiValue
from sync.protocol.identity import Actor, acting
from tests.support import doors
from tests.support.cast import Cast, Person
from tests.support.pages import Pages
from tests.support.server import Server

NAMES_OF_USERS = {"user_id", "actor_id", "author_id", "history_user_id"}
"""Columns that hold a user's id without a foreign key."""


def told(user: User) -> dict[str, Any]:
    """Return what the file of a user says."""
    parsed: dict[str, Any] = json.loads(b"".join(export(User.objects.get(pk=user.pk))))
    return parsed


def fields_that_name_users() -> set[str]:
    """List every field of every model by which rows are somebody's."""
    found = set()
    for model in apps.get_models():
        for field in (*model._meta.fields, *model._meta.many_to_many):
            related = getattr(field, "related_model", None)
            is_copy = model._meta.label != field.model._meta.label  # of a parent's table
            if is_copy:
                continue
            if related is User or (related is None and field.name in NAMES_OF_USERS):
                found.add(f"{model._meta.label}.{field.name}")
    return found


@pytest.mark.once("sqlite")
def test_d6_every_field_that_names_a_user_is_exported_or_left_out_with_a_reason() -> None:
    there, covered, left_out = (
        fields_that_name_users(),
        exporting.covered(),
        exporting.left_out(),
    )
    assert there - covered - left_out.keys() == set()
    assert (covered | left_out.keys()) - there == set()
    assert covered & left_out.keys() == set()
    assert all(len(reason) > 20 for reason in left_out.values())


def _live(cast: Cast, person: Person) -> Session:
    """Do a little of everything, as this person."""
    user, now, home = person.user, timezone.now(), cast.home
    mark = f"mark of {user.name}"
    sign_ins.begin(user, refresh_id=f"secret {uuid.uuid4().hex}", address="192.0.2.7")
    Notification.objects.create(
        organization=home.organization, user=user, category="x", title=mark, message=mark
    )
    session = Session.objects.create(
        organization=home.organization, host=user, title=mark, active_space="room"
    )
    Participant.objects.create(session=session, user=user, state_since=now, joined_at=now)
    Annotation.objects.create(
        session=session, author=user, x=1, y=2, z=3, content=mark, content_type="text"
    )
    KpiValue.objects.create(kpi=home.margin, value=7, at=now, actor_id=person.id)
    with acting(Actor(user_id=person.id, source="admin")):
        Employee.objects.create(organization=home.organization, name=mark)
    account = account_create(
        home.organization.pk, name=f"meter {mark}", role=Role.MANAGER, created_by=user
    )
    key_create(account, label=mark, scopes=[Scope.READ], expires_at=None, created_by=user)
    return session


def test_d6_an_export_has_all_of_a_person_and_nothing_of_another(cast: Cast) -> None:
    for person in (cast.mia, cast.bob):
        _live(cast, person)
    parts = told(cast.mia.user)
    [profile] = parts["profile"]
    assert (profile["email"], profile["role"]) == (cast.mia.email, "manager")
    assert len(parts["employees"]) == 1
    assert parts["signIns"][0]["address"] == "192.0.2.7"
    for label in ("sessions", "participations", "notes", "notifications", "serviceKeys"):
        [row] = parts[label]
        assert "mark of Mia" in str(row), label
    assert parts["changesOfEmployees"][0]["kind"] == "created"
    assert [value["value"] for value in parts["values"]] == ["7"]
    text = json.dumps(parts)
    for theirs in (cast.bob.email, cast.bob.id, "mark of Bob", cast.charlie.email):
        assert theirs not in text


def test_d6_no_secret_is_in_an_export_not_even_as_a_hash(cast: Cast) -> None:
    _live(cast, cast.mia)
    text = json.dumps(told(cast.mia.user))
    user = User.objects.get(pk=cast.mia.user.pk)
    [key] = ServiceKey.objects.filter(created_by=user)
    assert user.password not in text
    assert user.password.rpartition("$")[2] not in text
    assert key.secret_hash not in text
    assert "secret " not in text


def test_d6_an_export_is_read_and_written_some_rows_at_a_time(cast: Cast) -> None:
    now = timezone.now()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=cast.home.revenue, value=n, at=now, actor_id=cast.mia.id) for n in range(3_000)
    )
    chunks = list(export(cast.mia.user))
    assert len(chunks) > 3
    assert max(map(len, chunks)) < CHUNK + 1_000
    assert len(json.loads(b"".join(chunks))["values"]) == 3_000


async def test_d6_a_large_export_comes_whole_through_the_server(cast: Cast, server: Server) -> None:
    now = timezone.now()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=cast.home.revenue, value=n, at=now, actor_id=cast.mia.id) for n in range(9_500)
    )
    status, text = await Pages(server, cast.mia).get("/account/data/")
    assert status == 200
    assert len(text) > 2**20
    assert len(json.loads(text)["values"]) == 9_500


def test_d6_one_downloads_ones_own_and_the_eleventh_in_an_hour_waits(cast: Cast) -> None:
    browser = doors.browser(cast.bob)
    answer: Any = browser.get("/account/data/")
    assert answer["Content-Disposition"].startswith('attachment; filename="bos-data-')
    assert "no-store" in answer["Cache-Control"]
    assert json.loads(answer.getvalue())["profile"][0]["email"] == cast.bob.email
    statuses = [browser.get("/account/data/").status_code for _ in range(EXPORTS.amount)]
    assert statuses == [200] * (EXPORTS.amount - 1) + [302]


def test_d6_an_administrator_downloads_those_of_their_own_organization(
    cast: Cast, admin: Browser, stranger: Browser, root: Browser
) -> None:
    path = reverse("admin:bos_user_data", args=[cast.bob.user.pk])
    answer: Any = admin.post(path)
    assert json.loads(answer.getvalue())["profile"][0]["email"] == cast.bob.email
    assert LogEntry.objects.filter(user=cast.alice.user, object_id=cast.bob.id).count() == 1
    assert admin.get(path).status_code == 405
    assert stranger.post(path).status_code == 404
    unknown = reverse("admin:bos_user_data", args=[uuid.uuid4()])
    assert admin.post(unknown).status_code == 404
    assert doors.browser(cast.mia).post(path).status_code == 302
    User.objects.filter(pk=cast.vera.user.pk).update(is_superuser=True)
    superusers = reverse("admin:bos_user_data", args=[cast.vera.user.pk])
    assert (admin.post(superusers).status_code, root.post(superusers).status_code) == (403, 200)


def test_d6_an_administrator_learns_nothing_of_where_somebody_was_before(
    cast: Cast, stranger: Browser, root: Browser
) -> None:
    Notification.objects.create(
        organization=cast.home.organization, user=cast.bob.user, category="x", title="Of home"
    )
    bob = User.objects.get(pk=cast.bob.user.pk)
    bob.organization = cast.other.organization
    bob.save()
    path = reverse("admin:bos_user_data", args=[bob.pk])
    answer = stranger.post(path, follow=True)
    html = answer.content.decode()
    assert "They have belonged to another organization" in html
    assert "Of home" not in html
    by_root: Any = root.post(path)
    assert b"Of home" in by_root.getvalue()


def test_d6_a_superuser_of_no_organization_has_an_export_too(root: Browser) -> None:
    answer: Any = root.get("/account/data/")
    assert json.loads(answer.getvalue())["profile"][0]["organization"] is None


def test_d6_fields_are_found_by_what_they_refer_to() -> None:
    found = fields_that_name_users()
    assert {"bos.Employee.user", "kpis.AlertRule.notify", "kpis.KpiValue.actor_id"} <= found
    assert all(issubclass(apps.get_model(f.rpartition(".")[0]), models.Model) for f in found)
