import Foundation
import MQTT
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// The whole agent between a real Mosquitto and a simulated board.
@Suite("Agent with a broker", .serialized)
struct AgentWorkerTests {
    /// The control plane's side of the broker.
    private final class Console: Sendable {
        let loop: EventLoop
        let client: MQTTClient
        private let task: Task<Void, any Error>
        private let seen = Mutex<(outcomes: [Outcome], states: [AgentState])>(([], []))
        let workspace = WorkspaceID(high: 1, low: 1)
        let agent = AgentID(high: 2, low: 2)

        init(_ broker: TestBroker) throws {
            loop = try EventLoop.start(name: "console")
            let client = try MQTTClient(
                broker.configuration(clientID: "console"), loop: loop,
                log: Log(component: "console", minimum: .error))
            self.client = client
            task = Task { try await client.run() }
            client.subscribe(Topic.everyAgent(.outcome)) { [weak self] message in
                let outcome = try? JSONDecoder().decode(
                    Outcome.self, from: Data(message.payload))
                self?.seen.withLock { if let outcome { $0.outcomes.append(outcome) } }
            }
            client.subscribe(Topic.everyAgent(.state)) { [weak self] message in
                let state = try? JSONDecoder().decode(
                    AgentState.self, from: Data(message.payload))
                self?.seen.withLock { if let state { $0.states.append(state) } }
            }
        }

        var outcomes: [Outcome] { seen.withLock { $0.outcomes } }
        var state: AgentState? { seen.withLock { $0.states.last } }

        func send(_ leaf: Topic.Leaf, _ value: some Encodable) async throws {
            let topic = Topic(workspace: workspace, agent: agent, leaf: leaf)
            try await client.publish(
                MQTTMessage(
                    topic: topic.name, payload: TestAgent.json(value), isRetained: leaf == .estop))
        }

        func wait(_ what: String, until condition: () -> Bool) async throws {
            for _ in 0..<12_000 {
                if condition() { return }
                try await Task.sleep(for: .milliseconds(5))
            }
            throw TestAgent.Timeout(description: "waited 60 s for \(what)")
        }

        func stop() async throws {
            task.cancel()
            try await task.value
            loop.stop()
        }
    }

    private struct Running {
        let worker: Task<Void, any Error>
        let folder: StateFolder
        let loop: EventLoop
    }

    private func run(_ console: Console, broker: TestBroker, port: String) throws -> Running {
        let folder = StateFolder(path: try TestProcess.makeFolder("state") + "/agent")
        try folder.make()
        try folder.saveKeySeed(Ed25519Key().seed)
        try folder.save(
            AgentIdentity(
                agent: console.agent, workspace: console.workspace, name: "test",
                server: "http://127.0.0.1:1", serverPublicKey: "",
                broker: .init(host: "127.0.0.1", port: 1, tls: false)))
        let now = SystemTime.unixMilliseconds
        try folder.save(
            StoredCredential(
                credential: "anything", obtainedAtMilliseconds: now,
                expiresAtMilliseconds: now + 3_600_000))
        let loop = try EventLoop.start(name: "agent")
        let worker = try AgentWorker(
            folder: folder,
            settings: .init(version: "1.2.3", ports: [port], findsUSB: false), loop: loop,
            log: Log(component: "agent", minimum: .error),
            address: .unix(path: broker.socketPath),
            transport: { _, _ in throw LinuxError("reach the server", code: 111) })
        return Running(worker: Task { try await worker.run() }, folder: folder, loop: loop)
    }

    private func stop(_ running: Running) async throws {
        running.worker.cancel()
        try await running.worker.value
        running.loop.stop()
    }

    @Test("commands go from the broker to the pin and their outcomes back")
    func roundTrip() async throws {
        let broker = try await TestBroker.start()
        let board = try await SimulatedBoard.start()
        let console = try Console(broker)
        let running = try run(console, broker: broker, port: board.port)
        try await console.wait("an armed board") {
            console.state?.boards.first?.condition == .armed
        }
        #expect(console.state?.version == "1.2.3")
        let commands = (0..<10).map { _ in
            TestAgent.command(.pulse(durationMilliseconds: 5), on: "lamp")
        }
        for command in commands { try await console.send(.command, command) }
        try await console.wait("ten outcomes") { console.outcomes.count == 10 }
        #expect(console.outcomes.allSatisfy { $0.status == .executed })
        #expect(console.outcomes.map(\.command) == commands.map(\.id))

        let status = try ControlClient.status(at: running.folder.controlPath)
        #expect(status.isOnline && status.executed == 10)
        #expect(status.boards.first?.channels.contains { $0.name == "lamp" } == true)
        #expect(Doctor.findings(of: status).allSatisfy { $0.level != .bad })
        #expect(StatusText.of(status).contains("online"))
        #expect(StateFolder.mode(of: running.folder.path) == 0o700)
        #expect(StateFolder.mode(of: running.folder.controlPath) == 0o700)
        try await stop(running)
        try await console.wait("the goodbye") { console.state?.isOnline == false }
        #expect(throws: ControlClient.Problem.notRunning) {
            try ControlClient.status(at: running.folder.controlPath)
        }
        try await console.stop()
    }

    @Test("what comes to the broker while the agent is cut off is dropped if late, done if not")
    func brokerStopped() async throws {
        let broker = try await TestBroker.start()
        let board = try await SimulatedBoard.start()
        let console = try Console(broker)
        let running = try run(console, broker: broker, port: board.port)
        try await console.wait("an armed board") {
            console.state?.boards.first?.condition == .armed
        }
        broker.kill()
        try await console.wait("the loss") {
            (try? ControlClient.status(at: running.folder.controlPath))?.isOnline == false
        }
        let again = try await TestBroker.restart(broker)
        let command = TestAgent.command(.pulse(durationMilliseconds: 20), on: "relay1")
        try await console.send(.command, command)
        // The restarted broker has forgotten the agent's session; a person would send again.
        try await console.wait("the agent online") {
            (try? ControlClient.status(at: running.folder.controlPath))?.isOnline == true
        }
        try await console.send(.command, command)
        try await console.wait("the outcome") { !console.outcomes.isEmpty }
        #expect(console.outcomes.first?.status == .executed)
        #expect(board.risings(7).count == 1)
        try await stop(running)
        try await console.stop()
        again.kill()
    }

    @Test("a retained stop is found by an agent that starts, before any command is done")
    func retainedStop() async throws {
        let broker = try await TestBroker.start()
        let board = try await SimulatedBoard.start()
        let console = try Console(broker)
        try await console.send(
            .estop, EmergencyStop(sequence: 3, isAgentStopped: true, stoppedBoards: []))
        let running = try run(console, broker: broker, port: board.port)
        try await console.wait("a stopped board") {
            console.state?.boards.first?.condition == .estopped
        }
        let command = TestAgent.command(.pulse(durationMilliseconds: 20), on: "relay1")
        try await console.send(.command, command)
        try await console.wait("the outcome") { !console.outcomes.isEmpty }
        #expect(console.outcomes.first?.reason == "estopped")
        #expect(console.state?.isStopped == true && console.state?.stopSequence == 3)
        #expect(board.risings(7).isEmpty)
        try await stop(running)
        try await console.stop()
    }

    @Test("one state folder serves one agent")
    func locked() async throws {
        let folder = StateFolder(path: try TestProcess.makeFolder("state") + "/a/b")
        try folder.make()
        try folder.lock()
        #expect(throws: StateFolder.Problem.inUse(folder.path)) { try folder.lock() }
        #expect(throws: StateFolder.Problem.notPaired(folder.path)) { try folder.identity() }
    }

    @Test("a folder that cannot be written is told with what to do, before anything is spent")
    func unwritable() throws {
        let folder = StateFolder(path: try TestProcess.makeFolder("state"))
        try folder.checkRoom()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        #expect(throws: StateFolder.Problem.self) {
            try StateFolder(path: folder.path + "/none").checkRoom()
        }
        for (code, advice) in [
            (EACCES, "--state-dir"), (EROFS, "--state-dir"), (ENOSPC, "make room"),
        ] {
            let problem = StateFolder.Problem.system(LinuxError("open /x", code: code))
            #expect("\(problem)".contains(advice))
        }
    }
}
