/// The name of an entity: ids are opaque text, and another spelling is another id.
public struct EntityKey: Hashable, Sendable {
    public let type: EntityType
    public let id: String

    public init(type: EntityType, id: String) {
        self.type = type
        self.id = id
    }
}

/// The change to an entity that a message tells of.
public struct EntityEvent: Hashable, Sendable {
    public let key: EntityKey
    public let changeType: ChangeType
    /// Of a snapshot: when it was taken.
    public let sequence: Int64

    /// nil where the message is about no entity: an answer to one connection.
    init?(type: EntityType?, id: String?, changeType: ChangeType?, sequence: Int64?) {
        guard let type, let id, let changeType, let sequence else { return nil }
        self.key = EntityKey(type: type, id: id)
        self.changeType = changeType
        self.sequence = sequence
    }
}

/// An entity before and after; nil where there is none.
public struct EntityChange: Hashable, Sendable {
    public let key: EntityKey
    public let before: EntityData?
    public let after: EntityData?
}

/// Changes that belong together. sequence: of the event, or nil where many things came at once.
public struct StoreChange: Hashable, Sendable {
    public let changes: [EntityChange]
    public let sequence: Int64?
}

/// What the followed channels show: a value, which does not change under the reader.
///
/// Messages that name an entity and syncs alike are applied to one map, so that it is the same as a
/// fresh snapshot at any time.
public struct EntityStore: Hashable, Sendable {
    public private(set) var entities: [EntityKey: EntityData] = [:]
    /// The snapshot that comes in place of `entities`, while it comes.
    private var anew: [EntityKey: EntityData]?

    public init() {}

    public subscript(type: EntityType, id: String) -> EntityData? {
        entities[EntityKey(type: type, id: id)]
    }

    /// Return all entities of a type, by their ids.
    public func all(_ type: EntityType) -> [EntityData] {
        entities.values.filter { $0.type == type }.sorted { $0.id < $1.id }
    }

    // MARK: - Applying messages

    /// Apply what the message says of entities, and return what has changed.
    mutating func apply(_ message: ServerMessage) -> [EntityChange] {
        guard var next = anew else { return Self.apply(message, to: &entities) }
        _ = Self.apply(message, to: &next)
        anew = next
        return []
    }

    /// From now on a new picture comes; the old one is shown until it is there.
    mutating func beginAnew() {
        anew = [:]
    }

    /// Show the new picture, if one has come, and return in what it differs.
    mutating func endAnew() -> [EntityChange] {
        guard let next = anew else { return [] }
        anew = nil
        let keys = Set(entities.keys).union(next.keys)
        let changes = keys.compactMap { Self.change($0, from: entities[$0], to: next[$0]) }
        entities = next
        return changes.sorted { $0.key.id < $1.key.id }
    }

    private static func apply(
        _ message: ServerMessage, to entities: inout [EntityKey: EntityData]
    ) -> [EntityChange] {
        var changes: [EntityChange] = []
        for key in keys(message, entities) {
            let before = entities[key]
            guard let after = after(message, key, before) else { continue }
            entities[key] = after.entity
            if let changed = change(key, from: before, to: after.entity) { changes.append(changed) }
        }
        return changes
    }

    /// An entity as it is afterwards; nil if it is gone.
    private struct After {
        let entity: EntityData?
    }

    /// Return which entities the message concerns: its own, and those that are gone with it.
    private static func keys(_ message: ServerMessage, _ entities: [EntityKey: EntityData]) -> [EntityKey] {
        if case .notificationRead(let read) = message {
            return read.notificationIds.map { EntityKey(type: .notification, id: $0) }
        }
        guard let event = message.event else { return [] }
        if case .unrecognized = event.key.type { return [] }
        guard event.changeType == .deleted, event.key.type == .kpi else { return [event.key] }
        // Live messages do not say that an archived KPI's alerts and insights are gone.
        return [event.key] + entities.filter { $0.value.kpiId == event.key.id }.map(\.key)
    }

    /// Return nil where the message says too little to show the entity.
    private static func after(_ message: ServerMessage, _ key: EntityKey, _ before: EntityData?) -> After? {
        if case .notificationRead = message { return After(entity: nil) }
        if message.event?.changeType == .deleted { return After(entity: nil) }
        return message.entity(after: before).map { After(entity: $0) }
    }

    private static func change(_ key: EntityKey, from before: EntityData?, to after: EntityData?) -> EntityChange? {
        before == after ? nil : EntityChange(key: key, before: before, after: after)
    }

    /// Take over what another store tells of itself.
    mutating func take(over change: StoreChange) {
        for one in change.changes { entities[one.key] = one.after }
    }

    // MARK: - Channels

    /// Remove what none of these channels shows, and return what has changed.
    mutating func keep(channels: Set<String>, organizationId: String) -> [EntityChange] {
        let gone = entities.filter { entity in
            channels.isDisjoint(with: self.channels(showing: entity.value, organizationId: organizationId))
        }
        for key in gone.keys { entities[key] = nil }
        return gone.map { EntityChange(key: $0.key, before: $0.value, after: nil) }
            .sorted { $0.key.id < $1.key.id }
    }

    /// Return the channels that show this entity; docs/entities.md says which.
    private func channels(showing entity: EntityData, organizationId: String) -> Set<String> {
        let organization = "organization:\(organizationId)"
        switch entity {
        case .organization:
            return [organization]
        case .department(let department):
            return [organization, "department:\(department.id)"]
        case .employee(let employee):
            return Set([organization] + Self.channel("department", employee.departmentId))
        case .kpi(let kpi):
            let open = kpi.visibility == .department ? [] : [organization]
            return Set(open + Self.channel("department", kpi.departmentId) + ["kpi:\(kpi.id)"])
        case .alert, .insight:
            guard let id = entity.kpiId, let kpi = self[.kpi, id] else { return [] }
            return channels(showing: kpi, organizationId: organizationId)
        case .report(let report):
            return ["\(report.scope.type.text):\(report.scope.id)"]
        case .session(let session):
            let listed = session.endedAt == nil && !session.invitationOnly
            return Set(["session:\(session.id)"] + (listed ? [organization] : []))
        case .participant(let participant):
            return ["session:\(participant.sessionId)"]
        case .annotation(let note):
            return channels(showing: note, organizationId: organizationId)
        case .notification, .invitation:
            return [Self.own]
        case .unknown:
            return []
        }
    }

    private func channels(showing note: AnnotationData, organizationId: String) -> Set<String> {
        if let sessionId = note.sessionId { return ["session:\(sessionId)"] }
        guard let thing = note.entity else { return [] }
        if note.entityArchived {
            // One of them, where the thing was shown.
            let departments = entities.keys.filter { $0.type == .department }
            return Set(["organization:\(organizationId)"] + departments.map { "department:\($0.id)" })
        }
        if thing.type == "kpi", let kpi = self[.kpi, thing.id] {
            return channels(showing: kpi, organizationId: organizationId)
        }
        return ["\(thing.type):\(thing.id)"]
    }

    /// Stands for the user's own channel, which nobody unsubscribes from.
    static let own = "user:"

    private static func channel(_ kind: String, _ id: String?) -> [String] {
        id.map { ["\(kind):\($0)"] } ?? []
    }
}

// MARK: - Views by type

extension EntityStore {
    public var kpis: [KpiData] {
        all(.kpi).compactMap { if case .kpi(let data) = $0 { data } else { nil } }
    }

    public var departments: [DepartmentData] {
        all(.department).compactMap { if case .department(let data) = $0 { data } else { nil } }
    }

    public var alerts: [AlertData] {
        all(.alert).compactMap { if case .alert(let data) = $0 { data } else { nil } }
    }

    public var notifications: [NotificationData] {
        all(.notification).compactMap { if case .notification(let data) = $0 { data } else { nil } }
    }

    public var sessions: [SessionData] {
        all(.session).compactMap { if case .session(let data) = $0 { data } else { nil } }
    }

    public func participants(of sessionId: String) -> [ParticipantData] {
        all(.participant)
            .compactMap { if case .participant(let data) = $0 { data } else { nil } }
            .filter { $0.sessionId == sessionId }
    }

    public func annotations(of sessionId: String) -> [AnnotationData] {
        all(.annotation)
            .compactMap { if case .annotation(let data) = $0 { data } else { nil } }
            .filter { $0.sessionId == sessionId }
    }
}

extension EntityData {
    /// The KPI that an alert or an insight is about.
    var kpiId: String? {
        switch self {
        case .alert(let alert): return alert.kpiId
        case .insight(.anomaly(let anomaly)): return anomaly.kpiId
        case .insight(.prediction(let prediction)): return prediction.kpiId
        case .insight(.recommendation(let recommendation)): return recommendation.kpiId
        default: return nil
        }
    }
}
