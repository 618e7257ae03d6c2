/// What a handler answers.
package struct Response: Sendable {
    /// What follows the head.
    enum Content: Sendable {
        case empty
        case bytes([UInt8])
        /// JSON that `Application` puts into the envelope of its request.
        case item([UInt8])
        case page(items: [UInt8], nextCursor: String?)
        case stream(@Sendable (ResponseWriter) async throws -> Void)
        case file(FileContent)
        case events(EventStreamHandler)
        case webSocket(WebSocketHandler)
    }

    package var status: Status
    /// Fields besides those the server writes itself (Content-Length, Date, X-Request-Id …).
    package private(set) var headers: [(name: String, value: String)]
    var content: Content
    /// What made this answer an error, for the log; never sent.
    var cause: String?
    /// What a long-lived answer stands on; nil if anybody may have it.
    var right: StreamRight?
    /// The path pattern that answered, for logs and metrics; empty if none did.
    var route = ""

    init(status: Status, headers: [(name: String, value: String)], content: Content) {
        self.status = status
        self.content = content
        self.headers = []
        for (name, value) in headers { add(name, value) }
    }

    /// No body.
    package static func empty(_ status: Status = .noContent) -> Response {
        Response(status: status, headers: [], content: .empty)
    }

    /// Bytes of any type.
    package static func bytes(
        _ bytes: [UInt8], type: String, status: Status = .ok
    ) -> Response {
        Response(status: status, headers: [("Content-Type", type)], content: .bytes(bytes))
    }

    /// Plain text.
    package static func text(_ text: String, status: Status = .ok) -> Response {
        .bytes(Array(text.utf8), type: "text/plain; charset=utf-8", status: status)
    }

    /// One value, in the envelope `{"data":…,"request_id":…}`.
    package static func item(_ value: some Encodable, status: Status = .ok) throws -> Response {
        Response(status: status, headers: [], content: .item(try JSONOutput.encode(value)))
    }

    /// A page of a list, in the envelope
    /// `{"data":[…],"next_cursor":…,"has_more":…,"request_id":…}`.
    /// - Parameter nextCursor: opaque, asks for what follows; nil on the last page.
    package static func page(
        _ items: some Encodable & Sequence, nextCursor: String?
    ) throws -> Response {
        Response(
            status: .ok, headers: [],
            content: .page(items: try JSONOutput.encode(items), nextCursor: nextCursor))
    }

    /// A body of unknown length, written piece by piece.
    package static func stream(
        type: String, status: Status = .ok,
        _ body: @escaping @Sendable (ResponseWriter) async throws -> Void
    ) -> Response {
        Response(status: status, headers: [("Content-Type", type)], content: .stream(body))
    }

    /// The same answer with one more header field. A name that is not a token, or a value with a
    /// control character, is a programmer's error in a constant and is dropped otherwise: a
    /// response can never be split.
    package func with(_ name: String, _ value: String) -> Response {
        var copy = self
        copy.add(name, value)
        return copy
    }

    /// The first value of a header field of this answer.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The whole body as it is sent, envelope included; empty for streams and files. For tests
    /// and calls inside the process.
    package func bodyBytes(requestID: String) -> [UInt8] {
        Envelope.bytes(of: self, requestID: requestID)
    }

    /// Whether the whole body is at hand.
    var isWhole: Bool {
        switch content {
        case .empty, .bytes, .item, .page: true
        case .stream, .file, .events, .webSocket: false
        }
    }

    mutating func add(_ name: String, _ value: String) {
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte),
            value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { return }
        headers.append((name, value))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
