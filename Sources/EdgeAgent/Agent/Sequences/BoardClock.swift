package import Hardware

/// What a board's clock shows at a time of ours, reckoned from readings of it. A pure value; our
/// times are monotonic nanoseconds.
///
/// A reading was taken somewhere between the request's last byte leaving and the answer's first byte
/// coming; half of that stretch is its doubt. Two readings with little doubt that are some time apart
/// also tell how fast the board's clock runs (a ceramic resonator is off by up to 5 ms a second), so
/// what is believed is the reading, or the pair, that leaves the least doubt at the time asked for.
package struct BoardClock: Hashable, Sendable {
    package enum Limits {
        /// Readings remembered; with one each 400 ms, those of 13 s.
        package static let readingsMax = 32
        /// How fast or slow a clock may be at most, as a share, before it was measured.
        static let driftUnknown = 0.006
        /// What stays uncertain of a measured rate: it changes with the temperature.
        static let driftKnown = 0.000_02
        /// A rate beyond this is no clock but a damaged reading.
        static let driftMax = 0.01
        /// Readings closer to each other tell no rate.
        static let spanMinNanoseconds: Int64 = 400_000_000
        /// What a reading is uncertain by at least: our loop, and the board's.
        static let doubtMinNanoseconds: Int64 = 20_000
        /// Frames of the exchange as bytes on the wire (docs/link.md §8).
        static let requestBytes: Int64 = 7
        static let answerBytes: Int64 = 15
    }

    private struct Reading: Hashable {
        let nanoseconds: Int64
        /// The board's time since its boot, over all wrap-arounds.
        let boardNanoseconds: Int64
        let doubtNanoseconds: Int64
    }

    /// What the board's clock shows.
    package struct Estimate: Hashable, Sendable {
        /// As the board counts: whole milliseconds, the nearest.
        package let milliseconds: UInt32
        /// How far off it may be, without the rounding.
        package let doubtNanoseconds: Int64
    }

    private var readings: [Reading] = []
    private var lastMilliseconds: UInt32?
    private var unwrappedMilliseconds: Int64 = 0

    package init() {}

    package var count: Int { readings.count }

    /// Takes a reading.
    /// - Parameters:
    ///   - sent: when the request was handed to the port.
    ///   - received: when the answer's last byte had come.
    ///   - baud: of the line, for the time that the bytes themselves take.
    package mutating func take(
        _ reading: ClockReading, sentNanoseconds sent: Int64, receivedNanoseconds received: Int64,
        baud: Int
    ) {
        guard let rest = reading.rest, received >= sent else { return }
        let step = Int32(bitPattern: reading.milliseconds &- (lastMilliseconds ?? 0))
        unwrappedMilliseconds =
            lastMilliseconds == nil
            ? Int64(reading.milliseconds) : unwrappedMilliseconds &+ Int64(step)
        lastMilliseconds = reading.milliseconds

        // Ten bits a byte. Where the exchange took less, the line is no serial line.
        let byte = 10_000_000_000 / Int64(max(baud, 1))
        let bytes = Limits.requestBytes + Limits.answerBytes
        let slack = received - sent - bytes * byte
        let (request, free) =
            slack >= 0 ? (Limits.requestBytes * byte, slack) : (0, received - sent)
        readings.append(
            Reading(
                nanoseconds: sent + request + free / 2,
                boardNanoseconds: unwrappedMilliseconds &* 1_000_000 &+ rest * 1000,
                doubtNanoseconds: free / 2 + Limits.doubtMinNanoseconds))
        if readings.count > Limits.readingsMax { readings.removeFirst() }
    }

    /// What the board's clock shows at a time of ours; nil before the first reading.
    package func estimate(at time: Int64) -> Estimate? {
        var best: (boardNanoseconds: Double, doubt: Double)?
        func consider(_ board: Double, _ doubt: Double) {
            if doubt < best?.doubt ?? .infinity { best = (board, doubt) }
        }
        for near in readings {
            let ahead = Double(time - near.nanoseconds)
            let (board, doubt) = (Double(near.boardNanoseconds), Double(near.doubtNanoseconds))
            consider(board + ahead, doubt + abs(ahead) * Limits.driftUnknown)
            for far in readings {
                let span = near.nanoseconds - far.nanoseconds
                guard span.magnitude >= UInt64(Limits.spanMinNanoseconds) else { continue }
                let rate = Double(near.boardNanoseconds - far.boardNanoseconds) / Double(span)
                guard abs(rate - 1) <= Limits.driftMax else { continue }
                let rateDoubt =
                    Double(near.doubtNanoseconds + far.doubtNanoseconds) / Double(span.magnitude)
                consider(
                    board + ahead * rate, doubt + abs(ahead) * (rateDoubt + Limits.driftKnown))
            }
        }
        guard let best else { return nil }
        let milliseconds = (best.boardNanoseconds / 1_000_000).rounded()
        guard let whole = Int64(exactly: milliseconds) else { return nil }
        return Estimate(
            milliseconds: UInt32(truncatingIfNeeded: whole),
            doubtNanoseconds: Int64(min(best.doubt, 1e18)))
    }
}
