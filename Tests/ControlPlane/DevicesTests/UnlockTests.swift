import FoundationEssentials
import MQTT
import SharedModels
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)

@Suite("Unlocking", .needsServices, .timeLimit(.minutes(2)))
struct UnlockTests {
    private let manifest = BoardManifest(
        linkVersion: 1, board: "mega", firmware: "0.2.0", build: "00000000",
        receiveWindowBytes: 60,
        channels: [
            Channel(
                id: 0, name: "bell", kind: .solenoid, pin: 7, onMaxMilliseconds: 100,
                bounds: .init(dangerous: true)),
            Channel(id: 1, name: "lamp", kind: .relay, pin: 8, onMaxMilliseconds: 100),
        ])

    @Test("the agent is told, and what its board says is shown")
    func told() async throws {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        let messages = await line.messages(.unlock)
        try await line.showUp(with: [board], manifest: manifest)
        try await site.until { await site.device(board) != nil }
        let device = try #require(await site.device(board))
        try await site.service.unlock(
            ["bell"], of: device.id, in: Site.home, seconds: 60, by: Site.owner)
        var told: Unlock?
        for await message in messages {
            told = try JSONDecoder().decode(Unlock.self, from: Data(message.payload))
            break
        }
        #expect(
            told
                == Unlock(
                    board: board, channels: ["bell"], durationSeconds: 60,
                    expiresAtMilliseconds: site.hands.now + Unlock.lifetimeMilliseconds))
        try await line.publish(
            .state,
            AgentState(
                isOnline: true, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
                isStopped: false,
                boards: [BoardState(uid: board, condition: .armed, unlocked: ["bell"])]))
        try await site.until {
            await site.service.overview(of: Site.home).devices[0].1.unlocked == ["bell"]
        }
        await line.stop()
        await site.stop()
    }

    @Test("what is not dangerous, not the workspace's, not armed or stopped is not unlocked")
    func refused() async throws {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        try await line.showUp(with: [board], manifest: manifest)
        try await site.until { await site.device(board) != nil }
        let device = try #require(await site.device(board))
        func unlock(
            _ channel: String, of id: DeviceID, in workspace: WorkspaceID = Site.home
        ) async throws {
            try await site.service.unlock(
                [channel], of: id, in: workspace, seconds: 60, by: Site.owner)
        }
        for name in ["lamp", "nowhere"] {
            await #expect(
                throws: DevicesError.invalid(
                    path: "channels[0]", message: "is no dangerous channel of the device")
            ) { try await unlock(name, of: device.id) }
        }
        await #expect(throws: DevicesError.notFound("device")) {
            try await unlock("bell", of: device.id, in: Site.elsewhere)
        }
        try await site.press(.device(device.id))
        await #expect(throws: DevicesError.notArmed) { try await unlock("bell", of: device.id) }
        try await site.release(.device(device.id))
        try await unlock("bell", of: device.id)
        try await line.showUp(with: [board], manifest: manifest, condition: .safe)
        try await site.until {
            await site.service.overview(of: Site.home).devices[0].1.condition == .safe
        }
        await #expect(throws: DevicesError.notArmed) { try await unlock("bell", of: device.id) }
        await line.stop()
        await site.stop()
    }
}
