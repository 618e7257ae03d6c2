internal import Platform

/// The one shape of JSON answers.
enum Envelope {
    /// The body of a whole answer, envelope included.
    static func bytes(of response: Response, requestID: String) -> [UInt8] {
        switch response.content {
        case .bytes(let bytes): bytes
        case .item(let data):
            wrap(requestID) { $0 += "{\"data\":".utf8 + data }
        case .page(let items, let nextCursor):
            wrap(requestID) { out in
                out += "{\"data\":".utf8 + items
                var text = ",\"next_cursor\":"
                if let nextCursor {
                    JSONText.append(nextCursor, to: &text)
                } else {
                    text += "null"
                }
                text += ",\"has_more\":\(nextCursor != nil)"
                out += text.utf8
            }
        case .empty, .stream, .file, .events, .webSocket: []
        }
    }

    /// `{"error":{"code","message","fields":[…]},"request_id"}`.
    static func response(for error: HTTPError, requestID: String) -> Response {
        var text = "{\"error\":{\"code\":"
        JSONText.append(error.code, to: &text)
        text += ",\"message\":"
        JSONText.append(error.message, to: &text)
        text += ",\"fields\":["
        for (index, field) in error.fields.enumerated() {
            text += index == 0 ? "{\"path\":" : ",{\"path\":"
            JSONText.append(field.path, to: &text)
            text += ",\"message\":"
            JSONText.append(field.message, to: &text)
            text += "}"
        }
        text += "]}"
        let body = wrap(requestID) { $0 += text.utf8 }
        var response = Response.bytes(body, type: "application/json", status: error.status)
        if let seconds = error.retryAfterSeconds { response.add("Retry-After", String(seconds)) }
        return response
    }

    private static func wrap(_ requestID: String, _ body: (inout [UInt8]) -> Void) -> [UInt8] {
        var out: [UInt8] = []
        body(&out)
        out += ",\"request_id\":\"".utf8
        out += requestID.utf8
        out += "\"}".utf8
        return out
    }
}
