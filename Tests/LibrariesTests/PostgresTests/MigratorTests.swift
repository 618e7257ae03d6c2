import Foundation
import Schema
import TestSupport
import Testing

@testable import Postgres

@Suite("Migration plan")
struct MigrationPlanTests {
    private func migration(_ name: String, _ sql: String = "SELECT 1") throws -> Migration {
        try #require(Migration(name: name, sql: sql))
    }

    @Test("only NNNN_domain_what is a name")
    func names() {
        #expect(Migration(name: "0101_accounts_create", sql: "")?.number == 101)
        let bad = [
            "", "1_a_b", "0000_a_b", "0101_accounts", "0101__create", "0101_Accounts_create",
            "01+1_a_b", "0101_a_b_", "0101 a b", "０101_a_b", "0101_a_b.sql",
        ]
        for name in bad { #expect(Migration(name: name, sql: "") == nil, "\(name)") }
    }

    @Test("gaps, doubles, disorder and strangers in a block are refused")
    func blocks() throws {
        func problem(_ names: String...) throws -> MigrationError? {
            let migrations = try names.map { try migration($0) }
            do throws(MigrationError) {
                _ = try MigrationPlan(migrations)
                return nil
            } catch {
                return error
            }
        }
        #expect(try problem("0001_p_a", "0002_p_b", "0100_a_a", "0101_a_b", "0301_r_a") == nil)
        #expect(try problem("0001_p_a", "0003_p_b") == .gap(before: "0003_p_b"))
        #expect(try problem("0001_p_a", "0102_a_b") == .gap(before: "0102_a_b"))
        #expect(try problem("0001_p_a", "0001_p_b") == .disordered(name: "0001_p_b"))
        #expect(try problem("0101_a_a", "0001_p_a") == .disordered(name: "0001_p_a"))
        let stranger = MigrationError.wrongBlock(name: "0102_b_b", domain: "a")
        #expect(try problem("0101_a_a", "0102_b_b") == stranger)
    }

    @Test("what is pending follows from what was applied, unless that has changed")
    func pending() throws {
        let all = try ["0001_p_a", "0101_a_a", "0102_a_b", "0201_d_a"].map { try migration($0) }
        let plan = try MigrationPlan(all)
        let hashes = all.indices.map { [UInt8($0)] }
        func applied(_ indices: Int...) -> [MigrationPlan.Applied] {
            indices.map {
                .init(number: all[$0].number, name: all[$0].name, sha256: hashes[$0])
            }
        }
        #expect(try plan.pending(after: [], hashes: hashes) == all)
        #expect(try plan.pending(after: applied(0, 3), hashes: hashes) == [all[1], all[2]])
        #expect(throws: MigrationError.late(name: "0101_a_a")) {
            try plan.pending(after: applied(0, 2), hashes: hashes)
        }
        #expect(throws: MigrationError.changed(name: "0001_p_a")) {
            try plan.pending(after: applied(0), hashes: hashes.reversed())
        }
        let renamed = MigrationPlan.Applied(number: 1, name: "0001_p_z", sha256: hashes[0])
        #expect(throws: MigrationError.changed(name: "0001_p_z")) {
            try plan.pending(after: [renamed], hashes: hashes)
        }
        let newer = MigrationPlan.Applied(number: 901, name: "0901_x_y", sha256: [])
        #expect(throws: MigrationError.unknown(name: "0901_x_y")) {
            try plan.pending(after: [newer], hashes: hashes)
        }
    }

    @Test("every file of the folder is embedded, under its name, with its text")
    func embedded() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let folder = root.appending(path: "Sources/ControlPlane/Database/Migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
        #expect(Schema.migrations.map { $0.name + ".sql" } == files)
        for migration in Schema.migrations {
            let file = folder.appending(path: migration.name + ".sql")
            #expect(migration.sql == (try String(contentsOf: file, encoding: .utf8)))
        }
        _ = try MigrationPlan(Schema.migrations)
    }
}

@Suite("Migrator", .needsServices)
struct MigratorTests {
    private let first = Schema.migrations[0]

    private func migrations(_ more: (String, String)...) throws -> [Migration] {
        try [first] + more.map { try #require(Migration(name: $0.0, sql: $0.1)) }
    }

    @Test("it applies all migrations once, and says what is applied")
    func applies() async throws {
        let pool = try await TestDatabase.make(isEmpty: true).pool
        let migrator = try Migrator(pool, Schema.migrations)
        let names = Schema.migrations.map(\.name)
        #expect(try await migrator.status().allSatisfy { $0.appliedAt == nil })
        #expect(try await migrator.migrate() == names)
        #expect(try await migrator.migrate() == [])
        let status = try await migrator.status()
        #expect(status.map(\.name) == names)
        #expect(status.allSatisfy { $0.appliedAt.map { $0 <= .now + .seconds(60) } ?? false })
    }

    @Test("processes that migrate at the same time apply each migration once")
    func race() async throws {
        let database = try await TestDatabase.make(isEmpty: true)
        let all = try migrations(
            ("0101_a_slow", "CREATE TABLE slow (id int8); SELECT pg_sleep(0.1);"),
            ("0102_a_more", "ALTER TABLE slow ADD name text; INSERT INTO slow VALUES (1, 'x');"))
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<6 {
                let pool = database.otherPool()
                group.addTask { try await Migrator(pool, all).migrate() }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == all.map(\.name))
        #expect(try await database.pool.queryOne("SELECT count(*) FROM slow", as: Int.self) == 1)
    }

    @Test("a changed or missing file is refused, and nothing is applied")
    func tampering() async throws {
        let pool = try await TestDatabase.make(isEmpty: true).pool
        _ = try await Migrator(pool, try migrations(("0101_a_one", "SELECT 1"))).migrate()
        let changed = try migrations(
            ("0101_a_one", "SELECT 1 "), ("0102_a_two", "CREATE TABLE two (id int8)"))
        await #expect(throws: MigrationError.changed(name: "0101_a_one")) {
            try await Migrator(pool, changed).migrate()
        }
        await #expect(throws: MigrationError.unknown(name: "0101_a_one")) {
            try await Migrator(pool, try migrations()).migrate()
        }
        await #expect(throws: MigrationError.unknown(name: "0101_a_one")) {
            try await Migrator(pool, try migrations()).status()
        }
        let missing = try await pool.queryOne(
            "SELECT to_regclass('two') IS NULL", as: Bool.self)
        #expect(missing == true)
    }

    @Test("a migration that fails leaves nothing of itself, and those before it stay")
    func failure() async throws {
        let pool = try await TestDatabase.make(isEmpty: true).pool
        let all = try migrations(
            ("0101_a_good", "CREATE TABLE good (id int8)"),
            ("0102_a_bad", "CREATE TABLE half (id int8); CREATE TABLE good (id int8);"))
        let error = await #expect(throws: PostgresError.self) {
            try await Migrator(pool, all).migrate()
        }
        #expect(error?.state == SQLState("42P07"))
        let row = try await pool.queryOne(
            """
            SELECT to_regclass('good') IS NOT NULL, to_regclass('half') IS NULL,
                (SELECT count(*) FROM platform.migrations)
            """, as: (Bool, Bool, Int).self)
        #expect(row?.0 == true && row?.1 == true && row?.2 == 2)
    }

    @Test("a migration that ends its transaction is refused")
    func endedTransaction() async throws {
        let pool = try await TestDatabase.make(isEmpty: true).pool
        let all = try migrations(("0101_a_ends", "CREATE TABLE x (id int8); COMMIT; BEGIN;"))
        await #expect(throws: MigrationError.endedTransaction(name: "0101_a_ends")) {
            try await Migrator(pool, all).migrate()
        }
    }
}
