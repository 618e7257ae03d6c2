/// One group of statements that is sent at once, ends with one sync and is therefore one implicit
/// transaction; and whoever waits for its results.
final class Exchange: @unchecked Sendable {
    // Safe: its maker fills it, then hands it to the loop, on which alone it is touched.
    struct Statement {
        let key: StatementCache.Key
        let parameters: SQL.Parameters

        init(_ sql: SQL) {
            key = StatementCache.Key(text: sql.text, types: sql.parameters.types)
            parameters = sql.parameters
        }
    }

    /// What the server will answer next within this group.
    enum Step {
        case prepare(StatementCache.Key, name: String)
        case execute(StatementCache.Key, name: String)
        /// An answer that nobody waits for.
        case ignored
    }

    typealias Answer = Result<[PostgresResult], PostgresError>

    let statements: [Statement]
    /// Monotonic nanoseconds.
    let deadline: Int64
    /// When it came to the pool; monotonic nanoseconds.
    let start: Int64
    var steps = FIFO<Step>()
    var results: [PostgresResult] = []
    var error: PostgresError?
    /// How often it was sent again because its prepared statement was found to be gone.
    var repeats = 0
    /// Why nobody wants it any more; set before it is sent, it is never sent.
    var cancellation: PostgresError?
    private var completion: ((Answer) -> Void)?

    init(_ statements: [Statement], start: Int64, deadline: Int64) {
        self.statements = statements
        self.start = start
        self.deadline = deadline
    }

    var operation: String { statements.first?.key.text.operationSummary ?? "" }
    var isAwaited: Bool { completion != nil }
    var parametersSize: Int {
        statements.reduce(0) { $0 + $1.parameters.buffer.bytes.count + $1.key.text.utf8.count }
    }

    /// Sets who is told. On the loop, before it is sent.
    func whenComplete(_ body: @escaping (Answer) -> Void) { completion = body }

    /// Tells the waiter once; later answers fall away.
    func complete(_ answer: Answer) {
        guard let completion else { return }
        self.completion = nil
        completion(answer.mapError { $0.during(operation) })
    }

    func fail(_ error: PostgresError) { complete(.failure(error)) }

    /// Makes it as if it had not been sent.
    func reset() {
        steps = FIFO()
        results = []
        error = nil
        repeats += 1
    }
}

extension String {
    /// The first words of SQL text on one line.
    var operationSummary: String {
        let start = prefix(160).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return start.count > 80 ? start.prefix(80) + "…" : start
    }
}
