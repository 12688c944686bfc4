"""People come in by one-time links, and nobody else does by them (decision D6)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.leaving.people import user_erase
from bos.models import AccountLink, Employee, LinkKind, Notification, Role, SignIn, User
from bos.people import sending
from bos.people.invitations import invite
from bos.people.links import link_tokens, use
from bos.sealed import seal
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.mailbox import Mailbox, do_jobs, html_of, links_in, mail_server, send_by, text_of
from tests.support.rest import Caller

INVITE = "/admin/bos/user/invite/"
NEW = "nine blue herons"


@pytest.fixture(scope="module")
def a_mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def box(a_mailbox: Mailbox, settings: Any) -> Mailbox:
    send_by(a_mailbox, settings)
    AccountLink.objects.update(next_try_at=None)  # nothing of other tests is to be sent
    return a_mailbox


def an_email() -> str:
    return f"new-{uuid.uuid4().hex[:10]}@test.example"


def invited(cast: Cast, **more: Any) -> User:
    values = {"email": an_email(), "name": "Nora New", "role": Role.MEMBER} | more
    return invite(cast.home.organization, invited_by=cast.alice.user, **values)


def link_of(user: User, box: Mailbox) -> str:
    """Send what is due, and return the path of the user's last link."""
    sending.send_invitation(str(user.pk))
    [link] = links_in(box.to(user.email)[-1])
    return link.removeprefix(django_settings.PUBLIC_URL)


def a_link(cast: Cast, box: Mailbox) -> tuple[User, str]:
    user = invited(cast)
    return user, link_of(user, box)


def set_password(browser: Browser, link: str, password: str = NEW) -> Any:
    opened = browser.get(link)
    if opened.status_code != 302:
        return opened
    form = {"new_password1": password, "new_password2": password}
    return browser.post(opened["Location"], form)


# ------------------------------------------------------------------ the way in


def test_d6_an_invited_person_chooses_a_password_and_is_in(
    cast: Cast, admin: Browser, box: Mailbox
) -> None:
    email = an_email()
    form = {
        "email": email.upper(),
        "name": " Nora  New ",
        "role": "manager",
        "department": str(cast.home.sales.pk),
        "title": "Buyer",
    }
    assert admin.post(INVITE, form).status_code == 302
    user = User.objects.of(cast.home.id).get(email=email)
    assert (user.name, user.role, user.has_usable_password()) == ("Nora New", "manager", False)
    employee = Employee.objects.get(user=user)
    assert (employee.department_id, employee.title) == (cast.home.sales.pk, "Buyer")
    assert do_jobs(sending.send_invitation) >= 1

    [mail] = box.to(email)
    assert cast.home.organization.name in mail["Subject"]
    assert "Alice invites you" in text_of(mail)
    [link] = links_in(mail)
    assert link in html_of(mail)
    browser = Browser()
    opened = browser.get(link.removeprefix(django_settings.PUBLIC_URL))
    token = link.rstrip("/").rpartition("/")[2]
    assert opened.status_code == 302
    assert token not in opened["Location"]
    assert opened["Referrer-Policy"] == "no-referrer"
    page = browser.get(opened["Location"])
    assert (page.status_code, token in page.content.decode()) == (200, False)
    for answer in (opened, page):
        assert "no-store" in answer["Cache-Control"]
    form = {"new_password1": NEW, "new_password2": NEW}
    answer = browser.post(opened["Location"], form)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert email in browser.get("/account/").content.decode()
    assert Caller().sign_in(Person(user), NEW)[0] == 200
    link_row = AccountLink.objects.get(user=user)
    assert link_row.used_at is not None
    assert link_row.sent_at is not None


def test_d6_an_employee_who_was_there_becomes_the_user(cast: Cast, box: Mailbox) -> None:
    email = an_email()
    waiting = Employee.objects.create(
        organization=cast.home.organization,
        department=cast.home.support,
        name="N. New",
        email=email.upper(),
        title="Clerk",
    )
    user = invited(cast, email=email)
    waiting.refresh_from_db()
    assert (waiting.user_id, waiting.department_id) == (user.pk, cast.home.support.pk)
    assert (waiting.name, waiting.title) == ("N. New", "Clerk")
    assert Employee.objects.of(cast.home.id).filter(user=user).count() == 1


def test_d6_a_link_works_once(cast: Cast, box: Mailbox) -> None:
    user, link = a_link(cast, box)
    assert set_password(Browser(), link).status_code == 302
    again = set_password(Browser(), link, "eight red herons")
    assert again.status_code == 410
    assert "This link no longer works" in again.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_d6_of_two_who_have_opened_a_link_one_sets_the_password(cast: Cast, box: Mailbox) -> None:
    user, link = a_link(cast, box)
    first, second = Browser(), Browser()
    forms = [browser.get(link)["Location"] for browser in (first, second)]
    one, other = ({"new_password1": p, "new_password2": p} for p in (NEW, "eight red herons"))
    assert first.post(forms[0], one).status_code == 302
    assert second.post(forms[1], other).status_code == 410
    user.refresh_from_db()
    assert user.check_password(NEW)
    token = link.rstrip("/").rpartition("/")[2]
    assert use(user.pk, token, password_hash="x") is None


def test_d6_whoever_was_signed_in_where_a_link_is_used_is_so_no_more(
    cast: Cast, box: Mailbox
) -> None:
    _, link = a_link(cast, box)
    browser = doors.browser(cast.bob)
    assert set_password(browser, link)["Location"] == "/account/"
    assert cast.bob.email not in browser.get("/account/").content.decode()
    assert not SignIn.objects.filter(user=cast.bob.user, ended_at=None).exists()


def test_d6_a_mail_scanner_uses_nothing_up(cast: Cast, box: Mailbox) -> None:
    user, link = a_link(cast, box)
    for _ in range(3):
        scanner = Browser()
        assert scanner.get(scanner.get(link)["Location"]).status_code == 200
        assert scanner.head(link).status_code == 302
    assert set_password(Browser(), link).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_d6_a_password_that_is_too_weak_leaves_the_link_as_it_is(cast: Cast, box: Mailbox) -> None:
    user, link = a_link(cast, box)
    browser = Browser()
    for password in ("short", "password1234", user.email):
        refused = set_password(browser, link, password)
        assert refused.status_code == 200
        assert refused.context["form"].errors["new_password2"]
    assert set_password(browser, link).status_code == 302


# ------------------------------------------------------------------ what ends a link


def _demote(user: User) -> None:
    user.role = Role.VIEWER
    user.save()


def _deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _deactivate_for_a_while(user: User) -> None:
    _deactivate(user)
    User.objects.filter(pk=user.pk).update(is_active=True)


def _give_password(user: User) -> None:
    user.set_password("given by somebody")
    user.save()


def _rename_mailbox(user: User) -> None:
    user.email = an_email()
    user.save()


def _ask_anew(user: User) -> None:
    sending.send_reset(seal(user.email))


@pytest.mark.parametrize(
    "change",
    [
        _demote,
        _deactivate,
        _deactivate_for_a_while,
        _give_password,
        _rename_mailbox,
        _ask_anew,
        user_erase,
    ],
)
def test_d6_a_link_dies_with_any_change_of_what_it_opens(
    cast: Cast, box: Mailbox, change: Callable[[User], None]
) -> None:
    user, link = a_link(cast, box)
    opened_before = Browser()
    form = opened_before.get(link)["Location"]
    change(User.objects.get(pk=user.pk))
    password = User.objects.get(pk=user.pk).password
    posted = opened_before.post(form, {"new_password1": NEW, "new_password2": NEW})
    assert posted.status_code == 410
    assert set_password(Browser(), link).status_code == 410
    assert User.objects.get(pk=user.pk).password == password


def test_d6_a_link_lives_an_hour(cast: Cast, box: Mailbox, settings: Any) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    _, link = a_link(cast, box)
    browser = Browser()
    form = browser.get(link)["Location"]
    settings.PASSWORD_RESET_TIMEOUT = -1
    late = browser.post(form, {"new_password1": NEW, "new_password2": NEW})
    assert (late.status_code, set_password(Browser(), link).status_code) == (410, 410)
    settings.PASSWORD_RESET_TIMEOUT = 3600
    assert set_password(Browser(), link).status_code == 302


def test_d6_what_is_no_link_answers_like_one_that_is_over(cast: Cast, box: Mailbox) -> None:
    _, link = a_link(cast, box)
    user, other = a_link(cast, box)
    uid, token = link.rstrip("/").split("/")[-2:]
    foreign, unused = other.rstrip("/").split("/")[-2:]
    tries = [(foreign, token), (uid, "set-password"), (uid, "x-y"), ("AAAA", token), ("MQ", "1-1")]
    pages = {Browser().get(reverse("account_set_password", args=pair)).content for pair in tries}
    assert len(pages) == 1
    assert link_tokens.check_token(User.objects.get(pk=user.pk), unused)


def test_a5_a_password_set_by_a_link_ends_what_was_signed_in(cast: Cast, box: Mailbox) -> None:
    caller, session = Caller(), doors.browser(cast.bob)
    _, pair = caller.sign_in(cast.bob)
    assert session.get("/account/").status_code == 200
    sending.send_reset(seal(cast.bob.email))
    [link] = links_in(box.to(cast.bob.email)[-1])
    assert set_password(Browser(), link.removeprefix(django_settings.PUBLIC_URL)).status_code == 302
    assert caller.post("/auth/refresh", {"refresh": pair["refresh"]})[0] == 401
    assert caller.get("/api/v1/me", pair["access"])[0] == 401
    assert session.get("/account/").status_code == 302
    assert not SignIn.objects.filter(user=cast.bob.user, ended_at=None).exists()


# ------------------------------------------------------------------ the form


def test_d6_somebody_who_is_there_is_not_invited_again_by_the_form(
    cast: Cast, admin: Browser, box: Mailbox
) -> None:
    before = User.objects.of(cast.home.id).count()
    wrong = [
        ({"email": cast.bob.email}, "has this email"),
        ({"email": "nobody"}, "valid email"),
        ({"name": "\u200b"}, "need a name"),
        ({"role": "king"}, "not one of the available choices"),
        ({"department": str(cast.other.sales.pk)}, "not one of the available choices"),
    ]
    for change, said in wrong:
        form = {"email": an_email(), "name": "Nora", "role": "member", "department": ""} | change
        page = admin.post(INVITE, form)
        assert page.status_code == 200
        assert said in page.content.decode()
    assert User.objects.of(cast.home.id).count() == before


def test_d6_only_administrators_invite_and_into_their_own_organization(
    cast: Cast, stranger: Browser, root: Browser, box: Mailbox
) -> None:
    form = {"email": an_email(), "name": "Nora", "role": "viewer"}
    assert doors.browser(cast.mia).post(INVITE, form).status_code == 302
    assert not User.objects.filter(email=form["email"]).exists()
    asked = form | {"organization": cast.home.id}
    assert stranger.post(INVITE, asked).status_code == 302
    assert User.objects.get(email=form["email"]).organization_id == cast.other.organization.pk
    asked |= {"email": an_email()}
    assert root.post(INVITE, asked).status_code == 302
    assert User.objects.get(email=asked["email"]).organization_id == cast.home.organization.pk


def test_d6_without_mail_nobody_is_invited_and_the_admin_says_so(
    cast: Cast, admin: Browser, settings: Any
) -> None:
    settings.MAIL_IS_ON = False
    page = admin.get(INVITE, follow=True)
    assert "Mail is not set up" in page.content.decode()
    assert Browser().get("/account/password/reset/").context["off"]


# ------------------------------------------------------------------ mails


def test_d6_a_mail_is_sent_once(cast: Cast, box: Mailbox) -> None:
    user = invited(cast)
    for _ in range(2):
        sending.send_invitation(str(user.pk))
        sending.send_waiting()
    assert len(box.to(user.email)) == 1


def test_d6_what_people_have_typed_is_text_in_a_mail(cast: Cast, box: Mailbox) -> None:
    organization = cast.home.organization
    organization.name = "<b>Bold</b>\nBcc: all@test.example"
    organization.save()
    user = invited(cast, name="Nora\r\nSubject: x")
    sending.send_invitation(str(user.pk))
    [mail] = box.to(user.email)
    assert mail["Bcc"] is None
    assert "<b>Bold" not in html_of(mail)
    assert "&lt;b&gt;Bold" in html_of(mail)
    assert "<b>Bold</b> Bcc: all@test.example" in text_of(mail)


def test_d6_a_mail_that_is_not_taken_is_tried_again(cast: Cast, box: Mailbox) -> None:
    box.refusals += ["451 Later", "554 Not now"]
    user = invited(cast)
    rows = AccountLink.objects.filter(user=user)
    for attempt in (1, 2):
        sending.send_waiting()
        link = rows.get()
        assert link.attempts == attempt
        assert "refused" in link.problem
        assert link.next_try_at is not None
        assert link.next_try_at > timezone.now()
        sending.send_waiting()  # not before its time
        rows.update(next_try_at=timezone.now())
    sending.send_waiting()
    assert (rows.get().problem, len(box.to(user.email))) == ("", 1)


def test_d6_what_cannot_be_sent_is_given_up_and_told_to_who_invites(
    cast: Cast, admin: Browser, box: Mailbox
) -> None:
    box.recipient_refusals.append("550 No such user")
    user = invited(cast)
    sending.send_invitation(str(user.pk))
    link = AccountLink.objects.get(user=user)
    assert (link.next_try_at, link.sent_at) == (None, None)
    told = Notification.objects.get(user=cast.alice.user, category="invitation_failed")
    assert "Nora New" in told.title
    assert "does not take mail for this address (550)" in told.message
    assert "not sent: The mail server" in admin.get("/admin/bos/user/").content.decode()


def test_d6_a_mail_server_that_is_away_is_asked_five_times(
    cast: Cast, box: Mailbox, settings: Any
) -> None:
    settings.EMAIL_PORT = 1  # nobody listens there
    user = invited(cast)
    rows = AccountLink.objects.filter(user=user)
    for attempt in range(1, 6):
        rows.update(next_try_at=timezone.now())
        sending.send_waiting()
        link = rows.get()
        assert link.attempts == attempt
        assert (link.next_try_at is None) == (attempt == 5)
    assert link.problem == "The mail server does not answer."
    assert Notification.objects.filter(user=cast.alice.user).count() == 1


def test_d6_who_is_deactivated_before_it_is_sent_gets_no_mail(cast: Cast, box: Mailbox) -> None:
    user = invited(cast)
    _deactivate(user)
    sending.send_invitation(str(user.pk))
    assert box.to(user.email) == []
    assert AccountLink.objects.get(user=user).next_try_at is None


def test_d6_a_worker_that_died_leaves_its_mail_to_another(cast: Cast, box: Mailbox) -> None:
    user = invited(cast)
    link = AccountLink.objects.get(user=user)
    assert sending._claim(link)  # and then it is killed
    sending.send_waiting()
    assert box.to(user.email) == []
    AccountLink.objects.filter(user=user).update(next_try_at=timezone.now())
    sending.send_waiting()
    assert len(box.to(user.email)) == 1


def test_d6_so_many_invitations_of_an_organization_leave_in_a_minute(
    cast: Cast, box: Mailbox, settings: Any
) -> None:
    settings.INVITATIONS_PER_MINUTE = 2
    users = [invited(cast) for _ in range(3)]
    sending.send_waiting()
    assert sum(len(box.to(user.email)) for user in users) == 2
    long_ago = timezone.now() - timedelta(seconds=61)
    AccountLink.objects.filter(organization=cast.home.organization, sent_at__isnull=False).update(
        sent_at=long_ago
    )
    sending.send_waiting()
    assert [len(box.to(user.email)) for user in users] == [1, 1, 1]
    assert AccountLink.objects.get(user=users[0]).kind == LinkKind.INVITATION


def test_d6_the_password_of_before_is_of_no_use_to_a_link(cast: Cast, box: Mailbox) -> None:
    """Somebody who has a password never comes in without their second factor by a link."""
    User.objects.filter(pk=cast.bob.user.pk).update(last_login=timezone.now())
    sending.send_reset(seal(cast.bob.email))
    [link] = links_in(box.to(cast.bob.email)[-1])
    browser = Browser()
    answer = set_password(browser, link.removeprefix(django_settings.PUBLIC_URL))
    assert "/login/" in answer["Location"]
    assert browser.get("/account/").status_code == 302
    assert Caller().sign_in(cast.bob, PASSWORD)[0] == 401
    assert Caller().sign_in(cast.bob, NEW)[0] == 200
