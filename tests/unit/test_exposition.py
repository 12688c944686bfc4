"""Numbers of several processes together, and what becomes of those of the dead."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sync import metrics
from sync.gateway.exposition import Exchange, Exposition
from sync.metrics import Snapshot

NAME = "test_things"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> metrics.Counter:
    """A metric of the test's own, which nobody else finds declared."""
    monkeypatch.setattr(metrics, "declared", {})
    return metrics.counter(NAME, "Things.")


def leave(exchange: Exchange, pid: int, numbers: Snapshot) -> None:
    exchange._leave(str(pid), numbers)


def things(snapshots: list[Snapshot]) -> float:
    return metrics.merge(snapshots).get((NAME, ("_total",)), 0)


def of(count: float, **gauges: float) -> Snapshot:
    numbers: Snapshot = {(NAME, ("_total",)): count}
    return numbers | {(name, ("",)): n for name, n in gauges.items()}


@pytest.mark.usefixtures("counted")
def test_o1_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="test_things is declared twice"):
        metrics.gauge(NAME, "The same.")(lambda: 1)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("value", "bucket"), [(1, "1.0"), (1.001, "5.0"), (5, "5.0"), (6, "+Inf")])
def test_o1_a_value_at_a_bound_is_within_it(value: float, bucket: str) -> None:
    found = metrics.histogram("test_seconds", "Seconds.", "of", bounds=(1, 5))
    found.observe(value, "x")
    values = found.values()
    bounds = [key[-1] for key in values if key[0] == "_bucket"]
    assert bounds == ["1.0", "5.0", "+Inf"]
    within = [key[-1] for key, n in values.items() if key[0] == "_bucket" and n]
    assert within == bounds[bounds.index(bucket) :]
    assert values["_sum", "x"] == value
    assert values["_count", "x"] == 1


@pytest.mark.usefixtures("counted")
def test_o1_counters_add_up_and_of_what_does_not_the_largest_counts() -> None:
    metrics.gauge("test_open", "Open.")(lambda: 0)
    metrics.gauge("test_away", "Away.", over="max")(lambda: 0)
    total = metrics.merge([of(1, test_open=2, test_away=1), of(10, test_open=3, test_away=0)])
    assert total == of(11, test_open=5, test_away=1)


def test_o1_the_dead_leave_what_they_had_counted_and_nothing_that_they_held(
    counted: metrics.Counter, tmp_path: Path
) -> None:
    metrics.gauge("test_open", "Open.")(lambda: 1)
    exchange = Exchange(tmp_path)
    counted.add(100)
    exchange.publish()  # our own, which is not read: it is known better
    for pid in (1, 2, 3):
        leave(exchange, pid, of(pid, test_open=1))
    assert metrics.merge(exchange.others()) == of(6, test_open=3)
    exchange.bury([os.getpid(), 3])
    assert metrics.merge(exchange.others()) == of(6, test_open=1)
    leave(exchange, 1, of(10, test_open=1))  # another process that got the number
    exchange.bury([os.getpid()])
    assert metrics.merge(exchange.others()) == of(16)
    assert sorted(path.stem for path in tmp_path.glob("*.json")) == sorted(
        ["dead", str(os.getpid())]
    )


def test_o1_who_buries_the_dead_need_not_have_declared_what_they_counted(
    counted: metrics.Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Exchange(tmp_path)
    for pid in (1, 2):
        leave(exchange, pid, of(pid))
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(metrics, "declared", {})
            exchange.bury([])
    assert things(exchange.others()) == 3


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("version", ["\xff", "x.y", "1.0.0; escaping=none", ""])
def test_o1_a_version_that_does_not_exist_gets_the_numbers(version: str) -> None:
    accept = f"application/openmetrics-text; version={version}"
    assert b"test_things_total 0.0\n" in Exposition().text(accept)[0]


@pytest.mark.usefixtures("counted")
def test_o1_nobody_sees_the_numbers_of_the_dead_twice_or_not_at_all(tmp_path: Path) -> None:
    seen, ended = set[float](), threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.add(things(Exchange(tmp_path).others()))

    exchange = Exchange(tmp_path)
    for pid in range(1, 101):
        leave(exchange, pid, of(1))
    reader = threading.Thread(target=read)
    reader.start()
    for pid in range(2, 102):
        exchange.bury(range(pid, 102))
    ended.set()
    reader.join()
    assert seen == {100}


def test_o1_a_process_that_shares_tells_of_all(counted: metrics.Counter, tmp_path: Path) -> None:
    leave(Exchange(tmp_path), 1, of(41))
    counted.add(1)
    text, content_type = Exposition(Exchange(tmp_path)).text()
    assert b"\ntest_things_total 42.0\n" in text
    assert content_type.startswith("text/plain")
