"""JSON Schemas of structs, so that a generator finds a name for every type that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

Schema = dict[str, Any]

REF = "#/components/schemas/"
# For readers of the code; readers of the document have no use for it.
SOURCE = re.compile(r"\s*\((?:decisions? [^)]*|[A-Z]\d+(?:, [A-Z]\d+)*)\)")


def schemas_of(types: Iterable[Any]) -> dict[str, Schema]:
    """Return the schemas of these types and of all that they are made of, by the struct's name."""
    _, components = msgspec.json.schema_components(list(types), ref_template=REF + "{name}")
    found = {name: _tidy(schema) for name, schema in components.items()}
    for name, schema in found.items():
        schema.setdefault("title", name)
        _name_parts(schema, name)
    return found


def one_of(names: Iterable[str], by: str, **about: Any) -> Schema:
    """Return the schema of a union of these components, told apart by this field."""
    return about | {"oneOf": [{"$ref": REF + name} for name in names], "discriminator": by}


def resolved(schema: Schema, components: dict[str, Schema]) -> Schema:
    """Return the schema that a reference names; others as they are."""
    return components[name_of(schema)] if "$ref" in schema else schema


def name_of(schema: Schema) -> str:
    """Return which component a reference names."""
    return str(schema["$ref"]).removeprefix(REF)


def _tidy(value: Any) -> Any:
    """Without sources in descriptions; nothing beside a $ref, where it would be ignored; unions as
    AsyncAPI has them, whose discriminator is a field's name."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(item) for key, item in value.items()}
    if isinstance(tidy.get("description"), str):
        # Python 3.13 takes the indentation from docstrings, 3.11 does not.
        tidy["description"] = cleandoc(SOURCE.sub("", tidy["description"]))
    if isinstance(tidy.get("discriminator"), dict):
        tidy["oneOf"] = tidy.pop("anyOf")
        tidy["discriminator"] = tidy["discriminator"]["propertyName"]
    if "$ref" in tidy:
        tidy.pop("type", None)  # what is referred to says it
    if "$ref" in tidy and len(tidy) > 1:
        tidy["allOf"] = [{"$ref": tidy.pop("$ref")}]
    return tidy


def _name_parts(schema: Schema, name: str) -> None:
    """Give a title to what a generator makes a type of: objects, enums, unions of more than null.

    name: of the schema itself; its fields' are made of that.
    """
    for field, inner in schema.get("properties", {}).items():
        _name(inner, name + field[:1].upper() + field[1:])
    if isinstance(schema.get("items"), dict):
        _name(schema["items"], f"{name}Item")
    for union in ("anyOf", "oneOf"):
        for inner in schema.get(union, ()):
            _name(inner, name)


def _name(schema: Schema, name: str) -> None:
    several = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    is_type = schema.get("type") == "object" or "enum" in schema or "oneOf" in schema
    if is_type or len(several) > 1:
        schema.setdefault("title", name)
    _name_parts(schema, name)
