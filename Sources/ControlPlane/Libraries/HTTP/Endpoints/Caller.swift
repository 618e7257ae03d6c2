package import SharedModels

/// Who makes a request, as `Hooks.authenticate` found out.
package struct Caller: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        /// A person with a session.
        case account
        /// A program with an API key.
        case key
        /// A paired agent.
        case agent
    }

    package let kind: Kind
    /// Stable and unique: the key of rate limits and idempotency. For example the account's id.
    package let subject: String
    package let account: AccountID?
    package let session: SessionID?
    package let agent: AgentID?
    /// The only workspace the caller may touch; nil if membership decides.
    package let workspace: WorkspaceID?
    /// The platform role (`user`, `creator`, `moderator`, `admin`).
    package let role: String
    /// What a key is limited to; nil if it is not.
    package let scopes: Set<String>?
    /// The credential has run out: nothing goes but what `Hooks.authorise` allows nevertheless.
    package let isExpired: Bool

    package init(
        kind: Kind, subject: String, account: AccountID? = nil, session: SessionID? = nil,
        agent: AgentID? = nil, workspace: WorkspaceID? = nil, role: String = "user",
        scopes: Set<String>? = nil, isExpired: Bool = false
    ) {
        self.isExpired = isExpired
        self.kind = kind
        self.subject = subject
        self.account = account
        self.session = session
        self.agent = agent
        self.workspace = workspace
        self.role = role
        self.scopes = scopes
    }
}

/// Who may call an endpoint.
package enum Access: Sendable, Hashable {
    /// Everybody. No credential is looked at, so one that has run out does no harm; limits go by
    /// the address.
    case open
    /// Whoever is signed in.
    case signedIn
    /// Whoever `Hooks.authorise` grants this to, such as `rules.write`; it also sees the path, so
    /// a permission can depend on the workspace in it.
    case permission(String)
}

/// Endpoints that share one budget of requests, such as `login` or `write`.
package struct RateClass: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let read = RateClass(rawValue: "read")
    package static let write = RateClass(rawValue: "write")
    /// Sign-in, pairing, password reset: what an attacker would guess at.
    package static let login = RateClass(rawValue: "login")
    package static let upload = RateClass(rawValue: "upload")
    /// Opening WebSockets and event streams.
    package static let stream = RateClass(rawValue: "stream")
    /// Bad credentials, counted by address.
    package static let failedLogin = RateClass(rawValue: "failed_login")
}
