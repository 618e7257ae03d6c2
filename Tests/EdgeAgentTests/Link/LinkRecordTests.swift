import FirmwareCore
import Hardware
import SharedModels
import TestSupport
import Testing

@testable import Agent

@Suite("Link record")
struct LinkRecordTests {
    private let uid = BoardUID(value: 7)

    /// What a board answers to COUNTERS_READ (docs/link.md §7).
    private func counters(
        crcErrors: UInt16 = 0, overruns: UInt16 = 0, ring: UInt16 = 0, duplicates: UInt16 = 0,
        uptimeMilliseconds: UInt32, boots: UInt32
    ) throws -> LinkCounters {
        func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        var payload: [UInt8] = []
        for field in [crcErrors, 0, overruns, ring, duplicates, 0, 0, 0, 0] {
            payload += little(field)
        }
        payload += little(UInt32(5)) + little(UInt16(600)) + [0]
        payload += little(uptimeMilliseconds) + little(boots)
        let message = LinkMessage(Frame(type: 0x89, sequence: 0, payload: payload))
        guard case .counters(let counters)? = message else {
            Issue.record("not the counters of docs/link.md")
            throw CancellationError()
        }
        return counters
    }

    @Test("counts add up over connections, and a board's own over its boots, none twice")
    func addUp() throws {
        var record = LinkRecord()
        var first = LinkStatistics()
        first.sent = 10
        first.retries = 2
        first.crcErrors = 1
        record.counted(try counters(crcErrors: 3, duplicates: 1, uptimeMilliseconds: 10, boots: 1))
        record.counted(try counters(crcErrors: 4, duplicates: 1, uptimeMilliseconds: 20, boots: 1))
        record.ended(first, isLoss: true)
        // The same boot over the next connection, then another one.
        record.counted(try counters(crcErrors: 4, duplicates: 2, uptimeMilliseconds: 30, boots: 1))
        record.counted(
            try counters(crcErrors: 2, overruns: 1, ring: 2, uptimeMilliseconds: 40, boots: 2))
        record.ended(LinkStatistics(), isLoss: false)
        record.reset()
        var current = LinkStatistics()
        current.sent = 5
        current.framingErrors = 1
        let figures = record.figures(of: uid, current: current)
        #expect(figures.sent == 15 && figures.retries == 2)
        #expect(figures.crcErrors == 1 + 4 + 2 && figures.framingErrors == 1)
        #expect(figures.duplicates == 2 && figures.overruns == 3)
        #expect(figures.losses == 1 && figures.resets == 1)
    }

    @Test("the last connection's round trips are told until the next one has some")
    func roundTrips() {
        var record = LinkRecord()
        var statistics = LinkStatistics()
        for _ in 0..<100 { statistics.roundTrip(2_000_000) }
        record.ended(statistics, isLoss: true)
        for current in [nil, LinkStatistics()] {
            let median = record.figures(of: uid, current: current).roundTripP50Microseconds
            #expect((2000...2130).contains(median))
        }
        var current = LinkStatistics()
        current.roundTrip(500_000)
        let figures = record.figures(of: uid, current: current)
        #expect((500...532).contains(figures.roundTripP99Microseconds))
    }

    @Test("a histogram's figures are at most 1/16 above the exact ones, whatever comes")
    func exactness() {
        var random = SeededGenerator(seed: 11)
        var histogram = RoundTripHistogram()
        var exact: [Int64] = []
        for _ in 0..<4000 {
            let octave = Int64.random(in: 0...22, using: &random)
            let value = Int64.random(in: 0..<(1 << octave), using: &random)
            exact.append(value)
            histogram.add(nanoseconds: value * 1000)
        }
        exact.sort()
        for permille in [0, 10, 500, 900, 990, 999, 1000] {
            let wanted = exact[min(exact.count - 1, exact.count * permille / 1000)]
            let found = Int64(histogram.microseconds(permille: permille))
            #expect(wanted <= found && found <= wanted + wanted / 16, "\(permille): \(wanted)")
        }
    }

    @Test("a histogram forgets the oldest, never grows, and takes any number")
    func bounded() {
        var histogram = RoundTripHistogram()
        #expect(histogram.microseconds(permille: 500) == 0)
        for _ in 0..<RoundTripHistogram.halfMax { histogram.add(nanoseconds: .max) }
        for _ in 0..<(2 * RoundTripHistogram.halfMax) { histogram.add(nanoseconds: -5) }
        #expect(histogram.microseconds(permille: 1000) == 0)
        #expect(histogram.count <= 2 * RoundTripHistogram.halfMax)
        histogram.add(nanoseconds: .max)
        #expect(histogram.microseconds(permille: 1000) == (1 << 23) - 1)
    }
}
