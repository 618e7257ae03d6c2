internal import Platform

/// One connection that belongs to one caller for a while, as async calls.
final class Lease: Sendable {
    private let connection: PostgresConnection
    private let core: PoolCore

    init(_ connection: PostgresConnection, of core: PoolCore) {
        self.connection = connection
        self.core = core
    }

    /// Waits for a connection of its own.
    static func take(from core: PoolCore, deadline: Int64) async throws(PostgresError) -> Lease {
        let request = LeaseRequest(
            start: SystemTime.monotonicNanoseconds, deadline: deadline)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.loop.perform {
                    request.whenComplete { continuation.resume(returning: $0) }
                    core.lease(request)
                }
            }
        } onCancel: {
            core.loop.submit { request.cancel() }
        }
        return Lease(try answer.get(), of: core)
    }

    /// Gives the connection back; the lease must not be used afterwards.
    /// - Parameter isClean: nothing of this caller is left in the session.
    func giveBack(isClean: Bool) {
        let (core, connection) = (core, connection)
        core.loop.perform { core.giveBack(connection, isClean: isClean) }
    }

    /// Sends statements as one group.
    /// - Parameter isCancellable: whether the cancellation of the task ends them.
    func run(
        _ statements: [SQL], deadline: Int64, isCancellable: Bool = true
    ) async throws(PostgresError) -> [PostgresResult] {
        let exchange = Exchange(
            statements.map(Exchange.Statement.init),
            start: SystemTime.monotonicNanoseconds, deadline: deadline)
        let (core, connection) = (core, connection)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.loop.perform {
                    exchange.whenComplete { continuation.resume(returning: $0) }
                    if let error = exchange.cancellation
                        ?? Self.obstacle(connection, deadline: deadline)
                        ?? Self.openConversation(connection)
                    {
                        return exchange.fail(error)
                    }
                    connection.send(exchange)
                    core.armSweep()
                }
            }
        } onCancel: {
            guard isCancellable else { return }
            core.loop.submit { connection.cancel(exchange, because: .cancelled) }
        }
        return try answer.get()
    }

    /// Runs text of several statements, or starts a copy.
    func start(_ conversation: Conversation) async throws(PostgresError) -> PostgresResult? {
        try await step(conversation) { connection in
            if let error = Self.openConversation(connection) {
                return conversation.complete(.failure(error))
            }
            connection.converse(conversation)
        }
    }

    /// One step of a conversation: `action` runs on the loop, and something completes it.
    func step(
        _ conversation: Conversation,
        _ action: @escaping @Sendable (PostgresConnection) -> Void
    ) async throws(PostgresError) -> PostgresResult? {
        let (core, connection) = (core, connection)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.loop.perform {
                    conversation.whenComplete { continuation.resume(returning: $0) }
                    if let error = conversation.cancellation
                        ?? Self.obstacle(connection, deadline: conversation.deadline)
                    {
                        return conversation.complete(.failure(error))
                    }
                    action(connection)
                    core.armSweep()
                }
            }
        } onCancel: {
            core.loop.submit { connection.cancel(conversation, because: .cancelled) }
        }
        return try answer.get()
    }

    /// A copy that was cancelled between two parts is still open: nothing else can be said on
    /// this connection, which is then closed, and that takes everything back.
    private static func openConversation(_ connection: PostgresConnection) -> PostgresError? {
        connection.conversation == nil && connection.nextConversation == nil
            ? nil : PostgresError(.cancelled, "a copy of this transaction was not finished")
    }

    private static func obstacle(
        _ connection: PostgresConnection, deadline: Int64
    ) -> PostgresError? {
        if deadline <= SystemTime.monotonicNanoseconds { return .late }
        if connection.state != .ready {
            return PostgresError(.connectionLost, "the connection of this transaction is gone")
        }
        return connection.isSpent
            ? PostgresError(.cancelled, "this transaction was ended by a deadline or cancellation")
            : nil
    }
}

extension EventLoop {
    /// Runs `body` now if this is the loop's thread, else soon.
    func perform(_ body: @escaping @Sendable () -> Void) {
        if isCurrent { body() } else { submit(body) }
    }
}
