internal import CLinux
internal import Glibc

/// Tells the service manager how this process is: the datagrams of sd_notify(3), whose format is
/// stable. A service of `Type=notify` counts as started once it has said `ready`.
package struct ServiceNotifier: Sendable {
    package enum State: Hashable, Sendable {
        case ready
        case stopping
        /// Still alive; wanted at least every `watchdogPeriod`.
        case watchdog
        /// A line for `systemctl status`.
        case status(String)

        var assignment: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .watchdog: "WATCHDOG=1"
            // One line is one assignment.
            case .status(let text):
                "STATUS=" + String(text.map { $0.isNewline ? " " : $0 }.prefix(Self.textMax))
            }
        }

        private static let textMax = 512
    }

    private let socket: String
    /// How long the manager waits for a `watchdog` before it ends this process; nil if it does
    /// not watch.
    package let watchdogPeriod: Duration?

    /// Nil if no service manager wants to hear (sd_notify(3), sd_watchdog_enabled(3)).
    package init?(environment: [String: String], processID: Int32 = getpid()) {
        guard let socket = environment["NOTIFY_SOCKET"],
            socket.hasPrefix("/") || socket.hasPrefix("@")
        else { return nil }
        self.socket = socket
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(processID)" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogPeriod = isForUs && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// Sends all in one datagram; never waits. Any thread.
    package func tell(_ states: State...) throws(LinuxError) {
        let text = states.map(\.assignment).joined(separator: "\n")
        var bytes = Array(text.utf8)
        let result = cue_send_datagram_unix(socket, &bytes, bytes.count)
        _ = try checked("notify \(socket)", result)
    }
}
