package import SharedModels

/// A sequence of a device as people gave it.
package struct StoredSequence: Hashable, Sendable {
    package let device: DeviceID
    package let number: Int
    package let name: String
    package let steps: [ChannelSequence.Step]
    /// Grows with each change.
    package let revision: Int64
    package let createdAtMilliseconds: Int64
    package let updatedAtMilliseconds: Int64

    package var sequence: ChannelSequence { ChannelSequence(steps: steps) }
}

/// A sequence with what its agent says of it.
package struct SequenceReport: Hashable, Sendable {
    package let stored: StoredSequence
    package let condition: SequenceState.Condition
    /// A sentence for people; empty if it is ready.
    package let detail: String
    package let isPlaying: Bool
}

extension DeviceDirectory {
    /// The sequences of a device, by rising number.
    package func sequences(of device: DeviceID) -> [StoredSequence] {
        (sequences[device] ?? [:]).values.sorted { $0.number < $1.number }
    }

    package mutating func put(_ sequence: StoredSequence) {
        sequences[sequence.device, default: [:]][sequence.number] = sequence
    }

    package mutating func removeSequence(_ number: Int, of device: DeviceID) {
        sequences[device]?[number] = nil
    }

    /// All that the boards of an agent shall keep, as it is published.
    package func agentSequences(of agent: Agent) -> AgentSequences {
        let boards = devices(of: agent.workspace).filter { $0.agent == agent.id }.compactMap {
            device -> AgentSequences.Board? in
            let kept = sequences(of: device.id).map {
                AgentSequences.Kept(number: $0.number, revision: $0.revision, steps: $0.steps)
            }
            return kept.isEmpty ? nil : AgentSequences.Board(uid: device.board, sequences: kept)
        }
        return AgentSequences(boards: Array(boards.prefix(AgentManifest.boardsMax)))
    }

    /// Why a rule may not play what its action says; nil if it may, or plays nothing.
    func refusal(ofRuleWith action: Action) -> String? {
        guard case .play(let number, let start) = action.operation else { return nil }
        if start != nil {
            return "a rule says no start_at_ms: what it plays starts at one time by itself"
        }
        return sequences[action.device]?[number] == nil
            ? "the device has no sequence \(number)" : nil
    }

    /// The sequences of a device, with what its agent says of them.
    func sequenceReports(of device: Device) -> [SequenceReport] {
        let board = condition(of: device)
        let isAway = agents[device.agent]?.isOnline != true
        return sequences(of: device.id).map { stored in
            let told = board.sequences?.first {
                $0.number == stored.number && $0.revision == stored.revision
            }
            return SequenceReport(
                stored: stored, condition: told?.condition ?? .pending,
                detail: told?.detail
                    ?? (isAway
                        ? "Its agent is away." : "Its agent has not said yet that it knows."),
                isPlaying: board.playing == stored.number)
        }
    }
}
