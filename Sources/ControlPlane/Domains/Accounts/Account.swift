package import SharedModels

/// A person who signs in.
package struct Account: Sendable, Hashable {
    package let id: AccountID
    /// Lower case.
    package let email: String
    package let handle: String
    package let displayName: String
    package let role: PlatformRole
    package let createdAtMilliseconds: Int64
}

/// A tenant, as one of its members sees it.
package struct Membership: Sendable, Hashable {
    package let workspace: WorkspaceID
    package let workspaceName: String
    package let role: WorkspaceRole
    package let createdAtMilliseconds: Int64
}

/// A member of a workspace.
package struct Member: Sendable, Hashable {
    package let account: AccountID
    package let handle: String
    package let displayName: String
    package let role: WorkspaceRole
    package let createdAtMilliseconds: Int64
}

/// What a signed-in client holds.
package struct SessionTokens: Sendable, Hashable {
    package let account: Account
    package let session: SessionID
    package let accessToken: String
    package let accessExpiresAtMilliseconds: Int64
    /// Serves once; the answer to its use carries the next.
    package let refreshToken: String
    package let refreshExpiresAtMilliseconds: Int64
}
