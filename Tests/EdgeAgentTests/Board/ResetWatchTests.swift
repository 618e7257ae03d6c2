import Hardware
import Testing

@testable import Agent

/// A reset watch that expectations can change.
private final class Watched {
    private var watch = ResetWatch()
    var isQuarantined: Bool { watch.isQuarantined }
    var quietAtNanoseconds: Int64? { watch.quietAtNanoseconds }
    func reset(at now: Int64) -> Bool { watch.reset(at: now) }
    func ease(at now: Int64) -> Bool { watch.ease(at: now) }
    func release() -> Bool { watch.release() }
}

@Suite("Reset watch")
struct ResetWatchTests {
    private let second: Int64 = 1_000_000_000

    @Test("three unexpected restarts within a minute put a board out of use, two do not")
    func threeWithinAMinute() {
        let watch = Watched()
        #expect(!watch.reset(at: 0))
        #expect(!watch.reset(at: 30 * second))
        #expect(!watch.isQuarantined)
        #expect(watch.reset(at: 59 * second))
        #expect(watch.isQuarantined)
    }

    @Test("restarts more than a minute apart are never too many")
    func slow() {
        let watch = Watched()
        for number in 0..<1000 { #expect(!watch.reset(at: Int64(number) * 31 * second)) }
        #expect(!watch.isQuarantined)
    }

    @Test("ten quiet minutes end it, and each restart begins them anew")
    func quiet() {
        let watch = Watched()
        for number in 0..<3 { _ = watch.reset(at: Int64(number)) }
        #expect(!watch.ease(at: 599 * second))
        #expect(!watch.reset(at: 599 * second), "it is in quarantine already")
        #expect(!watch.ease(at: 601 * second))
        #expect(watch.quietAtNanoseconds == (599 + 600) * second)
        #expect(watch.ease(at: 1199 * second))
        #expect(!watch.isQuarantined && watch.quietAtNanoseconds == nil)
        #expect(!watch.ease(at: 2000 * second))
    }

    @Test("a person ends it, and the count begins anew")
    func release() {
        let watch = Watched()
        #expect(!watch.release())
        for _ in 0..<3 { _ = watch.reset(at: 0) }
        #expect(watch.release())
        #expect(!watch.reset(at: second))
        #expect(!watch.reset(at: second))
        #expect(watch.reset(at: second))
    }

    @Test("a watchdog, a hang and a brown-out are failures; power, plug and button are not")
    func causes() {
        #expect(ResetCause.watchdog.isFailure && ResetCause.hang.isFailure)
        #expect(ResetCause.brownOut.isFailure && ResetCause([.pin, .watchdog]).isFailure)
        // A chip that is powered on has been without power.
        #expect(!ResetCause([.powerOn, .brownOut]).isFailure)
        #expect(!ResetCause.pin.isFailure && !ResetCause([]).isFailure)
    }
}
