import Foundation

/// Which channels are followed and how far: what is to be sent for it, and where a sync resumes.
///
/// A round is what follows AUTH: SUBSCRIBE to all channels, then SYNC_REQUEST, and the same for those
/// that are added meanwhile. Until it is over the cursor stands still, for what is live then may be
/// ahead of what is still missing.
struct Follower: Sendable {
    /// How a step of a round goes on.
    enum Outcome: Hashable, Sendable {
        case goesOn
        /// Everything is shown.
        case roundOver
        /// The server refused the round as a whole: connect again.
        case lost
        /// The picture is out of date, and a new one comes.
        case anew
    }

    private struct Event: Hashable {
        let sequence: Int64
        let key: EntityKey
    }

    /// So many channels a SUBSCRIBE may have.
    private static let mostChannels = 100

    /// Up to this sequence everything has come.
    private(set) var cursor: Int64?
    private(set) var inRound = false
    /// Channels to follow, now and after every reconnect, in the order in which they were asked for.
    private(set) var wanted: [String] = []
    /// Those of them of which there is a picture: they only need what was missed.
    private var pictured: Set<String> = []
    /// Channels to follow as soon as the round is over.
    private var queued: [String] = []
    /// Channels that a SUBSCRIBE has asked for.
    private var unanswered: Set<String> = []
    /// By requestId.
    private var syncs: [String: SyncRequest] = [:]
    /// `lastSequence` of each sync of this round.
    private var completed: [Int64] = []
    /// Events from the cursor on that the application has had.
    private var handed: Set<Event> = []
    /// What is to be sent, in order.
    private var outgoing: [ClientFrame] = []

    /// Return what is to be sent, once.
    mutating func takeOutgoing() -> [ClientFrame] {
        defer { outgoing = [] }
        return outgoing
    }

    // MARK: - The connection

    /// A connection begins: what the last one was asked is not answered any more.
    mutating func connect() {
        unanswered = []
        syncs = [:]
        completed = []
        outgoing = []
        inRound = true
    }

    mutating func signedIn() {
        queued = []
        subscribe(wanted)
    }

    // MARK: - Channels

    mutating func follow(_ channels: [String], connected: Bool) {
        for channel in channels where !wanted.contains(channel) {
            wanted.append(channel)
            queued.append(channel)
        }
        if connected && !inRound { subscribeQueued() }
    }

    mutating func drop(_ channel: String) {
        wanted.removeAll { $0 == channel }
        queued.removeAll { $0 == channel }
        pictured.remove(channel)
        unanswered.remove(channel)
    }

    /// Whether a refusal with this requestId would be about the round.
    func asked(_ requestId: String?) -> Bool {
        if let requestId, syncs[requestId] != nil { return true }
        return !unanswered.isEmpty
    }

    private mutating func subscribeQueued() {
        let channels = queued
        queued = []
        subscribe(channels)
    }

    private mutating func subscribe(_ channels: [String]) {
        unanswered.formUnion(channels)
        var rest = channels[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.mostChannels))
            rest = rest.dropFirst(Self.mostChannels)
            outgoing.append(ClientFrame(.subscribe(Subscribe(channels: some)), requestId: newRequestId()))
        }
    }

    // MARK: - Sync

    /// First subscribed, then synced: nothing is lost in between, and what comes twice is the same.
    mutating func subscribed(_ channels: [String]) {
        unanswered.subtract(channels)
        let followed = channels.filter { wanted.contains($0) }
        let known = followed.filter { pictured.contains($0) }
        let fresh = followed.filter { !pictured.contains($0) }
        if !known.isEmpty { sync(SyncRequest(channels: known, lastSequence: cursor)) }
        if !fresh.isEmpty { sync(SyncRequest(channels: fresh)) }
    }

    private mutating func sync(_ request: SyncRequest) {
        let requestId = newRequestId()
        syncs[requestId] = request
        outgoing.append(ClientFrame(.syncRequest(request), requestId: requestId))
    }

    mutating func synced(_ requestId: String?, _ complete: SyncComplete) -> Outcome {
        guard let requestId, let request = syncs.removeValue(forKey: requestId) else { return .goesOn }
        pictured.formUnion(request.channels.filter { wanted.contains($0) })
        completed.append(complete.lastSequence)
        return endRound()
    }

    /// Return also the channel that is dropped, if one is.
    mutating func notSynced(_ requestId: String?, _ refusal: SyncError) -> (Outcome, dropped: String?) {
        guard let requestId, var request = syncs.removeValue(forKey: requestId) else { return (.goesOn, nil) }
        switch refusal.code {
        case .syncHistoryExpired, .syncTimestampInFuture:
            startAnew(request.channels)
            return (.anew, nil)
        case .invalidChannel, .unauthorized, .unrecognized:
            guard let channel = refusal.details?.channel else { return (.lost, nil) }
            let dropped = wanted.contains(channel) ? channel : nil  // else UNSUBSCRIBED has told of it
            drop(channel)
            request.channels.removeAll { $0 == channel }
            guard request.channels.isEmpty else {
                sync(request)
                return (.goesOn, dropped)
            }
            return (endRound(), dropped)
        }
    }

    /// Too long away: the history in between is gone, so everything is shown anew.
    private mutating func startAnew(_ channels: [String]) {
        let all = Set(channels).union(pictured).union(syncs.values.flatMap(\.channels))
        syncs = [:]
        completed = []
        pictured = []
        handed = []
        cursor = nil
        inRound = true
        sync(SyncRequest(channels: wanted.filter { all.contains($0) }))
    }

    mutating func endRound() -> Outcome {
        guard unanswered.isEmpty, syncs.isEmpty else { return .goesOn }
        if !queued.isEmpty {
            subscribeQueued()
            return .goesOn
        }
        // The least of them: one sync may be ahead of what the other's channels have got so far.
        if inRound, let least = completed.min() { cursor = least }
        completed = []
        inRound = false
        return .roundOver
    }

    // MARK: - Events

    /// Move the cursor over an event, and return whether the application has not had it yet.
    ///
    /// A second message about the same event, and one that a sync repeats, is none.
    mutating func isNew(_ event: EntityEvent) -> Bool {
        guard event.changeType != .snapshot else { return false }
        let one = Event(sequence: event.sequence, key: event.key)
        if let cursor {
            let known = handed.contains { $0.sequence == cursor }
            if event.sequence < cursor || (event.sequence == cursor && !known) { return false }
        }
        guard handed.insert(one).inserted else { return false }
        if !inRound && event.sequence > cursor ?? -1 {
            cursor = event.sequence
            handed = handed.filter { $0.sequence >= event.sequence }
        }
        return true
    }
}

/// Return a requestId that is used nowhere else, on no other device either.
func newRequestId() -> String {
    UUID().uuidString.lowercased()
}
