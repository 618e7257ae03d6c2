/// All sequences that the boards of an agent shall keep; the payload of the `sequences` topic,
/// retained, so that an agent that was away finds it.
package struct AgentSequences: Hashable, Sendable, Codable {
    package struct Board: Hashable, Sendable, Codable {
        package let uid: BoardUID
        /// At most `ChannelSequence.Limits.countMax`, by rising number.
        package let sequences: [Kept]

        package init(uid: BoardUID, sequences: [Kept]) {
            self.uid = uid
            self.sequences = sequences
        }
    }

    package struct Kept: Hashable, Sendable, Codable {
        package let number: Int
        /// Grows with each change of the sequence; the board's state tells it back.
        package let revision: Int64
        package let steps: [ChannelSequence.Step]

        package init(number: Int, revision: Int64, steps: [ChannelSequence.Step]) {
            self.number = number
            self.revision = revision
            self.steps = steps
        }

        package var sequence: ChannelSequence { ChannelSequence(steps: steps) }
    }

    /// At most `AgentManifest.boardsMax`; a board without sequences may be absent.
    package let boards: [Board]

    package init(boards: [Board]) { self.boards = boards }

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard boards.count <= AgentManifest.boardsMax,
            Set(boards.map(\.uid)).count == boards.count
        else { return "too many boards, or one twice" }
        for board in boards {
            let numbers = board.sequences.map(\.number)
            guard numbers.count <= ChannelSequence.Limits.countMax,
                numbers == Array(Set(numbers)).sorted(),
                numbers.allSatisfy(ChannelSequence.Limits.numbers.contains)
            else { return "the numbers of sequences are not distinct, rising and in range" }
        }
        return nil
    }
}

/// What became of one sequence on its way to its board, and on it.
package struct SequenceState: Hashable, Sendable, Codable {
    package enum Condition: String, Hashable, Sendable, Codable, CaseIterable {
        /// On its way: the board is away, or has an output on, or is being written.
        case pending
        /// The board has it and can play it.
        case ready
        /// The agent or the board will not have it; the detail says why.
        case refused
    }

    package static let detailBytesMax = 200

    package let number: Int
    /// Of the sequence as the agent was told it.
    package let revision: Int64
    package let condition: Condition
    /// A sentence for people; empty if it is ready.
    package let detail: String

    package init(number: Int, revision: Int64, condition: Condition, detail: String = "") {
        self.number = number
        self.revision = revision
        self.condition = condition
        self.detail = detail
    }
}
