"""A key is for its scopes: each view under /api says which of them it needs (decision D1).

    class ValuesView(APIView):
        scope = Scope.INGEST

A view that says nothing is closed to keys. People have no scopes: they may what their role may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission

from bos.auth.bearer import AuthenticatedPrincipal

if TYPE_CHECKING:  # they import this, as the setting says
    from rest_framework.request import Request
    from rest_framework.views import APIView

ANY_KEY = ""
"""The scope of a view that every key opens."""


class Forbidden(APIException):
    """The key is good, and not for this."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "FORBIDDEN"

    def __init__(self, scope: str | None) -> None:
        needs = f"It needs the scope “{scope}”." if scope else "No key opens it."
        super().__init__(f"This key may not do that. {needs}")
        self.details = {"scope": scope} if scope else {}


class ScopePermission(BasePermission):
    """Let a key in where the view's scope is one of its own. Raises Forbidden."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        if not isinstance(user, AuthenticatedPrincipal) or user.principal.scopes is None:
            return True
        scope: str | None = getattr(view, "scope", None)
        if scope != ANY_KEY and (scope is None or scope not in user.principal.scopes):
            raise Forbidden(scope)
        return True
