"""Try a rule on the values of the past, by the judgement of live values (decision B5)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from kpis.alerts.judging import Outcome, judge
from kpis.alerts.past import Range
from kpis.models import AlertRule, KpiValue, RuleKind

DAYS = 90
MOST_VALUES = 50_000
"""Values that are tried: half a second."""
HOUR = timedelta(hours=1)
Value = tuple[datetime, Decimal]


@dataclass(frozen=True, slots=True)
class Alerted:
    """An alert that there would have been. at: when it would have been raised."""

    at: datetime
    message: str


@dataclass(slots=True)
class BackTest:
    """The alerts of a rule, oldest first, since a time until now.

    first_at: of the values that were tried. is_beyond: the last alert would not be resolved.
    """

    since: datetime
    now: datetime
    first_at: datetime | None
    alerts: list[Alerted] = field(default_factory=list)
    is_beyond: bool = False

    @property
    def text(self) -> str:
        time = self.now - self.since
        ago = f"{time.days} days" if time >= timedelta(days=2) else f"{time // HOUR} hours"
        match len(self.alerts):
            case 0 if self.is_beyond:
                return f"The KPI has been beyond for all of the last {ago}, or since before them."
            case 0:
                return f"It would not have alerted in the last {ago}."
            case 1:
                return f"It would have alerted once in the last {ago}."
            case count:
                return f"It would have alerted {count} times in the last {ago}."

    @property
    def counts(self) -> Counter[date]:
        """Return how many times it would have alerted on each day in UTC on which it would have."""
        return Counter(alerted.at.astimezone(UTC).date() for alerted in self.alerts)

    @property
    def days(self) -> list[str]:
        """Return the same in words."""
        return [f"{day.day} {day:%B %Y}: {count}" for day, count in self.counts.items()]

    @property
    def note(self) -> str:
        """Return in words how far the KPI's history goes, where that is not far enough."""
        if self.first_at is None:
            return "The KPI has no values of that time."
        first = self.first_at.astimezone(UTC)
        if first.date() <= self.since.astimezone(UTC).date():
            return ""
        return f"The KPI has values since {first.day} {first:%B %Y} only."


def back_test(rule: AlertRule, now: datetime) -> BackTest:
    """Return when the rule would have alerted if it had been there. It need not be stored."""
    since = now - timedelta(days=DAYS)
    window = timedelta(hours=(rule.hours or 0) if rule.kind == RuleKind.CHANGE else 0)
    values, are_all = _values_of(rule, since - window, now)
    if not are_all:
        since = values[0][0] + window
    tried = copy(rule)
    tried.raised, tried.crossed_since, tried.created_at = False, None, since
    found = BackTest(since, now, values[0][0] if values else None)
    for alerted in _walk(tried, values, now):
        if alerted.at > since:
            found.alerts.append(alerted)
    found.is_beyond = tried.raised
    return found


def _values_of(rule: AlertRule, begin: datetime, now: datetime) -> tuple[list[Value], bool]:
    """Return the KPI's values since then, and the one before them; whether those are all."""
    of_kpi = KpiValue.objects.filter(kpi=rule.kpi_id, at__lte=now).order_by("-at", "-pk")
    newest = of_kpi.filter(at__gt=begin).values_list("at", "value")[: MOST_VALUES + 1]
    values = list(newest)[::-1]
    if len(values) > MOST_VALUES:
        return values[1:], False
    before = of_kpi.filter(at__lte=begin).values_list("at", "value").first()
    return ([before] if before is not None else []) + values, True


def _walk(rule: AlertRule, values: Sequence[Value], now: datetime) -> Iterator[Alerted]:
    """Yield the alerts of the rule, which becomes what these values make of it."""
    past = Walk(values, rule.hours)
    for at, value in values:
        past.step()
        if rule.kind == RuleKind.MISSING and past.previous_at() is None:
            continue  # before its first value the KPI was not missing any
        yield from _alerted(rule, judge(rule, rule.kpi, value, past), at)
    if not values:
        return
    at, value = values[-1]
    if rule.kind == RuleKind.MISSING:
        due = at + timedelta(hours=rule.hours or 0)
        if rule.created_at < due <= now:
            rule.raised = True
            yield Alerted(due, f"{rule.kpi.name} had no new value.")
    elif rule.crossed_since is not None:
        past.looked_at = now
        yield from _alerted(rule, judge(rule, rule.kpi, value, past), now)


def _alerted(rule: AlertRule, outcome: Outcome, at: datetime) -> Iterable[Alerted]:
    """Yield what a worker that had looked at the clock in time would have told, and put the rule
    into its outcome."""
    if outcome.message is not None:
        due = at
        if rule.kind == RuleKind.MISSING and outcome.since is not None:
            due = outcome.since + timedelta(hours=rule.hours or 0)
        elif rule.crossed_since is not None:
            due = rule.crossed_since + rule.lasting
        yield Alerted(min(due, at), outcome.message)
    rule.raised, rule.crossed_since = outcome.raised, outcome.crossed_since


class Walk:
    """A `PastOfValue` of known values that steps from each of them to the next.

    The lowest and the highest of the window before it are at the beginnings of two queues.
    """

    def __init__(self, values: Sequence[Value], hours: int | None) -> None:
        self._values = values
        self._window = timedelta(hours=hours or 0)
        self._place = -1
        self._first = 0
        self._lowest: deque[int] = deque()
        self._highest: deque[int] = deque()
        self.looked_at: datetime | None = None
        """When the last value is looked at once more."""

    def step(self) -> None:
        self._place += 1
        if self._place:
            self._take_in(self._place - 1)
        begin = self.measured_at - self._window
        while self._first + 1 < self._place and self._values[self._first + 1][0] <= begin:
            self._first += 1
        for queue in (self._lowest, self._highest):
            while queue and queue[0] < self._first:
                queue.popleft()

    def _take_in(self, place: int) -> None:
        value = self._values[place][1]
        while self._lowest and self._values[self._lowest[-1]][1] >= value:
            self._lowest.pop()
        self._lowest.append(place)
        while self._highest and self._values[self._highest[-1]][1] <= value:
            self._highest.pop()
        self._highest.append(place)

    @property
    def measured_at(self) -> datetime:
        return self._values[self._place][0]

    @property
    def told_at(self) -> datetime:
        return self.looked_at or self.measured_at

    def previous_at(self) -> datetime | None:
        return self._values[self._place - 1][0] if self._place else None

    def within(self, hours: int) -> Range | None:
        if not self._place:
            return None
        return Range(self._values[self._lowest[0]][1], self._values[self._highest[0]][1])
