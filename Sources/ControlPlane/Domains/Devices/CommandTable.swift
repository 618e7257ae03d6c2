package import SharedModels

/// A command on its way or ended, with what it belongs to.
package struct CommandRecord: Sendable, Hashable {
    package let command: Command
    package let workspace: WorkspaceID
    package let device: DeviceID
    package let agent: AgentID
    /// Nil for a command that a person gave.
    package let cue: CueID?
    package let rule: RuleID?
    package let event: LiveEventID?
    /// By which a deletion in the livestream finds it; empty if there is none.
    package let sourceMessageID: String
    package let viewerID: String
    /// When its deadline passes by this machine's monotonic clock, nanoseconds: whoever sets the
    /// wall clock ends no command.
    let deadlineNanoseconds: Int64

    init(
        command: Command, workspace: WorkspaceID, device: DeviceID, agent: AgentID,
        cue: CueID? = nil, rule: RuleID? = nil, event: LiveEventID? = nil,
        sourceMessageID: String = "", viewerID: String = "", deadlineNanoseconds: Int64
    ) {
        self.deadlineNanoseconds = deadlineNanoseconds
        self.command = command
        self.workspace = workspace
        self.device = device
        self.agent = agent
        self.cue = cue
        self.rule = rule
        self.event = event
        self.sourceMessageID = sourceMessageID
        self.viewerID = viewerID
    }
}

/// A command with its outcome.
package struct EndedCommand: Sendable, Hashable {
    package let record: CommandRecord
    package let outcome: Outcome
}

/// The commands under way: each ends exactly once, whatever arrives how often. A pure value.
struct CommandTable {
    /// How long after its deadline an outcome may still come before a command counts as failed.
    static let graceNanoseconds: Int64 = 5_000_000_000

    private let capacity: Int
    /// Commands of one agent under way at most. Far below what the broker queues for an agent
    /// that is frozen, so that there is always room for its E-stop.
    static let perAgentMax = 400

    private var open: [CommandID: CommandRecord] = [:]
    private var openOfAgent: [AgentID: Int] = [:]

    /// - Parameter capacity: commands under way at most; beyond it a new one is refused.
    init(capacity: Int) { self.capacity = capacity }

    var count: Int { open.count }

    func record(of command: CommandID) -> CommandRecord? { open[command] }

    /// Takes a new command; false if the table is full or the id is there already.
    mutating func insert(_ record: CommandRecord) -> Bool {
        guard open.count < capacity, open[record.command.id] == nil,
            openOfAgent[record.agent, default: 0] < Self.perAgentMax
        else { return false }
        open[record.command.id] = record
        openOfAgent[record.agent, default: 0] += 1
        return true
    }

    /// Ends a command. Nil if it is not under way, or if another agent than its own speaks.
    mutating func end(with outcome: Outcome, from agent: AgentID) -> EndedCommand? {
        guard let record = open[outcome.command], record.agent == agent else { return nil }
        remove(record)
        return EndedCommand(record: record, outcome: outcome.bounded(for: record.command))
    }

    /// Ends a command from our side: it could not be sent.
    mutating func end(
        _ id: CommandID, _ status: Outcome.Status, reason: String, detail: String,
        unixMilliseconds: Int64
    ) -> EndedCommand? {
        guard let record = open[id] else { return nil }
        remove(record)
        return EndedCommand(
            record: record,
            outcome: Outcome(
                command: id, status: status, reason: reason, detail: detail,
                endedAtMilliseconds: unixMilliseconds, trace: record.command.trace))
    }

    private mutating func remove(_ record: CommandRecord) {
        open[record.command.id] = nil
        let left = openOfAgent[record.agent, default: 1] - 1
        openOfAgent[record.agent] = left > 0 ? left : nil
    }

    /// Ends what has had no outcome long after its deadline.
    mutating func endUnanswered(
        monotonicNanoseconds: Int64, unixMilliseconds: Int64
    ) -> [EndedCommand] {
        let limit = monotonicNanoseconds &- Self.graceNanoseconds
        let late = open.values.filter { $0.deadlineNanoseconds < limit }
        return late.sorted { $0.command.id < $1.command.id }.compactMap {
            end(
                $0.command.id, .failed, reason: "no_answer",
                detail: "the agent did not say how it ended", unixMilliseconds: unixMilliseconds)
        }
    }

    /// The commands under way that stem from one of the messages or viewers of a workspace.
    func commands(
        of workspace: WorkspaceID, messageIDs: Set<String>, viewerIDs: Set<String>
    ) -> [CommandRecord] {
        open.values.filter { record in
            record.workspace == workspace
                && (messageIDs.contains(record.sourceMessageID) && !record.sourceMessageID.isEmpty
                    || viewerIDs.contains(record.viewerID) && !record.viewerID.isEmpty)
        }
    }
}
