internal import Platform

/// The WebSocket side of a connection.
final class WebSocketSession: @unchecked Sendable {
    // Safe: used on the connection's loop alone.

    private enum State { case open, closing, ended }

    private let handler: WebSocketHandler
    private let socket: WebSocket
    private unowned let connection: Connection
    private var reader: FrameReader?
    private var assembler: MessageAssembler
    private var state = State.open
    /// A message is with its handler; the next waits.
    private(set) var isBusy = false
    private var heardNanoseconds: Int64
    private var code = CloseCode.abnormal
    private var mustEndAfterFlush = false
    private var task: Task<Void, Never>?

    init(_ handler: WebSocketHandler, _ socket: WebSocket) {
        self.handler = handler
        self.socket = socket
        connection = socket.connection
        assembler = MessageAssembler(limit: socket.connection.home.limits.messageBytes)
        heardNanoseconds = connection.home.nowNanoseconds
    }

    var isOpen: Bool { state == .open }

    func open() { handler.opened(socket) }

    /// Whether frames may wait in the reader until the handler is free.
    private(set) var mustFeedAgain = false

    /// Takes frames until a message must be waited for. Returns how many bytes were taken.
    func feed(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        heardNanoseconds = connection.home.nowNanoseconds
        guard state != .ended else { return bytes.count }
        guard let reader = reader ?? FrameReader() else {
            connection.close()
            return bytes.count
        }
        self.reader = reader
        mustFeedAgain = false
        let (taken, isBroken) = reader.read(bytes) { part in
            if let event = assembler.add(part) { handle(event) }
            // The reader may hold whole frames already that came in the same bytes.
            mustFeedAgain = isBusy
            return !isBusy && state != .ended && !mustEndAfterFlush
        }
        if isBroken { handle(.failure(.protocolError, "not a frame")) }
        if reader.isIdle {
            self.reader = nil
            mustFeedAgain = false
        }
        return mustEndAfterFlush || state == .ended ? bytes.count : taken
    }

    func close(code: CloseCode, reason: String) {
        guard state == .open else { return }
        state = .closing
        self.code = code
        connection.enqueue(WebSocketFrame.close(code, reason))
        connection.deadlineNanoseconds = connection.home.now(
            after: connection.home.limits.lingerDeadline)
    }

    /// The queue is full: what waits is dropped, the client is told to come back later.
    func overflowed() {
        guard state == .open else { return }
        connection.output.dropToFirst()
        close(code: .tryAgainLater, reason: "too slow")
    }

    func keepAlive(_ now: Int64) {
        let limits = connection.home.limits
        guard state == .open, now - heardNanoseconds < limits.silenceDeadline.nanosecondsClamped
        else { return connection.close() }
        connection.deadlineNanoseconds = connection.home.now(after: limits.pingInterval)
        connection.deliver(WebSocketFrame.encode(.ping, []))
    }

    /// Everything queued was sent.
    func flushed() { if mustEndAfterFlush { connection.linger(endingSession: self) } }

    func peerWent() { connection.close() }

    func connectionEnded() {
        guard state != .ended else { return }
        state = .ended
        task?.cancel()
        handler.closed(socket, code)
    }

    private func handle(_ event: MessageAssembler.Event) {
        switch event {
        case .text(let text): receive(.text(text))
        case .binary(let bytes): receive(.binary(bytes))
        case .ping(let payload):
            if state == .open { connection.deliver(WebSocketFrame.encode(.pong, payload)) }
        case .pong: break
        case .close(let peerCode):
            if state == .open {
                code = peerCode
                connection.enqueue(WebSocketFrame.close(peerCode, ""))
            }
            end()
        case .failure(let failure, let reason):
            if state == .open {
                code = failure
                connection.enqueue(WebSocketFrame.close(failure, reason))
            }
            end()
        }
    }

    /// Both sides have closed, or the peer cannot be understood: the connection ends once the
    /// close frame is sent.
    private func end() {
        if state == .open { state = .closing }
        mustEndAfterFlush = true
        connection.deadlineNanoseconds = connection.home.now(
            after: connection.home.limits.lingerDeadline)
        if connection.output.isEmpty { connection.linger(endingSession: self) }
    }

    private func receive(_ message: WebSocketMessage) {
        guard state == .open else { return }
        isBusy = true
        connection.home.runningTasks += 1
        let task = Task.immediate(executorPreference: connection.home.loop.taskExecutor) {
            [self, handler, socket] in
            await handler.received(socket, message)
            socket.connection.onLoop {
                socket.connection.home.runningTasks -= 1
                self.isDone()
            }
        }
        if isBusy { self.task = task }
    }

    private func isDone() {
        isBusy = false
        task = nil
        socket.connection.pump()
    }
}
