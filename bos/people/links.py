"""One-time links, by which a user proves that a mailbox is theirs and sets a password (D6).

A link opens nothing once it has been used, an hour after its mail was made, after a newer one, and
after any change that ends the user's tokens (A5): a password, role, activity or organization.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bos.models import AccountLink, LinkKind, User
from sync.protocol.identity import Actor, acting

ACCOUNT = "account"
"""The source of changes that people make to their own account."""


class LinkTokens(PasswordResetTokenGenerator):
    """Django's tokens, which die with what they are made of."""

    key_salt = "bos account link"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        """Not of `last_login`: a sign-in elsewhere may be just what the user is about to end."""
        number = getattr(_link_of(user), "number", 0)
        parts = (user.pk, user.organization_id, user.email, user.password, user.token_version)
        return "\0".join(map(str, (*parts, user.is_active, number, timestamp)))

    def check_token(self, user: Any, token: str | None) -> bool:
        """Whether this token is the one of the user's latest link, and the user may set a password.

        Also where SECRET_KEY was rotated meanwhile; without a link there is none.
        """
        if not isinstance(user, User) or not _may_have_links(user) or _link_of(user) is None:
            return False
        return super().check_token(user, token)


link_tokens = LinkTokens()


def _link_of(user: User) -> AccountLink | None:
    """Read it each time: a newer link may have been asked for since the user was read."""
    found: AccountLink | None = AccountLink.objects.filter(pk=user.pk).first()
    return found


def _may_have_links(user: User) -> bool:
    is_person = not user.is_service and user.erased_at is None
    return is_person and user.is_active and user.organization_id is not None


def address_for(user: User) -> str:
    """Make the link: the address that the user's mail names, good for an hour from now."""
    path = reverse(
        "account_set_password",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": link_tokens.make_token(user),
        },
    )
    return f"{settings.PUBLIC_URL}{path}"


# ------------------------------------------------------------------ asked for


def renew(user: User, kind: LinkKind, *, asked_by: User | None = None) -> AccountLink:
    """Have a new link sent, which takes the place of the one before.

    Runs inside the caller's transaction; `bos.people.sending` sends it.
    """
    assert user.organization_id is not None, "a link leads into an organization"
    now = timezone.now()
    AccountLink.objects.get_or_create(
        user=user,
        defaults={"organization_id": user.organization_id, "kind": kind, "asked_at": now},
    )
    AccountLink.objects.filter(pk=user.pk).update(
        organization_id=user.organization_id,
        number=F("number") + 1,
        kind=kind,
        asked_by=asked_by,
        asked_at=now,
        attempts=0,
        next_try_at=now,
        sent_at=None,
        problem="",
        used_at=None,
    )
    link: AccountLink = AccountLink.objects.select_related("user").get(pk=user.pk)
    return link


def invitable(users: QuerySet[User]) -> QuerySet[User]:
    """Those of them who may be sent an invitation (again): active, and without a password yet."""
    people = users.filter(is_active=True, is_service=False, erased_at=None)
    without = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return without.exclude(organization=None)


def forgetful(email: str) -> list[User]:
    """The users who may have forgotten the password of this address, one an organization.

    A user who has never had one, nor an invitation, signs in by other means: a mailbox alone does
    not make a password for them.
    """
    active = User.objects.people().filter(email=email, is_active=True, erased_at=None)
    rows = active.exclude(organization=None).select_related("organization", "account_link")
    return [
        user
        for user in rows.order_by("organization__name", "pk")[:MOST_USERS]
        if user.has_usable_password() or hasattr(user, "account_link")
    ]


MOST_USERS = 20
"""Of one address: a mail names the organization of each."""


# ------------------------------------------------------------------ used


def use(user_id: object, token: str | None, *, password_hash: str) -> User | None:
    """Set the password of the user whose link this is; None where it opens nothing any more.

    Of two uses at once one wins. All tokens, sessions and connections of before end with it (A5).
    password_hash: made beforehand, since hashing takes long and this holds the user's row.
    """
    with transaction.atomic(), acting(Actor(user_id=str(user_id), source=ACCOUNT)):
        row: User | None = User.objects.select_for_update().filter(pk=user_id).first()
        if row is None or not link_tokens.check_token(row, token):
            return None
        row.password = password_hash
        row.save(update_fields=["password"])
        AccountLink.objects.filter(pk=row.pk).update(used_at=timezone.now(), next_try_at=None)
    return row
