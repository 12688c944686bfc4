"""clients/swift/Sources/BOSClient/Protocol.swift: the types of what is sent, for clients in Swift.

Made of the same schemas as the TypeScript types. Each struct says itself how it is decoded and
encoded: a general generator folds all payloads into one type, and the code that Swift derives by
itself takes a field that may be null for one that may be missing.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sync.protocol import registry
from sync.protocol.answers import AnswerKind
from sync.protocol.close_codes import CloseCode
from sync.protocol.messages import SyncUpdate
from sync.protocol.registry import EntityData
from sync.reference.asyncapi import Entry, described, entries, schemas
from sync.reference.entities import Entity, entities
from sync.reference.schemas import Schema, name_of

HEAD = """\
// Written by `make docs` from the message structs; docs/messages.md says what they mean.
//
// A field that must be there is read by `decode`, one that may be missing by `decodeIfPresent`; one
// that must be there and may be null has an optional type and is read by `decode`. Integers go to
// 2^53: Int64. Numbers are Double: it holds every value of up to 15 significant digits exactly, and
// the server knows no others. Times are Date (the decoder of Coding.swift reads them), days are
// text: a day has no time zone. `unrecognized` is for words that a newer server may know.

import Foundation
"""
LINE = 100
TAKEN = {"Alert", "Error", "Notification", "Result", "State", "Task"}
"""Names that Swift, Foundation or SwiftUI have: with these a payload is called ...Message."""
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    as associatedtype break case catch class continue default defer deinit do else enum
    extension fallthrough false fileprivate for func guard if import in init inout internal is
    let nil open operator private protocol public repeat rethrows return self static struct
    subscript super switch throw throws true try var where while
    """,
    )
)
SIMPLE = {"string": "String", "number": "Double", "integer": "Int64", "boolean": "Bool"}
FORMATS = {"date-time": "Date"}
TOLERANT = "unrecognized"


class Untyped(ValueError):
    """A schema says nothing of what is in it, or something for which there is no rule here."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct, by its name on the wire. optional: it may be null, or missing."""

    name: str
    type: str
    optional: bool
    required: bool
    about: str

    @property
    def declared(self) -> str:
        return f"{self.type}?" if self.optional else self.type

    @property
    def decoding(self) -> str:
        if self.required:
            return f"try container.decode({self.declared}.self, forKey: .{_safe(self.name)})"
        return f"try container.decodeIfPresent({self.type}.self, forKey: .{_safe(self.name)})"

    @property
    def encoding(self) -> str:
        how = "encode" if self.required else "encodeIfPresent"
        return f"try container.{how}({_safe(self.name)}, forKey: .{_safe(self.name)})"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The schemas, and the enums that are made of the words in them."""

    schemas: dict[str, Schema]
    enums: dict[str, set[str]] = field(default_factory=dict)
    """Words by the name of the enum."""
    _named: dict[tuple[str, str], str] = field(default_factory=dict)
    """Names of enums by struct and field."""

    @classmethod
    def of(cls, components: dict[str, Schema]) -> Vocabulary:
        """Give each set of words one name, so that what is the same has the same type."""
        found = cls(components)
        sets: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for name, schema in sorted(components.items()):
            if "enum" in schema and schema.get("type") != "integer":
                found.enums[name] = set(schema["enum"])
            for key, inner in schema.get("properties", {}).items():
                if "enum" in inner and "allOf" not in inner:
                    sets.setdefault((key, tuple(sorted(inner["enum"]))), []).append(name)
        for (key, words), owners in sets.items():
            enum = found._name(key, words, owners)
            found.enums.setdefault(enum, set()).update(words)
            found._named.update({(owner, key): enum for owner in owners})
        return found

    @staticmethod
    def _name(key: str, words: Collection[str], owners: list[str]) -> str:
        """Return the enum's name: of the entity's field that has these words, else of the first."""
        if key in ("entityType", "changeType"):
            return _upper(key)
        for entity in _with_kinds():
            if key == "kind" and set(words) <= {_kind(shape) for shape in entity.shapes}:
                return f"{_upper(entity.name)}Kind"
        of_entities = [owner for owner in owners if owner.endswith("Data")]
        return f"{(of_entities or owners)[0].removesuffix('Data')}{_upper(key)}"

    def fields(self, name: str) -> list[Field]:
        """Return the fields of the struct of this name. Raises Untyped."""
        schema = self.schemas[name]
        if "properties" not in schema:
            raise Untyped(f"{name}: {schema}")
        required = schema.get("required", ())
        return [
            self._field(name, key, inner, required=key in required)
            for key, inner in schema["properties"].items()
        ]

    def _field(self, owner: str, key: str, schema: Schema, *, required: bool) -> Field:
        about = " ".join(str(schema.get("description", "")).split())
        several = schema.get("anyOf", [schema])
        given = [one for one in several if one.get("type") != "null"]
        if len(given) != 1:
            raise Untyped(f"{owner}.{key}: {schema}")
        nullable = len(given) < len(several)
        return Field(
            key, self.type_of(owner, key, given[0]), nullable or not required, required, about
        )

    def type_of(self, owner: str, key: str, schema: Schema) -> str:
        """Return the schema as a Swift type. Raises Untyped where nothing is said of a value."""
        if "allOf" in schema and len(schema["allOf"]) == 1:
            return self.type_of(owner, key, schema["allOf"][0])
        if "$ref" in schema:
            return struct_name(name_of(schema))
        if "enum" in schema:
            return self._named[owner, key]
        if schema.get("type") == "array":
            return f"[{self.type_of(owner, key, schema.get('items', {}))}]"
        if "oneOf" in schema and schema.get("discriminator") == "kind":
            return _union_name(owner)
        if schema.get("type") not in SIMPLE:
            raise Untyped(f"{owner}.{key}: {schema}")
        return FORMATS.get(str(schema.get("format")), SIMPLE[str(schema["type"])])


def swift_text() -> str:
    words = Vocabulary.of(schemas())
    every = entries()
    asked, sent = [e for e in every if e.from_client], [e for e in every if not e.from_client]
    of_clients = _reached(asked, words)
    updates = {f"{entity.name.title()}SyncUpdate" for entity in entities()}
    structs = [
        name
        for name, schema in sorted(words.schemas.items())
        if schema.get("properties") and name not in updates | {"Envelope"}
    ]
    parts = [
        HEAD,
        "// MARK: - Words\n",
        *(_enum(name, values) for name, values in sorted(words.enums.items())),
        _close_codes(),
        "// MARK: - Payloads, entities, and what they are made of\n",
        *(_struct(name, words, of_clients=name in of_clients) for name in structs),
        *(_items(name, union) for name, union in _unions(words)),
        "// MARK: - Entities\n",
        *(_shapes(entity) for entity in _with_kinds()),
        _entity_data(),
        _sync_update(words),
        "// MARK: - Messages of the server\n",
        _server_message(sent),
        _events(sent),
        _shown(sent, words),
        "// MARK: - Messages of clients\n",
        _client_message(asked),
        *(_request(entry) for entry in asked),
        *(_reply(entry) for entry in sent if entry.has_payload and entry.struct is not SyncUpdate),
    ]
    return "\n".join(part for part in parts if part)


# ------------------------------------------------------------------ names


def struct_name(name: str) -> str:
    """Return the name in Swift of the struct that a schema describes."""
    return f"{name}Message" if name in TAKEN else name


def _case(type_: str) -> str:
    """Return the case of an enum for a word or a type: SYNC_DELETE is syncDelete."""
    words = [word.lower() for word in type_.replace("-", "_").split("_")]
    return _safe(words[0] + "".join(_upper(word) for word in words[1:]))


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _safe(name: str) -> str:
    return f"`{name}`" if name in RESERVED else name


def _kind(shape: type[EntityData]) -> str:
    return str(shape.__struct_config__.tag)


def _with_kinds() -> list[Entity]:
    """Return the entity types of which there are several shapes, told apart by `kind`."""
    return [entity for entity in entities() if len(entity.shapes) > 1]


def _reached(messages: Iterable[Entry], words: Vocabulary) -> set[str]:
    """Return the schemas of which these messages consist."""
    found: set[str] = set()
    open_ = [entry.struct.__name__ for entry in messages if entry.has_payload]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _references(words.schemas[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield name_of(schema)
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _comment(text: str, indent: str = "") -> str:
    text = " ".join(text.split())
    lines = textwrap.wrap(text, LINE - 4 - len(indent), break_on_hyphens=False)
    return "".join(f"{indent}/// {line}\n" for line in lines)


# ------------------------------------------------------------------ enums and structs


def _enum(name: str, values: Collection[str]) -> str:
    cases = {value: _case(value) for value in sorted(values)}
    if TOLERANT in cases.values() or len(set(cases.values())) < len(cases):
        raise Untyped(f"{name}: {sorted(values)}")
    lines = [
        f"public enum {name}: Codable, Hashable, Sendable {{",
        *(f"    case {case}" for case in cases.values()),
        f"    case {TOLERANT}(String)",
        "",
        "    public init(text: String) {",
        "        switch text {",
        *(f'        case "{value}": self = .{case}' for value, case in cases.items()),
        f"        default: self = .{TOLERANT}(text)",
        "        }",
        "    }",
        "",
        "    public var text: String {",
        "        switch self {",
        *(f'        case .{case}: return "{value}"' for value, case in cases.items()),
        f"        case .{TOLERANT}(let text): return text",
        "        }",
        "    }",
        "",
        "    public init(from decoder: any Decoder) throws {",
        "        self.init(text: try decoder.singleValueContainer().decode(String.self))",
        "    }",
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        var container = encoder.singleValueContainer()",
        "        try container.encode(text)",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _close_codes() -> str:
    final = ", ".join(f".{_case(code.name)}" for code in CloseCode if not code.reconnect)
    lines = [
        "/// Why the server closes a connection.",
        "public enum CloseCode: Int, Sendable {",
        *(f"    case {_case(code.name)} = {int(code)}" for code in sorted(CloseCode)),
        "",
        "    /// Whether a client comes back after it.",
        "    public var comesBack: Bool {",
        "        switch self {",
        f"        case {final}: return false",
        "        default: return true",
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _struct(name: str, words: Vocabulary, *, of_clients: bool) -> str:
    """Return the declaration of a struct; an app fills in those of clients, and of entities."""
    fields = words.fields(name)
    changeable = of_clients or name.endswith("Data")
    lines = [
        _comment(str(words.schemas[name].get("description", "")))
        + f"public struct {struct_name(name)}: Codable, Hashable, Sendable {{",
        *(
            _comment(one.about, "    ")
            + f"    public {'var' if changeable else 'let'} {_safe(one.name)}: {one.declared}"
            for one in fields
        ),
        "",
        "    private enum CodingKeys: String, CodingKey {",
        *(f"        case {_safe(one.name)}" for one in fields),
        "    }",
        *_memberwise(fields),
        *_decoding(fields),
        *_encoding(fields),
        "}\n",
    ]
    return "\n".join(lines)


def _memberwise(fields: list[Field]) -> list[str]:
    parameters = [
        f"        {_safe(one.name)}: {one.declared}{'' if one.required else ' = nil'}"
        for one in fields
    ]
    return [
        "",
        "    public init(",
        ",\n".join(parameters),
        "    ) {",
        *(f"        self.{_safe(one.name)} = {_safe(one.name)}" for one in fields),
        "    }",
    ]


def _decoding(fields: list[Field]) -> list[str]:
    return [
        "",
        "    public init(from decoder: any Decoder) throws {",
        "        let container = try decoder.container(keyedBy: CodingKeys.self)",
        *(f"        {_safe(one.name)} = {one.decoding}" for one in fields),
        "    }",
    ]


def _encoding(fields: list[Field]) -> list[str]:
    return [
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        var container = encoder.container(keyedBy: CodingKeys.self)",
        *(f"        {one.encoding}" for one in fields),
        "    }",
    ]


def _unions(words: Vocabulary) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the unions that are items of lists: their names, and their structs by `kind`."""
    for owner, schema in sorted(words.schemas.items()):
        for inner in schema.get("properties", {}).values():
            if "oneOf" in (items := inner.get("items", {})):
                names = [name_of(one) for one in items["oneOf"]]
                kinds = {words.schemas[n]["properties"]["kind"]["enum"][0]: n for n in names}
                yield _union_name(owner), kinds


def _union_name(owner: str) -> str:
    return f"{owner}Item"


def _items(name: str, structs: dict[str, str]) -> str:
    """Return a union of structs, told apart by `kind`; one that a newer server has is unknown."""
    lines = [
        f"/// One of the items of a list, by its `kind`: {', '.join(structs)}.",
        f"public enum {name}: Codable, Hashable, Sendable {{",
        *(f"    case {_case(kind)}({struct_name(struct)})" for kind, struct in structs.items()),
        "    case unknown(kind: String)",
        "",
        "    private enum CodingKeys: String, CodingKey {",
        "        case kind",
        "    }",
        "",
        "    public init(from decoder: any Decoder) throws {",
        "        let container = try decoder.container(keyedBy: CodingKeys.self)",
        "        let kind = try container.decode(String.self, forKey: .kind)",
        "        switch kind {",
    ]
    for kind, struct in structs.items():
        lines += [
            f'        case "{kind}":',
            f"            self = .{_case(kind)}(try {struct_name(struct)}(from: decoder))",
        ]
    lines += [
        "        default:",
        "            self = .unknown(kind: kind)",
        "        }",
        "    }",
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        switch self {",
        *(
            f"        case .{_case(kind)}(let item): try item.encode(to: encoder)"
            for kind in structs
        ),
        "        case .unknown(let kind):",
        "            var container = encoder.container(keyedBy: CodingKeys.self)",
        "            try container.encode(kind, forKey: .kind)",
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


# ------------------------------------------------------------------ entities


def _shapes(entity: Entity) -> str:
    """Return the union of an entity's shapes, told apart by `kind`."""
    name = f"{_upper(entity.name)}Data"
    shapes = {_kind(shape): shape.__name__ for shape in entity.shapes}
    lines = [
        f"/// `data` of the entity type `{entity.name}`, by its `kind`.",
        f"public enum {name}: Codable, Hashable, Sendable {{",
        *(f"    case {_case(kind)}({shape})" for kind, shape in shapes.items()),
        "    case unknown(id: String, kind: String)",
        "",
        "    private enum CodingKeys: String, CodingKey {",
        "        case id, kind",
        "    }",
        "",
        "    public init(from decoder: any Decoder) throws {",
        "        let container = try decoder.container(keyedBy: CodingKeys.self)",
        f"        switch try container.decode({_upper(entity.name)}Kind.self, forKey: .kind) {{",
    ]
    for kind, shape in shapes.items():
        lines += [
            f"        case .{_case(kind)}:",
            f"            self = .{_case(kind)}(try {shape}(from: decoder))",
        ]
    lines += [
        f"        case .{TOLERANT}(let kind):",
        "            let id = try container.decode(String.self, forKey: .id)",
        "            self = .unknown(id: id, kind: kind)",
        "        }",
        "    }",
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        switch self {",
        *(
            f"        case .{_case(kind)}(let data): try data.encode(to: encoder)"
            for kind in shapes
        ),
        "        case .unknown(let id, let kind):",
        "            var container = encoder.container(keyedBy: CodingKeys.self)",
        "            try container.encode(id, forKey: .id)",
        "            try container.encode(kind, forKey: .kind)",
        "        }",
        "    }",
        "",
        "    public var id: String {",
        "        switch self {",
        *(f"        case .{_case(kind)}(let data): return data.id" for kind in shapes),
        "        case .unknown(let id, _): return id",
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _data_name(entity: Entity) -> str:
    """Return the name of the type of an entity's `data`."""
    return f"{_upper(entity.name)}Data" if len(entity.shapes) > 1 else entity.shapes[0].__name__


def _entity_data() -> str:
    every = list(entities())
    lines = [
        "/// An entity, by its type; a newer server may have unknown ones. Encoded it is `data`.",
        "public enum EntityData: Encodable, Hashable, Sendable {",
        *(f"    case {_case(entity.name)}({_data_name(entity)})" for entity in every),
        "    case unknown(id: String, type: String)",
        "",
        "    public var type: EntityType {",
        "        switch self {",
        *(f"        case .{_case(one.name)}: return .{_case(one.name)}" for one in every),
        "        case .unknown(_, let type): return EntityType(text: type)",
        "        }",
        "    }",
        "",
        "    private enum CodingKeys: String, CodingKey {",
        "        case id",
        "    }",
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        switch self {",
        *(
            f"        case .{_case(one.name)}(let data): try data.encode(to: encoder)"
            for one in every
        ),
        "        case .unknown(let id, _):",
        "            var container = encoder.container(keyedBy: CodingKeys.self)",
        "            try container.encode(id, forKey: .id)",
        "        }",
        "    }",
        "",
        "    public var id: String {",
        "        switch self {",
        *(f"        case .{_case(one.name)}(let data): return data.id" for one in every),
        "        case .unknown(let id, _): return id",
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _sync_update(words: Vocabulary) -> str:
    """Return the struct of SYNC_UPDATE, whose `data` is read by its `entityType`."""
    every = list(entities())
    fields = words.fields(f"{every[0].name.title()}SyncUpdate")
    plain = [one for one in fields if one.name != "data"]
    lines = [
        _comment(described(SyncUpdate)) + "public struct SyncUpdate: Codable, Hashable, Sendable {",
        *(
            f"    public let {one.name}: {'EntityData' if one.name == 'data' else one.declared}"
            for one in fields
        ),
        "",
        "    private enum CodingKeys: String, CodingKey {",
        *(f"        case {one.name}" for one in fields),
        "    }",
        *_decoding(plain)[:-1],
        "        switch entityType {",
    ]
    for entity in every:
        data = f"try container.decode({_data_name(entity)}.self, forKey: .data)"
        lines += [
            f"        case .{_case(entity.name)}:",
            f"            data = .{_case(entity.name)}({data})",
        ]
    lines += [
        f"        case .{TOLERANT}(let type):",
        "            data = .unknown(id: entityId, type: type)",
        "        }",
        "    }",
        *_encoding(fields),
        "}\n",
    ]
    return "\n".join(lines)


# ------------------------------------------------------------------ messages


def _cases(messages: Iterable[Entry]) -> list[str]:
    return [
        f"    case {_case(entry.name)}"
        + (f"({struct_name(entry.struct.__name__)})" if entry.has_payload else "")
        for entry in messages
    ]


def _server_message(messages: list[Entry]) -> str:
    lines = [
        "/// A message of the server. A type that a newer server has is unknown.",
        "public enum ServerMessage: Decodable, Hashable, Sendable {",
        *_cases(messages),
        "    case unknown(String)",
        "",
        "    private enum CodingKeys: String, CodingKey {",
        "        case type, payload",
        "    }",
        "",
        "    public init(from decoder: any Decoder) throws {",
        "        let container = try decoder.container(keyedBy: CodingKeys.self)",
        "        let type = try container.decode(String.self, forKey: .type)",
        "        switch type {",
    ]
    for entry in messages:
        name, case = struct_name(entry.struct.__name__), _case(entry.name)
        payload = f"(try container.decode({name}.self, forKey: .payload))" * entry.has_payload
        lines += [f'        case "{entry.name}":', f"            self = .{case}{payload}"]
    lines += ["        default:", "            self = .unknown(type)", "        }", "    }", ""]
    lines += [
        "    /// The type of the message, as it is on the wire.",
        "    public var type: String {",
        "        switch self {",
        *(f'        case .{_case(entry.name)}: return "{entry.name}"' for entry in messages),
        "        case .unknown(let type): return type",
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _events(messages: list[Entry]) -> str:
    """Return which messages are events, and of which entity."""
    of_entities = [e for e in messages if e.subject or e.struct is SyncUpdate]
    change = {"SyncDelete": ".deleted"}
    lines = [
        "extension ServerMessage {",
        "    /// The change to an entity that the message tells of; nil where it tells of none.",
        "    public var event: EntityEvent? {",
        "        switch self {",
    ]
    deleted = next(entry for entry in messages if entry.struct.__name__ in change)
    for entry in [*of_entities, deleted]:
        changed = change.get(entry.struct.__name__, "payload.changeType")
        lines += [
            f"        case .{_case(entry.name)}(let payload):",
            "            return EntityEvent(",
            "                type: payload.entityType, id: payload.entityId,",
            f"                changeType: {changed}, sequence: payload.sequence",
            "            )",
        ]
    lines += ["        default:", "            return nil", "        }", "    }", "}\n"]
    return "\n".join(lines)


def _shown(messages: list[Entry], words: Vocabulary) -> str:
    """Return how each message changes the entity that it shows (decision V8)."""
    lines = [
        "extension ServerMessage {",
        "    /// Return the entity after this message, which creates or updates it; nil where the",
        "    /// message shows but some of its fields, and the others are not known.",
        "    func entity(after known: EntityData?) -> EntityData? {",
        "        switch self {",
    ]
    for entry in messages:
        if entry.struct is SyncUpdate:
            lines += [
                f"        case .{_case(entry.name)}(let payload):",
                "            return payload.data",
            ]
        elif entry.subject and set(entry.subject.changes) != {"deleted"}:
            lines += _applied(entry, words)
    lines += ["        default:", "            return nil", "        }", "    }", "}\n"]
    return "\n".join(lines)


def _applied(entry: Entry, words: Vocabulary) -> list[str]:
    assert entry.subject is not None
    given = {one.name: one for one in words.fields(entry.struct.__name__)}
    shown = [entity for entity in entities() if entity.name in entry.subject.entities]
    lines = [f"        case .{_case(entry.name)}(let payload):"]
    if not given["entityId"].required:
        lines.append("            guard let entityId = payload.entityId else { return nil }")
    id_ = "payload.entityId" if given["entityId"].required else "entityId"
    if len(shown) == 1:
        return lines + _made(shown[0], entry, given, id_, words, "            ")
    lines.append("            switch payload.entityType {")
    for entity in shown:
        lines.append(f"            case .{_case(entity.name)}:")
        lines += _made(entity, entry, given, id_, words, "                ")
    return [*lines, "            default:", "                return nil", "            }"]


def _made(
    entity: Entity, entry: Entry, given: dict[str, Field], id_: str, words: Vocabulary, indent: str
) -> list[str]:
    """Return statements that give the entity back: made of the message alone, if it has all fields,
    else of what is known."""
    shape = _shape_of(entity, entry, words)
    fields = words.fields(shape)
    values = {"id": id_} | {
        one.name: f"payload.{_safe(one.name)}" for one in fields if one.name in given
    }
    for one in fields:
        if one.name in given and given[one.name].optional and not one.optional:
            if one.name != "kind":
                raise Untyped(f"{entry.name}.{one.name} may be missing, and the entity needs it")
            values["kind"] = f".{_case(_kind_of(shape))}"
    missing = [one for one in fields if one.name not in values]
    created = entry.subject is not None and set(entry.subject.changes) == {"created"}
    case = _case(entity.name)
    if not missing or (created and all(one.optional for one in missing)):
        values |= {one.name: "nil" for one in missing}
        arguments = ",\n".join(f"{indent}    {one.name}: {values[one.name]}" for one in fields)
        made = [f"{indent}let data = {shape}(", arguments, f"{indent})"]
        value = f".{_case(_kind_of(shape))}(data)" if len(entity.shapes) > 1 else "data"
        return [*made, f"{indent}return .{case}({value})"]
    if len(entity.shapes) > 1:
        raise Untyped(f"{entry.name} does not show all of {shape}")
    del values["id"]
    return [
        f"{indent}guard case .{case}(var data)? = known else {{ return nil }}",
        *(f"{indent}data.{_safe(name)} = {value}" for name, value in values.items()),
        f"{indent}return .{case}(data)",
    ]


def _shape_of(entity: Entity, entry: Entry, words: Vocabulary) -> str:
    """Return which shape of the entity the message shows: the one of the same `kind`."""
    if len(entity.shapes) == 1:
        return entity.shapes[0].__name__
    kind = words.schemas[entry.struct.__name__]["properties"]["kind"]["enum"]
    [shape] = [shape for shape in entity.shapes if [_kind(shape)] == kind]
    return shape.__name__


@cache
def _kinds() -> dict[str, str]:
    return {shape.__name__: _kind(shape) for entity in entities() for shape in entity.shapes}


def _kind_of(shape: str) -> str:
    return _kinds()[shape]


def _client_message(messages: list[Entry]) -> str:
    lines = [
        "/// A message of a client.",
        "public enum ClientMessage: Encodable, Hashable, Sendable {",
        *_cases(messages),
        "",
        "    private enum CodingKeys: String, CodingKey {",
        "        case type, payload",
        "    }",
        "",
        "    public func encode(to encoder: any Encoder) throws {",
        "        var container = encoder.container(keyedBy: CodingKeys.self)",
        "        try container.encode(type, forKey: .type)",
        "        switch self {",
    ]
    for entry in messages:
        if entry.has_payload:
            lines += [
                f"        case .{_case(entry.name)}(let payload):",
                "            try container.encode(payload, forKey: .payload)",
            ]
    without = ", ".join(f".{_case(entry.name)}" for entry in messages if not entry.has_payload)
    lines += [f"        case {without}:", "            break", "        }", "    }", ""]
    lines += [
        "    /// The type of the message, as it is on the wire.",
        "    public var type: String {",
        "        switch self {",
        *(f'        case .{_case(entry.name)}: return "{entry.name}"' for entry in messages),
        "        }",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _request(entry: Entry) -> str:
    """Return which answer ends the request, for those that are answered and have a payload."""
    request = registry.client_messages[entry.name]
    ending = {
        answer.message.__name__: registry.name_of(answer.message)
        for answer in request.answers
        if answer.ends and not answer.codes and answer.kind is not AnswerKind.NOTICE
    }
    if not entry.has_payload or not ending:
        return ""
    [(reply, type_)] = ending.items()
    lines = [
        f"extension {struct_name(entry.struct.__name__)}: BOSRequest {{",
        f"    public typealias Reply = {struct_name(reply)}",
        f'    public static let type = "{entry.name}"',
        "",
        f"    public var message: ClientMessage {{ .{_case(entry.name)}(self) }}",
        "",
        f"    public static func reply(in message: ServerMessage) -> {struct_name(reply)}? {{",
        f"        guard case .{_case(type_)}(let payload) = message else {{ return nil }}",
        "        return payload",
        "    }",
        "}\n",
    ]
    return "\n".join(lines)


def _reply(entry: Entry) -> str:
    lines = [
        f"extension {struct_name(entry.struct.__name__)}: BOSMessage {{",
        f'    public static let type = "{entry.name}"',
        "}\n",
    ]
    return "\n".join(lines)
