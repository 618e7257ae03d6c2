import FoundationEssentials
import MQTT
import SharedModels
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)
private let next = "0000000b"

@Suite("Flashing", .needsServices, .timeLimit(.minutes(2)))
struct FlashTests {
    private func state(
        _ report: FlashReport? = nil, condition: BoardState.Condition = .armed,
        boards: [BoardUID] = [board]
    ) -> AgentState {
        AgentState(
            isOnline: true, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
            isStopped: false, boards: boards.map { BoardState(uid: $0, condition: condition) },
            firmware: [
                FirmwareOffer(board: "uno", version: "9.9.9", build: next),
                FirmwareOffer(board: "mega", version: "9.9.9", build: "0000000c"),
            ], flashing: report)
    }

    /// An agent with a board of build 00000000 and firmware for it.
    private func show(
        _ site: Site, boards: [BoardUID] = [board]
    ) async throws -> (line: AgentLine, device: DeviceID) {
        let line = try (try await site.pair()).line()
        try await line.showUp(with: boards)
        try await line.publish(.state, state(boards: boards))
        try await site.until { await site.device(boards[boards.count - 1]) != nil }
        try await site.until {
            await !site.service.overview(of: Site.home).devices[0].firmware.isEmpty
        }
        return (line, try #require(await site.device(board)).id)
    }

    private func flash(
        _ site: Site, _ device: DeviceID, build: String = next,
        in workspace: WorkspaceID = Site.home
    ) async throws -> FlashJob {
        try await site.service.flash(build, onto: device, in: workspace, by: Site.owner)
    }

    @Test("the agent is told, what it says is shown, and its end is written down")
    func told() async throws {
        let site = try await Site.start()
        let (line, device) = try await show(site)
        let messages = await line.messages(.flash)
        let offers = await site.service.overview(of: Site.home).devices[0].firmware
        #expect(offers.map(\.build) == [next], "what is of other boards is not offered")
        let job = try await flash(site, device)
        var told: FlashOrder?
        for await message in messages {
            told = try JSONDecoder().decode(FlashOrder.self, from: Data(message.payload))
            break
        }
        #expect(
            told
                == FlashOrder(
                    id: job.id, board: board, kind: "uno", build: next,
                    expiresAtMilliseconds: site.hands.now + FlashOrder.lifetimeMilliseconds))
        try await line.publish(
            .state,
            state(
                FlashReport(id: job.id, status: .running, step: "writing", percent: 50),
                condition: .offline))
        try await site.until {
            try await site.service.flashing(of: device, in: Site.home)?.percent == 50
        }
        // The control plane dies; the agent goes on and ends; the next one reads it.
        let after = try await site.restart()
        try await after.until {
            try await after.service.flashing(of: device, in: Site.home)?.percent == 50
        }
        try await line.publish(
            .state,
            state(FlashReport(id: job.id, status: .putBack, step: "restoring", reason: "why")))
        try await after.until {
            try await after.service.flashing(of: device, in: Site.home)?.status == .putBack
        }
        let store = FlashStore(pool: after.pool)
        try await after.until {
            let kept = try await store.newest().first
            return kept?.status == .putBack && kept?.reason == "why" && kept?.by == Site.owner
        }
        await line.stop()
        await after.stop()
    }

    @Test("what cannot be flashed is refused before anybody is told")
    func refused() async throws {
        let site = try await Site.start()
        let second = BoardUID(value: 0xABCE)
        let (line, device) = try await show(site, boards: [board, second])
        await #expect(throws: DevicesError.notFound("device")) {
            _ = try await flash(site, device, in: Site.elsewhere)
        }
        await #expect(
            throws: DevicesError.invalid(path: "build", message: "is what the board runs already")
        ) { _ = try await flash(site, device, build: "00000000") }
        for build in ["0000000c", "0000000d", "../../x"] {
            await #expect(
                throws: DevicesError.invalid(
                    path: "build", message: "is none that its agent has for the board")
            ) { _ = try await flash(site, device, build: build) }
        }
        #expect(try await site.service.flashing(of: device, in: Site.home) == nil)
        // A stopped board may be flashed: it stays stopped.
        try await site.press(.device(device))
        let job = try await flash(site, device)
        let other = try #require(await site.device(second)).id
        for id in [device, other] {
            await #expect(
                throws: DevicesError.cannotFlash(
                    "flash_under_way",
                    "A board of this agent is being flashed; wait until it ends.")
            ) { _ = try await flash(site, id) }
        }
        try await line.publish(
            .state,
            state(
                FlashReport(id: job.id, status: .refused, step: "asking", reason: "wrong chip"),
                condition: .offline, boards: [board, second]))
        try await site.until {
            try await site.service.flashing(of: device, in: Site.home)?.status == .refused
        }
        await #expect(
            throws: DevicesError.cannotFlash("board_offline", "The board is not connected.")
        ) { _ = try await flash(site, device) }
        await line.stop()
        await site.stop()
    }
}
