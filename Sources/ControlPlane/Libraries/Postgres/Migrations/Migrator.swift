internal import Platform

/// Brings a database to the schema that the program was built with. Each migration runs in a
/// transaction of its own, under a lock, so that any number of processes may do it at once.
/// The first migration creates `platform.migrations`, the record of them all.
package struct Migrator: Sendable {
    /// One migration and whether the database has it.
    package struct Status: Equatable, Sendable {
        package let name: String
        /// When it was applied; nil if it is still to come.
        package let appliedAt: Timestamp?
    }

    /// A number of our own among PostgreSQL's advisory locks: "cuelight" in ASCII.
    private static let lock = 0x6375_656C_6967_6874

    private let pool: PostgresPool
    private let plan: MigrationPlan
    private let deadline: Duration

    /// - Parameter deadline: for each migration, with the wait for other processes.
    package init(
        _ pool: PostgresPool, _ migrations: [Migration], deadline: Duration = .seconds(600)
    ) throws(MigrationError) {
        self.pool = pool
        self.deadline = deadline
        plan = try MigrationPlan(migrations)
    }

    /// Applies what is missing. Returns the names of what it applied itself.
    /// Throws `MigrationError` or `PostgresError`; what was applied before stays.
    /// - Parameter applied: told of each as soon as the database has it.
    package func migrate(
        applied: @Sendable (String) -> Void = { _ in }
    ) async throws -> [String] {
        var names: [String] = []
        while let name = try await applyNext() {
            applied(name)
            names.append(name)
        }
        return names
    }

    /// All migrations of the program, and when the database got them.
    package func status() async throws -> [Status] {
        try await pool.transaction(isolation: .repeatableRead) { transaction in
            _ = try await pending(transaction)
            let times =
                try await hasRecord(transaction)
                ? transaction.query(
                    "SELECT number, created_at FROM platform.migrations",
                    as: (Int, Timestamp).self)
                : []
            return plan.migrations.map { migration in
                Status(
                    name: migration.name,
                    appliedAt: times.first { $0.0 == migration.number }?.1)
            }
        }
    }

    private func applyNext() async throws -> String? {
        try await pool.transaction(deadline: deadline) { transaction in
            try await transaction.execute("SELECT pg_advisory_xact_lock(\(Self.lock))")
            guard let next = try await pending(transaction).first else { return nil }
            let start = SystemTime.monotonicNanoseconds
            try await apply(next, transaction)
            let elapsed = (SystemTime.monotonicNanoseconds &- start) / 1_000_000
            try await transaction.execute(
                """
                INSERT INTO platform.migrations (number, name, sha256, duration_ms)
                VALUES (\(Int32(truncatingIfNeeded: next.number)), \(next.name),
                    sha256(\(Array(next.sql.utf8))), \(elapsed))
                """)
            return next.name
        }
    }

    private func apply(_ migration: Migration, _ transaction: PostgresTransaction) async throws {
        let identity: SQL = "SELECT pg_current_xact_id()::text"
        let before = try await transaction.queryOne(identity, as: String.self)
        try await transaction.runScript(migration.sql)
        guard try await transaction.queryOne(identity, as: String.self) == before else {
            throw MigrationError.endedTransaction(name: migration.name)
        }
    }

    private func pending(_ transaction: PostgresTransaction) async throws -> [Migration] {
        let texts = plan.migrations.map { Array($0.sql.utf8) }
        let hashes = try await transaction.query(
            """
            SELECT sha256(text) FROM unnest(\(texts)) WITH ORDINALITY AS files (text, position)
            ORDER BY position
            """, as: [UInt8].self)
        guard try await hasRecord(transaction) else {
            return try plan.pending(after: [], hashes: hashes)
        }
        let applied = try await transaction.query(
            "SELECT number, name, sha256 FROM platform.migrations ORDER BY number",
            as: (Int, String, [UInt8]).self)
        return try plan.pending(
            after: applied.map { MigrationPlan.Applied(number: $0.0, name: $0.1, sha256: $0.2) },
            hashes: hashes)
    }

    private func hasRecord(_ transaction: PostgresTransaction) async throws -> Bool {
        try await transaction.queryOne(
            "SELECT to_regclass('platform.migrations') IS NOT NULL", as: Bool.self) ?? false
    }
}
