extension Connection {
    /// Turns into a WebSocket; the handshake was checked by `WebSocketHandshake`.
    func beginWebSocket(_ response: Response, _ handler: WebSocketHandler) {
        guard let current = exchange else { return }
        beginLong(response.right)
        enqueueHead(response, .none)
        exchange?.answer = .ended
        let session = WebSocketSession(handler, WebSocket(id: current.request.id, connection: self))
        phase = .webSocket(session)
        task = nil
        releaseParser()
        hasFreshInput = !input.isEmpty
        session.open()
        pump()
    }

    /// Turns into an endless stream of events, which ends with the connection.
    func beginEvents(_ response: Response, _ handler: EventStreamHandler) {
        guard let current = exchange else { return }
        exchange?.keepsAlive = false
        beginLong(response.right)
        enqueueHead(response, .close)
        exchange?.answer = .ended
        if current.isHead { return endEvents() }
        let sink = EventSink(id: current.request.id, connection: self)
        phase = .events(sink)
        task = nil
        closeHooks.append { handler.closed(sink) }
        handler.opened(sink)
        pump()
    }

    /// Before the head, which goes out at once: whoever has seen it may count on the pings and on
    /// the right being looked after.
    private func beginLong(_ right: StreamRight?) {
        // Somewhere in the second half of an interval: streams that began together, as all do
        // after a restart, shall not ping together for ever.
        let interval = home.limits.pingInterval
        deadlineNanoseconds = home.now(after: interval / 2 + interval * Double.random(in: 0...0.5))
        guard let right, !isClosed else { return }
        rights = right.rights.enter(right) { [weak self] end in
            guard let self else { return }
            onLoop { self.end(end) }
        }
    }

    /// The right to the stream is gone: its client is told why, and it ends.
    private func end(_ end: StreamEnd) {
        switch phase {
        case .webSocket(let session): session.close(code: end.closeCode, reason: end.message)
        case .events:
            guard !isEndingEvents else { return }
            isEndingEvents = true
            deadlineNanoseconds = home.now(after: home.limits.lingerDeadline)
            enqueue(end.event.encoded())
            if output.isEmpty { endEvents() }
        case .waiting, .handling, .lingering, .closed: break
        }
    }

    func endEvents() {
        finishLog()
        linger()
    }

    func advanceWebSocket(_ session: WebSocketSession) -> Bool {
        guard !session.isBusy else { return false }
        if !hasFreshInput {
            guard let received = receive() else { return false }
            input.append(received)
        }
        let bytes = input
        let taken = bytes.withBytes { session.feed($0) }
        input.consume(min(taken, input.count))
        hasFreshInput = !input.isEmpty || session.mustFeedAgain
        return true
    }

    /// Sends one frame or event to a viewer, within the limit of its queue.
    func deliver(_ block: [UInt8]) {
        let limit = home.limits.queueBytes
        switch phase {
        case .webSocket(let session):
            guard session.isOpen else { return }
            guard output.count + block.count <= limit || output.isEmpty else {
                return session.overflowed()
            }
            enqueue(block)
        case .events(let sink):
            guard !isEndingEvents else { return }
            if output.count + block.count > limit {
                sink.noteDropped(output.dropOldest(downTo: limit / 2))
            }
            enqueue(block)
        case .waiting, .handling, .lingering, .closed: break
        }
    }

    func linger(endingSession session: WebSocketSession) {
        session.connectionEnded()
        finishLog()
        linger()
    }
}
