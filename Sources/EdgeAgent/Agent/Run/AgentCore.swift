internal import CLinux
internal import FoundationEssentials
package import Hardware
package import Platform
package import SharedModels

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
        package static let stopGrace: Duration = .milliseconds(300)
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
    private let log: Log
    private let uplink: Uplink
    private let spooler: OutcomeSpooler
    private let steps: @Sendable (JournalStep) -> Void
    private let decoder = JSONDecoder()
    private let encoder = JSONEncoder()

    private(set) var boards: [BoardUID: BoardSession] = [:]
    private(set) var drivers: [String: PortDriver] = [:]
    private var driverOfBoard: [BoardUID: PortDriver] = [:]
    private var alarms: [BoardUID: Alarm] = [:]
    private(set) var knownManifests: [UInt32: [UInt8]] = [:]
    private(set) var stop = StopState()
    private var isConnected = false
    private(set) var brokerTrouble = "not connected yet"
    private var isStopKnown = false
    private var stopTimer: LoopTimer?
    private var cancelled: [CommandID] = []
    private var order: UInt64 = 0
    private var isStatePending = false
    private var isEnded = false
    private(set) var recent: [Outcome] = []
    /// What the server's clock is ahead of ours, milliseconds; set by who talks to the server.
    private var clockAheadMilliseconds: Int64 = 0
    private(set) var executedCount = 0
    private(set) var receivedCount = 0

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
        brokerTrouble = trouble
        guard isConnected != self.isConnected else { return }
        self.isConnected = isConnected
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

    /// The server's clock, as far ahead of ours as measured; small differences are noise.
    package func setClockAhead(milliseconds: Int64) {
        loop.preconditionOnLoop()
        clockAheadMilliseconds =
            abs(milliseconds) > CommandVerifier.Limits.skewMaxMilliseconds ? milliseconds : 0
    }

    package var isOnline: Bool { isConnected }

    /// Unix milliseconds by the server's clock, as far as known.
    var nowMilliseconds: Int64 { SystemTime.unixMilliseconds &+ clockAheadMilliseconds }

    private func releaseBoards() {
        let isReleased = isConnected && isStopKnown
        for uid in boards.keys {
            boards[uid]?.release(isReleased)
            advance(uid)
        }
    }

    private func learnStop() {
        stopTimer?.cancel()
        guard isConnected, !isStopKnown else { return }
        isStopKnown = true
        releaseBoards()
    }

    private func addBoard(_ uid: BoardUID, _ manifest: BoardManifest) {
        boards[uid] = BoardSession(
            uid: uid, manifest: manifest, isStopped: stop.stops(uid),
            isReleased: isConnected && isStopKnown)
        alarms[uid] = Alarm(loop: loop) { [weak self] in self?.advance(uid) }
    }

    private func scan() {
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
    private func forgetVanishedPorts(_ present: Set<String>) {
        for (path, driver) in drivers where !present.contains(path) && !driver.isOpen {
            driver.end()
            drivers[path] = nil
        }
    }

    private func sendTelemetry() {
        guard !isEnded else { return }
        publish(.telemetry, telemetry, isRetained: false)
        loop.schedule(after: Limits.telemetryPeriod) { [weak self] in self?.sendTelemetry() }
    }

    private func prune() {
        guard !isEnded else { return }
        do {
            try journal.prune(at: nowMilliseconds)
        } catch {
            log.error("cannot prune the journal", ["reason": .string("\(error)")])
        }
        loop.schedule(after: Limits.prunePeriod) { [weak self] in self?.prune() }
    }
}

// Messages of the broker.
extension AgentCore {
    /// A message of one of the agent's topics. On the loop.
    package func receive(_ leaf: Topic.Leaf, _ payload: [UInt8]) {
        loop.preconditionOnLoop()
        let now = SystemTime.monotonicNanoseconds
        switch leaf {
        case .command: receiveCommand(payload, at: now)
        case .cancel: receiveCancellation(payload)
        case .estop: receiveStop(payload)
        case .outcome, .state, .manifest, .telemetry: break
        }
    }

    private func receiveStop(_ payload: [UInt8]) {
        let message: EmergencyStop
        do {
            message = try decoder.decode(EmergencyStop.self, from: Data(payload))
        } catch {
            return log.error("unreadable E-stop ignored", ["size": .int(Int64(payload.count))])
        }
        if stop.obey(message) {
            // First the boards, then the journal: a stop must not wait for a disk.
            applyStop()
            do {
                try journal.keep(message)
            } catch {
                log.error("cannot keep the E-stop", ["reason": .string("\(error)")])
            }
            log.warning(
                "emergency stop changed",
                ["sequence": .int(message.sequence), "all": .bool(message.isAgentStopped)])
            stateChanged()
        }
        learnStop()
    }

    private func applyStop() {
        var ended: [BoardSession.Ended] = []
        for (uid, board) in boards where board.isStopped != stop.stops(uid) {
            ended += boards[uid]?.stop(stop.stops(uid)) ?? []
            driverOfBoard[uid]?.become(wish(for: uid))
        }
        finish(ended)
    }

    private func receiveCancellation(_ payload: [UInt8]) {
        let message: Cancellation
        do {
            message = try decoder.decode(Cancellation.self, from: Data(payload))
        } catch {
            return log.error("unreadable cancellation ignored")
        }
        let ids = Set(message.commands.prefix(256))
        var ended: [BoardSession.Ended] = []
        for uid in boards.keys { ended += boards[uid]?.cancel(ids) ?? [] }
        finish(ended)
        let done = Set(ended.map(\.pending.command.id))
        // What is not here may still be on its way: topics have no order among each other.
        cancelled += message.commands.prefix(256).filter { !done.contains($0) }
        cancelled.removeFirst(max(0, cancelled.count - Limits.cancelledMax))
    }

    private func receiveCommand(_ payload: [UInt8], at now: Int64) {
        receivedCount += 1
        var command: Command
        do {
            command = try decoder.decode(Command.self, from: Data(payload))
        } catch {
            return refuseUnreadable(payload, error)
        }
        command.trace.agentClock = setup.clock
        command.trace.receivedNanoseconds = now
        do {
            if let progress = try journal.progress(of: command.id) {
                return answerRepeat(command, progress)
            }
        } catch {
            log.error("cannot read the journal", ["reason": .string("\(error)")])
            return end(command, .rejected, .journalFailed, "\(error)")
        }
        if let index = cancelled.firstIndex(of: command.id) {
            cancelled.remove(at: index)
            return end(command, .cancelled, .takenBack)
        }
        do {
            let accepted = try CommandVerifier.verify(
                command, nowMilliseconds: nowMilliseconds,
                manifest: boards[command.board]?.manifest)
            take(command, accepted, payload: payload, at: now)
        } catch {
            end(command, error.status, error.reason, error.detail)
        }
    }

    private func take(
        _ command: Command, _ accepted: CommandVerifier.Accepted, payload: [UInt8], at now: Int64
    ) {
        order += 1
        let pending = PendingCommand(
            command: command, channel: accepted.channel,
            deadlineNanoseconds: now + accepted.remainingMilliseconds * 1_000_000, order: order)
        let ended = boards[command.board]?.submit(pending, at: now) ?? []
        guard !ended.contains(where: { $0.pending.command.id == command.id }) else {
            return finish(ended)
        }
        let next = nextCommand(command.board, at: now)
        let progress: Journal.Progress = next?.command.id == command.id ? .sent : .accepted
        do {
            steps(.beforeAccept)
            try journal.accept(
                command, payload: payload, delivery: accepted.channel.delivery(of: command.operation),
                progress: progress, at: nowMilliseconds)
            steps(.afterAccept)
        } catch {
            boards[command.board]?.withdraw(command.id)
            log.error("cannot write the journal", ["reason": .string("\(error)")])
            end(command, .rejected, .journalFailed, "\(error)")
            return finish(ended)
        }
        if progress == .sent, let next { send(next, to: command.board) }
        finish(ended)
        advance(command.board)
    }

    /// The command came again: its end is told again, or it is on its way already.
    private func answerRepeat(_ command: Command, _ progress: Journal.Progress) {
        guard progress == .ended else { return }
        do {
            guard let outcome = try journal.outcome(of: command.id) else { return }
            try journal.repeatOutcome(outcome, at: nowMilliseconds)
            spooler.pump()
        } catch {
            log.error("cannot repeat an outcome", ["reason": .string("\(error)")])
        }
    }

    private struct Head: Decodable { let id: CommandID }

    private func refuseUnreadable(_ payload: [UInt8], _ error: any Error) {
        log.error("unreadable command", ["reason": .string("\(error)")])
        // Without an id there is nobody to tell.
        guard let head = try? decoder.decode(Head.self, from: Data(payload)) else { return }
        var trace = Trace(id: "", clock: "", arrivedNanoseconds: 0)
        trace.agentClock = setup.clock
        record(
            Outcome(
                command: head.id, status: .rejected, reason: Reason.badCommand.rawValue,
                detail: Reason.badCommand.sentence, endedAtMilliseconds: nowMilliseconds,
                trace: trace))
    }
}

// Commands on their way to the boards.
extension AgentCore {
    private func nextCommand(_ uid: BoardUID, at now: Int64) -> PendingCommand? {
        guard let driver = driverOfBoard[uid] else { return nil }
        return boards[uid]?.next(at: now, canSend: driver.canSend)
    }

    private func send(_ pending: PendingCommand, to uid: BoardUID) {
        guard let driver = driverOfBoard[uid] else { return }
        boards[uid]?.begin(pending)
        steps(.beforeWrite)
        driver.send(
            LinkCommand(pending.command.operation, on: pending.channel), id: pending.command.id)
        let now = SystemTime.monotonicNanoseconds
        boards[uid]?.stamp { $0.writtenNanoseconds = now }
        steps(.afterWrite)
    }

    /// Drops what is late, sends what may go, and sets the alarm for the rest.
    private func advance(_ uid: BoardUID) {
        let now = SystemTime.monotonicNanoseconds
        finish(boards[uid]?.expire(at: now) ?? [])
        while let next = nextCommand(uid, at: SystemTime.monotonicNanoseconds) {
            do {
                try journal.markSent(next.command.id)
                send(next, to: uid)
            } catch {
                log.error("cannot write the journal", ["reason": .string("\(error)")])
                boards[uid]?.withdraw(next.command.id)
                end(next.command, .rejected, .journalFailed, "\(error)")
            }
        }
        alarms[uid]?.ring(
            by: boards[uid]?.nextDeadlineNanoseconds(at: SystemTime.monotonicNanoseconds))
    }

    private func finish(_ ended: [BoardSession.Ended]) {
        for one in ended {
            end(one.pending.command, one.status, one.reason, one.detail)
        }
    }

    private func end(
        _ command: Command, _ status: Outcome.Status, _ reason: Reason?, _ detail: String = ""
    ) {
        if status == .executed { executedCount += 1 }
        let sentence = reason?.sentence ?? ""
        record(
            Outcome(
                command: command.id, status: status, reason: reason?.rawValue ?? "",
                detail: detail.isEmpty ? sentence : "\(sentence) \(detail)",
                endedAtMilliseconds: nowMilliseconds, trace: command.trace))
    }

    /// Keeps an outcome and sends it on its way.
    private func record(_ outcome: Outcome) {
        recent.append(outcome)
        if recent.count > Limits.recentMax { recent.removeFirst() }
        do {
            steps(.beforeFinish)
            try journal.finish(outcome, at: nowMilliseconds)
            steps(.afterFinish)
            spooler.pump()
        } catch {
            // The disk is full or broken: the outcome is told at least while the broker is there.
            log.error("cannot keep an outcome", ["reason": .string("\(error)")])
            if isConnected, let payload = try? encoder.encode(outcome) {
                uplink.publish(.outcome, Array(payload), false) { _ in }
            }
        }
    }

    /// Ends or takes up again what a dead process left (docs/decisions: at most once for motion,
    /// at least once for states).
    private func recover() throws {
        let now = SystemTime.monotonicNanoseconds
        for left in try journal.unfinished() {
            let command = left.command
            if left.progress == .sent, left.delivery == .atMostOnce {
                end(command, .failed, .unknownAfterCrash)
                continue
            }
            do {
                let accepted = try CommandVerifier.verify(
                    command, nowMilliseconds: nowMilliseconds,
                    manifest: boards[command.board]?.manifest)
                order += 1
                let pending = PendingCommand(
                    command: command, channel: accepted.channel,
                    deadlineNanoseconds: now + accepted.remainingMilliseconds * 1_000_000,
                    order: order, wasSent: left.progress == .sent)
                finish(boards[command.board]?.submit(pending, at: now) ?? [])
            } catch {
                // What was sent and is now too late may have been done.
                if left.progress == .sent {
                    end(command, .failed, .unknownAfterCrash)
                } else {
                    end(command, error.status, error.reason, error.detail)
                }
            }
        }
    }
}

// What ports and boards tell.
extension AgentCore: PortOwner {
    func makeUID() -> BoardUID {
        var generator = SystemRandomNumberGenerator()
        // Neither blank nor zero, which boards refuse.
        return BoardUID(value: UInt64.random(in: 1..<UInt64.max, using: &generator))
    }

    func wish(for board: BoardUID) -> LinkSession.Wish {
        boards[board]?.wish ?? (stop.stops(board) ? .stopped : .armed)
    }

    func identified(_ identity: LinkSession.Identity, on driver: PortDriver) -> String? {
        let uid = identity.uid
        if let other = driverOfBoard[uid], other !== driver {
            return "board \(uid) is connected through \(other.path) already"
        }
        // Another board behind the same port than before.
        if let former = self.uid(of: driver), former != uid { closed(driver) }
        guard boards[uid] != nil || makeRoom() else {
            return "\(AgentManifest.boardsMax) boards are connected already"
        }
        driverOfBoard[uid] = driver
        if boards[uid] == nil { addBoard(uid, identity.manifest) }
        boards[uid]?.connect(identity.manifest, identity.hello.state)
        do {
            try journal.keepBoard(
                Journal.KnownBoard(
                    uid: uid, manifestCRC: identity.hello.manifestCRC, port: driver.path),
                at: nowMilliseconds)
        } catch {
            log.error("cannot keep the board", ["reason": .string("\(error)")])
        }
        log.info(
            "board connected",
            [
                "uid": .string(uid.description), "board": .string(identity.manifest.board),
                "firmware": .string(identity.hello.version), "port": .string(driver.path),
                "reset_cause": .string(identity.hello.resetCause.words),
            ])
        publishManifest()
        stateChanged()
        return nil
    }

    /// Forgets a board that is away and has nothing to do, if there are too many.
    private func makeRoom() -> Bool {
        guard boards.count >= AgentManifest.boardsMax else { return true }
        let idle = boards.values.first { !$0.isConnected && $0.pendingCount == 0 }
        guard let idle else { return false }
        boards[idle.uid] = nil
        alarms[idle.uid]?.cancel()
        alarms[idle.uid] = nil
        return true
    }

    func learned(manifestCRC: UInt32, bytes: [UInt8]) {
        if knownManifests.count >= Journal.Limits.manifestsMax { knownManifests = [:] }
        knownManifests[manifestCRC] = bytes
        do {
            try journal.keepManifest(crc: manifestCRC, bytes: bytes, at: nowMilliseconds)
        } catch {
            log.error("cannot keep the manifest", ["reason": .string("\(error)")])
        }
    }

    func ended(_ id: CommandID, _ result: LinkSession.CommandResult, on driver: PortDriver) {
        guard let uid = uid(of: driver) else { return }
        let now = SystemTime.monotonicNanoseconds
        if result == .executed { boards[uid]?.stamp { $0.acknowledgedNanoseconds = now } }
        finish(boards[uid]?.finish(id, result, at: now) ?? [])
    }

    func changed(_ state: LinkState, on driver: PortDriver) {
        guard let uid = uid(of: driver) else { return }
        boards[uid]?.enter(state)
        stateChanged()
    }

    func reported(_ event: BoardEvent, on driver: PortDriver) {
        guard let uid = uid(of: driver), case .fault(let fault) = event.kind else { return }
        boards[uid]?.report(fault)
        log.warning(
            "board fault",
            ["uid": .string(uid.description), "fault": .string(fault.word)])
        stateChanged()
    }

    func rebooted(_ cause: ResetCause, on driver: PortDriver) {
        guard let uid = uid(of: driver) else { return }
        log.warning(
            "board restarted",
            ["uid": .string(uid.description), "cause": .string(cause.words)])
        finish(boards[uid]?.rebooted(at: SystemTime.monotonicNanoseconds) ?? [])
        if let wish = boards[uid]?.wish { driver.become(wish) }
        stateChanged()
    }

    func closed(_ driver: PortDriver) {
        guard let uid = uid(of: driver) else { return }
        driverOfBoard[uid] = nil
        boards[uid]?.disconnect()
        stateChanged()
        alarms[uid]?.ring(
            by: boards[uid]?.nextDeadlineNanoseconds(at: SystemTime.monotonicNanoseconds))
    }

    func advance(_ driver: PortDriver) {
        if let uid = uid(of: driver) { advance(uid) }
    }

    private func uid(of driver: PortDriver) -> BoardUID? {
        driverOfBoard.first { $0.value === driver }?.key
    }
}

// What the agent tells.
extension AgentCore {
    /// How the agent and its boards are.
    package var state: AgentState {
        AgentState(
            isOnline: true, version: setup.version,
            startedAtMilliseconds: setup.startedAtMilliseconds,
            stopSequence: stop.last.sequence, isStopped: stop.last.isAgentStopped,
            boards: boards.values.sorted { $0.uid.value < $1.uid.value }.map {
                BoardState(uid: $0.uid, condition: $0.condition, fault: $0.fault)
            })
    }

    package var telemetry: AgentTelemetry {
        AgentTelemetry(
            uptimeSeconds: Int(
                max(0, SystemTime.unixMilliseconds - setup.startedAtMilliseconds) / 1000),
            residentBytes: Int(cue_resident_bytes()), spooledOutcomes: journal.spooledCount,
            droppedOutcomes: journal.droppedOutcomes,
            links: drivers.values.compactMap { driver in
                guard let uid = uid(of: driver), let link = driver.link else { return nil }
                return AgentTelemetry.Link(
                    uid: uid, sent: link.statistics.sent, retries: link.statistics.retries,
                    crcErrors: link.statistics.crcErrors + Int(link.counters?.crcErrors ?? 0),
                    overruns: Int(link.counters?.overruns ?? 0),
                    duplicates: Int(link.counters?.duplicates ?? 0),
                    roundTripP50Microseconds: link.statistics.roundTripMicroseconds(permille: 500),
                    roundTripP99Microseconds: link.statistics.roundTripMicroseconds(permille: 990))
            })
    }

    /// Publishes the state soon; changes that follow at once go with it.
    private func stateChanged() {
        guard isConnected, !isStatePending else { return }
        isStatePending = true
        loop.schedule(after: Limits.stateDelay) { [weak self] in
            guard let self else { return }
            self.isStatePending = false
            self.publish(.state, self.state, isRetained: true)
        }
    }

    private func publishManifest() {
        guard isConnected else { return }
        let found = boards.values.sorted { $0.uid.value < $1.uid.value }.map { board in
            AgentManifest.Board(
                uid: board.uid, port: driverOfBoard[board.uid]?.path ?? "",
                manifest: board.manifest)
        }
        publish(.manifest, AgentManifest(boards: found), isRetained: true)
    }

    private func publish(_ leaf: Topic.Leaf, _ value: some Encodable, isRetained: Bool) {
        guard isConnected, !isEnded else { return }
        do {
            uplink.publish(leaf, Array(try encoder.encode(value)), isRetained) { _ in }
        } catch {
            log.error("cannot encode", ["leaf": .string(leaf.rawValue)])
        }
    }
}
