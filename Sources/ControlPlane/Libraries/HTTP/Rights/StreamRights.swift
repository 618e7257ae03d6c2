package import Platform
internal import Synchronization

/// Looks again at the rights of long-lived answers: at each keep-alive, and at once when it is
/// told that rights have changed. Who has none any more is told so and closed; while a right
/// cannot be looked at, its streams go on for `RightsLedger.Limits.grace`. All calls are safe on
/// any thread and never wait.
package final class StreamRights: Sendable {
    typealias End = @Sendable (StreamEnd) -> Void

    private struct State {
        var ledger = RightsLedger()
        var ends: [RightsLedger.StreamID: End] = [:]
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let failures: RareLog

    package init(time: TimeSource = .system, log: Log) {
        self.time = time
        failures = RareLog(log, time: time)
    }

    /// Says that rights have changed, after they have: the streams concerned are looked at now.
    package func tell(_ change: RightsChange) {
        perform(state.withLock { $0.ledger.tell(change) })
    }

    /// How many streams are watched over.
    package var streamCount: Int { state.withLock { $0.ledger.streamCount } }

    /// Whether no check is under way or waits.
    var isIdle: Bool { state.withLock { $0.ledger.isIdle } }

    /// To be asked before a caller is let in.
    var changeCount: UInt64 { state.withLock { $0.ledger.changeCount } }

    /// A stream begins; `end` is called at most once, on any thread, when its right is gone.
    func enter(_ right: StreamRight, end: @escaping End) -> Entry {
        let (id, work) = state.withLock { state in
            let (id, work) = state.ledger.enter(right, at: time.monotonicNanoseconds())
            state.ends[id] = end
            return (id, work)
        }
        perform(work)
        return Entry(rights: self, id: id)
    }

    /// One stream's place here.
    struct Entry: Sendable {
        fileprivate let rights: StreamRights
        fileprivate let id: RightsLedger.StreamID

        /// Its keep-alive is due.
        func ping() {
            rights.perform(
                rights.state.withLock {
                    $0.ledger.ping(id, at: rights.time.monotonicNanoseconds())
                })
        }

        /// It has ended.
        func leave() {
            rights.state.withLock { state in
                state.ledger.leave(id)
                state.ends[id] = nil
            }
        }
    }

    private func perform(_ work: RightsLedger.Work) {
        if let end = work.end {
            let ends = state.withLock { state in
                work.ended.compactMap { state.ends.removeValue(forKey: $0) }
            }
            for tell in ends { tell(end) }
        }
        // At most `checksMax` tasks at one time, each as long as its hooks take.
        for check in work.checks { Task { await run(check) } }
    }

    private func run(_ check: RightsLedger.Check) async {
        let verdict = await check.right.check()
        if case .unknown(let reason) = verdict {
            failures.warning("cannot check a stream's right", ["reason": .string(reason)])
        }
        perform(
            state.withLock {
                $0.ledger.finish(check, verdict, at: time.monotonicNanoseconds())
            })
    }
}
