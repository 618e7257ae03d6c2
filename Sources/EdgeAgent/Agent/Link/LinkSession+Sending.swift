internal import Hardware
internal import SharedModels

/// Sending.
extension LinkSession {
    var bytesInFlight: Int { inFlight.reduce(0) { $0 + $1.wire.count } }

    /// What the board takes in without reading. One frame always fits.
    var windowBytes: Int { min(identity?.manifest.receiveWindowBytes ?? 0, 255) }

    /// Whether the window has room for another command. A quiet one is alone on the line.
    func hasRoom(isQuiet: Bool) -> Bool {
        guard phase == .ready, state.mode == .armed, wish == .armed else { return false }
        guard let oldest = inFlight.first else { return true }
        return !isQuiet && !inFlight.contains { $0.request.isQuiet }
            && inFlight.count(where: { $0.command != nil }) < Limits.commandsMax
            && sequence &- oldest.sequence &+ 2 <= Limits.spanMax
            && bytesInFlight + Limits.commandMaxBytes <= windowBytes
    }

    /// Whether `pump` has a request for an armed board that waits until nothing is in flight.
    func needsIdleLine(at now: Int64) -> Bool {
        unlocking != nil || now >= countersDueNanoseconds || isClockDue(at: now)
            || isUploadDue(at: now)
    }

    mutating func begin(
        _ request: LinkRequest, command: CommandID? = nil, at now: Int64,
        _ actions: inout [Action]
    ) {
        sequence &+= 1
        let frame = Frame(type: request.type, sequence: sequence, payload: request.payload)
        // Payloads are made by LinkRequest and never too long.
        guard let wire = frame.wire else { return }
        var timeout = max(Limits.timeoutMinNanoseconds, statistics.timeoutNanoseconds)
        if request.isQuiet { timeout = max(timeout, Limits.quietTimeoutNanoseconds) }
        if request == .hello { timeout = Limits.greetingPeriodNanoseconds }
        timeout = min(timeout, Limits.timeoutMaxNanoseconds)
        inFlight.append(
            InFlight(
                request: request, command: command, sequence: sequence, wire: wire,
                firstSentNanoseconds: now, sendings: 1, timeoutNanoseconds: timeout,
                dueNanoseconds: now + timeout))
        lastSentNanoseconds = now
        firstQuestionNanoseconds = nil
        statistics.sent += 1
        actions.append(.send(wire, command: command))
    }

    mutating func resend(_ index: Int, at now: Int64, _ actions: inout [Action]) {
        if inFlight[index].request != .hello {
            inFlight[index].timeoutNanoseconds = min(
                inFlight[index].timeoutNanoseconds * 3 / 2, Limits.timeoutMaxNanoseconds)
        }
        inFlight[index].sendings += 1
        inFlight[index].dueNanoseconds = now + inFlight[index].timeoutNanoseconds
        lastSentNanoseconds = now
        statistics.retries += 1
        actions.append(.send(inFlight[index].wire, command: nil))
    }

    /// Sends what the wish, the heartbeat and the counters need, one frame at a time; the
    /// E-stop goes at once, whatever is in flight.
    mutating func pump(at now: Int64, _ actions: inout [Action]) {
        guard phase != .down, phase != .greeting else { return }
        if wish == .stopped, state.mode != .estopped, now >= insistNanoseconds,
            !inFlight.contains(where: { $0.request == .emergencyStop })
        {
            begin(.emergencyStop, at: now, &actions)
        }
        guard phase == .ready, inFlight.isEmpty, let hello else { return }
        if now >= insistNanoseconds, let request = transition(hello.nonce) {
            begin(request, at: now, &actions)
        } else if let unlocking, state.mode == .armed {
            self.unlocking = nil
            begin(
                .unlock(nonce: hello.nonce, mask: unlocking.mask, seconds: unlocking.seconds),
                at: now, &actions)
        } else if let writing, state.mode != .armed {
            self.writing = nil
            begin(.optionsWrite(writing), at: now, &actions)
        } else if now >= countersDueNanoseconds {
            countersDueNanoseconds = now + Limits.countersPeriodNanoseconds
            begin(.countersRead, at: now, &actions)
        } else if let request = programRequest(at: now) {
            begin(request, at: now, &actions)
        } else if now >= lastSentNanoseconds + Limits.beatPeriodNanoseconds {
            begin(.beat, at: now, &actions)
        }
    }

    /// The request that leads from the board's state toward the wish.
    func transition(_ nonce: UInt32) -> LinkRequest? {
        switch (wish, state.mode) {
        case (.armed, .safe): .arm(nonce: nonce)
        case (.armed, .estopped): .emergencyStopClear(nonce: nonce)
        case (.safe, .armed): .disarm
        default: nil
        }
    }
}
