internal import FoundationEssentials
internal import MQTT
internal import Platform
internal import SharedModels

/// What agents say, from the broker's bytes to the directory, the dispatcher and the keeper of
/// manifests. An agent is somebody else's machine: what is unknown, revoked, unreadable, out of
/// its limits or too frequent goes no further. On the loop.
final class AgentInbox: @unchecked Sendable {
    // Safe: all of it is touched on the loop alone; handlers and timers run there.

    enum Limits {
        /// Of an agent's states, manifests and telemetry, the newest of each is taken this often.
        static let pause = Duration.milliseconds(50)
        /// Outcomes of one agent: so many at once and so many a second; more are dropped, and
        /// their commands end as unanswered.
        static let outcomesBurst = 4_000
        static let outcomesPerSecond = 2_000.0
        /// Complaints in the log, all agents together.
        static let complaintsBurst = 20
        static let complaintsPerSecond = 1.0
    }

    private struct Slot: Hashable {
        let agent: AgentID
        let leaf: Topic.Leaf
    }

    private struct Visit {
        var takenNanoseconds: Int64
        var waiting: [UInt8]?
    }

    private let client: MQTTClient
    private let dispatcher: CommandDispatcher
    private let manifests: ManifestKeeper
    private let inputs: InputIntake
    private let log: Log
    private let changed: @Sendable (WorkspaceID) -> Void
    private let appeared: @Sendable (AgentID) -> Void
    private let measured: @Sendable (LinkReport) -> Void
    private let flashing: @Sendable (AgentID, FlashReport) -> Void
    /// One for each known agent and leaf that has spoken.
    private var visits: [Slot: Visit] = [:]
    private var outcomes: [AgentID: TokenBucket] = [:]
    private var complaints = TokenBucket(
        capacity: Limits.complaintsBurst, perSecond: Limits.complaintsPerSecond)

    /// - Parameters:
    ///   - changed: called on the loop when the state of an agent of the workspace changed.
    ///   - appeared: called on the loop when an agent was away and is there now.
    ///   - measured: called on the loop for each device whose link an agent tells of.
    ///   - flashing: called on the loop with what an agent says of a flashing.
    init(
        client: MQTTClient, dispatcher: CommandDispatcher, manifests: ManifestKeeper,
        inputs: InputIntake, log: Log,
        changed: @escaping @Sendable (WorkspaceID) -> Void,
        appeared: @escaping @Sendable (AgentID) -> Void,
        measured: @escaping @Sendable (LinkReport) -> Void,
        flashing: @escaping @Sendable (AgentID, FlashReport) -> Void
    ) {
        self.flashing = flashing
        self.client = client
        self.dispatcher = dispatcher
        self.manifests = manifests
        self.inputs = inputs
        self.log = log
        self.changed = changed
        self.appeared = appeared
        self.measured = measured
    }

    /// Subscribes to what agents say. Any thread; once.
    func subscribe() {
        for leaf in [Topic.Leaf.outcome, .state, .manifest, .telemetry, .input] {
            client.subscribe(
                Topic.everyAgent(leaf), quality: leaf == .telemetry ? .atMostOnce : .atLeastOnce
            ) { [weak self] in self?.receive($0) }
        }
    }

    /// Forgets what still waits of an agent that was revoked.
    func forget(_ agent: AgentID) {
        outcomes[agent] = nil
        inputs.forget(agent)
        for leaf in Topic.Leaf.allCases { visits[Slot(agent: agent, leaf: leaf)] = nil }
    }

    private func receive(_ message: MQTTMessage) {
        guard let topic = Topic(message.topic), isKnown(topic) else { return }
        let now = SystemTime.monotonicNanoseconds
        if topic.leaf == .outcome { return receiveOutcome(message.payload, topic, now) }
        if topic.leaf == .input { return receiveInput(message.payload, topic, now) }
        let slot = Slot(agent: topic.agent, leaf: topic.leaf)
        guard let visit = visits[slot] else { return take(message.payload, topic, slot, now) }
        let pause = Limits.pause.nanosecondsClamped
        if visit.waiting == nil, now - visit.takenNanoseconds >= pause {
            return take(message.payload, topic, slot, now)
        }
        if visit.waiting == nil {
            dispatcher.loop.schedule(after: Limits.pause) { [weak self] in
                self?.takeWaiting(topic, slot)
            }
        }
        visits[slot]?.waiting = message.payload
    }

    private func takeWaiting(_ topic: Topic, _ slot: Slot) {
        guard let payload = visits[slot]?.waiting, isKnown(topic) else { return }
        take(payload, topic, slot, SystemTime.monotonicNanoseconds)
    }

    private func take(_ payload: [UInt8], _ topic: Topic, _ slot: Slot, _ now: Int64) {
        visits[slot] = Visit(takenNanoseconds: now, waiting: nil)
        switch topic.leaf {
        case .state: takeState(payload, topic)
        case .manifest: takeManifest(payload, topic)
        case .telemetry: takeTelemetry(payload, topic)
        case .outcome, .input, .command, .cancel, .estop, .unlock, .flash, .sequences: break
        }
    }

    private func receiveOutcome(_ payload: [UInt8], _ topic: Topic, _ now: Int64) {
        var bucket =
            outcomes[topic.agent]
            ?? TokenBucket(
                capacity: Limits.outcomesBurst, perSecond: Limits.outcomesPerSecond)
        let isAdmitted = bucket.admit(atNanoseconds: now).isAdmitted
        outcomes[topic.agent] = bucket
        guard isAdmitted else { return complain(topic, "more outcomes than anybody has commands") }
        guard let outcome = read(Outcome.self, payload, topic) else { return }
        dispatcher.receive(outcome, from: topic.agent)
    }

    private func receiveInput(_ payload: [UInt8], _ topic: Topic, _ now: Int64) {
        guard inputs.admits(topic.agent, at: now) else {
            return complain(topic, "more changes of inputs than anybody makes")
        }
        guard let change = read(InputChange.self, payload, topic) else { return }
        if let problem = inputs.take(change, of: topic.agent, at: now) { complain(topic, problem) }
    }

    private func takeState(_ payload: [UInt8], _ topic: Topic) {
        guard let state = read(AgentState.self, payload, topic) else { return }
        if let problem = state.problem { return complain(topic, problem) }
        // After the directory knows it: what waited is judged by how the agent is now.
        defer { if state.isOnline { dispatcher.hear(topic.agent) } }
        let known = dispatcher.directory.agents[topic.agent]
        guard known?.state != state else { return }
        dispatcher.updateDirectory { $0.update(topic.agent) { $0.state = state } }
        // Progress alone is told by itself.
        if !state.isSame(but: known?.state) { changed(topic.workspace) }
        if let report = state.flashing { flashing(topic.agent, report) }
        if state.isOnline, known?.isOnline == false { appeared(topic.agent) }
    }

    private func takeManifest(_ payload: [UInt8], _ topic: Topic) {
        guard let manifest = read(AgentManifest.self, payload, topic) else { return }
        if let problem = manifest.problem { return complain(topic, problem) }
        manifests.take(manifest, of: topic.agent)
    }

    private func takeTelemetry(_ payload: [UInt8], _ topic: Topic) {
        guard let telemetry = read(AgentTelemetry.self, payload, topic) else { return }
        if let problem = telemetry.problem { return complain(topic, problem) }
        let former = dispatcher.directory.agents[topic.agent]?.telemetry
        dispatcher.updateDirectory { $0.update(topic.agent) { $0.telemetry = telemetry } }
        for link in telemetry.links {
            let device = dispatcher.directory.device(of: topic.agent, board: link.uid)
            guard let device else { continue }
            measured(
                LinkReport(
                    device: device.id, link: link,
                    former: former?.links.first { $0.uid == link.uid }))
        }
    }

    /// Whether the topic is of an agent that is paired and not revoked.
    private func isKnown(_ topic: Topic) -> Bool {
        guard let agent = dispatcher.directory.agents[topic.agent] else { return false }
        return agent.workspace == topic.workspace && !agent.isRevoked
    }

    private func read<Payload: Decodable>(
        _ type: Payload.Type, _ payload: [UInt8], _ topic: Topic
    ) -> Payload? {
        guard payload.count <= Topic.payloadMaxBytes else {
            complain(topic, "it is too long")
            return nil
        }
        do { return try JSONDecoder().decode(type, from: Data(payload)) } catch {
            complain(topic, "it cannot be read")
            return nil
        }
    }

    private func complain(_ topic: Topic, _ reason: String) {
        guard complaints.admit(atNanoseconds: SystemTime.monotonicNanoseconds).isAdmitted else {
            return
        }
        log.warning(
            "refused a message of an agent",
            ["topic": .string(topic.name), "reason": .string(reason)])
    }
}
