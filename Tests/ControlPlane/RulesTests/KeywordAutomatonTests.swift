import SharedModels
import Testing

@testable import Rules

@Suite("Keyword automaton")
struct KeywordAutomatonTests {
    private struct Hit: Hashable {
        var keyword: Int
        var end: Int
    }

    private func hits(_ keywords: [[UInt8]], _ text: [UInt8]) -> [Hit] {
        let automaton = KeywordAutomaton(keywords)
        var found: [Hit] = []
        text.withUnsafeBufferPointer { text in
            automaton.scan(text) { keyword, end in
                found.append(Hit(keyword: keyword, end: end))
                return true
            }
        }
        return found
    }

    private func naiveHits(_ keywords: [[UInt8]], _ text: [UInt8]) -> [Hit] {
        (1...max(text.count, 1)).flatMap { end in
            keywords.indices
                .filter {
                    text.count >= end
                        && text[..<end].reversed().starts(with: keywords[$0].reversed())
                }
                .sorted { keywords[$0].count > keywords[$1].count }
                .map { Hit(keyword: $0, end: end) }
        }
    }

    @Test("finds every keyword at every place, the longest first", arguments: 1...40)
    func findsAll(seed: UInt64) {
        var dice = Dice(seed: seed)
        // Two hundred letters make rows so wide that deep states have none.
        let letters: [UInt8] = seed % 4 == 0 ? Array(1...250) : [97, 98, 99]
        func word(_ length: Int) -> [UInt8] {
            (0..<length).map { _ in dice.chance(80) ? letters[dice.below(3)] : dice.pick(letters) }
        }
        let keywords = Set(
            (0..<dice.pick([0, 1, 5, 40, 400])).map { _ in word(1 + dice.below(12)) }
        )
        .sorted { $0.lexicographicallyPrecedes($1) }
        for _ in 0..<10 {
            var text = word(dice.below(40))
            for _ in 0..<3 where !keywords.isEmpty { text += dice.pick(keywords) }
            #expect(hits(keywords, text) == naiveHits(keywords, text), "seed \(seed)")
        }
    }

    @Test("a text that was cut is exactly nothing")
    func cutTextIsNotExact() {
        let modes = TextMatch.Mode.allCases
        let rules = modes.enumerated().map { number, mode in
            rule(number, .comment(TextMatch(mode: mode, text: "go")))
        }
        let ruleSet = RuleSet(workspace: workspace, rules: rules)
        var matches = Matches()
        var likes = LikeMeter()
        for (marks, expected) in [(100, modes), (5000, modes.filter { $0 != .exact })] {
            let text = "go" + String(repeating: "\u{301}", count: marks)
            ruleSet.match(event(.comment(text: text)), likes: &likes, into: &matches)
            #expect(
                (0..<matches.count).map { modes[Int(ruleSet.rules[matches[$0]].id.low)] }
                    == expected)
        }
    }

    @Test(
        "ranges of coins are found where they lie, also when they share buckets", arguments: 1...8)
    func findsCoins(seed: UInt64) {
        var dice = Dice(seed: seed)
        let count = dice.pick([1, 100, 1000])
        let ranges = (0..<count).map { place in
            let low = dice.below(5000)
            return CoinIntervals.Range(
                rule: place, low: dice.chance(5) ? .min : low,
                high: dice.chance(5) ? .max : low + dice.below(300))
        }
        let words = RuleBits.wordCount(for: count)
        let intervals = CoinIntervals(ranges, words: words)
        for coins in [.min, -1, .max] + (0..<500).map({ _ in dice.below(5400) }) {
            var bits = [UInt64](repeating: 0, count: words)
            var span = bits.mutableSpan
            intervals.insert(coins, into: &span)
            let expected = ranges.filter { $0.low <= coins && coins <= $0.high }.map(\.rule)
            #expect(bits == RuleBits.bits(of: expected, words: words), "seed \(seed), \(coins)")
        }
    }
}
