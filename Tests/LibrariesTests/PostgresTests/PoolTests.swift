import Platform
import SharedModels
import TestSupport
import Testing

@testable import Postgres

@Suite("Postgres pool", .needsServices)
struct PoolTests {
    @Test("1,000 queries at once all get their own answer")
    func concurrentQueries() async throws {
        let pool = try await TestDatabase.make().pool
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    try await pool.queryOne("SELECT \(number)", as: Int.self) == number
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        let counts = await pool.counts()
        #expect(counts.shared >= 1 && counts.shared <= 4 && counts.waiting == 0)
    }

    @Test("a failing statement fails alone among those sent with it")
    func failuresAreAlone() async throws {
        let pool = try await TestDatabase.make { $0.sharedConnections = 1 }.pool
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    do {
                        let divisor = number % 3
                        let value = try await pool.queryOne(
                            "SELECT \(number) / \(divisor)", as: Int.self)
                        #expect(divisor != 0 && value == number / divisor)
                    } catch {
                        #expect(number % 3 == 0)
                        #expect((error as? PostgresError)?.state == SQLState("22012"))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("constraint errors say which constraint and which table")
    func constraints() async throws {
        let pool = try await TestDatabase.make().pool
        try await pool.execute("CREATE TABLE parent (id int8 CONSTRAINT parent_id PRIMARY KEY)")
        try await pool.execute(
            """
            CREATE TABLE child (id int8 NOT NULL CONSTRAINT small CHECK (id < 10),
                parent int8 CONSTRAINT child_parent REFERENCES parent)
            """)
        try await pool.execute("INSERT INTO parent VALUES (1)")
        func failure(_ sql: SQL) async -> PostgresError? {
            await #expect(throws: PostgresError.self) { try await pool.execute(sql) }
        }
        let unique = await failure("INSERT INTO parent VALUES (\(1))")
        #expect(unique?.isUniqueViolation(of: "parent_id") == true)
        #expect(unique?.isUniqueViolation(of: "other") == false)
        #expect(unique?.table == "parent" && unique?.detail?.contains("(id)=(1)") == true)
        #expect(unique?.operation.hasPrefix("INSERT INTO parent") == true)
        #expect(unique?.description.contains("(1)") == false)
        let foreign = await failure("INSERT INTO child VALUES (1, 2)")
        #expect(foreign?.isForeignKeyViolation(of: "child_parent") == true)
        let check = await failure("INSERT INTO child VALUES (11, NULL)")
        #expect(check?.state == .checkViolation && check?.constraint == "small")
        let null = await failure("INSERT INTO child VALUES (NULL, NULL)")
        #expect(null?.state == .notNullViolation && null?.column == "id")
    }

    @Test("statements sent together are all or nothing")
    func together() async throws {
        let pool = try await TestDatabase.make().pool
        try await pool.execute("CREATE TABLE t (id int8 PRIMARY KEY)")
        let counts = try await pool.executeAll([
            "INSERT INTO t VALUES (1), (2)", "UPDATE t SET id = id + 10 WHERE id = \(1)",
        ])
        #expect(counts == [2, 1])
        await #expect(throws: PostgresError.self) {
            try await pool.executeAll(["DELETE FROM t", "INSERT INTO t VALUES (3), (3)"])
        }
        #expect(try await pool.query("SELECT id FROM t ORDER BY id", as: Int.self) == [2, 11])
    }

    @Test("a statement that takes too long fails at its deadline and ends on the server")
    func deadline() async throws {
        let database = try await TestDatabase.make {
            $0.deadline = .milliseconds(300)
            $0.sharedConnections = 1
        }
        let pool = database.pool
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) {
            try await pool.execute("SELECT pg_sleep(30)", deadline: .milliseconds(100))
        }
        let elapsed = start.duration(to: .now)
        // Who is not run at its deadline may hear first that the server ended the statement.
        #expect(error?.kind == .deadlineExceeded || error?.state == .queryCanceled)
        #expect(elapsed > .milliseconds(95) && elapsed < .seconds(25), "\(elapsed)")
        // Behind it on the same connection: served once the server has ended the sleeper.
        #expect(try await answersSoon(pool))
        let late = await #expect(throws: PostgresError.self) {
            try await pool.execute("SELECT pg_sleep(30)", deadline: .milliseconds(300))
        }
        #expect(late?.kind == .deadlineExceeded || late?.state == .queryCanceled)
    }

    /// Asks again until there is an answer, for statements that queue behind a slow one.
    private func answersSoon(_ pool: PostgresPool) async throws -> Bool {
        let start = ContinuousClock.now
        while start.duration(to: .now) < .seconds(60) {
            do throws(PostgresError) {
                return try await pool.queryOne("SELECT 1::int8", as: Int.self) == 1
            } catch {
                #expect(
                    error.kind == .deadlineExceeded || error.state == .queryCanceled, "\(error)")
            }
        }
        return false
    }

    @Test("slow statements do not hold up quick ones while a connection is free of them")
    func slowNeighbours() async throws {
        let pool = try await TestDatabase.make {
            $0.sharedConnections = 4
            $0.deadline = .seconds(60)
        }.pool
        let slow = (0..<3).map { _ in Task { try await pool.execute("SELECT pg_sleep(50)") } }
        let sleepers: SQL = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'
            """
        try await until { try await pool.queryOne(sleepers, as: Int.self) == 3 }
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<200 {
                group.addTask { try await pool.queryOne("SELECT \(number)", as: Int.self) }
            }
            try await group.waitForAll()
        }
        #expect(try await pool.queryOne(sleepers, as: Int.self) == 3, "they were waited for")
        for task in slow { task.cancel() }
    }

    @Test("a call with a longer deadline than the pool's is given it")
    func longCalls() async throws {
        let pool = try await TestDatabase.make { $0.deadline = .milliseconds(100) }.pool
        #expect(try await pool.execute("SELECT pg_sleep(0.4)", deadline: .seconds(10)) == 1)
        let error = await #expect(throws: PostgresError.self) {
            try await pool.execute("SELECT pg_sleep(30)", deadline: .milliseconds(400))
        }
        #expect(error?.kind == .deadlineExceeded || error?.state == .queryCanceled)
    }

    @Test("a cancelled task stops waiting at once, and the connection goes on")
    func cancellation() async throws {
        let database = try await TestDatabase.make {
            $0.sharedConnections = 1
            $0.deadline = .seconds(60)
        }
        let pool = database.pool
        // The statement waits for a lock that is let go of only after its task has ended.
        try await database.otherPool().transaction { holder in
            try await holder.execute("SELECT pg_advisory_xact_lock(7)")
            let task = Task { try await pool.execute("SELECT pg_advisory_xact_lock(7)") }
            try await until {
                try await holder.queryOne(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
                    as: Int.self) == 1
            }
            task.cancel()
            let result = await task.result
            #expect(throws: PostgresError.cancelled.during("SELECT pg_advisory_xact_lock(7)")) {
                try result.get()
            }
        }
        #expect(try await pool.queryOne("SELECT 3::int8", as: Int.self) == 3)
        let before = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await #expect(throws: PostgresError.self) { try await pool.execute("SELECT 1") }
        }.value
        #expect(before?.kind == .cancelled)
    }

    @Test("calls cancelled at any moment all end, and no answer goes astray", arguments: [11, 12])
    func cancellationStorm(seed: UInt64) async throws {
        let pool = try await TestDatabase.make {
            $0.sharedConnections = 2
            $0.exclusiveConnectionsMax = 3
        }.pool
        var random = SplitMix(seed: seed)
        var tasks: [(Int, Task<Int?, any Error>)] = []
        for number in 0..<600 {
            let isTransaction = Int.random(in: 0..<6, using: &random) == 0
            let task = Task { () async throws -> Int? in
                guard isTransaction else {
                    return try await pool.queryOne("SELECT \(number)", as: Int.self)
                }
                return try await pool.transaction { transaction in
                    _ = try await transaction.execute("SELECT pg_sleep(0.001)")
                    return try await transaction.queryOne("SELECT \(number)", as: Int.self)
                }
            }
            tasks.append((number, task))
            if Bool.random(using: &random) {
                for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
                tasks.randomElement(using: &random)?.1.cancel()
            }
        }
        var answered = 0
        for (number, task) in tasks {
            let result = await task.result
            if case .success(let value) = result {
                #expect(value == number)
                answered += 1
            } else {
                #expect(result.isCancelledByUs, "seed \(seed): \(result)")
            }
        }
        #expect(answered > 100, "seed \(seed)")
        try await until { await pool.counts().leased == 0 }
        #expect(await pool.counts().waiting == 0)
        #expect(try await pool.queryOne("SELECT 1::int8", as: Int.self) == 1)
    }

    @Test("more calls than may wait are refused")
    func overload() async throws {
        let database = try await TestDatabase.make {
            $0.sharedConnections = 1
            $0.inFlightMax = 2
            $0.waitingMax = 3
        }
        let pool = database.pool
        try await pool.execute("SELECT 1")
        let refused = Shared(0)
        // None of them ends before all have asked: they wait for a lock.
        let calls = try await database.otherPool().transaction { holder in
            try await holder.execute("SELECT pg_advisory_xact_lock(8)")
            let calls = (0..<10).map { _ in
                Task { () -> PostgresError.Kind? in
                    do throws(PostgresError) {
                        try await pool.execute("SELECT pg_advisory_xact_lock(8)")
                        return nil
                    } catch {
                        refused.withLock { $0 += 1 }
                        return error.kind
                    }
                }
            }
            try await until { refused.withLock { $0 } >= 5 }
            return calls
        }
        var kinds: [PostgresError.Kind?] = []
        for call in calls { kinds.append(await call.value) }
        #expect(kinds.count { $0 == nil } == 5)
        #expect(kinds.count { $0 == .overloaded } == 5)
    }

    @Test("statements that belong elsewhere are refused before they are sent")
    func misuse() async throws {
        let pool = try await TestDatabase.make().pool
        let refused: [SQL] = [
            "BEGIN", "  commit", "SET search_path = x", "LISTEN y", "COPY t FROM STDIN",
            "\n\tRollback", "savepoint s", "DECLARE c CURSOR FOR SELECT 1", "DISCARD ALL",
        ]
        for sql in refused {
            let error = await #expect(throws: PostgresError.self) { try await pool.execute(sql) }
            #expect(error?.kind == .misuse)
        }
        let large = await #expect(throws: PostgresError.self) {
            try await pool.execute("SELECT \([UInt8](repeating: 1, count: 65 << 20))")
        }
        #expect(large?.kind == .misuse)
        let rows = await #expect(throws: PostgresError.self) {
            try await pool.queryOne("SELECT n FROM generate_series(1::int8, 2) n", as: Int.self)
        }
        #expect(rows?.kind == .decoding)
    }

    @Test("rows of 32 MB and a million rows arrive whole")
    func hugeRows() async throws {
        // How long that takes is not the question.
        let pool = try await TestDatabase.make { $0.deadline = .seconds(600) }.pool
        var bytes = [UInt8](repeating: 7, count: 32 << 20)
        bytes[bytes.count - 1] = 9
        let back = try await pool.queryOne("SELECT \(bytes)", as: [UInt8].self)
        #expect(back == bytes)
        let rows = try await pool.query(
            "SELECT n FROM generate_series(1::int8, 1000000) n", as: Int.self)
        #expect(rows.count == 1_000_000 && rows.last == 1_000_000)
    }

    @Test("more kinds of statements than are kept all work, again and again")
    func eviction() async throws {
        let pool = try await TestDatabase.make {
            $0.sharedConnections = 1
            $0.preparedStatementsMax = 2
        }.pool
        for _ in 0..<10 {
            #expect(try await pool.queryOne("SELECT \(1)", as: Int.self) == 1)
            #expect(try await pool.queryOne("SELECT \("a")", as: String.self) == "a")
            #expect(try await pool.queryOne("SELECT \(true)", as: Bool.self) == true)
            #expect(try await pool.queryOne("SELECT \(0.5)", as: Double.self) == 0.5)
        }
        let prepared = try await pool.queryOne(
            "SELECT count(*) FROM pg_prepared_statements", as: Int.self)
        #expect(prepared ?? 99 <= 3)
    }

    @Test("a table that changes under its prepared statements does not disturb callers")
    func changedTable() async throws {
        let pool = try await TestDatabase.make { $0.sharedConnections = 1 }.pool
        let missing = await #expect(throws: PostgresError.self) {
            try await pool.query("SELECT * FROM later", as: Int.self)
        }
        #expect(missing?.state == .undefinedTable)
        try await pool.execute("CREATE TABLE later (a int8)")
        try await pool.execute("INSERT INTO later VALUES (1)")
        #expect(try await pool.query("SELECT * FROM later", as: Int.self) == [1])
        try await pool.execute("ALTER TABLE later ALTER a TYPE text")
        #expect(try await pool.query("SELECT * FROM later", as: String.self) == ["1"])
        try await pool.administer("SELECT 1; SELECT 2")
    }

    @Test("many calls of a statement that cannot be prepared all get the real error")
    func failedPrepare() async throws {
        let pool = try await TestDatabase.make { $0.sharedConnections = 1 }.pool
        await withTaskGroup(of: SQLState?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    do throws(PostgresError) {
                        try await pool.execute("SELECT * FROM nowhere")
                        return nil
                    } catch {
                        return error.state
                    }
                }
            }
            for await state in group { #expect(state == .undefinedTable) }
        }
    }

    @Test("old connections are replaced")
    func lifetime() async throws {
        let pool = try await TestDatabase.make { $0.lifetimeMax = .zero }.pool
        let first = try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self)
        let second = try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self)
        #expect(first != second)
        let third = try await pool.transaction { transaction in
            try await transaction.queryOne("SELECT pg_backend_pid()", as: Int.self)
        }
        let fourth = try await pool.transaction { transaction in
            try await transaction.queryOne("SELECT pg_backend_pid()", as: Int.self)
        }
        #expect(third != fourth)
    }

    @Test("a closed pool refuses calls, and ends those under way")
    func closing() async throws {
        let pool = try await TestDatabase.make().pool
        let task = Task { try await pool.execute("SELECT pg_sleep(30)") }
        try await until { await pool.counts().shared >= 1 }
        await pool.close()
        let result = await task.result
        #expect { try result.get() } throws: { ($0 as? PostgresError)?.kind == .closed }
        let error = await #expect(throws: PostgresError.self) { try await pool.execute("SELECT 1") }
        #expect(error?.kind == .closed)
    }
}

/// Looks again until `condition` holds; a second task would not be faster than the loop.
func until(_ condition: () async throws -> Bool) async throws {
    let start = ContinuousClock.now
    while try await !condition() {
        guard start.duration(to: .now) < .seconds(60) else {
            Issue.record("not within sixty seconds")
            return
        }
        await Task.yield()
    }
}
