/// Where statements can be run: a pool (each by itself) or a transaction (all or nothing).
/// Functions that take `some PostgresQueryable` work in both.
///
/// Deadlines count from the call; nil is the pool's (or what is left of the transaction's).
package protocol PostgresQueryable: Sendable {
    /// Runs one statement; use `query`, `queryOne` or `execute`.
    func run(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> PostgresResult
}

extension PostgresQueryable {
    /// All rows of a statement as tuples, in the order of the columns.
    package func query<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat (each Column)).Type, deadline: Duration? = nil
    ) async throws(PostgresError) -> [(repeat each Column)] {
        try await run(sql, deadline: deadline).rows(as: (repeat (each Column).self))
    }

    /// The values of a statement with one column.
    package func query<Column: PostgresDecodable>(
        _ sql: SQL, as type: Column.Type, deadline: Duration? = nil
    ) async throws(PostgresError) -> [Column] {
        try await run(sql, deadline: deadline).values(as: type)
    }

    /// All rows of a statement with many columns, read by their names.
    package func query<Value>(
        _ sql: SQL, deadline: Duration? = nil,
        row map: (PostgresRow) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> [Value] {
        try await run(sql, deadline: deadline).rows(map)
    }

    /// The only row of a statement, or nil; more than one row is an error.
    package func queryOne<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat (each Column)).Type, deadline: Duration? = nil
    ) async throws(PostgresError) -> (repeat each Column)? {
        let result = try await run(sql, deadline: deadline)
        try result.requireAtMostOneRow()
        return try result.rows(as: (repeat (each Column).self)).first
    }

    /// The only value of a statement with one column, or nil if it has no row; more than one row
    /// is an error.
    package func queryOne<Column: PostgresDecodable>(
        _ sql: SQL, as type: Column.Type, deadline: Duration? = nil
    ) async throws(PostgresError) -> Column? {
        let result = try await run(sql, deadline: deadline)
        try result.requireAtMostOneRow()
        return try result.values(as: type).first
    }

    /// The only row of a statement, read by the names of its columns, or nil.
    package func queryOne<Value>(
        _ sql: SQL, deadline: Duration? = nil,
        row map: (PostgresRow) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value? {
        let result = try await run(sql, deadline: deadline)
        try result.requireAtMostOneRow()
        return try result.rows(map).first
    }

    /// Runs a statement and tells how many rows it inserted, changed, deleted or returned.
    @discardableResult
    package func execute(
        _ sql: SQL, deadline: Duration? = nil
    ) async throws(PostgresError) -> Int {
        try await run(sql, deadline: deadline).affectedCount
    }
}

extension PostgresResult {
    func requireAtMostOneRow() throws(PostgresError) {
        guard rowCount <= 1 else {
            throw PostgresError(
                .decoding, "\(rowCount) rows, but at most one was asked for",
                operation: operation)
        }
    }
}
