package import Crypto
package import HTTPMessage
package import Platform

/// Why a request got no answer.
package enum HTTPClientError: Error, Sendable, CustomStringConvertible {
    case badURL(String)
    /// The name is not known, or the name servers do not answer.
    case unknownHost(String)
    case unreachable(LinuxError)
    case tls(TLSError)
    /// The whole exchange took longer than allowed.
    case timeout
    /// The answer is larger than allowed.
    case tooLarge
    case malformed(MessageError)
    /// The server closed before its answer was complete.
    case closed
    case cancelled

    package var description: String {
        switch self {
        case .badURL(let text): "not an http or https address: \(text)"
        case .unknownHost(let name): "unknown host \(name)"
        case .unreachable(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .timeout: "no answer in time"
        case .tooLarge: "the answer is too large"
        case .malformed(let error): "the answer is not HTTP: \(error)"
        case .closed: "the server closed before its answer was complete"
        case .cancelled: "cancelled"
        }
    }

    /// What a person can do about it; empty if nothing is known to help.
    /// - Parameter url: what was asked for, or only its server.
    package func advice(for url: String) -> String {
        let isSecure = url.lowercased().hasPrefix("https:")
        return switch self {
        case .unknownHost: "check its spelling and this computer's network"
        case .unreachable: "check that the server runs, and its host and port"
        case .timeout: "check the host and port, and that no firewall is in between"
        case .tls(.untrusted):
            "add the authority that signed it to this computer's, or use the certificate's name"
        case .tls: "check that the server speaks TLS there; if it does not, use http://"
        case .malformed, .closed: isSecure ? "" : "if the server speaks TLS there, use https://"
        case .badURL, .tooLarge, .cancelled: ""
        }
    }
}
