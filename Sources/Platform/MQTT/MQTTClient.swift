internal import CLinux
package import Platform
internal import Synchronization

/// A client of an MQTT 3.1.1 broker on an event loop: it stays connected with jittered
/// back-off, subscribes again after each reconnect, and holds a bounded number of messages
/// while the broker is away. Handlers run on the loop, straight from the bytes.
package final class MQTTClient: Worker, @unchecked Sendable {
    // Safe: all mutable state is touched on the loop alone; other threads submit to it.

    /// Where the connection stands.
    package enum State: Sendable, Equatable {
        case connecting
        case connected
        /// Waiting before the next attempt; `reason` says what went wrong.
        case disconnected(reason: String)
        /// The broker refuses who we are (CONNACK 4 or 5). Attempts go on, at the longest pause.
        case refused(reason: String)
        case stopped
    }

    package typealias Completion = @Sendable (Result<Void, MQTTError>) -> Void
    package typealias Handler = @Sendable (MQTTMessage) -> Void

    private struct Subscription {
        let filter: String
        let quality: QualityOfService
        let handler: Handler
        let granted: Completion?
    }

    /// A connection that lasted this long was a good one.
    private static let lastingConnection = Duration.seconds(5)

    package let name: String
    package let loop: EventLoop
    private let configuration: MQTTConfiguration
    private let log: Log
    private let handle: MosquittoHandle
    private var subscriptions: [Subscription] = []
    private var stateHandlers: [@Sendable (State) -> Void] = []
    private var pendingSubscriptions: [Int32: Int] = [:]
    private var queue: OutgoingQueue
    private var inflight: [Int32: Completion?] = [:]
    private var state = State.disconnected(reason: "not started")
    private var watch: Watch?
    private var ticker: LoopTimer?
    private var connectTimer: LoopTimer?
    /// True while the library is on the stack: packets made then are only queued by it, and
    /// written when it has returned.
    private var isInLibrary = false
    private var backoff: Backoff
    /// Where the library's blocking connect runs.
    private let connecting: BlockingPool
    private var connectedNanoseconds: Int64?
    private var isStopping = false
    private var finish: (() -> Void)?

    package init(
        _ configuration: MQTTConfiguration, loop: EventLoop, log: Log
    ) throws(MQTTError) {
        self.configuration = configuration
        self.loop = loop
        self.log = log.of("mqtt")
        backoff = configuration.reconnect
        name = "mqtt \(configuration.clientID)"
        queue = OutgoingQueue(
            countMax: configuration.queueCountMax, bytesMax: configuration.queueBytesMax)
        do throws(LinuxError) {
            connecting = try BlockingPool(name: "mqtt-connect", threads: 1, waitingMax: 1)
        } catch {
            throw .system(error)
        }
        handle = try MosquittoHandle(
            clientID: configuration.clientID, isSessionClean: configuration.isSessionClean)
        try handle.configure(configuration)
        handle.events = self
    }

    /// Subscribes now and after every reconnect; `handler` runs on the loop for each message
    /// whose topic matches. Any thread.
    /// - Parameter granted: runs on the loop at each answer of the broker: granted, or refused.
    package func subscribe(
        _ filter: String, quality: QualityOfService = .atLeastOnce, granted: Completion? = nil,
        handler: @escaping Handler
    ) {
        onLoop { client in
            client.subscriptions.append(
                Subscription(
                    filter: filter, quality: quality, handler: handler, granted: granted))
            if client.state == .connected {
                client.sendSubscription(client.subscriptions.count - 1)
            }
        }
    }

    /// Tells `handler` the state now and each change from then on, on the loop. Any thread.
    package func onStateChange(_ handler: @escaping @Sendable (State) -> Void) {
        onLoop { client in
            client.stateHandlers.append(handler)
            handler(client.state)
        }
    }

    /// Hands a message over without waiting. Any thread; on the loop it goes to the socket at
    /// once. `completion` runs on the loop: when the broker has it (QoS 1: PUBACK; QoS 0:
    /// written), or with why not.
    /// - Parameters:
    ///   - deadlineNanoseconds: monotonic; past it a message still waiting is given up.
    ///   - isUrgent: goes ahead of all that wait, and has room of its own in the queue.
    package func publish(
        _ message: MQTTMessage, deadlineNanoseconds: Int64 = .max, isUrgent: Bool = false,
        completion: Completion? = nil
    ) {
        onLoop { client in
            client.enqueue(
                .init(
                    message: message, deadlineNanoseconds: deadlineNanoseconds,
                    completion: completion), isUrgent: isUrgent)
        }
    }

    /// Hands a message over and waits until the broker has it.
    package func publish(
        _ message: MQTTMessage, deadlineNanoseconds: Int64 = .max
    ) async throws(MQTTError) {
        let result = await withCheckedContinuation { continuation in
            publish(message, deadlineNanoseconds: deadlineNanoseconds) {
                continuation.resume(returning: $0)
            }
        }
        try result.get()
    }

    /// Drops the connection and connects again with a new password. Any thread.
    package func reconnect() {
        onLoop { client in
            if client.state == .connected { client.lost(reason: "asked to reconnect") }
        }
    }

    /// Connects and stays connected until cancelled; then says goodbye to the broker, so that
    /// no will is sent, and gives up what still waits.
    package func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                onLoop { client in
                    client.finish = { done.resume() }
                    client.isStopping ? client.ended() : client.connect()
                }
            }
        } onCancel: {
            onLoop { $0.stop() }
        }
    }

    private func onLoop(_ body: @escaping @Sendable (MQTTClient) -> Void) {
        if loop.isCurrent { body(self) } else { loop.submit { body(self) } }
    }

    private func become(_ state: State) {
        guard state != self.state else { return }
        self.state = state
        for handler in stateHandlers { handler(state) }
    }
}

// Connecting and ending.
extension MQTTClient {
    private func connect() {
        guard !isStopping else { return ended() }
        become(.connecting)
        let (handle, configuration) = (handle, configuration)
        let password = configuration.password()
        do throws(BlockingPool.Problem) {
            // mosquitto_connect resolves names and connects while it blocks.
            try connecting.submit { [self] in
                var problem: MQTTError?
                do throws(MQTTError) {
                    try handle.connect(configuration, password: password)
                } catch {
                    problem = error
                }
                loop.submit { [problem] in self.attempted(problem) }
            }
        } catch {
            preconditionFailure("one attempt at a time")
        }
    }

    private func attempted(_ error: MQTTError?) {
        if isStopping { return ended() }
        if let error { return retry(.disconnected(reason: "\(error)")) }
        do {
            watch = try loop.watch(handle.descriptor, for: .readable) { [weak self] in
                self?.ready($0)
            }
        } catch {
            return retry(.disconnected(reason: "\(error)"))
        }
        tick()
        let limit = configuration.connectTimeout
        connectTimer?.cancel()
        connectTimer = loop.schedule(after: limit) { [weak self] in
            guard let self, self.state == .connecting else { return }
            self.lost(reason: "no CONNACK within \(limit)")
        }
        flush()
    }

    private func ready(_ readiness: Readiness) {
        isInLibrary = true
        let isAlive =
            (readiness.isDisjoint(with: [.readable, .hangUp]) || handle.read())
            && (!readiness.contains(.writable) || handle.write())
        isInLibrary = false
        guard isAlive else { return lost(reason: "connection lost") }
        pump()
    }

    /// Writes what the library holds, and watches for room while something is left.
    private func flush() {
        guard let watch, !isInLibrary else { return }
        if handle.wantsWrite {
            isInLibrary = true
            let isAlive = handle.write()
            isInLibrary = false
            if !isAlive { return lost(reason: "connection lost") }
        }
        watch.change(to: handle.wantsWrite ? [.readable, .writable] : .readable)
    }

    /// The library's keep-alive and our deadlines, once a second.
    private func tick() {
        for entry in queue.takeExpired(at: cue_monotonic_ns()) {
            entry.completion?(.failure(.expired))
        }
        if state == .connected {
            isInLibrary = true
            let isAlive = handle.tick()
            isInLibrary = false
            if !isAlive { lost(reason: "no ping answer") } else { flush() }
        }
        guard !isStopping else { return }
        ticker?.cancel()
        ticker = loop.schedule(after: .seconds(1)) { [weak self] in self?.tick() }
    }

    private func lost(reason: String) {
        guard watch != nil else { return }
        forgetFailures()
        watch?.cancel()
        watch = nil
        connectTimer?.cancel()
        pendingSubscriptions = [:]
        handle.disconnect()
        if isStopping { return ended() }
        if case .refused = state { return retry(state) }
        retry(.disconnected(reason: reason))
    }

    /// Only a connection that lasted begins the pauses anew: one that is taken over again and
    /// again, or a broker that dies again and again, must not be hammered.
    private func forgetFailures() {
        guard let start = connectedNanoseconds else { return }
        connectedNanoseconds = nil
        let lasted = SystemTime.monotonicNanoseconds - start
        if lasted >= Self.lastingConnection.nanosecondsClamped { backoff.reset() }
    }

    private func retry(_ state: State) {
        log.warning("not connected", ["reason": .string("\(state)")])
        become(state)
        tick()
        var pause = backoff.next()
        if case .refused = state { pause = backoff.longest }
        loop.schedule(after: pause) { [weak self] in self?.connect() }
    }

    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        // While connecting, the attempt's end finds `isStopping`.
        if state == .connecting && watch == nil { return }
        guard watch != nil else { return ended() }
        handle.disconnect()
        flush()
        ended()
    }

    private func ended() {
        watch?.cancel()
        watch = nil
        ticker?.cancel()
        connectTimer?.cancel()
        become(.stopped)
        for completion in inflight.values { completion?(.failure(.stopped)) }
        inflight = [:]
        while let entry = queue.popFirst() { entry.completion?(.failure(.stopped)) }
        finish?()
        finish = nil
    }
}

// Messages.
extension MQTTClient {
    private func enqueue(_ entry: OutgoingQueue.Entry, isUrgent: Bool) {
        guard !isStopping else {
            entry.completion?(.failure(.stopped))
            return
        }
        guard queue.append(entry, isUrgent: isUrgent) else {
            entry.completion?(.failure(.queueFull))
            return
        }
        pump()
    }

    /// Gives the library what fits into the window and the socket.
    private func pump() {
        flush()
        while state == .connected, watch != nil, !isInLibrary, !handle.wantsWrite,
            inflight.count < configuration.inflightMax, let entry = queue.popFirst()
        {
            send(entry)
            flush()
        }
    }

    private func send(_ entry: OutgoingQueue.Entry) {
        do {
            let identifier = try handle.publish(entry.message)
            // QoS 0 is done once written, and the library says so before it returns.
            switch entry.message.quality {
            case .atMostOnce: entry.completion?(.success(()))
            case .atLeastOnce: inflight[identifier] = .some(entry.completion)
            }
        } catch {
            entry.completion?(.failure(error))
        }
    }

    private func sendSubscription(_ index: Int) {
        let subscription = subscriptions[index]
        do {
            let identifier = try handle.subscribe(
                subscription.filter, quality: subscription.quality)
            pendingSubscriptions[identifier] = index
        } catch {
            log.error("cannot subscribe", ["reason": .string("\(error)")])
        }
        flush()
    }
}

extension MQTTClient: MosquittoEvents {
    func connected(code: Int32) {
        guard code == 0 else {
            let reason =
                switch code {
                case 4: "bad user name or password"
                case 5: "not authorised"
                default: "connection refused (\(code))"
                }
            return become(
                code == 4 || code == 5 ? .refused(reason: reason) : .disconnected(reason: reason))
        }
        connectedNanoseconds = SystemTime.monotonicNanoseconds
        connectTimer?.cancel()
        log.info("connected")
        become(.connected)
        for index in subscriptions.indices { sendSubscription(index) }
    }

    func disconnected(code: Int32) {
        // The failing call returns an error right after, and `lost` does the rest.
        log.debug("disconnected", ["code": .int(Int64(code))])
    }

    func published(identifier: Int32) {
        if let completion = inflight.removeValue(forKey: identifier) {
            completion?(.success(()))
        }
    }

    func subscribed(identifier: Int32, isGranted: Bool) {
        guard let index = pendingSubscriptions.removeValue(forKey: identifier) else { return }
        let subscription = subscriptions[index]
        guard !isGranted else {
            subscription.granted?(.success(()))
            return
        }
        let error = MQTTError.subscriptionRefused(filter: subscription.filter)
        log.error("subscription refused", ["reason": .string("\(error)")])
        subscription.granted?(.failure(error))
    }

    func received(topic: String, payload: [UInt8], isRetained: Bool) {
        let message = MQTTMessage(topic: topic, payload: payload, isRetained: isRetained)
        for subscription in subscriptions
        where TopicFilter.matches(topic, filter: subscription.filter) {
            subscription.handler(message)
        }
    }
}
