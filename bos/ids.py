"""Ids as they come in and go out."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from uuid import UUID


def wire_id(value: object) -> str | None:
    """Return the id as it is sent; None where there is none."""
    return None if value is None else str(value)


def canonical_uuids(ids: Collection[str]) -> list[UUID]:
    """Those of these opaque ids that can be one of ours; another cannot exist.

    Ids are opaque: in another spelling (upper case, without dashes) it is another one, as it is in
    the name of a channel.
    """
    found = []
    for id_ in ids:
        with suppress(ValueError):
            uuid = UUID(id_)
            if str(uuid) == id_:
                found.append(uuid)
    return found
