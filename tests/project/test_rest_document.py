"""The OpenAPI document says of what is read what is true (decision D3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from jsonschema import Draft202012Validator

from tests.support.cast import Cast
from tests.support.furnished import NAMES, furnish

LISTS = [f"/api/v1/{name}" for name in NAMES]
SINGLE = [f"/api/v1/{name}/{{id}}" for name in NAMES]
OTHERS = ["/api/v1/kpis/{id}/values", "/api/v1/events"]


@pytest.fixture(scope="module")
def document(database: None) -> Any:
    return Browser().get("/api/schema").json()


def refs(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(refs, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(refs, value.values()))


def content_of(operation: Any) -> Any:
    [content] = operation["responses"]["200"]["content"].values()
    return content


def validate(document: Any, schema: Any, value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_d3_each_operation_is_described_with_its_refusals_and_an_example_that_holds(
    document: Any,
) -> None:
    operations = [document["paths"][path]["get"] for path in LISTS + SINGLE + OTHERS]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        name = operation["operationId"]
        assert operation["summary"], name
        assert {"304", "400", "401", "403"} <= set(operation["responses"]), name
        for status in set(operation["responses"]) - {"200", "304"}:
            [refusal] = operation["responses"][status]["content"].values()
            assert refusal["schema"] == {"$ref": "#/components/schemas/Problem"}
        for parameter in operation["parameters"]:
            assert parameter["name"] == "id" or parameter["description"], (name, parameter)
        content = content_of(operation)
        validate(document, content["schema"], content["example"])


def test_d3_every_reference_of_the_document_leads_somewhere(document: Any) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert refs(document) <= known


def test_d3_answers_have_the_shape_that_the_document_gives_them(document: Any, cast: Cast) -> None:
    house = furnish(cast)
    headers = {"Authorization": f"Bearer {cast.mia.token}"}
    for name in NAMES:
        schema = content_of(document["paths"][f"/api/v1/{name}"]["get"])["schema"]
        listed = Browser().get(f"/api/v1/{name}", headers=headers).json()
        assert listed["items"], name
        validate(document, schema, listed)
        one = content_of(document["paths"][f"/api/v1/{name}/{{id}}"]["get"])["schema"]
        validate(document, one, listed["items"][0])
    values = content_of(document["paths"]["/api/v1/kpis/{id}/values"]["get"])["schema"]
    for step in ("raw", "day"):
        path = f"/api/v1/kpis/{house.rows['kpis'][0]}/values?step={step}"
        validate(document, values, Browser().get(path, headers=headers).json())


def test_d3_parameters_are_those_that_are_taken(document: Any, cast: Cast) -> None:
    """Each that the document names is known to the view, and has a default that it says."""
    headers = {"Authorization": f"Bearer {cast.mia.token}"}
    for path in [*LISTS, "/api/v1/events", "/api/v1/kpis/{id}/values"]:
        named = {
            parameter["name"]
            for parameter in document["paths"][path]["get"]["parameters"]
            if parameter["in"] == "query"
        }
        address = path.replace("{id}", "revenue")
        told = Browser().get(f"{address}?nothing=1", headers=headers).json()
        [sentence] = told["details"]["nothing"]
        listed = sentence.partition("There are: ")[2].rstrip(".").split(", ")
        assert set(listed) == named, path
