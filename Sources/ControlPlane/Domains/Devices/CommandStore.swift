internal import FoundationEssentials
internal import Postgres
package import SharedModels

/// A command as it is kept: with its outcome.
package struct LoggedCommand: Sendable, Hashable {
    package let id: CommandID
    package let device: DeviceID
    package let cue: CueID?
    package let rule: RuleID?
    package let event: LiveEventID?
    package let channel: String
    package let operation: Operation
    package let createdAtMilliseconds: Int64
    package let expiresAtMilliseconds: Int64
    package let status: Outcome.Status
    package let reason: String
    package let detail: String
    package let endedAtMilliseconds: Int64
    package let trace: Trace
}

/// The SQL of the command log.
struct CommandStore: Sendable {
    let pool: PostgresPool

    /// Writes ended commands, in one statement; one that is there already stays as it is.
    func insert(_ ended: [EndedCommand]) async throws {
        let encoder = JSONEncoder()
        func json(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        let records = ended.map(\.record)
        let outcomes = ended.map(\.outcome)
        let operations = try records.map { try json($0.command.operation) }
        let traces = try outcomes.map { try json($0.trace) }
        try await pool.execute(
            """
            INSERT INTO devices.command (id, workspace_id, device_id, cue_id, rule_id, event_id,
                channel, operation, created_at, expires_at, status, reason, detail, ended_at, trace)
            SELECT id, workspace_id, device_id, cue_id, rule_id, event_id, channel,
                operation::jsonb, created_at, expires_at, status, reason, detail, ended_at,
                trace::jsonb
            FROM unnest(\(records.map(\.command.id)), \(records.map(\.workspace)),
                \(records.map(\.device)), \(records.map(\.cue)), \(records.map(\.rule)),
                \(records.map(\.event)), \(records.map(\.command.channel)), \(operations),
                \(records.map { Timestamp(unixMilliseconds: $0.command.issuedAtMilliseconds) }),
                \(records.map { Timestamp(unixMilliseconds: $0.command.expiresAtMilliseconds) }),
                \(outcomes.map(\.status.rawValue)), \(outcomes.map(\.reason)),
                \(outcomes.map(\.detail)),
                \(outcomes.map { Timestamp(unixMilliseconds: $0.endedAtMilliseconds) }),
                \(traces))
            AS t (id, workspace_id, device_id, cue_id, rule_id, event_id, channel, operation,
                created_at, expires_at, status, reason, detail, ended_at, trace)
            ON CONFLICT (id) DO NOTHING
            """)
    }

    private static let columns: SQL =
        """
        id, device_id, cue_id, rule_id, event_id, channel, operation::text AS operation,
        created_at, expires_at, status, reason, detail, ended_at, trace::text AS trace
        """

    private static func command(_ row: PostgresRow) throws(PostgresError) -> LoggedCommand? {
        func read<Value: Decodable>(_ column: String) throws(PostgresError) -> Value? {
            let text = try row.get(column, as: String.self)
            // What another version wrote and this one cannot read is left out.
            return try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
        }
        func time(_ column: String) throws(PostgresError) -> Int64 {
            try row.get(column, as: Timestamp.self).unixMilliseconds
        }
        guard let operation: Operation = try read("operation"), let trace: Trace = try read("trace")
        else { return nil }
        return LoggedCommand(
            id: try row.get("id"), device: try row.get("device_id"), cue: try row.get("cue_id"),
            rule: try row.get("rule_id"), event: try row.get("event_id"),
            channel: try row.get("channel"), operation: operation,
            createdAtMilliseconds: try time("created_at"),
            expiresAtMilliseconds: try time("expires_at"),
            status: Outcome.Status(rawValue: try row.get("status")) ?? .failed,
            reason: try row.get("reason"), detail: try row.get("detail"),
            endedAtMilliseconds: try time("ended_at"), trace: trace)
    }

    private static func commandWithID(
        _ row: PostgresRow
    ) throws(PostgresError) -> (id: CommandID, command: LoggedCommand?) {
        (try row.get("id"), try command(row))
    }

    /// The newest commands of a workspace before `cursor`; nil for one that cannot be read.
    func commands(
        of workspace: WorkspaceID, before cursor: CommandID?, limit: Int
    ) async throws -> [(id: CommandID, command: LoggedCommand?)] {
        let last = cursor ?? CommandID(high: .max, low: .max)
        return try await pool.query(
            """
            SELECT \(Self.columns) FROM devices.command
            WHERE workspace_id = \(workspace) AND id < \(last)
            ORDER BY id DESC LIMIT \(Int64(limit))
            """, row: Self.commandWithID)
    }

    func command(_ id: CommandID, of workspace: WorkspaceID) async throws -> LoggedCommand? {
        try await pool.queryOne(
            """
            SELECT \(Self.columns) FROM devices.command
            WHERE workspace_id = \(workspace) AND id = \(id)
            """, row: Self.command
        ) ?? nil
    }

    /// Drops what ended before `time`, at most `limit` rows.
    func deleteEnded(before time: Timestamp, limit: Int) async throws -> Int {
        try await pool.execute(
            """
            DELETE FROM devices.command WHERE id IN (
                SELECT id FROM devices.command WHERE ended_at < \(time) LIMIT \(Int64(limit)))
            """)
    }
}
