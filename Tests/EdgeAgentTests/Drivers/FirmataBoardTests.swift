import Foundation
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// A Firmata board under the agent: from the broker's bytes to the pin.
@Suite("Firmata board", .serialized)
struct FirmataBoardTests {
    private static let uid = BoardUID(value: 0xF1)

    private func stage() async throws -> (FakeFirmata, TestAgent) {
        let board = try await FakeFirmata.start()
        return (board, try await agent(on: board))
    }

    private func agent(on board: FakeFirmata) async throws -> TestAgent {
        let text = """
            {"boards":[{"driver":"firmata","name":"f","port":"\(board.port)","uid":"\(Self.uid)",
             "channels":[
              {"name":"lamp","kind":"light","pin":9,"max_on_ms":60000},
              {"name":"led","kind":"light","pin":7,"max_on_ms":60000},
              {"name":"arm","kind":"servo","pin":"A2","max_on_ms":60000}]}]}
            """
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [],
            hosted: try BoardsFile.parse(Array(text.utf8), machine: "m"))
        try await agent.start()
        try await agent.armed(Self.uid)
        return agent
    }

    private func level(_ permille: Int, _ milliseconds: Int = 0) -> SharedModels.Operation {
        .level(permille: permille, fadeMilliseconds: 0, durationMilliseconds: milliseconds)
    }

    private func command(_ operation: SharedModels.Operation, on channel: String) -> Command {
        TestAgent.command(operation, on: channel, board: Self.uid)
    }

    @Test("its channels are a device, marked as without a watchdog, and do what they are told")
    func works() async throws {
        let (board, agent) = try await stage()
        try await agent.wait("the manifest") { agent.manifests.last?.boards.count == 1 }
        let manifest = try #require(agent.manifests.last?.boards.first?.manifest)
        #expect(manifest.board == "firmata" && manifest.hasWatchdog == false)
        #expect(manifest.channels.map(\.pin) == [9, 7, 16])
        // Safe before anything is told.
        #expect(board.last(9, \.level) == 0 && board.last(7, \.level) == 0)

        let commands = [
            command(level(500), on: "lamp"), command(level(1000), on: "led"),
            command(.target(angleCentidegrees: 9000, holdMilliseconds: 0), on: "arm"),
        ]
        for command in commands {
            await agent.send(.command, command)
            let outcome = try await agent.outcome(of: command.id)
            #expect(outcome.status == .executed)
            #expect(outcome.trace.acknowledgedNanoseconds >= outcome.trace.writtenNanoseconds)
            #expect(outcome.trace.writtenNanoseconds > 0)
        }
        // Acknowledged is taken: nothing is waited for here.
        #expect(board.last(9, \.duty) == 127)
        #expect(board.last(7, \.level) == 1)
        #expect(board.last(16, \.angle) == 90)
        let off = command(.off, on: "arm")
        await agent.send(.command, off)
        #expect(try await agent.outcome(of: off.id).status == .executed)
        #expect(board.last(16, \.level) == 0)

        let refused = command(.pulse(durationMilliseconds: 5), on: "lamp")
        await agent.send(.command, refused)
        #expect(try await agent.outcome(of: refused.id).reason == "bad_operation")
        // The same once more is the same command: done once.
        let events = board.events.count
        await agent.send(.command, off)
        try await agent.wait("both to be received") {
            await agent.onLoop { $0.status.received } == 6
        }
        #expect(board.events.count == events)
        let status = await agent.onLoop { $0.status }
        #expect(status.boards.first?.watchdog == false)
        #expect((status.boards.first?.link?.sent ?? 0) >= 4)
        #expect(StatusText.of(status).contains("no watchdog: "))
        #expect(Doctor.findings(of: status).contains { $0.text.contains("has no watchdog") })
        await agent.end()
        try await agent.wait("the lamp to go out at the agent's end") {
            board.last(9, \.level) == 0 && board.last(7, \.level) == 0
        }
    }

    @Test("an output ends by itself, and the E-stop ends all and latches")
    func stops() async throws {
        let (board, agent) = try await stage()
        let short = command(level(1000, 50), on: "lamp")
        await agent.send(.command, short)
        _ = try await agent.outcome(of: short.id)
        try await agent.wait("the lamp to go out") { board.last(9, \.level) == 0 }

        let long = command(level(1000), on: "lamp")
        await agent.send(.command, long)
        _ = try await agent.outcome(of: long.id)
        #expect(board.last(9, \.duty) == 255)
        await agent.send(
            .estop, EmergencyStop(sequence: 5, isAgentStopped: true, stoppedBoards: []))
        try await agent.wait("the stop at the pin") { board.last(9, \.level) == 0 }
        let late = command(level(1000), on: "lamp")
        await agent.send(.command, late)
        #expect(try await agent.outcome(of: late.id).reason == "estopped")
        await agent.send(
            .estop, EmergencyStop(sequence: 6, isAgentStopped: false, stoppedBoards: []))
        try await agent.armed(Self.uid)
        #expect(board.last(9, \.level) == 0)
        await agent.end()
    }

    @Test("a board that boots by itself is taken up again, and put out of use if it goes on so")
    func restarts() async throws {
        let (board, agent) = try await stage()
        for count in 1...3 {
            board.tell("reset")
            try await agent.wait("restart \(count) to be counted") {
                await agent.onLoop { $0.figures(of: Self.uid)?.resets } == count
            }
            guard count < 3 else { break }
            try await agent.armed(Self.uid)
        }
        try await agent.wait("the quarantine") {
            await agent.onLoop { $0.boards[Self.uid]?.condition == .quarantined }
        }
        #expect(await agent.onLoop { $0.release(Self.uid) })
        try await agent.armed(Self.uid)
        await agent.end()
    }

    @Test("noise moves nothing; a hung board is given up, and its command fails")
    func hangs() async throws {
        let (board, agent) = try await stage()
        board.tell("noise")
        try await agent.wait("the noise to be counted") {
            let figures = await agent.onLoop { $0.figures(of: Self.uid) }
            return (figures?.framingErrors ?? 0) > 0
        }
        try await agent.armed(Self.uid)
        board.tell("hang")
        try await agent.wait("the board to hang") { board.events.count > 0 && board.isHung }
        // A level may be set again, so it waits for the board until its deadline.
        let command = TestAgent.command(
            level(1000), on: "lamp", board: Self.uid, lifetimeMilliseconds: 3000)
        await agent.send(.command, command)
        let outcome = try await agent.outcome(of: command.id)
        #expect(outcome.status == .expired && outcome.reason == "board_offline")
        // A motion may not.
        board.tell("reset")
        try await agent.armed(Self.uid)
        board.tell("hang")
        try await agent.wait("the board to hang again") {
            board.events.filter { $0.said == "hang" }.count == 2
        }
        let motion = self.command(
            .target(angleCentidegrees: 9000, holdMilliseconds: 0), on: "arm")
        await agent.send(.command, motion)
        let unknown = try await agent.outcome(of: motion.id)
        #expect(unknown.status == .failed && unknown.reason == "link_lost")
        board.tell("reset")
        try await agent.armed(Self.uid)
        await agent.end()
    }

    @Test("unplugged it is offline at once, plugged in it is the same board")
    func replugged() async throws {
        let (board, agent) = try await stage()
        board.kill()
        try await agent.wait("the board to be offline") {
            await agent.onLoop { $0.boards[Self.uid]?.condition == .offline }
        }
        let status = await agent.onLoop { $0.status }
        #expect(status.ports.first?.isOpen == false)
        #expect(status.ports.first?.trouble.isEmpty == false)
        // The same port once more: another board behind the same name.
        let next = try await FakeFirmata.start()
        try FileManager.default.removeItem(atPath: board.port)
        try FileManager.default.createSymbolicLink(
            atPath: board.port, withDestinationPath: next.port)
        try await agent.armed(Self.uid)
        #expect(next.last(9, \.level) == 0)
        await agent.end()
    }

    @Test("a pin that the board does not have so is refused, by name")
    func mismatch() async throws {
        let board = try await FakeFirmata.start()
        let text = """
            {"boards":[{"driver":"firmata","name":"f","port":"\(board.port)","uid":"\(Self.uid)",
             "channels":[{"name":"lamp","kind":"light","pin":55,"max_on_ms":60000}]}]}
            """
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [],
            hosted: try BoardsFile.parse(Array(text.utf8), machine: "m"))
        try await agent.start()
        try await agent.wait("the refusal") {
            let status = await agent.onLoop { $0.status }
            return status.ports.first?.trouble
                == "channel lamp: the board's pin 55 is no output"
        }
        #expect(board.events(of: 55).isEmpty)
        await agent.end()
    }

    /// Python with pyFirmata2 of PyPI, where `Tests/peers.sh` has put it.
    private static let python = "\(SimulatedBoard.root)/.build/peers/bin/python"
    private static let hasReferee: Bool = {
        let peers = TestProcess.text("\(SimulatedBoard.root)/.build/peers/wanted")
        return peers.contains("pyfirmata2")
    }()

    @Test(
        "the stand-in for a board agrees with a client that is not ours",
        .enabled(if: hasReferee, "pyfirmata2 is not installed: run Tests/peers.sh"))
    func referee() async throws {
        let board = try await FakeFirmata.start()
        let client = try TestProcess.spawn(
            [Self.python, "\(SimulatedBoard.root)/Tests/Peers/pyfirmata_referee.py", board.port],
            output: board.folder + "/referee", asRoot: true)
        let isDone = client.succeeds()
        #expect(isDone, "\(TestProcess.text(board.folder + "/referee"))")
        // The client may be gone before its last bytes are read.
        try await board.wait("the duty") { board.events(of: 9).contains { $0.duty == 128 } }
        try await board.wait("the angle") { board.events(of: 10).contains { $0.angle == 45 } }
        try await board.wait("the level") { board.events(of: 12).contains { $0.level == 1 } }
    }
}
