/// Reads scalars out of UTF-8 in either direction. Malformed bytes read as U+FFFD, one each.
enum UTF8Reader {
    private static let replacement: UInt32 = 0xFFFD

    /// The scalar at `position`, which moves behind it; nil at the end.
    @inline(__always)
    static func next(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt32? {
        guard position < bytes.count else { return nil }
        let first = bytes[position]
        position += 1
        guard first >= 0x80 else { return UInt32(first) }
        let tails = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1
        guard first >= 0xC2, first <= 0xF4, bytes.count - position >= tails else {
            return replacement
        }
        var value = UInt32(first) & (0x3F >> UInt32(tails))
        for offset in 0..<tails {
            let byte = bytes[position + offset]
            guard byte & 0xC0 == 0x80 else { return replacement }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        position += tails
        return value
    }

    /// The scalar that ends just before `end`; nil at the beginning.
    static func scalar(before end: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        guard end > 0, end <= bytes.count else { return nil }
        var start = end - 1
        while start > 0, end - start < 4, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return next(bytes, &start)
    }

    /// The scalar that begins at `start`; nil at the end.
    static func scalar(at start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        var position = max(start, 0)
        return next(bytes, &position)
    }
}
