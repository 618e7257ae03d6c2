extension Channel.Kind: Codable {
    private static let known: [(kind: Self, name: String)] = [
        (.relay, "relay"), (.servo, "servo"), (.motor, "motor"), (.buzzer, "buzzer"),
        (.strip, "strip"), (.light, "light"), (.solenoid, "solenoid"), (.stepper, "stepper"),
        (.button, "button"), (.switch, "switch"), (.analog, "analog"), (.distance, "distance"),
    ]

    /// All but `other`.
    package static let allKnown = known.map(\.kind)

    /// The kind of that name; one that is not known is `other`.
    package init(name: String) {
        self = Self.known.first { $0.name == name }?.kind ?? .other(name)
    }

    /// As in manifests.
    package var name: String {
        if case .other(let name) = self { return name }
        if self == .board { return "board" }
        return Self.known.first { $0.kind == self }?.name ?? ""
    }

    package init(from decoder: any Decoder) throws {
        self.init(name: try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(name)
    }
}
