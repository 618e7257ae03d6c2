/// What a host says to a board that speaks Firmata 2 (github.com/firmata/protocol), as bytes.
/// Pins are 0 to 127; numbers beyond their range are cut to it.
package enum FirmataRequest {
    /// Modes of a pin, as the protocol numbers them.
    package enum Mode: UInt8, Hashable, Sendable {
        case input = 0
        case output, analog, pwm, servo
    }

    package static let version: [UInt8] = [0xF9]
    package static let firmware: [UInt8] = [0xF0, 0x79, 0xF7]
    package static let capabilities: [UInt8] = [0xF0, 0x6B, 0xF7]
    package static let analogMapping: [UInt8] = [0xF0, 0x69, 0xF7]

    package static func mode(pin: Int, _ mode: Mode) -> [UInt8] {
        [0xF4, data(pin), mode.rawValue]
    }

    /// One pin on or off (protocol 2.5 and later).
    package static func digital(pin: Int, isOn: Bool) -> [UInt8] {
        [0xF5, data(pin), isOn ? 1 : 0]
    }

    /// A duty or an angle: the short message, or the extended one where a pin or a value does not
    /// fit it.
    package static func analog(pin: Int, value: Int) -> [UInt8] {
        let value = min(max(value, 0), 0x1F_FFFF)
        guard pin <= 15, value <= 0x3FFF else {
            var bytes: [UInt8] = [
                0xF0, 0x6F, data(pin), data(value & 0x7F), data(value >> 7 & 0x7F),
            ]
            if value > 0x3FFF { bytes.append(data(value >> 14 & 0x7F)) }
            return bytes + [0xF7]
        }
        return [0xE0 | data(pin), data(value & 0x7F), data(value >> 7 & 0x7F)]
    }

    /// A servo's pulse widths at its ends, microseconds; also sets the pin's mode to servo.
    package static func servo(pin: Int, leastMicroseconds: Int, mostMicroseconds: Int) -> [UInt8] {
        let least = min(max(leastMicroseconds, 0), 0x3FFF)
        let most = min(max(mostMicroseconds, 0), 0x3FFF)
        return [
            0xF0, 0x70, data(pin), data(least & 0x7F), data(least >> 7),
            data(most & 0x7F), data(most >> 7), 0xF7,
        ]
    }

    private static func data(_ value: Int) -> UInt8 { UInt8(min(max(value, 0), 0x7F)) }
}

/// What a board says, as far as a host of outputs needs it.
package enum FirmataMessage: Hashable, Sendable {
    /// The version of the protocol.
    case version(major: UInt8, minor: UInt8)
    /// The name of the sketch; sent when asked, and when the board has booted.
    case firmware(name: String, major: UInt8, minor: UInt8)
    /// What each pin can do: modes with their resolution in bits.
    case capabilities([[UInt8: UInt8]])
    /// The analog number of each pin; nil for none.
    case analogMapping([UInt8?])
    /// What the sketch complains about.
    case text(String)
    /// Anything else that is whole: values of inputs, other extensions.
    case other
}

/// Takes a board's bytes apart. Any bytes will do: what is no message is counted and dropped, and
/// no message is longer than `sysexMaxBytes`. A pure value.
package struct FirmataParser: Sendable {
    /// Longest extended message, bytes: a board of 127 pins with all modes needs some 3,500.
    package static let sysexMaxBytes = 8192
    /// Pins a board may tell of.
    package static let pinsMax = 128

    private enum State: Sendable { case idle, short(UInt8), sysex, tooLong }

    private var state = State.idle
    private var body: [UInt8] = []
    /// Bytes outside of messages, and messages that were broken off or too long.
    package private(set) var framingErrors = 0

    package init() {}

    /// Takes bytes; calls `found` with each message.
    package mutating func feed(_ bytes: some Sequence<UInt8>, found: (FirmataMessage) -> Void) {
        for byte in bytes {
            if let message = take(byte) { found(message) }
        }
    }

    private mutating func take(_ byte: UInt8) -> FirmataMessage? {
        if byte >= 0x80 { return command(byte) }
        switch state {
        case .idle:
            framingErrors += 1
        case .short(let command):
            body.append(byte)
            guard body.count == 2 else { return nil }
            state = .idle
            return command == 0xF9 ? .version(major: body[0], minor: body[1]) : .other
        case .sysex:
            guard body.count < Self.sysexMaxBytes else {
                framingErrors += 1
                body = []
                state = .tooLong
                return nil
            }
            body.append(byte)
        case .tooLong: break
        }
        return nil
    }

    private mutating func command(_ byte: UInt8) -> FirmataMessage? {
        if byte == 0xF7 {
            switch state {
            case .sysex:
                state = .idle
                defer { body = [] }
                return Self.extended(body)
            case .tooLong: state = .idle
            case .idle, .short:
                framingErrors += 1
                state = .idle
            }
            return nil
        }
        // A command in the midst of another: the first was cut off.
        if case .idle = state {} else { framingErrors += 1 }
        body = []
        switch byte {
        case 0xF0: state = .sysex
        case 0xF9, 0xE0...0xEF, 0x90...0x9F: state = .short(byte)
        default:
            framingErrors += 1
            state = .idle
        }
        return nil
    }

    private static func extended(_ body: [UInt8]) -> FirmataMessage {
        guard let kind = body.first else { return .other }
        let rest = body.dropFirst()
        switch kind {
        case 0x79:
            guard rest.count >= 2 else { return .other }
            let numbers = Array(rest.prefix(2))
            return .firmware(name: text(rest.dropFirst(2)), major: numbers[0], minor: numbers[1])
        case 0x6C: return .capabilities(pins(rest))
        case 0x6A:
            return .analogMapping(rest.prefix(pinsMax).map { $0 == 0x7F ? nil : $0 })
        case 0x71: return .text(text(rest))
        default: return .other
        }
    }

    private static func pins(_ bytes: ArraySlice<UInt8>) -> [[UInt8: UInt8]] {
        var pins: [[UInt8: UInt8]] = []
        var modes: [UInt8: UInt8] = [:]
        var mode: UInt8?
        for byte in bytes {
            guard pins.count < pinsMax else { break }
            if let known = mode {
                modes[known] = byte
                mode = nil
            } else if byte == 0x7F {
                pins.append(modes)
                modes = [:]
            } else {
                mode = byte
            }
        }
        return pins
    }

    /// Characters in two bytes of seven bits each; what is not printable ASCII becomes a dot.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let pairs = Array(bytes.prefix(64))
        var text = ""
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            let value = pairs[index] | (pairs[index + 1] & 1) << 7
            text.unicodeScalars.append(
                (0x20...0x7E).contains(value) ? Unicode.Scalar(value) : Unicode.Scalar(0x2E))
        }
        return text
    }
}
