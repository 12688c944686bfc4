"""`/api/v1/webhooks`: how they stand, and replays; for administrators' tokens (decision D5)."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.api.problems import Problem
from bos.auth.bearer import AuthenticatedPrincipal
from bos.models import Role, Webhook
from bos.permissions import has_role
from bos.webhooks.endpoints import STANDINGS, NotKept, Standing, standings, webhook_replay
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time


class NotAnAdministrator(APIException):
    """The token is good, and its user's role is not enough."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "FORBIDDEN"
    default_detail = "Only administrators of the organization may do that."


class HistoryExpired(APIException):
    """A replay cannot begin there."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "HISTORY_EXPIRED"

    def __init__(self, refusal: NotKept) -> None:
        super().__init__(str(refusal))
        self.details = {"oldest": refusal.oldest, "newest": refusal.newest}


class WebhookStanding(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    address = serializers.CharField()
    eventTypes = serializers.ListField(
        child=serializers.CharField(), help_text="Entities and messages; none: everything."
    )
    state = serializers.ChoiceField(tuple(STANDINGS))
    reason = serializers.CharField(
        help_text="Why it is not active, or its last failure; for people."
    )
    position = serializers.IntegerField(help_text="Sequence of the last event that it has passed.")
    behind = serializers.IntegerField(help_text="Events of the organization after that.")
    lagSeconds = serializers.FloatField(help_text="Age of the first of them.")
    failures = serializers.IntegerField(help_text="Of the next event, in a row.")
    failingSince = serializers.DateTimeField(allow_null=True)
    deliveredAt = serializers.DateTimeField(
        allow_null=True, help_text="When it last took an event."
    )


class Webhooks(serializers.Serializer[Any]):
    webhooks = WebhookStanding(many=True)


class Replay(serializers.Serializer[Any]):
    fromSequence = serializers.IntegerField(
        min_value=1, max_value=2**53, help_text="Of the first event that is sent."
    )


_STANDING = {
    "id": "21003971-0697-43db-b7ea-cc146ab8b517",
    "name": "Till",
    "address": "https://till.example/events",
    "eventTypes": ["ALERT", "kpi"],
    "state": "retrying",
    "reason": "The receiver answered 503.",
    "position": 1199,
    "behind": 18,
    "lagSeconds": 71.5,
    "failures": 3,
    "failingSince": "2026-11-29T17:38:17Z",
    "deliveredAt": "2026-11-29T17:38:10Z",
}
_ONE = OpenApiExample("A webhook", _STANDING, response_only=True)
_ALL = OpenApiExample("One webhook", {"webhooks": [_STANDING]}, response_only=True)
_FROM = OpenApiExample("From an event on", {"fromSequence": 1200}, request_only=True)


class _ForAdministrators(APIView):
    """Names no scope, so no key opens it."""

    def principal(self, request: Request) -> Principal:
        """Raises NotAnAdministrator."""
        principal = cast(AuthenticatedPrincipal, request.user).principal
        if not has_role(principal, Role.ADMIN):
            raise NotAnAdministrator
        return principal


class WebhooksView(_ForAdministrators):
    """Return the organization's webhooks and how they stand. No secret is told."""

    @extend_schema(operation_id="list_webhooks", responses=Webhooks, examples=[_ALL])
    def get(self, request: Request) -> Response:
        rows = list(Webhook.objects.of(self.principal(request).organization_id))
        standing = standings(rows)
        told = [_told(row, standing[row.pk]) for row in rows if row.pk in standing]
        return Response({"webhooks": told})


class ReplayView(_ForAdministrators):
    """Send a webhook what is kept from an event on, in order and with the ids that it had.

    A paused webhook stays paused: it is resumed in the admin.
    """

    @extend_schema(
        operation_id="replay_webhook",
        request=Replay,
        responses={200: WebhookStanding, 415: Problem, 422: Problem},
        examples=[_FROM, _ONE],
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        principal = self.principal(request)
        form = Replay(data=request.data)
        form.is_valid(raise_exception=True)
        rows = Webhook.objects.of(principal.organization_id).filter(pk=webhook_id)
        try:
            webhook_replay(_first(rows), from_sequence=form.validated_data["fromSequence"])
        except NotKept as refusal:
            raise HistoryExpired(refusal) from None
        webhook = _first(rows)
        return Response(_told(webhook, Standing.of(webhook)))


def _first(rows: QuerySet[Webhook]) -> Webhook:
    """Raises NotFound: another organization's answers as what is unknown."""
    webhook = rows.first()
    if webhook is None:
        raise NotFound
    return webhook


def _told(webhook: Webhook, standing: Standing) -> dict[str, Any]:
    failing, delivered = webhook.failing_since, webhook.delivered_at
    return {
        "id": str(webhook.pk),
        "name": webhook.name,
        "address": webhook.address,
        "eventTypes": webhook.event_types,
        "state": standing.state,
        "reason": webhook.reason,
        "position": webhook.position,
        "behind": standing.behind,
        "lagSeconds": standing.lag,
        "failures": webhook.failures,
        "failingSince": None if failing is None else wire_time(failing),
        "deliveredAt": None if delivered is None else wire_time(delivered),
    }
