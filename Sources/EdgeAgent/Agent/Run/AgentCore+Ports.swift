internal import Hardware
internal import Platform
package import SharedModels

/// What ports and boards tell.
extension AgentCore: PortOwner {
    func makeUID() -> BoardUID {
        var generator = SystemRandomNumberGenerator()
        // Neither blank nor zero, which boards refuse.
        return BoardUID(value: UInt64.random(in: 1..<UInt64.max, using: &generator))
    }

    func wish(for board: BoardUID) -> LinkSession.Wish {
        boards[board]?.wish ?? (stop.stops(board) ? .stopped : isCutOff ? .safe : .armed)
    }

    func identified(_ identity: LinkSession.Identity, on driver: any BoardDriver) -> String? {
        let uid = identity.uid
        if let other = driverOfBoard[uid], other !== driver {
            return "board \(uid) is connected through \(other.path) already"
        }
        // Another board behind the same port than before.
        if let former = self.uid(of: driver), former != uid {
            closed(driver, because: .unplugged)
        }
        guard boards[uid] != nil || makeRoom() else {
            return "\(AgentManifest.boardsMax) boards are connected already"
        }
        driverOfBoard[uid] = driver
        if links[uid] == nil { links[uid] = LinkRecord() }
        if boards[uid] == nil { addBoard(uid, identity.manifest) }
        let now = SystemTime.monotonicNanoseconds
        if let ended = boards[uid]?.greeted(identity.hello, at: now) { restarted(uid, ended) }
        // Not the state of the hello: an E-stop may have been obeyed since.
        boards[uid]?.connect(identity.manifest, driver.linkState ?? identity.hello.state)
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
        offerPrograms(to: uid)
        publishManifest()
        stateChanged()
        return nil
    }

    /// Forgets a board that is away and has nothing to do, if there are too many.
    func makeRoom() -> Bool {
        guard boards.count >= AgentManifest.boardsMax else { return true }
        let idle = boards.values.first { !$0.isConnected && $0.pendingCount == 0 }
        guard let idle else { return false }
        boards[idle.uid] = nil
        alarms[idle.uid]?.cancel()
        alarms[idle.uid] = nil
        links[idle.uid] = nil
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

    func ended(_ id: CommandID, _ result: LinkSession.CommandResult, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        let now = SystemTime.monotonicNanoseconds
        if result == .executed { boards[uid]?.stamp(id) { $0.acknowledgedNanoseconds = now } }
        finish(boards[uid]?.finish(id, result, at: now) ?? [])
    }

    func changed(_ state: LinkState, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        boards[uid]?.enter(state)
        if state.mode != .armed { sequenceDesk.silence(uid) }
        stateChanged()
    }

    func reported(_ event: BoardEvent, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        switch event.kind {
        case .input(let value): read(value, channel: event.channel, of: uid)
        case .fault(let fault): report(fault, of: uid)
        case .sequence(let news): take(news, of: event, on: uid)
        case .state, .unknown: break
        }
    }

    private func report(_ fault: BoardEvent.Fault, of uid: BoardUID) {
        finish(boards[uid]?.report(fault) ?? [])
        log.warning(
            "board fault",
            ["uid": .string(uid.description), "fault": .string(fault.word)])
        stateChanged()
    }

    func rebooted(_ cause: ResetCause, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        log.warning(
            "board restarted",
            ["uid": .string(uid.description), "cause": .string(cause.words)])
        if let ended = boards[uid]?.rebooted(at: SystemTime.monotonicNanoseconds) {
            restarted(uid, ended)
        }
        sequenceDesk.silence(uid)
        if let wish = boards[uid]?.wish { driver.become(wish) }
        stateChanged()
    }

    /// Counts what the board did not tell of before, and says so if it is put out of use.
    func restarted(_ uid: BoardUID, _ ended: BoardSession.Restart) {
        guard ended.isUnexpected else { return }
        links[uid, default: LinkRecord()].reset()
        if ended.isQuarantined {
            log.error(
                "board put out of use because it keeps restarting",
                ["uid": .string(uid.description)])
        }
        finish(ended.ended)
    }

    /// Lets a board out of quarantine; false if it is not in it. On the loop.
    package func release(_ uid: BoardUID) -> Bool {
        loop.preconditionOnLoop()
        guard boards[uid]?.release() == true else { return false }
        released(uid)
        return true
    }

    func released(_ uid: BoardUID) {
        log.info("board released from quarantine", ["uid": .string(uid.description)])
        driverOfBoard[uid]?.become(wish(for: uid))
        stateChanged()
    }

    func counted(_ counters: LinkCounters, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        links[uid, default: LinkRecord()].counted(counters)
    }

    func closed(_ driver: any BoardDriver, because closing: PortDriver.Closing) {
        guard let uid = uid(of: driver) else { return }
        if let statistics = driver.statistics {
            links[uid, default: LinkRecord()].ended(statistics, isLoss: closing != .ended)
        }
        driverOfBoard[uid] = nil
        sequenceDesk.silence(uid)
        if closing == .unplugged {
            finish(boards[uid]?.unplug() ?? [])
        } else {
            boards[uid]?.disconnect()
        }
        stateChanged()
        welcome(uid)
        alarms[uid]?.ring(
            by: boards[uid]?.nextDeadlineNanoseconds(at: SystemTime.monotonicNanoseconds))
    }

    func advance(_ driver: any BoardDriver) {
        if let uid = uid(of: driver) { advance(uid) }
    }

    func uid(of driver: any BoardDriver) -> BoardUID? {
        driverOfBoard.first { $0.value === driver }?.key
    }
}

/// Ports that come and go.
extension AgentCore {
    /// What the watcher has seen.
    func portChanged(_ change: PortWatcher.Change) {
        guard !isEnded else { return }
        switch change {
        case .left(let path):
            news.remove(path)
            for (name, driver) in drivers where name == path || driver.device == path {
                driver.unplug()
                drivers[name] = nil
            }
            // What the configuration names is waited for.
            openConfigured()
        case .came(let path):
            // More than there can be ports is treated as one change of everything.
            if news.count < PortScanner.portsMax { news.insert(path) } else { isAnyNews = true }
            lookSoon()
        case .unsure:
            isAnyNews = true
            lookSoon()
        }
    }

    /// Changes that come together are looked at together.
    private func lookSoon() {
        guard !isLookPending else { return }
        isLookPending = true
        loop.schedule(after: Limits.changeDelay) { [weak self] in
            guard let self, !self.isEnded else { return }
            self.isLookPending = false
            let (news, isAny) = (self.news, self.isAnyNews)
            (self.news, self.isAnyNews) = ([], false)
            let known = Array(self.drivers.values)
            self.look()
            for driver in known
            where isAny || driver.isConfigured || news.contains(driver.path)
                || news.contains(driver.device)
            {
                driver.retry()
            }
        }
    }

    /// Opens what is there and forgets what is gone.
    func look() {
        openConfigured()
        let present = setup.ports.scan()
        for path in present where drivers[path] == nil && !isLeased(path) && !isHosted(path) {
            guard drivers.count < PortScanner.portsMax else { break }
            let usb = setup.ports.usb(of: path)?.words ?? ""
            let driver = PortDriver(
                path: path, usb: usb, baud: setup.baud, loop: loop, owner: self, log: log)
            drivers[path] = driver
            log.info("port found", ["port": .string(path), "usb": .string(usb)])
            driver.start()
        }
        // A port that is gone, and closed, is no longer waited for.
        let gone = Set(drivers.keys).subtracting(present)
        for path in gone
        where drivers[path]?.isOpen == false && drivers[path]?.isConfigured == false {
            drivers[path]?.end()
            drivers[path] = nil
        }
    }

    /// The port by which a board was connected is closed: another one where it is now, and was
    /// refused because of that, is tried again.
    private func welcome(_ uid: BoardUID) {
        for driver in drivers.values where driver.rivalUID == uid {
            loop.schedule(after: .zero) { driver.retry() }
        }
    }
}
