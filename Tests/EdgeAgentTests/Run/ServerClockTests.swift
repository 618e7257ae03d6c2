import Platform
import Testing

@testable import Agent

@Suite("ServerClock")
struct ServerClockTests {
    private let second: Int64 = 1_000_000_000

    @Test("until it is measured it is our own, and then the server's")
    func measured() {
        var clock = ServerClock(unixMilliseconds: 50_000, monotonicNanoseconds: 10 * second)
        #expect(clock.now(monotonicNanoseconds: 12 * second) == 52_000)
        clock.measured(
            aheadMilliseconds: 7_000, unixMilliseconds: 55_000, monotonicNanoseconds: 15 * second)
        #expect(clock.now(monotonicNanoseconds: 15 * second) == 62_000)
        #expect(clock.now(monotonicNanoseconds: 16 * second) == 63_000)
    }

    @Test("what the server's whole seconds cannot tell counts as nothing")
    func noise() {
        var clock = ServerClock(unixMilliseconds: 0, monotonicNanoseconds: 0)
        clock.measured(aheadMilliseconds: 2_000, unixMilliseconds: 9, monotonicNanoseconds: 0)
        #expect(clock.now(monotonicNanoseconds: 0) == 9)
        clock.measured(aheadMilliseconds: -2_001, unixMilliseconds: 9, monotonicNanoseconds: 0)
        #expect(clock.now(monotonicNanoseconds: 0) == -1_992)
    }

    @Test(
        "setting our clock changes nothing but asks for a measurement",
        arguments: [3_600_000, -3_600_000])
    func steps(by step: Int64) {
        var clock = ServerClock(unixMilliseconds: 10_000_000, monotonicNanoseconds: 0)
        #expect(!clock.hasStepped(unixMilliseconds: 10_001_000, monotonicNanoseconds: second))
        let (later, own) = (2 * second, 10_002_000 + step)
        #expect(clock.hasStepped(unixMilliseconds: own, monotonicNanoseconds: later))
        #expect(clock.now(monotonicNanoseconds: later) == 10_002_000)
        clock.measured(
            aheadMilliseconds: -step, unixMilliseconds: own, monotonicNanoseconds: later)
        #expect(!clock.hasStepped(unixMilliseconds: own, monotonicNanoseconds: later))
        #expect(clock.now(monotonicNanoseconds: later) == 10_002_000)
    }

    @Test("no number traps", arguments: [Int64.min, .max, 0, -1])
    func extremes(number: Int64) {
        var clock = ServerClock(unixMilliseconds: number, monotonicNanoseconds: number)
        clock.measured(
            aheadMilliseconds: number, unixMilliseconds: number, monotonicNanoseconds: number)
        _ = clock.now(monotonicNanoseconds: number)
        _ = clock.hasStepped(unixMilliseconds: number, monotonicNanoseconds: 0)
    }

    @Test("a doubt is answered with a measurement, also after one that failed")
    func watch() async throws {
        struct Away: Error {}
        let (measurements, measured) = AsyncStream<Void>.makeStream()
        let watch = ClockWatch(log: Log(component: "test", minimum: .error)) {
            measured.yield()
            throw Away()
        }
        let task = Task { try await watch.run() }
        var iterator = measurements.makeAsyncIterator()
        for _ in 0..<2 {
            watch.doubt()
            #expect(await iterator.next() != nil)
        }
        task.cancel()
        try await task.value
    }
}
