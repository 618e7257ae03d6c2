package import Hardware

/// Brings a board's program memory to what it shall be, one request at a time, and never while an
/// output is on. A pure value; times are monotonic nanoseconds.
package struct ProgramUpload: Hashable, Sendable {
    package enum Limits {
        package static let chunkBytes = 40
        /// Pause before a busy board, or one with an output on, is looked at again.
        package static let pauseNanoseconds: Int64 = 200_000_000
        /// How often everything is written before a board that does not take it is given up.
        package static let attemptsMax = 2
    }

    package enum Condition: Hashable, Sendable {
        case pending
        case ready
        case refused(Trouble)
    }

    /// Why a board will not have it.
    package enum Trouble: Hashable, Sendable {
        /// It knows no such requests.
        case unknown
        /// It is past the board's memory.
        case tooLong
        /// The board found a step that it cannot do, or its memory does not keep what is written.
        case invalid
        case other(Refusal?)
    }

    private enum Phase: Hashable {
        /// What does the board have?
        case reading
        case writing(offset: Int)
        case committing
        /// The board can play it; a second commit tells when it outlasts power-off.
        case confirming
        case settled
    }

    package let memory: ProgramMemory
    package private(set) var condition = Condition.pending
    /// Chunks that were written and taken, over all attempts.
    package private(set) var chunksWritten = 0
    private var phase = Phase.reading
    private var attempts = 0
    private var dueNanoseconds: Int64 = 0
    private var isAsked = false

    package init(_ memory: ProgramMemory) { self.memory = memory }

    /// When `next` has something again; nil while an answer is awaited or nothing is left to do.
    package var nextDeadlineNanoseconds: Int64? {
        isAsked || phase == .settled ? nil : dueNanoseconds
    }

    private var committed: CommittedPrograms {
        CommittedPrograms(sizeBytes: memory.sizeBytes, crc32: memory.crc32)
    }

    /// Whether there is a request now.
    /// - Parameter isOn: whether an output of the board is on.
    package func isDue(at now: Int64, isOn: Bool) -> Bool {
        switch phase {
        case .settled: false
        case .reading: !isAsked && now >= dueNanoseconds
        case .writing, .committing, .confirming: !isAsked && now >= dueNanoseconds && !isOn
        }
    }

    /// The next request, if there is one now. It counts as sent.
    /// - Parameter isOn: whether an output of the board is on.
    package mutating func next(at now: Int64, isOn: Bool) -> LinkRequest? {
        guard !isAsked, now >= dueNanoseconds else { return nil }
        let request: LinkRequest
        switch phase {
        case .settled: return nil
        case .reading: request = .sequenceRead
        case .writing, .committing, .confirming:
            guard !isOn else {
                dueNanoseconds = now + Limits.pauseNanoseconds
                return nil
            }
            if case .writing(let offset) = phase {
                let end = min(offset + Limits.chunkBytes, memory.bytes.count)
                request = .sequenceWrite(
                    offset: UInt16(clamping: offset), bytes: Array(memory.bytes[offset..<end]))
            } else {
                request = .sequenceCommit(committed)
            }
        }
        isAsked = true
        return request
    }

    /// The board told what it has committed.
    package mutating func found(_ found: CommittedPrograms) {
        guard phase == .reading, isAsked else { return }
        isAsked = false
        if found == committed {
            condition = .ready
            phase = .settled
        } else {
            begin()
        }
    }

    /// The board did what was asked.
    package mutating func acknowledged() {
        guard isAsked else { return }
        isAsked = false
        switch phase {
        case .writing(let offset):
            chunksWritten += 1
            let end = offset + Limits.chunkBytes
            phase = end < memory.bytes.count ? .writing(offset: end) : .committing
        case .committing:
            condition = .ready
            phase = .confirming
        case .confirming: phase = .settled
        case .reading, .settled: break
        }
    }

    /// The board refused what was asked.
    package mutating func refused(
        _ refusal: Refusal?, remainingMilliseconds: Int, at now: Int64
    ) {
        guard isAsked else { return }
        isAsked = false
        switch refusal {
        case .busy:
            // One millisecond more, because the board cuts to whole ones.
            let pause =
                remainingMilliseconds > 0
                ? Int64(remainingMilliseconds + 1) * 1_000_000 : Limits.pauseNanoseconds
            dueNanoseconds = now + pause
        case .unknownType: give(up: .unknown)
        case .outOfRange where phase == .committing: begin()
        case .outOfRange: give(up: .tooLong)
        default: give(up: .other(refusal))
        }
    }

    private mutating func begin() {
        guard attempts < Limits.attemptsMax else { return give(up: .invalid) }
        attempts += 1
        phase = .writing(offset: 0)
    }

    private mutating func give(up trouble: Trouble) {
        condition = .refused(trouble)
        phase = .settled
    }
}
