"""The REST API's document is whole, and the server does as it says (D3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.test import Client as Browser
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bos.web.schema import OnceGenerator
from tests.support.cast import Cast
from tests.support.machines import make_machine
from tests.support.server import Server


def document() -> dict[str, Any]:
    answer = Browser().get("/api/schema")
    found: dict[str, Any] = json.loads(answer.content)
    return found


def operations(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.once("sqlite")
def test_d3_the_document_is_valid_and_made_without_a_warning() -> None:
    reset_generator_stats()
    OnceGenerator._made = None
    made = document()
    validate_schema(made)  # type: ignore[no-untyped-call]  # untyped
    assert not GENERATOR_STATS, "views that are described by guesses"
    assert made["servers"]


@pytest.mark.once("sqlite")
def test_d3_every_operation_has_a_summary_a_name_refusals_and_examples() -> None:
    whole = document()
    for name, operation in operations(whole):
        assert operation["operationId"].count("_") < 4, name
        summary = operation["summary"]
        assert 10 < len(summary) < 120, (name, summary)
        assert any(status.startswith("4") for status in operation["responses"]) or (
            operation["security"] == [{}]
        ), name
        bodies = [operation.get("requestBody"), *operation["responses"].values()]
        for body in filter(None, bodies):
            content = body.get("content", {}).get("application/json")
            if content is not None and name != "GET /api/schema":
                assert "example" in content or content.get("examples"), (name, body)


# ------------------------------------------------------------------ what the server does with it

TRIES = settings(
    max_examples=6,  # of each operation, and of these there are many
    deadline=None,
    derandomize=True,  # the same requests each time
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def described(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/api/schema")


@pytest.mark.timeout(180)  # it asks hundreds of times, perhaps of a machine that is busy
@pytest.mark.parametrize("caller", ["an administrator", "a key", "nobody"])
def test_d3_no_request_that_the_document_allows_or_forbids_is_answered_with_a_fault(
    described: Any, server: Server, cast: Cast, caller: str
) -> None:
    headers = {}
    if caller == "an administrator":
        headers["Authorization"] = f"Bearer {cast.alice.token}"
    elif caller == "a key":
        headers["Authorization"] = f"Bearer {make_machine(cast.home.organization).token}"
    faults: list[str] = []
    session = requests.Session()  # else each request has one, and a socket, of its own
    for found in described.get_all_operations():
        operation = found.ok()

        @TRIES
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(headers=headers, session=session)
            if answer.status_code >= 500 and answer.status_code != 503:
                faults.append(f"{case.method} {case.path}: {answer.status_code}")
            case.validate_response(
                answer,
                checks=[
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        ask()
    session.close()
    assert faults == []
