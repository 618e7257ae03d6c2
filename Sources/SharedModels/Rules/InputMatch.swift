/// Which changes of an input trigger a rule.
package struct InputMatch: Hashable, Sendable {
    package var device: DeviceID
    /// The channel's name in the device's manifest.
    package var channel: String
    package var condition: InputCondition

    package init(device: DeviceID, channel: String, condition: InputCondition) {
        self.device = device
        self.channel = channel
        self.condition = condition
    }
}

/// What a change of an input must be.
package enum InputCondition: Hashable, Sendable {
    /// A button went down, a switch went on.
    case pressed
    case released
    /// The value rose above the threshold (`InputReading.values`, in the channel's unit). It counts
    /// again once the value was at most the threshold less the hysteresis (0 to 32,767).
    case above(Int, hysteresis: Int)
    /// The value fell below the threshold. It counts again once the value was at least the
    /// threshold plus the hysteresis.
    case below(Int, hysteresis: Int)
    /// Every change.
    case changed

    package static let hysteresisMax = 32_767

    /// Whether a value is one that the condition asks for, its past aside.
    package func isMet(by value: Int) -> Bool {
        switch self {
        case .pressed: value != 0
        case .released: value == 0
        case .above(let threshold, _): value > threshold
        case .below(let threshold, _): value < threshold
        case .changed: true
        }
    }

    /// Whether a value is so far off the threshold that the next crossing counts.
    package func isCleared(by value: Int) -> Bool {
        switch self {
        case .above(let threshold, let hysteresis):
            value <= Self.sum(threshold, 0 - max(0, hysteresis))
        case .below(let threshold, let hysteresis):
            value >= Self.sum(threshold, max(0, hysteresis))
        case .pressed, .released, .changed: true
        }
    }

    /// Whether it counts crossings of a threshold, and so has a past.
    package var isCrossing: Bool {
        switch self {
        case .above, .below: true
        case .pressed, .released, .changed: false
        }
    }

    private static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, isOver) = left.addingReportingOverflow(right)
        return isOver ? (right < 0 ? .min : .max) : sum
    }
}

extension InputMatch: Codable {
    private enum Kind: String, Codable { case pressed, released, above, below, changed }

    private enum CodingKeys: String, CodingKey {
        case device = "device_id", channel, condition, threshold, hysteresis
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func threshold() throws -> Int { try values.decode(Int.self, forKey: .threshold) }
        func hysteresis() throws -> Int {
            try values.decodeIfPresent(Int.self, forKey: .hysteresis) ?? 0
        }
        let condition: InputCondition =
            switch try values.decode(Kind.self, forKey: .condition) {
            case .pressed: .pressed
            case .released: .released
            case .above: .above(try threshold(), hysteresis: try hysteresis())
            case .below: .below(try threshold(), hysteresis: try hysteresis())
            case .changed: .changed
            }
        self.init(
            device: try values.decode(DeviceID.self, forKey: .device),
            channel: try values.decode(String.self, forKey: .channel), condition: condition)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(device, forKey: .device)
        try values.encode(channel, forKey: .channel)
        let kind: Kind
        switch condition {
        case .pressed: kind = .pressed
        case .released: kind = .released
        case .changed: kind = .changed
        case .above(let threshold, let hysteresis):
            kind = .above
            try values.encode(threshold, forKey: .threshold)
            try values.encode(hysteresis, forKey: .hysteresis)
        case .below(let threshold, let hysteresis):
            kind = .below
            try values.encode(threshold, forKey: .threshold)
            try values.encode(hysteresis, forKey: .hysteresis)
        }
        try values.encode(kind, forKey: .condition)
    }
}
