"""The REST API's description of itself, made once."""

from __future__ import annotations

from threading import Lock
from typing import Any, ClassVar

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny


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
    """OpenAPI, for everybody."""

    generator_class = OnceGenerator
    permission_classes = (AllowAny,)
    authentication_classes = ()
