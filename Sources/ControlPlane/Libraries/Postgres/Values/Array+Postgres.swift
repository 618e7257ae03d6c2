/// What `[Element]` is in the database: an array for values, and `bytea` for `UInt8`.
package protocol PostgresArrayElement: Sendable {
    static var typeOfArray: PostgresType { get }
    static func acceptsArray(_ type: PostgresType) -> Bool
    static func encode(array: [Self], to buffer: inout PostgresBuffer)
    static func decodeArray(_ cell: PostgresCell) throws(PostgresCellError) -> [Self]
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: PostgresType { Element.typeOfArray }
    package func encode(to buffer: inout PostgresBuffer) {
        Element.encode(array: self, to: &buffer)
    }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package static func accepts(_ type: PostgresType) -> Bool { Element.acceptsArray(type) }
    package init(from cell: PostgresCell) throws(PostgresCellError) {
        self = try Element.decodeArray(cell)
    }
}

extension UInt8: PostgresArrayElement {
    package static var typeOfArray: PostgresType { .bytea }
    package static func acceptsArray(_ type: PostgresType) -> Bool { type == .bytea }
    package static func encode(array: [UInt8], to buffer: inout PostgresBuffer) {
        buffer.append(contentsOf: array)
    }
    package static func decodeArray(_ cell: PostgresCell) throws(PostgresCellError) -> [UInt8] {
        cell.array
    }
}

/// Bytes are themselves a value, so that `[[UInt8]]` is `bytea[]`.
extension Array: PostgresArrayElement, PostgresValue where Element == UInt8 {
    package static var postgresArrayType: PostgresType { .byteaArray }
}

/// Arrays of one dimension (`array_send` in PostgreSQL's `arrayfuncs.c`): dimensions, whether it
/// has NULLs, element type; length and lower bound of each dimension; elements with lengths.
extension PostgresArrayElement where Self: PostgresValue {
    package static var typeOfArray: PostgresType { postgresArrayType }

    package static func acceptsArray(_ type: PostgresType) -> Bool {
        type == postgresArrayType
            || (postgresArrayType == .textArray
                && (type == .varcharArray || type == .nameArray
                    || type.oid >= PostgresType.firstUserOID))
    }

    package static func encode(array: [Self], to buffer: inout PostgresBuffer) {
        var header = ArrayHeader(of: Self.self)
        header.begin(&buffer)
        for element in array { header.append(element, to: &buffer) }
        header.end(&buffer)
    }

    package static func decodeArray(_ cell: PostgresCell) throws(PostgresCellError) -> [Self] {
        guard let dimensions = cell.integer(at: 0, as: Int32.self),
            let oid = cell.integer(at: 8, as: UInt32.self)
        else { throw .malformed("not an array") }
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw .malformed("\(dimensions) dimensions") }
        let type = PostgresType(oid: oid)
        guard accepts(type) else { throw .malformed("elements are \(type)") }
        guard let count = cell.integer(at: 12, as: Int32.self), count >= 0,
            Int(count) <= cell.count / 4
        else { throw .malformed("array cut off") }
        var elements: [Self] = []
        elements.reserveCapacity(Int(count))
        var offset = 20
        for _ in 0..<count {
            guard let size = cell.integer(at: offset, as: Int32.self) else {
                throw .malformed("array cut off")
            }
            offset += 4
            if size < 0 {
                guard let null = postgresNull else { throw .null }
                elements.append(null)
                continue
            }
            guard let part = cell.part(at: offset, size: Int(size), type: type) else {
                throw .malformed("array cut off")
            }
            elements.append(try Self(from: part))
            offset += Int(size)
        }
        return elements
    }
}

/// Writes the elements of one array one by one; also used to build columns of a batch.
struct ArrayHeader {
    private let type: PostgresType
    private var start = 0
    private var count: Int32 = 0
    private var hasNull = false

    init(of element: any PostgresValue.Type) { type = element.postgresType }

    mutating func begin(_ buffer: inout PostgresBuffer) {
        start = buffer.bytes.count
        buffer.append(Int32(1))
        buffer.append(Int32(0))
        buffer.append(type.oid)
        buffer.append(Int32(0))
        buffer.append(Int32(1))
    }

    mutating func append(_ element: some PostgresValue, to buffer: inout PostgresBuffer) {
        count &+= 1
        hasNull = hasNull || element.isPostgresNull
        buffer.appendField(element)
    }

    func end(_ buffer: inout PostgresBuffer) {
        buffer.replace(at: start + 4, with: hasNull ? 1 : 0)
        buffer.replace(at: start + 12, with: count)
    }
}
