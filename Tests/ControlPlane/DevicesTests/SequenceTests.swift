import FoundationEssentials
import MQTT
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

private let board = BoardUID(value: 0xABCD)
private let other = BoardUID(value: 0xABCE)

@Suite("Sequences of devices", .needsServices, .timeLimit(.minutes(2)))
struct SequenceTests {
    private let manifest = BoardManifest(
        linkVersion: 1, board: "stage", firmware: "0.2.0", build: "00000000",
        receiveWindowBytes: 60, minor: 1, sequenceBytes: 60,
        channels: [Channel(id: 1, name: "lamp", kind: .relay, pin: 8, onMaxMilliseconds: 100)])
    private let steps: [ChannelSequence.Step] = [
        .command(channel: "lamp", .pulse(durationMilliseconds: 50)), .wait(milliseconds: 100),
    ]

    private func put(
        _ site: Site, _ number: Int, of device: DeviceID, name: String = "Flash",
        steps: [ChannelSequence.Step]? = nil, in workspace: WorkspaceID = Site.home
    ) async throws -> SequenceReport {
        try await site.service.putSequence(
            number, of: device, in: workspace, name: name, steps: steps ?? self.steps,
            by: Site.owner)
    }

    /// A site with an agent that is there with boards of the manifest.
    private func site(
        _ boards: [BoardUID] = [board], manifest: BoardManifest? = nil
    ) async throws -> (Site, AgentLine, AsyncStream<MQTTMessage>, [Device]) {
        let site = try await Site.start()
        let line = try (try await site.pair()).line()
        let messages = await line.messages(.sequences)
        try await line.showUp(with: boards, manifest: manifest ?? self.manifest)
        var devices: [Device] = []
        for uid in boards {
            try await site.until { await site.device(uid) != nil }
            devices.append(try #require(await site.device(uid)))
        }
        return (site, line, messages, devices)
    }

    /// The next message that keeps so many sequences of a board.
    private func told(
        _ messages: AsyncStream<MQTTMessage>, _ count: Int, of uid: BoardUID = board
    ) async throws -> [AgentSequences.Kept] {
        for await message in messages {
            let told = try JSONDecoder().decode(
                AgentSequences.self, from: Data(message.payload))
            let kept = told.boards.first { $0.uid == uid }?.sequences ?? []
            if kept.count == count { return kept }
        }
        return []
    }

    private func say(_ line: AgentLine, _ state: BoardState) async throws {
        try await line.publish(
            .state,
            AgentState(
                isOnline: true, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
                isStopped: false, boards: [state]))
    }

    @Test("the agent is told, and what it says of that very revision is shown")
    func told() async throws {
        let (site, line, messages, devices) = try await site()
        let device = devices[0].id
        let first = try await put(site, 3, of: device)
        #expect(first.condition == .pending)
        let kept = try await told(messages, 1)
        #expect(kept.map(\.number) == [3])
        #expect(kept[0].steps == steps)
        try await say(
            line,
            BoardState(
                uid: board, condition: .armed,
                sequences: [
                    .init(number: 3, revision: kept[0].revision, condition: .ready)
                ], playing: 3))
        try await site.until {
            try await site.service.sequence(3, of: device, in: Site.home).condition == .ready
        }
        #expect(try await site.service.sequence(3, of: device, in: Site.home).isPlaying)

        // One list has those of all devices, and of no other workspace.
        let all = await site.service.sequences(in: Site.home)
        #expect(all.map(\.stored.device) == [device])
        #expect(all == (try await site.service.sequences(of: device, in: Site.home)))
        #expect(await site.service.sequences(in: Site.elsewhere).isEmpty)

        // A changed one is not ready because the old one was.
        let second = try await put(site, 3, of: device, name: "Other")
        #expect(second.condition == .pending)
        #expect(second.stored.revision > first.stored.revision)
        try await say(
            line,
            BoardState(
                uid: board, condition: .armed,
                sequences: [
                    .init(
                        number: 3, revision: second.stored.revision, condition: .refused,
                        detail: "steps[0].channel: must be a channel of the board.")
                ]))
        try await site.until {
            try await site.service.sequence(3, of: device, in: Site.home).condition == .refused
        }

        try await site.service.deleteSequence(3, of: device, in: Site.home)
        #expect(try await told(messages, 0).isEmpty)
        await #expect(throws: DevicesError.notFound("sequence")) {
            try await site.service.deleteSequence(3, of: device, in: Site.home)
        }
        // Made again it is another one.
        #expect(try await put(site, 3, of: device).stored.revision >= second.stored.revision)
        await line.stop()
        await site.stop()
    }

    @Test("they outlast a restart, and are retained for an agent that was away")
    func restart() async throws {
        let (site, line, messages, devices) = try await site()
        _ = try await put(site, 0, of: devices[0].id)
        _ = try await put(site, 254, of: devices[0].id)
        _ = try await told(messages, 2)
        await line.stop()
        let next = try await site.restart()
        let reports = try await next.service.sequences(of: devices[0].id, in: Site.home)
        #expect(reports.map(\.stored.number) == [0, 254])
        #expect(reports.map(\.stored.steps) == [steps, steps])
        #expect(reports.allSatisfy { $0.condition == .pending && !$0.detail.isEmpty })
        let control = try next.controlLine("control-9")
        let topic = Topic(
            workspace: Site.home, agent: devices[0].agent, leaf: .sequences)
        #expect(try await told(control.messages(topic.name), 2).map(\.number) == [0, 254])
        await control.stop()
        await next.stop()
    }

    @Test("what is wrong is refused with its place, and nothing is kept")
    func refused() async throws {
        let (site, line, _, devices) = try await site()
        let device = devices[0].id
        await #expect(throws: DevicesError.notFound("device")) {
            _ = try await put(site, 1, of: device, in: Site.elsewhere)
        }
        await #expect(throws: DevicesError.notFound("sequence")) {
            _ = try await put(site, 255, of: device)
        }
        await #expect(
            throws: DevicesError.invalidFields([
                .init(path: "steps[0].channel", message: "must be a channel of the board")
            ])
        ) {
            _ = try await put(site, 1, of: device, steps: [.command(channel: "bell", .off)])
        }
        await #expect(throws: DevicesError.self) {
            _ = try await put(site, 1, of: device, name: "\u{202E}")
        }
        // Each takes 12 of 60 bytes.
        for number in 0..<5 { _ = try await put(site, number, of: device) }
        await #expect(throws: DevicesError.self) { _ = try await put(site, 5, of: device) }
        _ = try await put(site, 4, of: device, name: "In place of the former")
        #expect(try await site.service.sequences(of: device, in: Site.home).count == 5)
        await line.stop()
        await site.stop()
    }

    @Test("a device whose board keeps none says why")
    func oldBoard() async throws {
        let (site, line, _, devices) = try await site(manifest: .relay())
        do {
            _ = try await put(site, 1, of: devices[0].id)
            Issue.record("it was kept")
        } catch let error as DevicesError {
            guard case .noSequences(let reason) = error else { throw error }
            #expect(reason.contains("EP/1.0"))
        }
        await line.stop()
        await site.stop()
    }

    private func commands(
        _ messages: AsyncStream<MQTTMessage>, _ count: Int
    ) async throws -> [Command] {
        var found: [Command] = []
        for await message in messages {
            found.append(try JSONDecoder().decode(Command.self, from: Data(message.payload)))
            if found.count == count { break }
        }
        return found
    }

    @Test("several devices, and several plays of one cue, get one time that is ahead")
    func together() async throws {
        let (site, line, _, devices) = try await site([board, other])
        let messages = await line.messages(.command)
        for device in devices { _ = try await put(site, 2, of: device.id) }
        let (start, ids) = try await site.service.play(
            devices.map { .init(device: $0.id, sequence: 2) }, in: Site.home,
            startAtMilliseconds: nil, deadline: .seconds(10),
            trace: Trace(id: "t", clock: "clock", arrivedNanoseconds: 1))
        #expect(start == site.hands.now + 80)
        let played = try await commands(messages, 2)
        #expect(played.map(\.id) == ids)
        #expect(played.map(\.board) == [board, other])
        #expect(
            Set(played.map(\.operation)) == [.play(sequence: 2, startAtMilliseconds: start)])

        let actions = devices.map {
            Action(
                device: $0.id, channel: Channel.boardName,
                operation: .play(sequence: 2, startAtMilliseconds: nil))
        }
        func cue(_ actions: [Action]) -> Cue {
            Cue(
                id: CueID(high: 1, low: 9), rule: RuleID(high: 1, low: 8), workspace: Site.home,
                event: LiveEventID(high: 1, low: 7), sourceMessageID: "", viewerID: "",
                actions: actions, deadline: .seconds(10))
        }
        let lamp = Action(device: devices[0].id, channel: "lamp", operation: .off)
        for cue in [cue(actions + [lamp]), cue([actions[0]])] {
            await site.dispatcher.run {
                _ = $0.dispatch(
                    cue, trace: Trace(id: "t", clock: "c", arrivedNanoseconds: 1))
            }
        }
        let cued = try await commands(messages, 4)
        #expect(
            cued.map(\.operation) == [
                .play(sequence: 2, startAtMilliseconds: site.hands.now + 80),
                .play(sequence: 2, startAtMilliseconds: site.hands.now + 80), .off,
                .play(sequence: 2, startAtMilliseconds: nil),
            ])
        await line.stop()
        await site.stop()
    }

    @Test("a play of what is not there, of a time that is past or far, or of others, is refused")
    func playsRefused() async throws {
        let (site, line, _, devices) = try await site()
        let trace = Trace(id: "t", clock: "clock", arrivedNanoseconds: 1)
        func play(_ start: Int64?, in workspace: WorkspaceID = Site.home) async throws {
            _ = try await site.service.play(
                [.init(device: devices[0].id, sequence: 2)], in: workspace,
                startAtMilliseconds: start, deadline: .seconds(10), trace: trace)
        }
        await #expect(throws: DevicesError.self) { try await play(site.hands.now - 1) }
        await #expect(throws: DevicesError.self) { try await play(site.hands.now + 8001) }
        await #expect(throws: DevicesError.notFound("device")) {
            try await play(nil, in: Site.elsewhere)
        }
        try await play(nil)
        try await site.until { site.ended.withLock { $0.first?.reason == "no_sequence" } }
        func problems(_ operation: SharedModels.Operation) async -> [String] {
            await site.service.problems(
                with: [
                    Action(
                        device: devices[0].id, channel: Channel.boardName, operation: operation)
                ], in: Site.home
            ).map(\.path)
        }
        let now = SharedModels.Operation.play(sequence: 2, startAtMilliseconds: nil)
        #expect(await problems(now) == ["actions[0].operation"])
        _ = try await put(site, 2, of: devices[0].id)
        #expect(await problems(now) == [])
        #expect(await problems(.stop) == [])
        #expect(
            await problems(.play(sequence: 2, startAtMilliseconds: 5)) == ["actions[0].operation"])
        await line.stop()
        await site.stop()
    }
}
