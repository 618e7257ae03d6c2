package import HTTP
package import SharedModels

// The answers of the domain, as they are on the wire.

struct AgentTokenJSON: Encodable {
    let id: AgentTokenID
    let name: String
    /// Only in the answer that makes it.
    let token: String?
    let createdAtMilliseconds: Int64
    let expiresAtMilliseconds: Int64
    let revokedAtMilliseconds: Int64?
    let usedAtMilliseconds: Int64?
    let agentID: AgentID?

    init(_ token: AgentToken, text: String? = nil) {
        id = token.id
        name = token.name
        self.token = text
        createdAtMilliseconds = token.createdAtMilliseconds
        expiresAtMilliseconds = token.expiresAtMilliseconds
        revokedAtMilliseconds = token.revokedAtMilliseconds
        usedAtMilliseconds = token.usedAtMilliseconds
        agentID = token.agent
    }

    private enum CodingKeys: String, CodingKey {
        case id, name, token, createdAtMilliseconds = "created_at_ms"
        case expiresAtMilliseconds = "expires_at_ms", revokedAtMilliseconds = "revoked_at_ms"
        case usedAtMilliseconds = "used_at_ms", agentID = "agent_id"
    }

    static let schema = Schema.named(
        "AgentToken",
        .object([
            .required("id", .uuid), .required("name", .text),
            .optional("token", .text, "shown once, in the answer that makes it"),
            .required("created_at_ms", .unixMilliseconds),
            .required("expires_at_ms", .unixMilliseconds),
            .optional("revoked_at_ms", .unixMilliseconds),
            .optional("used_at_ms", .unixMilliseconds), .optional("agent_id", .uuid),
        ]))
}

struct PairingJSON: Encodable {
    struct MQTT: Encodable {
        let host: String
        let port: Int
        let tls: Bool
    }

    let agentID: AgentID
    let workspaceID: WorkspaceID
    let mqtt: MQTT
    let credential: String
    let credentialExpiresAtMilliseconds: Int64
    let serverPublicKey: String

    init(_ pairing: Pairing, broker: BrokerAddress, serverPublicKey: String) {
        agentID = pairing.agent
        workspaceID = pairing.workspace
        mqtt = MQTT(host: broker.host, port: Int(broker.port), tls: broker.isTLS)
        credential = pairing.credential
        credentialExpiresAtMilliseconds = pairing.credentialExpiresAtMilliseconds
        self.serverPublicKey = serverPublicKey
    }

    private enum CodingKeys: String, CodingKey {
        case agentID = "agent_id", workspaceID = "workspace_id", mqtt, credential
        case credentialExpiresAtMilliseconds = "credential_expires_at_ms"
        case serverPublicKey = "server_public_key"
    }

    static let schema = Schema.named(
        "Pairing",
        .object([
            .required("agent_id", .uuid), .required("workspace_id", .uuid),
            .required(
                "mqtt",
                .object([
                    .required("host", .text), .required("port", .integer(1...65_535)),
                    .required("tls", .boolean),
                ])), .required("credential", .text, "the MQTT password; the user is agent_id"),
            .required("credential_expires_at_ms", .unixMilliseconds),
            .required("server_public_key", .text, "Ed25519, base64url"),
        ]))
}

struct AgentJSON: Encodable {
    let id: AgentID
    let name: String
    let platform: String
    let isOnline: Bool
    let isRevoked: Bool
    let isStopped: Bool
    let isStopConfirmed: Bool
    let version: String
    let telemetry: AgentTelemetry?
    let createdAtMilliseconds: Int64

    init(_ agent: Agent, isStopped: Bool) {
        id = agent.id
        name = agent.name
        platform = agent.platform
        isOnline = agent.isOnline
        isRevoked = agent.isRevoked
        self.isStopped = isStopped
        isStopConfirmed = agent.isOnline && agent.obeysStops
        version = agent.state?.version ?? ""
        telemetry = agent.isOnline ? agent.telemetry : nil
        createdAtMilliseconds = agent.createdAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, name, platform, isOnline = "online", isRevoked = "revoked", isStopped = "stopped"
        case isStopConfirmed = "stop_confirmed", version, telemetry
        case createdAtMilliseconds = "created_at_ms"
    }

    static let schema = Schema.named(
        "Agent",
        .object([
            .required("id", .uuid), .required("name", .text), .required("platform", .text),
            .required("online", .boolean), .required("revoked", .boolean),
            .required("stopped", .boolean, "its own E-stop or the workspace's"),
            .required(
                "stop_confirmed", .boolean,
                "whether it is online and obeys the E-stop's last press or release"),
            .required("version", .text), .optional("telemetry", .freeObject(maxValues: 1000)),
            .required("created_at_ms", .unixMilliseconds),
        ]))
}

struct DeviceJSON: Encodable {
    let id: DeviceID
    let agentID: AgentID
    let boardUID: BoardUID
    let name: String
    let condition: BoardState.Condition
    let fault: String
    let isStopped: Bool
    let link: AgentTelemetry.Link?
    let manifest: BoardManifest
    let inputs: [Input]
    let unlocked: [String]
    let firmware: [FirmwareJSON]
    let flash: FlashJobJSON?
    let createdAtMilliseconds: Int64

    struct Input: Encodable {
        let channel: String
        let value: Int
        let atMilliseconds: Int64

        private enum CodingKeys: String, CodingKey {
            case channel, value, atMilliseconds = "at_ms"
        }
    }

    init(
        _ device: Device, state: BoardState, link: AgentTelemetry.Link?, isStopped: Bool,
        inputs: [(String, InputValue)], firmware: [FirmwareOffer], flash: FlashJob?
    ) {
        self.firmware = firmware.map { FirmwareJSON(version: $0.version, build: $0.build) }
        self.flash = flash.map(FlashJobJSON.init)
        id = device.id
        agentID = device.agent
        boardUID = device.board
        name = device.name
        condition = state.condition
        fault = state.fault
        self.isStopped = isStopped
        self.link = link
        manifest = device.manifest
        self.inputs = inputs.map { channel, value in
            Input(
                channel: channel, value: value.value,
                atMilliseconds: min(max(value.atMilliseconds, 0), 253_402_300_799_999))
        }
        unlocked = state.unlocked ?? []
        createdAtMilliseconds = device.createdAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, agentID = "agent_id", boardUID = "board_uid", name, condition, fault
        case isStopped = "stopped", link, manifest, inputs, unlocked, firmware, flash
        case createdAtMilliseconds = "created_at_ms"
    }

    static let schema = Schema.named(
        "Device",
        .object([
            .required("id", .uuid), .required("agent_id", .uuid), .required("board_uid", .text),
            .required("name", .text),
            .required("condition", .choice(BoardState.Condition.allCases.map(\.rawValue))),
            .required("fault", .text), .required("stopped", .boolean, "by an E-stop at any level"),
            .optional("link", linkSchema, "absent until its agent has told it"),
            .required("manifest", .freeObject(maxValues: 1000), "docs/link.md"),
            .required(
                "inputs",
                .array(
                    of: .object([
                        .required("channel", .text),
                        .required(
                            "value",
                            .integer(
                                Int64(
                                    InputReading.values.lowerBound)...Int64(
                                        InputReading.values.upperBound)),
                            "button and switch 1 or 0, analog permille, distance millimetres"),
                        .required("at_ms", .unixMilliseconds, "when its agent read it"),
                    ]), 0...BoardManifest.channelsMax),
                "what its inputs said last; one that has said nothing is not there"),
            .required(
                "unlocked", .array(of: .text, 0...BoardManifest.channelsMax),
                "its dangerous channels that may be used now"),
            .required(
                "firmware", .array(of: FirmwareJSON.schema, 0...FirmwareOffer.offersMax),
                "what its agent can flash onto it"),
            .optional("flash", FlashJobJSON.schema, "the last flashing; absent if there was none"),
            .required("created_at_ms", .unixMilliseconds),
        ]))
}

extension DeviceJSON {
    /// As `AgentTelemetry.Link` is written.
    private static let linkSchema = Schema.named(
        "Link",
        .object([
            .required("uid", .text), .required("sent", .integer(0...Int64.max), "frames"),
            .required("retries", .integer(0...Int64.max), "frames sent again"),
            .required("crc_errors", .integer(0...Int64.max), "on both ends"),
            .required("framing_errors", .integer(0...Int64.max), "on both ends"),
            .required("overruns", .integer(0...Int64.max), "bytes the board had no room for"),
            .required("duplicates", .integer(0...Int64.max), "frames not carried out again"),
            .required("losses", .integer(0...Int64.max), "unplugged, or no answer"),
            .required("resets", .integer(0...Int64.max), "restarts nobody asked for"),
            .required("round_trip_p50_us", .integer(0...Int64.max)),
            .required("round_trip_p99_us", .integer(0...Int64.max)),
        ]))
}

struct StopJSON: Encodable {
    let scope: String
    let targetID: String
    let stoppedBy: AccountID?
    let createdAtMilliseconds: Int64?
    let isKept: Bool

    init(_ record: StopRecord) {
        (scope, targetID) =
            switch record.target {
            case .workspace(let id): ("workspace", id.description)
            case .agent(let id): ("agent", id.description)
            case .device(let id): ("device", id.description)
            }
        stoppedBy = record.by
        createdAtMilliseconds = record.sinceMilliseconds
        isKept = record.isKept
    }

    private enum CodingKeys: String, CodingKey {
        case scope, targetID = "target_id", stoppedBy = "stopped_by"
        case createdAtMilliseconds = "created_at_ms", isKept = "kept"
    }

    static let schema = Schema.named(
        "Stop",
        .object([
            .required("scope", .choice(["workspace", "agent", "device"])),
            .required("target_id", .uuid),
            .optional("stopped_by", .uuid, "absent if the database does not say"),
            .optional("created_at_ms", .unixMilliseconds, "absent if the database does not say"),
            .required(
                "kept", .boolean,
                "whether it would outlast a restart; if not, it is being written down"),
        ]))
}

/// The answer to a press or a release: what is true a second later at most.
struct StopReportJSON: Encodable {
    struct Told: Encodable {
        let agentID: AgentID
        let name: String
        let sequence: Int64

        private enum CodingKeys: String, CodingKey { case agentID = "agent_id", name, sequence }
    }

    let isStopped: Bool
    let isKept: Bool
    let confirmed: [Told]
    let unconfirmed: [Told]
    let offline: [Told]

    init(_ report: StopReport) {
        func told(_ agents: [StopReport.Told]) -> [Told] {
            agents.map { Told(agentID: $0.agent, name: $0.name, sequence: $0.sequence) }
        }
        isStopped = report.isStopped
        isKept = report.isKept
        confirmed = told(report.confirmed)
        unconfirmed = told(report.unconfirmed)
        offline = told(report.offline)
    }

    private enum CodingKeys: String, CodingKey {
        case isStopped = "stopped", isKept = "kept", confirmed, unconfirmed, offline
    }

    static let schema = Schema.named(
        "StopReport",
        .object([
            .required("stopped", .boolean, "whether the target's E-stop is pressed now"),
            .required(
                "kept", .boolean,
                "whether that would outlast a restart; if not, it is being written down"),
            .required(
                "confirmed", agents, "agents that obey; none of the boards meant is armed"),
            .required(
                "unconfirmed", agents,
                "agents that are online and have not said so yet; they are told again each "
                    + "second, and `stop_confirmed` of the agent says when it obeys"),
            .required(
                "offline", agents,
                "agents that are away: no command reaches them, and they obey before anything "
                    + "else when they are back. Where the agent has died its boards are safe "
                    + "within 600 ms; where it is only cut off, it makes them safe 10 s after "
                    + "it noticed, which takes up to 20 s, unless their own limits come first"),
        ]))

    private static let agents = Schema.array(
        of: .object([
            .required("agent_id", .uuid), .required("name", .text),
            .required("sequence", .integer(0...Int64.max), "as the agent's state will say it"),
        ]), 0...10_000)
}

package struct CommandJSON: Encodable {
    let id: CommandID
    let deviceID: DeviceID
    let cueID: CueID?
    let ruleID: RuleID?
    let eventID: LiveEventID?
    let channel: String
    let operation: Operation
    let createdAtMilliseconds: Int64
    let expiresAtMilliseconds: Int64
    /// Nil while it is under way.
    let status: Outcome.Status?
    let reason: String
    let detail: String
    let endedAtMilliseconds: Int64?
    let trace: Trace

    init(_ command: LoggedCommand) {
        id = command.id
        deviceID = command.device
        cueID = command.cue
        ruleID = command.rule
        eventID = command.event
        channel = command.channel
        operation = command.operation
        createdAtMilliseconds = command.createdAtMilliseconds
        expiresAtMilliseconds = command.expiresAtMilliseconds
        status = command.status
        reason = command.reason
        detail = command.detail
        endedAtMilliseconds = command.endedAtMilliseconds
        trace = command.trace
    }

    /// A command as the console's stream shows it: under way, or ended.
    package init(_ record: CommandRecord, outcome: Outcome?) {
        id = record.command.id
        deviceID = record.device
        cueID = record.cue
        ruleID = record.rule
        eventID = record.event
        channel = record.command.channel
        operation = record.command.operation
        createdAtMilliseconds = record.command.issuedAtMilliseconds
        expiresAtMilliseconds = record.command.expiresAtMilliseconds
        status = outcome?.status
        reason = outcome?.reason ?? ""
        detail = outcome?.detail ?? ""
        endedAtMilliseconds = outcome?.endedAtMilliseconds
        trace = outcome?.trace ?? record.command.trace
    }

    private enum CodingKeys: String, CodingKey {
        case id, deviceID = "device_id", cueID = "cue_id", ruleID = "rule_id"
        case eventID = "event_id", channel, operation, createdAtMilliseconds = "created_at_ms"
        case expiresAtMilliseconds = "expires_at_ms", status, reason, detail
        case endedAtMilliseconds = "ended_at_ms", trace
    }

    package static let schema = Schema.named(
        "Command",
        .object([
            .required("id", .uuid), .required("device_id", .uuid), .optional("cue_id", .uuid),
            .optional("rule_id", .uuid), .optional("event_id", .uuid), .required("channel", .text),
            .required("operation", OperationSchema.schema),
            .required("created_at_ms", .unixMilliseconds),
            .required("expires_at_ms", .unixMilliseconds),
            .optional("status", .choice(Outcome.Status.allCases.map(\.rawValue))),
            .required("reason", .text, "a word for machines; empty if executed"),
            .required("detail", .text, "a sentence for people"),
            .optional("ended_at_ms", .unixMilliseconds),
            .required("trace", .freeObject(maxValues: 20), "the time of every hop"),
        ]))
}

/// An operation as the API takes it.
package enum OperationSchema {
    package static let schema = Schema.named(
        "Operation",
        .variants(
            by: "type",
            [
                .init("set", [.required("on", .boolean), .optional("duration_ms", milliseconds)]),
                .init("pulse", [.required("duration_ms", .integer(1...65_535))]),
                .init(
                    "target",
                    [
                        .required("angle_cdeg", .integer(0...36_000), "hundredths of a degree"),
                        .optional("hold_ms", milliseconds),
                    ]),
                .init(
                    "drive",
                    [
                        .required("speed_permille", .integer(-1000...1000)),
                        .optional("duration_ms", milliseconds),
                    ]),
                .init(
                    "tone",
                    [
                        .required("frequency_hz", .integer(20...20_000)),
                        .required("duration_ms", .integer(1...65_535)),
                    ]),
                .init(
                    "fill",
                    [
                        .required("color", .string(7...7), "#rrggbb"),
                        .optional("first", .integer(0...255)),
                        .optional("count", .integer(0...255), "0 is all"),
                        .optional("duration_ms", milliseconds),
                    ]),
                .init(
                    "glide",
                    [
                        .required("angle_cdeg", .integer(0...36_000), "hundredths of a degree"),
                        .required("move_ms", milliseconds),
                        .optional(
                            "easing", .choice(Operation.Easing.allCases.map(\.rawValue)),
                            "linear if absent"),
                        .optional("hold_ms", milliseconds),
                    ]),
                .init("brake", [.required("duration_ms", .integer(1...65_535))]),
                .init(
                    "level",
                    [
                        .required("level_permille", .integer(0...1000)),
                        .optional("fade_ms", milliseconds), .optional("duration_ms", milliseconds),
                    ]),
                .init(
                    "effect",
                    [
                        .required("effect", .choice(Operation.Effect.allCases.map(\.rawValue))),
                        .required("color", .string(7...7), "#rrggbb"),
                        .required("period_ms", .integer(100...65_535), "of one round"),
                        .optional("duration_ms", milliseconds),
                    ]),
                .init(
                    "move",
                    [
                        .required(
                            "position_steps",
                            .integer(Int64(Int32.min)...Int64(Int32.max)),
                            "from where it stood when it was armed"),
                        .required("speed_sps", .integer(16...4_000), "steps a second"),
                        .optional("hold_ms", milliseconds),
                    ]), .init("off"),
                .init(
                    "play",
                    [
                        .required("sequence", .integer(0...254), "of the device"),
                        .optional(
                            "start_at_ms", .unixMilliseconds,
                            "for devices that start together; at once if absent"),
                    ]), .init("stop"),
            ]))

    private static let milliseconds = Schema.integer(0...65_535)
}
