/// A value that can be bound to a parameter, in PostgreSQL's binary format.
package protocol PostgresEncodable: Sendable {
    static var postgresType: PostgresType { get }
    /// Whether this is SQL's NULL; then `encode` is not called.
    var isPostgresNull: Bool { get }
    func encode(to buffer: inout PostgresBuffer)
}

/// A value that can be read from a column, in PostgreSQL's binary format.
package protocol PostgresDecodable: Sendable {
    /// Whether a column of this type can hold such values.
    static func accepts(_ type: PostgresType) -> Bool
    /// What SQL's NULL becomes; nil means that it is refused.
    static var postgresNull: Self? { get }
    init(from cell: PostgresCell) throws(PostgresCellError)
}

/// A single value: it can be bound, read, and be an element of an array. An enum with raw values
/// conforms by naming the protocol: `enum Role: String, PostgresValue`.
package protocol PostgresValue: PostgresEncodable, PostgresDecodable, PostgresArrayElement {
    static var postgresArrayType: PostgresType { get }
}

extension PostgresEncodable {
    package var isPostgresNull: Bool { false }
}

extension PostgresDecodable {
    package static var postgresNull: Self? { nil }
}

extension PostgresValue where Self: RawRepresentable, RawValue: PostgresValue {
    package static var postgresType: PostgresType { RawValue.postgresType }
    package static var postgresArrayType: PostgresType { RawValue.postgresArrayType }
    package static func accepts(_ type: PostgresType) -> Bool { RawValue.accepts(type) }
    package func encode(to buffer: inout PostgresBuffer) { rawValue.encode(to: &buffer) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        let raw = try RawValue(from: cell)
        guard let value = Self(rawValue: raw) else {
            throw .malformed("\(raw) is not a \(Self.self)")
        }
        self = value
    }
}

/// Why the bytes of one column are not such a value. `PostgresError` adds where.
package enum PostgresCellError: Error, Equatable, Sendable {
    case null
    case wrongType
    case wrongSize(expected: Int, actual: Int)
    case malformed(String)
}

/// Bytes on their way to the server, in network order.
package struct PostgresBuffer: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(contentsOf more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
    }

    /// Appends a value with its length before it, or −1 for NULL.
    mutating func appendField(_ value: some PostgresEncodable) {
        guard !value.isPostgresNull else { return append(Int32(-1)) }
        let start = bytes.count
        append(Int32(0))
        value.encode(to: &self)
        replace(at: start, with: Int32(truncatingIfNeeded: bytes.count - start - 4))
    }

    mutating func replace(at offset: Int, with integer: Int32) {
        withUnsafeBytes(of: integer.bigEndian) { source in
            for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
        }
    }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }
}

/// The bytes of one column of one row (not NULL). Valid only while it is being decoded.
package struct PostgresCell {
    package let type: PostgresType
    private let bytes: UnsafeRawBufferPointer

    init(type: PostgresType, bytes: UnsafeRawBufferPointer) {
        self.type = type
        self.bytes = bytes
    }

    package var count: Int { bytes.count }
    package var array: [UInt8] { Array(bytes) }

    /// The whole cell as one integer.
    package func integer<Value: FixedWidthInteger>(
        as type: Value.Type = Value.self
    ) throws(PostgresCellError) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count == size else {
            throw .wrongSize(expected: size, actual: bytes.count)
        }
        return Value(bigEndian: bytes.loadUnaligned(as: Value.self))
    }

    /// The integer at `offset`, or nil past the end.
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value? {
        guard offset >= 0, offset <= bytes.count - MemoryLayout<Value>.size else { return nil }
        return Value(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// `size` bytes from `offset` as a cell of `type`, or nil past the end.
    func part(at offset: Int, size: Int, type: PostgresType) -> PostgresCell? {
        guard offset >= 0, size >= 0, offset <= bytes.count, size <= bytes.count - offset
        else { return nil }
        return PostgresCell(
            type: type, bytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size]))
    }

    /// The whole cell as text; malformed UTF-8 is an error.
    package func text() throws(PostgresCellError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed("not UTF-8")
        }
        return text
    }
}
