internal import SharedModels

/// Rules for comments: all their keywords in one automaton, and what each mode asks of the place
/// where a keyword was found.
struct CommentTable: Sendable {
    /// Folded keywords longer than this never match; validation refuses them long before.
    static let keywordSizeMax = 1024

    let base: Int
    let audience: Audience
    /// Rules for every comment.
    private let every: [UInt64]
    private let automaton: KeywordAutomaton
    /// The size of each keyword in bytes.
    private let sizes: [UInt16]
    /// For each keyword, which modes have rules, and whether it and all shorter keywords that end
    /// with it are asked for with `contains` alone.
    private let modes: [UInt8]
    /// Where the rules of each keyword and mode start in `postings`, and one more.
    private let starts: [UInt32]
    private let postings: [UInt32]

    private static let exact = 0
    private static let prefix = 1
    private static let word = 2
    private static let contains = 3
    private static let settledFlag: UInt8 = 1 << 4

    var size: Int {
        audience.size + automaton.size + 8 * every.count + 2 * sizes.count + modes.count
            + 4 * (starts.count + postings.count)
    }

    init(_ rules: [Rule], base: Int) {
        self.base = base
        audience = Audience(rules.map { CompiledConditions($0.conditions) })
        var every: [Int] = []
        var wanted: [(text: [UInt8], mode: Int, rule: Int)] = []
        var folded = FoldedText()
        for (place, rule) in rules.enumerated() {
            guard case .comment(let match) = rule.trigger else { continue }
            guard let match else {
                every.append(place)
                continue
            }
            folded.fold(match.text)
            guard folded.count > 0, folded.count <= Self.keywordSizeMax else { continue }
            wanted.append((folded.bytes, Self.number(match.mode), place))
        }
        wanted.sort { left, right in
            if left.text != right.text { return left.text.lexicographicallyPrecedes(right.text) }
            return (left.mode, left.rule) < (right.mode, right.rule)
        }
        self.every = RuleBits.bits(of: every, words: audience.words)
        var keywords: [[UInt8]] = []
        var starts: [UInt32] = []
        var modes: [UInt8] = []
        for (place, (text, mode, _)) in wanted.enumerated() {
            if keywords.last != text {
                while starts.count < keywords.count * 4 { starts.append(UInt32(place)) }
                keywords.append(text)
                modes.append(0)
            }
            while starts.count <= (keywords.count - 1) * 4 + mode { starts.append(UInt32(place)) }
            modes[keywords.count - 1] |= 1 << UInt8(mode)
        }
        while starts.count <= keywords.count * 4 { starts.append(UInt32(wanted.count)) }
        automaton = KeywordAutomaton(keywords)
        sizes = keywords.map { UInt16($0.count) }
        postings = wanted.map { UInt32($0.rule) }
        self.starts = starts
        self.modes = Self.markSettled(modes, keywords, automaton.shorter)
    }

    /// Shorter keywords first, so that the chain behind each is known.
    private static func markSettled(
        _ modes: [UInt8], _ keywords: [[UInt8]], _ shorter: [UInt32]
    ) -> [UInt8] {
        var modes = modes
        for keyword in keywords.indices.sorted(by: { keywords[$0].count < keywords[$1].count })
        where modes[keyword] == 1 << UInt8(contains) {
            let next = Int(shorter[keyword]) - 1
            if next < 0 || modes[next] & settledFlag != 0 { modes[keyword] |= settledFlag }
        }
        return modes
    }

    private static func number(_ mode: TextMatch.Mode) -> Int {
        switch mode {
        case .exact: exact
        case .prefix: prefix
        case .word: word
        case .contains: contains
        }
    }

    @inline(__always)
    func match(
        _ text: borrowing String, of event: borrowing LiveEvent, into matches: inout Matches
    ) {
        guard audience.words > 0 else { return }
        matches.start(with: every)
        if !sizes.isEmpty {
            matches.text.fold(text)
            find(matches.text, into: &matches.bits)
        }
        matches.finish(event, audience, base: base)
    }

    private func find(_ text: borrowing FoldedText, into bits: inout [UInt64]) {
        let count = text.count
        let isCut = text.isCut
        bits.withUnsafeMutableBufferPointer { bits in
            text.buffer.withUnsafeBufferPointer { buffer in
                let text = UnsafeBufferPointer(rebasing: buffer[..<count])
                automaton.scan(text) { keyword, end in
                    take(keyword, endingAt: end, in: text, isCut: isCut, bits)
                }
            }
        }
    }

    /// Adds the rules of a keyword that was found; answers whether shorter ones may add more.
    @inline(__always)
    private func take(
        _ keyword: Int, endingAt end: Int, in text: UnsafeBufferPointer<UInt8>, isCut: Bool,
        _ bits: UnsafeMutableBufferPointer<UInt64>
    ) -> Bool {
        let asked = modes[keyword]
        if asked & 1 << UInt8(Self.contains) != 0, !add(keyword, Self.contains, bits),
            asked & Self.settledFlag != 0
        {
            return false
        }
        if asked & 0b111 == 0 { return true }
        let start = end - Int(sizes[keyword])
        if start == 0 {
            if asked & 1 << UInt8(Self.prefix) != 0 { _ = add(keyword, Self.prefix, bits) }
            if asked & 1 << UInt8(Self.exact) != 0, end == text.count, !isCut {
                _ = add(keyword, Self.exact, bits)
            }
        }
        if asked & 1 << UInt8(Self.word) != 0, WordBoundary.stands(from: start, to: end, in: text) {
            _ = add(keyword, Self.word, bits)
        }
        return true
    }

    /// False if they were added before: a rule belongs to one keyword and mode only, so the bit
    /// of the first tells.
    @inline(__always)
    private func add(
        _ keyword: Int, _ mode: Int, _ bits: UnsafeMutableBufferPointer<UInt64>
    ) -> Bool {
        let start = Int(starts[keyword * 4 + mode])
        let end = Int(starts[keyword * 4 + mode + 1])
        let first = Int(postings[start])
        if bits[first >> 6] >> UInt64(first & 63) & 1 != 0 { return false }
        for place in start..<end {
            let rule = Int(postings[place])
            bits[rule >> 6] |= 1 << UInt64(truncatingIfNeeded: rule & 63)
        }
        return true
    }
}
