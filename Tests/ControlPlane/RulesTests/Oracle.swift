import SharedModels

@testable import Rules

/// What a rule means, written as plainly as possible and apart from the engine: every rule is
/// asked about every event, one after the other.
struct Oracle {
    var rules: [Rule]
    let seed: UInt64
    private var likes: Int?
    private var lastCue: [RuleID: Int64] = [:]
    private var lastViewerCue: [String: Int64] = [:]
    private var draws: [RuleID: UInt64] = [:]
    /// On which side of its threshold each rule last saw its input.
    private var isBeyond: [RuleID: Bool] = [:]

    init(_ rules: [Rule], seed: UInt64 = 0) {
        self.rules = rules
        self.seed = seed
    }

    private func inOrder() -> [Rule] {
        rules.filter { $0.isEnabled && $0.workspace == workspace }
            .sorted { $0.priority == $1.priority ? $0.id < $1.id : $0.priority > $1.priority }
    }

    /// The rules that match, in order. Advances the likes.
    mutating func matches(_ event: LiveEvent) -> [Rule] {
        let before = likes
        if case .like(let like) = event.happening { likes = max(likes ?? 0, like.total) }
        return inOrder().filter { rule in
            Self.times(rule.trigger, event.happening, before, ignoringCount: true) > 0
                && rule.conditions.allSatisfy { Self.holds($0, event) }
        }
    }

    /// The rules of the cues, one for each cue, in order.
    mutating func cues(_ event: LiveEvent, at now: Int64) -> [RuleID] {
        if event.isHistory {
            if case .like(let like) = event.happening { likes = max(likes ?? 0, like.total) }
            see(event.happening)
            return []
        }
        defer { see(event.happening) }
        let before = likes
        var made: [RuleID] = []
        for rule in matches(event) {
            let times = Self.times(
                rule.trigger, event.happening, before, isBeyond: isBeyond[rule.id])
            for _ in 0..<times {
                guard allows(rule, event, now), made.count < 1000 else { continue }
                made.append(rule.id)
                lastCue[rule.id] = now
                if let viewer = event.viewer { lastViewerCue["\(rule.id) \(viewer.id)"] = now }
            }
        }
        return made
    }

    /// Remembers where the input is.
    private mutating func see(_ happening: Happening) {
        guard case .input(let reading) = happening else { return }
        for rule in inOrder() {
            guard case .input(let match) = rule.trigger, match.device == reading.device,
                match.channel == reading.channel
            else { continue }
            let was = isBeyond[rule.id]
            let value = reading.value
            switch match.condition {
            case .above(let threshold, let hysteresis):
                if value > threshold {
                    isBeyond[rule.id] = true
                } else if was != true || value + hysteresis <= threshold {
                    isBeyond[rule.id] = false
                }
            case .below(let threshold, let hysteresis):
                if value < threshold {
                    isBeyond[rule.id] = true
                } else if was != true || value - hysteresis >= threshold {
                    isBeyond[rule.id] = false
                }
            case .pressed, .released, .changed: break
            }
        }
    }

    /// Rules that changed forget what they did.
    mutating func swap(to next: [Rule]) {
        for rule in next where !inOrder().contains(where: { Self.isSame($0, rule) }) {
            forget(rule.id)
        }
        for rule in rules where !next.contains(where: { $0.id == rule.id && $0.isEnabled }) {
            forget(rule.id)
        }
        rules = next
    }

    private static func isSame(_ left: Rule, _ right: Rule) -> Bool {
        left.id == right.id && left.trigger == right.trigger && left.guards == right.guards
    }

    private mutating func forget(_ rule: RuleID) {
        lastCue[rule] = nil
        draws[rule] = nil
        isBeyond[rule] = nil
        lastViewerCue = lastViewerCue.filter { !$0.key.hasPrefix("\(rule)") }
    }

    private mutating func allows(_ rule: Rule, _ event: LiveEvent, _ now: Int64) -> Bool {
        let guards = rule.guards
        if let last = lastCue[rule.id], now - last < Int64(guards.cooldownMilliseconds) * 1_000_000
        {
            return false
        }
        if let viewer = event.viewer, let last = lastViewerCue["\(rule.id) \(viewer.id)"],
            now - last < Int64(guards.viewerCooldownMilliseconds) * 1_000_000
        {
            return false
        }
        if guards.chancePermille == 1000 { return true }
        let draw = draws[rule.id, default: 0]
        draws[rule.id] = draw + 1
        return Chance.permille(seed: seed, rule: rule.id, draw: draw) < guards.chancePermille
    }

    /// How often the trigger fires.
    private static func times(
        _ trigger: Trigger, _ happening: Happening, _ likesBefore: Int?, isBeyond: Bool? = nil,
        ignoringCount: Bool = false
    ) -> Int {
        switch (trigger, happening) {
        case (.comment(let match), .comment(let text)):
            return match.map { matches($0, text) } ?? true ? 1 : 0
        case (.gift(let match), .gift(let increment)):
            guard match.firing != .comboEnd, matches(match, increment.gift) else { return 0 }
            if ignoringCount { return 1 }
            if increment.count < 1 { return 0 }
            return match.firing == .each ? min(increment.count, 50) : 1
        case (.gift(let match), .giftEnded(let streak)):
            return match.firing == .comboEnd && matches(match, streak.gift) ? 1 : 0
        case (.likeMilestone(let every), .like(let like)):
            guard let likesBefore, every > 0, like.total > likesBefore else { return 0 }
            let passed = ((likesBefore + 1)...like.total).count { $0 % every == 0 }
            return min(passed, 50)
        case (.follow, .follow), (.share, .share), (.join, .join), (.subscribe, .subscribe):
            return 1
        case (.input(let match), .input(let reading)):
            guard match.device == reading.device, match.channel == reading.channel else {
                return 0
            }
            switch match.condition {
            case .pressed: return reading.value == 0 ? 0 : 1
            case .released: return reading.value == 0 ? 1 : 0
            case .changed: return 1
            case .above(let threshold, _):
                return reading.value > threshold && (ignoringCount || isBeyond == false) ? 1 : 0
            case .below(let threshold, _):
                return reading.value < threshold && (ignoringCount || isBeyond == false) ? 1 : 0
            }
        default: return 0
        }
    }

    private static func matches(_ match: GiftMatch, _ gift: Gift) -> Bool {
        if let id = match.giftID, id != gift.id { return false }
        if let name = match.giftName {
            let wanted = FoldedText(name).string
            if wanted.isEmpty || scalars(wanted) != scalars(FoldedText(gift.name).string) {
                return false
            }
        }
        if let low = match.coinsMin, gift.coins < low { return false }
        if let high = match.coinsMax, gift.coins > high { return false }
        return true
    }

    private static func matches(_ match: TextMatch, _ text: String) -> Bool {
        let keyword = scalars(FoldedText(match.text).string)
        let text = scalars(FoldedText(text).string)
        guard !keyword.isEmpty, keyword.count <= text.count else { return false }
        for start in 0...(text.count - keyword.count) {
            let end = start + keyword.count
            guard Array(text[start..<end]) == keyword else { continue }
            switch match.mode {
            case .contains: return true
            case .prefix: if start == 0 { return true }
            case .exact: if start == 0, end == text.count { return true }
            case .word:
                let isOpenBefore =
                    start == 0 || !isLetterOrDigit(text[start - 1]) || isUnspaced(text[start])
                let isOpenAfter =
                    end == text.count || !isLetterOrDigit(text[end]) || isUnspaced(text[end - 1])
                if isOpenBefore, isOpenAfter { return true }
            }
        }
        return false
    }

    private static func holds(_ condition: Condition, _ event: LiveEvent) -> Bool {
        let handle = FoldedText(event.viewer?.handle ?? "").string
        func names(_ handles: [String]) -> Bool {
            handles.contains { !handle.isEmpty && FoldedText($0).string == handle }
        }
        return switch condition {
        case .anyRole(let roles): !roles.isDisjoint(with: event.viewer?.roles ?? [])
        case .anySource(let sources): sources.contains(event.source)
        case .handleIn(let handles): names(handles)
        case .handleNotIn(let handles): !names(handles)
        }
    }

    private static func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        let category = "\(scalar.properties.generalCategory)"
        let isWordPart = ["etter", "ark", "umber"].contains { category.hasSuffix($0) }
        return isWordPart && !isUnspaced(scalar)
    }

    private static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        let name = scalar.properties.name ?? ""
        return scalar.properties.isIdeographic
            || ["THAI", "HIRAGANA", "KATAKANA"].contains { name.contains($0) }
    }
}
