internal import CPostgres

/// Why something asked of the database did not happen.
package struct PostgresError: Error, Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The server refused the statement.
        case server(SQLState)
        /// No connection could be made; nothing was sent.
        case unreachable
        /// The connection broke; whether the statement took effect is unknown.
        case connectionLost
        /// The deadline passed; a statement that was sent may still take effect.
        case deadlineExceeded
        /// The calling task was cancelled; a statement that was sent may still take effect.
        case cancelled
        /// Too many calls wait already; nothing was sent.
        case overloaded
        /// The pool was closed.
        case closed
        /// The answer does not have the columns or values that were asked for.
        case decoding
        /// The caller's mistake: a bad URL, a statement that is not allowed here.
        case misuse
    }

    package let kind: Kind
    package let message: String
    /// The server's detail; may quote stored values, so it is not part of `description`.
    package var detail: String?
    package var constraint: String?
    package var table: String?
    package var column: String?
    /// What was being done: the start of the SQL text, never its parameters.
    package var operation: String

    package init(_ kind: Kind, _ message: String, operation: String = "") {
        self.kind = kind
        self.message = message
        self.operation = operation
    }

    package var state: SQLState? {
        if case .server(let state) = kind { state } else { nil }
    }

    /// Whether a row with these unique columns exists already.
    /// - Parameter constraint: only that of this name; nil for any.
    package func isUniqueViolation(of constraint: String? = nil) -> Bool {
        state == .uniqueViolation && (constraint == nil || constraint == self.constraint)
    }

    /// Whether a referenced row is missing, or a row is still referenced.
    package func isForeignKeyViolation(of constraint: String? = nil) -> Bool {
        state == .foreignKeyViolation && (constraint == nil || constraint == self.constraint)
    }

    /// Whether the database is not there, does not answer, is full or has too much to do: nothing
    /// is wrong with what was asked, and it may well be done later.
    package var isAway: Bool {
        switch kind {
        case .unreachable, .connectionLost, .deadlineExceeded, .overloaded, .closed: true
        case .server(let state):
            // Resources, the operator's will, the system; and a server that only reads.
            ["53", "57", "58"].contains(state.description.prefix(2))
                || state.description == "25006"
        case .cancelled, .decoding, .misuse: false
        }
    }

    /// Whether the same transaction may well succeed when it is run again from its start.
    package var isRetryable: Bool {
        state == .serializationFailure || state == .deadlockDetected || isStaleStatement
    }

    /// Whether a prepared statement is gone or no longer fits its tables; nothing was executed.
    var isStaleStatement: Bool {
        state == .invalidStatementName
            || (state == .featureNotSupported && message.contains("cached plan"))
    }

    /// Whether the connection is gone, by itself or by the server's will (class 57P).
    var isLoss: Bool { kind == .connectionLost || state?.description.hasPrefix("57P") ?? false }

    func during(_ operation: String) -> PostgresError {
        guard self.operation.isEmpty else { return self }
        var error = self
        error.operation = operation
        return error
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        var text = "\(kind): \(message)"
        if case .server(let state) = kind { text = "\(state): \(message)" }
        return operation.isEmpty ? text : "\(text) [\(operation)]"
    }
}

extension PostgresError {
    /// The error that a result of libpq carries; the result stays the caller's.
    init(result: OpaquePointer?, operation: String) {
        func field(_ code: Int) -> String? {
            PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
        }
        let fallback = String(cString: PQresultErrorMessage(result))
        let message = field(Int(CUE_PG_MESSAGE)) ?? fallback.trimmedOfNewlines
        if let state = field(Int(CUE_PG_SQLSTATE)) {
            self.init(.server(SQLState(state)), message, operation: operation)
        } else {
            self.init(.connectionLost, message, operation: operation)
        }
        detail = field(Int(CUE_PG_DETAIL))
        constraint = field(Int(CUE_PG_CONSTRAINT))
        table = field(Int(CUE_PG_TABLE))
        column = field(Int(CUE_PG_COLUMN))
    }

    /// The last error of a connection of libpq.
    init(_ kind: Kind, connection: OpaquePointer?, operation: String) {
        let text = String(cString: PQerrorMessage(connection)).trimmedOfNewlines
        self.init(kind, text.isEmpty ? "the connection closed" : text, operation: operation)
    }
}

extension String {
    /// Without newlines at the end, and with those within as spaces.
    var trimmedOfNewlines: String {
        split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
