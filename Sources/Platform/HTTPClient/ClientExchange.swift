internal import Crypto
internal import Glibc
internal import HTTPMessage
internal import Platform

/// One request and its answer on one connection, on the loop.
final class ClientExchange: @unchecked Sendable {
    // Safe: all mutable state is touched on the loop's thread alone.

    private let loop: EventLoop
    private let host: String
    private let tls: TLSContext?
    private let request: [UInt8]
    private let isHead: Bool
    private let limits: HTTPClient.Limits
    private let deadline: Duration
    private var addresses: [SocketAddress]

    private var continuation: CheckedContinuation<HTTPClient.Answer, any Error>?
    private var descriptor: Int32 = -1
    private var watch: Watch?
    private var timer: LoopTimer?
    private var session: TLSSession?
    private var isConnected = false
    private var sent = 0
    private var parser: MessageParser?
    private var input: [UInt8] = []
    private var head: MessageHead?
    private var body: [UInt8] = []
    private var isFinished = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 64 * 1024, alignment: 16)

    init(
        loop: EventLoop, addresses: [SocketAddress], host: String, tls: TLSContext?,
        request: [UInt8], isHead: Bool, limits: HTTPClient.Limits, deadline: Duration
    ) {
        self.loop = loop
        self.addresses = addresses
        self.host = host
        self.tls = tls
        self.request = request
        self.isHead = isHead
        self.limits = limits
        self.deadline = deadline
    }

    deinit { buffer.deallocate() }

    func run() async throws(HTTPClientError) -> HTTPClient.Answer {
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    loop.submit { self.begin(continuation) }
                }
            } onCancel: {
                loop.submit { self.finish(.failure(.cancelled)) }
            }
        } catch let error as HTTPClientError {
            throw error
        } catch {
            throw .cancelled
        }
    }

    private func begin(_ continuation: CheckedContinuation<HTTPClient.Answer, any Error>) {
        self.continuation = continuation
        // The cancellation may have come first.
        guard !isFinished else { return finish(.failure(.cancelled)) }
        timer = loop.schedule(after: deadline) { self.finish(.failure(.timeout)) }
        connectNext(because: ENETUNREACH)
    }

    /// Tries the next address, until none is left.
    private func connectNext(because code: Int32) {
        dropSocket()
        guard !addresses.isEmpty else {
            return finish(.failure(.unreachable(LinuxError("connect to \(host)", code: code))))
        }
        do throws(LinuxError) { descriptor = try Socket.connect(addresses.removeFirst()) } catch {
            return connectNext(because: error.code)
        }
        do throws(LinuxError) {
            watch = try loop.watch(
                descriptor, for: [.readable, .writable], isEdgeTriggered: true
            ) { [weak self] readiness in self?.isReady(readiness) }
        } catch {
            finish(.failure(.unreachable(error)))
        }
    }

    private func isReady(_ readiness: Readiness) {
        if !isConnected {
            guard !readiness.intersection([.writable, .hangUp]).isEmpty else { return }
            do throws(LinuxError) { try Socket.connectResult(descriptor) } catch {
                return connectNext(because: error.code)
            }
            isConnected = true
            guard open() else { return }
        }
        do throws(HTTPClientError) {
            try sendRest()
            try receiveAll()
        } catch {
            finish(.failure(error))
        }
    }

    private func open() -> Bool {
        do {
            let parser = try MessageParser(
                .response, headMax: limits.headBytes, fieldsMax: limits.fields)
            parser.reset(hasNoBody: isHead)
            self.parser = parser
            if let tls {
                session = try TLSSession(client: tls, name: host, descriptor: descriptor)
            }
            return true
        } catch let error as TLSError {
            finish(.failure(.tls(error)))
        } catch {
            finish(.failure(.malformed(.outOfMemory)))
        }
        return false
    }

    private func sendRest() throws(HTTPClientError) {
        while sent < request.count {
            let count = try request.withUnsafeBufferPointer { bytes throws(HTTPClientError) in
                try write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[sent...])))
            }
            guard let count else { return }
            sent += count
        }
    }

    /// Reads until there is nothing, the answer is whole, or the peer has closed.
    private func receiveAll() throws(HTTPClientError) {
        while !isFinished {
            guard let count = try read(into: buffer) else { return }
            if count == 0 { return try peerClosed() }
            input.append(contentsOf: buffer[..<count])
            try parse()
        }
    }

    private func parse() throws(HTTPClientError) {
        guard let parser else { return }
        while !input.isEmpty, !isFinished {
            let step: MessageParser.Step
            do throws(MessageError) {
                step = try input.withUnsafeBufferPointer { bytes throws(MessageError) in
                    try parser.feed(bytes)
                }
            } catch {
                throw .malformed(error)
            }
            switch step.event {
            case .head(let head):
                // 1xx only announces the answer.
                if (100..<200).contains(head.status), head.status != 101 {
                    input.removeFirst(step.consumed)
                    parser.reset(hasNoBody: isHead)
                    continue
                }
                self.head = head
            case .body(let range):
                guard body.count + range.count <= limits.bodyBytes else { throw .tooLarge }
                body.append(contentsOf: input[range])
            case .needsMore:
                input.removeFirst(step.consumed)
                guard input.count <= limits.headBytes else { throw .tooLarge }
                if step.isDone { return complete() }
                return
            }
            input.removeFirst(step.consumed)
            if step.isDone { return complete() }
        }
    }

    private func peerClosed() throws(HTTPClientError) {
        guard let parser, head != nil else { throw .closed }
        do throws(MessageError) { try parser.end() } catch { throw .closed }
        complete()
    }

    private func complete() {
        guard let head else { return finish(.failure(.closed)) }
        finish(
            .success(HTTPClient.Answer(status: head.status, headers: head.fields.all, body: body)))
    }

    private func finish(_ result: Result<HTTPClient.Answer, HTTPClientError>) {
        isFinished = true
        dropSocket()
        timer?.cancel()
        timer = nil
        let waiting = continuation
        continuation = nil
        waiting?.resume(with: result.mapError { $0 as any Error })
    }

    private func dropSocket() {
        watch?.cancel()
        watch = nil
        session = nil
        isConnected = false
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Returns how much was sent; nil if the socket takes nothing now.
    private func write(_ bytes: UnsafeRawBufferPointer) throws(HTTPClientError) -> Int? {
        if let session {
            do throws(TLSError) {
                return moved(try session.write(bytes))
            } catch {
                throw .tls(error)
            }
        }
        let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if count >= 0 { return count }
        // A server may answer and close before it has read everything: its answer still counts.
        return nil
    }

    /// Returns how much came, 0 at the end; nil if there is nothing now.
    private func read(into bytes: UnsafeMutableRawBufferPointer) throws(HTTPClientError) -> Int? {
        if let session {
            do throws(TLSError) {
                return moved(try session.read(into: bytes))
            } catch {
                throw .tls(error)
            }
        }
        let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
        if count >= 0 { return count }
        return errno == EAGAIN || errno == EINTR ? nil : 0
    }

    private func moved(_ progress: TLSSession.Progress) -> Int? {
        switch progress {
        case .moved(let count): count
        case .wantsRead, .wantsWrite: nil
        case .closed: 0
        }
    }
}
