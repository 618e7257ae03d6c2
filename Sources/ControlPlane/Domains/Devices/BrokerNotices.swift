internal import FoundationEssentials
internal import MQTT
internal import Platform
internal import SharedModels
internal import Synchronization

/// Tells the broker what agents must not miss until it has it: the wanted stops, retained, and
/// revocations, after which nothing of the agent stays retained. Each goes out at once; what the broker did not take is said again, and all of it
/// after every reconnect, as a broker that was killed may have forgotten.
final class BrokerNotices: Worker {
    enum Limits {
        static let retryDelay = Duration.milliseconds(250)
    }

    private struct Owed {
        var stops: Set<AgentID> = []
        var revocations: Set<AgentID> = []
    }

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
                if case .failure = result { self?.owe(id, isRevocation: false) }
            }
        }
    }

    /// Tells the broker that an agent is revoked, and clears what it has retained. On the loop.
    func publishRevocation(of id: AgentID) {
        guard let message = revocation(of: id) else { return }
        client.publish(message, isUrgent: true) { [weak self] result in
            guard let self else { return }
            if case .failure = result { return owe(id, isRevocation: true) }
            for message in leftovers(of: id) {
                client.publish(message) { [weak self] result in
                    if case .failure = result { self?.owe(id, isRevocation: true) }
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
                    owe(next.id, isRevocation: next.isRevocation)
                    // Cancellation cuts the pause short, and ends the loop.
                    try? await Task.sleep(for: Limits.retryDelay)
                }
            }
        }
    }

    private func oweEverything() {
        for agent in dispatcher.directory.agents.values {
            owe(agent.id, isRevocation: agent.isRevoked)
        }
    }

    private func owe(_ id: AgentID, isRevocation: Bool) {
        owed.withLock { owed in
            _ = isRevocation ? owed.revocations.insert(id) : owed.stops.insert(id)
        }
        wakeUp.yield()
    }

    private func takeOne() -> (id: AgentID, isRevocation: Bool)? {
        owed.withLock { owed in
            if let id = owed.stops.popFirst() { return (id, false) }
            return owed.revocations.popFirst().map { ($0, true) }
        }
    }

    private func pay(_ debt: (id: AgentID, isRevocation: Bool)) async throws(MQTTError) {
        let message = await dispatcher.run { [weak self] _ in
            debt.isRevocation ? self?.revocation(of: debt.id) : self?.stopMessage(of: debt.id)
        }
        guard let message else { return }
        try await client.publish(message)
        guard debt.isRevocation else { return }
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

    /// Empty retained messages take away what the broker retains of a revoked agent.
    private func leftovers(of id: AgentID) -> [MQTTMessage] {
        guard let agent = dispatcher.directory.agents[id], agent.isRevoked else { return [] }
        return [Topic.Leaf.state, .manifest, .estop].map { leaf in
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
