internal import CLinux
internal import Platform

/// The state of a pool, on its event loop: which connections there are, who waits for one.
///
/// Connections are opened when they are needed, so a pool without calls is silent. A call that
/// waits fails when an attempt that started after it came has failed; the next attempt then waits
/// a little, and so do calls that come meanwhile.
final class PoolCore: @unchecked Sendable {
    // Safe: all state is touched on the loop's thread alone.
    /// How often deadlines are looked at: the precision of deadlines.
    private static let sweepPeriod = Duration.milliseconds(20)
    private static let housekeepingPeriod = Duration.seconds(1)

    let configuration: PostgresConfiguration
    let loop: EventLoop
    let listener: Listener
    private let log: Log
    private var shared: [PostgresConnection] = []
    private var waiting = FIFO<Exchange>()
    private var idle: [(connection: PostgresConnection, since: Int64)] = []
    private var leased: [ObjectIdentifier: PostgresConnection] = [:]
    private var opening: [ObjectIdentifier: PostgresConnection] = [:]
    private var leaseRequests = FIFO<LeaseRequest>()
    private var attempts: AttemptPlan
    private var random = SystemRandomNumberGenerator()
    private var retryTimer: LoopTimer?
    private var sweepTimer: LoopTimer?
    private var isClosed = false

    init(_ configuration: PostgresConfiguration, on loop: EventLoop, log: Log) {
        self.configuration = configuration
        self.loop = loop
        self.log = log
        attempts = AttemptPlan(configuration.reconnect)
        listener = Listener(configuration, on: loop, log: log)
        listener.onBusy = { [weak self] in self?.armSweep() }
    }

    var counts: PostgresPool.Counts {
        PostgresPool.Counts(
            shared: shared.count { $0.state == .ready }, idle: idle.count, leased: leased.count,
            waiting: waiting.count + leaseRequests.count)
    }

    // Single statements.

    /// Sends a group on a shared connection, or lets it wait for one.
    func submit(_ exchange: Exchange) {
        loop.preconditionOnLoop()
        if let error = refusal(of: exchange) { return exchange.fail(error) }
        if waiting.isEmpty, let connection = leastBusy() {
            connection.send(exchange)
        } else {
            guard waiting.count < configuration.waitingMax else {
                return exchange.fail(
                    PostgresError(.overloaded, "\(waiting.count) calls wait already"))
            }
            waiting.append(exchange)
            maintain()
        }
        armSweep()
    }

    private func refusal(of exchange: Exchange) -> PostgresError? {
        if let cancellation = exchange.cancellation { return cancellation }
        if isClosed { return PostgresError(.closed, "the pool is closed") }
        if exchange.parametersSize > configuration.parametersSizeMax {
            return PostgresError(.misuse, "\(exchange.parametersSize) bytes are too many")
        }
        let isAllowed = exchange.statements.allSatisfy {
            StatementPolicy.isAllowedOnShared($0.key.text)
        }
        return isAllowed
            ? nil : PostgresError(.misuse, "such statements belong into a transaction")
    }

    /// The connection with the least to do. None, if another may be opened, or if all have kept
    /// silent for a while: behind a slow statement is the worst place to wait.
    private func leastBusy() -> PostgresConnection? {
        let now = SystemTime.monotonicNanoseconds
        var best: PostgresConnection?
        for connection in shared where connection.state == .ready {
            let inFlight = connection.inFlight
            if inFlight == 0 { return connection }
            guard inFlight < min(best?.inFlight ?? .max, configuration.inFlightMax),
                now &- connection.lastProgress < Self.silenceMax
            else { continue }
            best = connection
        }
        let mayGrow = shared.count < configuration.sharedConnections && !attempts.isInDoubt
        return mayGrow ? nil : best
    }

    /// A connection that has not answered for so long gets nothing more; nanoseconds.
    private static let silenceMax: Int64 = 5_000_000

    private func sendWaiting() {
        while let first = waiting.first {
            guard first.isAwaited else {
                _ = waiting.popFirst()
                continue
            }
            guard let connection = leastBusy() else { return }
            _ = waiting.popFirst()
            connection.send(first)
        }
    }

    // Connections for one caller.

    /// Gives the caller a connection of its own, in the order of asking.
    func lease(_ request: LeaseRequest) {
        loop.preconditionOnLoop()
        if let cancellation = request.cancellation { return request.fail(cancellation) }
        if isClosed { return request.fail(PostgresError(.closed, "the pool is closed")) }
        guard leaseRequests.count < configuration.waitingMax else {
            return request.fail(
                PostgresError(.overloaded, "\(leaseRequests.count) calls wait already"))
        }
        leaseRequests.append(request)
        maintain()
        armSweep()
    }

    /// Takes a connection back; it is closed unless it can serve the next caller as new.
    func giveBack(_ connection: PostgresConnection, isClean: Bool) {
        loop.preconditionOnLoop()
        guard leased.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        let isGood =
            isClean && connection.state == .ready && !connection.isSpent
            && connection.inFlight == 0 && connection.conversation == nil && !isClosed
            && !isTooOld(connection)
        if isGood {
            idle.append((connection, SystemTime.monotonicNanoseconds))
        } else {
            connection.close()
        }
        maintain()
        armSweep()
    }

    private func serveLeaseRequests() {
        while let request = leaseRequests.first {
            guard request.isAwaited else {
                _ = leaseRequests.popFirst()
                continue
            }
            guard let (connection, _) = idle.popLast() else { return }
            guard connection.state == .ready else { continue }
            _ = leaseRequests.popFirst()
            leased[ObjectIdentifier(connection)] = connection
            request.succeed(connection)
        }
    }

    // Opening and closing.

    /// Serves who waits, and opens what is missing, if attempts are allowed now.
    private func maintain() {
        guard !isClosed else { return }
        sendWaiting()
        serveLeaseRequests()
        let missing = missingConnections()
        guard missing.shared + missing.exclusive > 0 else { return }
        let now = SystemTime.monotonicNanoseconds
        guard now >= attempts.nextAttempt else { return retry(at: attempts.nextAttempt, now: now) }
        // While the server is in doubt one attempt at a time is enough.
        if attempts.isInDoubt {
            if opening.isEmpty { open(missing.shared > 0 ? .shared : .exclusive) }
            return
        }
        for _ in 0..<missing.shared { open(.shared) }
        for _ in 0..<missing.exclusive { open(.exclusive) }
    }

    private func missingConnections() -> (shared: Int, exclusive: Int) {
        var openingShared = 0
        for connection in opening.values where connection.use == .shared { openingShared += 1 }
        let openingExclusive = opening.count - openingShared
        let room = configuration.sharedConnections - shared.count
        let neededShared = min(waiting.count, room) - openingShared
        let free = configuration.exclusiveConnectionsMax - leased.count - idle.count
        let neededExclusive = min(leaseRequests.count, free) - openingExclusive
        return (max(0, neededShared), max(0, neededExclusive))
    }

    private func retry(at time: Int64, now: Int64) {
        retryTimer?.cancel()
        retryTimer = loop.schedule(after: .nanoseconds(time &- now)) { [weak self] in
            self?.maintain()
        }
    }

    private func open(_ use: PostgresConnection.Use) {
        let connection = PostgresConnection(configuration, use: use, on: loop)
        let start = SystemTime.monotonicNanoseconds
        opening[ObjectIdentifier(connection)] = connection
        connection.onLost = { [weak self, weak connection] error in
            guard let self, let connection else { return }
            log.warning("connection lost", ["error": .string("\(error)")])
            forget(connection)
            maintain()
        }
        connection.onRoom = { [weak self, weak connection] in
            guard let self, let connection else { return }
            if !waiting.isEmpty { sendWaiting() }
            if connection.use == .shared, connection.inFlight == 0 { retire(connection) }
        }
        connection.open { [weak self, weak connection] result in
            guard let self, let connection else { return }
            opening[ObjectIdentifier(connection)] = nil
            switch result {
            case .success: opened(connection)
            case .failure(let error): failed(error, startedAt: start)
            }
        }
    }

    private func opened(_ connection: PostgresConnection) {
        attempts.succeeded()
        switch connection.use {
        case .shared: shared.append(connection)
        case .exclusive: idle.append((connection, SystemTime.monotonicNanoseconds))
        }
        maintain()
        armSweep()
    }

    private func failed(_ error: PostgresError, startedAt start: Int64) {
        log.warning("cannot connect", ["error": .string("\(error)")])
        attempts.failed(
            startedAt: start, now: SystemTime.monotonicNanoseconds, using: &random)
        if shared.isEmpty {
            waiting.forEach { if $0.start <= start { $0.fail(error) } }
            waiting.removeAll { !$0.isAwaited }
        }
        // With all its places taken the server refuses us, but a lease may yet come back.
        if leased.isEmpty && idle.isEmpty {
            leaseRequests.forEach { if $0.start <= start { $0.fail(error) } }
            leaseRequests.removeAll { !$0.isAwaited }
        }
        maintain()
    }

    private func forget(_ connection: PostgresConnection) {
        shared.removeAll { $0 === connection }
        idle.removeAll { $0.connection === connection }
        leased[ObjectIdentifier(connection)] = nil
        opening[ObjectIdentifier(connection)] = nil
    }

    /// Closes a shared connection that is too old; the next call opens another.
    private func retire(_ connection: PostgresConnection) {
        guard isTooOld(connection) else { return }
        forget(connection)
        connection.close()
    }

    private func isTooOld(_ connection: PostgresConnection) -> Bool {
        // Spread by a tenth either way, so that connections do not all go at once.
        let share = 90 + Int64(truncatingIfNeeded: ObjectIdentifier(connection).hashValue & 0xF)
        let lifetime = configuration.lifetimeMax.nanosecondsClamped / 100
        let age = SystemTime.monotonicNanoseconds &- connection.bornAt
        return age / share > lifetime
    }

    func close() {
        loop.preconditionOnLoop()
        guard !isClosed else { return }
        isClosed = true
        retryTimer?.cancel()
        sweepTimer?.cancel()
        listener.close()
        let error = PostgresError(.closed, "the pool was closed")
        for exchange in waiting.removeAll() { exchange.fail(error) }
        for request in leaseRequests.removeAll() { request.fail(error) }
        let all = shared + idle.map(\.connection) + leased.values + opening.values
        (shared, idle, leased, opening) = ([], [], [:], [:])
        for connection in all { connection.close() }
    }

    // Deadlines.

    /// Makes sure that deadlines are looked after while there is anything to look after.
    func armSweep() {
        guard sweepTimer == nil, !isClosed else { return }
        let isBusy =
            !waiting.isEmpty || !leaseRequests.isEmpty || !leased.isEmpty
            || listener.isBusy || shared.contains { $0.inFlight > 0 }
        guard isBusy || !idle.isEmpty else { return }
        let period = isBusy ? Self.sweepPeriod : Self.housekeepingPeriod
        sweepTimer = loop.schedule(after: period) { [weak self] in
            self?.sweepTimer = nil
            self?.sweep()
        }
    }

    private func sweep() {
        let now = SystemTime.monotonicNanoseconds
        waiting.forEach { if $0.deadline <= now { $0.fail(.late) } }
        waiting.removeAll { !$0.isAwaited }
        leaseRequests.forEach { if $0.deadline <= now { $0.fail(.noConnection) } }
        leaseRequests.removeAll { !$0.isAwaited }
        for connection in shared + Array(leased.values) { connection.sweep(now) }
        listener.sweep(now)
        let idleMax = configuration.idleMax.nanosecondsClamped
        for (connection, since) in idle where now &- since > idleMax || isTooOld(connection) {
            forget(connection)
            connection.close()
        }
        armSweep()
    }
}

extension PostgresError {
    static let noConnection = PostgresError(
        .deadlineExceeded, "no connection became free within the deadline")
}

/// Somebody who waits for a connection of their own.
final class LeaseRequest: @unchecked Sendable {
    // Safe: its maker fills it, then hands it to the loop, on which alone it is touched.
    typealias Answer = Result<PostgresConnection, PostgresError>

    let start: Int64
    let deadline: Int64
    private(set) var cancellation: PostgresError?
    private var completion: ((Answer) -> Void)?

    init(start: Int64, deadline: Int64) {
        self.start = start
        self.deadline = deadline
    }

    var isAwaited: Bool { completion != nil }

    func whenComplete(_ body: @escaping (Answer) -> Void) { completion = body }

    func succeed(_ connection: PostgresConnection) { complete(.success(connection)) }

    func fail(_ error: PostgresError) { complete(.failure(error.during("wait for a connection"))) }

    func cancel() {
        cancellation = .cancelled
        fail(.cancelled)
    }

    private func complete(_ answer: Answer) {
        guard let completion else { return }
        self.completion = nil
        completion(answer)
    }
}
