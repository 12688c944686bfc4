"""`GET /api/v1/me`: who is asking, and what they may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.api.scopes import ANY_KEY
from bos.auth.bearer import AuthenticatedPrincipal
from bos.models import Organization, Role
from bos.permissions import has_role
from bos.service.keys import NEVER, Scope
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time


class Named(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class Me(serializers.Serializer[Any]):
    """The caller: a person, or the service account whose key it is."""

    userId = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.values)
    kind = serializers.ChoiceField(("person", "service"))
    organization = Named()
    scopes = serializers.ListField(
        child=serializers.ChoiceField([scope.value for scope in Scope]),
        help_text="What the key is for; a person's token is for all of them.",
    )
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="What the role may do in the organization."
    )
    expiresAt = serializers.DateTimeField(
        allow_null=True, help_text="When the token or key ends; null for a key without an end."
    )


PERMISSIONS = {
    "read": Role.VIEWER,
    "annotate": Role.MEMBER,
    "createSessions": Role.MEMBER,
    "setKpis": Role.MANAGER,
    "requestReports": Role.MANAGER,
    "administer": Role.ADMIN,
}
"""In the whole organization, and the role from which on; owners may set their own KPIs as well."""


_EXAMPLE = OpenApiExample(
    "A service account",
    {
        "userId": "ffc1f1a0-2e1c-4a3f-9a39-0c1c3f0a6a51",
        "name": "meters",
        "role": "manager",
        "kind": "service",
        "organization": {"id": "affdc1ad-5a2e-4a64-8b9f-4d2a3a1a7a10", "name": "Harbor Airports"},
        "scopes": ["read", "ingest", "events"],
        "permissions": ["read", "annotate", "createSessions", "setKpis", "requestReports"],
        "expiresAt": None,
    },
    response_only=True,
)


class MeView(APIView):
    """Return the caller: a person or a service account, its organization, role and rights.

    Every key opens it: a client sees by it that its key is good, and what for.
    """

    scope = ANY_KEY

    @extend_schema(operation_id="me", responses=Me, examples=[_EXAMPLE])
    def get(self, request: Request) -> Response:
        return Response(_told(cast(AuthenticatedPrincipal, request.user).principal))


def _told(principal: Principal) -> dict[str, Any]:
    organization = Organization.objects.get(pk=principal.organization_id)
    ends = principal.expires_at < NEVER
    return {
        "userId": principal.user_id,
        "name": principal.name,
        "role": principal.role,
        "kind": "person" if principal.scopes is None else "service",
        "organization": {"id": principal.organization_id, "name": organization.name},
        "scopes": [scope.value for scope in Scope if principal.has_scope(scope)],
        "permissions": [
            name
            for name, role in PERMISSIONS.items()
            if has_role(principal, role) and (name != "administer" or principal.scopes is None)
        ],
        "expiresAt": (
            wire_time(datetime.fromtimestamp(principal.expires_at, UTC)) if ends else None
        ),
    }
