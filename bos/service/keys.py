"""Keys of service accounts: `bos_<prefix>_<secret>` (decision D1).

The prefix is the row's id, so that a key is found by the primary key and may be named in a log. The
secret is 256 random bits, of which the hash is kept. A slow hash is for what people choose: here
nothing can be guessed, and each request looks at a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.models import ServiceAccount, ServiceKey, User
from sync.delivery.access import withdraw
from sync.eventlog.fast_sql import Lock, hold_rows, read_rows
from sync.protocol.authenticator import Claims
from sync.protocol.identity import EVENTS, WRITE
from sync.protocol.rights import AccessChange


class Scope(StrEnum):
    """The uses that a key may be for; the role decides about each of them as well."""

    READ = "read"
    INGEST = "ingest"
    EVENTS = EVENTS
    WRITE = WRITE


SCOPES = {
    Scope.READ: "ask for all that its account may see, and for the log of changes",
    Scope.INGEST: "send values of KPIs",
    Scope.EVENTS: "sign in to the WebSocket, and follow what happens",
    Scope.WRITE: "change things there, and ask for reports and forecasts",
}
"""The use of each, in words."""


NEVER = 253_402_300_799.0
"""The last second of the year 9999: when a key without an end expires, for those who must say."""
BEGIN = "bos_"
SIGN_IN = "key:"
"""Begins `sign_in_id` of those who have come by a key; its id follows."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH, SECRET_LENGTH = 22, 43
"""128 and 256 bits, in 62 letters and digits: a double click selects all of a key."""
_FORM = re.compile(rf"bos_([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})")


# ------------------------------------------------------------------ the text of a key


def prefix_of(id_: UUID) -> str:
    """Return what a key with this id begins with; it is no secret."""
    digits, rest = [], id_.int
    for _ in range(ID_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return BEGIN + "".join(reversed(digits))


def parse(text: str) -> tuple[UUID, str] | None:
    """Return the id of a key and the hash of its secret; None where the text is no key."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number = 0
    for letter in found[1]:
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    if number.bit_length() > 128:
        return None
    return UUID(int=number), _hash(found[2])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def claims_of(text: str) -> Claims | None:
    """Return what a key claims, without the database: whose it is only that knows."""
    parsed = parse(text)
    if parsed is None:
        return None
    id_, hash_ = parsed
    return Claims("", "", 0, NEVER, f"{SIGN_IN}{id_}", secret=hash_)


# ------------------------------------------------------------------ what a key is now


@dataclass(frozen=True, slots=True)
class LivingKey:
    """A key that is neither revoked nor expired."""

    user_id: str
    secret_hash: str
    scopes: frozenset[str]
    expires_at: float

    def proves(self, claim: Claims) -> bool:
        """Whether it is the claim's own: by the secret, or by the user once that was proved."""
        if claim.secret:
            return hmac.compare_digest(claim.secret, self.secret_hash)
        return claim.user_id == self.user_id


_READ = ("account_id", "secret_hash", "scopes", "expires_at", "revoked_at")


def read_keys(claims: Sequence[Claims]) -> Mapping[str, LivingKey]:
    """Return the living keys among those that the claims name, by `sign_in_id`."""
    ids = _ids(claims)
    return _living(read_rows(ServiceKey, ids, *_READ)) if ids else {}


def hold_keys(claims: Sequence[Claims], *, wait: bool) -> Mapping[str, LivingKey]:
    """Likewise; they stay until the open transaction ends."""
    ids = _ids(claims)
    return _living(hold_rows(ServiceKey, ids, Lock.SHARE, *_READ, wait=wait)) if ids else {}


def is_key(claim: Claims) -> bool:
    return claim.sign_in_id.startswith(SIGN_IN)


def _ids(claims: Iterable[Claims]) -> list[UUID]:
    named = {claim.sign_in_id.removeprefix(SIGN_IN) for claim in claims if is_key(claim)}
    return canonical_uuids(named) if named else []


def _living(rows: Iterable[Sequence[Any]]) -> dict[str, LivingKey]:
    now = time.time()
    living = {}
    for id_, account_id, secret_hash, scopes, expires_at, revoked_at in rows:
        end = NEVER if expires_at is None else expires_at.timestamp()
        if revoked_at is None and end > now:
            key = LivingKey(str(account_id), secret_hash, frozenset(scopes.split()), end)
            living[f"{SIGN_IN}{id_}"] = key
    return living


# ------------------------------------------------------------------ the life of a key


def require_free_name(organization_id: UUID, name: str, *, own: UUID | None = None) -> None:
    """Raises ValidationError where another machine of the organization has the name.

    own: id of the account that is to have it.
    """
    same = ServiceAccount.objects.of(organization_id).filter(user__name=name).exclude(pk=own)
    if same.exists():
        raise ValidationError({"name": "Another service account has this name."})


@transaction.atomic
def account_create(
    organization_id: UUID, *, name: str, role: str, created_by: User | None
) -> ServiceAccount:
    """Add a machine to the organization. Raises ValidationError where a name or role is none."""
    require_free_name(organization_id, name)
    user = User(organization_id=organization_id, name=name, role=role, is_service=True)
    user.set_unusable_password()
    user.full_clean(exclude=["email", "password"])
    user.save()
    return ServiceAccount.objects.create(
        user=user, organization_id=organization_id, created_by=created_by
    )


def key_create(
    account: ServiceAccount,
    *,
    label: str,
    scopes: Collection[Scope],
    expires_at: datetime | None = None,
    created_by: User | None = None,
) -> tuple[ServiceKey, str]:
    """Make a key; the text of it is nowhere but in this answer."""
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    key = ServiceKey.objects.create(
        account=account,
        label=label,
        secret_hash=_hash(secret),
        scopes=" ".join(scope.value for scope in Scope if scope in scopes),
        expires_at=expires_at,
        created_by=created_by,
    )
    return key, f"{prefix_of(key.pk)}_{secret}"


@transaction.atomic
def key_revoke(key: ServiceKey) -> bool:
    """End a key, and close its connections with 4403 on every process; False where it had ended.

    The connections of the account's other keys are looked at, and stay.
    """
    rows = ServiceKey.objects.filter(pk=key.pk, revoked_at=None)
    revoked = rows.update(revoked_at=timezone.now()) > 0
    if revoked:
        withdraw(
            str(key.account.organization_id),
            entity_type="service_key",
            entity_id=str(key.pk),
            access=AccessChange(users=(str(key.account_id),)),
        )
    return revoked
