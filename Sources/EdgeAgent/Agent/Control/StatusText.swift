internal import Hardware
internal import SharedModels

/// `status` on a terminal.
package enum StatusText {
    package static func of(_ status: AgentStatus) -> String {
        var text = "agent     \(status.isOnline ? "online" : "offline")"
        text += status.brokerTrouble.isEmpty ? "" : " (\(status.brokerTrouble))"
        text += ", version \(status.version)"
        text += ", up \(status.telemetry.uptimeSeconds) s"
        text += ", \(status.telemetry.residentBytes / 1_048_576) MB\n"
        if status.isStopped { text += "stop      the emergency stop is active\n" }
        text += "commands  \(status.received) received, \(status.executed) executed\n"
        text += "outcomes  \(status.telemetry.spooledOutcomes) wait for the broker, "
        text += "\(status.telemetry.droppedOutcomes) dropped\n"
        if let watch = status.portWatch { text += describe(watch) }
        for port in status.ports where !port.trouble.isEmpty {
            text += "port      \(port.path)"
            text += port.usb.isEmpty ? "" : " (\(port.usb))"
            text += ": \(port.trouble)"
            let seconds = (port.retryMilliseconds + 999) / 1000
            text += seconds == 0 ? "\n" : "; tried again in \(seconds) s\n"
        }
        for board in status.boards { text += describe(board) }
        if !status.outcomes.isEmpty { text += "\nlast commands\n" }
        for outcome in status.outcomes.suffix(10) {
            text += "  \(outcome.command)  \(outcome.status.rawValue)"
            text += outcome.reason.isEmpty ? "\n" : " (\(outcome.reason)) \(outcome.detail)\n"
        }
        return text
    }

    /// What it means that nothing on a board watches over its outputs.
    static let noWatchdog = "what is on stays on if this computer hangs or the agent is killed"

    private static func describe(_ watch: AgentStatus.PortWatch) -> String {
        let way =
            switch watch.way {
            case .udev: "udev tells when boards come and go"
            case .files: "/dev is watched for boards"
            case .scanning: "boards are looked for every second"
            }
        return "ports     \(way)" + (watch.trouble.isEmpty ? "\n" : " (\(watch.trouble))\n")
    }

    private static func describe(_ board: AgentStatus.Board) -> String {
        var text = "\nboard     \(board.uid)  \(board.profile) \(board.firmware), "
        text += board.condition.rawValue
        text += board.port.isEmpty ? "" : " on \(board.port)"
        text += board.fault.isEmpty ? "\n" : ", last fault \(board.fault)\n"
        if board.watchdog == false { text += "  no watchdog: \(Self.noWatchdog)\n" }
        if board.condition == .quarantined {
            text += "  put out of use: \(Reason.quarantined.advice)\n"
        }
        if let link = board.link {
            text += "  link    \(link.sent) sent, \(link.retries) again, "
            text += "round trip p50 \(link.roundTripP50Microseconds) µs, "
            text += "p99 \(link.roundTripP99Microseconds) µs\n"
            text += "          \(link.crcErrors) CRC errors, \(link.framingErrors) framing errors, "
            text += "\(link.overruns) overruns, \(link.duplicates) duplicates, "
            text += "\(link.losses) losses, \(link.resets) resets\n"
        }
        for channel in board.channels {
            text += "  \(channel.name) (\(channel.kind)): "
            text += channel.obstacle.isEmpty ? "ready" : channel.obstacle
            text += channel.waiting > 0 ? ", \(channel.waiting) waiting\n" : "\n"
        }
        for sequence in board.sequences ?? [] {
            text += "  sequence \(sequence.number): \(sequence.condition.rawValue)"
            text += board.playing == sequence.number ? ", playing" : ""
            text += sequence.detail.isEmpty ? "\n" : " (\(sequence.detail))\n"
        }
        if let doubt = board.clockDoubtMicroseconds {
            text += "  clock   known to \(doubt) µs\n"
        }
        return text
    }
}
