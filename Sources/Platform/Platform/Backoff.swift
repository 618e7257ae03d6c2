/// How long to wait before the next attempt: doubling from `first` up to `longest`, each time
/// shortened by chance to between half and all of it, so that a thousand agents that lost the
/// same broker do not come back in one second.
package struct Backoff: Sendable, Hashable {
    package let first: Duration
    package let longest: Duration
    /// How many delays were given since the start or the last `reset`.
    package private(set) var attemptCount = 0

    package init(first: Duration = .milliseconds(250), longest: Duration = .seconds(30)) {
        precondition(first > .zero && longest >= first, "delays are positive and grow")
        self.first = first
        self.longest = longest
    }

    /// The delay before the next attempt.
    package mutating func next(using chance: inout some RandomNumberGenerator) -> Duration {
        let doublings = min(attemptCount, 62)
        attemptCount += 1
        var full = first
        for _ in 0..<doublings where full < longest { full *= 2 }
        let nanoseconds = min(full, longest).nanosecondsClamped
        return .nanoseconds(Int64.random(in: nanoseconds / 2...nanoseconds, using: &chance))
    }

    /// The delay before the next attempt, by the kernel's chance.
    package mutating func next() -> Duration {
        var chance = SystemRandomNumberGenerator()
        return next(using: &chance)
    }

    /// To be called after a success that lasted.
    package mutating func reset() { attemptCount = 0 }
}
