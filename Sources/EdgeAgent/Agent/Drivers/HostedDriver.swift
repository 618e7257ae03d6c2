internal import FoundationEssentials
internal import Hardware
internal import Platform
internal import SharedModels

/// Drives a board whose pins know nothing of safety: keeps their safety floor here, opens them,
/// and opens them again with back-off. Used on the loop alone.
final class HostedDriver: BoardDriver {
    enum Limits {
        /// Pause before the pins are taken again; doubles up to the longest.
        static let pauseMinNanoseconds: Int64 = 500_000_000
        static let pauseMaxNanoseconds: Int64 = 10_000_000_000
        /// Pause while the device is not there: looking costs nothing.
        static let pauseGoneNanoseconds: Int64 = 1_000_000_000
        /// Pause after a board that is of no use.
        static let pauseRefusedNanoseconds: Int64 = 60_000_000_000
    }

    let board: HostedBoard
    private(set) var device: String
    let usb: String
    private(set) var uid: BoardUID?
    private(set) var trouble = ""
    private(set) var rivalUID: BoardUID?
    private(set) var statistics: LinkStatistics?
    private(set) var floor: SafetyFloor
    var path: String { board.reach.path }
    var isConfigured: Bool { true }
    var counters: LinkCounters? { nil }
    var isOpen: Bool { pins != nil }
    var linkState: LinkState? { LinkState(rawValue: floor.mode.rawValue) }

    private let version: String
    private let makePins: (HostedBoard, @escaping (PinEvent) -> Void) -> any PinDevice
    private let loop: EventLoop
    private let log: Log
    private weak var owner: (any PortOwner)?
    private var pins: (any PinDevice)?
    private var alarm: Alarm?
    private var wish = LinkSession.Wish.safe
    private var inFlight: (id: CommandID, token: UInt32)?
    private var token: UInt32 = 0
    private var pauseNanoseconds = Limits.pauseMinNanoseconds
    private var openAtNanoseconds: Int64 = 0
    private var isEnded = false

    /// - Parameters:
    ///   - usb: what the USB device says of itself.
    ///   - version: of the agent.
    ///   - makePins: makes the pins of a board, closed; they tell their events on the loop.
    init(
        _ board: HostedBoard, usb: String, version: String, loop: EventLoop,
        owner: any PortOwner, log: Log,
        makePins: @escaping (HostedBoard, @escaping (PinEvent) -> Void) -> any PinDevice
    ) {
        self.board = board
        self.usb = usb
        self.version = version
        self.loop = loop
        self.owner = owner
        self.makePins = makePins
        self.log = log.with("port", .string(board.reach.path))
        device = PortScanner.resolved(board.reach.path)
        floor = SafetyFloor(board.channels)
    }

    func start() {
        alarm = Alarm(loop: loop) { [weak self] in self?.turn() }
        open()
    }

    func retry() {
        guard pins == nil, !isEnded else { return }
        pauseNanoseconds = Limits.pauseMinNanoseconds
        open()
    }

    func unplug() {
        guard !isEnded else { return }
        isEnded = true
        alarm?.cancel()
        guard let pins else { return }
        pins.close()
        self.pins = nil
        log.info("board unplugged")
        settle(.unplugged)
    }

    func end() {
        guard !isEnded else { return }
        isEnded = true
        alarm?.cancel()
        guard let pins else { return }
        _ = floor.enter(.safe, at: SystemTime.monotonicNanoseconds)
        pins.write(floor.safeWrites, token: nil)
        pins.close()
        self.pins = nil
        owner?.closed(self, because: .ended)
    }

    func pauseLeft(at now: Int64) -> Int64 { pins == nil ? max(0, openAtNanoseconds - now) : 0 }

    func become(_ wish: LinkSession.Wish) {
        self.wish = wish
        // Before it is known what the pins are, they are at their safe values.
        guard uid != nil else { return }
        follow()
        owner?.advance(self)
    }

    func canSend(isQuiet: Bool, at now: Int64) -> Bool { isFree }

    private var isFree: Bool {
        uid != nil && floor.mode == .armed && wish == .armed && inFlight == nil
    }

    func send(_ operation: Operation, on channel: Channel, id: CommandID) {
        precondition(isFree, "a command must wait for canSend")
        token &+= 1
        inFlight = (id, token)
        statistics?.sent += 1
        switch floor.execute(operation, channel: channel.id, at: SystemTime.monotonicNanoseconds) {
        case .done(let writes): pins?.write(writes, token: token)
        case .refused(let refusal, let remaining):
            statistics?.naks += 1
            // Like an answer of a board: never before the sending has returned.
            later { $0.conclude(.refused(refusal, remainingMilliseconds: remaining)) }
        }
        ring()
    }

    func unlock(mask: UInt16, seconds: UInt16) {
        guard floor.mode == .armed else { return }
        floor.unlock(mask: mask, seconds: seconds, at: SystemTime.monotonicNanoseconds)
        owner?.unlocked(mask: mask, seconds: seconds, on: self)
    }

    private func open() {
        guard !isEnded, pins == nil else { return }
        device = PortScanner.resolved(path)
        rivalUID = nil
        statistics = LinkStatistics()
        let pins = makePins(board) { [weak self] event in self?.take(event) }
        self.pins = pins
        do {
            try pins.open()
        } catch let problem as PinProblem {
            close(
                problem.description, .lost,
                pause: problem.isGone ? Limits.pauseGoneNanoseconds : nil)
        } catch {
            close("\(error)", .lost, pause: nil)
        }
    }

    private func turn() {
        let now = SystemTime.monotonicNanoseconds
        if pins == nil {
            if now >= openAtNanoseconds { open() } else { alarm?.ring(by: openAtNanoseconds) }
            return
        }
        let turn = floor.tick(at: now)
        if !turn.writes.isEmpty { pins?.write(turn.writes, token: nil) }
        for channel in turn.cut { report(.fault(.onMax), channel) }
        ring()
    }

    private func ring() {
        alarm?.ring(by: floor.nextDeadlineNanoseconds(at: SystemTime.monotonicNanoseconds))
    }

    private func take(_ event: PinEvent) {
        guard let pins else { return }
        statistics?.framingErrors = pins.framingErrors
        switch event {
        case .ready(let firmware, let pins): introduce(firmware, pins)
        case .taken(let token, let nanoseconds):
            statistics?.received += 1
            statistics?.roundTrip(nanoseconds)
            if inFlight?.token == token { conclude(.executed) }
        case .alive(let nanoseconds):
            statistics?.received += 1
            statistics?.roundTrip(nanoseconds)
        case .input(let channel, let value): report(.input(value: value), channel)
        case .restarted:
            statistics?.reboots += 1
            if uid != nil { owner?.rebooted([], on: self) }
            lose(.rebooted)
            close("the board restarted", .lost, pause: nil)
        case .failed(let reason, let isGone, let isLasting):
            let pause =
                isLasting
                ? Limits.pauseRefusedNanoseconds : isGone ? Limits.pauseGoneNanoseconds : nil
            close(reason, isGone ? .unplugged : .lost, pause: pause)
        }
    }

    /// The pins can be used: says to the owner who they are.
    private func introduce(_ firmware: String, _ numbers: [UInt8: Int]) {
        guard let owner else { return }
        let manifest = board.manifest(version: version, pins: numbers)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // The reader of the file has seen to it; a pin that the board named might not do.
        guard manifest.problem == nil, let bytes = try? Array(encoder.encode(manifest)),
            bytes.count <= BoardManifest.sizeMaxBytes
        else { return close("its channels make no manifest", .lost, pause: nil) }
        let crc = CRC32.of(bytes)
        if owner.knownManifests[crc] == nil { owner.learned(manifestCRC: crc, bytes: bytes) }
        let hello = Hello(
            nonce: UInt32.random(in: .min ... .max), manifestCRC: crc,
            manifestSizeBytes: UInt16(clamping: bytes.count), uid: board.uid,
            state: LinkState(rawValue: LinkState.Mode.safe.rawValue), version: version)
        let identity = LinkSession.Identity(uid: board.uid, hello: hello, manifest: manifest)
        if let trouble = owner.identified(identity, on: self) {
            rivalUID = board.uid
            return close(trouble, .lost, pause: Limits.pauseRefusedNanoseconds)
        }
        log.info("pins taken", ["firmware": .string(firmware), "board": .string(board.name)])
        uid = board.uid
        trouble = ""
        pauseNanoseconds = Limits.pauseMinNanoseconds
        become(owner.wish(for: board.uid))
    }

    /// Makes the pins what is wished.
    private func follow() {
        let mode: LinkState.Mode =
            switch wish {
            case .safe: .safe
            case .armed: .armed
            case .stopped: .estopped
            }
        guard mode != floor.mode else { return }
        let writes = floor.enter(mode, at: SystemTime.monotonicNanoseconds)
        if !writes.isEmpty { pins?.write(writes, token: nil) }
        guard uid != nil, let state = linkState else { return }
        owner?.changed(state, on: self)
    }

    private func report(_ kind: BoardEvent.Kind, _ channel: UInt8) {
        guard uid != nil else { return }
        owner?.reported(BoardEvent(kind: kind, channel: channel), on: self)
    }

    private func conclude(_ result: LinkSession.CommandResult) {
        guard let command = inFlight else { return }
        inFlight = nil
        owner?.ended(command.id, result, on: self)
        owner?.advance(self)
        ring()
    }

    private func later(_ body: @escaping (HostedDriver) -> Void) {
        loop.schedule(after: .zero) { [weak self] in
            guard let self else { return }
            body(self)
        }
    }

    /// What was under way has no known end; tells the owner.
    private func settle(_ closing: PortDriver.Closing) {
        _ = floor.enter(.safe, at: SystemTime.monotonicNanoseconds)
        lose(closing == .unplugged ? .unplugged : .silent)
        owner?.closed(self, because: closing)
        uid = nil
    }

    private func lose(_ loss: LinkSession.Loss) {
        guard let command = inFlight else { return }
        inFlight = nil
        owner?.ended(command.id, .unknown(loss), on: self)
    }

    private func close(_ reason: String, _ closing: PortDriver.Closing, pause: Int64?) {
        // Where the pins can still be reached, they are left safe.
        if closing == .lost, uid != nil { pins?.write(floor.safeWrites, token: nil) }
        pins?.close()
        pins = nil
        if trouble != reason { log.warning("board closed", ["reason": .string(reason)]) }
        trouble = reason
        settle(closing)
        openAtNanoseconds = SystemTime.monotonicNanoseconds + (pause ?? pauseNanoseconds)
        if pause == nil { pauseNanoseconds = min(pauseNanoseconds * 2, Limits.pauseMaxNanoseconds) }
        if !isEnded { alarm?.ring(by: openAtNanoseconds) }
    }
}
