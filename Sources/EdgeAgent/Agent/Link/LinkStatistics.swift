/// What a link session counts, and its smoothed round trip.
package struct LinkStatistics: Hashable, Sendable {
    /// Frames sent for the first time.
    package internal(set) var sent = 0
    /// Frames sent again.
    package internal(set) var retries = 0
    package internal(set) var received = 0
    /// Frames of the board that arrived damaged.
    package internal(set) var crcErrors = 0
    package internal(set) var framingErrors = 0
    /// Frames that answer nothing that is asked: late repeats, mostly.
    package internal(set) var strays = 0
    package internal(set) var naks = 0
    package internal(set) var reboots = 0
    package internal(set) var lostEvents = 0
    /// Smoothed round trip and its deviation, nanoseconds; 0 before the first (RFC 6298 §2).
    package private(set) var smoothedNanoseconds: Int64 = 0
    package private(set) var deviationNanoseconds: Int64 = 0
    package private(set) var roundTrips = RoundTripHistogram()

    package init() {}

    /// How long an answer is worth waiting for, by what was measured.
    var timeoutNanoseconds: Int64 { smoothedNanoseconds + 4 * deviationNanoseconds }

    /// Takes the time from sending to answer of a frame that was sent once (Karn's rule).
    mutating func roundTrip(_ nanoseconds: Int64) {
        let sample = max(0, nanoseconds)
        if smoothedNanoseconds == 0 {
            smoothedNanoseconds = sample
            deviationNanoseconds = sample / 2
        } else {
            let error = abs(smoothedNanoseconds - sample)
            deviationNanoseconds += (error - deviationNanoseconds) / 4
            smoothedNanoseconds += (sample - smoothedNanoseconds) / 8
        }
        roundTrips.add(nanoseconds: sample)
    }

    /// The round trip that `permille` of the latest ones did not pass, microseconds; 0 for none.
    package func roundTripMicroseconds(permille: Int) -> Int {
        roundTrips.microseconds(permille: permille)
    }
}
