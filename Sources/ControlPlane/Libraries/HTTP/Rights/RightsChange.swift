package import SharedModels

/// Whose rights have changed. A stream is looked at again if everything named here is its own:
/// the more is named, the fewer streams.
package struct RightsChange: Sendable, Hashable {
    let account: AccountID?
    let session: SessionID?
    let workspace: WorkspaceID?

    private init(
        account: AccountID? = nil, session: SessionID? = nil, workspace: WorkspaceID? = nil
    ) {
        self.account = account
        self.session = session
        self.workspace = workspace
    }

    /// A session has ended.
    package static func session(_ session: SessionID) -> RightsChange {
        RightsChange(session: session)
    }

    /// An account was closed, or may do less anywhere.
    package static func account(_ account: AccountID) -> RightsChange {
        RightsChange(account: account)
    }

    /// An account lost its place in a workspace, or has another role there.
    package static func member(
        _ account: AccountID, of workspace: WorkspaceID
    ) -> RightsChange { RightsChange(account: account, workspace: workspace) }

    /// A workspace was closed.
    package static func workspace(_ workspace: WorkspaceID) -> RightsChange {
        RightsChange(workspace: workspace)
    }

    /// Whether the stream of such a right must be looked at again.
    func concerns(_ key: StreamRight.Key) -> Bool {
        if let account, account != key.caller.account { return false }
        if let session, session != key.caller.session { return false }
        guard let workspace else { return true }
        return key.caller.workspace == workspace
            || key.pathValues.contains { WorkspaceID($0) == workspace }
    }
}
