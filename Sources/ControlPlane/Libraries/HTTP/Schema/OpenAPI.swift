/// Writes the OpenAPI 3.1 document of all endpoints. The same endpoints give the same bytes.
package enum OpenAPI {
    /// - Parameter version: of the API, such as `1.0.0`.
    package static func document(title: String, version: String, endpoints: [Endpoint]) -> String {
        var schemas: [String: JSONTree] = ["Error": errorSchema]
        var paths: [String: [(String, JSONTree)]] = [:]
        let sorted = endpoints.sorted {
            ($0.route, $0.method.rawValue) < ($1.route, $1.method.rawValue)
        }
        for endpoint in sorted {
            paths[endpoint.route, default: []].append(
                (endpoint.method.rawValue.lowercased(), operation(endpoint, &schemas)))
        }
        let document = JSONTree.object([
            ("openapi", .text("3.1.0")),
            ("info", .object([("title", .text(title)), ("version", .text(version))])),
            (
                "paths",
                .object(paths.sorted { $0.key < $1.key }.map { ($0.key, .object($0.value)) })
            ),
            (
                "components",
                .object([
                    (
                        "schemas",
                        .object(schemas.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
                    ),
                    ("securitySchemes", securitySchemes),
                ])
            ),
        ])
        return document.text + "\n"
    }

    private static let securitySchemes = JSONTree.object([
        ("bearer", .object([("type", .text("http")), ("scheme", .text("bearer"))]))
    ])

    private static let errorSchema: JSONTree = {
        let field = Schema.object([.required("path", .text), .required("message", .text)])
        let error = Schema.object([
            .required(
                "error",
                .object([
                    .required("code", .text), .required("message", .text),
                    .required("fields", .array(of: field, 0...20)),
                ])), .required("request_id", .text),
        ])
        var none: [String: JSONTree] = [:]
        return error.openAPI(&none)
    }()

    private static func operation(
        _ endpoint: Endpoint, _ schemas: inout [String: JSONTree]
    ) -> JSONTree {
        var members: [(String, JSONTree)] = [
            ("operationId", .text(operationID(endpoint))),
            ("summary", .text(endpoint.summary)),
            ("tags", .array([.text(endpoint.tag)])),
            ("x-rate-class", .text(endpoint.rate.rawValue)),
        ]
        if case .permission(let name) = endpoint.access {
            members.append(("x-permission", .text(name)))
        }
        members.append(
            (
                "security",
                endpoint.access == .open
                    ? .array([]) : .array([.object([("bearer", .array([]))])])
            ))
        let parameters = parameters(endpoint, &schemas)
        if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
        if let body = requestBody(endpoint.body, &schemas) {
            members.append(("requestBody", body))
        }
        members.append(("responses", responses(endpoint, &schemas)))
        return .object(members)
    }

    /// `get_workspaces_rules_by_rule_id`: unique because method and path are.
    private static func operationID(_ endpoint: Endpoint) -> String {
        var words = [endpoint.method.rawValue.lowercased()]
        for segment in endpoint.path.segments {
            switch segment {
            case .text("api"), .text("v1"): break
            case .text(let text): words.append(text)
            case .parameter(let name, _): words.append("by_\(name)")
            }
        }
        return words.joined(separator: "_").map { $0 == "-" || $0 == "." ? "_" : String($0) }
            .joined()
    }

    private static func parameters(
        _ endpoint: Endpoint, _ schemas: inout [String: JSONTree]
    ) -> [JSONTree] {
        var all: [JSONTree] = []
        for parameter in endpoint.path.parameters {
            let schema: Schema =
                switch parameter.kind {
                case .uuid: .uuid
                case .integer: .integer(0...Int64.max)
                case .string: .string(1...128)
                case .rest: .string(0...1024)
                }
            all.append(
                .object([
                    ("name", .text(parameter.name)), ("in", .text("path")),
                    ("required", .bool(true)), ("schema", schema.openAPI(&schemas)),
                ]))
        }
        for query in endpoint.query {
            var members: [(String, JSONTree)] = [
                ("name", .text(query.name)), ("in", .text("query")),
            ]
            if query.isRequired { members.append(("required", .bool(true))) }
            if !query.about.isEmpty { members.append(("description", .text(query.about))) }
            members.append(("schema", query.schema.openAPI(&schemas)))
            all.append(.object(members))
        }
        if endpoint.isIdempotent {
            all.append(
                .object([
                    ("name", .text("Idempotency-Key")), ("in", .text("header")),
                    ("description", .text("A repeat with the same key gets the first answer.")),
                    ("schema", Schema.string(1...128).openAPI(&schemas)),
                ]))
        }
        return all
    }

    private static func requestBody(
        _ body: Endpoint.Body, _ schemas: inout [String: JSONTree]
    ) -> JSONTree? {
        switch body {
        case .none: nil
        case .json(let schema, _):
            .object([
                ("required", .bool(true)),
                ("content", content("application/json", schema.openAPI(&schemas))),
            ])
        case .bytes(let type), .collected(let type, _):
            .object([
                ("required", .bool(true)),
                ("content", content(type, .object([]))),
            ])
        }
    }

    private static func responses(
        _ endpoint: Endpoint, _ schemas: inout [String: JSONTree]
    ) -> JSONTree {
        var success: [(String, JSONTree)] = []
        switch endpoint.answer {
        case .nothing: break
        case .item(let schema):
            let data = schema.openAPI(&schemas)
            success.append(("content", content("application/json", envelope(data, isPage: false))))
        case .page(let schema):
            let data = JSONTree.object([
                ("type", .text("array")), ("items", schema.openAPI(&schemas)),
            ])
            success.append(("content", content("application/json", envelope(data, isPage: true))))
        case .content(let type): success.append(("content", content(type, .object([]))))
        case .events(let schema):
            success.append(("content", content("text/event-stream", schema.openAPI(&schemas))))
        case .webSocket(let schema):
            success.append(("x-websocket-message", schema.openAPI(&schemas)))
        }
        var members = ([endpoint.status] + endpoint.otherStatuses).map { status in
            (
                String(status.rawValue),
                JSONTree.object([("description", .text(description(endpoint, status)))] + success)
            )
        }
        for status in endpoint.errors.sorted(by: { $0.rawValue < $1.rawValue }) {
            members.append((String(status.rawValue), error(status.phrase)))
        }
        members.append(("default", error("Error")))
        return .object(members)
    }

    private static func description(_ endpoint: Endpoint, _ status: Status) -> String {
        let phrase = status.phrase
        if endpoint.access == .open { return phrase }
        return switch endpoint.answer {
        case .events:
            "\(phrase); lasts as long as the session and the right to it, whatever becomes of the "
                + "token. The last event, `ended`, has a `code`: `session_ended`, `forbidden`, or "
                + "`unavailable` if neither can be checked for minutes."
        case .webSocket:
            "\(phrase); lasts as long as the session and the right to it, whatever becomes of the "
                + "token. Then it closes with 1008, or 1013 if neither can be checked for minutes."
        case .nothing, .item, .page, .content: phrase
        }
    }

    private static func error(_ text: String) -> JSONTree {
        let reference = JSONTree.object([("$ref", .text("#/components/schemas/Error"))])
        return .object([
            ("description", .text(text)), ("content", content("application/json", reference)),
        ])
    }

    private static func content(_ type: String, _ schema: JSONTree) -> JSONTree {
        .object([(type, .object([("schema", schema)]))])
    }

    private static func envelope(_ data: JSONTree, isPage: Bool) -> JSONTree {
        let text = JSONTree.object([("type", .text("string"))])
        var fields: [(String, JSONTree)] = [("data", data)]
        if isPage {
            fields.append(
                ("next_cursor", .object([("type", .array([.text("string"), .text("null")]))])))
            fields.append(("has_more", .object([("type", .text("boolean"))])))
        }
        fields.append(("request_id", text))
        return .object([
            ("type", .text("object")), ("properties", .object(fields)),
            ("required", .array(fields.map { .text($0.0) })),
        ])
    }
}
