import Agent
import Crypto
import Foundation
import MQTT
import Platform
import SharedModels
import Synchronization
import TestSupport

/// A broker, the state folder of an agent, and the control plane's side of their topics.
final class LinkStage: Sendable {
    struct Done: Sendable {
        let board: BoardUID
        let roundTripMilliseconds: Double
    }

    private struct Seen {
        var state: AgentState?
        var outcomes: [Done] = []
        var told = 0
        var underWay: [CommandID: (board: BoardUID, channel: String)] = [:]
        var isKeeping = false
    }

    let folder: String
    private let agentFolder: StateFolder
    private let broker: TestBroker
    private let loop: EventLoop
    private let client: MQTTClient
    private let task: Task<Void, any Error>
    private let workspace = WorkspaceID(high: 1, low: 1)
    private let agent = AgentID(high: 2, low: 2)
    private let seen = Mutex(Seen())

    static func start() async throws -> LinkStage {
        let port = try FreePort.find()
        let broker = try await TestBroker.start(
            settings: """
                allow_anonymous true
                max_queued_messages 0
                listener \(port) 127.0.0.1
                """)
        let stage = try LinkStage(broker, port: port)
        stage.listen()
        try await stage.wait("the broker") { stage.isConnected.load(ordering: .relaxed) }
        return stage
    }

    private let isConnected = Atomic(false)

    private init(_ broker: TestBroker, port: UInt16) throws {
        self.broker = broker
        folder = try TestProcess.makeFolder("link-bench")
        agentFolder = StateFolder(path: "\(folder)/agent")
        try agentFolder.make()
        try agentFolder.saveKeySeed(Ed25519Key().seed)
        try agentFolder.save(
            AgentIdentity(
                agent: agent, workspace: workspace, name: "bench", server: "http://127.0.0.1:1",
                serverPublicKey: "", broker: .init(host: "127.0.0.1", port: port, tls: false)))
        let now = SystemTime.unixMilliseconds
        try agentFolder.save(
            StoredCredential(
                credential: "anything", obtainedAtMilliseconds: now,
                expiresAtMilliseconds: now + 36_000_000))
        loop = try EventLoop.start(name: "link-bench")
        client = try MQTTClient(
            broker.configuration(clientID: "bench"), loop: loop,
            log: Log(component: "bench", minimum: .error))
        task = Task { [client] in try await client.run() }
    }

    private func listen() {
        client.subscribe(topic(.outcome)) { [weak self] in self?.ended($0.payload) }
        client.subscribe(topic(.state)) { [weak self] message in
            let state = try? JSONDecoder().decode(AgentState.self, from: Data(message.payload))
            self?.seen.withLock { $0.state = state }
        }
        client.onStateChange { [weak self] state in
            guard let self, state == .connected else { return }
            isConnected.store(true, ordering: .relaxed)
            let stop = EmergencyStop(sequence: 0, isAgentStopped: false, stoppedBoards: [])
            publish(.estop, stop, isRetained: true)
        }
    }

    func end() {
        task.cancel()
        loop.stop()
        broker.kill()
    }

    func startAgent(ports: [String]) throws -> LinkProcess {
        seen.withLock { $0.state = nil }
        let program = "\(FileManager.default.currentDirectoryPath)/.build/release/cuelight-agent"
        return try LinkProcess(
            [program, "run", "--state-dir", agentFolder.path, "--no-usb"]
                + ports.flatMap { ["--port", $0] }, log: "\(folder)/agent.log")
    }

    /// Writes results as an agent leaves them that has no broker; its journal is there already.
    func fillSpool(_ count: Int) throws {
        let command = command(.off, on: "lamp", of: BoardUID(value: 0xB0))
        let now = SystemTime.unixMilliseconds
        let outcome = Outcome(
            command: command.id, status: .expired, reason: "broker_offline",
            detail: "The agent had no broker until the deadline had passed.",
            endedAtMilliseconds: now, trace: command.trace)
        let script = """
            import sqlite3, sys
            journal = sqlite3.connect(sys.argv[1])
            rows = ((int(sys.argv[3]), sys.argv[4].encode()) for _ in range(int(sys.argv[2])))
            journal.executemany("INSERT INTO outcomes (ended_ms, payload) VALUES (?, ?)", rows)
            journal.commit()
            """
        let payload = String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self)
        try BenchProgram.run(
            ["python3", "-c", script, agentFolder.journalPath, "\(count)", "\(now)", payload])
        seen.withLock { $0.told = 0 }
    }

    var isOnline: Bool { seen.withLock { $0.state?.isOnline ?? false } }
    var toldCount: Int { seen.withLock { $0.told } }

    func armedBoards(_ count: Int) async throws -> [BoardUID] {
        func armed() -> [BoardUID] {
            seen.withLock { $0.state?.boards ?? [] }.filter { $0.condition == .armed }.map(\.uid)
        }
        try await wait("\(count) armed boards") { armed().count == count }
        return armed()
    }

    /// Keeps one command of each of these channels under way.
    func keepUnderWay(_ places: [(BoardUID, String)]) {
        seen.withLock { $0.isKeeping = true }
        for (board, channel) in places { send(.off, on: channel, of: board) }
    }

    func stopKeeping() { seen.withLock { $0.isKeeping = false } }

    func forgetOutcomes() { _ = takeOutcomes() }

    func takeOutcomes() -> [Done] {
        seen.withLock { seen in
            defer { seen.outcomes = [] }
            return seen.outcomes
        }
    }

    /// Waits until nothing is under way.
    func quiet() async throws {
        try await wait("every outcome") { seen.withLock { $0.underWay.isEmpty } }
    }

    func send(_ operation: SharedModels.Operation, on channel: String, of board: BoardUID) {
        let command = command(operation, on: channel, of: board)
        seen.withLock { $0.underWay[command.id] = (board, channel) }
        publish(.command, command, isRetained: false)
    }

    func wait(_ what: String, until condition: () -> Bool) async throws {
        for _ in 0..<60_000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        throw LinkProblem.timeout("\(what): \(TestProcess.text(folder + "/agent.log").suffix(500))")
    }

    private func ended(_ payload: [UInt8]) {
        guard let outcome = try? JSONDecoder().decode(Outcome.self, from: Data(payload)) else {
            return
        }
        let (place, isKeeping) = seen.withLock { seen in
            seen.told += 1
            let place = seen.underWay.removeValue(forKey: outcome.command)
            if let place, outcome.status == .executed {
                let trip =
                    outcome.trace.acknowledgedNanoseconds - outcome.trace.writtenNanoseconds
                seen.outcomes.append(
                    Done(board: place.board, roundTripMilliseconds: Double(trip) / 1e6))
            }
            return (place, seen.isKeeping)
        }
        if let place, isKeeping { send(.off, on: place.channel, of: place.board) }
    }

    private func command(
        _ operation: SharedModels.Operation, on channel: String, of board: BoardUID
    ) -> Command {
        var random = SystemRandomNumberGenerator()
        let now = SystemTime.unixMilliseconds
        return Command(
            id: CommandID(unixMilliseconds: now, using: &random), board: board, channel: channel,
            operation: operation, issuedAtMilliseconds: now, expiresAtMilliseconds: now + 60_000,
            trace: Trace(
                id: "bench", clock: "bench",
                arrivedNanoseconds: SystemTime.monotonicNanoseconds))
    }

    private func topic(_ leaf: Topic.Leaf) -> String {
        Topic(workspace: workspace, agent: agent, leaf: leaf).name
    }

    private func publish(_ leaf: Topic.Leaf, _ value: some Encodable, isRetained: Bool) {
        // Plain numbers and text are encoded, which cannot fail.
        guard let payload = try? JSONEncoder().encode(value) else { return }
        client.publish(
            MQTTMessage(topic: topic(leaf), payload: Array(payload), isRetained: isRetained))
    }
}
