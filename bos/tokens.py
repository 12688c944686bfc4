"""Tokens: made by simplejwt, bound to the user's organization and token version (decision A5)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from bos.models import SpentToken, User
from bos.permissions import uuids
from sync.auth import Claims
from sync.errors import TokenExpired, TokenInvalid
from sync.principal import Principal
from sync.rows import Lock, hold_rows


def tokens_for(user: User) -> tuple[RefreshToken, AccessToken]:
    """A new pair for a user who has just proved who he is."""
    refresh = RefreshToken()
    refresh["user_id"] = str(user.pk)
    refresh["org"] = str(user.organization_id)
    refresh["tv"] = user.token_version
    return refresh, refresh.access_token


def _claims(token: Token) -> Claims:
    """Raises TokenInvalid where claims are missing, TokenExpired behind `exp`, without leeway."""
    try:
        claims = Claims(
            user_id=str(token["user_id"]),
            organization_id=str(token["org"]),
            token_version=int(token["tv"]),
            expires_at=float(token["exp"]),
        )
    except (KeyError, TypeError, ValueError):
        raise TokenInvalid from None
    if claims.expires_at <= time.time():
        raise TokenExpired
    return claims


_USER_FIELDS = ("is_active", "organization_id", "token_version", "name", "role")


class JwtAuthenticator:
    """The kernel's view of our tokens and users."""

    def verify(self, token: str) -> Claims:
        try:
            return _claims(AccessToken(token.encode()))  # type: ignore[arg-type]  # takes bytes
        except ExpiredTokenError:
            raise TokenExpired from None
        except (TokenError, UnicodeError):
            raise TokenInvalid from None

    def load(self, claims: Sequence[Claims]) -> list[Principal | None]:
        rows = User.objects.filter(pk__in=uuids({claim.user_id for claim in claims}))
        return self._principals(claims, rows.values_list("pk", *_USER_FIELDS))

    def hold(self, claims: Sequence[Claims], *, wait: bool) -> list[Principal | None]:
        ids = uuids({claim.user_id for claim in claims})
        rows = hold_rows(User, ids, Lock.SHARE, *_USER_FIELDS, wait=wait)
        return self._principals(claims, rows)

    def _principals(
        self, claims: Sequence[Claims], rows: Iterable[Sequence[Any]]
    ) -> list[Principal | None]:
        found = {str(pk): values for pk, is_active, *values in rows if is_active}
        return [self._principal(claim, found.get(claim.user_id)) for claim in claims]

    @staticmethod
    def _principal(claim: Claims, row: Sequence[Any] | None) -> Principal | None:
        if row is None or row[0] is None:
            return None
        organization_id, token_version, name, role = row
        if str(organization_id) != claim.organization_id or token_version != claim.token_version:
            return None
        return Principal(
            claim.user_id, claim.organization_id, name, role, token_version, claim.expires_at
        )


authenticator = JwtAuthenticator()


def refreshed(text: str) -> tuple[RefreshToken, AccessToken]:
    """A new pair for a refresh token, which is spent by this; of parallel uses one wins.

    Raises TokenInvalid or TokenExpired.
    """
    claims, token = _refresh_claims(text)
    user = User.objects.filter(pk=claims.user_id, is_active=True).first()
    if (
        user is None
        or user.token_version != claims.token_version
        or str(user.organization_id) != claims.organization_id
    ):
        raise TokenInvalid
    _spend(token)
    return tokens_for(user)


def log_out(text: str) -> None:
    """Spend a refresh token. Raises TokenInvalid or TokenExpired; also where it was spent."""
    _spend(_refresh_claims(text)[1])


def _refresh_claims(text: str) -> tuple[Claims, RefreshToken]:
    try:
        token = RefreshToken(text.encode())  # type: ignore[arg-type]  # takes bytes
    except ExpiredTokenError:
        raise TokenExpired from None
    except (TokenError, UnicodeError):
        raise TokenInvalid from None
    return _claims(token), token


def _spend(token: RefreshToken) -> None:
    expires_at = datetime.fromtimestamp(token["exp"], UTC)
    try:
        with transaction.atomic():
            SpentToken(jti=token["jti"], expires_at=expires_at).save(force_insert=True)
    except IntegrityError:
        raise TokenInvalid from None


def prune_spent() -> int:
    """Forget spent tokens that have expired by themselves."""
    return SpentToken.objects.filter(expires_at__lt=datetime.now(UTC)).delete()[0]
