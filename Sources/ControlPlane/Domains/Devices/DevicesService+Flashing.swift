internal import Platform
package import SharedModels

extension DevicesService {
    /// The last flashing of a device; nil if there was none.
    package func flashing(
        of id: DeviceID, in workspace: WorkspaceID
    ) async throws -> FlashJob? {
        let flashes = flashes
        let found = await dispatcher.run { dispatcher -> FlashJob?? in
            guard dispatcher.directory.devices[id]?.workspace == workspace else { return nil }
            return .some(flashes.job(of: id))
        }
        guard let found else { throw DevicesError.notFound("device") }
        return found
    }

    /// Has the device's agent flash firmware of its own library. A stopped device stays stopped.
    /// - Throws: `DevicesError.notFound`, `.invalid`, `.cannotFlash`.
    package func flash(
        _ build: String, onto id: DeviceID, in workspace: WorkspaceID, by account: AccountID
    ) async throws -> FlashJob {
        let (flashes, job, now) = (flashes, makeFlashID(), unixMilliseconds())
        // The place is taken in the same turn in which it was seen to be free.
        let taken = try await dispatcher.run { dispatcher -> Result<Taken, DevicesError> in
            let directory = dispatcher.directory
            guard let device = directory.devices[id], device.workspace == workspace,
                let agent = directory.agents[device.agent]
            else { return .failure(.notFound("device")) }
            if let obstacle = Self.obstacle(build, device, agent, directory, flashes) {
                return .failure(obstacle)
            }
            let former = flashes.job(of: id)
            let made = FlashJob(
                id: job, workspace: workspace, device: id, agent: agent.id,
                kind: device.manifest.board, build: build, formerBuild: device.manifest.build,
                by: account, createdAtMilliseconds: now)
            flashes.put(made)
            return .success(Taken(job: made, former: former, board: device.board))
        }.get()
        do {
            try await flashStore.insert(taken.job)
        } catch {
            await dispatcher.run { _ in flashes.withdraw(taken.job, for: taken.former) }
            throw error
        }
        await dispatcher.run { _ in flashes.send(taken.job, board: taken.board) }
        log.warning(
            "flashing asked for",
            [
                "device": .string("\(id)"), "account": .string("\(account)"),
                "build": .string(build),
            ])
        return taken.job
    }

    private struct Taken: Sendable {
        let job: FlashJob
        let former: FlashJob?
        let board: BoardUID
    }

    private static func obstacle(
        _ build: String, _ device: Device, _ agent: Agent, _ directory: DeviceDirectory,
        _ flashes: FlashJobs
    ) -> DevicesError? {
        guard agent.isOnline else {
            return .cannotFlash("agent_offline", "The agent \(agent.name) is offline.")
        }
        guard directory.condition(of: device).condition != .offline else {
            return .cannotFlash("board_offline", "The board is not connected.")
        }
        guard device.manifest.build != build else {
            return .invalid(path: "build", message: "is what the board runs already")
        }
        guard directory.firmware(for: device).contains(where: { $0.build == build }) else {
            return .invalid(path: "build", message: "is none that its agent has for the board")
        }
        guard flashes.open(of: agent.id) == nil else {
            return .cannotFlash(
                "flash_under_way", "A board of this agent is being flashed; wait until it ends.")
        }
        return nil
    }
}
