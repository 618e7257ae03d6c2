/// A change of one input of one board; the payload of the `input` topic. An agent's changes carry a
/// number, so that one that the broker delivers again is known, and one that comes after a newer
/// one is left aside.
package struct InputChange: Hashable, Sendable, Codable {
    /// How old a change may be to move anything, milliseconds. It is judged by the server's clock
    /// as the agent knows it, which may be off by two seconds.
    package static let lifetimeMilliseconds: Int64 = 5_000

    package let board: BoardUID
    /// The channel's name in the board's manifest.
    package let channel: String
    /// As `InputReading.value`.
    package let value: Int
    /// When the agent's process started, as in its `AgentState`; numbers begin anew with it.
    package let startedAtMilliseconds: Int64
    /// 1 for the process's first change, and one more each.
    package let sequence: Int64
    /// When the agent read it, Unix milliseconds UTC by the server's clock as the agent knows it.
    package let readAtMilliseconds: Int64
    /// The broker was away when it happened: it is told, and never acted on.
    package let isLate: Bool
    /// The same moment by the agent's monotonic clock, as in `Trace`.
    package let agentClock: String
    package let readNanoseconds: Int64

    package init(
        board: BoardUID, channel: String, value: Int, startedAtMilliseconds: Int64,
        sequence: Int64, readAtMilliseconds: Int64, isLate: Bool, agentClock: String,
        readNanoseconds: Int64
    ) {
        self.board = board
        self.channel = channel
        self.value = value
        self.startedAtMilliseconds = startedAtMilliseconds
        self.sequence = sequence
        self.readAtMilliseconds = readAtMilliseconds
        self.isLate = isLate
        self.agentClock = agentClock
        self.readNanoseconds = readNanoseconds
    }

    private enum CodingKeys: String, CodingKey {
        case board = "board_uid", channel, value, startedAtMilliseconds = "started_at_ms"
        case sequence, readAtMilliseconds = "read_at_ms", isLate = "late"
        case agentClock = "agent_clock", readNanoseconds = "read_ns"
    }
}

extension InputChange {
    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard Limits.isWord(channel, 1...24) else { return "the channel is not a plain word" }
        guard InputReading.values.contains(value) else { return "the value is out of range" }
        guard sequence > 0, startedAtMilliseconds >= 0, readNanoseconds >= 0,
            (0...253_402_300_799_999).contains(readAtMilliseconds)
        else { return "a time or number is out of range" }
        guard Limits.isPlain(agentClock, 0...64) else { return "the clock is not plain text" }
        return nil
    }

    /// Whether it is too old to move anything, or of a moment that cannot be.
    package func isStale(atMilliseconds now: Int64) -> Bool {
        let (age, isOver) = now.subtractingReportingOverflow(readAtMilliseconds)
        return isOver || age.magnitude > UInt64(Self.lifetimeMilliseconds)
    }
}
