package import SharedModels

/// A device as the hot path needs it.
package struct Device: Sendable, Hashable {
    package var id: DeviceID
    package var workspace: WorkspaceID
    package var agent: AgentID
    package var board: BoardUID
    package var name: String
    package var manifest: BoardManifest
    package var createdAtMilliseconds: Int64
}

/// An agent as the hot path needs it.
package struct Agent: Sendable, Hashable {
    package var id: AgentID
    package var workspace: WorkspaceID
    package var name: String
    package var platform: String
    package var epoch: Int64
    package var stopSequence: Int64
    package var isRevoked: Bool
    package var createdAtMilliseconds: Int64
    /// What it last said of itself; nil until it did.
    package var state: AgentState?
    package var telemetry: AgentTelemetry?

    package var isOnline: Bool { !isRevoked && state?.isOnline ?? false }

    /// Whether it has said that it obeys the stop state that it was told last.
    package var obeysStops: Bool { (state?.stopSequence ?? 0) >= stopSequence }
}

/// What an input said last.
package struct InputValue: Hashable, Sendable {
    /// As `InputReading.value`.
    package let value: Int
    /// When its agent read it, Unix milliseconds UTC.
    package let atMilliseconds: Int64
}

/// What an E-stop stops.
package enum StopTarget: Hashable, Sendable {
    case workspace(WorkspaceID)
    case agent(AgentID)
    case device(DeviceID)
}

/// An E-stop that is pressed, as people are told of it.
package struct StopRecord: Hashable, Sendable {
    package let target: StopTarget
    /// Who pressed it; nil if the database does not say.
    package var by: AccountID?
    /// Since when, Unix milliseconds UTC; nil if the database does not say.
    package var sinceMilliseconds: Int64?
    /// Whether it is written down, and so outlasts a restart of the control plane.
    package var isKept = true
}

/// Every agent and device with its stops, in memory, so that a cue finds its boards without a
/// database. A pure value; filled at start and kept up to date by `DevicesService`.
package struct DeviceDirectory: Sendable {
    /// Why a command cannot go out now.
    package struct Refusal: Error, Equatable, Sendable {
        /// As `Outcome.reason`.
        package let reason: String
        /// As `Outcome.detail`.
        package let detail: String
    }

    package private(set) var agents: [AgentID: Agent] = [:]
    package private(set) var devices: [DeviceID: Device] = [:]
    package private(set) var stops: Set<StopTarget> = []
    /// The number of the last press of each stop, by which a release knows that it came too late.
    package private(set) var presses: [StopTarget: Int] = [:]
    private var pressCount = 0
    /// By number.
    var sequences: [DeviceID: [Int: StoredSequence]] = [:]
    private var boards: [AgentID: [BoardUID: DeviceID]] = [:]
    /// By channel; at most as many as the devices have inputs.
    private var inputs: [DeviceID: [String: InputValue]] = [:]

    package init() {}

    package mutating func put(_ agent: Agent) { agents[agent.id] = agent }

    package mutating func put(_ device: Device) {
        if let old = devices[device.id] { boards[old.agent]?[old.board] = nil }
        devices[device.id] = device
        boards[device.agent, default: [:]][device.board] = device.id
    }

    package mutating func put(_ reading: InputReading, atMilliseconds: Int64) {
        inputs[reading.device, default: [:]][reading.channel] = InputValue(
            value: reading.value, atMilliseconds: atMilliseconds)
    }

    /// What the inputs of a device said last, those that its board still has.
    package func inputs(of device: Device) -> [(channel: String, value: InputValue)] {
        guard let known = inputs[device.id] else { return [] }
        return device.manifest.channels.filter(\.kind.isInput).compactMap { channel in
            known[channel.name].map { (channel.name, $0) }
        }
    }

    package mutating func update(_ agent: AgentID, _ change: (inout Agent) -> Void) {
        guard var value = agents[agent] else { return }
        change(&value)
        agents[agent] = value
    }

    package mutating func setStop(_ target: StopTarget, isStopped: Bool) {
        if isStopped {
            stops.insert(target)
            pressCount &+= 1
            presses[target] = pressCount
        } else {
            stops.remove(target)
            presses[target] = nil
        }
    }

    package func device(of agent: AgentID, board: BoardUID) -> Device? {
        boards[agent]?[board].flatMap { devices[$0] }
    }

    /// The device of a board, whichever agent of the workspace it was at last.
    package func device(in workspace: WorkspaceID, board: BoardUID) -> Device? {
        devices.values.first { $0.board == board && $0.workspace == workspace }
    }

    /// The agents that a stop of the target concerns; nil if it is not of the workspace.
    package func agents(of target: StopTarget, in workspace: WorkspaceID) -> [AgentID]? {
        switch target {
        case .workspace(let id):
            return id == workspace ? agents(of: id).filter { !$0.isRevoked }.map(\.id) : nil
        case .agent(let id): return agents[id]?.workspace == workspace ? [id] : nil
        case .device(let id):
            guard let device = devices[id], device.workspace == workspace else { return nil }
            return [device.agent]
        }
    }

    /// Gives the stop states of agents new numbers, above all that were given and that the agents
    /// say they obeyed. They come from the wall clock, so that not even a database that was set
    /// back to an older day makes an agent deaf to a stop.
    package mutating func raiseStopSequences(
        of agents: [AgentID], unixMilliseconds: Int64
    ) -> [(AgentID, Int64)] {
        agents.compactMap { id in
            guard let agent = self.agents[id] else { return nil }
            let highest = max(
                agent.stopSequence, agent.state?.stopSequence ?? 0, unixMilliseconds)
            let (next, isOver) = highest.addingReportingOverflow(1)
            self.agents[id]?.stopSequence = isOver ? highest : next
            return (id, isOver ? highest : next)
        }
    }

    /// The numbers that the agents concerned were given last; none if the target is not of the
    /// workspace.
    package func stopSequences(
        of target: StopTarget, in workspace: WorkspaceID
    ) -> [(AgentID, Int64)] {
        (agents(of: target, in: workspace) ?? []).compactMap { id in
            agents[id].map { (id, $0.stopSequence) }
        }
    }

    package func agents(of workspace: WorkspaceID) -> [Agent] {
        agents.values.filter { $0.workspace == workspace }.sorted { $0.id < $1.id }
    }

    package func devices(of workspace: WorkspaceID) -> [Device] {
        devices.values.filter { $0.workspace == workspace }.sorted { $0.id < $1.id }
    }

    /// How the board of a device is, as its agent last said.
    package func condition(of device: Device) -> BoardState {
        let agent = agents[device.agent]
        guard let agent, agent.isOnline,
            let board = agent.state?.boards.first(where: { $0.uid == device.board })
        else { return BoardState(uid: device.board, condition: .offline) }
        return board
    }

    /// What the links with the board of a device have counted, as its agent last said; nil
    /// while the agent is away.
    package func link(of device: Device) -> AgentTelemetry.Link? {
        guard let agent = agents[device.agent], agent.isOnline else { return nil }
        return agent.telemetry?.links.first { $0.uid == device.board }
    }

    /// The firmware that the agent of a device has for its kind of board; none while it is away.
    package func firmware(for device: Device) -> [FirmwareOffer] {
        guard let agent = agents[device.agent], agent.isOnline else { return [] }
        return (agent.state?.firmware ?? []).filter { $0.board == device.manifest.board }
    }

    /// Whether an E-stop holds the device, at whatever level.
    package func isStopped(_ device: Device) -> Bool {
        stops.contains(.workspace(device.workspace)) || stops.contains(.agent(device.agent))
            || stops.contains(.device(device.id))
    }

    /// The whole wanted stop state of an agent, as it is published.
    package func emergencyStop(of agent: Agent) -> EmergencyStop {
        EmergencyStop(
            sequence: agent.stopSequence,
            isAgentStopped: stops.contains(.workspace(agent.workspace))
                || stops.contains(.agent(agent.id)),
            stoppedBoards: (boards[agent.id] ?? [:]).filter { stops.contains(.device($0.value)) }
                .keys.sorted { $0.value < $1.value })
    }

    /// Finds the device for an action of a workspace, or says why not.
    package func resolve(
        _ action: Action, in workspace: WorkspaceID
    ) throws(Refusal) -> (Device, Agent) {
        guard let device = devices[action.device], device.workspace == workspace,
            let agent = agents[device.agent]
        else { throw Refusal(reason: "no_device", detail: "there is no such device") }
        guard !isStopped(device) else {
            throw Refusal(reason: "estopped", detail: "the E-stop is pressed")
        }
        guard let channel = device.manifest.channel(named: action.channel) else {
            throw Refusal(
                reason: "no_channel", detail: "\(device.name) has no channel \(action.channel)")
        }
        if let problem = channel.refusal(of: action.operation) {
            throw Refusal(reason: "bad_operation", detail: problem)
        }
        if case .play(let number, _) = action.operation, sequences[device.id]?[number] == nil {
            throw Refusal(
                reason: "no_sequence", detail: "\(device.name) has no sequence \(number)")
        }
        guard agent.isOnline else {
            throw Refusal(
                reason: "agent_offline",
                detail: "the agent \(agent.name) \(agent.isRevoked ? "was revoked" : "is offline")")
        }
        guard condition(of: device).condition != .offline else {
            throw Refusal(reason: "board_offline", detail: "the board is not connected")
        }
        return (device, agent)
    }
}
