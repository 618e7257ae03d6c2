/// The identity a board keeps in its own memory: 8 bytes, written as 16 lowercase hex digits.
/// All `ff` means that none was given yet (erased EEPROM); the agent then writes one.
package struct BoardUID: Hashable, Sendable {
    package let value: UInt64

    package static let blank = BoardUID(value: .max)

    package init(value: UInt64) { self.value = value }

    /// Reads exactly 16 hex digits; nil otherwise.
    package init?(_ text: some StringProtocol) {
        // `UInt64` also reads a sign: "+1", and even "-0".
        guard text.utf8.count == 16,
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt64(text, radix: 16)
        else { return nil }
        self.value = value
    }

    package var isBlank: Bool { self == .blank }
}

extension BoardUID: CustomStringConvertible {
    package var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension BoardUID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let uid = BoardUID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected a board uid of 16 hex digits")
        }
        self = uid
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
