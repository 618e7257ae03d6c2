internal import Crypto
internal import FoundationEssentials
package import Hardware
package import MQTT
package import Platform
internal import SharedModels

/// The whole running agent: core, broker connection, credential, journal keeper and control
/// socket, on one event loop. Runs until cancelled; then it disarms its boards, says that it is
/// offline and ends.
package final class AgentWorker: Worker {
    package struct Settings: Sendable {
        package var version: String
        /// Ports by name; USB ports are found besides.
        package var ports: [String]
        package var findsUSB: Bool
        /// Which USB ports may be opened.
        package var filter: PortFilter
        package var portWatch: PortWatcher.Choice
        package var baud: Int
        /// Boards of the configuration file.
        package var hosted: [HostedBoard]
        /// PEM file of the broker's authority; nil for the system's.
        package var brokerAuthorityFile: String?
        /// What may be flashed as the control plane orders.
        package var firmware: FirmwareLibrary?
        /// The service manager, if there is one.
        package var notifier: ServiceNotifier?
        /// Told of each step that a crash may separate; tests die there.
        package var steps: @Sendable (JournalStep) -> Void = { _ in }

        package init(
            version: String, ports: [String], findsUSB: Bool, filter: PortFilter = PortFilter(),
            portWatch: PortWatcher.Choice = .auto, baud: Int = 115_200,
            hosted: [HostedBoard] = [], brokerAuthorityFile: String? = nil,
            firmware: FirmwareLibrary? = nil,
            notifier: ServiceNotifier? = nil
        ) {
            self.firmware = firmware
            self.version = version
            self.ports = ports
            self.findsUSB = findsUSB
            self.filter = filter
            self.portWatch = portWatch
            self.baud = baud
            self.hosted = hosted
            self.brokerAuthorityFile = brokerAuthorityFile
            self.notifier = notifier
        }
    }

    /// How long the goodbye may take.
    private static let goodbye: Duration = .seconds(1)

    package let name = "agent"
    private let folder: StateFolder
    private let settings: Settings
    private let loop: EventLoop
    private let log: Log
    private let core: AgentCore
    private let client: MQTTClient
    private let keeper: CredentialKeeper
    private let clockWatch: ClockWatch
    private let journalKeeper: JournalKeeper
    private let identity: AgentIdentity

    /// Opens the state folder.
    /// - Parameters:
    ///   - address: where the broker is; nil for what pairing said.
    ///   - transport: how the server is called.
    package init(
        folder: StateFolder, settings: Settings, loop: EventLoop, log: Log,
        address: MQTTConfiguration.Address? = nil, transport: @escaping ServerCalls.Transport
    ) throws {
        self.folder = folder
        self.settings = settings
        self.loop = loop
        self.log = log
        try folder.lock()
        let identity = try folder.identity()
        self.identity = identity
        guard let key = try folder.keySeed().flatMap(Ed25519Key.init(seed:)) else {
            throw StateFolder.Problem.damaged(file: folder.keyPath)
        }
        let broker = BrokerHandle()
        let calls = ServerCalls(server: identity.server, transport: transport)
        let coreHandle = CoreHandle()
        keeper = CredentialKeeper(
            folder: folder, agent: identity.agent, key: key, credential: try folder.credential(),
            calls: calls, log: log, renewed: { broker.client?.reconnect() },
            clockMeasured: { ahead in
                loop.submit { coreHandle.core?.setClockAhead(milliseconds: ahead) }
            })
        clockWatch = ClockWatch(log: log) { [keeper] in _ = try await keeper.measureClock() }
        client = try Self.makeClient(
            identity, settings, keeper: keeper, loop: loop, log: log, address: address)
        broker.client = client
        let journal = try Journal(path: folder.journalPath)
        journalKeeper = try JournalKeeper(path: folder.journalPath, log: log)
        let started = SystemTime.unixMilliseconds
        core = AgentCore(
            AgentCore.Setup(
                version: settings.version, clock: MachineClock.bootID,
                startedAtMilliseconds: started,
                ports: PortScanner(
                    configured: settings.ports, findsUSB: settings.findsUSB,
                    filter: settings.filter),
                portWatch: settings.portWatch, baud: settings.baud,
                hosted: settings.hosted, clockDoubted: { [clockWatch] in clockWatch.doubt() }),
            journal: journal,
            uplink: Self.uplink(client, workspace: identity.workspace, agent: identity.agent),
            loop: loop, log: log, steps: settings.steps)
        coreHandle.core = core
        if let library = settings.firmware {
            core.desk = FlashDesk(
                FlashService(folder: folder, library: library, leases: .of(core), loop: loop),
                log: log, changed: { [weak core] in core?.stateChanged() })
        }
    }

    package func run() async throws {
        await core.desk?.recover()
        // Before the broker may deliver: what waits there is meant for boards that the journal
        // knows, and must not come before what a dead process left is taken up.
        let control = try await start()
        connectCore()
        try await WorkerGroup(
            [journalKeeper, client, keeper, clockWatch, CoreWorker(self, control)],
            deadline: .seconds(5), log: log
        ).run()
    }

    private func connectCore() {
        // The stop first, so that it is known before commands.
        for leaf in [Topic.Leaf.estop, .cancel, .sequences, .command, .unlock, .flash] {
            let topic = Topic(workspace: identity.workspace, agent: identity.agent, leaf: leaf)
            client.subscribe(topic.name) { [core] message in core.receive(leaf, message.payload) }
        }
        client.onStateChange { [core, keeper] state in
            switch state {
            case .connected: core.setConnected(true, trouble: "")
            case .connecting: break
            case .disconnected(let reason): core.setConnected(false, trouble: reason)
            case .refused(let reason):
                core.setConnected(false, trouble: reason)
                keeper.refused()
            case .stopped: core.setConnected(false, trouble: "stopped")
            }
        }
    }

    private static func makeClient(
        _ identity: AgentIdentity, _ settings: Settings, keeper: CredentialKeeper,
        loop: EventLoop, log: Log, address: MQTTConfiguration.Address?
    ) throws -> MQTTClient {
        let broker = identity.broker
        let found: MQTTConfiguration.Address =
            broker.tls
            ? .tls(
                host: broker.host, port: broker.port, authorityFile: settings.brokerAuthorityFile)
            : .tcp(host: broker.host, port: broker.port)
        let client = "\(identity.agent)"
        var configuration = MQTTConfiguration(
            address: address ?? found, clientID: client, username: client,
            password: { keeper.password })
        // Half the usual: a broker that hangs is noticed within 20 s, as no E-stop comes through.
        configuration.keepAlive = .seconds(10)
        let topic = Topic(workspace: identity.workspace, agent: identity.agent, leaf: .state)
        configuration.will = MQTTMessage(
            topic: topic.name, payload: try offline(settings.version), isRetained: true)
        return try MQTTClient(configuration, loop: loop, log: log)
    }

    private static func offline(_ version: String) throws -> [UInt8] {
        Array(
            try JSONEncoder().encode(
                AgentState(
                    isOnline: false, version: version, startedAtMilliseconds: 0, stopSequence: 0,
                    isStopped: false, boards: [])))
    }

    private static func uplink(
        _ client: MQTTClient, workspace: WorkspaceID, agent: AgentID
    ) -> Uplink {
        Uplink { leaf, payload, isRetained, done in
            let topic = Topic(workspace: workspace, agent: agent, leaf: leaf)
            client.publish(
                MQTTMessage(
                    topic: topic.name, payload: payload,
                    quality: leaf == .telemetry ? .atMostOnce : .atLeastOnce,
                    isRetained: isRetained)
            ) { result in
                if case .success = result { done(true) } else { done(false) }
            }
        }
    }

    /// Starts the core and the control socket.
    private func start() async throws -> ControlBox {
        try await withCheckedThrowingContinuation { done in
            loop.submit { [self] in
                let control = ControlServer(
                    path: folder.controlPath, loop: loop, log: log,
                    lease: { [core] in core.lease($0, seconds: $1) },
                    takeBack: { [core] in core.takeBack($0) },
                    release: { [core] in core.release($0) }, status: { [core] in core.status })
                let report = settings.notifier.map { notifier in
                    ServiceReport(notifier, loop: loop, log: log) { [core] in core.statusLine }
                }
                do {
                    try core.start()
                    try control.start()
                    report?.start()
                    done.resume(returning: ControlBox(control, report))
                } catch {
                    done.resume(throwing: error)
                }
            }
        }
    }

    /// Waits for cancellation, and ends the core and the control socket.
    private struct CoreWorker: Worker {
        let name = "core"
        private let agent: AgentWorker
        private let control: ControlBox

        init(_ agent: AgentWorker, _ control: ControlBox) {
            self.agent = agent
            self.control = control
        }

        func run() async throws {
            let (ends, end) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
            await withTaskCancellationHandler {
                for await _ in ends { break }
            } onCancel: {
                end.finish()
            }
            await stop()
        }

        /// A stop without a will must say itself that the agent is offline.
        private func stop() async {
            let agent = agent
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                agent.loop.submit {
                    control.report?.stop()
                    control.server.end()
                    agent.core.end()
                    // It was encoded once already, for the will.
                    guard agent.core.isOnline, let payload = try? offline(agent.settings.version)
                    else { return done.resume() }
                    let topic = Topic(
                        workspace: agent.identity.workspace, agent: agent.identity.agent,
                        leaf: .state)
                    let deadline =
                        SystemTime.monotonicNanoseconds + goodbye.nanosecondsClamped
                    agent.client.publish(
                        MQTTMessage(topic: topic.name, payload: payload, isRetained: true),
                        deadlineNanoseconds: deadline
                    ) { _ in done.resume() }
                }
            }
        }
    }

    private final class ControlBox: @unchecked Sendable {
        // Safe: only carried; server and report are used on the loop alone.
        let server: ControlServer
        let report: ServiceReport?

        init(_ server: ControlServer, _ report: ServiceReport?) {
            self.server = server
            self.report = report
        }
    }

    /// What is made later than what refers to it; set once, before anything runs.
    private final class BrokerHandle: @unchecked Sendable {
        // Safe: written before the workers start, read only afterwards.
        weak var client: MQTTClient?
    }

    private final class CoreHandle: @unchecked Sendable {
        // Safe: written before the workers start, read only afterwards.
        weak var core: AgentCore?
    }
}
