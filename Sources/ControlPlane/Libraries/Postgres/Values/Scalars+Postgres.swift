package import SharedModels

extension Bool: PostgresValue {
    package static var postgresType: PostgresType { .bool }
    package static var postgresArrayType: PostgresType { .boolArray }
    package static func accepts(_ type: PostgresType) -> Bool { type == .bool }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(self ? 1 : 0 as UInt8) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        self = try cell.integer(as: UInt8.self) != 0
    }
}

extension Int16: PostgresValue {
    package static var postgresType: PostgresType { .int2 }
    package static var postgresArrayType: PostgresType { .int2Array }
    package static func accepts(_ type: PostgresType) -> Bool { type == .int2 }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(self) }
    package init(from cell: PostgresCell) throws(PostgresCellError) { self = try cell.integer() }
}

extension Int32: PostgresValue {
    package static var postgresType: PostgresType { .int4 }
    package static var postgresArrayType: PostgresType { .int4Array }
    package static func accepts(_ type: PostgresType) -> Bool { type == .int4 || type == .int2 }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(self) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        self = cell.type == .int2 ? Int32(try cell.integer(as: Int16.self)) : try cell.integer()
    }
}

extension Int64: PostgresValue {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { .int8Array }
    /// Also `numeric`, which sums of `int8` are, as long as the value is whole and fits.
    package static func accepts(_ type: PostgresType) -> Bool {
        type == .int8 || type == .int4 || type == .int2 || type == .numeric
    }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(self) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        switch cell.type {
        case .int2: self = Int64(try cell.integer(as: Int16.self))
        case .int4: self = Int64(try cell.integer(as: Int32.self))
        case .numeric: self = try Numeric.wholeNumber(cell)
        default: self = try cell.integer()
        }
    }
}

extension Int: PostgresValue {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { .int8Array }
    package static func accepts(_ type: PostgresType) -> Bool { Int64.accepts(type) }
    package func encode(to buffer: inout PostgresBuffer) { Int64(self).encode(to: &buffer) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        guard let value = Int(exactly: try Int64(from: cell)) else {
            throw .malformed("too large for Int")
        }
        self = value
    }
}

extension Double: PostgresValue {
    package static var postgresType: PostgresType { .float8 }
    package static var postgresArrayType: PostgresType { .float8Array }
    package static func accepts(_ type: PostgresType) -> Bool {
        type == .float8 || type == .float4
    }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(bitPattern) }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        self =
            cell.type == .float4
            ? Double(Float(bitPattern: try cell.integer()))
            : Double(bitPattern: try cell.integer())
    }
}

extension String: PostgresValue {
    package static var postgresType: PostgresType { .text }
    package static var postgresArrayType: PostgresType { .textArray }
    /// Also enums, domains and extension types, whose binary form is mostly their text.
    package static func accepts(_ type: PostgresType) -> Bool {
        switch type {
        case .text, .varchar, .bpchar, .name, .unknown: true
        default: type.oid >= PostgresType.firstUserOID
        }
    }
    package func encode(to buffer: inout PostgresBuffer) { buffer.append(contentsOf: utf8) }
    package init(from cell: PostgresCell) throws(PostgresCellError) { self = try cell.text() }
}

extension Identifier: PostgresEncodable, PostgresDecodable, PostgresValue {
    package static var postgresType: PostgresType { .uuid }
    package static var postgresArrayType: PostgresType { .uuidArray }
    package static func accepts(_ type: PostgresType) -> Bool { type == .uuid }

    package func encode(to buffer: inout PostgresBuffer) {
        buffer.append(high)
        buffer.append(low)
    }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        let value = try cell.integer(as: UInt128.self)
        self.init(
            high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
    }
}

/// PostgreSQL's decimal numbers (`numeric_send` in its `numeric.c`): count of base-10,000 digits,
/// weight of the first, sign, scale, digits; each 16 bits.
enum Numeric {
    static func wholeNumber(_ cell: PostgresCell) throws(PostgresCellError) -> Int64 {
        guard let count = cell.integer(at: 0, as: Int16.self), count >= 0,
            let weight = cell.integer(at: 2, as: Int16.self),
            let sign = cell.integer(at: 4, as: UInt16.self), cell.count == 8 + 2 * Int(count)
        else { throw .malformed("not a numeric") }
        guard sign == 0 || sign == 0x4000 else { throw .malformed("not a finite number") }
        var value: Int64 = 0
        for index in 0..<max(Int(count), Int(weight) + 1) {
            let digit = cell.integer(at: 8 + 2 * index, as: Int16.self) ?? 0
            if index > Int(weight) {
                guard digit == 0 else { throw .malformed("not a whole number") }
                continue
            }
            // Built downwards from zero, because the least Int64 has no positive twin.
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10_000)
            let (next, overflow2) = shifted.subtractingReportingOverflow(Int64(digit))
            guard !overflow, !overflow2 else { throw .malformed("too large for Int64") }
            value = next
        }
        if sign == 0x4000 { return value }
        guard value != .min else { throw .malformed("too large for Int64") }
        return -value
    }
}
