"""REST: tokens (decision A6). Errors are JSON: {"code": ..., "message": ..., "details": {...}}."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import authenticate
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ParseError,
    Throttled,
    ValidationError,
)
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_exception_handler

from bos.auth import tokens
from bos.auth.attempts import TooManyAttempts
from bos.auth.hashing import TooBusy
from bos.auth.throttle import address_of, refused, signed_in
from bos.identity import second_factor
from bos.models import User
from bos.people.sign_ins import note_sign_in
from sync.protocol.errors import TokenExpired, TokenInvalid

logger = logging.getLogger("bos.login")


class Credentials(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    organization = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Only needed if your password is the same in several organizations.",
    )
    code = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=second_factor.LONGEST,
        help_text="Of a user with a second factor: a code of their app, or a recovery code.",
    )


class RefreshText(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class TokenPair(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


_CREDENTIALS = OpenApiExample(
    "Credentials",
    {"email": "manager@harbor.example", "password": "bos-demo-2026"},
    request_only=True,
)
_REFRESH = OpenApiExample("Refresh token", {"refresh": "eyJhbGciOi..."}, request_only=True)
PAIR = OpenApiExample(
    "Tokens", {"access": "eyJhbGciOi...", "refresh": "eyJhbGciOi..."}, response_only=True
)


class _Public(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """With one, wrong credentials are a 401; DRF makes a 403 of them without."""
        return "Bearer"

    def valid(self, serializer: type[serializers.Serializer[Any]], request: Request) -> Any:
        form = serializer(data=request.data)
        form.is_valid(raise_exception=True)
        return form.validated_data


class TokenView(_Public):
    """Sign in by email and password."""

    @extend_schema(
        operation_id="sign_in",
        request=Credentials,
        responses=TokenPair,
        examples=[_CREDENTIALS, PAIR],
    )
    def post(self, request: Request) -> Response:
        given = self.valid(Credentials, request)
        http_request: HttpRequest = request._request
        try:
            user = authenticate(
                http_request,
                username=given["email"],
                password=given["password"],
                organization_id=given.get("organization"),
                source="rest",
            )
        except TooManyAttempts as refusal:
            raise Throttled(wait=refusal.wait) from None
        except TooBusy as refusal:
            raise Unavailable(refusal.wait) from None
        # The same answer whether the account is unknown, inactive or the password wrong.
        if not isinstance(user, User):
            raise AuthenticationFailed("Email or password is wrong.", code="INVALID_CREDENTIALS")
        self._require_second_factor(http_request, user, given.get("code", ""))
        signed_in(http_request, user, source="rest")
        note_sign_in(user)
        return pair_of(tokens.signed_in(user, address=address_of(http_request)))

    def _require_second_factor(self, request: HttpRequest, user: User, code: str) -> None:
        """Raises AuthenticationFailed, or Throttled after too many codes."""
        if not second_factor.has_one(user):
            require_no_setup(user)
            return
        if not code:
            raise AuthenticationFailed(
                "A code of your second factor is needed as well.", code="MFA_REQUIRED"
            )
        try:
            right = second_factor.prove(user, code) is not None
        except TooManyAttempts as refusal:
            refused(request, user.email, reason="too many codes")
            raise Throttled(wait=refusal.wait) from None
        if not right:
            raise AuthenticationFailed(
                "This code is wrong, or was used before.", code="INVALID_CODE"
            )


class RefreshView(_Public):
    """Give a new pair of tokens for a refresh token, which works once.

    Used a second time, it ends the sign-in: all its tokens are refused from then on.
    """

    @extend_schema(
        operation_id="refresh",
        request=RefreshText,
        responses=TokenPair,
        examples=[_REFRESH, PAIR],
    )
    def post(self, request: Request) -> Response:
        text = self.valid(RefreshText, request)["refresh"]
        address = address_of(request._request)
        with _refusals_logged("refresh", address):
            return pair_of(tokens.refreshed(text, address=address))


class LogoutView(_Public):
    """End a sign-in: none of its tokens holds any more, and its connections are closed."""

    @extend_schema(
        operation_id="sign_out",
        request=RefreshText,
        responses={204: None},
        examples=[_REFRESH],
    )
    def post(self, request: Request) -> Response:
        text = self.valid(RefreshText, request)["refresh"]
        with _refusals_logged("logout", address_of(request._request)):
            tokens.log_out(text)
        return Response(status=status.HTTP_204_NO_CONTENT)


def require_no_setup(user: User) -> None:
    """Raises AuthenticationFailed where the user is to have a second factor first."""
    if second_factor.is_lacking(user):
        raise AuthenticationFailed(
            "Your organization demands a second factor of you: set one up at /account/2fa/.",
            code="MFA_SETUP_REQUIRED",
        )


def pair_of(pair: tokens.Pair) -> Response:
    refresh, access = pair
    return Response({"access": str(access), "refresh": str(refresh)})


@contextmanager
def _refusals_logged(what: str, address: str) -> Iterator[None]:
    try:
        yield
    except (TokenInvalid, TokenExpired) as error:
        logger.info(f"{what} refused", extra={"reason": error.code, "address": address})
        raise AuthenticationFailed(error.message, code=error.code) from None


class Unavailable(APIException):
    """The server is busy; the client may try again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The server is busy. Please try again."
    default_code = "SERVER_BUSY"

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait  # becomes Retry-After


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer in our own form."""
    if isinstance(error, RequestDataTooBig):  # before any parser sees it
        error = ParseError("The body is too large.")
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    body: dict[str, Any] = {"code": "ERROR", "message": str(error)}
    if isinstance(error, ValidationError):
        body = {"code": "INVALID_REQUEST", "message": "The request is not well formed."}
        body["details"] = error.detail
    elif isinstance(error, APIException):
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else "error"
        body = {"code": code.upper(), "message": str(error.detail)}
        if details := getattr(error, "details", None):
            body["details"] = details
        if wait := getattr(error, "wait", None):
            body["retryAfter"] = wait
            # Where every other refusal has it.
            body["details"] = {"retryAfter": wait} | body.get("details", {})
    response.data = body
    return response


@csrf_exempt  # a wrong address is a 404 for a POST, too
def not_found(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {"code": "NOT_FOUND", "message": "This address does not exist."}, status=404
    )
