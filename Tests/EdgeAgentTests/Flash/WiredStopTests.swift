import Hardware
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// A wired E-stop on simulated boards with the firmware's own core.
@Suite("Wired E-stop", .timeLimit(.minutes(3)))
struct WiredStopTests {
    private let uid = BoardUID(value: 0xAB)

    private func service(_ agent: TestAgent, _ folder: String) -> FlashService {
        FlashService(
            folder: StateFolder(path: folder), library: FirmwareLibrary(folder: folder),
            leases: .of(agent.core), loop: agent.loop)
    }

    @Test("told of, an open circuit stops the board, is told, and a closed one lets it work again")
    func stops() async throws {
        let board = try await SimulatedBoard.start(.hostStage)
        let folder = try TestProcess.makeFolder("agent")
        let agent = try TestAgent(folder: folder, ports: [board.port])
        try await agent.start()
        try await agent.armed()
        let stopped = {
            await agent.onLoop { core in
                let state = core.state.boards.first { $0.uid == self.uid }
                return state?.condition == .estopped && state?.fault == "estop_wired"
            }
        }
        let runs = try await service(agent, folder).setWiredStop(true, on: board.port)
        #expect(runs.board == "host_stage")
        try await agent.armed()

        let before = await refusals(agent)
        board.tell("estop 1")
        try await agent.wait("the stop", until: stopped)
        let refused = TestAgent.command(.pulse(durationMilliseconds: 50), on: "lamp", board: uid)
        await agent.send(.command, refused)
        #expect(try await agent.outcome(of: refused.id).status == .rejected)
        #expect(board.risings(13).isEmpty)
        // Asking whether it can be cleared goes on, and does not fill the line.
        try await agent.wait("a second refusal") { await self.refusals(agent) >= before + 2 }
        #expect(await refusals(agent) < before + 20)

        board.tell("estop 0")
        try await agent.armed()
        let done = TestAgent.command(.pulse(durationMilliseconds: 50), on: "lamp", board: uid)
        await agent.send(.command, done)
        #expect(try await agent.outcome(of: done.id).status == .executed)

        // No longer fitted: the circuit counts no more.
        _ = try await service(agent, folder).setWiredStop(false, on: board.port)
        try await agent.armed()
        board.tell("estop 1")
        let last = TestAgent.command(.pulse(durationMilliseconds: 50), on: "lamp", board: uid)
        await agent.send(.command, last)
        #expect(try await agent.outcome(of: last.id).status == .executed)
        await agent.end()
    }

    @Test("a board without such an input says no, and goes on as before")
    func refuses() async throws {
        let board = try await SimulatedBoard.start(.host)
        let folder = try TestProcess.makeFolder("agent")
        let agent = try TestAgent(folder: folder, ports: [board.port])
        try await agent.start()
        try await agent.armed()
        await #expect(throws: FlashProblem.refused("the board has no input for a wired E-stop")) {
            try await service(agent, folder).setWiredStop(true, on: board.port)
        }
        try await agent.armed()
        await agent.end()
    }

    private func refusals(_ agent: TestAgent) async -> Int {
        await agent.onLoop { core in core.driverOfBoard[self.uid]?.statistics?.naks ?? 0 }
    }
}
