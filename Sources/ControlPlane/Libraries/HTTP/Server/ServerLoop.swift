internal import Crypto
internal import Glibc
internal import HTTPMessage
internal import Platform
internal import Synchronization

/// The part of a server that lives on one event loop: its connections and what they share.
final class ServerLoop: @unchecked Sendable {
    // Safe: made before its loop runs any of it; afterwards touched on the loop alone.

    typealias Handler = @Sendable (Request) async -> Response

    let loop: EventLoop
    let disk: BlockingPool
    let limits: HTTPLimits
    let handler: Handler
    let log: Log
    let emptyBody = RequestBody()
    /// What is received lands here first; 64 KiB.
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 * 1024)
    private(set) var isDraining = false
    private let configuration: HTTPConfiguration
    private let counts: ConnectionCounts
    private let requestIDPrefix: String
    private var requestCount: UInt64 = 0
    private var connections: [Connection] = []
    private var parsers: [MessageParser] = []
    private var scratch: [UInt8] = []
    private var dateBytes: [UInt8] = []
    private var dateSeconds: Int64 = 0
    private var ticker: LoopTimer?
    private var whenEmpty: (@Sendable () -> Void)?
    /// Handlers' tasks that have not ended, some perhaps after their connection.
    var runningTasks = 0

    init(
        loop: EventLoop, disk: BlockingPool, configuration: HTTPConfiguration,
        counts: ConnectionCounts, handler: @escaping Handler, log: Log
    ) {
        self.loop = loop
        self.disk = disk
        self.configuration = configuration
        self.counts = counts
        self.handler = handler
        self.log = log
        limits = configuration.limits
        var generator = SystemRandomNumberGenerator()
        requestIDPrefix = String(generator.next() | 1 << 63, radix: 16) + "-"
    }

    deinit { buffer.deallocate() }

    /// The hands that deadlines follow, monotonic.
    var nowNanoseconds: Int64 { configuration.time.monotonicNanoseconds() }

    func now(after delay: Duration) -> Int64 {
        let sum = nowNanoseconds.addingReportingOverflow(delay.nanosecondsClamped)
        return sum.overflow ? .max : sum.partialValue
    }

    func nextRequestID() -> String {
        requestCount &+= 1
        return requestIDPrefix + String(requestCount, radix: 16)
    }

    /// The peer's address; nil for unix sockets, and for a peer that is gone already.
    private static func host(of descriptor: Int32) -> String? {
        // Whoever is gone needs no address; its connection ends by itself.
        guard case .ip(let host, _)? = try? Socket.peer(descriptor) else { return nil }
        return host
    }

    /// Takes over a connected socket.
    func adopt(_ descriptor: Int32, secure: TLSContext?) {
        let peer = Self.host(of: descriptor)
        switch counts.add(peer) {
        case .accepted: break
        case .tooMany: return turnAway(descriptor, "503 Service Unavailable", secure)
        case .tooManyFromAddress: return turnAway(descriptor, "429 Too Many Requests", secure)
        }
        // Without it answers are only slower.
        try? Socket.setNoDelay(descriptor)
        guard let transport = transport(descriptor, secure) else {
            counts.remove(peer)
            Glibc.close(descriptor)
            return
        }
        let connection = Connection(
            home: self, descriptor: descriptor, transport: transport, peer: peer ?? "unix",
            countedAddress: peer, isSecure: secure != nil)
        connection.slot = connections.count
        connections.append(connection)
        do {
            connection.watch = try loop.watch(
                descriptor, for: [.readable, .writable], isEdgeTriggered: true
            ) { [unowned connection] in connection.isReady($0) }
        } catch {
            log.warning("cannot watch a connection", ["error": .string("\(error)")])
            return connection.close()
        }
        if isDraining { connection.close() }
    }

    private func transport(_ descriptor: Int32, _ secure: TLSContext?) -> (any Transport)? {
        guard let secure else { return PlainTransport(descriptor: descriptor) }
        do throws(TLSError) {
            return try TLSTransport(context: secure, descriptor: descriptor)
        } catch {
            log.error("no TLS session", ["error": .string("\(error)")])
            return nil
        }
    }

    /// Refuses a connection over a limit, in plain text if that is what it speaks.
    private func turnAway(_ descriptor: Int32, _ status: String, _ secure: TLSContext?) {
        if secure == nil {
            let answer = "HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            _ = Array(answer.utf8).withUnsafeBytes {
                PlainTransport(descriptor: descriptor).write($0)
            }
        }
        Glibc.close(descriptor)
    }

    func remove(_ connection: Connection) {
        counts.remove(connection.countedAddress)
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.slot] = last
            last.slot = connection.slot
        }
        if isDraining, connections.isEmpty { reportEmpty() }
    }

    func takeParser() -> MessageParser? {
        if let parser = parsers.popLast() { return parser }
        do throws(MessageError) {
            return try MessageParser(
                .request, headMax: limits.headBytes, fieldsMax: limits.fields)
        } catch {
            log.error("no parser", ["error": .string("\(error)")])
            return nil
        }
    }

    func recycle(_ parser: MessageParser) {
        guard parsers.count < 64 else { return }
        parser.reset()
        parsers.append(parser)
    }

    func withScratch(_ body: (inout [UInt8]) -> Void) {
        var local: [UInt8] = []
        swap(&local, &scratch)
        local.removeAll(keepingCapacity: true)
        body(&local)
        if local.capacity <= 128 * 1024 { swap(&local, &scratch) }
    }

    /// The line `Date: …` with its leading line end, made once a second.
    func dateField() -> [UInt8] {
        let seconds = SystemTime.unixMilliseconds / 1000
        if seconds != dateSeconds {
            dateSeconds = seconds
            dateBytes = Array("\r\nDate: \(HTTPDate.text(unixSeconds: seconds))".utf8)
        }
        return dateBytes
    }

    /// Looks at every connection's deadline, again and again.
    func startTicking() {
        ticker = loop.schedule(after: limits.tick) { [weak self] in
            guard let self else { return }
            let now = nowNanoseconds
            // A connection that ends here is replaced by the last, which was looked at already.
            for index in connections.indices.reversed() where index < connections.count {
                connections[index].lookAtDeadlines(now)
            }
            startTicking()
        }
    }

    /// No more requests: idle connections close, others after their answer.
    func drain(whenEmpty: @escaping @Sendable () -> Void) {
        isDraining = true
        self.whenEmpty = whenEmpty
        for connection in connections.reversed() { connection.drain() }
        if connections.isEmpty { reportEmpty() }
    }

    /// Ends what is left.
    func closeAll() {
        for connection in connections.reversed() { connection.close() }
        ticker?.cancel()
    }

    /// Calls back once no handler runs, or after so many hundredths of a second.
    func awaitTasks(attempts: Int, _ done: @escaping (Int) -> Void) {
        if runningTasks == 0 || attempts == 0 { return done(runningTasks) }
        loop.schedule(after: .milliseconds(10)) { [self] in
            awaitTasks(attempts: attempts - 1, done)
        }
    }

    private func reportEmpty() {
        ticker?.cancel()
        let report = whenEmpty
        whenEmpty = nil
        report?()
    }

    /// One line and one observation for each answer.
    func finished(_ exchange: Exchange, peer: String) {
        let duration = SystemTime.monotonicNanoseconds - exchange.startNanoseconds
        let method = exchange.request.method.rawValue
        configuration.observe?(
            method, exchange.route, exchange.status, .nanoseconds(duration))
        let isFailure = exchange.status.isServerFault
        guard configuration.logsAccess || isFailure else { return }
        var line = log.with("request_id", .string(exchange.request.id))
        if let cause = exchange.cause { line = line.with("cause", .string(cause)) }
        let fields: KeyValuePairs<String, Log.Value> = [
            "method": .string(method), "route": .string(exchange.route),
            "path": .string(exchange.request.target.path),
            "status": .int(Int64(exchange.status.rawValue)),
            "bytes": .int(Int64(exchange.sentBytes)), "duration_us": .int(duration / 1000),
            "peer": .string(peer),
        ]
        if isFailure { line.error("request failed", fields) } else { line.info("request", fields) }
    }
}
