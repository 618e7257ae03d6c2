package import Crypto
package import HTTP
internal import Platform
package import Postgres
package import SharedModels
internal import Synchronization

/// The verbs of the domain: registering, signing in and out, workspaces and their members.
package final class AccountsService: Sendable {
    package enum Limits {
        /// Failed logins of one e-mail address within `loginWindow`; then none is tried.
        package static let loginTriesMax = 5
        package static let loginWindow = Duration.seconds(15 * 60)
        package static let accessLifetime = Duration.seconds(15 * 60)
        package static let sessionLifetime = Duration.seconds(30 * 24 * 3600)
        package static let loginCodeLifetime = Duration.seconds(10 * 60)
        /// How long after its end an access token may still press an E-stop, and nothing else:
        /// while the database is away nobody gets a new one.
        package static let pressGrace = Duration.seconds(12 * 3600)
        /// Ended sessions remembered; beyond it those whose access tokens have expired go first.
        package static let rememberedEnds = 100_000
        /// How long a role is believed without looking again; a change made by this process
        /// counts at once.
        package static let roleMemory = Duration.seconds(5)
        package static let rememberedRoles = 20_000
        package static let workspacesMax = 20
        package static let membersMax = 100
    }

    private let store: AccountsStore
    private let hasher: PasswordHasher
    private let signer: TokenSigner
    private let unixMilliseconds: @Sendable () -> Int64
    private let ids: IDGenerator
    /// Sessions that were ended, and until when (Unix milliseconds) an access token of theirs might
    /// otherwise still press an E-stop.
    private let revoked = Mutex<[SessionID: Int64]>([:])
    private let roles = Mutex(RememberedRoles())
    private let rightsChanged: @Sendable (RightsChange) -> Void

    private struct RoleKey: Hashable {
        let account: AccountID
        let workspace: WorkspaceID
    }

    private struct RememberedRole {
        let role: WorkspaceRole?
        let untilMilliseconds: Int64
    }

    private struct RememberedRoles {
        var roles: [RoleKey: RememberedRole] = [:]
        /// Counts the changes of this process, so that a role which was read before one is not
        /// remembered after it.
        var changeCount: UInt64 = 0

        /// - Parameter end: until when it is believed without looking; Unix milliseconds.
        mutating func remember(_ role: WorkspaceRole?, as key: RoleKey, until end: Int64) {
            if roles.count >= Limits.rememberedRoles {
                // Whoever asks for workspaces that are not theirs must not make members forgotten.
                roles = roles.filter { $0.value.role != nil }
            }
            if roles.count >= Limits.rememberedRoles { roles.removeAll() }
            roles[key] = RememberedRole(role: role, untilMilliseconds: end)
        }
    }

    /// - Parameter rightsChanged: told when somebody may do less than before, or other things:
    ///   once it is so, on any thread; must not block.
    package init(
        pool: PostgresPool, hasher: PasswordHasher, signer: TokenSigner,
        unixMilliseconds: @escaping @Sendable () -> Int64,
        rightsChanged: @escaping @Sendable (RightsChange) -> Void = { _ in }
    ) {
        store = AccountsStore(pool: pool)
        self.hasher = hasher
        self.signer = signer
        self.unixMilliseconds = unixMilliseconds
        ids = IDGenerator(unixMilliseconds: unixMilliseconds)
        self.rightsChanged = rightsChanged
    }

    /// Makes an account; throws `AccountsError`.
    package func register(
        email: String, handle: String, displayName: String, password: String
    ) async throws -> Account {
        var problems: [AccountsError.Field] = []
        let email = AccountNames.email(email)
        let handle = AccountNames.handle(handle)
        if email == nil { problems.append(.init("email", "must be an e-mail address")) }
        if handle == nil { problems.append(.init("handle", "must be 3 to 30 of a-z, 0-9 and _")) }
        var shownName: String?
        do { shownName = try AccountNames.displayName(displayName) } catch {
            problems.append(.init("display_name", "\(error)"))
        }
        let length = AccountNames.passwordLengthMin...AccountNames.passwordLengthMax
        if !length.contains(password.count) {
            problems.append(
                .init(
                    "password", "must be \(length.lowerBound) to \(length.upperBound) characters"))
        }
        guard let email, let handle, let shownName, problems.isEmpty else {
            throw AccountsError.invalid(problems)
        }
        let hash = try await hasher.hash(password)
        do {
            let account = try await store.insert(
                ids.next(), email: email, handle: handle, displayName: shownName,
                passwordHash: hash)
            guard let account else { throw AccountsError.notFound("account") }
            return account
        } catch let error as PostgresError where error.isUniqueViolation() {
            throw error.constraint?.contains("handle") ?? false
                ? AccountsError.handleTaken : AccountsError.emailTaken
        }
    }

    /// Signs in; throws `AccountsError.wrongLogin`, or `.tooManyTries` before anything is tried.
    package func logIn(email: String, password: String) async throws -> SessionTokens {
        let now = Timestamp(unixMilliseconds: unixMilliseconds())
        let since = now + (.zero - Limits.loginWindow)
        let known = AccountNames.email(email)
        let key = known ?? String(email.lowercased().prefix(254))
        let tries = try await store.addFailure(email: key, at: now, since: since)
        guard tries <= Int64(Limits.loginTriesMax) else {
            throw AccountsError.tooManyTries(
                retryAfterSeconds: Int(Limits.loginWindow.components.seconds))
        }
        let found = known == nil ? nil : try await store.passwordHash(email: key)
        // An unknown address costs as much time as a wrong password.
        let isRight = try await hasher.verify(password, against: found?.1)
        guard let (id, hash) = found, isRight, let account = try await store.account(id) else {
            throw AccountsError.wrongLogin
        }
        try await store.removeFailures(email: key)
        if hasher.needsRehash(hash) {
            try await store.setPasswordHash(try await hasher.hash(password), of: id)
        }
        return try await open(account)
    }

    /// Exchanges a one-time code for a session.
    package func logIn(code: String) async throws -> SessionTokens {
        let now = Timestamp(unixMilliseconds: unixMilliseconds())
        guard
            let id = try await store.takeLoginCode(hash: SHA256.hash(Array(code.utf8)), at: now),
            let account = try await store.account(id)
        else { throw AccountsError.wrongLogin }
        return try await open(account)
    }

    /// Makes a one-time code for another browser of the same person.
    package func makeLoginCode(
        for account: AccountID
    ) async throws -> (code: String, expiresAtMilliseconds: Int64) {
        let code = Base64URL.encode(SecureRandom.bytes(24))
        let expiry = unixMilliseconds() + Limits.loginCodeLifetime.millisecondsClamped
        try await store.insertLoginCode(
            hash: SHA256.hash(Array(code.utf8)), account: account,
            expiresAt: Timestamp(unixMilliseconds: expiry))
        return (code, expiry)
    }

    /// Uses up a refresh token. One that has served before ends its session.
    package func refresh(_ token: String) async throws -> SessionTokens {
        let next = Self.newRefreshToken()
        let now = unixMilliseconds()
        let rotation = try await store.rotate(
            SHA256.hash(Array(token.utf8)), to: SHA256.hash(Array(next.utf8)),
            at: Timestamp(unixMilliseconds: now))
        switch rotation {
        case .unknown: throw AccountsError.wrongRefreshToken
        case .reused(let session):
            remember(revoked: session)
            rightsChanged(.session(session))
            throw AccountsError.refreshTokenReused
        case .rotated(let session, let id, let expiresAt):
            guard let account = try await store.account(id) else {
                throw AccountsError.wrongRefreshToken
            }
            return tokens(
                account, session: session, refreshToken: next,
                refreshExpiry: expiresAt.unixMilliseconds)
        }
    }

    package func logOut(_ session: SessionID) async throws {
        remember(revoked: session)
        // It is over here already, whether or not the database can be told.
        rightsChanged(.session(session))
        try await store.revoke(session, at: Timestamp(unixMilliseconds: unixMilliseconds()))
    }

    /// Who an access token speaks for; nil if it is not valid now.
    package func caller(accessToken: String) -> AccessToken? {
        let now = unixMilliseconds()
        guard let token = AccessToken(accessToken, signer: signer, unixMilliseconds: now),
            revoked.withLock({ $0[token.session] == nil })
        else { return nil }
        return token
    }

    /// Who may press an E-stop, although the access token has expired: for `pressGrace`, and unless
    /// the session is known to have been ended. Asks no database, as none may be there; whether
    /// the account is a member must be remembered (`rememberedRole`).
    package func presser(accessToken: String) -> AccessToken? {
        let token = AccessToken(
            accessToken, signer: signer, unixMilliseconds: unixMilliseconds(),
            grace: Limits.pressGrace)
        guard let token, revoked.withLock({ $0[token.session] == nil }) else { return nil }
        return token
    }

    /// Whether a session goes on, however old its access tokens are: the account is there, and it
    /// was neither ended nor has it expired. Asks the database, unless this process ended it.
    package func isOpen(_ session: SessionID, of account: AccountID) async throws -> Bool {
        guard revoked.withLock({ $0[session] == nil }) else { return false }
        return try await store.isOpen(
            session, of: account, at: Timestamp(unixMilliseconds: unixMilliseconds()))
    }

    /// Reads what was revoked lately, and for the E-stop who is a member of what; at start.
    package func load() async throws {
        let since = Timestamp(unixMilliseconds: unixMilliseconds() - Self.revocationMemory)
        for (session, time) in try await store.sessionsRevoked(since: since) {
            let end = time.unixMilliseconds + Self.revocationMemory
            revoked.withLock { $0[session] = end }
        }
        for member in try await store.newestMembers(limit: Limits.rememberedRoles) {
            remember(member.role, of: member.account, in: member.workspace, until: .min)
        }
    }

    package func account(_ id: AccountID) async throws -> Account {
        guard let account = try await store.account(id) else {
            throw AccountsError.notFound("account")
        }
        return account
    }

    // Workspaces.

    package func makeWorkspace(name: String, owner: AccountID) async throws -> Membership {
        let kept: String
        do { kept = try AccountNames.displayName(name) } catch {
            throw AccountsError.invalid([.init("name", "\(error)")])
        }
        guard try await store.workspaceCount(of: owner) < Int64(Limits.workspacesMax) else {
            throw AccountsError.tooManyWorkspaces
        }
        let id: WorkspaceID = ids.next()
        try await store.insertWorkspace(id, name: kept, owner: owner)
        remember(.owner, of: owner, in: id, until: .min)
        return Membership(
            workspace: id, workspaceName: kept, role: .owner,
            createdAtMilliseconds: unixMilliseconds())
    }

    package func memberships(of account: AccountID) async throws -> [Membership] {
        try await store.memberships(of: account)
    }

    /// The role of an account; remembered for `roleMemory`, since every call asks for it.
    /// - Parameter deadline: of the database; nil for the usual one.
    package func role(
        of account: AccountID, in workspace: WorkspaceID, deadline: Duration? = nil
    ) async throws -> WorkspaceRole? {
        let key = RoleKey(account: account, workspace: workspace)
        let now = unixMilliseconds()
        let memory = Limits.roleMemory.millisecondsClamped
        let (known, changeCount) = roles.withLock { ($0.roles[key], $0.changeCount) }
        // A clock that was set back must not make it last.
        if let known, known.untilMilliseconds > now, known.untilMilliseconds <= now + memory {
            return known.role
        }
        let role = try await store.role(of: account, in: workspace, deadline: deadline)
        roles.withLock {
            guard $0.changeCount == changeCount else { return }
            $0.remember(role, as: key, until: now + memory)
        }
        return role
    }

    /// - Parameter end: until when it is believed without looking; Unix milliseconds.
    private func remember(
        _ role: WorkspaceRole?, of account: AccountID, in workspace: WorkspaceID, until end: Int64
    ) {
        let key = RoleKey(account: account, workspace: workspace)
        roles.withLock { $0.remember(role, as: key, until: end) }
    }

    /// The role that was last known, however long ago; nil if none is remembered. For the E-stop,
    /// which must not wait for a database: every member is remembered from the start, or since
    /// becoming one, up to the limit.
    package func rememberedRole(
        of account: AccountID, in workspace: WorkspaceID
    ) -> WorkspaceRole? {
        roles.withLock { $0.roles[RoleKey(account: account, workspace: workspace)]?.role }
    }

    package func members(of workspace: WorkspaceID) async throws -> [Member] {
        try await store.members(of: workspace)
    }

    /// Gives the account with that handle a role in the workspace.
    package func setRole(
        _ role: WorkspaceRole, ofHandle handle: String, in workspace: WorkspaceID
    ) async throws {
        try await change(role, of: try await accountID(handle: handle), in: workspace)
    }

    package func removeMember(handle: String, from workspace: WorkspaceID) async throws {
        try await change(nil, of: try await accountID(handle: handle), in: workspace)
    }

    private func accountID(handle: String) async throws -> AccountID {
        guard let handle = AccountNames.handle(handle),
            let account = try await store.account(handle: handle)
        else { throw AccountsError.notFound("account") }
        return account.id
    }

    private func change(
        _ role: WorkspaceRole?, of account: AccountID, in workspace: WorkspaceID
    ) async throws {
        let change = try await store.setRole(
            role, of: account, in: workspace, membersMax: Int64(Limits.membersMax))
        roles.withLock { $0.changeCount &+= 1 }
        switch change {
        case .done:
            remember(role, of: account, in: workspace, until: .min)
            rightsChanged(.member(account, of: workspace))
        case .full: throw AccountsError.tooManyMembers
        case .lastOwner: throw AccountsError.lastOwner
        case .missing: throw AccountsError.notFound("member")
        }
    }

    private func open(_ account: Account) async throws -> SessionTokens {
        let session: SessionID = ids.next()
        let token = Self.newRefreshToken()
        let expiry = unixMilliseconds() + Limits.sessionLifetime.millisecondsClamped
        try await store.insertSession(
            session, account: account.id, expiresAt: Timestamp(unixMilliseconds: expiry),
            tokenHash: SHA256.hash(Array(token.utf8)))
        return tokens(account, session: session, refreshToken: token, refreshExpiry: expiry)
    }

    private func tokens(
        _ account: Account, session: SessionID, refreshToken: String, refreshExpiry: Int64
    ) -> SessionTokens {
        let expiry = unixMilliseconds() + Limits.accessLifetime.millisecondsClamped
        let access = AccessToken(
            account: account.id, session: session, role: account.role,
            expiresAtMilliseconds: expiry)
        return SessionTokens(
            account: account, session: session, accessToken: access.signed(by: signer),
            accessExpiresAtMilliseconds: expiry, refreshToken: refreshToken,
            refreshExpiresAtMilliseconds: refreshExpiry)
    }

    private func remember(revoked session: SessionID) {
        let now = unixMilliseconds()
        revoked.withLock { revoked in
            revoked = revoked.filter { $0.value > now }
            if revoked.count >= Limits.rememberedEnds {
                let press = Limits.pressGrace.millisecondsClamped
                revoked = revoked.filter { $0.value - press > now }
            }
            revoked[session] = now + Self.revocationMemory
        }
    }

    /// How long the end of a session matters, milliseconds.
    private static let revocationMemory =
        (Limits.accessLifetime + Limits.pressGrace).millisecondsClamped

    private static func newRefreshToken() -> String {
        "clr_" + Base64URL.encode(SecureRandom.bytes(32))
    }
}
