internal import Platform
package import SharedModels

extension DevicesService {
    /// Unlocks dangerous channels of an armed board for a while, and locks its others. The board
    /// says in its state what became of it.
    /// - Throws: `DevicesError.notFound`, `.invalid`, `.notArmed`.
    package func unlock(
        _ channels: [String], of id: DeviceID, in workspace: WorkspaceID, seconds: Int,
        by account: AccountID
    ) async throws {
        let expiry = unixMilliseconds() + Unlock.lifetimeMilliseconds
        let problem = await dispatcher.run { dispatcher -> DevicesError? in
            let directory = dispatcher.directory
            guard let device = directory.devices[id], device.workspace == workspace,
                let agent = directory.agents[device.agent]
            else { return .notFound("device") }
            for (index, name) in channels.enumerated()
            where device.manifest.channel(named: name)?.isDangerous != true {
                return .invalid(
                    path: "channels[\(index)]", message: "is no dangerous channel of the device")
            }
            guard directory.condition(of: device).condition == .armed,
                !directory.isStopped(device)
            else { return .notArmed }
            dispatcher.publish(
                Unlock(
                    board: device.board, channels: channels, durationSeconds: seconds,
                    expiresAtMilliseconds: expiry), .unlock, in: workspace, to: agent.id,
                within: .milliseconds(Unlock.lifetimeMilliseconds))
            return nil
        }
        if let problem { throw problem }
        log.warning(
            "unlocking asked for",
            [
                "device": .string("\(id)"), "account": .string("\(account)"),
                "channels": .string(channels.joined(separator: " ")),
                "seconds": .int(Int64(seconds)),
            ])
    }
}
