package import Crypto
internal import FoundationEssentials
package import MQTT
package import Platform
package import Postgres
package import SharedModels
internal import Synchronization

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

    let store: DevicesStore
    private let commands: CommandStore
    private let signer: BrokerCredentialSigner
    let unixMilliseconds: @Sendable () -> Int64
    private let ids: IDGenerator
    let log: Log
    package let dispatcher: CommandDispatcher
    /// Called when an agent or a device changed, for whoever watches the workspace.
    let changed: @Sendable (WorkspaceID) -> Void
    let notices: BrokerNotices
    private let manifests: ManifestKeeper
    private let inbox: AgentInbox
    /// Taken while a device changes in database and directory.
    private let devices = Turn()
    /// Taken while stops change in database and directory.
    let stopTurn = Turn()
    let stopKeeper: StopKeeper
    /// Taken while sequences change in database and directory.
    let sequenceTurn = Turn()
    let sequenceStore: SequenceStore
    /// The highest revision that a sequence was given, deleted ones included.
    let sequenceRevision = Mutex<Int64>(0)
    /// Who waits for what agents say of a stop.
    let stopWaits: StopWaits
    let flashes: FlashJobs
    let flashStore: FlashStore
    /// To be run by the process.
    package var workers: [any Worker] { [notices, manifests, stopKeeper, flashes] }

    package init(
        pool: PostgresPool, signer: BrokerCredentialSigner, client: MQTTClient,
        dispatcher: CommandDispatcher, log: Log, unixMilliseconds: @escaping @Sendable () -> Int64,
        changed: @escaping @Sendable (WorkspaceID) -> Void,
        input: @escaping @Sendable (InputReport) -> Void,
        measured: @escaping @Sendable (LinkReport) -> Void,
        flashing: @escaping @Sendable (FlashJob) -> Void
    ) {
        store = DevicesStore(pool: pool)
        commands = CommandStore(pool: pool)
        sequenceStore = SequenceStore(pool: pool)
        self.signer = signer
        self.dispatcher = dispatcher
        self.unixMilliseconds = unixMilliseconds
        let ids = IDGenerator(unixMilliseconds: unixMilliseconds)
        self.ids = ids
        self.log = log.of("devices")
        self.changed = changed
        let notices = BrokerNotices(client: client, dispatcher: dispatcher, log: self.log)
        self.notices = notices
        let store = store
        manifests = ManifestKeeper(
            store: store, dispatcher: dispatcher, devices: devices, log: self.log,
            makeID: { ids.next() },
            kept: { device, agents in
                changed(device.workspace)
                await Self.repeatStops(
                    of: device, to: agents, unixMilliseconds(), notices: notices,
                    dispatcher: dispatcher)
            })
        flashStore = FlashStore(pool: pool)
        let flashes = FlashJobs(
            store: flashStore, dispatcher: dispatcher, log: self.log,
            unixMilliseconds: unixMilliseconds, changed: flashing)
        self.flashes = flashes
        let stopWaits = StopWaits(loop: dispatcher.loop)
        self.stopWaits = stopWaits
        stopKeeper = StopKeeper(
            store: store, dispatcher: dispatcher, turn: stopTurn, log: self.log,
            kept: { workspace in
                dispatcher.loop.submit { stopWaits.tell() }
                changed(workspace)
            })
        inbox = AgentInbox(
            client: client, dispatcher: dispatcher, manifests: manifests,
            inputs: InputIntake(
                dispatcher: dispatcher, unixMilliseconds: unixMilliseconds, report: input),
            log: self.log,
            changed: { workspace in
                stopWaits.tell()
                changed(workspace)
            }, appeared: { notices.publishStops(of: [$0]) }, measured: measured,
            flashing: { flashes.take($1, of: $0) })
    }

    /// A stopped device that came to another agent: both must know.
    private static func repeatStops(
        of device: Device, to agents: [AgentID], _ unixMilliseconds: Int64,
        notices: BrokerNotices, dispatcher: CommandDispatcher
    ) async {
        await dispatcher.run { dispatcher in
            if !agents.isEmpty { notices.publishSequences(of: agents) }
            guard !agents.isEmpty, dispatcher.directory.stops.contains(.device(device.id)) else {
                return
            }
            _ = dispatcher.updateDirectory {
                $0.raiseStopSequences(of: agents, unixMilliseconds: unixMilliseconds)
            }
            notices.publishStops(of: agents)
        }
    }

    /// Fills the directory from the database; before the client and the workers run. The broker
    /// is told who is revoked and what is stopped at each connection (`BrokerNotices`).
    package func load() async throws {
        let agents = try await store.agents()
        let devices = try await store.devices()
        let stops = try await store.stops()
        let sequences = try await sequenceStore.sequences()
        let revision = sequences.map(\.revision).max() ?? 0
        sequenceRevision.withLock { $0 = max($0, revision) }
        await dispatcher.run { dispatcher in
            dispatcher.updateDirectory { directory in
                for agent in agents {
                    var agent = agent
                    if let known = directory.agents[agent.id] {
                        agent.state = known.state
                        agent.telemetry = known.telemetry
                        agent.stopSequence = max(agent.stopSequence, known.stopSequence)
                    }
                    directory.put(agent)
                }
                for device in devices { directory.put(device) }
                for sequence in sequences { directory.put(sequence) }
                for stop in stops { directory.setStop(stop, isStopped: true) }
            }
        }
        try await flashes.load()
        notices.watchConnection()
    }

    func makeFlashID() -> FlashJobID { ids.next() }

    /// Subscribes to what agents say. Call once, before the client runs.
    package func subscribe() { inbox.subscribe() }

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
            ids.next(), workspace: workspace, name: name, hash: SHA256.hash(Array(text.utf8)),
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
        let key: Ed25519.PublicKey
        do { key = try Ed25519.PublicKey(publicKey) } catch {
            throw DevicesError.invalid(
                path: "public_key", message: "must be 32 bytes of Ed25519 key in base64url")
        }
        do {
            let agent = try await store.pair(
                tokenHash: SHA256.hash(Array(token.utf8)), as: ids.next(), name: name,
                platform: Self.platform(platform), publicKey: key.bytes,
                at: Timestamp(unixMilliseconds: unixMilliseconds()))
            guard let agent else { throw DevicesError.wrongAgentToken }
            try await welcome(agent)
            return try pairing(of: agent)
        } catch let error as PostgresError where error.isUniqueViolation() {
            throw DevicesError.keyTaken
        }
    }

    /// Puts a new agent into the directory. One of a stopped workspace is told so with a number
    /// that it obeys; 0 means to it that nothing was ever stopped.
    private func welcome(_ agent: Agent) async throws {
        let now = unixMilliseconds()
        let notices = notices
        let sequences = await dispatcher.run { dispatcher -> [(AgentID, Int64)] in
            defer { notices.publishStops(of: [agent.id]) }
            return dispatcher.updateDirectory { directory in
                directory.put(agent)
                guard directory.emergencyStop(of: agent).isAgentStopped else { return [] }
                return directory.raiseStopSequences(of: [agent.id], unixMilliseconds: now)
            }
        }
        changed(agent.workspace)
        if !sequences.isEmpty { try await store.keep(sequences: sequences) }
    }

    /// Gives an agent a new credential; the request is signed with the agent's key over
    /// `cuelight-credential|agent_id|issued_at_ms|nonce`.
    package func renewCredential(
        of agent: AgentID, issuedAtMilliseconds: Int64, nonce: String, signature: String
    ) async throws -> Pairing {
        let (skew, isFar) = issuedAtMilliseconds.subtractingReportingOverflow(unixMilliseconds())
        let known = await dispatcher.run { $0.directory.agents[agent] }
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
        let (notices, inbox) = (notices, inbox)
        await dispatcher.run { dispatcher in
            dispatcher.updateDirectory { directory in
                directory.update(id) { agent in
                    agent.isRevoked = true
                    agent.epoch = max(agent.epoch, epoch)
                    agent.state = nil
                    agent.telemetry = nil
                }
            }
            inbox.forget(id)
            notices.publishRevocation(of: id)
        }
        changed(workspace)
    }

    // Devices.

    /// The agents and devices of a workspace, with how they are.
    package func overview(
        of workspace: WorkspaceID
    ) async -> (
        agents: [Agent],
        devices: [(
            Device, BoardState, link: AgentTelemetry.Link?, isStopped: Bool,
            inputs: [(String, InputValue)], firmware: [FirmwareOffer], flash: FlashJob?
        )]
    ) {
        let flashes = flashes
        return await dispatcher.run { dispatcher in
            let directory = dispatcher.directory
            let devices = directory.devices(of: workspace).map { device in
                (
                    device, directory.condition(of: device), link: directory.link(of: device),
                    isStopped: directory.isStopped(device),
                    inputs: directory.inputs(of: device).map { ($0.channel, $0.value) },
                    firmware: directory.firmware(for: device), flash: flashes.job(of: device.id)
                )
            }
            return (directory.agents(of: workspace), devices)
        }
    }

    /// What is stopped in a workspace.
    package func stops(of workspace: WorkspaceID) async -> [StopTarget] {
        await dispatcher.run { dispatcher in
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
        return await stops(of: workspace).map { target in
            var record = written[target] ?? StopRecord(target: target)
            record.isKept = stopKeeper.isKept(target)
            return record
        }
    }

    package func renameDevice(
        _ id: DeviceID, of workspace: WorkspaceID, to name: String
    ) async throws {
        let name = try Self.name(name)
        // Not while a manifest changes it, whose answer would bring the old name back.
        try await devices.take {
            guard try await store.renameDevice(id, of: workspace, to: name) else {
                throw DevicesError.notFound("device")
            }
            await dispatcher.run { dispatcher in
                dispatcher.updateDirectory { directory in
                    guard var device = directory.devices[id] else { return }
                    device.name = name
                    directory.put(device)
                }
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
        await dispatcher.run { dispatcher in
            actions.enumerated().compactMap { index, action in
                guard let device = dispatcher.directory.devices[action.device],
                    device.workspace == workspace
                else { return ("actions[\(index)].device_id", "is not a device of the workspace") }
                guard let channel = device.manifest.channel(named: action.channel) else {
                    return ("actions[\(index)].channel", "\(device.name) has no such channel")
                }
                let refusal =
                    channel.refusal(of: action.operation)
                    ?? dispatcher.directory.refusal(ofRuleWith: action)
                return refusal.map { ("actions[\(index)].operation", $0) }
            }
        }
    }

    /// What is wrong with the trigger of a rule of the workspace, likewise; paths begin at
    /// `trigger`.
    package func problems(
        with trigger: Trigger, in workspace: WorkspaceID
    ) async -> [(path: String, message: String)] {
        guard case .input(let match) = trigger else { return [] }
        return await dispatcher.run { dispatcher in
            guard let device = dispatcher.directory.devices[match.device],
                device.workspace == workspace
            else { return [("trigger.input.device_id", "is not a device of the workspace")] }
            guard let channel = device.manifest.channel(named: match.channel) else {
                return [("trigger.input.channel", "\(device.name) has no such channel")]
            }
            return channel.refusal(of: match.condition).map {
                [("trigger.input.condition", $0)]
            } ?? []
        }
    }

    // Commands.

    /// Sends a command that a person gave. The outcome comes later.
    package func command(
        _ action: Action, in workspace: WorkspaceID, deadline: Duration, trace: Trace
    ) async throws -> CommandID {
        let id = await dispatcher.run { dispatcher -> CommandID? in
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
        let limit = min(max(limit, 1), Limits.commandsPageMax)
        let found = try await commands.commands(of: workspace, before: cursor, limit: limit + 1)
        let page = found.prefix(limit)
        return (page.compactMap(\.command), found.count > page.count ? page.last?.id : nil)
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

    /// What an agent calls its machine, as far as it is printable ASCII.
    private static func platform(_ text: String) -> String {
        let scalars = text.unicodeScalars.filter { (0x20..<0x7F).contains($0.value) }
        return String(String.UnicodeScalarView(scalars.prefix(60)))
    }

    private static func name(_ text: String) throws(DevicesError) -> String {
        do { return try SingleLineName.make(text, lengthMax: 60) } catch {
            throw .invalid(path: "name", message: "\(error)")
        }
    }
}
