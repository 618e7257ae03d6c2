/// Makes and checks compact access tokens: `v1.<payload>.<code>`, both parts base64url without
/// padding, the code HMAC-SHA256 over `<purpose>.v1.<payload>`.
///
/// The payload is the caller's, with its own time of expiry: a signer knows no clock. The
/// purpose is not written, so a token made for one thing never passes for another.
package struct TokenSigner: Sendable {
    package enum Problem: Error, Equatable, Sendable {
        /// Not of this form, or longer than `tokenSizeMax`.
        case malformed
        /// Made with another key or for another purpose, or changed on the way.
        case badCode
    }

    /// Characters; longer texts are refused unread.
    package static let tokenSizeMax = 4096

    private let purpose: String
    private let current: HMACSHA256
    private let previous: [HMACSHA256]

    /// - Parameters:
    ///   - purpose: such as `access`; without a full stop.
    ///   - key: at least 32 random bytes.
    ///   - previous: keys that were replaced and whose tokens still count.
    package init(purpose: String, key: [UInt8], previous: [[UInt8]] = []) throws(CryptoError) {
        guard ([key] + previous).allSatisfy({ $0.count >= 32 }) else {
            throw .badKey("a token key has at least 32 bytes")
        }
        precondition(!purpose.utf8.contains(UInt8(ascii: ".")), "a purpose has no full stop")
        self.purpose = purpose
        current = HMACSHA256(key: key)
        self.previous = previous.map { HMACSHA256(key: $0) }
    }

    /// The token that carries the payload. Its size stays within `tokenSizeMax` for payloads of
    /// up to 3,000 bytes.
    package func token(for payload: some Collection<UInt8>) -> String {
        let body = "v1." + Base64URL.encode(payload)
        return body + "." + Base64URL.encode(current.code(for: "\(purpose).\(body)".utf8))
    }

    /// The payload of a token that this signer, or one with the same keys, made.
    package func payload(of token: String) throws(Problem) -> [UInt8] {
        guard token.utf8.count <= Self.tokenSizeMax else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "v1", let payload = Base64URL.decode(parts[1]),
            let code = Base64URL.decode(parts[2]), code.count == 32
        else { throw .malformed }
        let signed = "\(purpose).v1.\(parts[1])"
        guard ([current] + previous).contains(where: { $0.isValid(code, for: signed.utf8) })
        else { throw .badCode }
        return payload
    }
}
