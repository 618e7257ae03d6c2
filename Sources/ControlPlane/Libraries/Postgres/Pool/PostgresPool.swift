package import Platform

/// The database as domains use it: a pool of connections on one event loop.
///
/// Single statements of all callers share a few pipelined connections; a transaction or a copy
/// has one for itself. Every call has a deadline. When the server dies, calls under way fail
/// (`connectionLost`), calls that come meanwhile fail soon (`unreachable`), and calls after its
/// return work again.
package final class PostgresPool: PostgresQueryable {
    /// What a pool has at one moment.
    package struct Counts: Equatable, Sendable {
        package var shared: Int
        package var idle: Int
        package var leased: Int
        /// Calls that wait for a connection.
        package var waiting: Int
    }

    package let configuration: PostgresConfiguration
    let core: PoolCore

    /// Makes a pool; connections are opened by the first calls.
    package init(
        _ configuration: PostgresConfiguration, loop: EventLoop,
        log: Log = Log(component: "postgres")
    ) {
        self.configuration = configuration
        core = PoolCore(configuration, on: loop, log: log)
    }

    deinit {
        let core = core
        core.loop.submit { core.close() }
    }

    /// Closes all connections; calls under way and later ones fail with `closed`.
    package func close() async {
        let core = core
        await withCheckedContinuation { continuation in
            core.loop.submit {
                core.close()
                continuation.resume()
            }
        }
    }

    package func counts() async -> Counts {
        let core = core
        return await withCheckedContinuation { continuation in
            core.loop.submit { continuation.resume(returning: core.counts) }
        }
    }

    package func run(
        _ sql: SQL, deadline: Duration?
    ) async throws(PostgresError) -> PostgresResult {
        guard let result = try await runAll([sql], deadline: deadline).first else {
            throw PostgresError(.misuse, "no answer to an empty statement")
        }
        return result
    }

    /// Runs statements in one round trip, all or nothing; answers the rows that each affected.
    package func executeAll(
        _ statements: [SQL], deadline: Duration? = nil
    ) async throws(PostgresError) -> [Int] {
        try await runAll(statements, deadline: deadline).map(\.affectedCount)
    }

    private func runAll(
        _ statements: [SQL], deadline: Duration?
    ) async throws(PostgresError) -> [PostgresResult] {
        guard statements.count <= Self.statementsMax else {
            throw PostgresError(.misuse, "more than \(Self.statementsMax) statements at once")
        }
        let duration = deadline ?? configuration.deadline
        if duration > configuration.deadline {
            return try await runAlone(statements, deadline: duration)
        }
        let exchange = Exchange(
            statements.map(Exchange.Statement.init), start: SystemTime.monotonicNanoseconds,
            deadline: monotonicDeadline(duration))
        let core = core
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.loop.perform {
                    exchange.whenComplete { continuation.resume(returning: $0) }
                    core.submit(exchange)
                }
            }
        } onCancel: {
            core.loop.submit {
                guard exchange.cancellation == nil else { return }
                exchange.cancellation = .cancelled
                exchange.fail(.cancelled)
            }
        }
        return try answer.get()
    }

    private static let statementsMax = 64

    /// Runs statements that may take longer than shared connections allow.
    private func runAlone(
        _ statements: [SQL], deadline: Duration
    ) async throws(PostgresError) -> [PostgresResult] {
        let end = monotonicDeadline(deadline)
        let (transaction, lease) = try await begin(.readCommitted, deadline: end)
        do {
            let results = try await transaction.run(statements)
            try await transaction.commit()
            lease.giveBack(isClean: true)
            return results
        } catch {
            lease.giveBack(isClean: await transaction.rollBack())
            throw error
        }
    }

    /// Runs `body` in a transaction and commits it; takes everything back if `body` throws.
    ///
    /// After a deadlock or a serialization failure all of `body` runs again, at most
    /// `configuration.retriesMax` times, so it must have no effects outside the database.
    /// - Parameter deadline: for each run, with the wait for a connection.
    @discardableResult
    package func transaction<Value>(
        isolation: IsolationLevel = .readCommitted, deadline: Duration? = nil,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        var retries = 0
        while true {
            do {
                return try await attempt(isolation, deadline: deadline, body)
            } catch let error as PostgresError
                where error.isRetryable && retries < configuration.retriesMax
            {
                retries += 1
                let pause = Int64.random(in: 1...10) << Int64(min(retries, 4))
                try await Task.sleep(for: .milliseconds(pause))
            }
        }
    }

    private func attempt<Value>(
        _ isolation: IsolationLevel, deadline: Duration?,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        let end = monotonicDeadline(deadline ?? configuration.transactionDeadline)
        let (transaction, lease) = try await begin(isolation, deadline: end)
        do {
            let value = try await body(transaction)
            try await transaction.commit()
            lease.giveBack(isClean: true)
            return value
        } catch {
            lease.giveBack(isClean: await transaction.rollBack())
            throw error
        }
    }

    /// Runs text of several statements outside a transaction, such as `CREATE DATABASE`. For
    /// whoever sets up servers, with text of the program's own: nothing in it is bound or quoted.
    package func administer(
        _ text: String, deadline: Duration? = nil
    ) async throws(PostgresError) {
        let end = monotonicDeadline(deadline ?? configuration.transactionDeadline)
        let lease = try await Lease.take(from: core, deadline: end)
        // Whatever the text left in the session goes with the connection.
        defer { lease.giveBack(isClean: false) }
        _ = try await lease.start(Conversation(text: text, deadline: end))
    }

    /// Takes a connection and begins. One that died unnoticed while it was idle is replaced once:
    /// nothing has been done on it yet.
    func begin(
        _ isolation: IsolationLevel, deadline: Int64, isLastTry: Bool = false
    ) async throws(PostgresError) -> (PostgresTransaction, Lease) {
        let lease = try await Lease.take(from: core, deadline: deadline)
        let transaction = PostgresTransaction(lease, deadline: deadline)
        do throws(PostgresError) {
            try await transaction.begin(isolation)
            return (transaction, lease)
        } catch {
            lease.giveBack(isClean: await transaction.rollBack())
            guard error.isLoss, !isLastTry else { throw error }
        }
        return try await begin(isolation, deadline: deadline, isLastTry: true)
    }
}
