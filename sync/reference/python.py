"""clients/python/src/bos_client/protocol.py: the types of what is sent, for clients in Python.

Made of the same schemas as AsyncAPI. Structs of msgspec, which the client's own module `structs`
has the bases of; a message of the server is told by its `type`, and each request names its reply.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Iterator

from sync.protocol import registry
from sync.protocol.answers import Answer, AnswerKind
from sync.protocol.registry import RequestType, name_of
from sync.reference.asyncapi import Entry, entries, schemas
from sync.reference.entities import entities
from sync.reference.schemas import Schema
from sync.reference.schemas import name_of as name_of_schema
from sync.reference.typescript import Untyped

HEAD = '''"""Messages and entities as they are on the wire, as structs.

Written by `make docs` from the server's own; docs/messages.md says what they mean.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from bos_client.structs import EntityData, Frame, OneOf, Payload, Request, Signal
'''
SIMPLE = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None"}
LINE = 100
WORD = re.compile(r"(?<=[a-z0-9])([A-Z])")


def python_text() -> str:
    """Return the module's text."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    components = schemas()
    messages = entries()
    asked = {entry.struct.__name__: entry for entry in messages if entry.from_client}
    tags = dict(_tags(components))
    yield HEAD
    for name, schema in sorted(components.items()):
        if _is_struct(schema) and name not in {*asked, "Envelope"} and schema["properties"]:
            base = "EntityData" if name.endswith("Data") else "Payload"
            yield _struct(name, schema, base, tags.get(name))
    for entry in asked.values():
        yield _request(entry, components[entry.struct.__name__])
    sent = [entry for entry in messages if not entry.from_client]
    for entry in sent:
        yield _frame(entry)
    for name, schema in sorted(components.items()):
        if not _is_struct(schema) and name != "CloseCode":
            yield _alias(name, type_of(name, schema).split(" | "), schema.get("description", ""))
    frames = [f"{entry.struct.__name__}Message" for entry in sent]
    yield _alias("ServerMessage", frames, "A message of the server, told by its `type`.")
    shapes = [shape.__name__ for entity in entities() for shape in entity.shapes]
    yield _alias("Entity", shapes, "An entity as a client keeps it.")
    yield _table("SHAPES", "dict[tuple[str, str], type[Entity]]", _shapes())
    yield _table("FRAMES", "dict[str, type[ServerMessage]]", _frames(sent))
    closes = components["CloseCode"]["x-codes"]
    reasons = {code: f'"{about["reason"]}"' for code, about in closes.items()}
    yield _table("CLOSE_REASONS", "dict[int, str]", reasons)
    final = ", ".join(code for code, about in closes.items() if not about["reconnect"])
    yield f"FINAL_CLOSES = frozenset({{{final}}})\n"
    kind = "dict[str, type[Request[Any]] | type[Signal]]"
    yield _table("CLIENT_MESSAGES", kind, {f'"{e.name}"': n for n, e in sorted(asked.items())})


def _is_struct(schema: Schema) -> bool:
    return "properties" in schema


def _tags(components: dict[str, Schema]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each struct of a union that a field tells apart, with the field and its value."""
    for schema in [*components.values(), *(p for c in components.values() for p in _inner(c))]:
        if by := schema.get("discriminator"):
            for one in schema["oneOf"]:
                name = name_of_schema(one)
                (value,) = components[name]["properties"][by]["enum"]
                yield name, (by, value)


def _inner(schema: Schema) -> Iterator[Schema]:
    """Yield the schemas of its fields, and of the items of those that are lists."""
    for inner in schema.get("properties", {}).values():
        yield inner
        yield inner.get("items", {})


def type_of(name: str, schema: Schema) -> str:
    """Return the schema as a type of Python.

    name: whose schema it is. Raises Untyped where nothing is said of a value.
    """
    if "$ref" in schema:
        return name_of_schema(schema)
    if "enum" in schema:
        return f"OneOf[{', '.join(_quoted(value) for value in schema['enum'])}]"
    for union in ("allOf", "oneOf", "anyOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(type_of(name, one) for one in schema[union]))
    match schema.get("type"):
        case "array":
            return f"list[{type_of(name, schema.get('items', {}))}]"
        case str(simple) if simple in SIMPLE:
            return SIMPLE[simple]
    raise Untyped(f"{name}: {schema}")


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _struct(
    name: str,
    schema: Schema,
    base: str,
    tag: tuple[str, str] | None = None,
    head: Iterable[str] = (),
) -> str:
    """Return the class of a payload, or of a part of one.

    tag: the field by which it is told from others, and its value. head: lines before its fields.
    """
    tagging = f', tag_field="{tag[0]}", tag="{tag[1]}"' if tag else ""
    lines = [f"class {name}({base}{tagging}):"]
    lines += _docstring(schema.get("description", ""))
    lines += head
    required = schema.get("required", ())
    properties = schema["properties"].items()
    for field, inner in sorted(properties, key=lambda item: item[0] not in required):
        if tag and field == tag[0]:
            constant = f"ClassVar[OneOf[{_quoted(tag[1])}]] = {_quoted(tag[1])}"
            lines.append(f"    {_attribute(field)[0]}: {constant}")
            continue
        lines.append(_field(field, type_of(f"{name}.{field}", inner), field in required))
        if about := inner.get("description"):
            lines += [f'    """{about}"""']
    return "\n".join([*lines, *_ellipsis(lines)]) + "\n"


def _ellipsis(lines: list[str]) -> list[str]:
    return ["    pass"] if len(lines) == 1 else []


def _attribute(field: str) -> tuple[str, bool]:
    """Return a field's name in Python, and whether the wire's is made of it by its rule alone."""
    name = WORD.sub(r"_\1", field).lower()
    return (f"{name}_", False) if keyword.iskeyword(name) else (name, True)


def _field(field: str, type_: str, required: bool) -> str:
    name, plain = _attribute(field)
    if not required:
        type_ += " | UnsetType"
    if plain and required and len(name) + len(type_) + 6 > LINE and type_.startswith("OneOf["):
        values = type_.removeprefix("OneOf[").removesuffix("]").split(", ")
        type_ = "OneOf[\n" + "".join(f"        {value},\n" for value in values) + "    ]"
    if plain and required and len(name) + len(type_) + 6 > LINE and type_.startswith("list["):
        members = type_.removeprefix("list[").removesuffix("]").split(" | ")
        type_ = "list[\n        " + "\n        | ".join(members) + "\n    ]"
    if plain:
        return f"    {name}: {type_}{'' if required else ' = UNSET'}"
    default = "" if required else "default=UNSET, "
    return f'    {name}: {type_} = field({default}name="{field}")'


def _docstring(text: str) -> list[str]:
    text = " ".join(text.split()).replace('"""', "'''")
    if not text:
        return []
    if len(text) + 10 <= LINE:
        return [f'    """{text}"""', ""]
    first, *rest = textwrap.wrap(text, LINE - 7)
    return [f'    """{first}', *(f"    {line}" for line in rest), '    """', ""]


# ------------------------------------------------------------------ messages


def _request(entry: Entry, schema: Schema) -> str:
    request = registry.client_messages[entry.name]
    ends = _ends(request)
    base = f"Request[{ends[0].message.__name__}]" if ends else "Signal"
    if ends and not ends[0].message.__struct_fields__:
        base = "Request[None]"
    head = [f'    TYPE: ClassVar[str] = "{entry.name}"']
    if ends:
        head.append(f'    REPLY: ClassVar[str] = "{name_of(ends[0].message)}"')
    if any(answer.kind is AnswerKind.NOTICE for answer in request.answers):
        head.append("    NOTICED: ClassVar[bool] = True")
    return _struct(entry.struct.__name__, schema, base, head=head)


def _ends(request: RequestType) -> list[Answer]:
    """List the answers by which the request is served, once each."""
    ends = [a for a in request.answers if a.ends and not a.codes and a.kind != AnswerKind.NOTICE]
    names = {name_of(answer.message) for answer in ends}
    assert len(names) <= 1, f"{request.name} has several replies, so it has no type: {names}"
    return ends


def _frame(entry: Entry) -> str:
    name = entry.struct.__name__
    lines = [f'class {name}Message(Frame, tag_field="type", tag="{entry.name}"):']
    lines += _docstring(entry.description)
    lines += [f'    TYPE: ClassVar[str] = "{entry.name}"']
    if entry.has_payload:
        lines.append(f"    payload: {name}")
    return "\n".join(lines) + "\n"


def _alias(name: str, members: list[str], about: str) -> str:
    joined = " | ".join(members)
    if len(name) + 3 + len(joined) > LINE:
        joined = "(\n    " + "\n    | ".join(members) + "\n)"
    if members[0].startswith("OneOf["):
        # Of an error, a newer server has others: what counts is that it is refused.
        joined = "str"
    about = " ".join(about.split())
    return f"{name} = {joined}\n" + (f'"""{about}"""\n' if about else "")


def _shapes() -> dict[str, str]:
    found = {}
    for entity in entities():
        for shape in entity.shapes:
            tag = shape.__struct_config__.tag if len(entity.shapes) > 1 else ""
            found[f'("{entity.name}", "{tag or ""}")'] = shape.__name__
    return found


def _frames(sent: list[Entry]) -> dict[str, str]:
    return {f'"{entry.name}"': f"{entry.struct.__name__}Message" for entry in sent}


def _table(name: str, type_: str, rows: dict[str, str]) -> str:
    lines = "".join(f"    {key}: {value},\n" for key, value in rows.items())
    return f"{name}: {type_} = {{\n{lines}}}\n"
