/// Text in the form in which comments, gift names and handles are compared.
///
/// Folding drops what people do not mean when they type: case, full and half width, accents
/// (composed or combining, strokes and hooks too), styled letters, skin tones, invisible and
/// control characters. White space of any kind is one space, and none at the ends. It keeps what
/// spells: Indic and Thai vowel signs, kana voicing, Hangul syllables. `ß` is `ss`, `ﬁ` is `fi`.
///
/// The value is made to be used again: `fold` replaces what it holds and keeps the memory.
package struct FoldedText: Sendable {
    /// Text beyond this many bytes is not looked at; a cut text is never equal to anything.
    package static let inputSizeMax = 8192

    /// UTF-8, the first `count` bytes; what stands behind is left over.
    private(set) var buffer: [UInt8]
    package private(set) var count = 0
    private(set) var isCut = false

    package init() { buffer = [UInt8](repeating: 0, count: 64) }

    package init(_ text: String) {
        self.init()
        fold(text)
    }

    /// The folded bytes, as a copy.
    package var bytes: [UInt8] { Array(buffer.prefix(count)) }

    /// The folded text, for people and tests.
    package var string: String { String(decoding: buffer.prefix(count), as: UTF8.self) }

    /// Holds `text` folded. Takes any string.
    package mutating func fold(_ text: String) {
        let size = text.utf8.count
        isCut = size > Self.inputSizeMax
        // No scalar folds to more than twice its bytes, which `FoldTests` proves for each.
        let room = 2 * min(size, Self.inputSizeMax) + 8
        if buffer.count < room { buffer = [UInt8](repeating: 0, count: room) }
        let known: Void? = text.utf8.withContiguousStorageIfAvailable { fold($0) }
        if known == nil { Array(text.utf8).withUnsafeBufferPointer { fold($0) } }
    }

    private mutating func fold(_ input: UnsafeBufferPointer<UInt8>) {
        if isCut {
            var end = Self.inputSizeMax
            while end > 0, input[end] & 0xC0 == 0x80 { end -= 1 }
            foldScalars(UnsafeBufferPointer(rebasing: input[..<end]))
        } else if let size = Self.foldPlain(input, into: &buffer) {
            count = size
        } else {
            foldScalars(input)
        }
    }

    /// Folds text of printable ASCII with single spaces, eight bytes at a time; nil if it is not.
    private static func foldPlain(
        _ input: UnsafeBufferPointer<UInt8>, into buffer: inout [UInt8]
    ) -> Int? {
        let size = input.count
        guard size > 0, let start = input.baseAddress else { return 0 }
        guard input[0] != 0x20, buffer.count >= size else { return nil }
        let isPlain = buffer.withUnsafeMutableBytes { output in
            size >= 8
                ? foldBlocks(UnsafeRawPointer(start), size, output)
                : foldShort(input, output)
        }
        guard isPlain else { return nil }
        return input[size - 1] == 0x20 ? size - 1 : size
    }

    private static func foldShort(
        _ input: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var isPlain = true
        var previous: UInt8 = 0
        for index in 0..<input.count {
            let byte = input[index]
            isPlain = isPlain && byte &- 0x20 < 0x5F && !(byte == 0x20 && previous == 0x20)
            output[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
            previous = byte
        }
        return isPlain
    }

    /// `size` is at least 8. The last block may overlap the one before.
    @inline(__always)
    private static func foldBlocks(
        _ input: UnsafeRawPointer, _ size: Int, _ output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let target = output.baseAddress else { return false }
        var strange: UInt64 = 0
        var spaceBefore: UInt64 = 0
        var offset = 0
        while true {
            let block = UInt64(
                littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let ascii = block & (0x7F &* ASCIIBlock.ones)
            let spaces = ASCIIBlock.spaces(in: ascii)
            strange |= block | ASCIIBlock.unprintable(in: ascii)
            strange |= spaces & (spaces << 8 | spaceBefore)
            let folded = block | ASCIIBlock.capitals(in: ascii) >> 2
            target.storeBytes(of: folded.littleEndian, toByteOffset: offset, as: UInt64.self)
            offset &+= 8
            if offset == size { break }
            if offset &+ 8 <= size {
                spaceBefore = spaces >> 56
            } else {
                spaceBefore = 0
                offset = size &- 8
            }
        }
        return strange & ASCIIBlock.highBits == 0
    }

    /// Folds any text, scalar by scalar.
    private mutating func foldScalars(_ input: UnsafeBufferPointer<UInt8>) {
        let table = FoldTable.standard
        var writer = FoldWriter(buffer: buffer)
        buffer = []
        var position = 0
        while let value = UTF8Reader.next(input, &position) {
            if value < 0x80 {
                writer.appendASCII(table.ascii[Int(value)])
                continue
            }
            switch table.folding(value) {
            case .nothing: break
            case .scalar(FoldTable.space): writer.appendASCII(0x20)
            case .scalar(let scalar): writer.append(scalar)
            case .joining(let scalar): writer.join(scalar)
            case .letters(var letters):
                while letters != 0 {
                    writer.appendASCII(UInt8(truncatingIfNeeded: letters))
                    letters >>= 8
                }
            }
        }
        count = writer.count
        buffer = writer.buffer
    }
}
