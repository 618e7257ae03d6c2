import Foundation
import Hardware
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// Orders to flash, as a running agent does them: an Uno with a real bootloader on a simulated
/// chip, flashed by avrdude through a port that the agent gives away.
@Suite("Flash as ordered", .serialized)
struct FlashDeskTests {
    private let uid = BoardUID(value: 0xAB)

    private func agent(
        _ folder: String, _ port: String, images: String = FlashTestKit.next
    ) throws -> TestAgent {
        let agent = try TestAgent(folder: folder, ports: [port])
        var settings = FlashService.Settings()
        settings.asking = .seconds(10)
        settings.proof = .seconds(20)
        let core = agent.core
        core.desk = FlashDesk(
            FlashService(
                folder: StateFolder(path: folder), library: FirmwareLibrary(folder: images),
                leases: .of(core), loop: agent.loop, settings: settings),
            log: Log(component: "test", minimum: .error),
            changed: { [weak core] in core?.stateChanged() })
        return agent
    }

    private func order(
        _ build: String, id: UInt64 = 1, kind: String = "uno", board: BoardUID? = nil,
        lasts: Int64 = 10_000
    ) -> FlashOrder {
        FlashOrder(
            id: FlashJobID(high: 7, low: id), board: board ?? uid, kind: kind, build: build,
            expiresAtMilliseconds: SystemTime.unixMilliseconds + lasts)
    }

    /// Waits until the order has ended, and answers how.
    private func end(of order: FlashOrder, _ agent: TestAgent) async throws -> FlashReport {
        try await agent.wait("the end of the flashing", seconds: 90) {
            agent.states.last?.flashing?.id == order.id
                && agent.states.last?.flashing?.status.isEnd == true
        }
        return try #require(agent.states.last?.flashing)
    }

    @Test("a board is flashed and comes back armed; the same order again does nothing")
    func flashes() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        let folder = try TestProcess.makeFolder("desk")
        let agent = try agent(folder, board.port)
        try await agent.start()
        try await agent.armed(uid)
        let offers = agent.states.last?.firmware?.filter { $0.board == "uno" }
        #expect(offers?.map(\.build) == [new.facts.build])
        // Longer than flashing takes on a busy machine: a late order would be dropped unread.
        let order = order(new.facts.build, lasts: 600_000)
        await agent.send(.flash, order)
        #expect(try await end(of: order, agent).status == .flashed)
        let steps = agent.states.compactMap(\.flashing?.step)
        #expect(steps.contains("writing") && steps.contains("awaiting_hello"))
        #expect(try await board.has(new.image))
        try await agent.wait("the new build, armed", seconds: 90) {
            await agent.onLoop { [uid] core in
                core.boards[uid]?.manifest.build == new.facts.build
                    && core.boards[uid]?.condition == .armed
            }
        }
        #expect(board.risings == 0, "an output was switched on")
        let count = agent.states.count
        await agent.send(.flash, order)
        try await agent.wait("the same report again") { agent.states.count > count }
        #expect(agent.states.last?.flashing?.status == .flashed)
        #expect(await agent.onLoop { $0.desk?.isBusy } == false)
        await agent.end()

        // The next agent still tells how it ended.
        let after = try self.agent(folder, board.port)
        try await after.start()
        try await after.wait("a state") { !after.states.isEmpty }
        #expect(after.states.first?.flashing?.status == .flashed)
        await after.end()
    }

    @Test("what cannot be flashed is told, and nothing is written")
    func refuses() async throws {
        let old = try FlashTestKit.firmware(FlashTestKit.old)
        let board = try await FlashBoard.start()
        let folder = try TestProcess.makeFolder("desk")
        let agent = try agent(folder, board.port)
        try await agent.start()
        try await agent.armed(uid)
        let unknown = order("0000dead", id: 1)
        await agent.send(.flash, unknown)
        let refusal = try await end(of: unknown, agent)
        #expect(refusal.status == .refused && refusal.reason.contains("0000dead"))
        try await agent.armed(uid)
        let wrong = order(old.facts.build, id: 2, kind: "mega")
        await agent.send(.flash, wrong)
        #expect(try await end(of: wrong, agent).status == .refused)
        let away = order(old.facts.build, id: 3, board: BoardUID(value: 0xCD))
        await agent.send(.flash, away)
        #expect(
            try await end(of: away, agent).reason
                == "The board is not connected to this agent.")
        await agent.send(.flash, order(old.facts.build, id: 4, lasts: -1))
        #expect(await agent.onLoop { $0.desk?.report?.id } == away.id, "a late order was taken")
        #expect(try await board.has(old.image))
        #expect(!FlashFolder(StateFolder(path: folder)).hasJournal)
        await agent.end()
    }

    @Test("an agent that is killed in the middle ends it at its next start, and tells")
    func resumes() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        let folder = try TestProcess.makeFolder("desk")
        let order = order(new.facts.build)
        let state = FlashFolder(StateFolder(path: folder))
        let left = FlashRecord(
            order: order, port: board.port,
            report: FlashReport(id: order.id, status: .running, step: "writing"))
        // As `FlashKillTests` leaves it in the middle of the writing.
        try state.save(left)
        try state.save(
            FlashJournal(
                board: "uno", port: board.port, loader: "optiboot",
                old: state.keep(try FlashTestKit.firmware(FlashTestKit.old).image, as: .old),
                new: state.keep(new.image, as: .new), phase: .writing, attempts: 1))
        let agent = try agent(folder, board.port)
        await agent.core.desk?.recover()
        try await agent.start()
        #expect(try await end(of: order, agent).status == .flashed)
        #expect(try await board.has(new.image))
        try await agent.armed(uid)
        await agent.end()

        // Killed before anything was written: it says so.
        let early = self.order("0000beef", id: 2)
        try state.save(
            FlashRecord(
                order: early, port: board.port,
                report: FlashReport(id: early.id, status: .running, step: "connecting")))
        let after = try self.agent(folder, board.port)
        await after.core.desk?.recover()
        try await after.start()
        let report = try await end(of: early, after)
        #expect(report.status == .failed && report.reason.contains("before anything was written"))
        try await after.armed(uid)
        await after.end()
    }
}
