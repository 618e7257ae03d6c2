/// Trigger, conditions and actions of a workspace: when this happens and these hold, do those.
package struct Rule: Hashable, Sendable, Codable {
    package var id: RuleID
    package var workspace: WorkspaceID
    /// As `SingleLineName.make` answers it, at most `Rule.nameLengthMax` characters.
    package var name: String
    package var isEnabled: Bool
    /// Higher goes first when one event makes several cues; −1,000 to 1,000.
    package var priority: Int
    package var trigger: Trigger
    /// All must hold; at most `Rule.conditionsMax`.
    package var conditions: [Condition]
    /// At least one, at most `Rule.actionsMax`; done in this order.
    package var actions: [Action]
    package var guards: Guards

    package static let nameLengthMax = 80
    package static let conditionsMax = 16
    package static let actionsMax = 16

    package init(
        id: RuleID, workspace: WorkspaceID, name: String, isEnabled: Bool = true,
        priority: Int = 0, trigger: Trigger, conditions: [Condition] = [], actions: [Action],
        guards: Guards = Guards()
    ) {
        self.id = id
        self.workspace = workspace
        self.name = name
        self.isEnabled = isEnabled
        self.priority = priority
        self.trigger = trigger
        self.conditions = conditions
        self.actions = actions
        self.guards = guards
    }

    private enum CodingKeys: String, CodingKey {
        case id, workspace = "workspace_id", name, isEnabled = "is_enabled", priority, trigger
        case conditions, actions, guards
    }
}

/// Limits on how often a matched rule may make a cue.
package struct Guards: Hashable, Sendable, Codable {
    /// Shortest time between two cues of the rule, milliseconds; 0 for none, at most a day.
    package var cooldownMilliseconds: Int
    /// The same for each viewer.
    package var viewerCooldownMilliseconds: Int
    /// How many of a thousand matches make a cue: 1 to 1,000.
    package var chancePermille: Int
    /// How long a command of the rule stays worth doing, milliseconds: 100 to 60,000.
    package var deadlineMilliseconds: Int

    package init(
        cooldownMilliseconds: Int = 0, viewerCooldownMilliseconds: Int = 0,
        chancePermille: Int = 1000, deadlineMilliseconds: Int = 10_000
    ) {
        self.cooldownMilliseconds = cooldownMilliseconds
        self.viewerCooldownMilliseconds = viewerCooldownMilliseconds
        self.chancePermille = chancePermille
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case cooldownMilliseconds = "cooldown_ms"
        case viewerCooldownMilliseconds = "viewer_cooldown_ms"
        case chancePermille = "chance_permille", deadlineMilliseconds = "deadline_ms"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let standard = Guards()
        func value(_ key: CodingKeys, or fallback: Int) throws -> Int {
            try values.decodeIfPresent(Int.self, forKey: key) ?? fallback
        }
        self.init(
            cooldownMilliseconds: try value(
                .cooldownMilliseconds, or: standard.cooldownMilliseconds),
            viewerCooldownMilliseconds: try value(
                .viewerCooldownMilliseconds, or: standard.viewerCooldownMilliseconds),
            chancePermille: try value(.chancePermille, or: standard.chancePermille),
            deadlineMilliseconds: try value(
                .deadlineMilliseconds, or: standard.deadlineMilliseconds))
    }
}

/// One thing a cue does: an operation on a channel of a device.
package struct Action: Hashable, Sendable, Codable {
    package var device: DeviceID
    /// The channel's name in the device's manifest.
    package var channel: String
    package var operation: Operation

    package init(device: DeviceID, channel: String, operation: Operation) {
        self.device = device
        self.channel = channel
        self.operation = operation
    }

    private enum CodingKeys: String, CodingKey {
        case device = "device_id", channel, operation
    }
}
