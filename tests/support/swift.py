"""The rules of clients/swift/Sources/BOSClient/Protocol.swift, followed line by line in Python.

Nothing here knows the registry: what is decoded, and to what, is read from the Swift declarations
themselves, as trees of tree-sitter. A line of a kind that is not known here fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_swift
from tree_sitter import Language, Node, Parser

from tests.support.server import ROOT

PACKAGE = ROOT / "clients/swift"
PROTOCOL = PACKAGE / "Sources/BOSClient/Protocol.swift"
FILES = sorted(path for path in PACKAGE.rglob("*.swift") if ".build" not in path.parts)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_READ = re.compile(r"`?(\w+)`? = try container\.(decode\w*)\((.+)\.self, forKey: \.`?(\w+)`?\)")
_WRITE = re.compile(r"try container\.(encode\w*)\(`?(\w+)`?, forKey: \.`?(\w+)`?\)")
_FIELD = re.compile(r"public (?:let|var) `?(\w+)`?: (\S+)$")
_CASE = re.compile(r'case (?:"([^"]+)"|\.`?(\w+)`?):')
_SWITCH = re.compile(r"switch (?:try container\.decode\((\w+)\.self, forKey: \.(\w+)\)|(\w+)) \{")
_GIVE = re.compile(
    r"(?:self|data) = \.`?(\w+)`?"
    r"(?:\(try (?:container\.decode\((\w+)\.self, forKey: \.(\w+)\)|(\w+)\(from: decoder\))\))?"
)
_REST = re.compile(
    r"let container = try decoder\.container\(keyedBy: CodingKeys\.self\)"
    r"|let \w+ = try container\.decode\(String\.self, forKey: \.\w+\)"
    r"|case \.unrecognized\(let \w+\):|default:|\}|(?:self|data) = \.unknown\(.*\)"
    r"|self\.init\(text: .*\)"
)
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "String": str,
    "Bool": bool,
    "Int64": int,
    "Double": (int, float),
    "Date": str,
}
_MOST = 2**63 - 1


class Undecodable(ValueError):
    """The rules refuse it, as Swift's decoder would."""


def parsed(path: Path) -> Node:
    """Return the tree of a Swift file."""
    return Parser(Language(tree_sitter_swift.language())).parse(path.read_bytes()).root_node


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def text_of(node: Node | None) -> str:
    assert node is not None
    assert node.text is not None
    return node.text.decode()


@dataclass(frozen=True, slots=True)
class Rule:
    """A line that reads or writes a field."""

    field: str
    type: str
    always: bool
    """Whether it fails without the field, or writes it also where there is no value."""


@dataclass(frozen=True, slots=True)
class Given:
    """A line by which a word decides on the case. key: of what the case holds; "" is all."""

    case: str
    type: str
    key: str


@dataclass(slots=True)
class Declaration:
    """A struct or an enum."""

    fields: dict[str, str] = field(default_factory=dict)
    reads: list[Rule] = field(default_factory=list)
    writes: list[Rule] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """Cases by the words that they are read from."""
    switch: tuple[str, str] = ("", "")
    """The key of the word that decides, and the enum that it is of, if it is of one."""
    gives: dict[str, Given] = field(default_factory=dict)
    """By the word, or by the case of the enum."""


class Rules:
    """The declarations of the file, by name."""

    def __init__(self) -> None:
        self.types: dict[str, Declaration] = {}
        for node in parsed(PROTOCOL).children:
            if node.type == "class_declaration" and node.children_by_field_name("name"):
                name = text_of(node.child_by_field_name("name"))
                is_extension = any(child.type == "extension" for child in node.children)
                if not is_extension:
                    self.types[name] = _declaration(node)

    def decode(self, type_: str, value: Any) -> Any:
        """Return the value as Swift would have it: a struct is a dict, a case its name and what it
        holds. Raises Undecodable."""
        if type_.endswith("?"):
            return None if value is None else self.decode(type_[:-1], value)
        if type_.startswith("["):
            if not isinstance(value, list):
                raise Undecodable(f"no array: {value}")
            return [self.decode(type_[1:-1], one) for one in value]
        if type_ in _PLAIN:
            return _plain(type_, value)
        return self._declared(type_, value)

    def _declared(self, name: str, value: Any) -> Any:
        declared = self.types[name]
        if declared.words:
            return _plain("String", value)  # a word that is not known is `unrecognized`
        if not isinstance(value, dict):
            raise Undecodable(f"{name}: no object: {value}")
        found = {rule.field: self._read(name, rule, value) for rule in declared.reads}
        if not declared.gives:
            return found
        key, enum = declared.switch
        if not isinstance(value.get(key), str):
            raise Undecodable(f"{name}: no {key}")
        word = self.types[enum].words.get(value[key], "") if enum else value[key]
        given = declared.gives.get(word, Given("unknown", "", ""))
        if given.key and given.key not in value:
            raise Undecodable(f"{name}: no {given.key}")
        inner = value[given.key] if given.key else value
        held = self.decode(given.type, inner) if given.type else None
        return found | {"data": (given.case, held)} if found else (given.case, held)

    def _read(self, name: str, rule: Rule, value: dict[str, Any]) -> Any:
        if rule.field in value and (rule.always or value[rule.field] is not None):
            return self.decode(rule.type, value[rule.field])
        if rule.always:
            raise Undecodable(f"{name}: no {rule.field}")
        return None

    def encode(self, type_: str, value: Any) -> Any:
        """Return what Swift would write of a value that `decode` has returned."""
        if value is None or type_ in _PLAIN:
            return value
        if type_.endswith("?"):
            return self.encode(type_[:-1], value)
        if type_.startswith("["):
            return [self.encode(type_[1:-1], one) for one in value]
        declared = self.types[type_]
        if declared.words:
            return value
        if isinstance(value, tuple):
            return self._held(declared, value)
        return {
            rule.field: self._written(type_, rule, value)
            for rule in declared.writes
            if rule.always or value[rule.field] is not None
        }

    def _written(self, owner: str, rule: Rule, value: dict[str, Any]) -> Any:
        inner, declared = value[rule.field], self.types[owner]
        if isinstance(inner, tuple) and declared.gives:
            return self._held(declared, inner)
        return self.encode(declared.fields[rule.field], inner)

    def _held(self, declared: Declaration, value: tuple[str, Any]) -> Any:
        """Return what an enum writes: what its case holds."""
        [type_] = {given.type for given in declared.gives.values() if given.case == value[0]}
        return self.encode(type_, value[1])


def _plain(type_: str, value: Any) -> Any:
    expected = _PLAIN[type_]
    right = isinstance(value, expected) and (type_ == "Bool" or not isinstance(value, bool))
    if not right or (type_ == "Date" and not _TIME.fullmatch(value)):
        raise Undecodable(f"no {type_}: {value!r}")
    if type_ == "Int64" and abs(value) > _MOST:
        raise Undecodable(f"more than an Int64 holds: {value}")
    return value


def _declaration(node: Node) -> Declaration:
    found = Declaration()
    body = next(child for child in node.children if child.type.endswith("class_body"))
    for member in body.children:
        if member.type == "enum_entry":
            found.cases += [
                text_of(name).strip("`") for name in member.children_by_field_name("name")
            ]
        elif member.type == "property_declaration" and (named := _FIELD.match(text_of(member))):
            found.fields[named[1]] = named[2]
        elif member.type == "init_declaration" and "from decoder" in text_of(member):
            _reading(found, text_of(member))
        elif member.type == "init_declaration" and "text: String" in text_of(member):
            found.words = dict(re.findall(r'case "([^"]+)": self = \.`?(\w+)`?', text_of(member)))
        elif member.type == "function_declaration" and "encode(to" in text_of(member):
            found.writes = [
                Rule(name, "", always=how == "encode")
                for how, value, name in _WRITE.findall(text_of(member))
                if value == name
            ]
    return found


def _reading(found: Declaration, text: str) -> None:
    """Take over the lines of an `init(from:)`."""
    word = ""
    for line in map(str.strip, text.splitlines()[1:]):
        if read := _READ.fullmatch(line):
            name, how, type_, key = read.groups()
            assert name == key, line
            found.reads.append(Rule(name, type_, always=how == "decode"))
        elif switch := _SWITCH.fullmatch(line):
            enum, key, looked_at = switch.groups()
            found.switch = (key, enum) if enum else (looked_at, _enum_of(found, looked_at))
        elif case := _CASE.fullmatch(line):
            word = case[1] or case[2]
        elif give := _GIVE.fullmatch(line):
            found.gives[word] = Given(give[1], give[2] or give[4] or "", give[3] or "")
        else:
            assert not line or _REST.fullmatch(line), line


def _enum_of(found: Declaration, name: str) -> str:
    """Return which enum a field is of; a word that is no field is a String."""
    return found.fields.get(name, "")
