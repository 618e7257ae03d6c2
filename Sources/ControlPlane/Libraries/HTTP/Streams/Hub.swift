internal import Platform
internal import Synchronization

/// Sends each message to every viewer of a topic, WebSocket or event stream alike. A message is
/// encoded once; its bytes are shared by all queues. Viewers leave by themselves when their
/// connection ends. All calls are safe on any thread and never wait.
package final class Hub: Sendable {
    private struct Shards {
        var byLoop: [ObjectIdentifier: HubShard] = [:]
        var counts: [String: Int] = [:]
    }

    private let shards = Mutex(Shards())

    package init() {}

    /// How many viewers a topic has.
    package func viewerCount(of topic: String) -> Int {
        shards.withLock { $0.counts[topic, default: 0] }
    }

    package func join(_ topic: String, _ socket: WebSocket) { add(socket.connection, to: topic) }

    package func join(_ topic: String, _ sink: EventSink) { add(sink.connection, to: topic) }

    package func leave(_ topic: String, _ socket: WebSocket) {
        remove(socket.connection, from: topic)
    }

    package func leave(_ topic: String, _ sink: EventSink) {
        remove(sink.connection, from: topic)
    }

    /// Sends an event to all viewers of a topic; WebSockets get its `data` as a text message.
    /// Messages of one caller keep their order.
    package func publish(_ event: ServerSentEvent, to topic: String) {
        let all = shards.withLock { $0.counts[topic] == nil ? [] : Array($0.byLoop.values) }
        guard !all.isEmpty else { return }
        let frame = WebSocketFrame.encode(.text, Array(event.data.utf8))
        let block = event.encoded()
        for shard in all {
            shard.loop.submit { shard.deliver(topic, frame: frame, event: block) }
        }
    }

    private func add(_ connection: Connection, to topic: String) {
        let shard = shard(for: connection)
        connection.onLoop { [self] in
            guard !connection.isClosed, shard.add(connection, to: topic) else { return }
            count(topic, by: 1)
            connection.closeHooks.append { self.remove(connection, from: topic) }
        }
    }

    private func remove(_ connection: Connection, from topic: String) {
        let shard = shard(for: connection)
        connection.onLoop { [self] in
            if shard.remove(connection, from: topic) { count(topic, by: -1) }
        }
    }

    private func count(_ topic: String, by change: Int) {
        shards.withLock { shards in
            let count = shards.counts[topic, default: 0] + change
            shards.counts[topic] = count > 0 ? count : nil
        }
    }

    private func shard(for connection: Connection) -> HubShard {
        let loop = connection.home.loop
        return shards.withLock { shards in
            if let shard = shards.byLoop[ObjectIdentifier(loop)] { return shard }
            let shard = HubShard(loop: loop)
            shards.byLoop[ObjectIdentifier(loop)] = shard
            return shard
        }
    }
}

/// The viewers on one loop.
final class HubShard: @unchecked Sendable {
    // Safe: `viewers` is touched on the loop alone.

    let loop: EventLoop
    private var viewers: [String: [ObjectIdentifier: Connection]] = [:]

    init(loop: EventLoop) { self.loop = loop }

    /// Returns whether it was not there already.
    func add(_ connection: Connection, to topic: String) -> Bool {
        viewers[topic, default: [:]].updateValue(connection, forKey: ObjectIdentifier(connection))
            == nil
    }

    func remove(_ connection: Connection, from topic: String) -> Bool {
        let removed = viewers[topic]?.removeValue(forKey: ObjectIdentifier(connection)) != nil
        if viewers[topic]?.isEmpty == true { viewers[topic] = nil }
        return removed
    }

    func deliver(_ topic: String, frame: [UInt8], event: [UInt8]) {
        guard let viewers = viewers[topic] else { return }
        for connection in viewers.values {
            switch connection.phase {
            case .webSocket: connection.deliver(frame)
            case .events: connection.deliver(event)
            default: break
            }
        }
    }
}
