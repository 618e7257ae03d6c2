package import SharedModels

/// A permission to pair one agent, as its workspace sees it. The token itself is shown once.
package struct AgentToken: Sendable, Hashable {
    package let id: AgentTokenID
    package let workspace: WorkspaceID
    package let name: String
    package let createdAtMilliseconds: Int64
    package let expiresAtMilliseconds: Int64
    package let revokedAtMilliseconds: Int64?
    package let usedAtMilliseconds: Int64?
    /// The agent that was paired with it.
    package let agent: AgentID?
}

/// What an agent receives when it is paired, or renews its credential.
package struct Pairing: Sendable, Hashable {
    package let agent: AgentID
    package let workspace: WorkspaceID
    /// The MQTT password.
    package let credential: String
    package let credentialExpiresAtMilliseconds: Int64
}
