import SharedModels
import Testing

@testable import Rules

private let button = InputReading(device: DeviceID(high: 3, low: 1), channel: "button", value: 1)

/// Plays values of one input through an engine and notes which rules made cues.
private struct Bench {
    var engine: RuleEngine

    init(_ rules: [Rule]) {
        engine = RuleEngine(RuleSet(workspace: workspace, rules: rules), seed: 1)
    }

    mutating func value(
        _ value: Int, of channel: String = "button", at milliseconds: Int64 = 0,
        isHistory: Bool = false
    ) -> [Int] {
        let reading = InputReading(device: button.device, channel: channel, value: value)
        var cues: [Cue] = []
        engine.decide(
            on: event(.input(reading), by: nil, source: .hardware, isHistory: isHistory),
            at: milliseconds * 1_000_000, makeID: { CueID(high: 5, low: 1) }, into: &cues)
        return cues.map { Int($0.rule.low) }
    }
}

private func on(_ condition: InputCondition, _ channel: String = "button") -> Trigger {
    .input(InputMatch(device: button.device, channel: channel, condition: condition))
}

@Suite("Rules for inputs")
struct InputRuleTests {
    @Test("a press, a release and every change find their rules, of that input alone")
    func edges() {
        var bench = Bench([
            rule(1, on(.pressed)), rule(2, on(.released)), rule(3, on(.changed)),
            rule(4, on(.pressed, "other")),
            rule(
                5,
                .input(
                    InputMatch(
                        device: DeviceID(high: 3, low: 2), channel: "button", condition: .pressed))),
        ])
        #expect(bench.value(1) == [1, 3])
        #expect(bench.value(0) == [2, 3])
        #expect(bench.value(1, of: "other") == [4])
        #expect(bench.value(1, of: "nowhere").isEmpty)
    }

    @Test("a threshold counts its crossings, not its values, and not where it was at first")
    func crossings() {
        var bench = Bench([
            rule(1, on(.above(500, hysteresis: 0))), rule(2, on(.below(500, hysteresis: 0))),
        ])
        #expect(bench.value(800).isEmpty)
        #expect(bench.value(900).isEmpty)
        #expect(bench.value(500).isEmpty)
        #expect(bench.value(499) == [2])
        #expect(bench.value(501) == [1])
        #expect(bench.value(502).isEmpty)
    }

    @Test("with hysteresis the value must come back that far before a crossing counts again")
    func hysteresis() {
        var bench = Bench([
            rule(1, on(.above(500, hysteresis: 50))), rule(2, on(.below(300, hysteresis: 50))),
        ])
        #expect(bench.value(400).isEmpty)
        #expect(bench.value(510) == [1])
        #expect(bench.value(451).isEmpty)
        #expect(bench.value(520).isEmpty)
        #expect(bench.value(450).isEmpty)
        #expect(bench.value(520) == [1])
        #expect(bench.value(299) == [2])
        #expect(bench.value(349).isEmpty)
        #expect(bench.value(299).isEmpty)
        #expect(bench.value(350).isEmpty)
        #expect(bench.value(299) == [2])
    }

    @Test("an old value makes no cue, but says where the input is")
    func history() {
        var bench = Bench([rule(1, on(.pressed)), rule(2, on(.above(500, hysteresis: 0)))])
        #expect(bench.value(1, isHistory: true).isEmpty)
        #expect(bench.value(0, isHistory: true).isEmpty)
        #expect(bench.value(600, isHistory: false).contains(2))
        #expect(bench.value(400, isHistory: true).isEmpty)
        #expect(bench.value(600).contains(2))
    }

    @Test("a crossing that a cooldown holds back is over")
    func cooldown() {
        let guards = Guards(cooldownMilliseconds: 100)
        var bench = Bench([rule(1, on(.above(5, hysteresis: 0)), guards: guards)])
        #expect(bench.value(0, at: 0).isEmpty)
        #expect(bench.value(6, at: 0) == [1])
        #expect(bench.value(0, at: 10).isEmpty)
        #expect(bench.value(6, at: 20).isEmpty)
        #expect(bench.value(7, at: 200).isEmpty)
        #expect(bench.value(0, at: 210).isEmpty)
        #expect(bench.value(6, at: 220) == [1])
    }

    @Test("a swap keeps the side of a rule that stays, and forgets that of a changed one")
    func swap() {
        let same = rule(1, on(.above(5, hysteresis: 0)))
        var bench = Bench([same, rule(2, on(.above(5, hysteresis: 0)))])
        #expect(bench.value(0).isEmpty)
        bench.engine.swap(
            to: RuleSet(
                workspace: workspace, rules: [same, rule(2, on(.above(6, hysteresis: 0)))]))
        #expect(bench.value(7) == [1])
        #expect(bench.value(0).isEmpty)
        #expect(bench.value(7) == [1, 2])
    }

    @Test("thresholds at the ends of their numbers trap nothing")
    func extremes() {
        let ends = [Int.min, -1, 0, 1, .max]
        for threshold in ends {
            for hysteresis in ends {
                var bench = Bench([
                    rule(1, on(.above(threshold, hysteresis: hysteresis))),
                    rule(2, on(.below(threshold, hysteresis: hysteresis))),
                ])
                for value in ends + ends.reversed() { _ = bench.value(value) }
            }
        }
    }

    @Test("rules for inputs out of their range are named by their path")
    func validation() {
        func fields(_ trigger: Trigger, if conditions: [Condition] = []) -> [String] {
            RuleValidator.problems(in: rule(1, trigger, if: conditions)).map(\.field)
        }
        #expect(fields(on(.pressed)).isEmpty)
        #expect(fields(on(.above(32_767, hysteresis: 32_767))).isEmpty)
        #expect(fields(on(.pressed, "")) == ["trigger.input.channel"])
        #expect(fields(on(.above(32_768, hysteresis: 0))) == ["trigger.input.threshold"])
        #expect(fields(on(.below(0, hysteresis: -1))) == ["trigger.input.hysteresis"])
        #expect(fields(on(.pressed), if: [.handleNotIn(["ann"])]) == ["conditions"])
    }
}
