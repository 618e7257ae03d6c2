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
    /// Any output: to its safe value, now.
    case off

    /// How long the channel is busy with it, milliseconds; 0 if it leaves it at once.
    package var durationMilliseconds: Int {
        switch self {
        case .set(let on, let duration): on ? duration : 0
        case .pulse(let duration): duration
        case .target(_, let hold): hold
        case .drive(_, let duration), .tone(_, let duration), .fill(_, _, _, let duration): duration
        case .off: 0
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
        case .off: nil
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
