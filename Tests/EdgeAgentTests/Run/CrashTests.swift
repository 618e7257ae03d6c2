import Foundation
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// The agent dies between two steps of a command: the journal's files as they are at that
/// moment are all that is left, as the kernel keeps what a dead process had written.
@Suite("Agent crash", .serialized)
struct CrashTests {
    private static let files = ["journal.db", "journal.db-wal"]

    private struct Case: Sendable, CustomTestStringConvertible {
        let step: JournalStep
        let channel: String
        var testDescription: String { "\(channel) at \(step)" }
    }

    /// What every command passes; the others are met by the system tests' kills.
    private static let steps: [JournalStep] = [
        .beforeAccept, .afterAccept, .beforeWrite, .afterWrite, .beforeFinish, .afterFinish,
    ]
    private static let cases = steps.flatMap { step in
        ["relay1", "servo"].map { Case(step: step, channel: $0) }
    }

    /// How often the board did it, whatever was sent.
    private func done(_ board: SimulatedBoard, _ channel: String) -> Int {
        channel == "relay1" ? board.risings(7).count : board.holds(9)
    }

    @Test(
        "wherever the agent dies, a state is set and a motion is done at most once",
        arguments: cases)
    private func dies(_ one: Case) async throws {
        let board = try await SimulatedBoard.start()
        let folder = try TestProcess.makeFolder("agent")
        let grave = try TestProcess.makeFolder("grave")
        let isArmed = Mutex(false)
        let agent = try TestAgent(folder: folder, ports: [board.port]) { step in
            guard step == one.step,
                isArmed.withLock({
                    let was = $0; $0 = false; return was
                })
            else { return }
            for file in Self.files {
                try? FileManager.default.copyItem(
                    atPath: "\(folder)/\(file)", toPath: "\(grave)/\(file)")
            }
        }
        try await agent.start()
        try await agent.armed()
        let operation: SharedModels.Operation =
            one.channel == "servo"
            ? .target(angleCentidegrees: 9000, holdMilliseconds: 50)
            : .set(on: true, durationMilliseconds: 50)
        let command = TestAgent.command(operation, on: one.channel)
        isArmed.withLock { $0 = true }
        await agent.send(.command, command)
        try await agent.wait("the step") { !isArmed.withLock { $0 } }
        _ = try await agent.outcome(of: command.id)
        await agent.end()
        // The first agent's own life went on after the moment that is looked at.
        try await agent.wait("the first record") { done(board, one.channel) == 1 }
        let before = 1

        let heir = try TestAgent(folder: grave, ports: [board.port])
        try await heir.start()
        try await heir.armed()
        if one.step == .beforeAccept {
            // The broker has no word from us and delivers the command again.
            await heir.send(.command, command)
        }
        let outcome = try await heir.outcome(of: command.id)
        let isMotion = one.channel == "servo"
        let isUnknown = [.afterAccept, .beforeWrite, .afterWrite, .beforeFinish].contains(one.step)
        if isMotion && isUnknown {
            #expect(outcome.status == .failed)
            #expect(outcome.reason == "unknown_after_crash")
        } else {
            #expect(outcome.status == .executed)
        }
        let isDoneAgain = one.step == .beforeAccept || isUnknown && !isMotion
        let expected = before + (isDoneAgain ? 1 : 0)
        try await heir.wait("the board's record") { done(board, one.channel) >= expected }
        // And however often the broker delivers it now, it is not done again.
        await heir.send(.command, command)
        try await heir.wait("the repeat") { heir.outcomes(of: command.id).count == 2 }
        #expect(done(board, one.channel) == expected)
        await heir.end()
    }
}
