internal import Platform

/// What comes from a channel of `LISTEN`.
package enum PostgresNotification: Equatable, Sendable {
    /// Somebody said `NOTIFY` with this text (at most 7,999 bytes).
    case message(String)
    /// Listening began, or began again after the connection was lost, or messages came faster
    /// than they were taken: read the table that the messages are about.
    case mayHaveMissed
}

extension PostgresPool {
    /// Listens to a channel for as long as the stream is read. After a lost connection it listens
    /// again by itself, as often as it takes.
    /// - Parameters:
    ///   - channel: 1 to 63 of `a-z`, `0-9` and `_`.
    ///   - bufferMax: messages that may wait to be read; older ones then give way to one
    ///     `mayHaveMissed`.
    package func notifications(
        on channel: StaticString, bufferMax: Int = 1024
    ) -> AsyncStream<PostgresNotification> {
        precondition(bufferMax >= 2, "there must be room for a message and for `mayHaveMissed`")
        precondition(Listener.isChannel(channel.description), "\(channel) is not a channel name")
        let (stream, continuation) = AsyncStream<PostgresNotification>.makeStream(
            bufferingPolicy: .bufferingNewest(bufferMax))
        let core = core
        let subscriber = Subscriber(
            channel: channel, bufferMax: bufferMax, continuation: continuation)
        continuation.onTermination = { _ in
            core.loop.submit { core.listener.remove(subscriber) }
        }
        core.loop.submit { core.listener.add(subscriber) }
        return stream
    }
}

/// One reader of one channel.
final class Subscriber: @unchecked Sendable {
    // Safe: its mutable state is touched on the loop's thread alone.
    let channel: StaticString
    private let bufferMax: Int
    private let continuation: AsyncStream<PostgresNotification>.Continuation
    private var sinceMark = Int.max

    init(
        channel: StaticString, bufferMax: Int,
        continuation: AsyncStream<PostgresNotification>.Continuation
    ) {
        self.channel = channel
        self.bufferMax = bufferMax
        self.continuation = continuation
    }

    /// Hands a message over. If an older one had to give way, a mark says so; a mark that still
    /// waits among the newest messages serves for all that are lost before it.
    func deliver(_ text: String) {
        if sinceMark < .max { sinceMark += 1 }
        guard case .dropped = continuation.yield(.message(text)) else { return }
        if sinceMark >= bufferMax / 2 { mark() }
    }

    func mark() {
        sinceMark = 0
        continuation.yield(.mayHaveMissed)
    }

    func finish() { continuation.finish() }
}
