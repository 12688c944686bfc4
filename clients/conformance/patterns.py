"""Compare what came with what a conversation expects, and fill in what it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Json = Any
"""Anything that json.loads returns; patterns check its shape."""

_MISSING = object()
_NAME = re.compile(r"\$(\w+)")
_TIME = re.compile(r"\$time([+-]\d+)?")


class Unknown(Exception):
    """A conversation uses a name that nothing was remembered as."""


def mismatch(pattern: Json, value: Json, names: dict[str, Json]) -> str | None:
    """Return in words where the value differs from the pattern, or None.

    Names that the pattern has for the first time are remembered in `names`, if all of it matches.
    """
    learned = dict(names)
    found = _compare(pattern, value, learned, "")
    if found is None:
        names.update(learned)
    return found


def filled(template: Json, names: Mapping[str, Json], time: Callable[[int], str]) -> Json:
    """Return the template with remembered values and times in place of their names."""
    if isinstance(template, dict):
        return {key: filled(value, names, time) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, names, time) for value in template]
    if not isinstance(template, str) or not template.startswith("$"):
        return template
    if template.startswith("$$"):
        return template[1:]
    if moment := _TIME.fullmatch(template):
        return time(int(moment[1] or 0))
    name = template[1:]
    if name not in names:
        raise Unknown(f"nothing has been remembered as {template}")
    return names[name]


def brief(value: Json, most: int = 300) -> str:
    """Return the value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"


def _compare(pattern: Json, value: Json, names: dict[str, Json], where: str) -> str | None:
    if isinstance(pattern, str) and pattern.startswith("$"):
        return _compare_name(pattern, value, names, where)
    if isinstance(pattern, dict) and any(_NAME.fullmatch(key) for key in pattern):
        return _compare_operators(pattern, value, names, where)
    if value is _MISSING:
        return f"{where or 'it'} is missing"
    if isinstance(pattern, dict):
        return _compare_objects(pattern, value, names, where)
    if isinstance(pattern, list):
        return _compare_lists(pattern, value, names, where)
    same_kind = isinstance(pattern, bool) == isinstance(value, bool)
    if pattern == value and same_kind:
        return None
    return f"{where or 'it'} is {brief(value)}, not {brief(pattern)}"


def _compare_name(name: str, value: Json, names: dict[str, Json], where: str) -> str | None:
    there = value is not _MISSING and value is not None
    if name == "$absent":
        return f"{where} is {brief(value)}, and must be missing" if there else None
    if not there:
        return f"{where or 'it'} is missing"
    if name == "$any":
        return None
    if name.startswith("$$"):
        return _compare(_Literal(name[1:]), value, names, where)
    remembered = names.setdefault(name[1:], value)
    if remembered == value:
        return None
    return f"{where or 'it'} is {brief(value)}, not {brief(remembered)} as before ({name})"


class _Literal(str):
    """A text that is no name, although it begins like one."""

    def startswith(self, *_: Any) -> bool:
        return False


def _compare_objects(
    pattern: dict[str, Json], value: Json, names: dict[str, Json], where: str
) -> str | None:
    if not isinstance(value, dict):
        return f"{where or 'it'} is {brief(value)}, no object"
    for key, expected in pattern.items():
        inner = f"{where}.{key}" if where else key
        if found := _compare(expected, value.get(key, _MISSING), names, inner):
            return found
    return None


def _compare_lists(
    pattern: list[Json], value: Json, names: dict[str, Json], where: str
) -> str | None:
    if not isinstance(value, list) or len(value) != len(pattern):
        return f"{where} is {brief(value)}, not {brief(pattern)}"
    for index, (expected, one) in enumerate(zip(pattern, value, strict=True)):
        if found := _compare(expected, one, names, f"{where}[{index}]"):
            return found
    return None


def _compare_operators(
    pattern: dict[str, Json], value: Json, names: dict[str, Json], where: str
) -> str | None:
    for operator, wanted in pattern.items():
        if found := _compare_operator(operator, wanted, value, names, where):
            return found
    return None


def _compare_operator(
    operator: str, wanted: Json, value: Json, names: dict[str, Json], where: str
) -> str | None:
    came = "missing" if value is _MISSING else brief(value)
    match operator:
        case "$not":
            matches = _compare(wanted, value, dict(names), where) is None
            return f"{where} is {came}, and must not be" if matches else None
        case "$in":
            if any(_compare(one, value, names, where) is None for one in wanted):
                return None
            return f"{where} is {came}, none of {brief(wanted)}"
        case "$contains":
            if isinstance(value, list) and all(one in value for one in wanted):
                return None
            return f"{where} is {came}, without all of {brief(wanted)}"
        case "$same":
            if isinstance(value, list) and _sorted(value) == _sorted(wanted):
                return None
            return f"{where} is {came}, not exactly these: {brief(wanted)}"
        case "$min" | "$max":
            if not isinstance(value, int | float) or isinstance(value, bool):
                return f"{where} is {came}, no number"
            good = value >= wanted if operator == "$min" else value <= wanted
            bound = "at least" if operator == "$min" else "at most"
            return None if good else f"{where} is {came}, and must be {bound} {wanted}"
    raise Unknown(f"there is no operator {operator}")


def _sorted(values: list[Json]) -> list[str]:
    return sorted(json.dumps(value, sort_keys=True) for value in values)
