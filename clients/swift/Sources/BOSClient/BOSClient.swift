import Foundation

/// A client of `/v1/ws`: signs in, follows channels, and after every loss comes back where it was.
///
/// It lives until `close()`, whoever else holds it.
public actor BOSClient {
    public struct Options: Sendable {
        public var transport: any BOSTransport = URLSessionTransport()
        /// Every duration of the client is multiplied by it: for tests.
        public var pace = 1.0

        public init() {}
    }

    private struct Listener {
        let hear: @Sendable (ClientEvent) -> Void
        let end: @Sendable () -> Void
    }

    private enum Seconds {
        static let beat = 30.0
        static let doubt = 3.0
        /// Without any frame, or without AUTH_SUCCESS.
        static let patience = 10.0
        static let renewEarly = 60.0
        /// The server remembers a requestId for ten minutes.
        static let giveUp = 300.0
        static let cursor = 0.1
    }

    private static let subprotocol = "bos-v1"
    private static let normal = 1000
    private static let goingAway = 1001

    /// The user who is signed in, as the server says.
    public private(set) var user: AuthSuccess?
    public private(set) var state = ConnectionState.idle
    /// What the followed channels show.
    public private(set) var store = EntityStore()

    private let address: Address
    private let tokens: any TokenSource
    private let options: Options
    private let encoder = Coding.encoder()
    private let decoder = Coding.decoder()
    private var listeners: [UUID: Listener] = [:]

    private var running: Task<Void, Never>?
    private var watching: Task<Void, Never>?
    private var pause: Task<Void, Never>?
    private var hasNetwork = true
    private var backoff = Backoff()
    /// The server did not accept the token: ask for another before the next AUTH.
    private var stale = false
    /// There was no place for one more connection of this user.
    private var noPlace = false
    /// Whether a server has ever accepted a handshake of this client.
    private var wasAnswered = false

    /// Everything of one connection; a late answer to an earlier one is told by the number.
    private var connection = 0
    private var socket: (any BOSSocket)?
    private var outbox: AsyncStream<String>.Continuation?
    private var timers: [Task<Void, Never>] = []
    private var renewal: Task<Void, Never>?
    private var authenticated = false
    private var heard = 0
    private var abandonedFor: BOSError?
    /// The code with which the server has said that it will close; not every platform tells it later.
    private var announcedCode: Int?

    private var follower = Follower()
    private var requests = Requests()
    /// Collaboration sessions to be in, now and after every reconnect.
    private var joined: Set<String> = []
    private var rejoining: Set<String> = []
    private var cursorWindows: [String: Task<Void, Never>] = [:]
    private var latestCursors: [String: CursorMove] = [:]

    /// url: of the server, `https://host` or `wss://host/v1/ws`. Throws `notBOS` for another address.
    public init(url: URL, tokens: any TokenSource, options: Options = Options()) throws {
        address = try Address(url)
        self.tokens = tokens
        self.options = options
    }

    // MARK: - Starting and ending

    /// Connect, and stay connected until `close()`. Once stopped it stays so: make another client.
    public func connect() {
        guard state == .idle else { return }
        tell(.connecting)
        watching = Task { [weak self] in
            for await there in NetworkPath.changes() { await self?.network(isThere: there) }
        }
        running = Task { await self.run() }
    }

    /// End for good: requests that wait are rejected, streams end.
    public func close() {
        stop(nil)
    }

    /// Do not wait for the next attempt.
    public func retryNow() {
        pause?.cancel()
    }

    private var isStopped: Bool {
        if case .stopped = state { return true }
        return false
    }

    private func stop(_ error: BOSError?) {
        guard !isStopped else { return }
        leave(code: Self.normal)
        running?.cancel()
        watching?.cancel()
        pause?.cancel()
        for window in cursorWindows.values { window.cancel() }
        requests.rejectAll(with: error)
        tell(.stopped(error))
        for listener in listeners.values { listener.end() }
        listeners = [:]
    }

    // MARK: - Listening

    /// Return all that happens from now on; the state as it is comes first.
    public func events() -> AsyncStream<ClientEvent> {
        stream { $0 }
    }

    public func states() -> AsyncStream<ConnectionState> {
        stream { if case .state(let state) = $0 { return state } else { return nil } }
    }

    /// Return what changes in the store.
    public func changes() -> AsyncStream<StoreChange> {
        stream { if case .change(let change) = $0 { return change } else { return nil } }
    }

    /// Return the store and all that happens after it, so that nothing is missed between the two.
    public func observe() -> (EntityStore, AsyncStream<ClientEvent>) {
        (store, events())
    }

    private func stream<Element: Sendable>(
        _ pick: @escaping @Sendable (ClientEvent) -> Element?
    ) -> AsyncStream<Element> {
        let (stream, continuation) = AsyncStream.makeStream(of: Element.self)
        let hear: @Sendable (ClientEvent) -> Void = { event in
            if let element = pick(event) { continuation.yield(element) }
        }
        hear(.state(state))
        guard !isStopped else {
            continuation.finish()
            return stream
        }
        let id = UUID()
        listeners[id] = Listener(hear: hear, end: { continuation.finish() })
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(id) }
        }
        return stream
    }

    private func forget(_ listener: UUID) {
        listeners[listener] = nil
    }

    private func tell(_ event: ClientEvent) {
        for listener in listeners.values { listener.hear(event) }
    }

    private func tell(_ next: ConnectionState) {
        guard next != state else { return }
        state = next
        tell(.state(next))
    }

    private func tell(_ changes: [EntityChange], sequence: Int64? = nil) {
        if !changes.isEmpty { tell(.change(StoreChange(changes: changes, sequence: sequence))) }
    }

    /// Return the user once the server has accepted the sign-in. Throws what has stopped the client.
    public func signedIn() async throws -> AuthSuccess {
        for await state in states() {
            if let user { return user }
            if case .stopped(let error) = state { throw error ?? .closed(sent: false) }
        }
        throw CancellationError()
    }

    /// Wait until all that is followed is shown. Throws what has stopped the client.
    public func untilLive() async throws {
        for await state in states() {
            if state == .live { return }
            if case .stopped(let error) = state { throw error ?? .closed(sent: false) }
        }
        throw CancellationError()
    }

    // MARK: - Channels

    /// Follow these channels from now on, also after a reconnect. One that is refused is forgotten.
    public func subscribe(_ channels: [String]) {
        follower.follow(channels, connected: authenticated)
        if authenticated && follower.inRound == false { flush() }
    }

    public func unsubscribe(_ channels: [String]) {
        if authenticated {
            send(.unsubscribe(Unsubscribe(channels: channels)), requestId: newRequestId())
        }
        for channel in channels { forget(channel) }
    }

    /// The server has ended that the channel is followed, or has refused it.
    private func drop(_ channel: String, reason: UnsubscribedReason? = nil, refusal: BOSError? = nil) {
        guard follower.wanted.contains(channel) else { return }
        tell(.unsubscribed(channel: channel, reason: reason, refusal: refusal))
        forget(channel)
    }

    private func forget(_ channel: String) {
        follower.drop(channel)
        if let user {
            let shown = Set(follower.wanted).union([EntityStore.own])
            tell(store.keep(channels: shown, organizationId: user.organizationId))
        }
    }

    // MARK: - Requests

    /// Send a request and return its answer.
    ///
    /// Offline it waits for the connection, and lost on the way it is sent again with its requestId, so
    /// that it has one effect. timeout: in seconds. Throws a `BOSError`, or `CancellationError` if the task is cancelled.
    public func request<Request: BOSRequest>(
        _ request: Request, timeout: Double? = nil
    ) async throws -> Request.Reply {
        let answer = try await answer(to: request.message, timeout: timeout) { message in
            Request.reply(in: message) != nil
        }
        guard let reply = Request.reply(in: answer) else {
            throw BOSError.protocolError(reason: "\(answer.type) does not answer it")
        }
        return reply
    }

    private func answer(
        to message: ClientMessage, timeout: Double?, isReply: @escaping @Sendable (ServerMessage) -> Bool
    ) async throws -> ServerMessage {
        try Task.checkCancellation()
        guard state != .idle, !isStopped else { throw BOSError.closed(sent: false) }
        let text: String
        let requestId = newRequestId()
        do {
            text = try encoded(ClientFrame(message, requestId: requestId))
        } catch {
            throw BOSError.protocolError(reason: "the request cannot be written: \(error)")
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                requests.add(requestId, text: text, isReply: isReply, continuation: continuation)
                later(Seconds.giveUp) { await $0.giveUp(requestId) }
                if let timeout {
                    later(timeout) { await $0.reject(requestId, with: BOSError.timeout) }
                }
                if Task.isCancelled { requests.reject(requestId, with: CancellationError()) }
                if authenticated { sendAgain(requestId) }
            }
        } onCancel: {
            Task { await self.reject(requestId, with: CancellationError()) }
        }
    }

    private func sendAgain(_ requestId: String) {
        guard authenticated, let text = requests.markSent(requestId) else { return }
        outbox?.yield(text)
    }

    private func giveUp(_ requestId: String) {
        requests.giveUp(requestId)
    }

    private func reject(_ requestId: String, with error: any Error) {
        requests.reject(requestId, with: error)
    }

    // MARK: - Collaboration sessions

    /// Start a session and be its host.
    public func createSession(_ request: SessionCreate) async throws -> CollaborationSession {
        let created = try await self.request(request)
        return try await joinSession(created.sessionId)
    }

    /// Take part in a session, also after every reconnect, until it is left.
    public func joinSession(_ id: String) async throws -> CollaborationSession {
        let reply = try await request(SessionJoin(sessionId: id))
        joined.insert(id)
        for participant in reply.session?.participants ?? [] {
            guard let cursor = participant.cursor else { continue }
            tell(
                .cursor(
                    CursorMoved(
                        userId: participant.userId, position: cursor.position, sessionId: id,
                        focusedEntity: cursor.focusedEntity
                    )
                )
            )
        }
        return CollaborationSession(id: id, joined: reply, client: self)
    }

    func leaveSession(_ id: String, newHost: String?) async throws {
        joined.remove(id)
        latestCursors[id] = nil
        _ = try await request(SessionLeave(sessionId: id, newHostId: newHost))
    }

    private func rejoin(_ id: String) async {
        guard rejoining.insert(id).inserted else { return }
        defer { rejoining.remove(id) }
        do {
            _ = try await request(SessionJoin(sessionId: id))
        } catch let error as BOSError {
            guard case .requestRefused = error else { return }
            joined.remove(id)
            tell(.problem(error))
        } catch {
            return  // cancelled: the client ends
        }
    }

    /// Show where the user points: at most ten times a second, and the last place in any case.
    func moveCursor(_ move: CursorMove) {
        let id = move.sessionId
        guard authenticated, cursorWindows[id] == nil else {
            latestCursors[id] = move
            return
        }
        send(.cursorMove(move))
        cursorWindows[id] = later(Seconds.cursor) { await $0.cursorWindowEnded(id) }
    }

    private func cursorWindowEnded(_ id: String) {
        cursorWindows[id] = nil
        if let move = latestCursors.removeValue(forKey: id) { moveCursor(move) }
    }

    // MARK: - Connections

    private func run() async {
        while !isStopped {
            let end: SocketEnd
            if hasNetwork {
                end = await connectOnce()
                leave(code: Self.goingAway)
            } else {
                end = SocketEnd(reason: "There is no network.")
            }
            guard !isStopped else { return }
            if let error = fatal(end) { return stop(error) }
            await wait(after: end)
        }
    }

    /// Connect and serve the connection; return how it has ended.
    private func connectOnce() async -> SocketEnd {
        connection += 1
        let number = connection
        abandonedFor = nil
        announcedCode = nil
        follower.connect()
        tell(.connecting)
        do {
            let token = try await tokens.token(fresh: stale)
            guard number == connection, !isStopped else { return SocketEnd() }
            let socket = try options.transport.connect(to: address.socket, subprotocol: Self.subprotocol)
            self.socket = socket
            open(socket)
            tell(.authenticating)
            send(.auth(Auth(token: token)))
            schedule(Seconds.patience) { await $0.expectSignedIn() }
            while true {
                let text = try await socket.receive()
                guard number == connection, !isStopped else { return SocketEnd() }
                receive(text)
            }
        } catch var end as SocketEnd {
            if let abandonedFor {
                return SocketEnd(reason: abandonedFor.localizedDescription, error: abandonedFor)
            }
            end.code = announcedCode ?? end.code
            return end
        } catch let error as BOSError {
            return SocketEnd(reason: error.localizedDescription, error: error)
        } catch {
            return SocketEnd(reason: error.localizedDescription)
        }
    }

    /// One writer sends what is put into the outbox, in that order.
    private func open(_ socket: any BOSSocket) {
        let (texts, outbox) = AsyncStream.makeStream(of: String.self)
        self.outbox = outbox
        timers.append(
            Task {
                for await text in texts {
                    do {
                        try await socket.send(text)
                    } catch {
                        return socket.close(code: Self.goingAway)  // `receive` says why
                    }
                }
            }
        )
    }

    /// The socket is given up, whether it answers or not: a dead network keeps it waiting.
    private func leave(code: Int) {
        connection += 1
        outbox?.finish()
        outbox = nil
        socket?.close(code: code)
        socket = nil
        for timer in timers { timer.cancel() }
        timers = []
        renewal?.cancel()
        renewal = nil
        authenticated = false
    }

    private func abandon(_ error: BOSError) {
        abandonedFor = error
        socket?.close(code: Self.goingAway)
    }

    /// Return the error after which coming back is useless, or nil.
    private func fatal(_ end: SocketEnd) -> BOSError? {
        if let code = end.code, let known = CloseCode(rawValue: code), !known.comesBack {
            // 4403 ends a sign-in; after the others the server could not understand this client.
            return code == CloseCode.forbidden.rawValue
                ? .signIn(message: "Your access has changed or was withdrawn. Please sign in again.")
                : .protocolError(reason: "the server closed with \(code) \(end.reason)")
        }
        switch end.error {
        case .signIn, .certificate: return end.error
        case .notBOS where !wasAnswered && abandonedFor == nil: return end.error
        default: break
        }
        guard let status = end.status, !wasAnswered else { return nil }
        let mayPass = status >= 500 || status == 429 || status == 408
        return mayPass ? nil : .notBOS(reason: "it answers \(status)")
    }

    private func wait(after end: SocketEnd) async {
        if end.code == CloseCode.authentication.rawValue { stale = true }
        var seconds = backoff.next()
        if noPlace {
            seconds = Backoff.noPlace
        } else if end.code == CloseCode.tooMany.rawValue {
            seconds = Backoff.tooMany + Double.random(in: 0...1)
        }
        seconds = max(seconds, end.retryAfter ?? 0)
        seconds *= options.pace
        let pause = Task { _ = try? await Task.sleep(for: .seconds(seconds)) }
        self.pause = pause
        guard hasNetwork else {
            tell(.offline)
            while !hasNetwork && !isStopped {
                await waitForNetwork()
            }
            return
        }
        let reason = end.error ?? .connectionLost(reason: end.reason)
        let until = Date(timeIntervalSinceNow: seconds)
        tell(.waiting(ConnectionState.Pause(until: until, attempt: backoff.attempt, reason: reason)))
        await pause.value
    }

    /// Until the platform says otherwise, or somebody calls `retryNow()`.
    private func waitForNetwork() async {
        let pause = Task { _ = try? await Task.sleep(for: .seconds(Seconds.giveUp)) }
        self.pause = pause
        await pause.value
    }

    private func network(isThere there: Bool) {
        guard there != hasNetwork else { return }
        hasNetwork = there
        if there {
            pause?.cancel()
        } else {
            abandon(.connectionLost(reason: "There is no network."))
            pause?.cancel()
        }
    }

    // MARK: - Time

    /// Do this after so many seconds, if the client is still there.
    @discardableResult
    private func later(
        _ seconds: Double, _ action: @escaping @Sendable (BOSClient) async -> Void
    ) -> Task<Void, Never> {
        let duration = Duration.seconds(seconds * options.pace)
        return Task { [weak self] in
            do {
                try await Task.sleep(for: duration)
            } catch {
                return  // cancelled
            }
            if let self { await action(self) }
        }
    }

    /// Do this after so many seconds, if this connection lasts as long.
    private func schedule(_ seconds: Double, _ action: @escaping @Sendable (BOSClient) async -> Void) {
        timers.append(later(seconds, action))
    }

    private func expectSignedIn() {
        if !authenticated { abandon(.notBOS(reason: "it does not answer AUTH")) }
    }

    /// Ask for a sign of life now and then: doubted soon, given up later.
    private func beat() {
        schedule(Seconds.beat - Seconds.patience) { await $0.askForLife() }
    }

    private func askForLife() {
        let before = heard
        send(.ping)
        schedule(Seconds.doubt) { await $0.doubt(since: before) }
        schedule(Seconds.patience) { await $0.endBeat(since: before) }
    }

    private func doubt(since before: Int) {
        if heard == before && state == .live { tell(.unsure) }
    }

    private func endBeat(since before: Int) {
        guard heard == before else { return beat() }
        abandon(.connectionLost(reason: "The server does not answer."))
    }

    // MARK: - Frames

    private func encoded(_ frame: ClientFrame) throws -> String {
        String(decoding: try encoder.encode(frame), as: UTF8.self)
    }

    private func send(_ message: ClientMessage, requestId: String? = nil) {
        do {
            outbox?.yield(try encoded(ClientFrame(message, requestId: requestId)))
        } catch {
            tell(.problem(.protocolError(reason: "\(message.type) cannot be written: \(error)")))
        }
    }

    /// Send what the channels and syncs need.
    private func flush() {
        for frame in follower.takeOutgoing() { send(frame.message, requestId: frame.requestId) }
    }

    private func receive(_ text: String) {
        heard += 1
        wasAnswered = true
        if state == .unsure { tell(.live) }
        let data = Data(text.utf8)
        do {
            handle(try decoder.decode(ServerFrame.self, from: data))
        } catch {
            unreadable(data, error)
        }
        flush()
    }

    /// Pass over what cannot be read: the request that it answers is told, and the connection goes on.
    private func unreadable(_ data: Data, _ error: any Error) {
        guard let envelope = try? decoder.decode(Envelope.self, from: data) else {
            if !authenticated { return abandon(.notBOS(reason: "it sends what is no message")) }
            return tell(.problem(.protocolError(reason: "a frame that is no message")))
        }
        let problem = BOSError.protocolError(reason: "\(envelope.type): \(error)")
        if let requestId = envelope.requestId { requests.reject(requestId, with: problem) }
        tell(.problem(problem))
    }

    private func handle(_ frame: ServerFrame) {
        let message = frame.message
        switch message {
        case .ping:
            send(.pong)
        case .authSuccess(let success):
            signedIn(success, at: frame.timestamp)
        case .authFailed(let failure):
            notSignedIn(failure)
        case .tokenExpired:
            authenticateAnew(early: false)
        case .subscribed(let subscribed):
            follower.subscribed(subscribed.channels)
        case .unsubscribed(let unsubscribed):
            for channel in unsubscribed.channels { drop(channel, reason: unsubscribed.reason) }
        case .syncComplete(let complete):
            go(follower.synced(frame.requestId, complete))
        case .syncError(let refusal):
            notSynced(frame.requestId, refusal)
        case .error(let refusal):
            refused(frame.requestId, refusal)
        case .cursorMove(let moved):
            tell(.cursor(moved))
        case .sessionCreated(let created) where requests.has(frame.requestId):
            subscribe(["session:\(created.sessionId)"])
        case .sessionJoined(let own) where own.session != nil:
            subscribe(["session:\(own.sessionId)"])
        case .notification(let notification):
            failed(notification)
        case .unknown(let type):
            tell(.unknown(type: type))
        default:
            break
        }
        show(message)
        if let requestId = frame.requestId { requests.answer(requestId, message) }
    }

    private func show(_ message: ServerMessage) {
        guard let event = message.event else { return }
        if case .syncUpdate(let update) = message, case .unknown(_, let type) = update.data {
            tell(.unknown(type: type))
        }
        let changes = store.apply(message)
        let sequence = event.changeType == .snapshot ? nil : event.sequence
        tell(changes, sequence: sequence)
        if follower.isNew(event) { tell(.message(message)) }
    }

    // MARK: - Tokens

    private func signedIn(_ success: AuthSuccess, at timestamp: String?) {
        // Both times are the server's own: this device's clock may be wrong.
        if let now = timestamp.flatMap(Coding.date) {
            let life = success.expiresAt.timeIntervalSince(now)
            renewal?.cancel()
            renewal = later(max(life - Seconds.renewEarly, life / 2)) { await $0.renew() }
        }
        stale = false
        user = success
        guard !authenticated else { return }  // renewed in place: the connection goes on as it was
        authenticated = true
        noPlace = false
        tell(.syncing)
        beat()
        for requestId in requests.waiting { sendAgain(requestId) }
        for id in joined where !rejoining.contains(id) {
            Task { await self.rejoin(id) }
        }
        // The server follows the user's own channel by itself, but only a sync tells what was missed.
        follower.follow(["user:\(success.userId)"], connected: false)
        follower.signedIn()
        for move in latestCursors.values { moveCursor(move) }
    }

    private func notSignedIn(_ failure: AuthFailed) {
        if failure.error == .rateLimitExceeded {
            noPlace = failure.details?.scope == "connections"
            return  // 4429 follows
        }
        guard !stale else { return stop(.signIn(message: failure.message)) }
        authenticateAnew(early: false)
    }

    private func renew() {
        authenticateAnew(early: true)
    }

    /// early: the old token is still good, so a failure costs nothing yet.
    private func authenticateAnew(early: Bool) {
        stale = true
        let number = connection
        timers.append(Task { await self.authenticate(connection: number, early: early) })
    }

    private func authenticate(connection number: Int, early: Bool) async {
        do {
            let token = try await tokens.token(fresh: true)
            if number == connection { send(.auth(Auth(token: token))) }
        } catch {
            guard number == connection else { return }
            let known = error as? BOSError ?? .connectionLost(reason: error.localizedDescription)
            if case .signIn = known { return stop(known) }
            if !early { abandon(known) }
        }
    }

    // MARK: - Rounds and refusals

    private func go(_ outcome: Follower.Outcome) {
        switch outcome {
        case .goesOn:
            break
        case .roundOver:
            backoff.reset()
            tell(store.endAnew())
            tell(.live)
        case .lost:
            abandon(.connectionLost(reason: "The server could not sync."))
        case .anew:
            store.beginAnew()
            tell(.syncing)
        }
    }

    private func notSynced(_ requestId: String?, _ refusal: SyncError) {
        let (outcome, dropped) = follower.notSynced(requestId, refusal)
        if let dropped {
            tell(.unsubscribed(channel: dropped, reason: nil, refusal: BOSError(refusal)))
        }
        go(outcome)
    }

    private func refused(_ requestId: String?, _ refusal: ErrorMessage) {
        if requests.has(requestId) { return refusedRequest(requestId, refusal) }
        let error = BOSError(refusal)
        if let code = refusal.details?.closeCode {
            announcedCode = Int(code)
            return
        }
        if let channel = refusal.details?.channel {
            drop(channel, refusal: error)
            go(follower.endRound())
        } else if follower.asked(requestId) {
            abandon(error)
        } else {
            tell(.problem(error))
        }
    }

    private func refusedRequest(_ requestId: String?, _ refusal: ErrorMessage) {
        guard let requestId else { return }
        let isLimit = refusal.code == .rateLimitExceeded || refusal.code.text == "SERVER_BUSY"
        if refusal.code == .tokenExpired || refusal.code == .authenticationRequired {
            return  // AUTH is under way, and the request is sent again after it
        }
        guard isLimit, let seconds = refusal.details?.retryAfter else {
            return requests.reject(requestId, with: BOSError(refusal))
        }
        requests.limited(requestId, by: .rateLimited(message: refusal.message, retryAfter: seconds))
        later(Double(seconds)) { await $0.sendAgain(requestId) }
    }

    /// A prediction or a report that could not be made is told by a notification.
    private func failed(_ notification: NotificationMessage) {
        guard
            let requestId = notification.data.requestId,
            requests.has(requestId), notification.category.hasSuffix("_failed")
        else { return }
        let code = ErrorCode(text: notification.category)
        let refusal = BOSError.requestRefused(code: code, message: notification.message, details: nil)
        requests.reject(requestId, with: refusal)
    }
}

extension BOSError {
    init(_ refusal: ErrorMessage) {
        self = .requestRefused(code: refusal.code, message: refusal.message, details: refusal.details)
    }

    init(_ refusal: SyncError) {
        let code = ErrorCode(text: refusal.code.text)
        self = .requestRefused(code: code, message: refusal.message, details: refusal.details)
    }
}
