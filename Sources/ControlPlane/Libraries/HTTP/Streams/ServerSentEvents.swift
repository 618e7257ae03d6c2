internal import Synchronization

/// One event of a stream (the HTML standard, "Server-sent events").
package struct ServerSentEvent: Sendable, Hashable {
    /// Comes back as `Last-Event-ID` after a reconnect.
    package var id: String?
    /// The event's type; nil is `message`.
    package var name: String?
    package var data: String

    package init(id: String? = nil, name: String? = nil, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }

    /// The wire form. Line ends in `id` and `name` would forge fields, so such text is left out.
    func encoded() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(data.utf8.count + 64)
        if let id, Self.isOneLine(id) { out.append(contentsOf: "id: \(id)\n".utf8) }
        if let name, Self.isOneLine(name) { out.append(contentsOf: "event: \(name)\n".utf8) }
        out.append(contentsOf: "data: ".utf8)
        var wasReturn = false
        for byte in data.utf8 {
            // Each of CR LF, CR and LF ends a line; within one event that begins a data field.
            if byte == 0x0D || byte == 0x0A && !wasReturn {
                out.append(contentsOf: "\ndata: ".utf8)
            } else if byte != 0x0A {
                out.append(byte)
            }
            wasReturn = byte == 0x0D
        }
        out.append(contentsOf: "\n\n".utf8)
        return out
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 != 0x0A && $0 != 0x0D && $0 != 0 }
    }
}

/// What happens on a stream of events. There is no task while it lasts.
package struct EventStreamHandler: Sendable {
    let opened: @Sendable (EventSink) -> Void
    let closed: @Sendable (EventSink) -> Void

    /// - Parameters:
    ///   - opened: called on the loop once the head is sent; replay what the client missed and
    ///     join hubs here. Must not block.
    ///   - closed: called once, on the loop.
    package init(
        opened: @escaping @Sendable (EventSink) -> Void,
        closed: @escaping @Sendable (EventSink) -> Void = { _ in }
    ) {
        self.opened = opened
        self.closed = closed
    }
}

/// One client's stream of events. All calls are safe on any thread and never wait. For a client
/// that leaves more than `HTTPLimits.queueBytes` unread the oldest waiting events are dropped; it
/// can tell by their ids.
package final class EventSink: Sendable {
    /// Unique in this process; the request's id.
    package let id: String
    let connection: Connection
    private let dropped = Atomic(0)

    init(id: String, connection: Connection) {
        self.id = id
        self.connection = connection
    }

    /// How many events this client has missed.
    package var droppedCount: Int { dropped.load(ordering: .relaxed) }

    package func send(_ event: ServerSentEvent) {
        let block = event.encoded()
        connection.onLoop { [connection] in connection.deliver(block) }
    }

    package func close() { connection.onLoop { [connection] in connection.close() } }

    func noteDropped(_ count: Int) { dropped.add(count, ordering: .relaxed) }

    /// A comment, so that proxies and dead peers show themselves.
    func keepAlive(_ now: Int64) {
        connection.deadlineNanoseconds = connection.home.now(
            after: connection.home.limits.pingInterval)
        connection.deliver(Self.comment)
    }

    private static let comment = Array(":\n\n".utf8)
}
