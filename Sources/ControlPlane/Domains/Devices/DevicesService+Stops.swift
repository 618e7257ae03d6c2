internal import Platform
package import SharedModels

// The E-stop.
extension DevicesService {
    /// Presses or releases the E-stop of a target. Pressing acts at once, in memory and at the
    /// broker, and is written down after; releasing is written down first. Of a press and a
    /// release at the same time, the later one wins, and the press if that cannot be told.
    ///
    /// Throws if it could not be written down. A press has acted then all the same, but would not
    /// outlast a restart of the control plane; the agents stay stopped even then.
    package func setStop(
        _ target: StopTarget, in workspace: WorkspaceID, isStopped: Bool, by account: AccountID
    ) async throws {
        let service = self
        // A task of its own: a caller that goes away must not leave it half done.
        try await Task {
            isStopped
                ? try await service.press(target, in: workspace, by: account)
                : try await service.release(target, in: workspace)
        }.value
    }

    /// Says the wanted stop state again to agents that are online and have not obeyed it yet: a
    /// broker whose queue for an agent is full drops what it has taken. On the loop.
    func repeatUnconfirmedStops() {
        dispatcher.loop.preconditionOnLoop()
        let behind = dispatcher.directory.agents.values.filter { agent in
            agent.isOnline && (agent.state?.stopSequence ?? 0) < agent.stopSequence
        }
        if !behind.isEmpty { notices.publishStops(of: behind.map(\.id)) }
    }

    private func press(
        _ target: StopTarget, in workspace: WorkspaceID, by account: AccountID
    ) async throws {
        let (now, notices) = (unixMilliseconds(), notices)
        let sequences = await dispatcher.run { dispatcher -> [(AgentID, Int64)]? in
            guard let agents = dispatcher.directory.agents(of: target, in: workspace) else {
                return nil
            }
            defer { notices.publishStops(of: agents) }
            return dispatcher.updateDirectory { directory in
                directory.setStop(target, isStopped: true)
                return directory.raiseStopSequences(of: agents, unixMilliseconds: now)
            }
        }
        guard let sequences else { throw Self.notFound(target) }
        changed(workspace)
        try await stopTurn.take {
            // Released again before it was this press's turn: there is nothing to write down.
            guard await dispatcher.run({ $0.directory.stops.contains(target) }) else { return }
            do {
                try await store.insertStop(target, of: workspace, by: account, sequences: sequences)
            } catch {
                log.error("an E-stop was not written down", ["reason": .string("\(error)")])
                throw DevicesError.stopNotKept
            }
        }
    }

    private func release(_ target: StopTarget, in workspace: WorkspaceID) async throws {
        // A press from here on came later, and wins.
        let press = await dispatcher.run { $0.directory.presses[target] }
        try await stopTurn.take {
            guard let sequences = try await plan(toRelease: target, in: workspace, press: press)
            else { return }
            try await store.deleteStop(target, sequences: sequences)
            let (agents, now) = (sequences.map(\.0), unixMilliseconds())
            await dispatcher.run { [notices] dispatcher in
                // Who pressed meanwhile waits for the turn, to write that down.
                guard dispatcher.directory.presses[target] == press else { return }
                // Another number than the one that was kept: under that one the old state may
                // have been said meanwhile, and an agent obeys each number once.
                dispatcher.updateDirectory { directory in
                    directory.setStop(target, isStopped: false)
                    _ = directory.raiseStopSequences(of: agents, unixMilliseconds: now)
                }
                notices.publishStops(of: agents)
            }
        }
        changed(workspace)
    }

    /// The numbers below which a release will not be published; nil if it was pressed again.
    private func plan(
        toRelease target: StopTarget, in workspace: WorkspaceID, press: Int?
    ) async throws -> [(AgentID, Int64)]? {
        let now = unixMilliseconds()
        let plan = await dispatcher.run { dispatcher -> Result<[(AgentID, Int64)]?, DevicesError> in
            guard let agents = dispatcher.directory.agents(of: target, in: workspace) else {
                return .failure(Self.notFound(target))
            }
            guard dispatcher.directory.presses[target] == press else { return .success(nil) }
            return .success(
                dispatcher.updateDirectory {
                    $0.raiseStopSequences(of: agents, unixMilliseconds: now)
                })
        }
        return try plan.get()
    }

    private static func notFound(_ target: StopTarget) -> DevicesError {
        switch target {
        case .workspace: .notFound("workspace")
        case .agent: .notFound("agent")
        case .device: .notFound("device")
        }
    }
}
