internal import HTTPMessage
internal import Platform

extension Connection {
    /// Sends what a handler answered; returns when it is on its way. Called by the handler's task.
    func answer(_ response: Response) async {
        switch response.content {
        case .stream(let body): await answer(response, streaming: body)
        case .file(let file): await answer(response, file: file)
        default: onLoop { self.sendWhole(response) }
        }
    }

    /// Sends an answer that needs nobody's waiting. On the loop.
    func sendWhole(_ response: Response) {
        guard let current = exchange, !isClosed else { return }
        if response.status == .clientClosed { return handlerGaveUp(response) }
        note(response)
        settleBody()
        switch response.content {
        case .events(let handler): return beginEvents(response, handler)
        case .webSocket(let handler): return beginWebSocket(response, handler)
        default: break
        }
        let body = Envelope.bytes(of: response, requestID: current.request.id)
        var response = response
        if case .item = response.content { response.add("Content-Type", "application/json") }
        if case .page = response.content { response.add("Content-Type", "application/json") }
        let framing: ResponseHead.Framing =
            response.status.hasNoBody ? .none : .length(body.count)
        let sendsBody = !current.isHead && !response.status.hasNoBody && !body.isEmpty
        enqueueHead(response, framing, body: sendsBody ? body : [])
        endAnswer()
    }

    /// The handler's task was cancelled and has nothing to say.
    private func handlerGaveUp(_ response: Response) {
        exchange?.status = .clientClosed
        exchange?.route = response.route
        guard !isPeerGone, let current = exchange, current.answer == .awaited else {
            return close()
        }
        exchange?.isCancelled = false
        let error = HTTPError(
            .serviceUnavailable, "timeout", "The server took too long.", retryAfterSeconds: 1)
        var substitute = Envelope.response(for: error, requestID: current.request.id)
        substitute.route = response.route
        exchange?.keepsAlive = false
        sendWhole(substitute)
    }

    private func note(_ response: Response) {
        exchange?.answer = .begun
        exchange?.status = response.status
        exchange?.route = response.route
        if let cause = response.cause { exchange?.cause = cause }
        if home.isDraining { exchange?.keepsAlive = false }
    }

    /// An unread body would be taken for the next request. What is here already is dropped; if
    /// more is to come, the connection ends with this answer.
    private func settleBody() {
        guard exchange?.isBodyDone == false else { return }
        guard exchange?.awaitsContinue == false, let parser else {
            exchange?.keepsAlive = false
            return
        }
        while exchange?.isBodyDone == false {
            if input.isEmpty || !hasFreshInput {
                guard input.isEmpty, let received = receive() else { break }
                input.append(received)
            }
            let bytes = input
            let step = bytes.withBytes { bytes in
                // A broken body is only a reason to close, which follows from leaving the loop.
                try? parser.feed(bytes)
            }
            guard let step else { break }
            input.consume(step.consumed)
            hasFreshInput = !input.isEmpty && step.consumed > 0
            exchange?.bodyBytes += step.consumed
            if step.isDone {
                exchange?.isBodyDone = true
                hasFreshInput = !input.isEmpty
                releaseParser()
            } else if (exchange?.bodyBytes ?? 0) > home.buffer.count {
                break
            }
        }
        if exchange?.isBodyDone != true { exchange?.keepsAlive = false }
    }

    func enqueueHead(_ response: Response, _ framing: ResponseHead.Framing, body: [UInt8] = []) {
        guard let current = exchange else { return }
        let connection: StaticString? =
            if response.status == .switchingProtocols {
                "Upgrade"
            } else if !current.keepsAlive {
                "close"
            } else {
                current.minorVersion == 0 ? "keep-alive" : nil
            }
        home.withScratch { scratch in
            ResponseHead.append(
                response, framing: framing, requestID: current.request.id, date: home.dateField(),
                connection: connection, to: &scratch)
            let isSmall = body.count <= 32 * 1024
            if isSmall { scratch.append(contentsOf: body) }
            enqueueCopy(scratch)
            if !isSmall { enqueue(body) }
        }
    }

    private func answer(
        _ response: Response, streaming body: @Sendable (ResponseWriter) async throws -> Void
    ) async {
        guard let isHead = await begin(response, length: nil) else { return }
        do {
            if !isHead { try await body(ResponseWriter { try await self.writePiece($0) }) }
            onLoop { self.endStream(isWhole: true) }
        } catch {
            let cause = "\(error)"
            onLoop {
                if !(error is CancellationError) { self.exchange?.cause = cause }
                self.endStream(isWhole: false)
            }
        }
    }

    private func answer(_ response: Response, file: FileContent) async {
        guard let isHead = await begin(response, length: file.range.count) else { return }
        do {
            if !isHead {
                try await file.read(on: home.disk) { try await self.writePiece($0) }
            }
            onLoop { self.endStream(isWhole: true) }
        } catch {
            let cause = "\(error)"
            onLoop {
                self.exchange?.cause = cause
                self.endStream(isWhole: false)
            }
        }
    }

    /// Sends the head of an answer whose body follows. Returns whether the request was HEAD; nil
    /// if the peer has gone.
    private func begin(_ response: Response, length: Int?) async -> Bool? {
        await withCheckedContinuation { continuation in
            onLoop {
                guard let current = self.exchange, !self.isClosed else {
                    return continuation.resume(returning: nil)
                }
                self.note(response)
                self.settleBody()
                if let length {
                    self.enqueueHead(response, .length(length))
                } else if current.minorVersion == 0 {
                    self.exchange?.keepsAlive = false
                    self.enqueueHead(response, .close)
                } else {
                    self.isChunking = true
                    self.enqueueHead(response, .chunked)
                }
                self.deadlineNanoseconds = .max
                continuation.resume(returning: current.isHead)
            }
        }
    }

    /// Sends a piece of a body; waits while too much is unsent.
    private func writePiece(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            onLoop {
                guard !self.isClosed, let current = self.exchange, !current.isCancelled else {
                    return continuation.resume(throwing: CancellationError())
                }
                self.enqueue(self.isChunking ? ResponseHead.chunk(bytes) : bytes)
                if self.output.count <= self.home.limits.queueBytes {
                    continuation.resume()
                } else {
                    self.drainWaiter = continuation
                }
            }
        }
    }

    private func endStream(isWhole: Bool) {
        guard !isClosed, let current = exchange else { return }
        let wasChunking = isChunking
        isChunking = false
        guard isWhole else { return close() }
        if wasChunking, !current.isHead { enqueue(ResponseHead.lastChunk) }
        endAnswer()
    }

    private func endAnswer() {
        guard !isClosed else { return }
        exchange?.answer = .ended
        deadlineNanoseconds = .max
        if output.isEmpty { finishExchange() }
    }

    /// The answer is sent: the next request, or the end.
    private func finishExchange() {
        guard let current = exchange else { return }
        finishLog()
        task = nil
        guard current.keepsAlive, current.isBodyDone, !home.isDraining, !isPeerGone || canRead
        else { return linger() }
        phase = .waiting
        hasFreshInput = !input.isEmpty
        deadlineNanoseconds = home.now(after: home.limits.idleDeadline)
        pump()
    }

    /// Sends bytes, or queues what the socket does not take.
    func enqueue(_ block: [UInt8]) {
        let taken = offer(block)
        guard !isClosed, taken < block.count else { return }
        output.append(block, from: taken)
    }

    /// The same for bytes that must be copied to be kept.
    private func enqueueCopy(_ block: [UInt8]) {
        let taken = offer(block)
        guard !isClosed, taken < block.count else { return }
        output.append(Array(block[taken...]))
    }

    private func offer(_ block: [UInt8]) -> Int {
        guard !isClosed else { return 0 }
        exchange?.sentBytes += block.count
        guard output.isEmpty else { return 0 }
        writeProgressNanoseconds = home.nowNanoseconds
        switch block.withUnsafeBytes({ transport.write($0) }) {
        case .bytes(let count): return count
        case .wouldBlock: return 0
        case .closed:
            isPeerGone = true
            // Not here: the caller still counts on the connection's state.
            home.loop.submit { self.close() }
            return 0
        }
    }

    /// The socket takes bytes again.
    func flush() {
        guard !output.isEmpty else { return }
        var hasFailed = false
        let hasProgress = output.drain { bytes in
            switch transport.write(bytes) {
            case .bytes(let count): return count
            case .wouldBlock: return nil
            case .closed:
                hasFailed = true
                return nil
            }
        }
        if hasFailed { return close() }
        if hasProgress { writeProgressNanoseconds = home.nowNanoseconds }
        if let waiter = drainWaiter, output.count <= home.limits.queueBytes / 4 {
            drainWaiter = nil
            waiter.resume()
        }
        guard output.isEmpty else { return }
        switch phase {
        case .handling: if exchange?.answer == .ended { finishExchange() }
        case .webSocket(let session): session.flushed()
        case .events: if isEndingEvents { endEvents() }
        default: break
        }
    }
}
