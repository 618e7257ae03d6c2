/// One decision of the rule engine: this rule, on this live event, does these actions.
package struct Cue: Hashable, Sendable {
    package let id: CueID
    package let rule: RuleID
    package let workspace: WorkspaceID
    package let event: LiveEventID
    /// The source's message and viewer, by which a deletion finds what is still queued.
    package let sourceMessageID: String
    package let viewerID: String
    package let actions: [Action]
    /// How long its commands stay worth doing.
    package let deadline: Duration

    package init(
        id: CueID, rule: RuleID, workspace: WorkspaceID, event: LiveEventID,
        sourceMessageID: String, viewerID: String, actions: [Action], deadline: Duration
    ) {
        self.id = id
        self.rule = rule
        self.workspace = workspace
        self.event = event
        self.sourceMessageID = sourceMessageID
        self.viewerID = viewerID
        self.actions = actions
        self.deadline = deadline
    }
}
