internal import Platform

/// When the next attempt to connect may start: at once while all is well, later and later while
/// attempts fail. Pure; times are monotonic nanoseconds.
struct AttemptPlan {
    private(set) var nextAttempt: Int64 = 0
    private var backoff: Backoff
    private var lastFailure: Int64 = .min

    init(_ backoff: Backoff) { self.backoff = backoff }

    /// Whether the last attempt failed.
    var isInDoubt: Bool { backoff.attemptCount > 0 }

    mutating func succeeded() {
        backoff.reset()
        nextAttempt = 0
    }

    /// - Parameter start: when the attempt started; attempts that ran side by side count once.
    mutating func failed(
        startedAt start: Int64, now: Int64, using generator: inout some RandomNumberGenerator
    ) {
        guard start >= lastFailure else { return }
        lastFailure = now
        nextAttempt = now &+ backoff.next(using: &generator).nanosecondsClamped
    }
}
