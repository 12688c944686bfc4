"""The keys that sign tokens: the newest signs, older ones still verify what they have signed."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any

import jwt
import msgspec
from django.conf import settings
from jwt.utils import base64url_decode, base64url_encode
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken

ALGORITHM = "HS256"
PARTY = "bos"
"""Audience and issuer: tokens are made here and for here."""


class TokenKeys:
    """secrets: the newest first; a token tells by `kid` which of them has signed it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [(key_id(secret), secret.encode()) for secret in secrets]
        self._prepared = dict(_prepare(*key) for key in self._keys)
        """By the first segment of the tokens that each key signs."""
        # A clock that was set back makes `iat` of the hour before lie in the future: `exp` decides.
        self._jwt = jwt.PyJWT({"verify_iat": False, "require": ["exp", "jti"]})

    def sign(self, claims: dict[str, Any]) -> str:
        """The token of these claims; who it is for and from is added."""
        id_, key = self._keys[0]
        named = claims | {"aud": PARTY, "iss": PARTY}
        return self._jwt.encode(named, key, algorithm=ALGORITHM, headers={"kid": id_})

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that one of the keys has signed.

        Raises jwt.ExpiredSignatureError after `exp`, without leeway; jwt.InvalidTokenError or
        UnicodeError for what is no token of ours, also where `kid` names no key or another one.
        """
        if (plain := self._plain_claims(token)) is not None:
            return plain
        *others, last = self._keys
        for key in others:
            try:
                return self._claims(token.encode(), *key)
            except jwt.InvalidSignatureError:
                continue
        return self._claims(token.encode(), *last)

    def _plain_claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token in the very form in which it is signed here, and which is
        good now; None for any other: PyJWT says what is to become of it, which takes ten times as
        long, most of it for finding out anew what kind of key the secret is.

        A token is let in here only where PyJWT would let it in, too.
        """
        first, _, rest = token.encode().partition(b".")
        payload, _, signature = rest.partition(b".")
        prepared = self._prepared.get(first)
        if prepared is None:
            return None
        expected = prepared.copy()
        expected.update(payload)
        if not hmac.compare_digest(base64url_encode(expected.digest()), signature):
            return None
        try:
            text = base64url_decode(payload)
            claims = _decode(text)
        except (ValueError, RecursionError):
            return None
        return claims if _is_plain(claims) and base64url_encode(text) == payload else None

    def _claims(self, token: bytes, id_: str, key: bytes) -> dict[str, Any]:
        read = self._jwt.decode_complete(
            token, key, algorithms=[ALGORITHM], audience=PARTY, issuer=PARTY
        )
        # Without one it is from before keys had ids.
        if read["header"].get("kid", id_) != id_:
            raise jwt.InvalidTokenError("signed by another key than it says")
        claims: dict[str, Any] = read["payload"]
        return claims


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _prepare(id_: str, key: bytes) -> tuple[bytes, hmac.HMAC]:
    """Return the first segment of the tokens that a key signs, and their HMAC up to there."""
    signed = jwt.api_jws.PyJWS().encode(b"", key, ALGORITHM, {"kid": id_})
    first = signed.partition(".")[0].encode()
    return first, hmac.new(key, first + b".", "sha256")


def _is_plain(claims: dict[str, Any]) -> bool:
    """Whether claims are for and from here, and good now; no further ones are to be looked at."""
    exp = claims.get("exp")
    return (
        claims.get("aud") == PARTY
        and claims.get("iss") == PARTY
        and type(exp) is int
        and exp > time.time()
        and type(claims.get("jti")) is str
        and "nbf" not in claims
        and "sub" not in claims
    )


def key_id(secret: str) -> str:
    return hashlib.sha256(b"bos key id\0" + secret.encode()).hexdigest()[:8]


class KeyedBackend(TokenBackend):
    """Lets simplejwt's tokens be signed and read by our keys: its own knows one."""

    def __init__(self, keys: TokenKeys) -> None:
        super().__init__(ALGORITHM)
        self._keys = keys

    def encode(self, payload: dict[str, Any]) -> str:
        return self._keys.sign(payload)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """verify: not asked for here, a token is always looked at."""
        try:
            return self._keys.claims(token if isinstance(token, str) else token.decode())
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("Token is expired") from error
        except (jwt.InvalidTokenError, UnicodeError) as error:
            raise TokenBackendError("Token is invalid") from error


token_keys = TokenKeys(settings.TOKEN_KEYS)
