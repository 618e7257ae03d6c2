package import Platform

/// How a client reaches its broker, and its limits.
package struct MQTTConfiguration: Sendable {
    package enum Address: Sendable, Hashable {
        case tcp(host: String, port: UInt16)
        /// TLS with the broker's certificate checked against `authorityFile`, or the system's
        /// authorities if nil.
        case tls(host: String, port: UInt16, authorityFile: String?)
        case unix(path: String)
    }

    package var address: Address
    package var clientID: String
    package var username: String
    /// Asked anew for each connection, on the loop; credentials expire and are renewed.
    package var password: @Sendable () -> String
    /// False: the broker keeps subscriptions and queues messages while we are away.
    package var isSessionClean = false
    /// The longest silence before a ping, whole seconds, 5 to 65,535.
    package var keepAlive: Duration = .seconds(20)
    package var will: MQTTMessage?
    /// Messages that wait for the broker, at most; beyond it `MQTTError.queueFull`.
    package var queueCountMax = 1000
    package var queueBytesMax = 4 * 1024 * 1024
    /// QoS 1 messages under way at once; more is slower, not faster (measured: 100 beats 1,000).
    package var inflightMax = 100
    /// The pauses between attempts to connect; the longest of them if the broker refuses us.
    package var reconnect = Backoff(first: .milliseconds(250), longest: .seconds(15))
    package var connectTimeout: Duration = .seconds(10)

    package init(
        address: Address, clientID: String, username: String,
        password: @escaping @Sendable () -> String
    ) {
        self.address = address
        self.clientID = clientID
        self.username = username
        self.password = password
    }
}
