internal import Platform
package import SharedModels

// The E-stop.
extension DevicesService {
    package enum StopLimits {
        /// How long a caller waits for the agents' word, and for the database.
        package static let wait = Duration.seconds(1)
        /// How long the database may take to write a press or a release.
        static let writing = Duration.seconds(3)
    }

    /// Presses or releases the E-stop of a target. Pressing acts at once, in memory and at the
    /// broker, and is written down after; releasing is written down first, and throws if it could
    /// not be. Of a press and a release at the same time, the later one wins, and the press if
    /// that cannot be told. What has become of it says `report`.
    package func setStop(
        _ target: StopTarget, in workspace: WorkspaceID, isStopped: Bool, by account: AccountID
    ) async throws -> StopOrder {
        let service = self
        // A task of its own: a caller that goes away must not leave it half done.
        return try await Task {
            isStopped
                ? try await service.press(target, in: workspace, by: account)
                : try await service.release(target, in: workspace)
        }.value
    }

    /// Waits until all agents that are online have said that they obey and the database knows of
    /// it, for `limit` at most; answers how it stands then.
    package func report(
        on order: StopOrder, within limit: Duration = StopLimits.wait
    ) async -> StopReport {
        let (dispatcher, stopKeeper) = (dispatcher, stopKeeper)
        let look: @Sendable () -> StopReport = {
            dispatcher.directory.report(on: order, isKept: stopKeeper.isKept(order.target))
        }
        await stopWaits.wait(atMost: limit) { look().isComplete }
        return await dispatcher.run { _ in look() }
    }

    /// Says the wanted stop state again to agents that are online and have not obeyed it yet: a
    /// broker whose queue for an agent is full drops what it has taken. On the loop.
    func repeatUnconfirmedStops() {
        dispatcher.loop.preconditionOnLoop()
        let behind = dispatcher.directory.agents.values.filter { $0.isOnline && !$0.obeysStops }
        if !behind.isEmpty { notices.publishStops(of: behind.map(\.id)) }
    }

    private func press(
        _ target: StopTarget, in workspace: WorkspaceID, by account: AccountID
    ) async throws -> StopOrder {
        let (now, notices, stopKeeper) = (unixMilliseconds(), notices, stopKeeper)
        let sequences = await dispatcher.run { dispatcher -> [(AgentID, Int64)]? in
            guard let agents = dispatcher.directory.agents(of: target, in: workspace) else {
                return nil
            }
            let isNew = !dispatcher.directory.stops.contains(target)
            defer {
                notices.publishStops(of: agents)
                stopKeeper.owe(target, of: workspace, by: account, isNew: isNew)
            }
            return dispatcher.updateDirectory { directory in
                directory.setStop(target, isStopped: true)
                return directory.raiseStopSequences(of: agents, unixMilliseconds: now)
            }
        }
        guard let sequences else { throw Self.notFound(target) }
        changed(workspace)
        return StopOrder(target: target, sequences: sequences)
    }

    private func release(
        _ target: StopTarget, in workspace: WorkspaceID
    ) async throws -> StopOrder {
        // A press from here on came later, and wins.
        let press = await dispatcher.run { $0.directory.presses[target] }
        let sequences = try await stopTurn.take { () -> [(AgentID, Int64)]? in
            guard let sequences = try await plan(toRelease: target, in: workspace, press: press)
            else { return nil }
            do {
                try await store.deleteStop(
                    target, sequences: sequences, deadline: StopLimits.writing)
            } catch {
                // It may be deleted all the same, and holds on here.
                await keepAgain(target, in: workspace)
                throw error
            }
            return await sayReleased(
                target, in: workspace, to: sequences.map(\.0), press: press)
        }
        changed(workspace)
        if let sequences { return StopOrder(target: target, sequences: sequences) }
        // Pressed meanwhile: the answer says how that stands.
        return StopOrder(
            target: target,
            sequences: await dispatcher.run {
                $0.directory.stopSequences(of: target, in: workspace)
            })
    }

    /// Says that a target is released, unless it was pressed meanwhile: then nil.
    private func sayReleased(
        _ target: StopTarget, in workspace: WorkspaceID, to agents: [AgentID], press: Int?
    ) async -> [(AgentID, Int64)]? {
        let (now, notices, stopKeeper) = (unixMilliseconds(), notices, stopKeeper)
        return await dispatcher.run { dispatcher in
            // Who pressed meanwhile waits for the turn, to write that down.
            guard dispatcher.directory.presses[target] == press else {
                stopKeeper.owe(target, of: workspace, by: nil, isNew: true)
                return nil
            }
            defer { notices.publishStops(of: agents) }
            // Another number than the one that was kept: under that one the old state may have
            // been said meanwhile, and an agent obeys each number once.
            return dispatcher.updateDirectory { directory in
                directory.setStop(target, isStopped: false)
                return directory.raiseStopSequences(of: agents, unixMilliseconds: now)
            }
        }
    }

    private func keepAgain(_ target: StopTarget, in workspace: WorkspaceID) async {
        let stopKeeper = stopKeeper
        await dispatcher.run { dispatcher in
            guard dispatcher.directory.stops.contains(target) else { return }
            stopKeeper.owe(target, of: workspace, by: nil, isNew: true)
        }
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
