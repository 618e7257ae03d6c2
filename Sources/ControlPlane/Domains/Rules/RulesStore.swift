internal import Postgres
internal import SharedModels

/// All SQL of the domain.
struct RulesStore: Sendable {
    let pool: PostgresPool

    /// A row of `rules.rule`; its document is decoded by `stored`.
    struct Row: Sendable {
        let id: RuleID
        let workspace: WorkspaceID
        let name: String
        let isEnabled: Bool
        let priority: Int
        let definition: JSONB
        let version: Int64
        let createdAt: Timestamp
        let updatedAt: Timestamp

        func stored() throws -> StoredRule {
            let definition: RuleDefinition = try definition.decode()
            let rule = Rule(
                id: id, workspace: workspace, name: name, isEnabled: isEnabled, priority: priority,
                trigger: definition.trigger, conditions: definition.conditions,
                actions: definition.actions, guards: definition.guards)
            return StoredRule(
                rule: rule, version: version, createdAtMilliseconds: createdAt.unixMilliseconds,
                updatedAtMilliseconds: updatedAt.unixMilliseconds)
        }
    }

    private static let columns: SQL = """
        id, workspace_id, name, is_enabled, priority, definition, version, created_at, updated_at
        """

    private static func row(_ row: PostgresRow) throws(PostgresError) -> Row {
        Row(
            id: try row.get("id"), workspace: try row.get("workspace_id"),
            name: try row.get("name"), isEnabled: try row.get("is_enabled"),
            priority: try row.get("priority"), definition: try row.get("definition"),
            version: try row.get("version"), createdAt: try row.get("created_at"),
            updatedAt: try row.get("updated_at"))
    }

    /// Adds a rule; nil if the workspace has `rulesMax`.
    func insert(_ rule: Rule, rulesMax: Int) async throws -> StoredRule? {
        let definition = try JSONB(encoding: RuleDefinition(rule))
        return try await pool.transaction { tx in
            try await Self.raiseRevision(of: rule.workspace, tx)
            let row = try await tx.queryOne(
                """
                INSERT INTO rules.rule (id, workspace_id, name, is_enabled, priority, definition)
                SELECT \(rule.id), \(rule.workspace), \(rule.name), \(rule.isEnabled),
                       \(rule.priority), \(definition)
                WHERE (SELECT count(*) FROM rules.rule
                       WHERE workspace_id = \(rule.workspace)) < \(rulesMax)
                RETURNING \(Self.columns)
                """, row: Self.row)
            return try row?.stored()
        }
    }

    /// Rules of a workspace in the order of their making, at most `limit`.
    func rules(
        of workspace: WorkspaceID, after: RuleID?, limit: Int
    ) async throws -> [StoredRule] {
        let first = after ?? RuleID(high: 0, low: 0)
        let rows = try await pool.query(
            """
            SELECT \(Self.columns) FROM rules.rule
            WHERE workspace_id = \(workspace) AND id > \(first)
            ORDER BY id LIMIT \(limit)
            """, row: Self.row)
        return try rows.map { try $0.stored() }
    }

    func rule(_ id: RuleID, of workspace: WorkspaceID) async throws -> StoredRule? {
        let row = try await pool.queryOne(
            """
            SELECT \(Self.columns) FROM rules.rule
            WHERE id = \(id) AND workspace_id = \(workspace)
            """, row: Self.row)
        return try row?.stored()
    }

    /// Puts `change` of the rule as it is now in its place, with the workspace's other changes
    /// held off. Nil if there is no such rule; what `change` throws takes everything back.
    func change(
        _ id: RuleID, of workspace: WorkspaceID,
        _ change: @Sendable (StoredRule) throws -> Rule
    ) async throws -> StoredRule? {
        try await pool.transaction { tx in
            try await Self.raiseRevision(of: workspace, tx)
            let found = try await tx.queryOne(
                """
                SELECT \(Self.columns) FROM rules.rule
                WHERE id = \(id) AND workspace_id = \(workspace) FOR UPDATE
                """, row: Self.row)
            guard let found else { throw RulesError.notFound }
            let rule = try change(try found.stored())
            let definition = try JSONB(encoding: RuleDefinition(rule))
            let row = try await tx.queryOne(
                """
                UPDATE rules.rule
                SET name = \(rule.name), is_enabled = \(rule.isEnabled),
                    priority = \(rule.priority), definition = \(definition),
                    version = version + 1, updated_at = now()
                WHERE id = \(id) RETURNING \(Self.columns)
                """, row: Self.row)
            return try row?.stored()
        }
    }

    /// Whether there was such a rule.
    func delete(_ id: RuleID, of workspace: WorkspaceID) async throws -> Bool {
        try await pool.transaction { tx in
            let count = try await tx.execute(
                "DELETE FROM rules.rule WHERE id = \(id) AND workspace_id = \(workspace)")
            if count > 0 { try await Self.raiseRevision(of: workspace, tx) }
            return count > 0
        }
    }

    /// The workspace's revision and its enabled rules, of one moment; 0 if it never had a rule.
    func enabledRules(
        of workspace: WorkspaceID
    ) async throws -> (revision: Int64, rows: [Row]) {
        try await pool.transaction(isolation: .repeatableRead) { tx in
            let revision = try await tx.queryOne(
                "SELECT revision FROM rules.workspace WHERE workspace_id = \(workspace)",
                as: (Int64).self)
            let rows = try await tx.query(
                """
                SELECT \(Self.columns) FROM rules.rule
                WHERE workspace_id = \(workspace) AND is_enabled ORDER BY id
                """, row: Self.row)
            return (revision ?? 0, rows)
        }
    }

    /// Locks the workspace's rules until the end of the transaction.
    private static func raiseRevision(
        of workspace: WorkspaceID, _ tx: PostgresTransaction
    ) async throws {
        try await tx.execute(
            """
            INSERT INTO rules.workspace AS w (workspace_id, revision) VALUES (\(workspace), 1)
            ON CONFLICT (workspace_id) DO UPDATE SET revision = w.revision + 1
            """)
    }
}
