package import SharedModels

/// Whether a command may be taken at all. A pure function of the command, the clock and what
/// is known of the board.
package enum CommandVerifier {
    package enum Limits {
        /// How far in the future of our clock a command may have been issued, milliseconds.
        /// Beyond it our clock is behind, and a deadline by it would come too late.
        package static let skewMaxMilliseconds: Int64 = 2_000
        /// The longest time a command may wait, whatever it says, milliseconds.
        package static let lifetimeMaxMilliseconds: Int64 = 600_000
    }

    package struct Refusal: Error, Hashable, Sendable {
        package let status: Outcome.Status
        package let reason: Reason
        package let detail: String

        init(_ status: Outcome.Status, _ reason: Reason, _ detail: String = "") {
            self.status = status
            self.reason = reason
            self.detail = detail
        }
    }

    package struct Accepted: Hashable, Sendable {
        package let channel: Channel
        /// How long from now the command is worth doing, milliseconds, above 0.
        package let remainingMilliseconds: Int64
    }

    /// - Parameters:
    ///   - nowMilliseconds: Unix time by our clock, corrected by what the server's told.
    ///   - manifest: the board's, nil if it was never seen.
    package static func verify(
        _ command: Command, nowMilliseconds: Int64, manifest: BoardManifest?
    ) throws(Refusal) -> Accepted {
        let remaining = try remaining(of: command, nowMilliseconds: nowMilliseconds)
        guard let manifest else { throw Refusal(.rejected, .noBoard) }
        guard let channel = manifest.channel(named: command.channel) else {
            throw Refusal(.rejected, .noChannel)
        }
        if let refusal = channel.refusal(of: command.operation) {
            let isRange =
                command.operation.problem != nil
                || channel.kindRefusal(of: command.operation) == nil
            throw Refusal(.rejected, isRange ? .outOfRange : .badOperation, refusal + ".")
        }
        let duration = command.operation.durationMilliseconds
        guard duration <= channel.onMaxMilliseconds || command.operation.isOff else {
            throw Refusal(
                .rejected, .outOfRange,
                "\(channel.name) may be on for \(channel.onMaxMilliseconds) ms at most.")
        }
        return Accepted(channel: channel, remainingMilliseconds: remaining)
    }

    private static func remaining(
        of command: Command, nowMilliseconds now: Int64
    ) throws(Refusal) -> Int64 {
        let issued = command.issuedAtMilliseconds
        let expires = command.expiresAtMilliseconds
        let (lifetime, lifetimeOverflow) = expires.subtractingReportingOverflow(issued)
        let (ahead, aheadOverflow) = issued.subtractingReportingOverflow(now)
        let (rest, restOverflow) = expires.subtractingReportingOverflow(now)
        guard !lifetimeOverflow, !aheadOverflow, !restOverflow, lifetime > 0 else {
            throw Refusal(.rejected, .badCommand, "Its deadline is not after its making.")
        }
        guard ahead <= Limits.skewMaxMilliseconds else {
            throw Refusal(.rejected, .clockSkew, "It is \(ahead) ms in the future.")
        }
        guard rest > 0 else {
            // Not -rest: the least Int64 has no opposite.
            throw Refusal(.expired, .late, "It came \(0 &- rest) ms too late.")
        }
        return min(rest, lifetime, Limits.lifetimeMaxMilliseconds)
    }
}
