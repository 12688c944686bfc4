"""REST: tokens (decision A6). Errors are JSON: {"code": ..., "message": ..., "details": {...}}."""

from __future__ import annotations

import math
from typing import Any

from django.contrib.auth import authenticate
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
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

from bos.models import User
from bos.throttle import seconds_to_wait
from bos.tokens import log_out, refreshed, tokens_for
from sync.errors import TokenExpired, TokenInvalid


class Credentials(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class RefreshText(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class TokenPair(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


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

    @extend_schema(request=Credentials, responses=TokenPair)
    def post(self, request: Request) -> Response:
        given = self.valid(Credentials, request)
        http_request: HttpRequest = request._request
        wait = seconds_to_wait(http_request, given["email"])
        if wait > 0:
            raise Throttled(wait=math.ceil(wait))
        user = authenticate(http_request, username=given["email"], password=given["password"])
        # The same answer whether the account is unknown, inactive or the password wrong.
        if not isinstance(user, User) or user.organization_id is None:
            raise AuthenticationFailed("Email or password is wrong.", code="INVALID_CREDENTIALS")
        refresh, access = tokens_for(user)
        return Response({"access": str(access), "refresh": str(refresh)})


class RefreshView(_Public):
    """A new pair of tokens for a refresh token, which works once."""

    @extend_schema(request=RefreshText, responses=TokenPair)
    def post(self, request: Request) -> Response:
        text = self.valid(RefreshText, request)["refresh"]
        try:
            refresh, access = refreshed(text)
        except (TokenInvalid, TokenExpired) as error:
            raise AuthenticationFailed(error.message, code=error.code) from None
        return Response({"access": str(access), "refresh": str(refresh)})


class LogoutView(_Public):
    """Make a refresh token unusable."""

    @extend_schema(request=RefreshText, responses={204: None})
    def post(self, request: Request) -> Response:
        text = self.valid(RefreshText, request)["refresh"]
        try:
            log_out(text)
        except (TokenInvalid, TokenExpired) as error:
            raise AuthenticationFailed(error.message, code=error.code) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


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
    response.data = body
    return response


@csrf_exempt  # a wrong address is a 404 for a POST, too
def not_found(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"code": "NOT_FOUND", "message": "There is no such address."}, status=404)
