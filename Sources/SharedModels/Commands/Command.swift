/// One instruction to one channel of one board; the payload of the `command` topic.
package struct Command: Hashable, Sendable, Codable {
    package let id: CommandID
    package let board: BoardUID
    /// The channel's name in the board's manifest, at most 24 bytes.
    package let channel: String
    package let operation: Operation
    /// When it was made, Unix milliseconds UTC.
    package let issuedAtMilliseconds: Int64
    /// After this it is dropped and reported as expired, never executed. Unix milliseconds UTC.
    package let expiresAtMilliseconds: Int64
    package var trace: Trace

    package init(
        id: CommandID, board: BoardUID, channel: String, operation: Operation,
        issuedAtMilliseconds: Int64, expiresAtMilliseconds: Int64, trace: Trace
    ) {
        self.id = id
        self.board = board
        self.channel = channel
        self.operation = operation
        self.issuedAtMilliseconds = issuedAtMilliseconds
        self.expiresAtMilliseconds = expiresAtMilliseconds
        self.trace = trace
    }

    private enum CodingKeys: String, CodingKey {
        case id, board = "board_uid", channel, operation
        case issuedAtMilliseconds = "issued_at_ms", expiresAtMilliseconds = "expires_at_ms", trace
    }
}

/// How a command ended; the payload of the `outcome` topic.
package struct Outcome: Hashable, Sendable, Codable {
    package enum Status: String, Hashable, Sendable, Codable, CaseIterable {
        /// The board said that it did it.
        case executed
        /// The agent or the board refused it; `reason` says why.
        case rejected
        /// Its deadline passed first.
        case expired
        /// It may or may not have been done: the board fell silent or the agent died.
        case failed
        /// Taken back before it was done: E-stop, a deleted message, a banned viewer.
        case cancelled
    }

    package let command: CommandID
    package let status: Status
    /// A short word for machines (`not_armed`, `estopped`, `no_board`, …); empty if executed.
    package let reason: String
    /// A sentence for people; empty if executed.
    package let detail: String
    /// When it ended, Unix milliseconds UTC by the agent's clock.
    package let endedAtMilliseconds: Int64
    package let trace: Trace

    package init(
        command: CommandID, status: Status, reason: String = "", detail: String = "",
        endedAtMilliseconds: Int64, trace: Trace
    ) {
        self.command = command
        self.status = status
        self.reason = reason
        self.detail = detail
        self.endedAtMilliseconds = endedAtMilliseconds
        self.trace = trace
    }

    private enum CodingKeys: String, CodingKey {
        case command = "command_id", status, reason, detail
        case endedAtMilliseconds = "ended_at_ms", trace
    }
}
