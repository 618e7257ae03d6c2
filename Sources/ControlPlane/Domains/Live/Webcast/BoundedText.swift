internal import Glibc

/// Text of strangers: always valid UTF-8, without NUL (which PostgreSQL cannot keep), and never
/// longer than its limit.
enum BoundedText {
    /// Makes a string of at most `limit` bytes from any bytes. Invalid UTF-8 and NUL become
    /// U+FFFD; what is too long is cut before the character that would pass the limit, or, if
    /// the first character alone passes it, before the scalar that would.
    @inline(__always)
    static func make(_ bytes: UnsafeRawBufferPointer, limit: Int) -> String {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return "" }
        if bytes.count <= limit, memchr(start, 0, bytes.count) == nil {
            let text = String(decoding: bytes, as: UTF8.self)
            // Repairing makes text longer: one bad byte becomes three.
            return text.utf8.count <= limit ? text : cut(text, limit: limit)
        }
        return repair(bytes, limit: limit)
    }

    /// The same for a string that is already valid.
    static func make(_ text: String, limit: Int) -> String {
        if text.utf8.count <= limit, !text.utf8.contains(0) { return text }
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBytes { repair(UnsafeRawBufferPointer($0), limit: limit) }
    }

    private static func repair(_ bytes: UnsafeRawBufferPointer, limit: Int) -> String {
        // The scalar behind the limit must stay whole, for it may belong to the last character.
        let kept = bytes.prefix(limit + 8)
        var scalars = String.UnicodeScalarView()
        for scalar in String(decoding: kept, as: UTF8.self).unicodeScalars {
            scalars.append(scalar.value == 0 ? "\u{FFFD}" : scalar)
        }
        return cut(String(scalars), limit: limit)
    }

    private static func cut(_ text: String, limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var size = 0
        var whole = text.startIndex
        for index in text.indices {
            size += text[index].utf8.count
            guard size <= limit else { break }
            whole = text.index(after: index)
        }
        if whole > text.startIndex { return String(text[..<whole]) }
        var scalars = String.UnicodeScalarView()
        size = 0
        for scalar in text.unicodeScalars {
            size += UTF8.width(scalar)
            guard size <= limit else { break }
            scalars.append(scalar)
        }
        return String(scalars)
    }
}
