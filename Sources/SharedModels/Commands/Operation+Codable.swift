extension Operation: Codable {
    private enum Kind: String, Codable {
        case set, pulse, target, drive, tone, fill, off, glide, brake, level, effect, move
        case play, stop
    }

    private enum CodingKeys: String, CodingKey {
        case type, on, duration = "duration_ms", angle = "angle_cdeg", hold = "hold_ms"
        case speed = "speed_permille", frequency = "frequency_hz", color, first, count
        case move = "move_ms", easing, level = "level_permille", fade = "fade_ms", effect
        case period = "period_ms", position = "position_steps", stepSpeed = "speed_sps"
        case sequence, startAt = "start_at_ms"
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
        case .glide: .glide
        case .brake: .brake
        case .level: .level
        case .effect: .effect
        case .move: .move
        case .off: .off
        case .play: .play
        case .stop: .stop
        }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        func optional(_ key: CodingKeys) throws -> Int {
            try values.decodeIfPresent(Int.self, forKey: key) ?? 0
        }
        func color() throws -> RGB {
            guard let color = RGB(try values.decode(String.self, forKey: .color)) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .color, in: values, debugDescription: "expected a colour as #rrggbb")
            }
            return color
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
            self = .fill(
                color: try color(), first: try optional(.first), count: try optional(.count),
                durationMilliseconds: try optional(.duration))
        case .glide:
            self = .glide(
                angleCentidegrees: try number(.angle), moveMilliseconds: try number(.move),
                easing: try values.decodeIfPresent(Easing.self, forKey: .easing) ?? .linear,
                holdMilliseconds: try optional(.hold))
        case .brake: self = .brake(durationMilliseconds: try number(.duration))
        case .level:
            self = .level(
                permille: try number(.level), fadeMilliseconds: try optional(.fade),
                durationMilliseconds: try optional(.duration))
        case .effect:
            self = .effect(
                try values.decode(Effect.self, forKey: .effect), color: try color(),
                periodMilliseconds: try number(.period),
                durationMilliseconds: try optional(.duration))
        case .move:
            self = .move(
                positionSteps: try number(.position), speedStepsPerSecond: try number(.stepSpeed),
                holdMilliseconds: try optional(.hold))
        case .off: self = .off
        case .play:
            self = .play(
                sequence: try number(.sequence),
                startAtMilliseconds: try values.decodeIfPresent(Int64.self, forKey: .startAt))
        case .stop: self = .stop
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
        case .glide(let angle, let move, let easing, let hold):
            try values.encode(angle, forKey: .angle)
            try values.encode(move, forKey: .move)
            try values.encode(easing, forKey: .easing)
            try values.encode(hold, forKey: .hold)
        case .brake(let duration): try values.encode(duration, forKey: .duration)
        case .level(let permille, let fade, let duration):
            try values.encode(permille, forKey: .level)
            try values.encode(fade, forKey: .fade)
            try values.encode(duration, forKey: .duration)
        case .effect(let effect, let color, let period, let duration):
            try values.encode(effect, forKey: .effect)
            try values.encode(color.hex, forKey: .color)
            try values.encode(period, forKey: .period)
            try values.encode(duration, forKey: .duration)
        case .move(let position, let speed, let hold):
            try values.encode(position, forKey: .position)
            try values.encode(speed, forKey: .stepSpeed)
            try values.encode(hold, forKey: .hold)
        case .play(let sequence, let start):
            try values.encode(sequence, forKey: .sequence)
            try values.encodeIfPresent(start, forKey: .startAt)
        case .off, .stop: break
        }
    }
}
