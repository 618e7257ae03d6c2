package import Crypto
package import Platform

/// Limits of a server; sizes in bytes. At each of them a connection is refused or closed.
package struct HTTPLimits: Sendable {
    /// Of the start line, and of all fields together (431).
    package var headBytes = 64 * 1024
    /// How many header fields (431).
    package var fields = 64
    /// From the first byte of a head to its end (408).
    package var headDeadline: Duration = .seconds(10)
    /// A kept-alive connection without a request.
    package var idleDeadline: Duration = .seconds(60)
    /// Slower bodies are refused (408), once `bodyGrace` has passed.
    package var bodyBytesPerSecond = 1024
    package var bodyGrace: Duration = .seconds(10)
    /// A handler that has not answered; its task is cancelled. Not for streams.
    package var handlerDeadline: Duration = .seconds(60)
    /// A peer that takes no byte of an answer for so long.
    package var writeDeadline: Duration = .seconds(30)
    /// After the last answer, for the peer to read it before the socket is closed.
    package var lingerDeadline: Duration = .seconds(2)
    /// All connections; those above get 503.
    package var connections = 20_000
    /// From one address; those above get 429. Unix sockets are not counted.
    package var connectionsPerAddress = 1_000
    /// Unsent bytes at which a writing handler waits, and a viewer of a stream is too slow.
    package var queueBytes = 256 * 1024
    /// Inbound WebSocket message (1009).
    package var messageBytes = 64 * 1024
    /// Between pings (WebSocket) or comments (server-sent events), with each of which the right to
    /// the stream is looked at again.
    package var pingInterval: Duration = .seconds(20)
    /// A WebSocket peer that sends nothing, not even a pong.
    package var silenceDeadline: Duration = .seconds(60)
    /// How often deadlines are looked at.
    package var tick: Duration = .milliseconds(500)
    /// How long requests in flight may take once the server stops.
    package var drainDeadline: Duration = .seconds(10)

    package init() {}
}

/// What a server needs to know.
package struct HTTPConfiguration: Sendable {
    /// A place to listen, with TLS or without.
    package struct Listener: Sendable {
        package var address: SocketAddress
        /// A server's context whose ALPN is `http/1.1`; nil for plain text.
        package var tls: TLSContext?

        package init(_ address: SocketAddress, tls: TLSContext? = nil) {
            self.address = address
            self.tls = tls
        }
    }

    package var listeners: [Listener]
    package var loopCount = 2
    package var limits = HTTPLimits()
    /// Whose hands the deadlines follow.
    package var time = TimeSource.system
    /// Whether each request leaves a line in the log; failures of ours (5xx) always do.
    package var logsAccess = true
    /// Told of each answer: method, path pattern (empty: none matched), status, duration. Called
    /// on a loop; must not block.
    package var observe: (@Sendable (String, String, Status, Duration) -> Void)?

    package init(listeners: [Listener]) { self.listeners = listeners }

    /// Plain text everywhere.
    package init(addresses: [SocketAddress]) { listeners = addresses.map { Listener($0) } }
}
