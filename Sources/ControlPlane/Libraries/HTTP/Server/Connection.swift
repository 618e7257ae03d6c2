internal import Glibc
internal import HTTPMessage
internal import Platform

/// One accepted connection: reads requests one after the other, runs their handlers as tasks on
/// the loop, and writes their answers. There is no task while it is idle.
final class Connection: @unchecked Sendable {
    // Safe: everything is touched on the loop's thread alone; what other threads may call
    // (`onLoop` and what is built on it) goes through the loop's queue.

    enum Phase {
        /// Between requests, or inside a head.
        case waiting
        /// A handler runs or its answer is being sent.
        case handling
        /// The answer is an endless stream of events.
        case events(EventSink)
        case webSocket(WebSocketSession)
        /// Everything is said; the peer may still be reading.
        case lingering
        case closed
    }

    let home: ServerLoop
    let peer: String
    let countedAddress: String?
    let transport: any Transport
    let isSecure: Bool
    private let descriptor: Int32
    var watch: Watch?
    /// Its place in the loop's table.
    var slot = 0

    var phase = Phase.waiting
    var exchange: Exchange?
    var task: Task<Void, Never>?
    /// Present from the first byte of a head to the end of its message.
    var parser: MessageParser?
    /// Received and not yet consumed.
    var input = InputBuffer()
    /// When the last bytes were read, monotonic.
    private(set) var receivedNanoseconds: Int64 = 0
    /// Whether `input` has bytes the parser has not seen.
    var hasFreshInput = false
    var canRead = true
    var isPeerGone = false
    var output = OutQueue()
    /// The body of the answer goes out in chunks.
    var isChunking = false
    var bodyWaiter: CheckedContinuation<[UInt8]?, any Error>?
    var drainWaiter: CheckedContinuation<Void, any Error>?
    /// When the loop should look again; `Int64.max` for never.
    var deadlineNanoseconds: Int64
    /// When the peer last took a byte while some were waiting.
    var writeProgressNanoseconds: Int64 = 0
    private(set) var isPumping = false
    /// The place of a long-lived answer among those whose rights are looked after.
    var rights: StreamRights.Entry?
    /// The last event of the stream is on its way.
    var isEndingEvents = false
    /// Run once when the connection ends, on the loop.
    var closeHooks: [() -> Void] = []

    init(
        home: ServerLoop, descriptor: Int32, transport: any Transport, peer: String,
        countedAddress: String?, isSecure: Bool
    ) {
        self.home = home
        self.descriptor = descriptor
        self.transport = transport
        self.peer = peer
        self.countedAddress = countedAddress
        self.isSecure = isSecure
        deadlineNanoseconds = home.now(after: home.limits.headDeadline)
    }

    /// Runs `body` on the loop: at once if already there.
    func onLoop(_ body: @escaping @Sendable () -> Void) {
        if home.loop.isCurrent { body() } else { home.loop.submit(body) }
    }

    var isClosed: Bool { if case .closed = phase { true } else { false } }

    func isReady(_ readiness: Readiness) {
        if readiness.contains(.hangUp) {
            isPeerGone = true
            canRead = true
        }
        if readiness.contains(.readable) { canRead = true }
        // TLS may have waited to read before it could write.
        if !output.isEmpty { flush() }
        pump()
        if isPeerGone { peerWent() }
    }

    /// Goes on as far as bytes and phase allow.
    func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var isGoingOn = true
        while isGoingOn {
            switch phase {
            case .waiting: isGoingOn = advanceHead()
            case .handling: isGoingOn = bodyWaiter != nil && advanceBody()
            case .webSocket(let session): isGoingOn = advanceWebSocket(session)
            case .events, .lingering: isGoingOn = discardInput()
            case .closed: isGoingOn = false
            }
        }
    }

    /// Reads into the loop's buffer. Returns the bytes; nil if there are none now. On the end of
    /// the stream the connection is told so.
    func receive() -> UnsafeBufferPointer<UInt8>? {
        guard canRead else { return nil }
        switch transport.read(into: UnsafeMutableRawBufferPointer(home.buffer)) {
        case .bytes(let count):
            receivedNanoseconds = SystemTime.monotonicNanoseconds
            return UnsafeBufferPointer(rebasing: home.buffer[..<count])
        case .wouldBlock:
            canRead = false
            return nil
        case .closed:
            canRead = false
            isPeerGone = true
            peerWent()
            return nil
        }
    }

    /// The peer closed its side: nobody waits for an answer any more.
    private func peerWent() {
        switch phase {
        case .waiting, .lingering: if !canRead { close() }
        case .events: close()
        case .webSocket(let session): if !canRead { session.peerWent() }
        case .handling:
            if !canRead, let waiter = bodyWaiter {
                bodyWaiter = nil
                waiter.resume(throwing: CancellationError())
            }
            if exchange?.isBodyDone == true || !canRead { cancelHandler() }
        case .closed: break
        }
    }

    func cancelHandler() {
        guard exchange?.isCancelled == false else { return }
        exchange?.isCancelled = true
        task?.cancel()
        let drain = drainWaiter
        drainWaiter = nil
        drain?.resume(throwing: CancellationError())
    }

    /// Reads and forgets; what a stream's viewer or a finished peer sends has no meaning.
    private func discardInput() -> Bool {
        input = InputBuffer()
        return receive() != nil
    }

    /// Ends the connection now; what is unsent is lost.
    func close() {
        guard !isClosed else { return }
        let old = phase
        phase = .closed
        watch?.cancel()
        watch = nil
        Glibc.close(descriptor)
        let body = bodyWaiter
        let drain = drainWaiter
        bodyWaiter = nil
        drainWaiter = nil
        exchange?.isCancelled = true
        task?.cancel()
        body?.resume(throwing: CancellationError())
        drain?.resume(throwing: CancellationError())
        if case .webSocket(let session) = old { session.connectionEnded() }
        finishLog()
        rights?.leave()
        rights = nil
        let hooks = closeHooks
        closeHooks = []
        for hook in hooks { hook() }
        releaseParser()
        input = InputBuffer()
        output.removeAll()
        home.remove(self)
    }

    /// Says that no more bytes come, and waits shortly for the peer to read what was sent: closing
    /// at once with unread input would reset the connection under the answer (RFC 9112 §9.6).
    func linger() {
        guard !isClosed else { return }
        if isPeerGone {
            close()
            return
        }
        phase = .lingering
        releaseParser()
        transport.shutdownWriting()
        deadlineNanoseconds = home.now(after: home.limits.lingerDeadline)
    }

    func releaseParser() {
        guard let parser else { return }
        home.recycle(parser)
        self.parser = nil
    }

    func finishLog() {
        guard let exchange else { return }
        self.exchange = nil
        home.finished(exchange, peer: peer)
    }
}
