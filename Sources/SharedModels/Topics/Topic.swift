/// The MQTT topics of one agent: `cuelight/1/{workspace}/{agent}/{leaf}`.
package struct Topic: Hashable, Sendable {
    package enum Leaf: String, Hashable, Sendable, CaseIterable {
        /// Down, QoS 1: a `Command`.
        case command
        /// Down, QoS 1: a `Cancellation`.
        case cancel
        /// Down, QoS 1, retained: an `EmergencyStop`, the whole wanted stop state of the agent.
        case estop
        /// Down, QoS 1: an `Unlock`.
        case unlock
        /// Down, QoS 1: a `FlashOrder`.
        case flash
        /// Down, QoS 1, retained: an `AgentSequences`, all that the agent's boards shall keep.
        case sequences
        /// Up, QoS 1: an `Outcome`.
        case outcome
        /// Up, QoS 1, retained, and the will: an `AgentState`.
        case state
        /// Up, QoS 1, retained: an `AgentManifest`.
        case manifest
        /// Up, QoS 0: an `AgentTelemetry`.
        case telemetry
        /// Up, QoS 1: an `InputChange`.
        case input

        /// True if the control plane writes and the agent reads.
        package var isDown: Bool {
            switch self {
            case .command, .cancel, .estop, .unlock, .flash, .sequences: true
            case .outcome, .state, .manifest, .telemetry, .input: false
            }
        }
    }

    package static let prefix = "cuelight/1"
    /// The most bytes of any payload, as brokers are configured.
    package static let payloadMaxBytes = 256 * 1024

    package let workspace: WorkspaceID
    package let agent: AgentID
    package let leaf: Leaf

    package init(workspace: WorkspaceID, agent: AgentID, leaf: Leaf) {
        self.workspace = workspace
        self.agent = agent
        self.leaf = leaf
    }

    /// Reads a full topic; nil if it is not one of ours, letter by letter as `name` writes it.
    package init?(_ name: String) {
        let levels = name.split(separator: "/", omittingEmptySubsequences: false)
        guard levels.count == 5, levels[0] == "cuelight", levels[1] == "1",
            let workspace = WorkspaceID(levels[2]), let agent = AgentID(levels[3]),
            let leaf = Leaf(rawValue: String(levels[4]))
        else { return nil }
        self.init(workspace: workspace, agent: agent, leaf: leaf)
        // Identifiers also read capitals; for the broker that is another topic.
        guard self.name.utf8.elementsEqual(name.utf8) else { return nil }
    }

    /// The full topic.
    package var name: String { "\(Topic.prefix)/\(workspace)/\(agent)/\(leaf.rawValue)" }

    /// The filter for one leaf of every agent of every workspace.
    package static func everyAgent(_ leaf: Leaf) -> String { "\(prefix)/+/+/\(leaf.rawValue)" }
}
