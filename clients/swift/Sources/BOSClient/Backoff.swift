import Foundation

/// How long the client waits until it connects again, in seconds.
struct Backoff: Sendable {
    /// A short loss is over at once; after a long one not all clients come at the same moment.
    private static let first = 0.0...0.5
    private static let pauses: [Double] = [2, 4, 8, 16, 30]
    private static let jitter = -1.0...1.0
    /// The window in which the server counts messages.
    static let tooMany = 60.0
    /// A place may be free at any time.
    static let noPlace = 10.0

    /// How many attempts have failed since the client was live.
    private(set) var attempt = 0

    mutating func next() -> Double {
        attempt += 1
        guard attempt > 1 else { return Double.random(in: Self.first) }
        return Self.pauses[min(attempt - 2, Self.pauses.count - 1)] + Double.random(in: Self.jitter)
    }

    mutating func reset() {
        attempt = 0
    }
}
