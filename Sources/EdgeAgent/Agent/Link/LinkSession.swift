package import Hardware
package import SharedModels

/// The host's side of one conversation with a board over EP/1 (docs/link.md): identification,
/// arming, heartbeats, one command at a time with resends, and the E-stop ahead of everything.
/// A pure value: events with a monotonic time go in, actions come out.
package struct LinkSession {
    /// Timings and limits; all times in nanoseconds.
    package enum Limits {
        /// How long a board may boot before it says hello (an Uno's bootloader waits 1.4 s).
        package static let greetingNanoseconds: Int64 = 2_500_000_000
        package static let greetingPeriodNanoseconds: Int64 = 250_000_000
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
        /// The longest frame of a command, bytes on the wire (FILL).
        package static let commandMaxBytes = 16
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
        /// Sent, and nobody knows whether it was done: the board rebooted or fell silent.
        case unknown(isReboot: Bool)
    }

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
        case stateChanged(LinkState)
        case event(BoardEvent)
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

    package private(set) var phase = Phase.greeting
    package private(set) var state = LinkState(rawValue: 0)
    package private(set) var hello: Hello?
    package private(set) var identity: Identity?
    package private(set) var statistics = LinkStatistics()
    /// The board's own counters, as last read.
    package private(set) var counters: LinkCounters?

    private let openedNanoseconds: Int64
    private let newUID: BoardUID
    private let knownManifests: [UInt32: [UInt8]]
    private var wish: Wish
    private var inFlight: [InFlight] = []
    private var sequence: UInt8
    private var uid = BoardUID.blank
    private var manifest: [UInt8] = []
    private var manifestReads = 0
    private var lastSentNanoseconds: Int64
    private var countersDueNanoseconds: Int64
    private var insistNanoseconds: Int64 = 0
    private var greetingDeadlineNanoseconds: Int64
    private var nextEventSequence: UInt8?
    private var decoder = FrameDecoder()

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

    /// Whether a command could go out now.
    package func canSend(isQuiet: Bool) -> Bool {
        phase == .ready && state.mode == .armed && wish == .armed
            && !inFlight.contains { $0.request.isQuiet || $0.command != nil }
            && (inFlight.isEmpty
                || !isQuiet && bytesInFlight + Limits.commandMaxBytes <= windowBytes)
    }

    /// When `tick` must be called at the latest, monotonic; nil for never.
    package var nextDeadlineNanoseconds: Int64? {
        guard phase != .down else { return nil }
        var due = phase == .greeting ? greetingDeadlineNanoseconds : Int64.max
        for entry in inFlight { due = min(due, entry.dueNanoseconds) }
        guard phase == .ready else { return due }
        if inFlight.isEmpty {
            due = min(due, lastSentNanoseconds + Limits.beatPeriodNanoseconds)
            due = min(due, countersDueNanoseconds)
        }
        return due
    }

    /// Begins: asks who is there.
    package mutating func open(at now: Int64) -> [Action] {
        var actions: [Action] = []
        begin(.hello, at: now, &actions)
        return actions
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

    /// Sends a command; only while `canSend`.
    package mutating func send(
        _ command: LinkCommand, id: CommandID, at now: Int64
    ) -> [Action] {
        precondition(canSend(isQuiet: command.isQuiet), "a command must wait for canSend")
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

    /// The port is gone: what was in flight has no known end.
    package mutating func close() -> [Action] {
        guard phase != .down else { return [] }
        phase = .down
        var actions: [Action] = []
        void(isReboot: false, &actions)
        return actions
    }
}

// Sending.
extension LinkSession {
    private var bytesInFlight: Int { inFlight.reduce(0) { $0 + $1.wire.count } }

    /// What the board takes in without reading. One frame always fits.
    private var windowBytes: Int { min(identity?.manifest.receiveWindowBytes ?? 0, 255) }

    private mutating func begin(
        _ request: LinkRequest, command: CommandID? = nil, at now: Int64,
        _ actions: inout [Action]
    ) {
        sequence &+= 1
        let frame = Frame(type: request.type, sequence: sequence, payload: request.payload)
        // Payloads are made by LinkRequest and never too long.
        guard let wire = frame.wire else { return }
        var timeout = max(Limits.timeoutMinNanoseconds, statistics.timeoutNanoseconds)
        if request.isQuiet { timeout = max(timeout, Limits.quietTimeoutNanoseconds) }
        if request == .hello { timeout = Limits.greetingPeriodNanoseconds }
        timeout = min(timeout, Limits.timeoutMaxNanoseconds)
        inFlight.append(
            InFlight(
                request: request, command: command, sequence: sequence, wire: wire,
                firstSentNanoseconds: now, sendings: 1, timeoutNanoseconds: timeout,
                dueNanoseconds: now + timeout))
        lastSentNanoseconds = now
        statistics.sent += 1
        actions.append(.send(wire, command: command))
    }

    private mutating func resend(_ index: Int, at now: Int64, _ actions: inout [Action]) {
        if inFlight[index].request != .hello {
            inFlight[index].timeoutNanoseconds = min(
                inFlight[index].timeoutNanoseconds * 3 / 2, Limits.timeoutMaxNanoseconds)
        }
        inFlight[index].sendings += 1
        inFlight[index].dueNanoseconds = now + inFlight[index].timeoutNanoseconds
        lastSentNanoseconds = now
        statistics.retries += 1
        actions.append(.send(inFlight[index].wire, command: nil))
    }

    /// Sends what the wish, the heartbeat and the counters need, one frame at a time; the
    /// E-stop goes at once, whatever is in flight.
    private mutating func pump(at now: Int64, _ actions: inout [Action]) {
        guard phase != .down, phase != .greeting else { return }
        if wish == .stopped, state.mode != .estopped, now >= insistNanoseconds,
            !inFlight.contains(where: { $0.request == .emergencyStop })
        {
            begin(.emergencyStop, at: now, &actions)
        }
        guard phase == .ready, inFlight.isEmpty, let hello else { return }
        if now >= insistNanoseconds, let request = transition(hello.nonce) {
            begin(request, at: now, &actions)
        } else if now >= countersDueNanoseconds {
            countersDueNanoseconds = now + Limits.countersPeriodNanoseconds
            begin(.countersRead, at: now, &actions)
        } else if now >= lastSentNanoseconds + Limits.beatPeriodNanoseconds {
            begin(.beat, at: now, &actions)
        }
    }

    /// The request that leads from the board's state toward the wish.
    private func transition(_ nonce: UInt32) -> LinkRequest? {
        switch (wish, state.mode) {
        case (.armed, .safe): .arm(nonce: nonce)
        case (.armed, .estopped): .emergencyStopClear(nonce: nonce)
        case (.safe, .armed): .disarm
        default: nil
        }
    }
}

// Receiving.
extension LinkSession {
    private mutating func take(_ frame: Frame, at now: Int64, _ actions: inout [Action]) {
        statistics.received += 1
        guard let message = LinkMessage(frame) else {
            statistics.strays += 1
            return
        }
        if case .event(let event) = message { return take(event, frame.sequence, &actions) }
        if case .hello(let hello) = message, isForeign(hello, frame.sequence) {
            return meet(hello, at: now, &actions)
        }
        guard let index = inFlight.firstIndex(where: { $0.sequence == frame.sequence }),
            message.answers(inFlight[index].request)
        else {
            statistics.strays += 1
            return
        }
        if isDoubtful(message, index) { return }
        let entry = inFlight.remove(at: index)
        if entry.sendings == 1, !entry.request.isQuiet, entry.request != .hello {
            statistics.roundTrip(now - entry.firstSentNanoseconds)
        }
        settle(entry, with: message, at: now, &actions)
    }

    /// Whether a refusal speaks of a damaged frame rather than of ours. The link's CRC has no
    /// final inversion, so a frame whose closing 00 became 01 passes with a byte too many, and
    /// is refused for its length; ours is then still to be answered.
    private mutating func isDoubtful(_ message: LinkMessage, _ index: Int) -> Bool {
        guard case .nak(let code, _, _) = message, Refusal(rawValue: code) == .badLength else {
            return false
        }
        inFlight[index].lengthRefusals += 1
        return inFlight[index].lengthRefusals < Limits.lengthRefusalsMax
    }

    /// A hello that answers none of our requests, or tells of another boot.
    private func isForeign(_ hello: Hello, _ sequence: UInt8) -> Bool {
        if let known = self.hello, known.nonce != hello.nonce { return true }
        return !inFlight.contains { $0.sequence == sequence && $0.request == .hello }
    }

    /// The board has booted: everything in flight is void, and it is asked again, because only
    /// an answer to our request says that its memory of answers is empty.
    private mutating func meet(_ hello: Hello, at now: Int64, _ actions: inout [Action]) {
        let isReboot = self.hello.map { $0.nonce != hello.nonce } ?? false
        // The hello of a boot that we know already was only late.
        guard isReboot || phase == .greeting else { return }
        if isReboot {
            statistics.reboots += 1
            void(isReboot: true, &actions)
            actions.append(.rebooted(hello.resetCause))
            enter(hello.state, &actions)
            self.hello = nil
            identity = nil
            nextEventSequence = nil
            phase = .greeting
            greetingDeadlineNanoseconds = now + Limits.greetingNanoseconds
        }
        let isRecent = now - lastSentNanoseconds < Limits.greetingPauseNanoseconds
        if let index = inFlight.firstIndex(where: { $0.request == .hello }) {
            if !isRecent { resend(index, at: now, &actions) }
        } else {
            begin(.hello, at: now, &actions)
        }
    }

    private mutating func take(
        _ event: BoardEvent, _ sequence: UInt8, _ actions: inout [Action]
    ) {
        if let expected = nextEventSequence, expected != sequence {
            statistics.lostEvents += Int(sequence &- expected)
        }
        nextEventSequence = sequence &+ 1
        if case .state(let state) = event.kind { enter(state, &actions) }
        actions.append(.event(event))
    }

    private mutating func enter(_ state: LinkState, _ actions: inout [Action]) {
        guard state != self.state else { return }
        self.state = state
        actions.append(.stateChanged(state))
    }

    private mutating func settle(
        _ entry: InFlight, with message: LinkMessage, at now: Int64, _ actions: inout [Action]
    ) {
        switch message {
        case .hello(let hello): greet(hello, at: now, &actions)
        case .manifestChunk(let offset, let bytes):
            append(bytes, at: offset, now: now, &actions)
        case .counters(let counters): self.counters = counters
        case .ack(let state, _):
            enter(state, &actions)
            acknowledged(entry, at: now, &actions)
        case .nak(let code, let state, let remaining):
            statistics.naks += 1
            enter(state, &actions)
            refused(entry, code, Int(remaining), at: now, &actions)
        case .event: break
        }
    }

    private mutating func acknowledged(
        _ entry: InFlight, at now: Int64, _ actions: inout [Action]
    ) {
        switch entry.request {
        case .command: if let id = entry.command { actions.append(.ended(id, .executed)) }
        case .identityWrite(let uid):
            self.uid = uid
            actions.append(.greeted(uid))
            beginReading(at: now, &actions)
        case .arm, .disarm, .emergencyStop, .emergencyStopClear:
            // A board that says yes and does not do it is asked again, but not in a storm.
            insistNanoseconds = isAsWished ? 0 : pauseAfter(entry.request, now)
        default: break
        }
    }

    private var isAsWished: Bool {
        switch wish {
        case .safe: state.mode != .armed
        case .armed: state.mode == .armed
        case .stopped: state.mode == .estopped
        }
    }

    /// Clearing an E-stop is only half the way to armed; the other half may follow at once.
    private func pauseAfter(_ request: LinkRequest, _ now: Int64) -> Int64 {
        if case .emergencyStopClear = request, wish == .armed, state.mode == .safe { return 0 }
        return now + Limits.insistNanoseconds
    }

    private mutating func refused(
        _ entry: InFlight, _ code: UInt8, _ remaining: Int, at now: Int64,
        _ actions: inout [Action]
    ) {
        let reason = Refusal(rawValue: code)
        switch entry.request {
        case .command:
            guard let id = entry.command else { return }
            actions.append(.ended(id, .refused(reason, remainingMilliseconds: remaining)))
        case .identityWrite: fall(.identityRefused, &actions)
        case .manifestRead: fall(.badManifest("the board refused to show it"), &actions)
        case .arm, .emergencyStopClear:
            insistNanoseconds = reason == .estopped ? 0 : now + Limits.insistNanoseconds
            // Our nonce is not the board's: it booted, and its hello was lost.
            if reason == .wrongNonce, !inFlight.contains(where: { $0.request == .hello }) {
                begin(.hello, at: now, &actions)
            }
        default: insistNanoseconds = now + Limits.insistNanoseconds
        }
    }
}

// Identification.
extension LinkSession {
    private mutating func greet(_ hello: Hello, at now: Int64, _ actions: inout [Action]) {
        guard phase == .greeting else { return }
        guard hello.linkVersion == 1 else {
            return fall(.protocolVersion(hello.linkVersion), &actions)
        }
        guard (1...BoardManifest.sizeMaxBytes).contains(Int(hello.manifestSizeBytes)) else {
            return fall(.badManifest("its size is \(hello.manifestSizeBytes) bytes"), &actions)
        }
        self.hello = hello
        enter(hello.state, &actions)
        uid = hello.uid
        manifestReads = 0
        if uid.isBlank {
            phase = .naming
            begin(.identityWrite(newUID), at: now, &actions)
        } else {
            actions.append(.greeted(uid))
            beginReading(at: now, &actions)
        }
    }

    private mutating func beginReading(at now: Int64, _ actions: inout [Action]) {
        guard let hello else { return }
        phase = .reading
        manifest = []
        manifestReads += 1
        if let known = knownManifests[hello.manifestCRC],
            known.count == Int(hello.manifestSizeBytes), CRC32.of(known) == hello.manifestCRC
        {
            manifest = known
            finishReading(isNew: false, at: now, &actions)
        } else {
            begin(.manifestRead(offset: 0), at: now, &actions)
        }
    }

    private mutating func append(
        _ bytes: [UInt8], at offset: UInt16, now: Int64, _ actions: inout [Action]
    ) {
        guard phase == .reading, let hello else { return }
        let size = Int(hello.manifestSizeBytes)
        let expected = min(40, size - manifest.count)
        guard Int(offset) == manifest.count, bytes.count >= expected else {
            return readAgain("a piece of it has the wrong size", at: now, &actions)
        }
        manifest += bytes.prefix(expected)
        if manifest.count < size {
            begin(.manifestRead(offset: UInt16(clamping: manifest.count)), at: now, &actions)
        } else if CRC32.of(manifest) == hello.manifestCRC {
            finishReading(isNew: true, at: now, &actions)
        } else {
            readAgain("its check does not match", at: now, &actions)
        }
    }

    private mutating func readAgain(
        _ reason: String, at now: Int64, _ actions: inout [Action]
    ) {
        guard manifestReads < Limits.manifestReadsMax else {
            return fall(.badManifest(reason), &actions)
        }
        beginReading(at: now, &actions)
    }

    private mutating func finishReading(
        isNew: Bool, at now: Int64, _ actions: inout [Action]
    ) {
        guard let hello else { return }
        let parsed: BoardManifest
        do {
            parsed = try ManifestReader.read(manifest)
        } catch {
            return fall(.badManifest(error.description), &actions)
        }
        let identity = Identity(uid: uid, hello: hello, manifest: parsed)
        self.identity = identity
        phase = .ready
        countersDueNanoseconds = now
        if isNew { actions.append(.learned(manifestCRC: hello.manifestCRC, bytes: manifest)) }
        manifest = []
        actions.append(.identified(identity))
    }

    private mutating func fall(_ reason: DownReason, _ actions: inout [Action]) {
        phase = .down
        void(isReboot: false, &actions)
        actions.append(.down(reason))
    }

    private mutating func void(isReboot: Bool, _ actions: inout [Action]) {
        for entry in inFlight {
            guard let id = entry.command else { continue }
            actions.append(.ended(id, .unknown(isReboot: isReboot)))
        }
        inFlight = []
    }
}

extension LinkMessage {
    /// Whether a board may answer that request with this.
    fileprivate func answers(_ request: LinkRequest) -> Bool {
        switch (self, request) {
        case (.hello, .hello), (.manifestChunk, .manifestRead), (.counters, .countersRead): true
        case (.ack, .hello), (.ack, .manifestRead), (.ack, .countersRead): false
        case (.ack, _), (.nak, _): true
        default: false
        }
    }
}
