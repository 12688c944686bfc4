"""How many items a message holds, counted before anything is made of them (s1).

A megabyte can hold a million empty arrays, which take 160 ms to make and more to go through. What
is counted here costs a few milliseconds whatever is in it, because counting ends at the limit.
"""

from __future__ import annotations

from collections.abc import Iterator


def json_items(text: bytes, limit: int) -> int:
    """Values of a JSON text (those of objects, not their keys), or any number above the limit.

    Separators in strings count as well as long as all of them are within the limit.
    """
    items = _separators(text) + 1
    if items <= limit:
        return items
    # Most of those may be in strings, and there they are no separators: leave strings out.
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    pieces = bare.split(b'"', 4 * limit)
    if len(pieces) > 4 * limit:  # more strings than that, even if every other one is a key
        return limit + 1
    return sum(map(_separators, pieces[::2])) + 1


def _separators(text: bytes) -> int:
    """A comma parts two values, a bracket begins the first."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def msgpack_items(packed: bytes, limit: int) -> int:
    """Values that a MessagePack message says it has (no keys), or any number above the limit."""
    values = 1
    for children in _containers(packed, 2 * limit):
        values += children
        if values > limit:
            break
    return values


# Bytes after the first one, by the format of the first; a length takes so many bytes.
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4}
_EXTENSIONS = {0xC7, 0xC8, 0xC9}
_ARRAYS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}


def _containers(packed: bytes, most: int) -> Iterator[int]:
    """How many values each array and map says it has; of the first `most` objects."""
    at, end = 0, len(packed)
    for _ in range(most):
        if at >= end:
            return
        first = packed[at]
        at += 1
        if 0x80 <= first <= 0x9F:
            yield first & 0x0F
        elif 0xA0 <= first <= 0xBF:
            at += first & 0x1F
        elif first in _FIXED:
            at += _FIXED[first]
        elif first in _SIZED:
            told = _SIZED[first]
            at += told + int.from_bytes(packed[at : at + told]) + (first in _EXTENSIONS)
        elif first in _ARRAYS or first in _MAPS:
            told = _ARRAYS.get(first) or _MAPS[first]
            yield int.from_bytes(packed[at : at + told])
            at += told
