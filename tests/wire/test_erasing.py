"""A person is erased: nothing names them any more, and nothing of others' is lost (decision V6)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import CharField, JSONField, Model, TextField
from django.db.models.functions import Cast as As
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.leaving.people import FORMER, employee_erase, user_erase
from bos.leaving.rules import LastAdmin
from bos.models import Employee, Notification, Role, SignIn, User
from collaboration.models import Annotation, Session
from kpis.models import Alert, AlertRule, Kpi, KpiValue
from sync.protocol.identity import Actor, acting
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.mirror import apply, snapshot
from tests.support.rest import Caller
from tests.support.server import Server
from tests.test_caps import pin, start


def _unheard() -> tuple[str, str]:
    """A name and an address that nobody else has, in this test or another."""
    unique = uuid.uuid4().hex
    return f"Zebulon {unique}", f"z-{unique}@private.example"


@pytest.fixture
def zebulon(cast: Cast) -> Person:
    """bob, under a name that nobody else has."""
    user = cast.bob.user
    user.name, user.email = _unheard()
    user.save()
    employee = Employee.objects.get(user=user)
    employee.name, employee.email = user.name, user.email
    employee.save()
    return cast.bob


def _leave_traces(cast: Cast, admin: Browser, zebulon: Person) -> Session:
    """In every place that there is for a name."""
    home, user = cast.home, zebulon.user
    session = start(zebulon, cast.mia, cast.alice)
    pin(zebulon, session, "kept")
    with acting(Actor(user_id=zebulon.id, source="websocket")):
        home.margin.value = 8
        home.margin.save()
        home.sales.name = "Sales by Z"
        home.sales.save()
    doors.admin_change(admin, user, role=Role.VIEWER)
    doors.admin_change(admin, Employee.objects.get(user=user), title="Captain")
    Kpi.objects.filter(pk=home.revenue.pk).update(owner=user)
    Alert.objects.create(
        organization=home.organization,
        kpi=home.margin,
        severity="info",
        message="high",
        raised_at=timezone.now(),
        acknowledged_by=user,
        acknowledged_at=timezone.now(),
    )
    rule = AlertRule.objects.create(
        organization=home.organization, kpi=home.margin, kind="above", threshold=99
    )
    rule.notify.add(user)
    Notification.objects.create(organization=home.organization, user=user, title=f"Hi {user.name}")
    user.refresh_from_db()
    assert Caller().sign_in(zebulon, PASSWORD)[0] == 200
    return session


def _named_in(*needles: str) -> Iterator[str]:
    """Where one of these stands, in all text of all tables."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, CharField | TextField | JSONField):
                for needle in needles:
                    if _rows_with(model, field.name, needle):
                        yield f"{model.__name__}.{field.name}"


def _rows_with(model: type[Model], field: str, needle: str) -> bool:
    rows: Any = model._base_manager.annotate(as_text=As(field, TextField()))
    return bool(rows.filter(as_text__icontains=needle).exists())


async def test_v6_an_erased_person_is_named_nowhere_and_all_that_was_made_stays(
    server: Server, cast: Cast, admin: Browser, zebulon: Person
) -> None:
    name, email = zebulon.user.name, zebulon.email
    session = _leave_traces(cast, admin, zebulon)
    assert {
        "User.name",
        "HistoricalUser.email",
        "Event.data",
        "Event.live",
        "LogEntry.object_repr",
    } <= set(_named_in(name, email))
    org, room = cast.home.topic, f"session:{session.pk}"
    async with (
        await Client.connect(server, zebulon) as own,
        await Client.connect(server, cast.mia) as mia,
    ):
        await own.ask("SESSION_JOIN", {"sessionId": str(session.pk)})
        followed = [(org,), (room,), (f"user:{cast.mia.id}",), (org, room)]
        old = [(of, *await snapshot(mia, *of)) for of in followed]
        assert name in str(old)
        page = reverse("admin:bos_user_erase", args=[zebulon.id])
        assert admin.get(page).status_code == 200
        assert admin.post(page, {"typed": "somebody@else.example"}).status_code == 200
        assert User.objects.get(pk=zebulon.id).name == name
        assert admin.post(page, {"typed": email}).status_code == 302
        erased = time.monotonic()
        code, _ = await own.closed(2)
        assert code == 4403
        assert time.monotonic() - erased < 2
        for of, shown, sequence in old:
            missed = await mia.sync(*of, lastSequence=sequence)
            fresh, _ = await snapshot(mia, *of)
            assert apply(dict(shown), missed) == fresh, of
            assert name not in str(fresh)
            # A client that catches up from before learns no name either.
            assert name not in str(await mia.sync(*of, lastSequence=sequence))
    assert list(_named_in(name, email)) == []
    note = Annotation.objects.get(session=session)
    assert note.author is not None
    assert (note.content, note.author.name) == ("kept", FORMER)
    host = Session.objects.get(pk=session.pk).host
    assert host is not None
    assert host.name == FORMER
    assert KpiValue.objects.filter(kpi=cast.home.margin, actor_id=zebulon.id).count() == 1
    assert Kpi.objects.get(pk=cast.home.revenue.pk).owner is None
    assert not Employee.objects.filter(user_id=zebulon.id).exists()
    assert not SignIn.objects.filter(user_id=zebulon.id).exists()


def test_v6_the_organization_that_somebody_was_moved_from_forgets_the_name_too(
    cast: Cast, admin: Browser, root: Browser, zebulon: Person
) -> None:
    name, email = zebulon.user.name, zebulon.email
    _leave_traces(cast, admin, zebulon)
    doors.admin_change(root, zebulon.user, organization=str(cast.other.id))
    page = reverse("admin:bos_user_erase", args=[zebulon.id])
    assert root.post(page, {"typed": email}).status_code == 302
    assert list(_named_in(name, email)) == []


def test_v6_the_histories_show_a_former_user(cast: Cast, admin: Browser, zebulon: Person) -> None:
    gone = (zebulon.user.name, zebulon.email)
    _leave_traces(cast, admin, zebulon)
    user_erase(zebulon.user)
    page = reverse("admin:bos_department_history", args=[cast.home.sales.pk])
    assert FORMER in {entry.author for entry in admin.get(page).context["entries"]}
    for name in ("user", "employee"):
        changes = reverse(f"admin:bos_historical{name}_changelist")
        html = admin.get(changes).content.decode()
        assert FORMER in html
        assert not [one for one in gone if one in html]


def test_v6_the_erased_are_on_no_page_and_cannot_come_back(
    cast: Cast, admin: Browser, zebulon: Person
) -> None:
    email = zebulon.email
    access, refresh = zebulon.token, zebulon.refresh_token
    user_erase(zebulon.user)
    assert zebulon.id not in admin.get(reverse("admin:bos_user_changelist")).content.decode()
    for name in ("change", "delete"):
        page = reverse(f"admin:bos_user_{name}", args=[zebulon.id])
        assert admin.post(page, {"is_active": "on", "act": "delete"}).status_code == 302
    assert admin.get(reverse("admin:bos_user_erase", args=[zebulon.id])).status_code == 404
    kpi = reverse("admin:kpis_kpi_change", args=[cast.home.revenue.pk])
    refused = admin.post(kpi, doors.form(admin.get(kpi), owner=zebulon.id))
    assert list(refused.context["adminform"].form.errors) == ["owner"]
    history = admin.get(reverse("admin:bos_user_history", args=[zebulon.id]))
    assert history.context["gone"] == "The person has been erased."
    assert not User.objects.get(pk=zebulon.id).is_active
    caller = Caller()
    assert caller.get("/api/kpis/history", access)[0] == 401
    assert caller.post("/auth/refresh", {"refresh": refresh})[0] == 401
    assert caller.post("/auth/token", {"email": email, "password": PASSWORD})[0] == 401
    # The address is free.
    User.objects.create_user(email, PASSWORD, name="Another", organization=cast.home.organization)


def test_v6_the_last_admin_is_erased_once_another_is_named(cast: Cast, admin: Browser) -> None:
    with pytest.raises(LastAdmin):
        user_erase(cast.alice.user)
    page = reverse("admin:bos_user_erase", args=[cast.alice.id])
    typed = {"typed": cast.alice.email}
    assert list(admin.post(page, typed).context["question"].form.errors) == ["successor"]
    assert admin.post(page, typed | {"successor": cast.mia.id}).status_code == 302
    assert User.objects.get(pk=cast.alice.id).name == FORMER
    assert User.objects.get(pk=cast.mia.id).role == Role.ADMIN


def test_v6_an_employee_who_does_not_sign_in_is_erased_too(cast: Cast, admin: Browser) -> None:
    name, email = _unheard()
    employee = Employee.objects.create(
        organization=cast.home.organization, name=name, email=email, title="Captain"
    )
    doors.admin_change(admin, employee, title="Admiral")
    page = reverse("admin:bos_employee_erase", args=[employee.pk])
    assert admin.post(page, {"typed": "Another"}).status_code == 200
    assert admin.post(page, {"typed": name}).status_code == 302
    assert list(_named_in(name, email)) == []
    assert not Employee.objects.filter(pk=employee.pk).exists()


async def test_v4_a_new_name_is_on_all_notes_and_in_all_sessions(
    server: Server, cast: Cast, zebulon: Person
) -> None:
    """An old snapshot plus a sync equals a fresh one after a user is renamed, too."""
    name = zebulon.user.name
    session = start(zebulon, cast.mia)
    pin(zebulon, session, "mine")
    topic = f"session:{session.pk}"
    async with await Client.connect(server, cast.mia) as mia:
        shown, sequence = await snapshot(mia, topic)
        zebulon.user.name = "Renamed"
        zebulon.user.save(update_fields=["name"])
        missed = await mia.sync(topic, lastSequence=sequence)
        fresh, _ = await snapshot(mia, topic)
    assert apply(shown, missed) == fresh
    assert name not in str(fresh)
    assert "Renamed" in str(fresh)


def test_v6_only_what_is_theirs_is_renamed(cast: Cast, zebulon: Person) -> None:
    """Another of the same name, and what others have written."""
    name = zebulon.user.name
    twin = User.objects.create(
        email=f"twin-{zebulon.email}", name=name, organization=cast.home.organization
    )
    session = start(zebulon)
    note = pin(zebulon, session, f"{name} was here")
    user_erase(zebulon.user)
    assert User.objects.get(pk=twin.pk).name == name
    assert Annotation.objects.get(pk=note.pk).content == f"{name} was here"
    employee = Employee.objects.create(organization=cast.home.organization, name=name)
    employee_erase(employee)
    assert User.history.filter(id=twin.pk).first().name == name
