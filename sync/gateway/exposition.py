"""The numbers of this process and of those beside it, in Prometheus' text.

A scrape reaches one of the processes of a `serve`, and must learn of all. Each leaves its numbers
in a file of its own once a second, in a directory that `serve` makes for each start; whoever is
asked adds them up. What a process had counted stays when it dies (a sum that falls is taken for a
restart, and counted once more); what it held does not.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from sync import metrics
from sync.eventlog.threads import with_fresh_connections
from sync.metrics import Labels, Snapshot

logger = logging.getLogger("bos.metrics")

PUBLISH_SECONDS = 1.0
"""How old another process' numbers may be, and what is lost of those of one that is killed. With
10,000 connections it takes 3 ms."""
DATABASE_SECONDS = 1.0
"""How long a scrape waits for the database; without it the other numbers come all the same."""
DEAD = "dead"
ANSWERS = "bos_database_answers"
_Rows = list[tuple[str, Labels, float]]


class _Left(msgspec.Struct):
    """Numbers of one process: counted ones, which add up, and held ones, its gauges."""

    counted: _Rows
    held: _Rows


class Exchange:
    """Where the processes of one `serve` leave their numbers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def begin(self) -> None:
        """Leave this process' numbers there from now on."""
        self.publish()
        threading.Thread(target=self._publish_always, name="bos-metrics", daemon=True).start()

    def _publish_always(self) -> None:
        while True:
            time.sleep(PUBLISH_SECONDS)
            try:
                self.publish()
            except FileNotFoundError:  # `serve` has ended before us
                return
            except Exception as error:  # a disk that is full; later there may be room
                logger.warning("numbers not left", extra={"error": type(error).__name__})

    def publish(self) -> None:
        self._leave(str(os.getpid()), metrics.snapshot())

    def others(self) -> list[Snapshot]:
        """Return what the other processes have left, the dead ones together."""
        own = self._path(str(os.getpid()))
        with self._locked(fcntl.LOCK_SH):
            left = [_read(path) for path in self._directory.glob("*.json") if path != own]
        return [_declared([*each.counted, *each.held]) for each in left]

    def bury(self, living: Collection[int]) -> None:
        """Of those that have died keep what they had counted. One process calls this.

        It serves nobody itself, so not all that they count is declared in it.
        """
        alive = {DEAD, *map(str, living)}
        dead = [path for path in self._directory.glob("*.json") if path.stem not in alive]
        if not dead:
            return
        with self._locked(fcntl.LOCK_EX):
            counted = defaultdict[tuple[str, Labels], float](float)
            for path in (*dead, self._path(DEAD)):
                if path.exists():
                    for name, labels, value in _read(path).counted:
                        counted[name, labels] += value
            self._write(DEAD, _Left(_rows(counted), []))
            for path in dead:
                path.unlink()

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _leave(self, name: str, numbers: Snapshot) -> None:
        counted = metrics.without_gauges(numbers)
        held = {at: value for at, value in numbers.items() if at not in counted}
        self._write(name, _Left(_rows(counted), _rows(held)))

    def _write(self, name: str, left: _Left) -> None:
        """Whole or not at all: somebody may be reading."""
        part = self._directory / f"{name}.part"
        part.write_bytes(msgspec.json.encode(left))
        part.replace(self._path(name))

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """So that nobody sees a dead process' numbers twice, or not at all."""
        with (self._directory / "lock").open("a") as lock:
            fcntl.flock(lock, how)
            yield


def _rows(numbers: Snapshot) -> _Rows:
    return [(name, labels, value) for (name, labels), value in numbers.items()]


def _read(path: Path) -> _Left:
    return msgspec.json.decode(path.read_bytes(), type=_Left)


def _declared(rows: _Rows) -> Snapshot:
    return {(name, labels): value for name, labels, value in rows if name in metrics.declared}


class _Page(Collector):
    """The page of numbers that prometheus-client writes."""

    def __init__(self, numbers: Snapshot) -> None:
        self._families = {
            name: Family(name, metric.text, metric.kind)
            for name, metric in sorted(metrics.declared.items())
        }
        for (name, (suffix, *values)), value in numbers.items():
            names = metrics.declared[name].labels
            if suffix == "_bucket":
                names = (*names, "le")
            labels = dict(zip(names, values, strict=True))
            self._families[name].add_sample(name + suffix, labels, value)

    def collect(self) -> Iterator[Family]:
        yield from self._families.values()


class Exposition:
    """Answers of a process about its own numbers and those of its neighbours."""

    def __init__(self, exchange: Exchange | None = None) -> None:
        self._exchange = exchange
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bos-metrics")
        self._asked: Future[Snapshot] | None = None

    def share(self, directory: Path) -> None:
        """This process is one of several, which leave their numbers in this directory."""
        self._exchange = Exchange(directory)
        self._exchange.begin()

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """The numbers, and their content type: OpenMetrics where it is asked for."""
        others = [] if self._exchange is None else self._exchange.others()
        numbers = metrics.merge([metrics.snapshot(), *others]) | self._from_database()
        encode: Callable[[Collector], bytes]
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        return encode(_Page(numbers)), content_type

    def _from_database(self) -> Snapshot:
        """One question at a time, on a thread that nobody else needs."""
        if self._asked is None or self._asked.done():
            read = partial(metrics.snapshot, shared=True)
            self._asked = self._thread.submit(with_fresh_connections, read)
        try:
            return self._asked.result(DATABASE_SECONDS)
        except Exception as error:
            extra = {"error": type(error).__name__, "often": True}
            logger.warning("database not measured", extra=extra)
            return {(ANSWERS, ("",)): 0}


exposition = Exposition()


@metrics.gauge(
    ANSWERS,
    "Whether the database answered with the numbers that are read from it: 1, or 0 if they are left"
    " out.",
    shared=True,
)
def _database_answers() -> float:
    return 1
