internal import Postgres
package import SharedModels

/// All SQL of the domain. Leases are timed by the database's clock, which all processes share.
struct LiveStore: Sendable {
    let pool: PostgresPool

    private static let columns: SQL =
        """
        id, workspace_id, title, source, host_id, created_by, created_at, ended_at, viewers,
        likes_reported, likes_own, likes_passed, coins, state
        """

    private static func livestream(_ row: PostgresRow) throws(PostgresError) -> Livestream {
        Livestream(
            id: try row.get("id"), workspace: try row.get("workspace_id"),
            title: try row.get("title"),
            source: SourceKind(rawValue: try row.get("source")) ?? .native,
            hostID: try row.get("host_id"), createdBy: try row.get("created_by"),
            createdAtMilliseconds: try row.get("created_at", as: Timestamp.self).unixMilliseconds,
            endedAtMilliseconds: try row.get("ended_at", as: Timestamp?.self)?.unixMilliseconds,
            totals: LiveTotals(
                viewers: try row.get("viewers"), likesReported: try row.get("likes_reported"),
                likesOwn: try row.get("likes_own"), likesPassed: try row.get("likes_passed"),
                coins: try row.get("coins"),
                state: try row.get("state", as: String?.self).flatMap(ControlAction.init(rawValue:))
            ))
    }

    // Livestreams.

    /// Makes a livestream that `owner` holds; nil if the workspace has too many live ones.
    func insert(
        _ livestream: Livestream, owner: ProcessID, leaseSeconds: Double, openMax: Int64
    ) async throws -> Livestream? {
        try await pool.transaction { tx in
            try await tx.execute(
                """
                SELECT pg_advisory_xact_lock(
                    hashtextextended(\(livestream.workspace.description), 400))
                """)
            let open = try await tx.queryOne(
                """
                SELECT count(*) FROM live.livestream
                WHERE workspace_id = \(livestream.workspace) AND ended_at IS NULL
                """, as: Int64.self)
            guard let open, open < openMax else { return nil }
            return try await tx.queryOne(
                """
                INSERT INTO live.livestream (id, workspace_id, title, source, host_id,
                    created_by, lease_owner, lease_expires_at)
                VALUES (\(livestream.id), \(livestream.workspace), \(livestream.title),
                    \(livestream.source.rawValue), \(livestream.hostID),
                    \(livestream.createdBy), \(owner),
                    now() + make_interval(secs => \(leaseSeconds)))
                RETURNING \(Self.columns)
                """, row: Self.livestream)
        }
    }

    func livestream(_ id: LivestreamID) async throws -> Livestream? {
        try await pool.queryOne(
            "SELECT \(Self.columns) FROM live.livestream WHERE id = \(id)", row: Self.livestream)
    }

    /// The newest of a workspace before `cursor`.
    func livestreams(
        of workspace: WorkspaceID, before cursor: LivestreamID?, limit: Int
    ) async throws -> [Livestream] {
        let before = cursor ?? LivestreamID(high: .max, low: .max)
        return try await pool.query(
            """
            SELECT \(Self.columns) FROM live.livestream
            WHERE workspace_id = \(workspace) AND id < \(before)
            ORDER BY id DESC LIMIT \(limit)
            """, row: Self.livestream)
    }

    /// Ends it; false if it had ended.
    func end(_ id: LivestreamID) async throws -> Bool {
        try await pool.execute(
            """
            UPDATE live.livestream
            SET ended_at = now(), lease_owner = NULL, lease_expires_at = NULL
            WHERE id = \(id) AND ended_at IS NULL
            """) == 1
    }

    /// Writes the totals of livestreams that `owner` still holds.
    func write(_ totals: [(LivestreamID, LiveTotals)], owner: ProcessID) async throws {
        try await pool.execute(
            """
            UPDATE live.livestream l
            SET viewers = t.viewers, likes_reported = t.likes_reported, likes_own = t.likes_own,
                likes_passed = t.likes_passed, coins = t.coins, state = nullif(t.state, '')
            FROM unnest(\(totals.map(\.0)), \(totals.map { Int64($0.1.viewers) }),
                \(totals.map { Int64($0.1.likesReported) }),
                \(totals.map { Int64($0.1.likesOwn) }),
                \(totals.map { Int64($0.1.likesPassed) }), \(totals.map { Int64($0.1.coins) }),
                \(totals.map { $0.1.state?.rawValue ?? "" }))
                AS t (id, viewers, likes_reported, likes_own, likes_passed, coins, state)
            WHERE l.id = t.id AND l.lease_owner = \(owner)
            """)
    }

    // Leases.

    /// Renews what `owner` holds; returns which of `ids` it still holds.
    func renew(
        _ ids: [LivestreamID], owner: ProcessID, leaseSeconds: Double
    ) async throws -> Set<LivestreamID> {
        let held = try await pool.query(
            """
            UPDATE live.livestream
            SET lease_expires_at = now() + make_interval(secs => \(leaseSeconds))
            WHERE id = ANY(\(ids)) AND lease_owner = \(owner) AND ended_at IS NULL
            RETURNING id
            """, as: LivestreamID.self)
        return Set(held)
    }

    /// Takes livestreams whose process stopped renewing; each goes to one taker alone. A lease that
    /// lasts for longer than any can was given before the clock was set back.
    /// - Parameters:
    ///   - held: what `owner` holds already.
    ///   - isAlone: whether every other holder is dead, so that no lease of theirs counts.
    func takeOver(
        besides held: [LivestreamID], owner: ProcessID, isAlone: Bool, leaseSeconds: Double,
        leaseSecondsMax: Double, limit: Int
    ) async throws -> [Livestream] {
        try await pool.query(
            """
            UPDATE live.livestream
            SET lease_owner = \(owner),
                lease_expires_at = now() + make_interval(secs => \(leaseSeconds))
            WHERE id IN (
                SELECT id FROM live.livestream
                WHERE ended_at IS NULL AND id <> ALL(\(held))
                    AND (lease_expires_at IS NULL OR lease_expires_at < now()
                        OR lease_expires_at > now() + make_interval(secs => \(leaseSecondsMax))
                        OR \(isAlone) AND lease_owner <> \(owner))
                ORDER BY id LIMIT \(limit) FOR UPDATE SKIP LOCKED)
            RETURNING \(Self.columns)
            """, row: Self.livestream)
    }

    /// Gives everything back, so that another process need not wait for the leases to expire.
    func release(owner: ProcessID) async throws {
        try await pool.execute(
            """
            UPDATE live.livestream SET lease_owner = NULL, lease_expires_at = NULL
            WHERE lease_owner = \(owner)
            """)
    }

    // Events.

    /// Writes events in one statement; one that is there already stays as it is.
    func insert(_ events: [LiveEvent]) async throws {
        let bodies = try events.map { try JSONB(encoding: $0) }
        try await pool.execute(
            """
            INSERT INTO live.event (id, livestream_id, kind, viewer_id, body)
            SELECT e.id, e.livestream_id, e.kind, e.viewer_id, e.body
            FROM unnest(\(events.map(\.id)), \(events.map(\.livestream)),
                \(events.map(\.happening.type)), \(events.map { $0.viewer?.id ?? "" }),
                \(bodies)) AS e (id, livestream_id, kind, viewer_id, body)
            JOIN live.livestream l ON l.id = e.livestream_id
            ON CONFLICT (id) DO NOTHING
            """)
    }

    /// The newest events of a livestream before `cursor`, newest first.
    func events(
        of livestream: LivestreamID, before cursor: LiveEventID?, limit: Int
    ) async throws -> [LiveEvent] {
        let before = cursor ?? LiveEventID(high: .max, low: .max)
        return try await pool.query(
            """
            SELECT body FROM live.event
            WHERE livestream_id = \(livestream) AND id < \(before)
            ORDER BY id DESC LIMIT \(limit)
            """, as: JSONB.self
        ).map { try $0.decode() }
    }
}

/// One run of a control-plane process.
package enum ProcessEntity {}
package typealias ProcessID = Identifier<ProcessEntity>
