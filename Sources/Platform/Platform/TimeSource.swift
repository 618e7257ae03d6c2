/// Where code gets the time from: injected, so that a test can turn the hands. Code that also
/// waits takes `any Clock<Duration>`.
package struct TimeSource: Sendable {
    /// The wall clock, Unix milliseconds UTC. It may jump; use it for what others will read.
    package let unixMilliseconds: @Sendable () -> Int64
    /// Nanoseconds that never go back, for intervals on this machine.
    package let monotonicNanoseconds: @Sendable () -> Int64

    package init(
        unixMilliseconds: @escaping @Sendable () -> Int64,
        monotonicNanoseconds: @escaping @Sendable () -> Int64
    ) {
        self.unixMilliseconds = unixMilliseconds
        self.monotonicNanoseconds = monotonicNanoseconds
    }

    /// This machine's clocks.
    package static let system = TimeSource(
        unixMilliseconds: { SystemTime.unixMilliseconds },
        monotonicNanoseconds: { SystemTime.monotonicNanoseconds })
}
