"""AWAY: what has happened in a log since its user saw it last.

Each event counts for those who may see it, as in `GET /api/v1/events` and in a sync.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bos.away import summaries
from bos.away.seeing import last_seen
from bos.away.summaries import Sight, Stretch
from bos.messages import Away
from bos.models import LastSeen
from sync.eventlog import log, summing
from sync.eventlog.threads import reading
from sync.protocol.identity import Principal
from sync.protocol.registry import Message
from sync.protocol.times import wire_time, wire_time_us

MOST_LOOKED_AT = 100_000
"""Events that one answer is made of; of an older stretch the newest are told of."""
MOST_SUMS = 5_000
"""Entities and what has happened to them, of which rights are asked."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """after: the sequence after which events are told of, `since` or a later one."""

    since: LastSeen | None
    after: int
    upto: int

    @property
    def length(self) -> int:
        return self.upto - self.after


def bounds_of(principal: Principal, *, most: int = MOST_LOOKED_AT) -> Bounds:
    """Return which part of the log is to be told of. Cheap: two rows are read."""
    seen, head = last_seen(principal), log.head(principal.organization_id)
    if seen is None:
        return Bounds(None, head.sequence, head.sequence)
    after = max(min(seen.sequence, head.sequence), head.pruned_sequence, head.sequence - most)
    return Bounds(seen, after, head.sequence)


def tell(principal: Principal, bounds: Bounds, *, most: int = MOST_SUMS) -> Away:
    """Sum up these events, as far as the principal may see them now."""
    organization_id = principal.organization_id
    told = summaries.all_summaries()
    with reading():
        sums = summing.sums(
            organization_id,
            [summary.entity_type for summary in told],
            after=bounds.after,
            upto=bounds.upto,
            user_id=principal.user_id,
            limit=most + 1,
        )
        if len(sums) > most:  # what happened last before this one is told of by none of them
            bounds = replace(bounds, after=sums.pop().last)
        sight = Sight(principal)
        seen = sight.sums(sums)
        parts: dict[str, Message] = {}
        for summary in told:
            own = [sum_ for sum_ in seen if sum_.entity_type == summary.entity_type]
            part = summary.sum_up(Stretch(principal, own, sight)) if own else None
            if part is not None:
                parts[summary.part] = part
        return _answer(organization_id, bounds, parts)


def _answer(organization_id: str, bounds: Bounds, parts: dict[str, Message]) -> Away:
    since = bounds.since
    is_complete = since is None or bounds.after <= since.sequence
    from_at = None if since is None else wire_time(since.at)
    if not is_complete:
        event = log.find(organization_id, bounds.after)
        from_at = None if event is None else wire_time_us(event.at_us)
    return Away(
        since=None if since is None else since.sequence,
        since_at=None if since is None else wire_time(since.at),
        sequence=bounds.upto,
        complete=is_complete,
        from_=None if since is None else bounds.after,
        from_at=from_at,
        **parts,  # type: ignore[arg-type]  # each of the field that its summary names
    )
