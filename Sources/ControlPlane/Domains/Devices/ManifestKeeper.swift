internal import FoundationEssentials
internal import Platform
internal import Postgres
internal import SharedModels
internal import Synchronization

/// Makes devices of the boards in agents' manifests, one manifest after the other. Of each agent
/// only the newest waits; while the database is away it waits on.
final class ManifestKeeper: Worker {
    enum Limits {
        static let retryDelay = Duration.seconds(1)
    }

    private struct Waiting {
        /// In the order in which agents came.
        var order: [AgentID] = []
        var newest: [AgentID: AgentManifest] = [:]
    }

    let name = "manifests"
    private let store: DevicesStore
    private let dispatcher: CommandDispatcher
    private let devices: Turn
    private let log: Log
    private let makeID: @Sendable () -> DeviceID
    /// Told of a device that was made or changed, with the agents whose stops it concerns.
    private let kept: @Sendable (Device, [AgentID]) async -> Void
    /// At most one manifest for each agent.
    private let waiting = Mutex(Waiting())
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    /// - Parameter devices: taken while a device is changed.
    init(
        store: DevicesStore, dispatcher: CommandDispatcher, devices: Turn, log: Log,
        makeID: @escaping @Sendable () -> DeviceID,
        kept: @escaping @Sendable (Device, [AgentID]) async -> Void
    ) {
        self.store = store
        self.dispatcher = dispatcher
        self.devices = devices
        self.log = log
        self.makeID = makeID
        self.kept = kept
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes an agent's manifest in place of an older one that still waits. Any thread.
    func take(_ manifest: AgentManifest, of agent: AgentID) {
        put(manifest, of: agent, replaces: true)
        wakeUp.yield()
    }

    func run() async throws {
        for await _ in wakeUps {
            while !Task.isCancelled, let (agent, manifest) = next() {
                guard await !keep(manifest, of: agent) else { continue }
                put(manifest, of: agent, replaces: false)
                // Cancellation cuts the pause short, and ends the loop.
                try? await Task.sleep(for: Limits.retryDelay)
            }
        }
    }

    private func put(_ manifest: AgentManifest, of agent: AgentID, replaces: Bool) {
        waiting.withLock { waiting in
            if waiting.newest[agent] == nil {
                waiting.order.append(agent)
            } else if !replaces {
                return
            }
            waiting.newest[agent] = manifest
        }
    }

    private func next() -> (AgentID, AgentManifest)? {
        waiting.withLock { waiting in
            guard let agent = waiting.order.first else { return nil }
            waiting.order.removeFirst()
            return waiting.newest.removeValue(forKey: agent).map { (agent, $0) }
        }
    }

    /// False if the database was away and all of it must be tried again.
    private func keep(_ manifest: AgentManifest, of agent: AgentID) async -> Bool {
        for board in manifest.boards {
            do {
                try await devices.take { try await keep(board, of: agent) }
            } catch let error as PostgresError where error.state == nil {
                log.warning("devices wait for the database", ["reason": .string("\(error)")])
                return false
            } catch {
                log.warning(
                    "a board is not kept",
                    ["board": .string("\(board.uid)"), "reason": .string("\(error)")])
            }
        }
        return true
    }

    private func keep(_ board: AgentManifest.Board, of id: AgentID) async throws {
        if board.uid.isBlank { throw Refused(reason: "it has no identity yet") }
        if let problem = board.manifest.problem { throw Refused(reason: problem) }
        let (agent, known) = await dispatcher.run { dispatcher -> (Agent?, Device?) in
            guard let agent = dispatcher.directory.agents[id], !agent.isRevoked else {
                return (nil, nil)
            }
            return (agent, dispatcher.directory.device(in: agent.workspace, board: board.uid))
        }
        guard let agent else { return }
        if let known, known.agent == id, known.manifest == board.manifest { return }
        if known == nil,
            try await store.deviceCount(of: agent.workspace) >= DevicesService.Limits.devicesMax
        {
            throw DevicesError.tooMany("devices")
        }
        let text = String(decoding: try JSONEncoder().encode(board.manifest), as: UTF8.self)
        let device = try await store.upsertDevice(
            makeID(), agent: agent, board: board.uid,
            name: "\(board.manifest.board) \(board.uid.description.suffix(4))", manifest: text)
        guard let device else { throw Refused(reason: "it does not read back") }
        await dispatcher.run { $0.updateDirectory { $0.put(device) } }
        await kept(device, known.map { $0.agent == id ? [] : [$0.agent, id] } ?? [id])
    }

    private struct Refused: Error, CustomStringConvertible {
        let reason: String
        var description: String { reason }
    }
}
