import MQTT
import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

@Suite("Command log", .needsServices, .timeLimit(.minutes(2)))
struct CommandLogTests {
    private static let log = Log(component: "test", minimum: .error)

    private func ended(
        _ number: UInt64, in workspace: WorkspaceID = Site.home, channel: String = "relay1"
    ) -> EndedCommand {
        let id = CommandID(high: 7, low: number)
        let trace = Trace(id: "t", clock: "c", arrivedNanoseconds: 1)
        let command = Command(
            id: id, board: .blank, channel: channel, operation: .pulse(durationMilliseconds: 5),
            issuedAtMilliseconds: 1_800_000_000_000, expiresAtMilliseconds: 1_800_000_010_000,
            trace: trace)
        return EndedCommand(
            record: CommandRecord(
                command: command, workspace: workspace, device: DeviceID(high: 3, low: 3),
                agent: AgentID(high: 2, low: 2), deadlineNanoseconds: .max),
            outcome: Outcome(
                command: id, status: .executed, endedAtMilliseconds: 1_800_000_000_010,
                trace: trace))
    }

    /// Appends, and ends the log, which writes all that waits.
    private func write(_ commands: [EndedCommand], to pool: PostgresPool) async throws -> Int {
        let commandLog = CommandLog(pool: pool, log: Self.log)
        for command in commands { commandLog.append(command) }
        let running = Task { try await commandLog.run() }
        running.cancel()
        try await running.value
        return commandLog.droppedCount
    }

    @Test("commands page by cursor without a gap or a repeat, each workspace its own")
    func pages() async throws {
        let site = try await Site.start()
        let mine = (0..<250 as Range<UInt64>).map { ended($0 * 2) }
        let theirs = (0..<50 as Range<UInt64>).map { ended($0 * 2 + 1, in: Site.elsewhere) }
        _ = try await write((mine + theirs).shuffled(), to: site.pool)
        for limit in [1, 40, 100, 1000] {
            var cursor: CommandID?
            var seen: [CommandID] = []
            repeat {
                let (page, next) = try await site.service.commands(
                    of: Site.home, before: cursor, limit: limit)
                #expect(page.count <= min(limit, DevicesService.Limits.commandsPageMax))
                seen += page.map(\.id)
                cursor = next
            } while cursor != nil
            #expect(seen == mine.map(\.record.command.id).reversed())
        }
        await site.stop()
    }

    @Test("a command that this version cannot read makes no gap in the pages")
    func unreadable() async throws {
        let site = try await Site.start()
        _ = try await write((0..<10).map { ended($0) }, to: site.pool)
        try await site.pool.execute(
            """
            UPDATE devices.command SET operation = '{"type":"levitate"}'
            WHERE id = \(CommandID(high: 7, low: 5)) OR id = \(CommandID(high: 7, low: 7))
            """)
        var cursor: CommandID?
        var seen: [UInt64] = []
        repeat {
            let (page, next) = try await site.service.commands(
                of: Site.home, before: cursor, limit: 2)
            seen += page.map(\.id.low)
            cursor = next
        } while cursor != nil
        #expect(seen == [9, 8, 6, 4, 3, 2, 1, 0])
        await site.stop()
    }

    @Test("a command is read by its own workspace alone")
    func otherWorkspace() async throws {
        let site = try await Site.start()
        _ = try await write([ended(1)], to: site.pool)
        let id = CommandID(high: 7, low: 1)
        #expect(try await site.service.command(id, of: Site.home).id == id)
        await #expect(throws: DevicesError.notFound("command")) {
            _ = try await site.service.command(id, of: Site.elsewhere)
        }
        #expect(
            try await site.service.commands(of: Site.elsewhere, before: nil, limit: 10).page.isEmpty
        )
        await site.stop()
    }

    @Test("what the database refuses is dropped and counted, and all others are written")
    func refusedValue() async throws {
        let database = try await TestDatabase.make()
        var commands = (0..<100 as Range<UInt64>).map { ended($0) }
        commands[13] = ended(13, channel: "a\u{0}b")
        commands[77] = ended(77, channel: "\u{0}")
        #expect(try await write(commands, to: database.pool) == 2)
        let rows = try await database.pool.queryOne(
            "SELECT count(*) FROM devices.command", as: (Int64).self)
        #expect(rows == 98)
    }

    @Test("what ends while the database is away is written when it is back, each once")
    func databaseAway() async throws {
        let server = try await TestPostgres.start()
        let pool = PostgresPool(
            try server.configuration(), loop: TestPostgres.loop, log: Self.log)
        try await TestPostgres.migrate(pool)
        let commandLog = CommandLog(pool: pool, log: Self.log)
        let running = Task { try await commandLog.run() }
        for number in 0..<600 { commandLog.append(ended(UInt64(number))) }
        server.kill()
        for number in 600..<1200 { commandLog.append(ended(UInt64(number))) }
        try await server.restart()
        var count: Int64 = 0
        while count < 1200 {
            count =
                try await pool.queryOne("SELECT count(*) FROM devices.command", as: (Int64).self)
                ?? 0
        }
        #expect(count == 1200)
        running.cancel()
        try await running.value
        #expect(commandLog.droppedCount == 0)
    }

    @Test("a whole command goes out, comes back and is in the log with the control plane's times")
    func endToEnd() async throws {
        let site = try await Site.start()
        let board = BoardUID(value: 1)
        let line = try (try await site.pair()).line()
        var commands = await line.messages(.command).makeAsyncIterator()
        try await line.showUp(with: [board])
        try await site.until {
            guard let device = await site.device(board) else { return false }
            return await site.agent(device.agent)?.isOnline == true
        }
        let device = try #require(await site.device(board))
        await #expect(throws: DevicesError.notFound("device")) {
            _ = try await site.send(to: device.id, in: Site.elsewhere)
        }
        let id = try await site.send(to: device.id)
        _ = await commands.next()
        var trace = Trace(id: "lie", clock: "lie", arrivedNanoseconds: .min)
        trace.agentClock = "agent\u{0}"
        trace.acknowledgedNanoseconds = 99
        try await line.publish(
            .outcome,
            Outcome(
                command: id, status: .rejected, reason: "bad\u{0}",
                detail: String(repeating: "x", count: 10_000), endedAtMilliseconds: .max,
                trace: trace))
        try await site.until { site.ended.withLock { !$0.isEmpty } }
        await line.stop()
        await site.stop()
        let logged = try await site.service.command(id, of: Site.home)
        #expect(logged.status == .rejected)
        #expect(logged.reason == "bad")
        #expect(logged.detail.utf8.count == Outcome.detailBytesMax)
        #expect(logged.trace.id == "t")
        #expect(logged.trace.arrivedNanoseconds == 1)
        #expect(logged.trace.agentClock == "agent")
        #expect(logged.trace.acknowledgedNanoseconds == 99)
        #expect(logged.endedAtMilliseconds == 253_402_300_799_999)
    }
}
