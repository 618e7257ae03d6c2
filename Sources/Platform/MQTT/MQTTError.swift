package import Platform

/// Why something between us and the broker did not happen.
package enum MQTTError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The offline queue is full: the message was not taken.
    case queueFull
    /// The message's deadline passed before it could be handed to the broker.
    case expired
    /// The client was stopped first.
    case stopped
    /// The broker refused the subscription to this filter.
    case subscriptionRefused(filter: String)
    /// The kernel gave no thread for the client.
    case system(LinuxError)
    /// libmosquitto refused the call; `code` is a `MOSQ_ERR_…` value.
    case library(operation: String, code: Int32, message: String)

    package var description: String {
        switch self {
        case .queueFull: "the MQTT queue is full"
        case .expired: "the message expired before the broker could be reached"
        case .stopped: "the MQTT client was stopped"
        case .subscriptionRefused(let filter): "the broker refused the subscription to \(filter)"
        case .system(let error): "\(error)"
        case .library(let operation, _, let message): "\(operation): \(message)"
        }
    }
}
