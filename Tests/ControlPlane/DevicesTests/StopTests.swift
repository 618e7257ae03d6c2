import FoundationEssentials
import MQTT
import Platform
import Postgres
import SharedModels
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)

@Suite("E-stop", .needsServices, .timeLimit(.minutes(2)))
struct StopTests {
    /// A desk with an agent that has a board; and the stops that the agent is told of.
    private func stage() async throws -> (Desk, AgentLine, Device) {
        let desk = try await Desk.start()
        await desk.connected()
        let line = try (try await desk.pair()).line()
        try await line.showUp(with: [board])
        try await desk.until {
            guard let device = await desk.device(board) else { return false }
            return await desk.agent(device.agent)?.isOnline == true
        }
        return (desk, line, try #require(await desk.device(board)))
    }

    private func next(
        _ stops: inout AsyncStream<MQTTMessage>.Iterator, where holds: (EmergencyStop) -> Bool
    ) async throws -> EmergencyStop {
        while let message = await stops.next() {
            let stop = try message.stop()
            if holds(stop) { return stop }
        }
        throw CancellationError()
    }

    @Test("each target is told to its agents as the whole wanted state, with growing numbers")
    func content() async throws {
        let (desk, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        var last: Int64 = -1
        func expect(_ isAgentStopped: Bool, _ boards: [BoardUID]) async throws {
            let stop = try await next(&stops) { $0.sequence > last && $0.sequence > 0 }
            #expect(stop.isAgentStopped == isAgentStopped)
            #expect(stop.stoppedBoards == boards)
            last = stop.sequence
        }
        try await desk.press(.device(device.id))
        try await expect(false, [board])
        try await desk.press(.agent(device.agent))
        try await expect(true, [board])
        try await desk.press(.workspace(Desk.home))
        try await expect(true, [board])
        try await desk.release(.agent(device.agent))
        try await expect(true, [board])
        try await desk.release(.device(device.id))
        try await expect(true, [])
        try await desk.release(.workspace(Desk.home))
        try await expect(false, [])
        await line.stop()
        await desk.stop()
    }

    @Test("a stopped device takes no command, at whatever level, and goes on when it is released")
    func refusesCommands() async throws {
        let (desk, line, device) = try await stage()
        for target in [StopTarget.device(device.id), .agent(device.agent), .workspace(Desk.home)] {
            try await desk.press(target)
            _ = try await desk.send(to: device.id)
            #expect(desk.ended.withLock { $0.last?.reason } == "estopped")
            try await desk.release(target)
        }
        let count = desk.ended.withLock { $0.count }
        var commands = await line.messages(.command).makeAsyncIterator()
        _ = try await desk.send(to: device.id)
        #expect(await commands.next() != nil)
        #expect(desk.ended.withLock { $0.count } == count)
        await line.stop()
        await desk.stop()
    }

    @Test("pressing acts in memory and at the broker even while the database is away")
    func databaseAway() async throws {
        let server = try await TestPostgres.start()
        let pool = PostgresPool(
            try server.configuration(), loop: TestPostgres.loop,
            log: Log(component: "test", minimum: .error))
        try await TestPostgres.migrate(pool)
        let desk = try await Desk.start(pool: pool)
        await desk.connected()
        let line = try (try await desk.pair()).line()
        try await line.showUp(with: [board])
        try await desk.until { await desk.device(board) != nil }
        let device = try #require(await desk.device(board))
        var stops = await line.messages(.estop).makeAsyncIterator()
        server.kill()
        await #expect(throws: (any Error).self) { try await desk.press(.workspace(Desk.home)) }
        _ = try await next(&stops) { $0.isAgentStopped }
        _ = try await desk.send(to: device.id)
        #expect(desk.ended.withLock { $0.last?.reason } == "estopped")
        // A release must be written down first: it fails, and the stop stays.
        await #expect(throws: (any Error).self) { try await desk.release(.workspace(Desk.home)) }
        #expect(await desk.service.stops(of: Desk.home) == [.workspace(Desk.home)])
        try await server.restart()
        try await desk.press(.workspace(Desk.home))
        let again = try await desk.restart()
        #expect(await again.service.stops(of: Desk.home) == [.workspace(Desk.home)])
        await line.stop()
        await again.stop()
    }

    @Test("a stop outlives a restart, and so do its numbers, even in a database set back")
    func restart() async throws {
        let (desk, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        try await desk.press(.device(device.id))
        let first = try await next(&stops) { $0.stoppedBoards == [board] }
        try await desk.pool.execute("UPDATE devices.agent SET stop_sequence = 0")
        let again = try await desk.restart()
        #expect(await again.service.stops(of: Desk.home) == [.device(device.id)])
        await again.connected()
        try await again.release(.device(device.id))
        let second = try await next(&stops) { $0.sequence > first.sequence }
        #expect(second.stoppedBoards.isEmpty)
        let third = try await again.restart()
        #expect(await third.service.stops(of: Desk.home).isEmpty)
        await line.stop()
        await third.stop()
    }

    @Test("a clock that went back, or an agent that is ahead, does not make a stop unheard")
    func numbers() async throws {
        let (desk, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        try await desk.press(.device(device.id))
        let first = try await next(&stops) { $0.stoppedBoards == [board] }
        desk.hands.set(5)
        try await line.showUp(with: [board], stopSequence: first.sequence + 1000)
        try await desk.until {
            await desk.agent(device.agent)?.state?.stopSequence == first.sequence + 1000
        }
        try await desk.release(.device(device.id))
        let second = try await next(&stops) { $0.sequence > first.sequence }
        #expect(second.sequence == first.sequence + 1001)
        try await line.showUp(with: [board], stopSequence: .max)
        try await desk.until { await desk.agent(device.agent)?.state?.stopSequence == .max }
        try await desk.press(.device(device.id))
        #expect(try await next(&stops) { $0.stoppedBoards == [board] }.sequence == .max)
        await line.stop()
        await desk.stop()
    }

    @Test("a broker that lost its memory is told again what is stopped")
    func brokerForgets() async throws {
        let (desk, line, device) = try await stage()
        try await desk.press(.agent(device.agent))
        await line.stop()
        desk.broker.kill()
        let broker = try await TestBroker.restart(desk.broker)
        let agent = try await desk.pair()
        // Whoever asks the new broker finds the stop of the first agent, retained.
        let asker = try agent.line(on: broker)
        let topic = Topic(workspace: Desk.home, agent: device.agent, leaf: .estop).name
        let stops = AsyncStream { continuation in
            asker.client.subscribe(topic) { continuation.yield($0) }
        }
        for await message in stops where try message.stop().isAgentStopped { break }
        await asker.stop()
        await desk.stop()
    }

    @Test("a stop passes by all commands that wait for the broker, even when no more fit")
    func fullQueue() async throws {
        let (desk, line, device) = try await stage()
        await line.stop()
        desk.broker.kill()
        for await state in AsyncStream(MQTTClient.State.self, { continuation in
            desk.client.onStateChange { continuation.yield($0) }
        }) where state != .connected { break }
        for _ in 0..<1100 { _ = try await desk.send(to: device.id) }
        #expect(desk.ended.withLock { $0.contains { $0.reason == "broker_away" } })
        try await desk.press(.device(device.id))
        let order = AsyncStream<String>.makeStream()
        let broker = try await TestBroker.restart(desk.broker)
        let agent = TestAgent(
            pairing: Pairing(
                agent: device.agent, workspace: Desk.home, credential: "",
                credentialExpiresAtMilliseconds: 0), key: .init(), broker: broker)
        let listener = try agent.line()
        listener.client.subscribe("cuelight/1/#") { order.continuation.yield($0.topic) }
        var seen: [String] = []
        for await topic in order.stream {
            seen.append(topic)
            if topic.hasSuffix("/estop") { break }
        }
        #expect(seen.allSatisfy { $0.hasSuffix("/estop") })
        await listener.stop()
        await desk.stop()
    }

    @Test("of presses and releases at the same time, memory and database end up alike")
    func race() async throws {
        let (desk, line, device) = try await stage()
        let target = StopTarget.device(device.id)
        for _ in 0..<15 {
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask { try await desk.press(target) }
                    group.addTask { try await desk.release(target) }
                }
                try await group.waitForAll()
            }
            let rows = try await desk.pool.queryOne(
                "SELECT count(*) FROM devices.stop", as: (Int64).self)
            let held = await desk.service.stops(of: Desk.home).count
            #expect(rows == Int64(held))
        }
        await line.stop()
        await desk.stop()
    }

    @Test("a caller that goes away does not leave a stop half done")
    func cancelled() async throws {
        let (desk, line, device) = try await stage()
        let task = Task { try await desk.press(.device(device.id)) }
        task.cancel()
        _ = await task.result
        let rows = try await desk.pool.queryOne(
            "SELECT count(*) FROM devices.stop", as: (Int64).self)
        #expect(rows == 1)
        #expect(await desk.service.stops(of: Desk.home) == [.device(device.id)])
        await line.stop()
        await desk.stop()
    }

    @Test("an agent paired into a stopped workspace is told so with a number that it obeys")
    func pairedLater() async throws {
        let (desk, line, _) = try await stage()
        try await desk.press(.workspace(Desk.home))
        let newcomer = try (try await desk.pair()).line()
        var stops = await newcomer.messages(.estop).makeAsyncIterator()
        let stop = try await next(&stops) { _ in true }
        #expect(stop.isAgentStopped)
        #expect(stop.sequence > 0)
        await newcomer.stop()
        await line.stop()
        await desk.stop()
    }

    @Test("what belongs to another workspace can be neither stopped nor released")
    func otherWorkspace() async throws {
        let (desk, line, device) = try await stage()
        try await desk.press(.device(device.id))
        for target in [StopTarget.workspace(Desk.home), .agent(device.agent), .device(device.id)] {
            await #expect(throws: DevicesError.self) {
                try await desk.press(target, in: Desk.elsewhere)
            }
            await #expect(throws: DevicesError.self) {
                try await desk.release(target, in: Desk.elsewhere)
            }
        }
        #expect(await desk.service.stops(of: Desk.home) == [.device(device.id)])
        #expect(await desk.service.stops(of: Desk.elsewhere).isEmpty)
        await line.stop()
        await desk.stop()
    }
}
