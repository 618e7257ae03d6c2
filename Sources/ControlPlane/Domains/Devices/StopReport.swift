package import SharedModels

/// A press or a release of an E-stop that has been published, with the numbers by which the
/// agents it concerns will say that they obey it.
package struct StopOrder: Sendable {
    package let target: StopTarget
    package let sequences: [(AgentID, Int64)]
}

/// What is known of a press or a release so far.
package struct StopReport: Sendable, Hashable {
    /// An agent with the number of the stop state that it was told.
    package struct Told: Sendable, Hashable {
        package let agent: AgentID
        package let name: String
        package let sequence: Int64
    }

    /// Whether the target is stopped now.
    package var isStopped: Bool
    /// Whether that would outlast a restart of the control plane.
    package var isKept: Bool
    /// They obey, and no board of theirs that is meant is armed.
    package var confirmed: [Told] = []
    /// They are online and have not said so yet.
    package var unconfirmed: [Told] = []
    /// They will find it at the broker, before they do anything else.
    package var offline: [Told] = []

    /// Whether nothing more is to be waited for.
    package var isComplete: Bool { isKept && unconfirmed.isEmpty }
}

extension DeviceDirectory {
    /// What the agents have said of an order up to now.
    package func report(on order: StopOrder, isKept: Bool) -> StopReport {
        var report = StopReport(isStopped: stops.contains(order.target), isKept: isKept)
        for (id, sequence) in order.sequences {
            guard let agent = agents[id], !agent.isRevoked else { continue }
            let told = StopReport.Told(agent: id, name: agent.name, sequence: sequence)
            if !agent.isOnline {
                report.offline.append(told)
            } else if hasObeyed(agent, sequence, of: order.target) {
                report.confirmed.append(told)
            } else {
                report.unconfirmed.append(told)
            }
        }
        return report
    }

    private func hasObeyed(_ agent: Agent, _ sequence: Int64, of target: StopTarget) -> Bool {
        guard let state = agent.state, state.stopSequence >= sequence else { return false }
        // After a release boards may be armed.
        guard stops.contains(target) else { return true }
        return state.boards.allSatisfy { board in
            guard board.condition == .armed else { return true }
            guard case .device(let id) = target else { return false }
            return devices[id]?.board != board.uid
        }
    }
}
