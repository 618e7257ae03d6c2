/// What a link session counts, and its round trips.
package struct LinkStatistics: Hashable, Sendable {
    /// How many of the latest round trips are kept.
    private static let samplesMax = 512

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
    private var samples: [Int64] = []
    private var oldest = 0

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
        if samples.count < Self.samplesMax {
            samples.append(sample)
        } else {
            samples[oldest] = sample
            oldest = (oldest + 1) % Self.samplesMax
        }
    }

    /// The round trip that `permille` of the latest ones did not pass, microseconds; 0 for none.
    package func roundTripMicroseconds(permille: Int) -> Int {
        guard !samples.isEmpty else { return 0 }
        let sorted = samples.sorted()
        return Int(sorted[min(sorted.count - 1, sorted.count * permille / 1000)] / 1000)
    }
}
