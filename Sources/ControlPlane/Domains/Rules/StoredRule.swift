package import SharedModels

/// A rule as it is kept.
package struct StoredRule: Hashable, Sendable {
    package let rule: Rule
    /// 1 at first; one more with each change.
    package let version: Int64
    package let createdAtMilliseconds: Int64
    package let updatedAtMilliseconds: Int64
}

/// The part of a rule that is kept as one JSON document.
struct RuleDefinition: Hashable, Sendable, Codable {
    var trigger: Trigger
    var conditions: [Condition]
    var actions: [Action]
    var guards: Guards

    init(_ rule: Rule) {
        trigger = rule.trigger
        conditions = rule.conditions
        actions = rule.actions
        guards = rule.guards
    }
}
