"""One email may be several organizations': the password decides whose sign-in it is (s11)."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.test import Client as Browser

from bos.auth import throttle
from bos.auth.token_keys import token_keys
from bos.models import Organization, User
from tests.support.cast import PASSWORD, Cast, Person, make_tenant
from tests.support.rest import Caller, an_address
from tests.test_throttle import guess_from_everywhere, log_in


def namesake(person: Person, organization: Organization, password: str, **fields: Any) -> User:
    """Another user with the person's email, added by the admin of another organization."""
    return User.objects.create_user(
        person.email, password, organization=organization, name="Namesake", **fields
    )


def user_of(answer: tuple[int, Any]) -> str:
    status, pair = answer
    assert status == 200
    return str(token_keys.claims(pair["access"])["user_id"])


def test_s11_the_password_decides_which_of_two_users_signs_in(
    cast: Cast, quick_hashes: None
) -> None:
    other = namesake(cast.bob, cast.other.organization, "another horse battery")
    caller = Caller()
    for _ in range(2):
        assert user_of(caller.sign_in(cast.bob)) == cast.bob.id
        assert user_of(caller.sign_in(cast.bob, "another horse battery")) == str(other.pk)
    assert caller.sign_in(cast.bob, "neither")[0] == 401
    other.is_active = False
    other.save()
    assert caller.sign_in(cast.bob, "another horse battery")[0] == 401
    assert user_of(caller.sign_in(cast.bob)) == cast.bob.id


def test_s11_with_one_password_in_both_the_organization_decides_else_the_last_one(
    cast: Cast, quick_hashes: None
) -> None:
    other = namesake(cast.bob, cast.other.organization, PASSWORD)
    caller, body = Caller(), {"email": cast.bob.email, "password": PASSWORD}
    for organization, user in ((cast.other.id, str(other.pk)), (cast.home.id, cast.bob.id)):
        named = body | {"organization": organization}
        assert user_of(caller.post("/auth/token", named)) == user
        for unnamed in (body, body | {"organization": None}):
            assert user_of(caller.post("/auth/token", unnamed)) == user
    neither = body | {"organization": str(uuid.uuid4())}
    assert caller.post("/auth/token", neither)[0] == 401
    assert caller.post("/auth/token", body | {"organization": "x"})[0] == 400


def test_s11_a_superuser_of_no_organization_is_found_behind_a_namesake(
    cast: Cast, quick_hashes: None
) -> None:
    root = User.objects.create_superuser(cast.bob.email, PASSWORD, name="Root")
    assert user_of(Caller().sign_in(cast.bob)) == cast.bob.id
    browser = Browser(REMOTE_ADDR=an_address())
    assert log_in(browser, cast.bob).status_code == 302
    assert browser.session["_auth_user_id"] == str(root.pk)


class CountingHasher(MD5PasswordHasher):
    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)


def test_s11_a_wrong_password_takes_the_same_work_whoever_has_the_address(
    cast: Cast, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    home = cast.home.organization
    User.objects.of(home.pk).update(password=make_password(PASSWORD))
    namesake(cast.bob, cast.other.organization, "x")
    namesake(cast.vera, cast.other.organization, "x", is_active=False)
    namesake(cast.vera, make_tenant("Third").organization, "x")
    nobody = Person(User(email=f"{uuid.uuid4().hex}@test.example"))
    work = []
    for person in (nobody, cast.mia, cast.bob, cast.vera):
        before = CountingHasher.hashed
        assert Caller().sign_in(person, "wrong")[0] == 401
        work.append(CountingHasher.hashed - before)
    assert work == [throttle.PASSWORDS] * 4
    before = CountingHasher.hashed
    assert Caller().sign_in(cast.mia)[0] == 200
    assert CountingHasher.hashed == before + 1


def test_s11_a_namesakes_device_may_not_guess_the_others_password(
    cast: Cast, quick_hashes: None
) -> None:
    """An admin gives a user of their own somebody else's address, and has a device known by it."""
    namesake(cast.bob, cast.other.organization, "of the attacker")
    attacker = Caller()
    assert attacker.sign_in(cast.bob, "of the attacker")[0] == 200
    guess_from_everywhere(cast.bob)
    assert attacker.sign_in(cast.bob)[0] == 401, "the right one is not even looked at"
    assert attacker.sign_in(cast.bob, "of the attacker")[0] == 200
