import SharedModels
import Testing

@testable import Rules

/// Plays events through an engine and notes which rules made cues.
private struct Show {
    var engine: RuleEngine
    var cues: [Cue] = []
    private var number: UInt64 = 0

    init(_ rules: [Rule], seed: UInt64 = 1, viewersMax: Int = RuleEngine.viewersMax) {
        let ruleSet = RuleSet(workspace: workspace, rules: rules)
        engine = RuleEngine(ruleSet, seed: seed, viewersMax: viewersMax)
    }

    /// The numbers of the rules that made cues at this millisecond.
    mutating func play(
        _ happening: Happening, at milliseconds: Int64, by viewer: String? = "v1",
        isHistory: Bool = false
    ) -> [Int] {
        let person = viewer.map { Viewer(id: $0, handle: $0, name: $0) }
        let event = event(happening, by: person, isHistory: isHistory, number: number)
        cues = []
        number += 1
        engine.decide(
            on: event, at: milliseconds * 1_000_000,
            makeID: { CueID(high: 5, low: number) }, into: &cues)
        return cues.map { Int($0.rule.low) }
    }

    mutating func likes(_ total: Int, at milliseconds: Int64 = 0) -> [Int] {
        play(.like(LikeIncrement(count: 1, total: total)), at: milliseconds)
    }
}

@Suite("Rule engine")
struct RuleEngineTests {
    private func gift(_ count: Int, coins: Int = 1) -> Happening {
        .gift(
            GiftIncrement(
                gift: Gift(id: 5655, name: "Rose", coins: coins), streakID: "s", count: count,
                total: count, coins: count * coins, isRecovered: false))
    }

    @Test("a cue carries what devices and a deletion need")
    func makesCues() {
        var show = Show([rule(1, .follow, guards: Guards(deadlineMilliseconds: 250))])
        #expect(show.play(.follow, at: 0, by: "zoe") == [1])
        #expect(
            show.cues == [
                Cue(
                    id: CueID(high: 5, low: 1), rule: ruleID(1), workspace: workspace,
                    event: LiveEventID(high: 9, low: 0), sourceMessageID: "m0", viewerID: "zoe",
                    actions: [switchOn], deadline: .milliseconds(250))
            ])
    }

    @Test("cues come in the order of priority, then of id")
    func ordersCues() {
        var show = Show([
            rule(3, .join), rule(2, .join), rule(9, .join, priority: 5),
            rule(1, .join, priority: -1),
        ])
        #expect(show.play(.join, at: 0) == [9, 2, 3, 1])
    }

    @Test("history makes no cue and starts no cooldown")
    func ignoresHistory() {
        var show = Show([
            rule(1, .follow, guards: Guards(cooldownMilliseconds: 1000)), rule(2, .comment(nil)),
        ])
        #expect(show.play(.follow, at: 0, isHistory: true).isEmpty)
        #expect(show.play(.comment(text: "hi"), at: 0, isHistory: true).isEmpty)
        #expect(show.play(.follow, at: 1) == [1])
        #expect(show.engine.counts == .init(matches: 1, cues: 1))
    }

    @Test("a cooldown holds back exactly as long as it says")
    func coolsDown() {
        var show = Show([rule(1, .follow, guards: Guards(cooldownMilliseconds: 100))])
        #expect(show.play(.follow, at: 0) == [1])
        #expect(show.play(.follow, at: 99).isEmpty)
        #expect(show.play(.follow, at: 100) == [1])
        #expect(show.play(.follow, at: 150).isEmpty)
        #expect(show.play(.follow, at: 200) == [1])
        #expect(show.engine.counts.cooling == 2)
    }

    @Test("a viewer's cooldown holds back that viewer alone")
    func coolsViewers() {
        var show = Show([rule(1, .follow, guards: Guards(viewerCooldownMilliseconds: 100))])
        #expect(show.play(.follow, at: 0, by: "a") == [1])
        #expect(show.play(.follow, at: 1, by: "b") == [1])
        #expect(show.play(.follow, at: 50, by: "a").isEmpty)
        #expect(show.play(.follow, at: 51, by: nil) == [1])
        #expect(show.play(.follow, at: 52, by: nil) == [1])
        #expect(show.play(.follow, at: 100, by: "a") == [1])
        #expect(show.play(.follow, at: 100, by: "b").isEmpty)
        #expect(show.play(.follow, at: 101, by: "b") == [1])
    }

    @Test("in a crowd larger than the memory for viewers the longest ago is forgotten")
    func forgetsTheLongestAgo() {
        let guards = Guards(viewerCooldownMilliseconds: 1000)
        var show = Show([rule(1, .follow, guards: guards)], viewersMax: 2)
        for viewer in ["a", "b", "c"] { #expect(show.play(.follow, at: 0, by: viewer) == [1]) }
        #expect(show.play(.follow, at: 1, by: "c").isEmpty)
        #expect(show.play(.follow, at: 1, by: "b").isEmpty)
        #expect(show.play(.follow, at: 1, by: "a") == [1])
        #expect(show.play(.follow, at: 2, by: "b") == [1])
    }

    @Test("chance is about what it says, and the same for the same seed")
    func drawsChance() {
        func play(_ seed: UInt64) -> [Int] {
            var show = Show([rule(1, .follow, guards: Guards(chancePermille: 250))], seed: seed)
            return (0..<10_000).filter { !show.play(.follow, at: Int64($0)).isEmpty }
        }
        let first = play(7)
        #expect((2300...2700).contains(first.count))
        #expect(first == play(7))
        #expect(first != play(8))
    }

    @Test("a lost draw does not start the cooldown")
    func lostDrawsDoNotCool() {
        let guards = Guards(cooldownMilliseconds: 1_000_000, chancePermille: 1)
        var show = Show([rule(1, .follow, guards: guards)])
        let cues = (0..<20_000).filter { !show.play(.follow, at: Int64($0)).isEmpty }
        #expect(cues.count == 1)
        #expect(show.engine.counts.unlucky == cues[0])
    }

    @Test("each multiple of a like milestone makes one cue, from the first total on")
    func passesMilestones() {
        var show = Show([rule(1, .likeMilestone(every: 100)), rule(2, .likeMilestone(every: 250))])
        #expect(show.likes(10_000).isEmpty)
        #expect(show.likes(10_099).isEmpty)
        #expect(show.likes(10_100) == [1])
        #expect(show.likes(10_100).isEmpty)
        #expect(show.likes(10_050).isEmpty)
        #expect(show.likes(10_110).isEmpty)
        #expect(show.likes(10_560) == [1, 1, 1, 1, 2, 2])
        #expect(show.likes(10_599).isEmpty)
        #expect(show.likes(10_600) == [1])
    }

    @Test("a leap of likes makes no flood")
    func boundsMilestones() {
        var show = Show([
            rule(1, .likeMilestone(every: 1)), rule(2, .likeMilestone(every: 1_000_000_000)),
        ])
        #expect(show.likes(0).isEmpty)
        #expect(show.likes(.max).count == 100)
        #expect(show.likes(.max).isEmpty)
    }

    @Test("hostile like totals do no harm", arguments: [Int.min, -1, 0, .max])
    func survivesHostileTotals(total: Int) {
        var show = Show([rule(1, .likeMilestone(every: 1)), rule(2, .likeMilestone(every: .max))])
        _ = show.likes(total)
        _ = show.likes(.min)
        _ = show.likes(.max)
        #expect(show.engine.likes.total == .max)
    }

    @Test("a streak fires for each gift, for each frame, or when it ends")
    func firesStreaks() {
        let rules = GiftMatch.Firing.allCases.enumerated().map { number, firing in
            rule(number + 1, .gift(GiftMatch(giftID: 5655, firing: firing)))
        }
        var show = Show(rules)
        #expect(show.play(gift(1), at: 0) == [1, 2])
        #expect(show.play(gift(4), at: 1) == [1, 1, 1, 1, 2])
        #expect(show.play(gift(1_000_000), at: 2).count == GiftMatch.eachMax + 1)
        let streak = GiftStreak(
            gift: Gift(id: 5655, name: "Rose", coins: 1), streakID: "s", total: 5, coins: 5)
        #expect(show.play(.giftEnded(streak), at: 3) == [3])
    }

    @Test("a cooldown lets one of many gifts in a frame through")
    func coolsWithinAFrame() {
        var show = Show([rule(1, .gift(GiftMatch()), guards: Guards(cooldownMilliseconds: 1))])
        #expect(show.play(gift(50), at: 0) == [1])
        #expect(show.engine.counts.cooling == 49)
    }

    @Test("one event makes a bounded number of cues, of the highest priorities")
    func boundsCues() {
        let rules = (1...40).map { rule($0, .gift(GiftMatch()), priority: -$0) }
        var show = Show(rules)
        let cues = show.play(gift(50), at: 0)
        #expect(cues.count == RuleEngine.cuesMax)
        #expect(Set(cues) == Set(1...20))
        #expect(show.engine.counts.dropped == 1000)
    }

    @Test("a swap keeps the cooldowns of unchanged rules and starts changed ones afresh")
    func swapsRules() {
        let slow = Guards(cooldownMilliseconds: 1000, viewerCooldownMilliseconds: 2000)
        var show = Show([rule(1, .follow, guards: slow), rule(2, .follow, guards: slow)])
        #expect(show.play(.follow, at: 0) == [1, 2])
        var renamed = rule(1, .follow, priority: -9, guards: slow)
        renamed.name = "renamed"
        var slower = slow
        slower.cooldownMilliseconds = 1500
        let rules = [renamed, rule(2, .follow, guards: slower), rule(3, .follow, guards: slow)]
        show.engine.swap(to: RuleSet(workspace: workspace, rules: rules))
        #expect(show.play(.follow, at: 1) == [2, 3])
        #expect(show.play(.follow, at: 1501, by: "v2") == [2, 3, 1])
    }

    @Test("milestones from before a restart do not come again, and the next one does")
    func resumesLikes() {
        var show = Show([rule(1, .likeMilestone(every: 10))])
        show.engine.resume(likes: 25)
        #expect(show.likes(21) == [])
        #expect(show.likes(26) == [])
        #expect(show.likes(30) == [1])
        show.engine.resume(likes: 12)
        #expect(show.likes(31) == [])
        #expect(show.likes(40) == [1])
    }

    @Test("likes of history pass their milestones without a cue")
    func skipsLikesOfHistory() {
        var show = Show([rule(1, .likeMilestone(every: 10))])
        #expect(show.likes(5) == [])
        let missed = Happening.like(LikeIncrement(count: 0, total: 1_234))
        #expect(show.play(missed, at: 0, isHistory: true) == [])
        #expect(show.likes(1_236) == [])
        #expect(show.likes(1_240) == [1])
    }

    @Test("a swap in mid-show keeps the likes and finds new milestones")
    func swapsMilestones() {
        var show = Show([rule(1, .likeMilestone(every: 1000))])
        #expect(show.likes(500).isEmpty)
        show.engine.swap(
            to: RuleSet(workspace: workspace, rules: [rule(2, .likeMilestone(every: 10))]))
        #expect(show.likes(509).isEmpty)
        #expect(show.likes(510) == [2])
        show.engine.swap(to: RuleSet(workspace: workspace, rules: []))
        #expect(show.likes(10_000).isEmpty)
    }

    @Test("a clock at its ends does not trap", arguments: [Int64.min, -1, 0, .max])
    func survivesClocks(time: Int64) {
        var engine = RuleEngine(
            RuleSet(
                workspace: workspace,
                rules: [rule(1, .follow, guards: Guards(cooldownMilliseconds: 5))]),
            seed: 0)
        var cues: [Cue] = []
        for now in [Int64.max, .min, time, .max] {
            engine.decide(
                on: event(.follow), at: now, makeID: { CueID(high: 0, low: 0) }, into: &cues)
        }
        #expect(!cues.isEmpty)
    }

    @Test("ten viewers fill and empty the memory in any order as a plain table would")
    func remembersViewers() {
        var dice = Dice(seed: 5)
        var cooldowns = ViewerCooldowns(capacity: 8)
        var plain: [(key: ViewerCooldowns.Key, time: Int64)] = []
        for time in Int64(0)..<5000 {
            let key = ViewerCooldowns.Key(rule: ruleID(dice.below(3)), viewer: "v\(dice.below(5))")
            #expect(cooldowns.time(of: key) == plain.first { $0.key == key }?.time)
            if dice.chance(3) {
                let kept = ruleID(dice.below(3))
                cooldowns.keep { $0 == kept }
                plain.removeAll { $0.key.rule != kept }
            }
            cooldowns.note(key, at: time)
            plain.removeAll { $0.key == key }
            plain.append((key, time))
            if plain.count > 8 { plain.removeFirst() }
            #expect(cooldowns.count == plain.count)
        }
    }
}
