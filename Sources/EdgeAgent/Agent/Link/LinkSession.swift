package import Hardware
package import SharedModels

/// The host's side of one conversation with a board over EP/1 (docs/link.md): identification,
/// arming, heartbeats, a window of commands with resends, and the E-stop ahead of everything.
/// A pure value: events with a monotonic time go in, actions come out.
package struct LinkSession {
    /// Timings and limits; all times in nanoseconds.
    package enum Limits {
        /// How long a board may boot before it says hello (an Uno's bootloader waits 1.4 s).
        package static let greetingNanoseconds: Int64 = 2_500_000_000
        package static let greetingPeriodNanoseconds: Int64 = 250_000_000
        /// How long nothing is said after a port was opened, unless the board speaks first. Opening
        /// restarts a board, and a bootloader takes what it hears in its first 1.4 s for a
        /// programmer: a Mega's then stays for seconds after every byte.
        package static let bootNanoseconds: Int64 = 1_500_000_000
        package static let beatPeriodNanoseconds: Int64 = 200_000_000
        package static let countersPeriodNanoseconds: Int64 = 10_000_000_000
        /// How long an answer is awaited at least, and at most; each resend waits 1.5 times more.
        package static let timeoutMinNanoseconds: Int64 = 50_000_000
        package static let timeoutMaxNanoseconds: Int64 = 400_000_000
        /// The first wait for a quiet frame: the board needs up to 50 ms for it.
        package static let quietTimeoutNanoseconds: Int64 = 120_000_000
        package static let sendingsMax = 5
        /// Refusals of a frame's length before they are believed.
        package static let lengthRefusalsMax = 3
        /// Pause before a state that the board did not take is asked for again.
        package static let insistNanoseconds: Int64 = 200_000_000
        /// Times that a manifest is read before the board is given up.
        package static let manifestReadsMax = 3
        /// The longest frame of a command, bytes on the wire (EFFECT, MOVE).
        package static let commandMaxBytes = 17
        /// Commands that are unanswered at once, at most. More would only wait on the line: it
        /// takes about 1 ms for each, and the E-stop comes behind them.
        package static let commandsMax = 3
        /// Frames from the oldest unanswered one to the newest, at most. A board remembers its
        /// answers to 8 (docs/link.md §2); two are left for the E-stop.
        package static let spanMax: UInt8 = 6
        /// How often the clock of a board with sequences is read.
        package static let clockPeriodNanoseconds: Int64 = 400_000_000
        /// The longest hello storm that is answered: one request each so often.
        package static let greetingPauseNanoseconds: Int64 = 20_000_000
    }

    /// Where the conversation stands.
    package enum Phase: Hashable, Sendable {
        case greeting, naming, reading, ready, down
    }

    /// What the owner wants the board to be.
    package enum Wish: Hashable, Sendable { case safe, armed, stopped }

    /// Who a board is, once it is known.
    package struct Identity: Hashable, Sendable {
        package let uid: BoardUID
        package let hello: Hello
        package let manifest: BoardManifest
    }

    package enum DownReason: Hashable, Sendable {
        /// Nobody said hello in time.
        case silent
        /// A frame was not answered after all its sendings.
        case unanswered
        /// The board speaks a later protocol.
        case protocolVersion(UInt8)
        /// The manifest is too long, damaged or not what docs/link.md §6 says.
        case badManifest(String)
        /// The board did not store the identity it was given.
        case identityRefused
    }

    package enum CommandResult: Hashable, Sendable {
        case executed
        /// Not done, and never will be by this frame.
        case refused(Refusal?, remainingMilliseconds: Int)
        /// Sent, and nobody knows whether it was done.
        case unknown(Loss)
    }

    /// How the board was lost with a command under way.
    package enum Loss: Hashable, Sendable { case silent, rebooted, unplugged }

    package enum Action: Hashable, Sendable {
        /// Write these bytes. `command` is set for the first sending of a command.
        case send([UInt8], command: CommandID?)
        /// The board told its uid; the wish may be set now. Comes before `identified`.
        case greeted(BoardUID)
        /// The board and its manifest are known; commands may follow once it is armed.
        case identified(Identity)
        /// Keep these bytes for the next time a board names this CRC.
        case learned(manifestCRC: UInt32, bytes: [UInt8])
        case ended(CommandID, CommandResult)
        /// The board unlocked these channels for so long, and locked the others.
        case unlocked(mask: UInt16, seconds: UInt16)
        /// The board keeps its options from now on; or the refusal.
        case optionsWritten(Refusal?)
        case stateChanged(LinkState)
        case event(BoardEvent)
        /// Another condition of the upload of the board's programs.
        case programs
        /// The board's own counters were read.
        case counted(LinkCounters)
        /// Another boot nonce, while the port stayed open.
        case rebooted(ResetCause)
        /// Nothing more comes of this session: close the port and open it again later.
        case down(DownReason)
    }

    struct InFlight {
        let request: LinkRequest
        let command: CommandID?
        let sequence: UInt8
        let wire: [UInt8]
        let firstSentNanoseconds: Int64
        var sendings: Int
        var timeoutNanoseconds: Int64
        var dueNanoseconds: Int64
        /// How often the board found its length wrong.
        var lengthRefusals = 0
    }

    package internal(set) var phase = Phase.greeting
    package internal(set) var state = LinkState(rawValue: 0)
    package internal(set) var hello: Hello?
    package internal(set) var identity: Identity?
    package internal(set) var statistics = LinkStatistics()
    /// The board's own counters, as last read.
    package internal(set) var counters: LinkCounters?

    let openedNanoseconds: Int64
    let newUID: BoardUID
    let knownManifests: [UInt32: [UInt8]]
    var wish: Wish
    /// What the board shall unlock, once it is armed and nothing is in flight.
    var unlocking: (mask: UInt16, seconds: UInt16)?
    /// Options to write, once the board is not armed and nothing is in flight.
    var writing: UInt8?
    var inFlight: [InFlight] = []
    var sequence: UInt8
    var uid = BoardUID.blank
    var manifest: [UInt8] = []
    var manifestReads = 0
    var lastSentNanoseconds: Int64
    var countersDueNanoseconds: Int64
    var insistNanoseconds: Int64 = 0
    var greetingDeadlineNanoseconds: Int64
    /// When the first question is due, if the board has not spoken before; nil once asked.
    var firstQuestionNanoseconds: Int64?
    var nextEventSequence: UInt8?
    var lastEvent: BoardEvent?
    var decoder = FrameDecoder()
    var programming = Programs()

    /// - Parameters:
    ///   - now: when the port was opened.
    ///   - newUID: what a board without an identity is given; not blank, not zero.
    ///   - knownManifests: by CRC, from earlier sessions.
    ///   - firstSequence: where the sequence numbers begin; any.
    package init(
        at now: Int64, wish: Wish, newUID: BoardUID, knownManifests: [UInt32: [UInt8]],
        firstSequence: UInt8
    ) {
        openedNanoseconds = now
        lastSentNanoseconds = now
        countersDueNanoseconds = now
        greetingDeadlineNanoseconds = now + Limits.greetingNanoseconds
        self.wish = wish
        self.newUID = newUID
        self.knownManifests = knownManifests
        sequence = firstSequence
    }

    /// Whether a command could go out now: there is room for it, and nothing waits for the line
    /// to be idle.
    package func canSend(isQuiet: Bool, at now: Int64) -> Bool {
        hasRoom(isQuiet: isQuiet) && !needsIdleLine(at: now)
    }

    /// When `tick` must be called at the latest, monotonic; nil for never.
    package var nextDeadlineNanoseconds: Int64? {
        guard phase != .down else { return nil }
        var due = phase == .greeting ? greetingDeadlineNanoseconds : Int64.max
        for entry in inFlight { due = min(due, entry.dueNanoseconds) }
        if let firstQuestionNanoseconds { due = min(due, firstQuestionNanoseconds) }
        guard phase == .ready else { return due }
        if inFlight.isEmpty {
            due = min(due, lastSentNanoseconds + Limits.beatPeriodNanoseconds)
            due = min(due, countersDueNanoseconds)
            if let programDue = programDeadlineNanoseconds { due = min(due, programDue) }
        }
        return due
    }

    /// Begins: asks who is there.
    /// - Parameter quiet: nanoseconds for which the board is let boot before it is asked.
    package mutating func open(at now: Int64, quiet: Int64 = 0) -> [Action] {
        firstQuestionNanoseconds = now + quiet
        var actions: [Action] = []
        askFirst(at: now, &actions)
        return actions
    }

    private mutating func askFirst(at now: Int64, _ actions: inout [Action]) {
        guard let due = firstQuestionNanoseconds, due <= now else { return }
        begin(.hello, at: now, &actions)
    }

    /// Takes bytes as they come.
    package mutating func receive(_ bytes: some Sequence<UInt8>, at now: Int64) -> [Action] {
        var findings: [FrameDecoder.Finding] = []
        decoder.feed(bytes) { findings.append($0) }
        var actions: [Action] = []
        for finding in findings where phase != .down {
            switch finding {
            case .frame(let frame): take(frame, at: now, &actions)
            case .badCRC: statistics.crcErrors += 1
            case .badFraming: statistics.framingErrors += 1
            }
        }
        pump(at: now, &actions)
        return actions
    }

    /// Time passed: resends, beats, gives up.
    package mutating func tick(at now: Int64) -> [Action] {
        var actions: [Action] = []
        if phase == .greeting, now >= greetingDeadlineNanoseconds {
            fall(.silent, &actions)
            return actions
        }
        askFirst(at: now, &actions)
        for index in inFlight.indices where inFlight[index].dueNanoseconds <= now {
            guard phase == .greeting || inFlight[index].sendings < Limits.sendingsMax else {
                fall(.unanswered, &actions)
                return actions
            }
            resend(index, at: now, &actions)
        }
        pump(at: now, &actions)
        return actions
    }

    /// Sends a command; only after `canSend`.
    package mutating func send(
        _ command: LinkCommand, id: CommandID, at now: Int64
    ) -> [Action] {
        precondition(hasRoom(isQuiet: command.isQuiet), "a command must wait for canSend")
        var actions: [Action] = []
        begin(.command(command), command: id, at: now, &actions)
        return actions
    }

    /// What the board shall be from now on. Safe commands an armed board to disarm.
    package mutating func become(_ wish: Wish, at now: Int64) -> [Action] {
        guard wish != self.wish else { return [] }
        self.wish = wish
        insistNanoseconds = 0
        var actions: [Action] = []
        pump(at: now, &actions)
        return actions
    }

    /// Unlocks dangerous channels of an armed board, in place of those unlocked before.
    package mutating func unlock(mask: UInt16, seconds: UInt16, at now: Int64) -> [Action] {
        unlocking = (mask, seconds)
        var actions: [Action] = []
        pump(at: now, &actions)
        return actions
    }

    /// Writes the options that the board keeps, once it is identified and not armed.
    package mutating func writeOptions(_ flags: UInt8, at now: Int64) -> [Action] {
        writing = flags
        var actions: [Action] = []
        pump(at: now, &actions)
        return actions
    }

    /// The port is closed: what was in flight has no known end.
    package mutating func close(_ loss: Loss) -> [Action] {
        guard phase != .down else { return [] }
        phase = .down
        var actions: [Action] = []
        void(loss, &actions)
        return actions
    }
}
