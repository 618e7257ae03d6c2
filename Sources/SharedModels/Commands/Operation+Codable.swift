extension Operation: Codable {
    private enum Kind: String, Codable { case set, pulse, target, drive, tone, fill, off }

    private enum CodingKeys: String, CodingKey {
        case type, on, duration = "duration_ms", angle = "angle_cdeg", hold = "hold_ms"
        case speed = "speed_permille", frequency = "frequency_hz", color, first, count
    }

    /// The written name of the case, as in JSON.
    package var type: String { kind.rawValue }

    private var kind: Kind {
        switch self {
        case .set: .set
        case .pulse: .pulse
        case .target: .target
        case .drive: .drive
        case .tone: .tone
        case .fill: .fill
        case .off: .off
        }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        func optional(_ key: CodingKeys) throws -> Int {
            try values.decodeIfPresent(Int.self, forKey: key) ?? 0
        }
        switch try values.decode(Kind.self, forKey: .type) {
        case .set:
            self = .set(
                on: try values.decode(Bool.self, forKey: .on),
                durationMilliseconds: try optional(.duration))
        case .pulse: self = .pulse(durationMilliseconds: try number(.duration))
        case .target:
            self = .target(
                angleCentidegrees: try number(.angle), holdMilliseconds: try optional(.hold))
        case .drive:
            self = .drive(
                speedPermille: try number(.speed), durationMilliseconds: try optional(.duration))
        case .tone:
            self = .tone(
                frequencyHertz: try number(.frequency), durationMilliseconds: try number(.duration))
        case .fill:
            guard let color = RGB(try values.decode(String.self, forKey: .color)) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .color, in: values, debugDescription: "expected a colour as #rrggbb")
            }
            self = .fill(
                color: color, first: try optional(.first), count: try optional(.count),
                durationMilliseconds: try optional(.duration))
        case .off: self = .off
        }
        if let problem {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: problem))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(kind, forKey: .type)
        switch self {
        case .set(let on, let duration):
            try values.encode(on, forKey: .on)
            try values.encode(duration, forKey: .duration)
        case .pulse(let duration): try values.encode(duration, forKey: .duration)
        case .target(let angle, let hold):
            try values.encode(angle, forKey: .angle)
            try values.encode(hold, forKey: .hold)
        case .drive(let speed, let duration):
            try values.encode(speed, forKey: .speed)
            try values.encode(duration, forKey: .duration)
        case .tone(let frequency, let duration):
            try values.encode(frequency, forKey: .frequency)
            try values.encode(duration, forKey: .duration)
        case .fill(let color, let first, let count, let duration):
            try values.encode(color.hex, forKey: .color)
            try values.encode(first, forKey: .first)
            try values.encode(count, forKey: .count)
            try values.encode(duration, forKey: .duration)
        case .off: break
        }
    }
}
