internal import FoundationEssentials
internal import Platform
package import SharedModels

/// Messages of the broker.
extension AgentCore {
    /// A message of one of the agent's topics. On the loop.
    package func receive(_ leaf: Topic.Leaf, _ payload: [UInt8]) {
        loop.preconditionOnLoop()
        let now = SystemTime.monotonicNanoseconds
        switch leaf {
        case .command: receiveCommand(payload, at: now)
        case .cancel: receiveCancellation(payload)
        case .estop: receiveStop(payload)
        case .unlock: receiveUnlock(payload)
        case .flash: receiveFlash(payload)
        case .sequences: receiveSequences(payload)
        case .outcome, .state, .manifest, .telemetry, .input: break
        }
    }

    /// A message of the control plane; nil, and logged, if it cannot be read.
    func decoded<Message: Decodable>(_ type: Message.Type, _ payload: [UInt8]) -> Message? {
        do {
            return try decoder.decode(type, from: Data(payload))
        } catch {
            log.error(
                "unreadable message ignored",
                ["type": .string("\(type)"), "size": .int(Int64(payload.count))])
            return nil
        }
    }

    func receiveStop(_ payload: [UInt8]) {
        guard let message = decoded(EmergencyStop.self, payload) else { return }
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

    func applyStop() {
        var ended: [BoardSession.Ended] = []
        for (uid, board) in boards where board.isStopped != stop.stops(uid) {
            ended += boards[uid]?.stop(stop.stops(uid)) ?? []
            driverOfBoard[uid]?.become(wish(for: uid))
        }
        finish(ended)
    }

    func receiveCancellation(_ payload: [UInt8]) {
        guard let message = decoded(Cancellation.self, payload) else { return }
        let ids = Set(message.commands.prefix(256))
        var ended: [BoardSession.Ended] = []
        for uid in boards.keys { ended += boards[uid]?.cancel(ids) ?? [] }
        finish(ended)
        let done = Set(ended.map(\.pending.command.id))
        // What is not here may still be on its way: topics have no order among each other.
        cancelled += message.commands.prefix(256).filter { !done.contains($0) }
        cancelled.removeFirst(max(0, cancelled.count - Limits.cancelledMax))
    }

    func receiveCommand(_ payload: [UInt8], at now: Int64) {
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
        if serverClock.hasStepped(
            unixMilliseconds: SystemTime.unixMilliseconds, monotonicNanoseconds: now)
        {
            setup.clockDoubted()
        }
        do {
            let accepted = try CommandVerifier.verify(
                command, nowMilliseconds: nowMilliseconds,
                manifest: boards[command.board]?.manifest)
            take(command, accepted, payload: payload, at: now)
        } catch {
            if error.reason == .late || error.reason == .clockSkew { setup.clockDoubted() }
            end(command, error.status, error.reason, error.detail)
        }
    }

    func take(
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
                command, payload: payload,
                delivery: accepted.channel.delivery(of: command.operation),
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
    func answerRepeat(_ command: Command, _ progress: Journal.Progress) {
        guard progress == .ended else { return }
        do {
            guard let outcome = try journal.outcome(of: command.id) else { return }
            steps(.beforeRepeat)
            try journal.repeatOutcome(outcome, at: nowMilliseconds)
            steps(.afterRepeat)
            spooler.pump()
        } catch {
            log.error("cannot repeat an outcome", ["reason": .string("\(error)")])
        }
    }

    struct Head: Decodable { let id: CommandID }

    func refuseUnreadable(_ payload: [UInt8], _ error: any Error) {
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
