internal import CLinux

/// The clocks of this machine.
package enum SystemTime {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    package static var monotonicNanoseconds: Int64 { cue_monotonic_ns() }
    /// The wall clock, Unix milliseconds UTC.
    package static var unixMilliseconds: Int64 { cue_unix_ms() }
}
