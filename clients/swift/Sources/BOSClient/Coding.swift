import Foundation

/// How frames are read and written: JSON text, with the rules of Protocol.swift.
public enum Coding {
    public static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .custom { date, encoder in
            let isWhole = date.timeIntervalSinceReferenceDate.rounded() == date.timeIntervalSinceReferenceDate
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: !isWhole)
            var container = encoder.singleValueContainer()
            try container.encode(date.formatted(style))
        }
        return encoder
    }

    public static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            if let date = date(text) { return date }
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no time: \(text)")
        }
        return decoder
    }

    /// Return the time, of whole seconds or with a fraction.
    static func date(_ text: String) -> Date? {
        guard let point = text.firstIndex(of: ".") else { return wholeSeconds(text) }
        let digits = text[text.index(after: point)...].prefix { $0.isNumber }
        let rest = text[digits.endIndex...]
        guard let date = wholeSeconds(text[..<point] + rest), let fraction = Double("0." + digits) else {
            return nil
        }
        return date.addingTimeInterval(fraction)
    }

    private static func wholeSeconds(_ text: some StringProtocol) -> Date? {
        try? Date(String(text), strategy: .iso8601)
    }
}

/// A message of the server with what is around it.
public struct ServerFrame: Decodable, Sendable {
    public let message: ServerMessage
    /// Of the request that is answered.
    public let requestId: String?
    /// As text: the one of a PONG is what the client wrote.
    public let timestamp: String?

    private enum CodingKeys: String, CodingKey {
        case requestId, timestamp
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        requestId = try container.decodeIfPresent(String.self, forKey: .requestId)
        timestamp = try container.decodeIfPresent(String.self, forKey: .timestamp)
        message = try ServerMessage(from: decoder)
    }
}

/// What can be read of a frame whose payload lacks something.
struct Envelope: Decodable {
    let type: String
    let requestId: String?
}

/// A message of a client with its requestId.
public struct ClientFrame: Encodable, Sendable {
    public let message: ClientMessage
    public let requestId: String?

    private enum CodingKeys: String, CodingKey {
        case requestId
    }

    public init(_ message: ClientMessage, requestId: String? = nil) {
        self.message = message
        self.requestId = requestId
    }

    public func encode(to encoder: any Encoder) throws {
        try message.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(requestId, forKey: .requestId)
    }
}

/// The payload of a message that answers a request.
public protocol BOSMessage: Codable, Sendable {
    /// The type of the message, as it is on the wire.
    static var type: String { get }
}

/// A request that is answered; Protocol.swift says by what.
public protocol BOSRequest: Encodable, Sendable {
    associatedtype Reply: BOSMessage

    /// The type of the message, as it is on the wire.
    static var type: String { get }

    var message: ClientMessage { get }

    /// Return the payload if this message is the answer that ends the request.
    static func reply(in message: ServerMessage) -> Reply?
}
