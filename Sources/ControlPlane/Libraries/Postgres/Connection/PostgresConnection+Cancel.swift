internal import CLinux
internal import CPostgres
internal import Platform

/// Ending a statement that takes too long, or that nobody wants any more.
extension PostgresConnection {
    /// How long the server has to end a cancelled statement before the connection is closed.
    private static let cancelGrace: Int64 = 2_000_000_000

    /// Looks after deadlines; called every few milliseconds while anything is under way.
    func sweep(_ now: Int64) {
        guard state == .ready else { return }
        switch use {
        case .shared: sweepShared(now)
        case .exclusive: sweepExclusive(now)
        }
    }

    private func sweepShared(_ now: Int64) {
        pending.forEach { exchange in
            if exchange.deadline <= now { exchange.fail(.late) }
        }
        // The server ends statements by itself at the pool's deadline, so longer silence means
        // that it, or the way to it, is gone.
        let silenceMax = configuration.deadline.nanosecondsClamped &+ Self.cancelGrace
        if !pending.isEmpty, now &- lastProgress > silenceMax { lose(.silent) }
    }

    private func sweepExclusive(_ now: Int64) {
        if let exchange = pending.first, exchange.deadline <= now {
            cancel(exchange, because: .late)
        }
        if let conversation, conversation.deadline <= now {
            cancel(conversation, because: .late)
        }
        if let cancelledAt, now &- cancelledAt > Self.cancelGrace { lose(.silent) }
    }

    /// Ends a group: a shared connection only stops waiting for it, and its answer is dropped
    /// when it comes; an exclusive one asks the server to stop.
    func cancel(_ exchange: Exchange, because error: PostgresError) {
        guard exchange.cancellation == nil else { return }
        exchange.cancellation = error
        switch use {
        case .shared: exchange.fail(error)
        case .exclusive: if exchange.isAwaited { requestCancel() }
        }
    }

    func cancel(_ conversation: Conversation, because error: PostgresError) {
        guard conversation.cancellation == nil else { return }
        conversation.cancellation = error
        if conversation.isAwaited { requestCancel() }
    }

    /// Sends the request on a thread of its own, because `PQcancel` blocks. It may arrive late,
    /// so the connection serves nobody else afterwards.
    private func requestCancel() {
        isSpent = true
        guard cancelledAt == nil, let request = PQgetCancel(handle) else { return }
        cancelledAt = SystemTime.monotonicNanoseconds
        let status = cue_thread_start(
            "pg-cancel",
            { context in
                guard let context else { return }
                let request = OpaquePointer(context)
                // Whether it failed shows in the answer, or in that none comes in time.
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
                    _ = PQcancel(request, message.baseAddress, 256)
                }
                PQfreeCancel(request)
            }, UnsafeMutableRawPointer(request))
        if status < 0 { PQfreeCancel(request) }
    }
}

extension PostgresError {
    static let late = PostgresError(.deadlineExceeded, "no answer within the deadline")
    static let silent = PostgresError(.connectionLost, "the server does not answer")
    static let cancelled = PostgresError(.cancelled, "the calling task was cancelled")
}
