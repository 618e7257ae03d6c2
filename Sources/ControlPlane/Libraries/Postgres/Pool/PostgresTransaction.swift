internal import Platform
internal import Synchronization

/// How much of others' simultaneous transactions one may see (SQL's isolation levels).
package enum IsolationLevel: Sendable {
    case readCommitted, repeatableRead, serializable

    var begin: SQL {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}

/// A transaction under way: what it does happens wholly or not at all. Valid within the closure
/// that `PostgresPool.transaction` calls, for one statement at a time or several at once.
package final class PostgresTransaction: PostgresQueryable {
    let lease: Lease
    /// Monotonic nanoseconds.
    let deadline: Int64
    private let state = Mutex(State())

    private struct State {
        var isOver = false
        var failure: PostgresError?
    }

    init(_ lease: Lease, deadline: Int64) {
        self.lease = lease
        self.deadline = deadline
    }

    package func run(
        _ sql: SQL, deadline: Duration?
    ) async throws(PostgresError) -> PostgresResult {
        guard let result = try await run([sql], deadline: deadline).first else {
            throw PostgresError(.misuse, "no answer to an empty statement")
        }
        return result
    }

    func run(
        _ statements: [SQL], deadline: Duration? = nil
    ) async throws(PostgresError) -> [PostgresResult] {
        try requireOpen()
        for statement in statements where !StatementPolicy.isAllowedInTransaction(statement.text) {
            throw PostgresError(
                .misuse, "such statements are not for a transaction",
                operation: statement.text.operationSummary)
        }
        let end = min(self.deadline, deadline.map(monotonicDeadline) ?? .max)
        return try await noting { () async throws(PostgresError) in
            try await lease.run(statements, deadline: end)
        }
    }

    /// Runs text of several statements without parameters, such as a migration.
    func runScript(_ text: String) async throws(PostgresError) {
        try requireOpen()
        let conversation = Conversation(text: text, deadline: deadline)
        _ = try await noting { () async throws(PostgresError) in
            try await lease.start(conversation)
        }
    }

    /// Remembers the first failure: the server refuses everything after it, and so must COMMIT.
    func noting<Value>(
        _ body: () async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        do {
            return try await body()
        } catch {
            state.withLock { $0.failure = $0.failure ?? error }
            throw error
        }
    }

    func requireOpen() throws(PostgresError) {
        if state.withLock({ $0.isOver }) {
            throw PostgresError(.misuse, "the transaction is over")
        }
    }

    func begin(_ isolation: IsolationLevel) async throws(PostgresError) {
        // The server's own limits are a net for when we are gone; ours come first.
        let left = max(0, deadline &- SystemTime.monotonicNanoseconds) / 1_000_000 + 1000
        let limit = String(min(left, Int64(Int32.max)))
        _ = try await lease.run(
            [
                isolation.begin,
                """
                SELECT set_config('statement_timeout', \(limit), true),
                    set_config('idle_in_transaction_session_timeout', \(limit), true)
                """,
            ], deadline: deadline)
    }

    /// Commits, or throws why it cannot: the first failure, even if the closure swallowed it.
    func commit() async throws(PostgresError) {
        state.withLock { $0.isOver = true }
        let results = try await lease.run(["COMMIT"], deadline: deadline, isCancellable: false)
        guard results.first?.commandTag == "COMMIT" else {
            throw state.withLock { $0.failure }
                ?? PostgresError(.misuse, "the transaction was ended from within")
        }
    }

    /// Takes everything back. Returns whether the session is as new.
    func rollBack() async -> Bool {
        state.withLock { $0.isOver = true }
        do {
            _ = try await lease.run(
                ["ROLLBACK"], deadline: monotonicDeadline(.seconds(2)), isCancellable: false)
            return true
        } catch {
            // Closing the connection takes everything back as well.
            return false
        }
    }
}

/// Monotonic nanoseconds of `duration` from now.
func monotonicDeadline(_ duration: Duration) -> Int64 {
    let (sum, overflow) = SystemTime.monotonicNanoseconds.addingReportingOverflow(
        duration.nanosecondsClamped)
    return overflow ? .max : sum
}
