import SharedModels
import TestSupport
import Testing

@testable import Agent

/// Inputs of a simulated board, as the agent tells them.
@Suite("Agent inputs", .serialized)
struct AgentInputTests {
    private func stage(
        _ kind: SimulatedBoard.Kind
    ) async throws -> (SimulatedBoard, TestAgent) {
        let board = try await SimulatedBoard.start(kind)
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start()
        try await agent.armed()
        return (board, agent)
    }

    @Test("a press and a release are told once each", arguments: SimulatedBoard.Kind.allCases)
    func told(kind: SimulatedBoard.Kind) async throws {
        let (board, agent) = try await stage(kind)
        board.tell("button 1")
        try await agent.wait("the press") { agent.inputs.count == 1 }
        board.tell("button 0")
        try await agent.wait("the release") { agent.inputs.count == 2 }
        #expect(agent.inputs.map(\.value) == [1, 0])
        #expect(agent.inputs.map(\.sequence) == [1, 2])
        for change in agent.inputs {
            #expect(change.board == BoardUID(value: 0xAB))
            #expect(change.channel == "button")
            #expect(!change.isLate && change.problem == nil)
            #expect(change.agentClock == "here" && change.readNanoseconds > 0)
        }
        await agent.end()
    }

    @Test("what happens while the broker is away is told afterwards, as late")
    func offline() async throws {
        let (board, agent) = try await stage(.host)
        await agent.onLoop { $0.setConnected(false, trouble: "away") }
        board.tell("button 1")
        try await agent.wait("the press to be kept") {
            await agent.onLoop { $0.inputs.waitingCount } == 1
        }
        #expect(agent.inputs.isEmpty)
        await agent.onLoop { $0.setConnected(true, trouble: "") }
        try await agent.wait("the late press") { agent.inputs.count == 1 }
        #expect(agent.inputs[0].isLate && agent.inputs[0].value == 1)
        board.tell("button 0")
        try await agent.wait("the release") { agent.inputs.count == 2 }
        #expect(!agent.inputs[1].isLate && agent.inputs[1].value == 0)
        await agent.end()
    }
}
