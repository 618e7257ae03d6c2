/// An answer as it is kept for repeats of a request.
package struct StoredAnswer: Sendable, Hashable {
    package let status: Int
    package let contentType: String
    /// The whole body, with the request id of the first answer.
    package let body: [UInt8]

    package init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}

/// What identifies a request that may be repeated.
package struct IdempotencyKey: Sendable, Hashable {
    /// The caller's subject.
    package let subject: String
    /// The method and the path as it was asked.
    package let operation: String
    /// The client's `Idempotency-Key`, 1 to 128 visible ASCII characters.
    package let key: String
    /// The body, to tell a repeat from another request with the same key.
    package let body: [UInt8]
}

package enum IdempotencyDecision: Sendable, Hashable {
    /// Nobody used the key: it is now reserved for this request.
    case proceed
    /// The answer of the first request.
    case replay(StoredAnswer)
    /// The first request has not been answered yet (409).
    case inProgress
    /// The key was used for a different request (422).
    case mismatch
}

/// Remembers answers by key. Reservations of a process that died must expire by themselves.
package protocol IdempotencyStore: Sendable {
    func begin(_ key: IdempotencyKey) async throws -> IdempotencyDecision
    /// Keeps the answer of a request that succeeded or was refused for good (below 500).
    func finish(_ key: IdempotencyKey, _ answer: StoredAnswer) async throws
    /// Gives the key back after a failure that a repeat may not have.
    func abandon(_ key: IdempotencyKey) async
}
