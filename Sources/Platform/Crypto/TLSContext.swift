internal import COpenSSL

/// What sessions share: a server's certificate and key, or whom a client trusts; TLS 1.2 and
/// 1.3. Any number of threads may open sessions with one context. To renew a certificate make
/// a new context for new sessions; the old one lives as long as its sessions.
package final class TLSContext: @unchecked Sendable {
    // Safe: an SSL_CTX is only read once it is set up, and counts its users atomically.
    let handle: OpaquePointer
    let isServer: Bool

    private init(handle: OpaquePointer, isServer: Bool) {
        self.handle = handle
        self.isServer = isServer
    }

    deinit { cue_tls_context_free(handle) }

    /// Of a server.
    /// - Parameters:
    ///   - certificateChainPEM: the server's certificate, then those that lead to a root.
    ///   - privateKeyPEM: its key, not encrypted.
    ///   - protocols: ALPN names, best first; a client that offers only others is refused.
    package static func server(
        certificateChainPEM: String, privateKeyPEM: String, protocols: [String] = ["http/1.1"]
    ) throws(TLSError) -> TLSContext {
        let names = wireForm(protocols)
        return try make(isServer: true) { problem, size in
            withText(certificateChainPEM) { chain, chainSize in
                withText(privateKeyPEM) { key, keySize in
                    cue_tls_server_new(
                        chain, chainSize, key, keySize, names, names.count, problem, size)
                }
            }
        }
    }

    /// Of a client.
    /// - Parameters:
    ///   - trustedPEM: the certificates it trusts; nil for the machine's store.
    ///   - protocols: ALPN names to offer.
    package static func client(
        trustedPEM: String? = nil, protocols: [String] = ["http/1.1"]
    ) throws(TLSError) -> TLSContext {
        let names = wireForm(protocols)
        return try make(isServer: false) { problem, size in
            guard let trustedPEM else {
                return cue_tls_client_new(nil, 0, names, names.count, problem, size)
            }
            return withText(trustedPEM) {
                cue_tls_client_new($0, $1, names, names.count, problem, size)
            }
        }
    }

    /// When the server's certificate ends, Unix seconds UTC; 0 for a client.
    package var expiresAtSeconds: Int64 { cue_tls_context_expiry(handle) }

    private static func make(
        isServer: Bool, _ body: (UnsafeMutablePointer<CChar>?, Int) -> OpaquePointer?
    ) throws(TLSError) -> TLSContext {
        var handle: OpaquePointer?
        let problem = String(unsafeUninitializedCapacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            buffer.withMemoryRebound(to: CChar.self) {
                handle = body($0.baseAddress, $0.count)
            }
            return buffer.firstIndex(of: 0) ?? 0
        }
        guard let handle else { throw .badCertificate(problem) }
        return TLSContext(handle: handle, isServer: isServer)
    }

    private static func withText<Result>(
        _ text: String, _ body: (UnsafePointer<CChar>, Int) -> Result
    ) -> Result {
        text.utf8.withBytePointer { pointer, size in
            pointer.withMemoryRebound(to: CChar.self, capacity: max(size, 1)) { body($0, size) }
        }
    }

    /// Names with a length byte before each (RFC 7301 §3.1).
    private static func wireForm(_ protocols: [String]) -> [UInt8] {
        protocols.flatMap { name in
            precondition((1...32).contains(name.utf8.count), "an ALPN name has 1 to 32 bytes")
            return [UInt8(name.utf8.count)] + Array(name.utf8)
        }
    }
}
