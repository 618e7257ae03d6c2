// What an agent may say of itself. An agent is a machine of somebody else, so the control plane
// asks before it keeps anything.

extension AgentState {
    package static let boardsMax = AgentManifest.boardsMax

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard Limits.isPlain(version, 0...64) else { return "the version is not plain text" }
        guard boards.count <= Self.boardsMax else { return "there are too many boards" }
        guard Set(boards.map(\.uid)).count == boards.count else { return "a board is there twice" }
        guard boards.allSatisfy({ Limits.isWord($0.fault, 0...32) }) else {
            return "a fault is not a plain word"
        }
        guard
            boards.allSatisfy({ board in
                let unlocked = board.unlocked ?? []
                return unlocked.count <= BoardManifest.channelsMax
                    && unlocked.allSatisfy { Limits.isWord($0, 1...24) }
            })
        else { return "an unlocked channel is not a plain word" }
        guard boards.allSatisfy({ ($0.sequences ?? []).count <= ChannelSequence.Limits.countMax })
        else { return "there are too many sequences" }
        guard
            boards.flatMap({ $0.sequences ?? [] }).allSatisfy({
                $0.detail.utf8.count <= SequenceState.detailBytesMax
                    && $0.detail == Limits.cut($0.detail, bytes: SequenceState.detailBytesMax)
            })
        else { return "what is said of a sequence is too long or not plain text" }
        guard stopSequence >= 0 else { return "the stop sequence is negative" }
        guard firmware?.count ?? 0 <= FirmwareOffer.offersMax else {
            return "there is too much firmware"
        }
        if let problem = firmware?.lazy.compactMap(\.problem).first { return problem }
        if let problem = flashing?.problem { return problem }
        return nil
    }
}

extension AgentManifest {
    /// What is wrong with the list itself, as a sentence for people; nil if nothing is. Each
    /// board's manifest has a `problem` of its own, which leaves the other boards alone.
    package var problem: String? {
        guard boards.count <= Self.boardsMax else { return "there are too many boards" }
        guard Set(boards.map(\.uid)).count == boards.count else { return "a board is there twice" }
        return nil
    }
}

extension AgentTelemetry {
    package static let linksMax = AgentManifest.boardsMax

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard links.count <= Self.linksMax else { return "there are too many links" }
        guard Set(links.map(\.uid)).count == links.count else { return "a link is there twice" }
        let figures = links.flatMap { link in
            link.counts.map(\.value)
                + [link.roundTripP50Microseconds, link.roundTripP99Microseconds]
        }
        return figures.allSatisfy { $0 >= 0 } ? nil : "a figure of a link is negative"
    }
}

extension Outcome {
    package static let reasonBytesMax = 64
    package static let detailBytesMax = 300

    /// The outcome as the control plane keeps it: texts without control characters and cut to
    /// their limits, the end between 1970 and 9999, and of the trace
    /// only what the agent has to say. The rest of the trace stays as the control plane made it.
    package func bounded(for command: Command) -> Outcome {
        var trace = command.trace
        trace.agentClock = Limits.cut(self.trace.agentClock, bytes: 64)
        trace.receivedNanoseconds = max(0, self.trace.receivedNanoseconds)
        trace.writtenNanoseconds = max(0, self.trace.writtenNanoseconds)
        trace.acknowledgedNanoseconds = max(0, self.trace.acknowledgedNanoseconds)
        return Outcome(
            command: self.command, status: status,
            reason: Limits.cut(reason, bytes: Self.reasonBytesMax),
            detail: Limits.cut(detail, bytes: Self.detailBytesMax),
            endedAtMilliseconds: min(max(endedAtMilliseconds, 0), 253_402_300_799_999),
            trace: trace)
    }
}
