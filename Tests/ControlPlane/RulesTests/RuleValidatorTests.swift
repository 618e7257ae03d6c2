import SharedModels
import Testing

@testable import Rules

@Suite("Rule validator")
struct RuleValidatorTests {
    private func fields(_ change: (inout Rule) -> Void) -> [String] {
        var changed = rule(1, .comment(TextMatch(mode: .word, text: "jump")))
        change(&changed)
        return RuleValidator.problems(in: changed).map(\.field)
    }

    @Test("a rule at its limits has no problems")
    func acceptsLimits() {
        #expect(fields { _ in }.isEmpty)
        let found = fields { rule in
            rule.name = String(repeating: "é", count: 80)
            rule.priority = -1000
            rule.trigger = .comment(
                TextMatch(mode: .exact, text: String(repeating: "👍", count: 100)))
            rule.conditions = Array(
                repeating: .handleIn(Array(repeating: "ann", count: 12)), count: 16)
            rule.actions = Array(repeating: switchOn, count: 16)
            rule.guards = Guards(
                cooldownMilliseconds: 86_400_000, viewerCooldownMilliseconds: 86_400_000,
                chancePermille: 1, deadlineMilliseconds: 60_000)
        }
        #expect(found.isEmpty)
    }

    @Test("each field out of its range is named by its path")
    func namesFields() {
        #expect(fields { $0.name = "" } == ["name"])
        #expect(fields { $0.name = " \t" } == ["name"])
        #expect(fields { $0.name = String(repeating: "a", count: 81) } == ["name"])
        #expect(fields { $0.name = "a" + String(repeating: "\u{301}", count: 100_000) } == ["name"])
        #expect(fields { $0.name = "a\0b" } == ["name"])
        #expect(fields { $0.name = "a\u{202E}b" } == ["name"])
        #expect(fields { $0.name = "a\u{200B}b" } == ["name"])
        #expect(fields { $0.priority = 1001 } == ["priority"])
        #expect(fields { $0.actions = [] } == ["actions"])
        #expect(fields { $0.actions = Array(repeating: switchOn, count: 17) } == ["actions"])
        #expect(
            fields { $0.conditions = Array(repeating: .anyRole(.host), count: 17) } == [
                "conditions"
            ])
        #expect(fields { $0.conditions = [.anyRole([])] } == ["conditions[0].any"])
        #expect(fields { $0.conditions = [.anySource([])] } == ["conditions[0].any"])
        #expect(
            fields { $0.conditions = [.handleIn(["a", "\u{200B}"])] } == ["conditions[0].any[1]"])
        #expect(
            fields { $0.conditions = [.handleNotIn(Array(repeating: "a", count: 101))] } == [
                "conditions[0].any"
            ])
        #expect(
            fields {
                $0.conditions = Array(
                    repeating: .handleIn(Array(repeating: "a", count: 67)), count: 3)
            } == ["conditions"])
        #expect(fields { $0.guards.cooldownMilliseconds = -1 } == ["guards.cooldown_ms"])
        #expect(
            fields { $0.guards.viewerCooldownMilliseconds = 86_400_001 } == [
                "guards.viewer_cooldown_ms"
            ])
        #expect(fields { $0.guards.chancePermille = 0 } == ["guards.chance_permille"])
        #expect(fields { $0.guards.deadlineMilliseconds = 99 } == ["guards.deadline_ms"])
        #expect(
            fields { $0.actions[0].operation = .pulse(durationMilliseconds: 0) } == [
                "actions[0].operation"
            ])
        #expect(fields { $0.actions[0].channel = "" } == ["actions[0].channel"])
    }

    @Test(
        "triggers out of their range are named by their path",
        arguments: [
            (.comment(TextMatch(mode: .word, text: "")), "trigger.match.text"),
            (.comment(TextMatch(mode: .word, text: "\u{301}\u{200D}")), "trigger.match.text"),
            (
                .comment(TextMatch(mode: .word, text: String(repeating: "a", count: 101))),
                "trigger.match.text"
            ),
            (
                .comment(
                    TextMatch(mode: .word, text: "a" + String(repeating: "\u{301}", count: 300))),
                "trigger.match.text"
            ),
            (.gift(GiftMatch(giftName: " ")), "trigger.gift.gift_name"),
            (.gift(GiftMatch(coinsMin: -1)), "trigger.gift.coins_min"),
            (.gift(GiftMatch(coinsMin: 5, coinsMax: 4)), "trigger.gift.coins_max"),
            (.likeMilestone(every: 0), "trigger.every"),
            (.likeMilestone(every: 1_000_000_001), "trigger.every"),
        ] as [(Trigger, String)])
    func namesTriggers(trigger: Trigger, field: String) {
        #expect(fields { $0.trigger = trigger } == [field])
    }

    @Test("a comment trigger without text, and a gift trigger without wishes, are fine")
    func acceptsOpenTriggers() {
        #expect(fields { $0.trigger = .comment(nil) }.isEmpty)
        #expect(fields { $0.trigger = .gift(GiftMatch(coinsMin: 5, coinsMax: 5)) }.isEmpty)
    }
}
