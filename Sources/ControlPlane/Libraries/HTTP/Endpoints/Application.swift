package import Platform

/// All endpoints with their hooks: from a request to its answer. Knows nothing of sockets, so it
/// can be driven in memory.
package struct Application: Sendable {
    package let endpoints: [Endpoint]
    private let router: Router
    private let hooks: Hooks
    private let rights: StreamRights
    private let fallback: (@Sendable (Request) async -> Response?)?
    private let log: Log

    /// - Parameters:
    ///   - rights: looks after the long-lived answers; whoever changes rights tells it.
    ///   - fallback: asked for GET and HEAD that no endpoint answers: pages, files.
    package init(
        endpoints: [Endpoint], hooks: Hooks, log: Log, rights: StreamRights? = nil,
        fallback: (@Sendable (Request) async -> Response?)? = nil
    ) {
        self.endpoints = endpoints
        self.hooks = hooks
        self.rights = rights ?? StreamRights(log: log)
        self.fallback = fallback
        self.log = log
        router = Router(endpoints.map { ($0.method, $0.path) })
    }

    /// Answers a request. Never throws: errors become answers, unknown ones 500 with the request
    /// id as the reference in the log.
    package func respond(to request: Request) async -> Response {
        switch router.match(request.method, request.target.segments) {
        case .found(let index, let values):
            let endpoint = endpoints[index]
            var response: Response
            do {
                response = try await call(endpoint, request, values)
            } catch {
                response = answer(to: error, request)
            }
            response.route = endpoint.route
            if response.header("Cache-Control") == nil { response.add("Cache-Control", "no-store") }
            response.add("X-Content-Type-Options", "nosniff")
            return response
        case .wrongMethod(let methods): return wrongMethod(methods, request)
        case .none:
            if request.method == .get || request.method == .head,
                let response = await fallback?(request)
            {
                return response
            }
            return answer(to: HTTPError.notFound, request)
        }
    }

    private func wrongMethod(_ methods: [Method], _ request: Request) -> Response {
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        if request.method == .options { return Response.empty().with("Allow", allowed) }
        return answer(
            to: HTTPError(
                .methodNotAllowed, "method_not_allowed", "This address takes \(allowed)."), request
        ).with("Allow", allowed)
    }

    private func call(
        _ endpoint: Endpoint, _ request: Request, _ values: [String]
    ) async throws -> Response {
        let changeCount = endpoint.answer.isStream ? rights.changeCount : 0
        let caller = try await authenticate(request, for: endpoint)
        let call = Call(
            request: request, caller: caller, endpoint: endpoint, pathValues: values)
        try await checkRate(endpoint.rate, caller?.subject ?? request.peer)
        try await checkAccess(endpoint, caller, call)
        try QueryCheck.check(request.target.query, against: endpoint.query)
        if case .webSocket = endpoint.answer {
            guard hooks.allowsOrigin(request.header("origin"), request) else {
                throw HTTPError(
                    .forbidden, "origin", "Pages of this origin may not connect.")
            }
        }
        let (json, bytes) = try await BodyCheck.read(request, endpoint.body)
        let full = Call(
            request: request, caller: caller, endpoint: endpoint, pathValues: values,
            json: json, bodyBytes: bytes)
        guard endpoint.isIdempotent, let key = request.header("idempotency-key") else {
            var response = try await endpoint.handle(full)
            if endpoint.answer.isStream {
                response.right = StreamRight(
                    of: full, hooks: hooks, rights: rights, changeCount: changeCount)
            }
            return response
        }
        return try await Repeats(store: hooks.idempotency, log: log).answer(full, key: key) {
            do { return try await endpoint.handle(full) } catch {
                return answer(to: error, request)
            }
        }
    }

    private func authenticate(_ request: Request, for endpoint: Endpoint) async throws -> Caller? {
        // Whoever signs in again may still send the credential that has run out.
        guard endpoint.access != .open else { return nil }
        do {
            return try await hooks.authenticate(request)
        } catch let error as HTTPError where error.status == .unauthorized {
            // Guessing is limited by address, before anything else is known.
            try await checkRate(.failedLogin, request.peer)
            throw error
        }
    }

    private func checkRate(_ rate: RateClass, _ key: String) async throws {
        if case .wait(let seconds) = await hooks.limit(rate, key) {
            throw HTTPError.tooManyRequests(retryAfterSeconds: max(1, seconds))
        }
    }

    private func checkAccess(
        _ endpoint: Endpoint, _ caller: Caller?, _ call: Call
    ) async throws {
        switch endpoint.access {
        case .open: return
        case .signedIn: guard let caller, !caller.isExpired else { throw HTTPError.unauthenticated }
        case .permission(let name):
            guard let caller else { throw HTTPError.unauthenticated }
            guard try await hooks.authorise(caller, name, call) else { throw HTTPError.forbidden }
        }
    }

    private func answer(to error: any Error, _ request: Request) -> Response {
        if error is CancellationError || Task.isCancelled { return .empty(.clientClosed) }
        if let shown = (error as? any HTTPRepresentable)?.httpError ?? hooks.explain(error) {
            var response = Envelope.response(for: shown, requestID: request.id)
            if shown.status == .unauthorized { response.add("WWW-Authenticate", "Bearer") }
            if shown.status.rawValue >= 500 { response.cause = "\(error)" }
            return response
        }
        log.error(
            "unexpected error",
            ["request_id": .string(request.id), "error": .string("\(error)")])
        var response = Envelope.response(
            for: HTTPError(
                .internalError, "internal", "Something went wrong; the request id names it."),
            requestID: request.id)
        response.cause = "\(error)"
        return response
    }
}
