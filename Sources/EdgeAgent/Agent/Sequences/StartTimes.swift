/// When boards that shall start together do: one monotonic time for each common start, whichever of
/// its commands comes first. A pure value.
///
/// The time of a common start is by the server's clock, which the agent knows to two seconds. Where
/// its own clock makes the start plausible it counts, so that agents with good clocks agree;
/// otherwise the start is as long after the first command's arrival as it was after its making.
package struct StartTimes: Sendable {
    package enum Limits {
        /// Common starts remembered; the oldest is forgotten.
        package static let countMax = 64
        /// How far ahead a board takes a start (10 s), less what a command may need to it.
        package static let aheadMaxMilliseconds: Int64 = 9_000
    }

    private var known: [(startAt: Int64, nanoseconds: Int64)] = []

    package init() {}

    /// The monotonic time of a common start.
    /// - Parameters:
    ///   - startAt: as the command says it, Unix milliseconds.
    ///   - issuedAt: when the command was made, by the same clock.
    ///   - unixMilliseconds: now, by the server's clock as far as known.
    package mutating func time(
        of startAt: Int64, issuedAt: Int64, at now: Int64, unixMilliseconds: Int64
    ) -> Int64 {
        if let first = known.first(where: { $0.startAt == startAt }) { return first.nanoseconds }
        let lead = Self.difference(startAt, issuedAt)
        let left = Self.difference(startAt, unixMilliseconds)
        let isPlausible = (0...max(lead, 0)).contains(left)
        let isNoise =
            Self.difference(lead, left).magnitude <= UInt64(ServerClock.noiseMilliseconds)
        let milliseconds = now / 1_000_000
        // Whole milliseconds, so that it is the same whenever in this one it is asked.
        let time =
            milliseconds + (isPlausible || lead < 0 || !isNoise ? left : lead)
        known.append((startAt, time * 1_000_000))
        if known.count > Limits.countMax { known.removeFirst() }
        return time * 1_000_000
    }

    /// Bounded to a year, so that sums with it stay in range.
    private static func difference(_ one: Int64, _ other: Int64) -> Int64 {
        let year: Int64 = 31_536_000_000
        let (difference, isOver) = one.subtractingReportingOverflow(other)
        return isOver ? (one < other ? -year : year) : min(max(difference, -year), year)
    }
}
