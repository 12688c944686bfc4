#if canImport(FoundationNetworking)
import BOSClient
import Foundation
import FoundationNetworking

/// URLSession of Linux, with two faults that Apple's has not made good.
///
/// Its handshake asks for `Connection: keep-alive`, and what the network brings in two parts it gives
/// as two messages.
struct LinuxTransport: BOSTransport {
    func connect(to url: URL, subprotocol: String) -> any BOSSocket {
        var request = URLRequest(url: url)
        request.setValue("Upgrade", forHTTPHeaderField: "Connection")
        request.setValue(subprotocol, forHTTPHeaderField: "Sec-WebSocket-Protocol")
        let task = URLSession.shared.webSocketTask(with: request)
        task.resume()
        return LinuxSocket(whole: URLSessionSocket(task: task, subprotocol: subprotocol))
    }
}

private actor LinuxSocket: BOSSocket {
    private let whole: URLSessionSocket
    private var next: String?

    init(whole: URLSessionSocket) {
        self.whole = whole
    }

    func send(_ text: String) async throws {
        try await whole.send(text)
    }

    func receive() async throws -> String {
        var text: String
        if let next {
            text = next
        } else {
            text = try await whole.receive()
        }
        next = nil
        while isBegun(text) {
            let more = try await whole.receive()
            if more.hasPrefix("{\"") && !isBegun(more) {
                next = more  // a message of its own: the one before it was none
                return text
            }
            text += more
        }
        return text
    }

    nonisolated func close(code: Int) {
        whole.close(code: code)
    }

    /// Whether this is the beginning of a JSON object, and not all of it.
    private func isBegun(_ text: String) -> Bool {
        text.hasPrefix("{\"") && (try? JSONSerialization.jsonObject(with: Data(text.utf8))) == nil
    }
}
#endif
