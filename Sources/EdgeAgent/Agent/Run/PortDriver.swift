internal import Hardware
internal import Platform
internal import SharedModels

/// What a port driver needs of the agent; called on the loop.
protocol PortOwner: AnyObject {
    /// What is known of manifests, and a fresh identity for a blank board.
    var knownManifests: [UInt32: [UInt8]] { get }
    func makeUID() -> BoardUID
    /// The wish for a board that was just heard of.
    func wish(for board: BoardUID) -> LinkSession.Wish
    /// Why the board cannot be used on this port; nil if it can.
    func identified(_ identity: LinkSession.Identity, on driver: any BoardDriver) -> String?
    func learned(manifestCRC: UInt32, bytes: [UInt8])
    func ended(_ id: CommandID, _ result: LinkSession.CommandResult, on driver: any BoardDriver)
    func unlocked(mask: UInt16, seconds: UInt16, on driver: any BoardDriver)
    func changed(_ state: LinkState, on driver: any BoardDriver)
    func reported(_ event: BoardEvent, on driver: any BoardDriver)
    func rebooted(_ cause: ResetCause, on driver: any BoardDriver)
    func counted(_ counters: LinkCounters, on driver: any BoardDriver)
    /// The upload of the board's programs has another condition.
    func programsChanged(on driver: PortDriver)
    func closed(_ driver: any BoardDriver, because closing: PortDriver.Closing)
    /// The link may take a command now.
    func advance(_ driver: any BoardDriver)
}

/// One serial port and the link session on it: opens, reads, writes, closes and opens again
/// with back-off. Used on the loop alone.
final class PortDriver {
    enum Limits {
        /// Pause before a port is opened again; doubles up to the longest.
        static let pauseMinNanoseconds: Int64 = 250_000_000
        static let pauseMaxNanoseconds: Int64 = 10_000_000_000
        /// Pause after nobody answered, who may be no board of ours and is disturbed by every
        /// opening; doubles up to the longest.
        static let pauseSilentMinNanoseconds: Int64 = 1_000_000_000
        static let pauseSilentMaxNanoseconds: Int64 = 60_000_000_000
        /// Pause after a board that will not work with this release, or is there twice.
        static let pauseRefusedNanoseconds: Int64 = 60_000_000_000
    }

    /// Why a port was closed.
    enum Closing {
        /// The device is gone from the port.
        case unplugged
        /// Nobody answers any more, or what answers is of no use.
        case lost
        /// The agent stops.
        case ended
    }

    let path: String
    /// The device file behind `path` when the port was found, without symbolic links.
    let device: String
    /// What the USB device says of itself, for people; empty if it says nothing.
    let usb: String
    private(set) var link: LinkSession?
    /// The board on this port, once identified.
    private(set) var uid: BoardUID?
    /// What is wrong with the port, for people; empty if nothing.
    private(set) var trouble = ""
    private(set) var opened = 0
    /// The board on this port that is connected through another one; nil if there is none.
    private(set) var rivalUID: BoardUID?

    let baud: Int
    private let loop: EventLoop
    private let log: Log
    private weak var owner: (any PortOwner)?
    private var port: SerialPort?
    private var alarm: Alarm?
    private var pauseNanoseconds = Limits.pauseMinNanoseconds
    private var pauseSilentNanoseconds = Limits.pauseSilentMinNanoseconds
    private var openAtNanoseconds: Int64 = 0
    private var isEnded = false

    init(
        path: String, usb: String, baud: Int, loop: EventLoop, owner: any PortOwner, log: Log
    ) {
        self.path = path
        device = PortScanner.resolved(path)
        self.usb = usb
        self.baud = baud
        self.loop = loop
        self.owner = owner
        self.log = log.with("port", .string(path))
    }

    func start() {
        alarm = Alarm(loop: loop) { [weak self] in self?.turn() }
        open()
    }

    var isOpen: Bool { port != nil }

    /// How long until the port is opened again, nanoseconds; 0 while it is open.
    func pauseLeft(at now: Int64) -> Int64 { port == nil ? max(0, openAtNanoseconds - now) : 0 }

    /// Something has changed: a closed port is opened now, whatever went wrong before.
    func retry() {
        guard port == nil, !isEnded else { return }
        pauseNanoseconds = Limits.pauseMinNanoseconds
        pauseSilentNanoseconds = Limits.pauseSilentMinNanoseconds
        openAtNanoseconds = SystemTime.monotonicNanoseconds
        open()
    }

    /// The device is gone from the machine: closes the port for good.
    func unplug() {
        guard !isEnded else { return }
        isEnded = true
        alarm?.cancel()
        let isOpen = port != nil
        port?.close()
        port = nil
        guard isOpen else { return }
        log.info("port unplugged")
        settle(.unplugged)
    }

    /// Disarms the board if it can, and closes the port for good.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        let actions = link?.become(.safe, at: SystemTime.monotonicNanoseconds) ?? []
        for case .send(let bytes, _) in actions { port?.write(bytes) }
        alarm?.cancel()
        let isOpen = port != nil
        port?.close()
        port = nil
        if isOpen { owner?.closed(self, because: .ended) }
    }

    /// What the board shall be from now on.
    func become(_ wish: LinkSession.Wish) {
        act { link, now in link.become(wish, at: now) }
    }

    /// Sends a command. Whoever does so looks for the next one itself.
    func send(_ command: LinkCommand, id: CommandID) {
        carryOut { link, now in link.send(command, id: id, at: now) }
    }

    /// Unlocks dangerous channels, in place of those unlocked before.
    func unlock(mask: UInt16, seconds: UInt16) {
        act { link, now in link.unlock(mask: mask, seconds: seconds, at: now) }
    }

    func canSend(isQuiet: Bool, at now: Int64) -> Bool {
        link?.canSend(isQuiet: isQuiet, at: now) ?? false
    }

    private func open() {
        guard !isEnded, port == nil, let owner else { return }
        let now = SystemTime.monotonicNanoseconds
        opened += 1
        do {
            port = try SerialPort(
                path: path, baud: baud, loop: loop,
                received: { [weak self] bytes in
                    self?.act { link, now in link.receive(bytes, at: now) }
                },
                closed: { [weak self] reason in
                    self?.port = nil
                    self?.shut(reason, .unplugged, pause: nil)
                })
        } catch {
            return shut(error.description, .lost, pause: nil)
        }
        rivalUID = nil
        uid = nil
        link = LinkSession(
            at: now, wish: .safe, newUID: owner.makeUID(),
            knownManifests: owner.knownManifests, firstSequence: UInt8.random(in: 0...255))
        act { link, now in link.open(at: now, quiet: LinkSession.Limits.bootNanoseconds) }
    }

    private func turn() {
        let now = SystemTime.monotonicNanoseconds
        if port == nil {
            if now >= openAtNanoseconds { open() } else { alarm?.ring(by: openAtNanoseconds) }
            return
        }
        act { link, now in link.tick(at: now) }
    }

    func act(_ body: (inout LinkSession, Int64) -> [LinkSession.Action]) {
        if carryOut(body) { owner?.advance(self) }
    }

    /// Does what the link wants; true if the port is still open.
    @discardableResult
    private func carryOut(
        _ body: (inout LinkSession, Int64) -> [LinkSession.Action]
    ) -> Bool {
        guard port != nil, link != nil else { return false }
        // Moved out and back, so that the session is not copied, nor used twice at once.
        guard var session = link else { return false }
        link = nil
        let actions = body(&session, SystemTime.monotonicNanoseconds)
        link = session
        for action in actions { perform(action) }
        alarm?.ring(by: link?.nextDeadlineNanoseconds)
        return port != nil
    }

    private func perform(_ action: LinkSession.Action) {
        guard let owner else { return }
        switch action {
        case .send(let bytes, _): port?.write(bytes)
        case .greeted(let uid): become(owner.wish(for: uid))
        case .identified(let identity):
            if let trouble = owner.identified(identity, on: self) {
                rivalUID = identity.uid
                return drop(trouble)
            }
            uid = identity.uid
            trouble = ""
            pauseNanoseconds = Limits.pauseMinNanoseconds
            pauseSilentNanoseconds = Limits.pauseSilentMinNanoseconds
            // The stop may have changed since the board was heard of first.
            become(owner.wish(for: identity.uid))
        case .learned(let crc, let bytes): owner.learned(manifestCRC: crc, bytes: bytes)
        case .ended(let id, let result): owner.ended(id, result, on: self)
        case .unlocked(let mask, let seconds):
            owner.unlocked(mask: mask, seconds: seconds, on: self)
        case .stateChanged(let state): owner.changed(state, on: self)
        case .event(let event): owner.reported(event, on: self)
        case .programs: owner.programsChanged(on: self)
        case .counted(let counters): owner.counted(counters, on: self)
        // Only a probe asks for that.
        case .optionsWritten: break
        case .rebooted(let cause): owner.rebooted(cause, on: self)
        case .down(let reason):
            port?.close()
            port = nil
            shut(reason.sentence, .lost, pause: pause(after: reason))
        }
    }

    private func pause(after reason: LinkSession.DownReason) -> Int64? {
        if reason.isLasting { return Limits.pauseRefusedNanoseconds }
        guard reason == .silent else { return nil }
        defer {
            pauseSilentNanoseconds = min(
                pauseSilentNanoseconds * 2, Limits.pauseSilentMaxNanoseconds)
        }
        return pauseSilentNanoseconds
    }

    private func drop(_ reason: String) {
        port?.close()
        port = nil
        shut(reason, .lost, pause: Limits.pauseRefusedNanoseconds)
    }

    /// The port is closed: ends what was under way, and tells the owner.
    private func settle(_ closing: Closing) {
        let loss: LinkSession.Loss = closing == .unplugged ? .unplugged : .silent
        for case .ended(let id, let result) in link?.close(loss) ?? [] {
            owner?.ended(id, result, on: self)
        }
        owner?.closed(self, because: closing)
        uid = nil
    }

    /// The port is closed: tells the owner, and waits before the next attempt.
    private func shut(_ reason: String, _ closing: Closing, pause: Int64?) {
        if trouble != reason { log.warning("port closed", ["reason": .string(reason)]) }
        trouble = reason
        settle(closing)
        openAtNanoseconds = SystemTime.monotonicNanoseconds + (pause ?? pauseNanoseconds)
        pauseNanoseconds = min(pauseNanoseconds * 2, Limits.pauseMaxNanoseconds)
        if !isEnded { alarm?.ring(by: openAtNanoseconds) }
    }
}

extension LinkSession.DownReason {
    /// For people.
    var sentence: String {
        switch self {
        case .silent:
            "no board answers; flash it with the Cuelight firmware, or name its speed with --baud"
        case .unanswered: "the board stopped answering"
        case .protocolVersion(let version):
            "the board speaks link version \(version), this agent version 1"
        case .badManifest(let reason): "the board's manifest is unusable: \(reason)"
        case .identityRefused: "the board did not store its identity"
        }
    }

    /// Trying again soon will not help.
    var isLasting: Bool {
        switch self {
        case .silent, .unanswered: false
        case .protocolVersion, .badManifest, .identityRefused: true
        }
    }
}
