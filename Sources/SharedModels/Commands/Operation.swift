/// What a channel is told to do. Every operation is absolute, so a repeat is harmless.
/// Durations are whole milliseconds, 0 to 65,535; the firmware bounds them again by the
/// channel's longest on-time.
package enum Operation: Hashable, Sendable {
    /// Relay: on or off; 0 ms means until told otherwise.
    case set(on: Bool, durationMilliseconds: Int)
    /// Relay: on for 1 to 65,535 ms, then off.
    case pulse(durationMilliseconds: Int)
    /// Servo: an angle in hundredths of a degree (0 to 36,000); then released after the hold,
    /// 0 for never.
    case target(angleCentidegrees: Int, holdMilliseconds: Int)
    /// Motor: −1,000 (full reverse) to 1,000 (full forward).
    case drive(speedPermille: Int, durationMilliseconds: Int)
    /// Buzzer: 20 to 20,000 Hz.
    case tone(frequencyHertz: Int, durationMilliseconds: Int)
    /// Strip: `count` pixels from `first` in one colour; count 0 for all of them.
    case fill(color: RGB, first: Int, count: Int, durationMilliseconds: Int)
    /// Servo: to an angle in so many milliseconds (0 for at once, but never faster than the channel
    /// allows); then released after the hold, 0 for never.
    case glide(
        angleCentidegrees: Int, moveMilliseconds: Int, easing: Easing, holdMilliseconds: Int)
    /// Motor with a brake: stopped short for 1 to 65,535 ms.
    case brake(durationMilliseconds: Int)
    /// Light: 0 to 1,000 permille, reached in the fade.
    case level(permille: Int, fadeMilliseconds: Int, durationMilliseconds: Int)
    /// Strip: a moving picture over all pixels; one round in the period, 100 to 65,535 ms (flash:
    /// 334, at most three a second).
    case effect(Effect, color: RGB, periodMilliseconds: Int, durationMilliseconds: Int)
    /// Stepper: to a position, counted in steps from where it stood when it was armed, at 16 to
    /// 4,000 steps a second; then released after the hold, 0 for never.
    case move(positionSteps: Int, speedStepsPerSecond: Int, holdMilliseconds: Int)
    /// Any output: to its safe value, now.
    case off
    /// The board itself (`Channel.boardName`): starts one of its sequences, 0 to 254, now or at a
    /// common time, Unix milliseconds by the server's clock.
    case play(sequence: Int, startAtMilliseconds: Int64?)
    /// The board itself: ends the sequence that it plays, with that sequence's outputs off.
    case stop

    /// How a glide begins and ends.
    package enum Easing: String, Hashable, Sendable, Codable, CaseIterable { case linear, smooth }

    package enum Effect: String, Hashable, Sendable, Codable, CaseIterable {
        case rainbow, chase, breathe, flash, sparkle
    }

    /// A position that the link can say.
    package static let positions = Int(Int32.min)...Int(Int32.max)

    /// How long the channel is busy with it, milliseconds; 0 if it leaves it at once.
    package var durationMilliseconds: Int {
        switch self {
        case .set(let on, let duration): on ? duration : 0
        case .pulse(let duration): duration
        case .target(_, let hold): hold
        case .drive(_, let duration), .tone(_, let duration), .fill(_, _, _, let duration): duration
        case .glide(_, let move, _, let hold):
            move.addingReportingOverflow(hold).overflow ? .max : move + hold
        case .brake(let duration), .level(_, _, let duration), .effect(_, _, _, let duration):
            duration
        case .move(_, _, let hold): hold
        case .off, .play, .stop: 0
        }
    }

    /// The name of the first number that is out of its range, with the range; nil if all are in.
    package var problem: String? {
        let milliseconds = 0...65_535
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> String? {
            range.contains(value)
                ? nil : "\(name) must be \(range.lowerBound) to \(range.upperBound), not \(value)"
        }
        return switch self {
        case .set(_, let duration): check("duration_ms", duration, milliseconds)
        case .pulse(let duration): check("duration_ms", duration, 1...65_535)
        case .target(let angle, let hold):
            check("angle_cdeg", angle, 0...36_000) ?? check("hold_ms", hold, milliseconds)
        case .drive(let speed, let duration):
            check("speed_permille", speed, -1000...1000)
                ?? check("duration_ms", duration, milliseconds)
        case .tone(let frequency, let duration):
            check("frequency_hz", frequency, 20...20_000)
                ?? check("duration_ms", duration, 1...65_535)
        case .fill(_, let first, let count, let duration):
            check("first", first, 0...255) ?? check("count", count, 0...255)
                ?? check("duration_ms", duration, milliseconds)
        case .glide(let angle, let move, _, let hold):
            check("angle_cdeg", angle, 0...36_000) ?? check("move_ms", move, milliseconds)
                ?? check("hold_ms", hold, milliseconds)
        case .brake(let duration): check("duration_ms", duration, 1...65_535)
        case .level(let permille, let fade, let duration):
            check("level_permille", permille, 0...1000) ?? check("fade_ms", fade, milliseconds)
                ?? check("duration_ms", duration, milliseconds)
        case .effect(let effect, _, let period, let duration):
            check("period_ms", period, (effect == .flash ? 334 : 100)...65_535)
                ?? check("duration_ms", duration, milliseconds)
        case .move(let position, let speed, let hold):
            check("position_steps", position, Self.positions)
                ?? check("speed_sps", speed, 16...4_000) ?? check("hold_ms", hold, milliseconds)
        case .play(let sequence, let start):
            check("sequence", sequence, ChannelSequence.Limits.numbers)
                ?? start.flatMap { (0...253_402_300_799_999).contains($0) ? nil : "start_at_ms" }
                .map { "\($0) must be a time in Unix milliseconds" }
        case .off, .stop: nil
        }
    }
}

/// A colour, written `#rrggbb`.
package struct RGB: Hashable, Sendable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    package init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// Reads `#rrggbb`; nil otherwise.
    package init?(_ text: String) {
        let digits = text.dropFirst()
        guard text.hasPrefix("#"), digits.utf8.count == 6,
            digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt32(digits, radix: 16)
        else { return nil }
        self.init(
            red: UInt8(truncatingIfNeeded: value >> 16),
            green: UInt8(truncatingIfNeeded: value >> 8),
            blue: UInt8(truncatingIfNeeded: value))
    }

    package var hex: String {
        let value = UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue)
        let digits = String(value, radix: 16)
        return "#" + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
