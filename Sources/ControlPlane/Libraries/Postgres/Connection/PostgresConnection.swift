internal import CPostgres
internal import Platform

/// One connection of libpq, never blocking, on an event loop. Everything here is called on the
/// loop; a message is sent and its waiter registered in the same step, so no answer can come
/// before somebody waits for it.
final class PostgresConnection: @unchecked Sendable {
    // Safe: all state is touched on the loop's thread alone.
    enum State: Equatable {
        case connecting, ready, closed
    }

    /// What a connection is for: many callers' single statements, or one caller's conversation.
    enum Use: Equatable {
        case shared, exclusive
    }

    let loop: EventLoop
    let configuration: PostgresConfiguration
    let use: Use
    let bornAt = SystemTime.monotonicNanoseconds
    /// Called once, when it ends for any reason but `close()`.
    var onLost: ((PostgresError) -> Void)?
    /// Called when an answer has made room.
    var onRoom: (() -> Void)?
    var onNotification: ((_ channel: String, _ payload: String) -> Void)?

    var handle: OpaquePointer?
    var state = State.connecting
    var pending = FIFO<Exchange>()
    var cache: StatementCache
    /// Why statements could not be prepared, by name, while others may still rely on them.
    var failedPrepares: [String: PostgresError] = [:]
    var conversation: Conversation?
    var nextConversation: Conversation?
    var isFlushScheduled = false
    /// Monotonic nanoseconds of the last answer, or of the first message after a silence.
    var lastProgress: Int64 = 0
    /// Whether a cancellation was asked of the server: it must not serve anybody else.
    var isSpent = false
    /// Monotonic nanoseconds of that.
    var cancelledAt: Int64?
    private var watch: Watch?
    private var opened: ((Result<Void, PostgresError>) -> Void)?
    private var connectTimer: LoopTimer?

    init(_ configuration: PostgresConfiguration, use: Use, on loop: EventLoop) {
        self.configuration = configuration
        self.use = use
        self.loop = loop
        cache = StatementCache(capacity: configuration.preparedStatementsMax)
    }

    deinit {
        // Only a connection that was never opened, or was closed, gets here.
        if let handle { PQfinish(handle) }
    }

    var inFlight: Int { pending.count }

    /// Opens the connection; tells `completion` once.
    func open(_ completion: @escaping (Result<Void, PostgresError>) -> Void) {
        loop.preconditionOnLoop()
        opened = completion
        connectTimer = loop.schedule(after: configuration.connectDeadline) { [weak self] in
            self?.lose(
                PostgresError(.unreachable, "no answer in time", operation: "connect"))
        }
        HostResolver.resolve(configuration.connectionParameters, on: loop) { [weak self] result in
            guard let self, state == .connecting else { return }
            switch result {
            case .success(let parameters): start(parameters)
            case .failure(let error): lose(error)
            }
        }
    }

    private func start(_ parameters: [String: String]) {
        let keywords = parameters.keys.sorted()
        handle = withCStrings(keywords) { names in
            withCStrings(keywords.map { parameters[$0] ?? "" }) { values in
                PQconnectStartParams(names, values, 0)
            }
        }
        guard let handle, PQstatus(handle) != CONNECTION_BAD else {
            return lose(PostgresError(.unreachable, connection: handle, operation: "connect"))
        }
        cue_pg_silence(handle)
        watch(for: .writable)
    }

    private func pollConnect() {
        // libpq may close the socket and open another with the same number.
        watch?.cancel()
        watch = nil
        switch PQconnectPoll(handle) {
        case PGRES_POLLING_READING: watch(for: .readable)
        case PGRES_POLLING_WRITING: watch(for: .writable)
        case PGRES_POLLING_OK: becomeReady()
        default:
            lose(PostgresError(.unreachable, connection: handle, operation: "connect"))
        }
    }

    private func becomeReady() {
        guard PQserverVersion(handle) >= Self.serverVersionMin else {
            return lose(
                PostgresError(
                    .unreachable,
                    "PostgreSQL 15 or newer is needed, this is \(PQserverVersion(handle))",
                    operation: "connect"))
        }
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            return lose(PostgresError(.unreachable, connection: handle, operation: "connect"))
        }
        connectTimer?.cancel()
        watch(for: .readable)
        guard watch != nil else { return }
        state = .ready
        opened?(.success(()))
        opened = nil
    }

    private static let serverVersionMin: Int32 = 150_000

    private func watch(for interest: Readiness) {
        do {
            watch = try loop.watch(PQsocket(handle), for: interest) { [weak self] readiness in
                self?.isReady(for: readiness)
            }
        } catch {
            lose(PostgresError(.unreachable, "\(error)", operation: "connect"))
        }
    }

    private func isReady(for readiness: Readiness) {
        switch state {
        case .connecting: pollConnect()
        case .closed: break
        case .ready:
            let isAlive = PQconsumeInput(handle) == 1
            receive()
            receiveNotifications()
            guard state == .ready else { return }
            guard isAlive, PQstatus(handle) == CONNECTION_OK else {
                return lose(PostgresError(.connectionLost, connection: handle, operation: ""))
            }
            if readiness.contains(.writable) { flush() }
        }
    }

    /// Writes what libpq holds back; watches for room if the socket is full. Then takes answers:
    /// libpq reads while it writes, and no event tells of what it has read already.
    func flush() {
        guard state == .ready else { return }
        let status = PQflush(handle)
        guard status >= 0 else {
            return lose(PostgresError(.connectionLost, connection: handle, operation: ""))
        }
        watch?.change(to: status == 1 ? [.readable, .writable] : .readable)
        if status == 0 { conversationIsFlushed() }
        receive()
    }

    /// Flushes at the end of this turn of the loop, once for all that was sent in it.
    func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.submit { [weak self] in
            self?.isFlushScheduled = false
            self?.flush()
        }
    }

    /// Ends the connection in order; whoever still waits is told that it was closed.
    func close() { end(PostgresError(.closed, "the connection was closed")) }

    /// Ends the connection after a failure, and tells its owner.
    func lose(_ error: PostgresError) {
        guard state != .closed else { return }
        let (onLost, opened) = (onLost, opened)
        self.opened = nil
        end(error)
        if let opened { opened(.failure(error)) } else { onLost?(error) }
    }

    private func end(_ error: PostgresError) {
        guard state != .closed else { return }
        state = .closed
        connectTimer?.cancel()
        watch?.cancel()
        watch = nil
        if let handle { PQfinish(handle) }
        handle = nil
        for exchange in pending.removeAll() { exchange.fail(exchange.cancellation ?? error) }
        for conversation in [conversation, nextConversation] {
            conversation?.complete(.failure(conversation?.cancellation ?? error))
        }
        (conversation, nextConversation) = (nil, nil)
        (onLost, onRoom, onNotification, opened) = (nil, nil, nil, nil)
    }

    private func receiveNotifications() {
        while let handle, let notification = PQnotifies(handle) {
            let channel = String(cString: notification.pointee.relname)
            let payload = String(cString: notification.pointee.extra)
            PQfreemem(notification)
            onNotification?(channel, payload)
        }
    }
}

/// Passes texts as a NULL-terminated array of C strings that lives as long as `body` runs.
func withCStrings<Value>(
    _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Value
) -> Value {
    let all = texts.map { Array($0.utf8CString) }
    var offsets: [Int] = []
    var joined: [CChar] = []
    for text in all {
        offsets.append(joined.count)
        joined += text
    }
    return joined.withUnsafeBufferPointer { buffer in
        body(offsets.map { offset in buffer.baseAddress.map { $0 + offset } } + [nil])
    }
}
