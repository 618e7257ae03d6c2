internal import Postgres
internal import SharedModels

/// All SQL of flashing.
struct FlashStore: Sendable {
    let pool: PostgresPool

    /// The last of each device.
    func newest() async throws -> [FlashJob] {
        try await pool.query(
            """
            SELECT DISTINCT ON (device_id) id, workspace_id, device_id, agent_id, kind, build,
                former_build, ordered_by, created_at, status, reason, ended_at
            FROM devices.flash ORDER BY device_id, id DESC
            """
        ) { row throws(PostgresError) in
            var job = FlashJob(
                id: try row.get("id"), workspace: try row.get("workspace_id"),
                device: try row.get("device_id"), agent: try row.get("agent_id"),
                kind: try row.get("kind"), build: try row.get("build"),
                formerBuild: try row.get("former_build"), by: try row.get("ordered_by"),
                createdAtMilliseconds: try row.get("created_at", as: Timestamp.self)
                    .unixMilliseconds)
            job.status = FlashJob.Status(rawValue: try row.get("status")) ?? .waiting
            job.reason = try row.get("reason")
            job.endedAtMilliseconds = try row.get("ended_at", as: Timestamp?.self)?
                .unixMilliseconds
            return job
        }
    }

    /// Writes an order down, and forgets the oldest of the device.
    func insert(_ job: FlashJob) async throws {
        let created = Timestamp(unixMilliseconds: job.createdAtMilliseconds)
        try await pool.transaction { tx in
            try await tx.execute(
                """
                INSERT INTO devices.flash (id, workspace_id, device_id, agent_id, kind, build,
                    former_build, ordered_by, created_at, status, reason)
                VALUES (\(job.id), \(job.workspace), \(job.device), \(job.agent), \(job.kind),
                        \(job.build), \(job.formerBuild), \(job.by), \(created), 'waiting', '')
                """)
            try await tx.execute(
                """
                DELETE FROM devices.flash WHERE device_id = \(job.device) AND id NOT IN (
                    SELECT id FROM devices.flash WHERE device_id = \(job.device)
                    ORDER BY id DESC LIMIT \(FlashJob.Limits.keptMax))
                """)
        }
    }

    /// Writes down how it ended.
    func end(_ job: FlashJob) async throws {
        let ended = Timestamp(unixMilliseconds: job.endedAtMilliseconds ?? 0)
        try await pool.execute(
            """
            UPDATE devices.flash SET status = \(job.status.rawValue), reason = \(job.reason),
                ended_at = \(ended)
            WHERE id = \(job.id)
            """)
    }
}
