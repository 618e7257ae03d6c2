import Hardware
import TestSupport
import Testing

@testable import Agent

/// A board with a clock of its own, behind a line of 115,200 baud that delays as it likes.
private struct MadeUpBoard {
    /// Of the board's clock at our time 0, and how fast it runs, as shares of a million.
    var bootMicroseconds: Int64
    var drift: Double
    var clock = BoardClock()
    private var random: SeededGenerator

    init(seed: UInt64, bootMicroseconds: Int64 = 5_000_000, drift: Double = 0) {
        self.bootMicroseconds = bootMicroseconds
        self.drift = drift
        random = SeededGenerator(seed: seed)
    }

    /// The board's true time, nanoseconds.
    func truth(at time: Int64) -> Double {
        Double(bootMicroseconds) * 1000 + Double(time) * (1 + drift / 1e6)
    }

    /// One exchange at that time, delayed by up to so much each way.
    mutating func exchange(at time: Int64, jitterNanoseconds: Int64) {
        let read =
            time + 607_639 + Int64.random(in: 0...jitterNanoseconds, using: &random)
        let microseconds = Int64(truth(at: read) / 1000)
        let received =
            read + 1_302_083 + Int64.random(in: 0...jitterNanoseconds, using: &random)
        let milliseconds = microseconds / 1000
        clock.take(
            ClockReading(
                microseconds: UInt32(truncatingIfNeeded: microseconds),
                milliseconds: UInt32(truncatingIfNeeded: milliseconds)),
            sentNanoseconds: time, receivedNanoseconds: received, baud: 115_200)
    }

    /// How far the estimate is from the truth, milliseconds; nil without one.
    func error(at time: Int64) -> Double? {
        guard let estimate = clock.estimate(at: time) else { return nil }
        let wrap = 4_294_967_296.0
        let truth = truth(at: time) / 1e6
        let error = Double(estimate.milliseconds) - truth.truncatingRemainder(dividingBy: wrap)
        return error > wrap / 2 ? error - wrap : error < -wrap / 2 ? error + wrap : error
    }
}

@Suite("Board clock")
struct BoardClockTests {
    private static let second: Int64 = 1_000_000_000

    @Test("without a reading nothing is known; what is no clock is left aside")
    func none() {
        var clock = BoardClock()
        #expect(clock.estimate(at: 0) == nil)
        clock.take(
            ClockReading(microseconds: 7, milliseconds: 7), sentNanoseconds: 0,
            receivedNanoseconds: 1, baud: 115_200)
        clock.take(
            ClockReading(microseconds: 7000, milliseconds: 7), sentNanoseconds: 1,
            receivedNanoseconds: 0, baud: 115_200)
        #expect(clock.estimate(at: 0) == nil)
    }

    @Test("a clean line: the estimate is off by its rounding alone")
    func clean() throws {
        var board = MadeUpBoard(seed: 1)
        for number in 0..<8 { board.exchange(at: Int64(number) * 3_000_000, jitterNanoseconds: 0) }
        let error = try #require(board.error(at: Self.second / 10))
        #expect(abs(error) <= 0.6)
    }

    @Test(
        "jitter of 2 ms each way and the drift of a resonator: within 1.5 ms, and within what it says itself",
        arguments: [-5000.0, -1200, -50, 0, 80, 900, 5000])
    func jitterAndDrift(drift: Double) throws {
        for seed in 0..<20 as Range<UInt64> {
            var board = MadeUpBoard(seed: seed, drift: drift)
            for number in 0..<8 {
                board.exchange(at: Int64(number) * 10_000_000, jitterNanoseconds: 2_000_000)
            }
            var time = Self.second
            for _ in 0..<100 {
                board.exchange(at: time, jitterNanoseconds: 2_000_000)
                time += 400_000_000
            }
            for ahead in [0, 80, 500] as [Int64] {
                let target = time + ahead * 1_000_000
                let error = try #require(board.error(at: target))
                let estimate = try #require(board.clock.estimate(at: target))
                #expect(abs(error) <= 1.5, "seed \(seed), drift \(drift), \(ahead) ms ahead")
                #expect(abs(error) <= Double(estimate.doubtNanoseconds) / 1e6 + 0.5)
            }
        }
    }

    @Test(
        "the wrap-arounds of microseconds (71 min) and milliseconds (49 days) disturb nothing",
        arguments: [4_294_967_296 - 3_000_000, 4_294_967_296_000 - 3_000_000] as [Int64])
    func wrap(bootMicroseconds: Int64) throws {
        var board = MadeUpBoard(seed: 3, bootMicroseconds: bootMicroseconds, drift: 700)
        for number in 0..<20 as Range<Int64> {
            let time = number * 400_000_000
            board.exchange(at: time, jitterNanoseconds: 500_000)
            let error = try #require(board.error(at: time + 80_000_000))
            #expect(abs(error) <= 1.5, "reading \(number)")
        }
    }

    @Test("one reading that took long is not believed when there are better ones")
    func outlier() throws {
        var board = MadeUpBoard(seed: 4)
        for number in 0..<6 {
            board.exchange(at: Int64(number) * 5_000_000, jitterNanoseconds: 100_000)
        }
        board.exchange(at: 40_000_000, jitterNanoseconds: 100_000_000)
        let error = try #require(board.error(at: 250_000_000))
        #expect(abs(error) <= 1)
    }

    @Test("readings are bounded, and extremes do not trap")
    func bounds() {
        var clock = BoardClock()
        for number in 0..<200 as Range<UInt32> {
            let milliseconds = number &* 0x7FFF_FFFF
            clock.take(
                ClockReading(microseconds: milliseconds &* 1000, milliseconds: milliseconds),
                sentNanoseconds: Int64(number), receivedNanoseconds: Int64(number) + 9, baud: 0)
            _ = clock.estimate(at: 1 << 60)
        }
        #expect(clock.count == BoardClock.Limits.readingsMax)
    }
}

@Suite("Common starts")
struct StartTimesTests {
    private static let now: Int64 = 5_000_000_000_123

    private func time(
        _ starts: inout StartTimes, startAt: Int64, issuedAt: Int64, unix: Int64,
        at now: Int64 = now
    ) -> Int64 {
        starts.time(of: startAt, issuedAt: issuedAt, at: now, unixMilliseconds: unix)
    }

    @Test("a start that our clock makes plausible is taken as it is, whenever it is asked")
    func plausible() {
        for delay in [0, 1, 30, 79] as [Int64] {
            var starts = StartTimes()
            let start = time(
                &starts, startAt: 10_080, issuedAt: 10_000, unix: 10_000 + delay,
                at: Self.now + delay * 1_000_000)
            #expect(start == 5_000_080_000_000)
        }
    }

    @Test(
        "where our clock is off by up to two seconds, it is as long after the first as it was meant"
    )
    func skewed() {
        for skew in [-1900, -90, 200, 1900] as [Int64] {
            var starts = StartTimes()
            let first = time(&starts, startAt: 10_080, issuedAt: 10_000, unix: 10_000 + skew)
            #expect(first == 5_000_080_000_000)
            let later = time(
                &starts, startAt: 10_080, issuedAt: 10_003, unix: 10_020 + skew,
                at: Self.now + 20_000_000)
            #expect(later == first, "all boards of an agent have one start")
        }
    }

    @Test("one that is long past is in the past")
    func past() {
        var starts = StartTimes()
        let start = time(&starts, startAt: 10_080, issuedAt: 10_000, unix: 15_000)
        #expect(start < Self.now)
    }

    @Test("extremes do not trap, and memory is bounded")
    func bounds() {
        var starts = StartTimes()
        for startAt in [Int64.min, .max, 0] {
            for issuedAt in [Int64.min, .max, 0] {
                for unix in [Int64.min, .max, 0] {
                    _ = time(&starts, startAt: startAt, issuedAt: issuedAt, unix: unix)
                }
            }
        }
        for number in 0..<1000 as Range<Int64> {
            _ = time(&starts, startAt: number, issuedAt: 0, unix: 0)
        }
        let again = time(
            &starts, startAt: 999, issuedAt: 0, unix: 500, at: Self.now + 1_000_000)
        #expect(again == 5_000_999_000_000)
    }
}
