"""REST: the browsers that take a person's pushes."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, PermissionDenied, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.api.problems import Problem
from bos.auth.bearer import AuthenticatedPrincipal, BearerAuthentication
from bos.models import User
from bos.outside import push
from bos.outside.browsers import browser_of
from bos.outside.push import Endpoint, SubscriptionRefused
from bos.web.turns import turns
from sync.delivery.budgets import Account
from sync.delivery.bus import bus

PER_MINUTE = 20
"""Subscriptions that a person may send in 60 s: of each address the name is looked up."""


class Keys(serializers.Serializer[Any]):
    p256dh = serializers.CharField(max_length=200, help_text="The browser's public key.")
    auth = serializers.CharField(max_length=100, help_text="A secret of the browser.")


class Subscription(serializers.Serializer[Any]):
    """As `PushSubscription.toJSON()` gives it in a browser."""

    endpoint = serializers.CharField(max_length=2_000)
    keys = Keys()
    label = serializers.CharField(  # type: ignore[assignment]  # of one name in the base class
        max_length=100, required=False, help_text="A name for the browser; else its kind."
    )


class SubscriptionEnd(serializers.Serializer[Any]):
    endpoint = serializers.CharField(max_length=2_000)


class Subscribed(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # of one name in the base class


class PushKey(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="`applicationServerKey` of `pushManager.subscribe`.")


_ENDPOINT = "https://push.example/send/dQw4w9WgXcQ"
_KEY = OpenApiExample(
    "The server's key",
    {"key": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQt..."},
    response_only=True,
)
_SUBSCRIPTION = OpenApiExample(
    "A browser",
    {
        "endpoint": _ENDPOINT,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bj...",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    },
    request_only=True,
)
_SUBSCRIBED = OpenApiExample(
    "A browser",
    {"id": "ffc1f1a0-2e1c-4a3f-9a39-0c1c3f0a6a51", "label": "Firefox on Linux"},
    response_only=True,
)
_END = OpenApiExample("A browser", {"endpoint": _ENDPOINT}, request_only=True)


class PushIsOff(APIException):
    status_code = status.HTTP_404_NOT_FOUND
    default_code = "PUSH_IS_OFF"
    default_detail = "This server sends no pushes."


class _OfPeople(APIView):
    """By a person's token, or from a page of a session; no key opens it."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)

    def person(self, request: Request) -> User:
        """Raises PermissionDenied for a user without an organization, who gets no messages."""
        user: Any = request.user
        if isinstance(user, AuthenticatedPrincipal):
            found: User = User.objects.get(pk=user.principal.user_id)
            return found
        person = cast(User, user)
        if person.organization_id is None:
            raise PermissionDenied("You belong to no organization.")
        return person


class PushKeyView(_OfPeople):
    """Return the key by which a browser knows that pushes are this server's."""

    @extend_schema(operation_id="push_key", responses={200: PushKey, 404: Problem}, examples=[_KEY])
    def get(self, request: Request) -> Response:
        if not push.is_on():
            raise PushIsOff
        return Response({"key": push.public_key_of(settings.VAPID_PRIVATE_KEY)})


class PushSubscriptionsView(_OfPeople):
    """Let a browser take one's messages, or let it do so no more."""

    @extend_schema(
        operation_id="push_subscribe",
        request=Subscription,
        responses={201: Subscribed, 404: Problem, 429: Problem},
        examples=[_SUBSCRIPTION, _SUBSCRIBED],
    )
    def post(self, request: Request) -> Response:
        """Let a browser take the messages of the person who asks."""
        if not push.is_on():
            raise PushIsOff
        form = Subscription(data=request.data)
        form.is_valid(raise_exception=True)
        told = form.validated_data
        endpoint = Endpoint(told["endpoint"], told["keys"]["p256dh"], told["keys"]["auth"])
        label = told.get("label") or browser_of(request.headers.get("User-Agent", ""))
        person = self.person(request)
        _pay(person)
        try:
            row = push.subscribe(person, endpoint, label)
        except SubscriptionRefused as refusal:
            raise ValidationError(_under(refusal.field, str(refusal))) from None
        return Response({"id": row.pk, "label": row.label}, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="push_unsubscribe",
        request=SubscriptionEnd,
        responses={204: None, 400: Problem, 415: Problem},
        examples=[_END],
    )
    def delete(self, request: Request) -> Response:
        """End the subscription of the browser with the `endpoint` that the body has.

        The same answer whether it was there or not.
        """
        form = SubscriptionEnd(data=request.data)
        form.is_valid(raise_exception=True)
        push.unsubscribe(self.person(request), form.validated_data["endpoint"])
        return Response(status=status.HTTP_204_NO_CONTENT)


def _pay(person: User) -> None:
    """Count a subscription over all processes. Raises Throttled."""
    account = Account(f"push:{person.pk}", PER_MINUTE, "user")
    with turns.given_back():
        refusal = bus.ask(lambda state: state.spend(str(person.organization_id), [account], 1))
    if refusal is not None:
        raise Throttled(wait=refusal.wait)


def _under(field: str, problem: str) -> dict[str, Any]:
    """Return `{"keys": {"auth": [problem]}}` of 'keys.auth'."""
    details: Any = [problem]
    for name in reversed(field.split(".")):
        details = {name: details}
    return cast(dict[str, Any], details)
