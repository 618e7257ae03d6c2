internal import COpenSSL

/// A certificate that vouches for itself, with its key: for development and tests, and for a
/// machine on a local network whose clients are told to trust exactly this one.
package struct SelfSignedCertificate: Sendable {
    package let certificatePEM: String
    package let privateKeyPEM: String
}

extension TLSContext {
    /// Makes a P-256 key and a certificate for the names.
    /// - Parameters:
    ///   - names: host names and IP addresses, 1 to 32; a wildcard such as `*.example.org` too.
    ///   - validDays: from now; also valid since yesterday.
    package static func selfSigned(names: [String], validDays: Int = 90) throws(TLSError)
        -> SelfSignedCertificate
    {
        guard let first = names.first, names.count <= 32, (0...3650).contains(validDays) else {
            throw .badCertificate("needs 1 to 32 names and at most 3650 days")
        }
        var alternatives: [String] = []
        for name in names { alternatives.append(try alternative(name)) }
        let common = String(first.prefix(64))
        var isMade = false
        var keyBuffer = [CChar](repeating: 0, count: 4096)
        var chainBuffer = [CChar](repeating: 0, count: 16384)
        isMade =
            cue_tls_self_signed(
                common, alternatives.joined(separator: ","), Int64(validDays) * 86_400,
                &chainBuffer, chainBuffer.count, &keyBuffer, keyBuffer.count) == 0
        guard isMade else { throw .badCertificate("could not be made for \(names)") }
        return SelfSignedCertificate(
            certificatePEM: text(chainBuffer), privateKeyPEM: text(keyBuffer))
    }

    /// One entry of a subject alternative name. The characters are checked, because a comma
    /// would begin another entry.
    private static func alternative(_ name: String) throws(TLSError) -> String {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "*"): true
            default: false
            }
        }
        guard isPlain, (1...253).contains(name.utf8.count) else { throw .badName(name) }
        let isAddress =
            name.contains(":")
            || name.utf8.allSatisfy {
                $0 == UInt8(ascii: ".")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
        return (isAddress ? "IP:" : "DNS:") + name
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
