import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Opens connections: an app may bring its own, for a proxy or for tests.
public protocol BOSTransport: Sendable {
    func connect(to url: URL, subprotocol: String) throws -> any BOSSocket
}

/// A connection. `receive` waits for the handshake, too.
public protocol BOSSocket: Sendable {
    func send(_ text: String) async throws
    /// Return the next text. Throws `SocketEnd`.
    func receive() async throws -> String
    func close(code: Int)
}

/// How a connection has ended, as far as it is known.
public struct SocketEnd: Error, Sendable {
    /// The code of the server's close frame, if one came.
    public var code: Int?
    public var reason = ""
    /// The status of an HTTP answer that was no handshake.
    public var status: Int?
    /// In how many seconds that answer asks the client to come back.
    public var retryAfter: Double?
    /// What else was wrong.
    public var error: BOSError?

    public init(
        code: Int? = nil,
        reason: String = "",
        status: Int? = nil,
        retryAfter: Double? = nil,
        error: BOSError? = nil
    ) {
        self.code = code
        self.reason = reason
        self.status = status
        self.retryAfter = retryAfter
        self.error = error
    }
}

public struct URLSessionTransport: BOSTransport {
    /// More than the server's longest message; the system's own limit is 1 MB.
    private static let longestMessage = 16 * 1024 * 1024

    private let session: URLSession

    public init(session: URLSession = .shared) {
        self.session = session
    }

    public func connect(to url: URL, subprotocol: String) -> any BOSSocket {
        let task = session.webSocketTask(with: url, protocols: [subprotocol])
        task.maximumMessageSize = Self.longestMessage
        task.resume()
        return URLSessionSocket(task: task, subprotocol: subprotocol)
    }
}

/// A connection over a task that has been resumed.
public final class URLSessionSocket: BOSSocket {
    private static let switchingProtocols = 101

    private let task: URLSessionWebSocketTask
    private let subprotocol: String

    public init(task: URLSessionWebSocketTask, subprotocol: String) {
        self.task = task
        self.subprotocol = subprotocol
    }

    public func send(_ text: String) async throws {
        do {
            try await task.send(.string(text))
        } catch {
            throw end(error)
        }
    }

    public func receive() async throws -> String {
        let message: URLSessionWebSocketTask.Message
        do {
            message = try await task.receive()
        } catch {
            throw end(error)
        }
        if let chosen = header("Sec-WebSocket-Protocol"), chosen != subprotocol {
            throw SocketEnd(error: .notBOS(reason: "it speaks \(chosen)"))
        }
        switch message {
        case .string(let text):
            return text
        case .data(let data):
            // JSON in a binary frame: an own transport may speak so.
            return String(decoding: data, as: UTF8.self)
        @unknown default:
            throw SocketEnd(error: .protocolError(reason: "a frame of an unknown kind"))
        }
    }

    public func close(code: Int) {
        guard response != nil else { return task.cancel() }  // there is nobody yet to say it to
        task.cancel(with: URLSessionWebSocketTask.CloseCode(rawValue: code) ?? .goingAway, reason: nil)
    }

    private var response: HTTPURLResponse? {
        task.response as? HTTPURLResponse
    }

    private func header(_ name: String) -> String? {
        response?.value(forHTTPHeaderField: name)
    }

    private func end(_ error: any Error) -> SocketEnd {
        let code = task.closeCode.rawValue
        if code > 0 {
            let reason = task.closeReason.map { String(decoding: $0, as: UTF8.self) } ?? ""
            return SocketEnd(code: code, reason: reason)
        }
        if let status = response?.statusCode, status != Self.switchingProtocols {
            let retryAfter = header("Retry-After").flatMap(Double.init)
            return SocketEnd(reason: "the server answered \(status)", status: status, retryAfter: retryAfter)
        }
        if let error = error as? URLError {
            return SocketEnd(reason: error.localizedDescription, error: BOSError(error))
        }
        return SocketEnd(reason: error.localizedDescription)
    }
}

extension BOSError {
    init(_ error: URLError) {
        switch error.code {
        case .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateHasUnknownRoot,
            .serverCertificateNotYetValid, .clientCertificateRejected, .clientCertificateRequired:
            self = .certificate(reason: error.localizedDescription)
        default:
            self = .connectionLost(reason: error.localizedDescription)
        }
    }
}
