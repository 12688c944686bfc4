"""Events in words: 'Demo manager set Kennedy departures to 280 flights by WebSocket'.

Each feature says how its entities' events read (`Feature.words`); names are looked up for a whole
page of events at once, within the organization of the user who looks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from bos.adminsite.phrases import BY_KEY, shortened, source_words, subject
from bos.history.page import author_names
from bos.ids import canonical_uuids
from bos.imports.kinds import kinds
from bos.imports.workflow import import_of
from bos.models import Import, Organization, User
from sync.models import Event
from sync.protocol.times import EPOCH
from sync.protocol.topics import names_of

VERBS = {"created": "added", "updated": "changed", "deleted": "deleted"}
FEWEST_TOGETHER = 3
"""Neighbours that are alike are told of together from so many on."""
NAMED = ("name", "title")
"""Keys under which an entity says what it is called."""
BEGUN_EARLIER = timedelta(seconds=10)
"""Of a transaction that takes long, the first change and its event may be so far apart."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event as words are made of it.

    data, live: what it carries; {} where that is nothing. is_lost: it is gone for those only who do
    not see it any more. is_back: it was there before, and is there again.
    """

    event: Event
    data: Mapping[str, Any]
    live: Mapping[str, Any]
    names: Mapping[tuple[str, str], str]
    is_lost: bool = False
    is_back: bool = False

    @property
    def kind(self) -> str:
        return self.event.change_type

    @property
    def verb(self) -> str:
        return VERBS.get(self.kind, self.kind)

    @property
    def topics(self) -> list[str]:
        """Names of the topics that it concerned, `kpi:42`; none of what nobody was shown."""
        return names_of(self.event)

    @property
    def name(self) -> str:
        """Return what the entity was called then, or, of an event that does not say it, is now."""
        for told in (self.data, self.live):
            for key in NAMED:
                if isinstance(told.get(key), str) and told[key]:
                    return shortened(told[key])
        return self.name_of(self.event.entity_type, self.event.entity_id)

    def name_of(self, entity_type: str, id_: object) -> str:
        found = self.names.get((entity_type, str(id_)))
        return found or f"{entity_type.replace('_', ' ') or 'entity'} {str(id_)[:8]}"

    def topic(self, kind: str) -> str:
        """Return the id of the topic of this kind; empty where it concerned none."""
        ids = (id_ for kind_, _, id_ in (t.partition(":") for t in self.topics) if kind_ == kind)
        return next(ids, "")

    def told(self, key: str) -> Any:
        """Return what the event says of this, under its name on the wire; None where nothing."""
        found = self.data.get(key)
        return self.live.get(key) if found is None else found


Say = Callable[[Happened], str]
Lookup = Callable[[Collection[str], Organization | None], Mapping[str, str]]
"""(ids, tenant) -> names; those of another organization have none. tenant: None for everybody's."""


def _no_names(ids: Collection[str], tenant: Organization | None) -> Mapping[str, str]:
    return {}


def _never_begun(ids: Collection[str]) -> Mapping[str, datetime]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How the events of an entity type read.

    say: what follows the author's name: 'set Kennedy departures to 280 flights'.
    plural: of several that are told of together: 'KPIs'; verbs: what is done to them, by the type
    of their live message, where they are not added, changed or deleted.
    names: what such entities are called; begun: when they were first made, of those that can go and
    come back. mentions: the keys of what else an event names by its id, and its entity type.
    topics: the kinds of topics whose names it needs.
    is_quiet: it is not worth a line on the front page.
    """

    say: Say
    plural: str
    verbs: Mapping[str, str] = field(default_factory=dict)
    names: Lookup = _no_names
    begun: Callable[[Collection[str]], Mapping[str, datetime]] = _never_begun
    mentions: Mapping[str, str] = field(default_factory=dict)
    topics: Collection[str] = ()
    is_quiet: bool = False


_wordings: dict[str, Wording] = {}


def add_wording(entity_type: str, wording: Wording) -> None:
    _wordings[entity_type] = wording


def wordings() -> Mapping[str, Wording]:
    return dict(_wordings)


def _plainly(happened: Happened) -> str:
    """Say it where nobody has said how."""
    return f"{happened.verb} the {happened.name}"


PLAIN = Wording(say=_plainly, plural="")


def wording_of(entity_type: str) -> Wording:
    return _wordings.get(entity_type, PLAIN)


# ------------------------------------------------------------------ sentences


@dataclass(frozen=True, slots=True)
class Told:
    """One line about an event, or about several that are alike; event: the newest of them."""

    event: Event
    text: str
    count: int = 1

    @property
    def at(self) -> datetime:
        return time_of(self.event)


def newest_events(
    organization_id: str | None, *, most: int, with_quiet: bool = True
) -> list[Event]:
    """Read the end of the log, the newest first. organization_id: None for everybody's."""
    rows = Event.objects.all()
    if not with_quiet:
        rows = rows.exclude(entity_type__in=[name for name, w in _wordings.items() if w.is_quiet])
    if organization_id is None:
        return list(rows.order_by("-pk")[:most])
    return list(rows.filter(organization_id=organization_id).order_by("-sequence")[:most])


def time_of(event: Event) -> datetime:
    return EPOCH + timedelta(microseconds=event.at_us)


def tell(events: Sequence[Event], tenant: Organization | None) -> list[Told]:
    """Say each of these events in words, in a number of queries that does not grow with them.

    tenant: whose names may be shown; None: everybody's.
    """
    teller = _Teller(events, tenant)
    return [Told(event, teller.sentence(event)) for event in events]


def tell_together(
    events: Sequence[Event], tenant: Organization | None, *, is_cut: bool = False
) -> list[Told]:
    """The same, with one line for neighbours that are alike, and none for what is quiet.

    is_cut: there are more events, which may be like the last ones.
    """
    loud = [event for event in events if not wording_of(event.entity_type).is_quiet]
    teller = _Teller(loud, tenant)
    lines: list[Told] = []
    imports: set[str] = set()
    for _, alike in groupby(loud, key=_likeness):
        some = list(alike)
        import_id = import_of(some[0].origin)
        if import_id and import_id in imports:  # others wrote between its slices
            continue
        imports.add(import_id)
        if len(some) >= FEWEST_TOGETHER or import_id:
            at_least = is_cut and some[-1] is loud[-1]
            lines.append(Told(some[0], teller.summary(some, at_least=at_least), len(some)))
        else:
            lines += [Told(event, teller.sentence(event)) for event in some]
    return lines


def _likeness(event: Event) -> tuple[str, ...]:
    alike = (event.organization_id, event.actor_id, event.source, event.entity_type)
    if import_of(event.origin):
        return (*alike, event.origin)
    return (*alike, event.change_type, event.live_type)


class _Teller:
    """The names that a page of events needs, looked up together."""

    def __init__(self, events: Sequence[Event], tenant: Organization | None) -> None:
        self._tenant = tenant
        self._read = {event.pk: (_object(event.data), _object(event.live)) for event in events}
        self._names = self._looked_up(events)
        self._actors = author_names({event.actor_id for event in events}, tenant)
        self._machines = self._machines_of(events)
        self._imports = self._imports_of(events)
        self._lost = _lost_of(events)
        self._begun = _begun_of(events)

    def sentence(self, event: Event) -> str:
        predicate = wording_of(event.entity_type).say(self._happened(event))
        return self._whole(event, predicate)

    def summary(self, events: Sequence[Event], *, at_least: bool) -> str:
        """Tell of these, which are alike. at_least: and of what may be more."""
        first, count = events[0], len({event.entity_id for event in events})
        import_ = self._imports.get(import_of(first.origin))
        if import_ is not None:
            return f"{self._subject(first)} {_written(import_)}"
        if count == 1:
            return self.sentence(first) + self._of_several(len(events), at_least=at_least)
        wording = wording_of(first.entity_type)
        verb = wording.verbs.get(first.live_type) or VERBS.get(first.change_type, "changed")
        plural = wording.plural or f"of the type {first.entity_type}"
        many = f"at least {count:,}" if at_least else f"{count:,}"
        return self._whole(first, f"{verb} {many} {plural}")

    def _of_several(self, count: int, *, at_least: bool) -> str:
        """Say that a thing was changed so often: a system may set one KPI all day."""
        if count == 1:
            return ""
        return f", the last of {'at least ' if at_least else ''}{count:,} changes"

    def _whole(self, event: Event, predicate: str) -> str:
        end = "" if import_of(event.origin) in self._imports else self._end(event)
        return f"{self._subject(event)} {predicate} {end}".rstrip()

    def _subject(self, event: Event) -> str:
        import_ = self._imports.get(import_of(event.origin))
        if import_ is not None:
            return f"Import “{shortened(import_.file_name)}”"
        return subject(self._actors.get(event.actor_id, ""))

    def _end(self, event: Event) -> str:
        if event.source == "rest" and event.actor_id in self._machines:
            return BY_KEY
        return source_words(event.source)

    def _happened(self, event: Event) -> Happened:
        data, live = self._read[event.pk]
        begun = self._begun.get((event.entity_type, event.entity_id))
        return Happened(
            event,
            data,
            live,
            self._names,
            is_lost=(event.organization_id, event.sequence) in self._lost,
            is_back=begun is not None and time_of(event) - begun > BEGUN_EARLIER,
        )

    def _looked_up(self, events: Iterable[Event]) -> dict[tuple[str, str], str]:
        wanted: dict[str, set[str]] = defaultdict(set)
        for event in events:
            data, live = self._read[event.pk]
            if not any(isinstance(told.get(key), str) for told in (data, live) for key in NAMED):
                wanted[event.entity_type].add(event.entity_id)
            for key, entity_type in wording_of(event.entity_type).mentions.items():
                for told in (data, live):
                    if isinstance(told.get(key), str):
                        wanted[entity_type].add(told[key])
            entity = data.get("entity")
            if isinstance(entity, dict) and isinstance(entity.get("id"), str):
                wanted[str(entity.get("type"))].add(entity["id"])
            for kind, _, id_ in (name.partition(":") for name in names_of(event)):
                if kind in wording_of(event.entity_type).topics:
                    wanted[kind].add(id_)
        return {
            (entity_type, id_): shortened(name)
            for entity_type, ids in wanted.items()
            for id_, name in wording_of(entity_type).names(ids, self._tenant).items()
        }

    def _machines_of(self, events: Iterable[Event]) -> set[str]:
        ids = {event.actor_id for event in events if event.source == "rest"}
        if not ids:
            return set()
        machines = User.objects.filter(pk__in=canonical_uuids(ids), is_service=True)
        return {str(pk) for pk in machines.values_list("pk", flat=True)}

    def _imports_of(self, events: Iterable[Event]) -> dict[str, Import]:
        ids = {id_ for event in events if (id_ := import_of(event.origin))}
        if not ids:
            return {}
        rows = Import.objects.filter(pk__in=canonical_uuids(ids)).defer("content")
        if self._tenant is not None:
            rows = rows.of(self._tenant.pk)
        return {str(row.pk): row for row in rows}


def _written(import_: Import) -> str:
    """Say how much a file has set: 'set 40 values'."""
    outcome = import_.outcome or {}
    count = outcome.get("new", 0) + outcome.get("changed", 0)
    if import_.kind == "values":
        return f"set {count:,} values"
    title = next((kind.title for kind in kinds() if kind.name == import_.kind), import_.kind)
    things = title if title[:2].isupper() else title.lower()
    return f"wrote {count:,} {things}"


def _object(text: str) -> Mapping[str, Any]:
    """Read what is stored, which may be of an older version; {} where it is no object."""
    try:
        found = json.loads(text, parse_float=Decimal) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lost_of(events: Iterable[Event]) -> set[tuple[str, int]]:
    """Of deletions, those after which the same entity's change follows at once: it is gone for part
    of its audience only."""
    gone = {(e.organization_id, e.sequence): e for e in events if e.change_type == "deleted"}
    if not gone:
        return set()
    next_ones = Event.objects.filter(
        organization_id__in={organization_id for organization_id, _ in gone},
        sequence__in={sequence + 1 for _, sequence in gone},
    ).values_list("organization_id", "sequence", "entity_id", "change_type", "at_us")
    lost = set()
    for organization_id, sequence, entity_id, change_type, at_us in next_ones:
        before = gone.get((organization_id, sequence - 1))
        if before is None or before.entity_id != entity_id:
            continue
        if change_type == "updated" and at_us - before.at_us < 1_000_000:
            lost.add((organization_id, sequence - 1))
    return lost


def _begun_of(events: Iterable[Event]) -> dict[tuple[str, str], datetime]:
    made: dict[str, set[str]] = defaultdict(set)
    for event in events:
        comes_back = wording_of(event.entity_type).begun is not _never_begun
        if event.change_type == "created" and comes_back:
            made[event.entity_type].add(event.entity_id)
    return {
        (entity_type, id_): begun.astimezone(UTC)
        for entity_type, ids in made.items()
        for id_, begun in wording_of(entity_type).begun(ids).items()
    }


# ------------------------------------------------------------------ what features need


def names_from(model: Any, *, manager: str = "objects", name: str = "name") -> Lookup:
    """Look names up in this model; of what is deleted, in its history where it has one."""

    def names(ids: Collection[str], tenant: Organization | None) -> Mapping[str, str]:
        wanted = canonical_uuids(list(ids))
        own = "pk" if model is Organization else "organization_id"
        rows = getattr(model, manager).filter(pk__in=wanted)
        if tenant is not None:
            rows = rows.filter(**{own: tenant.pk})
        found = {str(pk): str(text) for pk, text in rows.values_list("pk", name)}
        missing = [id_ for id_ in wanted if str(id_) not in found]
        if missing and hasattr(model, "history"):
            kept = model.history.filter(id__in=missing).order_by("history_id")
            if tenant is not None:
                kept = kept.filter(**{own.replace("pk", "id"): tenant.pk})
            found |= {str(id_): str(text) for id_, text in kept.values_list("id", name)}
        return found

    return names


def begun_in_history(model: Any) -> Callable[[Collection[str]], Mapping[str, datetime]]:
    """When these rows were added, by their history."""

    def begun(ids: Collection[str]) -> Mapping[str, datetime]:
        added = model.history.filter(id__in=canonical_uuids(list(ids)), history_type="+")
        rows = added.order_by("-history_id").values_list("id", "history_date")
        return {str(id_): date for id_, date in rows}

    return begun


def simply(what: str = "") -> Say:
    """Say '<verb> <what> <name>': 'changed the department Newark'."""

    def say(happened: Happened) -> str:
        words = (happened.verb, what, happened.name)
        return " ".join(word for word in words if word)

    return say
