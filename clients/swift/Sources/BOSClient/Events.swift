import Foundation

/// How far the connection is.
public enum ConnectionState: Hashable, Sendable {
    case idle
    case connecting
    case authenticating
    /// Signed in: what was missed is on its way.
    case syncing
    /// All that is followed is shown, and changes come as they happen.
    case live
    /// The server has not answered for some seconds.
    case unsure
    /// Until the next attempt.
    case waiting(Pause)
    /// The platform says that there is no network: the client comes back with it.
    case offline
    /// For good. error: nil after `close()`.
    case stopped(BOSError?)

    public struct Pause: Hashable, Sendable {
        public let until: Date
        public let attempt: Int
        public let reason: BOSError
    }
}

/// What a client tells, in the order in which it happens.
public enum ClientEvent: Hashable, Sendable {
    case state(ConnectionState)
    case change(StoreChange)
    /// An event of the server, once and in order.
    case message(ServerMessage)
    /// Another participant of a session points somewhere.
    case cursor(CursorMoved)
    /// A channel is followed no longer. refusal: the server's, if it was never followed.
    case unsubscribed(channel: String, reason: UnsubscribedReason?, refusal: BOSError?)
    /// A message of a type that this version does not know; it was ignored.
    case unknown(type: String)
    /// A frame that could not be read, or a refusal of what no request has asked; the connection goes on.
    case problem(BOSError)
}
