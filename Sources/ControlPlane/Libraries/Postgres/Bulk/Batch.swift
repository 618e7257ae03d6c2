extension PostgresQueryable {
    /// Inserts many rows with one statement: a parameter for each column, which is an array.
    /// For some hundreds of rows; for many thousands use `copy`.
    /// - Parameters:
    ///   - table: with its schema, as SQL writes it.
    ///   - columns: their names, two or more, in the order of the values of a row. For one
    ///     column `INSERT … SELECT * FROM unnest(\(values))` does the same.
    ///   - suffix: what follows, such as `ON CONFLICT DO NOTHING`.
    /// - Returns: how many rows were inserted or changed.
    @discardableResult
    package func insertBatch<each Column: PostgresValue>(
        into table: StaticString, columns: [StaticString], rows: [(repeat each Column)],
        suffix: SQL = "", deadline: Duration? = nil
    ) async throws(PostgresError) -> Int {
        if rows.isEmpty { return 0 }
        var arrays = ColumnArrays()
        repeat arrays.add((each Column).self)
        guard arrays.count == columns.count else {
            throw PostgresError(
                .misuse, "\(columns.count) columns for \(arrays.count) values",
                operation: "INSERT INTO \(table)")
        }
        for row in rows {
            arrays.beginRow()
            repeat arrays.append(each row)
        }
        var sql: SQL = "INSERT INTO "
        sql.append(text: table)
        sql.append(text: " (")
        sql.append(list: columns)
        sql.append(text: ") SELECT * FROM unnest(")
        arrays.bind(to: &sql)
        sql.append(text: ") ")
        sql.append(suffix)
        return try await execute(sql, deadline: deadline)
    }
}

/// Rows turned on their side: one array of the database for each column.
private struct ColumnArrays {
    private var headers: [ArrayHeader] = []
    private var buffers: [PostgresBuffer] = []
    private var types: [PostgresType] = []
    private var next = 0

    var count: Int { headers.count }

    mutating func add<Value: PostgresValue>(_ type: Value.Type) {
        var header = ArrayHeader(of: type)
        var buffer = PostgresBuffer()
        header.begin(&buffer)
        headers.append(header)
        buffers.append(buffer)
        types.append(Value.postgresArrayType)
    }

    mutating func beginRow() { next = 0 }

    mutating func append(_ value: some PostgresValue) {
        headers[next].append(value, to: &buffers[next])
        next += 1
    }

    mutating func bind(to sql: inout SQL) {
        for index in headers.indices {
            headers[index].end(&buffers[index])
            if index > 0 { sql.append(text: ", ") }
            sql.bind(types[index], encoded: buffers[index].bytes)
        }
    }
}

extension SQL {
    /// Constant texts with commas between them.
    mutating func append(list: [StaticString]) {
        for (index, text) in list.enumerated() {
            if index > 0 { append(text: ", ") }
            append(text: text)
        }
    }
}
