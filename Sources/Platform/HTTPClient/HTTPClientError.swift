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
        case .unreachable(let error): "unreachable: \(error)"
        case .tls(let error): "TLS: \(error)"
        case .timeout: "no answer in time"
        case .tooLarge: "the answer is too large"
        case .malformed(let error): "the answer is not HTTP: \(error)"
        case .closed: "the server closed before its answer was complete"
        case .cancelled: "cancelled"
        }
    }
}
