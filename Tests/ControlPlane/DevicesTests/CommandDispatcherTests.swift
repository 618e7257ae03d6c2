import FoundationEssentials
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Devices

/// What a dispatcher did, and the clock it reads.
private final class Record: Sendable {
    struct Contents {
        var published: [(topic: Topic, payload: [UInt8], done: @Sendable (Bool) -> Void)] = []
        var ended: [EndedCommand] = []
        var unixMilliseconds: Int64 = 1_000_000
        var monotonicNanoseconds: Int64 = 5
    }
    let contents = Mutex(Contents())
    var ended: [EndedCommand] { contents.withLock { $0.ended } }
    var published: [Topic] { contents.withLock { $0.published.map(\.topic) } }
}

private let workspace = WorkspaceID(high: 1, low: 1)
private let agentID = AgentID(high: 2, low: 2)
private let deviceID = DeviceID(high: 3, low: 3)
private let board = BoardUID(value: 0xABCD)

private func manifest() -> BoardManifest {
    BoardManifest(
        linkVersion: 1, board: "uno", firmware: "0.1.0", build: "00000000", receiveWindowBytes: 60,
        channels: [Channel(id: 0, name: "relay1", kind: .relay, pin: 7, onMaxMilliseconds: 1000)])
}

/// A dispatcher with one agent and one device, on a loop of its own.
private final class Desk: Sendable {
    let record = Record()
    let loop: EventLoop
    let dispatcher: CommandDispatcher

    init(isOnline: Bool = true) async throws {
        loop = try EventLoop.start(name: "dispatch")
        let record = record
        let ids = IDGenerator()
        dispatcher = CommandDispatcher(
            loop: loop,
            surroundings: .init(
                publish: { topic, payload, _, done in
                    record.contents.withLock { $0.published.append((topic, payload, done)) }
                }, sent: { _ in },
                ended: { ended in record.contents.withLock { $0.ended.append(ended) } },
                makeCommandID: { ids.next() },
                monotonicNanoseconds: { record.contents.withLock { $0.monotonicNanoseconds } },
                unixMilliseconds: { record.contents.withLock { $0.unixMilliseconds } }))
        await run { dispatcher in
            dispatcher.updateDirectory { directory in
                var agent = Agent(
                    id: agentID, workspace: workspace, name: "desk", platform: "", epoch: 1,
                    stopSequence: 0, isRevoked: false, createdAtMilliseconds: 0)
                agent.state = AgentState(
                    isOnline: isOnline, version: "1", startedAtMilliseconds: 0, stopSequence: 0,
                    isStopped: false, boards: [BoardState(uid: board, condition: .armed)])
                directory.put(agent)
                directory.put(
                    Device(
                        id: deviceID, workspace: workspace, agent: agentID, board: board,
                        name: "uno", manifest: manifest(), createdAtMilliseconds: 0))
            }
        }
    }

    deinit { loop.stop() }

    func run<Value: Sendable>(
        _ body: @escaping @Sendable (CommandDispatcher) -> Value
    ) async -> Value {
        let dispatcher = dispatcher
        return await withCheckedContinuation { continuation in
            loop.submit { continuation.resume(returning: body(dispatcher)) }
        }
    }

    func send(
        _ operation: Operation = .pulse(durationMilliseconds: 20), channel: String = "relay1",
        in tenant: WorkspaceID = workspace
    ) async -> CommandID {
        await run { dispatcher in
            dispatcher.dispatch(
                Action(device: deviceID, channel: channel, operation: operation), in: tenant,
                deadline: .seconds(10), trace: Trace(id: "t", clock: "c", arrivedNanoseconds: 1))
        }
    }

    func outcome(of command: CommandID, _ status: Outcome.Status) -> Outcome {
        Outcome(
            command: command, status: status, endedAtMilliseconds: 1,
            trace: Trace(id: "t", clock: "c", arrivedNanoseconds: 1))
    }
}

@Suite("Command dispatcher")
struct CommandDispatcherTests {
    @Test("a command goes to its agent's topic, with its board, deadline and trace")
    func publishes() async throws {
        let desk = try await Desk()
        let id = await desk.send()
        let (topic, payload, _) = try #require(desk.record.contents.withLock { $0.published.first })
        #expect(topic == Topic(workspace: workspace, agent: agentID, leaf: .command))
        let command = try JSONDecoder().decode(Command.self, from: Data(payload))
        #expect(command.id == id)
        #expect(command.board == board)
        #expect(command.expiresAtMilliseconds == 1_010_000)
        #expect(command.trace.publishedNanoseconds == 5)
    }

    @Test("a command ends once, however often its outcome comes")
    func endsOnce() async throws {
        let desk = try await Desk()
        let id = await desk.send()
        let outcome = desk.outcome(of: id, .executed)
        await desk.run { dispatcher in
            for _ in 0..<3 { dispatcher.receive(outcome, from: agentID) }
        }
        #expect(desk.record.ended.map(\.outcome.status) == [.executed])
    }

    @Test("an outcome from another agent ends nothing")
    func foreignOutcome() async throws {
        let desk = try await Desk()
        let id = await desk.send()
        let outcome = desk.outcome(of: id, .executed)
        await desk.run { $0.receive(outcome, from: AgentID(high: 9, low: 9)) }
        #expect(desk.record.ended.isEmpty)
    }

    @Test("what cannot go out ends at once, and nothing is published")
    func refusals() async throws {
        let desk = try await Desk()
        _ = await desk.send(channel: "nothing")
        _ = await desk.send(.tone(frequencyHertz: 440, durationMilliseconds: 10))
        _ = await desk.send(in: WorkspaceID(high: 7, low: 7))
        await desk.run { $0.updateDirectory { $0.setStop(.workspace(workspace), isStopped: true) } }
        _ = await desk.send()
        #expect(desk.record.published.isEmpty)
        #expect(
            desk.record.ended.map(\.outcome.reason) == [
                "no_channel", "bad_operation", "no_device", "estopped",
            ])
    }

    @Test("an agent that is away is not sent anything")
    func agentAway() async throws {
        let desk = try await Desk(isOnline: false)
        _ = await desk.send()
        #expect(desk.record.ended.map(\.outcome.reason) == ["agent_offline"])
    }

    @Test("a command the broker never took is expired")
    func brokerAway() async throws {
        let desk = try await Desk()
        _ = await desk.send()
        await desk.run { [record = desk.record] _ in
            let done = record.contents.withLock { $0.published[0].done }
            done(false)
        }
        #expect(desk.record.ended.map(\.outcome.status) == [.expired])
    }

    @Test("without an answer a command fails some seconds after its deadline")
    func noAnswer() async throws {
        let desk = try await Desk()
        _ = await desk.send()
        desk.record.contents.withLock { $0.monotonicNanoseconds = 14_999_000_000 }
        await desk.run { $0.tick() }
        #expect(desk.record.ended.isEmpty)
        desk.record.contents.withLock { $0.monotonicNanoseconds = 15_001_000_000 }
        await desk.run { $0.tick() }
        #expect(desk.record.ended.map(\.outcome.reason) == ["no_answer"])
    }

    @Test("whoever sets the wall clock ends no command", arguments: [3_600_000, -3_600_000])
    func clockIsSet(by milliseconds: Int64) async throws {
        let desk = try await Desk()
        _ = await desk.send()
        await desk.run { $0.loseBroker() }
        _ = await desk.send()
        desk.record.contents.withLock { $0.unixMilliseconds += milliseconds }
        await desk.run { $0.tick() }
        #expect(desk.record.ended.isEmpty)
        await desk.run { $0.hear(agentID) }
        #expect(desk.record.published.count == 2)
    }

    @Test("after a lost connection commands wait until their agent is heard, then go in order")
    func holds() async throws {
        let desk = try await Desk()
        await desk.run { $0.loseBroker() }
        let ids = [await desk.send(), await desk.send()]
        #expect(desk.record.published.isEmpty)
        await desk.run { $0.hear(agentID) }
        let sent = try desk.record.contents.withLock { contents in
            try contents.published.map {
                try JSONDecoder().decode(Command.self, from: Data($0.payload)).id
            }
        }
        #expect(sent == ids)
        _ = await desk.send()
        #expect(desk.record.published.count == 3)
    }

    @Test("what waits for an agent ends when it is late, stopped or taken back, and never goes out")
    func heldEnds() async throws {
        let desk = try await Desk()
        await desk.run { $0.loseBroker() }
        _ = await desk.send()
        desk.record.contents.withLock { $0.monotonicNanoseconds += 10_001_000_000 }
        await desk.run { $0.tick() }
        _ = await desk.send()
        await desk.run { $0.updateDirectory { $0.setStop(.agent(agentID), isStopped: true) } }
        await desk.run { $0.updateDirectory { $0.setStop(.agent(agentID), isStopped: false) } }
        await desk.run { $0.hear(agentID) }
        #expect(desk.record.published.isEmpty)
        #expect(desk.record.ended.map(\.outcome.status) == [.expired, .cancelled])
    }

    @Test("a deleted message takes back its own commands and no others")
    func cancels() async throws {
        let desk = try await Desk()
        let ids = IDGenerator()
        func cue(_ message: String, viewer: String) -> Cue {
            Cue(
                id: ids.next(), rule: ids.next(), workspace: workspace, event: ids.next(),
                sourceMessageID: message, viewerID: viewer,
                actions: [
                    Action(
                        device: deviceID, channel: "relay1",
                        operation: .pulse(durationMilliseconds: 5))
                ], deadline: .seconds(10))
        }
        let cues = [cue("m1", viewer: "v1"), cue("m2", viewer: "v2"), cue("m3", viewer: "v1")]
        let sent = await desk.run { dispatcher in
            cues.flatMap {
                dispatcher.dispatch($0, trace: Trace(id: "t", clock: "c", arrivedNanoseconds: 1))
            }
        }
        await desk.run { $0.cancel(in: workspace, messageIDs: ["m2"], viewerIDs: ["v1"]) }
        let payload = try #require(
            desk.record.contents.withLock {
                $0.published.last { $0.topic.leaf == .cancel }?.payload
            })
        let cancellation = try JSONDecoder().decode(Cancellation.self, from: Data(payload))
        #expect(Set(cancellation.commands) == Set(sent))
        await desk.run {
            $0.cancel(in: WorkspaceID(high: 8, low: 8), messageIDs: ["m1"], viewerIDs: [])
        }
        #expect(desk.record.published.filter { $0.leaf == .cancel }.count == 1)
    }
}
