internal import FoundationEssentials
internal import Postgres
internal import SharedModels

/// All SQL of the domain but for commands.
struct DevicesStore: Sendable {
    let pool: PostgresPool

    // Agent tokens.

    private static let tokenColumns: SQL =
        "id, workspace_id, name, created_at, expires_at, revoked_at, used_at, agent_id"

    private static func token(_ row: PostgresRow) throws(PostgresError) -> AgentToken {
        AgentToken(
            id: try row.get("id"), workspace: try row.get("workspace_id"),
            name: try row.get("name"),
            createdAtMilliseconds: try row.get("created_at", as: Timestamp.self).unixMilliseconds,
            expiresAtMilliseconds: try row.get("expires_at", as: Timestamp.self).unixMilliseconds,
            revokedAtMilliseconds: try row.get("revoked_at", as: Timestamp?.self)?
                .unixMilliseconds,
            usedAtMilliseconds: try row.get("used_at", as: Timestamp?.self)?.unixMilliseconds,
            agent: try row.get("agent_id"))
    }

    /// Nil if the workspace has `openMax` unused tokens already.
    func insertToken(
        _ id: AgentTokenID, workspace: WorkspaceID, name: String, hash: [UInt8],
        createdBy: AccountID, expiresAt: Timestamp, openMax: Int64
    ) async throws -> AgentToken? {
        try await pool.queryOne(
            """
            INSERT INTO devices.agent_token
                (id, workspace_id, name, hash, created_by, expires_at)
            SELECT \(id), \(workspace), \(name), \(hash), \(createdBy), \(expiresAt)
            WHERE (SELECT count(*) FROM devices.agent_token
                   WHERE workspace_id = \(workspace) AND used_at IS NULL
                     AND revoked_at IS NULL AND expires_at > now()) < \(openMax)
            RETURNING \(Self.tokenColumns)
            """, row: Self.token)
    }

    func tokens(of workspace: WorkspaceID) async throws -> [AgentToken] {
        try await pool.query(
            """
            SELECT \(Self.tokenColumns) FROM devices.agent_token
            WHERE workspace_id = \(workspace) ORDER BY id DESC LIMIT 200
            """, row: Self.token)
    }

    func revokeToken(_ id: AgentTokenID, of workspace: WorkspaceID) async throws -> Bool {
        try await pool.execute(
            """
            UPDATE devices.agent_token SET revoked_at = coalesce(revoked_at, now())
            WHERE id = \(id) AND workspace_id = \(workspace)
            """) > 0
    }

    // Agents.

    private static let agentColumns: SQL =
        "id, workspace_id, name, platform, epoch, stop_sequence, created_at, revoked_at"

    private static func agent(_ row: PostgresRow) throws(PostgresError) -> Agent {
        Agent(
            id: try row.get("id"), workspace: try row.get("workspace_id"),
            name: try row.get("name"), platform: try row.get("platform"),
            epoch: try row.get("epoch"), stopSequence: try row.get("stop_sequence"),
            isRevoked: try row.get("revoked_at", as: Timestamp?.self) != nil,
            createdAtMilliseconds: try row.get("created_at", as: Timestamp.self).unixMilliseconds)
    }

    func agents() async throws -> [Agent] {
        try await pool.query(
            "SELECT \(Self.agentColumns) FROM devices.agent ORDER BY id", row: Self.agent)
    }

    /// Uses up the token with that hash and makes the agent; nil if the token does not serve.
    func pair(
        tokenHash: [UInt8], as id: AgentID, name: String, platform: String, publicKey: [UInt8],
        at now: Timestamp
    ) async throws -> Agent? {
        try await pool.transaction { tx in
            let workspace = try await tx.queryOne(
                """
                UPDATE devices.agent_token SET used_at = \(now), agent_id = \(id)
                WHERE hash = \(tokenHash) AND used_at IS NULL AND revoked_at IS NULL
                  AND expires_at > \(now)
                RETURNING workspace_id
                """, as: (WorkspaceID).self)
            guard let workspace else { return nil }
            return try await tx.queryOne(
                """
                INSERT INTO devices.agent (id, workspace_id, name, platform, public_key)
                VALUES (\(id), \(workspace), \(name), \(platform), \(publicKey))
                RETURNING \(Self.agentColumns)
                """, row: Self.agent)
        }
    }

    func publicKey(of agent: AgentID) async throws -> [UInt8]? {
        try await pool.queryOne(
            """
            SELECT public_key FROM devices.agent WHERE id = \(agent) AND revoked_at IS NULL
            """, as: ([UInt8]).self)
    }

    /// Revokes an agent of a workspace; answers the epoch up to which credentials are void.
    func revokeAgent(_ id: AgentID, of workspace: WorkspaceID) async throws -> Int64? {
        try await pool.queryOne(
            """
            UPDATE devices.agent SET revoked_at = coalesce(revoked_at, now()), epoch = epoch + 1
            WHERE id = \(id) AND workspace_id = \(workspace) RETURNING epoch
            """, as: (Int64).self)
    }

    // Devices.

    private static let deviceColumns: SQL =
        "id, workspace_id, agent_id, board_uid, name, manifest::text AS manifest, created_at"

    private static func device(_ row: PostgresRow) throws(PostgresError) -> Device? {
        let text = try row.get("manifest", as: String.self)
        // A manifest of a later version that this one cannot read: the device is left out.
        guard let board = BoardUID(try row.get("board_uid", as: String.self)),
            let manifest = try? JSONDecoder().decode(BoardManifest.self, from: Data(text.utf8))
        else { return nil }
        return Device(
            id: try row.get("id"), workspace: try row.get("workspace_id"),
            agent: try row.get("agent_id"), board: board, name: try row.get("name"),
            manifest: manifest,
            createdAtMilliseconds: try row.get("created_at", as: Timestamp.self).unixMilliseconds)
    }

    func devices() async throws -> [Device] {
        try await pool.query(
            "SELECT \(Self.deviceColumns) FROM devices.device ORDER BY id", row: Self.device
        ).compactMap { $0 }
    }

    /// Makes the device of a board, or brings it up to date; the name stays what people chose.
    func upsertDevice(
        _ id: DeviceID, agent: Agent, board: BoardUID, name: String, manifest: String
    ) async throws -> Device? {
        try await pool.queryOne(
            """
            INSERT INTO devices.device (id, workspace_id, agent_id, board_uid, name, manifest)
            VALUES (\(id), \(agent.workspace), \(agent.id), \(board.description), \(name),
                    \(JSONB(text: manifest)))
            ON CONFLICT (workspace_id, board_uid) DO UPDATE
            SET agent_id = EXCLUDED.agent_id, manifest = EXCLUDED.manifest, updated_at = now()
            RETURNING \(Self.deviceColumns)
            """, row: Self.device
        ) ?? nil
    }

    func renameDevice(
        _ id: DeviceID, of workspace: WorkspaceID, to name: String
    ) async throws -> Bool {
        try await pool.execute(
            """
            UPDATE devices.device SET name = \(name), updated_at = now()
            WHERE id = \(id) AND workspace_id = \(workspace)
            """) > 0
    }

    func deviceCount(of workspace: WorkspaceID) async throws -> Int64 {
        try await pool.queryOne(
            "SELECT count(*) FROM devices.device WHERE workspace_id = \(workspace)",
            as: (Int64).self) ?? 0
    }

    // Stops.

    func stops() async throws -> [StopTarget] {
        try await pool.query(
            "SELECT scope, target_id::text FROM devices.stop", as: (String, String).self
        ).compactMap { Self.target($0, $1) }
    }

    private static func target(_ scope: String, _ id: String) -> StopTarget? {
        switch scope {
        case "workspace": WorkspaceID(id).map(StopTarget.workspace)
        case "agent": AgentID(id).map(StopTarget.agent)
        default: DeviceID(id).map(StopTarget.device)
        }
    }

    /// Since when, and by whom, each target of a workspace is stopped.
    func stopRecords(of workspace: WorkspaceID) async throws -> [StopRecord] {
        try await pool.query(
            """
            SELECT scope, target_id::text, stopped_by, created_at FROM devices.stop
            WHERE workspace_id = \(workspace)
            """, as: (String, String, AccountID?, Timestamp).self
        ).compactMap { scope, id, account, since in
            Self.target(scope, id).map {
                StopRecord(target: $0, by: account, sinceMilliseconds: since.unixMilliseconds)
            }
        }
    }

    /// Writes a stop down, with the numbers of the messages that say so.
    func insertStop(
        _ target: StopTarget, of workspace: WorkspaceID, by account: AccountID?,
        sequences: [(AgentID, Int64)], deadline: Duration
    ) async throws {
        let (scope, high, low) = Self.parts(of: target)
        let id = Identifier<StopTarget>(high: high, low: low)
        try await pool.transaction(deadline: deadline) { tx in
            try await tx.execute(
                """
                INSERT INTO devices.stop (target_id, scope, workspace_id, stopped_by)
                VALUES (\(id), \(scope), \(workspace), \(account as AccountID?))
                ON CONFLICT (target_id) DO NOTHING
                """)
            try await Self.keep(sequences, in: tx)
        }
    }

    func deleteStop(
        _ target: StopTarget, sequences: [(AgentID, Int64)], deadline: Duration
    ) async throws {
        let (_, high, low) = Self.parts(of: target)
        let id = Identifier<StopTarget>(high: high, low: low)
        try await pool.transaction(deadline: deadline) { tx in
            try await tx.execute("DELETE FROM devices.stop WHERE target_id = \(id)")
            try await Self.keep(sequences, in: tx)
        }
    }

    /// Keeps the numbers of agents' stop states; they only ever grow.
    func keep(sequences: [(AgentID, Int64)]) async throws {
        try await Self.keep(sequences, in: pool)
    }

    private static func keep(
        _ sequences: [(AgentID, Int64)], in database: some PostgresQueryable
    ) async throws {
        // In one order, so that two of these never wait for each other.
        let sorted = sequences.sorted { $0.0 < $1.0 }
        try await database.execute(
            """
            UPDATE devices.agent SET stop_sequence = greatest(stop_sequence, t.sequence)
            FROM unnest(\(sorted.map(\.0)), \(sorted.map(\.1))) AS t (agent, sequence)
            WHERE id = t.agent
            """)
    }

    private static func parts(of target: StopTarget) -> (scope: String, UInt64, UInt64) {
        switch target {
        case .workspace(let id): ("workspace", id.high, id.low)
        case .agent(let id): ("agent", id.high, id.low)
        case .device(let id): ("device", id.high, id.low)
        }
    }
}
