/// An absolute `http` or `https` address (RFC 9110 §4.2), without user information.
package struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    package let isSecure: Bool
    /// A name or a numeric address; IPv6 without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query, as they are sent; at least `/`.
    package let target: String

    /// nil for anything else, and for text with spaces, control characters or a fragment.
    package init?(_ text: String) {
        guard text.utf8.count <= 8192,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 })
        else { return nil }
        let lowered = text.prefix(8).lowercased()
        let rest: Substring
        if lowered.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if lowered.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let place = Self.place(rest[..<end]) else { return nil }
        host = place.host
        port = place.port ?? (isSecure ? 443 : 80)
        let tail = rest[end...]
        target = tail.hasPrefix("/") ? String(tail) : "/" + tail
    }

    /// The same server, another path.
    package func with(target: String) -> HTTPURL? {
        HTTPURL("\(isSecure ? "https" : "http")://\(authority)\(target)")
    }

    /// The Host field.
    package var authority: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? shown : "\(shown):\(port)"
    }

    package var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    private static func place(_ text: Substring) -> (host: String, port: UInt16?)? {
        guard !text.contains("@") else { return nil }
        var name = text
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            name = text[text.index(after: text.startIndex)..<close]
            let after = text[text.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            portText = text[text.index(after: colon)...]
        }
        guard !name.isEmpty, name.utf8.count <= 253 else { return nil }
        guard let portText else { return (String(name), nil) }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText),
            port > 0
        else { return nil }
        return (String(name), port)
    }
}
