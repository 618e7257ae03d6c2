internal import FoundationEssentials
package import Platform
package import SharedModels

/// The last hop of the hot path: cues become commands, commands go to the broker, outcomes come
/// back. Lives on the event loop that also carries the broker's connection, so that nothing
/// waits between a decision and the socket.
package final class CommandDispatcher: @unchecked Sendable {
    // Safe: every method checks that it runs on the loop; nothing else holds its state.

    /// What it needs of its surroundings; all are called on the loop.
    package struct Surroundings: Sendable {
        /// Hands a payload to the broker; the closure is called with false if it gave up.
        package var publish:
            @Sendable (
                _ topic: Topic, _ payload: [UInt8], _ deadlineNanoseconds: Int64,
                _ done: @escaping @Sendable (Bool) -> Void
            ) -> Void
        /// Told of each command when it is sent, and when it has ended.
        package var sent: @Sendable (CommandRecord) -> Void
        package var ended: @Sendable (EndedCommand) -> Void
        package var makeCommandID: @Sendable () -> CommandID
        package var monotonicNanoseconds: @Sendable () -> Int64
        package var unixMilliseconds: @Sendable () -> Int64

        package init(
            publish:
                @escaping @Sendable (
                    Topic, [UInt8], Int64, @escaping @Sendable (Bool) -> Void
                ) -> Void,
            sent: @escaping @Sendable (CommandRecord) -> Void,
            ended: @escaping @Sendable (EndedCommand) -> Void,
            makeCommandID: @escaping @Sendable () -> CommandID,
            monotonicNanoseconds: @escaping @Sendable () -> Int64,
            unixMilliseconds: @escaping @Sendable () -> Int64
        ) {
            self.publish = publish
            self.sent = sent
            self.ended = ended
            self.makeCommandID = makeCommandID
            self.monotonicNanoseconds = monotonicNanoseconds
            self.unixMilliseconds = unixMilliseconds
        }
    }

    /// Commands under way at most, over all workspaces.
    package static let openMax = 20_000

    package let loop: EventLoop
    private let surroundings: Surroundings
    private var table = CommandTable(capacity: CommandDispatcher.openMax)
    private var held = HeldCommands()
    /// The agents and devices as of now; changed on the loop alone.
    package private(set) var directory = DeviceDirectory()
    private let encoder = JSONEncoder()

    package init(loop: EventLoop, surroundings: Surroundings) {
        self.loop = loop
        self.surroundings = surroundings
    }

    /// Runs something on the loop; at once if the caller is there already.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable (CommandDispatcher) -> Value
    ) async -> Value {
        if loop.isCurrent { return body(self) }
        return await withCheckedContinuation { continuation in
            loop.submit { continuation.resume(returning: body(self)) }
        }
    }

    /// Changes the directory. On the loop.
    package func updateDirectory<Result>(_ change: (inout DeviceDirectory) -> Result) -> Result {
        loop.preconditionOnLoop()
        defer { cancelStopped() }
        return change(&directory)
    }

    /// Does what a cue decided: one command for each of its actions, in their order. On the loop.
    /// - Returns: the commands' ids; those that could not be sent have ended already.
    @discardableResult
    package func dispatch(_ cue: Cue, trace: Trace) -> [CommandID] {
        loop.preconditionOnLoop()
        return startingTogether(cue.actions).map { action in
            send(
                action, workspace: cue.workspace, deadline: cue.deadline, trace: trace,
                origin: Origin(
                    cue: cue.id, rule: cue.rule, event: cue.event,
                    sourceMessageID: cue.sourceMessageID, viewerID: cue.viewerID))
        }
    }

    /// Several plays of one cue get a common start, so far ahead that all boards can be told.
    private func startingTogether(_ actions: [Action]) -> [Action] {
        let plays = actions.filter { if case .play = $0.operation { true } else { false } }
        guard plays.count > 1 else { return actions }
        let start =
            surroundings.unixMilliseconds() + DevicesService.PlayLimits.leadMilliseconds
        return actions.map { action in
            guard case .play(let sequence, _) = action.operation else { return action }
            var action = action
            action.operation = .play(sequence: sequence, startAtMilliseconds: start)
            return action
        }
    }

    /// Does what a person asked for. On the loop.
    package func dispatch(
        _ action: Action, in workspace: WorkspaceID, deadline: Duration, trace: Trace
    ) -> CommandID {
        loop.preconditionOnLoop()
        return send(
            action, workspace: workspace, deadline: deadline, trace: trace, origin: Origin())
    }

    /// Takes an outcome from an agent. On the loop.
    package func receive(_ outcome: Outcome, from agent: AgentID) {
        loop.preconditionOnLoop()
        guard let ended = table.end(with: outcome, from: agent) else { return }
        surroundings.ended(ended)
    }

    /// The broker's connection is gone: until an agent is heard again its commands wait here. On
    /// the loop.
    package func loseBroker() {
        loop.preconditionOnLoop()
        held.lose(directory.agents.keys)
    }

    /// An agent's state has arrived, so its subscriptions stand: what waited for it goes out. On
    /// the loop.
    package func hear(_ agent: AgentID) {
        loop.preconditionOnLoop()
        let now = surroundings.monotonicNanoseconds()
        for record in held.hear(agent).compactMap(table.record) {
            let id = record.command.id
            let left = record.deadlineNanoseconds - now
            guard left > 0 else { expire(id); continue }
            let action = Action(
                device: record.device, channel: record.command.channel,
                operation: record.command.operation)
            do throws(DeviceDirectory.Refusal) {
                let (_, agent) = try directory.resolve(action, in: record.workspace)
                publish(record, to: agent, deadline: .nanoseconds(left))
            } catch {
                end(id, .rejected, error.reason, error.detail)
            }
        }
    }

    /// Ends what waits for an agent and may not move any more, as the agent would do with it.
    private func cancelStopped() {
        guard !held.isEmpty else { return }
        let stopped = held.take { id in
            guard let record = table.record(of: id), let device = directory.devices[record.device]
            else { return true }
            return directory.isStopped(device)
        }
        for id in stopped { end(id, .cancelled, "estopped", "the E-stop was pressed") }
    }

    private func expire(_ id: CommandID) {
        end(id, .expired, "broker_away", "the agent was not reached in time")
    }

    /// Takes back what is queued for messages or viewers of a workspace. On the loop. The agents
    /// answer each command with `cancelled`, or with what became of it.
    package func cancel(
        in workspace: WorkspaceID, messageIDs: Set<String>, viewerIDs: Set<String>
    ) {
        loop.preconditionOnLoop()
        let records = table.commands(
            of: workspace, messageIDs: messageIDs, viewerIDs: viewerIDs)
        let mine = Set(records.map(\.command.id))
        for id in held.take(where: mine.contains) {
            end(id, .cancelled, "taken_back", "the command was taken back before it was sent")
        }
        for (agent, records) in Dictionary(grouping: records, by: \.agent) {
            let ids = records.map(\.command.id)
            for start in stride(from: 0, to: ids.count, by: 256) {
                let message = Cancellation(
                    commands: Array(ids[start..<min(start + 256, ids.count)]))
                let topic = Topic(workspace: workspace, agent: agent, leaf: .cancel)
                // Ids alone are encoded, which cannot fail.
                guard let payload = try? encoder.encode(message) else { continue }
                surroundings.publish(topic, Array(payload), .max) { _ in }
            }
        }
    }

    /// Hands a message to an agent, once and within some time. On the loop.
    package func publish(
        _ message: some Encodable, _ leaf: Topic.Leaf, in workspace: WorkspaceID,
        to agent: AgentID, within lifetime: Duration
    ) {
        loop.preconditionOnLoop()
        let topic = Topic(workspace: workspace, agent: agent, leaf: leaf)
        let until = Self.sum(surroundings.monotonicNanoseconds(), lifetime.nanosecondsClamped)
        // Plain numbers and text are encoded, which cannot fail.
        guard let payload = try? encoder.encode(message) else { return }
        surroundings.publish(topic, Array(payload), until) { _ in }
    }

    /// Ends what has had no outcome for too long; call about once a second. On the loop.
    package func tick() {
        loop.preconditionOnLoop()
        let now = surroundings.monotonicNanoseconds()
        let late = held.take { id in (table.record(of: id)?.deadlineNanoseconds ?? .min) <= now }
        for id in late { expire(id) }
        let unanswered = table.endUnanswered(
            monotonicNanoseconds: now, unixMilliseconds: surroundings.unixMilliseconds())
        for ended in unanswered { surroundings.ended(ended) }
    }

    private struct Origin {
        var cue: CueID?
        var rule: RuleID?
        var event: LiveEventID?
        var sourceMessageID = ""
        var viewerID = ""
    }

    private func send(
        _ action: Action, workspace: WorkspaceID, deadline: Duration, trace: Trace, origin: Origin
    ) -> CommandID {
        let now = surroundings.unixMilliseconds()
        let id = surroundings.makeCommandID()
        let target = Result { () throws(DeviceDirectory.Refusal) in
            try directory.resolve(action, in: workspace)
        }
        var trace = trace
        trace.publishedNanoseconds = surroundings.monotonicNanoseconds()
        let device = directory.devices[action.device]
        let command = Command(
            id: id, board: device?.board ?? .blank, channel: action.channel,
            operation: action.operation, issuedAtMilliseconds: now,
            expiresAtMilliseconds: Self.sum(now, deadline.millisecondsClamped), trace: trace)
        let record = CommandRecord(
            command: command, workspace: workspace, device: action.device,
            agent: device?.agent ?? AgentID(high: 0, low: 0), cue: origin.cue, rule: origin.rule,
            event: origin.event, sourceMessageID: origin.sourceMessageID,
            viewerID: origin.viewerID,
            deadlineNanoseconds: Self.sum(
                trace.publishedNanoseconds, deadline.nanosecondsClamped))
        guard table.insert(record) else {
            surroundings.ended(
                EndedCommand(
                    record: record,
                    outcome: Outcome(
                        command: id, status: .rejected, reason: "too_many_commands",
                        detail: "too many commands are under way", endedAtMilliseconds: now,
                        trace: trace)))
            return id
        }
        surroundings.sent(record)
        switch target {
        case .failure(let refusal): end(id, .rejected, refusal.reason, refusal.detail)
        case .success((_, let agent)): publish(record, to: agent, deadline: deadline)
        }
        return id
    }

    private func publish(_ record: CommandRecord, to agent: Agent, deadline: Duration) {
        let id = record.command.id
        if held.hold(id, of: agent.id) { return }
        // Encoding plain numbers and text cannot fail; if it did, nothing was sent.
        guard let payload = try? encoder.encode(record.command) else {
            return end(id, .failed, "internal", "the command could not be written")
        }
        let topic = Topic(workspace: agent.workspace, agent: agent.id, leaf: .command)
        let until = Self.sum(
            surroundings.monotonicNanoseconds(), deadline.nanosecondsClamped)
        surroundings.publish(topic, Array(payload), until) { [weak self] isDone in
            if !isDone { self?.end(id, .expired, "broker_away", "the broker was not reached") }
        }
    }

    private static func sum(_ time: Int64, _ duration: Int64) -> Int64 {
        let (sum, isOver) = time.addingReportingOverflow(max(0, duration))
        return isOver ? .max : sum
    }

    private func end(_ id: CommandID, _ status: Outcome.Status, _ reason: String, _ detail: String)
    {
        let ended = table.end(
            id, status, reason: reason, detail: detail,
            unixMilliseconds: surroundings.unixMilliseconds())
        if let ended { surroundings.ended(ended) }
    }
}
