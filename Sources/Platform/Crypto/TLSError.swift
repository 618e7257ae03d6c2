/// Why a TLS context could not be made or a session could not go on.
package enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Certificates or key could not be read, or do not belong together.
    case badCertificate(String)
    /// A name that no certificate could bear.
    case badName(String)
    /// The peer's certificate is not trusted, out of date, or for another name.
    case untrusted(String)
    /// The connection ended in the middle: what was read may be cut short.
    case truncated
    /// The peer broke the protocol, or offered nothing that is allowed here.
    case failed(String)

    package var description: String {
        switch self {
        case .badCertificate(let reason): "TLS certificate: \(reason)"
        case .badName(let name): "TLS name \(name) is neither a host name nor an address"
        case .untrusted(let reason): "TLS peer is not trusted: \(reason)"
        case .truncated: "TLS connection ended in the middle"
        case .failed(let reason): "TLS failed: \(reason)"
        }
    }
}
