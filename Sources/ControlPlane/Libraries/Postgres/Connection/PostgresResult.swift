internal import CPostgres

/// The answer to one statement: rows in binary format, or a count. Owns the memory of libpq.
/// Read through `query`, `queryOne` and `execute`.
package final class PostgresResult: @unchecked Sendable {
    // Safe: libpq never changes a complete result, so any thread may read it; it is freed when
    // the last reference goes.
    private let handle: OpaquePointer
    private let text: String

    /// Takes over `handle` (`PQclear` at the end).
    /// - Parameter text: of the statement.
    init(adopting handle: OpaquePointer, text: String) {
        self.handle = handle
        self.text = text
    }

    /// The start of the statement, for errors.
    var operation: String { text.operationSummary }

    deinit { PQclear(handle) }

    var rowCount: Int { Int(PQntuples(handle)) }
    var columnCount: Int { Int(PQnfields(handle)) }

    /// How many rows the statement inserted, changed, deleted or returned.
    var affectedCount: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    /// The command as the server reports it, such as `COMMIT` or `INSERT 0 1`.
    var commandTag: String { String(cString: PQcmdStatus(handle)) }

    func name(ofColumn column: Int) -> String {
        PQfname(handle, Int32(column)).map { String(cString: $0) } ?? "\(column + 1)"
    }

    func type(ofColumn column: Int) -> PostgresType {
        PostgresType(oid: PQftype(handle, Int32(column)))
    }

    /// Reads one value. Row and column must exist.
    func decode<Value: PostgresDecodable>(
        _ type: Value.Type, row: Int, column: Int
    ) throws(PostgresError) -> Value {
        precondition(row >= 0 && row < rowCount && column >= 0 && column < columnCount)
        let (row32, column32) = (Int32(row), Int32(column))
        do throws(PostgresCellError) {
            let actual = self.type(ofColumn: column)
            guard Value.accepts(actual) else { throw .wrongType }
            if PQgetisnull(handle, row32, column32) == 1 {
                guard let null = Value.postgresNull else { throw .null }
                return null
            }
            let bytes = UnsafeRawBufferPointer(
                start: PQgetvalue(handle, row32, column32),
                count: Int(PQgetlength(handle, row32, column32)))
            return try Value(from: PostgresCell(type: actual, bytes: bytes))
        } catch {
            throw decodingError(error, wanted: "\(Value.self)", column: column)
        }
    }

    private func decodingError(
        _ problem: PostgresCellError, wanted: String, column: Int
    ) -> PostgresError {
        let reason =
            switch problem {
            case .null: "is NULL"
            case .wrongType: "cannot be read as that"
            case .wrongSize(let expected, let actual): "has \(actual) bytes, not \(expected)"
            case .malformed(let what): what
            }
        var error = PostgresError(
            .decoding,
            "column \"\(name(ofColumn: column))\" (\(type(ofColumn: column))) as \(wanted): "
                + reason,
            operation: operation)
        error.column = name(ofColumn: column)
        return error
    }
}

extension PostgresResult {
    /// All rows as tuples, by the order of the columns.
    func rows<each Column: PostgresDecodable>(
        as type: (repeat (each Column).Type)
    ) throws(PostgresError) -> [(repeat each Column)] {
        var width = 0
        for _ in repeat (each Column).self { width += 1 }
        try requireColumns(width)
        var rows: [(repeat each Column)] = []
        rows.reserveCapacity(rowCount)
        for row in 0..<rowCount {
            var column = -1
            func next<Value: PostgresDecodable>(
                _ type: Value.Type
            ) throws(PostgresError) -> Value {
                column += 1
                return try decode(type, row: row, column: column)
            }
            rows.append((repeat try next((each Column).self)))
        }
        return rows
    }

    /// The values of the only column.
    func values<Column: PostgresDecodable>(
        as type: Column.Type
    ) throws(PostgresError) -> [Column] {
        try requireColumns(1)
        var values: [Column] = []
        values.reserveCapacity(rowCount)
        for row in 0..<rowCount { values.append(try decode(type, row: row, column: 0)) }
        return values
    }

    private func requireColumns(_ count: Int) throws(PostgresError) {
        guard columnCount == count else {
            throw PostgresError(
                .decoding, "\(columnCount) columns, but \(count) were asked for",
                operation: operation)
        }
    }

    /// All rows through `map`.
    func rows<Value>(
        _ map: (PostgresRow) throws(PostgresError) -> Value
    ) throws(PostgresError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(rowCount)
        let columns = Dictionary(
            (0..<columnCount).map { (name(ofColumn: $0), $0) },
            uniquingKeysWith: { first, _ in first })
        for index in 0..<rowCount { values.append(try map(PostgresRow(self, index, columns))) }
        return values
    }
}

/// One row of an answer, read by the names of its columns.
package struct PostgresRow {
    private let result: PostgresResult
    private let index: Int
    private let columns: [String: Int]

    init(_ result: PostgresResult, _ index: Int, _ columns: [String: Int]) {
        self.result = result
        self.index = index
        self.columns = columns
    }

    /// Reads the first column of exactly this name; an error names it if it is missing or
    /// something else.
    package func get<Value: PostgresDecodable>(
        _ name: String, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard let column = columns[name] else {
            throw PostgresError(
                .decoding, "there is no column \"\(name)\"", operation: result.operation)
        }
        return try result.decode(type, row: index, column: column)
    }
}
