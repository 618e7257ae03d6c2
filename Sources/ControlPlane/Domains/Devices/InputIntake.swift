internal import Platform
package import SharedModels

/// A change of an input of a device, as the domain tells it.
package struct InputReport: Hashable, Sendable {
    package let workspace: WorkspaceID
    package let reading: InputReading
    /// When the agent read it, Unix milliseconds UTC, and by its monotonic clock.
    package let readAtMilliseconds: Int64
    package let agentClock: String
    package let readNanoseconds: Int64
    /// It is shown and moves nothing: the broker was away when it happened, or it is too old.
    package let isHistory: Bool
    /// How old it was here, milliseconds.
    package let ageMilliseconds: Int64
    /// When its message was read here, `CLOCK_MONOTONIC` nanoseconds: the start of its trace.
    package let arrivedNanoseconds: Int64
}

/// Takes the changes of inputs that agents tell: once each, in their order, of inputs that are
/// there. On the loop.
final class InputIntake: @unchecked Sendable {
    // Safe: touched on the dispatcher's loop alone, by the inbox.

    enum Limits {
        /// Changes of one agent: so many at once and so many a second; more are dropped.
        static let burst = 1_000
        static let perSecond = 500.0
    }

    private struct Progress {
        var startedAtMilliseconds: Int64 = -1
        var sequence: Int64 = 0
        var bucket = TokenBucket(capacity: Limits.burst, perSecond: Limits.perSecond)
    }

    private let dispatcher: CommandDispatcher
    private let unixMilliseconds: @Sendable () -> Int64
    private let report: @Sendable (InputReport) -> Void
    /// One for each known agent that told of an input.
    private var progress: [AgentID: Progress] = [:]

    init(
        dispatcher: CommandDispatcher, unixMilliseconds: @escaping @Sendable () -> Int64,
        report: @escaping @Sendable (InputReport) -> Void
    ) {
        self.dispatcher = dispatcher
        self.unixMilliseconds = unixMilliseconds
        self.report = report
    }

    func forget(_ agent: AgentID) { progress[agent] = nil }

    /// Whether the agent may tell of another change now.
    func admits(_ agent: AgentID, at now: Int64) -> Bool {
        progress[agent, default: Progress()].bucket.admit(atNanoseconds: now).isAdmitted
    }

    /// Takes a change; answers what is wrong with it, nil if nothing is. One that came before, or
    /// comes after a newer one, is left aside without a word.
    func take(_ change: InputChange, of agent: AgentID, at now: Int64) -> String? {
        if let problem = change.problem { return problem }
        guard isNew(change, of: agent) else { return nil }
        guard let device = dispatcher.directory.device(of: agent, board: change.board) else {
            return "there is no such board"
        }
        guard device.manifest.channel(named: change.channel)?.kind.isInput == true else {
            return "the board has no such input"
        }
        let unix = unixMilliseconds()
        let reading = InputReading(device: device.id, channel: change.channel, value: change.value)
        dispatcher.updateDirectory {
            $0.put(reading, atMilliseconds: change.readAtMilliseconds)
        }
        report(
            InputReport(
                workspace: device.workspace, reading: reading,
                readAtMilliseconds: change.readAtMilliseconds, agentClock: change.agentClock,
                readNanoseconds: change.readNanoseconds,
                isHistory: change.isLate || change.isStale(atMilliseconds: unix),
                ageMilliseconds: max(0, unix &- change.readAtMilliseconds),
                arrivedNanoseconds: now))
        return nil
    }

    /// The broker may deliver a message again. A process that was started anew counts anew.
    private func isNew(_ change: InputChange, of agent: AgentID) -> Bool {
        let known = progress[agent, default: Progress()]
        if known.startedAtMilliseconds == change.startedAtMilliseconds,
            change.sequence <= known.sequence
        {
            return false
        }
        progress[agent, default: Progress()].startedAtMilliseconds = change.startedAtMilliseconds
        progress[agent]?.sequence = change.sequence
        return true
    }
}
