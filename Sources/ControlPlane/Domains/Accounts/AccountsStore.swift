internal import Postgres
internal import SharedModels

/// All SQL of the domain.
struct AccountsStore: Sendable {
    let pool: PostgresPool

    private static let columns: SQL =
        "id, email, handle, display_name, platform_role, created_at"

    private static func account(_ row: PostgresRow) throws(PostgresError) -> Account {
        Account(
            id: try row.get("id"), email: try row.get("email"), handle: try row.get("handle"),
            displayName: try row.get("display_name"),
            role: PlatformRole(rawValue: try row.get("platform_role")) ?? .user,
            createdAtMilliseconds: try row.get("created_at", as: Timestamp.self).unixMilliseconds)
    }

    // Accounts.

    func insert(
        _ id: AccountID, email: String, handle: String, displayName: String, passwordHash: String
    ) async throws -> Account? {
        try await pool.queryOne(
            """
            INSERT INTO accounts.account (id, email, handle, display_name, password_hash)
            VALUES (\(id), \(email), \(handle), \(displayName), \(passwordHash))
            RETURNING \(Self.columns)
            """, row: Self.account)
    }

    func account(_ id: AccountID) async throws -> Account? {
        try await pool.queryOne(
            "SELECT \(Self.columns) FROM accounts.account WHERE id = \(id)", row: Self.account)
    }

    func account(handle: String) async throws -> Account? {
        try await pool.queryOne(
            "SELECT \(Self.columns) FROM accounts.account WHERE handle = \(handle)",
            row: Self.account)
    }

    func passwordHash(email: String) async throws -> (AccountID, String)? {
        try await pool.queryOne(
            "SELECT id, password_hash FROM accounts.account WHERE email = \(email)",
            as: (AccountID, String).self)
    }

    func setPasswordHash(_ hash: String, of id: AccountID) async throws {
        try await pool.execute(
            "UPDATE accounts.account SET password_hash = \(hash) WHERE id = \(id)")
    }

    // Login failures.

    /// Counts a try before its password is looked at, so that many at once cannot slip through.
    /// Returns how many there are since `since`, this one included.
    func addFailure(email: String, at now: Timestamp, since: Timestamp) async throws -> Int64 {
        try await pool.transaction { tx in
            try await tx.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(\(email), 7))")
            try await tx.execute(
                "DELETE FROM accounts.login_failure WHERE created_at <= \(since)")
            try await tx.execute(
                """
                INSERT INTO accounts.login_failure (email, created_at)
                VALUES (\(email), \(now))
                """)
            return try await tx.queryOne(
                """
                SELECT count(*) FROM accounts.login_failure
                WHERE email = \(email) AND created_at > \(since)
                """, as: (Int64).self) ?? 1
        }
    }

    func removeFailures(email: String) async throws {
        try await pool.execute("DELETE FROM accounts.login_failure WHERE email = \(email)")
    }

    // Sessions.

    func insertSession(
        _ id: SessionID, account: AccountID, expiresAt: Timestamp, tokenHash: [UInt8]
    ) async throws {
        _ = try await pool.executeAll([
            """
            INSERT INTO accounts.session (id, account_id, expires_at)
            VALUES (\(id), \(account), \(expiresAt))
            """,
            "INSERT INTO accounts.refresh_token (hash, session_id) VALUES (\(tokenHash), \(id))",
        ])
    }

    /// What presenting a refresh token leads to.
    enum Rotation: Sendable {
        case unknown
        /// The token had served before: somebody has a copy. The session is over.
        case reused(SessionID)
        case rotated(SessionID, AccountID, expiresAt: Timestamp)
    }

    /// Uses up a refresh token and puts the next in its place, in one transaction.
    func rotate(
        _ hash: [UInt8], to nextHash: [UInt8], at now: Timestamp
    ) async throws -> Rotation {
        try await pool.transaction { tx in
            let found = try await tx.queryOne(
                """
                SELECT s.id, s.account_id, s.expires_at, s.revoked_at, t.used_at
                FROM accounts.refresh_token t JOIN accounts.session s ON s.id = t.session_id
                WHERE t.hash = \(hash) FOR UPDATE OF t, s
                """, as: (SessionID, AccountID, Timestamp, Timestamp?, Timestamp?).self)
            guard let (session, account, expiresAt, revokedAt, usedAt) = found,
                revokedAt == nil, expiresAt > now
            else { return .unknown }
            guard usedAt == nil else {
                try await tx.execute(
                    """
                    UPDATE accounts.session SET revoked_at = \(now), revoked_reason = 'reuse'
                    WHERE id = \(session)
                    """)
                return .reused(session)
            }
            try await tx.execute(
                "UPDATE accounts.refresh_token SET used_at = \(now) WHERE hash = \(hash)")
            try await tx.execute(
                """
                INSERT INTO accounts.refresh_token (hash, session_id)
                VALUES (\(nextHash), \(session))
                """)
            return .rotated(session, account, expiresAt: expiresAt)
        }
    }

    func revoke(_ session: SessionID, at now: Timestamp) async throws {
        try await pool.execute(
            """
            UPDATE accounts.session SET revoked_at = \(now), revoked_reason = 'logout'
            WHERE id = \(session) AND revoked_at IS NULL
            """)
    }

    /// Whether a session of an account goes on. Sessions go with their account.
    func isOpen(
        _ session: SessionID, of account: AccountID, at now: Timestamp
    ) async throws -> Bool {
        try await pool.queryOne(
            """
            SELECT 1 FROM accounts.session
            WHERE id = \(session) AND account_id = \(account) AND revoked_at IS NULL
            AND expires_at > \(now)
            """, as: (Int32).self) != nil
    }

    /// The sessions that were ended but whose access tokens may still be unexpired.
    func sessionsRevoked(since: Timestamp) async throws -> [(SessionID, Timestamp)] {
        try await pool.query(
            "SELECT id, revoked_at FROM accounts.session WHERE revoked_at > \(since)",
            as: (SessionID, Timestamp).self)
    }

    // One-time logins.

    func insertLoginCode(
        hash: [UInt8], account: AccountID, expiresAt: Timestamp
    ) async throws {
        try await pool.execute(
            """
            INSERT INTO accounts.login_code (hash, account_id, expires_at)
            VALUES (\(hash), \(account), \(expiresAt))
            """)
    }

    func takeLoginCode(hash: [UInt8], at now: Timestamp) async throws -> AccountID? {
        let found = try await pool.queryOne(
            """
            DELETE FROM accounts.login_code WHERE hash = \(hash)
            RETURNING account_id, expires_at
            """, as: (AccountID, Timestamp).self)
        guard let (account, expiresAt) = found, expiresAt > now else { return nil }
        return account
    }

    // Workspaces.

    func insertWorkspace(_ id: WorkspaceID, name: String, owner: AccountID) async throws {
        _ = try await pool.executeAll([
            "INSERT INTO accounts.workspace (id, name) VALUES (\(id), \(name))",
            """
            INSERT INTO accounts.member (workspace_id, account_id, role)
            VALUES (\(id), \(owner), 'owner')
            """,
        ])
    }

    func workspaceCount(of account: AccountID) async throws -> Int64 {
        try await pool.queryOne(
            "SELECT count(*) FROM accounts.member WHERE account_id = \(account)",
            as: (Int64).self) ?? 0
    }

    func memberships(of account: AccountID) async throws -> [Membership] {
        try await pool.query(
            """
            SELECT w.id, w.name, m.role, w.created_at
            FROM accounts.member m JOIN accounts.workspace w ON w.id = m.workspace_id
            WHERE m.account_id = \(account) ORDER BY w.id
            """, as: (WorkspaceID, String, String, Timestamp).self
        ).map { id, name, role, createdAt in
            Membership(
                workspace: id, workspaceName: name, role: WorkspaceRole(rawValue: role) ?? .watcher,
                createdAtMilliseconds: createdAt.unixMilliseconds)
        }
    }

    func role(
        of account: AccountID, in workspace: WorkspaceID, deadline: Duration?
    ) async throws -> WorkspaceRole? {
        try await pool.queryOne(
            """
            SELECT role FROM accounts.member
            WHERE workspace_id = \(workspace) AND account_id = \(account)
            """, as: (String).self, deadline: deadline
        ).flatMap(WorkspaceRole.init(rawValue:))
    }

    /// Who is a member of what, the newest first.
    func newestMembers(
        limit: Int
    ) async throws -> [(account: AccountID, workspace: WorkspaceID, role: WorkspaceRole)] {
        try await pool.query(
            """
            SELECT account_id, workspace_id, role FROM accounts.member
            ORDER BY created_at DESC LIMIT \(Int64(limit))
            """, as: (AccountID, WorkspaceID, String).self
        ).compactMap { account, workspace, role in
            WorkspaceRole(rawValue: role).map { (account, workspace, $0) }
        }
    }

    func members(of workspace: WorkspaceID) async throws -> [Member] {
        try await pool.query(
            """
            SELECT a.id, a.handle, a.display_name, m.role, m.created_at
            FROM accounts.member m JOIN accounts.account a ON a.id = m.account_id
            WHERE m.workspace_id = \(workspace) ORDER BY m.created_at, a.id
            """, as: (AccountID, String, String, String, Timestamp).self
        ).map { id, handle, name, role, createdAt in
            Member(
                account: id, handle: handle, displayName: name,
                role: WorkspaceRole(rawValue: role) ?? .watcher,
                createdAtMilliseconds: createdAt.unixMilliseconds)
        }
    }

    /// How a change of members ended.
    enum MemberChange: Sendable { case done, full, lastOwner, missing }

    /// Gives an account a role, or takes it out of the workspace (nil). A workspace keeps at
    /// least one owner.
    func setRole(
        _ role: WorkspaceRole?, of account: AccountID, in workspace: WorkspaceID, membersMax: Int64
    ) async throws -> MemberChange {
        try await pool.transaction { tx in
            try await tx.execute(
                "SELECT 1 FROM accounts.workspace WHERE id = \(workspace) FOR UPDATE")
            let roles = try await tx.query(
                "SELECT account_id, role FROM accounts.member WHERE workspace_id = \(workspace)",
                as: (AccountID, String).self)
            let present = roles.first { $0.0 == account }?.1
            let owners = roles.filter { $0.1 == WorkspaceRole.owner.rawValue }.count
            if present == WorkspaceRole.owner.rawValue, role != .owner, owners == 1 {
                return .lastOwner
            }
            guard let role else {
                guard present != nil else { return .missing }
                try await tx.execute(
                    """
                    DELETE FROM accounts.member
                    WHERE workspace_id = \(workspace) AND account_id = \(account)
                    """)
                return .done
            }
            if present == nil && Int64(roles.count) >= membersMax { return .full }
            try await tx.execute(
                """
                INSERT INTO accounts.member (workspace_id, account_id, role)
                VALUES (\(workspace), \(account), \(role.rawValue))
                ON CONFLICT (workspace_id, account_id) DO UPDATE SET role = EXCLUDED.role
                """)
            return .done
        }
    }
}
