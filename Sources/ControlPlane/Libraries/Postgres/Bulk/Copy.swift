extension PostgresPool {
    /// Inserts any number of rows in a transaction of their own, the fastest way there is. The
    /// rows are taken one by one and sent in parts; memory holds one part.
    /// - Parameters:
    ///   - table: with its schema, as SQL writes it.
    ///   - columns: their names, two or more, in the order of the values of a row; the types must
    ///     be exactly those of the values (no `Int` into an `int4` column).
    /// - Returns: how many rows were inserted. Any error inserts none.
    @discardableResult
    package func copy<each Column: PostgresEncodable, Rows: Sequence>(
        into table: StaticString, columns: [StaticString], rows: Rows, deadline: Duration? = nil
    ) async throws -> Int where Rows.Element == (repeat each Column) {
        let end = monotonicDeadline(deadline ?? configuration.transactionDeadline)
        let (transaction, lease) = try await begin(.readCommitted, deadline: end)
        do {
            let count = try await transaction.copy(into: table, columns: columns, rows: rows)
            try await transaction.commit()
            lease.giveBack(isClean: true)
            return count
        } catch {
            lease.giveBack(isClean: await transaction.rollBack())
            throw error
        }
    }
}

extension PostgresTransaction {
    /// As `PostgresPool.copy`, within this transaction.
    @discardableResult
    package func copy<each Column: PostgresEncodable, Rows: Sequence>(
        into table: StaticString, columns: [StaticString], rows: Rows
    ) async throws(PostgresError) -> Int where Rows.Element == (repeat each Column) {
        var types: [PostgresType] = []
        repeat types.append((each Column).postgresType)
        try await requireTypes(types, table: table, columns: columns)
        let names = columns.map(\.description).joined(separator: ", ")
        let copy = CopyIn(
            self, text: "COPY \(table) (\(names)) FROM STDIN (FORMAT binary)",
            columnCount: Int16(truncatingIfNeeded: columns.count))
        try await copy.start()
        for row in rows {
            copy.beginRow()
            repeat copy.append(each row)
            if copy.isFull { try await copy.flush() }
        }
        return try await copy.finish()
    }

    /// Compares the values' types with those of the table: binary COPY does not convert, and
    /// would take eight bytes of a `Double` for an `int8`.
    private func requireTypes(
        _ types: [PostgresType], table: StaticString, columns: [StaticString]
    ) async throws(PostgresError) {
        var sql: SQL = "SELECT "
        sql.append(list: columns)
        sql.append(text: " FROM ")
        sql.append(text: table)
        sql.append(text: " LIMIT 0")
        let result = try await run(sql, deadline: nil)
        guard types.count == result.columnCount else {
            throw PostgresError(
                .misuse, "\(result.columnCount) columns for \(types.count) values",
                operation: "COPY \(table)")
        }
        for (index, type) in types.enumerated() {
            let actual = result.type(ofColumn: index)
            guard type == actual || (type == .text && String.accepts(actual)) else {
                throw PostgresError(
                    .misuse,
                    "column \"\(result.name(ofColumn: index))\" is \(actual), the value is \(type)",
                    operation: "COPY \(table)")
            }
        }
    }
}

/// One copy under way: rows in PostgreSQL's binary COPY format (its manual, "COPY", "Binary
/// Format").
private final class CopyIn {
    private static let partSize = 256 << 10
    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

    private let transaction: PostgresTransaction
    private let conversation: Conversation
    private let columnCount: Int16
    private var buffer = PostgresBuffer()

    init(_ transaction: PostgresTransaction, text: String, columnCount: Int16) {
        self.transaction = transaction
        self.columnCount = columnCount
        conversation = Conversation(text: text, deadline: transaction.deadline)
        buffer.append(contentsOf: Self.signature)
        buffer.append(0 as Int32)
        buffer.append(0 as Int32)
    }

    var isFull: Bool { buffer.bytes.count >= Self.partSize }

    func start() async throws(PostgresError) {
        try transaction.requireOpen()
        let (transaction, conversation) = (transaction, conversation)
        _ = try await transaction.noting { () async throws(PostgresError) in
            try await transaction.lease.start(conversation)
        }
    }

    func beginRow() { buffer.append(columnCount) }
    func append(_ value: some PostgresEncodable) { buffer.appendField(value) }

    func flush() async throws(PostgresError) {
        let bytes = buffer.bytes
        buffer.removeAll()
        _ = try await step { connection in connection.putCopyData(bytes) }
    }

    func finish() async throws(PostgresError) -> Int {
        buffer.append(-1 as Int16)
        try await flush()
        return try await step { connection in connection.endCopy() }?.affectedCount ?? 0
    }

    private func step(
        _ action: @escaping @Sendable (PostgresConnection) -> Void
    ) async throws(PostgresError) -> PostgresResult? {
        let (transaction, conversation) = (transaction, conversation)
        return try await transaction.noting { () async throws(PostgresError) in
            try await transaction.lease.step(conversation, action)
        }
    }
}
