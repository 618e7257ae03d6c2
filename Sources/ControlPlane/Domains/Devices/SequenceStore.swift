internal import Postgres
internal import SharedModels

/// All SQL of sequences.
struct SequenceStore: Sendable {
    let pool: PostgresPool

    private struct Row: Sendable {
        let device: DeviceID
        let number: Int
        let name: String
        let steps: JSONB
        let revision: Int64
        let createdAt: Timestamp
        let updatedAt: Timestamp

        /// Nil for steps of a later release.
        var stored: StoredSequence? {
            // Left out rather than in the way of all others.
            guard let steps = try? self.steps.decode(as: [ChannelSequence.Step].self) else {
                return nil
            }
            return StoredSequence(
                device: device, number: number, name: name, steps: steps, revision: revision,
                createdAtMilliseconds: createdAt.unixMilliseconds,
                updatedAtMilliseconds: updatedAt.unixMilliseconds)
        }
    }

    private static let columns: SQL =
        "device_id, number, name, steps, revision, created_at, updated_at"

    private static func row(_ row: PostgresRow) throws(PostgresError) -> Row {
        Row(
            device: try row.get("device_id"), number: try row.get("number"),
            name: try row.get("name"), steps: try row.get("steps"),
            revision: try row.get("revision"), createdAt: try row.get("created_at"),
            updatedAt: try row.get("updated_at"))
    }

    func sequences() async throws -> [StoredSequence] {
        try await pool.query("SELECT \(Self.columns) FROM devices.sequence", row: Self.row)
            .compactMap(\.stored)
    }

    /// Keeps a sequence in place of the one of its number. Its revision is the given one, or more.
    func upsert(
        _ number: Int, of device: DeviceID, name: String, steps: [ChannelSequence.Step],
        revision: Int64, by account: AccountID
    ) async throws -> StoredSequence? {
        let steps = try JSONB(encoding: steps)
        return try await pool.queryOne(
            """
            INSERT INTO devices.sequence (device_id, number, name, steps, revision, updated_by)
            VALUES (\(device), \(number), \(name), \(steps), \(revision), \(account))
            ON CONFLICT (device_id, number) DO UPDATE
            SET name = EXCLUDED.name, steps = EXCLUDED.steps, updated_at = now(),
                revision = greatest(devices.sequence.revision + 1, EXCLUDED.revision),
                updated_by = EXCLUDED.updated_by
            RETURNING \(Self.columns)
            """, row: Self.row
        )?.stored
    }

    func delete(_ number: Int, of device: DeviceID) async throws -> Bool {
        try await pool.execute(
            "DELETE FROM devices.sequence WHERE device_id = \(device) AND number = \(number)") > 0
    }
}
