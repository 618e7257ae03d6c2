/// A limit on how often something may happen. Pure: the caller brings the time.
package protocol RateLimit: Sendable {
    /// Asks for one more at this monotonic time.
    mutating func admit(atNanoseconds now: Int64) -> RateAdmission
}

/// The answer of a rate limit.
package enum RateAdmission: Equatable, Sendable {
    case admitted
    /// Not now; it would be admitted after this time (for `Retry-After`).
    case refused(retryAfter: Duration)

    package var isAdmitted: Bool { self == .admitted }
}

/// So many at once, and so many a second in the long run: for requests.
package struct TokenBucket: RateLimit, Hashable {
    package let capacity: Int
    package let perSecond: Double
    private var tokens: Double
    private var lastNanoseconds: Int64?

    /// - Parameters:
    ///   - capacity: the largest burst; at least 1. The bucket starts full.
    ///   - perSecond: how many come back each second; more than 0.
    package init(capacity: Int, perSecond: Double) {
        precondition(capacity >= 1 && perSecond > 0, "a bucket holds and refills")
        self.capacity = capacity
        self.perSecond = perSecond
        tokens = Double(capacity)
    }

    package mutating func admit(atNanoseconds now: Int64) -> RateAdmission {
        refill(now)
        guard tokens < 1 else {
            tokens -= 1
            return .admitted
        }
        // Rounded up to a nanosecond, so that a caller who waits it out is admitted.
        let wait = ((1 - tokens) / perSecond * 1e9).rounded(.up) + 1
        return .refused(retryAfter: .nanoseconds(Int64(exactly: wait) ?? .max))
    }

    /// A clock that went back refills nothing.
    private mutating func refill(_ now: Int64) {
        if let last = lastNanoseconds, now > last {
            let elapsed = Double(now.subtractingReportingOverflow(last).partialValue) / 1e9
            tokens = min(Double(capacity), tokens + max(0, elapsed) * perSecond)
        }
        lastNanoseconds = max(now, lastNanoseconds ?? now)
    }
}

/// So many within any stretch of time, exactly: for sign-ins and other rare, dear things. Keeps
/// one time stamp for each admission.
package struct SlidingWindow: RateLimit {
    package let limit: Int
    package let window: Duration
    private let windowNanoseconds: Int64
    private var times: BoundedQueue<Int64>

    /// - Parameters:
    ///   - limit: admissions within `window`; 1 to 1,000.
    package init(limit: Int, window: Duration) {
        precondition((1...1000).contains(limit) && window > .zero, "a window admits something")
        self.limit = limit
        self.window = window
        windowNanoseconds = window.nanosecondsClamped
        times = BoundedQueue(limit: limit, policy: .dropOldest)
    }

    package mutating func admit(atNanoseconds now: Int64) -> RateAdmission {
        if times.isFull, let oldest = times.first {
            let age = now.subtractingReportingOverflow(oldest).partialValue
            if age < windowNanoseconds {
                return .refused(retryAfter: .nanoseconds(windowNanoseconds &- max(0, age)))
            }
        }
        times.append(now)
        return .admitted
    }
}
