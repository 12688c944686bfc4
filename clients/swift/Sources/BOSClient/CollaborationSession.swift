/// A session that this user takes part in; the client joins it again after a reconnect.
public struct CollaborationSession: Sendable {
    public let id: String
    /// The answer to the first SESSION_JOIN: the session as it was then.
    public let joined: SessionJoined
    private let client: BOSClient

    init(id: String, joined: SessionJoined, client: BOSClient) {
        self.id = id
        self.joined = joined
        self.client = client
    }

    public var participants: [ParticipantData] {
        get async { await client.store.participants(of: id) }
    }

    public var annotations: [AnnotationData] {
        get async { await client.store.annotations(of: id) }
    }

    /// Where the others point, as it comes in.
    public func cursors() async -> AsyncStream<CursorMoved> {
        let id = id
        let events = await client.events()
        return AsyncStream { continuation in
            let task = Task {
                for await event in events {
                    if case .cursor(let moved) = event, moved.sessionId == id { continuation.yield(moved) }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Show where the user points: as often as you like, the client sends ten a second at most.
    public func moveCursor(to position: Position, focusedEntity: EntityRef? = nil) async {
        let move = CursorMove(sessionId: id, position: position, focusedEntity: focusedEntity)
        await client.moveCursor(move)
    }

    /// Pin a note to a point of the shared space.
    public func annotate(
        _ content: String,
        at position: Position,
        contentType: AnnotationContentType = .text,
        entity: EntityRef? = nil,
        parentId: String? = nil
    ) async throws -> AnnotationCreated {
        let note = AnnotationCreate(
            sessionId: id, position: position, content: content, contentType: contentType,
            entity: entity, parentId: parentId
        )
        return try await client.request(note)
    }

    public func update(_ note: AnnotationUpdate) async throws -> AnnotationUpdated {
        try await client.request(note)
    }

    /// Remove a note and its replies.
    public func remove(annotationId: String) async throws {
        _ = try await client.request(AnnotationDelete(annotationId: annotationId, sessionId: id))
    }

    /// Leave. A host names who takes over, or ends the session by leaving.
    public func leave(newHost: String? = nil) async throws {
        try await client.leaveSession(id, newHost: newHost)
    }
}
