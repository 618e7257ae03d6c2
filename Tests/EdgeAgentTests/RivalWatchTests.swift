import Testing

@testable import Agent

@Suite("Rival watch")
struct RivalWatchTests {
    private let second: Int64 = 1_000_000_000

    @Test("three short connections in a row are suspicious, and it is said once")
    func suspects() {
        var watch = RivalWatch()
        var alarms: [Bool] = []
        for round in 0..<5 as Range<Int64> {
            watch.connected(atNanoseconds: round * 10 * second)
            alarms.append(watch.lost(atNanoseconds: (round * 10 + 1) * second))
        }
        #expect(alarms == [false, false, true, false, false])
        #expect(watch.isSuspicious)
    }

    @Test("a connection that lasts ends the suspicion")
    func forgives() {
        var watch = RivalWatch()
        for round in 0..<3 as Range<Int64> {
            watch.connected(atNanoseconds: round * 10 * second)
            _ = watch.lost(atNanoseconds: (round * 10 + 1) * second)
        }
        watch.connected(atNanoseconds: 100 * second)
        let isAlarmed = watch.lost(atNanoseconds: 106 * second)
        #expect(!isAlarmed)
        #expect(!watch.isSuspicious)
    }

    @Test("attempts that never connected are nobody's doing")
    func neverConnected() {
        var watch = RivalWatch()
        let alarms = (0..<10).filter { _ in watch.lost(atNanoseconds: 5) }
        #expect(alarms.isEmpty)
        #expect(!watch.isSuspicious)
    }
}
