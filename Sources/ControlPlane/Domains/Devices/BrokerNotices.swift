internal import FoundationEssentials
internal import MQTT
internal import Platform
internal import SharedModels
internal import Synchronization

/// Tells the broker what agents must not miss until it has it: the wanted stops and sequences, both
/// retained, and revocations, after which nothing of the agent stays retained. Each goes out at once; what the broker did not take is said again, and all of it
/// after every reconnect, as a broker that was killed may have forgotten.
final class BrokerNotices: Worker {
    enum Limits {
        static let retryDelay = Duration.milliseconds(250)
    }

    private struct Owed {
        var stops: Set<AgentID> = []
        var revocations: Set<AgentID> = []
        var sequences: Set<AgentID> = []
    }

    private enum Kind { case stops, revocation, sequences }

    let name = "broker notices"
    private let client: MQTTClient
    private let dispatcher: CommandDispatcher
    private let log: Log
    /// What the broker must still be told; bounded by the number of agents.
    private let owed = Mutex(Owed())
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    init(client: MQTTClient, dispatcher: CommandDispatcher, log: Log) {
        self.client = client
        self.dispatcher = dispatcher
        self.log = log
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says everything again at each connection from now on.
    func watchConnection() {
        client.onStateChange { [weak self] state in
            if state == .connected { self?.oweEverything() } else { self?.dispatcher.loseBroker() }
        }
    }

    /// Publishes the stop state of agents as the directory has it now. On the loop.
    func publishStops(of agents: [AgentID]) {
        for id in agents {
            guard let message = stopMessage(of: id) else { continue }
            client.publish(message, isUrgent: true) { [weak self] result in
                if case .failure = result { self?.owe(id, .stops) }
            }
        }
    }

    /// Publishes what the boards of agents shall keep, as the directory has it now. On the loop.
    func publishSequences(of agents: [AgentID]) {
        for id in agents {
            guard let message = sequencesMessage(of: id) else { continue }
            client.publish(message) { [weak self] result in
                if case .failure = result { self?.owe(id, .sequences) }
            }
        }
    }

    /// Tells the broker that an agent is revoked, and clears what it has retained. On the loop.
    func publishRevocation(of id: AgentID) {
        guard let message = revocation(of: id) else { return }
        client.publish(message, isUrgent: true) { [weak self] result in
            guard let self else { return }
            if case .failure = result { return owe(id, .revocation) }
            for message in leftovers(of: id) {
                client.publish(message) { [weak self] result in
                    if case .failure = result { self?.owe(id, .revocation) }
                }
            }
        }
    }

    func run() async throws {
        for await _ in wakeUps {
            while !Task.isCancelled, let next = takeOne() {
                do { try await pay(next) } catch {
                    if error == .stopped { return }
                    log.warning("the broker did not take a notice", ["reason": .string("\(error)")])
                    owe(next.id, next.kind)
                    // Cancellation cuts the pause short, and ends the loop.
                    try? await Task.sleep(for: Limits.retryDelay)
                }
            }
        }
    }

    private func oweEverything() {
        for agent in dispatcher.directory.agents.values {
            owe(agent.id, agent.isRevoked ? .revocation : .stops)
            if !agent.isRevoked { owe(agent.id, .sequences) }
        }
    }

    private func owe(_ id: AgentID, _ kind: Kind) {
        owed.withLock { owed in
            switch kind {
            case .stops: _ = owed.stops.insert(id)
            case .revocation: _ = owed.revocations.insert(id)
            case .sequences: _ = owed.sequences.insert(id)
            }
        }
        wakeUp.yield()
    }

    private func takeOne() -> (id: AgentID, kind: Kind)? {
        owed.withLock { owed in
            if let id = owed.stops.popFirst() { return (id, .stops) }
            if let id = owed.revocations.popFirst() { return (id, .revocation) }
            return owed.sequences.popFirst().map { ($0, .sequences) }
        }
    }

    private func pay(_ debt: (id: AgentID, kind: Kind)) async throws(MQTTError) {
        let message = await dispatcher.run { [weak self] _ in
            switch debt.kind {
            case .stops: self?.stopMessage(of: debt.id)
            case .revocation: self?.revocation(of: debt.id)
            case .sequences: self?.sequencesMessage(of: debt.id)
            }
        }
        guard let message else { return }
        try await client.publish(message)
        guard debt.kind == .revocation else { return }
        let leftovers = await dispatcher.run { [weak self] _ in self?.leftovers(of: debt.id) }
        for message in leftovers ?? [] { try await client.publish(message) }
    }

    private func stopMessage(of id: AgentID) -> MQTTMessage? {
        guard let agent = dispatcher.directory.agents[id], !agent.isRevoked else { return nil }
        do {
            let stop = dispatcher.directory.emergencyStop(of: agent)
            let topic = Topic(workspace: agent.workspace, agent: id, leaf: .estop)
            return MQTTMessage(
                topic: topic.name, payload: Array(try JSONEncoder().encode(stop)), isRetained: true)
        } catch {
            log.error("cannot write an E-stop", ["reason": .string("\(error)")])
            return nil
        }
    }

    private func sequencesMessage(of id: AgentID) -> MQTTMessage? {
        guard let agent = dispatcher.directory.agents[id], !agent.isRevoked else { return nil }
        do {
            let sequences = dispatcher.directory.agentSequences(of: agent)
            let topic = Topic(workspace: agent.workspace, agent: id, leaf: .sequences)
            return MQTTMessage(
                topic: topic.name, payload: Array(try JSONEncoder().encode(sequences)),
                isRetained: true)
        } catch {
            log.error("cannot write sequences", ["reason": .string("\(error)")])
            return nil
        }
    }

    /// Empty retained messages take away what the broker retains of a revoked agent.
    private func leftovers(of id: AgentID) -> [MQTTMessage] {
        guard let agent = dispatcher.directory.agents[id], agent.isRevoked else { return [] }
        return [Topic.Leaf.state, .manifest, .estop, .sequences].map { leaf in
            MQTTMessage(
                topic: Topic(workspace: agent.workspace, agent: id, leaf: leaf).name, payload: [],
                isRetained: true)
        }
    }

    private func revocation(of id: AgentID) -> MQTTMessage? {
        guard let agent = dispatcher.directory.agents[id], agent.isRevoked else { return nil }
        let text = "revoke \(agent.workspace) \(agent.id) \(agent.epoch)"
        return MQTTMessage(topic: BrokerCredential.controlTopic, payload: Array(text.utf8))
    }
}
