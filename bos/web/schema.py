"""Both descriptions of what the server speaks, each made once: OpenAPI and AsyncAPI.

OpenAPI is made of the views, and `complete` adds what holds for all of them: how they refuse, and a
summary of each, which is the first sentence of its view.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

from sync.reference import asyncapi


class OnceGenerator(SchemaGenerator):
    """Makes the document when it is first asked for, on one thread.

    It is the same for everybody, and making it is a tenth of a second that anybody may ask for. Two
    threads that begin at once would fail: the library replaces names by classes while it goes.
    """

    _lock: ClassVar[Lock] = Lock()
    _made: ClassVar[dict[str, Any] | None] = None

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        with self._lock:
            if OnceGenerator._made is None:
                make = super().get_schema
                OnceGenerator._made = make(None, True)  # type: ignore[no-untyped-call]  # untyped
        return OnceGenerator._made


class SchemaView(SpectacularJSONAPIView):
    """Return this document, which is for everybody."""

    generator_class = OnceGenerator
    permission_classes = (AllowAny,)
    authentication_classes = ()


@cache
def _asyncapi() -> dict[str, Any]:
    return asyncapi.document()


@require_safe
def messages_schema(request: HttpRequest) -> JsonResponse:
    """AsyncAPI, for everybody."""
    return JsonResponse(_asyncapi())


# ------------------------------------------------------------------ what all operations share

INFO = {
    "title": "BOS REST API",
    "version": "1.0.0",
    "description": (
        "Tokens, values in, everything to read. What happens meanwhile comes by the WebSocket,"
        " which the AsyncAPI document at `/api/messages` describes."
    ),
}
TAGS = {
    "auth": "Tokens: sign in, refresh, sign out.",
    "v1": "What systems send and read.",
    "kpis": "The history of KPIs, and files of reports.",
    "schema": "This document.",
}
REFUSALS: dict[str, tuple[str, str, str]] = {
    "400": ("INVALID_REQUEST", "The request is not well formed.", "It is not well formed"),
    "401": (
        "TOKEN_EXPIRED",
        "The token has expired.",
        "None that holds was sent",
    ),
    "403": (
        "FORBIDDEN",
        "This key may not do that. It needs the scope “read”.",
        "The token or key is good, and not for this",
    ),
    "404": ("NOT_FOUND", "Not found.", "It does not exist, or not for the caller"),
    "409": ("CONFLICT", "This is under way already.", "Something else is under way"),
    "410": (
        "REPORT_EXPIRED",
        "This link has expired. Request the report again.",
        "It was there, and is no more",
    ),
    "413": ("REQUEST_TOO_LARGE", "At most 10,000 values a request.", "Too much in one request"),
    "415": (
        "UNSUPPORTED_MEDIA_TYPE",
        "Unsupported media type “text/html” in request.",
        "A body of another kind, or an encoding",
    ),
    "422": (
        "VALUES_REFUSED",
        "1 of 2 values is refused, and nothing was written.",
        "Well formed, and cannot be done: `details` says why",
    ),
    "429": ("RATE_LIMIT_EXCEEDED", "Try again in 7 seconds.", "Too often: see `Retry-After`"),
    "503": ("SERVER_BUSY", "The server is busy. Please try again.", "Busy: see `Retry-After`"),
}
"""By status: an example's code and message, and when it comes."""


def complete(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Add to the document what no single view says: a hook of drf-spectacular."""
    result["info"] = INFO
    result["servers"] = [{"url": "/", "description": "The server that this comes from"}]
    # The slash at the end may be there or not.
    result["paths"] = {path.rstrip("/"): methods for path, methods in result["paths"].items()}
    for path, operation in _operations(result["paths"]):
        operation["tags"] = [_tag(path)]
        text = operation.get("description", "")
        operation.setdefault("summary", text.split("\n\n")[0].split(". ")[0].rstrip("."))
        responses = operation["responses"]
        for status in _refusals(path, operation):
            responses.setdefault(status, {})
        for status in responses.keys() & REFUSALS.keys():
            responses[status] = _refusal(status, responses[status].get("description"))
        operation["responses"] = dict(sorted(responses.items()))
    known = {operation["tags"][0] for _, operation in _operations(result["paths"])}
    result["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in known
    ]
    return result


def _operations(paths: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in paths.items():
        for operation in operations.values():
            yield path, operation


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[0] if parts[0] in TAGS else parts[1]


def _refusals(path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield the statuses with which every operation of this kind may refuse."""
    if "requestBody" in operation or operation.get("parameters"):
        yield "400"
    if {} not in operation.get("security", [{}]):
        yield "401"
        yield "403"
    elif "requestBody" in operation:  # a password or a refresh token
        yield "401"
        yield "429"
    if "{" in path:
        yield "404"
    yield "503"


def _refusal(status: str, description: str | None) -> dict[str, Any]:
    code, message, when = REFUSALS[status]
    return {
        "description": description or when,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {"code": code, "message": message},
            }
        },
    }
