internal import Crypto

/// The opening handshake of a WebSocket (RFC 6455 §4.2).
enum WebSocketHandshake {
    /// Checks the request and makes the answer. No extension is ever agreed to.
    /// - Parameter protocols: the subprotocols this endpoint speaks, best first.
    static func accept(
        _ request: Request, protocols: [String], handler: WebSocketHandler
    ) throws(HTTPError) -> Response {
        let key = try check(request)
        var response = Response(
            status: .switchingProtocols,
            headers: [
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Accept", answer(to: key)),
            ], content: .webSocket(handler))
        let offered = tokens(request.header("sec-websocket-protocol"))
        if let chosen = protocols.first(where: { offered.contains($0.lowercased()) }) {
            response.add("Sec-WebSocket-Protocol", chosen)
        }
        return response
    }

    private static func check(_ request: Request) throws(HTTPError) -> String {
        guard request.method == .get, tokens(request.header("upgrade")).contains("websocket"),
            tokens(request.header("connection")).contains("upgrade")
        else {
            throw HTTPError(
                .upgradeRequired, "upgrade_required", "This address speaks WebSocket only.")
        }
        guard request.header("sec-websocket-version") == "13" else {
            throw HTTPError(
                .upgradeRequired, "websocket_version", "Only WebSocket version 13 is served.")
        }
        guard let key = request.header("sec-websocket-key"), key.utf8.count == 24,
            key.hasSuffix("=="), request.headerCount("sec-websocket-key") == 1
        else { throw .badRequest("websocket_key", "The WebSocket key is not valid.") }
        return key
    }

    /// The proof that the server speaks WebSocket.
    static func answer(to key: String) -> String {
        let text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        return Base64.encode(InsecureSHA1.hash(text.utf8))
    }

    /// A comma-separated list, lowered.
    static func tokens(_ value: String?) -> [String] {
        (value ?? "").lowercased().split(separator: ",").map {
            String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}
