/// Sets of rules as bits, one for each rule of a table in the order of the table; 64 to a word.
enum RuleBits {
    static func wordCount(for rules: Int) -> Int { (rules + 63) >> 6 }

    @inline(__always)
    static func insert(_ rule: Int, into bits: inout MutableSpan<UInt64>) {
        bits[rule >> 6] |= 1 << UInt64(truncatingIfNeeded: rule & 63)
    }

    @inline(__always)
    static func contains(_ rule: Int, in bits: borrowing MutableSpan<UInt64>) -> Bool {
        bits[rule >> 6] >> UInt64(truncatingIfNeeded: rule & 63) & 1 != 0
    }

    /// The bits of `rules`, in `words` words.
    static func bits(of rules: [Int], words: Int) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: words)
        for rule in rules { bits[rule >> 6] |= 1 << UInt64(rule & 63) }
        return bits
    }

    /// Room that `list` needs behind the last place: it writes eight at a time.
    static let slack = 64

    /// Writes the numbers of the rules in both sets, plus `base`, in order.
    /// - Parameter hits: at least as long as there are rules, and `slack` more.
    /// - Returns: how many there are.
    @inline(__always)
    static func list(
        _ bits: borrowing Span<UInt64>, and filter: borrowing Span<UInt64>, base: Int,
        into hits: inout MutableSpan<UInt32>
    ) -> Int {
        precondition(
            filter.count >= bits.count && hits.count >= bits.count << 6 + slack)
        var count = 0
        for word in 0..<bits.count {
            var rest = bits[unchecked: word] & filter[unchecked: word]
            if rest == 0 { continue }
            let first = UInt32(truncatingIfNeeded: base &+ word << 6)
            let found = rest.nonzeroBitCount
            // Unconditional writes of eight: cheaper than one mispredicted branch for each word.
            // `count` is at most 64 × word, so the writes end within the slack.
            var place = count
            repeat {
                for offset in 0..<8 {
                    let bit = UInt32(truncatingIfNeeded: rest.trailingZeroBitCount)
                    hits[unchecked: place &+ offset] = first &+ bit
                    rest &= rest &- 1
                }
                place &+= 8
            } while rest != 0
            count &+= found
        }
        return count
    }
}
