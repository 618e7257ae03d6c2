/// Whether a piece of folded text stands as a word of its own: no letter, mark or digit touches
/// it on either side.
///
/// Scripts that are written without spaces (Chinese, Japanese kana, Bopomofo, Thai, Lao, Khmer,
/// Burmese, Tibetan) have no words to see in the bytes: next to one of their characters there is
/// always a boundary, so `word` finds in them what `contains` finds. Korean has spaces and is
/// treated like Latin.
enum WordBoundary {
    /// - Parameters:
    ///   - start: the offset of the piece's first byte.
    ///   - end: the offset behind its last.
    static func stands(
        from start: Int, to end: Int, in bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        isOpen(
            outside: UTF8Reader.scalar(before: start, in: bytes),
            inside: UTF8Reader.scalar(at: start, in: bytes))
            && isOpen(
                outside: UTF8Reader.scalar(at: end, in: bytes),
                inside: UTF8Reader.scalar(before: end, in: bytes))
    }

    private static func isOpen(outside: UInt32?, inside: UInt32?) -> Bool {
        guard let outside, let inside else { return true }
        return !isWordCharacter(outside) || isUnspaced(inside)
    }

    /// Whether a word goes on with this scalar.
    static func isWordCharacter(_ value: UInt32) -> Bool {
        if value < 0x80 { return value &- 0x30 < 10 || (value | 0x20) &- 0x61 < 26 }
        guard let scalar = Unicode.Scalar(value), !isUnspaced(value) else { return false }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .nonspacingMark, .spacingMark, .enclosingMark,
            .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }

    /// Whether the scalar belongs to a script that is written without spaces.
    static func isUnspaced(_ value: UInt32) -> Bool {
        switch value {
        case 0..<0xE00: return false
        case 0xE00...0xFFF, 0x1000...0x109F, 0x1780...0x17FF, 0x19E0...0x19FF: return true
        case 0x3005...0x3007, 0x3031...0x3035, 0x3040...0x312F, 0x31A0...0x31BF, 0x31F0...0x31FF:
            return true
        case 0xA9E0...0xA9FF, 0xAA60...0xAA7F: return true
        default: return Unicode.Scalar(value)?.properties.isIdeographic ?? false
        }
    }
}
