import Platform
import Synchronization
import TestSupport
import Testing

/// What workers did, in order.
private final class Diary: Sendable {
    private let lines = Mutex<[String]>([])
    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

private struct Failure: Error, Equatable { let name: String }

/// A worker made of a closure.
private struct Act: Worker {
    let name: String
    let body: @Sendable () async throws -> Void
    func run() async throws { try await body() }
}

/// Waits for its cancellation, and for nothing else.
private func untilCancelled() async {
    let (stream, continuation) = AsyncStream<Never>.makeStream()
    for await _ in stream {}
    continuation.finish()
}

private let silent = Log(component: "test", sink: { _ in })

@Suite("Worker group")
struct WorkerGroupTests {
    private let diary = Diary()

    private func patient(_ name: String) -> Act {
        Act(name: name) { [diary] in
            diary.note("\(name) runs")
            await untilCancelled()
            diary.note("\(name) stops")
        }
    }

    /// Ignores its cancellation until `release` ends.
    private func stubborn(_ name: String, _ release: AsyncStream<Never>) -> Act {
        Act(name: name) { [diary] in
            diary.note("\(name) runs")
            await Task { for await _ in release {} }.value
        }
    }

    @Test("cancellation stops the workers in reverse order, each after the one before")
    func reverseOrder() async throws {
        let group = WorkerGroup(
            ["a", "b", "c"].map { patient($0) }, clock: ManualClock(), log: silent)
        let running = Task { try await group.run() }
        await eventually("all run") { diary.all.count == 3 }
        running.cancel()
        try await running.value
        #expect(diary.all.suffix(3) == ["c stops", "b stops", "a stops"])
    }

    @Test("the first failure stops the others and is thrown")
    func failure() async throws {
        let group = WorkerGroup(
            [patient("a"), Act(name: "b") { throw Failure(name: "b") }, patient("c")],
            clock: ManualClock(), log: silent)
        await #expect(throws: Failure(name: "b")) { try await group.run() }
        #expect(diary.all.suffix(2) == ["c stops", "a stops"])
    }

    @Test("a worker that returns by itself is an error that names it")
    func endedEarly() async throws {
        let group = WorkerGroup(
            [patient("a"), Act(name: "b") {}], clock: ManualClock(), log: silent)
        await #expect(throws: WorkerGroup.Problem.endedEarly(worker: "b")) { try await group.run() }
        #expect(diary.all.last == "a stops")
    }

    @Test("a worker that calls itself cancelled though nobody did has ended early")
    func falselyCancelled() async throws {
        let group = WorkerGroup(
            [Act(name: "a") { throw CancellationError() }], clock: ManualClock(), log: silent)
        await #expect(throws: WorkerGroup.Problem.endedEarly(worker: "a")) { try await group.run() }
    }

    @Test("a worker that ignores its cancellation is left behind at the deadline, and named")
    func deadline() async throws {
        let clock = ManualClock()
        let (release, end) = AsyncStream<Never>.makeStream()
        defer { end.finish() }
        let group = WorkerGroup(
            [patient("a"), stubborn("b", release), patient("c")], deadline: .seconds(10),
            clock: clock, log: silent)
        let hasEnded = SharedCount()
        let running = Task {
            defer { hasEnded.add() }
            try await group.run()
        }
        await eventually("all run") { diary.all.count == 3 }
        running.cancel()
        await eventually("c stops") { diary.all.last == "c stops" }
        // b has half of the ten seconds to itself; then a is stopped all the same.
        await eventually("a stops") {
            clock.advance(by: .milliseconds(50))
            return diary.all.last == "a stops"
        }
        #expect(clock.now.offset >= .seconds(5))
        await eventually("the group ends") {
            clock.advance(by: .milliseconds(50))
            return hasEnded.value == 1
        }
        #expect(clock.now.offset >= .seconds(10))
        await #expect(throws: WorkerGroup.Problem.late(workers: ["b"])) { try await running.value }
    }

    @Test(
        "a group full of hanging workers ends at the deadline of the real clock too",
        .timeLimit(.minutes(2)))
    func realClock() async throws {
        let (release, end) = AsyncStream<Never>.makeStream()
        defer { end.finish() }
        let names = (0..<5).map { "w\($0)" }
        let group = WorkerGroup(
            names.map { stubborn($0, release) }, deadline: .milliseconds(200), log: silent)
        let running = Task { try await group.run() }
        await eventually("all run") { diary.all.count == 5 }
        running.cancel()
        await #expect(throws: WorkerGroup.Problem.late(workers: names)) { try await running.value }
    }

    @Test("a failure outweighs the lateness that follows it", .timeLimit(.minutes(2)))
    func failureAndLate() async throws {
        let (release, end) = AsyncStream<Never>.makeStream()
        defer { end.finish() }
        let group = WorkerGroup(
            [stubborn("a", release), Act(name: "b") { throw Failure(name: "b") }],
            deadline: .milliseconds(50), log: silent)
        await #expect(throws: Failure(name: "b")) { try await group.run() }
    }

    @Test("what a worker throws while it is stopped is not lost")
    func failureWhileStopping() async throws {
        let group = WorkerGroup(
            [
                Act(name: "a") {
                    await untilCancelled()
                    throw Failure(name: "cannot save")
                }
            ], clock: ManualClock(), log: silent)
        let running = Task { try await group.run() }
        running.cancel()
        await #expect(throws: Failure(name: "cannot save")) { try await running.value }
    }

    @Test("a group that was cancelled before it ran runs nothing for long")
    func cancelledBefore() async throws {
        let group = WorkerGroup([patient("a")], clock: ManualClock(), log: silent)
        let running = Task {
            await untilCancelled()
            try await group.run()
        }
        running.cancel()
        try await running.value
        #expect(diary.all.last == "a stops")
    }
}
