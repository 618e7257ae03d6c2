import SharedModels
import TestSupport
import Testing

@testable import Postgres

@Suite("Postgres bulk inserts", .needsServices)
struct BulkTests {
    private func makePool() async throws -> PostgresPool {
        let pool = try await TestDatabase.make().pool
        try await pool.execute(
            """
            CREATE TABLE log (id int8 PRIMARY KEY, kind text NOT NULL, weight float8,
                body jsonb NOT NULL, at timestamptz NOT NULL, short int2)
            """)
        return pool
    }

    private typealias Row = (Int, String, Double?, JSONB, Timestamp, Int16?)
    private let columns: [StaticString] = ["id", "kind", "weight", "body", "at", "short"]

    private func row(_ number: Int) -> Row {
        (
            number, "kind \(number % 7)", number % 3 == 0 ? nil : Double(number) / 2,
            JSONB(text: "{\"n\":\(number)}"), Timestamp(unixMilliseconds: Int64(number)),
            number % 5 == 0 ? nil : 3
        )
    }

    @Test("50,000 rows are copied, every value in its place")
    func copy() async throws {
        let pool = try await makePool()
        let count = try await pool.copy(
            into: "log", columns: columns, rows: (0..<50_000).lazy.map(row))
        #expect(count == 50_000)
        let sum = try await pool.queryOne(
            """
            SELECT count(*), sum(id), count(weight), sum((body->>'n')::int8),
                max(extract(epoch FROM at) * 1000)::int8, count(short)
            FROM log WHERE kind = 'kind ' || id % 7
            """, as: (Int, Int, Int, Int, Int, Int).self)
        #expect(sum?.0 == 50_000 && sum?.1 == 1_249_975_000)
        #expect(sum?.2 == 33_333 && sum?.3 == 1_249_975_000)
        #expect(sum?.4 == 49_999 && sum?.5 == 40_000)
        #expect(await pool.counts().leased == 0)
    }

    @Test("a copy is part of its transaction, and one that fails inserts nothing")
    func copyIsAtomic() async throws {
        let pool = try await makePool()
        let error = await #expect(throws: PostgresError.self) {
            try await pool.copy(
                into: "log", columns: columns, rows: (0..<20_000).map { row($0 % 19_999) })
        }
        #expect(error?.isUniqueViolation(of: "log_pkey") == true)
        try await pool.transaction { transaction in
            try await transaction.copy(into: "log", columns: columns, rows: (0..<3).map(row))
            #expect(
                try await transaction.queryOne("SELECT count(*) FROM log", as: Int.self) == 3)
            try await transaction.copy(into: "log", columns: columns, rows: (3..<5).map(row))
        }
        #expect(try await pool.queryOne("SELECT count(*) FROM log", as: Int.self) == 5)
    }

    @Test("values that are not of the column's type are refused before anything is sent")
    func copyTypes() async throws {
        let pool = try await makePool()
        try await pool.execute("CREATE TABLE small (n int4, m int8, o int8)")
        let narrow = await #expect(throws: PostgresError.self) {
            try await pool.copy(into: "small", columns: ["n", "m"], rows: [(1, 2)])
        }
        #expect(narrow?.kind == .misuse && narrow?.message.contains("int4") == true)
        let double = await #expect(throws: PostgresError.self) {
            try await pool.copy(into: "small", columns: ["o", "m"], rows: [(1, 0.5)])
        }
        #expect(double?.kind == .misuse)
        let count = await #expect(throws: PostgresError.self) {
            try await pool.copy(into: "small", columns: ["n", "m", "o"], rows: [(1 as Int32, 2)])
        }
        #expect(count?.kind == .misuse)
        #expect(
            try await pool.copy(into: "small", columns: ["n", "m"], rows: [(1 as Int32, 2)]) == 1)
    }

    @Test("a cancelled copy inserts nothing and leaves no connection behind")
    func copyCancelled() async throws {
        let pool = try await makePool()
        let rows = sequence(first: 0) { $0 + 1 }.lazy.map { number in
            (number, "x", nil as Double?, JSONB(text: "1"), Timestamp.now, nil as Int16?)
        }
        let columns = columns
        let task = Task {
            try await pool.copy(into: "log", columns: columns, rows: rows)
        }
        try await until { await pool.counts().leased == 1 }
        task.cancel()
        #expect(await (task.result).isCancelledByUs)
        #expect(try await pool.queryOne("SELECT count(*) FROM log", as: Int.self) == 0)
        try await until { await pool.counts().leased == 0 }
    }

    @Test("a copy whose task is cancelled between two parts takes everything back")
    func copyCancelledBetweenParts() async throws {
        let pool = try await makePool()
        let columns = columns
        let result = await Task {
            try await pool.transaction { transaction in
                try await transaction.copy(
                    into: "log", columns: columns,
                    rows: (0..<20_000).lazy.map { number in
                        if number == 10_000 { withUnsafeCurrentTask { $0?.cancel() } }
                        return row(number)
                    })
            }
        }.result
        #expect(result.isCancelledByUs)
        try await until { await pool.counts().leased == 0 }
        #expect(try await pool.queryOne("SELECT count(*) FROM log", as: Int.self) == 0)
    }

    @Test("a statement sent while a copy is open is refused, and the copy takes everything back")
    func statementDuringCopy() async throws {
        let pool = try await makePool()
        let columns = columns
        await #expect(throws: PostgresError.self) {
            try await pool.transaction { transaction in
                let copying = Gate(count: 2)
                async let count = transaction.copy(
                    into: "log", columns: columns,
                    rows: (0..<200_000).lazy.map { number in
                        if number == 20_000 { Task { await copying.arrive() } }
                        return row(number)
                    })
                await copying.arrive()
                do {
                    try await transaction.execute("SELECT 1")
                } catch {
                    // Its result is beside the point: the first error is thrown on.
                    _ = try? await count
                    throw error
                }
                _ = try await count
                throw PostgresError(.misuse, "the statement came after the copy")
            }
        }
        try await until { await pool.counts().leased == 0 }
        #expect(try await pool.queryOne("SELECT count(*) FROM log", as: Int.self) == 0)
    }

    @Test("a batch is one statement, with a suffix for conflicts")
    func batch() async throws {
        let pool = try await makePool()
        let first = try await pool.insertBatch(
            into: "log", columns: columns, rows: (0..<500).map(row))
        #expect(first == 500)
        let second = try await pool.insertBatch(
            into: "log", columns: columns, rows: (400..<600).map(row),
            suffix: "ON CONFLICT (id) DO NOTHING")
        #expect(second == 100)
        let third = try await pool.insertBatch(
            into: "log", columns: columns, rows: (0..<10).map(row),
            suffix: "ON CONFLICT (id) DO UPDATE SET kind = \("again")")
        #expect(third == 10)
        #expect(
            try await pool.insertBatch(into: "log", columns: columns, rows: [] as [Row]) == 0)
        let error = await #expect(throws: PostgresError.self) {
            try await pool.insertBatch(into: "log", columns: ["id"], rows: [(1, 2)])
        }
        #expect(error?.kind == .misuse)
        let (count, nulls, again) = try #require(
            try await pool.queryOne(
                """
                SELECT count(*), count(*) FILTER (WHERE weight IS NULL),
                    count(*) FILTER (WHERE kind = 'again') FROM log
                """, as: (Int, Int, Int).self))
        #expect(count == 600 && nulls == 200 && again == 10)
    }
}
