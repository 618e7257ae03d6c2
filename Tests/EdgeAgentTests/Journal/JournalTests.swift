import Foundation
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// How long this thread has computed; waiting does not count.
private func processorNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

@Suite("Journal")
struct JournalTests {
    private func fresh() throws -> (Journal, String) {
        let path = try TestProcess.makeFolder("journal") + "/journal.db"
        return (try Journal(path: path), path)
    }

    private func outcome(_ command: Command, _ status: Outcome.Status = .executed) -> Outcome {
        Outcome(
            command: command.id, status: status, endedAtMilliseconds: 1, trace: command.trace)
    }

    @Test("a command's progress is kept from acceptance to its end")
    func progress() throws {
        let (journal, path) = try fresh()
        let command = TestAgent.command(.off, on: "relay1")
        #expect(try journal.progress(of: command.id) == nil)
        try journal.accept(
            command, payload: TestAgent.json(command), delivery: .atLeastOnce,
            progress: .accepted, at: 0)
        #expect(try journal.progress(of: command.id) == .accepted)
        try journal.markSent(command.id)
        let again = try Journal(path: path)
        #expect(
            try again.unfinished() == [
                .init(command: command, progress: .sent, delivery: .atLeastOnce)
            ])
        try again.finish(outcome(command), at: 0)
        #expect(try journal.progress(of: command.id) == .ended)
        #expect(try journal.outcome(of: command.id) == outcome(command))
        #expect(try journal.unfinished().isEmpty)
    }

    @Test("a command is accepted once")
    func twice() throws {
        let (journal, _) = try fresh()
        let command = TestAgent.command(.off, on: "relay1")
        func accept() throws {
            try journal.accept(
                command, payload: [], delivery: .atMostOnce, progress: .sent, at: 0)
        }
        try accept()
        #expect(throws: JournalError.self) { try accept() }
    }

    @Test("outcomes come back in order until the broker has them")
    func spool() throws {
        let (journal, path) = try fresh()
        let commands = (0..<10).map { _ in TestAgent.command(.off, on: "relay1") }
        for command in commands { try journal.finish(outcome(command), at: 0) }
        #expect(journal.spooledCount == 10)
        let first = try journal.spooled(after: 0, limit: 4)
        #expect(first.count == 4)
        try journal.forgetOutcomes(first.map(\.place))
        let again = try Journal(path: path)
        #expect(again.spooledCount == 6)
        let rest = try again.spooled(after: 0, limit: 100)
        // Compared as values: an encoder does not promise the order of keys.
        let outcomes = try rest.map {
            try JSONDecoder().decode(Outcome.self, from: Data($0.payload))
        }
        #expect(outcomes == commands.dropFirst(4).map { outcome($0) })
    }

    @Test("old outcomes are dropped and counted, old commands forgotten")
    func prune() throws {
        let (journal, path) = try fresh()
        let old = TestAgent.command(.off, on: "relay1")
        let open = TestAgent.command(.off, on: "relay1")
        try journal.finish(outcome(old), at: 0)
        try journal.accept(
            open, payload: TestAgent.json(open), delivery: .atMostOnce, progress: .accepted, at: 0)
        try journal.prune(at: Journal.Limits.spoolMilliseconds + 1)
        #expect(journal.spooledCount == 0)
        #expect(journal.droppedOutcomes == 1)
        #expect(try journal.progress(of: old.id) == .ended, "remembered for longer than a day")
        try journal.prune(at: Journal.Limits.memoryMilliseconds + 1)
        #expect(try journal.progress(of: old.id) == nil)
        #expect(try journal.progress(of: open.id) == .accepted, "what is open is never forgotten")
        #expect(try Journal(path: path).droppedOutcomes == 1)
    }

    @Test("the start takes no longer with 100,000 waiting outcomes, and the spool is bounded")
    func bigSpool() throws {
        let (_, path) = try fresh()
        let database = try SQLiteDatabase(path: path)
        try database.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
            INSERT INTO outcomes (place, ended_ms, payload)
            SELECT i, 0, zeroblob(400) FROM n;
            """)
        // What it reckons counts, not how long the disk or other programs hold it up.
        let start = processorNanoseconds()
        let again = try Journal(path: path)
        #expect(processorNanoseconds() - start < 1_000_000_000)
        #expect(again.spooledCount == 100_000)
        let command = TestAgent.command(.off, on: "relay1")
        try again.finish(outcome(command), at: 0)
        #expect(again.spooledCount == Journal.Limits.spoolMax)
        #expect(again.droppedOutcomes == 1)
    }

    @Test("the spool is bounded in bytes too, what is dropped is counted, and room is given back")
    func spoolBytes() throws {
        let (journal, path) = try fresh()
        // Four results of 16 MB fill it.
        try SQLiteDatabase(path: path).execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
            INSERT INTO outcomes (place, ended_ms, payload)
            SELECT i, 0, zeroblob(\(Journal.Limits.spoolMaxBytes / 4)) FROM n;
            """)
        _ = journal
        let again = try Journal(path: path)
        #expect(again.spooledBytes == Journal.Limits.spoolMaxBytes)
        let command = TestAgent.command(.off, on: "relay1")
        try again.finish(outcome(command), at: 0)
        #expect(again.droppedOutcomes == 1)
        #expect(again.spooledBytes < Journal.Limits.spoolMaxBytes)
        #expect(try again.spooled(after: 0, limit: 10).map(\.place) == [2, 3, 4, 5])
        let counted = again.spooledBytes
        #expect(try Journal(path: path).spooledBytes == counted)
        try again.forgetOutcomes([2, 3, 4, 5])
        #expect(again.spooledBytes == 0 && again.spooledCount == 0)
    }

    @Test("the stop is kept; what cannot be read counts as stopped")
    func stop() throws {
        let (journal, path) = try fresh()
        #expect(try journal.stopState() == nil)
        let stop = EmergencyStop(
            sequence: 7, isAgentStopped: false, stoppedBoards: [BoardUID(value: 3)])
        try journal.keep(stop)
        #expect(try Journal(path: path).stopState() == stop)
        try SQLiteDatabase(path: path).execute("UPDATE facts SET value = x'00'")
        #expect(try journal.stopState()?.isAgentStopped == true)
    }

    @Test("boards and manifests are kept, the latest ones only")
    func boards() throws {
        let (journal, _) = try fresh()
        for number in 1...20 {
            try journal.keepBoard(
                .init(uid: BoardUID(value: UInt64(number)), manifestCRC: 9, port: "/dev/x"),
                at: Int64(number))
        }
        #expect(try journal.boards().map(\.uid.value).sorted() == (5...20).map(UInt64.init))
        try journal.keepManifest(crc: .max, bytes: [1, 2], at: 1)
        #expect(try journal.manifests() == [.max: [1, 2]])
    }

    @Test("a journal of a later release is refused and left as it is")
    func newer() throws {
        let (journal, path) = try fresh()
        _ = journal
        try SQLiteDatabase(path: path).execute("PRAGMA user_version = 99")
        #expect(throws: JournalError.newerSchema(found: 99, known: 1)) { try Journal(path: path) }
    }

    @Test("garbage in place of a journal is an error, not a crash")
    func garbage() throws {
        let path = try TestProcess.makeFolder("journal") + "/journal.db"
        try TestProcess.write(String(repeating: "not a database ", count: 500), to: path)
        #expect(throws: JournalError.self) { try Journal(path: path) }
    }

    @Test("a journal that cannot be written is an error for the command, not a crash")
    func unwritable() throws {
        let (journal, path) = try fresh()
        try SQLiteDatabase(path: path).execute(
            "CREATE TRIGGER full BEFORE INSERT ON commands BEGIN SELECT RAISE(FAIL, 'full'); END")
        let command = TestAgent.command(.off, on: "relay1")
        #expect(throws: JournalError.self) {
            try journal.accept(
                command, payload: [], delivery: .atMostOnce, progress: .accepted, at: 0)
        }
        #expect(throws: JournalError.self) { try journal.finish(outcome(command), at: 0) }
        #expect(journal.spooledCount == 0)
    }
}

@Suite("Journal cost", .serialized)
struct JournalCostTests {
    @Test("a command costs the journal less than a millisecond before its frame is written")
    func cost() throws {
        let path = try TestProcess.makeFolder("journal") + "/journal.db"
        let journal = try Journal(path: path)
        var before: [Int64] = []
        var after: [Int64] = []
        for _ in 0..<2000 {
            let command = TestAgent.command(.pulse(durationMilliseconds: 10), on: "relay1")
            let payload = TestAgent.json(command)
            let outcome = Outcome(
                command: command.id, status: .executed, endedAtMilliseconds: 1,
                trace: command.trace)
            let start = SystemTime.monotonicNanoseconds
            _ = try journal.progress(of: command.id)
            try journal.accept(
                command, payload: payload, delivery: .atMostOnce, progress: .sent, at: 0)
            let middle = SystemTime.monotonicNanoseconds
            try journal.finish(outcome, at: 0)
            before.append(middle - start)
            after.append(SystemTime.monotonicNanoseconds - middle)
        }
        before.sort()
        after.sort()
        print(
            "journal: before the frame p50 \(before[1000] / 1000) µs, p99 "
                + "\(before[1980] / 1000) µs; at the end p50 \(after[1000] / 1000) µs, p99 "
                + "\(after[1980] / 1000) µs")
        #expect(before[1000] < 1_000_000)
    }

    @Test("what a person can do something about is told with what to do")
    func advice() throws {
        let folder = try TestProcess.makeFolder("journal")
        try SmallFile.replace("\(folder)/journal.db", with: Array("not a database".utf8))
        let damaged = #expect(throws: JournalError.self) {
            try Journal(path: "\(folder)/journal.db")
        }
        #expect(damaged?.description.contains("pair the agent again") == true)
        let missing = #expect(throws: JournalError.self) {
            try Journal(path: "\(folder)/none/journal.db")
        }
        #expect(missing?.description.contains("--state-dir") == true)
        let full = JournalError.sqlite(operation: "x", code: 13 | 1 << 8, message: "full")
        #expect(full.description.contains("make room"))
    }
}
