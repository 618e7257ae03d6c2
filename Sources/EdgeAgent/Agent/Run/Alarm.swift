internal import Platform

/// One wake-up of an event loop that is moved all the time. It fires early rather than being
/// rescheduled, so its owner looks at the clock again; used on the loop alone.
final class Alarm {
    private let loop: EventLoop
    private let ring: () -> Void
    private var timer: LoopTimer?
    private var dueNanoseconds = Int64.max

    init(loop: EventLoop, ring: @escaping () -> Void) {
        self.loop = loop
        self.ring = ring
    }

    /// Rings no later than then; nil takes nothing back.
    func ring(by due: Int64?) {
        guard let due, due < dueNanoseconds else { return }
        timer?.cancel()
        dueNanoseconds = due
        let delay = max(0, due - SystemTime.monotonicNanoseconds)
        timer = loop.schedule(after: .nanoseconds(delay)) { [weak self] in
            self?.dueNanoseconds = .max
            self?.ring()
        }
    }

    func cancel() {
        timer?.cancel()
        dueNanoseconds = .max
    }
}
