"""The language in which workloads and the demands on them are written down."""

from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.product import Cast

PRODUCT = "product"
"""The server whose figures demands are on, unless they name another one: on SQLite"""


class Group(StrEnum):
    FANOUT = "One event to many"
    REQUESTS = "Requests and connections"
    ROOMS = "Rooms"
    WRITES = "Writes"
    OTHERS = "Nobody starves"
    PAGES = "Pages"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the load client's result, as the report tells it."""

    name: str
    title: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A bound on a figure, or on its ratio to that of another server or workload.

    title: as the table of demands tells it. figure: its name in a result. beside: the server that
    it is divided by. of: the workload whose figure it is divided by.
    """

    title: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None
    target: str = PRODUCT
    beside: str | None = None
    of: str | None = None

    @property
    def is_ratio(self) -> bool:
        return self.beside is not None or self.of is not None

    def met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


@dataclass(frozen=True, kw_only=True)
class Workload:
    """name: for `--only`. figures: the first one is what the chart shows and rounds tell.

    seconds: measured, where not as `--seconds` says. blocked: other database work blocks meanwhile.
    script: a module that measures by itself and prints its result, instead of the load client.
    """

    name: str
    title: str
    group: Group
    figures: tuple[Figure, ...]
    options: dict[str, object] = field(default_factory=dict)
    targets: tuple[str, ...] = (PRODUCT,)
    demands: tuple[Demand, ...] = ()
    per_target: dict[str, dict[str, object]] = field(default_factory=dict)
    """Options that differ for a target, {"naive Channels": {"rate": 2}}"""
    warm_up: dict[str, object] | None = None
    """Options of a first run that does not count."""
    cast: Cast = Cast.DEMO
    seconds: float | None = None
    blocked: bool = False
    script: str | None = None

    def options_for(self, target: str) -> dict[str, object]:
        return self.options | self.per_target.get(target, {})
