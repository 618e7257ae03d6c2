internal import Hardware
internal import Platform
internal import SharedModels

/// Unlocking dangerous channels.
extension AgentCore {
    func receiveUnlock(_ payload: [UInt8]) {
        guard let message = decoded(Unlock.self, payload) else { return }
        let uid = message.board
        guard message.problem == nil, nowMilliseconds < message.expiresAtMilliseconds,
            let board = boards[uid], board.condition == .armed, !stop.stops(uid),
            let driver = driverOfBoard[uid]
        else { return log.warning("unlocking ignored", ["uid": .string(uid.description)]) }
        driver.unlock(
            mask: board.mask(of: message.channels), seconds: UInt16(message.durationSeconds))
    }

    func unlocked(mask: UInt16, seconds: UInt16, on driver: any BoardDriver) {
        guard let uid = uid(of: driver) else { return }
        let duration = Duration.seconds(Int(seconds))
        boards[uid]?.unlock(
            mask: mask, until: SystemTime.monotonicNanoseconds + duration.nanosecondsClamped)
        log.warning(
            "dangerous channels unlocked",
            [
                "uid": .string(uid.description),
                "channels": .string(
                    (boards[uid]?.unlockedChannels(at: SystemTime.monotonicNanoseconds) ?? [])
                        .joined(separator: " ")), "seconds": .int(Int64(seconds)),
            ])
        stateChanged()
        loop.schedule(after: duration) { [weak self] in self?.stateChanged() }
    }
}
