from __future__ import annotations

import time
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core import signing

from sync.protocol.authenticator import Claims
from sync.protocol.errors import TokenExpired, TokenInvalid
from sync.protocol.identity import Principal

HOUR = 3600


def token_for(user: User, chain: str) -> str:
    """Return an access token for an hour. For the code that signs users in."""
    return signing.dumps([str(user.pk), chain, time.time() + HOUR], salt="access")


class Authenticator:
    def verify(self, token: str) -> Claims:
        try:
            user_id, chain, expires_at = signing.loads(token, salt="access")
        except signing.BadSignature:
            raise TokenInvalid from None
        if expires_at <= time.time():
            raise TokenExpired
        return Claims(user_id, chain, token_version=0, expires_at=expires_at)

    def load(self, claims: Sequence[Claims]) -> list[Principal | None]:
        active = User.objects.filter(is_active=True)
        return self._principals(claims, active.in_bulk([int(one.user_id) for one in claims]))

    def hold(self, claims: Sequence[Claims], *, wait: bool) -> list[Principal | None]:
        ids = [int(one.user_id) for one in claims]
        locked = User.objects.filter(is_active=True, pk__in=ids).order_by("pk")
        rows = locked.select_for_update(skip_locked=not wait)
        return self._principals(claims, {user.pk: user for user in rows})

    @staticmethod
    def _principals(claims: Sequence[Claims], users: dict[int, User]) -> list[Principal | None]:
        return [
            Principal(
                one.user_id,
                one.organization_id,
                name=user.get_username(),
                role="staff" if user.is_staff else "",
                token_version=0,
                expires_at=one.expires_at,
            )
            if (user := users.get(int(one.user_id)))
            else None
            for one in claims
        ]


authenticator = Authenticator()
