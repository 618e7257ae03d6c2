/// How long the latest round trips took: counts in buckets that are 1/16 of an octave wide, so
/// that a figure is at most 6 % too high. Of bounded size, whatever comes. A pure value.
package struct RoundTripHistogram: Hashable, Sendable {
    private static let parts = 16
    private static let partBits = 4
    /// The longest that is told apart, microseconds: some eight seconds.
    private static let microsecondsMax = 1 << 23
    private static let bucketsMax = index(of: microsecondsMax - 1) + 1
    /// So many fill one half; the older half goes when the newer one is full.
    package static let halfMax = 4096

    private var newer: [UInt16] = []
    private var older: [UInt16] = []
    private var newerCount = 0
    private var olderCount = 0

    package init() {}

    /// Round trips that the figures come from.
    package var count: Int { newerCount + olderCount }

    /// Takes one round trip.
    package mutating func add(nanoseconds: Int64) {
        let microseconds = Int(min(max(0, nanoseconds / 1000), Int64(Self.microsecondsMax - 1)))
        if newerCount >= Self.halfMax { turn() }
        if newer.isEmpty { newer = [UInt16](repeating: 0, count: Self.bucketsMax) }
        newer[Self.index(of: microseconds)] += 1
        newerCount += 1
    }

    /// The round trip that `permille` of them did not pass, microseconds; 0 for none.
    package func microseconds(permille: Int) -> Int {
        guard count > 0 else { return 0 }
        let rank = min(count - 1, count * permille / 1000)
        var seen = 0
        for bucket in 0..<Self.bucketsMax {
            seen += Int(newer.isEmpty ? 0 : newer[bucket]) + Int(older.isEmpty ? 0 : older[bucket])
            if seen > rank { return Self.upperBound(of: bucket) }
        }
        return Self.microsecondsMax
    }

    private mutating func turn() {
        older = newer
        olderCount = newerCount
        newer = []
        newerCount = 0
    }

    private static func index(of microseconds: Int) -> Int {
        guard microseconds >= parts else { return microseconds }
        let octave = Int.bitWidth - 1 - microseconds.leadingZeroBitCount
        let part = (microseconds >> (octave - partBits)) & (parts - 1)
        return (octave - partBits + 1) * parts + part
    }

    /// The largest value of a bucket.
    private static func upperBound(of bucket: Int) -> Int {
        guard bucket >= parts else { return bucket }
        let shift = bucket / parts - 1
        return (parts + bucket % parts + 1) << shift - 1
    }
}
