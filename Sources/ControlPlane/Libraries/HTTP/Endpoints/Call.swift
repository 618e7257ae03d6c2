internal import FoundationEssentials
package import SharedModels

/// One call of an endpoint: the request after routing, authorisation and validation.
package struct Call: Sendable {
    package let request: Request
    /// Nobody for open endpoints without a credential.
    package let caller: Caller?
    /// The validated body; `.null` if the endpoint takes none or takes bytes.
    package let json: JSONValue
    /// The bytes of a JSON or collected body.
    package let bodyBytes: [UInt8]
    let endpoint: Endpoint
    let pathValues: [String]
    private let queryValues: [(name: String, value: String)]

    init(
        request: Request, caller: Caller?, endpoint: Endpoint, pathValues: [String],
        json: JSONValue = .null, bodyBytes: [UInt8] = []
    ) {
        self.request = request
        self.caller = caller
        self.endpoint = endpoint
        self.pathValues = pathValues
        queryValues = request.target.query
        self.json = json
        self.bodyBytes = bodyBytes
    }

    /// The caller; throws 401 if there is none.
    package func requireCaller() throws(HTTPError) -> Caller {
        guard let caller else { throw .unauthenticated }
        return caller
    }

    /// The same call to be kept after its answer: without the body, and what it holds on to.
    func withoutBody() -> Call {
        Call(
            request: request.withoutBody(), caller: caller, endpoint: endpoint,
            pathValues: pathValues)
    }

    /// The calling account; throws 403 if the caller is not one.
    package func requireAccount() throws(HTTPError) -> AccountID {
        guard let account = try requireCaller().account else { throw .forbidden }
        return account
    }

    /// A path parameter. A name the pattern does not have is a programmer's error.
    package func path(_ name: String) -> String {
        let names = endpoint.path.parameters
        guard let index = names.firstIndex(where: { $0.name == name }), index < pathValues.count
        else { preconditionFailure("\(endpoint.path) has no {\(name)}") }
        return pathValues[index]
    }

    /// A `uuid` path parameter as an identifier.
    package func id<Entity>(
        _ name: String, _ type: Identifier<Entity>.Type = Identifier<Entity>.self
    ) throws(HTTPError) -> Identifier<Entity> {
        guard let id = Identifier<Entity>(path(name)) else { throw .notFound }
        return id
    }

    /// The first value of a query parameter.
    package func query(_ name: String) -> String? {
        queryValues.first { $0.name == name }?.value
    }

    package func queryInteger(_ name: String) -> Int? { query(name).flatMap { Int($0) } }

    package func queryID<Entity>(
        _ name: String, _ type: Identifier<Entity>.Type = Identifier<Entity>.self
    ) -> Identifier<Entity>? {
        query(name).flatMap { Identifier<Entity>($0) }
    }

    /// Items on a page, `default` unless the caller asked for a number.
    package func limit(default usual: Int = 25) -> Int { queryInteger("limit") ?? usual }

    /// Where an event stream should go on; the client's `Last-Event-ID`.
    package var lastEventID: String? { request.header("last-event-id") ?? query("last_event_id") }

    /// The body as a value. What the schema let through and the type refuses is 422 with a path.
    package func body<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bodyBytes))
        } catch let error as DecodingError {
            throw HTTPError.invalid([Self.field(of: error)])
        }
    }

    /// The answer that turns the connection into a WebSocket.
    /// - Parameter protocols: subprotocols, best first.
    package func webSocket(
        protocols: [String] = [], _ handler: WebSocketHandler
    ) throws(HTTPError) -> Response {
        try WebSocketHandshake.accept(request, protocols: protocols, handler: handler)
    }

    /// The answer that turns the connection into a stream of events.
    package func events(_ handler: EventStreamHandler) -> Response {
        Response(
            status: .ok,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"),
                ("X-Accel-Buffering", "no"),
            ], content: .events(handler))
    }

    private static func field(of error: DecodingError) -> HTTPError.Field {
        let (context, message): (DecodingError.Context, String) =
            switch error {
            case .typeMismatch(_, let context): (context, "is of the wrong kind")
            case .valueNotFound(_, let context): (context, "must not be null")
            case .keyNotFound(let key, let context): (context, "\(key.stringValue) is missing")
            case .dataCorrupted(let context): (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "is not valid")
            }
        var path = ""
        for key in context.codingPath {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return HTTPError.Field(path: path, message: message)
    }
}
