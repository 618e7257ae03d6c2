import Glibc
import Hardware
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// How often the agent doubted the server's clock.
private final class Doubts: Sendable {
    private let number = Mutex(0)
    var count: Int { number.withLock { $0 } }
    func add() { number.withLock { $0 += 1 } }
}

/// The core with a simulated board on a pty, in real time.
@Suite("Agent core", .serialized)
struct AgentCoreTests {
    private func stage(
        _ kind: SimulatedBoard.Kind = .host, cutOffAfter: Duration = .seconds(3600),
        clockDoubted: @escaping @Sendable () -> Void = {}
    ) async throws -> (SimulatedBoard, TestAgent) {
        let board = try await SimulatedBoard.start(kind)
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port],
            cutOffAfter: cutOffAfter, clockDoubted: clockDoubted)
        try await agent.start()
        try await agent.armed()
        return (board, agent)
    }

    @Test(
        "a command becomes one pulse of its length and one outcome with its times",
        arguments: SimulatedBoard.Kind.allCases)
    func pulse(kind: SimulatedBoard.Kind) async throws {
        let (board, agent) = try await stage(kind)
        let command = TestAgent.command(.pulse(durationMilliseconds: 40), on: "relay1")
        await agent.send(.command, command)
        let outcome = try await agent.outcome(of: command.id)
        #expect(outcome.status == .executed)
        #expect(outcome.trace.agentClock == "here")
        #expect(outcome.trace.receivedNanoseconds > 0)
        #expect(outcome.trace.writtenNanoseconds >= outcome.trace.receivedNanoseconds)
        #expect(outcome.trace.acknowledgedNanoseconds > outcome.trace.writtenNanoseconds)
        try await agent.wait("the pin's edge") { board.risings(7).count == 1 }
        await agent.end()
    }

    @Test("how long it is up does not go by the clock of the day, which may be set after the start")
    func uptime() async throws {
        // By that clock a test agent has started in 1970.
        let (_, agent) = try await stage()
        let seconds = await agent.onLoop { $0.telemetry.uptimeSeconds }
        #expect((0..<86_400).contains(seconds))
        await agent.end()
    }

    @Test("a command that comes again is not done again, and its outcome is told again")
    func repeated() async throws {
        let (board, agent) = try await stage()
        let command = TestAgent.command(.pulse(durationMilliseconds: 10), on: "relay1")
        await agent.send(.command, command)
        await agent.send(.command, command)
        _ = try await agent.outcome(of: command.id)
        await agent.send(.command, command)
        try await agent.wait("the second telling") { agent.outcomes(of: command.id).count >= 2 }
        #expect(board.risings(7).count == 1)
        await agent.end()
    }

    @Test("twenty pulses of one channel are done one after the other, with the pause between")
    func queue() async throws {
        let (board, agent) = try await stage()
        let commands = (0..<20).map { _ in
            TestAgent.command(.pulse(durationMilliseconds: 15), on: "relay1")
        }
        for command in commands { await agent.send(.command, command) }
        for command in commands {
            let outcome = try await agent.outcome(of: command.id)
            #expect(outcome.status == .executed, "\(outcome.reason)")
        }
        try await agent.wait("the edges") { board.risings(7).count >= 20 }
        #expect(board.risings(7).count == 20)
        await agent.end()
    }

    @Test("more than 32 waiting commands of a channel are refused as queue_full")
    func queueFull() async throws {
        let (board, agent) = try await stage()
        let running = TestAgent.command(.pulse(durationMilliseconds: 8000), on: "relay1")
        await agent.send(.command, running)
        #expect(try await agent.outcome(of: running.id).status == .executed)
        let commands = (0..<40).map { _ in
            TestAgent.command(.pulse(durationMilliseconds: 1000), on: "relay1")
        }
        for command in commands { await agent.send(.command, command) }
        let refused = agent.outcomes.filter { $0.reason == "queue_full" }
        #expect(refused.count == 40 - 32)
        #expect(refused.allSatisfy { $0.status == .rejected && !$0.detail.isEmpty })
        #expect(board.level(7) == 1, "the first pulse still runs")
        await agent.end()
    }

    @Test("what cannot be done is refused with a reason")
    func refusals() async throws {
        let doubts = Doubts()
        let (board, agent) = try await stage(clockDoubted: { doubts.add() })
        let cases: [(Command, String)] = [
            (TestAgent.command(.off, on: "nowhere"), "no_channel"),
            (TestAgent.command(.off, on: "relay1", board: BoardUID(value: 9)), "no_board"),
            (TestAgent.command(.pulse(durationMilliseconds: 5), on: "servo"), "bad_operation"),
            (TestAgent.command(.pulse(durationMilliseconds: 20_000), on: "relay1"), "out_of_range"),
            (
                TestAgent.command(.tone(frequencyHertz: 20, durationMilliseconds: 9), on: "buzzer"),
                "out_of_range"
            ),
        ]
        for (command, reason) in cases {
            await agent.send(.command, command)
            let outcome = try await agent.outcome(of: command.id)
            #expect(outcome.status == .rejected)
            #expect(outcome.reason == reason)
        }
        #expect(doubts.count == 0)
        let future = TestAgent.command(.off, on: "relay1", aheadMilliseconds: 3_600_000)
        await agent.send(.command, future)
        #expect(try await agent.outcome(of: future.id).reason == "clock_skew")
        #expect(doubts.count == 1)
        let late = TestAgent.command(.off, on: "relay1", lifetimeMilliseconds: 1)
        try await Task.sleep(for: .milliseconds(5))
        await agent.send(.command, late)
        #expect(try await agent.outcome(of: late.id).status == .expired)
        #expect(doubts.count == 2)
        await agent.onLoop { $0.setClockAhead(milliseconds: 3_600_000) }
        let next = TestAgent.command(.off, on: "relay1", aheadMilliseconds: 3_600_000)
        await agent.send(.command, next)
        #expect(try await agent.outcome(of: next.id).status == .executed)
        #expect(board.risings(7).isEmpty)
        await agent.end()
    }

    @Test("unreadable payloads do nothing, and are answered if they have an id")
    func unreadable() async throws {
        let (board, agent) = try await stage()
        let id = TestAgent.command(.off, on: "relay1").id
        await agent.onLoop { core in
            for leaf in [Topic.Leaf.command, .estop, .cancel] {
                core.receive(leaf, [])
                core.receive(leaf, Array("{".utf8))
                core.receive(leaf, [UInt8](repeating: 0xFF, count: 100_000))
            }
            core.receive(
                .command, Array("{\"id\":\"\(id)\",\"operation\":{\"type\":\"fly\"}}".utf8))
        }
        #expect(try await agent.outcome(of: id).reason == "bad_command")
        #expect(board.risings(7).isEmpty)
        await agent.end()
    }

    @Test("an E-stop ends what runs, cancels what waits, holds over a restart, and is released")
    func emergencyStop() async throws {
        let (board, agent) = try await stage()
        let commands = (0..<3).map { _ in
            TestAgent.command(.pulse(durationMilliseconds: 5000), on: "relay1")
        }
        for command in commands { await agent.send(.command, command) }
        try await agent.wait("the relay") { board.level(7) == 1 }
        await agent.send(
            .estop, EmergencyStop(sequence: 5, isAgentStopped: true, stoppedBoards: []))
        try await agent.wait("the relay to open") { board.level(7) == 0 }
        for command in commands.dropFirst() {
            let outcome = try await agent.outcome(of: command.id)
            #expect(outcome.status == .cancelled && outcome.reason == "estopped")
        }
        await agent.end()

        let again = try TestAgent(folder: agent.folder, ports: [board.port])
        try await again.start()
        try await again.wait("the board stopped") {
            await again.onLoop { $0.boards[BoardUID(value: 0xAB)]?.condition == .estopped }
        }
        let refused = TestAgent.command(.pulse(durationMilliseconds: 10), on: "relay1")
        await again.send(.command, refused)
        #expect(try await again.outcome(of: refused.id).reason == "estopped")
        // An older message releases nothing.
        await again.send(
            .estop, EmergencyStop(sequence: 4, isAgentStopped: false, stoppedBoards: []))
        #expect(await again.onLoop { $0.stop.last.isAgentStopped })
        await again.send(
            .estop, EmergencyStop(sequence: 6, isAgentStopped: false, stoppedBoards: []))
        try await again.armed()
        await again.end()
    }

    @Test(
        "a board that is stopped while its manifest is still being read is known as stopped",
        arguments: 1...5)
    func stoppedBeforeIdentified(turn: Int) async throws {
        let board = try await SimulatedBoard.start()
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port])
        // Before the first hello, so that the stop goes out ahead of the manifest's chunks.
        await agent.send(
            .estop, EmergencyStop(sequence: 1, isAgentStopped: true, stoppedBoards: []))
        try await agent.start()
        try await agent.wait("the board stopped") {
            await agent.onLoop { $0.boards[BoardUID(value: 0xAB)]?.condition == .estopped }
        }
        await agent.end()
        board.kill()
    }

    @Test("until an agent is told what is stopped it moves nothing, however long that takes")
    func stopUnknown() async throws {
        let board = try await SimulatedBoard.start()
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start(isConnected: false)
        await agent.onLoop { $0.setConnected(true, trouble: "") }
        try await agent.armed()
        let early = TestAgent.command(
            .pulse(durationMilliseconds: 10), on: "relay1", lifetimeMilliseconds: 3_000)
        let late = TestAgent.command(
            .pulse(durationMilliseconds: 10), on: "relay2", lifetimeMilliseconds: 30_000)
        await agent.send(.command, early)
        await agent.send(.command, late)
        let outcome = try await agent.outcome(of: early.id)
        #expect(outcome.status == .expired && outcome.reason == "stop_unknown")
        #expect(board.risings(7).isEmpty && board.risings(8).isEmpty)
        await agent.send(
            .estop, EmergencyStop(sequence: 0, isAgentStopped: false, stoppedBoards: []))
        #expect(try await agent.outcome(of: late.id).status == .executed)
        await agent.end()
    }

    @Test("a command taken back before it is done, or before it has come, is cancelled")
    func cancel() async throws {
        let (board, agent) = try await stage()
        let first = TestAgent.command(.pulse(durationMilliseconds: 8000), on: "relay1")
        let second = TestAgent.command(.pulse(durationMilliseconds: 300), on: "relay1")
        let third = TestAgent.command(.pulse(durationMilliseconds: 300), on: "relay2")
        await agent.send(.command, first)
        await agent.send(.command, second)
        await agent.send(.cancel, Cancellation(commands: [second.id, third.id]))
        await agent.send(.command, third)
        #expect(try await agent.outcome(of: first.id).status == .executed)
        #expect(try await agent.outcome(of: second.id).reason == "taken_back")
        #expect(try await agent.outcome(of: third.id).reason == "taken_back")
        #expect(board.risings(7).count == 1 && board.risings(8).isEmpty)
        await agent.end()
    }

    @Test("an off does not wait: it supersedes what waits and ends what runs")
    func off() async throws {
        let (board, agent) = try await stage()
        let running = TestAgent.command(.pulse(durationMilliseconds: 5000), on: "relay1")
        let waiting = TestAgent.command(.pulse(durationMilliseconds: 5000), on: "relay1")
        let off = TestAgent.command(.off, on: "relay1")
        for command in [running, waiting, off] { await agent.send(.command, command) }
        #expect(try await agent.outcome(of: waiting.id).reason == "superseded")
        #expect(try await agent.outcome(of: off.id).status == .executed)
        try await agent.wait("the relay to open") { board.level(7) == 0 }
        #expect(board.risings(7).count == 1)
        await agent.end()
    }

    @Test("without a broker nothing new is done; what comes late is dropped and told afterwards")
    func offline() async throws {
        let (board, agent) = try await stage()
        let running = TestAgent.command(.pulse(durationMilliseconds: 400), on: "relay1")
        await agent.send(.command, running)
        _ = try await agent.outcome(of: running.id)
        agent.setAccepting(false)
        await agent.onLoop { $0.setConnected(false, trouble: "cut") }
        let waiting = TestAgent.command(
            .pulse(durationMilliseconds: 10), on: "relay2", lifetimeMilliseconds: 1500)
        await agent.send(.command, waiting)
        try await agent.wait("the running pulse to end by itself") { board.level(7) == 0 }
        #expect(await agent.onLoop { $0.boards[BoardUID(value: 0xAB)]?.condition } == .armed)
        try await agent.wait("the spool") { await agent.onLoop { $0.journal.spooledCount } == 1 }
        #expect(board.risings(8).isEmpty)
        agent.setAccepting(true)
        await agent.onLoop { $0.setConnected(true, trouble: "") }
        let outcome = try await agent.outcome(of: waiting.id)
        #expect(outcome.status == .expired && outcome.reason == "broker_offline")
        #expect(board.risings(8).isEmpty)
        await agent.end()
    }

    @Test("without a broker for too long the board is safe, until the stop state is told again")
    func cutOff() async throws {
        let (board, agent) = try await stage(cutOffAfter: .milliseconds(300))
        let uid = BoardUID(value: 0xAB)
        let running = TestAgent.command(.pulse(durationMilliseconds: 9000), on: "relay1")
        await agent.send(.command, running)
        #expect(try await agent.outcome(of: running.id).status == .executed)
        await agent.onLoop { $0.setConnected(false, trouble: "cut") }
        try await agent.wait("a safe board") {
            await agent.onLoop { $0.boards[uid]?.condition == .safe }
        }
        try await agent.wait("the relay to open") { board.level(7) == 0 }
        // Coming back alone arms nothing: nobody has said yet whether it is stopped.
        await agent.onLoop { $0.setConnected(true, trouble: "") }
        let early = TestAgent.command(.pulse(durationMilliseconds: 10), on: "relay2")
        await agent.send(.command, early)
        #expect(await agent.onLoop { $0.boards[uid]?.condition } == .safe)
        await agent.send(
            .estop, EmergencyStop(sequence: 0, isAgentStopped: false, stoppedBoards: []))
        #expect(try await agent.outcome(of: early.id).status == .executed)
        #expect(board.risings(7).count == 1 && board.risings(8).count == 1)
        await agent.end()
    }

    @Test("a board that is unplugged and plugged in again is found again")
    func replug() async throws {
        let board = try await SimulatedBoard.start()
        let folder = try TestProcess.makeFolder("agent")
        let port = folder + "/port"
        symlink(board.port, port)
        let agent = try TestAgent(folder: folder, ports: [port])
        try await agent.start()
        try await agent.armed()
        board.kill()
        try await agent.wait("the board offline") {
            await agent.onLoop { $0.boards[BoardUID(value: 0xAB)]?.condition == .offline }
        }
        let command = TestAgent.command(.set(on: true, durationMilliseconds: 500), on: "relay1")
        await agent.send(.command, command)
        let other = try await SimulatedBoard.start()
        unlink(port)
        symlink(other.port, port)
        #expect(try await agent.outcome(of: command.id).status == .executed)
        #expect(other.risings(7).count == 1)
        await agent.end()
    }

    @Test("an agent that ends leaves its boards disarmed")
    func ending() async throws {
        let (board, agent) = try await stage()
        await agent.send(
            .command, TestAgent.command(.pulse(durationMilliseconds: 8000), on: "relay1"))
        try await agent.wait("the relay") { board.level(7) == 1 }
        await agent.end()
        try await agent.wait("the relay to open") { board.level(7) == 0 }
        let pulse = try #require(board.pulses(7).first)
        #expect(pulse < 7_000_000, "the pulse ended by itself")
    }

    @Test("a hung board is given up, and used again when it is back")
    func hang() async throws {
        let (board, agent) = try await stage(.avr)
        // That it is away may be over before anybody looks; that it booted stays.
        @Sendable func boot() async -> UInt32? {
            await agent.onLoop { ($0.drivers.values.first as? PortDriver)?.link?.hello?.nonce }
        }
        let before = await boot()
        board.tell("hang")
        try await agent.wait("another boot of the board") {
            let now = await boot()
            return now != nil && now != before
        }
        try await agent.armed()
        let command = TestAgent.command(.pulse(durationMilliseconds: 10), on: "relay1")
        await agent.send(.command, command)
        #expect(try await agent.outcome(of: command.id).status == .executed)
        await agent.end()
        board.kill()
    }
}
