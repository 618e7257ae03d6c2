package import Crypto
internal import FoundationEssentials
package import MQTT
package import Platform
package import Postgres
package import SharedModels

/// The verbs of the domain: pairing, devices, commands by hand, the E-stop. What a cue does is
/// not here but in `CommandDispatcher`, which never waits for a database.
package final class DevicesService: Sendable {
    package enum Limits {
        /// Unused agent tokens of a workspace.
        package static let openTokensMax: Int64 = 50
        package static let tokenLifetime = Duration.seconds(24 * 3600)
        package static let tokenLifetimeMax = Duration.seconds(30 * 24 * 3600)
        package static let credentialLifetime = Duration.seconds(7 * 24 * 3600)
        /// How far an agent's clock may be off when it asks for a new credential.
        package static let clockSkewMax = Duration.seconds(300)
        package static let devicesMax: Int64 = 256
        package static let commandsPageMax = 100
        package static let commandLifetime = Duration.seconds(30 * 24 * 3600)
    }

    private let store: DevicesStore
    private let commands: CommandStore
    private let signer: BrokerCredentialSigner
    private let client: MQTTClient
    private let unixMilliseconds: @Sendable () -> Int64
    private let log: Log
    package let dispatcher: CommandDispatcher
    /// Called on the loop when an agent or a device changed, for whoever watches the workspace.
    private let changed: @Sendable (WorkspaceID) -> Void

    package init(
        pool: PostgresPool, signer: BrokerCredentialSigner, client: MQTTClient,
        dispatcher: CommandDispatcher, log: Log, unixMilliseconds: @escaping @Sendable () -> Int64,
        changed: @escaping @Sendable (WorkspaceID) -> Void
    ) {
        store = DevicesStore(pool: pool)
        commands = CommandStore(pool: pool)
        self.signer = signer
        self.client = client
        self.dispatcher = dispatcher
        self.unixMilliseconds = unixMilliseconds
        self.log = log.of("devices")
        self.changed = changed
    }

    /// Fills the directory from the database and tells the broker who is revoked and what is
    /// stopped; at start, and whenever the broker was away.
    package func load() async throws {
        let agents = try await store.agents()
        let devices = try await store.devices()
        let stops = try await store.stops()
        await onLoop { dispatcher in
            dispatcher.updateDirectory { directory in
                for agent in agents {
                    var agent = agent
                    agent.state = directory.agents[agent.id]?.state
                    directory.put(agent)
                }
                for device in devices { directory.put(device) }
                for stop in stops { directory.setStop(stop, isStopped: true) }
            }
        }
        for agent in agents where agent.isRevoked { revokeAtBroker(agent, epoch: agent.epoch) }
        await publishStops(of: agents.filter { !$0.isRevoked }.map(\.id))
    }

    /// Subscribes to what agents say. Call once, before the client runs.
    package func subscribe() {
        client.subscribe(Topic.everyAgent(.outcome)) { [weak self] message in
            self?.received(message, as: Outcome.self) { service, topic, outcome in
                service.dispatcher.receive(outcome, from: topic.agent)
            }
        }
        client.subscribe(Topic.everyAgent(.state)) { [weak self] message in
            self?.received(message, as: AgentState.self) { service, topic, state in
                service.take(state, from: topic)
            }
        }
        client.subscribe(Topic.everyAgent(.telemetry), quality: .atMostOnce) {
            [weak self] message in
            self?.received(message, as: AgentTelemetry.self) { service, topic, telemetry in
                service.dispatcher.updateDirectory {
                    $0.update(topic.agent) { $0.telemetry = telemetry }
                }
            }
        }
        client.subscribe(Topic.everyAgent(.manifest)) { [weak self] message in
            self?.received(message, as: AgentManifest.self) { service, topic, manifest in
                service.take(manifest, from: topic)
            }
        }
    }

    // Pairing.

    /// Makes an agent token; the text is shown this once.
    package func makeToken(
        name: String, in workspace: WorkspaceID, lifetime: Duration?, by account: AccountID
    ) async throws -> (AgentToken, text: String) {
        let name = try Self.name(name)
        let lifetime = lifetime ?? Limits.tokenLifetime
        guard lifetime >= .seconds(60), lifetime <= Limits.tokenLifetimeMax else {
            throw DevicesError.invalid(
                path: "expires_in_s", message: "must be 60 to 2592000 seconds")
        }
        let text = "cla_" + Base64URL.encode(SecureRandom.bytes(24))
        let token = try await store.insertToken(
            newID(), workspace: workspace, name: name, hash: SHA256.hash(Array(text.utf8)),
            createdBy: account,
            expiresAt: Timestamp(unixMilliseconds: unixMilliseconds()) + lifetime,
            openMax: Limits.openTokensMax)
        guard let token else { throw DevicesError.tooMany("unused agent tokens") }
        return (token, text)
    }

    package func tokens(of workspace: WorkspaceID) async throws -> [AgentToken] {
        try await store.tokens(of: workspace)
    }

    package func revokeToken(_ id: AgentTokenID, of workspace: WorkspaceID) async throws {
        guard try await store.revokeToken(id, of: workspace) else {
            throw DevicesError.notFound("agent token")
        }
    }

    /// Pairs an agent: the token serves once, the key is the agent's own.
    package func pair(
        token: String, publicKey: String, name: String, platform: String
    ) async throws -> Pairing {
        let name = try Self.name(name)
        guard let key = Base64URL.decode(publicKey), key.count == 32 else {
            throw DevicesError.invalid(
                path: "public_key", message: "must be 32 bytes of Ed25519 key in base64url")
        }
        do {
            let agent = try await store.pair(
                tokenHash: SHA256.hash(Array(token.utf8)), as: newID(), name: name,
                platform: String(platform.prefix(60)), publicKey: key,
                at: Timestamp(unixMilliseconds: unixMilliseconds()))
            guard let agent else { throw DevicesError.wrongAgentToken }
            await onLoop { $0.updateDirectory { $0.put(agent) } }
            await publishStops(of: [agent.id])
            changed(agent.workspace)
            return try pairing(of: agent)
        } catch let error as PostgresError where error.isUniqueViolation() {
            throw DevicesError.keyTaken
        }
    }

    /// Gives an agent a new credential; the request is signed with the agent's key over
    /// `cuelight-credential|agent_id|issued_at_ms|nonce`.
    package func renewCredential(
        of agent: AgentID, issuedAtMilliseconds: Int64, nonce: String, signature: String
    ) async throws -> Pairing {
        let (skew, isFar) = issuedAtMilliseconds.subtractingReportingOverflow(unixMilliseconds())
        let known = await onLoop { $0.directory.agents[agent] }
        guard !isFar, skew.magnitude <= Limits.clockSkewMax.millisecondsClamped.magnitude,
            let known, !known.isRevoked, nonce.utf8.count <= 64,
            let signature = Base64URL.decode(signature),
            let bytes = try await store.publicKey(of: agent)
        else { throw DevicesError.wrongSignature }
        let text = "cuelight-credential|\(agent)|\(issuedAtMilliseconds)|\(nonce)"
        let key = try Ed25519.PublicKey(bytes: bytes)
        guard key.verify(signature, of: Array(text.utf8)) else {
            throw DevicesError.wrongSignature
        }
        return try pairing(of: known)
    }

    /// Ends an agent for good: its connection ends at once, and it cannot come back.
    package func revokeAgent(_ id: AgentID, of workspace: WorkspaceID) async throws {
        guard let epoch = try await store.revokeAgent(id, of: workspace) else {
            throw DevicesError.notFound("agent")
        }
        let agent = await onLoop { dispatcher in
            dispatcher.updateDirectory { directory in
                directory.update(id) { agent in
                    agent.isRevoked = true
                    agent.epoch = epoch
                    agent.state = nil
                }
                return directory.agents[id]
            }
        }
        if let agent { revokeAtBroker(agent, epoch: epoch) }
        changed(workspace)
    }

    // Devices.

    /// The agents and devices of a workspace, with how they are.
    package func overview(
        of workspace: WorkspaceID
    ) async -> (agents: [Agent], devices: [(Device, BoardState, isStopped: Bool)]) {
        await onLoop { dispatcher in
            let directory = dispatcher.directory
            let devices = directory.devices(of: workspace).map { device in
                (device, directory.condition(of: device), isStopped: directory.isStopped(device))
            }
            return (directory.agents(of: workspace), devices)
        }
    }

    /// What is stopped in a workspace.
    package func stops(of workspace: WorkspaceID) async -> [StopTarget] {
        await onLoop { dispatcher in
            let directory = dispatcher.directory
            return directory.stops.filter { target in
                switch target {
                case .workspace(let id): id == workspace
                case .agent(let id): directory.agents[id]?.workspace == workspace
                case .device(let id): directory.devices[id]?.workspace == workspace
                }
            }
        }
    }

    /// What is stopped in a workspace, with what the database knows of it. A stop acts before it
    /// is written down, and while the database is away, so memory says what is stopped.
    package func stopRecords(of workspace: WorkspaceID) async -> [StopRecord] {
        var written: [StopTarget: StopRecord] = [:]
        do {
            for record in try await store.stopRecords(of: workspace) {
                written[record.target] = record
            }
        } catch {
            log.warning("cannot read since when stops hold", ["reason": .string("\(error)")])
        }
        return await stops(of: workspace).map {
            written[$0] ?? StopRecord(target: $0, by: nil, sinceMilliseconds: nil)
        }
    }

    package func renameDevice(
        _ id: DeviceID, of workspace: WorkspaceID, to name: String
    ) async throws {
        let name = try Self.name(name)
        guard try await store.renameDevice(id, of: workspace, to: name) else {
            throw DevicesError.notFound("device")
        }
        await onLoop { dispatcher in
            dispatcher.updateDirectory { directory in
                guard var device = directory.devices[id] else { return }
                device.name = name
                directory.put(device)
            }
        }
        changed(workspace)
    }

    /// What is wrong with the actions of a rule of the workspace: devices that are not its own,
    /// channels that they have not, operations that the channels cannot do. Paths begin at
    /// `actions`.
    package func problems(
        with actions: [Action], in workspace: WorkspaceID
    ) async -> [(path: String, message: String)] {
        await onLoop { dispatcher in
            actions.enumerated().compactMap { index, action in
                guard let device = dispatcher.directory.devices[action.device],
                    device.workspace == workspace
                else { return ("actions[\(index)].device_id", "is not a device of the workspace") }
                guard let channel = device.manifest.channel(named: action.channel) else {
                    return ("actions[\(index)].channel", "\(device.name) has no such channel")
                }
                return channel.refusal(of: action.operation).map {
                    ("actions[\(index)].operation", $0)
                }
            }
        }
    }

    // Commands.

    /// Sends a command that a person gave. The outcome comes later.
    package func command(
        _ action: Action, in workspace: WorkspaceID, deadline: Duration, trace: Trace
    ) async throws -> CommandID {
        let id = await onLoop { dispatcher -> CommandID? in
            guard dispatcher.directory.devices[action.device]?.workspace == workspace else {
                return nil
            }
            return dispatcher.dispatch(action, in: workspace, deadline: deadline, trace: trace)
        }
        guard let id else { throw DevicesError.notFound("device") }
        return id
    }

    /// The newest ended commands of a workspace before `cursor`, and where the next page starts.
    package func commands(
        of workspace: WorkspaceID, before cursor: CommandID?, limit: Int
    ) async throws -> (page: [LoggedCommand], next: CommandID?) {
        let found = try await commands.commands(
            of: workspace, before: cursor, limit: min(limit, Limits.commandsPageMax) + 1)
        let page = Array(found.prefix(min(limit, Limits.commandsPageMax)))
        return (page, found.count > page.count ? page.last?.id : nil)
    }

    package func command(
        _ id: CommandID, of workspace: WorkspaceID
    ) async throws -> LoggedCommand {
        guard let command = try await commands.command(id, of: workspace) else {
            throw DevicesError.notFound("command")
        }
        return command
    }

    /// Drops commands beyond their lifetime; answers how many.
    package func deleteOldCommands() async throws -> Int {
        let end = Timestamp(unixMilliseconds: unixMilliseconds()) + (.zero - Limits.commandLifetime)
        return try await commands.deleteEnded(before: end, limit: 10_000)
    }

    // E-stop.

    /// Presses or releases the E-stop of a target. Pressing acts at once, in memory and at the
    /// broker, and is written down after; releasing is written down first.
    package func setStop(
        _ target: StopTarget, in workspace: WorkspaceID, isStopped: Bool, by account: AccountID
    ) async throws {
        let agents = await onLoop { dispatcher -> [AgentID]? in
            let directory = dispatcher.directory
            switch target {
            case .workspace(let id):
                return id == workspace ? directory.agents(of: workspace).map(\.id) : nil
            case .agent(let id):
                return directory.agents[id]?.workspace == workspace ? [id] : nil
            case .device(let id):
                guard let device = directory.devices[id], device.workspace == workspace else {
                    return nil
                }
                return [device.agent]
            }
        }
        guard let agents else { throw DevicesError.notFound("device") }
        if isStopped {
            await onLoop { dispatcher in
                dispatcher.updateDirectory { directory in
                    directory.setStop(target, isStopped: true)
                    // Ahead of the database: the next number is certain, as one process owns it.
                    for agent in agents { directory.update(agent) { $0.stopSequence += 1 } }
                }
            }
            await publishStops(of: agents)
            try await store.insertStop(target, of: workspace, by: account)
        } else {
            try await store.deleteStop(target)
            await onLoop { $0.updateDirectory { $0.setStop(target, isStopped: false) } }
        }
        // The database's count is the truth after a restart; it only ever grows.
        for (agent, sequence) in try await store.raiseStopSequence(of: agents) {
            await onLoop { dispatcher in
                dispatcher.updateDirectory {
                    $0.update(agent) { $0.stopSequence = max($0.stopSequence, sequence) }
                }
            }
        }
        if !isStopped { await publishStops(of: agents) }
        changed(workspace)
    }

    private func publishStops(of agents: [AgentID]) async {
        let messages = await onLoop { dispatcher in
            agents.compactMap { id -> (Topic, EmergencyStop)? in
                guard let agent = dispatcher.directory.agents[id] else { return nil }
                let topic = Topic(workspace: agent.workspace, agent: id, leaf: .estop)
                return (topic, dispatcher.directory.emergencyStop(of: agent))
            }
        }
        for (topic, stop) in messages {
            do {
                let payload = Array(try JSONEncoder().encode(stop))
                client.publish(
                    MQTTMessage(topic: topic.name, payload: payload, isRetained: true),
                    completion: nil)
            } catch {
                log.error("cannot write an E-stop", ["reason": .string("\(error)")])
            }
        }
    }

    // From agents, on the loop.

    private func received<Payload: Decodable>(
        _ message: MQTTMessage, as type: Payload.Type,
        _ handle: (DevicesService, Topic, Payload) -> Void
    ) {
        guard let topic = Topic(message.topic) else { return }
        do {
            let payload = try JSONDecoder().decode(type, from: Data(message.payload))
            guard dispatcher.directory.agents[topic.agent]?.workspace == topic.workspace else {
                return
            }
            handle(self, topic, payload)
        } catch {
            log.warning(
                "unreadable message from an agent",
                ["topic": .string(message.topic), "reason": .string("\(error)")])
        }
    }

    private func take(_ state: AgentState, from topic: Topic) {
        dispatcher.updateDirectory { $0.update(topic.agent) { $0.state = state } }
        changed(topic.workspace)
    }

    private func take(_ manifest: AgentManifest, from topic: Topic) {
        guard let agent = dispatcher.directory.agents[topic.agent], !agent.isRevoked else { return }
        Task { [self] in
            for board in manifest.boards.prefix(AgentManifest.boardsMax) {
                do { try await keep(board, of: agent) } catch {
                    log.warning(
                        "cannot keep a device",
                        ["board": .string("\(board.uid)"), "reason": .string("\(error)")])
                }
            }
            changed(agent.workspace)
        }
    }

    private func keep(_ board: AgentManifest.Board, of agent: Agent) async throws {
        let known = await onLoop { $0.directory.device(of: agent.id, board: board.uid) }
        if let known, known.manifest == board.manifest { return }
        if known == nil, try await store.deviceCount(of: agent.workspace) >= Limits.devicesMax {
            throw DevicesError.tooMany("devices")
        }
        let manifest = String(decoding: try JSONEncoder().encode(board.manifest), as: UTF8.self)
        let name = "\(board.manifest.board) \(board.uid.description.suffix(4))"
        let device = try await store.upsertDevice(
            newID(), agent: agent, board: board.uid, name: name, manifest: manifest)
        if let device { await onLoop { $0.updateDirectory { $0.put(device) } } }
    }

    // Parts.

    private func pairing(of agent: Agent) throws -> Pairing {
        let expiry = unixMilliseconds() + Limits.credentialLifetime.millisecondsClamped
        let credential = BrokerCredential(
            role: .agent, workspace: agent.workspace.description, client: agent.id.description,
            epoch: agent.epoch, expiresAtSeconds: expiry / 1000)
        return Pairing(
            agent: agent.id, workspace: agent.workspace,
            credential: try signer.password(for: credential),
            credentialExpiresAtMilliseconds: expiry)
    }

    private func revokeAtBroker(_ agent: Agent, epoch: Int64) {
        let text = "revoke \(agent.workspace) \(agent.id) \(epoch)"
        client.publish(
            MQTTMessage(topic: BrokerCredential.controlTopic, payload: Array(text.utf8)))
    }

    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (CommandDispatcher) -> Value
    ) async -> Value {
        let dispatcher = dispatcher
        if dispatcher.loop.isCurrent { return body(dispatcher) }
        return await withCheckedContinuation { continuation in
            dispatcher.loop.submit { continuation.resume(returning: body(dispatcher)) }
        }
    }

    private func newID<Entity>() -> Identifier<Entity> {
        var random = SecureRandom()
        return Identifier(unixMilliseconds: unixMilliseconds(), using: &random)
    }

    private static func name(_ text: String) throws -> String {
        let name = text.split(separator: " ").joined(separator: " ")
        guard (1...60).contains(name.unicodeScalars.count),
            name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw DevicesError.invalid(path: "name", message: "must be 1 to 60 characters") }
        return name
    }
}
