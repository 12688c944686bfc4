import Foundation

/// The addresses of a server, made of one of them: `https://host`, or `wss://host/v1/ws`.
struct Address: Sendable {
    private static let endpoint = "/v1/ws"

    let socket: URL
    private let base: URL

    /// Throws `notBOS` for what is no address of a server.
    init(_ url: URL) throws {
        let schemes = ["http": "ws", "https": "wss", "ws": "ws", "wss": "wss"]
        guard
            var parts = URLComponents(url: url, resolvingAgainstBaseURL: true),
            let scheme = schemes[parts.scheme?.lowercased() ?? ""],
            parts.host?.isEmpty == false
        else {
            throw BOSError.notBOS(reason: "\(url.absoluteString) is no address of a server")
        }
        var path = parts.path
        while path.hasSuffix("/") { path.removeLast() }
        if path.hasSuffix(Self.endpoint) { path.removeLast(Self.endpoint.count) }
        parts.query = nil
        parts.fragment = nil
        parts.scheme = scheme
        parts.path = path + Self.endpoint
        let socket = parts.url
        parts.scheme = scheme == "wss" ? "https" : "http"
        parts.path = path
        guard let socket, let base = parts.url else {
            throw BOSError.notBOS(reason: "\(url.absoluteString) is no address of a server")
        }
        self.socket = socket
        self.base = base
    }

    func http(_ path: String) -> URL {
        base.appendingPathComponent(path)
    }
}
