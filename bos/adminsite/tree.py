"""The departments of an organization as a tree: their order, depth, paths, and sums.

All of it from one query. A tree with a circle in it, which no form and no import can make, is shown
all the same: who is below themselves stands at the top, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from bos.models import Department

SEPARATOR = " / "
FIRST_NAMES, LAST_NAMES = 2, 4
"""Of a longer path only these are written: it would fill a page."""


class Node(NamedTuple):
    """sort_key: its place among its neighbours."""

    id: UUID
    parent_id: UUID | None
    name: str
    sort_key: tuple[str, ...]


class DepartmentTree:
    """organization_id: whose departments; None: everybody's, one organization after the other."""

    def __init__(self, organization_id: object | None) -> None:
        rows = Department.objects.all()
        if organization_id is not None:
            rows = rows.of(organization_id)
        found = rows.order_by().values_list("pk", "parent_id", "name", "organization__name")
        self._nodes = {
            pk: Node(pk, parent_id, name, (organization.casefold(), name.casefold(), str(pk)))
            for pk, parent_id, name, organization in found
        }

    @cached_property
    def depths(self) -> Mapping[UUID, int]:
        """By id, in the order of the tree: a department before those below it."""
        return {node.id: depth for node, depth, _ in self._walked}

    @cached_property
    def _walked(self) -> list[tuple[Node, int, UUID | None]]:
        """Each department once: (it, how deep it stands, below which one)."""
        below: dict[UUID | None, list[Node]] = defaultdict(list)
        for node in sorted(self._nodes.values(), key=lambda node: node.sort_key, reverse=True):
            below[node.parent_id if node.parent_id in self._nodes else None].append(node)
        walked: list[tuple[Node, int, UUID | None]] = []
        seen: set[UUID] = set()

        def walk(begin: list[tuple[Node, int, UUID | None]]) -> None:
            while begin:  # no recursion: they may be a thousand deep
                node, depth, above = begin.pop()
                if node.id in seen:
                    continue
                seen.add(node.id)
                walked.append((node, depth, above))
                begin += [(child, depth + 1, node.id) for child in below[node.id]]

        walk([(node, 0, None) for node in below[None]])
        for node in sorted(self._nodes.values(), key=lambda node: node.sort_key):
            walk([(node, 0, None)])
        return walked

    def above(self, id_: UUID) -> Iterator[UUID]:
        """Yield those above a department, the nearest one first; each once."""
        seen = {id_}
        node = self._nodes.get(id_)
        while node is not None and node.parent_id is not None and node.parent_id not in seen:
            seen.add(node.parent_id)
            node = self._nodes.get(node.parent_id)
            if node is not None:
                yield node.id

    def with_those_above(self, ids: Collection[UUID]) -> set[UUID]:
        """These, and all above them. No department is looked at twice."""
        found: set[UUID] = set()
        for id_ in ids:
            found.add(id_)
            for above in self.above(id_):
                if above in found:
                    break
                found.add(above)
        return found

    def path(self, id_: UUID) -> str:
        """Write the way from the top, 'Flights / Boston'; '' of one that is not there."""
        if id_ not in self._nodes:
            return ""
        names = [self._nodes[pk].name for pk in (id_, *self.above(id_))][::-1]
        if len(names) > FIRST_NAMES + LAST_NAMES + 1:
            names = [*names[:FIRST_NAMES], "…", *names[-LAST_NAMES:]]
        return SEPARATOR.join(names)

    def sums(self, own: Mapping[UUID, int]) -> dict[UUID, int]:
        """Add to the number of each department those of all below it."""
        total = {node.id: own.get(node.id, 0) for node, _, _ in self._walked}
        for node, _, above in reversed(self._walked):
            if above is not None:
                total[above] += total[node.id]
        return total
