import Crypto
import FoundationEssentials
import Glibc
import MQTT
import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

/// A clock that a test moves.
final class Hands: Sendable {
    private let time = Mutex<Int64>(1_800_000_000_000)
    var now: Int64 { time.withLock { $0 } }
    func move(_ duration: Duration) { time.withLock { $0 += duration.millisecondsClamped } }
    func set(_ milliseconds: Int64) { time.withLock { $0 = milliseconds } }
}

/// The changes of inputs that were told, in their order.
final class InputReports: Sendable {
    private let reports = Mutex<[InputReport]>([])
    var all: [InputReport] { reports.withLock { $0 } }
    func add(_ report: InputReport) { reports.withLock { $0.append(report) } }
}

/// A real Mosquitto that checks credentials by our plugin.
struct GuardedBroker {
    struct Missing: Error, CustomStringConvertible {
        let description = "no .build/broker/cuelight_auth.so: run `make broker-plugin` first"
    }

    static func start(key: Ed25519.PublicKey) async throws -> TestBroker {
        let repository = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = repository.appending(path: ".build/broker/cuelight_auth.so")
        guard let plugin = try? Data(contentsOf: path) else { throw Missing() }
        // The broker's user may not enter the repository.
        let folder = try TestProcess.makeFolder("plugin")
        try plugin.write(to: URL(filePath: folder + "/auth.so"))
        try TestProcess.write(Base64.encode(key.bytes) + "\n", to: folder + "/keys")
        return try await TestBroker.start(
            settings: """
                allow_anonymous false
                plugin \(folder)/auth.so
                plugin_opt_public_key_file \(folder)/keys
                plugin_opt_revocation_file \(folder)/revocations
                """)
    }
}

/// The domain as one process has it: on a database of its own and a real broker, with its
/// workers running.
final class Site: Sendable {
    static let home = WorkspaceID(high: 1, low: 1)
    static let elsewhere = WorkspaceID(high: 1, low: 2)
    static let owner = AccountID(high: 4, low: 4)

    let hands: Hands
    let pool: PostgresPool
    let broker: TestBroker
    let signer: BrokerCredentialSigner
    let devices: Devices
    let client: MQTTClient
    let loop: EventLoop
    /// The ended commands in their order.
    let ended = Mutex<[Outcome]>([])
    let changes = Atomic(0)
    /// The changes of inputs in their order.
    let inputs: InputReports
    /// Something changed or ended since it was last read.
    private let news: AsyncStream<Void>
    private let running: Task<Void, any Error>

    var service: DevicesService { devices.service }
    var dispatcher: CommandDispatcher { devices.dispatcher }

    private init(
        pool: PostgresPool, broker: TestBroker, signer: BrokerCredentialSigner, hands: Hands
    ) async throws {
        self.pool = pool
        self.broker = broker
        self.signer = signer
        self.hands = hands
        let log = Log(component: "test", minimum: .error)
        loop = try EventLoop.start(name: "desk")
        var configuration = broker.configuration(clientID: "control-1")
        configuration.reconnect = Backoff(longest: .milliseconds(300))
        configuration.password = { Self.password(of: "control-1", signer) }
        client = try MQTTClient(configuration, loop: loop, log: log)
        let (news, tell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.news = news
        let ids = IDGenerator(unixMilliseconds: { hands.now })
        let inputs = InputReports()
        self.inputs = inputs
        let reports = Mutex<
            (ended: (@Sendable (Outcome) -> Void)?, changed: (@Sendable () -> Void)?)
        >(
            (nil, nil))
        devices = Devices(
            pool: pool, client: client, signer: signer,
            broker: BrokerAddress(host: "localhost", port: 1883, isTLS: false), clock: "clock",
            log: log, makeCommandID: { ids.next() }, unixMilliseconds: { hands.now },
            reports: Devices.Reports(
                command: { _, outcome in
                    guard let outcome else { return }
                    reports.withLock { $0.ended }?(outcome)
                    tell.yield()
                },
                changed: { _ in
                    reports.withLock { $0.changed }?()
                    tell.yield()
                },
                input: { report in
                    inputs.add(report)
                    tell.yield()
                }, measured: { _ in tell.yield() }))
        let workers: [any Worker] = [client] + devices.workers
        devices.service.subscribe()
        try await devices.service.load()
        running = Task {
            try await withThrowingTaskGroup { group in
                for worker in workers { group.addTask { try await worker.run() } }
                try await group.waitForAll()
            }
        }
        reports.withLock { reports in
            reports.ended = { [weak self] outcome in self?.ended.withLock { $0.append(outcome) } }
            reports.changed = { [weak self] in _ = self?.changes.add(1, ordering: .relaxed) }
        }
    }

    private static func password(of control: String, _ signer: BrokerCredentialSigner) -> String {
        let credential = BrokerCredential(
            role: .control, workspace: "-", client: control, epoch: 1,
            expiresAtSeconds: SystemTime.unixMilliseconds / 1000 + 3600)
        // An empty password is refused by the broker, and the test that waits for it fails.
        return (try? signer.password(for: credential)) ?? ""
    }

    /// Another connection of a control plane, that hears everything.
    func controlLine(_ name: String) throws -> AgentLine {
        var configuration = broker.configuration(clientID: name)
        let signer = signer
        configuration.password = { Self.password(of: name, signer) }
        return try AgentLine(configuration)
    }

    /// - Parameter isGuarded: with the plugin; else the broker believes everybody.
    static func start(isGuarded: Bool = false, pool: PostgresPool? = nil) async throws -> Site {
        let signer = BrokerCredentialSigner(Ed25519.PrivateKey())
        let broker =
            isGuarded
            ? try await GuardedBroker.start(key: signer.publicKey) : try await TestBroker.start()
        let database: PostgresPool
        if let pool { database = pool } else { database = try await TestDatabase.make().pool }
        return try await Site(pool: database, broker: broker, signer: signer, hands: Hands())
    }

    /// Another process on the same database and broker, after this one.
    func restart(broker: TestBroker? = nil) async throws -> Site {
        await stop()
        return try await Site(
            pool: pool, broker: broker ?? self.broker, signer: signer, hands: hands)
    }

    func stop() async {
        running.cancel()
        _ = await running.result
        loop.stop()
    }

    /// Waits until something holds; it is asked at the start and after each report.
    func until(_ holds: @Sendable () async throws -> Bool) async throws {
        if try await holds() { return }
        for await _ in news where try await holds() { return }
    }

    func connected() async {
        let states = AsyncStream { continuation in
            client.onStateChange { continuation.yield($0) }
        }
        for await state in states where state == .connected { return }
    }

    // People.

    func token(_ name: String = "desk", in workspace: WorkspaceID = home) async throws -> String {
        try await service.makeToken(
            name: name, in: workspace, lifetime: nil, by: Self.owner
        ).text
    }

    func pair(in workspace: WorkspaceID = home) async throws -> TestAgent {
        let key = Ed25519.PrivateKey()
        let pairing = try await service.pair(
            token: try await token(in: workspace), publicKey: key.publicKey.description,
            name: "desk", platform: "linux")
        return TestAgent(pairing: pairing, key: key, broker: broker)
    }

    /// Presses, and waits until it is written down.
    func press(_ target: StopTarget, in workspace: WorkspaceID = home) async throws {
        _ = try await service.setStop(target, in: workspace, isStopped: true, by: Self.owner)
        await kept(target)
    }

    /// Waits until a press is written down.
    func kept(_ target: StopTarget) async {
        let keeper = service.stopKeeper
        await service.stopWaits.wait(atMost: .seconds(60)) { keeper.isKept(target) }
        #expect(keeper.isKept(target))
    }

    @discardableResult
    func release(
        _ target: StopTarget, in workspace: WorkspaceID = home
    ) async throws -> StopOrder {
        try await service.setStop(target, in: workspace, isStopped: false, by: Self.owner)
    }

    func device(_ board: BoardUID, in workspace: WorkspaceID = home) async -> Device? {
        await dispatcher.run { $0.directory.device(in: workspace, board: board) }
    }

    func agent(_ id: AgentID) async -> Agent? {
        await dispatcher.run { $0.directory.agents[id] }
    }

    func send(
        to device: DeviceID, in workspace: WorkspaceID = home, channel: String = "relay1"
    ) async throws -> CommandID {
        try await service.command(
            Action(
                device: device, channel: channel, operation: .pulse(durationMilliseconds: 20)),
            in: workspace, deadline: .seconds(10),
            trace: Trace(id: "t", clock: "clock", arrivedNanoseconds: 1))
    }
}

/// An agent's end of the broker.
final class TestAgent: Sendable {
    let pairing: Pairing
    let key: Ed25519.PrivateKey
    private let broker: TestBroker

    init(pairing: Pairing, key: Ed25519.PrivateKey, broker: TestBroker) {
        self.pairing = pairing
        self.key = key
        self.broker = broker
    }

    var id: AgentID { pairing.agent }

    func topic(_ leaf: Topic.Leaf) -> String {
        Topic(workspace: pairing.workspace, agent: id, leaf: leaf).name
    }

    func line(
        on broker: TestBroker? = nil, password: String? = nil
    ) throws -> AgentLine {
        var configuration = (broker ?? self.broker).configuration(clientID: id.description)
        let password = password ?? pairing.credential
        configuration.password = { password }
        configuration.reconnect = Backoff(longest: .milliseconds(300))
        return try AgentLine(configuration, agent: self)
    }
}

/// A connection of an agent, or one that only listens.
final class AgentLine: Sendable {
    let client: MQTTClient
    private let agent: TestAgent?
    private let loop: EventLoop
    private let running: Task<Void, any Error>

    init(_ configuration: MQTTConfiguration, agent: TestAgent? = nil) throws {
        self.agent = agent
        loop = try EventLoop.start(name: "agent")
        let client = try MQTTClient(
            configuration, loop: loop, log: Log(component: "test", minimum: .error))
        self.client = client
        running = Task { try await client.run() }
    }

    func stop() async {
        running.cancel()
        _ = await running.result
        loop.stop()
    }

    func states() -> AsyncStream<MQTTClient.State> {
        AsyncStream { continuation in client.onStateChange { continuation.yield($0) } }
    }

    func messages(_ leaf: Topic.Leaf) async -> AsyncStream<MQTTMessage> {
        await messages(topic(leaf))
    }

    func messages(_ filter: String) async -> AsyncStream<MQTTMessage> {
        let (granted, grant) = AsyncStream<Void>.makeStream()
        let messages = AsyncStream { continuation in
            client.subscribe(filter, granted: { _ in grant.yield() }) {
                continuation.yield($0)
            }
        }
        for await _ in granted { break }
        return messages
    }

    func publish(_ leaf: Topic.Leaf, _ payload: [UInt8], isRetained: Bool = false) async throws {
        try await client.publish(
            MQTTMessage(topic: topic(leaf), payload: payload, isRetained: isRetained))
    }

    private func topic(_ leaf: Topic.Leaf) -> String {
        guard let agent else { preconditionFailure("it is no agent's line") }
        return agent.topic(leaf)
    }

    func publish(_ leaf: Topic.Leaf, _ value: some Encodable) async throws {
        try await publish(
            leaf, Array(try JSONEncoder().encode(value)),
            isRetained: leaf == .state || leaf == .manifest)
    }

    /// Says that it is there, with boards that stand like this and these channels on each.
    func showUp(
        with boards: [BoardUID], manifest: BoardManifest = .relay(),
        condition: BoardState.Condition = .armed, stopSequence: Int64 = 0
    ) async throws {
        try await publish(
            .manifest,
            AgentManifest(
                boards: boards.map { AgentManifest.Board(uid: $0, port: "p", manifest: manifest) }))
        try await publish(
            .state,
            AgentState(
                isOnline: true, version: "1", startedAtMilliseconds: 0, stopSequence: stopSequence,
                isStopped: false, boards: boards.map { BoardState(uid: $0, condition: condition) }))
    }
}

extension BoardManifest {
    static func relay(firmware: String = "0.1.0", names: [String] = ["relay1"]) -> BoardManifest {
        BoardManifest(
            linkVersion: 1, board: "uno", firmware: firmware, build: "00000000",
            receiveWindowBytes: 60,
            channels: names.enumerated().map { index, name in
                Channel(
                    id: UInt8(truncatingIfNeeded: index), name: name, kind: .relay, pin: 7,
                    onMaxMilliseconds: 1000)
            })
    }
}

extension MQTTMessage {
    func stop() throws -> EmergencyStop {
        try JSONDecoder().decode(EmergencyStop.self, from: Data(payload))
    }
}
