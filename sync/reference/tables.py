"""Tables of fields and the lines of the generated pages."""

from __future__ import annotations

import json
import textwrap
from functools import cache
from typing import Any

from sync.reference.entities import entities
from sync.reference.schemas import Schema, name_of

LINE = 100
WRAPPING: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def filled(page: str) -> str:
    """With long paragraphs in lines that a person reads; tables and examples as they are."""
    lines: list[str] = []
    for line in page.split("\n"):
        whole = len(line) <= LINE or line.startswith(("|", "#", " ", "{"))
        lines += [line] if whole else textwrap.wrap(line, LINE, **WRAPPING)
    return "\n".join(lines)


@cache
def pages_of_data() -> dict[str, str]:
    """Return where the structs of entities are described, by the struct's name."""
    return {
        shape.__name__: f"entities.md#{entity.name}"
        for entity in entities()
        for shape in entity.shapes
    }


def anchor(message: str, *, from_client: bool) -> str:
    """Return where docs/messages.md describes the message of this name."""
    return f"{message.lower()}-{'from-a-client' if from_client else 'from-the-server'}"


def fields_table(schema: Schema, components: dict[str, Schema]) -> str:
    required = schema.get("required", ())
    lines = ["| field | type | required | limits |", "|---|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in required else "no"
        lines.append(
            f"| `{name}` | {type_name(field)} | {needed} | {cell(limits(field, components))} |"
        )
    return "\n".join(lines) + "\n"


def type_name(schema: Schema, *, page: str = "") -> str:
    """Return the type in words, with a link to what it is made of on this page."""
    if "allOf" in schema:
        return type_name(schema["allOf"][0], page=page)
    if "$ref" in schema:
        name = name_of(schema)
        if name in pages_of_data():
            return f"[{name}]({pages_of_data()[name]})"
        return f"[{name}]({page}#{'errors' if name.endswith('ErrorCode') else name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(type_name(one, page=page) for one in schema[union])
    if "enum" in schema:
        return "string"
    if schema.get("type") == "array":
        return f"array of {type_name(schema['items'], page=page)}"
    if schema.get("format") in ("date", "date-time"):
        return {"date": "day", "date-time": "time"}[schema["format"]]
    return str(schema.get("type", "any"))


def limits(schema: Schema, components: dict[str, Schema]) -> str:
    parts = [schema.get("description", "").rstrip(".")]
    if "anyOf" in schema:
        parts.append(limits(schema["anyOf"][0], components))
    if "enum" in schema:
        values = ", ".join(f"`{value}`" for value in schema["enum"])
        parts.append(values if len(schema["enum"]) == 1 else f"one of {values}")
    parts.append(_span(schema, "minLength", "maxLength", "character"))
    parts.append(_span(schema, "minItems", "maxItems", "item"))
    parts.append(_span(schema, "minimum", "maximum", ""))
    if schema.get("type") == "array":
        inner = limits(schema["items"], components)
        parts.append(f"each: {inner}" if inner else "")
    if schema.get("default") not in (None, "", []):
        parts.append(f"default {json.dumps(schema['default'])}")
    return "; ".join(part for part in parts if part)


def _span(schema: Schema, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        text = f"at least {least:,}"
    elif least is None:
        text = f"at most {most:,}"
    else:
        text = f"{least:,} to {most:,}"
    ending = "s" if unit and (most or least) != 1 else ""
    return f"{text} {unit}{ending}".strip()


def cell(text: str) -> str:
    return text.replace("|", "\\|")
