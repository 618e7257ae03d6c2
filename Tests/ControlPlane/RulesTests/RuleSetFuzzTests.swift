import Foundation
import SharedModels
import Testing

@testable import Rules

/// `CUELIGHT_FUZZ_ROUNDS=20` plays twenty times as long.
private let thoroughness: Int = {
    let wish = ProcessInfo.processInfo.environment["CUELIGHT_FUZZ_ROUNDS"]
    return max(wish.flatMap(Int.init) ?? 1, 1)
}()

@Suite("Rule sets against the oracle")
struct RuleSetFuzzTests {
    @Test("every random rule set matches what the oracle matches", arguments: 0..<24)
    func matchesAsTheOracle(shard: Int) {
        for round in 0..<8 * thoroughness {
            let seed = UInt64(shard * 100_000 + round + 1)
            var world = RandomWorld(seed: seed)
            let rules = world.rules(world.dice.pick([0, 1, 5, 30, 63, 64, 65, 150]))
            let ruleSet = RuleSet(workspace: workspace, rules: rules)
            var oracle = Oracle(rules)
            var meter = LikeMeter()
            var matches = Matches()
            var likes = 0
            for number in 0..<60 {
                let event = world.event(likes: &likes, number: number)
                ruleSet.match(event, likes: &meter, into: &matches)
                let found = (0..<matches.count).map { ruleSet.rules[matches[$0]].id }
                let expected = oracle.matches(event).map(\.id)
                guard found == expected else {
                    Issue.record("seed \(seed), event \(number): \(event)\n\(found)\n\(expected)")
                    return
                }
            }
        }
    }

    @Test("every random show makes the cues that the oracle makes, across swaps", arguments: 0..<12)
    func decidesAsTheOracle(shard: Int) {
        for round in 0..<4 * thoroughness {
            let seed = UInt64(shard * 100_000 + round + 50_000_000)
            guard let failure = Self.playShow(seed: seed) else { continue }
            Issue.record("seed \(seed): \(failure)")
            return
        }
    }

    /// What differed; nil if nothing did.
    private static func playShow(seed: UInt64) -> String? {
        var world = RandomWorld(seed: seed)
        var rules = world.rules(40, guarded: true)
        var oracle = Oracle(rules, seed: seed)
        var engine = RuleEngine(RuleSet(workspace: workspace, rules: rules), seed: seed)
        var now: Int64 = 0
        var likes = 10_000
        for number in 0..<120 {
            now += Int64(world.dice.below(4)) * 700_000
            if world.dice.chance(5) {
                var other = RandomWorld(seed: world.dice.next())
                let fresh = other.rules(40, guarded: true)
                rules = rules.map { rule in
                    world.dice.chance(70) ? rule : fresh.first { $0.id == rule.id } ?? rule
                }
                oracle.swap(to: rules)
                engine.swap(to: RuleSet(workspace: workspace, rules: rules))
            }
            let event = world.event(likes: &likes, number: number)
            var cues: [Cue] = []
            engine.decide(on: event, at: now, makeID: { CueID(high: 0, low: 0) }, into: &cues)
            let expected = oracle.cues(event, at: now)
            if cues.map(\.rule) != expected {
                return "event \(number): \(event)\n\(cues.map(\.rule))\n\(expected)"
            }
        }
        return nil
    }

    @Test("deep automata, beyond the dense rows, match what the oracle matches")
    func matchesBeyondTheDenseRows() {
        for seed in UInt64(1)...UInt64(1 + thoroughness) {
            var dice = Dice(seed: seed)
            let letters = (0..<200).compactMap { Unicode.Scalar(UInt32(0x4E00 + $0)) }.map(
                String.init)
            func word(_ length: Int) -> String {
                (0..<length).map { _ in
                    dice.chance(90) ? letters[dice.below(6)] : dice.pick(letters)
                }
                .joined()
            }
            let rules = (0..<1000).map { number in
                rule(number, .comment(TextMatch(mode: .contains, text: word(1 + dice.below(30)))))
            }
            let ruleSet = RuleSet(workspace: workspace, rules: rules)
            var oracle = Oracle(rules)
            var meter = LikeMeter()
            var matches = Matches()
            for _ in 0..<30 {
                var text = word(20)
                if case .comment(let match?) = dice.pick(rules).trigger {
                    text += match.text + word(3)
                }
                let event = event(.comment(text: text))
                ruleSet.match(event, likes: &meter, into: &matches)
                let found = (0..<matches.count).map { ruleSet.rules[matches[$0]].id }
                #expect(found == oracle.matches(event).map(\.id), "seed \(seed), text \(text)")
            }
        }
    }
}
