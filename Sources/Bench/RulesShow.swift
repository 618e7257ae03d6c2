internal import Platform
import SharedModels

/// Made-up rules and events in the mix that `RulesBench` describes; the same for one seed.
struct RulesShow {
    static let workspace = WorkspaceID(high: 1, low: 1)

    private var state: UInt64
    private let keywords: [String]
    private let fillers = [
        "hello from brazil", "lol", "nice stream bro", "who is winning", "omg", "play it again",
        "what song is this", "good luck tonight", "i am new here", "sooo close", "do the thing",
    ]

    init(seed: UInt64) {
        state = seed
        var words: Set<String> = []
        var dice = SplitMix(seed: seed &+ 1)
        while words.count < 3_553 {
            let length = 3 + dice.below(7)
            words.insert(String((0..<length).map { _ in dice.letter() }))
        }
        keywords = words.sorted()
    }

    mutating func rules(_ count: Int) -> [Rule] {
        var dice = SplitMix(seed: state)
        defer { state = dice.next() }
        return (0..<count).map { number in
            let part = dice.below(100)
            let trigger: Trigger =
                switch part {
                case 0..<45: .gift(GiftMatch(giftID: Int64(5_000 + dice.below(161))))
                case 45..<55: coins(&dice)
                case 55..<95: .comment(keyword(&dice))
                case 95, 96, 97: .join
                case 98: .likeMilestone(every: 100 * (1 + dice.below(20)))
                default: .follow
                }
            return Rule(
                id: RuleID(high: 7, low: UInt64(number)), workspace: Self.workspace,
                name: "rule \(number)", priority: dice.below(10), trigger: trigger,
                conditions: dice.below(5) < 2 ? [.anyRole(role(&dice))] : [],
                actions: [
                    Action(
                        device: DeviceID(high: 3, low: 3), channel: "lamp",
                        operation: .pulse(durationMilliseconds: 50))
                ])
        }
    }

    mutating func events(_ count: Int) -> [LiveEvent] {
        var dice = SplitMix(seed: state)
        defer { state = dice.next() }
        var likes = 0
        return (0..<count).map { number in
            let happening: Happening
            switch dice.below(100) {
            case 0..<10:
                let gift = Gift(
                    id: Int64(5_000 + dice.below(161)), name: "gift", coins: 1 + dice.below(500))
                happening = .gift(
                    GiftIncrement(
                        gift: gift, streakID: "1", count: 1, total: 1, coins: 1, isRecovered: false)
                )
            case 10..<46: happening = .comment(text: comment(&dice))
            case 46..<68:
                likes += 1 + dice.below(15)
                happening = .like(LikeIncrement(count: 1, total: likes))
            case 68..<97: happening = .join
            default: happening = .follow
            }
            var roles = ViewerRoles()
            while dice.below(2) == 0 { roles.formUnion(role(&dice)) }
            let viewer = Viewer(
                id: "70000000000\(number % 500)", handle: "viewer_\(number % 500)", name: "Viewer",
                roles: roles)
            return LiveEvent(
                id: LiveEventID(high: 9, low: UInt64(number)),
                livestream: LivestreamID(high: 2, low: 2), source: .tiktok,
                sourceMessageID: "740000000000\(number)", viewer: viewer, happening: happening,
                createdAtMilliseconds: 0, isHistory: false)
        }
    }

    private func coins(_ dice: inout SplitMix) -> Trigger {
        let low = dice.below(400)
        return .gift(GiftMatch(coinsMin: low, coinsMax: low + 1 + dice.below(200)))
    }

    private func keyword(_ dice: inout SplitMix) -> TextMatch {
        let modes = TextMatch.Mode.allCases
        let mode = dice.below(10) < 7 ? TextMatch.Mode.contains : modes[dice.below(modes.count)]
        return TextMatch(mode: mode, text: keywords[dice.below(keywords.count)])
    }

    /// About 28 bytes with one or two keywords.
    private func comment(_ dice: inout SplitMix) -> String {
        var text = fillers[dice.below(fillers.count)]
        for _ in 0..<(1 + dice.below(2)) { text += " " + keywords[dice.below(keywords.count)] }
        return dice.below(10) == 0 ? text + " ❤️" : text
    }

    private func role(_ dice: inout SplitMix) -> ViewerRoles {
        ViewerRoles(rawValue: 1 << UInt16(dice.below(6)))
    }
}

extension SplitMix {
    /// Letters as often as in English, roughly.
    fileprivate mutating func letter() -> Character {
        let letters: [Character] = Array(
            "eeeeeetttttaaaaooooiiiinnnnsssshhhhrrrddllccuummwwffggyyppbbvkjxqz")
        return letters[below(letters.count)]
    }
}
