/// Why bytes are not a protobuf message.
package enum ProtobufError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// A varint of more than ten bytes.
    case varintTooLong
    /// A field number of 0 or above 2^29 − 1.
    case fieldNumber
    /// Wire type 6 or 7, or the end of a group that never began.
    case wireType
    /// Groups nested deeper than `LiveLimits.groupDepth`.
    case tooDeep
}

/// One field of a protobuf message, borrowed from the bytes of the message.
struct ProtobufField {
    let number: UInt32
    /// The value of a varint or fixed field; 0 for a field of bytes.
    let integer: UInt64
    /// The content of a length-delimited field; empty for the others.
    let bytes: UnsafeRawBufferPointer
    /// Whether the field is length-delimited.
    let isBytes: Bool

    var int64: Int64 { Int64(bitPattern: integer) }
    var isTrue: Bool { integer != 0 }
}

/// Walks over the fields of one message in one forward scan, without copying: a field that is
/// not wanted costs its key and its length. Never reads outside the bytes, whatever they are.
/// The bytes must outlive the reader; it stays inside the module for that reason.
///
/// The format is in https://protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4)
/// are skipped.
struct ProtobufReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next field; nil at the end of the message.
    @inline(__always)
    mutating func next() throws(ProtobufError) -> ProtobufField? {
        while position < bytes.count {
            let (number, wireType) = try key()
            switch wireType {
            case 0:
                return integer(number, try varint())
            case 2:
                return ProtobufField(
                    number: number, integer: 0, bytes: try take(try varint()), isBytes: true)
            case 1: return integer(number, Self.littleEndian(try take(8)))
            case 5: return integer(number, Self.littleEndian(try take(4)))
            case 3: try skipGroup()
            default: throw .wireType
            }
        }
        return nil
    }

    private func integer(_ number: UInt32, _ value: UInt64) -> ProtobufField {
        ProtobufField(
            number: number, integer: value, bytes: UnsafeRawBufferPointer(start: nil, count: 0),
            isBytes: false)
    }

    @inline(__always)
    private mutating func key() throws(ProtobufError) -> (number: UInt32, wireType: UInt8) {
        let key = try varint()
        let number = key >> 3
        guard number > 0, number < 1 << 29 else { throw .fieldNumber }
        return (UInt32(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: key & 7))
    }

    /// Bits above the 64th are dropped, as all protobuf readers do.
    @inline(__always)
    private mutating func varint() throws(ProtobufError) -> UInt64 {
        guard position < bytes.count else { throw .truncated }
        let first = bytes[position]
        if first < 0x80 {
            position &+= 1
            return UInt64(first)
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count {
            let byte = bytes[position]
            position &+= 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
            guard shift < 70 else { throw .varintTooLong }
        }
        throw .truncated
    }

    @inline(__always)
    private mutating func take(_ size: UInt64) throws(ProtobufError) -> UnsafeRawBufferPointer {
        guard size <= UInt64(bytes.count &- position) else { throw .truncated }
        let start = position
        position &+= Int(truncatingIfNeeded: size)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    private static func littleEndian(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var value: UInt64 = 0
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        return value
    }

    /// Called behind the start of a group; leaves the reader behind its end.
    private mutating func skipGroup() throws(ProtobufError) {
        var depth = 1
        while depth > 0 {
            switch try key().wireType {
            case 0: _ = try varint()
            case 1: _ = try take(8)
            case 2: _ = try take(try varint())
            case 3:
                depth += 1
                guard depth <= LiveLimits.groupDepth else { throw .tooDeep }
            case 4: depth -= 1
            case 5: _ = try take(4)
            default: throw .wireType
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are exactly `text`, compared without making a string.
    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        let size = text.utf8CodeUnitCount
        guard count == size else { return false }
        return elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: size))
    }

    /// The integers of a repeated field written packed; stops at the first that is malformed.
    func packedIntegers(limit: Int) -> [UInt64] {
        var integers: [UInt64] = []
        var value: UInt64 = 0
        var shift: UInt64 = 0
        for byte in self where integers.count < limit {
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 {
                integers.append(value)
                (value, shift) = (0, 0)
            } else {
                shift &+= 7
                guard shift < 70 else { break }
            }
        }
        return integers
    }
}
