/// Requests that wait for their answer, over the loss of a connection and its return.
struct Requests {
    private struct Waiting {
        let text: String
        let isReply: @Sendable (ServerMessage) -> Bool
        let continuation: CheckedContinuation<ServerMessage, any Error>
        var sent = false
        /// The limit that stands in its way.
        var limit: BOSError?
    }

    private var byId: [String: Waiting] = [:]
    private var order: [String] = []

    /// requestIds, in the order in which they were asked.
    var waiting: [String] {
        order
    }

    func has(_ requestId: String?) -> Bool {
        requestId.map { byId[$0] != nil } ?? false
    }

    mutating func add(
        _ requestId: String,
        text: String,
        isReply: @escaping @Sendable (ServerMessage) -> Bool,
        continuation: CheckedContinuation<ServerMessage, any Error>
    ) {
        byId[requestId] = Waiting(text: text, isReply: isReply, continuation: continuation)
        order.append(requestId)
    }

    /// Return the frame to send, if the request still waits.
    mutating func markSent(_ requestId: String) -> String? {
        byId[requestId]?.sent = true
        return byId[requestId]?.text
    }

    mutating func limited(_ requestId: String, by limit: BOSError) {
        byId[requestId]?.limit = limit
    }

    /// End the request, if this message is the answer that it waits for.
    mutating func answer(_ requestId: String, _ message: ServerMessage) {
        guard byId[requestId]?.isReply(message) == true else { return }
        end(requestId)?.continuation.resume(returning: message)
    }

    mutating func reject(_ requestId: String, with error: any Error) {
        end(requestId)?.continuation.resume(throwing: error)
    }

    mutating func giveUp(_ requestId: String) {
        guard let request = end(requestId) else { return }
        request.continuation.resume(throwing: request.limit ?? BOSError.givenUp(sent: request.sent))
    }

    /// error: nil where the client was closed.
    mutating func rejectAll(with error: BOSError?) {
        for requestId in order {
            reject(requestId, with: error ?? .closed(sent: byId[requestId]?.sent ?? false))
        }
    }

    private mutating func end(_ requestId: String) -> Waiting? {
        order.removeAll { $0 == requestId }
        return byId.removeValue(forKey: requestId)
    }
}
