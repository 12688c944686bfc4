"""Tokens: bound to a user's organization, token version (decision A5) and sign-in (A6). Keys (D1)
are looked up beside them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework_simplejwt import tokens as simplejwt

from bos.auth import sign_ins
from bos.auth.token_keys import KeyedBackend, token_keys
from bos.identity import second_factor
from bos.ids import canonical_uuids
from bos.models import SignIn, SpentToken, User
from bos.service import keys
from bos.service.keys import LivingKey
from bos.service.last_use import uses
from sync.eventlog.fast_sql import Lock, hold_rows, read_rows
from sync.eventlog.retention import prune_plain
from sync.protocol.authenticator import Claims
from sync.protocol.errors import TokenExpired, TokenInvalid
from sync.protocol.identity import Actor, Principal, acting

logger = logging.getLogger("bos.login")
_backend = KeyedBackend(token_keys)


class AccessToken(simplejwt.AccessToken):
    _token_backend = _backend


class RefreshToken(simplejwt.RefreshToken):
    _token_backend = _backend
    access_token_class = AccessToken


Pair = tuple[RefreshToken, simplejwt.AccessToken]


def tokens_for(user: User, sign_in: SignIn | None = None) -> Pair:
    """A new pair; without a sign-in, one that no logout ends and that is never renewed as one."""
    return _pair(user, RefreshToken(), sign_in)


def _pair(user: User, refresh: RefreshToken, sign_in: SignIn | None) -> Pair:
    refresh["user_id"] = str(user.pk)
    refresh["org"] = str(user.organization_id)
    refresh["tv"] = user.token_version
    if sign_in is not None:
        refresh["sid"] = str(sign_in.pk)
    access = refresh.access_token
    if sign_in is not None:
        end = int(sign_in.ends_at.timestamp())
        for token in (refresh, access):
            token["exp"] = min(token["exp"], end)
    return refresh, access


# ------------------------------------------------------------------ what a token says


def _read(token: str, kind: str) -> tuple[Claims, dict[str, Any]]:
    """kind: 'access' or 'refresh'. Raises TokenInvalid or, after `exp`, TokenExpired."""
    try:
        told = token_keys.claims(token)
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except (jwt.InvalidTokenError, UnicodeError):
        raise TokenInvalid from None
    if told.get("token_type") != kind:
        raise TokenInvalid
    claims = _claims(told)
    if claims.expires_at <= time.time():
        raise TokenExpired
    return claims, told


def _claims(told: dict[str, Any]) -> Claims:
    """Raises TokenInvalid where claims are missing or no such values."""
    try:
        return Claims(
            user_id=str(told["user_id"]),
            organization_id=str(told["org"]),
            token_version=int(told["tv"]),
            expires_at=float(told["exp"]),
            # Tokens from before there were sign-ins name none: they hold until they expire.
            sign_in_id=str(told.get("sid", "")),
        )
    except (KeyError, TypeError, ValueError):
        raise TokenInvalid from None


_Now = Sequence[Any]
"""Organization, token version, name and role of a user, as they are now."""
_Rows = Sequence[Sequence[Any]]
_OF_USER = ("is_active", "organization_id", "token_version", "name", "role")
_OF_SIGN_IN = ("user_id", "ended_at")


class Authenticator:
    """The kernel's view of our tokens, keys and users."""

    def verify(self, token: str) -> Claims:
        if token.startswith(keys.BEGIN):
            claims = keys.claims_of(token)
            if claims is None:
                raise TokenInvalid
            return claims
        return _read(token, "access")[0]

    def load(self, claims: Sequence[Claims]) -> list[Principal | None]:
        # Sign-ins and keys first: of a user who is deactivated in between nothing is let in.
        ids = canonical_uuids({c.sign_in_id for c in claims if c.sign_in_id})
        living = _living(read_rows(SignIn, ids, *_OF_SIGN_IN))
        by_key = keys.read_keys(claims)
        named = _named(claims, by_key)
        ids = canonical_uuids({c.user_id for c in named})
        loaded = _principals(named, living, by_key, read_rows(User, ids, *_OF_USER))
        pairs = zip(claims, loaded, strict=True)
        uses.note(claim.sign_in_id for claim, now in pairs if claim.secret and now is not None)
        return loaded

    def hold(self, claims: Sequence[Claims], *, wait: bool) -> list[Principal | None]:
        """claims: of principals, which say whose they are."""
        ids = canonical_uuids({c.user_id for c in claims})
        users = hold_rows(User, ids, Lock.SHARE, *_OF_USER, wait=wait)
        # Not ended, and they do not end until the transaction does.
        ids = canonical_uuids({c.sign_in_id for c in claims if c.sign_in_id})
        living = _living(hold_rows(SignIn, ids, Lock.SHARE, *_OF_SIGN_IN, wait=wait))
        by_key = keys.hold_keys(claims, wait=wait)
        return _principals(claims, living, by_key, users)


def _named(claims: Sequence[Claims], by_key: Mapping[str, LivingKey]) -> list[Claims]:
    """Return the claims, those of keys with the user whose key it is.

    A wrong secret names none: nobody is looked up, so it takes as long as a key that never was.
    """
    return [
        replace(claim, user_id=key.user_id)
        if claim.secret and (key := by_key.get(claim.sign_in_id)) is not None and key.proves(claim)
        else claim
        for claim in claims
    ]


def _living(sign_ins: _Rows) -> set[tuple[str, str]]:
    """(sign-in, user) of those that have not ended."""
    return {(str(pk), str(user_id)) for pk, user_id, ended_at in sign_ins if ended_at is None}


def _principals(
    claims: Sequence[Claims],
    living: set[tuple[str, str]],
    by_key: Mapping[str, LivingKey],
    users: _Rows,
) -> list[Principal | None]:
    now = {str(pk): values for pk, is_active, *values in users if is_active}
    return [
        _principal_of_key(claim, by_key.get(claim.sign_in_id), now.get(claim.user_id))
        if keys.is_key(claim)
        else _principal(claim, now.get(claim.user_id))
        if not claim.sign_in_id or (claim.sign_in_id, claim.user_id) in living
        else None
        for claim in claims
    ]


def _principal(claim: Claims, now: _Now | None) -> Principal | None:
    if now is None or now[0] is None:
        return None
    organization_id, token_version, name, role = now
    if str(organization_id) != claim.organization_id or token_version != claim.token_version:
        return None
    return Principal(
        claim.user_id,
        claim.organization_id,
        name,
        role,
        token_version,
        claim.expires_at,
        claim.sign_in_id,
    )


def _principal_of_key(claim: Claims, key: LivingKey | None, now: _Now | None) -> Principal | None:
    """A key as it is presented names no organization and no token version: those of now hold."""
    if key is None or now is None or not key.proves(claim):
        return None
    if claim.secret:
        organization_id, token_version, *_ = now
        claim = replace(claim, organization_id=str(organization_id), token_version=token_version)
    principal = _principal(claim, now)
    if principal is None:
        return None
    return replace(principal, expires_at=key.expires_at, scopes=key.scopes)


authenticator = Authenticator()


# ------------------------------------------------------------------ the life of a sign-in


def signed_in(user: User, *, address: str, session: SignIn | None = None) -> Pair:
    """The first pair of a new sign-in, for a user who has just proved their identity.

    session: the sign-in of the session that has proved it, and ends with it.
    """
    refresh = RefreshToken()
    sign_in = sign_ins.begin(user, refresh_id=refresh["jti"], address=address, session=session)
    return _pair(user, refresh, sign_in)


def refreshed(text: str, *, address: str = "") -> Pair:
    """A new pair for a refresh token, which is spent by this; of parallel uses one wins.

    Raises TokenInvalid or TokenExpired.
    """
    claims, told = _read(text, "refresh")
    user = _user(claims)
    if not claims.sign_in_id:
        _spend(told)
        return signed_in(user, address=address)
    refresh = RefreshToken()
    sign_in = sign_ins.renew(
        claims.sign_in_id, spent_id=told["jti"], refresh_id=refresh["jti"], address=address
    )
    if sign_in is None:
        raise TokenInvalid
    return _pair(user, refresh, sign_in)


def log_out(text: str) -> None:
    """End the sign-in of a refresh token, spent or not.

    Raises TokenInvalid or TokenExpired; also where it had ended before.
    """
    claims, told = _read(text, "refresh")
    if not claims.sign_in_id:
        _spend(told)
        return
    sign_in = sign_ins.living(claims.sign_in_id)
    with acting(Actor(user_id=claims.user_id, source="rest")):
        if sign_in is None or not sign_ins.end(sign_in, sign_ins.End.LOGOUT):
            raise TokenInvalid
    logger.info("signed out", extra={"user": claims.user_id, "sign_in": claims.sign_in_id})


def _user(claims: Claims) -> User:
    [principal] = authenticator.load([claims])
    user: User | None = User.objects.filter(pk=claims.user_id).first() if principal else None
    # Demanded of them since: they sign in again, and are told so there.
    if user is None or second_factor.is_lacking(user):
        raise TokenInvalid
    return user


def _spend(told: dict[str, Any]) -> None:
    expires_at = datetime.fromtimestamp(told["exp"], UTC)
    try:
        with transaction.atomic():
            SpentToken(jti=told["jti"], expires_at=expires_at).save(force_insert=True)
    except IntegrityError:
        raise TokenInvalid from None


def prune_spent() -> int:
    """Forget spent tokens that have expired by themselves."""
    spent = SpentToken.objects.filter(expires_at__lt=timezone.now())
    return prune_plain(spent, oldest="expires_at")
