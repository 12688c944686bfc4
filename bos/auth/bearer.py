"""REST requests are authenticated by the same access tokens and keys as connections."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from bos.auth.tokens import authenticator
from sync import about
from sync.protocol.errors import TokenExpired, TokenInvalid
from sync.protocol.identity import Principal


class AuthenticatedPrincipal:
    """`request.user`: a Principal with the one attribute that DRF's permissions look at."""

    is_authenticated = True

    def __init__(self, principal: Principal) -> None:
        self.principal = principal


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`, or a service account's key."""

    def authenticate(self, request: Request) -> tuple[AuthenticatedPrincipal, None] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            principal = authenticator.load([authenticator.verify(token.strip())])[0]
        except (TokenInvalid, TokenExpired) as error:
            raise AuthenticationFailed(error.message, code=error.code) from None
        if principal is None:
            raise AuthenticationFailed(TokenInvalid().message, code=TokenInvalid.code)
        about.learn(user=principal.user_id, organization=principal.organization_id)
        return AuthenticatedPrincipal(principal), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
