internal import Platform

/// One reading of both clocks, given to everything that needs to know the time.
package struct Moment: Hashable, Sendable {
    /// `CLOCK_MONOTONIC`, nanoseconds: for intervals.
    package let monotonicNanoseconds: Int64
    /// The wall clock, Unix milliseconds UTC: for identifiers and for the age of an event.
    package let unixMilliseconds: Int64

    package init(monotonicNanoseconds: Int64, unixMilliseconds: Int64) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.unixMilliseconds = unixMilliseconds
    }

    /// The clocks of this machine, now.
    package static var now: Moment {
        Moment(
            monotonicNanoseconds: SystemTime.monotonicNanoseconds,
            unixMilliseconds: SystemTime.unixMilliseconds)
    }

    /// Nanoseconds from `earlier` to here on the monotonic clock.
    func nanoseconds(since earlier: Int64) -> Int64 {
        monotonicNanoseconds.subtractingReportingOverflow(earlier).partialValue
    }
}

extension Duration {
    /// Whole nanoseconds; the largest Int64 when they do not fit.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product &+ attoseconds / 1_000_000_000
    }
}
