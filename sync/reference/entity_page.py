"""docs/entities.md: what clients keep, made of the same structs."""

from __future__ import annotations

from sync.protocol import registry
from sync.reference.asyncapi import described, schemas
from sync.reference.entities import Entity, entities
from sync.reference.schemas import Schema
from sync.reference.tables import anchor, cell, filled, limits, type_name

HEAD = """# Entities

Written by `make docs` from the structs of what is sent. `data` of a `SYNC_UPDATE` is whole: every
field of the table is there, as null where it may be. How a client keeps them in a map is in
[writing-a-client.md](writing-a-client.md#applying-events), what else a message has in
[messages.md](messages.md).

| `entityType` | is | live messages, and which of their fields is its id |
|---|---|---|"""


def entities_text() -> str:
    components = schemas()
    lines = [HEAD, *(_row(entity) for entity in entities()), ""]
    for entity in entities():
        lines += _section(entity, components)
    return filled("\n".join(lines))


def _row(entity: Entity) -> str:
    about = " ".join(dict.fromkeys(described(shape) for shape in entity.shapes))
    live = "; ".join(_live(name) for name in entity.live_types)
    return f"| [`{entity.name}`](#{entity.name}) | {about} | {live or 'none'} |"


def _live(name: str) -> str:
    shown = registry.subjects[name]
    changes = " or ".join(f"`{change}`" for change in shown.changes)
    id_ = f"`{shown.named}`, `entityId`" if shown.named else "`entityId`"
    return f"[`{name}`](messages.md#{anchor(name, from_client=False)}): {id_} ({changes})"


def _section(entity: Entity, components: dict[str, Schema]) -> list[str]:
    lines = [f"## `{entity.name}`\n"]
    for shape in entity.shapes:
        tag = shape.__struct_config__.tag
        if tag is not None:
            lines.append(f"### `{entity.name}` of kind `{tag}`\n")
        lines += [described(shape) + "\n", _table(components[shape.__name__], components)]
    return lines


def _table(schema: Schema, components: dict[str, Schema]) -> str:
    lines = ["| field | type | may be null | values |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        given, nullable = _without_null(field)
        lines.append(
            f"| `{name}` | {type_name(given, page='messages.md')} | {'yes' if nullable else 'no'} "
            f"| {cell(limits(given, components))} |"
        )
    return "\n".join(lines) + "\n"


def _without_null(schema: Schema) -> tuple[Schema, bool]:
    some = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(some) == len(schema.get("anyOf", ())):
        return schema, False
    return (some[0] if len(some) == 1 else schema | {"anyOf": some}), True
