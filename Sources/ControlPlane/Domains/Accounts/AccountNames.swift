internal import SharedModels

/// The forms of what people call themselves. Pure.
enum AccountNames {
    static let passwordLengthMin = 10
    static let passwordLengthMax = 256
    static let displayNameLengthMax = 60

    /// An e-mail address as it is compared and kept: without spaces around, lower case. Nil if it
    /// cannot be one: it needs one `@` with something on both sides, a dot in the domain, no
    /// white space or control characters, and at most 254 bytes (RFC 5321 §4.5.3.1.3).
    static func email(_ text: String) -> String? {
        let trimmed = text.drop { $0 == " " }
        let email = String(trimmed.reversed().drop { $0 == " " }.reversed()).lowercased()
        let parts = email.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count), email.utf8.count <= 254,
            parts[1].utf8.count >= 3, parts[1].contains("."), !parts[1].hasPrefix("."),
            !parts[1].hasSuffix("."),
            email.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
        else { return nil }
        return email
    }

    /// A handle: 3 to 30 of `a-z 0-9 _`, capitals made small. Nil if it cannot be one.
    static func handle(_ text: String) -> String? {
        let handle = text.lowercased()
        guard (3...30).contains(handle.utf8.count),
            handle.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            })
        else { return nil }
        return handle
    }

    /// A shown name, or a workspace's: `SingleLineName` of at most 60 characters.
    static func displayName(_ text: String) throws(SingleLineName.Problem) -> String {
        try SingleLineName.make(text, lengthMax: displayNameLengthMax)
    }
}
