import CLinux
import Glibc
import Platform
import Synchronization
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
        let fired = AsyncStream<Int> { continuation in
            loop.submit {
                for delay in [30, 10, 20] {
                    loop.schedule(after: .milliseconds(delay)) { continuation.yield(delay) }
                }
                loop.schedule(after: .milliseconds(5)) { continuation.yield(5) }.cancel()
                loop.schedule(after: .milliseconds(40)) { continuation.finish() }
            }
        }
        var order: [Int] = []
        for await delay in fired { order.append(delay) }
        #expect(order == [10, 20, 30])
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

    @Test("durations turn into nanoseconds without a trap")
    func durationsAreClamped() {
        #expect(Duration.seconds(Int64.max).nanosecondsClamped == .max)
        #expect(Duration.seconds(Int64.min).nanosecondsClamped == .min)
        #expect(Duration.milliseconds(1500).nanosecondsClamped == 1_500_000_000)
        #expect(Duration.milliseconds(1500).millisecondsClamped == 1500)
    }
}
