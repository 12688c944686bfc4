"""Messages and entities as they are on the wire, as structs.

Written by `make docs` from the server's own; docs/messages.md says what they mean.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from bos_client.structs import EntityData, Frame, OneOf, Payload, Request, Signal


class Alert(Payload):
    """An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged`
    once somebody has seen it, and `resolved` once the KPI is back: then it is gone. Sent at each
    change of it. snoozedUntil: until then nobody is notified of it.
    """

    alert_id: str
    kpi_id: str
    rule_id: str | None
    severity: OneOf["critical", "info", "warning"]
    message: str
    value: float | None
    threshold: float | None
    raised_at: str
    state: OneOf["acknowledged", "open", "resolved"]
    snoozed_until: str | None
    entity_type: OneOf["alert"]
    entity_id: str
    change_type: OneOf["created", "deleted", "updated"]
    sequence: int
    acknowledged_at: str | UnsetType = UNSET
    acknowledged_by: str | None | UnsetType = UNSET
    resolved_at: str | UnsetType = UNSET


class AlertData(EntityData):
    """An alert whose KPI is not back yet, `open` or `acknowledged`. Shown where its KPI is.
    snoozedUntil: until then nobody is notified of it. resolvedAt: of one that was read by REST,
    as those that are over are.
    """

    id: str
    kpi_id: str
    rule_id: str | None
    severity: OneOf["critical", "info", "warning"]
    message: str
    value: float | None
    threshold: float | None
    raised_at: str
    state: OneOf["acknowledged", "open", "resolved"]
    acknowledged_at: str | None
    acknowledged_by: str | None
    snoozed_until: str | None
    resolved_at: str | None


class AlertSyncUpdate(Payload, tag_field="entityType", tag="alert"):
    """SYNC_UPDATE of the entity type `alert`."""

    entity_type: ClassVar[OneOf["alert"]] = "alert"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: AlertData
    updated_by: str
    sequence: int


class AnnotationCreated(Payload):
    """A note was pinned to a point of the shared space, or to a thing."""

    annotation_id: str
    session_id: str | None
    author_id: str
    author_name: str
    """`System` without an author."""
    position: Position
    content: str
    content_type: OneOf["audio", "drawing", "image", "link", "markdown", "text"]
    entity: EntityRef | None
    parent_id: str | None
    revision: int
    created_at: str
    updated_at: str
    mentions: list[str]
    """Users whom the note mentions."""
    resolved_at: str | None
    resolved_by: str | None
    entity_archived: bool
    entity_type: OneOf["annotation"]
    entity_id: str
    change_type: OneOf["created"]
    sequence: int


class AnnotationData(EntityData):
    """A note at a point of the shared space. One of a session is shown by `session:`; one on a KPI
    by what shows the KPI, and where that is archived still by `organization:` or `department:`;
    one on a department by `department:`. sessionId: null for one on a thing, which is its
    `entity` then. entityArchived: the thing that it is on is archived.
    """

    id: str
    session_id: str | None
    author_id: str
    author_name: str
    """`System` without an author."""
    position: Position
    content: str
    content_type: OneOf["audio", "drawing", "image", "link", "markdown", "text"]
    entity: EntityRef | None
    parent_id: str | None
    revision: int
    created_at: str
    updated_at: str
    mentions: list[str]
    """Users whom the note mentions."""
    resolved_at: str | None
    resolved_by: str | None
    entity_archived: bool


class AnnotationDeleted(Payload):
    """A note is gone."""

    annotation_id: str
    session_id: str | None
    deleted_by: str
    deleted_at: str
    entity_type: OneOf["annotation"]
    entity_id: str
    change_type: OneOf["deleted"]
    sequence: int


class AnnotationSyncUpdate(Payload, tag_field="entityType", tag="annotation"):
    """SYNC_UPDATE of the entity type `annotation`."""

    entity_type: ClassVar[OneOf["annotation"]] = "annotation"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: AnnotationData
    updated_by: str
    sequence: int


class AnnotationUpdated(Payload):
    """A note was changed or resolved; `revision` counts that. Or the thing that it is on is seen by
    others now, is archived or restored: `revision` is as it was.
    """

    annotation_id: str
    session_id: str | None
    author_id: str
    author_name: str
    """`System` without an author."""
    position: Position
    content: str
    content_type: OneOf["audio", "drawing", "image", "link", "markdown", "text"]
    entity: EntityRef | None
    parent_id: str | None
    revision: int
    created_at: str
    updated_at: str
    mentions: list[str]
    """Users whom the note mentions."""
    resolved_at: str | None
    resolved_by: str | None
    entity_archived: bool
    updated_by: str
    entity_type: OneOf["annotation"]
    entity_id: str
    change_type: OneOf["updated"]
    sequence: int


class AnomalyData(EntityData, tag_field="kind", tag="anomaly"):
    """A value that is unusual by its KPI's own history. Shown where its KPI is."""

    kind: ClassVar[OneOf["anomaly"]] = "anomaly"
    id: str
    kpi_id: str
    day: str
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: OneOf["high", "low", "medium"]
    method: str
    detected_at: str


class AnomalyDetected(Payload):
    """A value that is unusual by its KPI's own history. score: how many standard deviations it is
    off, with its sign; 99 at most.
    """

    insight_id: str
    kpi_id: str
    day: str
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: OneOf["high", "low", "medium"]
    method: str
    detected_at: str
    entity_type: OneOf["insight"]
    entity_id: str
    change_type: OneOf["created", "updated"]
    sequence: int
    kind: OneOf["anomaly"] | UnsetType = UNSET


class AuthFailed(Payload):
    """Not signed in; the third failure closes the connection with 4401."""

    error: OneOf["INVALID_TOKEN", "RATE_LIMIT_EXCEEDED", "TOKEN_EXPIRED"]
    message: str
    details: ErrorDetails | UnsetType = UNSET


class AuthSuccess(Payload):
    """Signed in. `sessionId` names this connection, not a collaboration session. role: what the
    user may do in the organization; when it changes, the connection is closed.
    """

    user_id: str
    organization_id: str
    session_id: str
    expires_at: str
    role: str
    user_name: str


class Away(Payload):
    """Others' changes since the user saw the log last, as far as the user may see them. since,
    sinceAt: the event that was seen last, and when; null where none was. sequence: the last
    event that is told of. complete: false where not all since then is told of, but only what
    came after the event `from`, of `fromAt` (null where it is not kept): what was before is no
    longer kept, or too much. Of each kind `count` says how many there are, and `lines` has the
    newest 100; a kind of which nothing happened is not there.
    """

    since: int | None
    since_at: str | None
    sequence: int
    complete: bool
    from_: int | None = field(name="from")
    from_at: str | None
    kpis: AwayKpis | UnsetType = UNSET
    alerts: AwayAlerts | UnsetType = UNSET
    notes: AwayNotes | UnsetType = UNSET
    reports: AwayReports | UnsetType = UNSET
    sessions: AwaySessions | UnsetType = UNSET


class AwayAlert(Payload):
    """An alert that was raised, or resolved, and what has become of it."""

    alert_id: str
    kpi_id: str
    severity: str
    message: str
    state: str
    raised_at: str
    resolved_at: str | None


class AwayAlerts(Payload):
    """The alerts that were raised or resolved. resolved: how many of them are by now."""

    count: int
    resolved: int
    lines: list[AwayAlert]


class AwayKpi(Payload):
    """A KPI whose value was set, once: what it was before and what it is now. from: null where it
    had no value, or none is kept. changes: how often it was set.
    """

    kpi_id: str
    name: str
    unit: str
    from_: float | None = field(name="from")
    to: float | None
    changes: int
    at: str


class AwayKpis(Payload):
    """The KPIs whose values were set; `lines` has those set last."""

    count: int
    lines: list[AwayKpi]


class AwayNote(Payload):
    """A note that somebody else wrote. content: its beginning. entityType, entityId: what it is on,
    or points at. mentionsMe: whether it mentions the user.
    """

    annotation_id: str
    session_id: str | None
    parent_id: str | None
    author_id: str
    author_name: str
    content: str
    content_type: str
    entity_type: str | None
    entity_id: str | None
    mentions_me: bool
    created_at: str


class AwayNotes(Payload):
    """The notes that others wrote, and that are still there."""

    count: int
    lines: list[AwayNote]


class AwayReport(Payload):
    """A report that was made. departmentId: null for one of the whole organization."""

    report_id: str
    department_id: str | None
    from_: str = field(name="from")
    to: str
    format: str
    url: str
    created_at: str
    expires_at: str


class AwayReports(Payload):
    """The reports that were made."""

    count: int
    lines: list[AwayReport]


class AwaySession(Payload):
    """A session that others opened or ended. endedAt: null while it runs."""

    session_id: str
    title: str
    host_id: str
    created_at: str
    ended_at: str | None


class AwaySessions(Payload):
    """The sessions that others opened or ended."""

    count: int
    lines: list[AwaySession]


class ChangedField(Payload):
    """A field that was changed, in words. before, after: null where it is empty, or not told."""

    name: str
    before: str | None
    after: str | None


class Cursor(Payload):
    """Where a participant points, and what they look at."""

    position: Position
    focused_entity: EntityRef | None | UnsetType = UNSET


class CursorMoved(Payload):
    """Where another participant points; never one's own, and not kept."""

    user_id: str
    position: Position
    session_id: str
    focused_entity: EntityRef | None | UnsetType = UNSET


class DepartmentData(EntityData):
    """A department. Shown by `organization:` and `department:`."""

    id: str
    name: str
    parent_id: str | None
    updated_at: str


class DepartmentSyncUpdate(Payload, tag_field="entityType", tag="department"):
    """SYNC_UPDATE of the entity type `department`."""

    entity_type: ClassVar[OneOf["department"]] = "department"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: DepartmentData
    updated_by: str
    sequence: int


class DepartmentUpdated(Payload):
    """A department was changed. A SYNC_UPDATE with the same `sequence` follows."""

    department_id: str
    name: str
    parent_id: str | None
    updated_by: str
    updated_at: str
    entity_type: OneOf["department"]
    entity_id: str
    change_type: OneOf["updated"]
    sequence: int


class EmployeeData(EntityData):
    """An employee, who may be a user. Shown by `organization:` and `department:`."""

    id: str
    name: str
    title: str
    email: str
    department_id: str | None
    user_id: str | None
    updated_at: str


class EmployeeSyncUpdate(Payload, tag_field="entityType", tag="employee"):
    """SYNC_UPDATE of the entity type `employee`."""

    entity_type: ClassVar[OneOf["employee"]] = "employee"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: EmployeeData
    updated_by: str
    sequence: int


class EmployeeUpdated(Payload):
    """An employee was changed. A SYNC_UPDATE with the same `sequence` follows."""

    employee_id: str
    name: str
    title: str
    email: str
    department_id: str | None
    user_id: str | None
    updated_by: str
    updated_at: str
    entity_type: OneOf["employee"]
    entity_id: str
    change_type: OneOf["updated"]
    sequence: int


class EntityRef(Payload):
    """The entity that a note is pinned to or a user looks at: {"type": "kpi", "id": "kpi-123"}."""

    type: str
    id: str
    """An opaque id."""


class Error(Payload):
    """A request was refused; nothing was changed."""

    code: ErrorCode
    message: str
    details: ErrorDetails | UnsetType = UNSET


class ErrorDetails(Payload):
    """Details of an error besides its code, by the names on the wire; each has what fits it. field:
    which field is wrong, and reason: why. hint: what to do instead. type: of the request.
    channel, requestId, and ids that features declare: which one is meant. limit, window,
    retryAfter (whole seconds), scope: how much there may be, in which time, when there is room
    again, and whose limit it is. outcome: `unknown` where it may have been done. closeCode: the
    connection is closed with this code.
    """

    channel: str | UnsetType = UNSET
    close_code: int | UnsetType = UNSET
    field: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    outcome: OneOf["unknown"] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    window: str | UnsetType = UNSET
    alert_id: str | UnsetType = UNSET
    """An opaque id."""
    annotation_id: str | UnsetType = UNSET
    """An opaque id."""
    kpi_id: str | UnsetType = UNSET
    """An opaque id."""
    notification_id: str | UnsetType = UNSET
    """An opaque id."""
    session_id: str | UnsetType = UNSET
    """An opaque id."""


class Evidence(Payload):
    """The figures that a recommendation rests on: of the day it speaks of, and of the horizon.
    certain: whether even the better bound misses the target. horizon: how many days are
    forecast.
    """

    date: str
    expected: float
    lower: float
    upper: float
    target: float
    direction: OneOf["higher", "lower"]
    certain: bool
    days_missed: int
    horizon: int


class InsightSyncUpdate(Payload, tag_field="entityType", tag="insight"):
    """SYNC_UPDATE of the entity type `insight`."""

    entity_type: ClassVar[OneOf["insight"]] = "insight"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: AnomalyData | PredictionData | RecommendationData
    updated_by: str
    sequence: int


class Interval(Payload):
    """One point of a forecast."""

    date: str
    expected: float
    lower: float
    upper: float


class InvitationData(EntityData):
    """An invitation to a session that runs. Shown by `user:`."""

    id: str
    session_id: str
    title: str


class InvitationSyncUpdate(Payload, tag_field="entityType", tag="invitation"):
    """SYNC_UPDATE of the entity type `invitation`."""

    entity_type: ClassVar[OneOf["invitation"]] = "invitation"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: InvitationData
    updated_by: str
    sequence: int


class JoinedSession(Payload):
    """A session as the user sees it who joins. annotations: the newest that fit into the message,
    oldest first; annotationCount: how many there are.
    """

    session_id: str
    title: str
    host_id: str
    active_space: str
    max_participants: int
    created_at: str
    participants: list[PresentParticipant]
    annotations: list[AnnotationData]
    annotation_count: int
    annotations_complete: bool
    annotations_rest: NotesRequest | UnsetType = UNSET


class KpiData(EntityData):
    """A KPI. Shown by `organization:` (unless it is restricted to its department), `department:`
    and `kpi:`.
    """

    id: str
    name: str
    key: str
    unit: str
    value: float | None
    target: float | None
    direction: OneOf["higher", "lower"]
    department_id: str | None
    owner_id: str | None
    visibility: OneOf["department", "organization"]
    updated_at: str


class KpiSyncUpdate(Payload, tag_field="entityType", tag="kpi"):
    """SYNC_UPDATE of the entity type `kpi`."""

    entity_type: ClassVar[OneOf["kpi"]] = "kpi"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: KpiData
    updated_by: str
    sequence: int


class KpiUpdated(Payload):
    """A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI.
    measuredAt: the time of the value, if it was reported later (by an import).
    """

    kpi_id: str
    value: float
    updated_by: str
    updated_at: str
    entity_type: OneOf["kpi"]
    entity_id: str
    change_type: OneOf["updated"]
    sequence: int
    measured_at: str | UnsetType = UNSET


class Looked(Payload):
    """Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The
    answer to a request repeats it. looking: false where that user looks at it on no device any
    more. An end that is lost with a killed server is not told: see PRESENCE.
    """

    user_id: str
    user_name: str
    entity: EntityRef | None
    looking: bool


class LookingAt(Payload):
    """A user, and what they look at."""

    user_id: str
    user_name: str
    entity: EntityRef


class NotesRequest(Payload):
    """The request by which all notes of a session come; send it as it is, with a requestId."""

    type: OneOf["SYNC_REQUEST"]
    payload: NotesRequestPayload


class NotesRequestPayload(Payload):
    """The session's channel, without a cursor: all that it shows."""

    channels: list[str]


class Notification(Payload):
    """A notice to one user, kept until it is read."""

    notification_id: str
    category: str
    title: str
    message: str
    data: NotificationSubject
    created_at: str
    read_at: str | None
    entity_type: OneOf["notification"]
    entity_id: str
    change_type: OneOf["created", "updated"]
    sequence: int


class NotificationData(EntityData):
    """Something that one user should know. Shown by `user:` until it is read."""

    id: str
    category: str
    title: str
    message: str
    data: NotificationSubject
    created_at: str
    read_at: str | None


class NotificationReadConfirmed(Payload):
    """These notifications are marked as read: remove all of them from a map of unread ones."""

    notification_ids: list[str]
    entity_type: OneOf["notification"] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: OneOf["deleted"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class NotificationSubject(Payload):
    """The subject of a notification: its category says which of these there are. alert: alertId,
    kpiId, severity. session_invitation: sessionId, hostId. mention: annotationId, mentionedBy,
    the note's sessionId, entityType and entityId. prediction_failed: kpiId, requestId.
    report_failed: reportId, requestId. import_failed: importId. connector_failed: connectorId.
    delivery_failed: none. webhook_failed: webhookId. requestId: of the request that has failed;
    empty where none was sent with one.
    """

    alert_id: str | UnsetType = UNSET
    kpi_id: str | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    host_id: str | UnsetType = UNSET
    report_id: str | UnsetType = UNSET
    webhook_id: str | UnsetType = UNSET
    import_id: str | UnsetType = UNSET
    connector_id: str | UnsetType = UNSET
    annotation_id: str | UnsetType = UNSET
    mentioned_by: str | UnsetType = UNSET
    entity_type: str | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class NotificationSyncUpdate(Payload, tag_field="entityType", tag="notification"):
    """SYNC_UPDATE of the entity type `notification`."""

    entity_type: ClassVar[OneOf["notification"]] = "notification"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: NotificationData
    updated_by: str
    sequence: int


class OrganizationData(EntityData):
    """An organization. Shown by `organization:`."""

    id: str
    name: str
    updated_at: str


class OrganizationSyncUpdate(Payload, tag_field="entityType", tag="organization"):
    """SYNC_UPDATE of the entity type `organization`."""

    entity_type: ClassVar[OneOf["organization"]] = "organization"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: OrganizationData
    updated_by: str
    sequence: int


class ParticipantData(EntityData):
    """A user who takes part in a session. Shown by `session:`."""

    id: str
    session_id: str
    user_id: str
    user_name: str
    state: OneOf["active", "disconnected", "idle"]
    role: OneOf["host", "participant"]
    joined_at: str


class ParticipantSyncUpdate(Payload, tag_field="entityType", tag="participant"):
    """SYNC_UPDATE of the entity type `participant`."""

    entity_type: ClassVar[OneOf["participant"]] = "participant"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: ParticipantData
    updated_by: str
    sequence: int


class ParticipantUpdate(Payload):
    """A participant's state or role has changed."""

    session_id: str
    user_id: str
    state: OneOf["active", "disconnected", "idle"]
    role: OneOf["host", "participant"]
    entity_type: OneOf["participant"]
    entity_id: str
    change_type: OneOf["updated"]
    sequence: int


class Position(Payload):
    """A point in the shared space: {"x": 1.5, "y": 0.8, "z": -2.0}, metres."""

    x: float
    y: float
    z: float


class PredictionData(EntityData, tag_field="kind", tag="prediction"):
    """A KPI's newest forecast. Shown where its KPI is."""

    kind: ClassVar[OneOf["prediction"]] = "prediction"
    id: str
    kpi_id: str
    horizon: int
    points: list[Interval]
    method: str
    created_at: str


class PredictionReady(Payload):
    """A forecast: the expected value and its bounds, for each day on which a value is due. horizon:
    how many days it looks ahead from today. points: fewer than these if the KPI has values on
    working days, weekly or monthly only. insightId: missing in the answer to a
    PREDICTION_REQUEST, which is the requester's own and replaces nothing that others see.
    """

    kpi_id: str
    horizon: int
    points: list[Interval]
    method: str
    created_at: str
    insight_id: str | UnsetType = UNSET
    kind: OneOf["prediction"] | UnsetType = UNSET
    entity_type: OneOf["insight"] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: OneOf["created", "updated"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class Presence(Payload):
    """Which users are online, a thousand at a time, in the order of their ids. In the first answer
    also what they look at, of what one may see, and the sessions that run and one may know of:
    the first thousand, and the newest hundred. No event tells of a change: ask again, some times
    a minute. Who came or went a moment ago may be missing or there; who was connected to a
    killed server is there for up to 45 s. complete: false where the server knows only of its own
    connections now.
    """

    online: list[Someone]
    next: str | None
    complete: bool
    looking: list[LookingAt]
    sessions: list[SessionPresence]


class PresentParticipant(Payload):
    """Somebody who takes part in the session that is joined; `cursor` where it was seen last."""

    user_id: str
    user_name: str
    state: OneOf["active", "disconnected", "idle"]
    role: OneOf["host", "participant"]
    joined_at: str
    cursor: Cursor | None


class RateLimit(Payload):
    """The first refusal by a limit in this window; each refusal also gets an ERROR. scope: whose
    limit it is; `bytes` of the connection's messages of 1 kB and more.
    """

    limit: int
    window: str
    retry_after: int
    message: str
    scope: OneOf["bytes", "connection", "organization", "user"] | UnsetType = UNSET


class Recommendation(Payload):
    """A suggestion, with the figures it rests on. insightId: missing in the answer to a
    PREDICTION_REQUEST; it has the requestId then.
    """

    kpi_id: str
    message: str
    evidence: Evidence
    method: str
    created_at: str
    insight_id: str | UnsetType = UNSET
    kind: OneOf["recommendation"] | UnsetType = UNSET
    entity_type: OneOf["insight"] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: OneOf["created", "updated"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class RecommendationData(EntityData, tag_field="kind", tag="recommendation"):
    """A KPI's newest recommendation. Shown where its KPI is."""

    kind: ClassVar[OneOf["recommendation"]] = "recommendation"
    id: str
    kpi_id: str
    message: str
    evidence: Evidence
    method: str
    created_at: str


class Replay(Payload):
    """A page of what happened in a session between `from` and `to`, its end or now. Each list goes
    on in the next page, in its order; together they are the whole. kpis, changes: of the KPIs
    that the requester may see now, as people saw them then: a value that was measured earlier
    counts from when it came. complete: false where the first events of the session are not kept;
    they are since `keptFrom`, null where none is. next: send it as `after`; null in the last
    page.
    """

    session: ReplayedSession
    from_: str = field(name="from")
    to: str
    complete: bool
    kept_from: str | None
    events: list[ReplayedEvent]
    kpis: list[ReplayedKpi]
    changes: list[ReplayedValue]
    next: str | None


class ReplayedEvent(Payload):
    """Something that happened in the session. `started` and `host`: `userId` is the host from then
    on. `joined`, `left` and `state`: of a participant; `reason` where the connection was lost.
    `note`: a note was created, changed or resolved, and is `note` from then on, with its content
    of then. `noteDeleted`: it is `annotationId`, by `userId`. `ended`: by `userId`.
    """

    kind: OneOf["ended", "host", "joined", "left", "note", "noteDeleted", "started", "state"]
    at: str
    offset: int
    """Milliseconds since `from`: order and pace."""
    sequence: int
    user_id: str | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    state: OneOf["active", "disconnected", "idle"] | UnsetType = UNSET
    role: OneOf["host", "participant"] | UnsetType = UNSET
    reason: OneOf["admin", "empty", "host_ended", "host_left", "timeout"] | UnsetType = UNSET
    note: AnnotationData | UnsetType = UNSET
    annotation_id: str | UnsetType = UNSET


class ReplayedKpi(Payload):
    """The value that a KPI showed when the session began."""

    kpi_id: str
    value: float | None


class ReplayedPerson(Payload):
    """Somebody who has taken part, under the name that they have now."""

    user_id: str
    user_name: str


class ReplayedSession(Payload):
    """The session that is played back, as it is now. people: its host, and the first 200 others who
    have taken part.
    """

    session_id: str
    title: str
    host_id: str
    active_space: str
    created_at: str
    ended_at: str | None
    people: list[ReplayedPerson]


class ReplayedValue(Payload):
    """A value that a KPI showed from then on."""

    kpi_id: str
    value: float
    at: str
    offset: int
    """Milliseconds since `from`: order and pace."""


class ReportData(EntityData):
    """A report that is ready. Shown by `organization:` or `department:`, whichever it is of."""

    id: str
    scope: ReportOf
    from_: str = field(name="from")
    to: str
    format: OneOf["pdf", "xlsx"]
    url: str
    created_at: str
    expires_at: str


class ReportGenerated(Payload):
    """A report is ready at `url`, a path of this server, for those permitted and for a while."""

    report_id: str
    scope: ReportOf
    from_: str = field(name="from")
    to: str
    format: OneOf["pdf", "xlsx"]
    url: str
    created_at: str
    expires_at: str
    entity_type: OneOf["report"] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: OneOf["created"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class ReportOf(Payload):
    """The subject of a report: the whole organization, or a department and those below it."""

    type: OneOf["department", "organization"]
    id: str


class ReportScope(Payload):
    """The subject of a report: an organization or a department."""

    type: OneOf["department", "organization"]
    id: str
    """An opaque id."""


class ReportSyncUpdate(Payload, tag_field="entityType", tag="report"):
    """SYNC_UPDATE of the entity type `report`."""

    entity_type: ClassVar[OneOf["report"]] = "report"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: ReportData
    updated_by: str
    sequence: int


class SeenConfirmed(Payload):
    """Up to this event the user has seen what there is, on whichever device. It never goes back,
    nor beyond the last event.
    """

    sequence: int


class SessionCreated(Payload):
    """A session was started. To its host, the invited, or the organization if it is open. An
    invited user's copy shows their invitation, everybody else's the session.
    """

    session_id: str
    host_id: str
    title: str
    active_space: str
    participants: list[str]
    """Users."""
    created_at: str
    max_participants: int
    invitation_only: bool
    entity_type: OneOf["invitation", "session"]
    entity_id: str
    change_type: OneOf["created"]
    sequence: int


class SessionData(EntityData):
    """A session. Shown by `session:`, and by `organization:` while it runs and is open to all."""

    id: str
    title: str
    host_id: str
    active_space: str
    max_participants: int
    invitation_only: bool
    created_at: str
    ended_at: str | None


class SessionEnded(Payload):
    """The session is over; its annotations stay. It is gone for those who follow the organization,
    and so is the invitation for invited users, who get this message on `user:`.
    """

    session_id: str
    ended_by: str
    ended_at: str
    reason: OneOf["admin", "empty", "host_ended", "host_left"]
    entity_type: OneOf["invitation", "session"]
    entity_id: str
    change_type: OneOf["deleted"]
    sequence: int


class SessionHandedOver(Payload):
    """The session has another host; PARTICIPANT_UPDATE of both, and SYNC_UPDATE, tell everybody."""

    session_id: str
    host_id: str


class SessionInvited(Payload):
    """These users were invited: those that had not been before, and do not take part."""

    session_id: str
    user_ids: list[str]


class SessionJoined(Payload):
    """Somebody joined; the joiner's own copy also carries the session as it is.
    `session.annotations` has the newest notes that fit into half a megabyte. Where
    `session.annotationsComplete` is false, send `session.annotationsRest`: all notes come, page
    by page.
    """

    session_id: str
    user_id: str
    user_name: str
    state: OneOf["active", "disconnected", "idle"]
    role: OneOf["host", "participant"]
    joined_at: str
    session: JoinedSession | UnsetType = UNSET
    entity_type: OneOf["participant"] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    change_type: OneOf["created"] | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class SessionLeft(Payload):
    """Somebody left; `reason` is there if their lost connection did not come back in time."""

    session_id: str
    user_id: str
    user_name: str
    role: OneOf["host", "participant"]
    left_at: str
    entity_type: OneOf["participant"]
    entity_id: str
    change_type: OneOf["deleted"]
    sequence: int
    reason: OneOf["timeout"] | UnsetType = UNSET


class SessionPresence(Payload):
    """A running session, and how many take part; which users, where one may join or follow it."""

    session: SessionData
    count: int
    participants: list[Someone]


class SessionSyncUpdate(Payload, tag_field="entityType", tag="session"):
    """SYNC_UPDATE of the entity type `session`."""

    entity_type: ClassVar[OneOf["session"]] = "session"
    entity_id: str
    change_type: OneOf["created", "snapshot", "updated"]
    data: SessionData
    updated_by: str
    sequence: int


class Someone(Payload):
    """A user, by name."""

    user_id: str
    user_name: str


class Subscribed(Payload):
    """These channels are followed: events after `sequence` come live."""

    channels: list[str]
    sequence: int


class SyncComplete(Payload):
    """The sync is complete; either cursor resumes exactly after it."""

    updates_sent: int
    last_sync_timestamp: str
    """Hand it back as it is."""
    last_sequence: int


class SyncDelete(Payload):
    """An entity is gone, or no longer concerns the channels that are followed."""

    entity_type: OneOf[
        "alert",
        "annotation",
        "department",
        "employee",
        "insight",
        "invitation",
        "kpi",
        "notification",
        "organization",
        "participant",
        "report",
        "session",
    ]
    entity_id: str
    deleted_by: str
    deleted_at: str
    sequence: int


class SyncError(Payload):
    """The sync cannot be served, not even in part."""

    code: SyncErrorCode
    message: str
    details: ErrorDetails | UnsetType = UNSET


class SyncStart(Payload):
    """`updateCount` messages follow, then SYNC_COMPLETE; live events wait until then."""

    update_count: int
    from_timestamp: str


class Timeline(Payload):
    """The answer: all that has happened to a thing, the newest first. complete: nothing older is in
    the time that was asked for. cursor: where it is not complete.
    """

    entity: TimelineOf
    items: list[
        TimelineValue
        | TimelineTarget
        | TimelineChange
        | TimelineImport
        | TimelineAlert
        | TimelineAnomaly
        | TimelineForecast
        | TimelineAdvice
        | TimelineNote
    ]
    complete: bool
    cursor: str | UnsetType = UNSET
    """Hand it back as it is."""


class TimelineAdvice(Payload, tag_field="kind", tag="advice"):
    """The KPI's newest recommendation was made."""

    kind: ClassVar[OneOf["advice"]] = "advice"
    at: str
    insight_id: str
    kpi_id: str
    message: str


class TimelineAlert(Payload, tag_field="kind", tag="alert"):
    """An alert was raised, acknowledged or resolved. actorId: whoever has acknowledged it."""

    kind: ClassVar[OneOf["alert"]] = "alert"
    at: str
    change: OneOf["acknowledged", "raised", "resolved"]
    alert_id: str
    kpi_id: str
    severity: str
    message: str
    value: float | None
    threshold: float | None
    actor_id: str | None
    actor_name: str | None


class TimelineAnomaly(Payload, tag_field="kind", tag="anomaly"):
    """A day's value was found to be unusual by the KPI's own history."""

    kind: ClassVar[OneOf["anomaly"]] = "anomaly"
    at: str
    insight_id: str
    kpi_id: str
    day: str
    value: float
    expected: float
    lower: float
    upper: float
    severity: str


class TimelineChange(Payload, tag_field="kind", tag="change"):
    """The thing itself was added or changed, archived or restored."""

    kind: ClassVar[OneOf["change"]] = "change"
    at: str
    change: OneOf["archived", "created", "restored", "updated"]
    fields: list[ChangedField]
    actor_id: str
    """Id of the user or service account; `system` for the system."""
    actor_name: str
    source: str
    """By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that is not known."""


class TimelineForecast(Payload, tag_field="kind", tag="forecast"):
    """The KPI's newest forecast was made. day: the last one that it speaks of."""

    kind: ClassVar[OneOf["forecast"]] = "forecast"
    at: str
    insight_id: str
    kpi_id: str
    horizon: int
    day: str
    expected: float
    lower: float
    upper: float


class TimelineImport(Payload, tag_field="kind", tag="imported"):
    """An import has brought values of the KPI: so many, measured from one time to the other."""

    kind: ClassVar[OneOf["imported"]] = "imported"
    at: str
    import_id: str
    values: int
    from_: str = field(name="from")
    to: str
    actor_id: str
    """Id of the user or service account; `system` for the system."""
    actor_name: str


class TimelineNote(Payload, tag_field="kind", tag="note"):
    """A note that points at the thing was made or resolved. sessionId: null for one on the thing
    itself.
    """

    kind: ClassVar[OneOf["note"]] = "note"
    at: str
    change: OneOf["created", "resolved"]
    annotation_id: str
    session_id: str | None
    parent_id: str | None
    content_type: str
    text: str
    """The beginning, 200 characters at most."""
    actor_id: str
    """Id of the user or service account; `system` for the system."""
    actor_name: str


class TimelineOf(Payload):
    """The thing that a line of time is of: {"type": "kpi", "id": "kpi-123"}."""

    type: str
    id: str
    """An opaque id."""


class TimelineTarget(Payload, tag_field="kind", tag="target"):
    """The KPI has this target from then on, or none."""

    kind: ClassVar[OneOf["target"]] = "target"
    at: str
    target: float | None
    before: float | None
    actor_id: str
    """Id of the user or service account; `system` for the system."""
    actor_name: str
    source: str
    """By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that is not known."""


class TimelineValue(Payload, tag_field="kind", tag="value"):
    """The KPI had this value from then on. before: the one until then, if there was one."""

    kind: ClassVar[OneOf["value"]] = "value"
    at: str
    value: float
    before: float | None
    actor_id: str
    """Id of the user or service account; `system` for the system."""
    actor_name: str
    source: str
    """By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that is not known."""


class TokenExpiredNotice(Payload):
    """The token has expired: events wait until a new AUTH, for a while."""

    message: str


class Unsubscribed(Payload):
    """These channels are followed no longer; `reason` where the server ended it."""

    channels: list[str]
    reason: OneOf["access_revoked"] | UnsetType = UNSET


class AlertAcknowledge(Request[Alert]):
    """Mark an alert as seen. By its KPI's owner, those who are notified, managers and admins."""

    TYPE: ClassVar[str] = "ALERT_ACKNOWLEDGE"
    REPLY: ClassVar[str] = "ALERT"
    alert_id: str
    """An opaque id."""


class AlertSnooze(Request[Alert]):
    """Have nobody notified of an alert, and of the next ones of its rule, until a time at most 30
    days from now. By those who may acknowledge it. If it is unresolved then, `ALERT` comes
    again, and those whom its rule notifies are notified.
    """

    TYPE: ClassVar[str] = "ALERT_SNOOZE"
    REPLY: ClassVar[str] = "ALERT"
    alert_id: str
    """An opaque id."""
    until: str


class AnnotationCreate(Request[AnnotationCreated]):
    """Pin a note to a point of the shared space: in a session, or on a thing. In a session with
    `sessionId`, which may have ended for a reply. Without it, on `entity` itself, a KPI (`kpi`)
    or a department (`department`): users who may follow that see the note. A reply is where its
    parent is. mentions: users who may see it; each of them gets a NOTIFICATION.
    """

    TYPE: ClassVar[str] = "ANNOTATION_CREATE"
    REPLY: ClassVar[str] = "ANNOTATION_CREATED"
    position: Position
    content: str
    content_type: OneOf["audio", "drawing", "image", "link", "markdown", "text"]
    session_id: str | None | UnsetType = UNSET
    entity: EntityRef | None | UnsetType = UNSET
    parent_id: str | None | UnsetType = UNSET
    mentions: list[str] | UnsetType = UNSET


class AnnotationDelete(Request[AnnotationDeleted]):
    """Remove a note and its replies. By its author or the session's host, and by admins where it is
    on a thing or of a session that has ended. More than a hundred replies are removed about a
    hundred at a time, with others' changes in between. If the connection is lost meanwhile, send
    it again to remove the rest.
    """

    TYPE: ClassVar[str] = "ANNOTATION_DELETE"
    REPLY: ClassVar[str] = "ANNOTATION_DELETED"
    annotation_id: str
    """An opaque id."""
    session_id: str | None | UnsetType = UNSET


class AnnotationResolve(Request[AnnotationUpdated]):
    """Mark a note as resolved, or as open again. By its author, the session's host, managers."""

    TYPE: ClassVar[str] = "ANNOTATION_RESOLVE"
    REPLY: ClassVar[str] = "ANNOTATION_UPDATED"
    annotation_id: str
    """An opaque id."""
    resolved: bool
    session_id: str | None | UnsetType = UNSET


class AnnotationUpdate(Request[AnnotationUpdated]):
    """Change any of a note's fields. By its author or the session's host. unpin: from then on it is
    pinned to no entity; a note on a thing stays there. mentions: instead of those there were;
    users who are mentioned anew get a NOTIFICATION.
    """

    TYPE: ClassVar[str] = "ANNOTATION_UPDATE"
    REPLY: ClassVar[str] = "ANNOTATION_UPDATED"
    annotation_id: str
    """An opaque id."""
    session_id: str | None | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    content: str | UnsetType = UNSET
    content_type: OneOf["audio", "drawing", "image", "link", "markdown", "text"] | UnsetType = UNSET
    entity: EntityRef | UnsetType = UNSET
    unpin: bool | UnsetType = UNSET
    mentions: list[str] | UnsetType = UNSET


class Auth(Request[AuthSuccess]):
    """Sign in on this connection, or renew the token that is about to expire."""

    TYPE: ClassVar[str] = "AUTH"
    REPLY: ClassVar[str] = "AUTH_SUCCESS"
    token: str


class AwayRequest(Request[Away]):
    """Sum up what has happened since the event that the user saw last (`SEEN`)."""

    TYPE: ClassVar[str] = "AWAY_REQUEST"
    REPLY: ClassVar[str] = "AWAY"


class CursorMove(Signal):
    """Show where you point and what you look at; at most ten times a second."""

    TYPE: ClassVar[str] = "CURSOR_MOVE"
    session_id: str
    """An opaque id."""
    position: Position
    focused_entity: EntityRef | None | UnsetType = UNSET


class KpiUpdate(Request[KpiUpdated]):
    """Set a KPI's value. By its owner, a manager or an admin."""

    TYPE: ClassVar[str] = "KPI_UPDATE"
    REPLY: ClassVar[str] = "KPI_UPDATED"
    kpi_id: str
    """An opaque id."""
    value: float
    """Below 10^15 in size, at most 15 significant digits, 4 of them decimals."""


class Looking(Request[Looked]):
    """Say what you look at now: a KPI (`kpi`) or a department (`department`) that you may see;
    null: at none any more. It holds until the next one, or the end of the connection.
    """

    TYPE: ClassVar[str] = "LOOKING"
    REPLY: ClassVar[str] = "LOOKING"
    entity: EntityRef | None | UnsetType = UNSET


class NotificationRead(Request[NotificationReadConfirmed]):
    """These notifications have been read."""

    TYPE: ClassVar[str] = "NOTIFICATION_READ"
    REPLY: ClassVar[str] = "NOTIFICATION_READ"
    notification_ids: list[str]


class Ping(Request[None]):
    """Ask for a PONG with the same requestId and timestamp."""

    TYPE: ClassVar[str] = "PING"
    REPLY: ClassVar[str] = "PONG"


class Pong(Signal):
    """Answer to the server's PING."""

    TYPE: ClassVar[str] = "PONG"


class PredictionRequest(Request[PredictionReady]):
    """Forecast a KPI for the next `horizon` days. By anybody who may see it."""

    TYPE: ClassVar[str] = "PREDICTION_REQUEST"
    REPLY: ClassVar[str] = "PREDICTION_READY"
    NOTICED: ClassVar[bool] = True
    kpi_id: str
    """An opaque id."""
    horizon: int


class PresenceRequest(Request[Presence]):
    """Ask who is online. after: `next` of the answer before, where that had one."""

    TYPE: ClassVar[str] = "PRESENCE_REQUEST"
    REPLY: ClassVar[str] = "PRESENCE"
    after: str | None | UnsetType = UNSET


class ReplayRequest(Request[Replay]):
    """Ask for what happened in a session, page by page: to play it back. Also of one that runs. By
    its host, participants and the invited. after: `next` of the page before; limit: the most of
    each kind in a page.
    """

    TYPE: ClassVar[str] = "REPLAY_REQUEST"
    REPLY: ClassVar[str] = "REPLAY"
    session_id: str
    """An opaque id."""
    after: str | None | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class ReportRequest(Request[ReportGenerated]):
    """Make a report of an organization's or a department's KPIs. By a manager. from, to: days as
    YYYY-MM-DD, both included.
    """

    TYPE: ClassVar[str] = "REPORT_REQUEST"
    REPLY: ClassVar[str] = "REPORT_GENERATED"
    NOTICED: ClassVar[bool] = True
    scope: ReportScope
    from_: str = field(name="from")
    to: str
    format: OneOf["pdf", "xlsx"] | UnsetType = UNSET


class Seen(Request[SeenConfirmed]):
    """The user has seen what is up to this event of the organization's log."""

    TYPE: ClassVar[str] = "SEEN"
    REPLY: ClassVar[str] = "SEEN"
    sequence: int


class SessionCreate(Request[SessionCreated]):
    """Start a session and be its host."""

    TYPE: ClassVar[str] = "SESSION_CREATE"
    REPLY: ClassVar[str] = "SESSION_CREATED"
    title: str
    active_space: str
    invite_user_ids: list[str] | UnsetType = UNSET
    max_participants: int | UnsetType = UNSET


class SessionEnd(Request[SessionEnded]):
    """End a session for everybody. By its host, and by admins."""

    TYPE: ClassVar[str] = "SESSION_END"
    REPLY: ClassVar[str] = "SESSION_ENDED"
    session_id: str
    """An opaque id."""


class SessionHandOver(Request[SessionHandedOver]):
    """Make a participant the host instead of oneself, and stay. By the host."""

    TYPE: ClassVar[str] = "SESSION_HAND_OVER"
    REPLY: ClassVar[str] = "SESSION_HANDED_OVER"
    session_id: str
    """An opaque id."""
    new_host_id: str
    """An opaque id."""


class SessionInvite(Request[SessionInvited]):
    """Invite further users. By the host, and by managers and admins who take part. Who has been
    invited before, or takes part, is told nothing again.
    """

    TYPE: ClassVar[str] = "SESSION_INVITE"
    REPLY: ClassVar[str] = "SESSION_INVITED"
    session_id: str
    """An opaque id."""
    user_ids: list[str]


class SessionJoin(Request[SessionJoined]):
    """Take part in a session, come back to it, or join with another device."""

    TYPE: ClassVar[str] = "SESSION_JOIN"
    REPLY: ClassVar[str] = "SESSION_JOINED"
    session_id: str
    """An opaque id."""


class SessionLeave(Request[SessionLeft]):
    """Leave; a host names who takes over, or ends the session by leaving."""

    TYPE: ClassVar[str] = "SESSION_LEAVE"
    REPLY: ClassVar[str] = "SESSION_LEFT"
    session_id: str
    """An opaque id."""
    new_host_id: str | None | UnsetType = UNSET


class Subscribe(Request[Subscribed]):
    """Follow these channels from now on."""

    TYPE: ClassVar[str] = "SUBSCRIBE"
    REPLY: ClassVar[str] = "SUBSCRIBED"
    channels: list[str]
    """The first 100 of them are served."""


class SyncRequest(Request[SyncComplete]):
    """Send what changed in these channels after a cursor; without one, all that they show."""

    TYPE: ClassVar[str] = "SYNC_REQUEST"
    REPLY: ClassVar[str] = "SYNC_COMPLETE"
    channels: list[str]
    last_sync_timestamp: str | None | UnsetType = UNSET
    last_sequence: int | None | UnsetType = UNSET


class TimelineRequest(Request[Timeline]):
    """Tell what has happened to a KPI (`kpi`) or a department (`department`), the newest first. By
    anybody who may see it. from, to: of this time; from is in it, to is not. Without them, of
    all time. limit: at most so many items. about: only of these: `values`, `changes`, `imports`,
    `alerts`, `insights`, `notes`. cursor: of an answer, for those that come after it; with the
    same from, to and about.
    """

    TYPE: ClassVar[str] = "TIMELINE_REQUEST"
    REPLY: ClassVar[str] = "TIMELINE"
    entity: TimelineOf
    from_: str | None | UnsetType = field(default=UNSET, name="from")
    to: str | None | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    about: list[str] | None | UnsetType = UNSET
    cursor: str | None | UnsetType = UNSET


class Unsubscribe(Request[Unsubscribed]):
    """Follow these channels no longer."""

    TYPE: ClassVar[str] = "UNSUBSCRIBE"
    REPLY: ClassVar[str] = "UNSUBSCRIBED"
    channels: list[str]
    """The first 100 of them are served."""


class AlertMessage(Frame, tag_field="type", tag="ALERT"):
    """An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged`
    once somebody has seen it, and `resolved` once the KPI is back: then it is gone. Sent at each
    change of it. snoozedUntil: until then nobody is notified of it.
    """

    TYPE: ClassVar[str] = "ALERT"
    payload: Alert


class AnnotationCreatedMessage(Frame, tag_field="type", tag="ANNOTATION_CREATED"):
    """A note was pinned to a point of the shared space, or to a thing."""

    TYPE: ClassVar[str] = "ANNOTATION_CREATED"
    payload: AnnotationCreated


class AnnotationDeletedMessage(Frame, tag_field="type", tag="ANNOTATION_DELETED"):
    """A note is gone."""

    TYPE: ClassVar[str] = "ANNOTATION_DELETED"
    payload: AnnotationDeleted


class AnnotationUpdatedMessage(Frame, tag_field="type", tag="ANNOTATION_UPDATED"):
    """A note was changed or resolved; `revision` counts that. Or the thing that it is on is seen by
    others now, is archived or restored: `revision` is as it was.
    """

    TYPE: ClassVar[str] = "ANNOTATION_UPDATED"
    payload: AnnotationUpdated


class AnomalyDetectedMessage(Frame, tag_field="type", tag="ANOMALY_DETECTED"):
    """A value that is unusual by its KPI's own history. score: how many standard deviations it is
    off, with its sign; 99 at most.
    """

    TYPE: ClassVar[str] = "ANOMALY_DETECTED"
    payload: AnomalyDetected


class AuthFailedMessage(Frame, tag_field="type", tag="AUTH_FAILED"):
    """Not signed in; the third failure closes the connection with 4401."""

    TYPE: ClassVar[str] = "AUTH_FAILED"
    payload: AuthFailed


class AuthSuccessMessage(Frame, tag_field="type", tag="AUTH_SUCCESS"):
    """Signed in. `sessionId` names this connection, not a collaboration session. role: what the
    user may do in the organization; when it changes, the connection is closed.
    """

    TYPE: ClassVar[str] = "AUTH_SUCCESS"
    payload: AuthSuccess


class AwayMessage(Frame, tag_field="type", tag="AWAY"):
    """Others' changes since the user saw the log last, as far as the user may see them. since,
    sinceAt: the event that was seen last, and when; null where none was. sequence: the last
    event that is told of. complete: false where not all since then is told of, but only what
    came after the event `from`, of `fromAt` (null where it is not kept): what was before is no
    longer kept, or too much. Of each kind `count` says how many there are, and `lines` has the
    newest 100; a kind of which nothing happened is not there.
    """

    TYPE: ClassVar[str] = "AWAY"
    payload: Away


class CursorMovedMessage(Frame, tag_field="type", tag="CURSOR_MOVE"):
    """Where another participant points; never one's own, and not kept."""

    TYPE: ClassVar[str] = "CURSOR_MOVE"
    payload: CursorMoved


class DepartmentUpdatedMessage(Frame, tag_field="type", tag="DEPARTMENT_UPDATED"):
    """A department was changed. A SYNC_UPDATE with the same `sequence` follows."""

    TYPE: ClassVar[str] = "DEPARTMENT_UPDATED"
    payload: DepartmentUpdated


class EmployeeUpdatedMessage(Frame, tag_field="type", tag="EMPLOYEE_UPDATED"):
    """An employee was changed. A SYNC_UPDATE with the same `sequence` follows."""

    TYPE: ClassVar[str] = "EMPLOYEE_UPDATED"
    payload: EmployeeUpdated


class ErrorMessage(Frame, tag_field="type", tag="ERROR"):
    """A request was refused; nothing was changed."""

    TYPE: ClassVar[str] = "ERROR"
    payload: Error


class KpiUpdatedMessage(Frame, tag_field="type", tag="KPI_UPDATED"):
    """A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI.
    measuredAt: the time of the value, if it was reported later (by an import).
    """

    TYPE: ClassVar[str] = "KPI_UPDATED"
    payload: KpiUpdated


class LookedMessage(Frame, tag_field="type", tag="LOOKING"):
    """Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The
    answer to a request repeats it. looking: false where that user looks at it on no device any
    more. An end that is lost with a killed server is not told: see PRESENCE.
    """

    TYPE: ClassVar[str] = "LOOKING"
    payload: Looked


class NotificationMessage(Frame, tag_field="type", tag="NOTIFICATION"):
    """A notice to one user, kept until it is read."""

    TYPE: ClassVar[str] = "NOTIFICATION"
    payload: Notification


class NotificationReadConfirmedMessage(Frame, tag_field="type", tag="NOTIFICATION_READ"):
    """These notifications are marked as read: remove all of them from a map of unread ones."""

    TYPE: ClassVar[str] = "NOTIFICATION_READ"
    payload: NotificationReadConfirmed


class ParticipantUpdateMessage(Frame, tag_field="type", tag="PARTICIPANT_UPDATE"):
    """A participant's state or role has changed."""

    TYPE: ClassVar[str] = "PARTICIPANT_UPDATE"
    payload: ParticipantUpdate


class ServerPingMessage(Frame, tag_field="type", tag="PING"):
    """Send any frame within ten seconds, at best a PONG."""

    TYPE: ClassVar[str] = "PING"


class ServerPongMessage(Frame, tag_field="type", tag="PONG"):
    """Answer to a client's PING."""

    TYPE: ClassVar[str] = "PONG"


class PredictionReadyMessage(Frame, tag_field="type", tag="PREDICTION_READY"):
    """A forecast: the expected value and its bounds, for each day on which a value is due. horizon:
    how many days it looks ahead from today. points: fewer than these if the KPI has values on
    working days, weekly or monthly only. insightId: missing in the answer to a
    PREDICTION_REQUEST, which is the requester's own and replaces nothing that others see.
    """

    TYPE: ClassVar[str] = "PREDICTION_READY"
    payload: PredictionReady


class PresenceMessage(Frame, tag_field="type", tag="PRESENCE"):
    """Which users are online, a thousand at a time, in the order of their ids. In the first answer
    also what they look at, of what one may see, and the sessions that run and one may know of:
    the first thousand, and the newest hundred. No event tells of a change: ask again, some times
    a minute. Who came or went a moment ago may be missing or there; who was connected to a
    killed server is there for up to 45 s. complete: false where the server knows only of its own
    connections now.
    """

    TYPE: ClassVar[str] = "PRESENCE"
    payload: Presence


class RateLimitMessage(Frame, tag_field="type", tag="RATE_LIMIT"):
    """The first refusal by a limit in this window; each refusal also gets an ERROR. scope: whose
    limit it is; `bytes` of the connection's messages of 1 kB and more.
    """

    TYPE: ClassVar[str] = "RATE_LIMIT"
    payload: RateLimit


class RecommendationMessage(Frame, tag_field="type", tag="RECOMMENDATION"):
    """A suggestion, with the figures it rests on. insightId: missing in the answer to a
    PREDICTION_REQUEST; it has the requestId then.
    """

    TYPE: ClassVar[str] = "RECOMMENDATION"
    payload: Recommendation


class ReplayMessage(Frame, tag_field="type", tag="REPLAY"):
    """A page of what happened in a session between `from` and `to`, its end or now. Each list goes
    on in the next page, in its order; together they are the whole. kpis, changes: of the KPIs
    that the requester may see now, as people saw them then: a value that was measured earlier
    counts from when it came. complete: false where the first events of the session are not kept;
    they are since `keptFrom`, null where none is. next: send it as `after`; null in the last
    page.
    """

    TYPE: ClassVar[str] = "REPLAY"
    payload: Replay


class ReportGeneratedMessage(Frame, tag_field="type", tag="REPORT_GENERATED"):
    """A report is ready at `url`, a path of this server, for those permitted and for a while."""

    TYPE: ClassVar[str] = "REPORT_GENERATED"
    payload: ReportGenerated


class SeenConfirmedMessage(Frame, tag_field="type", tag="SEEN"):
    """Up to this event the user has seen what there is, on whichever device. It never goes back,
    nor beyond the last event.
    """

    TYPE: ClassVar[str] = "SEEN"
    payload: SeenConfirmed


class SessionCreatedMessage(Frame, tag_field="type", tag="SESSION_CREATED"):
    """A session was started. To its host, the invited, or the organization if it is open. An
    invited user's copy shows their invitation, everybody else's the session.
    """

    TYPE: ClassVar[str] = "SESSION_CREATED"
    payload: SessionCreated


class SessionEndedMessage(Frame, tag_field="type", tag="SESSION_ENDED"):
    """The session is over; its annotations stay. It is gone for those who follow the organization,
    and so is the invitation for invited users, who get this message on `user:`.
    """

    TYPE: ClassVar[str] = "SESSION_ENDED"
    payload: SessionEnded


class SessionHandedOverMessage(Frame, tag_field="type", tag="SESSION_HANDED_OVER"):
    """The session has another host; PARTICIPANT_UPDATE of both, and SYNC_UPDATE, tell everybody."""

    TYPE: ClassVar[str] = "SESSION_HANDED_OVER"
    payload: SessionHandedOver


class SessionInvitedMessage(Frame, tag_field="type", tag="SESSION_INVITED"):
    """These users were invited: those that had not been before, and do not take part."""

    TYPE: ClassVar[str] = "SESSION_INVITED"
    payload: SessionInvited


class SessionJoinedMessage(Frame, tag_field="type", tag="SESSION_JOINED"):
    """Somebody joined; the joiner's own copy also carries the session as it is.
    `session.annotations` has the newest notes that fit into half a megabyte. Where
    `session.annotationsComplete` is false, send `session.annotationsRest`: all notes come, page
    by page.
    """

    TYPE: ClassVar[str] = "SESSION_JOINED"
    payload: SessionJoined


class SessionLeftMessage(Frame, tag_field="type", tag="SESSION_LEFT"):
    """Somebody left; `reason` is there if their lost connection did not come back in time."""

    TYPE: ClassVar[str] = "SESSION_LEFT"
    payload: SessionLeft


class SubscribedMessage(Frame, tag_field="type", tag="SUBSCRIBED"):
    """These channels are followed: events after `sequence` come live."""

    TYPE: ClassVar[str] = "SUBSCRIBED"
    payload: Subscribed


class SyncCompleteMessage(Frame, tag_field="type", tag="SYNC_COMPLETE"):
    """The sync is complete; either cursor resumes exactly after it."""

    TYPE: ClassVar[str] = "SYNC_COMPLETE"
    payload: SyncComplete


class SyncDeleteMessage(Frame, tag_field="type", tag="SYNC_DELETE"):
    """An entity is gone, or no longer concerns the channels that are followed."""

    TYPE: ClassVar[str] = "SYNC_DELETE"
    payload: SyncDelete


class SyncErrorMessage(Frame, tag_field="type", tag="SYNC_ERROR"):
    """The sync cannot be served, not even in part."""

    TYPE: ClassVar[str] = "SYNC_ERROR"
    payload: SyncError


class SyncStartMessage(Frame, tag_field="type", tag="SYNC_START"):
    """`updateCount` messages follow, then SYNC_COMPLETE; live events wait until then."""

    TYPE: ClassVar[str] = "SYNC_START"
    payload: SyncStart


class SyncUpdateMessage(Frame, tag_field="type", tag="SYNC_UPDATE"):
    """An entity was created or updated, or is shown by a snapshot."""

    TYPE: ClassVar[str] = "SYNC_UPDATE"
    payload: SyncUpdate


class TimelineMessage(Frame, tag_field="type", tag="TIMELINE"):
    """The answer: all that has happened to a thing, the newest first. complete: nothing older is in
    the time that was asked for. cursor: where it is not complete.
    """

    TYPE: ClassVar[str] = "TIMELINE"
    payload: Timeline


class TokenExpiredNoticeMessage(Frame, tag_field="type", tag="TOKEN_EXPIRED"):
    """The token has expired: events wait until a new AUTH, for a while."""

    TYPE: ClassVar[str] = "TOKEN_EXPIRED"
    payload: TokenExpiredNotice


class UnsubscribedMessage(Frame, tag_field="type", tag="UNSUBSCRIBED"):
    """These channels are followed no longer; `reason` where the server ended it."""

    TYPE: ClassVar[str] = "UNSUBSCRIBED"
    payload: Unsubscribed


ErrorCode = str
"""Every `code` of an ERROR."""


SyncErrorCode = str
"""Every `code` of a SYNC_ERROR."""


SyncUpdate = (
    OrganizationSyncUpdate
    | DepartmentSyncUpdate
    | EmployeeSyncUpdate
    | NotificationSyncUpdate
    | KpiSyncUpdate
    | AlertSyncUpdate
    | InsightSyncUpdate
    | ReportSyncUpdate
    | SessionSyncUpdate
    | InvitationSyncUpdate
    | ParticipantSyncUpdate
    | AnnotationSyncUpdate
)
"""An entity was created or updated, or is shown by a snapshot."""


ServerMessage = (
    AlertMessage
    | AnnotationCreatedMessage
    | AnnotationDeletedMessage
    | AnnotationUpdatedMessage
    | AnomalyDetectedMessage
    | AuthFailedMessage
    | AuthSuccessMessage
    | AwayMessage
    | CursorMovedMessage
    | DepartmentUpdatedMessage
    | EmployeeUpdatedMessage
    | ErrorMessage
    | KpiUpdatedMessage
    | LookedMessage
    | NotificationMessage
    | NotificationReadConfirmedMessage
    | ParticipantUpdateMessage
    | ServerPingMessage
    | ServerPongMessage
    | PredictionReadyMessage
    | PresenceMessage
    | RateLimitMessage
    | RecommendationMessage
    | ReplayMessage
    | ReportGeneratedMessage
    | SeenConfirmedMessage
    | SessionCreatedMessage
    | SessionEndedMessage
    | SessionHandedOverMessage
    | SessionInvitedMessage
    | SessionJoinedMessage
    | SessionLeftMessage
    | SubscribedMessage
    | SyncCompleteMessage
    | SyncDeleteMessage
    | SyncErrorMessage
    | SyncStartMessage
    | SyncUpdateMessage
    | TimelineMessage
    | TokenExpiredNoticeMessage
    | UnsubscribedMessage
)
"""A message of the server, told by its `type`."""


Entity = (
    OrganizationData
    | DepartmentData
    | EmployeeData
    | NotificationData
    | KpiData
    | AlertData
    | AnomalyData
    | PredictionData
    | RecommendationData
    | ReportData
    | SessionData
    | InvitationData
    | ParticipantData
    | AnnotationData
)
"""An entity as a client keeps it."""


SHAPES: dict[tuple[str, str], type[Entity]] = {
    ("organization", ""): OrganizationData,
    ("department", ""): DepartmentData,
    ("employee", ""): EmployeeData,
    ("notification", ""): NotificationData,
    ("kpi", ""): KpiData,
    ("alert", ""): AlertData,
    ("insight", "anomaly"): AnomalyData,
    ("insight", "prediction"): PredictionData,
    ("insight", "recommendation"): RecommendationData,
    ("report", ""): ReportData,
    ("session", ""): SessionData,
    ("invitation", ""): InvitationData,
    ("participant", ""): ParticipantData,
    ("annotation", ""): AnnotationData,
}


FRAMES: dict[str, type[ServerMessage]] = {
    "ALERT": AlertMessage,
    "ANNOTATION_CREATED": AnnotationCreatedMessage,
    "ANNOTATION_DELETED": AnnotationDeletedMessage,
    "ANNOTATION_UPDATED": AnnotationUpdatedMessage,
    "ANOMALY_DETECTED": AnomalyDetectedMessage,
    "AUTH_FAILED": AuthFailedMessage,
    "AUTH_SUCCESS": AuthSuccessMessage,
    "AWAY": AwayMessage,
    "CURSOR_MOVE": CursorMovedMessage,
    "DEPARTMENT_UPDATED": DepartmentUpdatedMessage,
    "EMPLOYEE_UPDATED": EmployeeUpdatedMessage,
    "ERROR": ErrorMessage,
    "KPI_UPDATED": KpiUpdatedMessage,
    "LOOKING": LookedMessage,
    "NOTIFICATION": NotificationMessage,
    "NOTIFICATION_READ": NotificationReadConfirmedMessage,
    "PARTICIPANT_UPDATE": ParticipantUpdateMessage,
    "PING": ServerPingMessage,
    "PONG": ServerPongMessage,
    "PREDICTION_READY": PredictionReadyMessage,
    "PRESENCE": PresenceMessage,
    "RATE_LIMIT": RateLimitMessage,
    "RECOMMENDATION": RecommendationMessage,
    "REPLAY": ReplayMessage,
    "REPORT_GENERATED": ReportGeneratedMessage,
    "SEEN": SeenConfirmedMessage,
    "SESSION_CREATED": SessionCreatedMessage,
    "SESSION_ENDED": SessionEndedMessage,
    "SESSION_HANDED_OVER": SessionHandedOverMessage,
    "SESSION_INVITED": SessionInvitedMessage,
    "SESSION_JOINED": SessionJoinedMessage,
    "SESSION_LEFT": SessionLeftMessage,
    "SUBSCRIBED": SubscribedMessage,
    "SYNC_COMPLETE": SyncCompleteMessage,
    "SYNC_DELETE": SyncDeleteMessage,
    "SYNC_ERROR": SyncErrorMessage,
    "SYNC_START": SyncStartMessage,
    "SYNC_UPDATE": SyncUpdateMessage,
    "TIMELINE": TimelineMessage,
    "TOKEN_EXPIRED": TokenExpiredNoticeMessage,
    "UNSUBSCRIBED": UnsubscribedMessage,
}


CLOSE_REASONS: dict[int, str] = {
    1002: "The WebSocket protocol was violated.",
    1007: "A text message is not UTF-8.",
    1009: "A message is too big.",
    1011: "The server failed.",
    1012: "The server restarts.",
    4400: "Ten malformed messages in a row.",
    4401: "Not authenticated in time, or three failed attempts.",
    4403: "Access was withdrawn.",
    4408: "No sign of life. Reconnect and sync.",
    4429: "Too many connections, messages, bytes or frames.",
    4508: "Messages are read too slowly. Reconnect and sync: nothing is lost.",
}


FINAL_CLOSES = frozenset({1002, 1007, 4400, 4403})


CLIENT_MESSAGES: dict[str, type[Request[Any]] | type[Signal]] = {
    "ALERT_ACKNOWLEDGE": AlertAcknowledge,
    "ALERT_SNOOZE": AlertSnooze,
    "ANNOTATION_CREATE": AnnotationCreate,
    "ANNOTATION_DELETE": AnnotationDelete,
    "ANNOTATION_RESOLVE": AnnotationResolve,
    "ANNOTATION_UPDATE": AnnotationUpdate,
    "AUTH": Auth,
    "AWAY_REQUEST": AwayRequest,
    "CURSOR_MOVE": CursorMove,
    "KPI_UPDATE": KpiUpdate,
    "LOOKING": Looking,
    "NOTIFICATION_READ": NotificationRead,
    "PING": Ping,
    "PONG": Pong,
    "PREDICTION_REQUEST": PredictionRequest,
    "PRESENCE_REQUEST": PresenceRequest,
    "REPLAY_REQUEST": ReplayRequest,
    "REPORT_REQUEST": ReportRequest,
    "SEEN": Seen,
    "SESSION_CREATE": SessionCreate,
    "SESSION_END": SessionEnd,
    "SESSION_HAND_OVER": SessionHandOver,
    "SESSION_INVITE": SessionInvite,
    "SESSION_JOIN": SessionJoin,
    "SESSION_LEAVE": SessionLeave,
    "SUBSCRIBE": Subscribe,
    "SYNC_REQUEST": SyncRequest,
    "TIMELINE_REQUEST": TimelineRequest,
    "UNSUBSCRIBE": Unsubscribe,
}
