/// The path and query of a request in origin form (RFC 9112 §3.2.1), decoded.
package struct RequestTarget: Sendable, Hashable {
    /// As it was received.
    package let raw: String
    /// The path as it was received, without the query.
    package let path: String
    /// The decoded parts of the path between slashes: `/a/b%20c` is `["a", "b c"]`, `/` is `[]`,
    /// `/a/` is `["a", ""]`.
    package let segments: [String]
    /// The decoded pairs of the query, in order; at most `queryItemsMax`.
    package let query: [(name: String, value: String)]

    package static let queryItemsMax = 64

    /// nil if the target is not in origin form, if a percent sign does not introduce two hex
    /// digits, if decoded text is not UTF-8 or holds a control character, if a path segment is
    /// `.` or `..` or holds a slash after decoding, or if there are too many query items.
    package init?(_ raw: String) {
        guard raw.utf8.first == UInt8(ascii: "/"), !raw.utf8.contains(UInt8(ascii: "#")) else {
            return nil
        }
        self.raw = raw
        let parts = raw.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        var segments: [String] = []
        if path != "/" {
            for part in parts[0].dropFirst().split(
                separator: "/", omittingEmptySubsequences: false)
            {
                guard let text = Self.decoded(part, plusIsSpace: false), text != ".", text != "..",
                    !text.utf8.contains(UInt8(ascii: "/"))
                else { return nil }
                segments.append(text)
            }
        }
        self.segments = segments
        guard let query = parts.count > 1 ? Self.pairs(parts[1]) : [] else { return nil }
        self.query = query
    }

    package static func == (left: Self, right: Self) -> Bool { left.raw == right.raw }
    package func hash(into hasher: inout Hasher) { hasher.combine(raw) }

    private static func pairs(_ text: Substring) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for item in text.split(separator: "&") {
            let sides = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pairs.count < queryItemsMax, let name = decoded(sides[0], plusIsSpace: true),
                let value = sides.count > 1 ? decoded(sides[1], plusIsSpace: true) : ""
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    /// Percent-decodes (RFC 3986 §2.1).
    static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
        if text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x25 && $0 != 0x2B }) {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.next().flatMap(hexDigit),
                    let low = rest.next().flatMap(hexDigit)
                else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
