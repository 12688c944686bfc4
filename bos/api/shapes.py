"""The OpenAPI document of what is read: operations, and the structs that they answer with.

The structs are those of sync messages, so their schemas are made as AsyncAPI's are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from bos.api.problems import Problem
from sync.protocol.messages import SyncDelete
from sync.reference.entities import entities, sync_update_type
from sync.reference.examples import example_of
from sync.reference.schemas import REF, Schema, name_of, schemas_of

REFUSALS = {
    400: "A parameter is unknown, given twice, or not well formed: `details` says which.",
    401: "No token or key, or one that does not hold.",
    403: "The key is good, and not for this.",
    404: "Not there, or not yours to see.",
    410: "Events since then are no longer kept.",
    503: "Too many read at once: try again after `Retry-After`.",
}
HEADERS = {
    "ETag": "The hash of the body: send it as `If-None-Match` to get 304 while it is the same.",
    "Link": 'With `rel="next"`: the next page.',
    "Last-Sequence": "Up to which event of the organization's log this is: see `/api/v1/events`.",
}
EVENT = "EventLine"


def describe(
    *,
    operation_id: str,
    summary: str,
    description: str,
    parameters: Sequence[OpenApiParameter],
    answer: Schema,
    headers: Sequence[str],
    refusals: Sequence[int],
    content_type: str = "application/json",
) -> Callable[[Any], Any]:
    """Return the decorator of a view that says all of this of its GET."""
    told = [
        OpenApiParameter(
            name, str, OpenApiParameter.HEADER, description=HEADERS[name], response=[200, 304]
        )
        for name in headers
    ]
    known = OpenApiParameter(
        "If-None-Match", str, OpenApiParameter.HEADER, description="An ETag that the caller has."
    )
    operation = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        parameters=[*parameters, known, *told],
        responses={
            (200, content_type): OpenApiResponse(answer, summary),
            304: OpenApiResponse(None, "The caller has it already."),
            **{code: OpenApiResponse(Problem, REFUSALS[code]) for code in refusals},
        },
    )
    decorate: Callable[[Any], Any] = extend_schema_view(get=operation)
    return decorate


def ref(name: str) -> Schema:
    return {"$ref": REF + name}


def entity_ref(entity_type: str) -> Schema:
    """Return the schema of an entity as clients keep it: `{"$ref": ".../KpiData"}`."""
    return ref(f"{entity_type.title()}Data")


def page(item: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {
                "type": ["string", "null"],
                "description": "The address of the next page; null on the last one.",
            },
        },
    }


def inline(struct: type) -> Schema:
    """Return the schema of a struct that has no others in it."""
    found: Schema = _openapi(schemas_of([struct])[struct.__name__])
    return found


# ------------------------------------------------------------------ the document


def add_shapes(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the structs to the document that drf-spectacular has made, and an example to each
    operation that answers with one of them."""
    shapes = _shapes()
    components = result["components"]["schemas"]
    components.update(shapes)
    for content in _answers(result):
        schema = content["schema"]
        items = schema.get("properties", {}).get("items", {}).get("items")
        shown = schema if items is None else items
        if "$ref" in shown and name_of(shown) not in shapes:
            continue
        if "$ref" in shown or "title" in shown:
            example = example_of(shown, components)
            content["example"] = example if items is None else {"items": [example], "next": None}
    return result


def _answers(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for address in result["paths"].values():
        for operation in address.values():
            yield from operation["responses"].get("200", {}).get("content", {}).values()


def _shapes() -> dict[str, Schema]:
    """Return the schemas of all entities, and of a line of `/api/v1/events`."""
    known = list(entities())
    structs = [shape for entity in known for shape in entity.shapes]
    found = schemas_of([*structs, sync_update_type(), SyncDelete])
    for entity in known:
        if len(entity.shapes) > 1:
            name = f"{entity.name.title()}Data"
            parts = [ref(shape.__name__) for shape in entity.shapes]
            found[name] = {"title": name, "oneOf": parts, "discriminator": _tag(entity.shapes[0])}
    updates = [ref(f"{entity.name.title()}SyncUpdate") for entity in known]
    found[EVENT] = {
        "title": EVENT,
        "description": "The sync message that a socket is sent of the event.",
        "oneOf": [
            _message("SYNC_UPDATE", {"oneOf": updates, "discriminator": "entityType"}),
            _message("SYNC_DELETE", ref(SyncDelete.__name__)),
        ],
    }
    return {name: _openapi(schema) for name, schema in found.items()}


def _message(type_: str, payload: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["type", "payload", "timestamp"],
        "properties": {
            "type": {"type": "string", "enum": [type_]},
            "payload": payload,
            "timestamp": {"type": "string", "format": "date-time"},
        },
    }


def _tag(struct: type[Any]) -> str | None:
    tag: str | None = struct.__struct_config__.tag_field
    return tag


def _openapi(value: Any) -> Any:
    """Return the schema with unions as OpenAPI has them; AsyncAPI's discriminator is a name."""
    if isinstance(value, list):
        return [_openapi(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {key: _openapi(one) for key, one in value.items()}
    if isinstance(told.get("discriminator"), str):
        told["discriminator"] = {"propertyName": told["discriminator"]}
    return told
