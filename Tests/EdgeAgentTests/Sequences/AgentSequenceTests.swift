import Foundation
import Hardware
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// The agent and the firmware's core as a program on a pty, with room for sequences.
@Suite("Sequences on a simulated board", .needsServices, .timeLimit(.minutes(3)))
struct AgentSequenceTests {
    private static let lampPin = 13

    private func flashes(_ rounds: Int = 5) -> [ChannelSequence.Step] {
        [
            .loop(
                rounds: rounds,
                [
                    .command(channel: "lamp", .pulse(durationMilliseconds: 50)),
                    .wait(milliseconds: 100),
                ])
        ]
    }

    private func sequences(
        _ boards: [BoardUID], _ steps: [ChannelSequence.Step], number: Int = 2, revision: Int64 = 1
    ) -> AgentSequences {
        AgentSequences(
            boards: boards.map {
                .init(
                    uid: $0, sequences: [.init(number: number, revision: revision, steps: steps)])
            })
    }

    private func condition(_ agent: TestAgent, _ uid: BoardUID) async -> SequenceState.Condition? {
        await agent.onLoop { core in
            core.state.boards.first { $0.uid == uid }?.sequences?.first?.condition
        }
    }

    private func play(
        _ agent: TestAgent, _ uid: BoardUID, number: Int = 2, startAt: Int64? = nil
    ) async -> CommandID {
        let command = TestAgent.command(
            .play(sequence: number, startAtMilliseconds: startAt), on: Channel.boardName,
            board: uid)
        await agent.send(.command, command)
        return command.id
    }

    @Test("it is uploaded, played and told of; a second play waits, a stop ends it, off")
    func whole() async throws {
        let uid = BoardUID(value: 0xAB)
        let board = try await SimulatedBoard.start(.hostStage)
        let agent = try TestAgent(
            folder: TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start()
        try await agent.armed()
        let early = await play(agent, uid)
        #expect(try await agent.outcome(of: early).reason == "no_sequence")
        await agent.send(.sequences, sequences([uid], flashes()))
        try await agent.wait("the upload") { await self.condition(agent, uid) == .ready }

        let first = await play(agent, uid)
        #expect(try await agent.outcome(of: first).status == .executed)
        try await agent.wait("five flashes") { board.risings(Self.lampPin).count == 5 }
        try await agent.wait("the end") {
            await agent.onLoop { core in core.sequenceDesk.playing[uid] == nil }
        }
        // The longest: a simulator that is held up writes a beginning down late.
        #expect(board.pulses(Self.lampPin).max() ?? 0 >= 49_000)

        let nothing = TestAgent.command(.stop, on: Channel.boardName)
        await agent.send(.command, nothing)
        #expect(try await agent.outcome(of: nothing.id).reason == "not_playing")

        await agent.send(.sequences, sequences([uid], flashes(255), revision: 2))
        try await agent.wait("the second upload") {
            await self.condition(agent, uid) == .ready
        }
        let long = await play(agent, uid)
        #expect(try await agent.outcome(of: long).status == .executed)
        try await agent.wait("it plays") {
            await agent.onLoop { core in core.sequenceDesk.playing[uid] == 2 }
        }
        let stop = TestAgent.command(.stop, on: Channel.boardName)
        await agent.send(.command, stop)
        #expect(try await agent.outcome(of: stop.id).status == .executed)
        try await agent.wait("it is over") {
            await agent.onLoop { core in core.sequenceDesk.playing[uid] == nil }
        }
        try await agent.wait("the lamp is off") { board.level(Self.lampPin) == 0 }
        let count = board.risings(Self.lampPin).count
        #expect(count < 260, "it did not go on to its end")

        // The same command again is the same play.
        await agent.send(.command, stop)
        try await agent.wait("the repeated outcome") { agent.outcomes(of: stop.id).count == 2 }
        #expect(board.risings(Self.lampPin).count == count)
        await agent.end()
    }

    @Test("a board that has them already is not written again, by the next agent neither")
    func kept() async throws {
        let uid = BoardUID(value: 0xAB)
        let board = try await SimulatedBoard.start(.hostStage)
        for round in 0..<2 {
            let agent = try TestAgent(
                folder: TestProcess.makeFolder("agent"), ports: [board.port])
            try await agent.start()
            try await agent.armed()
            await agent.send(.sequences, sequences([uid], flashes()))
            try await agent.wait("ready") { await self.condition(agent, uid) == .ready }
            let chunks = await agent.onLoop { core in
                (core.driverOfBoard[uid] as? PortDriver)?.link?.programs?.chunksWritten
            }
            #expect(chunks == (round == 0 ? 1 : 0))
            await agent.end()
        }
    }

    @Test("an E-stop ends what plays, and nothing goes on after it")
    func emergencyStop() async throws {
        let uid = BoardUID(value: 0xAB)
        let board = try await SimulatedBoard.start(.hostStage)
        let agent = try TestAgent(
            folder: TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start()
        try await agent.armed()
        await agent.send(.sequences, sequences([uid], flashes(255)))
        try await agent.wait("ready") { await self.condition(agent, uid) == .ready }
        _ = await play(agent, uid)
        try await agent.wait("a flash") { board.risings(Self.lampPin).count > 1 }
        await agent.send(
            .estop, EmergencyStop(sequence: 9, isAgentStopped: true, stoppedBoards: []))
        try await agent.wait("the stop") {
            await agent.onLoop { core in core.boards[uid]?.condition == .estopped }
        }
        try await agent.wait("the lamp is off") { board.level(Self.lampPin) == 0 }
        let count = board.risings(Self.lampPin).count
        let late = await play(agent, uid)
        #expect(try await agent.outcome(of: late).reason == "estopped")
        #expect(board.risings(Self.lampPin).count == count)
        #expect(await agent.onLoop { core in core.sequenceDesk.playing[uid] } == nil)
        await agent.end()
    }
}
