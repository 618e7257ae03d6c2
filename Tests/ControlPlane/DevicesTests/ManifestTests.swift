import FoundationEssentials
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)

@Suite("Manifests and states", .needsServices, .timeLimit(.minutes(2)))
struct ManifestTests {
    @Test("the boards of a manifest become devices of the agent's workspace, and stay over a restart")
    func becomeDevices() async throws {
        let desk = try await Desk.start()
        let agent = try await desk.pair()
        let line = try agent.line()
        try await line.showUp(with: [board, BoardUID(value: 2)])
        try await desk.until { await desk.device(BoardUID(value: 2)) != nil }
        let device = try #require(await desk.device(board))
        #expect(device.agent == agent.id)
        #expect(device.name == "uno abcd")
        #expect(device.manifest == .relay())
        #expect(await desk.service.overview(of: Desk.elsewhere).devices.isEmpty)
        await line.stop()
        let again = try await desk.restart()
        #expect(await again.device(board) == device)
        await again.stop()
    }

    @Test("a hostile board is left out, and does not hurt its neighbour")
    func hostileBoards() async throws {
        let desk = try await Desk.start()
        let line = try (try await desk.pair()).line()
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
        try await desk.until { await desk.device(board) != nil }
        #expect(await desk.service.overview(of: Desk.home).devices.map(\.0.board) == [board])
        let rows = try await desk.pool.queryOne(
            "SELECT count(*) FROM devices.device", as: (Int64).self)
        #expect(rows == 1)
        await line.stop()
        await desk.stop()
    }

    @Test("what is no manifest, has too many boards or one twice, changes nothing")
    func hostileLists() async throws {
        let desk = try await Desk.start()
        let line = try (try await desk.pair()).line()
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
        await pause(desk)
        try await line.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        #expect(await desk.service.overview(of: Desk.home).devices.count == 1)
        await line.stop()
        await desk.stop()
    }

    /// Waits on the loop's own clock until the inbox takes the next message at once.
    private func pause(_ desk: Desk) async {
        await withCheckedContinuation { continuation in
            desk.loop.submit {
                desk.loop.schedule(after: AgentInbox.Limits.pause * 3) { continuation.resume() }
            }
        }
    }

    @Test("of many manifests and states in a row the last one counts, and few are looked at")
    func flood() async throws {
        let desk = try await Desk.start()
        let agent = try await desk.pair()
        let line = try agent.line()
        let before = desk.changes.load(ordering: .relaxed)
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
        try await desk.until {
            let version = await desk.agent(agent.id)?.state?.version
            return await desk.device(board)?.manifest.firmware == "399" && version == "399"
        }
        let pauses = (ContinuousClock.now - clock) / AgentInbox.Limits.pause
        let changes = desk.changes.load(ordering: .relaxed) - before
        #expect(Double(changes) <= pauses * 2 + 4)
        await line.stop()
        await desk.stop()
    }

    @Test("a name that people give survives manifests that arrive at the same time")
    func renameRace() async throws {
        let desk = try await Desk.start()
        let agent = try await desk.pair()
        let line = try agent.line()
        try await line.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        let device = try #require(await desk.device(board))
        for number in 0..<30 {
            async let manifest: Void = line.publish(
                .manifest,
                AgentManifest(boards: [
                    .init(uid: board, port: "p", manifest: .relay(firmware: "f\(number)"))
                ]))
            async let name: Void = desk.service.renameDevice(
                device.id, of: Desk.home, to: "name \(number)")
            _ = try await (manifest, name)
        }
        try await desk.until { await desk.device(board)?.manifest.firmware == "f29" }
        #expect(await desk.device(board)?.name == "name 29")
        let stored = try await desk.pool.queryOne(
            "SELECT name FROM devices.device", as: String.self)
        #expect(stored == "name 29")
        await #expect(throws: DevicesError.notFound("device")) {
            try await desk.service.renameDevice(device.id, of: Desk.elsewhere, to: "mine")
        }
        await line.stop()
        await desk.stop()
    }

    @Test("a board that moves to another computer stays the same device, and stays stopped")
    func moves() async throws {
        let desk = try await Desk.start()
        let (first, second) = (try await desk.pair(), try await desk.pair())
        let (firstLine, secondLine) = (try first.line(), try second.line())
        try await firstLine.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        let device = try #require(await desk.device(board))
        try await desk.press(.device(device.id))
        var stops = await secondLine.messages(.estop).makeAsyncIterator()
        try await secondLine.showUp(with: [board])
        try await desk.until { await desk.device(board)?.agent == second.id }
        #expect(await desk.device(board)?.id == device.id)
        while let stop = try await stops.next()?.stop() {
            if stop.stoppedBoards == [board] && stop.sequence > 0 { break }
        }
        await firstLine.stop()
        await secondLine.stop()
        await desk.stop()
    }

    @Test("a workspace has at most so many devices; one that it has may still change and move")
    func deviceLimit() async throws {
        let desk = try await Desk.start()
        let (agent, other) = (try await desk.pair(), try await desk.pair())
        let line = try agent.line()
        try await line.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        let missing = DevicesService.Limits.devicesMax - 1
        try await desk.pool.execute(
            """
            INSERT INTO devices.device (id, workspace_id, agent_id, board_uid, name, manifest)
            SELECT gen_random_uuid(), \(Desk.home), \(agent.id), lpad(to_hex(n), 16, '0'), 'x', '{}'
            FROM generate_series(1, \(missing)) AS n
            """)
        let otherLine = try other.line()
        try await otherLine.publish(
            .manifest,
            AgentManifest(boards: [
                .init(uid: BoardUID(value: 1 << 40), port: "p", manifest: .relay()),
                .init(uid: board, port: "p", manifest: .relay(firmware: "moved")),
            ]))
        try await desk.until { await desk.device(board)?.manifest.firmware == "moved" }
        #expect(await desk.device(BoardUID(value: 1 << 40)) == nil)
        await line.stop()
        await otherLine.stop()
        await desk.stop()
    }

    @Test("nobody listens to a revoked agent, nor to one under another workspace's name")
    func revokedAgent() async throws {
        let desk = try await Desk.start()
        let (agent, other) = (try await desk.pair(), try await desk.pair())
        try await desk.service.revokeAgent(agent.id, of: Desk.home)
        let (line, otherLine) = (try agent.line(), try other.line())
        try await line.showUp(with: [BoardUID(value: 1)])
        let foreign = Topic(workspace: Desk.elsewhere, agent: other.id, leaf: .manifest)
        let manifest = AgentManifest(boards: [
            .init(uid: BoardUID(value: 2), port: "p", manifest: .relay())
        ])
        try await otherLine.client.publish(
            .init(topic: foreign.name, payload: Array(try JSONEncoder().encode(manifest))))
        try await otherLine.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        #expect(await desk.service.overview(of: Desk.home).devices.count == 1)
        #expect(await desk.agent(agent.id)?.state == nil)
        await line.stop()
        await otherLine.stop()
        await desk.stop()
    }
}
