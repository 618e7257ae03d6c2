internal import FoundationEssentials
package import Hardware
package import Platform
internal import SharedModels

/// The running agent without its broker connection: boards on ports, the journal, the E-stop,
/// and every command from its arrival to its outcome. Lives on one event loop: from the bytes
/// of the broker to the bytes on the serial port there is no other thread.
package final class AgentCore: @unchecked Sendable {
    // Safe: every method checks that it runs on the loop, or is called by what does; nothing
    // else holds its state.

    /// What an agent is made of.
    package struct Setup: Sendable {
        package var version: String
        /// Names the clock of the trace's stamps; the machine's boot id.
        package var clock: String
        package var startedAtMilliseconds: Int64
        package var ports: PortScanner
        package var portWatch: PortWatcher.Choice
        package var baud: Int
        /// Boards of the configuration file, which have no firmware of ours.
        package var hosted: [HostedBoard]
        /// How long boards stay armed without the broker, as nobody can stop them then. Longer
        /// than a restart of the broker; no viewer's cue lives longer anyway.
        package var cutOffAfter: Duration
        /// Told when what is known of the server's clock may be wrong; `setClockAhead` answers.
        package var clockDoubted: @Sendable () -> Void

        package init(
            version: String, clock: String, startedAtMilliseconds: Int64,
            ports: PortScanner, portWatch: PortWatcher.Choice = .auto, baud: Int = 115_200,
            hosted: [HostedBoard] = [], cutOffAfter: Duration = .seconds(10),
            clockDoubted: @escaping @Sendable () -> Void = {}
        ) {
            self.cutOffAfter = cutOffAfter
            self.clockDoubted = clockDoubted
            self.version = version
            self.clock = clock
            self.startedAtMilliseconds = startedAtMilliseconds
            self.ports = ports
            self.portWatch = portWatch
            self.baud = baud
            self.hosted = hosted
        }
    }

    package enum Limits {
        /// How often the ports are looked for while nothing tells when they come: configured
        /// ones may be anywhere.
        package static let scanPeriod: Duration = .seconds(1)
        /// The same while events tell, in case one was lost.
        package static let scanWatchedPeriod: Duration = .seconds(30)
        /// Changes of ports within it are looked at together.
        package static let changeDelay: Duration = .milliseconds(20)
        package static let telemetryPeriod: Duration = .seconds(10)
        package static let prunePeriod: Duration = .seconds(5)
        /// Changes of state within it are published together.
        package static let stateDelay: Duration = .milliseconds(20)
        /// Cancellations remembered whose commands have not come yet.
        package static let cancelledMax = 1024
        /// Ended commands remembered for `status`.
        package static let recentMax = 32
    }

    package let loop: EventLoop
    let setup: Setup
    let journal: Journal
    let log: Log
    let uplink: Uplink
    let spooler: OutcomeSpooler
    let steps: @Sendable (JournalStep) -> Void
    let decoder = JSONDecoder()
    let encoder = JSONEncoder()

    /// Monotonic; many of these computers know the time of day only after they have started.
    let startedNanoseconds = SystemTime.monotonicNanoseconds
    var boards: [BoardUID: BoardSession] = [:]
    var drivers: [String: any BoardDriver] = [:]
    var driverOfBoard: [BoardUID: any BoardDriver] = [:]
    var alarms: [BoardUID: Alarm] = [:]
    /// Ports given away, without symbolic links, until when (monotonic nanoseconds).
    var leases: [String: Int64] = [:]
    var links: [BoardUID: LinkRecord] = [:]
    /// Flashes boards as ordered; nil if nobody does. Set before the start.
    package var desk: FlashDesk?
    var watcher: PortWatcher?
    /// Ports with changes that have not been looked at yet, at most `PortScanner.portsMax`.
    var news: Set<String> = []
    var isAnyNews = false
    var isLookPending = false
    var knownManifests: [UInt32: [UInt8]] = [:]
    var stop = StopState()
    var isConnected = false
    var brokerTrouble = "not connected yet"
    var rivals = RivalWatch()
    /// Whether the wanted stop state has been told on this connection; nothing moves before.
    var isStopKnown = false
    /// The broker has been away, or has not told the stop state, for `Setup.cutOffAfter`.
    var isCutOff = false
    private var cutOffTimer: LoopTimer?
    var cancelled: [CommandID] = []
    var inputs = InputGate()
    var inputSequence: Int64 = 0
    private(set) lazy var inputAlarm = Alarm(loop: loop) { [weak self] in self?.tellInputs() }
    var sequenceDesk = SequenceDesk()
    var order: UInt64 = 0
    var isStatePending = false
    var isEnded = false
    var recent: [Outcome] = []
    var serverClock = ServerClock(
        unixMilliseconds: SystemTime.unixMilliseconds,
        monotonicNanoseconds: SystemTime.monotonicNanoseconds)
    var executedCount = 0
    var receivedCount = 0

    /// - Parameter steps: called before and after each step that a crash may separate; tests
    ///   die there.
    package init(
        _ setup: Setup, journal: sending Journal, uplink: Uplink, loop: EventLoop, log: Log,
        steps: @escaping @Sendable (JournalStep) -> Void = { _ in }
    ) {
        self.setup = setup
        self.journal = journal
        self.uplink = uplink
        self.loop = loop
        self.log = log.of("agent")
        self.steps = steps
        spooler = OutcomeSpooler(
            journal: journal, loop: loop, uplink: uplink, log: self.log, steps: steps)
    }

    /// Reads the journal, ends what a dead process left, and opens the ports. On the loop.
    package func start() throws {
        loop.preconditionOnLoop()
        knownManifests = try journal.manifests()
        if let last = try journal.stopState() { stop = StopState(last) }
        for known in try journal.boards() {
            guard let bytes = knownManifests[known.manifestCRC],
                // A manifest of an older firmware that is no longer readable is read anew.
                let manifest = try? ManifestReader.read(bytes)
            else { continue }
            addBoard(known.uid, manifest)
        }
        try recover()
        for path in setup.ports.missing {
            log.warning("waiting for a port that is not there", ["port": .string(path)])
        }
        awaitStop()
        watchPorts()
        scan()
        prune()
        sendTelemetry()
    }

    /// Disarms the boards and closes the ports. On the loop.
    package func end() {
        loop.preconditionOnLoop()
        isEnded = true
        watcher?.end()
        for driver in drivers.values { driver.end() }
        for alarm in alarms.values { alarm.cancel() }
        cutOffTimer?.cancel()
        inputAlarm.cancel()
        spooler.forget()
        desk?.end()
        desk = nil
    }

    /// The broker connection came or went. On the loop.
    package func setConnected(_ isConnected: Bool, trouble: String) {
        loop.preconditionOnLoop()
        defer { if rivals.isSuspicious { brokerTrouble = RivalWatch.advice } }
        brokerTrouble = trouble
        guard isConnected != self.isConnected else { return }
        self.isConnected = isConnected
        watchRivals()
        isStopKnown = false
        awaitStop()
        spooler.setOnline(isConnected)
        if isConnected {
            publishManifest()
            stateChanged()
        }
        inputs.setOnline(isConnected)
        tellInputs()
        releaseBoards()
    }

    private func watchRivals() {
        let now = SystemTime.monotonicNanoseconds
        if isConnected { return rivals.connected(atNanoseconds: now) }
        if rivals.lost(atNanoseconds: now) { log.error(RivalWatch.advice) }
    }

    /// The server's clock, as far ahead of ours as measured; small differences are noise.
    package func setClockAhead(milliseconds: Int64) {
        loop.preconditionOnLoop()
        serverClock.measured(
            aheadMilliseconds: milliseconds, unixMilliseconds: SystemTime.unixMilliseconds,
            monotonicNanoseconds: SystemTime.monotonicNanoseconds)
    }

    package var isOnline: Bool { isConnected }

    /// Unix milliseconds by the server's clock, as far as known.
    var nowMilliseconds: Int64 {
        serverClock.now(monotonicNanoseconds: SystemTime.monotonicNanoseconds)
    }

    /// Why no command may go out now; nil if they may.
    var hold: Reason? { !isConnected ? .brokerOffline : isStopKnown ? nil : .stopUnknown }

    func releaseBoards() {
        for uid in boards.keys {
            boards[uid]?.hold(because: hold)
            advance(uid)
        }
    }

    /// The stop state has come. The broker retains one for every agent that is paired, but may
    /// send it behind all that waits for the agent, and the control plane says it to every agent
    /// that appears; so nothing but its coming ends the waiting.
    func learnStop() {
        guard isConnected, !isStopKnown else { return }
        isStopKnown = true
        cutOffTimer?.cancel()
        cutOffTimer = nil
        setCutOff(false)
        releaseBoards()
    }

    /// From now on nobody can stop what moves; if that lasts, the boards are made safe.
    private func awaitStop() {
        guard cutOffTimer == nil, !isCutOff else { return }
        cutOffTimer = loop.schedule(after: setup.cutOffAfter) { [weak self] in
            guard let self, !isEnded else { return }
            log.warning("the boards are made safe: no E-stop could reach them")
            setCutOff(true)
        }
    }

    private func setCutOff(_ isCutOff: Bool) {
        guard isCutOff != self.isCutOff else { return }
        self.isCutOff = isCutOff
        for uid in boards.keys {
            boards[uid]?.cutOff(isCutOff)
            if let wish = boards[uid]?.wish { driverOfBoard[uid]?.become(wish) }
        }
        stateChanged()
    }

    func addBoard(_ uid: BoardUID, _ manifest: BoardManifest) {
        boards[uid] = BoardSession(
            uid: uid, manifest: manifest, isStopped: stop.stops(uid), hold: hold,
            isCutOff: isCutOff)
        alarms[uid] = Alarm(loop: loop) { [weak self] in self?.advance(uid) }
    }

    /// First the watch, then the look: what comes between them is seen twice, not never.
    private func watchPorts() {
        guard setup.ports.findsUSB else { return }
        let watcher = PortWatcher(setup.portWatch, loop: loop) { [weak self] change in
            self?.portChanged(change)
        }
        self.watcher = watcher
        watcher.start()
        log.info(
            "watching for ports",
            ["way": .string(watcher.way.rawValue), "reason": .string(watcher.trouble)])
    }

    func scan() {
        guard !isEnded else { return }
        look()
        let isTold = watcher.map { $0.way != .scanning } ?? false
        let period =
            isTold && setup.ports.configured.isEmpty
            ? Limits.scanWatchedPeriod : Limits.scanPeriod
        loop.schedule(after: period) { [weak self] in self?.scan() }
    }

    func sendTelemetry() {
        guard !isEnded else { return }
        publish(.telemetry, telemetry, isRetained: false)
        loop.schedule(after: Limits.telemetryPeriod) { [weak self] in self?.sendTelemetry() }
    }

    func prune() {
        guard !isEnded else { return }
        do {
            try journal.prune(at: nowMilliseconds)
        } catch {
            log.error("cannot prune the journal", ["reason": .string("\(error)")])
        }
        loop.schedule(after: Limits.prunePeriod) { [weak self] in self?.prune() }
    }
}
