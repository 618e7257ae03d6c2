import FoundationEssentials
import MQTT
import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)

@Suite("Manifests and states", .needsServices, .timeLimit(.minutes(2)))
struct ManifestTests {
    @Test(
        "the boards of a manifest become devices of the agent's workspace, and stay over a restart")
    func becomeDevices() async throws {
        let site = try await Site.start()
        let agent = try await site.pair()
        let line = try agent.line()
        try await line.showUp(with: [board, BoardUID(value: 2)])
        try await site.until { await site.device(BoardUID(value: 2)) != nil }
        let device = try #require(await site.device(board))
        #expect(device.agent == agent.id)
        #expect(device.name == "uno abcd")
        #expect(device.manifest == .relay())
        #expect(await site.service.overview(of: Site.elsewhere).devices.isEmpty)
        await line.stop()
        let again = try await site.restart()
        #expect(await again.device(board) == device)
        await again.stop()
    }

    @Test("a device has what its agent says of its link, while the agent is online")
    func linkFigures() async throws {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        try await line.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        #expect(await site.link == nil)
        let link = AgentTelemetry.Link(
            uid: board, sent: 1, retries: 2, crcErrors: 3, framingErrors: 4, overruns: 5,
            duplicates: 6, losses: 7, resets: 8, roundTripP50Microseconds: 9,
            roundTripP99Microseconds: 10)
        try await line.publish(
            .telemetry,
            AgentTelemetry(
                uptimeSeconds: 1, residentBytes: 1, spooledOutcomes: 0, droppedOutcomes: 0,
                links: [link]))
        try await site.until { await site.link == link }
        // An older agent counts less.
        let older = """
            {"uptime_s":1,"resident_bytes":1,"spooled_outcomes":0,"dropped_outcomes":0,"links":[
            {"uid":"\(board)","sent":200,"retries":0,"crc_errors":0,"overruns":0,"duplicates":0,
            "round_trip_p50_us":1,"round_trip_p99_us":1}]}
            """
        try await line.publish(.telemetry, Array(older.utf8), isRetained: false)
        try await site.until { await site.link?.sent == 200 }
        #expect(await site.link?.losses == 0)
        try await line.publish(
            .state,
            AgentState(
                isOnline: false, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
                isStopped: false, boards: []))
        try await site.until { await site.link == nil }
        await site.stop()
    }

    @Test("a hostile board is left out, and does not hurt its neighbour")
    func hostileBoards() async throws {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        let many = (0...BoardManifest.channelsMax).map { "c\($0)" }
        let huge = BoardManifest.relay(firmware: String(repeating: "x", count: 50_000))
        let hostile: [BoardManifest] = [
            .relay(names: many), .relay(names: ["a", "a"]), .relay(names: ["<b>"]), huge,
            .relay(firmware: "\u{0}"), .relay(names: [""]),
        ]
        var boards = hostile.enumerated().map { index, manifest in
            AgentManifest.Board(
                uid: BoardUID(value: UInt64(index)), port: "p", manifest: manifest)
        }
        boards.append(.init(uid: .blank, port: "p", manifest: .relay()))
        boards.append(.init(uid: board, port: "p", manifest: .relay()))
        try await line.publish(.manifest, AgentManifest(boards: boards))
        try await site.until { await site.device(board) != nil }
        #expect(await site.service.overview(of: Site.home).devices.map(\.0.board) == [board])
        let rows = try await site.pool.queryOne(
            "SELECT count(*) FROM devices.device", as: (Int64).self)
        #expect(rows == 1)
        await line.stop()
        await site.stop()
    }

    @Test("what is no manifest, has too many boards or one twice, changes nothing")
    func hostileLists() async throws {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        func list(_ values: [UInt64]) -> AgentManifest {
            AgentManifest(
                boards: values.map {
                    .init(uid: BoardUID(value: $0), port: "p", manifest: .relay())
                })
        }
        for text in ["", "{", "[]", "null", "{\"boards\":[{}]}"] {
            try await line.publish(.manifest, Array(text.utf8))
        }
        try await line.publish(.manifest, [UInt8](repeating: 0x5B, count: 200_000))
        try await line.publish(.manifest, list((0..<17).map { $0 }))
        try await line.publish(.manifest, list([5, 5]))
        // Later than a pause, so that this one does not stand in for those before.
        await pause(site)
        try await line.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        #expect(await site.service.overview(of: Site.home).devices.count == 1)
        await line.stop()
        await site.stop()
    }

    /// Waits on the loop's own clock until the inbox takes the next message at once.
    private func pause(_ site: Site) async {
        await withCheckedContinuation { continuation in
            site.loop.submit {
                site.loop.schedule(after: AgentInbox.Limits.pause * 3) { continuation.resume() }
            }
        }
    }

    @Test("of many manifests and states in a row the last one counts, and few are looked at")
    func flood() async throws {
        let site = try await Site.start()
        let agent = try await site.pair()
        let line = try agent.line()
        let before = site.changes.load(ordering: .relaxed)
        let clock = ContinuousClock.now
        for number in 0..<400 {
            try await line.publish(
                .manifest,
                AgentManifest(boards: [
                    .init(uid: board, port: "p", manifest: .relay(firmware: "\(number)"))
                ]))
            try await line.publish(
                .state,
                AgentState(
                    isOnline: true, version: "\(number)", startedAtMilliseconds: 0,
                    stopSequence: 0, isStopped: false, boards: []))
        }
        try await site.until {
            let version = await site.agent(agent.id)?.state?.version
            return await site.device(board)?.manifest.firmware == "399" && version == "399"
        }
        let pauses = (ContinuousClock.now - clock) / AgentInbox.Limits.pause
        let changes = site.changes.load(ordering: .relaxed) - before
        #expect(Double(changes) <= pauses * 2 + 4)
        await line.stop()
        await site.stop()
    }

    @Test("a name that people give survives manifests that arrive at the same time")
    func renameRace() async throws {
        let site = try await Site.start()
        let agent = try await site.pair()
        let line = try agent.line()
        try await line.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        let device = try #require(await site.device(board))
        for number in 0..<30 {
            async let manifest: Void = line.publish(
                .manifest,
                AgentManifest(boards: [
                    .init(uid: board, port: "p", manifest: .relay(firmware: "f\(number)"))
                ]))
            async let name: Void = site.service.renameDevice(
                device.id, of: Site.home, to: "name \(number)")
            _ = try await (manifest, name)
        }
        try await site.until { await site.device(board)?.manifest.firmware == "f29" }
        #expect(await site.device(board)?.name == "name 29")
        let stored = try await site.pool.queryOne(
            "SELECT name FROM devices.device", as: String.self)
        #expect(stored == "name 29")
        await #expect(throws: DevicesError.notFound("device")) {
            try await site.service.renameDevice(device.id, of: Site.elsewhere, to: "mine")
        }
        await line.stop()
        await site.stop()
    }

    @Test("a board that moves to another computer stays the same device, and stays stopped")
    func moves() async throws {
        let site = try await Site.start()
        let (first, second) = (try await site.pair(), try await site.pair())
        let (firstLine, secondLine) = (try first.line(), try second.line())
        try await firstLine.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        let device = try #require(await site.device(board))
        try await site.press(.device(device.id))
        var stops = await secondLine.messages(.estop).makeAsyncIterator()
        try await secondLine.showUp(with: [board])
        try await site.until { await site.device(board)?.agent == second.id }
        #expect(await site.device(board)?.id == device.id)
        while let stop = try await stops.next()?.stop() {
            if stop.stoppedBoards == [board] && stop.sequence > 0 { break }
        }
        await firstLine.stop()
        await secondLine.stop()
        await site.stop()
    }

    @Test("a workspace has at most so many devices; one that it has may still change and move")
    func deviceLimit() async throws {
        let site = try await Site.start()
        let (agent, other) = (try await site.pair(), try await site.pair())
        let line = try agent.line()
        try await line.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        let missing = DevicesService.Limits.devicesMax - 1
        try await site.pool.execute(
            """
            INSERT INTO devices.device (id, workspace_id, agent_id, board_uid, name, manifest)
            SELECT gen_random_uuid(), \(Site.home), \(agent.id), lpad(to_hex(n), 16, '0'), 'x', '{}'
            FROM generate_series(1, \(missing)) AS n
            """)
        let otherLine = try other.line()
        try await otherLine.publish(
            .manifest,
            AgentManifest(boards: [
                .init(uid: BoardUID(value: 1 << 40), port: "p", manifest: .relay()),
                .init(uid: board, port: "p", manifest: .relay(firmware: "moved")),
            ]))
        try await site.until { await site.device(board)?.manifest.firmware == "moved" }
        #expect(await site.device(BoardUID(value: 1 << 40)) == nil)
        await line.stop()
        await otherLine.stop()
        await site.stop()
    }

    @Test("nobody listens to a revoked agent, nor to one under another workspace's name")
    func revokedAgent() async throws {
        let site = try await Site.start()
        let (agent, other) = (try await site.pair(), try await site.pair())
        try await site.service.revokeAgent(agent.id, of: Site.home)
        let (line, otherLine) = (try agent.line(), try other.line())
        try await line.showUp(with: [BoardUID(value: 1)])
        let foreign = Topic(workspace: Site.elsewhere, agent: other.id, leaf: .manifest)
        let manifest = AgentManifest(boards: [
            .init(uid: BoardUID(value: 2), port: "p", manifest: .relay())
        ])
        try await otherLine.client.publish(
            .init(topic: foreign.name, payload: Array(try JSONEncoder().encode(manifest))))
        try await otherLine.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        #expect(await site.service.overview(of: Site.home).devices.count == 1)
        #expect(await site.agent(agent.id)?.state == nil)
        await line.stop()
        await otherLine.stop()
        await site.stop()
    }
}

extension Site {
    /// What the first device's link has counted, as people are told.
    fileprivate var link: AgentTelemetry.Link? {
        get async { await service.overview(of: Site.home).devices.first?.link }
    }
}
