/// What each Unicode scalar becomes when text is folded: another scalar, up to three ASCII
/// letters, or nothing. Pages of 256 scalars; a scalar of the empty page stays as it is.
struct FoldTable: Sendable {
    /// What becomes of one scalar.
    enum Folding: Equatable {
        case scalar(UInt32)
        /// Two or three ASCII bytes, the first in the lowest bits.
        case letters(UInt32)
        case nothing
        /// A Hangul vowel or final, or a kana voicing mark, that may melt into what stands before.
        case joining(UInt32)
    }

    static let standard = FoldTable()

    /// ASCII: the folded byte, `space` for white space, 0 for what is dropped.
    let ascii: [UInt8]
    private var pageNumbers = [UInt8](repeating: 0, count: 0x1100)
    private var entries = [UInt32](repeating: 0, count: 256)

    private static let lettersTag: UInt32 = 1 << 31
    private static let joiningTag: UInt32 = 1 << 30
    private static let nothing: UInt32 = 1 << 29
    static let space: UInt32 = 0x20

    /// Where scalars with another folded form are found; all others stay as they are.
    private static let looked: [ClosedRange<UInt32>] = [
        0x80...0x8FF, 0x10A0...0x11FF, 0x13A0...0x13FF, 0x1680...0x180F, 0x1AB0...0x1FFF,
        0x2000...0x21FF, 0x2460...0x24FF, 0x2C00...0x2DFF, 0x3000...0x31FF, 0xA640...0xA7FF,
        0xAB30...0xABBF, 0xFB00...0xFB06, 0xFE00...0xFFFF, 0x10400...0x105FF, 0x10C80...0x10DFF,
        0x118A0...0x118DF, 0x16E40...0x16EFF, 0x1BCA0...0x1BCA3, 0x1D173...0x1D17A,
        0x1D400...0x1D7FF, 0x1E900...0x1E95F, 0x1F130...0x1F189, 0x1F3FB...0x1F3FF,
        0xE0000...0xE0FFF,
    ]

    /// Marks that only accent, vocalise or decorate the letter before; dropped. Marks that spell
    /// (Indic vowels, Thai tones, kana voicing) are kept.
    private static let droppedMarks: [ClosedRange<UInt32>] = [
        0x300...0x36F, 0x483...0x489, 0x591...0x5BD, 0x5BF...0x5BF, 0x5C1...0x5C2, 0x5C4...0x5C5,
        0x5C7...0x5C7, 0x610...0x61A, 0x640...0x640, 0x64B...0x65F, 0x670...0x670, 0x6D6...0x6DC,
        0x6DF...0x6E4, 0x6E7...0x6E8, 0x6EA...0x6ED, 0x1AB0...0x1ACE, 0x1DC0...0x1DFF,
        0x20D0...0x20F0, 0xFE20...0xFE2F, 0x1F3FB...0x1F3FF,
    ]

    private init() {
        ascii = (0..<128).map(Self.foldedASCII)
        for range in Self.looked {
            for value in range {
                guard let scalar = Unicode.Scalar(value) else { continue }
                set(value, to: Self.general(scalar))
            }
        }
        for (plain, letters) in Self.styled + Self.accented {
            for letter in letters.unicodeScalars { set(letter.value, to: plain.value) }
        }
        setCapitals()
        for (offset, scalar) in Self.halfWidthKana.unicodeScalars.enumerated() {
            set(0xFF61 + UInt32(offset), to: scalar.value)
        }
        for (scalar, plain) in Self.fullWidthSymbols { set(scalar.value, to: plain.value) }
        for (scalar, letters) in Self.spelledOut {
            let word = letters.utf8.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            set(scalar.value, to: Self.lettersTag | word)
        }
        setAlphabets()
        setJoining()
    }

    /// What becomes of the scalar with this value.
    @inline(__always)
    func folding(_ value: UInt32) -> Folding {
        let page = Int(truncatingIfNeeded: value >> 8)
        guard page < pageNumbers.count, pageNumbers[page] != 0 else { return .scalar(value) }
        let entry = entries[Int(pageNumbers[page]) << 8 | Int(value & 0xFF)]
        if entry & Self.lettersTag != 0 { return .letters(entry & ~Self.lettersTag) }
        if entry & Self.joiningTag != 0 { return .joining(entry & ~Self.joiningTag) }
        return entry == Self.nothing ? .nothing : .scalar(entry)
    }

    private mutating func set(_ value: UInt32, to entry: UInt32) {
        let page = Int(value >> 8)
        if pageNumbers[page] == 0 {
            pageNumbers[page] = UInt8(entries.count >> 8)
            entries.append(contentsOf: (0..<256).map { value & ~0xFF | $0 })
        }
        entries[Int(pageNumbers[page]) << 8 | Int(value & 0xFF)] = entry
    }

    private static func foldedASCII(_ value: Int) -> UInt8 {
        switch value {
        case 0x09...0x0D, 0x20: UInt8(space)
        case 0x00...0x1F, 0x7F: 0
        case 0x41...0x5A: UInt8(value + 0x20)
        default: UInt8(value)
        }
    }

    /// White space, what is invisible, accents, and capital letters with one small form.
    private static func general(_ scalar: Unicode.Scalar) -> UInt32 {
        let properties = scalar.properties
        if properties.isWhitespace { return space }
        if properties.isDefaultIgnorableCodePoint || properties.generalCategory == .control
            || droppedMarks.contains(where: { $0.contains(scalar.value) })
        {
            return nothing
        }
        let small = properties.lowercaseMapping.unicodeScalars.filter { small in
            !droppedMarks.contains(where: { $0.contains(small.value) })
        }
        guard let first = small.first, small.count == 1 else { return scalar.value }
        return first.value
    }

    /// A capital letter folds as its small letter does.
    private mutating func setCapitals() {
        for range in Self.looked {
            for value in range where value < 0x1D400 {
                guard case .scalar(let small) = folding(value), small != value,
                    case .scalar(let plain) = folding(small), plain != small
                else { continue }
                set(value, to: plain)
            }
        }
    }

    /// Alphabets at a fixed distance: full-width, mathematical, circled, squared.
    private mutating func setAlphabets() {
        for value: UInt32 in 0xFF01...0xFF5E {
            set(value, to: UInt32(ascii[Int(value - 0xFEE0)]))
        }
        for value: UInt32 in 0x1D400...0x1D6A3 {
            set(value, to: 0x61 + (value - 0x1D400) % 52 % 26)
        }
        for value: UInt32 in 0x1D7CE...0x1D7FF { set(value, to: 0x30 + (value - 0x1D7CE) % 10) }
        for value: UInt32 in 0x24B6...0x24E9 { set(value, to: 0x61 + (value - 0x24B6) % 26) }
        for start: UInt32 in [0x1F130, 0x1F150, 0x1F170] {
            for offset: UInt32 in 0..<26 { set(start + offset, to: 0x61 + offset) }
        }
    }

    private mutating func setJoining() {
        for value: UInt32 in 0x1161...0x1175 { set(value, to: Self.joiningTag | value) }
        for value: UInt32 in 0x11A8...0x11C2 { set(value, to: Self.joiningTag | value) }
        for (mark, voicing): (UInt32, UInt32) in [
            (0x3099, 0x3099), (0x309A, 0x309A), (0xFF9E, 0x3099), (0xFF9F, 0x309A),
        ] {
            set(mark, to: Self.joiningTag | voicing)
        }
    }
}
