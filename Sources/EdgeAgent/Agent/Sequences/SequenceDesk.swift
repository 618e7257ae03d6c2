internal import Hardware
internal import SharedModels

/// What the agent knows of its boards' sequences: those that they shall keep, why some of them will
/// not do, and what plays. A pure value; times are monotonic nanoseconds.
struct SequenceDesk: Sendable {
    /// Why a play or a stop is not sent.
    struct Refusal: Error, Hashable {
        let status: Outcome.Status
        let reason: Reason
        let detail: String

        init(_ reason: Reason, _ detail: String = "", status: Outcome.Status = .rejected) {
            self.status = status
            self.reason = reason
            self.detail = detail
        }
    }

    /// A start that was sent and whose end is not known.
    private struct Sent {
        let number: Int
        /// Any channel of the sequence: turning it off ends the sequence.
        let channel: Channel
        let untilNanoseconds: Int64
    }

    /// How much longer than its steps say a sequence may be believed to play.
    private static let graceNanoseconds: Int64 = 1_000_000_000

    private var wanted: [BoardUID: [AgentSequences.Kept]] = [:]
    /// What is wrong with a sequence on its board as it is now.
    private var problems: [BoardUID: [Int: String]] = [:]
    private var sent: [BoardUID: Sent] = [:]
    private(set) var playing: [BoardUID: Int] = [:]
    var starts = StartTimes()

    /// Takes what the boards shall keep from now on.
    mutating func take(_ message: AgentSequences) {
        wanted = [:]
        for board in message.boards where !board.sequences.isEmpty {
            wanted[board.uid] = board.sequences
        }
        problems = [:]
    }

    /// The program memory that a board of the manifest shall have; nil if nothing of it can be kept.
    mutating func memory(of uid: BoardUID, on manifest: BoardManifest) -> ProgramMemory? {
        var found: [Int: String] = [:]
        var programs: [(UInt8, ChannelSequence)] = []
        for kept in wanted[uid] ?? [] {
            let sequence = kept.sequence
            if let problem = sequence.problems(on: manifest).first {
                found[kept.number] = "\(problem.path): \(problem.message)."
            } else if let refusal = manifest.refusal(ofAll: programs.map(\.1) + [sequence]) {
                found[kept.number] = "\(refusal)."
            } else if let number = UInt8(exactly: kept.number) {
                programs.append((number, sequence))
            }
        }
        problems[uid] = found
        return programs.isEmpty ? nil : ProgramMemory(programs, on: manifest)
    }

    /// How the board's sequences are.
    /// - Parameter upload: nil while the board is away.
    func states(of uid: BoardUID, upload: ProgramUpload?) -> [SequenceState] {
        (wanted[uid] ?? []).map { kept in
            let (condition, detail) = condition(of: kept, uid, upload)
            return SequenceState(
                number: kept.number, revision: kept.revision, condition: condition,
                detail: String(decoding: detail.utf8.prefix(180), as: UTF8.self))
        }
    }

    private func condition(
        of kept: AgentSequences.Kept, _ uid: BoardUID, _ upload: ProgramUpload?
    ) -> (SequenceState.Condition, String) {
        if let problem = problems[uid]?[kept.number] { return (.refused, problem) }
        return switch upload?.condition {
        case .ready: (.ready, "")
        case .refused(let trouble): (.refused, trouble.sentence)
        case .pending: (.pending, "It is being written; a board writes only while it is off.")
        case nil: (.pending, "The board is not connected.")
        }
    }

    /// The sequence that a play names, if the board has it.
    func sequence(
        _ number: Int, of uid: BoardUID, upload: ProgramUpload?
    ) throws(Refusal) -> ChannelSequence {
        guard let kept = wanted[uid]?.first(where: { $0.number == number }) else {
            throw Refusal(.noSequence)
        }
        let (condition, detail) = condition(of: kept, uid, upload)
        switch condition {
        case .ready: return kept.sequence
        case .pending: throw Refusal(.sequencePending, detail)
        case .refused: throw Refusal(.noSequence, detail)
        }
    }

    /// A start is sent; it may or may not be done.
    mutating func begin(
        _ number: Int, _ sequence: ChannelSequence, on manifest: BoardManifest, of uid: BoardUID,
        at start: Int64
    ) {
        guard let name = sequence.channels.first, let channel = manifest.channel(named: name)
        else { return }
        let length = Int64(sequence.milliseconds) * 1_000_000
        sent[uid] = Sent(
            number: number, channel: channel,
            untilNanoseconds: start + length + Self.graceNanoseconds)
    }

    /// The channel whose off ends what the board plays.
    func channelOfPlaying(of uid: BoardUID, at now: Int64) throws(Refusal) -> Channel {
        guard let sent = sent[uid], now < sent.untilNanoseconds || playing[uid] != nil else {
            throw Refusal(.notPlaying)
        }
        return sent.channel
    }

    /// The board tells of a sequence.
    mutating func take(_ news: SequenceNews, program: Int, of uid: BoardUID) {
        switch news {
        case .started: playing[uid] = program
        case .ended, .stopped:
            playing[uid] = nil
            if sent[uid]?.number == program { sent[uid] = nil }
        }
    }

    /// The board is disarmed, away or restarted: nothing plays.
    mutating func silence(_ uid: BoardUID) {
        playing[uid] = nil
        sent[uid] = nil
    }
}

extension ProgramUpload.Trouble {
    /// For people.
    var sentence: String {
        switch self {
        case .unknown: "The board's firmware knows no sequences; flash a newer one."
        case .tooLong: "The sequences are longer than the board's memory."
        case .invalid: "The board found a step that it cannot do, or its memory is worn out."
        case .other(let refusal): "The board refused it: \(refusal?.word ?? "no known reason")."
        }
    }
}
