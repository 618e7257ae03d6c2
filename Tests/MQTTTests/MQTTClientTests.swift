import Dispatch
import MQTT
import Platform
import Synchronization
import TestSupport
import Testing

/// A client with the worker that runs it, ended by `stop`.
private struct Running {
    let client: MQTTClient
    private let loop: EventLoop
    private let task: Task<Void, any Error>

    init(_ configuration: MQTTConfiguration) throws {
        loop = try EventLoop.start(name: "mqtt-test")
        let client = try MQTTClient(
            configuration, loop: loop, log: Log(component: "test", minimum: .error))
        self.client = client
        task = Task { try await client.run() }
    }

    func states() -> AsyncStream<MQTTClient.State> {
        AsyncStream { continuation in client.onStateChange { continuation.yield($0) } }
    }

    func reach(_ wanted: MQTTClient.State) async {
        for await state in states() where state == wanted { return }
    }

    /// Subscribes and waits until the broker grants it.
    func messages(_ filter: String) async -> AsyncStream<MQTTMessage> {
        let (granted, grant) = AsyncStream<Bool>.makeStream()
        let messages = AsyncStream { continuation in
            client.subscribe(filter, granted: { _ in grant.yield(true) }) {
                continuation.yield($0)
            }
        }
        _ = await granted.first { $0 }
        return messages
    }

    func stop() async throws {
        task.cancel()
        try await task.value
        loop.stop()
    }
}

/// Holds a thread until it is opened.
private final class Gate: @unchecked Sendable {
    // Safe: a semaphore is made for threads.
    private let semaphore = DispatchSemaphore(value: 0)
    func wait() { semaphore.wait() }
    func open() { semaphore.signal() }
}

private func text(_ message: MQTTMessage?) -> String? {
    message.map { String(decoding: $0.payload, as: UTF8.self) }
}

@Suite("MQTT client")
struct MQTTClientTests {
    @Test("a message published by one client reaches another's handler")
    func roundTrip() async throws {
        let broker = try await TestBroker.start()
        let receiver = try Running(broker.configuration(clientID: "receiver"))
        let sender = try Running(broker.configuration(clientID: "sender"))
        var messages = await receiver.messages("a/+/c").makeAsyncIterator()
        for number in 0..<500 {
            try await sender.client.publish(
                MQTTMessage(topic: "a/b/c", payload: Array("\(number)".utf8)))
        }
        for number in 0..<500 { #expect(text(await messages.next()) == "\(number)") }
        try await sender.stop()
        try await receiver.stop()
    }

    @Test("messages queued while the broker is away arrive after it returns")
    func offlineQueue() async throws {
        let broker = try await TestBroker.start()
        let settings = broker.configuration(clientID: "sender")
        broker.kill()
        let sender = try Running(settings)
        let sent = Task {
            try await sender.client.publish(MQTTMessage(topic: "t", payload: [1], isRetained: true))
        }
        for await state in sender.states() { if case .disconnected = state { break } }
        let again = try await TestBroker.restart(broker)
        try await sent.value
        let receiver = try Running(again.configuration(clientID: "receiver"))
        var messages = await receiver.messages("t").makeAsyncIterator()
        #expect(await messages.next()?.payload == [1])
        try await sender.stop()
        try await receiver.stop()
    }

    @Test("a broker that is killed and restarted finds its subscriber back")
    func resubscribes() async throws {
        let broker = try await TestBroker.start()
        let receiver = try Running(broker.configuration(clientID: "receiver"))
        var messages = await receiver.messages("x").makeAsyncIterator()
        var states = receiver.states().makeAsyncIterator()
        broker.kill()
        while let state = await states.next(), state == .connected {}
        let again = try await TestBroker.restart(broker)
        while let state = await states.next(), state != .connected {}
        let sender = try Running(again.configuration(clientID: "sender"))
        try await sender.client.publish(
            MQTTMessage(topic: "x", payload: Array("back".utf8), isRetained: true))
        #expect(text(await messages.next()) == "back")
        try await sender.stop()
        try await receiver.stop()
    }

    @Test("the queue refuses what does not fit, and a deadline ends the wait")
    func bounds() async throws {
        let broker = try await TestBroker.start()
        var settings = broker.configuration(clientID: "sender")
        settings.queueCountMax = 2
        broker.kill()
        let sender = try Running(settings)
        let outcomes = AsyncStream<MQTTError?> { continuation in
            // In one turn of the loop, before it can look for what has expired.
            sender.client.loop.submit {
                for _ in 0..<3 {
                    sender.client.publish(
                        MQTTMessage(topic: "t", payload: [1]), deadlineNanoseconds: 1
                    ) { result in
                        if case .failure(let error) = result { continuation.yield(error) }
                    }
                }
            }
        }
        var errors: [MQTTError?] = []
        for await error in outcomes {
            errors.append(error)
            if errors.count == 3 { break }
        }
        #expect(errors.filter { $0 == .queueFull }.count == 1)
        #expect(errors.filter { $0 == .expired }.count == 2)
        try await sender.stop()
    }

    @Test("the will of a client that hangs is sent, of one that stops it is not")
    func will() async throws {
        let broker = try await TestBroker.start()
        let watcher = try Running(broker.configuration(clientID: "watcher"))
        var wills = await watcher.messages("will/+").makeAsyncIterator()
        var settings = broker.configuration(clientID: "polite")
        settings.will = MQTTMessage(topic: "will/polite", payload: [1])
        let polite = try Running(settings)
        await polite.reach(.connected)
        try await polite.stop()
        settings.clientID = "hung"
        settings.will = MQTTMessage(topic: "will/hung", payload: [2])
        settings.keepAlive = .seconds(5)
        let rude = try Running(settings)
        await rude.reach(.connected)
        // A loop that hangs cannot ping; the broker gives up after one and a half keep-alives.
        let gate = Gate()
        rude.client.loop.submit { gate.wait() }
        #expect(await wills.next()?.topic == "will/hung")
        gate.open()
        try await rude.stop()
        try await watcher.stop()
    }

    @Test("a broker that refuses who we are is told apart from one that is away")
    func refused() async throws {
        let broker = try await TestBroker.start(settings: "allow_anonymous false")
        let client = try Running(broker.configuration(clientID: "stranger"))
        for await state in client.states() { if case .refused = state { break } }
        try await client.stop()
    }

    @Test(
        "topic filters match as the standard says",
        arguments: [
            ("a/b", "a/b", true), ("a/b", "a/+", true), ("a/b/c", "a/+", false),
            ("a/b/c", "a/#", true), ("a", "a/#", true), ("$SYS/x", "#", false),
            ("$SYS/x", "$SYS/#", true), ("a//b", "a/+/b", true), ("", "+", true),
            ("/a", "+/a", true), ("a", "b", false), ("a/b", "a", false),
        ])
    func filters(topic: String, filter: String, expected: Bool) {
        #expect(TopicFilter.matches(topic, filter: filter) == expected)
    }
}
