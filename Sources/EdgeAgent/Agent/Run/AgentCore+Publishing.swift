internal import CLinux
internal import FoundationEssentials
internal import Hardware
internal import Platform
package import SharedModels

/// What the agent tells.
extension AgentCore {
    /// How the agent and its boards are.
    package var state: AgentState {
        AgentState(
            isOnline: true, version: setup.version,
            startedAtMilliseconds: setup.startedAtMilliseconds,
            stopSequence: stop.last.sequence, isStopped: stop.last.isAgentStopped,
            boards: boards.values.sorted { $0.uid.value < $1.uid.value }.map {
                BoardState(uid: $0.uid, condition: $0.condition, fault: $0.fault)
            })
    }

    package var telemetry: AgentTelemetry {
        AgentTelemetry(
            uptimeSeconds: Int(
                (SystemTime.monotonicNanoseconds - startedNanoseconds) / 1_000_000_000),
            residentBytes: Int(cue_resident_bytes()), spooledOutcomes: journal.spooledCount,
            droppedOutcomes: journal.droppedOutcomes,
            links: drivers.values.compactMap { driver in
                guard let uid = uid(of: driver), let link = driver.link else { return nil }
                return AgentTelemetry.Link(
                    uid: uid, sent: link.statistics.sent, retries: link.statistics.retries,
                    crcErrors: link.statistics.crcErrors + Int(link.counters?.crcErrors ?? 0),
                    overruns: Int(link.counters?.overruns ?? 0),
                    duplicates: Int(link.counters?.duplicates ?? 0),
                    roundTripP50Microseconds: link.statistics.roundTripMicroseconds(permille: 500),
                    roundTripP99Microseconds: link.statistics.roundTripMicroseconds(permille: 990))
            })
    }

    /// Publishes the state soon; changes that follow at once go with it.
    func stateChanged() {
        guard isConnected, !isStatePending else { return }
        isStatePending = true
        loop.schedule(after: Limits.stateDelay) { [weak self] in
            guard let self else { return }
            self.isStatePending = false
            self.publish(.state, self.state, isRetained: true)
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
