import Platform
import SharedModels
import TestSupport
import Testing

@testable import Postgres

private enum Colour: String, PostgresValue {
    case red, green
}

private enum Level: Int16, PostgresValue {
    case low = 1
    case high = 9
}

@Suite("Postgres values", .needsServices)
struct ValueTests {
    private func echo<Value: PostgresValue>(
        _ value: Value, _ pool: PostgresPool
    ) async throws -> Value? {
        try await pool.queryOne("SELECT \(value) AS value", as: Value.self)
    }

    @Test("every scalar comes back as it was bound")
    func scalars() async throws {
        let pool = try await TestDatabase.make().pool
        for value in [true, false] { #expect(try await echo(value, pool) == value) }
        for value in [Int16.min, 0, .max] { #expect(try await echo(value, pool) == value) }
        for value in [Int32.min, 0, .max] { #expect(try await echo(value, pool) == value) }
        for value in [Int64.min, 0, .max] { #expect(try await echo(value, pool) == value) }
        for value in [Int.min, -1, .max] { #expect(try await echo(value, pool) == value) }
        for value in [0, -0.1, .infinity, Double.greatestFiniteMagnitude] {
            #expect(try await echo(value, pool) == value)
        }
        #expect(try await echo(Double.nan, pool)?.isNaN == true)
        for value in ["", "a", "ünï—🎛️", "'; DROP TABLE x; --"] {
            #expect(try await echo(value, pool) == value)
        }
        for value in [[], [0], [0, 255, 0, 39]] as [[UInt8]] {
            #expect(try await echo(value, pool) == value)
        }
        let id = AccountID(high: .max, low: 1)
        #expect(try await echo(id, pool) == id)
        #expect(try await echo(Colour.green, pool) == .green)
        #expect(try await echo(Level.high, pool) == .high)
    }

    @Test("NULL is nil, in and out, and refused by what is not optional")
    func nulls() async throws {
        let pool = try await TestDatabase.make().pool
        let row = try await pool.queryOne(
            "SELECT \(nil as Int?), \(5 as Int?)", as: (Int?, Int?).self)
        #expect(row?.0 == nil && row?.1 == 5)
        let error = await #expect(throws: PostgresError.self) {
            try await pool.queryOne("SELECT NULL::int8 AS amount", as: Int.self)
        }
        #expect(error?.kind == .decoding && error?.column == "amount")
    }

    @Test("arrays come back, with NULLs, empty, and of bytes")
    func arrays() async throws {
        let pool = try await TestDatabase.make().pool
        func echo<Value: PostgresEncodable & PostgresDecodable>(_ value: Value) async throws
            -> Value?
        {
            try await pool.queryOne("SELECT \(value)", as: Value.self)
        }
        #expect(try await echo([] as [Int]) == [])
        #expect(try await echo([1, -2, .max]) == [1, -2, .max])
        #expect(try await echo(["a", "", "{},\"\\"]) == ["a", "", "{},\"\\"])
        #expect(try await echo([1, nil, 3] as [Int32?]) == [1, nil, 3])
        #expect(try await echo([[0, 1], []] as [[UInt8]]) == [[0, 1], []])
        #expect(try await echo([true, false]) == [true, false])
        #expect(try await echo([Colour.red, .green]) == [.red, .green])
        #expect(try await echo(nil as [Int]?) == .some(nil))
        let ids = [RuleID(high: 1, low: 2), RuleID(high: 3, low: 4)]
        #expect(try await echo(ids) == ids)
        let found = try await pool.query(
            "SELECT n FROM generate_series(1::int8, 9) n WHERE n = ANY(\([2, 4, 40]))",
            as: Int.self)
        #expect(found == [2, 4])
        let error = await #expect(throws: PostgresError.self) {
            try await pool.queryOne("SELECT ARRAY[[1,2],[3,4]]::int8[] AS grid", as: [Int].self)
        }
        #expect(error?.message.contains("2 dimensions") == true)
    }

    @Test("times are exact to the microsecond, before 1970 and at both infinities")
    func times() async throws {
        let pool = try await TestDatabase.make().pool
        let row = try await pool.queryOne(
            """
            SELECT '2024-02-29T12:34:56.789012Z'::timestamptz, '1969-12-31T23:59:59.999999Z'::timestamptz,
                'infinity'::timestamptz, '-infinity'::timestamptz
            """, as: (Timestamp, Timestamp, Timestamp, Timestamp).self)
        #expect(row?.0 == Timestamp(unixMicroseconds: 1_709_210_096_789_012))
        #expect(row?.1 == Timestamp(unixMicroseconds: -1))
        #expect(row?.1.unixMilliseconds == -1)
        #expect(row?.2 == .distantFuture && row?.3 == .distantPast)
        for time in [Timestamp.distantPast, .distantFuture, Timestamp(unixMicroseconds: 7), .now] {
            #expect(try await echo(time, pool) == time)
        }
        #expect(Timestamp(unixMilliseconds: .max) == .distantFuture)
        #expect(Timestamp.distantFuture + .seconds(1) == .distantFuture)
        #expect(
            Timestamp(unixMicroseconds: 0) + .milliseconds(-1500)
                == Timestamp(unixMilliseconds: -1500))
        // Beyond what PostgreSQL can hold: its own error, no trap.
        let error = await #expect(throws: PostgresError.self) {
            try await echo(Timestamp(unixMicroseconds: .min + 1), pool)
        }
        #expect(error?.state != nil)
    }

    @Test("JSON goes in and out as text and as values; what is not JSON is refused")
    func json() async throws {
        struct Note: Codable, Equatable { var title: String, stars: Int }
        let pool = try await TestDatabase.make().pool
        let note = Note(title: "a \"b\" 🎈", stars: 3)
        let stored = try await echo(try JSONB(encoding: note), pool)
        #expect(try stored?.decode() == note)
        let plain = try await pool.queryOne("SELECT '[1, 2]'::json", as: JSONB.self)
        #expect(plain?.text == "[1, 2]")
        let error = await #expect(throws: PostgresError.self) {
            try await echo(JSONB(text: "{"), pool)
        }
        #expect(error?.state == SQLState("22P02"))
    }

    @Test("whole numbers are read from any integer column and from whole numerics")
    func integers() async throws {
        let pool = try await TestDatabase.make().pool
        let row = try await pool.queryOne(
            """
            SELECT 1::int2, -2::int4, sum(n)::numeric, -9223372036854775808::numeric, 10000::numeric
            FROM generate_series(1::int8, 100000) n
            """, as: (Int, Int, Int, Int64, Int64).self)
        #expect(row?.0 == 1 && row?.1 == -2 && row?.2 == 5_000_050_000)
        #expect(row?.3 == .min && row?.4 == 10000)
        for number in ["9223372036854775808", "1.5", "NaN", "Infinity", "1e100"] {
            let error = await #expect(throws: PostgresError.self) {
                try await pool.queryOne("SELECT \(number)::text::numeric", as: Int.self)
            }
            #expect(error?.kind == .decoding, "\(number)")
        }
    }

    @Test("a wrong type names the column and both types")
    func wrongTypes() async throws {
        let pool = try await TestDatabase.make().pool
        let error = await #expect(throws: PostgresError.self) {
            try await pool.query("SELECT 1.5::float8 AS ratio", as: Int.self)
        }
        #expect(error?.kind == .decoding)
        for word in ["ratio", "float8", "Int"] {
            #expect(error?.message.contains(word) == true)
        }
        await #expect(throws: PostgresError.self) {
            try await pool.query("SELECT 1::int8, 2::int8", as: Int.self)
        }
        await #expect(throws: PostgresError.self) {
            try await pool.query("SELECT 'blue'", as: Colour.self)
        }
        let named = try await pool.query("SELECT 1::int8 AS one, 'x' AS letter") {
            row throws(PostgresError) in
            (try row.get("one", as: Int.self), try row.get("letter", as: String.self))
        }
        #expect(named.first?.0 == 1 && named.first?.1 == "x")
        let missing = await #expect(throws: PostgresError.self) {
            try await pool.queryOne("SELECT 1::int8 AS one") { row throws(PostgresError) in
                try row.get("two", as: Int.self)
            }
        }
        #expect(missing?.message.contains("two") == true)
    }

    @Test("enums, domains and varchar of the database are read as text")
    func userTypes() async throws {
        let pool = try await TestDatabase.make().pool
        try await pool.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
        try await pool.execute("CREATE TABLE people (name varchar(9), mood mood, tags varchar[])")
        try await pool.execute(
            "INSERT INTO people VALUES (\("Ann"), \("glad")::mood, \(["a", "b"]))")
        let row = try await pool.queryOne(
            "SELECT name, mood, tags FROM people", as: (String, String, [String]).self)
        #expect(row?.0 == "Ann" && row?.1 == "glad" && row?.2 ?? [] == ["a", "b"])
    }

    @Test("text with a NUL is refused by the server, and nothing else suffers")
    func nulBytes() async throws {
        let pool = try await TestDatabase.make().pool
        let error = await #expect(throws: PostgresError.self) { try await echo("a\0b", pool) }
        #expect(error?.state == SQLState("22021"))
        #expect(try await echo([0, 0], pool) == [0, 0])
        #expect(try await echo("ab", pool) == "ab")
    }

    @Test("no bytes whatever trap a decoder", arguments: [1, 2, 3] as [UInt64])
    func hostileBytes(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let kinds: [any PostgresDecodable.Type] = [
            Bool.self, Int16.self, Int32.self, Int64.self, Int.self, Double.self, String.self,
            [UInt8].self, AccountID.self, Timestamp.self, JSONB.self, Colour.self, Level.self,
            [Int].self, [String].self, [Int32?].self, [[UInt8]].self, [Timestamp].self,
            [JSONB].self, [AccountID].self, Int?.self,
        ]
        let types: [PostgresType] = [
            .bool, .int2, .int4, .int8, .numeric, .float4, .float8, .text, .bytea, .uuid,
            .timestamptz, .jsonb, .json, .int8Array, .textArray, .unknown,
        ]
        var decoded = 0
        for _ in 0..<4000 {
            var bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Plausible heads reach deeper: an array of one dimension, or a short numeric.
            if Bool.random(using: &random) {
                let head: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 3]
                bytes.replaceSubrange(0..<min(bytes.count, 16), with: head)
            }
            bytes.withUnsafeBytes { buffer in
                for kind in kinds {
                    let type = types.randomElement(using: &random) ?? .int8
                    let cell = PostgresCell(type: type, bytes: buffer)
                    do {
                        _ = try kind.init(from: cell)
                        decoded += 1
                    } catch {}
                }
            }
        }
        #expect(decoded > 0, "seed \(seed)")
    }
}
