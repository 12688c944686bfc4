"""Metrics of this process, for Prometheus: each is declared beside what it measures.

    DELIVERIES = counter("bos_deliveries", "Events given to a connection.")
    DELIVERIES.add(len(receivers))

Counted in plain numbers, which costs a tenth of a microsecond; names and texts are needed only
where somebody asks for them (`sync.gateway.exposition`). docs/metrics.md is made of these
declarations.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import ClassVar, Literal

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]
Over = Literal["sum", "max"]
Values = dict[Labels, float]
"""By what follows the metric's name in a sample's (`_total`), and the values of its labels."""
Snapshot = dict[tuple[str, Labels], float]
"""Values of many metrics, by their names."""
Reading = Mapping[str, float] | float
"""Of a gauge: by the value of its only label, where it has one."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Bounds of durations: from one flush of the outboxes to what a client takes for a failure."""

declared: dict[str, Metric] = {}


class Metric:
    """name: without the `_total` that a counter's sample has. over: how the numbers of several
    processes become one."""

    kind: ClassVar[Kind]

    def __init__(
        self, name: str, text: str, labels: Labels, *, over: Over = "sum", shared: bool = False
    ) -> None:
        if name in declared:
            raise ValueError(f"the metric {name} is declared twice")
        self.name = name
        self.text = text
        self.labels = labels
        self.over: Over = over
        self.shared = shared
        """The same in every process, as it is read from the database."""
        declared[name] = self

    def values(self) -> Values:
        raise NotImplementedError


class Counter(Metric):
    """Rises. Counted in the thread of the event loop alone, so it needs no lock; read anywhere."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Labels, known: Iterable[str]) -> None:
        super().__init__(name, text, labels)
        self._counts = defaultdict[Labels, int](int)
        # From the first look on: of a series that begins at 1 nobody sees that it has risen.
        for label in known:
            self._counts[(label,)] = 0
        if not labels:
            self._counts[()] = 0

    def add(self, more: int, *labels: str) -> None:
        """Count so many more with these values of the labels."""
        self._counts[labels] += more

    def values(self) -> Values:
        return {("_total", *labels): n for labels, n in dict(self._counts).items()}


class Histogram(Metric):
    """How often values up to each of some bounds came. Observed and read in any thread."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: Labels, bounds: Iterable[float]) -> None:
        super().__init__(name, text, labels)
        self.bounds = tuple(bounds)
        self._lock = Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._sums = defaultdict[Labels, float](float)
        if not labels:
            self._counts[()] = [0] * (len(self.bounds) + 1)

    def observe(self, value: float, *labels: str) -> None:
        """Count a value with these values of the labels."""
        with self._lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(self.bounds) + 1)
            counts[bisect_left(self.bounds, value)] += 1
            self._sums[labels] += value

    def values(self) -> Values:
        found: Values = {}
        with self._lock:
            for labels, counts in self._counts.items():
                upto = 0
                for bound, count in zip((*self.bounds, float("inf")), counts, strict=True):
                    upto += count
                    le = "+Inf" if bound == float("inf") else str(float(bound))
                    found["_bucket", *labels, le] = upto
                found["_sum", *labels] = self._sums[labels]
                found["_count", *labels] = upto
        return found


class Gauge(Metric):
    """Read when somebody asks, in any thread."""

    kind = "gauge"
    read: Callable[[], Reading]

    def values(self) -> Values:
        reading = self.read()
        if isinstance(reading, Mapping):
            return {("", label): value for label, value in reading.items()}
        return {("",): reading}


def counter(name: str, text: str, *labels: str, known: Iterable[str] = ()) -> Counter:
    """Declare what is counted. known: values of its only label, which are there from the start."""
    return Counter(name, text, labels, known)


def histogram(name: str, text: str, *labels: str, bounds: Iterable[float] = SECONDS) -> Histogram:
    """Declare what is distributed. bounds: ascending, what is more counts as infinite."""
    return Histogram(name, text, labels, bounds)


def gauge(
    name: str, text: str, *labels: str, over: Over = "sum", shared: bool = False
) -> Callable[[Callable[[], Reading]], Gauge]:
    """Declare what has a value now; the function that is decorated reads it.

    over: 'max' where numbers of several processes do not add up. shared: read from the database,
    in the process that is asked.
    """

    def register(read: Callable[[], Reading]) -> Gauge:
        made = Gauge(name, text, labels, over=over, shared=shared)
        made.read = read
        return made

    return register


def snapshot(*, shared: bool = False) -> Snapshot:
    """The numbers of this process; shared: those of the database instead."""
    return {
        (metric.name, key): value
        for metric in declared.values()
        if metric.shared == shared
        for key, value in metric.values().items()
    }


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The numbers of several processes together."""
    total: Snapshot = {}
    for each in snapshots:
        for at, value in each.items():
            before = total.get(at)
            if before is None:
                total[at] = value
            elif declared[at[0]].over == "max":
                total[at] = max(before, value)
            else:
                total[at] = before + value
    return total


def without_gauges(numbers: Snapshot) -> Snapshot:
    """Return the part that stays true of a process that has ended."""
    return {at: value for at, value in numbers.items() if declared[at[0]].kind != "gauge"}


@gauge("bos_processes", "Server processes whose numbers these are.")
def _processes() -> float:
    return 1
