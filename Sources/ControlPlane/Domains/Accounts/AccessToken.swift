package import Crypto
internal import Platform
package import SharedModels

/// What an access token says: who calls, in which session, until when. Its written form is a
/// `TokenSigner` token over `account|session|role|expires_at_ms`.
package struct AccessToken: Sendable, Hashable {
    package let account: AccountID
    package let session: SessionID
    package let role: PlatformRole
    /// Unix milliseconds UTC.
    package let expiresAtMilliseconds: Int64

    package init(
        account: AccountID, session: SessionID, role: PlatformRole, expiresAtMilliseconds: Int64
    ) {
        self.account = account
        self.session = session
        self.role = role
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }

    package func signed(by signer: TokenSigner) -> String {
        signer.token(
            for: Array("\(account)|\(session)|\(role.rawValue)|\(expiresAtMilliseconds)".utf8))
    }

    /// Reads a token; nil if it was not signed by us, or is not one of these, or has expired.
    /// - Parameter grace: how long ago it may have expired.
    package init?(
        _ text: String, signer: TokenSigner, unixMilliseconds: Int64, grace: Duration = .zero
    ) {
        // Why it is refused is nobody's business but ours.
        guard let payload = try? signer.payload(of: text) else { return nil }
        let parts = String(decoding: payload, as: UTF8.self).split(separator: "|")
        guard parts.count == 4, let account = AccountID(parts[0]),
            let session = SessionID(parts[1]), let role = PlatformRole(rawValue: String(parts[2])),
            let expiry = Int64(parts[3]), expiry > unixMilliseconds - grace.millisecondsClamped
        else { return nil }
        self.init(
            account: account, session: session, role: role, expiresAtMilliseconds: expiry)
    }
}

/// What an account may do on the platform as a whole.
package enum PlatformRole: String, Sendable, Hashable, Codable, CaseIterable {
    case user, creator, moderator, admin
}

/// What a member may do in a workspace.
package enum WorkspaceRole: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// Sees everything, changes nothing.
    case watcher
    /// Runs shows: rules, livestreams, commands, E-stop.
    case `operator`
    /// Also members, agents and tokens.
    case owner

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: WorkspaceRole, right: WorkspaceRole) -> Bool {
        left.rank < right.rank
    }
}
