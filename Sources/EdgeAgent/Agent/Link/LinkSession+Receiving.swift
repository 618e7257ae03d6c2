internal import Hardware
internal import SharedModels

/// Receiving.
extension LinkSession {
    mutating func take(_ frame: Frame, at now: Int64, _ actions: inout [Action]) {
        statistics.received += 1
        guard let message = LinkMessage(frame) else {
            statistics.strays += 1
            return
        }
        if case .event(let event) = message { return take(event, frame.sequence, &actions) }
        if case .hello(let hello) = message, isForeign(hello, frame.sequence) {
            return meet(hello, at: now, &actions)
        }
        guard let index = inFlight.firstIndex(where: { $0.sequence == frame.sequence }),
            message.answers(inFlight[index].request)
        else {
            statistics.strays += 1
            return
        }
        if isDoubtful(message, index) { return }
        let entry = inFlight.remove(at: index)
        if entry.sendings == 1, !entry.request.isQuiet, entry.request != .hello {
            statistics.roundTrip(now - entry.firstSentNanoseconds)
        }
        settle(entry, with: message, at: now, &actions)
    }

    /// Whether a refusal speaks of a damaged frame rather than of ours. The link's CRC has no
    /// final inversion, so a frame whose closing 00 became 01 passes with a byte too many, and
    /// is refused for its length; ours is then still to be answered.
    mutating func isDoubtful(_ message: LinkMessage, _ index: Int) -> Bool {
        guard case .nak(let code, _, _) = message, Refusal(rawValue: code) == .badLength else {
            return false
        }
        inFlight[index].lengthRefusals += 1
        return inFlight[index].lengthRefusals < Limits.lengthRefusalsMax
    }

    /// A hello that answers none of our requests, or tells of another boot.
    func isForeign(_ hello: Hello, _ sequence: UInt8) -> Bool {
        if let known = self.hello, known.nonce != hello.nonce { return true }
        return !inFlight.contains { $0.sequence == sequence && $0.request == .hello }
    }

    /// The board has booted: everything in flight is void, and it is asked again, because only
    /// an answer to our request says that its memory of answers is empty.
    mutating func meet(_ hello: Hello, at now: Int64, _ actions: inout [Action]) {
        let isReboot = self.hello.map { $0.nonce != hello.nonce } ?? false
        // The hello of a boot that we know already was only late.
        guard isReboot || phase == .greeting else { return }
        if isReboot {
            statistics.reboots += 1
            void(.rebooted, &actions)
            actions.append(.rebooted(hello.resetCause))
            enter(hello.state, &actions)
            self.hello = nil
            identity = nil
            nextEventSequence = nil
            lastEvent = nil
            unlocking = nil
            forgetPrograms()
            phase = .greeting
            greetingDeadlineNanoseconds = now + Limits.greetingNanoseconds
        }
        let isRecent = now - lastSentNanoseconds < Limits.greetingPauseNanoseconds
        if let index = inFlight.firstIndex(where: { $0.request == .hello }) {
            if !isRecent { resend(index, at: now, &actions) }
        } else {
            begin(.hello, at: now, &actions)
        }
    }

    mutating func take(
        _ event: BoardEvent, _ sequence: UInt8, _ actions: inout [Action]
    ) {
        // A board sends an event once; the same frame again was doubled on the way.
        if nextEventSequence == sequence &+ 1, event == lastEvent {
            statistics.strays += 1
            return
        }
        lastEvent = event
        if let expected = nextEventSequence, expected != sequence {
            statistics.lostEvents += Int(sequence &- expected)
        }
        nextEventSequence = sequence &+ 1
        if case .state(let state) = event.kind { enter(state, &actions) }
        actions.append(.event(event))
    }

    mutating func enter(_ state: LinkState, _ actions: inout [Action]) {
        guard state != self.state else { return }
        self.state = state
        actions.append(.stateChanged(state))
    }

    mutating func settle(
        _ entry: InFlight, with message: LinkMessage, at now: Int64, _ actions: inout [Action]
    ) {
        switch message {
        case .hello(let hello): greet(hello, at: now, &actions)
        case .manifestChunk(let offset, let bytes):
            append(bytes, at: offset, now: now, &actions)
        case .counters(let counters):
            self.counters = counters
            actions.append(.counted(counters))
        case .committed(let found): tellUpload(&actions) { $0.found(found) }
        case .clock(let reading): read(reading, entry, at: now)
        case .ack(let state, let active):
            programming.active = active
            enter(state, &actions)
            acknowledged(entry, at: now, &actions)
        case .nak(let code, let state, let remaining):
            statistics.naks += 1
            enter(state, &actions)
            refused(entry, code, Int(remaining), at: now, &actions)
        case .event: break
        }
    }

    mutating func acknowledged(
        _ entry: InFlight, at now: Int64, _ actions: inout [Action]
    ) {
        switch entry.request {
        case .command: if let id = entry.command { actions.append(.ended(id, .executed)) }
        case .identityWrite(let uid):
            self.uid = uid
            actions.append(.greeted(uid))
            beginReading(at: now, &actions)
        case .unlock(_, let mask, let seconds):
            actions.append(.unlocked(mask: mask, seconds: seconds))
        case .sequenceWrite, .sequenceCommit: tellUpload(&actions) { $0.acknowledged() }
        case .optionsWrite: actions.append(.optionsWritten(nil))
        case .arm, .disarm, .emergencyStop, .emergencyStopClear:
            // A board that says yes and does not do it is asked again, but not in a storm.
            insistNanoseconds = isAsWished ? 0 : pauseAfter(entry.request, now)
        default: break
        }
    }

    var isAsWished: Bool {
        switch wish {
        case .safe: state.mode != .armed
        case .armed: state.mode == .armed
        case .stopped: state.mode == .estopped
        }
    }

    /// Clearing an E-stop is only half the way to armed; the other half may follow at once.
    func pauseAfter(_ request: LinkRequest, _ now: Int64) -> Int64 {
        if case .emergencyStopClear = request, wish == .armed, state.mode == .safe { return 0 }
        return now + Limits.insistNanoseconds
    }

    mutating func refused(
        _ entry: InFlight, _ code: UInt8, _ remaining: Int, at now: Int64,
        _ actions: inout [Action]
    ) {
        let reason = Refusal(rawValue: code)
        switch entry.request {
        case .command:
            guard let id = entry.command else { return }
            actions.append(.ended(id, .refused(reason, remainingMilliseconds: remaining)))
        case .identityWrite: fall(.identityRefused, &actions)
        // A board of an older firmware has nothing to unlock.
        case .unlock: break
        case .clockRead: break
        case .optionsWrite: actions.append(.optionsWritten(reason ?? .unknownType))
        case .sequenceRead, .sequenceWrite, .sequenceCommit:
            tellUpload(&actions) {
                $0.refused(reason, remainingMilliseconds: remaining, at: now)
            }
        case .manifestRead: fall(.badManifest("the board refused to show it"), &actions)
        case .arm, .emergencyStopClear:
            // Who could not be armed may be cleared at once; who could not be cleared, because the
            // wired E-stop is open, is asked again later.
            let isClearable = reason == .estopped && entry.request == .arm(nonce: hello?.nonce ?? 0)
            insistNanoseconds = isClearable ? 0 : now + Limits.insistNanoseconds
            // Our nonce is not the board's: it booted, and its hello was lost.
            if reason == .wrongNonce, !inFlight.contains(where: { $0.request == .hello }) {
                begin(.hello, at: now, &actions)
            }
        default: insistNanoseconds = now + Limits.insistNanoseconds
        }
    }
}

extension LinkMessage {
    /// Whether a board may answer that request with this.
    fileprivate func answers(_ request: LinkRequest) -> Bool {
        switch (self, request) {
        case (.hello, .hello), (.manifestChunk, .manifestRead), (.counters, .countersRead),
            (.committed, .sequenceRead), (.clock, .clockRead):
            true
        case (.ack, .hello), (.ack, .manifestRead), (.ack, .countersRead), (.ack, .sequenceRead),
            (.ack, .clockRead):
            false
        case (.ack, _), (.nak, _): true
        default: false
        }
    }
}
