/// Reads and checks the body that an endpoint declares.
enum BodyCheck {
    static func read(
        _ request: Request, _ body: Endpoint.Body
    ) async throws -> (json: JSONValue, bytes: [UInt8]) {
        switch body {
        case .none, .bytes: return (.null, [])
        case .collected(_, let limit): return (.null, try await request.body.collect(upTo: limit))
        case .json(let schema, let limit):
            guard isJSON(request.header("content-type")) else {
                throw HTTPError(
                    .unsupportedMediaType, "content_type",
                    "The body must be application/json in UTF-8.")
            }
            guard request.header("content-encoding") == nil else {
                throw HTTPError(
                    .unsupportedMediaType, "content_encoding", "The body must not be compressed.")
            }
            let bytes = try await request.body.collect(upTo: limit)
            return (try check(bytes, schema), bytes)
        }
    }

    static func check(_ bytes: [UInt8], _ schema: Schema) throws(HTTPError) -> JSONValue {
        let value: JSONValue
        do throws(JSONParser.Failure) {
            value = try JSONParser.parse(bytes)
        } catch {
            throw .badRequest(
                "malformed_json", "The body is not valid JSON: \(error.message) at \(error.offset)."
            )
        }
        let problems = schema.problems(with: value)
        if !problems.isEmpty { throw .invalid(problems) }
        return value
    }

    /// Whether the field names JSON, in the only character set it has (RFC 8259 §8.1).
    private static func isJSON(_ contentType: String?) -> Bool {
        let parts = (contentType ?? "").lowercased().split(
            separator: ";", omittingEmptySubsequences: false
        ).map(trimmed)
        guard parts.first == "application/json" else { return false }
        return parts.dropFirst().allSatisfy { part in
            let sides = part.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false
            ).map(trimmed)
            guard sides[0] == "charset" else { return true }
            return sides.count == 2 && (sides[1] == "utf-8" || sides[1] == "\"utf-8\"")
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
