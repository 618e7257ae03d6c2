import Foundation
import Platform
import Postgres
import TestSupport

/// Measures the database library beside PostgreSQL's own clients on the same throwaway server:
/// `pgbench` for single statements, `psql` for bulk. Ours and the peer's runs take turns.
enum PostgresBench {
    private static let rounds = 2
    private static let seconds = 4
    private static let inFlight = 16
    private static let bulkRows = 200_000
    private static let batchRows = 500

    static func run(report: (BenchRow) -> Void) async throws {
        let server = try await TestPostgres.start()
        let loop = TestPostgres.loop
        let pool = PostgresPool(try server.configuration(), loop: loop)
        try program(["pgbench", "-i", "-q", "-s", "1"], server)
        try await selects(pool, server, report)
        try await bulk(pool, server, report)
        try await wakeUps(pool, report)
        await pool.close()
    }

    // Single statements.

    private static func selects(
        _ pool: PostgresPool, _ server: TestPostgres, _ report: (BenchRow) -> Void
    ) async throws {
        var peer = 0.0
        var onLoop = Rate()
        var onPool = Rate()
        for _ in 0..<rounds {
            let output = try program(
                [
                    "pgbench", "-S", "-M", "prepared", "-c", "\(inFlight)", "-j", "2", "-T",
                    "\(seconds)",
                ], server)
            peer = max(peer, transactionsPerSecond(output))
            let first = try await withTaskExecutorPreference(TestPostgres.loop.taskExecutor) {
                try await selectRate(pool)
            }
            if first.perSecond > onLoop.perSecond { onLoop = first }
            let second = try await selectRate(pool)
            if second.perSecond > onPool.perSecond { onPool = second }
        }
        for (label, rate) in [("callers on the loop", onLoop), ("callers on the pool", onPool)] {
            let name = "postgres: SELECT by key, \(inFlight) in flight, \(label)"
            report(
                BenchRow(
                    name: name, value: rate.perSecond, unit: "queries/s", peer: "pgbench -S",
                    peerValue: peer))
            report(BenchRow(name: name + ", p50", value: rate.p50, unit: "µs"))
            report(BenchRow(name: name + ", p99", value: rate.p99, unit: "µs"))
            report(BenchRow(name: name + ", our CPU", value: rate.cpu, unit: "µs/query"))
        }
    }

    private struct Rate: Sendable {
        var perSecond = 0.0
        var p50 = 0.0
        var p99 = 0.0
        var cpu = 0.0
    }

    private static func selectRate(_ pool: PostgresPool) async throws -> Rate {
        let start = SystemTime.monotonicNanoseconds
        let end = start + Int64(seconds) * 1_000_000_000
        let cpuStart = cpuMicroseconds()
        var times = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for worker in 0..<inFlight {
                group.addTask { try await selectLoop(pool, worker: worker, until: end) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = Double(SystemTime.monotonicNanoseconds - start) / 1e9
        let cpu = cpuMicroseconds() - cpuStart
        times.sort()
        return Rate(
            perSecond: Double(times.count) / elapsed, p50: Double(times[times.count / 2]) / 1000,
            p99: Double(times[times.count * 99 / 100]) / 1000, cpu: cpu / Double(times.count))
    }

    private static func selectLoop(
        _ pool: PostgresPool, worker: Int, until end: Int64
    ) async throws -> [Int32] {
        var times: [Int32] = []
        var key = worker * 6151 + 1
        var now = SystemTime.monotonicNanoseconds
        while now < end {
            key = key * 48271 % 99_991
            let row = try await pool.queryOne(
                "SELECT abalance FROM pgbench_accounts WHERE aid = \(Int32(key))", as: Int.self)
            precondition(row != nil, "the key exists")
            let next = SystemTime.monotonicNanoseconds
            times.append(Int32(truncatingIfNeeded: next - now))
            now = next
        }
        return times
    }

    // Bulk.

    private static func bulk(
        _ pool: PostgresPool, _ server: TestPostgres, _ report: (BenchRow) -> Void
    ) async throws {
        try await pool.execute(
            "CREATE TABLE bulk (id int8 PRIMARY KEY, kind text, weight float8, note text)")
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "cuelight-bench-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (copyFile, insertFile) = try writeInputs(folder)
        var best = (copy: 0.0, peerCopy: 0.0, batch: 0.0, peerBatch: 0.0)
        for _ in 0..<rounds {
            best.copy = max(best.copy, try await rowRate(pool) { try await copyAll(pool) })
            best.peerCopy = max(
                best.peerCopy,
                try await rowRate(pool) {
                    try program(["psql", "-qc", "\\copy bulk from '\(copyFile)'"], server)
                })
            best.batch = max(best.batch, try await rowRate(pool) { try await batchAll(pool) })
            best.peerBatch = max(
                best.peerBatch,
                try await rowRate(pool) { try program(["psql", "-qf", insertFile], server) })
        }
        report(
            BenchRow(
                name: "postgres: COPY, \(bulkRows) rows", value: best.copy, unit: "rows/s",
                peer: "psql \\copy", peerValue: best.peerCopy))
        report(
            BenchRow(
                name: "postgres: unnest, \(batchRows) rows a statement", value: best.batch,
                unit: "rows/s", peer: "psql INSERT … VALUES", peerValue: best.peerBatch))
    }

    private static func rowRate(_ pool: PostgresPool, _ body: () async throws -> Void) async throws
        -> Double
    {
        try await pool.execute("TRUNCATE bulk")
        let start = SystemTime.monotonicNanoseconds
        try await body()
        let elapsed = Double(SystemTime.monotonicNanoseconds - start) / 1e9
        let count = try await pool.queryOne("SELECT count(*) FROM bulk", as: Int.self)
        precondition(count == bulkRows, "all rows are there")
        return Double(bulkRows) / elapsed
    }

    private static func row(_ number: Int) -> (Int, String, Double, String) {
        (number, "kind \(number % 10)", Double(number) / 4, note)
    }

    private static let note = String(repeating: "n", count: 80)
    private static let columns: [StaticString] = ["id", "kind", "weight", "note"]

    private static func copyAll(_ pool: PostgresPool) async throws {
        try await pool.copy(into: "bulk", columns: columns, rows: (0..<bulkRows).lazy.map(row))
    }

    private static func batchAll(_ pool: PostgresPool) async throws {
        for first in stride(from: 0, to: bulkRows, by: batchRows) {
            try await pool.insertBatch(
                into: "bulk", columns: columns, rows: (first..<first + batchRows).map(row))
        }
    }

    private static func writeInputs(_ folder: URL) throws -> (copy: String, insert: String) {
        var copy = ""
        var insert = ""
        for number in 0..<bulkRows {
            let (id, kind, weight, note) = row(number)
            copy += "\(id)\t\(kind)\t\(weight)\t\(note)\n"
            insert += number % batchRows == 0 ? "INSERT INTO bulk VALUES " : ","
            insert += "(\(id),'\(kind)',\(weight),'\(note)')"
            if number % batchRows == batchRows - 1 { insert += ";\n" }
        }
        let files = (folder.appending(path: "copy").path(), folder.appending(path: "sql").path())
        try copy.write(toFile: files.0, atomically: false, encoding: .utf8)
        try insert.write(toFile: files.1, atomically: false, encoding: .utf8)
        return files
    }

    // Notifications.

    private static func wakeUps(
        _ pool: PostgresPool, _ report: (BenchRow) -> Void
    ) async throws {
        var stream = pool.notifications(on: "bench").makeAsyncIterator()
        _ = await stream.next()
        var times: [Double] = []
        for number in 0..<2000 {
            let start = SystemTime.monotonicNanoseconds
            try await pool.execute("SELECT pg_notify('bench', \("\(number)"))")
            _ = await stream.next()
            times.append(Double(SystemTime.monotonicNanoseconds - start) / 1000)
        }
        times.sort()
        let name = "postgres: NOTIFY to its reader"
        report(BenchRow(name: name + ", p50", value: times[1000], unit: "µs"))
        report(BenchRow(name: name + ", p99", value: times[1980], unit: "µs"))
    }

    // Programs.

    /// Runs one of PostgreSQL's clients against the server to its end; its output.
    @discardableResult
    private static func program(_ arguments: [String], _ server: TestPostgres) throws -> String {
        let output = server.folder + "/client-\(UUID().uuidString)"
        let process = try TestProcess.spawn(
            ["/usr/bin/env"] + arguments, output: output, asRoot: true,
            environment: [
                "PGHOST=\(server.folder)", "PGUSER=postgres", "PGDATABASE=postgres",
            ])
        guard process.succeeds() else {
            throw PostgresError(.misuse, TestProcess.text(output), operation: arguments[0])
        }
        return TestProcess.text(output)
    }

    /// From `tps = 12345.6 (without initial connection time)`.
    private static func transactionsPerSecond(_ output: String) -> Double {
        let line = output.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        return line.flatMap { Double($0.dropFirst(6).prefix { $0 != " " }) } ?? 0
    }

    private static func cpuMicroseconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        let micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return Double(seconds) * 1e6 + Double(micros)
    }
}
