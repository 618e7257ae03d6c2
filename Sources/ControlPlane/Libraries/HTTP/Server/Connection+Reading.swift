internal import HTTPMessage
internal import Platform

extension Connection {
    /// Parses a head from what is there; starts its handler once it is whole.
    /// - Returns: whether to go on.
    func advanceHead() -> Bool {
        if !hasFreshInput {
            guard let received = receive() else { return false }
            if input.isEmpty { return parseHead(received, isShared: true) }
            input.append(received)
        }
        hasFreshInput = false
        let bytes = input
        return bytes.withBytes { parseHead($0, isShared: false) }
    }

    private func parseHead(_ bytes: UnsafeBufferPointer<UInt8>, isShared: Bool) -> Bool {
        if parser == nil {
            // A bare line end between messages is ignored (RFC 9112 §2.2).
            let skipped = bytes.prefix(4).prefix { $0 == 0x0D || $0 == 0x0A }.count
            consume(skipped, of: bytes, isShared: isShared)
            if skipped == bytes.count { return true }
            guard let parser = home.takeParser() else {
                close()
                return false
            }
            self.parser = parser
            deadlineNanoseconds = home.now(after: home.limits.headDeadline)
            return feedHead(
                UnsafeBufferPointer(rebasing: bytes[skipped...]), parser,
                isShared: isShared && skipped == 0)
        }
        guard let parser else { return false }
        return feedHead(bytes, parser, isShared: isShared)
    }

    /// Keeps what was not consumed. `isShared`: the bytes lie in the loop's buffer, not in `input`.
    private func consume(_ count: Int, of bytes: UnsafeBufferPointer<UInt8>, isShared: Bool) {
        if isShared {
            input = InputBuffer(bytes[count...])
        } else {
            input.consume(count)
        }
    }

    private func feedHead(
        _ bytes: UnsafeBufferPointer<UInt8>, _ parser: MessageParser, isShared: Bool
    ) -> Bool {
        do throws(MessageError) {
            let step = try parser.feed(bytes)
            consume(step.consumed, of: bytes, isShared: isShared)
            guard case .head(let head) = step.event else {
                guard input.count <= home.limits.headBytes else { throw .headTooLarge }
                return true
            }
            hasFreshInput = !input.isEmpty
            accept(head, isBodyDone: step.isDone)
            return true
        } catch {
            refuse(RequestRules.refusal(for: error))
            return false
        }
    }

    private func accept(_ head: MessageHead, isBodyDone: Bool) {
        do throws(RequestRules.Refusal) {
            let accepted = try RequestRules.check(head)
            if isBodyDone { releaseParser() }
            let request = Request(
                id: home.nextRequestID(), method: accepted.method, target: accepted.target,
                peer: peer, isSecure: isSecure,
                body: isBodyDone
                    ? home.emptyBody
                    : RequestBody(connection: self, announcedBytes: head.contentLength),
                fields: head.fields, arrivedNanoseconds: receivedNanoseconds)
            exchange = Exchange(
                request: request, minorVersion: head.minorVersion,
                startNanoseconds: SystemTime.monotonicNanoseconds,
                keepsAlive: head.keepsAlive && !home.isDraining,
                awaitsContinue: accepted.expectsContinue && !isBodyDone, isBodyDone: isBodyDone)
            start(request)
        } catch {
            refuse(error)
        }
    }

    private func start(_ request: Request) {
        phase = .handling
        deadlineNanoseconds = home.now(after: home.limits.handlerDeadline)
        let handler = home.handler
        home.runningTasks += 1
        let task = Task.immediate(executorPreference: home.loop.taskExecutor) { [self] in
            let response = await handler(request)
            await self.answer(response)
            onLoop { self.home.runningTasks -= 1 }
        }
        // It may have run to its end already, and the next request may even be running.
        if case .handling = phase, exchange?.request.id == request.id { self.task = task }
    }

    /// Answers what could not become a request, and closes.
    func refuse(_ refusal: RequestRules.Refusal) {
        let id = home.nextRequestID()
        let error = HTTPError(refusal.status, refusal.code, refusal.message)
        let response = Envelope.response(for: error, requestID: id)
        guard let target = RequestTarget("/") else { return close() }
        exchange = Exchange(
            request: Request(
                id: id, method: .get, target: target, peer: peer, isSecure: isSecure,
                body: home.emptyBody, fields: HeaderFields(),
                arrivedNanoseconds: receivedNanoseconds),
            minorVersion: 1, startNanoseconds: SystemTime.monotonicNanoseconds, keepsAlive: false,
            awaitsContinue: false, isBodyDone: false)
        phase = .handling
        sendWhole(response)
    }

    /// Refuses a chunk that announces more than whoever collects the body takes. Before the first
    /// `nextBodyPiece`.
    func limitBody(_ limit: Int) { onLoop { self.parser?.limitChunks(limit) } }

    /// The next piece of the body, for the handler's task.
    func nextBodyPiece() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            onLoop { self.awaitBody(continuation) }
        }
    }

    private func awaitBody(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        guard case .handling = phase, let current = exchange, bodyWaiter == nil,
            !current.isCancelled
        else { return continuation.resume(throwing: CancellationError()) }
        if current.isBodyDone { return continuation.resume(returning: nil) }
        // It was broken, which was told.
        guard parser != nil else { return continuation.resume(throwing: CancellationError()) }
        exchange?.bodyWaitStartNanoseconds = home.nowNanoseconds
        if current.awaitsContinue, current.answer == .awaited {
            exchange?.awaitsContinue = false
            enqueue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        }
        bodyWaiter = continuation
        // Inside the pump the loop itself goes on to the body.
        pump()
    }

    /// Parses one piece of the body and hands it to whoever waits.
    /// - Returns: whether to go on.
    func advanceBody() -> Bool {
        guard let parser else { return false }
        if !hasFreshInput {
            guard let received = receive() else { return false }
            if input.isEmpty { return feedBody(received, parser, isShared: true) }
            input.append(received)
        }
        hasFreshInput = false
        let bytes = input
        return bytes.withBytes { feedBody($0, parser, isShared: false) }
    }

    private func feedBody(
        _ bytes: UnsafeBufferPointer<UInt8>, _ parser: MessageParser, isShared: Bool
    ) -> Bool {
        do throws(MessageError) {
            let step = try parser.feed(bytes)
            var piece: [UInt8]?
            if case .body(let range) = step.event { piece = Array(bytes[range]) }
            consume(step.consumed, of: bytes, isShared: isShared)
            guard input.count <= home.buffer.count || piece != nil || step.isDone else {
                throw .chunk
            }
            if piece != nil || step.isDone { hasFreshInput = !input.isEmpty }
            exchange?.bodyBytes += piece?.count ?? 0
            if step.isDone {
                exchange?.isBodyDone = true
                releaseParser()
                deadlineNanoseconds = home.now(after: home.limits.handlerDeadline)
            }
            if piece != nil || step.isDone { resumeBody(.success(piece)) }
            return true
        } catch {
            exchange?.keepsAlive = false
            // It is of no more use, and what follows cannot be told from a request.
            releaseParser()
            let refusal = RequestRules.refusal(for: error)
            resumeBody(
                .failure(HTTPError(refusal.status, refusal.code, refusal.message)))
            return false
        }
    }

    func resumeBody(_ result: Result<[UInt8]?, any Error>) {
        let waiter = bodyWaiter
        bodyWaiter = nil
        if let start = exchange?.bodyWaitStartNanoseconds, start > 0 {
            exchange?.bodyWaitedNanoseconds += home.nowNanoseconds - start
            exchange?.bodyWaitStartNanoseconds = 0
        }
        waiter?.resume(with: result)
    }

    /// Called at every tick of the loop.
    func lookAtDeadlines(_ now: Int64) {
        if !output.isEmpty,
            now - writeProgressNanoseconds > home.limits.writeDeadline.nanosecondsClamped
        {
            return close()
        }
        if case .handling = phase, bodyWaiter != nil, isBodyTooSlow(now) {
            exchange?.keepsAlive = false
            return resumeBody(
                .failure(
                    HTTPError(.requestTimeout, "body_too_slow", "The body came too slowly.")))
        }
        guard now >= deadlineNanoseconds else { return }
        switch phase {
        case .waiting:
            guard parser != nil else { return close() }
            refuse(.init(.requestTimeout, "head_too_slow", "The request came too slowly."))
        case .handling:
            deadlineNanoseconds = .max
            if exchange?.answer == .awaited, bodyWaiter == nil {
                exchange?.cause = "handler deadline"
                cancelHandler()
            }
        case .events(let sink):
            if isEndingEvents { return close() }
            rights?.ping()
            // It may have come to its end just now.
            if !isEndingEvents { sink.keepAlive(now) }
        case .webSocket(let session):
            if session.isOpen {
                rights?.ping()
                guard session.isOpen else { return }
            }
            session.keepAlive(now)
        case .lingering: close()
        case .closed: break
        }
    }

    private func isBodyTooSlow(_ now: Int64) -> Bool {
        guard let exchange, exchange.bodyWaitStartNanoseconds > 0 else { return false }
        let elapsed = exchange.bodyWaitedNanoseconds + now - exchange.bodyWaitStartNanoseconds
        guard elapsed > home.limits.bodyGrace.nanosecondsClamped else { return false }
        let wanted = Double(elapsed) / 1e9 * Double(home.limits.bodyBytesPerSecond)
        return Double(exchange.bodyBytes) < wanted
    }
}
