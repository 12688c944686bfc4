"""Items of a line of time, by what has happened (see TIMELINE)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sync.protocol.messages import Day, Time
from sync.protocol.registry import Message, WireId

Number = Annotated[float, Meta(examples=[95.0])]
NumberBefore = Annotated[float | None, Meta(examples=[92.5])]
ActorId = Annotated[
    str,
    Meta(
        description="Id of the user or service account; `system` for the system.",
        examples=["5f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e"],
    ),
]
ActorName = Annotated[str, Meta(examples=["Mia Park"])]
Source = Annotated[
    str,
    Meta(
        description="By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...;"
        " empty where that is not known.",
        examples=["websocket"],
    ),
]
Severity = Annotated[str, Meta(examples=["warning"])]
Text = Annotated[str, Meta(examples=["Monthly revenue is 95 EUR, below 100 EUR"])]
Excerpt = Annotated[
    str, Meta(description="The beginning, 200 characters at most.", examples=["Look at March"])
]
FieldText = Annotated[str | None, Meta(examples=["Sales"])]


class TimelineOf(msgspec.Struct, rename="camel"):
    """The thing that a line of time is of: {"type": "kpi", "id": "kpi-123"}."""

    type: Annotated[str, Meta(min_length=1, max_length=32, examples=["kpi"])]
    id: WireId


# ------------------------------------------------------------------ items


class TimelineValue(Message, tag_field="kind", tag="value"):
    """The KPI had this value from then on. before: the one until then, if there was one."""

    at: Time
    value: Number
    before: NumberBefore
    actor_id: ActorId
    actor_name: ActorName
    source: Source


class TimelineTarget(Message, tag_field="kind", tag="target"):
    """The KPI has this target from then on, or none."""

    at: Time
    target: Annotated[float | None, Meta(examples=[100.0])]
    before: NumberBefore
    actor_id: ActorId
    actor_name: ActorName
    source: Source


class ChangedField(Message):
    """A field that was changed, in words. before, after: null where it is empty, or not told."""

    name: Annotated[str, Meta(examples=["department"])]
    before: FieldText
    after: FieldText


class TimelineChange(Message, tag_field="kind", tag="change"):
    """The thing itself was added or changed, archived or restored."""

    at: Time
    change: Literal["created", "updated", "archived", "restored"]
    fields: list[ChangedField]
    actor_id: ActorId
    actor_name: ActorName
    source: Source


class TimelineImport(Message, tag_field="kind", tag="imported"):
    """An import has brought values of the KPI: so many, measured from one time to the other."""

    at: Time
    import_id: str
    values: Annotated[int, Meta(ge=1, examples=[365])]
    from_: Time = msgspec.field(name="from")
    to: Time
    actor_id: ActorId
    actor_name: ActorName


class TimelineAlert(Message, tag_field="kind", tag="alert"):
    """An alert was raised, acknowledged or resolved. actorId: whoever has acknowledged it."""

    at: Time
    change: Literal["raised", "acknowledged", "resolved"]
    alert_id: str
    kpi_id: str
    severity: Severity
    message: Text
    value: Annotated[float | None, Meta(examples=[95.0])]
    threshold: Annotated[float | None, Meta(examples=[100.0])]
    actor_id: Annotated[str | None, Meta(examples=[None])]
    actor_name: Annotated[str | None, Meta(examples=[None])]


class TimelineAnomaly(Message, tag_field="kind", tag="anomaly"):
    """A day's value was found to be unusual by the KPI's own history."""

    at: Time
    insight_id: str
    kpi_id: str
    day: Day
    value: Annotated[float, Meta(examples=[82.0])]
    expected: Annotated[float, Meta(examples=[97.0])]
    lower: Annotated[float, Meta(examples=[91.0])]
    upper: Annotated[float, Meta(examples=[103.0])]
    severity: Annotated[str, Meta(examples=["high"])]


class TimelineForecast(Message, tag_field="kind", tag="forecast"):
    """The KPI's newest forecast was made. day: the last one that it speaks of."""

    at: Time
    insight_id: str
    kpi_id: str
    horizon: Annotated[int, Meta(examples=[14])]
    day: Day
    expected: Annotated[float, Meta(examples=[97.0])]
    lower: Annotated[float, Meta(examples=[91.0])]
    upper: Annotated[float, Meta(examples=[103.0])]


class TimelineAdvice(Message, tag_field="kind", tag="advice"):
    """The KPI's newest recommendation was made."""

    at: Time
    insight_id: str
    kpi_id: str
    message: Annotated[str, Meta(examples=["Monthly revenue will probably miss its target."])]


class TimelineNote(Message, tag_field="kind", tag="note"):
    """A note that points at the thing was made or resolved. sessionId: null for one on the thing
    itself."""

    at: Time
    change: Literal["created", "resolved"]
    annotation_id: str
    session_id: str | None
    parent_id: str | None
    content_type: Annotated[str, Meta(examples=["text"])]
    text: Excerpt
    actor_id: ActorId
    actor_name: ActorName


TimelineItem = (
    TimelineValue
    | TimelineTarget
    | TimelineChange
    | TimelineImport
    | TimelineAlert
    | TimelineAnomaly
    | TimelineForecast
    | TimelineAdvice
    | TimelineNote
)
