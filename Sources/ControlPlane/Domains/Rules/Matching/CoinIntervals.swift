/// Rules that ask for a range of coins, by where the coins lie. The number line is cut into at
/// most `bucketsMax` buckets; each knows the rules whose range covers it whole, and lists the few
/// whose range begins or ends inside. So memory stays proportional to the number of rules.
struct CoinIntervals: Sendable {
    static let bucketsMax = 256

    struct Range: Sendable {
        /// The rule's place in its table.
        var rule: Int
        var low: Int
        var high: Int
    }

    private let words: Int
    /// The first coin count of each bucket but the first.
    private var cuts: [Int] = []
    /// `words` words for each bucket.
    private(set) var covered: [UInt64] = []
    private var partials: [Range] = []
    /// For each bucket and one more, where its partial ranges start.
    private var partialStarts: [Int] = [0]

    var size: Int { 8 * (cuts.count + covered.count + partialStarts.count) + 24 * partials.count }

    /// - Parameter words: of a bit set of the table.
    init(_ ranges: [Range], words: Int) {
        self.words = words
        var boundaries = Set<Int>()
        for range in ranges {
            if range.low > .min { boundaries.insert(range.low) }
            if range.high < .max { boundaries.insert(range.high + 1) }
        }
        let sorted = boundaries.sorted()
        let step = (sorted.count + Self.bucketsMax - 2) / (Self.bucketsMax - 1)
        cuts =
            step <= 1
            ? sorted : stride(from: step - 1, to: sorted.count, by: step).map { sorted[$0] }
        covered = [UInt64](repeating: 0, count: (cuts.count + 1) * words)
        for bucket in 0...cuts.count { fill(bucket, ranges) }
    }

    private mutating func fill(_ bucket: Int, _ ranges: [Range]) {
        let first = bucket == 0 ? Int.min : cuts[bucket - 1]
        let last = bucket == cuts.count ? Int.max : cuts[bucket] - 1
        for range in ranges where range.low <= last && range.high >= first {
            if range.low <= first, range.high >= last {
                covered[bucket * words + range.rule >> 6] |= 1 << UInt64(range.rule & 63)
            } else {
                partials.append(range)
            }
        }
        partialStarts.append(partials.count)
    }

    /// Adds the rules whose range holds `coins`.
    @inline(__always)
    func insert(_ coins: Int, into bits: inout MutableSpan<UInt64>) {
        let bucket = bucket(of: coins)
        let covered = covered.span
        let start = bucket &* words
        precondition(start + words <= covered.count && words <= bits.count)
        for word in 0..<words { bits[unchecked: word] |= covered[unchecked: start &+ word] }
        for place in partialStarts[bucket]..<partialStarts[bucket + 1] {
            let range = partials[place]
            if range.low <= coins, coins <= range.high { RuleBits.insert(range.rule, into: &bits) }
        }
    }

    /// How many cuts are at or below `coins`.
    private func bucket(of coins: Int) -> Int {
        var low = 0
        var high = cuts.count
        while low < high {
            let middle = (low + high) >> 1
            if cuts[middle] <= coins { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
