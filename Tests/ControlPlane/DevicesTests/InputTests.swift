import MQTT
import SharedModels
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)

@Suite("Inputs of devices", .needsServices, .timeLimit(.minutes(2)))
struct InputTests {
    private let manifest = BoardManifest(
        linkVersion: 1, board: "uno", firmware: "0.1.0", build: "00000000",
        receiveWindowBytes: 60,
        channels: [
            Channel(id: 0, name: "lamp", kind: .relay, pin: 7, onMaxMilliseconds: 1000),
            Channel(id: 1, name: "button", kind: .button, pin: 2),
            Channel(id: 2, name: "eye", kind: .distance, pin: 3),
        ])

    private func change(
        _ value: Int, sequence: Int64, of channel: String = "button", on uid: BoardUID = board,
        started: Int64 = 5, read: Int64 = 1_800_000_000_000, isLate: Bool = false
    ) -> InputChange {
        InputChange(
            board: uid, channel: channel, value: value, startedAtMilliseconds: started,
            sequence: sequence, readAtMilliseconds: read, isLate: isLate, agentClock: "boot",
            readNanoseconds: 77)
    }

    private func stage() async throws -> (Site, AgentLine, Device) {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        try await line.showUp(with: [board], manifest: manifest)
        try await site.until { await site.device(board) != nil }
        return (site, line, try #require(await site.device(board)))
    }

    @Test("a change is told once, with what rules and traces need, and shown with its device")
    func told() async throws {
        let (site, line, device) = try await stage()
        try await line.publish(.input, change(1, sequence: 1))
        // The broker may deliver again; and what is older than the newest is over.
        try await line.publish(.input, change(1, sequence: 1))
        try await line.publish(.input, change(0, sequence: 3))
        try await line.publish(.input, change(1, sequence: 2))
        // Another process of the agent counts anew.
        try await line.publish(.input, change(1, sequence: 1, started: 6))
        try await line.publish(.input, change(-250, sequence: 2, of: "eye", started: 6))
        try await site.until { site.inputs.all.contains { $0.reading.channel == "eye" } }
        let reports = site.inputs.all
        #expect(reports.map(\.reading.value) == [1, 0, 1, -250])
        let first = try #require(reports.first)
        #expect(first.workspace == Site.home)
        #expect(
            first.reading == InputReading(device: device.id, channel: "button", value: 1))
        #expect(!first.isHistory && first.ageMilliseconds == 0)
        #expect(first.agentClock == "boot" && first.readNanoseconds == 77)
        #expect(first.arrivedNanoseconds > 0)
        let shown = await site.service.overview(of: Site.home).devices[0].inputs
        #expect(shown.map(\.0) == ["button", "eye"])
        #expect(shown.map(\.1.value) == [1, -250])
        await line.stop()
        await site.stop()
    }

    @Test("what was late or is too old is history")
    func history() async throws {
        let (site, line, _) = try await stage()
        let now = site.hands.now
        try await line.publish(.input, change(1, sequence: 1, isLate: true))
        try await line.publish(.input, change(2, sequence: 2, read: now - 5_001))
        try await line.publish(.input, change(3, sequence: 3, read: now - 5_000))
        try await line.publish(.input, change(4, sequence: 4, read: now + 5_001))
        try await site.until { site.inputs.all.count == 4 }
        #expect(site.inputs.all.map(\.isHistory) == [true, true, false, true])
        #expect(site.inputs.all.map(\.ageMilliseconds) == [0, 5_001, 5_000, 0])
        await line.stop()
        await site.stop()
    }

    @Test("what is no input of a board of the agent, or cannot be read, is told nobody")
    func hostile() async throws {
        let (site, line, _) = try await stage()
        let other = try (try await site.pair(in: Site.elsewhere)).line()
        try await other.publish(.input, change(1, sequence: 1))
        for text in ["", "{", "null", "[]", "{\"board_uid\":1}"] {
            try await line.publish(.input, Array(text.utf8))
        }
        try await line.publish(.input, change(1, sequence: 1, of: "lamp"))
        try await line.publish(.input, change(1, sequence: 2, of: "nowhere"))
        try await line.publish(.input, change(1, sequence: 3, on: BoardUID(value: 9)))
        try await line.publish(.input, change(40_000, sequence: 4))
        try await line.publish(.input, change(1, sequence: 0))
        // The connections are two; this one comes after all of its own.
        try await other.publish(.input, change(1, sequence: 2))
        try await line.publish(.input, change(7, sequence: 5))
        try await site.until { !site.inputs.all.isEmpty }
        #expect(site.inputs.all.map(\.reading.value) == [7])
        await other.stop()
        await line.stop()
        await site.stop()
    }

    @Test("of more changes than anybody makes some are taken, and other agents are heard")
    func flood() async throws {
        let site = try await Site.start()
        await site.dispatcher.run { dispatcher in
            let intake = InputIntake(
                dispatcher: dispatcher, unixMilliseconds: { 0 }, report: { _ in })
            let (loud, quiet) = (AgentID(high: 1, low: 1), AgentID(high: 1, low: 2))
            let taken = (0..<5_000).count { _ in intake.admits(loud, at: 0) }
            #expect(taken == InputIntake.Limits.burst)
            #expect(intake.admits(quiet, at: 0))
            let later = (0..<5_000).count { _ in intake.admits(loud, at: 1_000_000_000) }
            #expect(later == Int(InputIntake.Limits.perSecond))
        }
        await site.stop()
    }

    @Test("a rule's trigger must name an input of the workspace that can say it")
    func triggers() async throws {
        let (site, line, device) = try await stage()
        func paths(
            _ id: DeviceID, _ channel: String, _ condition: InputCondition,
            in workspace: WorkspaceID = Site.home
        ) async -> [String] {
            let match = InputMatch(device: id, channel: channel, condition: condition)
            return await site.service.problems(with: .input(match), in: workspace).map(\.path)
        }
        #expect(await paths(device.id, "button", .pressed).isEmpty)
        #expect(await paths(device.id, "eye", .below(300, hysteresis: 20)).isEmpty)
        #expect(
            await paths(device.id, "button", .pressed, in: Site.elsewhere)
                == ["trigger.input.device_id"])
        #expect(
            await paths(DeviceID(high: 1, low: 1), "button", .pressed)
                == ["trigger.input.device_id"])
        #expect(await paths(device.id, "nowhere", .pressed) == ["trigger.input.channel"])
        #expect(await paths(device.id, "lamp", .changed) == ["trigger.input.condition"])
        #expect(await paths(device.id, "eye", .pressed) == ["trigger.input.condition"])
        #expect(await site.service.problems(with: .follow, in: Site.home).isEmpty)
        await line.stop()
        await site.stop()
    }
}
