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
        package var baud: Int

        package init(
            version: String, clock: String, startedAtMilliseconds: Int64,
            ports: PortScanner, baud: Int = 115_200
        ) {
            self.version = version
            self.clock = clock
            self.startedAtMilliseconds = startedAtMilliseconds
            self.ports = ports
            self.baud = baud
        }
    }

    package enum Limits {
        /// How long after a connection the latched stop is waited for, before commands go.
        package static let stopGrace: Duration = .seconds(2)
        package static let scanPeriod: Duration = .seconds(1)
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

    var boards: [BoardUID: BoardSession] = [:]
    var drivers: [String: PortDriver] = [:]
    var driverOfBoard: [BoardUID: PortDriver] = [:]
    var alarms: [BoardUID: Alarm] = [:]
    var knownManifests: [UInt32: [UInt8]] = [:]
    var stop = StopState()
    var isConnected = false
    var brokerTrouble = "not connected yet"
    var rivals = RivalWatch()
    var isStopKnown = false
    var stopTimer: LoopTimer?
    var cancelled: [CommandID] = []
    var order: UInt64 = 0
    var isStatePending = false
    var isEnded = false
    var recent: [Outcome] = []
    /// What the server's clock is ahead of ours, milliseconds; set by who talks to the server.
    var clockAheadMilliseconds: Int64 = 0
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
        spooler = OutcomeSpooler(journal: journal, loop: loop, uplink: uplink, log: self.log)
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
        scan()
        prune()
        sendTelemetry()
    }

    /// Disarms the boards and closes the ports. On the loop.
    package func end() {
        loop.preconditionOnLoop()
        isEnded = true
        for driver in drivers.values { driver.end() }
        for alarm in alarms.values { alarm.cancel() }
        spooler.forget()
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
        stopTimer?.cancel()
        spooler.setOnline(isConnected)
        if isConnected {
            // The retained stop comes at once if there is one; if none comes there is none.
            stopTimer = loop.schedule(after: Limits.stopGrace) { [weak self] in
                self?.learnStop()
            }
            publishManifest()
            stateChanged()
        }
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
        clockAheadMilliseconds =
            abs(milliseconds) > CommandVerifier.Limits.skewMaxMilliseconds ? milliseconds : 0
    }

    package var isOnline: Bool { isConnected }

    /// Unix milliseconds by the server's clock, as far as known.
    var nowMilliseconds: Int64 { SystemTime.unixMilliseconds &+ clockAheadMilliseconds }

    func releaseBoards() {
        let isReleased = isConnected && isStopKnown
        for uid in boards.keys {
            boards[uid]?.release(isReleased)
            advance(uid)
        }
    }

    func learnStop() {
        stopTimer?.cancel()
        guard isConnected, !isStopKnown else { return }
        isStopKnown = true
        releaseBoards()
    }

    func addBoard(_ uid: BoardUID, _ manifest: BoardManifest) {
        boards[uid] = BoardSession(
            uid: uid, manifest: manifest, isStopped: stop.stops(uid),
            isReleased: isConnected && isStopKnown)
        alarms[uid] = Alarm(loop: loop) { [weak self] in self?.advance(uid) }
    }

    func scan() {
        guard !isEnded else { return }
        let present = setup.ports.scan()
        for path in present where drivers[path] == nil {
            guard drivers.count < PortScanner.portsMax else { break }
            let driver = PortDriver(
                path: path, baud: setup.baud, loop: loop, owner: self, log: log)
            drivers[path] = driver
            log.info("port found", ["port": .string(path)])
            driver.start()
        }
        forgetVanishedPorts(Set(present))
        loop.schedule(after: Limits.scanPeriod) { [weak self] in self?.scan() }
    }

    /// A port that is gone, and closed, is no longer waited for; scanning finds it again.
    func forgetVanishedPorts(_ present: Set<String>) {
        for (path, driver) in drivers where !present.contains(path) && !driver.isOpen {
            driver.end()
            drivers[path] = nil
        }
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
