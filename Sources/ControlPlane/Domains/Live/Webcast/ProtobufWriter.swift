/// Writes one protobuf message, field by field. Like proto3, leaves out zeros and empty fields
/// unless told otherwise.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameter capacity: about how many bytes will be written.
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// Writes `value` as a varint field; negative numbers take ten bytes, as the format wants.
    package mutating func integer(_ number: UInt32, _ value: Int64) {
        guard value != 0 else { return }
        varint(UInt64(number) << 3)
        varint(UInt64(bitPattern: value))
    }

    package mutating func flag(_ number: UInt32, _ value: Bool) {
        integer(number, value ? 1 : 0)
    }

    package mutating func text(_ number: UInt32, _ value: String) {
        guard !value.isEmpty else { return }
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// Writes a field of bytes or an inner message, also when it is empty.
    package mutating func content(_ number: UInt32, _ value: [UInt8]) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Writes an inner message, also when it is empty.
    package mutating func message(_ number: UInt32, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        content(number, inner.bytes)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
