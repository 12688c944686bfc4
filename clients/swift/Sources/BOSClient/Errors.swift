import Foundation

/// Every error of this client. `name` is the same in the clients of all languages.
public enum BOSError: Error, Hashable, Sendable {
    /// The server has refused a request. A prediction or a report that turned out to be impossible
    /// later is refused with its notification's category as the code: `prediction_failed`.
    case requestRefused(code: ErrorCode, message: String, details: ErrorDetails?)
    /// The server does not accept who signs in; only signing in anew helps.
    case signIn(message: String)
    /// The connection was lost, or there is none yet. The client comes back by itself.
    case connectionLost(reason: String)
    /// A request was not answered for too long. Not sent, it has had no effect; sent, it may have.
    case givenUp(sent: Bool)
    /// A limit stood in the way of a request until it was given up.
    case rateLimited(message: String, retryAfter: Int64)
    /// The client was closed, or not connected. A request that was sent may have been done.
    case closed(sent: Bool)
    /// Something answers at this address, and it does not speak this protocol.
    case notBOS(reason: String)
    /// A frame is not as the protocol says.
    case protocolError(reason: String)
    /// The certificate of the server does not hold.
    case certificate(reason: String)
    /// The time that the caller gave a request is over.
    case timeout

    public var name: String {
        switch self {
        case .requestRefused: return "RequestRefused"
        case .signIn: return "SignInError"
        case .connectionLost: return "ConnectionLost"
        case .givenUp: return "GivenUp"
        case .rateLimited: return "RateLimited"
        case .closed: return "ClosedError"
        case .notBOS: return "NotBosError"
        case .protocolError: return "ProtocolError"
        case .certificate: return "CertificateError"
        case .timeout: return "Timeout"
        }
    }

    /// The server's code of a refusal, else nil.
    public var code: ErrorCode? {
        guard case .requestRefused(let code, _, _) = self else { return nil }
        return code
    }
}

extension BOSError: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .requestRefused(_, let message, _): return message
        case .signIn(let message): return message
        case .connectionLost(let reason): return reason
        case .givenUp(let sent):
            return sent ? "The answer was lost: it may have been done." : "It was not sent: nothing was done."
        case .rateLimited(let message, _): return message
        case .closed: return "The client is closed."
        case .notBOS(let reason): return "This is not a BOS server: \(reason)"
        case .protocolError(let reason): return "The server sent what the protocol does not know: \(reason)"
        case .certificate(let reason): return reason
        case .timeout: return "The time is over."
        }
    }
}
