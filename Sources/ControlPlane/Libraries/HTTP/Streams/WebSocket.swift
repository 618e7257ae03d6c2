/// What a client said.
package enum WebSocketMessage: Sendable, Hashable {
    case text(String)
    case binary([UInt8])
}

/// What happens on a WebSocket. There is no task while nothing arrives.
package struct WebSocketHandler: Sendable {
    package typealias Received = @Sendable (WebSocket, WebSocketMessage) async -> Void

    let opened: @Sendable (WebSocket) -> Void
    let received: Received
    let closed: @Sendable (WebSocket, CloseCode) -> Void

    /// - Parameters:
    ///   - opened: called on the loop once the handshake is sent; join hubs here. Must not block.
    ///   - received: one message at a time, in order; the next is not read before it returns.
    ///   - closed: called once, on the loop. Must not block.
    package init(
        opened: @escaping @Sendable (WebSocket) -> Void = { _ in },
        received: @escaping Received = { _, _ in },
        closed: @escaping @Sendable (WebSocket, CloseCode) -> Void = { _, _ in }
    ) {
        self.opened = opened
        self.received = received
        self.closed = closed
    }
}

/// One client's WebSocket. All calls are safe on any thread, never wait, and do nothing once it is
/// closed. A client that leaves more than `HTTPLimits.queueBytes` unread is closed with 1013.
package final class WebSocket: Sendable {
    /// Unique in this process; the request's id.
    package let id: String
    let connection: Connection

    init(id: String, connection: Connection) {
        self.id = id
        self.connection = connection
    }

    /// When the last bytes from the client were read, `CLOCK_MONOTONIC`. To be asked first thing
    /// in `received`, which begins on the loop.
    package var receivedNanoseconds: Int64 { connection.receivedNanoseconds }

    package func send(_ text: String) { send(WebSocketFrame.encode(.text, Array(text.utf8))) }

    package func send(binary bytes: [UInt8]) { send(WebSocketFrame.encode(.binary, bytes)) }

    package func close(_ code: CloseCode = .normal, reason: String = "") {
        connection.onLoop { [connection] in
            if case .webSocket(let session) = connection.phase {
                session.close(code: code, reason: reason)
            }
        }
    }

    private func send(_ frame: [UInt8]) {
        connection.onLoop { [connection] in connection.deliver(frame) }
    }
}
