"""`POST /api/v1/values`: values of many KPIs in one request (decision D2)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, AuthenticationFailed, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.api.problems import Problem
from bos.auth.bearer import AuthenticatedPrincipal
from bos.service.keys import Scope
from bos.web.turns import turns
from kpis.ingest.services import KeyReused, Outcome, Repeatable, ValuesRefused, ingest
from kpis.ingest.values import MOST_VALUES, Format, Parsed, TooMany, Unreadable, parse, shown
from sync.delivery.budgets import Account, Refusal
from sync.delivery.bus import bus
from sync.eventlog.faults import passes
from sync.eventlog.threads import letting_others_write
from sync.protocol.errors import TokenInvalid
from sync.protocol.identity import Actor, Principal, acting
from sync.protocol.limits import limit_figures

logger = logging.getLogger("bos.ingest")

MOST_SHOWN = 100
"""Refused values that are named where nothing was written: a mistake is mostly in all of them."""
LONGEST_KEY = 255
# Each takes a second of a core, and SQLite has one writer.
AT_ONCE = 2
PATIENCE = 5.0

_places = BoundedSemaphore(AT_ONCE)


# ------------------------------------------------------------------ what is refused


class Invalid(APIException):
    """The request is not well formed."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "INVALID_REQUEST"


class TooLarge(APIException):
    """There is more in the request than one may have."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "REQUEST_TOO_LARGE"

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.details = {"limit": limit}


class Refused(APIException):
    """Some values cannot be taken, so none of them was."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "VALUES_REFUSED"

    def __init__(self, refusal: ValuesRefused) -> None:
        count = len(refusal.refused)
        what = "One value cannot" if count == 1 else f"{count:,} values cannot"
        super().__init__(f"{what} be taken, so none of them was.")
        self.details = {"refused": shown(refusal.refused, most=MOST_SHOWN), "count": count}


class Reused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "IDEMPOTENCY_KEY_REUSED"
    default_detail = "This Idempotency-Key has come with another request within the last 24 hours."


class TooFast(APIException):
    """More values came in a minute than the organization may send."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "RATE_LIMIT_EXCEEDED"
    default_detail = "Your organization has sent too many values. Please slow down."

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.wait = max(1, math.ceil(refusal.wait))  # becomes Retry-After
        account = refusal.account
        self.details = limit_figures(account.limit, self.wait, scope=account.scope)


class Busy(APIException):
    """Too many send values at once, or the database is held by others; nothing was written."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "SERVER_BUSY"
    default_detail = "Too many values are being written. Try again in a moment."
    wait = int(PATIENCE)


# ------------------------------------------------------------------ what is sent


class _Body(BaseParser):
    """Takes the body as it is, up to `BOS_INGEST_BYTES`."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.INGEST_BYTES
        body: bytes = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"The body has more than {limit:,} bytes.", limit=limit)
        return body


class JsonBody(_Body):
    media_type = Format.JSON.value


class NdjsonBody(_Body):
    media_type = Format.NDJSON.value


class CsvBody(_Body):
    media_type = Format.CSV.value


class SentValue(serializers.Serializer[Any]):
    kpi = serializers.CharField(help_text="The KPI's key, or its id.")
    value = serializers.FloatField(
        help_text="Below 10^15 in size, at most 15 significant digits, 4 of them decimals."
    )
    at = serializers.DateTimeField(
        required=False,
        help_text="When it was measured, with its offset; at most 24 hours ahead. Absent: now.",
    )


class SentValues(serializers.Serializer[Any]):
    values = SentValue(many=True, help_text=f"At most {MOST_VALUES:,}.")


class RefusedValue(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place among the values, from 0.")
    field = serializers.CharField(help_text="Empty where it is all of the value.")
    reason = serializers.CharField()


class Taken(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    refused = RefusedValue(many=True)
    sequence = serializers.IntegerField(
        help_text="Of the organization's last event; a client that has it has these values."
    )


# ------------------------------------------------------------------ the view


class ValuesView(APIView):
    """Send values of KPIs: up to 10,000, with or without the times at which they were measured.

    All of them are written, or none: what is wrong with which is answered with 422. With
    `?partial=true` the good ones are written. A value that is newer than all of its KPI becomes the
    current one, live for everybody who follows it; an older one becomes history. With an
    `Idempotency-Key` the request may be repeated for 24 hours and has one effect.
    """

    scope = Scope.INGEST
    parser_classes = (JsonBody, NdjsonBody, CsvBody)

    @extend_schema(
        operation_id="send_values",
        request={(format_.value): SentValues for format_ in Format},
        parameters=[
            OpenApiParameter("partial", bool, description="write the good ones; default: false"),
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 characters"
            ),
            OpenApiParameter("Idempotent-Replay", str, OpenApiParameter.HEADER, response=[200]),
        ],
        responses={
            200: Taken,
            **dict.fromkeys((413, 415, 422, 429), Problem),
        },
        examples=[
            OpenApiExample(
                "Two values",
                {
                    "values": [
                        {"kpi": "kennedy-departures", "value": 280},
                        {
                            "kpi": "newark-on-time-share",
                            "value": 81.5,
                            "at": "2026-01-31T08:30:00+01:00",
                        },
                    ]
                },
                request_only=True,
                media_type="application/json",
            ),
            OpenApiExample(
                "All taken",
                {"accepted": 2, "refused": [], "sequence": 23},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        partial = _flag(request, "partial")
        key = request.headers.get("Idempotency-Key")
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise Invalid(f"Idempotency-Key has 1 to {LONGEST_KEY} characters.")
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise UnsupportedMediaType(encoding)
        format_ = _format_of(request)
        # An empty one is not parsed at all.
        sent: Any = request.data
        body = sent if isinstance(sent, bytes) else b""
        repeatable = (
            None
            if key is None
            else Repeatable.of(key, body, format_.value, "partial" if partial else "all")
        )
        principal = cast(AuthenticatedPrincipal, request.user).principal
        with _turn():
            outcome = _take(principal, _parsed(body, format_), partial, repeatable)
        accepted, refused = outcome.answer["accepted"], len(outcome.answer["refused"])
        counts = {"accepted": accepted, "refused": refused, "repeated": outcome.repeated}
        logger.info("values received", extra=counts)
        response = Response(outcome.answer)
        if outcome.repeated:
            response["Idempotent-Replay"] = "true"
        return response


def _format_of(request: Request) -> Format:
    try:
        return Format(request.content_type.partition(";")[0].strip().lower())
    except ValueError:
        raise UnsupportedMediaType(request.content_type) from None


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise Invalid(f"{name} is true or false.")
    return text == "true"


@contextmanager
def _turn() -> Iterator[None]:
    """One of the few places in this process. Raises Busy."""
    with turns.given_back():
        has_place = _places.acquire(timeout=PATIENCE)
    if not has_place:
        raise Busy
    try:
        yield
    finally:
        _places.release()


def _parsed(body: bytes, format_: Format) -> Parsed:
    try:
        return parse(body, format_)
    except Unreadable as error:
        raise Invalid(str(error)) from None
    except TooMany:
        message = f"A request has at most {MOST_VALUES:,} values: send the rest in another one."
        raise TooLarge(message, limit=MOST_VALUES) from None


def _take(
    principal: Principal, parsed: Parsed, partial: bool, repeatable: Repeatable | None
) -> Outcome:
    _pay(principal.organization_id, parsed.count)
    actor = Actor(user_id=principal.user_id, source="rest")
    try:
        with acting(actor), letting_others_write():
            return ingest(
                parsed,
                organization_id=principal.organization_id,
                principal=principal,
                partial=partial,
                request=repeatable,
            )
    except TokenInvalid as error:
        raise AuthenticationFailed(error.message, code=error.code) from None
    except ValuesRefused as refusal:
        raise Refused(refusal) from None
    except KeyReused:
        raise Reused from None
    except (DatabaseError, InterfaceError) as error:
        if not passes(error):
            raise
        # Not its text, which names rows and their values.
        logger.warning("values not written", extra={"error": type(error).__name__})
        raise Busy from None


def _pay(organization_id: str, count: int) -> None:
    """Count values over all processes. Raises TooFast, and counts none then."""
    limit = settings.INGEST_VALUES_PER_MINUTE
    account = Account(f"ingest:{organization_id}", limit, "organization")
    units = min(count, limit)  # one request that is larger is let in where nothing else was
    if not units:
        return
    with turns.given_back():
        refusal = bus.ask(lambda state: state.spend(organization_id, [account], units))
    if refusal is not None:
        raise TooFast(refusal)
