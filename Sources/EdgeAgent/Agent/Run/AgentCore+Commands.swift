internal import FoundationEssentials
internal import Hardware
internal import Platform
internal import SharedModels

/// Commands on their way to the boards.
extension AgentCore {
    func nextCommand(_ uid: BoardUID, at now: Int64) -> PendingCommand? {
        guard let driver = driverOfBoard[uid] else { return nil }
        return boards[uid]?.next(at: now) { driver.canSend(isQuiet: $0, at: now) }
    }

    func send(_ pending: PendingCommand, to uid: BoardUID) {
        if pending.command.operation.isOfBoard { return perform(pending, on: uid) }
        guard let driver = driverOfBoard[uid] else { return }
        boards[uid]?.begin(pending)
        steps(.beforeWrite)
        driver.send(pending.command.operation, on: pending.channel, id: pending.command.id)
        let now = SystemTime.monotonicNanoseconds
        boards[uid]?.stamp(pending.command.id) { $0.writtenNanoseconds = now }
        steps(.afterWrite)
    }

    /// Drops what is late, sends what may go, and sets the alarm for the rest.
    func advance(_ uid: BoardUID) {
        let now = SystemTime.monotonicNanoseconds
        finish(boards[uid]?.expire(at: now) ?? [])
        if boards[uid]?.ease(at: now) == true { released(uid) }
        while let next = nextCommand(uid, at: SystemTime.monotonicNanoseconds) {
            do {
                steps(.beforeMark)
                try journal.markSent(next.command.id)
                steps(.afterMark)
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

    func finish(_ ended: [BoardSession.Ended]) {
        for one in ended {
            end(one.pending.command, one.status, one.reason, one.detail)
        }
    }

    func end(
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
    func record(_ outcome: Outcome) {
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
    func recover() throws {
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
