// Written by `make clients` of clients/javascript/src: change it there.
// Written by `make docs` from the message structs; docs/messages.md says what they mean.
// `type` says which message of the server it is; `payload.entityType`, which SYNC_UPDATE.
/**
 * An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged` once
 * somebody has seen it, and `resolved` once the KPI is back: then it is gone. Sent at each change
 * of it. snoozedUntil: until then nobody is notified of it.
 */
/** The messages with its requestId that say that a request was served. */ export const ANSWERS = {
  "ALERT_ACKNOWLEDGE": [
    "ALERT"
  ],
  "ALERT_SNOOZE": [
    "ALERT"
  ],
  "ANNOTATION_CREATE": [
    "ANNOTATION_CREATED"
  ],
  "ANNOTATION_DELETE": [
    "ANNOTATION_DELETED"
  ],
  "ANNOTATION_RESOLVE": [
    "ANNOTATION_UPDATED"
  ],
  "ANNOTATION_UPDATE": [
    "ANNOTATION_UPDATED"
  ],
  "AUTH": [
    "AUTH_SUCCESS"
  ],
  "AWAY_REQUEST": [
    "AWAY"
  ],
  "CURSOR_MOVE": [],
  "KPI_UPDATE": [
    "KPI_UPDATED"
  ],
  "LOOKING": [
    "LOOKING"
  ],
  "NOTIFICATION_READ": [
    "NOTIFICATION_READ"
  ],
  "PING": [
    "PONG"
  ],
  "PONG": [],
  "PREDICTION_REQUEST": [
    "PREDICTION_READY"
  ],
  "PRESENCE_REQUEST": [
    "PRESENCE"
  ],
  "REPLAY_REQUEST": [
    "REPLAY"
  ],
  "REPORT_REQUEST": [
    "REPORT_GENERATED"
  ],
  "SEEN": [
    "SEEN"
  ],
  "SESSION_CREATE": [
    "SESSION_CREATED"
  ],
  "SESSION_END": [
    "SESSION_ENDED"
  ],
  "SESSION_HAND_OVER": [
    "SESSION_HANDED_OVER"
  ],
  "SESSION_INVITE": [
    "SESSION_INVITED"
  ],
  "SESSION_JOIN": [
    "SESSION_JOINED"
  ],
  "SESSION_LEAVE": [
    "SESSION_LEFT"
  ],
  "SUBSCRIBE": [
    "SUBSCRIBED"
  ],
  "SYNC_REQUEST": [
    "SYNC_COMPLETE"
  ],
  "TIMELINE_REQUEST": [
    "TIMELINE"
  ],
  "UNSUBSCRIBE": [
    "UNSUBSCRIBED"
  ]
};
/** Requests that a worker answers: what has failed is told by another message. */ export const ANSWERED_LATER = [
  "PREDICTION_REQUEST",
  "REPORT_REQUEST"
];
/** The fields that the payload of each message of a server has, whatever it tells. */ export const REQUIRED = {
  "ALERT": [
    "alertId",
    "kpiId",
    "ruleId",
    "severity",
    "message",
    "value",
    "threshold",
    "raisedAt",
    "state",
    "snoozedUntil",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "ANNOTATION_CREATED": [
    "annotationId",
    "sessionId",
    "authorId",
    "authorName",
    "position",
    "content",
    "contentType",
    "entity",
    "parentId",
    "revision",
    "createdAt",
    "updatedAt",
    "mentions",
    "resolvedAt",
    "resolvedBy",
    "entityArchived",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "ANNOTATION_DELETED": [
    "annotationId",
    "sessionId",
    "deletedBy",
    "deletedAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "ANNOTATION_UPDATED": [
    "annotationId",
    "sessionId",
    "authorId",
    "authorName",
    "position",
    "content",
    "contentType",
    "entity",
    "parentId",
    "revision",
    "createdAt",
    "updatedAt",
    "mentions",
    "resolvedAt",
    "resolvedBy",
    "entityArchived",
    "updatedBy",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "ANOMALY_DETECTED": [
    "insightId",
    "kpiId",
    "day",
    "value",
    "expected",
    "lower",
    "upper",
    "score",
    "severity",
    "method",
    "detectedAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "AUTH_FAILED": [
    "error",
    "message"
  ],
  "AUTH_SUCCESS": [
    "userId",
    "organizationId",
    "sessionId",
    "expiresAt",
    "role",
    "userName"
  ],
  "AWAY": [
    "since",
    "sinceAt",
    "sequence",
    "complete",
    "from",
    "fromAt"
  ],
  "CURSOR_MOVE": [
    "userId",
    "position",
    "sessionId"
  ],
  "DEPARTMENT_UPDATED": [
    "departmentId",
    "name",
    "parentId",
    "updatedBy",
    "updatedAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "EMPLOYEE_UPDATED": [
    "employeeId",
    "name",
    "title",
    "email",
    "departmentId",
    "userId",
    "updatedBy",
    "updatedAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "ERROR": [
    "code",
    "message"
  ],
  "KPI_UPDATED": [
    "kpiId",
    "value",
    "updatedBy",
    "updatedAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "LOOKING": [
    "userId",
    "userName",
    "entity",
    "looking"
  ],
  "NOTIFICATION": [
    "notificationId",
    "category",
    "title",
    "message",
    "data",
    "createdAt",
    "readAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "NOTIFICATION_READ": [
    "notificationIds"
  ],
  "PARTICIPANT_UPDATE": [
    "sessionId",
    "userId",
    "state",
    "role",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "PING": [],
  "PONG": [],
  "PREDICTION_READY": [
    "kpiId",
    "horizon",
    "points",
    "method",
    "createdAt"
  ],
  "PRESENCE": [
    "online",
    "next",
    "complete",
    "looking",
    "sessions"
  ],
  "RATE_LIMIT": [
    "limit",
    "window",
    "retryAfter",
    "message"
  ],
  "RECOMMENDATION": [
    "kpiId",
    "message",
    "evidence",
    "method",
    "createdAt"
  ],
  "REPLAY": [
    "session",
    "from",
    "to",
    "complete",
    "keptFrom",
    "events",
    "kpis",
    "changes",
    "next"
  ],
  "REPORT_GENERATED": [
    "reportId",
    "scope",
    "from",
    "to",
    "format",
    "url",
    "createdAt",
    "expiresAt"
  ],
  "SEEN": [
    "sequence"
  ],
  "SESSION_CREATED": [
    "sessionId",
    "hostId",
    "title",
    "activeSpace",
    "participants",
    "createdAt",
    "maxParticipants",
    "invitationOnly",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "SESSION_ENDED": [
    "sessionId",
    "endedBy",
    "endedAt",
    "reason",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "SESSION_HANDED_OVER": [
    "sessionId",
    "hostId"
  ],
  "SESSION_INVITED": [
    "sessionId",
    "userIds"
  ],
  "SESSION_JOINED": [
    "sessionId",
    "userId",
    "userName",
    "state",
    "role",
    "joinedAt"
  ],
  "SESSION_LEFT": [
    "sessionId",
    "userId",
    "userName",
    "role",
    "leftAt",
    "entityType",
    "entityId",
    "changeType",
    "sequence"
  ],
  "SUBSCRIBED": [
    "channels",
    "sequence"
  ],
  "SYNC_COMPLETE": [
    "updatesSent",
    "lastSyncTimestamp",
    "lastSequence"
  ],
  "SYNC_DELETE": [
    "entityType",
    "entityId",
    "deletedBy",
    "deletedAt",
    "sequence"
  ],
  "SYNC_ERROR": [
    "code",
    "message"
  ],
  "SYNC_START": [
    "updateCount",
    "fromTimestamp"
  ],
  "SYNC_UPDATE": [
    "entityType",
    "entityId",
    "changeType",
    "data",
    "updatedBy",
    "sequence"
  ],
  "TIMELINE": [
    "entity",
    "items",
    "complete"
  ],
  "TOKEN_EXPIRED": [
    "message"
  ],
  "UNSUBSCRIBED": [
    "channels"
  ]
};
/** The fields of each entity type, `type:kind` where it has kinds: all are there. */ export const FIELDS = {
  "organization": [
    "id",
    "name",
    "updatedAt"
  ],
  "department": [
    "id",
    "name",
    "parentId",
    "updatedAt"
  ],
  "employee": [
    "id",
    "name",
    "title",
    "email",
    "departmentId",
    "userId",
    "updatedAt"
  ],
  "notification": [
    "id",
    "category",
    "title",
    "message",
    "data",
    "createdAt",
    "readAt"
  ],
  "kpi": [
    "id",
    "name",
    "key",
    "unit",
    "value",
    "target",
    "direction",
    "departmentId",
    "ownerId",
    "visibility",
    "updatedAt"
  ],
  "alert": [
    "id",
    "kpiId",
    "ruleId",
    "severity",
    "message",
    "value",
    "threshold",
    "raisedAt",
    "state",
    "acknowledgedAt",
    "acknowledgedBy",
    "snoozedUntil",
    "resolvedAt"
  ],
  "insight:anomaly": [
    "kind",
    "id",
    "kpiId",
    "day",
    "value",
    "expected",
    "lower",
    "upper",
    "score",
    "severity",
    "method",
    "detectedAt"
  ],
  "insight:prediction": [
    "kind",
    "id",
    "kpiId",
    "horizon",
    "points",
    "method",
    "createdAt"
  ],
  "insight:recommendation": [
    "kind",
    "id",
    "kpiId",
    "message",
    "evidence",
    "method",
    "createdAt"
  ],
  "report": [
    "id",
    "scope",
    "from",
    "to",
    "format",
    "url",
    "createdAt",
    "expiresAt"
  ],
  "session": [
    "id",
    "title",
    "hostId",
    "activeSpace",
    "maxParticipants",
    "invitationOnly",
    "createdAt",
    "endedAt"
  ],
  "invitation": [
    "id",
    "sessionId",
    "title"
  ],
  "participant": [
    "id",
    "sessionId",
    "userId",
    "userName",
    "state",
    "role",
    "joinedAt"
  ],
  "annotation": [
    "id",
    "sessionId",
    "authorId",
    "authorName",
    "position",
    "content",
    "contentType",
    "entity",
    "parentId",
    "revision",
    "createdAt",
    "updatedAt",
    "mentions",
    "resolvedAt",
    "resolvedBy",
    "entityArchived"
  ]
};
