internal import CLinux
internal import FoundationEssentials
internal import Hardware
internal import Platform
package import SharedModels

/// What the agent tells.
extension AgentCore {
    /// How the agent and its boards are.
    package var state: AgentState {
        let now = SystemTime.monotonicNanoseconds
        return AgentState(
            isOnline: true, version: setup.version,
            startedAtMilliseconds: setup.startedAtMilliseconds,
            stopSequence: stop.last.sequence, isStopped: stop.last.isAgentStopped,
            boards: boards.values.sorted { $0.uid.value < $1.uid.value }.map {
                let unlocked = $0.unlockedChannels(at: now)
                return BoardState(
                    uid: $0.uid, condition: $0.condition, fault: $0.fault,
                    unlocked: unlocked.isEmpty ? nil : unlocked,
                    sequences: sequenceStates(of: $0.uid), playing: sequenceDesk.playing[$0.uid])
            }, firmware: desk?.offers, flashing: desk?.report)
    }

    package var telemetry: AgentTelemetry {
        AgentTelemetry(
            uptimeSeconds: Int(
                (SystemTime.monotonicNanoseconds - startedNanoseconds) / 1_000_000_000),
            residentBytes: Int(cue_resident_bytes()), spooledOutcomes: journal.spooledCount,
            droppedOutcomes: journal.droppedOutcomes,
            links: links.keys.sorted { $0.value < $1.value }.compactMap(figures))
    }

    /// What the links with a board have counted; nil if it was never connected.
    func figures(of uid: BoardUID) -> AgentTelemetry.Link? {
        links[uid]?.figures(of: uid, current: driverOfBoard[uid]?.statistics)
    }

    /// Publishes the state soon, and what the links have counted; changes that follow at once go
    /// with it.
    package func stateChanged() {
        guard isConnected, !isStatePending else { return }
        isStatePending = true
        loop.schedule(after: Limits.stateDelay) { [weak self] in
            guard let self else { return }
            self.isStatePending = false
            self.publish(.state, self.state, isRetained: true)
            self.publish(.telemetry, self.telemetry, isRetained: false)
        }
    }

    func publishManifest() {
        guard isConnected else { return }
        let found = boards.values.sorted { $0.uid.value < $1.uid.value }.map { board in
            AgentManifest.Board(
                uid: board.uid, port: driverOfBoard[board.uid]?.path ?? "",
                manifest: board.manifest)
        }
        publish(.manifest, AgentManifest(boards: found), isRetained: true)
    }

    func publish(_ leaf: Topic.Leaf, _ value: some Encodable, isRetained: Bool) {
        guard isConnected, !isEnded else { return }
        do {
            uplink.publish(leaf, Array(try encoder.encode(value)), isRetained) { _ in }
        } catch {
            log.error("cannot encode", ["leaf": .string(leaf.rawValue)])
        }
    }
}
