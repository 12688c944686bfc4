import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Gives access tokens. fresh: the last one was refused, or is about to expire.
///
/// An error `signIn` ends the client; with any other it tries again later.
public protocol TokenSource: Sendable {
    func token(fresh: Bool) async throws -> String
}

/// One token, which nothing renews: when it expires the client stops.
public struct FixedToken: TokenSource {
    private let value: String

    public init(_ value: String) {
        self.value = value
    }

    public func token(fresh: Bool) -> String {
        value
    }
}

/// The pair that `/auth/token` and `/auth/refresh` answer with.
public struct TokenPair: Codable, Hashable, Sendable {
    public let access: String
    public let refresh: String

    public init(access: String, refresh: String) {
        self.access = access
        self.refresh = refresh
    }
}

/// A sign-in, renewed when it must be.
///
/// A refresh token works once. So one of these serves all clients of an app, only one refresh is under
/// way at a time, and `keep` is called with the new pair before it is used: put it into the keychain.
public actor SignIn: TokenSource {
    private struct Password: Encodable {
        let email: String
        let password: String
        let organization: String?
    }

    private struct Refresh: Encodable {
        let refresh: String
    }

    private struct Refusal: Decodable {
        let message: String?
    }

    private static let renewEarly = 60.0
    private static let patience = 10.0
    /// Answers by which the server does not accept the sign-in; any other may pass.
    private static let refusals: Set<Int> = [400, 401, 403]

    private let address: Address
    private let keep: @Sendable (TokenPair) -> Void
    private let password: Password?
    private var tokens: TokenPair?
    private var renewAt: ContinuousClock.Instant?
    private var renewing: Task<TokenPair, any Error>?

    /// organization: its id, where address and password are the same in several.
    public init(
        url: URL,
        email: String,
        password: String,
        organization: String? = nil,
        keep: @escaping @Sendable (TokenPair) -> Void = { _ in }
    ) throws {
        address = try Address(url)
        self.password = Password(email: email, password: password, organization: organization)
        self.keep = keep
    }

    /// A sign-in that was kept.
    public init(url: URL, tokens: TokenPair, keep: @escaping @Sendable (TokenPair) -> Void) throws {
        address = try Address(url)
        password = nil
        self.tokens = tokens
        self.keep = keep
    }

    public func token(fresh: Bool) async throws -> String {
        if let tokens, !fresh, !isDue { return tokens.access }
        if renewing == nil {
            // Not the caller's own task: others wait for the same answer when the caller is cancelled.
            renewing = Task { try await self.renew() }
        }
        guard let renewing else { throw BOSError.closed(sent: false) }
        return try await renewing.value.access
    }

    private var isDue: Bool {
        guard let renewAt else { return false }
        return ContinuousClock.now >= renewAt
    }

    private func renew() async throws -> TokenPair {
        defer { renewing = nil }
        let pair: TokenPair
        if let tokens {
            pair = try await post("auth/refresh", Refresh(refresh: tokens.refresh))
        } else if let password {
            pair = try await post("auth/token", password)
        } else {
            throw BOSError.signIn(message: "There is no token.")
        }
        keep(pair)
        tokens = pair
        renewAt = Self.life(of: pair.access).map { life in
            ContinuousClock.now.advanced(by: .seconds(max(life - Self.renewEarly, life / 2)))
        }
        return pair
    }

    /// Return how many seconds a token lives: by its own two times, as this device's clock may be wrong.
    static func life(of token: String) -> Double? {
        struct Claims: Decodable {
            let iat: Double
            let exp: Double
        }
        let parts = token.split(separator: ".")
        guard parts.count == 3 else { return nil }
        var text = parts[1].replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard
            let data = Data(base64Encoded: text),
            let claims = try? JSONDecoder().decode(Claims.self, from: data)
        else { return nil }
        return claims.exp - claims.iat
    }

    private func post(_ path: String, _ body: some Encodable) async throws -> TokenPair {
        var request = URLRequest(url: address.http(path), timeoutInterval: Self.patience)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(body)
        let data: Data
        let response: URLResponse
        do {
            (data, response) = try await URLSession.shared.data(for: request)
        } catch let error as URLError {
            throw BOSError(error)
        }
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        if Self.refusals.contains(status) {
            let refusal = try? JSONDecoder().decode(Refusal.self, from: data)
            throw BOSError.signIn(message: refusal?.message ?? "The server does not accept the sign-in.")
        }
        guard status == 200 else {
            throw BOSError.connectionLost(reason: "The server answered \(status) to the sign-in.")
        }
        guard let pair = try? JSONDecoder().decode(TokenPair.self, from: data) else {
            throw BOSError.notBOS(reason: "there are no tokens in the answer to the sign-in")
        }
        return pair
    }
}
