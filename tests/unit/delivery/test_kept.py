"""Things that are kept for others: bounded in bytes and in time (row s6)."""

from __future__ import annotations

import pytest

from sync.delivery.kept import Kept
from sync.testing import Clock


class Shelf:
    """Room for 100 bytes, for 5 seconds and for 10 at most."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gone: list[str] = []
        self.kept: Kept[str] = Kept(
            self.clock, most=100, linger=5, longest=10, dropped=self.gone.append
        )


@pytest.mark.parametrize(("last", "gone"), [(40, []), (41, ["a"])])
def test_s6_so_many_bytes_are_kept_and_not_one_more(last: int, gone: list[str]) -> None:
    shelf = Shelf()
    for name, size in (("a", 30), ("b", 30), ("c", last)):
        shelf.kept.put(name, size)
    assert shelf.gone == gone
    assert shelf.kept.size == 100 if not gone else 30 + last


def test_s6_what_was_used_last_is_dropped_last() -> None:
    shelf = Shelf()
    for name in "abc":
        shelf.kept.put(name, 30)
    shelf.kept.use("a")
    shelf.kept.put("d", 60)
    assert shelf.gone == ["b", "c"]


def test_s6_what_grows_counts_as_it_is_now() -> None:
    shelf = Shelf()
    shelf.kept.put("a", 30)
    shelf.kept.put("b", 30)
    shelf.kept.put("a", 71)
    assert (shelf.gone, shelf.kept.size, len(shelf.kept)) == (["b"], 71, 1)


@pytest.mark.parametrize(("seconds", "gone"), [(4.9, []), (5, ["a"])])
def test_s6_what_nobody_uses_is_dropped_in_time(seconds: float, gone: list[str]) -> None:
    shelf = Shelf()
    shelf.kept.put("a", 1)
    shelf.clock.advance(1)
    shelf.kept.put("b", 1)
    shelf.clock.advance(seconds - 1)
    shelf.kept.forget()
    assert shelf.gone == gone


@pytest.mark.parametrize(("seconds", "gone"), [(1.9, []), (2, ["a"])])
def test_v6_what_is_used_again_and_again_is_dropped_all_the_same(
    seconds: float, gone: list[str]
) -> None:
    """Also what has grown meanwhile, and before what was used less."""
    shelf = Shelf()
    shelf.kept.put("a", 1)
    for step in (4.0, 4.0, seconds):
        shelf.clock.advance(step)
        shelf.kept.put("b", 1)
        shelf.kept.put("a", 2)
        shelf.kept.drop("b")
        shelf.gone.clear()
    shelf.kept.forget()
    assert shelf.gone == gone


def test_s6_what_has_been_dropped_is_not_kept_again_by_its_use() -> None:
    shelf = Shelf()
    shelf.kept.put("a", 1)
    shelf.kept.drop("a")
    shelf.kept.use("a")
    assert (shelf.gone, shelf.kept.size, len(shelf.kept)) == (["a"], 0, 0)
