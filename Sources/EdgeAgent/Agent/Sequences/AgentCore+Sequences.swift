internal import Hardware
internal import Platform
internal import SharedModels

/// Sequences: what boards shall keep, and starting and ending what they play.
extension AgentCore {
    func receiveSequences(_ payload: [UInt8]) {
        guard let message = decoded(AgentSequences.self, payload) else { return }
        if let problem = message.problem {
            return log.error("sequences ignored", ["reason": .string(problem)])
        }
        sequenceDesk.take(message)
        for uid in boards.keys { offerPrograms(to: uid) }
        stateChanged()
    }

    /// The port of a connected board whose firmware is ours.
    private func port(of uid: BoardUID) -> PortDriver? { driverOfBoard[uid] as? PortDriver }

    private func upload(of uid: BoardUID) -> ProgramUpload? {
        guard boards[uid]?.isConnected == true else { return nil }
        return port(of: uid)?.link?.programs
    }

    /// Says to a connected board what it shall keep.
    func offerPrograms(to uid: BoardUID) {
        guard let board = boards[uid] else { return }
        let memory = sequenceDesk.memory(of: uid, on: board.manifest)
        if board.isConnected { port(of: uid)?.keep(memory) }
    }

    /// How the board's sequences are, for its state; nil if it has none.
    func sequenceStates(of uid: BoardUID) -> [SequenceState]? {
        let states = sequenceDesk.states(of: uid, upload: upload(of: uid))
        return states.isEmpty ? nil : states
    }

    /// How far off the board's clock may be as the agent knows it, microseconds; nil if it does not.
    func clockDoubtMicroseconds(of uid: BoardUID) -> Int? {
        port(of: uid)?.link?.clock.estimate(at: SystemTime.monotonicNanoseconds)
            .map { Int($0.doubtNanoseconds / 1000) }
    }

    func programsChanged(on driver: PortDriver) {
        guard let uid = driver.uid, let upload = driver.link?.programs else { return }
        switch upload.condition {
        case .ready: log.info("sequences are on the board", ["uid": .string(uid.description)])
        case .refused(let trouble):
            log.warning(
                "sequences refused",
                ["uid": .string(uid.description), "reason": .string(trouble.sentence)])
        case .pending: break
        }
        stateChanged()
    }

    func take(_ news: SequenceNews, of event: BoardEvent, on uid: BoardUID) {
        guard let program = event.channel else { return }
        sequenceDesk.take(news, program: Int(program), of: uid)
        log.info(
            "sequence \(news)",
            ["uid": .string(uid.description), "sequence": .int(Int64(program))])
        stateChanged()
    }

    /// Sends a play or a stop, which are of the board itself; what cannot be done ends here.
    func perform(_ pending: PendingCommand, on uid: BoardUID) {
        guard let driver = port(of: uid), let manifest = boards[uid]?.manifest else { return }
        let words: LinkCommand
        do throws(SequenceDesk.Refusal) {
            if case .play(let number, let start) = pending.command.operation {
                words = try play(number, at: start, for: pending.command, uid, manifest)
            } else {
                let now = SystemTime.monotonicNanoseconds
                words = LinkCommand(.off, on: try sequenceDesk.channelOfPlaying(of: uid, at: now))
            }
        } catch {
            boards[uid]?.withdraw(pending.command.id)
            return end(pending.command, error.status, error.reason, error.detail)
        }
        boards[uid]?.begin(pending)
        steps(.beforeWrite)
        driver.send(words, id: pending.command.id)
        let now = SystemTime.monotonicNanoseconds
        boards[uid]?.stamp(pending.command.id) { $0.writtenNanoseconds = now }
        steps(.afterWrite)
    }

    private func play(
        _ number: Int, at startAt: Int64?, for command: Command, _ uid: BoardUID,
        _ manifest: BoardManifest
    ) throws(SequenceDesk.Refusal) -> LinkCommand {
        let sequence = try sequenceDesk.sequence(number, of: uid, upload: upload(of: uid))
        let now = SystemTime.monotonicNanoseconds
        let unlocked = boards[uid]?.unlockedChannels(at: now) ?? []
        for name in sequence.channels
        where manifest.channel(named: name)?.isDangerous == true && !unlocked.contains(name) {
            throw SequenceDesk.Refusal(.locked, "The sequence uses \(name).")
        }
        var start = now
        var milliseconds: UInt32 = 0
        if let startAt {
            start = sequenceDesk.starts.time(
                of: startAt, issuedAt: command.issuedAtMilliseconds, at: now,
                unixMilliseconds: nowMilliseconds)
            milliseconds = try boardTime(of: start, at: now, uid)
        }
        sequenceDesk.begin(number, sequence, on: manifest, of: uid, at: start)
        return LinkCommand(program: UInt8(clamping: number), startAtMilliseconds: milliseconds)
    }

    /// What the board's clock will show at a time of ours that is ahead.
    private func boardTime(
        of start: Int64, at now: Int64, _ uid: BoardUID
    ) throws(SequenceDesk.Refusal) -> UInt32 {
        guard start >= now else {
            throw SequenceDesk.Refusal(
                .late, "The common start was \((now - start) / 1_000_000) ms ago.", status: .expired
            )
        }
        let ahead = (start - now) / 1_000_000
        guard ahead <= StartTimes.Limits.aheadMaxMilliseconds else {
            throw SequenceDesk.Refusal(
                .outOfRange,
                "The start is \(ahead) ms ahead; \(StartTimes.Limits.aheadMaxMilliseconds) ms are "
                    + "possible.")
        }
        guard let estimate = port(of: uid)?.link?.clock.estimate(at: start) else {
            throw SequenceDesk.Refusal(.clockUnknown)
        }
        // 0 would mean at once.
        return max(estimate.milliseconds, 1)
    }
}

extension PortDriver {
    /// What the board on this port shall keep.
    func keep(_ memory: ProgramMemory?) {
        act { link, now in link.keep(memory, baud: baud, at: now) }
    }
}

extension SharedModels.Operation {
    /// Whether it is for the board itself, and not for one of its channels.
    var isOfBoard: Bool {
        switch self {
        case .play, .stop: true
        default: false
        }
    }
}
