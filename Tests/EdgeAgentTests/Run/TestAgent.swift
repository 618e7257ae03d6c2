import Foundation
import Hardware
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// The agent's core on a loop of its own, with a broker made of closures.
final class TestAgent: Sendable {
    struct Timeout: Error, CustomStringConvertible {
        let description: String
    }

    private struct Seen {
        var outcomes: [Outcome] = []
        var states: [AgentState] = []
        var manifests: [AgentManifest] = []
        var inputs: [InputChange] = []
        var isAccepting = true

        mutating func take(_ leaf: Topic.Leaf, _ payload: Data) throws {
            let decoder = JSONDecoder()
            switch leaf {
            case .outcome: outcomes.append(try decoder.decode(Outcome.self, from: payload))
            case .state: states.append(try decoder.decode(AgentState.self, from: payload))
            case .manifest: manifests.append(try decoder.decode(AgentManifest.self, from: payload))
            case .input: inputs.append(try decoder.decode(InputChange.self, from: payload))
            default: break
            }
        }
    }

    let loop: EventLoop
    let core: AgentCore
    let folder: String
    private let seen = Mutex(Seen())

    init(
        folder: String, ports: [String], hosted: [HostedBoard] = [],
        steps: @escaping @Sendable (JournalStep) -> Void = { _ in },
        cutOffAfter: Duration = .seconds(3600),
        clockDoubted: @escaping @Sendable () -> Void = {}
    ) throws {
        self.folder = folder
        let loop = try EventLoop.start(name: "agent-test")
        self.loop = loop
        let box = Box()
        core = AgentCore(
            AgentCore.Setup(
                version: "test", clock: "here", startedAtMilliseconds: 0,
                ports: PortScanner(configured: ports, findsUSB: false), hosted: hosted,
                cutOffAfter: cutOffAfter,
                clockDoubted: clockDoubted),
            journal: try Journal(path: folder + "/journal.db"),
            uplink: Uplink { leaf, payload, _, done in
                let isTaken = box.agent?.record(leaf, payload) ?? false
                loop.submit { done(isTaken) }
            }, loop: loop, log: Log(component: "test", minimum: .error), steps: steps)
        box.set(self)
    }

    private final class Box: Sendable {
        private let value = Mutex<(() -> TestAgent?)?>(nil)
        var agent: TestAgent? { value.withLock { $0?() } }
        func set(_ agent: TestAgent) { value.withLock { $0 = { [weak agent] in agent } } }
    }

    private func record(_ leaf: Topic.Leaf, _ payload: [UInt8]) -> Bool {
        seen.withLock { seen in
            guard seen.isAccepting else { return false }
            do {
                try seen.take(leaf, Data(payload))
            } catch {
                Issue.record(error, "unreadable \(leaf)")
            }
            return true
        }
    }

    /// Starts the core; the broker is there at once and nothing is stopped.
    func start(isConnected: Bool = true) async throws {
        await onLoop { core in
            do { try core.start() } catch { Issue.record(error) }
            if isConnected {
                core.setConnected(true, trouble: "")
                core.receive(
                    .estop,
                    Self.json(
                        EmergencyStop(sequence: 0, isAgentStopped: false, stoppedBoards: [])))
            }
        }
    }

    func end() async {
        await onLoop { $0.end() }
        loop.stop()
    }

    func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (AgentCore) -> Value
    ) async -> Value {
        await withCheckedContinuation { done in
            loop.submit { [core] in done.resume(returning: body(core)) }
        }
    }

    func send(_ leaf: Topic.Leaf, _ value: some Encodable & Sendable) async {
        let payload = Self.json(value)
        await onLoop { $0.receive(leaf, payload) }
    }

    /// Refuses publications, as a broker that is away.
    func setAccepting(_ isAccepting: Bool) { seen.withLock { $0.isAccepting = isAccepting } }

    var outcomes: [Outcome] { seen.withLock { $0.outcomes } }
    var states: [AgentState] { seen.withLock { $0.states } }
    var inputs: [InputChange] { seen.withLock { $0.inputs } }
    var manifests: [AgentManifest] { seen.withLock { $0.manifests } }

    func outcomes(of id: CommandID) -> [Outcome] { outcomes.filter { $0.command == id } }

    /// Waits until the board is armed.
    func armed(_ uid: BoardUID = BoardUID(value: 0xAB)) async throws {
        try await wait("board \(uid) armed") {
            await self.onLoop { $0.boards[uid]?.condition == .armed }
        }
    }

    func outcome(of id: CommandID, seconds: Int = 60) async throws -> Outcome {
        try await wait("the outcome of \(id)", seconds: seconds) { !self.outcomes(of: id).isEmpty }
        return outcomes(of: id)[0]
    }

    func wait(
        _ what: String, seconds: Int = 60, until condition: () async -> Bool
    ) async throws {
        let end = SystemTime.monotonicNanoseconds + Int64(seconds) * 1_000_000_000
        while SystemTime.monotonicNanoseconds < end {
            if await condition() { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        throw Timeout(description: "waited \(seconds) s for \(what)")
    }

    static func json(_ value: some Encodable) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            Issue.record(error)
            return []
        }
    }

    static func command(
        _ operation: SharedModels.Operation, on channel: String,
        board: BoardUID = BoardUID(value: 0xAB), lifetimeMilliseconds: Int64 = 60_000,
        aheadMilliseconds: Int64 = 0
    ) -> Command {
        var random = SystemRandomNumberGenerator()
        let now = SystemTime.unixMilliseconds + aheadMilliseconds
        return Command(
            id: CommandID(unixMilliseconds: now, using: &random), board: board, channel: channel,
            operation: operation, issuedAtMilliseconds: now,
            expiresAtMilliseconds: now + lifetimeMilliseconds,
            trace: Trace(id: "t", clock: "here", arrivedNanoseconds: 1))
    }
}
