// Written by `make docs` from the message structs; docs/messages.md says what they mean.
//
// A field that must be there is read by `decode`, one that may be missing by `decodeIfPresent`; one
// that must be there and may be null has an optional type and is read by `decode`. Integers go to
// 2^53: Int64. Numbers are Double: it holds every value of up to 15 significant digits exactly, and
// the server knows no others. Times are Date (the decoder of Coding.swift reads them), days are
// text: a day has no time zone. `unrecognized` is for words that a newer server may know.

import Foundation

// MARK: - Words

public enum AlertSeverity: Codable, Hashable, Sendable {
    case critical
    case info
    case warning
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "critical": self = .critical
        case "info": self = .info
        case "warning": self = .warning
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .critical: return "critical"
        case .info: return "info"
        case .warning: return "warning"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum AlertState: Codable, Hashable, Sendable {
    case acknowledged
    case `open`
    case resolved
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "acknowledged": self = .acknowledged
        case "open": self = .`open`
        case "resolved": self = .resolved
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .acknowledged: return "acknowledged"
        case .`open`: return "open"
        case .resolved: return "resolved"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum AnnotationContentType: Codable, Hashable, Sendable {
    case audio
    case drawing
    case image
    case link
    case markdown
    case text
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "audio": self = .audio
        case "drawing": self = .drawing
        case "image": self = .image
        case "link": self = .link
        case "markdown": self = .markdown
        case "text": self = .text
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .audio: return "audio"
        case .drawing: return "drawing"
        case .image: return "image"
        case .link: return "link"
        case .markdown: return "markdown"
        case .text: return "text"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum AnomalySeverity: Codable, Hashable, Sendable {
    case high
    case low
    case medium
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "high": self = .high
        case "low": self = .low
        case "medium": self = .medium
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .high: return "high"
        case .low: return "low"
        case .medium: return "medium"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ChangeType: Codable, Hashable, Sendable {
    case created
    case deleted
    case snapshot
    case updated
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "created": self = .created
        case "deleted": self = .deleted
        case "snapshot": self = .snapshot
        case "updated": self = .updated
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .created: return "created"
        case .deleted: return "deleted"
        case .snapshot: return "snapshot"
        case .updated: return "updated"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum EntityType: Codable, Hashable, Sendable {
    case alert
    case annotation
    case department
    case employee
    case insight
    case invitation
    case kpi
    case notification
    case organization
    case participant
    case report
    case session
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "alert": self = .alert
        case "annotation": self = .annotation
        case "department": self = .department
        case "employee": self = .employee
        case "insight": self = .insight
        case "invitation": self = .invitation
        case "kpi": self = .kpi
        case "notification": self = .notification
        case "organization": self = .organization
        case "participant": self = .participant
        case "report": self = .report
        case "session": self = .session
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .alert: return "alert"
        case .annotation: return "annotation"
        case .department: return "department"
        case .employee: return "employee"
        case .insight: return "insight"
        case .invitation: return "invitation"
        case .kpi: return "kpi"
        case .notification: return "notification"
        case .organization: return "organization"
        case .participant: return "participant"
        case .report: return "report"
        case .session: return "session"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ErrorCode: Codable, Hashable, Sendable {
    case authenticationRequired
    case internalServerError
    case invalidChannel
    case invalidMessageFormat
    case invalidToken
    case notFound
    case rateLimitExceeded
    case sessionFull
    case sessionNotFound
    case subscriptionFailed
    case tokenExpired
    case unauthorized
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "AUTHENTICATION_REQUIRED": self = .authenticationRequired
        case "INTERNAL_SERVER_ERROR": self = .internalServerError
        case "INVALID_CHANNEL": self = .invalidChannel
        case "INVALID_MESSAGE_FORMAT": self = .invalidMessageFormat
        case "INVALID_TOKEN": self = .invalidToken
        case "NOT_FOUND": self = .notFound
        case "RATE_LIMIT_EXCEEDED": self = .rateLimitExceeded
        case "SESSION_FULL": self = .sessionFull
        case "SESSION_NOT_FOUND": self = .sessionNotFound
        case "SUBSCRIPTION_FAILED": self = .subscriptionFailed
        case "TOKEN_EXPIRED": self = .tokenExpired
        case "UNAUTHORIZED": self = .unauthorized
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .authenticationRequired: return "AUTHENTICATION_REQUIRED"
        case .internalServerError: return "INTERNAL_SERVER_ERROR"
        case .invalidChannel: return "INVALID_CHANNEL"
        case .invalidMessageFormat: return "INVALID_MESSAGE_FORMAT"
        case .invalidToken: return "INVALID_TOKEN"
        case .notFound: return "NOT_FOUND"
        case .rateLimitExceeded: return "RATE_LIMIT_EXCEEDED"
        case .sessionFull: return "SESSION_FULL"
        case .sessionNotFound: return "SESSION_NOT_FOUND"
        case .subscriptionFailed: return "SUBSCRIPTION_FAILED"
        case .tokenExpired: return "TOKEN_EXPIRED"
        case .unauthorized: return "UNAUTHORIZED"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ErrorDetailsOutcome: Codable, Hashable, Sendable {
    case unknown
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "unknown": self = .unknown
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .unknown: return "unknown"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum InsightKind: Codable, Hashable, Sendable {
    case anomaly
    case prediction
    case recommendation
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "anomaly": self = .anomaly
        case "prediction": self = .prediction
        case "recommendation": self = .recommendation
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .anomaly: return "anomaly"
        case .prediction: return "prediction"
        case .recommendation: return "recommendation"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum KpiDirection: Codable, Hashable, Sendable {
    case higher
    case lower
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "higher": self = .higher
        case "lower": self = .lower
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .higher: return "higher"
        case .lower: return "lower"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum KpiVisibility: Codable, Hashable, Sendable {
    case department
    case organization
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "department": self = .department
        case "organization": self = .organization
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .department: return "department"
        case .organization: return "organization"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum NotesRequestType: Codable, Hashable, Sendable {
    case syncRequest
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "SYNC_REQUEST": self = .syncRequest
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .syncRequest: return "SYNC_REQUEST"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ParticipantRole: Codable, Hashable, Sendable {
    case host
    case participant
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "host": self = .host
        case "participant": self = .participant
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .host: return "host"
        case .participant: return "participant"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ParticipantState: Codable, Hashable, Sendable {
    case active
    case disconnected
    case idle
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "active": self = .active
        case "disconnected": self = .disconnected
        case "idle": self = .idle
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .active: return "active"
        case .disconnected: return "disconnected"
        case .idle: return "idle"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum RateLimitScope: Codable, Hashable, Sendable {
    case bytes
    case connection
    case organization
    case user
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "bytes": self = .bytes
        case "connection": self = .connection
        case "organization": self = .organization
        case "user": self = .user
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .bytes: return "bytes"
        case .connection: return "connection"
        case .organization: return "organization"
        case .user: return "user"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ReplayedEventKind: Codable, Hashable, Sendable {
    case ended
    case host
    case joined
    case left
    case note
    case notedeleted
    case started
    case state
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "ended": self = .ended
        case "host": self = .host
        case "joined": self = .joined
        case "left": self = .left
        case "note": self = .note
        case "noteDeleted": self = .notedeleted
        case "started": self = .started
        case "state": self = .state
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .ended: return "ended"
        case .host: return "host"
        case .joined: return "joined"
        case .left: return "left"
        case .note: return "note"
        case .notedeleted: return "noteDeleted"
        case .started: return "started"
        case .state: return "state"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ReplayedEventReason: Codable, Hashable, Sendable {
    case admin
    case empty
    case hostEnded
    case hostLeft
    case timeout
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "admin": self = .admin
        case "empty": self = .empty
        case "host_ended": self = .hostEnded
        case "host_left": self = .hostLeft
        case "timeout": self = .timeout
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .admin: return "admin"
        case .empty: return "empty"
        case .hostEnded: return "host_ended"
        case .hostLeft: return "host_left"
        case .timeout: return "timeout"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ReportFormat: Codable, Hashable, Sendable {
    case pdf
    case xlsx
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "pdf": self = .pdf
        case "xlsx": self = .xlsx
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .pdf: return "pdf"
        case .xlsx: return "xlsx"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum ReportOfType: Codable, Hashable, Sendable {
    case department
    case organization
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "department": self = .department
        case "organization": self = .organization
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .department: return "department"
        case .organization: return "organization"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum SessionEndedReason: Codable, Hashable, Sendable {
    case admin
    case empty
    case hostEnded
    case hostLeft
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "admin": self = .admin
        case "empty": self = .empty
        case "host_ended": self = .hostEnded
        case "host_left": self = .hostLeft
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .admin: return "admin"
        case .empty: return "empty"
        case .hostEnded: return "host_ended"
        case .hostLeft: return "host_left"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum SessionLeftReason: Codable, Hashable, Sendable {
    case timeout
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "timeout": self = .timeout
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .timeout: return "timeout"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum SyncErrorCode: Codable, Hashable, Sendable {
    case invalidChannel
    case syncHistoryExpired
    case syncTimestampInFuture
    case unauthorized
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "INVALID_CHANNEL": self = .invalidChannel
        case "SYNC_HISTORY_EXPIRED": self = .syncHistoryExpired
        case "SYNC_TIMESTAMP_IN_FUTURE": self = .syncTimestampInFuture
        case "UNAUTHORIZED": self = .unauthorized
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .invalidChannel: return "INVALID_CHANNEL"
        case .syncHistoryExpired: return "SYNC_HISTORY_EXPIRED"
        case .syncTimestampInFuture: return "SYNC_TIMESTAMP_IN_FUTURE"
        case .unauthorized: return "UNAUTHORIZED"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineAdviceKind: Codable, Hashable, Sendable {
    case advice
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "advice": self = .advice
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .advice: return "advice"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineAlertChange: Codable, Hashable, Sendable {
    case acknowledged
    case raised
    case resolved
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "acknowledged": self = .acknowledged
        case "raised": self = .raised
        case "resolved": self = .resolved
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .acknowledged: return "acknowledged"
        case .raised: return "raised"
        case .resolved: return "resolved"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineAlertKind: Codable, Hashable, Sendable {
    case alert
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "alert": self = .alert
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .alert: return "alert"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineChangeChange: Codable, Hashable, Sendable {
    case archived
    case created
    case restored
    case updated
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "archived": self = .archived
        case "created": self = .created
        case "restored": self = .restored
        case "updated": self = .updated
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .archived: return "archived"
        case .created: return "created"
        case .restored: return "restored"
        case .updated: return "updated"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineChangeKind: Codable, Hashable, Sendable {
    case change
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "change": self = .change
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .change: return "change"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineForecastKind: Codable, Hashable, Sendable {
    case forecast
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "forecast": self = .forecast
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .forecast: return "forecast"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineImportKind: Codable, Hashable, Sendable {
    case imported
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "imported": self = .imported
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .imported: return "imported"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineNoteChange: Codable, Hashable, Sendable {
    case created
    case resolved
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "created": self = .created
        case "resolved": self = .resolved
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .created: return "created"
        case .resolved: return "resolved"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineNoteKind: Codable, Hashable, Sendable {
    case note
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "note": self = .note
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .note: return "note"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineTargetKind: Codable, Hashable, Sendable {
    case target
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "target": self = .target
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .target: return "target"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum TimelineValueKind: Codable, Hashable, Sendable {
    case value
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "value": self = .value
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .value: return "value"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

public enum UnsubscribedReason: Codable, Hashable, Sendable {
    case accessRevoked
    case unrecognized(String)

    public init(text: String) {
        switch text {
        case "access_revoked": self = .accessRevoked
        default: self = .unrecognized(text)
        }
    }

    public var text: String {
        switch self {
        case .accessRevoked: return "access_revoked"
        case .unrecognized(let text): return text
        }
    }

    public init(from decoder: any Decoder) throws {
        self.init(text: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// Why the server closes a connection.
public enum CloseCode: Int, Sendable {
    case protocolError = 1002
    case invalidData = 1007
    case tooBig = 1009
    case serverFault = 1011
    case serverRestart = 1012
    case malformed = 4400
    case authentication = 4401
    case forbidden = 4403
    case heartbeatLost = 4408
    case tooMany = 4429
    case tooSlow = 4508

    /// Whether a client comes back after it.
    public var comesBack: Bool {
        switch self {
        case .protocolError, .invalidData, .malformed, .forbidden: return false
        default: return true
        }
    }
}

// MARK: - Payloads, entities, and what they are made of

/// An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged` once
/// somebody has seen it, and `resolved` once the KPI is back: then it is gone. Sent at each change
/// of it. snoozedUntil: until then nobody is notified of it.
public struct AlertMessage: Codable, Hashable, Sendable {
    public let alertId: String
    public let kpiId: String
    public let ruleId: String?
    public let severity: AlertSeverity
    public let message: String
    public let value: Double?
    public let threshold: Double?
    public let raisedAt: Date
    public let state: AlertState
    public let snoozedUntil: Date?
    public let acknowledgedAt: Date?
    public let acknowledgedBy: String?
    public let resolvedAt: Date?
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case alertId
        case kpiId
        case ruleId
        case severity
        case message
        case value
        case threshold
        case raisedAt
        case state
        case snoozedUntil
        case acknowledgedAt
        case acknowledgedBy
        case resolvedAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        alertId: String,
        kpiId: String,
        ruleId: String?,
        severity: AlertSeverity,
        message: String,
        value: Double?,
        threshold: Double?,
        raisedAt: Date,
        state: AlertState,
        snoozedUntil: Date?,
        acknowledgedAt: Date? = nil,
        acknowledgedBy: String? = nil,
        resolvedAt: Date? = nil,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.alertId = alertId
        self.kpiId = kpiId
        self.ruleId = ruleId
        self.severity = severity
        self.message = message
        self.value = value
        self.threshold = threshold
        self.raisedAt = raisedAt
        self.state = state
        self.snoozedUntil = snoozedUntil
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
        self.resolvedAt = resolvedAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        alertId = try container.decode(String.self, forKey: .alertId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        ruleId = try container.decode(String?.self, forKey: .ruleId)
        severity = try container.decode(AlertSeverity.self, forKey: .severity)
        message = try container.decode(String.self, forKey: .message)
        value = try container.decode(Double?.self, forKey: .value)
        threshold = try container.decode(Double?.self, forKey: .threshold)
        raisedAt = try container.decode(Date.self, forKey: .raisedAt)
        state = try container.decode(AlertState.self, forKey: .state)
        snoozedUntil = try container.decode(Date?.self, forKey: .snoozedUntil)
        acknowledgedAt = try container.decodeIfPresent(Date.self, forKey: .acknowledgedAt)
        acknowledgedBy = try container.decodeIfPresent(String.self, forKey: .acknowledgedBy)
        resolvedAt = try container.decodeIfPresent(Date.self, forKey: .resolvedAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(alertId, forKey: .alertId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(ruleId, forKey: .ruleId)
        try container.encode(severity, forKey: .severity)
        try container.encode(message, forKey: .message)
        try container.encode(value, forKey: .value)
        try container.encode(threshold, forKey: .threshold)
        try container.encode(raisedAt, forKey: .raisedAt)
        try container.encode(state, forKey: .state)
        try container.encode(snoozedUntil, forKey: .snoozedUntil)
        try container.encodeIfPresent(acknowledgedAt, forKey: .acknowledgedAt)
        try container.encodeIfPresent(acknowledgedBy, forKey: .acknowledgedBy)
        try container.encodeIfPresent(resolvedAt, forKey: .resolvedAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Mark an alert as seen. By its KPI's owner, those who are notified, managers and admins.
public struct AlertAcknowledge: Codable, Hashable, Sendable {
    /// An opaque id.
    public var alertId: String

    private enum CodingKeys: String, CodingKey {
        case alertId
    }

    public init(
        alertId: String
    ) {
        self.alertId = alertId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        alertId = try container.decode(String.self, forKey: .alertId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(alertId, forKey: .alertId)
    }
}

/// An alert whose KPI is not back yet, `open` or `acknowledged`. Shown where its KPI is.
/// snoozedUntil: until then nobody is notified of it. resolvedAt: of one that was read by REST, as
/// those that are over are.
public struct AlertData: Codable, Hashable, Sendable {
    public var id: String
    public var kpiId: String
    public var ruleId: String?
    public var severity: AlertSeverity
    public var message: String
    public var value: Double?
    public var threshold: Double?
    public var raisedAt: Date
    public var state: AlertState
    public var acknowledgedAt: Date?
    public var acknowledgedBy: String?
    public var snoozedUntil: Date?
    public var resolvedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case id
        case kpiId
        case ruleId
        case severity
        case message
        case value
        case threshold
        case raisedAt
        case state
        case acknowledgedAt
        case acknowledgedBy
        case snoozedUntil
        case resolvedAt
    }

    public init(
        id: String,
        kpiId: String,
        ruleId: String?,
        severity: AlertSeverity,
        message: String,
        value: Double?,
        threshold: Double?,
        raisedAt: Date,
        state: AlertState,
        acknowledgedAt: Date?,
        acknowledgedBy: String?,
        snoozedUntil: Date?,
        resolvedAt: Date?
    ) {
        self.id = id
        self.kpiId = kpiId
        self.ruleId = ruleId
        self.severity = severity
        self.message = message
        self.value = value
        self.threshold = threshold
        self.raisedAt = raisedAt
        self.state = state
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
        self.snoozedUntil = snoozedUntil
        self.resolvedAt = resolvedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        ruleId = try container.decode(String?.self, forKey: .ruleId)
        severity = try container.decode(AlertSeverity.self, forKey: .severity)
        message = try container.decode(String.self, forKey: .message)
        value = try container.decode(Double?.self, forKey: .value)
        threshold = try container.decode(Double?.self, forKey: .threshold)
        raisedAt = try container.decode(Date.self, forKey: .raisedAt)
        state = try container.decode(AlertState.self, forKey: .state)
        acknowledgedAt = try container.decode(Date?.self, forKey: .acknowledgedAt)
        acknowledgedBy = try container.decode(String?.self, forKey: .acknowledgedBy)
        snoozedUntil = try container.decode(Date?.self, forKey: .snoozedUntil)
        resolvedAt = try container.decode(Date?.self, forKey: .resolvedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(ruleId, forKey: .ruleId)
        try container.encode(severity, forKey: .severity)
        try container.encode(message, forKey: .message)
        try container.encode(value, forKey: .value)
        try container.encode(threshold, forKey: .threshold)
        try container.encode(raisedAt, forKey: .raisedAt)
        try container.encode(state, forKey: .state)
        try container.encode(acknowledgedAt, forKey: .acknowledgedAt)
        try container.encode(acknowledgedBy, forKey: .acknowledgedBy)
        try container.encode(snoozedUntil, forKey: .snoozedUntil)
        try container.encode(resolvedAt, forKey: .resolvedAt)
    }
}

/// Have nobody notified of an alert, and of the next ones of its rule, until a time at most 30 days
/// from now. By those who may acknowledge it. If it is unresolved then, `ALERT` comes again, and
/// those whom its rule notifies are notified.
public struct AlertSnooze: Codable, Hashable, Sendable {
    /// An opaque id.
    public var alertId: String
    public var until: Date

    private enum CodingKeys: String, CodingKey {
        case alertId
        case until
    }

    public init(
        alertId: String,
        until: Date
    ) {
        self.alertId = alertId
        self.until = until
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        alertId = try container.decode(String.self, forKey: .alertId)
        until = try container.decode(Date.self, forKey: .until)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(alertId, forKey: .alertId)
        try container.encode(until, forKey: .until)
    }
}

/// Pin a note to a point of the shared space: in a session, or on a thing. In a session with
/// `sessionId`, which may have ended for a reply. Without it, on `entity` itself, a KPI (`kpi`) or
/// a department (`department`): users who may follow that see the note. A reply is where its parent
/// is. mentions: users who may see it; each of them gets a NOTIFICATION.
public struct AnnotationCreate: Codable, Hashable, Sendable {
    public var sessionId: String?
    public var position: Position
    public var content: String
    public var contentType: AnnotationContentType
    public var entity: EntityRef?
    public var parentId: String?
    public var mentions: [String]?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case position
        case content
        case contentType
        case entity
        case parentId
        case mentions
    }

    public init(
        sessionId: String? = nil,
        position: Position,
        content: String,
        contentType: AnnotationContentType,
        entity: EntityRef? = nil,
        parentId: String? = nil,
        mentions: [String]? = nil
    ) {
        self.sessionId = sessionId
        self.position = position
        self.content = content
        self.contentType = contentType
        self.entity = entity
        self.parentId = parentId
        self.mentions = mentions
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
        position = try container.decode(Position.self, forKey: .position)
        content = try container.decode(String.self, forKey: .content)
        contentType = try container.decode(AnnotationContentType.self, forKey: .contentType)
        entity = try container.decodeIfPresent(EntityRef.self, forKey: .entity)
        parentId = try container.decodeIfPresent(String.self, forKey: .parentId)
        mentions = try container.decodeIfPresent([String].self, forKey: .mentions)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
        try container.encode(position, forKey: .position)
        try container.encode(content, forKey: .content)
        try container.encode(contentType, forKey: .contentType)
        try container.encodeIfPresent(entity, forKey: .entity)
        try container.encodeIfPresent(parentId, forKey: .parentId)
        try container.encodeIfPresent(mentions, forKey: .mentions)
    }
}

/// A note was pinned to a point of the shared space, or to a thing.
public struct AnnotationCreated: Codable, Hashable, Sendable {
    public let annotationId: String
    public let sessionId: String?
    public let authorId: String
    /// `System` without an author.
    public let authorName: String
    public let position: Position
    public let content: String
    public let contentType: AnnotationContentType
    public let entity: EntityRef?
    public let parentId: String?
    public let revision: Int64
    public let createdAt: Date
    public let updatedAt: Date
    /// Users whom the note mentions.
    public let mentions: [String]
    public let resolvedAt: Date?
    public let resolvedBy: String?
    public let entityArchived: Bool
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
        case authorId
        case authorName
        case position
        case content
        case contentType
        case entity
        case parentId
        case revision
        case createdAt
        case updatedAt
        case mentions
        case resolvedAt
        case resolvedBy
        case entityArchived
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        annotationId: String,
        sessionId: String?,
        authorId: String,
        authorName: String,
        position: Position,
        content: String,
        contentType: AnnotationContentType,
        entity: EntityRef?,
        parentId: String?,
        revision: Int64,
        createdAt: Date,
        updatedAt: Date,
        mentions: [String],
        resolvedAt: Date?,
        resolvedBy: String?,
        entityArchived: Bool,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.authorId = authorId
        self.authorName = authorName
        self.position = position
        self.content = content
        self.contentType = contentType
        self.entity = entity
        self.parentId = parentId
        self.revision = revision
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.mentions = mentions
        self.resolvedAt = resolvedAt
        self.resolvedBy = resolvedBy
        self.entityArchived = entityArchived
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        authorId = try container.decode(String.self, forKey: .authorId)
        authorName = try container.decode(String.self, forKey: .authorName)
        position = try container.decode(Position.self, forKey: .position)
        content = try container.decode(String.self, forKey: .content)
        contentType = try container.decode(AnnotationContentType.self, forKey: .contentType)
        entity = try container.decode(EntityRef?.self, forKey: .entity)
        parentId = try container.decode(String?.self, forKey: .parentId)
        revision = try container.decode(Int64.self, forKey: .revision)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        mentions = try container.decode([String].self, forKey: .mentions)
        resolvedAt = try container.decode(Date?.self, forKey: .resolvedAt)
        resolvedBy = try container.decode(String?.self, forKey: .resolvedBy)
        entityArchived = try container.decode(Bool.self, forKey: .entityArchived)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(authorId, forKey: .authorId)
        try container.encode(authorName, forKey: .authorName)
        try container.encode(position, forKey: .position)
        try container.encode(content, forKey: .content)
        try container.encode(contentType, forKey: .contentType)
        try container.encode(entity, forKey: .entity)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(revision, forKey: .revision)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(mentions, forKey: .mentions)
        try container.encode(resolvedAt, forKey: .resolvedAt)
        try container.encode(resolvedBy, forKey: .resolvedBy)
        try container.encode(entityArchived, forKey: .entityArchived)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// A note at a point of the shared space. One of a session is shown by `session:`; one on a KPI by
/// what shows the KPI, and where that is archived still by `organization:` or `department:`; one on
/// a department by `department:`. sessionId: null for one on a thing, which is its `entity` then.
/// entityArchived: the thing that it is on is archived.
public struct AnnotationData: Codable, Hashable, Sendable {
    public var id: String
    public var sessionId: String?
    public var authorId: String
    /// `System` without an author.
    public var authorName: String
    public var position: Position
    public var content: String
    public var contentType: AnnotationContentType
    public var entity: EntityRef?
    public var parentId: String?
    public var revision: Int64
    public var createdAt: Date
    public var updatedAt: Date
    /// Users whom the note mentions.
    public var mentions: [String]
    public var resolvedAt: Date?
    public var resolvedBy: String?
    public var entityArchived: Bool

    private enum CodingKeys: String, CodingKey {
        case id
        case sessionId
        case authorId
        case authorName
        case position
        case content
        case contentType
        case entity
        case parentId
        case revision
        case createdAt
        case updatedAt
        case mentions
        case resolvedAt
        case resolvedBy
        case entityArchived
    }

    public init(
        id: String,
        sessionId: String?,
        authorId: String,
        authorName: String,
        position: Position,
        content: String,
        contentType: AnnotationContentType,
        entity: EntityRef?,
        parentId: String?,
        revision: Int64,
        createdAt: Date,
        updatedAt: Date,
        mentions: [String],
        resolvedAt: Date?,
        resolvedBy: String?,
        entityArchived: Bool
    ) {
        self.id = id
        self.sessionId = sessionId
        self.authorId = authorId
        self.authorName = authorName
        self.position = position
        self.content = content
        self.contentType = contentType
        self.entity = entity
        self.parentId = parentId
        self.revision = revision
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.mentions = mentions
        self.resolvedAt = resolvedAt
        self.resolvedBy = resolvedBy
        self.entityArchived = entityArchived
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        authorId = try container.decode(String.self, forKey: .authorId)
        authorName = try container.decode(String.self, forKey: .authorName)
        position = try container.decode(Position.self, forKey: .position)
        content = try container.decode(String.self, forKey: .content)
        contentType = try container.decode(AnnotationContentType.self, forKey: .contentType)
        entity = try container.decode(EntityRef?.self, forKey: .entity)
        parentId = try container.decode(String?.self, forKey: .parentId)
        revision = try container.decode(Int64.self, forKey: .revision)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        mentions = try container.decode([String].self, forKey: .mentions)
        resolvedAt = try container.decode(Date?.self, forKey: .resolvedAt)
        resolvedBy = try container.decode(String?.self, forKey: .resolvedBy)
        entityArchived = try container.decode(Bool.self, forKey: .entityArchived)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(authorId, forKey: .authorId)
        try container.encode(authorName, forKey: .authorName)
        try container.encode(position, forKey: .position)
        try container.encode(content, forKey: .content)
        try container.encode(contentType, forKey: .contentType)
        try container.encode(entity, forKey: .entity)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(revision, forKey: .revision)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(mentions, forKey: .mentions)
        try container.encode(resolvedAt, forKey: .resolvedAt)
        try container.encode(resolvedBy, forKey: .resolvedBy)
        try container.encode(entityArchived, forKey: .entityArchived)
    }
}

/// Remove a note and its replies. By its author or the session's host, and by admins where it is on
/// a thing or of a session that has ended. More than a hundred replies are removed about a hundred
/// at a time, with others' changes in between. If the connection is lost meanwhile, send it again
/// to remove the rest.
public struct AnnotationDelete: Codable, Hashable, Sendable {
    /// An opaque id.
    public var annotationId: String
    public var sessionId: String?

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
    }

    public init(
        annotationId: String,
        sessionId: String? = nil
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
    }
}

/// A note is gone.
public struct AnnotationDeleted: Codable, Hashable, Sendable {
    public let annotationId: String
    public let sessionId: String?
    public let deletedBy: String
    public let deletedAt: Date
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
        case deletedBy
        case deletedAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        annotationId: String,
        sessionId: String?,
        deletedBy: String,
        deletedAt: Date,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.deletedBy = deletedBy
        self.deletedAt = deletedAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        deletedBy = try container.decode(String.self, forKey: .deletedBy)
        deletedAt = try container.decode(Date.self, forKey: .deletedAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(deletedBy, forKey: .deletedBy)
        try container.encode(deletedAt, forKey: .deletedAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Mark a note as resolved, or as open again. By its author, the session's host, managers.
public struct AnnotationResolve: Codable, Hashable, Sendable {
    /// An opaque id.
    public var annotationId: String
    public var resolved: Bool
    public var sessionId: String?

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case resolved
        case sessionId
    }

    public init(
        annotationId: String,
        resolved: Bool,
        sessionId: String? = nil
    ) {
        self.annotationId = annotationId
        self.resolved = resolved
        self.sessionId = sessionId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        resolved = try container.decode(Bool.self, forKey: .resolved)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(resolved, forKey: .resolved)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
    }
}

/// Change any of a note's fields. By its author or the session's host. unpin: from then on it is
/// pinned to no entity; a note on a thing stays there. mentions: instead of those there were; users
/// who are mentioned anew get a NOTIFICATION.
public struct AnnotationUpdate: Codable, Hashable, Sendable {
    /// An opaque id.
    public var annotationId: String
    public var sessionId: String?
    public var position: Position?
    public var content: String?
    public var contentType: AnnotationContentType?
    public var entity: EntityRef?
    public var unpin: Bool?
    public var mentions: [String]?

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
        case position
        case content
        case contentType
        case entity
        case unpin
        case mentions
    }

    public init(
        annotationId: String,
        sessionId: String? = nil,
        position: Position? = nil,
        content: String? = nil,
        contentType: AnnotationContentType? = nil,
        entity: EntityRef? = nil,
        unpin: Bool? = nil,
        mentions: [String]? = nil
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.position = position
        self.content = content
        self.contentType = contentType
        self.entity = entity
        self.unpin = unpin
        self.mentions = mentions
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
        position = try container.decodeIfPresent(Position.self, forKey: .position)
        content = try container.decodeIfPresent(String.self, forKey: .content)
        contentType = try container.decodeIfPresent(AnnotationContentType.self, forKey: .contentType)
        entity = try container.decodeIfPresent(EntityRef.self, forKey: .entity)
        unpin = try container.decodeIfPresent(Bool.self, forKey: .unpin)
        mentions = try container.decodeIfPresent([String].self, forKey: .mentions)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
        try container.encodeIfPresent(position, forKey: .position)
        try container.encodeIfPresent(content, forKey: .content)
        try container.encodeIfPresent(contentType, forKey: .contentType)
        try container.encodeIfPresent(entity, forKey: .entity)
        try container.encodeIfPresent(unpin, forKey: .unpin)
        try container.encodeIfPresent(mentions, forKey: .mentions)
    }
}

/// A note was changed or resolved; `revision` counts that. Or the thing that it is on is seen by
/// others now, is archived or restored: `revision` is as it was.
public struct AnnotationUpdated: Codable, Hashable, Sendable {
    public let annotationId: String
    public let sessionId: String?
    public let authorId: String
    /// `System` without an author.
    public let authorName: String
    public let position: Position
    public let content: String
    public let contentType: AnnotationContentType
    public let entity: EntityRef?
    public let parentId: String?
    public let revision: Int64
    public let createdAt: Date
    public let updatedAt: Date
    /// Users whom the note mentions.
    public let mentions: [String]
    public let resolvedAt: Date?
    public let resolvedBy: String?
    public let entityArchived: Bool
    public let updatedBy: String
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
        case authorId
        case authorName
        case position
        case content
        case contentType
        case entity
        case parentId
        case revision
        case createdAt
        case updatedAt
        case mentions
        case resolvedAt
        case resolvedBy
        case entityArchived
        case updatedBy
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        annotationId: String,
        sessionId: String?,
        authorId: String,
        authorName: String,
        position: Position,
        content: String,
        contentType: AnnotationContentType,
        entity: EntityRef?,
        parentId: String?,
        revision: Int64,
        createdAt: Date,
        updatedAt: Date,
        mentions: [String],
        resolvedAt: Date?,
        resolvedBy: String?,
        entityArchived: Bool,
        updatedBy: String,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.authorId = authorId
        self.authorName = authorName
        self.position = position
        self.content = content
        self.contentType = contentType
        self.entity = entity
        self.parentId = parentId
        self.revision = revision
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.mentions = mentions
        self.resolvedAt = resolvedAt
        self.resolvedBy = resolvedBy
        self.entityArchived = entityArchived
        self.updatedBy = updatedBy
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        authorId = try container.decode(String.self, forKey: .authorId)
        authorName = try container.decode(String.self, forKey: .authorName)
        position = try container.decode(Position.self, forKey: .position)
        content = try container.decode(String.self, forKey: .content)
        contentType = try container.decode(AnnotationContentType.self, forKey: .contentType)
        entity = try container.decode(EntityRef?.self, forKey: .entity)
        parentId = try container.decode(String?.self, forKey: .parentId)
        revision = try container.decode(Int64.self, forKey: .revision)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        mentions = try container.decode([String].self, forKey: .mentions)
        resolvedAt = try container.decode(Date?.self, forKey: .resolvedAt)
        resolvedBy = try container.decode(String?.self, forKey: .resolvedBy)
        entityArchived = try container.decode(Bool.self, forKey: .entityArchived)
        updatedBy = try container.decode(String.self, forKey: .updatedBy)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(authorId, forKey: .authorId)
        try container.encode(authorName, forKey: .authorName)
        try container.encode(position, forKey: .position)
        try container.encode(content, forKey: .content)
        try container.encode(contentType, forKey: .contentType)
        try container.encode(entity, forKey: .entity)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(revision, forKey: .revision)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(mentions, forKey: .mentions)
        try container.encode(resolvedAt, forKey: .resolvedAt)
        try container.encode(resolvedBy, forKey: .resolvedBy)
        try container.encode(entityArchived, forKey: .entityArchived)
        try container.encode(updatedBy, forKey: .updatedBy)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// A value that is unusual by its KPI's own history. Shown where its KPI is.
public struct AnomalyData: Codable, Hashable, Sendable {
    public var kind: InsightKind
    public var id: String
    public var kpiId: String
    public var day: String
    public var value: Double
    public var expected: Double
    public var lower: Double
    public var upper: Double
    public var score: Double
    public var severity: AnomalySeverity
    public var method: String
    public var detectedAt: Date

    private enum CodingKeys: String, CodingKey {
        case kind
        case id
        case kpiId
        case day
        case value
        case expected
        case lower
        case upper
        case score
        case severity
        case method
        case detectedAt
    }

    public init(
        kind: InsightKind,
        id: String,
        kpiId: String,
        day: String,
        value: Double,
        expected: Double,
        lower: Double,
        upper: Double,
        score: Double,
        severity: AnomalySeverity,
        method: String,
        detectedAt: Date
    ) {
        self.kind = kind
        self.id = id
        self.kpiId = kpiId
        self.day = day
        self.value = value
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.score = score
        self.severity = severity
        self.method = method
        self.detectedAt = detectedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(InsightKind.self, forKey: .kind)
        id = try container.decode(String.self, forKey: .id)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        day = try container.decode(String.self, forKey: .day)
        value = try container.decode(Double.self, forKey: .value)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
        score = try container.decode(Double.self, forKey: .score)
        severity = try container.decode(AnomalySeverity.self, forKey: .severity)
        method = try container.decode(String.self, forKey: .method)
        detectedAt = try container.decode(Date.self, forKey: .detectedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(id, forKey: .id)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(day, forKey: .day)
        try container.encode(value, forKey: .value)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
        try container.encode(score, forKey: .score)
        try container.encode(severity, forKey: .severity)
        try container.encode(method, forKey: .method)
        try container.encode(detectedAt, forKey: .detectedAt)
    }
}

/// A value that is unusual by its KPI's own history. score: how many standard deviations it is off,
/// with its sign; 99 at most.
public struct AnomalyDetected: Codable, Hashable, Sendable {
    public let insightId: String
    public let kpiId: String
    public let day: String
    public let value: Double
    public let expected: Double
    public let lower: Double
    public let upper: Double
    public let score: Double
    public let severity: AnomalySeverity
    public let method: String
    public let detectedAt: Date
    public let kind: InsightKind?
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case insightId
        case kpiId
        case day
        case value
        case expected
        case lower
        case upper
        case score
        case severity
        case method
        case detectedAt
        case kind
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        insightId: String,
        kpiId: String,
        day: String,
        value: Double,
        expected: Double,
        lower: Double,
        upper: Double,
        score: Double,
        severity: AnomalySeverity,
        method: String,
        detectedAt: Date,
        kind: InsightKind? = nil,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.insightId = insightId
        self.kpiId = kpiId
        self.day = day
        self.value = value
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.score = score
        self.severity = severity
        self.method = method
        self.detectedAt = detectedAt
        self.kind = kind
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        insightId = try container.decode(String.self, forKey: .insightId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        day = try container.decode(String.self, forKey: .day)
        value = try container.decode(Double.self, forKey: .value)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
        score = try container.decode(Double.self, forKey: .score)
        severity = try container.decode(AnomalySeverity.self, forKey: .severity)
        method = try container.decode(String.self, forKey: .method)
        detectedAt = try container.decode(Date.self, forKey: .detectedAt)
        kind = try container.decodeIfPresent(InsightKind.self, forKey: .kind)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(insightId, forKey: .insightId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(day, forKey: .day)
        try container.encode(value, forKey: .value)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
        try container.encode(score, forKey: .score)
        try container.encode(severity, forKey: .severity)
        try container.encode(method, forKey: .method)
        try container.encode(detectedAt, forKey: .detectedAt)
        try container.encodeIfPresent(kind, forKey: .kind)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Sign in on this connection, or renew the token that is about to expire.
public struct Auth: Codable, Hashable, Sendable {
    public var token: String

    private enum CodingKeys: String, CodingKey {
        case token
    }

    public init(
        token: String
    ) {
        self.token = token
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        token = try container.decode(String.self, forKey: .token)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(token, forKey: .token)
    }
}

/// Not signed in; the third failure closes the connection with 4401.
public struct AuthFailed: Codable, Hashable, Sendable {
    public let error: ErrorCode
    public let message: String
    public let details: ErrorDetails?

    private enum CodingKeys: String, CodingKey {
        case error
        case message
        case details
    }

    public init(
        error: ErrorCode,
        message: String,
        details: ErrorDetails? = nil
    ) {
        self.error = error
        self.message = message
        self.details = details
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        error = try container.decode(ErrorCode.self, forKey: .error)
        message = try container.decode(String.self, forKey: .message)
        details = try container.decodeIfPresent(ErrorDetails.self, forKey: .details)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(error, forKey: .error)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(details, forKey: .details)
    }
}

/// Signed in. `sessionId` names this connection, not a collaboration session. role: what the user
/// may do in the organization; when it changes, the connection is closed.
public struct AuthSuccess: Codable, Hashable, Sendable {
    public let userId: String
    public let organizationId: String
    public let sessionId: String
    public let expiresAt: Date
    public let role: String
    public let userName: String

    private enum CodingKeys: String, CodingKey {
        case userId
        case organizationId
        case sessionId
        case expiresAt
        case role
        case userName
    }

    public init(
        userId: String,
        organizationId: String,
        sessionId: String,
        expiresAt: Date,
        role: String,
        userName: String
    ) {
        self.userId = userId
        self.organizationId = organizationId
        self.sessionId = sessionId
        self.expiresAt = expiresAt
        self.role = role
        self.userName = userName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        organizationId = try container.decode(String.self, forKey: .organizationId)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        expiresAt = try container.decode(Date.self, forKey: .expiresAt)
        role = try container.decode(String.self, forKey: .role)
        userName = try container.decode(String.self, forKey: .userName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(organizationId, forKey: .organizationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(expiresAt, forKey: .expiresAt)
        try container.encode(role, forKey: .role)
        try container.encode(userName, forKey: .userName)
    }
}

/// Others' changes since the user saw the log last, as far as the user may see them. since,
/// sinceAt: the event that was seen last, and when; null where none was. sequence: the last event
/// that is told of. complete: false where not all since then is told of, but only what came after
/// the event `from`, of `fromAt` (null where it is not kept): what was before is no longer kept, or
/// too much. Of each kind `count` says how many there are, and `lines` has the newest 100; a kind
/// of which nothing happened is not there.
public struct Away: Codable, Hashable, Sendable {
    public let since: Int64?
    public let sinceAt: Date?
    public let sequence: Int64
    public let complete: Bool
    public let from: Int64?
    public let fromAt: Date?
    public let kpis: AwayKpis?
    public let alerts: AwayAlerts?
    public let notes: AwayNotes?
    public let reports: AwayReports?
    public let sessions: AwaySessions?

    private enum CodingKeys: String, CodingKey {
        case since
        case sinceAt
        case sequence
        case complete
        case from
        case fromAt
        case kpis
        case alerts
        case notes
        case reports
        case sessions
    }

    public init(
        since: Int64?,
        sinceAt: Date?,
        sequence: Int64,
        complete: Bool,
        from: Int64?,
        fromAt: Date?,
        kpis: AwayKpis? = nil,
        alerts: AwayAlerts? = nil,
        notes: AwayNotes? = nil,
        reports: AwayReports? = nil,
        sessions: AwaySessions? = nil
    ) {
        self.since = since
        self.sinceAt = sinceAt
        self.sequence = sequence
        self.complete = complete
        self.from = from
        self.fromAt = fromAt
        self.kpis = kpis
        self.alerts = alerts
        self.notes = notes
        self.reports = reports
        self.sessions = sessions
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        since = try container.decode(Int64?.self, forKey: .since)
        sinceAt = try container.decode(Date?.self, forKey: .sinceAt)
        sequence = try container.decode(Int64.self, forKey: .sequence)
        complete = try container.decode(Bool.self, forKey: .complete)
        from = try container.decode(Int64?.self, forKey: .from)
        fromAt = try container.decode(Date?.self, forKey: .fromAt)
        kpis = try container.decodeIfPresent(AwayKpis.self, forKey: .kpis)
        alerts = try container.decodeIfPresent(AwayAlerts.self, forKey: .alerts)
        notes = try container.decodeIfPresent(AwayNotes.self, forKey: .notes)
        reports = try container.decodeIfPresent(AwayReports.self, forKey: .reports)
        sessions = try container.decodeIfPresent(AwaySessions.self, forKey: .sessions)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(since, forKey: .since)
        try container.encode(sinceAt, forKey: .sinceAt)
        try container.encode(sequence, forKey: .sequence)
        try container.encode(complete, forKey: .complete)
        try container.encode(from, forKey: .from)
        try container.encode(fromAt, forKey: .fromAt)
        try container.encodeIfPresent(kpis, forKey: .kpis)
        try container.encodeIfPresent(alerts, forKey: .alerts)
        try container.encodeIfPresent(notes, forKey: .notes)
        try container.encodeIfPresent(reports, forKey: .reports)
        try container.encodeIfPresent(sessions, forKey: .sessions)
    }
}

/// An alert that was raised, or resolved, and what has become of it.
public struct AwayAlert: Codable, Hashable, Sendable {
    public let alertId: String
    public let kpiId: String
    public let severity: String
    public let message: String
    public let state: String
    public let raisedAt: Date
    public let resolvedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case alertId
        case kpiId
        case severity
        case message
        case state
        case raisedAt
        case resolvedAt
    }

    public init(
        alertId: String,
        kpiId: String,
        severity: String,
        message: String,
        state: String,
        raisedAt: Date,
        resolvedAt: Date?
    ) {
        self.alertId = alertId
        self.kpiId = kpiId
        self.severity = severity
        self.message = message
        self.state = state
        self.raisedAt = raisedAt
        self.resolvedAt = resolvedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        alertId = try container.decode(String.self, forKey: .alertId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        severity = try container.decode(String.self, forKey: .severity)
        message = try container.decode(String.self, forKey: .message)
        state = try container.decode(String.self, forKey: .state)
        raisedAt = try container.decode(Date.self, forKey: .raisedAt)
        resolvedAt = try container.decode(Date?.self, forKey: .resolvedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(alertId, forKey: .alertId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(severity, forKey: .severity)
        try container.encode(message, forKey: .message)
        try container.encode(state, forKey: .state)
        try container.encode(raisedAt, forKey: .raisedAt)
        try container.encode(resolvedAt, forKey: .resolvedAt)
    }
}

/// The alerts that were raised or resolved. resolved: how many of them are by now.
public struct AwayAlerts: Codable, Hashable, Sendable {
    public let count: Int64
    public let resolved: Int64
    public let lines: [AwayAlert]

    private enum CodingKeys: String, CodingKey {
        case count
        case resolved
        case lines
    }

    public init(
        count: Int64,
        resolved: Int64,
        lines: [AwayAlert]
    ) {
        self.count = count
        self.resolved = resolved
        self.lines = lines
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        count = try container.decode(Int64.self, forKey: .count)
        resolved = try container.decode(Int64.self, forKey: .resolved)
        lines = try container.decode([AwayAlert].self, forKey: .lines)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(resolved, forKey: .resolved)
        try container.encode(lines, forKey: .lines)
    }
}

/// A KPI whose value was set, once: what it was before and what it is now. from: null where it had
/// no value, or none is kept. changes: how often it was set.
public struct AwayKpi: Codable, Hashable, Sendable {
    public let kpiId: String
    public let name: String
    public let unit: String
    public let from: Double?
    public let to: Double?
    public let changes: Int64
    public let at: Date

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case name
        case unit
        case from
        case to
        case changes
        case at
    }

    public init(
        kpiId: String,
        name: String,
        unit: String,
        from: Double?,
        to: Double?,
        changes: Int64,
        at: Date
    ) {
        self.kpiId = kpiId
        self.name = name
        self.unit = unit
        self.from = from
        self.to = to
        self.changes = changes
        self.at = at
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        name = try container.decode(String.self, forKey: .name)
        unit = try container.decode(String.self, forKey: .unit)
        from = try container.decode(Double?.self, forKey: .from)
        to = try container.decode(Double?.self, forKey: .to)
        changes = try container.decode(Int64.self, forKey: .changes)
        at = try container.decode(Date.self, forKey: .at)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(changes, forKey: .changes)
        try container.encode(at, forKey: .at)
    }
}

/// The KPIs whose values were set; `lines` has those set last.
public struct AwayKpis: Codable, Hashable, Sendable {
    public let count: Int64
    public let lines: [AwayKpi]

    private enum CodingKeys: String, CodingKey {
        case count
        case lines
    }

    public init(
        count: Int64,
        lines: [AwayKpi]
    ) {
        self.count = count
        self.lines = lines
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        count = try container.decode(Int64.self, forKey: .count)
        lines = try container.decode([AwayKpi].self, forKey: .lines)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(lines, forKey: .lines)
    }
}

/// A note that somebody else wrote. content: its beginning. entityType, entityId: what it is on, or
/// points at. mentionsMe: whether it mentions the user.
public struct AwayNote: Codable, Hashable, Sendable {
    public let annotationId: String
    public let sessionId: String?
    public let parentId: String?
    public let authorId: String
    public let authorName: String
    public let content: String
    public let contentType: String
    public let entityType: String?
    public let entityId: String?
    public let mentionsMe: Bool
    public let createdAt: Date

    private enum CodingKeys: String, CodingKey {
        case annotationId
        case sessionId
        case parentId
        case authorId
        case authorName
        case content
        case contentType
        case entityType
        case entityId
        case mentionsMe
        case createdAt
    }

    public init(
        annotationId: String,
        sessionId: String?,
        parentId: String?,
        authorId: String,
        authorName: String,
        content: String,
        contentType: String,
        entityType: String?,
        entityId: String?,
        mentionsMe: Bool,
        createdAt: Date
    ) {
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.parentId = parentId
        self.authorId = authorId
        self.authorName = authorName
        self.content = content
        self.contentType = contentType
        self.entityType = entityType
        self.entityId = entityId
        self.mentionsMe = mentionsMe
        self.createdAt = createdAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        parentId = try container.decode(String?.self, forKey: .parentId)
        authorId = try container.decode(String.self, forKey: .authorId)
        authorName = try container.decode(String.self, forKey: .authorName)
        content = try container.decode(String.self, forKey: .content)
        contentType = try container.decode(String.self, forKey: .contentType)
        entityType = try container.decode(String?.self, forKey: .entityType)
        entityId = try container.decode(String?.self, forKey: .entityId)
        mentionsMe = try container.decode(Bool.self, forKey: .mentionsMe)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(authorId, forKey: .authorId)
        try container.encode(authorName, forKey: .authorName)
        try container.encode(content, forKey: .content)
        try container.encode(contentType, forKey: .contentType)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(mentionsMe, forKey: .mentionsMe)
        try container.encode(createdAt, forKey: .createdAt)
    }
}

/// The notes that others wrote, and that are still there.
public struct AwayNotes: Codable, Hashable, Sendable {
    public let count: Int64
    public let lines: [AwayNote]

    private enum CodingKeys: String, CodingKey {
        case count
        case lines
    }

    public init(
        count: Int64,
        lines: [AwayNote]
    ) {
        self.count = count
        self.lines = lines
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        count = try container.decode(Int64.self, forKey: .count)
        lines = try container.decode([AwayNote].self, forKey: .lines)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(lines, forKey: .lines)
    }
}

/// A report that was made. departmentId: null for one of the whole organization.
public struct AwayReport: Codable, Hashable, Sendable {
    public let reportId: String
    public let departmentId: String?
    public let from: String
    public let to: String
    public let format: String
    public let url: String
    public let createdAt: Date
    public let expiresAt: Date

    private enum CodingKeys: String, CodingKey {
        case reportId
        case departmentId
        case from
        case to
        case format
        case url
        case createdAt
        case expiresAt
    }

    public init(
        reportId: String,
        departmentId: String?,
        from: String,
        to: String,
        format: String,
        url: String,
        createdAt: Date,
        expiresAt: Date
    ) {
        self.reportId = reportId
        self.departmentId = departmentId
        self.from = from
        self.to = to
        self.format = format
        self.url = url
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        reportId = try container.decode(String.self, forKey: .reportId)
        departmentId = try container.decode(String?.self, forKey: .departmentId)
        from = try container.decode(String.self, forKey: .from)
        to = try container.decode(String.self, forKey: .to)
        format = try container.decode(String.self, forKey: .format)
        url = try container.decode(String.self, forKey: .url)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        expiresAt = try container.decode(Date.self, forKey: .expiresAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(reportId, forKey: .reportId)
        try container.encode(departmentId, forKey: .departmentId)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(format, forKey: .format)
        try container.encode(url, forKey: .url)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(expiresAt, forKey: .expiresAt)
    }
}

/// The reports that were made.
public struct AwayReports: Codable, Hashable, Sendable {
    public let count: Int64
    public let lines: [AwayReport]

    private enum CodingKeys: String, CodingKey {
        case count
        case lines
    }

    public init(
        count: Int64,
        lines: [AwayReport]
    ) {
        self.count = count
        self.lines = lines
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        count = try container.decode(Int64.self, forKey: .count)
        lines = try container.decode([AwayReport].self, forKey: .lines)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(lines, forKey: .lines)
    }
}

/// A session that others opened or ended. endedAt: null while it runs.
public struct AwaySession: Codable, Hashable, Sendable {
    public let sessionId: String
    public let title: String
    public let hostId: String
    public let createdAt: Date
    public let endedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case title
        case hostId
        case createdAt
        case endedAt
    }

    public init(
        sessionId: String,
        title: String,
        hostId: String,
        createdAt: Date,
        endedAt: Date?
    ) {
        self.sessionId = sessionId
        self.title = title
        self.hostId = hostId
        self.createdAt = createdAt
        self.endedAt = endedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        title = try container.decode(String.self, forKey: .title)
        hostId = try container.decode(String.self, forKey: .hostId)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        endedAt = try container.decode(Date?.self, forKey: .endedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(title, forKey: .title)
        try container.encode(hostId, forKey: .hostId)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(endedAt, forKey: .endedAt)
    }
}

/// The sessions that others opened or ended.
public struct AwaySessions: Codable, Hashable, Sendable {
    public let count: Int64
    public let lines: [AwaySession]

    private enum CodingKeys: String, CodingKey {
        case count
        case lines
    }

    public init(
        count: Int64,
        lines: [AwaySession]
    ) {
        self.count = count
        self.lines = lines
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        count = try container.decode(Int64.self, forKey: .count)
        lines = try container.decode([AwaySession].self, forKey: .lines)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(lines, forKey: .lines)
    }
}

/// A field that was changed, in words. before, after: null where it is empty, or not told.
public struct ChangedField: Codable, Hashable, Sendable {
    public let name: String
    public let before: String?
    public let after: String?

    private enum CodingKeys: String, CodingKey {
        case name
        case before
        case after
    }

    public init(
        name: String,
        before: String?,
        after: String?
    ) {
        self.name = name
        self.before = before
        self.after = after
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        before = try container.decode(String?.self, forKey: .before)
        after = try container.decode(String?.self, forKey: .after)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(before, forKey: .before)
        try container.encode(after, forKey: .after)
    }
}

/// Where a participant points, and what they look at.
public struct Cursor: Codable, Hashable, Sendable {
    public let position: Position
    public let focusedEntity: EntityRef?

    private enum CodingKeys: String, CodingKey {
        case position
        case focusedEntity
    }

    public init(
        position: Position,
        focusedEntity: EntityRef? = nil
    ) {
        self.position = position
        self.focusedEntity = focusedEntity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        position = try container.decode(Position.self, forKey: .position)
        focusedEntity = try container.decodeIfPresent(EntityRef.self, forKey: .focusedEntity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(position, forKey: .position)
        try container.encodeIfPresent(focusedEntity, forKey: .focusedEntity)
    }
}

/// Show where you point and what you look at; at most ten times a second.
public struct CursorMove: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String
    public var position: Position
    public var focusedEntity: EntityRef?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case position
        case focusedEntity
    }

    public init(
        sessionId: String,
        position: Position,
        focusedEntity: EntityRef? = nil
    ) {
        self.sessionId = sessionId
        self.position = position
        self.focusedEntity = focusedEntity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        position = try container.decode(Position.self, forKey: .position)
        focusedEntity = try container.decodeIfPresent(EntityRef.self, forKey: .focusedEntity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(position, forKey: .position)
        try container.encodeIfPresent(focusedEntity, forKey: .focusedEntity)
    }
}

/// Where another participant points; never one's own, and not kept.
public struct CursorMoved: Codable, Hashable, Sendable {
    public let userId: String
    public let position: Position
    public let sessionId: String
    public let focusedEntity: EntityRef?

    private enum CodingKeys: String, CodingKey {
        case userId
        case position
        case sessionId
        case focusedEntity
    }

    public init(
        userId: String,
        position: Position,
        sessionId: String,
        focusedEntity: EntityRef? = nil
    ) {
        self.userId = userId
        self.position = position
        self.sessionId = sessionId
        self.focusedEntity = focusedEntity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        position = try container.decode(Position.self, forKey: .position)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        focusedEntity = try container.decodeIfPresent(EntityRef.self, forKey: .focusedEntity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(position, forKey: .position)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encodeIfPresent(focusedEntity, forKey: .focusedEntity)
    }
}

/// A department. Shown by `organization:` and `department:`.
public struct DepartmentData: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var parentId: String?
    public var updatedAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case name
        case parentId
        case updatedAt
    }

    public init(
        id: String,
        name: String,
        parentId: String?,
        updatedAt: Date
    ) {
        self.id = id
        self.name = name
        self.parentId = parentId
        self.updatedAt = updatedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        name = try container.decode(String.self, forKey: .name)
        parentId = try container.decode(String?.self, forKey: .parentId)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(updatedAt, forKey: .updatedAt)
    }
}

/// A department was changed. A SYNC_UPDATE with the same `sequence` follows.
public struct DepartmentUpdated: Codable, Hashable, Sendable {
    public let departmentId: String
    public let name: String
    public let parentId: String?
    public let updatedBy: String
    public let updatedAt: Date
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case departmentId
        case name
        case parentId
        case updatedBy
        case updatedAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        departmentId: String,
        name: String,
        parentId: String?,
        updatedBy: String,
        updatedAt: Date,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.departmentId = departmentId
        self.name = name
        self.parentId = parentId
        self.updatedBy = updatedBy
        self.updatedAt = updatedAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        departmentId = try container.decode(String.self, forKey: .departmentId)
        name = try container.decode(String.self, forKey: .name)
        parentId = try container.decode(String?.self, forKey: .parentId)
        updatedBy = try container.decode(String.self, forKey: .updatedBy)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(departmentId, forKey: .departmentId)
        try container.encode(name, forKey: .name)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(updatedBy, forKey: .updatedBy)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// An employee, who may be a user. Shown by `organization:` and `department:`.
public struct EmployeeData: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var title: String
    public var email: String
    public var departmentId: String?
    public var userId: String?
    public var updatedAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case name
        case title
        case email
        case departmentId
        case userId
        case updatedAt
    }

    public init(
        id: String,
        name: String,
        title: String,
        email: String,
        departmentId: String?,
        userId: String?,
        updatedAt: Date
    ) {
        self.id = id
        self.name = name
        self.title = title
        self.email = email
        self.departmentId = departmentId
        self.userId = userId
        self.updatedAt = updatedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        name = try container.decode(String.self, forKey: .name)
        title = try container.decode(String.self, forKey: .title)
        email = try container.decode(String.self, forKey: .email)
        departmentId = try container.decode(String?.self, forKey: .departmentId)
        userId = try container.decode(String?.self, forKey: .userId)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(title, forKey: .title)
        try container.encode(email, forKey: .email)
        try container.encode(departmentId, forKey: .departmentId)
        try container.encode(userId, forKey: .userId)
        try container.encode(updatedAt, forKey: .updatedAt)
    }
}

/// An employee was changed. A SYNC_UPDATE with the same `sequence` follows.
public struct EmployeeUpdated: Codable, Hashable, Sendable {
    public let employeeId: String
    public let name: String
    public let title: String
    public let email: String
    public let departmentId: String?
    public let userId: String?
    public let updatedBy: String
    public let updatedAt: Date
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case employeeId
        case name
        case title
        case email
        case departmentId
        case userId
        case updatedBy
        case updatedAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        employeeId: String,
        name: String,
        title: String,
        email: String,
        departmentId: String?,
        userId: String?,
        updatedBy: String,
        updatedAt: Date,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.employeeId = employeeId
        self.name = name
        self.title = title
        self.email = email
        self.departmentId = departmentId
        self.userId = userId
        self.updatedBy = updatedBy
        self.updatedAt = updatedAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        employeeId = try container.decode(String.self, forKey: .employeeId)
        name = try container.decode(String.self, forKey: .name)
        title = try container.decode(String.self, forKey: .title)
        email = try container.decode(String.self, forKey: .email)
        departmentId = try container.decode(String?.self, forKey: .departmentId)
        userId = try container.decode(String?.self, forKey: .userId)
        updatedBy = try container.decode(String.self, forKey: .updatedBy)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(employeeId, forKey: .employeeId)
        try container.encode(name, forKey: .name)
        try container.encode(title, forKey: .title)
        try container.encode(email, forKey: .email)
        try container.encode(departmentId, forKey: .departmentId)
        try container.encode(userId, forKey: .userId)
        try container.encode(updatedBy, forKey: .updatedBy)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// The entity that a note is pinned to or a user looks at: {"type": "kpi", "id": "kpi-123"}.
public struct EntityRef: Codable, Hashable, Sendable {
    public var type: String
    /// An opaque id.
    public var id: String

    private enum CodingKeys: String, CodingKey {
        case type
        case id
    }

    public init(
        type: String,
        id: String
    ) {
        self.type = type
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(String.self, forKey: .type)
        id = try container.decode(String.self, forKey: .id)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(id, forKey: .id)
    }
}

/// A request was refused; nothing was changed.
public struct ErrorMessage: Codable, Hashable, Sendable {
    public let code: ErrorCode
    public let message: String
    public let details: ErrorDetails?

    private enum CodingKeys: String, CodingKey {
        case code
        case message
        case details
    }

    public init(
        code: ErrorCode,
        message: String,
        details: ErrorDetails? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        code = try container.decode(ErrorCode.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        details = try container.decodeIfPresent(ErrorDetails.self, forKey: .details)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(details, forKey: .details)
    }
}

/// Details of an error besides its code, by the names on the wire; each has what fits it. field:
/// which field is wrong, and reason: why. hint: what to do instead. type: of the request. channel,
/// requestId, and ids that features declare: which one is meant. limit, window, retryAfter (whole
/// seconds), scope: how much there may be, in which time, when there is room again, and whose limit
/// it is. outcome: `unknown` where it may have been done. closeCode: the connection is closed with
/// this code.
public struct ErrorDetails: Codable, Hashable, Sendable {
    public let channel: String?
    public let closeCode: Int64?
    public let field: String?
    public let hint: String?
    public let limit: Int64?
    public let outcome: ErrorDetailsOutcome?
    public let reason: String?
    public let requestId: String?
    public let retryAfter: Int64?
    public let scope: String?
    public let type: String?
    public let window: String?
    /// An opaque id.
    public let alertId: String?
    /// An opaque id.
    public let annotationId: String?
    /// An opaque id.
    public let kpiId: String?
    /// An opaque id.
    public let notificationId: String?
    /// An opaque id.
    public let sessionId: String?

    private enum CodingKeys: String, CodingKey {
        case channel
        case closeCode
        case field
        case hint
        case limit
        case outcome
        case reason
        case requestId
        case retryAfter
        case scope
        case type
        case window
        case alertId
        case annotationId
        case kpiId
        case notificationId
        case sessionId
    }

    public init(
        channel: String? = nil,
        closeCode: Int64? = nil,
        field: String? = nil,
        hint: String? = nil,
        limit: Int64? = nil,
        outcome: ErrorDetailsOutcome? = nil,
        reason: String? = nil,
        requestId: String? = nil,
        retryAfter: Int64? = nil,
        scope: String? = nil,
        type: String? = nil,
        window: String? = nil,
        alertId: String? = nil,
        annotationId: String? = nil,
        kpiId: String? = nil,
        notificationId: String? = nil,
        sessionId: String? = nil
    ) {
        self.channel = channel
        self.closeCode = closeCode
        self.field = field
        self.hint = hint
        self.limit = limit
        self.outcome = outcome
        self.reason = reason
        self.requestId = requestId
        self.retryAfter = retryAfter
        self.scope = scope
        self.type = type
        self.window = window
        self.alertId = alertId
        self.annotationId = annotationId
        self.kpiId = kpiId
        self.notificationId = notificationId
        self.sessionId = sessionId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channel = try container.decodeIfPresent(String.self, forKey: .channel)
        closeCode = try container.decodeIfPresent(Int64.self, forKey: .closeCode)
        field = try container.decodeIfPresent(String.self, forKey: .field)
        hint = try container.decodeIfPresent(String.self, forKey: .hint)
        limit = try container.decodeIfPresent(Int64.self, forKey: .limit)
        outcome = try container.decodeIfPresent(ErrorDetailsOutcome.self, forKey: .outcome)
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
        requestId = try container.decodeIfPresent(String.self, forKey: .requestId)
        retryAfter = try container.decodeIfPresent(Int64.self, forKey: .retryAfter)
        scope = try container.decodeIfPresent(String.self, forKey: .scope)
        type = try container.decodeIfPresent(String.self, forKey: .type)
        window = try container.decodeIfPresent(String.self, forKey: .window)
        alertId = try container.decodeIfPresent(String.self, forKey: .alertId)
        annotationId = try container.decodeIfPresent(String.self, forKey: .annotationId)
        kpiId = try container.decodeIfPresent(String.self, forKey: .kpiId)
        notificationId = try container.decodeIfPresent(String.self, forKey: .notificationId)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(channel, forKey: .channel)
        try container.encodeIfPresent(closeCode, forKey: .closeCode)
        try container.encodeIfPresent(field, forKey: .field)
        try container.encodeIfPresent(hint, forKey: .hint)
        try container.encodeIfPresent(limit, forKey: .limit)
        try container.encodeIfPresent(outcome, forKey: .outcome)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(requestId, forKey: .requestId)
        try container.encodeIfPresent(retryAfter, forKey: .retryAfter)
        try container.encodeIfPresent(scope, forKey: .scope)
        try container.encodeIfPresent(type, forKey: .type)
        try container.encodeIfPresent(window, forKey: .window)
        try container.encodeIfPresent(alertId, forKey: .alertId)
        try container.encodeIfPresent(annotationId, forKey: .annotationId)
        try container.encodeIfPresent(kpiId, forKey: .kpiId)
        try container.encodeIfPresent(notificationId, forKey: .notificationId)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
    }
}

/// The figures that a recommendation rests on: of the day it speaks of, and of the horizon.
/// certain: whether even the better bound misses the target. horizon: how many days are forecast.
public struct Evidence: Codable, Hashable, Sendable {
    public let date: String
    public let expected: Double
    public let lower: Double
    public let upper: Double
    public let target: Double
    public let direction: KpiDirection
    public let certain: Bool
    public let daysMissed: Int64
    public let horizon: Int64

    private enum CodingKeys: String, CodingKey {
        case date
        case expected
        case lower
        case upper
        case target
        case direction
        case certain
        case daysMissed
        case horizon
    }

    public init(
        date: String,
        expected: Double,
        lower: Double,
        upper: Double,
        target: Double,
        direction: KpiDirection,
        certain: Bool,
        daysMissed: Int64,
        horizon: Int64
    ) {
        self.date = date
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.target = target
        self.direction = direction
        self.certain = certain
        self.daysMissed = daysMissed
        self.horizon = horizon
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        date = try container.decode(String.self, forKey: .date)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
        target = try container.decode(Double.self, forKey: .target)
        direction = try container.decode(KpiDirection.self, forKey: .direction)
        certain = try container.decode(Bool.self, forKey: .certain)
        daysMissed = try container.decode(Int64.self, forKey: .daysMissed)
        horizon = try container.decode(Int64.self, forKey: .horizon)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(date, forKey: .date)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
        try container.encode(target, forKey: .target)
        try container.encode(direction, forKey: .direction)
        try container.encode(certain, forKey: .certain)
        try container.encode(daysMissed, forKey: .daysMissed)
        try container.encode(horizon, forKey: .horizon)
    }
}

/// One point of a forecast.
public struct Interval: Codable, Hashable, Sendable {
    public let date: String
    public let expected: Double
    public let lower: Double
    public let upper: Double

    private enum CodingKeys: String, CodingKey {
        case date
        case expected
        case lower
        case upper
    }

    public init(
        date: String,
        expected: Double,
        lower: Double,
        upper: Double
    ) {
        self.date = date
        self.expected = expected
        self.lower = lower
        self.upper = upper
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        date = try container.decode(String.self, forKey: .date)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(date, forKey: .date)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
    }
}

/// An invitation to a session that runs. Shown by `user:`.
public struct InvitationData: Codable, Hashable, Sendable {
    public var id: String
    public var sessionId: String
    public var title: String

    private enum CodingKeys: String, CodingKey {
        case id
        case sessionId
        case title
    }

    public init(
        id: String,
        sessionId: String,
        title: String
    ) {
        self.id = id
        self.sessionId = sessionId
        self.title = title
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        title = try container.decode(String.self, forKey: .title)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(title, forKey: .title)
    }
}

/// A session as the user sees it who joins. annotations: the newest that fit into the message,
/// oldest first; annotationCount: how many there are.
public struct JoinedSession: Codable, Hashable, Sendable {
    public let sessionId: String
    public let title: String
    public let hostId: String
    public let activeSpace: String
    public let maxParticipants: Int64
    public let createdAt: Date
    public let participants: [PresentParticipant]
    public let annotations: [AnnotationData]
    public let annotationCount: Int64
    public let annotationsComplete: Bool
    public let annotationsRest: NotesRequest?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case title
        case hostId
        case activeSpace
        case maxParticipants
        case createdAt
        case participants
        case annotations
        case annotationCount
        case annotationsComplete
        case annotationsRest
    }

    public init(
        sessionId: String,
        title: String,
        hostId: String,
        activeSpace: String,
        maxParticipants: Int64,
        createdAt: Date,
        participants: [PresentParticipant],
        annotations: [AnnotationData],
        annotationCount: Int64,
        annotationsComplete: Bool,
        annotationsRest: NotesRequest? = nil
    ) {
        self.sessionId = sessionId
        self.title = title
        self.hostId = hostId
        self.activeSpace = activeSpace
        self.maxParticipants = maxParticipants
        self.createdAt = createdAt
        self.participants = participants
        self.annotations = annotations
        self.annotationCount = annotationCount
        self.annotationsComplete = annotationsComplete
        self.annotationsRest = annotationsRest
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        title = try container.decode(String.self, forKey: .title)
        hostId = try container.decode(String.self, forKey: .hostId)
        activeSpace = try container.decode(String.self, forKey: .activeSpace)
        maxParticipants = try container.decode(Int64.self, forKey: .maxParticipants)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        participants = try container.decode([PresentParticipant].self, forKey: .participants)
        annotations = try container.decode([AnnotationData].self, forKey: .annotations)
        annotationCount = try container.decode(Int64.self, forKey: .annotationCount)
        annotationsComplete = try container.decode(Bool.self, forKey: .annotationsComplete)
        annotationsRest = try container.decodeIfPresent(NotesRequest.self, forKey: .annotationsRest)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(title, forKey: .title)
        try container.encode(hostId, forKey: .hostId)
        try container.encode(activeSpace, forKey: .activeSpace)
        try container.encode(maxParticipants, forKey: .maxParticipants)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(participants, forKey: .participants)
        try container.encode(annotations, forKey: .annotations)
        try container.encode(annotationCount, forKey: .annotationCount)
        try container.encode(annotationsComplete, forKey: .annotationsComplete)
        try container.encodeIfPresent(annotationsRest, forKey: .annotationsRest)
    }
}

/// A KPI. Shown by `organization:` (unless it is restricted to its department), `department:` and
/// `kpi:`.
public struct KpiData: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var key: String
    public var unit: String
    public var value: Double?
    public var target: Double?
    public var direction: KpiDirection
    public var departmentId: String?
    public var ownerId: String?
    public var visibility: KpiVisibility
    public var updatedAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case name
        case key
        case unit
        case value
        case target
        case direction
        case departmentId
        case ownerId
        case visibility
        case updatedAt
    }

    public init(
        id: String,
        name: String,
        key: String,
        unit: String,
        value: Double?,
        target: Double?,
        direction: KpiDirection,
        departmentId: String?,
        ownerId: String?,
        visibility: KpiVisibility,
        updatedAt: Date
    ) {
        self.id = id
        self.name = name
        self.key = key
        self.unit = unit
        self.value = value
        self.target = target
        self.direction = direction
        self.departmentId = departmentId
        self.ownerId = ownerId
        self.visibility = visibility
        self.updatedAt = updatedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        name = try container.decode(String.self, forKey: .name)
        key = try container.decode(String.self, forKey: .key)
        unit = try container.decode(String.self, forKey: .unit)
        value = try container.decode(Double?.self, forKey: .value)
        target = try container.decode(Double?.self, forKey: .target)
        direction = try container.decode(KpiDirection.self, forKey: .direction)
        departmentId = try container.decode(String?.self, forKey: .departmentId)
        ownerId = try container.decode(String?.self, forKey: .ownerId)
        visibility = try container.decode(KpiVisibility.self, forKey: .visibility)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(key, forKey: .key)
        try container.encode(unit, forKey: .unit)
        try container.encode(value, forKey: .value)
        try container.encode(target, forKey: .target)
        try container.encode(direction, forKey: .direction)
        try container.encode(departmentId, forKey: .departmentId)
        try container.encode(ownerId, forKey: .ownerId)
        try container.encode(visibility, forKey: .visibility)
        try container.encode(updatedAt, forKey: .updatedAt)
    }
}

/// Set a KPI's value. By its owner, a manager or an admin.
public struct KpiUpdate: Codable, Hashable, Sendable {
    /// An opaque id.
    public var kpiId: String
    /// Below 10^15 in size, at most 15 significant digits, 4 of them decimals.
    public var value: Double

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case value
    }

    public init(
        kpiId: String,
        value: Double
    ) {
        self.kpiId = kpiId
        self.value = value
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        value = try container.decode(Double.self, forKey: .value)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(value, forKey: .value)
    }
}

/// A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI. measuredAt:
/// the time of the value, if it was reported later (by an import).
public struct KpiUpdated: Codable, Hashable, Sendable {
    public let kpiId: String
    public let value: Double
    public let updatedBy: String
    public let updatedAt: Date
    public let measuredAt: Date?
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case value
        case updatedBy
        case updatedAt
        case measuredAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        kpiId: String,
        value: Double,
        updatedBy: String,
        updatedAt: Date,
        measuredAt: Date? = nil,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.kpiId = kpiId
        self.value = value
        self.updatedBy = updatedBy
        self.updatedAt = updatedAt
        self.measuredAt = measuredAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        value = try container.decode(Double.self, forKey: .value)
        updatedBy = try container.decode(String.self, forKey: .updatedBy)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
        measuredAt = try container.decodeIfPresent(Date.self, forKey: .measuredAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(value, forKey: .value)
        try container.encode(updatedBy, forKey: .updatedBy)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encodeIfPresent(measuredAt, forKey: .measuredAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The answer
/// to a request repeats it. looking: false where that user looks at it on no device any more. An
/// end that is lost with a killed server is not told: see PRESENCE.
public struct Looked: Codable, Hashable, Sendable {
    public let userId: String
    public let userName: String
    public let entity: EntityRef?
    public let looking: Bool

    private enum CodingKeys: String, CodingKey {
        case userId
        case userName
        case entity
        case looking
    }

    public init(
        userId: String,
        userName: String,
        entity: EntityRef?,
        looking: Bool
    ) {
        self.userId = userId
        self.userName = userName
        self.entity = entity
        self.looking = looking
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        entity = try container.decode(EntityRef?.self, forKey: .entity)
        looking = try container.decode(Bool.self, forKey: .looking)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(entity, forKey: .entity)
        try container.encode(looking, forKey: .looking)
    }
}

/// Say what you look at now: a KPI (`kpi`) or a department (`department`) that you may see; null:
/// at none any more. It holds until the next one, or the end of the connection.
public struct Looking: Codable, Hashable, Sendable {
    public var entity: EntityRef?

    private enum CodingKeys: String, CodingKey {
        case entity
    }

    public init(
        entity: EntityRef? = nil
    ) {
        self.entity = entity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entity = try container.decodeIfPresent(EntityRef.self, forKey: .entity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(entity, forKey: .entity)
    }
}

/// A user, and what they look at.
public struct LookingAt: Codable, Hashable, Sendable {
    public let userId: String
    public let userName: String
    public let entity: EntityRef

    private enum CodingKeys: String, CodingKey {
        case userId
        case userName
        case entity
    }

    public init(
        userId: String,
        userName: String,
        entity: EntityRef
    ) {
        self.userId = userId
        self.userName = userName
        self.entity = entity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        entity = try container.decode(EntityRef.self, forKey: .entity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(entity, forKey: .entity)
    }
}

/// The request by which all notes of a session come; send it as it is, with a requestId.
public struct NotesRequest: Codable, Hashable, Sendable {
    public let type: NotesRequestType
    public let payload: NotesRequestPayload

    private enum CodingKeys: String, CodingKey {
        case type
        case payload
    }

    public init(
        type: NotesRequestType,
        payload: NotesRequestPayload
    ) {
        self.type = type
        self.payload = payload
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(NotesRequestType.self, forKey: .type)
        payload = try container.decode(NotesRequestPayload.self, forKey: .payload)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(payload, forKey: .payload)
    }
}

/// The session's channel, without a cursor: all that it shows.
public struct NotesRequestPayload: Codable, Hashable, Sendable {
    public let channels: [String]

    private enum CodingKeys: String, CodingKey {
        case channels
    }

    public init(
        channels: [String]
    ) {
        self.channels = channels
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
    }
}

/// A notice to one user, kept until it is read.
public struct NotificationMessage: Codable, Hashable, Sendable {
    public let notificationId: String
    public let category: String
    public let title: String
    public let message: String
    public let data: NotificationSubject
    public let createdAt: Date
    public let readAt: Date?
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case notificationId
        case category
        case title
        case message
        case data
        case createdAt
        case readAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        notificationId: String,
        category: String,
        title: String,
        message: String,
        data: NotificationSubject,
        createdAt: Date,
        readAt: Date?,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.notificationId = notificationId
        self.category = category
        self.title = title
        self.message = message
        self.data = data
        self.createdAt = createdAt
        self.readAt = readAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        notificationId = try container.decode(String.self, forKey: .notificationId)
        category = try container.decode(String.self, forKey: .category)
        title = try container.decode(String.self, forKey: .title)
        message = try container.decode(String.self, forKey: .message)
        data = try container.decode(NotificationSubject.self, forKey: .data)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        readAt = try container.decode(Date?.self, forKey: .readAt)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(notificationId, forKey: .notificationId)
        try container.encode(category, forKey: .category)
        try container.encode(title, forKey: .title)
        try container.encode(message, forKey: .message)
        try container.encode(data, forKey: .data)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(readAt, forKey: .readAt)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Something that one user should know. Shown by `user:` until it is read.
public struct NotificationData: Codable, Hashable, Sendable {
    public var id: String
    public var category: String
    public var title: String
    public var message: String
    public var data: NotificationSubject
    public var createdAt: Date
    public var readAt: Date?

    private enum CodingKeys: String, CodingKey {
        case id
        case category
        case title
        case message
        case data
        case createdAt
        case readAt
    }

    public init(
        id: String,
        category: String,
        title: String,
        message: String,
        data: NotificationSubject,
        createdAt: Date,
        readAt: Date?
    ) {
        self.id = id
        self.category = category
        self.title = title
        self.message = message
        self.data = data
        self.createdAt = createdAt
        self.readAt = readAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        category = try container.decode(String.self, forKey: .category)
        title = try container.decode(String.self, forKey: .title)
        message = try container.decode(String.self, forKey: .message)
        data = try container.decode(NotificationSubject.self, forKey: .data)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        readAt = try container.decode(Date?.self, forKey: .readAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(category, forKey: .category)
        try container.encode(title, forKey: .title)
        try container.encode(message, forKey: .message)
        try container.encode(data, forKey: .data)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(readAt, forKey: .readAt)
    }
}

/// These notifications have been read.
public struct NotificationRead: Codable, Hashable, Sendable {
    public var notificationIds: [String]

    private enum CodingKeys: String, CodingKey {
        case notificationIds
    }

    public init(
        notificationIds: [String]
    ) {
        self.notificationIds = notificationIds
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        notificationIds = try container.decode([String].self, forKey: .notificationIds)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(notificationIds, forKey: .notificationIds)
    }
}

/// These notifications are marked as read: remove all of them from a map of unread ones.
public struct NotificationReadConfirmed: Codable, Hashable, Sendable {
    public let notificationIds: [String]
    public let entityType: EntityType?
    public let entityId: String?
    public let changeType: ChangeType?
    public let sequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case notificationIds
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        notificationIds: [String],
        entityType: EntityType? = nil,
        entityId: String? = nil,
        changeType: ChangeType? = nil,
        sequence: Int64? = nil
    ) {
        self.notificationIds = notificationIds
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        notificationIds = try container.decode([String].self, forKey: .notificationIds)
        entityType = try container.decodeIfPresent(EntityType.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        changeType = try container.decodeIfPresent(ChangeType.self, forKey: .changeType)
        sequence = try container.decodeIfPresent(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(notificationIds, forKey: .notificationIds)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(changeType, forKey: .changeType)
        try container.encodeIfPresent(sequence, forKey: .sequence)
    }
}

/// The subject of a notification: its category says which of these there are. alert: alertId,
/// kpiId, severity. session_invitation: sessionId, hostId. mention: annotationId, mentionedBy, the
/// note's sessionId, entityType and entityId. prediction_failed: kpiId, requestId. report_failed:
/// reportId, requestId. import_failed: importId. connector_failed: connectorId. delivery_failed:
/// none. webhook_failed: webhookId. requestId: of the request that has failed; empty where none was
/// sent with one.
public struct NotificationSubject: Codable, Hashable, Sendable {
    public let alertId: String?
    public let kpiId: String?
    public let severity: String?
    public let sessionId: String?
    public let hostId: String?
    public let reportId: String?
    public let webhookId: String?
    public let importId: String?
    public let connectorId: String?
    public let annotationId: String?
    public let mentionedBy: String?
    public let entityType: String?
    public let entityId: String?
    public let requestId: String?

    private enum CodingKeys: String, CodingKey {
        case alertId
        case kpiId
        case severity
        case sessionId
        case hostId
        case reportId
        case webhookId
        case importId
        case connectorId
        case annotationId
        case mentionedBy
        case entityType
        case entityId
        case requestId
    }

    public init(
        alertId: String? = nil,
        kpiId: String? = nil,
        severity: String? = nil,
        sessionId: String? = nil,
        hostId: String? = nil,
        reportId: String? = nil,
        webhookId: String? = nil,
        importId: String? = nil,
        connectorId: String? = nil,
        annotationId: String? = nil,
        mentionedBy: String? = nil,
        entityType: String? = nil,
        entityId: String? = nil,
        requestId: String? = nil
    ) {
        self.alertId = alertId
        self.kpiId = kpiId
        self.severity = severity
        self.sessionId = sessionId
        self.hostId = hostId
        self.reportId = reportId
        self.webhookId = webhookId
        self.importId = importId
        self.connectorId = connectorId
        self.annotationId = annotationId
        self.mentionedBy = mentionedBy
        self.entityType = entityType
        self.entityId = entityId
        self.requestId = requestId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        alertId = try container.decodeIfPresent(String.self, forKey: .alertId)
        kpiId = try container.decodeIfPresent(String.self, forKey: .kpiId)
        severity = try container.decodeIfPresent(String.self, forKey: .severity)
        sessionId = try container.decodeIfPresent(String.self, forKey: .sessionId)
        hostId = try container.decodeIfPresent(String.self, forKey: .hostId)
        reportId = try container.decodeIfPresent(String.self, forKey: .reportId)
        webhookId = try container.decodeIfPresent(String.self, forKey: .webhookId)
        importId = try container.decodeIfPresent(String.self, forKey: .importId)
        connectorId = try container.decodeIfPresent(String.self, forKey: .connectorId)
        annotationId = try container.decodeIfPresent(String.self, forKey: .annotationId)
        mentionedBy = try container.decodeIfPresent(String.self, forKey: .mentionedBy)
        entityType = try container.decodeIfPresent(String.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        requestId = try container.decodeIfPresent(String.self, forKey: .requestId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(alertId, forKey: .alertId)
        try container.encodeIfPresent(kpiId, forKey: .kpiId)
        try container.encodeIfPresent(severity, forKey: .severity)
        try container.encodeIfPresent(sessionId, forKey: .sessionId)
        try container.encodeIfPresent(hostId, forKey: .hostId)
        try container.encodeIfPresent(reportId, forKey: .reportId)
        try container.encodeIfPresent(webhookId, forKey: .webhookId)
        try container.encodeIfPresent(importId, forKey: .importId)
        try container.encodeIfPresent(connectorId, forKey: .connectorId)
        try container.encodeIfPresent(annotationId, forKey: .annotationId)
        try container.encodeIfPresent(mentionedBy, forKey: .mentionedBy)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(requestId, forKey: .requestId)
    }
}

/// An organization. Shown by `organization:`.
public struct OrganizationData: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var updatedAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case name
        case updatedAt
    }

    public init(
        id: String,
        name: String,
        updatedAt: Date
    ) {
        self.id = id
        self.name = name
        self.updatedAt = updatedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        name = try container.decode(String.self, forKey: .name)
        updatedAt = try container.decode(Date.self, forKey: .updatedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(updatedAt, forKey: .updatedAt)
    }
}

/// A user who takes part in a session. Shown by `session:`.
public struct ParticipantData: Codable, Hashable, Sendable {
    public var id: String
    public var sessionId: String
    public var userId: String
    public var userName: String
    public var state: ParticipantState
    public var role: ParticipantRole
    public var joinedAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case sessionId
        case userId
        case userName
        case state
        case role
        case joinedAt
    }

    public init(
        id: String,
        sessionId: String,
        userId: String,
        userName: String,
        state: ParticipantState,
        role: ParticipantRole,
        joinedAt: Date
    ) {
        self.id = id
        self.sessionId = sessionId
        self.userId = userId
        self.userName = userName
        self.state = state
        self.role = role
        self.joinedAt = joinedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        state = try container.decode(ParticipantState.self, forKey: .state)
        role = try container.decode(ParticipantRole.self, forKey: .role)
        joinedAt = try container.decode(Date.self, forKey: .joinedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(state, forKey: .state)
        try container.encode(role, forKey: .role)
        try container.encode(joinedAt, forKey: .joinedAt)
    }
}

/// A participant's state or role has changed.
public struct ParticipantUpdate: Codable, Hashable, Sendable {
    public let sessionId: String
    public let userId: String
    public let state: ParticipantState
    public let role: ParticipantRole
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case userId
        case state
        case role
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        sessionId: String,
        userId: String,
        state: ParticipantState,
        role: ParticipantRole,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.sessionId = sessionId
        self.userId = userId
        self.state = state
        self.role = role
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userId = try container.decode(String.self, forKey: .userId)
        state = try container.decode(ParticipantState.self, forKey: .state)
        role = try container.decode(ParticipantRole.self, forKey: .role)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userId, forKey: .userId)
        try container.encode(state, forKey: .state)
        try container.encode(role, forKey: .role)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// A point in the shared space: {"x": 1.5, "y": 0.8, "z": -2.0}, metres.
public struct Position: Codable, Hashable, Sendable {
    public var x: Double
    public var y: Double
    public var z: Double

    private enum CodingKeys: String, CodingKey {
        case x
        case y
        case z
    }

    public init(
        x: Double,
        y: Double,
        z: Double
    ) {
        self.x = x
        self.y = y
        self.z = z
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        x = try container.decode(Double.self, forKey: .x)
        y = try container.decode(Double.self, forKey: .y)
        z = try container.decode(Double.self, forKey: .z)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(x, forKey: .x)
        try container.encode(y, forKey: .y)
        try container.encode(z, forKey: .z)
    }
}

/// A KPI's newest forecast. Shown where its KPI is.
public struct PredictionData: Codable, Hashable, Sendable {
    public var kind: InsightKind
    public var id: String
    public var kpiId: String
    public var horizon: Int64
    public var points: [Interval]
    public var method: String
    public var createdAt: Date

    private enum CodingKeys: String, CodingKey {
        case kind
        case id
        case kpiId
        case horizon
        case points
        case method
        case createdAt
    }

    public init(
        kind: InsightKind,
        id: String,
        kpiId: String,
        horizon: Int64,
        points: [Interval],
        method: String,
        createdAt: Date
    ) {
        self.kind = kind
        self.id = id
        self.kpiId = kpiId
        self.horizon = horizon
        self.points = points
        self.method = method
        self.createdAt = createdAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(InsightKind.self, forKey: .kind)
        id = try container.decode(String.self, forKey: .id)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        horizon = try container.decode(Int64.self, forKey: .horizon)
        points = try container.decode([Interval].self, forKey: .points)
        method = try container.decode(String.self, forKey: .method)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(id, forKey: .id)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(horizon, forKey: .horizon)
        try container.encode(points, forKey: .points)
        try container.encode(method, forKey: .method)
        try container.encode(createdAt, forKey: .createdAt)
    }
}

/// A forecast: the expected value and its bounds, for each day on which a value is due. horizon:
/// how many days it looks ahead from today. points: fewer than these if the KPI has values on
/// working days, weekly or monthly only. insightId: missing in the answer to a PREDICTION_REQUEST,
/// which is the requester's own and replaces nothing that others see.
public struct PredictionReady: Codable, Hashable, Sendable {
    public let kpiId: String
    public let horizon: Int64
    public let points: [Interval]
    public let method: String
    public let createdAt: Date
    public let insightId: String?
    public let kind: InsightKind?
    public let entityType: EntityType?
    public let entityId: String?
    public let changeType: ChangeType?
    public let sequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case horizon
        case points
        case method
        case createdAt
        case insightId
        case kind
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        kpiId: String,
        horizon: Int64,
        points: [Interval],
        method: String,
        createdAt: Date,
        insightId: String? = nil,
        kind: InsightKind? = nil,
        entityType: EntityType? = nil,
        entityId: String? = nil,
        changeType: ChangeType? = nil,
        sequence: Int64? = nil
    ) {
        self.kpiId = kpiId
        self.horizon = horizon
        self.points = points
        self.method = method
        self.createdAt = createdAt
        self.insightId = insightId
        self.kind = kind
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        horizon = try container.decode(Int64.self, forKey: .horizon)
        points = try container.decode([Interval].self, forKey: .points)
        method = try container.decode(String.self, forKey: .method)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        insightId = try container.decodeIfPresent(String.self, forKey: .insightId)
        kind = try container.decodeIfPresent(InsightKind.self, forKey: .kind)
        entityType = try container.decodeIfPresent(EntityType.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        changeType = try container.decodeIfPresent(ChangeType.self, forKey: .changeType)
        sequence = try container.decodeIfPresent(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(horizon, forKey: .horizon)
        try container.encode(points, forKey: .points)
        try container.encode(method, forKey: .method)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encodeIfPresent(insightId, forKey: .insightId)
        try container.encodeIfPresent(kind, forKey: .kind)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(changeType, forKey: .changeType)
        try container.encodeIfPresent(sequence, forKey: .sequence)
    }
}

/// Forecast a KPI for the next `horizon` days. By anybody who may see it.
public struct PredictionRequest: Codable, Hashable, Sendable {
    /// An opaque id.
    public var kpiId: String
    public var horizon: Int64

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case horizon
    }

    public init(
        kpiId: String,
        horizon: Int64
    ) {
        self.kpiId = kpiId
        self.horizon = horizon
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        horizon = try container.decode(Int64.self, forKey: .horizon)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(horizon, forKey: .horizon)
    }
}

/// Which users are online, a thousand at a time, in the order of their ids. In the first answer
/// also what they look at, of what one may see, and the sessions that run and one may know of: the
/// first thousand, and the newest hundred. No event tells of a change: ask again, some times a
/// minute. Who came or went a moment ago may be missing or there; who was connected to a killed
/// server is there for up to 45 s. complete: false where the server knows only of its own
/// connections now.
public struct Presence: Codable, Hashable, Sendable {
    public let online: [Someone]
    public let next: String?
    public let complete: Bool
    public let looking: [LookingAt]
    public let sessions: [SessionPresence]

    private enum CodingKeys: String, CodingKey {
        case online
        case next
        case complete
        case looking
        case sessions
    }

    public init(
        online: [Someone],
        next: String?,
        complete: Bool,
        looking: [LookingAt],
        sessions: [SessionPresence]
    ) {
        self.online = online
        self.next = next
        self.complete = complete
        self.looking = looking
        self.sessions = sessions
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        online = try container.decode([Someone].self, forKey: .online)
        next = try container.decode(String?.self, forKey: .next)
        complete = try container.decode(Bool.self, forKey: .complete)
        looking = try container.decode([LookingAt].self, forKey: .looking)
        sessions = try container.decode([SessionPresence].self, forKey: .sessions)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(online, forKey: .online)
        try container.encode(next, forKey: .next)
        try container.encode(complete, forKey: .complete)
        try container.encode(looking, forKey: .looking)
        try container.encode(sessions, forKey: .sessions)
    }
}

/// Ask who is online. after: `next` of the answer before, where that had one.
public struct PresenceRequest: Codable, Hashable, Sendable {
    public var after: String?

    private enum CodingKeys: String, CodingKey {
        case after
    }

    public init(
        after: String? = nil
    ) {
        self.after = after
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        after = try container.decodeIfPresent(String.self, forKey: .after)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(after, forKey: .after)
    }
}

/// Somebody who takes part in the session that is joined; `cursor` where it was seen last.
public struct PresentParticipant: Codable, Hashable, Sendable {
    public let userId: String
    public let userName: String
    public let state: ParticipantState
    public let role: ParticipantRole
    public let joinedAt: Date
    public let cursor: Cursor?

    private enum CodingKeys: String, CodingKey {
        case userId
        case userName
        case state
        case role
        case joinedAt
        case cursor
    }

    public init(
        userId: String,
        userName: String,
        state: ParticipantState,
        role: ParticipantRole,
        joinedAt: Date,
        cursor: Cursor?
    ) {
        self.userId = userId
        self.userName = userName
        self.state = state
        self.role = role
        self.joinedAt = joinedAt
        self.cursor = cursor
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        state = try container.decode(ParticipantState.self, forKey: .state)
        role = try container.decode(ParticipantRole.self, forKey: .role)
        joinedAt = try container.decode(Date.self, forKey: .joinedAt)
        cursor = try container.decode(Cursor?.self, forKey: .cursor)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(state, forKey: .state)
        try container.encode(role, forKey: .role)
        try container.encode(joinedAt, forKey: .joinedAt)
        try container.encode(cursor, forKey: .cursor)
    }
}

/// The first refusal by a limit in this window; each refusal also gets an ERROR. scope: whose limit
/// it is; `bytes` of the connection's messages of 1 kB and more.
public struct RateLimit: Codable, Hashable, Sendable {
    public let limit: Int64
    public let window: String
    public let retryAfter: Int64
    public let message: String
    public let scope: RateLimitScope?

    private enum CodingKeys: String, CodingKey {
        case limit
        case window
        case retryAfter
        case message
        case scope
    }

    public init(
        limit: Int64,
        window: String,
        retryAfter: Int64,
        message: String,
        scope: RateLimitScope? = nil
    ) {
        self.limit = limit
        self.window = window
        self.retryAfter = retryAfter
        self.message = message
        self.scope = scope
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        limit = try container.decode(Int64.self, forKey: .limit)
        window = try container.decode(String.self, forKey: .window)
        retryAfter = try container.decode(Int64.self, forKey: .retryAfter)
        message = try container.decode(String.self, forKey: .message)
        scope = try container.decodeIfPresent(RateLimitScope.self, forKey: .scope)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(limit, forKey: .limit)
        try container.encode(window, forKey: .window)
        try container.encode(retryAfter, forKey: .retryAfter)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(scope, forKey: .scope)
    }
}

/// A suggestion, with the figures it rests on. insightId: missing in the answer to a
/// PREDICTION_REQUEST; it has the requestId then.
public struct Recommendation: Codable, Hashable, Sendable {
    public let kpiId: String
    public let message: String
    public let evidence: Evidence
    public let method: String
    public let createdAt: Date
    public let insightId: String?
    public let kind: InsightKind?
    public let entityType: EntityType?
    public let entityId: String?
    public let changeType: ChangeType?
    public let sequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case message
        case evidence
        case method
        case createdAt
        case insightId
        case kind
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        kpiId: String,
        message: String,
        evidence: Evidence,
        method: String,
        createdAt: Date,
        insightId: String? = nil,
        kind: InsightKind? = nil,
        entityType: EntityType? = nil,
        entityId: String? = nil,
        changeType: ChangeType? = nil,
        sequence: Int64? = nil
    ) {
        self.kpiId = kpiId
        self.message = message
        self.evidence = evidence
        self.method = method
        self.createdAt = createdAt
        self.insightId = insightId
        self.kind = kind
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        message = try container.decode(String.self, forKey: .message)
        evidence = try container.decode(Evidence.self, forKey: .evidence)
        method = try container.decode(String.self, forKey: .method)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        insightId = try container.decodeIfPresent(String.self, forKey: .insightId)
        kind = try container.decodeIfPresent(InsightKind.self, forKey: .kind)
        entityType = try container.decodeIfPresent(EntityType.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        changeType = try container.decodeIfPresent(ChangeType.self, forKey: .changeType)
        sequence = try container.decodeIfPresent(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(message, forKey: .message)
        try container.encode(evidence, forKey: .evidence)
        try container.encode(method, forKey: .method)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encodeIfPresent(insightId, forKey: .insightId)
        try container.encodeIfPresent(kind, forKey: .kind)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(changeType, forKey: .changeType)
        try container.encodeIfPresent(sequence, forKey: .sequence)
    }
}

/// A KPI's newest recommendation. Shown where its KPI is.
public struct RecommendationData: Codable, Hashable, Sendable {
    public var kind: InsightKind
    public var id: String
    public var kpiId: String
    public var message: String
    public var evidence: Evidence
    public var method: String
    public var createdAt: Date

    private enum CodingKeys: String, CodingKey {
        case kind
        case id
        case kpiId
        case message
        case evidence
        case method
        case createdAt
    }

    public init(
        kind: InsightKind,
        id: String,
        kpiId: String,
        message: String,
        evidence: Evidence,
        method: String,
        createdAt: Date
    ) {
        self.kind = kind
        self.id = id
        self.kpiId = kpiId
        self.message = message
        self.evidence = evidence
        self.method = method
        self.createdAt = createdAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(InsightKind.self, forKey: .kind)
        id = try container.decode(String.self, forKey: .id)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        message = try container.decode(String.self, forKey: .message)
        evidence = try container.decode(Evidence.self, forKey: .evidence)
        method = try container.decode(String.self, forKey: .method)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(id, forKey: .id)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(message, forKey: .message)
        try container.encode(evidence, forKey: .evidence)
        try container.encode(method, forKey: .method)
        try container.encode(createdAt, forKey: .createdAt)
    }
}

/// A page of what happened in a session between `from` and `to`, its end or now. Each list goes on
/// in the next page, in its order; together they are the whole. kpis, changes: of the KPIs that the
/// requester may see now, as people saw them then: a value that was measured earlier counts from
/// when it came. complete: false where the first events of the session are not kept; they are since
/// `keptFrom`, null where none is. next: send it as `after`; null in the last page.
public struct Replay: Codable, Hashable, Sendable {
    public let session: ReplayedSession
    public let from: Date
    public let to: Date
    public let complete: Bool
    public let keptFrom: Date?
    public let events: [ReplayedEvent]
    public let kpis: [ReplayedKpi]
    public let changes: [ReplayedValue]
    public let next: String?

    private enum CodingKeys: String, CodingKey {
        case session
        case from
        case to
        case complete
        case keptFrom
        case events
        case kpis
        case changes
        case next
    }

    public init(
        session: ReplayedSession,
        from: Date,
        to: Date,
        complete: Bool,
        keptFrom: Date?,
        events: [ReplayedEvent],
        kpis: [ReplayedKpi],
        changes: [ReplayedValue],
        next: String?
    ) {
        self.session = session
        self.from = from
        self.to = to
        self.complete = complete
        self.keptFrom = keptFrom
        self.events = events
        self.kpis = kpis
        self.changes = changes
        self.next = next
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        session = try container.decode(ReplayedSession.self, forKey: .session)
        from = try container.decode(Date.self, forKey: .from)
        to = try container.decode(Date.self, forKey: .to)
        complete = try container.decode(Bool.self, forKey: .complete)
        keptFrom = try container.decode(Date?.self, forKey: .keptFrom)
        events = try container.decode([ReplayedEvent].self, forKey: .events)
        kpis = try container.decode([ReplayedKpi].self, forKey: .kpis)
        changes = try container.decode([ReplayedValue].self, forKey: .changes)
        next = try container.decode(String?.self, forKey: .next)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(session, forKey: .session)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(complete, forKey: .complete)
        try container.encode(keptFrom, forKey: .keptFrom)
        try container.encode(events, forKey: .events)
        try container.encode(kpis, forKey: .kpis)
        try container.encode(changes, forKey: .changes)
        try container.encode(next, forKey: .next)
    }
}

/// Ask for what happened in a session, page by page: to play it back. Also of one that runs. By its
/// host, participants and the invited. after: `next` of the page before; limit: the most of each
/// kind in a page.
public struct ReplayRequest: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String
    public var after: String?
    public var limit: Int64?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case after
        case limit
    }

    public init(
        sessionId: String,
        after: String? = nil,
        limit: Int64? = nil
    ) {
        self.sessionId = sessionId
        self.after = after
        self.limit = limit
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        after = try container.decodeIfPresent(String.self, forKey: .after)
        limit = try container.decodeIfPresent(Int64.self, forKey: .limit)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encodeIfPresent(after, forKey: .after)
        try container.encodeIfPresent(limit, forKey: .limit)
    }
}

/// Something that happened in the session. `started` and `host`: `userId` is the host from then on.
/// `joined`, `left` and `state`: of a participant; `reason` where the connection was lost. `note`:
/// a note was created, changed or resolved, and is `note` from then on, with its content of then.
/// `noteDeleted`: it is `annotationId`, by `userId`. `ended`: by `userId`.
public struct ReplayedEvent: Codable, Hashable, Sendable {
    public let kind: ReplayedEventKind
    public let at: Date
    /// Milliseconds since `from`: order and pace.
    public let offset: Int64
    public let sequence: Int64
    public let userId: String?
    public let userName: String?
    public let state: ParticipantState?
    public let role: ParticipantRole?
    public let reason: ReplayedEventReason?
    public let note: AnnotationData?
    public let annotationId: String?

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case offset
        case sequence
        case userId
        case userName
        case state
        case role
        case reason
        case note
        case annotationId
    }

    public init(
        kind: ReplayedEventKind,
        at: Date,
        offset: Int64,
        sequence: Int64,
        userId: String? = nil,
        userName: String? = nil,
        state: ParticipantState? = nil,
        role: ParticipantRole? = nil,
        reason: ReplayedEventReason? = nil,
        note: AnnotationData? = nil,
        annotationId: String? = nil
    ) {
        self.kind = kind
        self.at = at
        self.offset = offset
        self.sequence = sequence
        self.userId = userId
        self.userName = userName
        self.state = state
        self.role = role
        self.reason = reason
        self.note = note
        self.annotationId = annotationId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(ReplayedEventKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        offset = try container.decode(Int64.self, forKey: .offset)
        sequence = try container.decode(Int64.self, forKey: .sequence)
        userId = try container.decodeIfPresent(String.self, forKey: .userId)
        userName = try container.decodeIfPresent(String.self, forKey: .userName)
        state = try container.decodeIfPresent(ParticipantState.self, forKey: .state)
        role = try container.decodeIfPresent(ParticipantRole.self, forKey: .role)
        reason = try container.decodeIfPresent(ReplayedEventReason.self, forKey: .reason)
        note = try container.decodeIfPresent(AnnotationData.self, forKey: .note)
        annotationId = try container.decodeIfPresent(String.self, forKey: .annotationId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(offset, forKey: .offset)
        try container.encode(sequence, forKey: .sequence)
        try container.encodeIfPresent(userId, forKey: .userId)
        try container.encodeIfPresent(userName, forKey: .userName)
        try container.encodeIfPresent(state, forKey: .state)
        try container.encodeIfPresent(role, forKey: .role)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(note, forKey: .note)
        try container.encodeIfPresent(annotationId, forKey: .annotationId)
    }
}

/// The value that a KPI showed when the session began.
public struct ReplayedKpi: Codable, Hashable, Sendable {
    public let kpiId: String
    public let value: Double?

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case value
    }

    public init(
        kpiId: String,
        value: Double?
    ) {
        self.kpiId = kpiId
        self.value = value
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        value = try container.decode(Double?.self, forKey: .value)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(value, forKey: .value)
    }
}

/// Somebody who has taken part, under the name that they have now.
public struct ReplayedPerson: Codable, Hashable, Sendable {
    public let userId: String
    public let userName: String

    private enum CodingKeys: String, CodingKey {
        case userId
        case userName
    }

    public init(
        userId: String,
        userName: String
    ) {
        self.userId = userId
        self.userName = userName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
    }
}

/// The session that is played back, as it is now. people: its host, and the first 200 others who
/// have taken part.
public struct ReplayedSession: Codable, Hashable, Sendable {
    public let sessionId: String
    public let title: String
    public let hostId: String
    public let activeSpace: String
    public let createdAt: Date
    public let endedAt: Date?
    public let people: [ReplayedPerson]

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case title
        case hostId
        case activeSpace
        case createdAt
        case endedAt
        case people
    }

    public init(
        sessionId: String,
        title: String,
        hostId: String,
        activeSpace: String,
        createdAt: Date,
        endedAt: Date?,
        people: [ReplayedPerson]
    ) {
        self.sessionId = sessionId
        self.title = title
        self.hostId = hostId
        self.activeSpace = activeSpace
        self.createdAt = createdAt
        self.endedAt = endedAt
        self.people = people
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        title = try container.decode(String.self, forKey: .title)
        hostId = try container.decode(String.self, forKey: .hostId)
        activeSpace = try container.decode(String.self, forKey: .activeSpace)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        endedAt = try container.decode(Date?.self, forKey: .endedAt)
        people = try container.decode([ReplayedPerson].self, forKey: .people)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(title, forKey: .title)
        try container.encode(hostId, forKey: .hostId)
        try container.encode(activeSpace, forKey: .activeSpace)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(endedAt, forKey: .endedAt)
        try container.encode(people, forKey: .people)
    }
}

/// A value that a KPI showed from then on.
public struct ReplayedValue: Codable, Hashable, Sendable {
    public let kpiId: String
    public let value: Double
    public let at: Date
    /// Milliseconds since `from`: order and pace.
    public let offset: Int64

    private enum CodingKeys: String, CodingKey {
        case kpiId
        case value
        case at
        case offset
    }

    public init(
        kpiId: String,
        value: Double,
        at: Date,
        offset: Int64
    ) {
        self.kpiId = kpiId
        self.value = value
        self.at = at
        self.offset = offset
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        value = try container.decode(Double.self, forKey: .value)
        at = try container.decode(Date.self, forKey: .at)
        offset = try container.decode(Int64.self, forKey: .offset)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(value, forKey: .value)
        try container.encode(at, forKey: .at)
        try container.encode(offset, forKey: .offset)
    }
}

/// A report that is ready. Shown by `organization:` or `department:`, whichever it is of.
public struct ReportData: Codable, Hashable, Sendable {
    public var id: String
    public var scope: ReportOf
    public var from: String
    public var to: String
    public var format: ReportFormat
    public var url: String
    public var createdAt: Date
    public var expiresAt: Date

    private enum CodingKeys: String, CodingKey {
        case id
        case scope
        case from
        case to
        case format
        case url
        case createdAt
        case expiresAt
    }

    public init(
        id: String,
        scope: ReportOf,
        from: String,
        to: String,
        format: ReportFormat,
        url: String,
        createdAt: Date,
        expiresAt: Date
    ) {
        self.id = id
        self.scope = scope
        self.from = from
        self.to = to
        self.format = format
        self.url = url
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        scope = try container.decode(ReportOf.self, forKey: .scope)
        from = try container.decode(String.self, forKey: .from)
        to = try container.decode(String.self, forKey: .to)
        format = try container.decode(ReportFormat.self, forKey: .format)
        url = try container.decode(String.self, forKey: .url)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        expiresAt = try container.decode(Date.self, forKey: .expiresAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(scope, forKey: .scope)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(format, forKey: .format)
        try container.encode(url, forKey: .url)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(expiresAt, forKey: .expiresAt)
    }
}

/// A report is ready at `url`, a path of this server, for those permitted and for a while.
public struct ReportGenerated: Codable, Hashable, Sendable {
    public let reportId: String
    public let scope: ReportOf
    public let from: String
    public let to: String
    public let format: ReportFormat
    public let url: String
    public let createdAt: Date
    public let expiresAt: Date
    public let entityType: EntityType?
    public let entityId: String?
    public let changeType: ChangeType?
    public let sequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case reportId
        case scope
        case from
        case to
        case format
        case url
        case createdAt
        case expiresAt
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        reportId: String,
        scope: ReportOf,
        from: String,
        to: String,
        format: ReportFormat,
        url: String,
        createdAt: Date,
        expiresAt: Date,
        entityType: EntityType? = nil,
        entityId: String? = nil,
        changeType: ChangeType? = nil,
        sequence: Int64? = nil
    ) {
        self.reportId = reportId
        self.scope = scope
        self.from = from
        self.to = to
        self.format = format
        self.url = url
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        reportId = try container.decode(String.self, forKey: .reportId)
        scope = try container.decode(ReportOf.self, forKey: .scope)
        from = try container.decode(String.self, forKey: .from)
        to = try container.decode(String.self, forKey: .to)
        format = try container.decode(ReportFormat.self, forKey: .format)
        url = try container.decode(String.self, forKey: .url)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        expiresAt = try container.decode(Date.self, forKey: .expiresAt)
        entityType = try container.decodeIfPresent(EntityType.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        changeType = try container.decodeIfPresent(ChangeType.self, forKey: .changeType)
        sequence = try container.decodeIfPresent(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(reportId, forKey: .reportId)
        try container.encode(scope, forKey: .scope)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(format, forKey: .format)
        try container.encode(url, forKey: .url)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(expiresAt, forKey: .expiresAt)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(changeType, forKey: .changeType)
        try container.encodeIfPresent(sequence, forKey: .sequence)
    }
}

/// The subject of a report: the whole organization, or a department and those below it.
public struct ReportOf: Codable, Hashable, Sendable {
    public let type: ReportOfType
    public let id: String

    private enum CodingKeys: String, CodingKey {
        case type
        case id
    }

    public init(
        type: ReportOfType,
        id: String
    ) {
        self.type = type
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(ReportOfType.self, forKey: .type)
        id = try container.decode(String.self, forKey: .id)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(id, forKey: .id)
    }
}

/// Make a report of an organization's or a department's KPIs. By a manager. from, to: days as
/// YYYY-MM-DD, both included.
public struct ReportRequest: Codable, Hashable, Sendable {
    public var scope: ReportScope
    public var from: String
    public var to: String
    public var format: ReportFormat?

    private enum CodingKeys: String, CodingKey {
        case scope
        case from
        case to
        case format
    }

    public init(
        scope: ReportScope,
        from: String,
        to: String,
        format: ReportFormat? = nil
    ) {
        self.scope = scope
        self.from = from
        self.to = to
        self.format = format
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        scope = try container.decode(ReportScope.self, forKey: .scope)
        from = try container.decode(String.self, forKey: .from)
        to = try container.decode(String.self, forKey: .to)
        format = try container.decodeIfPresent(ReportFormat.self, forKey: .format)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(scope, forKey: .scope)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encodeIfPresent(format, forKey: .format)
    }
}

/// The subject of a report: an organization or a department.
public struct ReportScope: Codable, Hashable, Sendable {
    public var type: ReportOfType
    /// An opaque id.
    public var id: String

    private enum CodingKeys: String, CodingKey {
        case type
        case id
    }

    public init(
        type: ReportOfType,
        id: String
    ) {
        self.type = type
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(ReportOfType.self, forKey: .type)
        id = try container.decode(String.self, forKey: .id)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(id, forKey: .id)
    }
}

/// The user has seen what is up to this event of the organization's log.
public struct Seen: Codable, Hashable, Sendable {
    public var sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sequence
    }

    public init(
        sequence: Int64
    ) {
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Up to this event the user has seen what there is, on whichever device. It never goes back, nor
/// beyond the last event.
public struct SeenConfirmed: Codable, Hashable, Sendable {
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sequence
    }

    public init(
        sequence: Int64
    ) {
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Start a session and be its host.
public struct SessionCreate: Codable, Hashable, Sendable {
    public var title: String
    public var activeSpace: String
    public var inviteUserIds: [String]?
    public var maxParticipants: Int64?

    private enum CodingKeys: String, CodingKey {
        case title
        case activeSpace
        case inviteUserIds
        case maxParticipants
    }

    public init(
        title: String,
        activeSpace: String,
        inviteUserIds: [String]? = nil,
        maxParticipants: Int64? = nil
    ) {
        self.title = title
        self.activeSpace = activeSpace
        self.inviteUserIds = inviteUserIds
        self.maxParticipants = maxParticipants
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        title = try container.decode(String.self, forKey: .title)
        activeSpace = try container.decode(String.self, forKey: .activeSpace)
        inviteUserIds = try container.decodeIfPresent([String].self, forKey: .inviteUserIds)
        maxParticipants = try container.decodeIfPresent(Int64.self, forKey: .maxParticipants)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(title, forKey: .title)
        try container.encode(activeSpace, forKey: .activeSpace)
        try container.encodeIfPresent(inviteUserIds, forKey: .inviteUserIds)
        try container.encodeIfPresent(maxParticipants, forKey: .maxParticipants)
    }
}

/// A session was started. To its host, the invited, or the organization if it is open. An invited
/// user's copy shows their invitation, everybody else's the session.
public struct SessionCreated: Codable, Hashable, Sendable {
    public let sessionId: String
    public let hostId: String
    public let title: String
    public let activeSpace: String
    /// Users.
    public let participants: [String]
    public let createdAt: Date
    public let maxParticipants: Int64
    public let invitationOnly: Bool
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case hostId
        case title
        case activeSpace
        case participants
        case createdAt
        case maxParticipants
        case invitationOnly
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        sessionId: String,
        hostId: String,
        title: String,
        activeSpace: String,
        participants: [String],
        createdAt: Date,
        maxParticipants: Int64,
        invitationOnly: Bool,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.sessionId = sessionId
        self.hostId = hostId
        self.title = title
        self.activeSpace = activeSpace
        self.participants = participants
        self.createdAt = createdAt
        self.maxParticipants = maxParticipants
        self.invitationOnly = invitationOnly
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        hostId = try container.decode(String.self, forKey: .hostId)
        title = try container.decode(String.self, forKey: .title)
        activeSpace = try container.decode(String.self, forKey: .activeSpace)
        participants = try container.decode([String].self, forKey: .participants)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        maxParticipants = try container.decode(Int64.self, forKey: .maxParticipants)
        invitationOnly = try container.decode(Bool.self, forKey: .invitationOnly)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(hostId, forKey: .hostId)
        try container.encode(title, forKey: .title)
        try container.encode(activeSpace, forKey: .activeSpace)
        try container.encode(participants, forKey: .participants)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(maxParticipants, forKey: .maxParticipants)
        try container.encode(invitationOnly, forKey: .invitationOnly)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// A session. Shown by `session:`, and by `organization:` while it runs and is open to all.
public struct SessionData: Codable, Hashable, Sendable {
    public var id: String
    public var title: String
    public var hostId: String
    public var activeSpace: String
    public var maxParticipants: Int64
    public var invitationOnly: Bool
    public var createdAt: Date
    public var endedAt: Date?

    private enum CodingKeys: String, CodingKey {
        case id
        case title
        case hostId
        case activeSpace
        case maxParticipants
        case invitationOnly
        case createdAt
        case endedAt
    }

    public init(
        id: String,
        title: String,
        hostId: String,
        activeSpace: String,
        maxParticipants: Int64,
        invitationOnly: Bool,
        createdAt: Date,
        endedAt: Date?
    ) {
        self.id = id
        self.title = title
        self.hostId = hostId
        self.activeSpace = activeSpace
        self.maxParticipants = maxParticipants
        self.invitationOnly = invitationOnly
        self.createdAt = createdAt
        self.endedAt = endedAt
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        title = try container.decode(String.self, forKey: .title)
        hostId = try container.decode(String.self, forKey: .hostId)
        activeSpace = try container.decode(String.self, forKey: .activeSpace)
        maxParticipants = try container.decode(Int64.self, forKey: .maxParticipants)
        invitationOnly = try container.decode(Bool.self, forKey: .invitationOnly)
        createdAt = try container.decode(Date.self, forKey: .createdAt)
        endedAt = try container.decode(Date?.self, forKey: .endedAt)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(title, forKey: .title)
        try container.encode(hostId, forKey: .hostId)
        try container.encode(activeSpace, forKey: .activeSpace)
        try container.encode(maxParticipants, forKey: .maxParticipants)
        try container.encode(invitationOnly, forKey: .invitationOnly)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(endedAt, forKey: .endedAt)
    }
}

/// End a session for everybody. By its host, and by admins.
public struct SessionEnd: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String

    private enum CodingKeys: String, CodingKey {
        case sessionId
    }

    public init(
        sessionId: String
    ) {
        self.sessionId = sessionId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
    }
}

/// The session is over; its annotations stay. It is gone for those who follow the organization, and
/// so is the invitation for invited users, who get this message on `user:`.
public struct SessionEnded: Codable, Hashable, Sendable {
    public let sessionId: String
    public let endedBy: String
    public let endedAt: Date
    public let reason: SessionEndedReason
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case endedBy
        case endedAt
        case reason
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        sessionId: String,
        endedBy: String,
        endedAt: Date,
        reason: SessionEndedReason,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.sessionId = sessionId
        self.endedBy = endedBy
        self.endedAt = endedAt
        self.reason = reason
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        endedBy = try container.decode(String.self, forKey: .endedBy)
        endedAt = try container.decode(Date.self, forKey: .endedAt)
        reason = try container.decode(SessionEndedReason.self, forKey: .reason)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(endedBy, forKey: .endedBy)
        try container.encode(endedAt, forKey: .endedAt)
        try container.encode(reason, forKey: .reason)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// Make a participant the host instead of oneself, and stay. By the host.
public struct SessionHandOver: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String
    /// An opaque id.
    public var newHostId: String

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case newHostId
    }

    public init(
        sessionId: String,
        newHostId: String
    ) {
        self.sessionId = sessionId
        self.newHostId = newHostId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        newHostId = try container.decode(String.self, forKey: .newHostId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(newHostId, forKey: .newHostId)
    }
}

/// The session has another host; PARTICIPANT_UPDATE of both, and SYNC_UPDATE, tell everybody.
public struct SessionHandedOver: Codable, Hashable, Sendable {
    public let sessionId: String
    public let hostId: String

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case hostId
    }

    public init(
        sessionId: String,
        hostId: String
    ) {
        self.sessionId = sessionId
        self.hostId = hostId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        hostId = try container.decode(String.self, forKey: .hostId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(hostId, forKey: .hostId)
    }
}

/// Invite further users. By the host, and by managers and admins who take part. Who has been
/// invited before, or takes part, is told nothing again.
public struct SessionInvite: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String
    public var userIds: [String]

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case userIds
    }

    public init(
        sessionId: String,
        userIds: [String]
    ) {
        self.sessionId = sessionId
        self.userIds = userIds
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userIds = try container.decode([String].self, forKey: .userIds)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userIds, forKey: .userIds)
    }
}

/// These users were invited: those that had not been before, and do not take part.
public struct SessionInvited: Codable, Hashable, Sendable {
    public let sessionId: String
    public let userIds: [String]

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case userIds
    }

    public init(
        sessionId: String,
        userIds: [String]
    ) {
        self.sessionId = sessionId
        self.userIds = userIds
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userIds = try container.decode([String].self, forKey: .userIds)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userIds, forKey: .userIds)
    }
}

/// Take part in a session, come back to it, or join with another device.
public struct SessionJoin: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String

    private enum CodingKeys: String, CodingKey {
        case sessionId
    }

    public init(
        sessionId: String
    ) {
        self.sessionId = sessionId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
    }
}

/// Somebody joined; the joiner's own copy also carries the session as it is. `session.annotations`
/// has the newest notes that fit into half a megabyte. Where `session.annotationsComplete` is
/// false, send `session.annotationsRest`: all notes come, page by page.
public struct SessionJoined: Codable, Hashable, Sendable {
    public let sessionId: String
    public let userId: String
    public let userName: String
    public let state: ParticipantState
    public let role: ParticipantRole
    public let joinedAt: Date
    public let session: JoinedSession?
    public let entityType: EntityType?
    public let entityId: String?
    public let changeType: ChangeType?
    public let sequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case userId
        case userName
        case state
        case role
        case joinedAt
        case session
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        sessionId: String,
        userId: String,
        userName: String,
        state: ParticipantState,
        role: ParticipantRole,
        joinedAt: Date,
        session: JoinedSession? = nil,
        entityType: EntityType? = nil,
        entityId: String? = nil,
        changeType: ChangeType? = nil,
        sequence: Int64? = nil
    ) {
        self.sessionId = sessionId
        self.userId = userId
        self.userName = userName
        self.state = state
        self.role = role
        self.joinedAt = joinedAt
        self.session = session
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        state = try container.decode(ParticipantState.self, forKey: .state)
        role = try container.decode(ParticipantRole.self, forKey: .role)
        joinedAt = try container.decode(Date.self, forKey: .joinedAt)
        session = try container.decodeIfPresent(JoinedSession.self, forKey: .session)
        entityType = try container.decodeIfPresent(EntityType.self, forKey: .entityType)
        entityId = try container.decodeIfPresent(String.self, forKey: .entityId)
        changeType = try container.decodeIfPresent(ChangeType.self, forKey: .changeType)
        sequence = try container.decodeIfPresent(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(state, forKey: .state)
        try container.encode(role, forKey: .role)
        try container.encode(joinedAt, forKey: .joinedAt)
        try container.encodeIfPresent(session, forKey: .session)
        try container.encodeIfPresent(entityType, forKey: .entityType)
        try container.encodeIfPresent(entityId, forKey: .entityId)
        try container.encodeIfPresent(changeType, forKey: .changeType)
        try container.encodeIfPresent(sequence, forKey: .sequence)
    }
}

/// Leave; a host names who takes over, or ends the session by leaving.
public struct SessionLeave: Codable, Hashable, Sendable {
    /// An opaque id.
    public var sessionId: String
    public var newHostId: String?

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case newHostId
    }

    public init(
        sessionId: String,
        newHostId: String? = nil
    ) {
        self.sessionId = sessionId
        self.newHostId = newHostId
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        newHostId = try container.decodeIfPresent(String.self, forKey: .newHostId)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encodeIfPresent(newHostId, forKey: .newHostId)
    }
}

/// Somebody left; `reason` is there if their lost connection did not come back in time.
public struct SessionLeft: Codable, Hashable, Sendable {
    public let sessionId: String
    public let userId: String
    public let userName: String
    public let role: ParticipantRole
    public let leftAt: Date
    public let reason: SessionLeftReason?
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case sessionId
        case userId
        case userName
        case role
        case leftAt
        case reason
        case entityType
        case entityId
        case changeType
        case sequence
    }

    public init(
        sessionId: String,
        userId: String,
        userName: String,
        role: ParticipantRole,
        leftAt: Date,
        reason: SessionLeftReason? = nil,
        entityType: EntityType,
        entityId: String,
        changeType: ChangeType,
        sequence: Int64
    ) {
        self.sessionId = sessionId
        self.userId = userId
        self.userName = userName
        self.role = role
        self.leftAt = leftAt
        self.reason = reason
        self.entityType = entityType
        self.entityId = entityId
        self.changeType = changeType
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sessionId = try container.decode(String.self, forKey: .sessionId)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
        role = try container.decode(ParticipantRole.self, forKey: .role)
        leftAt = try container.decode(Date.self, forKey: .leftAt)
        reason = try container.decodeIfPresent(SessionLeftReason.self, forKey: .reason)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
        try container.encode(role, forKey: .role)
        try container.encode(leftAt, forKey: .leftAt)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// A running session, and how many take part; which users, where one may join or follow it.
public struct SessionPresence: Codable, Hashable, Sendable {
    public let session: SessionData
    public let count: Int64
    public let participants: [Someone]

    private enum CodingKeys: String, CodingKey {
        case session
        case count
        case participants
    }

    public init(
        session: SessionData,
        count: Int64,
        participants: [Someone]
    ) {
        self.session = session
        self.count = count
        self.participants = participants
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        session = try container.decode(SessionData.self, forKey: .session)
        count = try container.decode(Int64.self, forKey: .count)
        participants = try container.decode([Someone].self, forKey: .participants)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(session, forKey: .session)
        try container.encode(count, forKey: .count)
        try container.encode(participants, forKey: .participants)
    }
}

/// A user, by name.
public struct Someone: Codable, Hashable, Sendable {
    public let userId: String
    public let userName: String

    private enum CodingKeys: String, CodingKey {
        case userId
        case userName
    }

    public init(
        userId: String,
        userName: String
    ) {
        self.userId = userId
        self.userName = userName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userId = try container.decode(String.self, forKey: .userId)
        userName = try container.decode(String.self, forKey: .userName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(userId, forKey: .userId)
        try container.encode(userName, forKey: .userName)
    }
}

/// Follow these channels from now on.
public struct Subscribe: Codable, Hashable, Sendable {
    /// The first 100 of them are served.
    public var channels: [String]

    private enum CodingKeys: String, CodingKey {
        case channels
    }

    public init(
        channels: [String]
    ) {
        self.channels = channels
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
    }
}

/// These channels are followed: events after `sequence` come live.
public struct Subscribed: Codable, Hashable, Sendable {
    public let channels: [String]
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case channels
        case sequence
    }

    public init(
        channels: [String],
        sequence: Int64
    ) {
        self.channels = channels
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// The sync is complete; either cursor resumes exactly after it.
public struct SyncComplete: Codable, Hashable, Sendable {
    public let updatesSent: Int64
    /// Hand it back as it is.
    public let lastSyncTimestamp: String
    public let lastSequence: Int64

    private enum CodingKeys: String, CodingKey {
        case updatesSent
        case lastSyncTimestamp
        case lastSequence
    }

    public init(
        updatesSent: Int64,
        lastSyncTimestamp: String,
        lastSequence: Int64
    ) {
        self.updatesSent = updatesSent
        self.lastSyncTimestamp = lastSyncTimestamp
        self.lastSequence = lastSequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        updatesSent = try container.decode(Int64.self, forKey: .updatesSent)
        lastSyncTimestamp = try container.decode(String.self, forKey: .lastSyncTimestamp)
        lastSequence = try container.decode(Int64.self, forKey: .lastSequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(updatesSent, forKey: .updatesSent)
        try container.encode(lastSyncTimestamp, forKey: .lastSyncTimestamp)
        try container.encode(lastSequence, forKey: .lastSequence)
    }
}

/// An entity is gone, or no longer concerns the channels that are followed.
public struct SyncDelete: Codable, Hashable, Sendable {
    public let entityType: EntityType
    public let entityId: String
    public let deletedBy: String
    public let deletedAt: Date
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case entityType
        case entityId
        case deletedBy
        case deletedAt
        case sequence
    }

    public init(
        entityType: EntityType,
        entityId: String,
        deletedBy: String,
        deletedAt: Date,
        sequence: Int64
    ) {
        self.entityType = entityType
        self.entityId = entityId
        self.deletedBy = deletedBy
        self.deletedAt = deletedAt
        self.sequence = sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        deletedBy = try container.decode(String.self, forKey: .deletedBy)
        deletedAt = try container.decode(Date.self, forKey: .deletedAt)
        sequence = try container.decode(Int64.self, forKey: .sequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(deletedBy, forKey: .deletedBy)
        try container.encode(deletedAt, forKey: .deletedAt)
        try container.encode(sequence, forKey: .sequence)
    }
}

/// The sync cannot be served, not even in part.
public struct SyncError: Codable, Hashable, Sendable {
    public let code: SyncErrorCode
    public let message: String
    public let details: ErrorDetails?

    private enum CodingKeys: String, CodingKey {
        case code
        case message
        case details
    }

    public init(
        code: SyncErrorCode,
        message: String,
        details: ErrorDetails? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        code = try container.decode(SyncErrorCode.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        details = try container.decodeIfPresent(ErrorDetails.self, forKey: .details)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(details, forKey: .details)
    }
}

/// Send what changed in these channels after a cursor; without one, all that they show.
public struct SyncRequest: Codable, Hashable, Sendable {
    public var channels: [String]
    public var lastSyncTimestamp: String?
    public var lastSequence: Int64?

    private enum CodingKeys: String, CodingKey {
        case channels
        case lastSyncTimestamp
        case lastSequence
    }

    public init(
        channels: [String],
        lastSyncTimestamp: String? = nil,
        lastSequence: Int64? = nil
    ) {
        self.channels = channels
        self.lastSyncTimestamp = lastSyncTimestamp
        self.lastSequence = lastSequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
        lastSyncTimestamp = try container.decodeIfPresent(String.self, forKey: .lastSyncTimestamp)
        lastSequence = try container.decodeIfPresent(Int64.self, forKey: .lastSequence)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
        try container.encodeIfPresent(lastSyncTimestamp, forKey: .lastSyncTimestamp)
        try container.encodeIfPresent(lastSequence, forKey: .lastSequence)
    }
}

/// `updateCount` messages follow, then SYNC_COMPLETE; live events wait until then.
public struct SyncStart: Codable, Hashable, Sendable {
    public let updateCount: Int64
    public let fromTimestamp: Date

    private enum CodingKeys: String, CodingKey {
        case updateCount
        case fromTimestamp
    }

    public init(
        updateCount: Int64,
        fromTimestamp: Date
    ) {
        self.updateCount = updateCount
        self.fromTimestamp = fromTimestamp
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        updateCount = try container.decode(Int64.self, forKey: .updateCount)
        fromTimestamp = try container.decode(Date.self, forKey: .fromTimestamp)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(updateCount, forKey: .updateCount)
        try container.encode(fromTimestamp, forKey: .fromTimestamp)
    }
}

/// The answer: all that has happened to a thing, the newest first. complete: nothing older is in
/// the time that was asked for. cursor: where it is not complete.
public struct Timeline: Codable, Hashable, Sendable {
    public let entity: TimelineOf
    public let items: [TimelineItem]
    public let complete: Bool
    /// Hand it back as it is.
    public let cursor: String?

    private enum CodingKeys: String, CodingKey {
        case entity
        case items
        case complete
        case cursor
    }

    public init(
        entity: TimelineOf,
        items: [TimelineItem],
        complete: Bool,
        cursor: String? = nil
    ) {
        self.entity = entity
        self.items = items
        self.complete = complete
        self.cursor = cursor
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entity = try container.decode(TimelineOf.self, forKey: .entity)
        items = try container.decode([TimelineItem].self, forKey: .items)
        complete = try container.decode(Bool.self, forKey: .complete)
        cursor = try container.decodeIfPresent(String.self, forKey: .cursor)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entity, forKey: .entity)
        try container.encode(items, forKey: .items)
        try container.encode(complete, forKey: .complete)
        try container.encodeIfPresent(cursor, forKey: .cursor)
    }
}

/// The KPI's newest recommendation was made.
public struct TimelineAdvice: Codable, Hashable, Sendable {
    public let kind: TimelineAdviceKind
    public let at: Date
    public let insightId: String
    public let kpiId: String
    public let message: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case insightId
        case kpiId
        case message
    }

    public init(
        kind: TimelineAdviceKind,
        at: Date,
        insightId: String,
        kpiId: String,
        message: String
    ) {
        self.kind = kind
        self.at = at
        self.insightId = insightId
        self.kpiId = kpiId
        self.message = message
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineAdviceKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        insightId = try container.decode(String.self, forKey: .insightId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        message = try container.decode(String.self, forKey: .message)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(insightId, forKey: .insightId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(message, forKey: .message)
    }
}

/// An alert was raised, acknowledged or resolved. actorId: whoever has acknowledged it.
public struct TimelineAlert: Codable, Hashable, Sendable {
    public let kind: TimelineAlertKind
    public let at: Date
    public let change: TimelineAlertChange
    public let alertId: String
    public let kpiId: String
    public let severity: String
    public let message: String
    public let value: Double?
    public let threshold: Double?
    public let actorId: String?
    public let actorName: String?

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case change
        case alertId
        case kpiId
        case severity
        case message
        case value
        case threshold
        case actorId
        case actorName
    }

    public init(
        kind: TimelineAlertKind,
        at: Date,
        change: TimelineAlertChange,
        alertId: String,
        kpiId: String,
        severity: String,
        message: String,
        value: Double?,
        threshold: Double?,
        actorId: String?,
        actorName: String?
    ) {
        self.kind = kind
        self.at = at
        self.change = change
        self.alertId = alertId
        self.kpiId = kpiId
        self.severity = severity
        self.message = message
        self.value = value
        self.threshold = threshold
        self.actorId = actorId
        self.actorName = actorName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineAlertKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        change = try container.decode(TimelineAlertChange.self, forKey: .change)
        alertId = try container.decode(String.self, forKey: .alertId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        severity = try container.decode(String.self, forKey: .severity)
        message = try container.decode(String.self, forKey: .message)
        value = try container.decode(Double?.self, forKey: .value)
        threshold = try container.decode(Double?.self, forKey: .threshold)
        actorId = try container.decode(String?.self, forKey: .actorId)
        actorName = try container.decode(String?.self, forKey: .actorName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(change, forKey: .change)
        try container.encode(alertId, forKey: .alertId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(severity, forKey: .severity)
        try container.encode(message, forKey: .message)
        try container.encode(value, forKey: .value)
        try container.encode(threshold, forKey: .threshold)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
    }
}

/// A day's value was found to be unusual by the KPI's own history.
public struct TimelineAnomaly: Codable, Hashable, Sendable {
    public let kind: InsightKind
    public let at: Date
    public let insightId: String
    public let kpiId: String
    public let day: String
    public let value: Double
    public let expected: Double
    public let lower: Double
    public let upper: Double
    public let severity: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case insightId
        case kpiId
        case day
        case value
        case expected
        case lower
        case upper
        case severity
    }

    public init(
        kind: InsightKind,
        at: Date,
        insightId: String,
        kpiId: String,
        day: String,
        value: Double,
        expected: Double,
        lower: Double,
        upper: Double,
        severity: String
    ) {
        self.kind = kind
        self.at = at
        self.insightId = insightId
        self.kpiId = kpiId
        self.day = day
        self.value = value
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.severity = severity
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(InsightKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        insightId = try container.decode(String.self, forKey: .insightId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        day = try container.decode(String.self, forKey: .day)
        value = try container.decode(Double.self, forKey: .value)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
        severity = try container.decode(String.self, forKey: .severity)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(insightId, forKey: .insightId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(day, forKey: .day)
        try container.encode(value, forKey: .value)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
        try container.encode(severity, forKey: .severity)
    }
}

/// The thing itself was added or changed, archived or restored.
public struct TimelineChange: Codable, Hashable, Sendable {
    public let kind: TimelineChangeKind
    public let at: Date
    public let change: TimelineChangeChange
    public let fields: [ChangedField]
    /// Id of the user or service account; `system` for the system.
    public let actorId: String
    public let actorName: String
    /// By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where
    /// that is not known.
    public let source: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case change
        case fields
        case actorId
        case actorName
        case source
    }

    public init(
        kind: TimelineChangeKind,
        at: Date,
        change: TimelineChangeChange,
        fields: [ChangedField],
        actorId: String,
        actorName: String,
        source: String
    ) {
        self.kind = kind
        self.at = at
        self.change = change
        self.fields = fields
        self.actorId = actorId
        self.actorName = actorName
        self.source = source
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineChangeKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        change = try container.decode(TimelineChangeChange.self, forKey: .change)
        fields = try container.decode([ChangedField].self, forKey: .fields)
        actorId = try container.decode(String.self, forKey: .actorId)
        actorName = try container.decode(String.self, forKey: .actorName)
        source = try container.decode(String.self, forKey: .source)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(change, forKey: .change)
        try container.encode(fields, forKey: .fields)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
        try container.encode(source, forKey: .source)
    }
}

/// The KPI's newest forecast was made. day: the last one that it speaks of.
public struct TimelineForecast: Codable, Hashable, Sendable {
    public let kind: TimelineForecastKind
    public let at: Date
    public let insightId: String
    public let kpiId: String
    public let horizon: Int64
    public let day: String
    public let expected: Double
    public let lower: Double
    public let upper: Double

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case insightId
        case kpiId
        case horizon
        case day
        case expected
        case lower
        case upper
    }

    public init(
        kind: TimelineForecastKind,
        at: Date,
        insightId: String,
        kpiId: String,
        horizon: Int64,
        day: String,
        expected: Double,
        lower: Double,
        upper: Double
    ) {
        self.kind = kind
        self.at = at
        self.insightId = insightId
        self.kpiId = kpiId
        self.horizon = horizon
        self.day = day
        self.expected = expected
        self.lower = lower
        self.upper = upper
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineForecastKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        insightId = try container.decode(String.self, forKey: .insightId)
        kpiId = try container.decode(String.self, forKey: .kpiId)
        horizon = try container.decode(Int64.self, forKey: .horizon)
        day = try container.decode(String.self, forKey: .day)
        expected = try container.decode(Double.self, forKey: .expected)
        lower = try container.decode(Double.self, forKey: .lower)
        upper = try container.decode(Double.self, forKey: .upper)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(insightId, forKey: .insightId)
        try container.encode(kpiId, forKey: .kpiId)
        try container.encode(horizon, forKey: .horizon)
        try container.encode(day, forKey: .day)
        try container.encode(expected, forKey: .expected)
        try container.encode(lower, forKey: .lower)
        try container.encode(upper, forKey: .upper)
    }
}

/// An import has brought values of the KPI: so many, measured from one time to the other.
public struct TimelineImport: Codable, Hashable, Sendable {
    public let kind: TimelineImportKind
    public let at: Date
    public let importId: String
    public let values: Int64
    public let from: Date
    public let to: Date
    /// Id of the user or service account; `system` for the system.
    public let actorId: String
    public let actorName: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case importId
        case values
        case from
        case to
        case actorId
        case actorName
    }

    public init(
        kind: TimelineImportKind,
        at: Date,
        importId: String,
        values: Int64,
        from: Date,
        to: Date,
        actorId: String,
        actorName: String
    ) {
        self.kind = kind
        self.at = at
        self.importId = importId
        self.values = values
        self.from = from
        self.to = to
        self.actorId = actorId
        self.actorName = actorName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineImportKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        importId = try container.decode(String.self, forKey: .importId)
        values = try container.decode(Int64.self, forKey: .values)
        from = try container.decode(Date.self, forKey: .from)
        to = try container.decode(Date.self, forKey: .to)
        actorId = try container.decode(String.self, forKey: .actorId)
        actorName = try container.decode(String.self, forKey: .actorName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(importId, forKey: .importId)
        try container.encode(values, forKey: .values)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
    }
}

/// A note that points at the thing was made or resolved. sessionId: null for one on the thing
/// itself.
public struct TimelineNote: Codable, Hashable, Sendable {
    public let kind: TimelineNoteKind
    public let at: Date
    public let change: TimelineNoteChange
    public let annotationId: String
    public let sessionId: String?
    public let parentId: String?
    public let contentType: String
    /// The beginning, 200 characters at most.
    public let text: String
    /// Id of the user or service account; `system` for the system.
    public let actorId: String
    public let actorName: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case change
        case annotationId
        case sessionId
        case parentId
        case contentType
        case text
        case actorId
        case actorName
    }

    public init(
        kind: TimelineNoteKind,
        at: Date,
        change: TimelineNoteChange,
        annotationId: String,
        sessionId: String?,
        parentId: String?,
        contentType: String,
        text: String,
        actorId: String,
        actorName: String
    ) {
        self.kind = kind
        self.at = at
        self.change = change
        self.annotationId = annotationId
        self.sessionId = sessionId
        self.parentId = parentId
        self.contentType = contentType
        self.text = text
        self.actorId = actorId
        self.actorName = actorName
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineNoteKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        change = try container.decode(TimelineNoteChange.self, forKey: .change)
        annotationId = try container.decode(String.self, forKey: .annotationId)
        sessionId = try container.decode(String?.self, forKey: .sessionId)
        parentId = try container.decode(String?.self, forKey: .parentId)
        contentType = try container.decode(String.self, forKey: .contentType)
        text = try container.decode(String.self, forKey: .text)
        actorId = try container.decode(String.self, forKey: .actorId)
        actorName = try container.decode(String.self, forKey: .actorName)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(change, forKey: .change)
        try container.encode(annotationId, forKey: .annotationId)
        try container.encode(sessionId, forKey: .sessionId)
        try container.encode(parentId, forKey: .parentId)
        try container.encode(contentType, forKey: .contentType)
        try container.encode(text, forKey: .text)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
    }
}

/// The thing that a line of time is of: {"type": "kpi", "id": "kpi-123"}.
public struct TimelineOf: Codable, Hashable, Sendable {
    public var type: String
    /// An opaque id.
    public var id: String

    private enum CodingKeys: String, CodingKey {
        case type
        case id
    }

    public init(
        type: String,
        id: String
    ) {
        self.type = type
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(String.self, forKey: .type)
        id = try container.decode(String.self, forKey: .id)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        try container.encode(id, forKey: .id)
    }
}

/// Tell what has happened to a KPI (`kpi`) or a department (`department`), the newest first. By
/// anybody who may see it. from, to: of this time; from is in it, to is not. Without them, of all
/// time. limit: at most so many items. about: only of these: `values`, `changes`, `imports`,
/// `alerts`, `insights`, `notes`. cursor: of an answer, for those that come after it; with the same
/// from, to and about.
public struct TimelineRequest: Codable, Hashable, Sendable {
    public var entity: TimelineOf
    public var from: Date?
    public var to: Date?
    public var limit: Int64?
    public var about: [String]?
    public var cursor: String?

    private enum CodingKeys: String, CodingKey {
        case entity
        case from
        case to
        case limit
        case about
        case cursor
    }

    public init(
        entity: TimelineOf,
        from: Date? = nil,
        to: Date? = nil,
        limit: Int64? = nil,
        about: [String]? = nil,
        cursor: String? = nil
    ) {
        self.entity = entity
        self.from = from
        self.to = to
        self.limit = limit
        self.about = about
        self.cursor = cursor
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entity = try container.decode(TimelineOf.self, forKey: .entity)
        from = try container.decodeIfPresent(Date.self, forKey: .from)
        to = try container.decodeIfPresent(Date.self, forKey: .to)
        limit = try container.decodeIfPresent(Int64.self, forKey: .limit)
        about = try container.decodeIfPresent([String].self, forKey: .about)
        cursor = try container.decodeIfPresent(String.self, forKey: .cursor)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entity, forKey: .entity)
        try container.encodeIfPresent(from, forKey: .from)
        try container.encodeIfPresent(to, forKey: .to)
        try container.encodeIfPresent(limit, forKey: .limit)
        try container.encodeIfPresent(about, forKey: .about)
        try container.encodeIfPresent(cursor, forKey: .cursor)
    }
}

/// The KPI has this target from then on, or none.
public struct TimelineTarget: Codable, Hashable, Sendable {
    public let kind: TimelineTargetKind
    public let at: Date
    public let target: Double?
    public let before: Double?
    /// Id of the user or service account; `system` for the system.
    public let actorId: String
    public let actorName: String
    /// By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where
    /// that is not known.
    public let source: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case target
        case before
        case actorId
        case actorName
        case source
    }

    public init(
        kind: TimelineTargetKind,
        at: Date,
        target: Double?,
        before: Double?,
        actorId: String,
        actorName: String,
        source: String
    ) {
        self.kind = kind
        self.at = at
        self.target = target
        self.before = before
        self.actorId = actorId
        self.actorName = actorName
        self.source = source
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineTargetKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        target = try container.decode(Double?.self, forKey: .target)
        before = try container.decode(Double?.self, forKey: .before)
        actorId = try container.decode(String.self, forKey: .actorId)
        actorName = try container.decode(String.self, forKey: .actorName)
        source = try container.decode(String.self, forKey: .source)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(target, forKey: .target)
        try container.encode(before, forKey: .before)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
        try container.encode(source, forKey: .source)
    }
}

/// The KPI had this value from then on. before: the one until then, if there was one.
public struct TimelineValue: Codable, Hashable, Sendable {
    public let kind: TimelineValueKind
    public let at: Date
    public let value: Double
    public let before: Double?
    /// Id of the user or service account; `system` for the system.
    public let actorId: String
    public let actorName: String
    /// By which way it came: `websocket`, `admin`, `rest`, `import`, `connector` ...; empty where
    /// that is not known.
    public let source: String

    private enum CodingKeys: String, CodingKey {
        case kind
        case at
        case value
        case before
        case actorId
        case actorName
        case source
    }

    public init(
        kind: TimelineValueKind,
        at: Date,
        value: Double,
        before: Double?,
        actorId: String,
        actorName: String,
        source: String
    ) {
        self.kind = kind
        self.at = at
        self.value = value
        self.before = before
        self.actorId = actorId
        self.actorName = actorName
        self.source = source
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(TimelineValueKind.self, forKey: .kind)
        at = try container.decode(Date.self, forKey: .at)
        value = try container.decode(Double.self, forKey: .value)
        before = try container.decode(Double?.self, forKey: .before)
        actorId = try container.decode(String.self, forKey: .actorId)
        actorName = try container.decode(String.self, forKey: .actorName)
        source = try container.decode(String.self, forKey: .source)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(at, forKey: .at)
        try container.encode(value, forKey: .value)
        try container.encode(before, forKey: .before)
        try container.encode(actorId, forKey: .actorId)
        try container.encode(actorName, forKey: .actorName)
        try container.encode(source, forKey: .source)
    }
}

/// The token has expired: events wait until a new AUTH, for a while.
public struct TokenExpiredNotice: Codable, Hashable, Sendable {
    public let message: String

    private enum CodingKeys: String, CodingKey {
        case message
    }

    public init(
        message: String
    ) {
        self.message = message
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        message = try container.decode(String.self, forKey: .message)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(message, forKey: .message)
    }
}

/// Follow these channels no longer.
public struct Unsubscribe: Codable, Hashable, Sendable {
    /// The first 100 of them are served.
    public var channels: [String]

    private enum CodingKeys: String, CodingKey {
        case channels
    }

    public init(
        channels: [String]
    ) {
        self.channels = channels
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
    }
}

/// These channels are followed no longer; `reason` where the server ended it.
public struct Unsubscribed: Codable, Hashable, Sendable {
    public let channels: [String]
    public let reason: UnsubscribedReason?

    private enum CodingKeys: String, CodingKey {
        case channels
        case reason
    }

    public init(
        channels: [String],
        reason: UnsubscribedReason? = nil
    ) {
        self.channels = channels
        self.reason = reason
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        channels = try container.decode([String].self, forKey: .channels)
        reason = try container.decodeIfPresent(UnsubscribedReason.self, forKey: .reason)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channels, forKey: .channels)
        try container.encodeIfPresent(reason, forKey: .reason)
    }
}

/// One of the items of a list, by its `kind`: value, target, change, imported, alert, anomaly, forecast, advice, note.
public enum TimelineItem: Codable, Hashable, Sendable {
    case value(TimelineValue)
    case target(TimelineTarget)
    case change(TimelineChange)
    case imported(TimelineImport)
    case alert(TimelineAlert)
    case anomaly(TimelineAnomaly)
    case forecast(TimelineForecast)
    case advice(TimelineAdvice)
    case note(TimelineNote)
    case unknown(kind: String)

    private enum CodingKeys: String, CodingKey {
        case kind
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let kind = try container.decode(String.self, forKey: .kind)
        switch kind {
        case "value":
            self = .value(try TimelineValue(from: decoder))
        case "target":
            self = .target(try TimelineTarget(from: decoder))
        case "change":
            self = .change(try TimelineChange(from: decoder))
        case "imported":
            self = .imported(try TimelineImport(from: decoder))
        case "alert":
            self = .alert(try TimelineAlert(from: decoder))
        case "anomaly":
            self = .anomaly(try TimelineAnomaly(from: decoder))
        case "forecast":
            self = .forecast(try TimelineForecast(from: decoder))
        case "advice":
            self = .advice(try TimelineAdvice(from: decoder))
        case "note":
            self = .note(try TimelineNote(from: decoder))
        default:
            self = .unknown(kind: kind)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .value(let item): try item.encode(to: encoder)
        case .target(let item): try item.encode(to: encoder)
        case .change(let item): try item.encode(to: encoder)
        case .imported(let item): try item.encode(to: encoder)
        case .alert(let item): try item.encode(to: encoder)
        case .anomaly(let item): try item.encode(to: encoder)
        case .forecast(let item): try item.encode(to: encoder)
        case .advice(let item): try item.encode(to: encoder)
        case .note(let item): try item.encode(to: encoder)
        case .unknown(let kind):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(kind, forKey: .kind)
        }
    }
}

// MARK: - Entities

/// `data` of the entity type `insight`, by its `kind`.
public enum InsightData: Codable, Hashable, Sendable {
    case anomaly(AnomalyData)
    case prediction(PredictionData)
    case recommendation(RecommendationData)
    case unknown(id: String, kind: String)

    private enum CodingKeys: String, CodingKey {
        case id, kind
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(InsightKind.self, forKey: .kind) {
        case .anomaly:
            self = .anomaly(try AnomalyData(from: decoder))
        case .prediction:
            self = .prediction(try PredictionData(from: decoder))
        case .recommendation:
            self = .recommendation(try RecommendationData(from: decoder))
        case .unrecognized(let kind):
            let id = try container.decode(String.self, forKey: .id)
            self = .unknown(id: id, kind: kind)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .anomaly(let data): try data.encode(to: encoder)
        case .prediction(let data): try data.encode(to: encoder)
        case .recommendation(let data): try data.encode(to: encoder)
        case .unknown(let id, let kind):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(kind, forKey: .kind)
        }
    }

    public var id: String {
        switch self {
        case .anomaly(let data): return data.id
        case .prediction(let data): return data.id
        case .recommendation(let data): return data.id
        case .unknown(let id, _): return id
        }
    }
}

/// An entity, by its type; a newer server may have unknown ones. Encoded it is `data`.
public enum EntityData: Encodable, Hashable, Sendable {
    case organization(OrganizationData)
    case department(DepartmentData)
    case employee(EmployeeData)
    case notification(NotificationData)
    case kpi(KpiData)
    case alert(AlertData)
    case insight(InsightData)
    case report(ReportData)
    case session(SessionData)
    case invitation(InvitationData)
    case participant(ParticipantData)
    case annotation(AnnotationData)
    case unknown(id: String, type: String)

    public var type: EntityType {
        switch self {
        case .organization: return .organization
        case .department: return .department
        case .employee: return .employee
        case .notification: return .notification
        case .kpi: return .kpi
        case .alert: return .alert
        case .insight: return .insight
        case .report: return .report
        case .session: return .session
        case .invitation: return .invitation
        case .participant: return .participant
        case .annotation: return .annotation
        case .unknown(_, let type): return EntityType(text: type)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case id
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .organization(let data): try data.encode(to: encoder)
        case .department(let data): try data.encode(to: encoder)
        case .employee(let data): try data.encode(to: encoder)
        case .notification(let data): try data.encode(to: encoder)
        case .kpi(let data): try data.encode(to: encoder)
        case .alert(let data): try data.encode(to: encoder)
        case .insight(let data): try data.encode(to: encoder)
        case .report(let data): try data.encode(to: encoder)
        case .session(let data): try data.encode(to: encoder)
        case .invitation(let data): try data.encode(to: encoder)
        case .participant(let data): try data.encode(to: encoder)
        case .annotation(let data): try data.encode(to: encoder)
        case .unknown(let id, _):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
        }
    }

    public var id: String {
        switch self {
        case .organization(let data): return data.id
        case .department(let data): return data.id
        case .employee(let data): return data.id
        case .notification(let data): return data.id
        case .kpi(let data): return data.id
        case .alert(let data): return data.id
        case .insight(let data): return data.id
        case .report(let data): return data.id
        case .session(let data): return data.id
        case .invitation(let data): return data.id
        case .participant(let data): return data.id
        case .annotation(let data): return data.id
        case .unknown(let id, _): return id
        }
    }
}

/// An entity was created or updated, or is shown by a snapshot.
public struct SyncUpdate: Codable, Hashable, Sendable {
    public let entityType: EntityType
    public let entityId: String
    public let changeType: ChangeType
    public let data: EntityData
    public let updatedBy: String
    public let sequence: Int64

    private enum CodingKeys: String, CodingKey {
        case entityType
        case entityId
        case changeType
        case data
        case updatedBy
        case sequence
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entityType = try container.decode(EntityType.self, forKey: .entityType)
        entityId = try container.decode(String.self, forKey: .entityId)
        changeType = try container.decode(ChangeType.self, forKey: .changeType)
        updatedBy = try container.decode(String.self, forKey: .updatedBy)
        sequence = try container.decode(Int64.self, forKey: .sequence)
        switch entityType {
        case .organization:
            data = .organization(try container.decode(OrganizationData.self, forKey: .data))
        case .department:
            data = .department(try container.decode(DepartmentData.self, forKey: .data))
        case .employee:
            data = .employee(try container.decode(EmployeeData.self, forKey: .data))
        case .notification:
            data = .notification(try container.decode(NotificationData.self, forKey: .data))
        case .kpi:
            data = .kpi(try container.decode(KpiData.self, forKey: .data))
        case .alert:
            data = .alert(try container.decode(AlertData.self, forKey: .data))
        case .insight:
            data = .insight(try container.decode(InsightData.self, forKey: .data))
        case .report:
            data = .report(try container.decode(ReportData.self, forKey: .data))
        case .session:
            data = .session(try container.decode(SessionData.self, forKey: .data))
        case .invitation:
            data = .invitation(try container.decode(InvitationData.self, forKey: .data))
        case .participant:
            data = .participant(try container.decode(ParticipantData.self, forKey: .data))
        case .annotation:
            data = .annotation(try container.decode(AnnotationData.self, forKey: .data))
        case .unrecognized(let type):
            data = .unknown(id: entityId, type: type)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entityType, forKey: .entityType)
        try container.encode(entityId, forKey: .entityId)
        try container.encode(changeType, forKey: .changeType)
        try container.encode(data, forKey: .data)
        try container.encode(updatedBy, forKey: .updatedBy)
        try container.encode(sequence, forKey: .sequence)
    }
}

// MARK: - Messages of the server

/// A message of the server. A type that a newer server has is unknown.
public enum ServerMessage: Decodable, Hashable, Sendable {
    case alert(AlertMessage)
    case annotationCreated(AnnotationCreated)
    case annotationDeleted(AnnotationDeleted)
    case annotationUpdated(AnnotationUpdated)
    case anomalyDetected(AnomalyDetected)
    case authFailed(AuthFailed)
    case authSuccess(AuthSuccess)
    case away(Away)
    case cursorMove(CursorMoved)
    case departmentUpdated(DepartmentUpdated)
    case employeeUpdated(EmployeeUpdated)
    case error(ErrorMessage)
    case kpiUpdated(KpiUpdated)
    case looking(Looked)
    case notification(NotificationMessage)
    case notificationRead(NotificationReadConfirmed)
    case participantUpdate(ParticipantUpdate)
    case ping
    case pong
    case predictionReady(PredictionReady)
    case presence(Presence)
    case rateLimit(RateLimit)
    case recommendation(Recommendation)
    case replay(Replay)
    case reportGenerated(ReportGenerated)
    case seen(SeenConfirmed)
    case sessionCreated(SessionCreated)
    case sessionEnded(SessionEnded)
    case sessionHandedOver(SessionHandedOver)
    case sessionInvited(SessionInvited)
    case sessionJoined(SessionJoined)
    case sessionLeft(SessionLeft)
    case subscribed(Subscribed)
    case syncComplete(SyncComplete)
    case syncDelete(SyncDelete)
    case syncError(SyncError)
    case syncStart(SyncStart)
    case syncUpdate(SyncUpdate)
    case timeline(Timeline)
    case tokenExpired(TokenExpiredNotice)
    case unsubscribed(Unsubscribed)
    case unknown(String)

    private enum CodingKeys: String, CodingKey {
        case type, payload
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "ALERT":
            self = .alert(try container.decode(AlertMessage.self, forKey: .payload))
        case "ANNOTATION_CREATED":
            self = .annotationCreated(try container.decode(AnnotationCreated.self, forKey: .payload))
        case "ANNOTATION_DELETED":
            self = .annotationDeleted(try container.decode(AnnotationDeleted.self, forKey: .payload))
        case "ANNOTATION_UPDATED":
            self = .annotationUpdated(try container.decode(AnnotationUpdated.self, forKey: .payload))
        case "ANOMALY_DETECTED":
            self = .anomalyDetected(try container.decode(AnomalyDetected.self, forKey: .payload))
        case "AUTH_FAILED":
            self = .authFailed(try container.decode(AuthFailed.self, forKey: .payload))
        case "AUTH_SUCCESS":
            self = .authSuccess(try container.decode(AuthSuccess.self, forKey: .payload))
        case "AWAY":
            self = .away(try container.decode(Away.self, forKey: .payload))
        case "CURSOR_MOVE":
            self = .cursorMove(try container.decode(CursorMoved.self, forKey: .payload))
        case "DEPARTMENT_UPDATED":
            self = .departmentUpdated(try container.decode(DepartmentUpdated.self, forKey: .payload))
        case "EMPLOYEE_UPDATED":
            self = .employeeUpdated(try container.decode(EmployeeUpdated.self, forKey: .payload))
        case "ERROR":
            self = .error(try container.decode(ErrorMessage.self, forKey: .payload))
        case "KPI_UPDATED":
            self = .kpiUpdated(try container.decode(KpiUpdated.self, forKey: .payload))
        case "LOOKING":
            self = .looking(try container.decode(Looked.self, forKey: .payload))
        case "NOTIFICATION":
            self = .notification(try container.decode(NotificationMessage.self, forKey: .payload))
        case "NOTIFICATION_READ":
            self = .notificationRead(try container.decode(NotificationReadConfirmed.self, forKey: .payload))
        case "PARTICIPANT_UPDATE":
            self = .participantUpdate(try container.decode(ParticipantUpdate.self, forKey: .payload))
        case "PING":
            self = .ping
        case "PONG":
            self = .pong
        case "PREDICTION_READY":
            self = .predictionReady(try container.decode(PredictionReady.self, forKey: .payload))
        case "PRESENCE":
            self = .presence(try container.decode(Presence.self, forKey: .payload))
        case "RATE_LIMIT":
            self = .rateLimit(try container.decode(RateLimit.self, forKey: .payload))
        case "RECOMMENDATION":
            self = .recommendation(try container.decode(Recommendation.self, forKey: .payload))
        case "REPLAY":
            self = .replay(try container.decode(Replay.self, forKey: .payload))
        case "REPORT_GENERATED":
            self = .reportGenerated(try container.decode(ReportGenerated.self, forKey: .payload))
        case "SEEN":
            self = .seen(try container.decode(SeenConfirmed.self, forKey: .payload))
        case "SESSION_CREATED":
            self = .sessionCreated(try container.decode(SessionCreated.self, forKey: .payload))
        case "SESSION_ENDED":
            self = .sessionEnded(try container.decode(SessionEnded.self, forKey: .payload))
        case "SESSION_HANDED_OVER":
            self = .sessionHandedOver(try container.decode(SessionHandedOver.self, forKey: .payload))
        case "SESSION_INVITED":
            self = .sessionInvited(try container.decode(SessionInvited.self, forKey: .payload))
        case "SESSION_JOINED":
            self = .sessionJoined(try container.decode(SessionJoined.self, forKey: .payload))
        case "SESSION_LEFT":
            self = .sessionLeft(try container.decode(SessionLeft.self, forKey: .payload))
        case "SUBSCRIBED":
            self = .subscribed(try container.decode(Subscribed.self, forKey: .payload))
        case "SYNC_COMPLETE":
            self = .syncComplete(try container.decode(SyncComplete.self, forKey: .payload))
        case "SYNC_DELETE":
            self = .syncDelete(try container.decode(SyncDelete.self, forKey: .payload))
        case "SYNC_ERROR":
            self = .syncError(try container.decode(SyncError.self, forKey: .payload))
        case "SYNC_START":
            self = .syncStart(try container.decode(SyncStart.self, forKey: .payload))
        case "SYNC_UPDATE":
            self = .syncUpdate(try container.decode(SyncUpdate.self, forKey: .payload))
        case "TIMELINE":
            self = .timeline(try container.decode(Timeline.self, forKey: .payload))
        case "TOKEN_EXPIRED":
            self = .tokenExpired(try container.decode(TokenExpiredNotice.self, forKey: .payload))
        case "UNSUBSCRIBED":
            self = .unsubscribed(try container.decode(Unsubscribed.self, forKey: .payload))
        default:
            self = .unknown(type)
        }
    }

    /// The type of the message, as it is on the wire.
    public var type: String {
        switch self {
        case .alert: return "ALERT"
        case .annotationCreated: return "ANNOTATION_CREATED"
        case .annotationDeleted: return "ANNOTATION_DELETED"
        case .annotationUpdated: return "ANNOTATION_UPDATED"
        case .anomalyDetected: return "ANOMALY_DETECTED"
        case .authFailed: return "AUTH_FAILED"
        case .authSuccess: return "AUTH_SUCCESS"
        case .away: return "AWAY"
        case .cursorMove: return "CURSOR_MOVE"
        case .departmentUpdated: return "DEPARTMENT_UPDATED"
        case .employeeUpdated: return "EMPLOYEE_UPDATED"
        case .error: return "ERROR"
        case .kpiUpdated: return "KPI_UPDATED"
        case .looking: return "LOOKING"
        case .notification: return "NOTIFICATION"
        case .notificationRead: return "NOTIFICATION_READ"
        case .participantUpdate: return "PARTICIPANT_UPDATE"
        case .ping: return "PING"
        case .pong: return "PONG"
        case .predictionReady: return "PREDICTION_READY"
        case .presence: return "PRESENCE"
        case .rateLimit: return "RATE_LIMIT"
        case .recommendation: return "RECOMMENDATION"
        case .replay: return "REPLAY"
        case .reportGenerated: return "REPORT_GENERATED"
        case .seen: return "SEEN"
        case .sessionCreated: return "SESSION_CREATED"
        case .sessionEnded: return "SESSION_ENDED"
        case .sessionHandedOver: return "SESSION_HANDED_OVER"
        case .sessionInvited: return "SESSION_INVITED"
        case .sessionJoined: return "SESSION_JOINED"
        case .sessionLeft: return "SESSION_LEFT"
        case .subscribed: return "SUBSCRIBED"
        case .syncComplete: return "SYNC_COMPLETE"
        case .syncDelete: return "SYNC_DELETE"
        case .syncError: return "SYNC_ERROR"
        case .syncStart: return "SYNC_START"
        case .syncUpdate: return "SYNC_UPDATE"
        case .timeline: return "TIMELINE"
        case .tokenExpired: return "TOKEN_EXPIRED"
        case .unsubscribed: return "UNSUBSCRIBED"
        case .unknown(let type): return type
        }
    }
}

extension ServerMessage {
    /// The change to an entity that the message tells of; nil where it tells of none.
    public var event: EntityEvent? {
        switch self {
        case .alert(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .annotationCreated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .annotationDeleted(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .annotationUpdated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .anomalyDetected(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .departmentUpdated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .employeeUpdated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .kpiUpdated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .notification(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .notificationRead(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .participantUpdate(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .predictionReady(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .recommendation(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .reportGenerated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .sessionCreated(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .sessionEnded(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .sessionJoined(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .sessionLeft(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .syncUpdate(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: payload.changeType, sequence: payload.sequence
            )
        case .syncDelete(let payload):
            return EntityEvent(
                type: payload.entityType, id: payload.entityId,
                changeType: .deleted, sequence: payload.sequence
            )
        default:
            return nil
        }
    }
}

extension ServerMessage {
    /// Return the entity after this message, which creates or updates it; nil where the
    /// message shows but some of its fields, and the others are not known.
    func entity(after known: EntityData?) -> EntityData? {
        switch self {
        case .alert(let payload):
            let data = AlertData(
                id: payload.entityId,
                kpiId: payload.kpiId,
                ruleId: payload.ruleId,
                severity: payload.severity,
                message: payload.message,
                value: payload.value,
                threshold: payload.threshold,
                raisedAt: payload.raisedAt,
                state: payload.state,
                acknowledgedAt: payload.acknowledgedAt,
                acknowledgedBy: payload.acknowledgedBy,
                snoozedUntil: payload.snoozedUntil,
                resolvedAt: payload.resolvedAt
            )
            return .alert(data)
        case .annotationCreated(let payload):
            let data = AnnotationData(
                id: payload.entityId,
                sessionId: payload.sessionId,
                authorId: payload.authorId,
                authorName: payload.authorName,
                position: payload.position,
                content: payload.content,
                contentType: payload.contentType,
                entity: payload.entity,
                parentId: payload.parentId,
                revision: payload.revision,
                createdAt: payload.createdAt,
                updatedAt: payload.updatedAt,
                mentions: payload.mentions,
                resolvedAt: payload.resolvedAt,
                resolvedBy: payload.resolvedBy,
                entityArchived: payload.entityArchived
            )
            return .annotation(data)
        case .annotationUpdated(let payload):
            let data = AnnotationData(
                id: payload.entityId,
                sessionId: payload.sessionId,
                authorId: payload.authorId,
                authorName: payload.authorName,
                position: payload.position,
                content: payload.content,
                contentType: payload.contentType,
                entity: payload.entity,
                parentId: payload.parentId,
                revision: payload.revision,
                createdAt: payload.createdAt,
                updatedAt: payload.updatedAt,
                mentions: payload.mentions,
                resolvedAt: payload.resolvedAt,
                resolvedBy: payload.resolvedBy,
                entityArchived: payload.entityArchived
            )
            return .annotation(data)
        case .anomalyDetected(let payload):
            let data = AnomalyData(
                kind: .anomaly,
                id: payload.entityId,
                kpiId: payload.kpiId,
                day: payload.day,
                value: payload.value,
                expected: payload.expected,
                lower: payload.lower,
                upper: payload.upper,
                score: payload.score,
                severity: payload.severity,
                method: payload.method,
                detectedAt: payload.detectedAt
            )
            return .insight(.anomaly(data))
        case .departmentUpdated(let payload):
            let data = DepartmentData(
                id: payload.entityId,
                name: payload.name,
                parentId: payload.parentId,
                updatedAt: payload.updatedAt
            )
            return .department(data)
        case .employeeUpdated(let payload):
            let data = EmployeeData(
                id: payload.entityId,
                name: payload.name,
                title: payload.title,
                email: payload.email,
                departmentId: payload.departmentId,
                userId: payload.userId,
                updatedAt: payload.updatedAt
            )
            return .employee(data)
        case .kpiUpdated(let payload):
            guard case .kpi(var data)? = known else { return nil }
            data.value = payload.value
            data.updatedAt = payload.updatedAt
            return .kpi(data)
        case .notification(let payload):
            let data = NotificationData(
                id: payload.entityId,
                category: payload.category,
                title: payload.title,
                message: payload.message,
                data: payload.data,
                createdAt: payload.createdAt,
                readAt: payload.readAt
            )
            return .notification(data)
        case .participantUpdate(let payload):
            guard case .participant(var data)? = known else { return nil }
            data.sessionId = payload.sessionId
            data.userId = payload.userId
            data.state = payload.state
            data.role = payload.role
            return .participant(data)
        case .predictionReady(let payload):
            guard let entityId = payload.entityId else { return nil }
            let data = PredictionData(
                kind: .prediction,
                id: entityId,
                kpiId: payload.kpiId,
                horizon: payload.horizon,
                points: payload.points,
                method: payload.method,
                createdAt: payload.createdAt
            )
            return .insight(.prediction(data))
        case .recommendation(let payload):
            guard let entityId = payload.entityId else { return nil }
            let data = RecommendationData(
                kind: .recommendation,
                id: entityId,
                kpiId: payload.kpiId,
                message: payload.message,
                evidence: payload.evidence,
                method: payload.method,
                createdAt: payload.createdAt
            )
            return .insight(.recommendation(data))
        case .reportGenerated(let payload):
            guard let entityId = payload.entityId else { return nil }
            let data = ReportData(
                id: entityId,
                scope: payload.scope,
                from: payload.from,
                to: payload.to,
                format: payload.format,
                url: payload.url,
                createdAt: payload.createdAt,
                expiresAt: payload.expiresAt
            )
            return .report(data)
        case .sessionCreated(let payload):
            switch payload.entityType {
            case .session:
                let data = SessionData(
                    id: payload.entityId,
                    title: payload.title,
                    hostId: payload.hostId,
                    activeSpace: payload.activeSpace,
                    maxParticipants: payload.maxParticipants,
                    invitationOnly: payload.invitationOnly,
                    createdAt: payload.createdAt,
                    endedAt: nil
                )
                return .session(data)
            case .invitation:
                let data = InvitationData(
                    id: payload.entityId,
                    sessionId: payload.sessionId,
                    title: payload.title
                )
                return .invitation(data)
            default:
                return nil
            }
        case .sessionJoined(let payload):
            guard let entityId = payload.entityId else { return nil }
            let data = ParticipantData(
                id: entityId,
                sessionId: payload.sessionId,
                userId: payload.userId,
                userName: payload.userName,
                state: payload.state,
                role: payload.role,
                joinedAt: payload.joinedAt
            )
            return .participant(data)
        case .syncUpdate(let payload):
            return payload.data
        default:
            return nil
        }
    }
}

// MARK: - Messages of clients

/// A message of a client.
public enum ClientMessage: Encodable, Hashable, Sendable {
    case alertAcknowledge(AlertAcknowledge)
    case alertSnooze(AlertSnooze)
    case annotationCreate(AnnotationCreate)
    case annotationDelete(AnnotationDelete)
    case annotationResolve(AnnotationResolve)
    case annotationUpdate(AnnotationUpdate)
    case auth(Auth)
    case awayRequest
    case cursorMove(CursorMove)
    case kpiUpdate(KpiUpdate)
    case looking(Looking)
    case notificationRead(NotificationRead)
    case ping
    case pong
    case predictionRequest(PredictionRequest)
    case presenceRequest(PresenceRequest)
    case replayRequest(ReplayRequest)
    case reportRequest(ReportRequest)
    case seen(Seen)
    case sessionCreate(SessionCreate)
    case sessionEnd(SessionEnd)
    case sessionHandOver(SessionHandOver)
    case sessionInvite(SessionInvite)
    case sessionJoin(SessionJoin)
    case sessionLeave(SessionLeave)
    case subscribe(Subscribe)
    case syncRequest(SyncRequest)
    case timelineRequest(TimelineRequest)
    case unsubscribe(Unsubscribe)

    private enum CodingKeys: String, CodingKey {
        case type, payload
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(type, forKey: .type)
        switch self {
        case .alertAcknowledge(let payload):
            try container.encode(payload, forKey: .payload)
        case .alertSnooze(let payload):
            try container.encode(payload, forKey: .payload)
        case .annotationCreate(let payload):
            try container.encode(payload, forKey: .payload)
        case .annotationDelete(let payload):
            try container.encode(payload, forKey: .payload)
        case .annotationResolve(let payload):
            try container.encode(payload, forKey: .payload)
        case .annotationUpdate(let payload):
            try container.encode(payload, forKey: .payload)
        case .auth(let payload):
            try container.encode(payload, forKey: .payload)
        case .cursorMove(let payload):
            try container.encode(payload, forKey: .payload)
        case .kpiUpdate(let payload):
            try container.encode(payload, forKey: .payload)
        case .looking(let payload):
            try container.encode(payload, forKey: .payload)
        case .notificationRead(let payload):
            try container.encode(payload, forKey: .payload)
        case .predictionRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .presenceRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .replayRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .reportRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .seen(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionCreate(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionEnd(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionHandOver(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionInvite(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionJoin(let payload):
            try container.encode(payload, forKey: .payload)
        case .sessionLeave(let payload):
            try container.encode(payload, forKey: .payload)
        case .subscribe(let payload):
            try container.encode(payload, forKey: .payload)
        case .syncRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .timelineRequest(let payload):
            try container.encode(payload, forKey: .payload)
        case .unsubscribe(let payload):
            try container.encode(payload, forKey: .payload)
        case .awayRequest, .ping, .pong:
            break
        }
    }

    /// The type of the message, as it is on the wire.
    public var type: String {
        switch self {
        case .alertAcknowledge: return "ALERT_ACKNOWLEDGE"
        case .alertSnooze: return "ALERT_SNOOZE"
        case .annotationCreate: return "ANNOTATION_CREATE"
        case .annotationDelete: return "ANNOTATION_DELETE"
        case .annotationResolve: return "ANNOTATION_RESOLVE"
        case .annotationUpdate: return "ANNOTATION_UPDATE"
        case .auth: return "AUTH"
        case .awayRequest: return "AWAY_REQUEST"
        case .cursorMove: return "CURSOR_MOVE"
        case .kpiUpdate: return "KPI_UPDATE"
        case .looking: return "LOOKING"
        case .notificationRead: return "NOTIFICATION_READ"
        case .ping: return "PING"
        case .pong: return "PONG"
        case .predictionRequest: return "PREDICTION_REQUEST"
        case .presenceRequest: return "PRESENCE_REQUEST"
        case .replayRequest: return "REPLAY_REQUEST"
        case .reportRequest: return "REPORT_REQUEST"
        case .seen: return "SEEN"
        case .sessionCreate: return "SESSION_CREATE"
        case .sessionEnd: return "SESSION_END"
        case .sessionHandOver: return "SESSION_HAND_OVER"
        case .sessionInvite: return "SESSION_INVITE"
        case .sessionJoin: return "SESSION_JOIN"
        case .sessionLeave: return "SESSION_LEAVE"
        case .subscribe: return "SUBSCRIBE"
        case .syncRequest: return "SYNC_REQUEST"
        case .timelineRequest: return "TIMELINE_REQUEST"
        case .unsubscribe: return "UNSUBSCRIBE"
        }
    }
}

extension AlertAcknowledge: BOSRequest {
    public typealias Reply = AlertMessage
    public static let type = "ALERT_ACKNOWLEDGE"

    public var message: ClientMessage { .alertAcknowledge(self) }

    public static func reply(in message: ServerMessage) -> AlertMessage? {
        guard case .alert(let payload) = message else { return nil }
        return payload
    }
}

extension AlertSnooze: BOSRequest {
    public typealias Reply = AlertMessage
    public static let type = "ALERT_SNOOZE"

    public var message: ClientMessage { .alertSnooze(self) }

    public static func reply(in message: ServerMessage) -> AlertMessage? {
        guard case .alert(let payload) = message else { return nil }
        return payload
    }
}

extension AnnotationCreate: BOSRequest {
    public typealias Reply = AnnotationCreated
    public static let type = "ANNOTATION_CREATE"

    public var message: ClientMessage { .annotationCreate(self) }

    public static func reply(in message: ServerMessage) -> AnnotationCreated? {
        guard case .annotationCreated(let payload) = message else { return nil }
        return payload
    }
}

extension AnnotationDelete: BOSRequest {
    public typealias Reply = AnnotationDeleted
    public static let type = "ANNOTATION_DELETE"

    public var message: ClientMessage { .annotationDelete(self) }

    public static func reply(in message: ServerMessage) -> AnnotationDeleted? {
        guard case .annotationDeleted(let payload) = message else { return nil }
        return payload
    }
}

extension AnnotationResolve: BOSRequest {
    public typealias Reply = AnnotationUpdated
    public static let type = "ANNOTATION_RESOLVE"

    public var message: ClientMessage { .annotationResolve(self) }

    public static func reply(in message: ServerMessage) -> AnnotationUpdated? {
        guard case .annotationUpdated(let payload) = message else { return nil }
        return payload
    }
}

extension AnnotationUpdate: BOSRequest {
    public typealias Reply = AnnotationUpdated
    public static let type = "ANNOTATION_UPDATE"

    public var message: ClientMessage { .annotationUpdate(self) }

    public static func reply(in message: ServerMessage) -> AnnotationUpdated? {
        guard case .annotationUpdated(let payload) = message else { return nil }
        return payload
    }
}

extension Auth: BOSRequest {
    public typealias Reply = AuthSuccess
    public static let type = "AUTH"

    public var message: ClientMessage { .auth(self) }

    public static func reply(in message: ServerMessage) -> AuthSuccess? {
        guard case .authSuccess(let payload) = message else { return nil }
        return payload
    }
}

extension KpiUpdate: BOSRequest {
    public typealias Reply = KpiUpdated
    public static let type = "KPI_UPDATE"

    public var message: ClientMessage { .kpiUpdate(self) }

    public static func reply(in message: ServerMessage) -> KpiUpdated? {
        guard case .kpiUpdated(let payload) = message else { return nil }
        return payload
    }
}

extension Looking: BOSRequest {
    public typealias Reply = Looked
    public static let type = "LOOKING"

    public var message: ClientMessage { .looking(self) }

    public static func reply(in message: ServerMessage) -> Looked? {
        guard case .looking(let payload) = message else { return nil }
        return payload
    }
}

extension NotificationRead: BOSRequest {
    public typealias Reply = NotificationReadConfirmed
    public static let type = "NOTIFICATION_READ"

    public var message: ClientMessage { .notificationRead(self) }

    public static func reply(in message: ServerMessage) -> NotificationReadConfirmed? {
        guard case .notificationRead(let payload) = message else { return nil }
        return payload
    }
}

extension PredictionRequest: BOSRequest {
    public typealias Reply = PredictionReady
    public static let type = "PREDICTION_REQUEST"

    public var message: ClientMessage { .predictionRequest(self) }

    public static func reply(in message: ServerMessage) -> PredictionReady? {
        guard case .predictionReady(let payload) = message else { return nil }
        return payload
    }
}

extension PresenceRequest: BOSRequest {
    public typealias Reply = Presence
    public static let type = "PRESENCE_REQUEST"

    public var message: ClientMessage { .presenceRequest(self) }

    public static func reply(in message: ServerMessage) -> Presence? {
        guard case .presence(let payload) = message else { return nil }
        return payload
    }
}

extension ReplayRequest: BOSRequest {
    public typealias Reply = Replay
    public static let type = "REPLAY_REQUEST"

    public var message: ClientMessage { .replayRequest(self) }

    public static func reply(in message: ServerMessage) -> Replay? {
        guard case .replay(let payload) = message else { return nil }
        return payload
    }
}

extension ReportRequest: BOSRequest {
    public typealias Reply = ReportGenerated
    public static let type = "REPORT_REQUEST"

    public var message: ClientMessage { .reportRequest(self) }

    public static func reply(in message: ServerMessage) -> ReportGenerated? {
        guard case .reportGenerated(let payload) = message else { return nil }
        return payload
    }
}

extension Seen: BOSRequest {
    public typealias Reply = SeenConfirmed
    public static let type = "SEEN"

    public var message: ClientMessage { .seen(self) }

    public static func reply(in message: ServerMessage) -> SeenConfirmed? {
        guard case .seen(let payload) = message else { return nil }
        return payload
    }
}

extension SessionCreate: BOSRequest {
    public typealias Reply = SessionCreated
    public static let type = "SESSION_CREATE"

    public var message: ClientMessage { .sessionCreate(self) }

    public static func reply(in message: ServerMessage) -> SessionCreated? {
        guard case .sessionCreated(let payload) = message else { return nil }
        return payload
    }
}

extension SessionEnd: BOSRequest {
    public typealias Reply = SessionEnded
    public static let type = "SESSION_END"

    public var message: ClientMessage { .sessionEnd(self) }

    public static func reply(in message: ServerMessage) -> SessionEnded? {
        guard case .sessionEnded(let payload) = message else { return nil }
        return payload
    }
}

extension SessionHandOver: BOSRequest {
    public typealias Reply = SessionHandedOver
    public static let type = "SESSION_HAND_OVER"

    public var message: ClientMessage { .sessionHandOver(self) }

    public static func reply(in message: ServerMessage) -> SessionHandedOver? {
        guard case .sessionHandedOver(let payload) = message else { return nil }
        return payload
    }
}

extension SessionInvite: BOSRequest {
    public typealias Reply = SessionInvited
    public static let type = "SESSION_INVITE"

    public var message: ClientMessage { .sessionInvite(self) }

    public static func reply(in message: ServerMessage) -> SessionInvited? {
        guard case .sessionInvited(let payload) = message else { return nil }
        return payload
    }
}

extension SessionJoin: BOSRequest {
    public typealias Reply = SessionJoined
    public static let type = "SESSION_JOIN"

    public var message: ClientMessage { .sessionJoin(self) }

    public static func reply(in message: ServerMessage) -> SessionJoined? {
        guard case .sessionJoined(let payload) = message else { return nil }
        return payload
    }
}

extension SessionLeave: BOSRequest {
    public typealias Reply = SessionLeft
    public static let type = "SESSION_LEAVE"

    public var message: ClientMessage { .sessionLeave(self) }

    public static func reply(in message: ServerMessage) -> SessionLeft? {
        guard case .sessionLeft(let payload) = message else { return nil }
        return payload
    }
}

extension Subscribe: BOSRequest {
    public typealias Reply = Subscribed
    public static let type = "SUBSCRIBE"

    public var message: ClientMessage { .subscribe(self) }

    public static func reply(in message: ServerMessage) -> Subscribed? {
        guard case .subscribed(let payload) = message else { return nil }
        return payload
    }
}

extension SyncRequest: BOSRequest {
    public typealias Reply = SyncComplete
    public static let type = "SYNC_REQUEST"

    public var message: ClientMessage { .syncRequest(self) }

    public static func reply(in message: ServerMessage) -> SyncComplete? {
        guard case .syncComplete(let payload) = message else { return nil }
        return payload
    }
}

extension TimelineRequest: BOSRequest {
    public typealias Reply = Timeline
    public static let type = "TIMELINE_REQUEST"

    public var message: ClientMessage { .timelineRequest(self) }

    public static func reply(in message: ServerMessage) -> Timeline? {
        guard case .timeline(let payload) = message else { return nil }
        return payload
    }
}

extension Unsubscribe: BOSRequest {
    public typealias Reply = Unsubscribed
    public static let type = "UNSUBSCRIBE"

    public var message: ClientMessage { .unsubscribe(self) }

    public static func reply(in message: ServerMessage) -> Unsubscribed? {
        guard case .unsubscribed(let payload) = message else { return nil }
        return payload
    }
}

extension AlertMessage: BOSMessage {
    public static let type = "ALERT"
}

extension AnnotationCreated: BOSMessage {
    public static let type = "ANNOTATION_CREATED"
}

extension AnnotationDeleted: BOSMessage {
    public static let type = "ANNOTATION_DELETED"
}

extension AnnotationUpdated: BOSMessage {
    public static let type = "ANNOTATION_UPDATED"
}

extension AnomalyDetected: BOSMessage {
    public static let type = "ANOMALY_DETECTED"
}

extension AuthFailed: BOSMessage {
    public static let type = "AUTH_FAILED"
}

extension AuthSuccess: BOSMessage {
    public static let type = "AUTH_SUCCESS"
}

extension Away: BOSMessage {
    public static let type = "AWAY"
}

extension CursorMoved: BOSMessage {
    public static let type = "CURSOR_MOVE"
}

extension DepartmentUpdated: BOSMessage {
    public static let type = "DEPARTMENT_UPDATED"
}

extension EmployeeUpdated: BOSMessage {
    public static let type = "EMPLOYEE_UPDATED"
}

extension ErrorMessage: BOSMessage {
    public static let type = "ERROR"
}

extension KpiUpdated: BOSMessage {
    public static let type = "KPI_UPDATED"
}

extension Looked: BOSMessage {
    public static let type = "LOOKING"
}

extension NotificationMessage: BOSMessage {
    public static let type = "NOTIFICATION"
}

extension NotificationReadConfirmed: BOSMessage {
    public static let type = "NOTIFICATION_READ"
}

extension ParticipantUpdate: BOSMessage {
    public static let type = "PARTICIPANT_UPDATE"
}

extension PredictionReady: BOSMessage {
    public static let type = "PREDICTION_READY"
}

extension Presence: BOSMessage {
    public static let type = "PRESENCE"
}

extension RateLimit: BOSMessage {
    public static let type = "RATE_LIMIT"
}

extension Recommendation: BOSMessage {
    public static let type = "RECOMMENDATION"
}

extension Replay: BOSMessage {
    public static let type = "REPLAY"
}

extension ReportGenerated: BOSMessage {
    public static let type = "REPORT_GENERATED"
}

extension SeenConfirmed: BOSMessage {
    public static let type = "SEEN"
}

extension SessionCreated: BOSMessage {
    public static let type = "SESSION_CREATED"
}

extension SessionEnded: BOSMessage {
    public static let type = "SESSION_ENDED"
}

extension SessionHandedOver: BOSMessage {
    public static let type = "SESSION_HANDED_OVER"
}

extension SessionInvited: BOSMessage {
    public static let type = "SESSION_INVITED"
}

extension SessionJoined: BOSMessage {
    public static let type = "SESSION_JOINED"
}

extension SessionLeft: BOSMessage {
    public static let type = "SESSION_LEFT"
}

extension Subscribed: BOSMessage {
    public static let type = "SUBSCRIBED"
}

extension SyncComplete: BOSMessage {
    public static let type = "SYNC_COMPLETE"
}

extension SyncDelete: BOSMessage {
    public static let type = "SYNC_DELETE"
}

extension SyncError: BOSMessage {
    public static let type = "SYNC_ERROR"
}

extension SyncStart: BOSMessage {
    public static let type = "SYNC_START"
}

extension Timeline: BOSMessage {
    public static let type = "TIMELINE"
}

extension TokenExpiredNotice: BOSMessage {
    public static let type = "TOKEN_EXPIRED"
}

extension Unsubscribed: BOSMessage {
    public static let type = "UNSUBSCRIBED"
}
