internal import Hardware
internal import Platform
internal import SharedModels

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
        // Not the state of the hello: an E-stop may have been obeyed since.
        boards[uid]?.connect(identity.manifest, driver.link?.state ?? identity.hello.state)
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
    func makeRoom() -> Bool {
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

    func uid(of driver: PortDriver) -> BoardUID? {
        driverOfBoard.first { $0.value === driver }?.key
    }
}
