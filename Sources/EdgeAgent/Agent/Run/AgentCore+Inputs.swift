internal import Platform
internal import SharedModels

/// Changes of inputs.
extension AgentCore {
    func read(_ value: Int16, channel id: UInt8?, of uid: BoardUID) {
        guard let channel = boards[uid]?.manifest.channels.first(where: { $0.id == id }),
            channel.kind.isInput
        else { return }
        inputs.take(
            InputGate.Change(
                board: uid, channel: channel.name, value: Int(value),
                readNanoseconds: SystemTime.monotonicNanoseconds))
        tellInputs()
    }

    /// Publishes what may go, and sets the alarm for the rest.
    func tellInputs() {
        guard !isEnded else { return }
        let now = SystemTime.monotonicNanoseconds
        for change in inputs.takeReady(at: now) {
            inputSequence += 1
            publish(
                .input,
                InputChange(
                    board: change.board, channel: change.channel, value: change.value,
                    startedAtMilliseconds: setup.startedAtMilliseconds, sequence: inputSequence,
                    readAtMilliseconds: serverClock.now(
                        monotonicNanoseconds: change.readNanoseconds),
                    isLate: change.isLate, agentClock: setup.clock,
                    readNanoseconds: change.readNanoseconds), isRetained: false)
        }
        inputAlarm.ring(by: inputs.nextDeadlineNanoseconds)
    }
}
