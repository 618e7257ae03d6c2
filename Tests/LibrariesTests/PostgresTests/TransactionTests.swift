import Platform
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Postgres transaction", .needsServices)
struct TransactionTests {
    private struct Refusal: Error {}

    private func makePool(
        _ configure: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> PostgresPool {
        let pool = try await TestDatabase.make(configure: configure).pool
        try await pool.execute("CREATE TABLE account (id int8 PRIMARY KEY, coins int8 NOT NULL)")
        try await pool.execute("INSERT INTO account VALUES (1, 100), (2, 100)")
        return pool
    }

    private func coins(_ pool: PostgresPool) async throws -> [Int] {
        try await pool.query("SELECT coins FROM account ORDER BY id", as: Int.self)
    }

    @Test("what a transaction did is there after it, and nothing of one that threw")
    func allOrNothing() async throws {
        let pool = try await makePool()
        let answer = try await pool.transaction { transaction in
            try await transaction.execute("UPDATE account SET coins = coins - 30 WHERE id = \(1)")
            try await transaction.execute("UPDATE account SET coins = coins + 30 WHERE id = \(2)")
            return "done"
        }
        #expect(answer == "done")
        #expect(try await coins(pool) == [70, 130])
        await #expect(throws: Refusal.self) {
            try await pool.transaction { transaction in
                try await transaction.execute("DELETE FROM account")
                throw Refusal()
            }
        }
        #expect(try await coins(pool) == [70, 130])
        #expect(await pool.counts().leased == 0)
        #expect(await pool.counts().idle == 1)
    }

    @Test("a failure that the closure swallows is thrown by the commit")
    func swallowed() async throws {
        let pool = try await makePool()
        let error = await #expect(throws: PostgresError.self) {
            try await pool.transaction { transaction in
                try await transaction.execute("DELETE FROM account WHERE id = 2")
                do {
                    try await transaction.execute("INSERT INTO account VALUES (1, 1)")
                } catch {}
            }
        }
        #expect(error?.isUniqueViolation(of: "account_pkey") == true)
        #expect(try await coins(pool) == [100, 100])
    }

    @Test("a savepoint lets a transaction survive a failure")
    func savepoints() async throws {
        let pool = try await makePool()
        try await pool.transaction { transaction in
            try await transaction.execute("SAVEPOINT before")
            do {
                try await transaction.execute("INSERT INTO account VALUES (1, 1)")
            } catch {
                try await transaction.execute("ROLLBACK TO before")
            }
            try await transaction.execute("UPDATE account SET coins = 5 WHERE id = 1")
        }
        #expect(try await coins(pool) == [5, 100])
    }

    @Test("a transaction cannot be ended from within, nor used after its end")
    func boundaries() async throws {
        let pool = try await makePool()
        let kept = Shared<PostgresTransaction?>(nil)
        try await pool.transaction { transaction in
            for sql in ["COMMIT", "rollback", "BEGIN", "end"] as [SQL] {
                let error = await #expect(throws: PostgresError.self) {
                    try await transaction.execute(sql)
                }
                #expect(error?.kind == .misuse)
            }
            kept.withLock { $0 = transaction }
        }
        let old = try #require(kept.withLock { $0 })
        let error = await #expect(throws: PostgresError.self) { try await old.execute("SELECT 1") }
        #expect(error?.kind == .misuse)
    }

    @Test("two transactions that lock each other out both succeed in the end")
    func deadlock() async throws {
        let pool = try await makePool()
        let runs = Shared(0)
        let gate = Gate(count: 2)
        @Sendable func move(from: Int, to: Int) async throws {
            try await pool.transaction { transaction in
                runs.withLock { $0 += 1 }
                try await transaction.execute(
                    "UPDATE account SET coins = coins - 1 WHERE id = \(from)")
                // Both hold their first row before either asks for the second.
                await gate.arrive()
                try await transaction.execute(
                    "UPDATE account SET coins = coins + 1 WHERE id = \(to)")
            }
        }
        let one = Task { try await move(from: 1, to: 2) }
        try await move(from: 2, to: 1)
        try await one.value
        #expect(try await coins(pool) == [100, 100])
        #expect(runs.withLock { $0 } == 3)
    }

    @Test("serializable transactions that contradict each other are run again")
    func serialization() async throws {
        let pool = try await makePool()
        let runs = Shared(0)
        let gate = Gate(count: 2)
        @Sendable func takeAll(from id: Int) async throws {
            try await pool.transaction(isolation: .serializable) { transaction in
                runs.withLock { $0 += 1 }
                let sum = try await transaction.queryOne(
                    "SELECT sum(coins) FROM account", as: Int.self)
                await gate.arrive()
                guard let sum, sum >= 200 else { return }
                try await transaction.execute("UPDATE account SET coins = 0 WHERE id = \(id)")
            }
        }
        let one = Task { try await takeAll(from: 1) }
        try await takeAll(from: 2)
        try await one.value
        #expect(try await coins(pool).sorted() == [0, 100])
        #expect(runs.withLock { $0 } == 3)
    }

    @Test("retries end")
    func retriesEnd() async throws {
        let pool = try await makePool { $0.retriesMax = 2 }
        let runs = Shared(0)
        let error = await #expect(throws: PostgresError.self) {
            try await pool.transaction { transaction in
                runs.withLock { $0 += 1 }
                try await transaction.execute(
                    "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
            }
        }
        #expect(error?.state == .serializationFailure)
        #expect(runs.withLock { $0 } == 3)
    }

    @Test("with all connections taken others wait their turn, or until their deadline")
    func exhaustion() async throws {
        let pool = try await makePool { $0.exclusiveConnectionsMax = 2 }
        let inside = Gate(count: 3)
        let release = Gate(count: 3)
        let order = Shared<[Int]>([])
        @Sendable func hold() async throws {
            try await pool.transaction { _ in
                await inside.arrive()
                await release.arrive()
            }
        }
        let holders = [Task { try await hold() }, Task { try await hold() }]
        await inside.arrive()
        let error = await #expect(throws: PostgresError.self) {
            try await pool.transaction(deadline: .milliseconds(100)) { _ in }
        }
        #expect(error?.kind == .deadlineExceeded)
        var waiters: [Task<Void, any Error>] = []
        for number in 0..<5 {
            let task = Task {
                try await pool.transaction { _ in order.withLock { $0.append(number) } }
            }
            waiters.append(task)
            try await until { await pool.counts().waiting == number + 1 }
        }
        let cancelled = Task { try await pool.transaction { _ in } }
        try await until { await pool.counts().waiting == 6 }
        cancelled.cancel()
        #expect(await (cancelled.result).isCancelledByUs)
        await release.arrive()
        for task in holders + waiters { try await task.value }
        #expect(order.withLock { $0 }.sorted() == [0, 1, 2, 3, 4])
        #expect(order.withLock { $0 }.first.map { $0 < 2 } == true)
        #expect(await pool.counts().leased == 0)
    }

    @Test("cancelling the task ends the statement on the server and takes everything back")
    func cancellation() async throws {
        let pool = try await makePool()
        let task = Task {
            try await pool.transaction { transaction in
                try await transaction.execute("UPDATE account SET coins = 0")
                try await transaction.execute("SELECT pg_sleep(60), 'cancel me'")
            }
        }
        let running: SQL = """
            SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
                AND datname = current_database() AND query LIKE '%cancel ' || 'me%'
            """
        try await until { try await pool.queryOne(running, as: Int.self) == 1 }
        task.cancel()
        #expect(await (task.result).isCancelledByUs)
        try await until { try await pool.queryOne(running, as: Int.self) == 0 }
        #expect(try await coins(pool) == [100, 100])
        #expect(await pool.counts().leased == 0)
    }

    @Test("a transaction past its deadline ends, in a statement or between statements")
    func deadline() async throws {
        let pool = try await makePool()
        let start = ContinuousClock.now
        let inside = await #expect(throws: PostgresError.self) {
            try await pool.transaction(deadline: .milliseconds(200)) { transaction in
                try await transaction.execute("SELECT pg_sleep(60)")
            }
        }
        #expect(inside?.kind == .deadlineExceeded || inside?.state == .queryCanceled)
        let between = await #expect(throws: PostgresError.self) {
            try await pool.transaction(deadline: .milliseconds(200)) { transaction in
                try await transaction.execute("UPDATE account SET coins = 0")
                // The closure dawdles elsewhere; the server gives its locks back meanwhile.
                _ = try await pool.execute("SELECT pg_sleep(0.5)")
                try await transaction.execute("SELECT 1")
            }
        }
        #expect(between != nil)
        #expect(start.duration(to: .now) < .seconds(50), "the statement was waited for")
        #expect(try await coins(pool) == [100, 100])
    }

    @Test("functions work with a pool and with a transaction alike")
    func queryable() async throws {
        let pool = try await makePool()
        func total(_ database: some PostgresQueryable) async throws -> Int? {
            try await database.queryOne("SELECT sum(coins) FROM account", as: Int.self)
        }
        #expect(try await total(pool) == 200)
        try await pool.transaction { transaction in
            try await transaction.execute("UPDATE account SET coins = 1")
            #expect(try await total(transaction) == 2)
            #expect(try await total(pool) == 200)
        }
        #expect(try await total(pool) == 2)
    }
}

extension Result {
    var isCancelledByUs: Bool {
        guard case .failure(let error) = self else { return false }
        return (error as? PostgresError)?.kind == .cancelled || error is CancellationError
    }
}

/// A value that closures share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result {
        value.withLock(body)
    }
}

/// Opens when so many have arrived; whoever comes later passes.
actor Gate {
    private var missing: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(count: Int) { missing = count }

    func arrive() async {
        missing -= 1
        guard missing > 0 else {
            for continuation in waiting { continuation.resume() }
            waiting = []
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }
}
