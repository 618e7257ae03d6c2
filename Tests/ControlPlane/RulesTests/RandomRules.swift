import Platform
import SharedModels

@testable import Rules

/// Seeded chance with a few questions of its own.
struct Dice: RandomNumberGenerator {
    private var numbers: SplitMix
    init(seed: UInt64) { numbers = SplitMix(seed: seed) }

    mutating func next() -> UInt64 { numbers.next() }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}

let workspace = WorkspaceID(high: 1, low: 1)
let livestream = LivestreamID(high: 2, low: 2)
let switchOn = Action(
    device: DeviceID(high: 3, low: 3), channel: "lamp", operation: .pulse(durationMilliseconds: 50))

func ruleID(_ number: Int) -> RuleID { RuleID(high: 7, low: UInt64(number)) }

func rule(
    _ number: Int, _ trigger: Trigger, priority: Int = 0, if conditions: [Condition] = [],
    guards: Guards = Guards()
) -> Rule {
    Rule(
        id: ruleID(number), workspace: workspace, name: "rule \(number)", priority: priority,
        trigger: trigger, conditions: conditions, actions: [switchOn], guards: guards)
}

func event(
    _ happening: Happening, by viewer: Viewer? = Viewer(id: "v1", handle: "ann", name: "Ann"),
    source: SourceKind = .tiktok, isHistory: Bool = false, number: UInt64 = 1
) -> LiveEvent {
    LiveEvent(
        id: LiveEventID(high: 9, low: number), livestream: livestream, source: source,
        sourceMessageID: "m\(number)", viewer: viewer, happening: happening,
        createdAtMilliseconds: 0, isHistory: isHistory)
}

/// Random rules and events that are likely to meet, with text that is not nice.
struct RandomWorld {
    var dice: Dice
    private let bits = [
        "a", "b", "ab", "aba", "bab", "go", "Go!", "jump", "ju", "ump", " ", "  ", "\t", "\u{A0}",
        "é", "e\u{301}", "É", "ß", "ss", "ﬁ", "fi", "ＧＯ", "ｇｏ", "đi", "Đi", "ệ", "e\u{302}\u{323}",
        "й", "и\u{306}", "Ё", "ς", "Σ", "打", "我打你", "カ\u{3099}", "ｶﾞ", "ガ", "한",
        "\u{1112}\u{1161}\u{11AB}",
        "\u{11AB}", "👍", "👍🏽", "👨\u{200D}👩\u{200D}👧", "🇩🇪", "\u{200D}", "\u{FEFF}", "\u{0}", "\u{7F}",
        "1", "٣", "²", "_", "-", "คน", "น\u{E49}", "क\u{94D}ष", "कि", "\u{10FFFF}", "\u{FFFD}", "𝓗𝓲",
        "Ⓗⓘ",
        "İ", "ı", "I", "\u{300}", "\u{3099}", "ﷺ", "\u{202E}", "x\u{308}\u{308}\u{308}",
    ]
    private let names = [
        "Rose", "rosé", "ROSE", "Löwe", "Lowe", "", " ", "TikTok", "ローズ", "\u{200B}",
    ]
    private let handles = [
        "ann", "Ann", "änn", "bob", "", "b\u{200B}ob", "ｂｏｂ", "zoe.1", "\u{301}",
    ]

    init(seed: UInt64) { dice = Dice(seed: seed) }

    mutating func text(_ most: Int) -> String {
        var text = ""
        for _ in 0..<dice.below(most + 1) { text += dice.pick(bits) }
        return text
    }

    mutating func roles() -> ViewerRoles { ViewerRoles(rawValue: UInt16(dice.below(64))) }

    mutating func coins() -> Int {
        dice.chance(5) ? dice.pick([Int.min, .max, 0, -1]) : dice.below(60)
    }

    mutating func condition() -> Condition {
        func some<Element>(_ elements: [Element]) -> [Element] {
            (0..<dice.below(3)).map { _ in dice.pick(elements) }
        }
        return switch dice.below(5) {
        case 0: .anySource((0..<dice.below(3)).map { _ in dice.pick(SourceKind.allCases) })
        case 1: .handleIn(some(handles))
        case 2: .handleNotIn(some(handles))
        default: .anyRole(dice.chance(10) ? [] : roles())
        }
    }

    mutating func trigger() -> Trigger {
        switch dice.below(12) {
        case 9...11: .input(inputMatch())
        case 0...2:
            dice.chance(5)
                ? .comment(nil)
                : .comment(TextMatch(mode: dice.pick(TextMatch.Mode.allCases), text: text(3)))
        case 3, 4:
            .gift(
                GiftMatch(
                    giftID: dice.chance(40) ? Int64(dice.below(6)) - 1 : nil,
                    giftName: dice.chance(30) ? dice.pick(names) : nil,
                    coinsMin: dice.chance(40) ? coins() : nil,
                    coinsMax: dice.chance(40) ? coins() : nil,
                    firing: dice.pick(GiftMatch.Firing.allCases)))
        case 5: .likeMilestone(every: dice.pick([1, 2, 3, 7, 10, 100, 0, -4, .max]))
        case 6: .follow
        case 7: dice.chance(50) ? .share : .join
        default: .subscribe
        }
    }

    /// Few inputs, so that rules and events meet.
    private mutating func input() -> (device: DeviceID, channel: String) {
        (DeviceID(high: 3, low: UInt64(dice.below(2))), dice.pick(["a", "b"]))
    }

    private mutating func inputMatch() -> InputMatch {
        let threshold = dice.below(9) - 4
        let hysteresis = dice.pick([0, 0, 1, 3])
        let (device, channel) = input()
        return InputMatch(
            device: device, channel: channel,
            condition: dice.pick([
                .pressed, .released, .changed, .above(threshold, hysteresis: hysteresis),
                .below(threshold, hysteresis: hysteresis),
            ]))
    }

    mutating func rules(_ count: Int, guarded: Bool = false) -> [Rule] {
        (0..<count).map { number in
            var made = rule(
                number, trigger(), priority: dice.below(5) - 2,
                if: (0..<(dice.chance(60) ? 0 : dice.below(4))).map { _ in condition() })
            made.isEnabled = !dice.chance(5)
            if dice.chance(3) { made.workspace = WorkspaceID(high: 8, low: 8) }
            if guarded { made.guards = guards() }
            return made
        }.shuffled(using: &dice)
    }

    private mutating func guards() -> Guards {
        Guards(
            cooldownMilliseconds: dice.pick([0, 0, 0, 1, 5, 40]),
            viewerCooldownMilliseconds: dice.pick([0, 0, 0, 2, 30]),
            chancePermille: dice.pick([1000, 1000, 1000, 500, 1]))
    }

    mutating func gift() -> Gift {
        Gift(id: Int64(dice.below(6)) - 1, name: dice.pick(names), coins: coins())
    }

    mutating func happening(likes: inout Int) -> Happening {
        switch dice.below(16) {
        case 12...15:
            let (device, channel) = input()
            return .input(
                InputReading(device: device, channel: channel, value: dice.below(15) - 7))
        case 0...3: return .comment(text: text(8))
        case 4, 5:
            let count = dice.pick([1, 1, 2, 5, 49, 50, 51, 1_000_000, 0, -3, .max])
            return .gift(
                GiftIncrement(
                    gift: gift(), streakID: "s", count: count, total: count, coins: 1,
                    isRecovered: false))
        case 6: return .giftEnded(GiftStreak(gift: gift(), streakID: "s", total: 3, coins: 3))
        case 7:
            likes += dice.pick([0, 1, 2, 15, 120])
            let total = dice.chance(10) ? dice.pick([likes - 7, -1]) : likes
            return .like(LikeIncrement(count: 1, total: total))
        case 8: return .follow
        case 9: return dice.chance(50) ? .share : .join
        case 10: return .subscribe
        default:
            return dice.pick([
                .viewers(count: 3), .control(.paused), .deleted(messageIDs: ["m1"], viewerIDs: []),
            ])
        }
    }

    mutating func event(likes: inout Int, number: Int) -> LiveEvent {
        let viewer =
            dice.chance(8)
            ? nil
            : Viewer(id: "v\(dice.below(4))", handle: dice.pick(handles), name: "N", roles: roles())
        return RulesTests.event(
            happening(likes: &likes), by: viewer, source: dice.pick(SourceKind.allCases),
            isHistory: dice.chance(5), number: UInt64(number))
    }
}
