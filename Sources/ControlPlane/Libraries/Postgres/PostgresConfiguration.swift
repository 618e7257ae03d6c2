internal import CPostgres
package import Platform

/// Where the database is, and the limits of its pool.
package struct PostgresConfiguration: Sendable {
    /// libpq's keywords and values (its manual, "Parameter Key Words").
    private(set) var parameters: [String: String]

    /// Connections that all callers share for single statements.
    package var sharedConnections = 4
    /// Connections that one transaction or copy has for itself.
    package var exclusiveConnectionsMax = 8
    /// Statements under way on one shared connection; more wait in the pool.
    package var inFlightMax = 64
    /// Calls that may wait for a connection; more are refused (`overloaded`).
    package var waitingMax = 4096
    /// How long a call may take, unless it says otherwise. Single statements of longer calls run
    /// on a connection of their own.
    package var deadline: Duration = .seconds(5)
    /// How long a transaction may take, unless it says otherwise.
    package var transactionDeadline: Duration = .seconds(15)
    package var connectDeadline: Duration = .seconds(5)
    /// Connections are replaced at this age, give or take a tenth.
    package var lifetimeMax: Duration = .seconds(1800)
    /// Connections of transactions are closed after this time without use.
    package var idleMax: Duration = .seconds(60)
    /// The pauses between attempts to connect that fail.
    package var reconnect = Backoff(first: .milliseconds(20), longest: .seconds(2))
    /// Prepared statements that each connection keeps.
    package var preparedStatementsMax = 256
    /// Bytes of the parameters of one call; larger ones are refused (`misuse`).
    package var parametersSizeMax = 64 << 20
    /// How often a transaction is run again after a deadlock or a serialization failure.
    package var retriesMax = 5

    /// - Parameter url: a connection URI or `keyword=value` text as libpq reads it. A name in
    ///   place of an address is looked up anew for every connection.
    package init(url: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            let text = message.map { String(cString: $0).trimmedOfNewlines }
            PQfreemem(message)
            throw PostgresError(.misuse, text ?? "out of memory", operation: "read database URL")
        }
        defer { PQconninfoFree(options) }
        parameters = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                parameters[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
    }

    /// The same server and limits with another database.
    package func with(database: String) -> PostgresConfiguration {
        var other = self
        other.parameters["dbname"] = database
        return other
    }

    /// What every connection is opened with.
    var connectionParameters: [String: String] {
        var all = parameters
        let limits =
            "-c statement_timeout=\(max(1, deadline.milliseconds)) "
            + "-c idle_in_transaction_session_timeout=\(max(1, transactionDeadline.milliseconds))"
        all["options"] = all["options"].map { "\($0) \(limits)" } ?? limits
        all["client_encoding"] = "UTF8"
        all["application_name"] = all["application_name"] ?? "cuelight"
        all["keepalives_idle"] = all["keepalives_idle"] ?? "30"
        all["tcp_user_timeout"] = all["tcp_user_timeout"] ?? "10000"
        return all
    }
}

extension PostgresConfiguration: CustomStringConvertible {
    /// Host and database, without credentials.
    package var description: String {
        "\(parameters["host"] ?? "local")/\(parameters["dbname"] ?? "")"
    }
}

extension Duration {
    /// Whole milliseconds within what PostgreSQL's settings can hold.
    var milliseconds: Int64 { min(Int64(Int32.max), max(0, millisecondsClamped)) }
}
