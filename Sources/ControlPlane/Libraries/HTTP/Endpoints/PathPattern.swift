internal import SharedModels

/// The path of an endpoint: `/api/v1/workspaces/{workspace_id:uuid}/rules`. Kinds of parameters:
/// `uuid`, `integer` (0 to 2^63−1), `string` (1 to 128 characters; the default) and `rest` (what
/// is left, slashes included, only at the end).
package struct PathPattern: Sendable, Hashable, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    package enum Kind: String, Sendable, Hashable {
        case uuid, integer, string, rest
    }

    enum Segment: Sendable, Hashable {
        case text(String)
        case parameter(name: String, kind: Kind)
    }

    package let text: String
    let segments: [Segment]

    /// A malformed pattern is a programmer's error and stops the process.
    package init(stringLiteral value: String) { self.init(value) }

    package init(_ text: String) {
        precondition(text.hasPrefix("/"), "a path pattern begins with a slash: \(text)")
        self.text = text
        segments =
            text == "/"
            ? []
            : text.dropFirst().split(
                separator: "/", omittingEmptySubsequences: false
            ).map(Self.segment)
        var names: Set<String> = []
        for (index, segment) in segments.enumerated() {
            guard case .parameter(let name, let kind) = segment else { continue }
            precondition(names.insert(name).inserted, "the same parameter twice: \(text)")
            precondition(
                kind != .rest || index == segments.count - 1, "rest must be last: \(text)")
        }
    }

    package var description: String { text }

    /// As OpenAPI and logs write it: `/api/v1/workspaces/{workspace_id}/rules`.
    package var route: String {
        "/"
            + segments.map { segment in
                switch segment {
                case .text(let text): text
                case .parameter(let name, _): "{\(name)}"
                }
            }.joined(separator: "/")
    }

    var parameters: [(name: String, kind: Kind)] {
        segments.compactMap {
            if case .parameter(let name, let kind) = $0 { (name, kind) } else { nil }
        }
    }

    private static func segment(_ text: Substring) -> Segment {
        guard text.hasPrefix("{"), text.hasSuffix("}") else {
            precondition(!text.contains("{") && !text.contains("}"), "bad segment: \(text)")
            return .text(String(text))
        }
        let parts = text.dropFirst().dropLast().split(separator: ":", maxSplits: 1)
        guard let name = parts.first,
            let kind = parts.count == 1 ? .string : Kind(rawValue: String(parts[1]))
        else { preconditionFailure("bad parameter: \(text)") }
        return .parameter(name: String(name), kind: kind)
    }
}

extension PathPattern.Kind {
    func matches(_ text: String) -> Bool {
        switch self {
        case .uuid: Identifier<Never>(text) != nil
        case .integer:
            text.utf8.count <= 19 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
                && Int64(text) != nil
        case .string: !text.isEmpty && text.unicodeScalars.count <= 128
        case .rest: true
        }
    }
}
