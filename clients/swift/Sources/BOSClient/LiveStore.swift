#if canImport(Observation)
import Foundation
import Observation

/// What a client shows, for SwiftUI: views that read it are drawn again when it changes.
///
///     .task { await live.run() }
@MainActor
@Observable
public final class LiveStore {
    public private(set) var state = ConnectionState.idle
    public private(set) var store = EntityStore()
    /// The last thing that went wrong and that the user should see.
    public private(set) var problem: BOSError?
    private var tracks: [String: [String: CursorTrack]] = [:]

    private let client: BOSClient

    public init(_ client: BOSClient) {
        self.client = client
    }

    /// Follow the client until the task is cancelled or the client is closed.
    public func run() async {
        let (now, events) = await client.observe()
        store = now
        for await event in events { hear(event) }
    }

    /// Where each of the others points in this session, by their user ids. time: `LiveStore.now`.
    public func cursors(in sessionId: String, at time: Double) -> [String: Position] {
        (tracks[sessionId] ?? [:]).mapValues { $0.position(at: time) }
    }

    /// Seconds of a clock that does not go back.
    public static var now: Double {
        ProcessInfo.processInfo.systemUptime
    }

    private func hear(_ event: ClientEvent) {
        switch event {
        case .state(let state):
            self.state = state
        case .change(let change):
            store.take(over: change)
            for one in change.changes { forget(one) }
        case .cursor(let moved):
            let time = Self.now
            if tracks[moved.sessionId]?[moved.userId] == nil {
                tracks[moved.sessionId, default: [:]][moved.userId] = CursorTrack(moved, at: time)
            } else {
                tracks[moved.sessionId]?[moved.userId]?.move(moved, at: time)
            }
        case .unsubscribed(_, _, let refusal):
            problem = refusal ?? problem
        case .problem(let error):
            problem = error
        case .message, .unknown:
            break
        }
    }

    /// A participant who has left points nowhere.
    private func forget(_ change: EntityChange) {
        guard change.after == nil, case .participant(let gone)? = change.before else { return }
        tracks[gone.sessionId]?[gone.userId] = nil
    }
}
#endif
