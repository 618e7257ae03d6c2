internal import CPostgres
internal import Platform

/// What pipeline mode cannot do: text of several statements, and COPY. Exclusive connections
/// leave the mode for it and return to it at the end.
final class Conversation: @unchecked Sendable {
    // Safe: its maker fills it, then hands it to the loop, on which alone it is touched.
    enum Phase {
        /// Waits for the answers to a text, or for the end of a copy.
        case answers
        /// The server waits for data.
        case copying
        /// Data is being written.
        case writing
    }

    typealias Answer = Result<PostgresResult?, PostgresError>

    let text: String
    let operation: String
    var deadline: Int64
    var phase = Phase.answers
    var result: PostgresResult?
    var error: PostgresError?
    var cancellation: PostgresError?
    private var completion: ((Answer) -> Void)?

    init(text: String, deadline: Int64) {
        self.text = text
        self.deadline = deadline
        operation = text.operationSummary
    }

    var isAwaited: Bool { completion != nil }

    /// Sets who is told of the present phase. On the loop.
    func whenComplete(_ body: @escaping (Answer) -> Void) { completion = body }

    /// Tells whoever waits for the present phase.
    func complete(_ answer: Answer) {
        guard let completion else { return }
        self.completion = nil
        completion(answer.mapError { $0.during(operation) })
    }
}

extension PostgresConnection {
    /// Starts a conversation, at once or when the last group is answered. Completes with the
    /// last result, or, for COPY, when the server waits for data.
    func converse(_ conversation: Conversation) {
        loop.preconditionOnLoop()
        precondition(state == .ready && use == .exclusive && self.conversation == nil)
        guard pending.isEmpty else {
            nextConversation = conversation
            return
        }
        guard PQexitPipelineMode(handle) == 1, PQsendQuery(handle, conversation.text) == 1 else {
            let error = PostgresError(.connectionLost, connection: handle, operation: "")
            conversation.complete(.failure(error))
            return lose(error)
        }
        self.conversation = conversation
        scheduleFlush()
    }

    /// Starts the conversation that had to wait for earlier groups.
    func startNextConversation() {
        guard pending.isEmpty, let next = nextConversation else { return }
        nextConversation = nil
        converse(next)
    }

    /// Sends a part of a copy. Completes when it is written, so that no more than one part is
    /// kept in memory.
    func putCopyData(_ bytes: [UInt8]) {
        guard let conversation, conversation.phase == .copying else { return }
        conversation.phase = .writing
        let status = bytes.withUnsafeBytes { buffer in
            PQputCopyData(
                handle, buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(truncatingIfNeeded: buffer.count))
        }
        guard status == 1 else {
            // The server ended the copy; its answers say why.
            conversation.phase = .answers
            return receive()
        }
        flush()
    }

    /// Ends a copy; completes with its count.
    func endCopy() {
        guard let conversation, conversation.phase == .copying else { return }
        conversation.phase = .answers
        guard PQputCopyEnd(handle, nil) >= 0 else { return receive() }
        flush()
    }

    func conversationIsFlushed() {
        guard let conversation, conversation.phase == .writing else { return }
        conversation.phase = .copying
        conversation.complete(.success(nil))
    }

    func receiveConversation() {
        while state == .ready, let conversation, conversation.phase == .answers {
            if PQisBusy(handle) == 1 { return }
            guard let result = PQgetResult(handle) else { return finish(conversation) }
            switch PQresultStatus(result) {
            case PGRES_COPY_IN:
                PQclear(result)
                conversation.phase = .copying
                conversation.complete(.success(nil))
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                conversation.result = PostgresResult(adopting: result, text: conversation.text)
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                PQclear(result)
                lose(PostgresError(.misuse, "COPY TO is not supported"))
            default:
                let error = PostgresError(result: result, operation: conversation.operation)
                PQclear(result)
                conversation.error = conversation.error ?? error
            }
        }
    }

    private func finish(_ conversation: Conversation) {
        guard PQstatus(handle) == CONNECTION_OK, PQenterPipelineMode(handle) == 1 else {
            return lose(
                conversation.error
                    ?? PostgresError(.connectionLost, connection: handle, operation: ""))
        }
        self.conversation = nil
        if let error = conversation.cancellation ?? conversation.error {
            conversation.complete(.failure(error))
        } else {
            conversation.complete(.success(conversation.result))
        }
    }
}
