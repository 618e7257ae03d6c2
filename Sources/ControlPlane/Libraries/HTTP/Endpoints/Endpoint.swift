/// One operation of the API, declared once: routing, authorisation, rate limits, validation and
/// the OpenAPI document all come from here.
package struct Endpoint: Sendable {
    package typealias Handle = @Sendable (Call) async throws -> Response

    /// A query parameter. A value is text, a whole number, a boolean or a word of a choice, by its
    /// schema; for a list it may repeat.
    package struct Query: Sendable {
        package let name: String
        package let schema: Schema
        package let isRequired: Bool
        package let about: String

        package init(
            _ name: String, _ schema: Schema, isRequired: Bool = false, _ about: String = ""
        ) {
            self.name = name
            self.schema = schema
            self.isRequired = isRequired
            self.about = about
        }

        /// How many items a page has; 1 to 100.
        package static let limit = Query("limit", .integer(1...100), "Items on a page.")
        /// Where the page begins, from `next_cursor`.
        package static let cursor = Query(
            "cursor", .string(1...512), "next_cursor of the page before.")
        /// The same where it is the identifier of the last item.
        package static let idCursor = Query("cursor", .uuid, "next_cursor of the page before.")
    }

    /// What comes in.
    package enum Body: Sendable {
        case none
        /// JSON, validated before the handler runs.
        case json(Schema, limit: Int = 1024 * 1024)
        /// Any bytes, pulled by the handler through `call.request.body`.
        case bytes(type: String)
        /// Any bytes, collected before the handler runs: webhooks whose signature covers them.
        case collected(type: String, limit: Int = 1024 * 1024)
    }

    /// What goes out on success.
    package enum Answer: Sendable {
        case nothing
        case item(Schema)
        case page(of: Schema)
        /// Bytes that are not JSON.
        case content(type: String)
        /// Server-sent events whose data is JSON of this shape.
        case events(Schema)
        /// A WebSocket whose text messages to the client have this shape.
        case webSocket(Schema)

        /// Whether it lasts until one side ends it.
        var isStream: Bool {
            switch self {
            case .events, .webSocket: true
            case .nothing, .item, .page, .content: false
            }
        }
    }

    package let method: Method
    package let path: PathPattern
    package let summary: String
    /// The group it belongs to, such as `rules`.
    package let tag: String
    package let access: Access
    package let rate: RateClass
    package let query: [Query]
    package let body: Body
    package let answer: Answer
    /// Of success.
    package let status: Status
    /// Further statuses of success, with the same answer.
    package let otherStatuses: [Status]
    /// Whether `Idempotency-Key` is honoured; for POST that creates.
    package let isIdempotent: Bool
    /// Codes of `HTTPError` that callers should know about, for the document.
    package let errors: [Status]
    package let handle: Handle
    let route: String

    package init(
        _ method: Method, _ path: PathPattern, _ summary: String, tag: String,
        access: Access, rate: RateClass, query: [Query] = [], body: Body = .none,
        answer: Answer, status: Status? = nil, otherStatuses: [Status] = [],
        isIdempotent: Bool = false, errors: [Status] = [], handle: @escaping Handle
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.tag = tag
        self.access = access
        self.rate = rate
        self.query = query
        self.body = body
        self.answer = answer
        self.status = status ?? Self.usualStatus(of: answer)
        self.otherStatuses = otherStatuses
        self.isIdempotent = isIdempotent
        self.errors = errors
        self.handle = handle
        route = path.route
    }

    private static func usualStatus(of answer: Answer) -> Status {
        switch answer {
        case .nothing: .noContent
        case .item, .page, .content, .events: .ok
        case .webSocket: .switchingProtocols
        }
    }
}
