/// Writes folded scalars as UTF-8: one space between words, none at the ends, joined letters.
struct FoldWriter {
    private(set) var buffer: [UInt8]
    private(set) var count = 0
    private var isSpacePending = false
    /// The last scalar written and where it starts, so that a joining one may replace it.
    private var last: UInt32 = 0
    private var lastStart = 0

    /// - Parameter buffer: large enough for all that will be written.
    init(buffer: consuming [UInt8]) { self.buffer = buffer }

    /// A folded ASCII byte; 0 for nothing.
    mutating func appendASCII(_ byte: UInt8) {
        if byte == 0x20 {
            isSpacePending = count > 0
        } else if byte != 0 {
            startScalar(UInt32(byte))
            put(byte)
        }
    }

    mutating func append(_ scalar: UInt32) {
        startScalar(scalar)
        switch scalar {
        case 0..<0x80: put(UInt8(scalar))
        case 0x80..<0x800:
            put(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
            putTail(scalar)
        case 0x800..<0x10000:
            put(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
            putTail(scalar >> 6)
            putTail(scalar)
        default:
            put(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18 & 7))
            putTail(scalar >> 12)
            putTail(scalar >> 6)
            putTail(scalar)
        }
    }

    /// Melts `scalar` into the last one if the two are one letter, else appends it.
    mutating func join(_ scalar: UInt32) {
        guard !isSpacePending, count > 0, let joined = ScalarJoining.join(last, scalar) else {
            return append(scalar)
        }
        count = lastStart
        append(joined)
    }

    private mutating func startScalar(_ scalar: UInt32) {
        if isSpacePending {
            put(0x20)
            isSpacePending = false
        }
        last = scalar
        lastStart = count
    }

    private mutating func putTail(_ scalar: UInt32) {
        put(0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F))
    }

    private mutating func put(_ byte: UInt8) {
        if count < buffer.count { buffer[count] = byte } else { buffer.append(byte) }
        count += 1
    }
}
