/// What the application injects into the endpoints' pipeline.
package struct Hooks: Sendable {
    package enum RateDecision: Sendable {
        case go
        case wait(seconds: Int)
    }

    /// Finds the caller by the request's credential: nil if it has none; throws if it is wrong.
    package var authenticate: @Sendable (Request) async throws -> Caller?
    /// Whether a caller who was let in earlier still is who they were: the account and the session
    /// are there, however old the token is that opened it. For streams that go on; throws if it
    /// cannot be found out now.
    package var confirm: @Sendable (Caller) async throws -> Bool
    /// Whether the caller has a permission for this call (its path names the workspace).
    package var authorise: @Sendable (Caller, String, Call) async throws -> Bool
    /// Takes one from a budget. The key is the caller's subject, or the address.
    package var limit: @Sendable (RateClass, String) async -> RateDecision
    /// Whether a page of this origin may open a WebSocket; nil is a client without one.
    package var allowsOrigin: @Sendable (String?, Request) -> Bool
    /// Remembers answers by `Idempotency-Key`; nil: the header is refused.
    package var idempotency: (any IdempotencyStore)?
    /// What the client is told of an error that is not `HTTPRepresentable`; nil: 500.
    package var explain: @Sendable (any Error) -> HTTPError?

    /// - Parameter allowsOrigin: by default only pages of the host that was asked.
    package init(
        authenticate: @escaping @Sendable (Request) async throws -> Caller? = { _ in nil },
        confirm: @escaping @Sendable (Caller) async throws -> Bool = { _ in true },
        authorise: @escaping @Sendable (Caller, String, Call) async throws -> Bool = { _, _, _ in
            false
        },
        limit: @escaping @Sendable (RateClass, String) async -> RateDecision = { _, _ in .go },
        allowsOrigin: @escaping @Sendable (String?, Request) -> Bool = Hooks.isSameOrigin,
        idempotency: (any IdempotencyStore)? = nil,
        explain: @escaping @Sendable (any Error) -> HTTPError? = { _ in nil }
    ) {
        self.authenticate = authenticate
        self.confirm = confirm
        self.authorise = authorise
        self.limit = limit
        self.allowsOrigin = allowsOrigin
        self.idempotency = idempotency
        self.explain = explain
    }

    /// Whether the origin's host and port are those of the Host field.
    package static func isSameOrigin(_ origin: String?, _ request: Request) -> Bool {
        guard let origin else { return true }
        guard let host = request.header("host") else { return false }
        return origin.lowercased() == "http://\(host)".lowercased()
            || origin.lowercased() == "https://\(host)".lowercased()
    }
}
