internal import HTTP
internal import SharedModels

/// A rule as the API answers it.
struct RuleJSON: Encodable {
    let rule: Rule
    let version: Int64
    let createdAtMilliseconds: Int64
    let updatedAtMilliseconds: Int64

    init(_ stored: StoredRule) {
        rule = stored.rule
        version = stored.version
        createdAtMilliseconds = stored.createdAtMilliseconds
        updatedAtMilliseconds = stored.updatedAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case version, createdAtMilliseconds = "created_at_ms"
        case updatedAtMilliseconds = "updated_at_ms"
    }

    func encode(to encoder: any Encoder) throws {
        try rule.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(version, forKey: .version)
        try values.encode(createdAtMilliseconds, forKey: .createdAtMilliseconds)
        try values.encode(updatedAtMilliseconds, forKey: .updatedAtMilliseconds)
    }
}

/// A rule as the API takes it.
struct RuleBody: Decodable {
    let name: String
    let isEnabled: Bool?
    let priority: Int?
    let trigger: Trigger
    let conditions: [Condition]?
    let actions: [Action]
    let guards: Guards?
    let version: Int64?

    private enum CodingKeys: String, CodingKey {
        case name, isEnabled = "is_enabled", priority, trigger, conditions, actions, guards, version
    }

    func rule(_ id: RuleID, of workspace: WorkspaceID) -> Rule {
        Rule(
            id: id, workspace: workspace, name: name, isEnabled: isEnabled ?? true,
            priority: priority ?? 0, trigger: trigger, conditions: conditions ?? [],
            actions: actions, guards: guards ?? Guards())
    }
}

struct EnabledBody: Decodable {
    let isEnabled: Bool

    private enum CodingKeys: String, CodingKey { case isEnabled = "is_enabled" }
}
