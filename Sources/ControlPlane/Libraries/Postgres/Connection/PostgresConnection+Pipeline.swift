internal import CPostgres
internal import Platform

/// Statements in pipeline mode: every group is one sync, one answer, one waiter.
extension PostgresConnection {
    /// A healthy answer never has more separators in a row than this.
    private static let separatorsMax = 16
    private static let repeatsMax = 3
    private static let failedPreparesMax = 256

    /// Sends a group and registers it, in one step.
    func send(_ exchange: Exchange) {
        loop.preconditionOnLoop()
        precondition(state == .ready && conversation == nil)
        if pending.isEmpty { lastProgress = SystemTime.monotonicNanoseconds }
        var evicted: [String] = []
        var isSent = true
        for statement in exchange.statements where isSent {
            let decision = cache.use(statement.key)
            if let name = decision.evicted { evicted.append(name) }
            isSent = send(statement, decision, steps: &exchange.steps)
        }
        pending.append(exchange)
        guard isSent, cue_pg_sync(handle) == 1 else {
            return lose(PostgresError(.connectionLost, connection: handle, operation: ""))
        }
        for name in evicted { deallocate(name) }
        scheduleFlush()
    }

    private func send(
        _ statement: Exchange.Statement, _ decision: StatementCache.Decision,
        steps: inout FIFO<Exchange.Step>
    ) -> Bool {
        let (key, name) = (statement.key, decision.name)
        if decision.mustPrepare {
            let status = PQsendPrepare(
                handle, name, key.text, Int32(truncatingIfNeeded: key.types.count), key.types)
            guard status == 1 else { return false }
            steps.append(.prepare(key, name: name))
        }
        guard sendExecute(name, statement.parameters) else { return false }
        steps.append(.execute(key, name: name))
        return true
    }

    private func sendExecute(_ name: String, _ parameters: SQL.Parameters) -> Bool {
        let count = parameters.sizes.count
        let handle = handle
        let nothing: StaticString = ""
        return withUnsafeTemporaryAllocation(
            of: UnsafePointer<CChar>?.self, capacity: count + 1
        ) { values in
            parameters.buffer.bytes.withUnsafeBytes { bytes in
                var offset = 0
                for (index, size) in parameters.sizes.enumerated() {
                    // An empty value needs an address too: none would mean NULL.
                    let base = bytes.baseAddress ?? UnsafeRawPointer(nothing.utf8Start)
                    values[index] =
                        size < 0 ? nil : (base + offset).assumingMemoryBound(to: CChar.self)
                    offset += max(0, Int(size))
                }
                return withUnsafeTemporaryAllocation(of: Int32.self, capacity: count + 1) {
                    formats in
                    formats.initialize(repeating: 1)
                    return PQsendQueryPrepared(
                        handle, name, Int32(truncatingIfNeeded: count), values.baseAddress,
                        parameters.sizes, formats.baseAddress, 1) == 1
                }
            }
        }
    }

    /// Frees an evicted statement on the server, in a group of its own that nobody awaits. In a
    /// failed transaction this has no effect; the statement then stays until the connection ends.
    private func deallocate(_ name: String) {
        let exchange = Exchange([], start: 0, deadline: .max)
        exchange.steps.append(.ignored)
        pending.append(exchange)
        guard PQsendQueryParams(handle, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1) == 1,
            cue_pg_sync(handle) == 1
        else { return lose(PostgresError(.connectionLost, connection: handle, operation: "")) }
    }

    /// Takes all answers that have arrived.
    func receive() {
        if conversation != nil { return receiveConversation() }
        var separators = 0
        while state == .ready, let head = pending.first {
            if PQisBusy(handle) == 1 { return }
            guard let result = PQgetResult(handle) else {
                // A separator between two answers; the end of a group is its sync.
                separators += 1
                guard separators <= Self.separatorsMax else {
                    return lose(PostgresError(.connectionLost, "answers out of step"))
                }
                continue
            }
            separators = 0
            lastProgress = SystemTime.monotonicNanoseconds
            take(result, for: head)
        }
    }

    private func take(_ result: OpaquePointer, for exchange: Exchange) {
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            finish(exchange)
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            guard case .execute(let key, _)? = exchange.steps.popFirst() else {
                return PQclear(result)
            }
            exchange.results.append(PostgresResult(adopting: result, text: key.text))
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            if case .prepare(let key, let name)? = exchange.steps.popFirst() {
                cache.drop(key, name: name)
            }
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            lose(
                PostgresError(
                    .misuse, "COPY is not a statement; use `copy`",
                    operation: exchange.operation))
        default:
            takeFailure(PostgresError(result: result, operation: exchange.operation), exchange)
            PQclear(result)
        }
    }

    private func takeFailure(_ error: PostgresError, _ exchange: Exchange) {
        var error = error
        switch exchange.steps.popFirst() {
        case .prepare(let key, let name):
            error.operation = key.text.operationSummary
            cache.drop(key, name: name)
            if failedPrepares.count >= Self.failedPreparesMax { failedPrepares = [:] }
            failedPrepares[name] = error
        case .execute(let key, let name):
            error.operation = key.text.operationSummary
            if error.isStaleStatement { cache.drop(key, name: name) }
            // Sent while the statement was being prepared for somebody else, which failed.
            if let cause = failedPrepares[name] { error = cause }
        case .ignored, nil: break
        }
        exchange.error = exchange.error ?? error
    }

    private func finish(_ exchange: Exchange) {
        _ = pending.popFirst()
        if pending.isEmpty { failedPrepares = [:] }
        if let error = exchange.error, error.isStaleStatement, use == .shared,
            exchange.repeats < Self.repeatsMax, exchange.isAwaited, state == .ready
        {
            exchange.reset()
            return send(exchange)
        }
        if let error = exchange.error {
            exchange.fail(exchange.cancellation ?? (isTimeout(error, exchange) ? .late : error))
        } else if let cancellation = exchange.cancellation {
            exchange.fail(cancellation)
        } else {
            exchange.complete(.success(exchange.results))
        }
        if use == .shared, pending.isEmpty, PQtransactionStatus(handle) != PQTRANS_IDLE {
            return lose(
                PostgresError(.connectionLost, "a single statement left a transaction open"))
        }
        startNextConversation()
        onRoom?()
    }

    /// Whether the server's own time limit was quicker than ours.
    private func isTimeout(_ error: PostgresError, _ exchange: Exchange) -> Bool {
        error.state == .queryCanceled
            && SystemTime.monotonicNanoseconds &+ 50_000_000 >= exchange.deadline
    }
}
