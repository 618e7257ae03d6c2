internal import Hardware

/// Notices a board that keeps restarting by itself, and keeps it out of use until a person
/// releases it or it has been quiet for long enough. A pure value; times are monotonic
/// nanoseconds. It outlives unplugging, because a board whose USB restarts with it unplugs
/// itself; it does not outlive the agent's process.
package struct ResetWatch: Hashable, Sendable {
    package enum Limits {
        /// Unexpected restarts within the window that put a board out of use.
        package static let resetsMax = 3
        package static let windowNanoseconds: Int64 = 60_000_000_000
        /// Time without a restart after which it may work again.
        package static let quietNanoseconds: Int64 = 600_000_000_000
    }

    /// Of the latest restarts, at most `resetsMax`.
    private var times: [Int64] = []
    /// When a quarantined board will have been quiet for long enough; nil if it is not in
    /// quarantine.
    package private(set) var quietAtNanoseconds: Int64?

    package init() {}

    package var isQuarantined: Bool { quietAtNanoseconds != nil }

    /// The board restarted unexpectedly. Answers whether this put it out of use.
    package mutating func reset(at now: Int64) -> Bool {
        if isQuarantined {
            quietAtNanoseconds = now + Limits.quietNanoseconds
            return false
        }
        times.removeAll { now - $0 >= Limits.windowNanoseconds }
        times.append(now)
        guard times.count >= Limits.resetsMax else { return false }
        quietAtNanoseconds = now + Limits.quietNanoseconds
        return true
    }

    /// Time passed. Answers whether this ended the quarantine.
    package mutating func ease(at now: Int64) -> Bool {
        guard let quiet = quietAtNanoseconds, now >= quiet else { return false }
        return release()
    }

    /// Ends the quarantine; false if there was none.
    package mutating func release() -> Bool {
        guard isQuarantined else { return false }
        self = ResetWatch()
        return true
    }
}

extension ResetCause {
    /// Whether the board failed: its program hung, or its power did while it was plugged in. The
    /// chip also reports a brown-out whenever it is powered on.
    var isFailure: Bool {
        !isDisjoint(with: [.watchdog, .hang]) || contains(.brownOut) && !contains(.powerOn)
    }
}
