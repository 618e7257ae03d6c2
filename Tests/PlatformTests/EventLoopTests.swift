import CLinux
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

/// An actor whose code runs on a loop.
private actor Tally {
    private let loop: EventLoop
    private(set) var count = 0

    init(loop: EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.serialExecutor.asUnownedSerialExecutor()
    }

    func add() -> Bool {
        count += 1
        return loop.isCurrent
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

/// A box for closures of one thread.
private final class Mutable<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}

@Suite("Event loop")
struct EventLoopTests {
    @Test("an actor with the loop's executor runs on the loop's thread")
    func actorRunsOnLoop() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let tally = Tally(loop: loop)
        for _ in 0..<1000 { #expect(await tally.add()) }
        #expect(await tally.count == 1000)
        #expect(!loop.isCurrent)
    }

    @Test("a task that prefers the loop runs there, before and after it suspends")
    func taskRunsOnLoop() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        await withTaskExecutorPreference(loop.taskExecutor) {
            #expect(loop.isCurrent)
            await Task.yield()
            #expect(loop.isCurrent)
        }
    }

    @Test("bytes written to a watched pipe reach its handler, and a cancelled watch is silent")
    func watchSeesBytes() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        defer { close(reader); close(writer) }
        let bytes = AsyncStream<UInt8> { continuation in
            loop.submit {
                var watch: Watch?
                watch = try? loop.watch(reader, for: .readable) { _ in
                    var byte: UInt8 = 0
                    guard read(reader, &byte, 1) == 1 else { return }
                    continuation.yield(byte)
                    if byte == 3 {
                        watch?.cancel()
                        continuation.finish()
                    }
                }
            }
        }
        #expect(write(writer, [1, 2, 3, 4] as [UInt8], 4) == 4)
        var seen: [UInt8] = []
        for await byte in bytes { seen.append(byte) }
        #expect(seen == [1, 2, 3])
    }

    @Test("timers run in order of their due time, and a cancelled one does not run")
    func timersRunInOrder() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        // Each delay counts from its own call: a round whose calls lie too far apart says nothing.
        var order: [Int]?
        while order == nil { order = await firedInOrder(on: loop) }
        #expect(order == [10, 20, 30])
    }

    /// The delays as they fired; nil if they were not asked for within five milliseconds.
    private func firedInOrder(on loop: EventLoop) async -> [Int]? {
        let span = Atomic<Int64>(0)
        let fired = AsyncStream<Int> { continuation in
            loop.submit {
                let start = SystemTime.monotonicNanoseconds
                for delay in [30, 10, 20] {
                    loop.schedule(after: .milliseconds(delay)) { continuation.yield(delay) }
                }
                loop.schedule(after: .milliseconds(5)) { continuation.yield(5) }.cancel()
                span.store(SystemTime.monotonicNanoseconds - start, ordering: .relaxed)
                loop.schedule(after: .milliseconds(40)) { continuation.finish() }
            }
        }
        var order: [Int] = []
        for await delay in fired { order.append(delay) }
        return span.load(ordering: .relaxed) < 5_000_000 ? order : nil
    }

    @Test("work submitted from many threads all runs")
    func manySubmitters() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let count = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 { loop.submit { count.add() } }
                }
            }
        }
        await withCheckedContinuation { done in loop.submit { done.resume() } }
        #expect(count.value == 8000)
    }

    @Test("a thousand timers in disorder run in order, without those that were cancelled")
    func manyTimers() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        // When each was due lies between these two: the clock was read before and after.
        struct Due { let delay: Int, earliest: Int64, latest: Int64 }
        let fired = AsyncStream<Due> { continuation in
            loop.submit {
                var generator = SeededGenerator(seed: 20)
                var timers: [LoopTimer] = []
                for _ in 0..<2000 {
                    let delay = Int.random(in: 0..<20_000, using: &generator)
                    let nanoseconds = Int64(delay) * 1000
                    let earliest = SystemTime.monotonicNanoseconds + nanoseconds
                    let latest = Mutable<Int64>(0)
                    let timer = loop.schedule(after: .microseconds(delay)) {
                        continuation.yield(
                            Due(delay: delay, earliest: earliest, latest: latest.value))
                    }
                    latest.value = SystemTime.monotonicNanoseconds + nanoseconds
                    timers.append(timer)
                    if delay % 3 == 0 { timer.cancel() }
                }
                loop.schedule(after: .milliseconds(60)) { continuation.finish() }
            }
        }
        var dues: [Due] = []
        for await due in fired { dues.append(due) }
        #expect(dues.count > 1200)
        #expect(!dues.contains { $0.delay % 3 == 0 })
        for (one, next) in zip(dues, dues.dropFirst()) { #expect(next.latest >= one.earliest) }
    }

    @Test("a timer may schedule and cancel others, and runs once")
    func timersOfTimers() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let order = AsyncStream<String> { continuation in
            loop.submit {
                var second: LoopTimer?
                loop.schedule(after: .zero) {
                    continuation.yield("first")
                    second?.cancel()
                    loop.schedule(after: .seconds(-5)) {
                        continuation.yield("third")
                        continuation.finish()
                    }
                }
                second = loop.schedule(after: .zero) { continuation.yield("second") }
                loop.schedule(after: .seconds(Int64.max)) { continuation.yield("never") }
            }
        }
        var seen: [String] = []
        for await name in order { seen.append(name) }
        #expect(seen == ["first", "third"])
    }

    @Test("a handler that cancels the other watch of its batch silences it")
    func cancelInBatch() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        var pipes: [[Int32]] = []
        for _ in 0..<2 {
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            _ = write(ends[1], [1] as [UInt8], 1)
            pipes.append(ends)
        }
        defer { for end in pipes.joined() { close(end) } }
        let readers = pipes.map { $0[0] }
        let calls = AsyncStream<Int32> { continuation in
            loop.submit {
                var watches: [Watch] = []
                for reader in readers {
                    let watch = try? loop.watch(reader, for: .readable) { _ in
                        continuation.yield(reader)
                        for watch in watches { watch.cancel() }
                        // Reuses the slot of a watch whose event may be in this very batch.
                        let again = try? loop.watch(readers[0], for: .writable) { _ in }
                        loop.schedule(after: .milliseconds(5)) {
                            again?.cancel()
                            continuation.finish()
                        }
                    }
                    if let watch { watches.append(watch) }
                }
            }
        }
        var seen: [Int32] = []
        for await reader in calls { seen.append(reader) }
        #expect(seen.count == 1)
    }

    @Test("a cancelled watch lets go of what its handler holds")
    func cancelReleases() async throws {
        final class Held: Sendable {
            let count: SharedCount
            init(_ count: SharedCount) { self.count = count }
            deinit { count.add() }
        }
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let released = SharedCount()
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let reader = ends[0]
        await withCheckedContinuation { done in
            loop.submit {
                let held = Held(released)
                let watch = try? loop.watch(reader, for: .readable) { _ in _ = held }
                watch?.cancel()
                loop.schedule(after: .zero) {
                    _ = watch
                    done.resume()
                }
            }
        }
        await eventually { released.value == 1 }
        for end in ends { close(end) }
    }

    @Test("a stopped loop ends its thread and lets go of itself")
    func stopped() async throws {
        weak var gone: EventLoop?
        do {
            let loop = try EventLoop.start(name: "stopping")
            gone = loop
            await withCheckedContinuation { done in loop.submit { done.resume() } }
            #expect(threadCount(named: "stopping") == 1)
            loop.stop()
        }
        await eventually("the thread ends") { threadCount(named: "stopping") == 0 }
        #expect(gone == nil)
    }

    @Test("durations turn into nanoseconds without a trap")
    func durationsAreClamped() {
        #expect(Duration.seconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.seconds(Int64.min).nanosecondsClamped == .min)
        #expect(Duration.milliseconds(1500).nanosecondsClamped == 1_500_000_000)
        #expect(Duration.milliseconds(1500).millisecondsClamped == 1500)
    }
}
