import Crypto
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

@Suite("E-stop", .needsServices, .timeLimit(.minutes(2)))
struct StopTests {
    /// A site with an agent that has a board; and the stops that the agent is told of.
    private func stage() async throws -> (Site, AgentLine, Device) {
        let site = try await Site.start()
        await site.connected()
        let line = try (try await site.pair()).line()
        try await line.showUp(with: [board])
        try await site.until {
            guard let device = await site.device(board) else { return false }
            return await site.agent(device.agent)?.isOnline == true
        }
        return (site, line, try #require(await site.device(board)))
    }

    private func next(
        _ stops: inout AsyncStream<MQTTMessage>.Iterator, where holds: (EmergencyStop) -> Bool
    ) async throws -> EmergencyStop {
        while let message = await stops.next(isolation: #isolation) {
            let stop = try message.stop()
            if holds(stop) { return stop }
        }
        throw CancellationError()
    }

    @Test("each target is told to its agents as the whole wanted state, with growing numbers")
    func content() async throws {
        let (site, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        var said: [Int64: EmergencyStop] = [:]
        /// Waits for that state; on the way no number may ever stand for two states.
        func expect(_ isAgentStopped: Bool, _ boards: [BoardUID]) async throws {
            let last = said.keys.max() ?? 0
            _ = try await next(&stops) { stop in
                #expect(said[stop.sequence] == nil || said[stop.sequence] == stop)
                said[stop.sequence] = stop
                return stop.sequence > last && stop.isAgentStopped == isAgentStopped
                    && stop.stoppedBoards == boards
            }
        }
        try await site.press(.device(device.id))
        try await expect(false, [board])
        try await site.press(.agent(device.agent))
        try await expect(true, [board])
        try await site.press(.workspace(Site.home))
        try await expect(true, [board])
        try await site.release(.agent(device.agent))
        try await expect(true, [board])
        try await site.release(.device(device.id))
        try await expect(true, [])
        try await site.release(.workspace(Site.home))
        try await expect(false, [])
        await line.stop()
        await site.stop()
    }

    @Test("a stopped device takes no command, at whatever level, and goes on when it is released")
    func refusesCommands() async throws {
        let (site, line, device) = try await stage()
        for target in [StopTarget.device(device.id), .agent(device.agent), .workspace(Site.home)] {
            try await site.press(target)
            _ = try await site.send(to: device.id)
            #expect(site.ended.withLock { $0.last?.reason } == "estopped")
            try await site.release(target)
        }
        let count = site.ended.withLock { $0.count }
        var commands = await line.messages(.command).makeAsyncIterator()
        _ = try await site.send(to: device.id)
        #expect(await commands.next() != nil)
        #expect(site.ended.withLock { $0.count } == count)
        await line.stop()
        await site.stop()
    }

    @Test("pressing acts in memory and at the broker even while the database is away")
    func databaseAway() async throws {
        let server = try await TestPostgres.start()
        let pool = PostgresPool(
            try server.configuration(), loop: TestPostgres.loop,
            log: Log(component: "test", minimum: .error))
        try await TestPostgres.migrate(pool)
        let site = try await Site.start(pool: pool)
        await site.connected()
        let line = try (try await site.pair()).line()
        try await line.showUp(with: [board])
        try await site.until { await site.device(board) != nil }
        let device = try #require(await site.device(board))
        var stops = await line.messages(.estop).makeAsyncIterator()
        server.kill()
        let order = try await site.service.setStop(
            .workspace(Site.home), in: Site.home, isStopped: true, by: Site.owner)
        _ = try await next(&stops) { $0.isAgentStopped }
        let report = await site.service.report(on: order, within: .milliseconds(1))
        #expect(report.isStopped && !report.isKept && !report.isComplete)
        _ = try await site.send(to: device.id)
        #expect(site.ended.withLock { $0.last?.reason } == "estopped")
        // A release must be written down first: it fails, and the stop stays.
        await #expect(throws: (any Error).self) { try await site.release(.workspace(Site.home)) }
        #expect(await site.service.stops(of: Site.home) == [.workspace(Site.home)])
        try await server.restart()
        // It is written down by itself.
        await site.kept(.workspace(Site.home))
        let again = try await site.restart()
        #expect(await again.service.stops(of: Site.home) == [.workspace(Site.home)])
        await line.stop()
        await again.stop()
    }

    @Test("a stop outlives a restart, and so do its numbers, even in a database set back")
    func restart() async throws {
        let (site, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        try await site.press(.device(device.id))
        let first = try await next(&stops) { $0.stoppedBoards == [board] }
        try await site.pool.execute("UPDATE devices.agent SET stop_sequence = 0")
        site.hands.move(.seconds(1))
        let again = try await site.restart()
        #expect(await again.service.stops(of: Site.home) == [.device(device.id)])
        await again.connected()
        try await again.release(.device(device.id))
        let second = try await next(&stops) { $0.stoppedBoards.isEmpty }
        #expect(second.sequence > first.sequence)
        let third = try await again.restart()
        #expect(await third.service.stops(of: Site.home).isEmpty)
        await line.stop()
        await third.stop()
    }

    @Test("a clock that went back, or an agent that is ahead, does not make a stop unheard")
    func numbers() async throws {
        let (site, line, device) = try await stage()
        var stops = await line.messages(.estop).makeAsyncIterator()
        try await site.press(.device(device.id))
        let first = try await next(&stops) { $0.stoppedBoards == [board] }
        site.hands.set(5)
        try await line.showUp(with: [board], stopSequence: first.sequence + 1000)
        try await site.until {
            await site.agent(device.agent)?.state?.stopSequence == first.sequence + 1000
        }
        try await site.release(.device(device.id))
        let second = try await next(&stops) { $0.stoppedBoards.isEmpty }
        #expect(second.sequence > first.sequence + 1000)
        try await line.showUp(with: [board], stopSequence: .max)
        try await site.until { await site.agent(device.agent)?.state?.stopSequence == .max }
        try await site.press(.device(device.id))
        #expect(try await next(&stops) { $0.stoppedBoards == [board] }.sequence == .max)
        await line.stop()
        await site.stop()
    }

    @Test("a broker that lost its memory is told again what is stopped")
    func brokerForgets() async throws {
        let (site, line, device) = try await stage()
        try await site.press(.agent(device.agent))
        await line.stop()
        site.broker.kill()
        let broker = try await TestBroker.restart(site.broker)
        let agent = try await site.pair()
        // Whoever asks the new broker finds the stop of the first agent, retained.
        let asker = try agent.line(on: broker)
        let topic = Topic(workspace: Site.home, agent: device.agent, leaf: .estop).name
        let stops = AsyncStream { continuation in
            asker.client.subscribe(topic) { continuation.yield($0) }
        }
        for await message in stops where try message.stop().isAgentStopped { break }
        await asker.stop()
        await site.stop()
    }

    @Test("a stop passes by all commands that wait for the broker, and ends them")
    func fullQueue() async throws {
        let (site, line, device) = try await stage()
        await line.stop()
        site.broker.kill()
        for await state in AsyncStream(
            MQTTClient.State.self,
            { continuation in
                site.client.onStateChange { continuation.yield($0) }
            }) where state != .connected
        { break }
        for _ in 0..<1100 { _ = try await site.send(to: device.id) }
        try await site.press(.device(device.id))
        #expect(site.ended.withLock { ended in ended.count { $0.reason == "estopped" } } == 400)
        let order = AsyncStream<String>.makeStream()
        let broker = try await TestBroker.restart(site.broker)
        let agent = TestAgent(
            pairing: Pairing(
                agent: device.agent, workspace: Site.home, credential: "",
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
        await site.stop()
    }

    @Test("of presses and releases at the same time, memory and database end up alike")
    func race() async throws {
        let (site, line, device) = try await stage()
        let target = StopTarget.device(device.id)
        for _ in 0..<15 {
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask { try await site.press(target) }
                    group.addTask { try await site.release(target) }
                }
                try await group.waitForAll()
            }
            let rows = try await site.pool.queryOne(
                "SELECT count(*) FROM devices.stop", as: (Int64).self)
            let held = await site.service.stops(of: Site.home).count
            #expect(rows == Int64(held))
        }
        await line.stop()
        await site.stop()
    }

    @Test("a caller that goes away does not leave a stop half done")
    func cancelled() async throws {
        let (site, line, device) = try await stage()
        let task = Task { try await site.press(.device(device.id)) }
        task.cancel()
        _ = await task.result
        await site.kept(.device(device.id))
        let rows = try await site.pool.queryOne(
            "SELECT count(*) FROM devices.stop", as: (Int64).self)
        #expect(rows == 1)
        #expect(await site.service.stops(of: Site.home) == [.device(device.id)])
        await line.stop()
        await site.stop()
    }

    @Test("an agent paired into a stopped workspace is told so with a number that it obeys")
    func pairedLater() async throws {
        let (site, line, _) = try await stage()
        try await site.press(.workspace(Site.home))
        let newcomer = try (try await site.pair()).line()
        var stops = await newcomer.messages(.estop).makeAsyncIterator()
        let stop = try await next(&stops) { _ in true }
        #expect(stop.isAgentStopped)
        #expect(stop.sequence > 0)
        await newcomer.stop()
        await line.stop()
        await site.stop()
    }

    @Test("a press says who obeys it, who has not said so yet, and who is away")
    func report() async throws {
        let (site, line, device) = try await stage()
        let away = try await site.pair()
        let order = try await site.service.setStop(
            .workspace(Site.home), in: Site.home, isStopped: true, by: Site.owner)
        await site.kept(.workspace(Site.home))
        let sequence = try #require(order.sequences.first { $0.0 == device.agent }).1
        var report = await site.service.report(on: order, within: .milliseconds(1))
        #expect(report.isStopped && report.isKept && !report.isComplete)
        #expect(report.unconfirmed.map(\.agent) == [device.agent])
        #expect(report.unconfirmed.first?.sequence == sequence)
        #expect(report.offline.map(\.agent) == [away.id] && report.confirmed.isEmpty)
        // An older number is not the word that is waited for.
        try await line.showUp(with: [board], condition: .estopped, stopSequence: sequence - 1)
        // Nor is the right one while a board is armed.
        try await line.showUp(with: [board], condition: .armed, stopSequence: sequence)
        try await site.until { await site.agent(device.agent)?.state?.stopSequence == sequence }
        report = await site.service.report(on: order, within: .milliseconds(1))
        #expect(report.unconfirmed.map(\.agent) == [device.agent])
        async let waiting = site.service.report(on: order, within: .seconds(60))
        try await line.showUp(with: [board], condition: .estopped, stopSequence: sequence)
        report = await waiting
        #expect(report.isComplete && report.confirmed.map(\.agent) == [device.agent])
        // Whoever was released is armed, and obeys by its number alone.
        let release = try await site.release(.workspace(Site.home))
        let last = try #require(release.sequences.first { $0.0 == device.agent }).1
        try await line.showUp(with: [board], condition: .armed, stopSequence: last)
        report = await site.service.report(on: release, within: .seconds(60))
        #expect(!report.isStopped && report.confirmed.map(\.agent) == [device.agent])
        await line.stop()
        await site.stop()
    }

    @Test("the stop of a device is confirmed although another board of its agent is armed")
    func reportOfDevice() async throws {
        let (site, line, device) = try await stage()
        let other = BoardUID(value: 0xBEEF)
        try await line.showUp(with: [board, other])
        try await site.until { await site.device(other) != nil }
        let order = try await site.service.setStop(
            .device(device.id), in: Site.home, isStopped: true, by: Site.owner)
        let sequence = try #require(order.sequences.first).1
        try await line.publish(
            .state,
            AgentState(
                isOnline: true, version: "1", startedAtMilliseconds: 0, stopSequence: sequence,
                isStopped: false,
                boards: [
                    BoardState(uid: board, condition: .estopped),
                    BoardState(uid: other, condition: .armed),
                ]))
        let report = await site.service.report(on: order, within: .seconds(60))
        #expect(report.isComplete && report.confirmed.map(\.agent) == [device.agent])
        await line.stop()
        await site.stop()
    }

    @Test("an agent that comes is told what is stopped, whether the broker retains it or not")
    func appears() async throws {
        let (site, line, device) = try await stage()
        try await line.publish(
            .state,
            AgentState(
                isOnline: false, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
                isStopped: false, boards: []))
        try await site.until { await site.agent(device.agent)?.isOnline == false }
        let stops = await line.messages(.estop)
        try await line.showUp(with: [board])
        for await message in stops where !message.isRetained { break }
        await line.stop()
        await site.stop()
    }

    @Test("what belongs to another workspace can be neither stopped nor released")
    func otherWorkspace() async throws {
        let (site, line, device) = try await stage()
        try await site.press(.device(device.id))
        for target in [StopTarget.workspace(Site.home), .agent(device.agent), .device(device.id)] {
            await #expect(throws: DevicesError.self) {
                try await site.press(target, in: Site.elsewhere)
            }
            await #expect(throws: DevicesError.self) {
                try await site.release(target, in: Site.elsewhere)
            }
        }
        #expect(await site.service.stops(of: Site.home) == [.device(device.id)])
        #expect(await site.service.stops(of: Site.elsewhere).isEmpty)
        await line.stop()
        await site.stop()
    }
}
