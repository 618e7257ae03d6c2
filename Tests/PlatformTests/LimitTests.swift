import Platform
import SharedModels
import TestSupport
import Testing

@Suite("Rate limits")
struct RateLimitTests {
    @Test("a bucket gives its burst, then what comes back")
    func bucket() {
        var bucket = TokenBucket(capacity: 3, perSecond: 2)
        for _ in 0..<3 { #expect(bucket.admit(atNanoseconds: 1000).isAdmitted) }
        guard case .refused(let wait) = bucket.admit(atNanoseconds: 1000) else {
            Issue.record("admitted")
            return
        }
        #expect(abs(wait.nanosecondsClamped - 500_000_000) < 10)
        #expect(!bucket.admit(atNanoseconds: 499_000_000).isAdmitted)
        #expect(bucket.admit(atNanoseconds: 1000 + wait.nanosecondsClamped).isAdmitted)
        #expect(!bucket.admit(atNanoseconds: 1000 + wait.nanosecondsClamped).isAdmitted)
    }

    @Test("who waits as long as told is admitted, at any rate")
    func retryAfter() {
        withSeeds(300) { generator in
            var bucket = TokenBucket(
                capacity: Int.random(in: 1...5, using: &generator),
                perSecond: Double.random(in: 0.001...1000, using: &generator))
            var now = Int64.random(in: 0...1 << 50, using: &generator)
            for _ in 0..<50 {
                if case .refused(let wait) = bucket.admit(atNanoseconds: now) {
                    now += wait.nanosecondsClamped
                    #expect(
                        bucket.admit(atNanoseconds: now).isAdmitted, "seed \(generator.seed)")
                }
                now += Int64.random(in: 0...1000, using: &generator)
            }
        }
    }

    @Test("a clock that goes back, or far away, neither traps nor gives more than the burst")
    func strangeClock() {
        var bucket = TokenBucket(capacity: 2, perSecond: 1)
        var window = SlidingWindow(limit: 2, window: .seconds(1))
        for now in [Int64.max, .min, 0, .max, .min, -1] {
            _ = bucket.admit(atNanoseconds: now)
            _ = window.admit(atNanoseconds: now)
        }
        var other = TokenBucket(capacity: 2, perSecond: 1)
        #expect(other.admit(atNanoseconds: 10_000_000_000).isAdmitted)
        #expect(other.admit(atNanoseconds: 0).isAdmitted)
        #expect(!other.admit(atNanoseconds: 0).isAdmitted)
    }

    @Test("no stretch of a window's length sees more than its limit")
    func window() {
        withSeeds(200) { generator in
            let limit = Int.random(in: 1...6, using: &generator)
            var window = SlidingWindow(limit: limit, window: .seconds(1))
            var admitted: [Int64] = []
            var now: Int64 = 0
            for _ in 0..<200 {
                now += Int64.random(in: 0...400_000_000, using: &generator)
                switch window.admit(atNanoseconds: now) {
                case .admitted: admitted.append(now)
                case .refused(let wait):
                    var later = window
                    let then = now + wait.nanosecondsClamped
                    #expect(later.admit(atNanoseconds: then).isAdmitted, "seed \(generator.seed)")
                }
                let recent = admitted.count { $0 > now - 1_000_000_000 }
                #expect(recent <= limit, "seed \(generator.seed)")
            }
        }
    }

    @Test("each key has a limit of its own, and the least recent are forgotten first")
    func keys() {
        let limits = KeyedLimits<Int, SlidingWindow>(
            SlidingWindow(limit: 1, window: .seconds(100)), keysMax: 10)
        #expect(limits.admit(0, atNanoseconds: 0).isAdmitted)
        #expect(!limits.admit(0, atNanoseconds: 1).isAdmitted)
        // Key 0 is asked for again and again, so no number of others makes it forgotten.
        for key in 1...1000 {
            #expect(limits.admit(key, atNanoseconds: 2).isAdmitted)
            #expect(!limits.admit(0, atNanoseconds: 2).isAdmitted)
            #expect(limits.keyCount <= 10)
        }
        #expect(limits.admit(1, atNanoseconds: 3).isAdmitted)
        limits.forget(0)
        #expect(limits.admit(0, atNanoseconds: 4).isAdmitted)
    }
}

@Suite("Backoff")
struct BackoffTests {
    @Test("delays double, keep within half and all, and stop at the longest")
    func doubling() {
        withSeeds(100) { generator in
            var backoff = Backoff(first: .milliseconds(100), longest: .seconds(10))
            for attempt in 0..<100 {
                let full = min(Double(100) * pow2(attempt), 10_000)
                let delay = backoff.next(using: &generator)
                #expect(
                    (full / 2 - 1...full).contains(Double(delay.millisecondsClamped)),
                    "seed \(generator.seed)")
            }
            backoff.reset()
            #expect(backoff.next(using: &generator) <= .milliseconds(100))
        }
    }

    @Test("the longest of delays does not overflow")
    func endless() {
        var backoff = Backoff(first: .seconds(1), longest: .seconds(Int64.max / 4))
        for _ in 0..<200 { #expect(backoff.next() > .zero) }
    }

    private func pow2(_ exponent: Int) -> Double { exponent > 60 ? 1e18 : Double(1 << exponent) }
}

@Suite("Identifiers and machine")
struct IDGeneratorTests {
    @Test("identifiers carry the injected time and never repeat")
    func identifiers() async {
        let clock = ManualClock(unixMilliseconds: 0x0123_4567_89AB)
        let generator = IDGenerator(unixMilliseconds: clock.timeSource.unixMilliseconds)
        let first: Identifier<IDGeneratorTests> = generator.next()
        #expect("\(first)".hasPrefix("01234567-89ab-7"))
        clock.advance(by: .milliseconds(1))
        #expect(generator.next(IDGeneratorTests.self) > first)
        let all = await withTaskGroup(of: [Identifier<Int>].self) { group in
            for _ in 0..<8 { group.addTask { (0..<1000).map { _ in generator.next() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(all).count == 8000)
    }

    @Test("the same seed gives the same identifiers, and both random words are used")
    func repeatable() {
        func made() -> [Identifier<Int>] {
            let clock = ManualClock(unixMilliseconds: 1)
            let generator = IDGenerator(
                unixMilliseconds: clock.timeSource.unixMilliseconds,
                chance: SeededGenerator(seed: 7))
            return (0..<100).map { _ in
                clock.advance(by: .milliseconds(1))
                return generator.next()
            }
        }
        let ids = made()
        #expect(ids == made())
        #expect(Set(ids.map { $0.high & 0xFFF }).count > 90)
        #expect(Set(ids.map(\.low)).count == 100)
    }

    @Test("what is made in one millisecond sorts in the order of its making")
    func orderWithinAMillisecond() {
        let generator = IDGenerator(unixMilliseconds: { 5 }, chance: SeededGenerator(seed: 8))
        let ids: [Identifier<Int>] = (0..<10_000).map { _ in generator.next() }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        #expect("\(ids[9_999])".hasPrefix("00000000-0005-7"))
    }

    @Test("when the random part is full the next millisecond is borrowed")
    func full() {
        let generator = IDGenerator(unixMilliseconds: { 5 }, chance: AllOnes())
        let ids: [Identifier<Int>] = (0..<100).map { _ in generator.next() }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        #expect("\(ids[0])" == "00000000-0005-7fff-bfff-ffffffffffff")
        #expect("\(ids[99])".hasPrefix("00000000-0068-7"))
    }

    @Test("a clock that goes back a little is waited for, one that goes back far is followed")
    func clockGoesBack() {
        let clock = ManualClock(unixMilliseconds: 1_000_000)
        let generator = IDGenerator(unixMilliseconds: clock.timeSource.unixMilliseconds)
        let first: Identifier<Int> = generator.next()
        clock.advance(by: .milliseconds(-9_999))
        let second: Identifier<Int> = generator.next()
        #expect(second > first)
        clock.advance(by: .milliseconds(-1))
        let third: Identifier<Int> = generator.next()
        #expect(third < first)
        #expect(third.high >> 16 == 990_000)
    }

    /// Chance that always draws the greatest number.
    private struct AllOnes: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }

    @Test("the boot id is a UUID and stays")
    func bootID() {
        #expect(Identifier<Int>(MachineID.bootID) != nil)
        #expect(!MachineID.hostName.isEmpty)
    }
}
