internal import Platform

/// The one connection of a pool that listens, for all its readers. Used on the loop alone.
final class Listener {
    private let configuration: PostgresConfiguration
    private let loop: EventLoop
    private let log: Log
    private var subscribers: [Subscriber] = []
    private var connection: PostgresConnection?
    private var attempts: AttemptPlan
    private var random = SystemRandomNumberGenerator()
    private var timer: LoopTimer?
    private var isClosed = false

    init(_ configuration: PostgresConfiguration, on loop: EventLoop, log: Log) {
        self.configuration = configuration
        self.loop = loop
        self.log = log
        attempts = AttemptPlan(configuration.reconnect)
    }

    /// Whether the text can be a channel without quotes.
    static func isChannel(_ text: String) -> Bool {
        let isAllowed: (UInt8) -> Bool = {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
        return (1...63).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
    }

    /// Whether an answer is awaited, which has a deadline.
    var isBusy: Bool { (connection?.inFlight ?? 0) > 0 }

    func sweep(_ now: Int64) { connection?.sweep(now) }

    func add(_ subscriber: Subscriber) {
        guard !isClosed else { return subscriber.finish() }
        subscribers.append(subscriber)
        guard let connection else { return connect() }
        if connection.state == .ready { listen(to: [subscriber.channel], on: connection) }
    }

    func remove(_ subscriber: Subscriber) {
        guard subscribers.contains(where: { $0 === subscriber }) else { return }
        subscribers.removeAll { $0 === subscriber }
        guard !subscribers.isEmpty else {
            timer?.cancel()
            connection?.close()
            connection = nil
            return
        }
        let channel = subscriber.channel
        if readers(of: channel.description).isEmpty, let connection, connection.state == .ready {
            send(["UNLISTEN \"\(constant: channel)\""], on: connection) { _ in }
        }
    }

    func close() {
        isClosed = true
        timer?.cancel()
        connection?.close()
        connection = nil
        for subscriber in subscribers { subscriber.finish() }
        subscribers = []
    }

    private func readers(of channel: String) -> [Subscriber] {
        subscribers.filter { $0.channel.description == channel }
    }

    private func connect() {
        let connection = PostgresConnection(configuration, use: .exclusive, on: loop)
        let start = SystemTime.monotonicNanoseconds
        self.connection = connection
        connection.onLost = { [weak self] error in
            guard let self else { return }
            log.warning("listening stopped", ["error": .string("\(error)")])
            connectAgain(after: start)
        }
        connection.onNotification = { [weak self] channel, payload in
            for reader in self?.readers(of: channel) ?? [] { reader.deliver(payload) }
        }
        connection.open { [weak self, weak connection] result in
            guard let self, let connection else { return }
            switch result {
            case .success:
                let channels = Set(subscribers.map(\.channel.description))
                let each = channels.compactMap { name in
                    subscribers.first { $0.channel.description == name }?.channel
                }
                listen(to: each, on: connection)
            case .failure(let error):
                log.warning("cannot listen", ["error": .string("\(error)")])
                connectAgain(after: start)
            }
        }
    }

    private func listen(to channels: [StaticString], on connection: PostgresConnection) {
        let statements: [SQL] = channels.map { "LISTEN \"\(constant: $0)\"" }
        send(statements, on: connection) { [weak self, weak connection] answer in
            guard let self, let connection, connection === self.connection else { return }
            switch answer {
            case .success:
                attempts.succeeded()
                for channel in channels {
                    for reader in readers(of: channel.description) { reader.mark() }
                }
            case .failure(let error): connection.lose(error)
            }
        }
    }

    private func send(
        _ statements: [SQL], on connection: PostgresConnection,
        _ completion: @escaping (Exchange.Answer) -> Void
    ) {
        let exchange = Exchange(
            statements.map(Exchange.Statement.init), start: SystemTime.monotonicNanoseconds,
            deadline: monotonicDeadline(configuration.deadline))
        exchange.whenComplete(completion)
        connection.send(exchange)
        onBusy?()
    }

    /// Called when deadlines must be looked after.
    var onBusy: (() -> Void)?

    private func connectAgain(after start: Int64) {
        connection = nil
        guard !isClosed, !subscribers.isEmpty else { return }
        let now = SystemTime.monotonicNanoseconds
        attempts.failed(startedAt: start, now: now, using: &random)
        timer?.cancel()
        timer = loop.schedule(after: .nanoseconds(attempts.nextAttempt &- now)) { [weak self] in
            self?.connect()
        }
    }
}
