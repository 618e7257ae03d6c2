package import Hardware
internal import SharedModels

/// Sequences and the board's clock.
extension LinkSession {
    /// What a session keeps for sequences.
    struct Programs {
        /// Nil until the owner says what the board shall keep.
        var upload: ProgramUpload?
        var clock = BoardClock()
        /// Readings asked for on this connection, whatever was answered.
        var clockReads = 0
        /// When the clock is read next, monotonic.
        var clockDueNanoseconds: Int64 = 0
        /// A bit for each channel that is on, as last heard.
        var active: UInt16 = 0
        /// Of the line, for what the bytes of a reading take.
        var baud = 115_200
    }

    /// Readings of the clock one right after the other, before it is read at its period.
    private static let readingsAtFirst = 8

    /// How the upload of the programs is; nil if nothing was to be kept.
    package var programs: ProgramUpload? { programming.upload }
    package var clock: BoardClock { programming.clock }

    /// Bits of the channels that are on and are no inputs.
    private var outputsOn: UInt16 {
        let outputs = (identity?.manifest.channels ?? []).filter { !$0.kind.isInput && $0.id < 16 }
        return programming.active & outputs.reduce(0) { $0 | 1 << UInt16($1.id) }
    }

    private var keepsClock: Bool {
        programming.upload != nil && identity?.manifest.sequencesRefusal == nil
    }

    /// What the board shall keep from now on, uploaded where it differs; nil leaves it what it has.
    package mutating func keep(_ memory: ProgramMemory?, baud: Int, at now: Int64) -> [Action] {
        programming.baud = baud
        guard programming.upload?.memory != memory else { return [] }
        programming.upload = memory.map(ProgramUpload.init)
        var actions: [Action] = [.programs]
        pump(at: now, &actions)
        return actions
    }

    /// Whether the clock is to be read. However busy the line is: a reading is worth nothing after
    /// some seconds, because the board's clock runs at a rate of its own.
    func isClockDue(at now: Int64) -> Bool { keepsClock && now >= programming.clockDueNanoseconds }

    /// Whether the upload has a request.
    func isUploadDue(at now: Int64) -> Bool {
        keepsClock && programming.upload?.isDue(at: now, isOn: outputsOn != 0) == true
    }

    /// The request for sequences that needs an idle line, if there is one.
    mutating func programRequest(at now: Int64) -> LinkRequest? {
        guard keepsClock else { return nil }
        guard isClockDue(at: now) else {
            let isOn = outputsOn != 0
            return programming.upload?.next(at: now, isOn: isOn)
        }
        programming.clockReads += 1
        programming.clockDueNanoseconds =
            programming.clockReads < Self.readingsAtFirst
            ? now : now + Limits.clockPeriodNanoseconds
        return .clockRead
    }

    /// When `programRequest` has something.
    var programDeadlineNanoseconds: Int64? {
        guard keepsClock else { return nil }
        let upload = programming.upload?.nextDeadlineNanoseconds ?? .max
        return min(programming.clockDueNanoseconds, upload)
    }

    mutating func read(_ reading: ClockReading, _ entry: InFlight, at now: Int64) {
        // Of a request that was sent twice nobody knows which one was answered.
        guard entry.sendings == 1 else { return }
        programming.clock.take(
            reading, sentNanoseconds: entry.firstSentNanoseconds, receivedNanoseconds: now,
            baud: programming.baud)
    }

    /// Tells the upload, and the owner if that made a difference.
    mutating func tellUpload(
        _ actions: inout [Action], _ body: (inout ProgramUpload) -> Void
    ) {
        guard var upload = programming.upload else { return }
        let before = upload.condition
        body(&upload)
        programming.upload = upload
        if upload.condition != before { actions.append(.programs) }
    }

    /// The board has booted: its clock begins anew, and what it keeps is read again.
    mutating func forgetPrograms() {
        programming.clock = BoardClock()
        programming.clockReads = 0
        programming.clockDueNanoseconds = 0
        programming.active = 0
        programming.upload = programming.upload.map { ProgramUpload($0.memory) }
    }
}
