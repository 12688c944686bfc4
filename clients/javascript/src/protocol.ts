// Written by `make docs` from the message structs; docs/messages.md says what they mean.
// `type` says which message of the server it is; `payload.entityType`, which SYNC_UPDATE.

/**
 * An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged` once
 * somebody has seen it, and `resolved` once the KPI is back: then it is gone. Sent at each change
 * of it. snoozedUntil: until then nobody is notified of it.
 */
export interface Alert {
  alertId: string;
  kpiId: string;
  ruleId: string | null;
  severity: "critical" | "info" | "warning";
  message: string;
  value: number | null;
  threshold: number | null;
  raisedAt: string;
  state: "acknowledged" | "open" | "resolved";
  snoozedUntil: string | null;
  acknowledgedAt?: string;
  acknowledgedBy?: string | null;
  resolvedAt?: string;
  entityType: "alert";
  entityId: string;
  changeType: "created" | "deleted" | "updated";
  sequence: number;
}

/** Mark an alert as seen. By its KPI's owner, those who are notified, managers and admins. */
export interface AlertAcknowledge {
  /** An opaque id. */
  alertId: string;
}

/**
 * An alert whose KPI is not back yet, `open` or `acknowledged`. Shown where its KPI is.
 * snoozedUntil: until then nobody is notified of it. resolvedAt: of one that was read by REST, as
 * those that are over are.
 */
export interface AlertData {
  id: string;
  kpiId: string;
  ruleId: string | null;
  severity: "critical" | "info" | "warning";
  message: string;
  value: number | null;
  threshold: number | null;
  raisedAt: string;
  state: "acknowledged" | "open" | "resolved";
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  snoozedUntil: string | null;
  resolvedAt: string | null;
}

/**
 * Have nobody notified of an alert, and of the next ones of its rule, until a time at most 30 days
 * from now. By those who may acknowledge it. If it is unresolved then, `ALERT` comes again, and
 * those whom its rule notifies are notified.
 */
export interface AlertSnooze {
  /** An opaque id. */
  alertId: string;
  until: string;
}

/** SYNC_UPDATE of the entity type `alert`. */
export interface AlertSyncUpdate {
  entityType: "alert";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: AlertData;
  updatedBy: string;
  sequence: number;
}

/**
 * Pin a note to a point of the shared space: in a session, or on a thing. In a session with
 * `sessionId`, which may have ended for a reply. Without it, on `entity` itself, a KPI (`kpi`) or a
 * department (`department`): users who may follow that see the note. A reply is where its parent
 * is. mentions: users who may see it; each of them gets a NOTIFICATION.
 */
export interface AnnotationCreate {
  sessionId?: string | null;
  position: Position;
  content: string;
  contentType: "audio" | "drawing" | "image" | "link" | "markdown" | "text";
  entity?: EntityRef | null;
  parentId?: string | null;
  mentions?: Array<string>;
}

/** A note was pinned to a point of the shared space, or to a thing. */
export interface AnnotationCreated {
  annotationId: string;
  sessionId: string | null;
  authorId: string;
  /** `System` without an author. */
  authorName: string;
  position: Position;
  content: string;
  contentType: "audio" | "drawing" | "image" | "link" | "markdown" | "text";
  entity: EntityRef | null;
  parentId: string | null;
  revision: number;
  createdAt: string;
  updatedAt: string;
  /** Users whom the note mentions. */
  mentions: Array<string>;
  resolvedAt: string | null;
  resolvedBy: string | null;
  entityArchived: boolean;
  entityType: "annotation";
  entityId: string;
  changeType: "created";
  sequence: number;
}

/**
 * A note at a point of the shared space. One of a session is shown by `session:`; one on a KPI by
 * what shows the KPI, and where that is archived still by `organization:` or `department:`; one on
 * a department by `department:`. sessionId: null for one on a thing, which is its `entity` then.
 * entityArchived: the thing that it is on is archived.
 */
export interface AnnotationData {
  id: string;
  sessionId: string | null;
  authorId: string;
  /** `System` without an author. */
  authorName: string;
  position: Position;
  content: string;
  contentType: "audio" | "drawing" | "image" | "link" | "markdown" | "text";
  entity: EntityRef | null;
  parentId: string | null;
  revision: number;
  createdAt: string;
  updatedAt: string;
  /** Users whom the note mentions. */
  mentions: Array<string>;
  resolvedAt: string | null;
  resolvedBy: string | null;
  entityArchived: boolean;
}

/**
 * Remove a note and its replies. By its author or the session's host, and by admins where it is on
 * a thing or of a session that has ended. More than a hundred replies are removed about a hundred
 * at a time, with others' changes in between. If the connection is lost meanwhile, send it again to
 * remove the rest.
 */
export interface AnnotationDelete {
  /** An opaque id. */
  annotationId: string;
  sessionId?: string | null;
}

/** A note is gone. */
export interface AnnotationDeleted {
  annotationId: string;
  sessionId: string | null;
  deletedBy: string;
  deletedAt: string;
  entityType: "annotation";
  entityId: string;
  changeType: "deleted";
  sequence: number;
}

/** Mark a note as resolved, or as open again. By its author, the session's host, managers. */
export interface AnnotationResolve {
  /** An opaque id. */
  annotationId: string;
  resolved: boolean;
  sessionId?: string | null;
}

/** SYNC_UPDATE of the entity type `annotation`. */
export interface AnnotationSyncUpdate {
  entityType: "annotation";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: AnnotationData;
  updatedBy: string;
  sequence: number;
}

/**
 * Change any of a note's fields. By its author or the session's host. unpin: from then on it is
 * pinned to no entity; a note on a thing stays there. mentions: instead of those there were; users
 * who are mentioned anew get a NOTIFICATION.
 */
export interface AnnotationUpdate {
  /** An opaque id. */
  annotationId: string;
  sessionId?: string | null;
  position?: Position;
  content?: string;
  contentType?: "audio" | "drawing" | "image" | "link" | "markdown" | "text";
  entity?: EntityRef;
  unpin?: boolean;
  mentions?: Array<string>;
}

/**
 * A note was changed or resolved; `revision` counts that. Or the thing that it is on is seen by
 * others now, is archived or restored: `revision` is as it was.
 */
export interface AnnotationUpdated {
  annotationId: string;
  sessionId: string | null;
  authorId: string;
  /** `System` without an author. */
  authorName: string;
  position: Position;
  content: string;
  contentType: "audio" | "drawing" | "image" | "link" | "markdown" | "text";
  entity: EntityRef | null;
  parentId: string | null;
  revision: number;
  createdAt: string;
  updatedAt: string;
  /** Users whom the note mentions. */
  mentions: Array<string>;
  resolvedAt: string | null;
  resolvedBy: string | null;
  entityArchived: boolean;
  updatedBy: string;
  entityType: "annotation";
  entityId: string;
  changeType: "updated";
  sequence: number;
}

/** A value that is unusual by its KPI's own history. Shown where its KPI is. */
export interface AnomalyData {
  kind: "anomaly";
  id: string;
  kpiId: string;
  day: string;
  value: number;
  expected: number;
  lower: number;
  upper: number;
  score: number;
  severity: "high" | "low" | "medium";
  method: string;
  detectedAt: string;
}

/**
 * A value that is unusual by its KPI's own history. score: how many standard deviations it is off,
 * with its sign; 99 at most.
 */
export interface AnomalyDetected {
  insightId: string;
  kpiId: string;
  day: string;
  value: number;
  expected: number;
  lower: number;
  upper: number;
  score: number;
  severity: "high" | "low" | "medium";
  method: string;
  detectedAt: string;
  kind?: "anomaly";
  entityType: "insight";
  entityId: string;
  changeType: "created" | "updated";
  sequence: number;
}

/** Sign in on this connection, or renew the token that is about to expire. */
export interface Auth {
  token: string;
}

/** Not signed in; the third failure closes the connection with 4401. */
export interface AuthFailed {
  error: "INVALID_TOKEN" | "RATE_LIMIT_EXCEEDED" | "TOKEN_EXPIRED";
  message: string;
  details?: ErrorDetails;
}

/**
 * Signed in. `sessionId` names this connection, not a collaboration session. role: what the user
 * may do in the organization; when it changes, the connection is closed.
 */
export interface AuthSuccess {
  userId: string;
  organizationId: string;
  sessionId: string;
  expiresAt: string;
  role: string;
  userName: string;
}

/**
 * Others' changes since the user saw the log last, as far as the user may see them. since, sinceAt:
 * the event that was seen last, and when; null where none was. sequence: the last event that is
 * told of. complete: false where not all since then is told of, but only what came after the event
 * `from`, of `fromAt` (null where it is not kept): what was before is no longer kept, or too much.
 * Of each kind `count` says how many there are, and `lines` has the newest 100; a kind of which
 * nothing happened is not there.
 */
export interface Away {
  since: number | null;
  sinceAt: string | null;
  sequence: number;
  complete: boolean;
  from: number | null;
  fromAt: string | null;
  kpis?: AwayKpis;
  alerts?: AwayAlerts;
  notes?: AwayNotes;
  reports?: AwayReports;
  sessions?: AwaySessions;
}

/** An alert that was raised, or resolved, and what has become of it. */
export interface AwayAlert {
  alertId: string;
  kpiId: string;
  severity: string;
  message: string;
  state: string;
  raisedAt: string;
  resolvedAt: string | null;
}

/** The alerts that were raised or resolved. resolved: how many of them are by now. */
export interface AwayAlerts {
  count: number;
  resolved: number;
  lines: Array<AwayAlert>;
}

/**
 * A KPI whose value was set, once: what it was before and what it is now. from: null where it had
 * no value, or none is kept. changes: how often it was set.
 */
export interface AwayKpi {
  kpiId: string;
  name: string;
  unit: string;
  from: number | null;
  to: number | null;
  changes: number;
  at: string;
}

/** The KPIs whose values were set; `lines` has those set last. */
export interface AwayKpis {
  count: number;
  lines: Array<AwayKpi>;
}

/**
 * A note that somebody else wrote. content: its beginning. entityType, entityId: what it is on, or
 * points at. mentionsMe: whether it mentions the user.
 */
export interface AwayNote {
  annotationId: string;
  sessionId: string | null;
  parentId: string | null;
  authorId: string;
  authorName: string;
  content: string;
  contentType: string;
  entityType: string | null;
  entityId: string | null;
  mentionsMe: boolean;
  createdAt: string;
}

/** The notes that others wrote, and that are still there. */
export interface AwayNotes {
  count: number;
  lines: Array<AwayNote>;
}

/** A report that was made. departmentId: null for one of the whole organization. */
export interface AwayReport {
  reportId: string;
  departmentId: string | null;
  from: string;
  to: string;
  format: string;
  url: string;
  createdAt: string;
  expiresAt: string;
}

/** The reports that were made. */
export interface AwayReports {
  count: number;
  lines: Array<AwayReport>;
}

/** A session that others opened or ended. endedAt: null while it runs. */
export interface AwaySession {
  sessionId: string;
  title: string;
  hostId: string;
  createdAt: string;
  endedAt: string | null;
}

/** The sessions that others opened or ended. */
export interface AwaySessions {
  count: number;
  lines: Array<AwaySession>;
}

/** A field that was changed, in words. before, after: null where it is empty, or not told. */
export interface ChangedField {
  name: string;
  before: string | null;
  after: string | null;
}

/** Why the server closes a connection, and whether the client comes back. */
export type CloseCode =
  | 1002
  | 1007
  | 1009
  | 1011
  | 1012
  | 4400
  | 4401
  | 4403
  | 4408
  | 4429
  | 4508;

/** Where a participant points, and what they look at. */
export interface Cursor {
  position: Position;
  focusedEntity?: EntityRef | null;
}

/** Show where you point and what you look at; at most ten times a second. */
export interface CursorMove {
  /** An opaque id. */
  sessionId: string;
  position: Position;
  focusedEntity?: EntityRef | null;
}

/** Where another participant points; never one's own, and not kept. */
export interface CursorMoved {
  userId: string;
  position: Position;
  sessionId: string;
  focusedEntity?: EntityRef | null;
}

/** A department. Shown by `organization:` and `department:`. */
export interface DepartmentData {
  id: string;
  name: string;
  parentId: string | null;
  updatedAt: string;
}

/** SYNC_UPDATE of the entity type `department`. */
export interface DepartmentSyncUpdate {
  entityType: "department";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: DepartmentData;
  updatedBy: string;
  sequence: number;
}

/** A department was changed. A SYNC_UPDATE with the same `sequence` follows. */
export interface DepartmentUpdated {
  departmentId: string;
  name: string;
  parentId: string | null;
  updatedBy: string;
  updatedAt: string;
  entityType: "department";
  entityId: string;
  changeType: "updated";
  sequence: number;
}

/** An employee, who may be a user. Shown by `organization:` and `department:`. */
export interface EmployeeData {
  id: string;
  name: string;
  title: string;
  email: string;
  departmentId: string | null;
  userId: string | null;
  updatedAt: string;
}

/** SYNC_UPDATE of the entity type `employee`. */
export interface EmployeeSyncUpdate {
  entityType: "employee";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: EmployeeData;
  updatedBy: string;
  sequence: number;
}

/** An employee was changed. A SYNC_UPDATE with the same `sequence` follows. */
export interface EmployeeUpdated {
  employeeId: string;
  name: string;
  title: string;
  email: string;
  departmentId: string | null;
  userId: string | null;
  updatedBy: string;
  updatedAt: string;
  entityType: "employee";
  entityId: string;
  changeType: "updated";
  sequence: number;
}

/** The entity that a note is pinned to or a user looks at: {"type": "kpi", "id": "kpi-123"}. */
export interface EntityRef {
  type: string;
  /** An opaque id. */
  id: string;
}

/** A request was refused; nothing was changed. */
export interface Error {
  code: ErrorCode;
  message: string;
  details?: ErrorDetails;
}

/** Every `code` of an ERROR. */
export type ErrorCode =
  | "AUTHENTICATION_REQUIRED"
  | "INTERNAL_SERVER_ERROR"
  | "INVALID_CHANNEL"
  | "INVALID_MESSAGE_FORMAT"
  | "INVALID_TOKEN"
  | "NOT_FOUND"
  | "RATE_LIMIT_EXCEEDED"
  | "SESSION_FULL"
  | "SESSION_NOT_FOUND"
  | "SUBSCRIPTION_FAILED"
  | "TOKEN_EXPIRED"
  | "UNAUTHORIZED";

/**
 * Details of an error besides its code, by the names on the wire; each has what fits it. field:
 * which field is wrong, and reason: why. hint: what to do instead. type: of the request. channel,
 * requestId, and ids that features declare: which one is meant. limit, window, retryAfter (whole
 * seconds), scope: how much there may be, in which time, when there is room again, and whose limit
 * it is. outcome: `unknown` where it may have been done. closeCode: the connection is closed with
 * this code.
 */
export interface ErrorDetails {
  channel?: string;
  closeCode?: number;
  field?: string;
  hint?: string;
  limit?: number;
  outcome?: "unknown";
  reason?: string;
  requestId?: string;
  retryAfter?: number;
  scope?: string;
  type?: string;
  window?: string;
  /** An opaque id. */
  alertId?: string;
  /** An opaque id. */
  annotationId?: string;
  /** An opaque id. */
  kpiId?: string;
  /** An opaque id. */
  notificationId?: string;
  /** An opaque id. */
  sessionId?: string;
}

/**
 * The figures that a recommendation rests on: of the day it speaks of, and of the horizon. certain:
 * whether even the better bound misses the target. horizon: how many days are forecast.
 */
export interface Evidence {
  date: string;
  expected: number;
  lower: number;
  upper: number;
  target: number;
  direction: "higher" | "lower";
  certain: boolean;
  daysMissed: number;
  horizon: number;
}

/** SYNC_UPDATE of the entity type `insight`. */
export interface InsightSyncUpdate {
  entityType: "insight";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: AnomalyData | PredictionData | RecommendationData;
  updatedBy: string;
  sequence: number;
}

/** One point of a forecast. */
export interface Interval {
  date: string;
  expected: number;
  lower: number;
  upper: number;
}

/** An invitation to a session that runs. Shown by `user:`. */
export interface InvitationData {
  id: string;
  sessionId: string;
  title: string;
}

/** SYNC_UPDATE of the entity type `invitation`. */
export interface InvitationSyncUpdate {
  entityType: "invitation";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: InvitationData;
  updatedBy: string;
  sequence: number;
}

/**
 * A session as the user sees it who joins. annotations: the newest that fit into the message,
 * oldest first; annotationCount: how many there are.
 */
export interface JoinedSession {
  sessionId: string;
  title: string;
  hostId: string;
  activeSpace: string;
  maxParticipants: number;
  createdAt: string;
  participants: Array<PresentParticipant>;
  annotations: Array<AnnotationData>;
  annotationCount: number;
  annotationsComplete: boolean;
  annotationsRest?: NotesRequest;
}

/**
 * A KPI. Shown by `organization:` (unless it is restricted to its department), `department:` and
 * `kpi:`.
 */
export interface KpiData {
  id: string;
  name: string;
  key: string;
  unit: string;
  value: number | null;
  target: number | null;
  direction: "higher" | "lower";
  departmentId: string | null;
  ownerId: string | null;
  visibility: "department" | "organization";
  updatedAt: string;
}

/** SYNC_UPDATE of the entity type `kpi`. */
export interface KpiSyncUpdate {
  entityType: "kpi";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: KpiData;
  updatedBy: string;
  sequence: number;
}

/** Set a KPI's value. By its owner, a manager or an admin. */
export interface KpiUpdate {
  /** An opaque id. */
  kpiId: string;
  /** Below 10^15 in size, at most 15 significant digits, 4 of them decimals. */
  value: number;
}

/**
 * A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI. measuredAt:
 * the time of the value, if it was reported later (by an import).
 */
export interface KpiUpdated {
  kpiId: string;
  value: number;
  updatedBy: string;
  updatedAt: string;
  measuredAt?: string;
  entityType: "kpi";
  entityId: string;
  changeType: "updated";
  sequence: number;
}

/**
 * Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The answer
 * to a request repeats it. looking: false where that user looks at it on no device any more. An end
 * that is lost with a killed server is not told: see PRESENCE.
 */
export interface Looked {
  userId: string;
  userName: string;
  entity: EntityRef | null;
  looking: boolean;
}

/**
 * Say what you look at now: a KPI (`kpi`) or a department (`department`) that you may see; null: at
 * none any more. It holds until the next one, or the end of the connection.
 */
export interface Looking {
  entity?: EntityRef | null;
}

/** A user, and what they look at. */
export interface LookingAt {
  userId: string;
  userName: string;
  entity: EntityRef;
}

/** The request by which all notes of a session come; send it as it is, with a requestId. */
export interface NotesRequest {
  type: "SYNC_REQUEST";
  payload: NotesRequestPayload;
}

/** The session's channel, without a cursor: all that it shows. */
export interface NotesRequestPayload {
  channels: Array<string>;
}

/** A notice to one user, kept until it is read. */
export interface Notification {
  notificationId: string;
  category: string;
  title: string;
  message: string;
  data: NotificationSubject;
  createdAt: string;
  readAt: string | null;
  entityType: "notification";
  entityId: string;
  changeType: "created" | "updated";
  sequence: number;
}

/** Something that one user should know. Shown by `user:` until it is read. */
export interface NotificationData {
  id: string;
  category: string;
  title: string;
  message: string;
  data: NotificationSubject;
  createdAt: string;
  readAt: string | null;
}

/** These notifications have been read. */
export interface NotificationRead {
  notificationIds: Array<string>;
}

/** These notifications are marked as read: remove all of them from a map of unread ones. */
export interface NotificationReadConfirmed {
  notificationIds: Array<string>;
  entityType?: "notification";
  entityId?: string;
  changeType?: "deleted";
  sequence?: number;
}

/**
 * The subject of a notification: its category says which of these there are. alert: alertId, kpiId,
 * severity. session_invitation: sessionId, hostId. mention: annotationId, mentionedBy, the note's
 * sessionId, entityType and entityId. prediction_failed: kpiId, requestId. report_failed: reportId,
 * requestId. import_failed: importId. connector_failed: connectorId. delivery_failed: none.
 * webhook_failed: webhookId. requestId: of the request that has failed; empty where none was sent
 * with one.
 */
export interface NotificationSubject {
  alertId?: string;
  kpiId?: string;
  severity?: string;
  sessionId?: string;
  hostId?: string;
  reportId?: string;
  webhookId?: string;
  importId?: string;
  connectorId?: string;
  annotationId?: string;
  mentionedBy?: string;
  entityType?: string;
  entityId?: string;
  requestId?: string;
}

/** SYNC_UPDATE of the entity type `notification`. */
export interface NotificationSyncUpdate {
  entityType: "notification";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: NotificationData;
  updatedBy: string;
  sequence: number;
}

/** An organization. Shown by `organization:`. */
export interface OrganizationData {
  id: string;
  name: string;
  updatedAt: string;
}

/** SYNC_UPDATE of the entity type `organization`. */
export interface OrganizationSyncUpdate {
  entityType: "organization";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: OrganizationData;
  updatedBy: string;
  sequence: number;
}

/** A user who takes part in a session. Shown by `session:`. */
export interface ParticipantData {
  id: string;
  sessionId: string;
  userId: string;
  userName: string;
  state: "active" | "disconnected" | "idle";
  role: "host" | "participant";
  joinedAt: string;
}

/** SYNC_UPDATE of the entity type `participant`. */
export interface ParticipantSyncUpdate {
  entityType: "participant";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: ParticipantData;
  updatedBy: string;
  sequence: number;
}

/** A participant's state or role has changed. */
export interface ParticipantUpdate {
  sessionId: string;
  userId: string;
  state: "active" | "disconnected" | "idle";
  role: "host" | "participant";
  entityType: "participant";
  entityId: string;
  changeType: "updated";
  sequence: number;
}

/** A point in the shared space: {"x": 1.5, "y": 0.8, "z": -2.0}, metres. */
export interface Position {
  x: number;
  y: number;
  z: number;
}

/** A KPI's newest forecast. Shown where its KPI is. */
export interface PredictionData {
  kind: "prediction";
  id: string;
  kpiId: string;
  horizon: number;
  points: Array<Interval>;
  method: string;
  createdAt: string;
}

/**
 * A forecast: the expected value and its bounds, for each day on which a value is due. horizon: how
 * many days it looks ahead from today. points: fewer than these if the KPI has values on working
 * days, weekly or monthly only. insightId: missing in the answer to a PREDICTION_REQUEST, which is
 * the requester's own and replaces nothing that others see.
 */
export interface PredictionReady {
  kpiId: string;
  horizon: number;
  points: Array<Interval>;
  method: string;
  createdAt: string;
  insightId?: string;
  kind?: "prediction";
  entityType?: "insight";
  entityId?: string;
  changeType?: "created" | "updated";
  sequence?: number;
}

/** Forecast a KPI for the next `horizon` days. By anybody who may see it. */
export interface PredictionRequest {
  /** An opaque id. */
  kpiId: string;
  horizon: number;
}

/**
 * Which users are online, a thousand at a time, in the order of their ids. In the first answer also
 * what they look at, of what one may see, and the sessions that run and one may know of: the first
 * thousand, and the newest hundred. No event tells of a change: ask again, some times a minute. Who
 * came or went a moment ago may be missing or there; who was connected to a killed server is there
 * for up to 45 s. complete: false where the server knows only of its own connections now.
 */
export interface Presence {
  online: Array<Someone>;
  next: string | null;
  complete: boolean;
  looking: Array<LookingAt>;
  sessions: Array<SessionPresence>;
}

/** Ask who is online. after: `next` of the answer before, where that had one. */
export interface PresenceRequest {
  after?: string | null;
}

/** Somebody who takes part in the session that is joined; `cursor` where it was seen last. */
export interface PresentParticipant {
  userId: string;
  userName: string;
  state: "active" | "disconnected" | "idle";
  role: "host" | "participant";
  joinedAt: string;
  cursor: Cursor | null;
}

/**
 * The first refusal by a limit in this window; each refusal also gets an ERROR. scope: whose limit
 * it is; `bytes` of the connection's messages of 1 kB and more.
 */
export interface RateLimit {
  limit: number;
  window: string;
  retryAfter: number;
  message: string;
  scope?: "bytes" | "connection" | "organization" | "user";
}

/**
 * A suggestion, with the figures it rests on. insightId: missing in the answer to a
 * PREDICTION_REQUEST; it has the requestId then.
 */
export interface Recommendation {
  kpiId: string;
  message: string;
  evidence: Evidence;
  method: string;
  createdAt: string;
  insightId?: string;
  kind?: "recommendation";
  entityType?: "insight";
  entityId?: string;
  changeType?: "created" | "updated";
  sequence?: number;
}

/** A KPI's newest recommendation. Shown where its KPI is. */
export interface RecommendationData {
  kind: "recommendation";
  id: string;
  kpiId: string;
  message: string;
  evidence: Evidence;
  method: string;
  createdAt: string;
}

/**
 * A page of what happened in a session between `from` and `to`, its end or now. Each list goes on
 * in the next page, in its order; together they are the whole. kpis, changes: of the KPIs that the
 * requester may see now, as people saw them then: a value that was measured earlier counts from
 * when it came. complete: false where the first events of the session are not kept; they are since
 * `keptFrom`, null where none is. next: send it as `after`; null in the last page.
 */
export interface Replay {
  session: ReplayedSession;
  from: string;
  to: string;
  complete: boolean;
  keptFrom: string | null;
  events: Array<ReplayedEvent>;
  kpis: Array<ReplayedKpi>;
  changes: Array<ReplayedValue>;
  next: string | null;
}

/**
 * Ask for what happened in a session, page by page: to play it back. Also of one that runs. By its
 * host, participants and the invited. after: `next` of the page before; limit: the most of each
 * kind in a page.
 */
export interface ReplayRequest {
  /** An opaque id. */
  sessionId: string;
  after?: string | null;
  limit?: number;
}

/**
 * Something that happened in the session. `started` and `host`: `userId` is the host from then on.
 * `joined`, `left` and `state`: of a participant; `reason` where the connection was lost. `note`: a
 * note was created, changed or resolved, and is `note` from then on, with its content of then.
 * `noteDeleted`: it is `annotationId`, by `userId`. `ended`: by `userId`.
 */
export interface ReplayedEvent {
  kind: "ended" | "host" | "joined" | "left" | "note" | "noteDeleted" | "started" | "state";
  at: string;
  /** Milliseconds since `from`: order and pace. */
  offset: number;
  sequence: number;
  userId?: string;
  userName?: string;
  state?: "active" | "disconnected" | "idle";
  role?: "host" | "participant";
  reason?: "admin" | "empty" | "host_ended" | "host_left" | "timeout";
  note?: AnnotationData;
  annotationId?: string;
}

/** The value that a KPI showed when the session began. */
export interface ReplayedKpi {
  kpiId: string;
  value: number | null;
}

/** Somebody who has taken part, under the name that they have now. */
export interface ReplayedPerson {
  userId: string;
  userName: string;
}

/**
 * The session that is played back, as it is now. people: its host, and the first 200 others who
 * have taken part.
 */
export interface ReplayedSession {
  sessionId: string;
  title: string;
  hostId: string;
  activeSpace: string;
  createdAt: string;
  endedAt: string | null;
  people: Array<ReplayedPerson>;
}

/** A value that a KPI showed from then on. */
export interface ReplayedValue {
  kpiId: string;
  value: number;
  at: string;
  /** Milliseconds since `from`: order and pace. */
  offset: number;
}

/** A report that is ready. Shown by `organization:` or `department:`, whichever it is of. */
export interface ReportData {
  id: string;
  scope: ReportOf;
  from: string;
  to: string;
  format: "pdf" | "xlsx";
  url: string;
  createdAt: string;
  expiresAt: string;
}

/** A report is ready at `url`, a path of this server, for those permitted and for a while. */
export interface ReportGenerated {
  reportId: string;
  scope: ReportOf;
  from: string;
  to: string;
  format: "pdf" | "xlsx";
  url: string;
  createdAt: string;
  expiresAt: string;
  entityType?: "report";
  entityId?: string;
  changeType?: "created";
  sequence?: number;
}

/** The subject of a report: the whole organization, or a department and those below it. */
export interface ReportOf {
  type: "department" | "organization";
  id: string;
}

/**
 * Make a report of an organization's or a department's KPIs. By a manager. from, to: days as YYYY-
 * MM-DD, both included.
 */
export interface ReportRequest {
  scope: ReportScope;
  from: string;
  to: string;
  format?: "pdf" | "xlsx";
}

/** The subject of a report: an organization or a department. */
export interface ReportScope {
  type: "department" | "organization";
  /** An opaque id. */
  id: string;
}

/** SYNC_UPDATE of the entity type `report`. */
export interface ReportSyncUpdate {
  entityType: "report";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: ReportData;
  updatedBy: string;
  sequence: number;
}

/** The user has seen what is up to this event of the organization's log. */
export interface Seen {
  sequence: number;
}

/**
 * Up to this event the user has seen what there is, on whichever device. It never goes back, nor
 * beyond the last event.
 */
export interface SeenConfirmed {
  sequence: number;
}

/** Start a session and be its host. */
export interface SessionCreate {
  title: string;
  activeSpace: string;
  inviteUserIds?: Array<string>;
  maxParticipants?: number;
}

/**
 * A session was started. To its host, the invited, or the organization if it is open. An invited
 * user's copy shows their invitation, everybody else's the session.
 */
export interface SessionCreated {
  sessionId: string;
  hostId: string;
  title: string;
  activeSpace: string;
  /** Users. */
  participants: Array<string>;
  createdAt: string;
  maxParticipants: number;
  invitationOnly: boolean;
  entityType: "invitation" | "session";
  entityId: string;
  changeType: "created";
  sequence: number;
}

/** A session. Shown by `session:`, and by `organization:` while it runs and is open to all. */
export interface SessionData {
  id: string;
  title: string;
  hostId: string;
  activeSpace: string;
  maxParticipants: number;
  invitationOnly: boolean;
  createdAt: string;
  endedAt: string | null;
}

/** End a session for everybody. By its host, and by admins. */
export interface SessionEnd {
  /** An opaque id. */
  sessionId: string;
}

/**
 * The session is over; its annotations stay. It is gone for those who follow the organization, and
 * so is the invitation for invited users, who get this message on `user:`.
 */
export interface SessionEnded {
  sessionId: string;
  endedBy: string;
  endedAt: string;
  reason: "admin" | "empty" | "host_ended" | "host_left";
  entityType: "invitation" | "session";
  entityId: string;
  changeType: "deleted";
  sequence: number;
}

/** Make a participant the host instead of oneself, and stay. By the host. */
export interface SessionHandOver {
  /** An opaque id. */
  sessionId: string;
  /** An opaque id. */
  newHostId: string;
}

/** The session has another host; PARTICIPANT_UPDATE of both, and SYNC_UPDATE, tell everybody. */
export interface SessionHandedOver {
  sessionId: string;
  hostId: string;
}

/**
 * Invite further users. By the host, and by managers and admins who take part. Who has been invited
 * before, or takes part, is told nothing again.
 */
export interface SessionInvite {
  /** An opaque id. */
  sessionId: string;
  userIds: Array<string>;
}

/** These users were invited: those that had not been before, and do not take part. */
export interface SessionInvited {
  sessionId: string;
  userIds: Array<string>;
}

/** Take part in a session, come back to it, or join with another device. */
export interface SessionJoin {
  /** An opaque id. */
  sessionId: string;
}

/**
 * Somebody joined; the joiner's own copy also carries the session as it is. `session.annotations`
 * has the newest notes that fit into half a megabyte. Where `session.annotationsComplete` is false,
 * send `session.annotationsRest`: all notes come, page by page.
 */
export interface SessionJoined {
  sessionId: string;
  userId: string;
  userName: string;
  state: "active" | "disconnected" | "idle";
  role: "host" | "participant";
  joinedAt: string;
  session?: JoinedSession;
  entityType?: "participant";
  entityId?: string;
  changeType?: "created";
  sequence?: number;
}

/** Leave; a host names who takes over, or ends the session by leaving. */
export interface SessionLeave {
  /** An opaque id. */
  sessionId: string;
  newHostId?: string | null;
}

/** Somebody left; `reason` is there if their lost connection did not come back in time. */
export interface SessionLeft {
  sessionId: string;
  userId: string;
  userName: string;
  role: "host" | "participant";
  leftAt: string;
  reason?: "timeout";
  entityType: "participant";
  entityId: string;
  changeType: "deleted";
  sequence: number;
}

/** A running session, and how many take part; which users, where one may join or follow it. */
export interface SessionPresence {
  session: SessionData;
  count: number;
  participants: Array<Someone>;
}

/** SYNC_UPDATE of the entity type `session`. */
export interface SessionSyncUpdate {
  entityType: "session";
  entityId: string;
  changeType: "created" | "snapshot" | "updated";
  data: SessionData;
  updatedBy: string;
  sequence: number;
}

/** A user, by name. */
export interface Someone {
  userId: string;
  userName: string;
}

/** Follow these channels from now on. */
export interface Subscribe {
  /** The first 100 of them are served. */
  channels: Array<string>;
}

/** These channels are followed: events after `sequence` come live. */
export interface Subscribed {
  channels: Array<string>;
  sequence: number;
}

/** The sync is complete; either cursor resumes exactly after it. */
export interface SyncComplete {
  updatesSent: number;
  /** Hand it back as it is. */
  lastSyncTimestamp: string;
  lastSequence: number;
}

/** An entity is gone, or no longer concerns the channels that are followed. */
export interface SyncDelete {
  entityType: "alert" | "annotation" | "department" | "employee" | "insight" | "invitation" | "kpi" | "notification" | "organization" | "participant" | "report" | "session";
  entityId: string;
  deletedBy: string;
  deletedAt: string;
  sequence: number;
}

/** The sync cannot be served, not even in part. */
export interface SyncError {
  code: SyncErrorCode;
  message: string;
  details?: ErrorDetails;
}

/** Every `code` of a SYNC_ERROR. */
export type SyncErrorCode =
  | "INVALID_CHANNEL"
  | "SYNC_HISTORY_EXPIRED"
  | "SYNC_TIMESTAMP_IN_FUTURE"
  | "UNAUTHORIZED";

/** Send what changed in these channels after a cursor; without one, all that they show. */
export interface SyncRequest {
  channels: Array<string>;
  lastSyncTimestamp?: string | null;
  lastSequence?: number | null;
}

/** `updateCount` messages follow, then SYNC_COMPLETE; live events wait until then. */
export interface SyncStart {
  updateCount: number;
  fromTimestamp: string;
}

/** An entity was created or updated, or is shown by a snapshot. */
export type SyncUpdate =
  | OrganizationSyncUpdate
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
  | AnnotationSyncUpdate;

/**
 * The answer: all that has happened to a thing, the newest first. complete: nothing older is in the
 * time that was asked for. cursor: where it is not complete.
 */
export interface Timeline {
  entity: TimelineOf;
  items: Array<TimelineValue | TimelineTarget | TimelineChange | TimelineImport | TimelineAlert | TimelineAnomaly | TimelineForecast | TimelineAdvice | TimelineNote>;
  complete: boolean;
  /** Hand it back as it is. */
  cursor?: string;
}

/** The KPI's newest recommendation was made. */
export interface TimelineAdvice {
  kind: "advice";
  at: string;
  insightId: string;
  kpiId: string;
  message: string;
}

/** An alert was raised, acknowledged or resolved. actorId: whoever has acknowledged it. */
export interface TimelineAlert {
  kind: "alert";
  at: string;
  change: "acknowledged" | "raised" | "resolved";
  alertId: string;
  kpiId: string;
  severity: string;
  message: string;
  value: number | null;
  threshold: number | null;
  actorId: string | null;
  actorName: string | null;
}

/** A day's value was found to be unusual by the KPI's own history. */
export interface TimelineAnomaly {
  kind: "anomaly";
  at: string;
  insightId: string;
  kpiId: string;
  day: string;
  value: number;
  expected: number;
  lower: number;
  upper: number;
  severity: string;
}

/** The thing itself was added or changed, archived or restored. */
export interface TimelineChange {
  kind: "change";
  at: string;
  change: "archived" | "created" | "restored" | "updated";
  fields: Array<ChangedField>;
  /** Id of the user or service account; `system` for the system. */
  actorId: string;
  actorName: string;
  /**
   * By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that
   * is not known.
   */
  source: string;
}

/** The KPI's newest forecast was made. day: the last one that it speaks of. */
export interface TimelineForecast {
  kind: "forecast";
  at: string;
  insightId: string;
  kpiId: string;
  horizon: number;
  day: string;
  expected: number;
  lower: number;
  upper: number;
}

/** An import has brought values of the KPI: so many, measured from one time to the other. */
export interface TimelineImport {
  kind: "imported";
  at: string;
  importId: string;
  values: number;
  from: string;
  to: string;
  /** Id of the user or service account; `system` for the system. */
  actorId: string;
  actorName: string;
}

/**
 * A note that points at the thing was made or resolved. sessionId: null for one on the thing
 * itself.
 */
export interface TimelineNote {
  kind: "note";
  at: string;
  change: "created" | "resolved";
  annotationId: string;
  sessionId: string | null;
  parentId: string | null;
  contentType: string;
  /** The beginning, 200 characters at most. */
  text: string;
  /** Id of the user or service account; `system` for the system. */
  actorId: string;
  actorName: string;
}

/** The thing that a line of time is of: {"type": "kpi", "id": "kpi-123"}. */
export interface TimelineOf {
  type: string;
  /** An opaque id. */
  id: string;
}

/**
 * Tell what has happened to a KPI (`kpi`) or a department (`department`), the newest first. By
 * anybody who may see it. from, to: of this time; from is in it, to is not. Without them, of all
 * time. limit: at most so many items. about: only of these: `values`, `changes`, `imports`,
 * `alerts`, `insights`, `notes`. cursor: of an answer, for those that come after it; with the same
 * from, to and about.
 */
export interface TimelineRequest {
  entity: TimelineOf;
  from?: string | null;
  to?: string | null;
  limit?: number;
  about?: Array<string> | null;
  cursor?: string | null;
}

/** The KPI has this target from then on, or none. */
export interface TimelineTarget {
  kind: "target";
  at: string;
  target: number | null;
  before: number | null;
  /** Id of the user or service account; `system` for the system. */
  actorId: string;
  actorName: string;
  /**
   * By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that
   * is not known.
   */
  source: string;
}

/** The KPI had this value from then on. before: the one until then, if there was one. */
export interface TimelineValue {
  kind: "value";
  at: string;
  value: number;
  before: number | null;
  /** Id of the user or service account; `system` for the system. */
  actorId: string;
  actorName: string;
  /**
   * By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where that
   * is not known.
   */
  source: string;
}

/** The token has expired: events wait until a new AUTH, for a while. */
export interface TokenExpiredNotice {
  message: string;
}

/** Follow these channels no longer. */
export interface Unsubscribe {
  /** The first 100 of them are served. */
  channels: Array<string>;
}

/** These channels are followed no longer; `reason` where the server ended it. */
export interface Unsubscribed {
  channels: Array<string>;
  reason?: "access_revoked";
}

export interface AlertAcknowledgeMessage {
  type: "ALERT_ACKNOWLEDGE";
  payload: AlertAcknowledge;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AlertSnoozeMessage {
  type: "ALERT_SNOOZE";
  payload: AlertSnooze;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AnnotationCreateMessage {
  type: "ANNOTATION_CREATE";
  payload: AnnotationCreate;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AnnotationDeleteMessage {
  type: "ANNOTATION_DELETE";
  payload: AnnotationDelete;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AnnotationResolveMessage {
  type: "ANNOTATION_RESOLVE";
  payload: AnnotationResolve;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AnnotationUpdateMessage {
  type: "ANNOTATION_UPDATE";
  payload: AnnotationUpdate;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AuthMessage {
  type: "AUTH";
  payload: Auth;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AwayRequestMessage {
  type: "AWAY_REQUEST";
  payload?: undefined;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface CursorMoveMessage {
  type: "CURSOR_MOVE";
  payload: CursorMove;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface KpiUpdateMessage {
  type: "KPI_UPDATE";
  payload: KpiUpdate;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface LookingMessage {
  type: "LOOKING";
  payload: Looking;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface NotificationReadMessage {
  type: "NOTIFICATION_READ";
  payload: NotificationRead;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface PingMessage {
  type: "PING";
  payload?: undefined;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface PongMessage {
  type: "PONG";
  payload?: undefined;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface PredictionRequestMessage {
  type: "PREDICTION_REQUEST";
  payload: PredictionRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface PresenceRequestMessage {
  type: "PRESENCE_REQUEST";
  payload: PresenceRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface ReplayRequestMessage {
  type: "REPLAY_REQUEST";
  payload: ReplayRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface ReportRequestMessage {
  type: "REPORT_REQUEST";
  payload: ReportRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SeenMessage {
  type: "SEEN";
  payload: Seen;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionCreateMessage {
  type: "SESSION_CREATE";
  payload: SessionCreate;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionEndMessage {
  type: "SESSION_END";
  payload: SessionEnd;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionHandOverMessage {
  type: "SESSION_HAND_OVER";
  payload: SessionHandOver;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionInviteMessage {
  type: "SESSION_INVITE";
  payload: SessionInvite;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionJoinMessage {
  type: "SESSION_JOIN";
  payload: SessionJoin;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SessionLeaveMessage {
  type: "SESSION_LEAVE";
  payload: SessionLeave;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SubscribeMessage {
  type: "SUBSCRIBE";
  payload: Subscribe;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface SyncRequestMessage {
  type: "SYNC_REQUEST";
  payload: SyncRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface TimelineRequestMessage {
  type: "TIMELINE_REQUEST";
  payload: TimelineRequest;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface UnsubscribeMessage {
  type: "UNSUBSCRIBE";
  payload: Unsubscribe;
  requestId?: string;
  timestamp?: string;
  version?: string;
}

export interface AlertMessage {
  type: "ALERT";
  payload: Alert;
  requestId?: string;
  timestamp: string;
}

export interface AnnotationCreatedMessage {
  type: "ANNOTATION_CREATED";
  payload: AnnotationCreated;
  requestId?: string;
  timestamp: string;
}

export interface AnnotationDeletedMessage {
  type: "ANNOTATION_DELETED";
  payload: AnnotationDeleted;
  requestId?: string;
  timestamp: string;
}

export interface AnnotationUpdatedMessage {
  type: "ANNOTATION_UPDATED";
  payload: AnnotationUpdated;
  requestId?: string;
  timestamp: string;
}

export interface AnomalyDetectedMessage {
  type: "ANOMALY_DETECTED";
  payload: AnomalyDetected;
  requestId?: string;
  timestamp: string;
}

export interface AuthFailedMessage {
  type: "AUTH_FAILED";
  payload: AuthFailed;
  requestId?: string;
  timestamp: string;
}

export interface AuthSuccessMessage {
  type: "AUTH_SUCCESS";
  payload: AuthSuccess;
  requestId?: string;
  timestamp: string;
}

export interface AwayMessage {
  type: "AWAY";
  payload: Away;
  requestId?: string;
  timestamp: string;
}

export interface CursorMovedMessage {
  type: "CURSOR_MOVE";
  payload: CursorMoved;
  requestId?: string;
  timestamp: string;
}

export interface DepartmentUpdatedMessage {
  type: "DEPARTMENT_UPDATED";
  payload: DepartmentUpdated;
  requestId?: string;
  timestamp: string;
}

export interface EmployeeUpdatedMessage {
  type: "EMPLOYEE_UPDATED";
  payload: EmployeeUpdated;
  requestId?: string;
  timestamp: string;
}

export interface ErrorMessage {
  type: "ERROR";
  payload: Error;
  requestId?: string;
  timestamp: string;
}

export interface KpiUpdatedMessage {
  type: "KPI_UPDATED";
  payload: KpiUpdated;
  requestId?: string;
  timestamp: string;
}

export interface LookedMessage {
  type: "LOOKING";
  payload: Looked;
  requestId?: string;
  timestamp: string;
}

export interface NotificationMessage {
  type: "NOTIFICATION";
  payload: Notification;
  requestId?: string;
  timestamp: string;
}

export interface NotificationReadConfirmedMessage {
  type: "NOTIFICATION_READ";
  payload: NotificationReadConfirmed;
  requestId?: string;
  timestamp: string;
}

export interface ParticipantUpdateMessage {
  type: "PARTICIPANT_UPDATE";
  payload: ParticipantUpdate;
  requestId?: string;
  timestamp: string;
}

export interface ServerPingMessage {
  type: "PING";
  payload?: undefined;
  requestId?: string;
  timestamp: string;
}

export interface ServerPongMessage {
  type: "PONG";
  payload?: undefined;
  requestId?: string;
  timestamp: string;
}

export interface PredictionReadyMessage {
  type: "PREDICTION_READY";
  payload: PredictionReady;
  requestId?: string;
  timestamp: string;
}

export interface PresenceMessage {
  type: "PRESENCE";
  payload: Presence;
  requestId?: string;
  timestamp: string;
}

export interface RateLimitMessage {
  type: "RATE_LIMIT";
  payload: RateLimit;
  requestId?: string;
  timestamp: string;
}

export interface RecommendationMessage {
  type: "RECOMMENDATION";
  payload: Recommendation;
  requestId?: string;
  timestamp: string;
}

export interface ReplayMessage {
  type: "REPLAY";
  payload: Replay;
  requestId?: string;
  timestamp: string;
}

export interface ReportGeneratedMessage {
  type: "REPORT_GENERATED";
  payload: ReportGenerated;
  requestId?: string;
  timestamp: string;
}

export interface SeenConfirmedMessage {
  type: "SEEN";
  payload: SeenConfirmed;
  requestId?: string;
  timestamp: string;
}

export interface SessionCreatedMessage {
  type: "SESSION_CREATED";
  payload: SessionCreated;
  requestId?: string;
  timestamp: string;
}

export interface SessionEndedMessage {
  type: "SESSION_ENDED";
  payload: SessionEnded;
  requestId?: string;
  timestamp: string;
}

export interface SessionHandedOverMessage {
  type: "SESSION_HANDED_OVER";
  payload: SessionHandedOver;
  requestId?: string;
  timestamp: string;
}

export interface SessionInvitedMessage {
  type: "SESSION_INVITED";
  payload: SessionInvited;
  requestId?: string;
  timestamp: string;
}

export interface SessionJoinedMessage {
  type: "SESSION_JOINED";
  payload: SessionJoined;
  requestId?: string;
  timestamp: string;
}

export interface SessionLeftMessage {
  type: "SESSION_LEFT";
  payload: SessionLeft;
  requestId?: string;
  timestamp: string;
}

export interface SubscribedMessage {
  type: "SUBSCRIBED";
  payload: Subscribed;
  requestId?: string;
  timestamp: string;
}

export interface SyncCompleteMessage {
  type: "SYNC_COMPLETE";
  payload: SyncComplete;
  requestId?: string;
  timestamp: string;
}

export interface SyncDeleteMessage {
  type: "SYNC_DELETE";
  payload: SyncDelete;
  requestId?: string;
  timestamp: string;
}

export interface SyncErrorMessage {
  type: "SYNC_ERROR";
  payload: SyncError;
  requestId?: string;
  timestamp: string;
}

export interface SyncStartMessage {
  type: "SYNC_START";
  payload: SyncStart;
  requestId?: string;
  timestamp: string;
}

export interface SyncUpdateMessage {
  type: "SYNC_UPDATE";
  payload: SyncUpdate;
  requestId?: string;
  timestamp: string;
}

export interface TimelineMessage {
  type: "TIMELINE";
  payload: Timeline;
  requestId?: string;
  timestamp: string;
}

export interface TokenExpiredNoticeMessage {
  type: "TOKEN_EXPIRED";
  payload: TokenExpiredNotice;
  requestId?: string;
  timestamp: string;
}

export interface UnsubscribedMessage {
  type: "UNSUBSCRIBED";
  payload: Unsubscribed;
  requestId?: string;
  timestamp: string;
}

/** What clients send. */
export type ClientMessage =
  | AlertAcknowledgeMessage
  | AlertSnoozeMessage
  | AnnotationCreateMessage
  | AnnotationDeleteMessage
  | AnnotationResolveMessage
  | AnnotationUpdateMessage
  | AuthMessage
  | AwayRequestMessage
  | CursorMoveMessage
  | KpiUpdateMessage
  | LookingMessage
  | NotificationReadMessage
  | PingMessage
  | PongMessage
  | PredictionRequestMessage
  | PresenceRequestMessage
  | ReplayRequestMessage
  | ReportRequestMessage
  | SeenMessage
  | SessionCreateMessage
  | SessionEndMessage
  | SessionHandOverMessage
  | SessionInviteMessage
  | SessionJoinMessage
  | SessionLeaveMessage
  | SubscribeMessage
  | SyncRequestMessage
  | TimelineRequestMessage
  | UnsubscribeMessage;

/** What servers send. */
export type ServerMessage =
  | AlertMessage
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
  | UnsubscribedMessage;

/** The payload of each request. */
export interface Requests {
  ALERT_ACKNOWLEDGE: AlertAcknowledge;
  ALERT_SNOOZE: AlertSnooze;
  ANNOTATION_CREATE: AnnotationCreate;
  ANNOTATION_DELETE: AnnotationDelete;
  ANNOTATION_RESOLVE: AnnotationResolve;
  ANNOTATION_UPDATE: AnnotationUpdate;
  AUTH: Auth;
  AWAY_REQUEST: undefined;
  CURSOR_MOVE: CursorMove;
  KPI_UPDATE: KpiUpdate;
  LOOKING: Looking;
  NOTIFICATION_READ: NotificationRead;
  PING: undefined;
  PONG: undefined;
  PREDICTION_REQUEST: PredictionRequest;
  PRESENCE_REQUEST: PresenceRequest;
  REPLAY_REQUEST: ReplayRequest;
  REPORT_REQUEST: ReportRequest;
  SEEN: Seen;
  SESSION_CREATE: SessionCreate;
  SESSION_END: SessionEnd;
  SESSION_HAND_OVER: SessionHandOver;
  SESSION_INVITE: SessionInvite;
  SESSION_JOIN: SessionJoin;
  SESSION_LEAVE: SessionLeave;
  SUBSCRIBE: Subscribe;
  SYNC_REQUEST: SyncRequest;
  TIMELINE_REQUEST: TimelineRequest;
  UNSUBSCRIBE: Unsubscribe;
}

/**
 * The payload of what answers a request that is served: the last message that is sure to come. A
 * request that is not here gets no answer.
 */
export interface Replies {
  ALERT_ACKNOWLEDGE: Alert;
  ALERT_SNOOZE: Alert;
  ANNOTATION_CREATE: AnnotationCreated;
  ANNOTATION_DELETE: AnnotationDeleted;
  ANNOTATION_RESOLVE: AnnotationUpdated;
  ANNOTATION_UPDATE: AnnotationUpdated;
  AUTH: AuthSuccess;
  AWAY_REQUEST: Away;
  KPI_UPDATE: KpiUpdated;
  LOOKING: Looked;
  NOTIFICATION_READ: NotificationReadConfirmed;
  PING: undefined;
  PREDICTION_REQUEST: PredictionReady;
  PRESENCE_REQUEST: Presence;
  REPLAY_REQUEST: Replay;
  REPORT_REQUEST: ReportGenerated;
  SEEN: SeenConfirmed;
  SESSION_CREATE: SessionCreated;
  SESSION_END: SessionEnded;
  SESSION_HAND_OVER: SessionHandedOver;
  SESSION_INVITE: SessionInvited;
  SESSION_JOIN: SessionJoined;
  SESSION_LEAVE: SessionLeft;
  SUBSCRIBE: Subscribed;
  SYNC_REQUEST: SyncComplete;
  TIMELINE_REQUEST: Timeline;
  UNSUBSCRIBE: Unsubscribed;
}

/** What a client keeps of each entity type. */
export interface Entities {
  organization: OrganizationData;
  department: DepartmentData;
  employee: EmployeeData;
  notification: NotificationData;
  kpi: KpiData;
  alert: AlertData;
  insight: AnomalyData | PredictionData | RecommendationData;
  report: ReportData;
  session: SessionData;
  invitation: InvitationData;
  participant: ParticipantData;
  annotation: AnnotationData;
}

/** The messages with its requestId that say that a request was served. */
export const ANSWERS: { [name: string]: Array<string> | undefined } = {
  "ALERT_ACKNOWLEDGE": ["ALERT"],
  "ALERT_SNOOZE": ["ALERT"],
  "ANNOTATION_CREATE": ["ANNOTATION_CREATED"],
  "ANNOTATION_DELETE": ["ANNOTATION_DELETED"],
  "ANNOTATION_RESOLVE": ["ANNOTATION_UPDATED"],
  "ANNOTATION_UPDATE": ["ANNOTATION_UPDATED"],
  "AUTH": ["AUTH_SUCCESS"],
  "AWAY_REQUEST": ["AWAY"],
  "CURSOR_MOVE": [],
  "KPI_UPDATE": ["KPI_UPDATED"],
  "LOOKING": ["LOOKING"],
  "NOTIFICATION_READ": ["NOTIFICATION_READ"],
  "PING": ["PONG"],
  "PONG": [],
  "PREDICTION_REQUEST": ["PREDICTION_READY"],
  "PRESENCE_REQUEST": ["PRESENCE"],
  "REPLAY_REQUEST": ["REPLAY"],
  "REPORT_REQUEST": ["REPORT_GENERATED"],
  "SEEN": ["SEEN"],
  "SESSION_CREATE": ["SESSION_CREATED"],
  "SESSION_END": ["SESSION_ENDED"],
  "SESSION_HAND_OVER": ["SESSION_HANDED_OVER"],
  "SESSION_INVITE": ["SESSION_INVITED"],
  "SESSION_JOIN": ["SESSION_JOINED"],
  "SESSION_LEAVE": ["SESSION_LEFT"],
  "SUBSCRIBE": ["SUBSCRIBED"],
  "SYNC_REQUEST": ["SYNC_COMPLETE"],
  "TIMELINE_REQUEST": ["TIMELINE"],
  "UNSUBSCRIBE": ["UNSUBSCRIBED"],
};

/** Requests that a worker answers: what has failed is told by another message. */
export const ANSWERED_LATER: Array<string> = ["PREDICTION_REQUEST", "REPORT_REQUEST"];

/** The fields that the payload of each message of a server has, whatever it tells. */
export const REQUIRED: { [name: string]: Array<string> | undefined } = {
  "ALERT": ["alertId", "kpiId", "ruleId", "severity", "message", "value", "threshold", "raisedAt", "state", "snoozedUntil", "entityType", "entityId", "changeType", "sequence"],
  "ANNOTATION_CREATED": ["annotationId", "sessionId", "authorId", "authorName", "position", "content", "contentType", "entity", "parentId", "revision", "createdAt", "updatedAt", "mentions", "resolvedAt", "resolvedBy", "entityArchived", "entityType", "entityId", "changeType", "sequence"],
  "ANNOTATION_DELETED": ["annotationId", "sessionId", "deletedBy", "deletedAt", "entityType", "entityId", "changeType", "sequence"],
  "ANNOTATION_UPDATED": ["annotationId", "sessionId", "authorId", "authorName", "position", "content", "contentType", "entity", "parentId", "revision", "createdAt", "updatedAt", "mentions", "resolvedAt", "resolvedBy", "entityArchived", "updatedBy", "entityType", "entityId", "changeType", "sequence"],
  "ANOMALY_DETECTED": ["insightId", "kpiId", "day", "value", "expected", "lower", "upper", "score", "severity", "method", "detectedAt", "entityType", "entityId", "changeType", "sequence"],
  "AUTH_FAILED": ["error", "message"],
  "AUTH_SUCCESS": ["userId", "organizationId", "sessionId", "expiresAt", "role", "userName"],
  "AWAY": ["since", "sinceAt", "sequence", "complete", "from", "fromAt"],
  "CURSOR_MOVE": ["userId", "position", "sessionId"],
  "DEPARTMENT_UPDATED": ["departmentId", "name", "parentId", "updatedBy", "updatedAt", "entityType", "entityId", "changeType", "sequence"],
  "EMPLOYEE_UPDATED": ["employeeId", "name", "title", "email", "departmentId", "userId", "updatedBy", "updatedAt", "entityType", "entityId", "changeType", "sequence"],
  "ERROR": ["code", "message"],
  "KPI_UPDATED": ["kpiId", "value", "updatedBy", "updatedAt", "entityType", "entityId", "changeType", "sequence"],
  "LOOKING": ["userId", "userName", "entity", "looking"],
  "NOTIFICATION": ["notificationId", "category", "title", "message", "data", "createdAt", "readAt", "entityType", "entityId", "changeType", "sequence"],
  "NOTIFICATION_READ": ["notificationIds"],
  "PARTICIPANT_UPDATE": ["sessionId", "userId", "state", "role", "entityType", "entityId", "changeType", "sequence"],
  "PING": [],
  "PONG": [],
  "PREDICTION_READY": ["kpiId", "horizon", "points", "method", "createdAt"],
  "PRESENCE": ["online", "next", "complete", "looking", "sessions"],
  "RATE_LIMIT": ["limit", "window", "retryAfter", "message"],
  "RECOMMENDATION": ["kpiId", "message", "evidence", "method", "createdAt"],
  "REPLAY": ["session", "from", "to", "complete", "keptFrom", "events", "kpis", "changes", "next"],
  "REPORT_GENERATED": ["reportId", "scope", "from", "to", "format", "url", "createdAt", "expiresAt"],
  "SEEN": ["sequence"],
  "SESSION_CREATED": ["sessionId", "hostId", "title", "activeSpace", "participants", "createdAt", "maxParticipants", "invitationOnly", "entityType", "entityId", "changeType", "sequence"],
  "SESSION_ENDED": ["sessionId", "endedBy", "endedAt", "reason", "entityType", "entityId", "changeType", "sequence"],
  "SESSION_HANDED_OVER": ["sessionId", "hostId"],
  "SESSION_INVITED": ["sessionId", "userIds"],
  "SESSION_JOINED": ["sessionId", "userId", "userName", "state", "role", "joinedAt"],
  "SESSION_LEFT": ["sessionId", "userId", "userName", "role", "leftAt", "entityType", "entityId", "changeType", "sequence"],
  "SUBSCRIBED": ["channels", "sequence"],
  "SYNC_COMPLETE": ["updatesSent", "lastSyncTimestamp", "lastSequence"],
  "SYNC_DELETE": ["entityType", "entityId", "deletedBy", "deletedAt", "sequence"],
  "SYNC_ERROR": ["code", "message"],
  "SYNC_START": ["updateCount", "fromTimestamp"],
  "SYNC_UPDATE": ["entityType", "entityId", "changeType", "data", "updatedBy", "sequence"],
  "TIMELINE": ["entity", "items", "complete"],
  "TOKEN_EXPIRED": ["message"],
  "UNSUBSCRIBED": ["channels"],
};

/** The fields of each entity type, `type:kind` where it has kinds: all are there. */
export const FIELDS: { [name: string]: Array<string> | undefined } = {
  "organization": ["id", "name", "updatedAt"],
  "department": ["id", "name", "parentId", "updatedAt"],
  "employee": ["id", "name", "title", "email", "departmentId", "userId", "updatedAt"],
  "notification": ["id", "category", "title", "message", "data", "createdAt", "readAt"],
  "kpi": ["id", "name", "key", "unit", "value", "target", "direction", "departmentId", "ownerId", "visibility", "updatedAt"],
  "alert": ["id", "kpiId", "ruleId", "severity", "message", "value", "threshold", "raisedAt", "state", "acknowledgedAt", "acknowledgedBy", "snoozedUntil", "resolvedAt"],
  "insight:anomaly": ["kind", "id", "kpiId", "day", "value", "expected", "lower", "upper", "score", "severity", "method", "detectedAt"],
  "insight:prediction": ["kind", "id", "kpiId", "horizon", "points", "method", "createdAt"],
  "insight:recommendation": ["kind", "id", "kpiId", "message", "evidence", "method", "createdAt"],
  "report": ["id", "scope", "from", "to", "format", "url", "createdAt", "expiresAt"],
  "session": ["id", "title", "hostId", "activeSpace", "maxParticipants", "invitationOnly", "createdAt", "endedAt"],
  "invitation": ["id", "sessionId", "title"],
  "participant": ["id", "sessionId", "userId", "userName", "state", "role", "joinedAt"],
  "annotation": ["id", "sessionId", "authorId", "authorName", "position", "content", "contentType", "entity", "parentId", "revision", "createdAt", "updatedAt", "mentions", "resolvedAt", "resolvedBy", "entityArchived"],
};
