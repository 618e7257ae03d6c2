package import SharedModels

/// One thing that is wrong with a rule.
package struct RuleProblem: Hashable, Sendable {
    /// The path of the field as in the rule's JSON, such as `actions[2].operation`.
    package let field: String
    /// What it must be, for people.
    package let message: String

    package init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}

/// Finds what is out of the bounds that `Rule` states. Whether the devices and channels exist is
/// for others to say.
package struct RuleValidator {
    /// The most handles in all conditions of a rule: they are what a rule set is built slowest of.
    package static let handlesMax = 200

    private var problems: [RuleProblem] = []

    /// Everything wrong with the rule; empty if it may be kept.
    package static func problems(in rule: Rule) -> [RuleProblem] {
        var validator = RuleValidator()
        validator.check(rule)
        return validator.problems
    }

    private mutating func check(_ rule: Rule) {
        do { _ = try SingleLineName.make(rule.name, lengthMax: Rule.nameLengthMax) } catch {
            add("name", "\(error)")
        }
        range(rule.priority, "priority", -1000...1000)
        check(rule.trigger)
        count(rule.conditions.count, "conditions", 0...Rule.conditionsMax)
        for (index, condition) in rule.conditions.prefix(Rule.conditionsMax).enumerated() {
            check(condition, "conditions[\(index)].any")
        }
        checkHandles(rule.conditions)
        if case .input = rule.trigger, !rule.conditions.isEmpty {
            add("conditions", "must be empty: an input has no viewer and no livestream's source")
        }
        count(rule.actions.count, "actions", 1...Rule.actionsMax)
        for (index, action) in rule.actions.prefix(Rule.actionsMax).enumerated() {
            length(action.channel, "actions[\(index)].channel", 1...24)
            if let problem = action.operation.problem {
                add("actions[\(index)].operation", problem)
            }
        }
        check(rule.guards)
    }

    private mutating func check(_ trigger: Trigger) {
        switch trigger {
        case .comment(let match?): text(match.text, "trigger.match.text", TextMatch.textLengthMax)
        case .gift(let match): check(match)
        case .likeMilestone(let every): range(every, "trigger.every", 1...1_000_000_000)
        case .input(let match): check(match)
        case .comment(nil), .follow, .share, .join, .subscribe: break
        }
    }

    private mutating func check(_ match: InputMatch) {
        length(match.channel, "trigger.input.channel", 1...24)
        switch match.condition {
        case .above(let threshold, let hysteresis), .below(let threshold, let hysteresis):
            range(threshold, "trigger.input.threshold", InputReading.values)
            range(hysteresis, "trigger.input.hysteresis", 0...InputCondition.hysteresisMax)
        case .pressed, .released, .changed: break
        }
    }

    private mutating func check(_ match: GiftMatch) {
        if let name = match.giftName { text(name, "trigger.gift.gift_name", 64) }
        for (value, field) in [(match.coinsMin, "coins_min"), (match.coinsMax, "coins_max")] {
            if let value, value < 0 { add("trigger.gift.\(field)", "must not be negative") }
        }
        if let low = match.coinsMin, let high = match.coinsMax, low > high {
            add("trigger.gift.coins_max", "must be at least coins_min (\(low)), not \(high)")
        }
    }

    private mutating func check(_ condition: Condition, _ field: String) {
        switch condition {
        case .anyRole(let roles):
            if roles.rawValue & CompiledConditions.everyRole == 0 {
                add(field, "must name at least one role")
            }
        case .anySource(let sources): count(sources.count, field, 1...8)
        case .handleIn(let handles), .handleNotIn(let handles):
            count(handles.count, field, 1...100)
            for (index, handle) in handles.prefix(100).enumerated() {
                text(handle, "\(field)[\(index)]", 64)
            }
        }
    }

    private mutating func checkHandles(_ conditions: [Condition]) {
        let count = conditions.reduce(0) { sum, condition in
            switch condition {
            case .handleIn(let handles), .handleNotIn(let handles): sum + handles.count
            case .anyRole, .anySource: sum
            }
        }
        if count > Self.handlesMax {
            add("conditions", "must name at most \(Self.handlesMax) handles, not \(count)")
        }
    }

    private mutating func check(_ guards: Guards) {
        let day = 86_400_000
        range(guards.cooldownMilliseconds, "guards.cooldown_ms", 0...day)
        range(guards.viewerCooldownMilliseconds, "guards.viewer_cooldown_ms", 0...day)
        range(guards.chancePermille, "guards.chance_permille", 1...1000)
        range(guards.deadlineMilliseconds, "guards.deadline_ms", 100...60_000)
    }

    /// Text that is compared folded: something must be left of it.
    private mutating func text(_ text: String, _ field: String, _ most: Int) {
        length(text, field, 1...most)
        if !text.isEmpty, FoldedText(text).count == 0 {
            add(field, "must hold a letter, a digit or a sign that can be seen")
        }
    }

    /// Characters are Unicode scalars here, as in the database: what looks like one may be many.
    private mutating func length(_ text: String, _ field: String, _ bounds: ClosedRange<Int>) {
        let scalars = text.unicodeScalars
        if !bounds.contains(scalars.count) {
            add(field, "must have \(bounds.lowerBound) to \(bounds.upperBound) characters")
        } else if scalars.contains("\0") {
            add(field, "must not hold a zero character")
        }
    }

    private mutating func count(_ count: Int, _ field: String, _ bounds: ClosedRange<Int>) {
        if !bounds.contains(count) {
            add(
                field,
                "must have \(bounds.lowerBound) to \(bounds.upperBound) entries, not \(count)")
        }
    }

    private mutating func range(_ value: Int, _ field: String, _ bounds: ClosedRange<Int>) {
        if !bounds.contains(value) {
            add(field, "must be \(bounds.lowerBound) to \(bounds.upperBound), not \(value)")
        }
    }

    private mutating func add(_ field: String, _ message: String) {
        problems.append(RuleProblem(field: field, message: message))
    }
}
