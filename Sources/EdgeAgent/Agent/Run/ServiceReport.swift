internal import Platform
internal import SharedModels

/// Keeps the service manager informed from the agent's loop: a loop that hangs says nothing, and
/// is started again. On the loop.
final class ServiceReport {
    /// How often the status is looked at, where the manager does not ask for more.
    private static let period: Duration = .seconds(5)

    private let notifier: ServiceNotifier
    private let loop: EventLoop
    private let log: Log
    private let status: () -> String
    private var told = ""
    private var timer: LoopTimer?
    private var hasFailed = false

    /// - Parameter status: the line for `systemctl status`.
    init(
        _ notifier: ServiceNotifier, loop: EventLoop, log: Log, status: @escaping () -> String
    ) {
        self.notifier = notifier
        self.loop = loop
        self.log = log.of("service")
        self.status = status
    }

    func start() {
        told = status()
        tell { () throws(LinuxError) in try notifier.tell(.ready, .status(told)) }
        schedule()
    }

    func stop() {
        timer?.cancel()
        timer = nil
        tell { () throws(LinuxError) in try notifier.tell(.stopping, .status("stopping")) }
    }

    private func schedule() {
        // Twice in each period, so that one late round is no end.
        let delay = notifier.watchdogPeriod.map { min($0 / 2, Self.period) } ?? Self.period
        timer = loop.schedule(after: delay) { [weak self] in self?.beat() }
    }

    private func beat() {
        let line = status()
        if line == told {
            tell { () throws(LinuxError) in try notifier.tell(.watchdog) }
        } else {
            told = line
            tell { () throws(LinuxError) in try notifier.tell(.watchdog, .status(line)) }
        }
        schedule()
    }

    /// A manager that does not hear is told of once; it will say itself what it misses.
    private func tell(_ body: () throws(LinuxError) -> Void) {
        do throws(LinuxError) {
            try body()
            hasFailed = false
        } catch {
            if !hasFailed { log.warning("the service manager", ["reason": .string("\(error)")]) }
            hasFailed = true
        }
    }
}

extension AgentCore {
    /// What `systemctl status` shows.
    package var statusLine: String {
        let boards = self.boards.values
        let armed = boards.count { $0.condition == .armed }
        let broker = isOnline ? "online" : "offline: \(brokerTrouble)"
        let stopped = stop.last.isAgentStopped ? "; the emergency stop is active" : ""
        return "\(broker); \(armed) of \(boards.count) boards armed\(stopped)"
    }
}
