internal import FoundationEssentials

/// A JSON document as `jsonb` stores it: UTF-8 text that the server parses and normalises.
package struct JSONB: Hashable, Sendable {
    package let bytes: [UInt8]

    /// - Parameter bytes: JSON text; the server refuses anything else (22P02).
    package init(bytes: [UInt8]) { self.bytes = bytes }

    package init(text: String) { bytes = Array(text.utf8) }

    /// Writes a value as JSON with sorted keys.
    package init(encoding value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        bytes = Array(try encoder.encode(value))
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Reads the document as a value.
    package func decode<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

extension JSONB: PostgresValue {
    package static var postgresType: PostgresType { .jsonb }
    package static var postgresArrayType: PostgresType { .jsonbArray }
    package static func accepts(_ type: PostgresType) -> Bool { type == .jsonb || type == .json }

    /// One version byte, then text (`jsonb_send` in PostgreSQL's `jsonb.c`).
    package func encode(to buffer: inout PostgresBuffer) {
        buffer.append(1 as UInt8)
        buffer.append(contentsOf: bytes)
    }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        guard cell.type == .jsonb else {
            bytes = cell.array
            return
        }
        guard cell.integer(at: 0, as: UInt8.self) == 1 else {
            throw .malformed("unknown version of jsonb")
        }
        bytes = Array(cell.array.dropFirst())
    }
}
