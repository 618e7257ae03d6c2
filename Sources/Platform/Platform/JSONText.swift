/// Writes text as a JSON string (RFC 8259 §7).
package enum JSONText {
    /// Appends the text in quotes. Control characters are escaped, also those that JSON allows
    /// (U+007F to U+009F): on a terminal they could begin a command.
    package static func append(_ text: String, to line: inout String) {
        line += "\""
        if text.utf8.allSatisfy({ isPlain($0) }) {
            line += text
        } else {
            for scalar in text.unicodeScalars { append(scalar, to: &line) }
        }
        line += "\""
    }

    /// Bytes that stand for themselves. Those of longer characters are looked at as characters.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout String) {
        switch scalar {
        case "\"": line += "\\\""
        case "\\": line += "\\\\"
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
            let digits = String(scalar.value, radix: 16)
            line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: line.unicodeScalars.append(scalar)
        }
    }
}
