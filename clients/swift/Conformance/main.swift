// The driver of clients/conformance: reads commands, calls the client, and writes what it tells.

import BOSClient
import Foundation

/// A line of stdin; clients/conformance/README.md says which fields each command has.
struct Command: Decodable, Sendable {
    let what: String
    let url: URL?
    let token: String?
    let tokens: [String]?
    let email: String?
    let password: String?
    let pace: Double?
    let channels: [String]?
    let name: String?
    let type: String?
    let timeout: Double?
    let sessionId: String?
    let position: Position?

    private enum CodingKeys: String, CodingKey {
        case what = "do"
        case name = "as"
        case url, token, tokens, email, password, pace, channels, type, timeout, sessionId, position
    }
}

struct Payload<Content: Decodable>: Decodable {
    let payload: Content
}

enum Failure: Error {
    case unknown(String)
}

/// Gives these tokens, one after the other, and the last one again and again.
actor Tokens: TokenSource {
    private var left: [String]

    init(_ tokens: [String]) {
        left = tokens
    }

    func token(fresh: Bool) -> String {
        if fresh && left.count > 1 { left.removeFirst() }
        return left[0]
    }
}

actor Driver {
    private static let requests: [any (BOSRequest & Decodable).Type] = [
        AnnotationCreate.self, AnnotationDelete.self, AnnotationUpdate.self, KpiUpdate.self,
        NotificationRead.self, PredictionRequest.self, ReportRequest.self, SessionCreate.self,
        SessionJoin.self, SessionLeave.self,
    ]

    private let encoder = Coding.encoder()
    private let decoder = Coding.decoder()
    private var client: BOSClient?
    private var telling: Task<Void, Never>?
    private var asking: [Task<Void, Never>] = []
    private var sessions: [String: CollaborationSession] = [:]

    func serve(_ line: String) async throws {
        let data = Data(line.utf8)
        let command = try decoder.decode(Command.self, from: data)
        switch command.what {
        case "connect":
            try await connect(command)
        case "subscribe":
            await client?.subscribe(command.channels ?? [])
        case "unsubscribe":
            await client?.unsubscribe(command.channels ?? [])
        case "request":
            try request(command, data)
        case "join":
            join(command)
        case "cursor":
            guard let session = sessions[command.sessionId ?? ""], let position = command.position else { return }
            await session.moveCursor(to: position)
        case "store":
            await reportStore()
        case "close":
            await close()
        default:
            throw Failure.unknown(line)
        }
    }

    // MARK: - Commands

    private func connect(_ command: Command) async throws {
        guard let url = command.url else { throw Failure.unknown("connect without url") }
        let tokens: any TokenSource
        if let email = command.email, let password = command.password {
            tokens = try SignIn(url: url, email: email, password: password)
        } else {
            tokens = Tokens(command.tokens ?? [command.token ?? ""])
        }
        var options = BOSClient.Options()
        options.pace = command.pace ?? 1
        #if canImport(FoundationNetworking)
        options.transport = LinuxTransport()
        #endif
        let client = try BOSClient(url: url, tokens: tokens, options: options)
        self.client = client
        asking = []
        sessions = [:]
        let events = await client.events()
        telling = Task {
            for await event in events { self.tell(event) }
        }
        await client.connect()
    }

    private func request(_ command: Command, _ data: Data) throws {
        for type in Self.requests {
            if try ask(type, command, data) { return }
        }
        throw Failure.unknown("request of type \(command.type ?? "")")
    }

    private func ask<Request: BOSRequest & Decodable>(
        _ type: Request.Type, _ command: Command, _ data: Data
    ) throws -> Bool {
        guard command.type == Request.type, let client else { return false }
        let request = try decoder.decode(Payload<Request>.self, from: data).payload
        asking.append(
            Task {
                do {
                    let reply = try await client.request(request, timeout: command.timeout)
                    self.answered(command, type: Request.Reply.type, try self.json(reply))
                } catch {
                    self.refused(command, error)
                }
            }
        )
        return true
    }

    private func join(_ command: Command) {
        guard let client, let id = command.sessionId else { return }
        asking.append(
            Task {
                do {
                    let session = try await client.joinSession(id)
                    self.sessions[id] = session
                    self.answered(command, type: SessionJoined.type, try self.json(session.joined))
                } catch {
                    self.refused(command, error)
                }
            }
        )
    }

    private func close() async {
        await client?.close()
        await telling?.value
        for task in asking { await task.value }
        client = nil
        report("closed", [:])
    }

    // MARK: - Reports

    private func tell(_ event: ClientEvent) {
        switch event {
        case .state(let state):
            let why = state.error?.localizedDescription
            report("state", ["state": state.name, "error": state.error?.name, "why": why])
        case .message(let message):
            guard let event = message.event else { return }
            report(
                "message",
                [
                    "type": message.type, "sequence": event.sequence,
                    "entityType": event.key.type.text, "entityId": event.key.id,
                ]
            )
        case .change(let change):
            for one in change.changes {
                let after = one.after.flatMap { try? json($0) }
                report("change", ["entityType": one.key.type.text, "entityId": one.key.id, "after": after])
            }
        case .unsubscribed(let channel, let reason, let refusal):
            report("unsubscribed", ["channel": channel, "reason": reason?.text ?? refusal?.code?.text])
        case .unknown(let type):
            report("unknown", ["type": type])
        case .problem(let error):
            report("problem", ["error": error.name])
        case .cursor:
            break
        }
    }

    private func reportStore() async {
        guard let store = await client?.store else { return }
        var entities: [String: [String: Any]] = [:]
        for (key, data) in store.entities {
            entities[key.type.text, default: [:]][key.id] = try? json(data)
        }
        report("store", ["entities": entities])
    }

    private func answered(_ command: Command, type: String, _ payload: Any) {
        report("answer", ["as": command.name, "type": type, "payload": payload])
    }

    private func refused(_ command: Command, _ error: any Error) {
        let known = error as? BOSError
        var fields: [String: Any?] = ["as": command.name, "error": known?.name ?? "\(error)"]
        if case .requestRefused(let code, _, let details)? = known {
            fields["code"] = code.text
            fields["details"] = details.flatMap { try? json($0) }
        }
        switch known {
        case .givenUp(let sent), .closed(let sent): fields["sent"] = sent
        default: break
        }
        report("refused", fields)
    }

    private func json(_ value: some Encodable) throws -> Any {
        try JSONSerialization.jsonObject(with: encoder.encode(value))
    }

    nonisolated func report(_ event: String, _ fields: [String: Any?]) {
        var line: [String: Any] = fields.mapValues { $0 ?? NSNull() }
        line["event"] = event
        guard var data = try? JSONSerialization.data(withJSONObject: line) else { return }
        data.append(UInt8(ascii: "\n"))
        FileHandle.standardOutput.write(data)
    }
}

extension ConnectionState {
    var name: String {
        switch self {
        case .idle: return "idle"
        case .connecting: return "connecting"
        case .authenticating: return "authenticating"
        case .syncing: return "syncing"
        case .live: return "live"
        case .unsure: return "unsure"
        case .waiting: return "waiting"
        case .offline: return "offline"
        case .stopped: return "stopped"
        }
    }

    var error: BOSError? {
        switch self {
        case .waiting(let pause): return pause.reason
        case .stopped(let error): return error
        default: return nil
        }
    }
}

let driver = Driver()
driver.report("ready", ["client": "clients/swift", "cannot": [String]()])
let lines = AsyncStream<String> { continuation in
    // Not a task: reading waits, and would keep one of the few threads that tasks have.
    Thread.detachNewThread {
        while let line = readLine() { continuation.yield(line) }
        continuation.finish()
    }
}
for await line in lines {
    do {
        try await driver.serve(line)
    } catch {
        FileHandle.standardError.write(Data("\(line): \(error)\n".utf8))
        exit(1)
    }
}
