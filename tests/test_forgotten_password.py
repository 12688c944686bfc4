"""A forgotten password is set anew by whoever has the mailbox, and tells nobody anything (D6)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from bos.models import AccountLink, Job, Role, User
from bos.people import resetting, sending
from bos.service.keys import account_create
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.mailbox import Mailbox, do_jobs, html_of, links_in, mail_server, send_by, text_of
from tests.support.rest import Caller, an_address

RESET = "/account/password/reset/"
NEW = "nine blue herons"


@pytest.fixture(scope="module")
def a_mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def box(a_mailbox: Mailbox, settings: Any) -> Mailbox:
    send_by(a_mailbox, settings)
    do_jobs(sending.send_reset)  # nothing of other tests is to be sent
    return a_mailbox


def nobodys() -> str:
    return f"{uuid.uuid4().hex}@test.example"


def ask(email: str, address: str = "") -> Any:
    return Browser(REMOTE_ADDR=address or an_address()).post(RESET, {"email": email})


def test_d6_a_forgotten_password_is_set_anew_in_the_organization_that_is_meant(
    cast: Cast, box: Mailbox
) -> None:
    there = User.objects.create_user(
        cast.bob.email, "another one of mine", name="Bob", organization=cast.other.organization
    )
    # What stands around it, and how it is written, makes no other address.
    assert ask(f" {cast.bob.email.upper()} ").status_code == 302
    assert do_jobs(sending.send_reset) == 1
    [mail] = box.to(cast.bob.email)
    for organization in (cast.home.organization, cast.other.organization):
        assert organization.name in text_of(mail)
        assert organization.name in html_of(mail)
    links = links_in(mail)
    assert len(links) == 2
    home = links[0] if text_of(mail).index("Home") < text_of(mail).index("Other") else links[1]
    browser = Browser()
    opened = browser.get(home.removeprefix(django_settings.PUBLIC_URL))
    form = {"new_password1": NEW, "new_password2": NEW}
    assert browser.post(opened["Location"], form).status_code == 302
    there.refresh_from_db()
    assert there.check_password("another one of mine")
    assert Caller().sign_in(cast.bob, NEW)[0] == 200
    assert Caller().sign_in(cast.bob, PASSWORD)[0] == 401


def shape(statements: list[dict[str, str]]) -> list[str]:
    """The statements without what they say."""
    return [re.sub(r"'[^']*'|\b[0-9][0-9a-f.:-]*\b", "?", one["sql"]) for one in statements]


def test_d6_nobody_learns_whether_somebody_has_an_address(cast: Cast, box: Mailbox) -> None:
    """The same answer after the same statements: what differs is a worker's."""
    ask(nobodys())  # what is done once a process is done
    answers, statements = [], []
    for email in (cast.bob.email, nobodys(), f"erased@{uuid.uuid4().hex}.invalid"):
        with CaptureQueriesContext(connection) as captured:
            answers.append(ask(email))
        statements.append(shape(captured.captured_queries))
    assert statements[0] == statements[1] == statements[2]
    assert statements[0]
    first = answers[0]
    for answer in answers[1:]:
        assert (answer.status_code, answer["Location"]) == (302, first["Location"])
        assert answer.content == first.content
        assert set(answer.headers) == set(first.headers)
    assert do_jobs(sending.send_reset) == 4
    assert len(box.to(cast.bob.email)) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_d6_an_address_is_asked_for_so_often_an_hour_and_the_next_says_so(
    cast: Cast, box: Mailbox, is_known: bool
) -> None:
    email = cast.bob.email if is_known else nobodys()
    statuses = [ask(email).status_code for _ in range(resetting.PER_ACCOUNT.amount + 1)]
    assert statuses == [302] * resetting.PER_ACCOUNT.amount + [429]
    assert "Try again in" in ask(email).content.decode()
    assert do_jobs(sending.send_reset) == resetting.PER_ACCOUNT.amount


def test_d6_an_office_asks_so_often_an_hour_whoever_it_is_for(box: Mailbox) -> None:
    address = an_address()
    most = resetting.PER_ADDRESS.amount
    statuses = [ask(nobodys(), address).status_code for _ in range(most + 1)]
    assert statuses == [302] * most + [429]
    assert ask(nobodys()).status_code == 302


def test_d6_who_cannot_come_in_by_a_password_gets_no_mail(cast: Cast, box: Mailbox) -> None:
    inactive = cast.vera
    User.objects.filter(pk=inactive.user.pk).update(is_active=False)
    by_other_means = User(
        email=nobodys(), name="Olga", organization=cast.home.organization, role=Role.VIEWER
    )
    by_other_means.set_unusable_password()
    by_other_means.save()
    root = User.objects.create_superuser(nobodys(), PASSWORD, name="Root")
    machine = account_create(
        cast.home.organization.pk, name="meters", role=Role.VIEWER, created_by=None
    )
    before = len(box.received)
    for person in (inactive, Person(by_other_means), Person(root), Person(machine.user)):
        ask(person.email or nobodys())
    do_jobs(sending.send_reset)
    assert len(box.received) == before
    assert not AccountLink.objects.filter(user=by_other_means).exists()


def test_d6_a_request_alone_changes_nothing(cast: Cast, box: Mailbox) -> None:
    _, pair = Caller().sign_in(cast.bob)
    ask(cast.bob.email)
    do_jobs(sending.send_reset)
    assert Caller().get("/api/v1/me", pair["access"])[0] == 200
    assert Caller().sign_in(cast.bob)[0] == 200


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "x" * 250 + "@test.example", "a\0@b.de"])
def test_d6_what_is_no_address_is_told_beside_its_field(box: Mailbox, email: str) -> None:
    answer = ask(email)
    assert answer.status_code == 200
    assert answer.context["form"].errors["email"]
    assert do_jobs(sending.send_reset) == 0


def test_d6_the_address_is_not_kept_readable_among_the_jobs(cast: Cast, box: Mailbox) -> None:
    ask(cast.bob.email)
    [job] = [job for job in Job.objects.all() if job.task["func"].endswith("send_reset")]
    assert cast.bob.email not in str(job.task)
