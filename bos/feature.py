"""Declare what an app plugs in: for the kernel, and for tenants and workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bos import things
from bos.adminsite import panels, words
from bos.adminsite.panels import Panel
from bos.adminsite.words import Wording
from bos.away import summaries
from bos.away.summaries import Summary
from bos.imports import kinds
from bos.imports.kinds import Kind
from bos.jobs import queue, schedules
from bos.jobs.queue import JobType
from bos.leaving import departments, people
from bos.leaving.departments import Going, Holding
from bos.leaving.people import Eraser, Rename, Trace
from bos.messages import Away
from bos.outside import sources
from bos.outside.sources import Category, Source
from bos.people import exporting
from bos.people.exporting import Export
from bos.things import Attachment, Thing
from bos.timeline import lanes
from bos.timeline.lanes import Lane
from sync import feature
from sync.eventlog import capture


@dataclass(frozen=True, kw_only=True)
class Feature(feature.Feature):
    """All that one app adds to the project.

    jobs: what workers do for it. imports: what files can hold.
    histories: models whose changes are kept with their authors.
    traces: what users leave behind, by a label in the plural: these are deactivated, not deleted.
    erasers: called before a user is erased; renames: what takes the user's name out of events, by
    entity type. holdings: what departments hold; going: what goes with them, by a label.
    panels: boxes of the admin's front page. words: how events of the log read, by entity type.
    away: how they are summed up for people who were away.
    exports: what is stored about a user, by a label; left_out: fields that name users and are in
    none of these, with the reason.
    message_sources: entities of which people and channels are told outside the socket;
    message_categories: the messages about which people choose as one.
    things: what others hang something on; attachments: what hangs on things, also on others'.
    lanes: what it knows of the time of things, its own or others': see `bos.timeline`.
    """

    jobs: Sequence[JobType] = ()
    imports: Sequence[Kind] = ()
    histories: Sequence[Any] = ()
    traces: Mapping[str, Trace] = field(default_factory=dict)
    erasers: Sequence[Eraser] = ()
    renames: Mapping[str, Rename] = field(default_factory=dict)
    holdings: Sequence[Holding] = ()
    going: Mapping[str, Going] = field(default_factory=dict)
    panels: Sequence[Panel] = ()
    words: Mapping[str, Wording] = field(default_factory=dict)
    away: Sequence[Summary] = ()
    exports: Mapping[str, Export] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    message_sources: Sequence[Source] = ()
    message_categories: Sequence[Category] = ()
    things: Sequence[Thing] = ()
    attachments: Sequence[Attachment] = ()
    lanes: Sequence[Lane] = ()

    def claims(self) -> Iterator[str]:
        yield from super().claims()
        yield from (f"the job {queue.path_of(job.work)}" for job in self.jobs)
        yield from (f"the schedule {job.title!r}" for job in self.jobs if job.title)
        yield from (f"the import {kind.name!r}" for kind in self.imports)
        yield from (f"the history of {model._meta.label}" for model in self.histories)
        yield from (f"the traces {label!r}" for label in self.traces)
        yield from (f"the names in events of {entity_type!r}" for entity_type in self.renames)
        yield from (f"the holding {holding.name!r}" for holding in self.holdings)
        yield from (f"what goes with a department, {label!r}" for label in self.going)
        yield from (f"the panel {panel.title!r}" for panel in self.panels)
        yield from (f"the words of {entity_type!r}" for entity_type in self.words)
        yield from (f"the summary of {summary.entity_type!r}" for summary in self.away)
        yield from (f"the part {summary.part!r} of AWAY" for summary in self.away)
        yield from (f"the export {label!r}" for label in self.exports)
        yield from (f"the messages of {each.entity_type!r}" for each in self.message_sources)
        yield from (f"the category of messages {each.name!r}" for each in self.message_categories)
        yield from (f"the thing {thing.entity_type!r}" for thing in self.things)
        yield from (f"what hangs on things, {one.label!r}" for one in self.attachments)
        yield from (f"the lane {lane.label!r}" for lane in self.lanes)

    def requires(self) -> Iterator[tuple[str, bool]]:
        yield from super().requires()
        for model in self.histories:
            yield f"the model {model._meta.label}", model in capture.registered()
        for summary in self.away:
            yield f"the field {summary.part!r} of AWAY", summary.part in Away.__struct_fields__

    def plug(self) -> None:
        for model in self.histories:  # first: a row is kept before anybody acts on it
            capture.add_follower(model, model.history_of_changes.record)
        super().plug()
        for job in self.jobs:
            if job.on_given_up is not None:
                queue.add_given_up(job.work, job.on_given_up)
            if job.title:
                schedules.add_schedule(job.title, job.work, minutes=job.minutes)
        for kind in self.imports:
            kinds.add_kind(kind)
        for panel in self.panels:
            panels.add_panel(panel)
        for entity_type, wording in self.words.items():
            words.add_wording(entity_type, wording)
        for summary in self.away:
            summaries.add_summary(summary)
        self._plug_into_leaving()
        self._plug_into_exports()
        for source in self.message_sources:
            sources.add_source(source)
        for category in self.message_categories:
            sources.add_category(category)
        for lane in self.lanes:
            lanes.add_lane(lane)

    def _plug_into_leaving(self) -> None:
        for label, trace in self.traces.items():
            people.add_trace(label, trace)
        for model in self.histories:
            people.add_history(model)
        for eraser in self.erasers:
            people.add_eraser(eraser)
        for entity_type, rename in self.renames.items():
            people.add_rename(entity_type, rename)
        for holding in self.holdings:
            departments.add_holding(holding)
        for label, rows in self.going.items():
            departments.add_going(label, rows)
        for thing in self.things:
            things.add_thing(thing)
        for attachment in self.attachments:
            things.add_attachment(attachment)

    def _plug_into_exports(self) -> None:
        for label, part in self.exports.items():
            exporting.add_export(label, part)
        for model in self.histories:
            exporting.add_history(model)
        for name, reason in self.left_out.items():
            exporting.leave_out(name, reason)
