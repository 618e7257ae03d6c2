package import HTTP
internal import Platform
internal import SharedModels

/// The endpoints of the domain.
struct DevicesRoutes {
    let service: DevicesService
    let broker: BrokerAddress
    let serverPublicKey: String
    let clock: String

    private static let tag = "devices"
    private static let workspace = "/api/v1/workspaces/{workspace_id:uuid}"

    var endpoints: [Endpoint] {
        tokens + pairing + agents + devices + [unlocking] + FlashRoutes(service: service).endpoints
            + SequenceRoutes(service: service, clock: clock).endpoints + commands + stops
    }

    // Agent tokens.

    private var tokens: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/workspaces/{workspace_id:uuid}/agent-tokens",
                "Make an agent token; it is shown once and serves once", tag: Self.tag,
                access: .permission("workspace.own"), rate: .write,
                body: .json(
                    .object([
                        .required("name", .string(1...60)),
                        .optional("expires_in_s", .integer(60...2_592_000), "a day if absent"),
                    ]), limit: 1024), answer: .item(AgentTokenJSON.schema), status: .created,
                errors: [.conflict]
            ) { [service] call in
                let body: TokenBody = try call.body()
                let (token, text) = try await service.makeToken(
                    name: body.name, in: try call.id("workspace_id"),
                    lifetime: body.lifetimeSeconds.map { .seconds($0) },
                    by: try call.requireAccount())
                return try .item(AgentTokenJSON(token, text: text), status: .created)
            },
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/agent-tokens",
                "Agent tokens, newest first", tag: Self.tag, access: .permission("workspace.own"),
                rate: .read, answer: .page(of: AgentTokenJSON.schema)
            ) { [service] call in
                let tokens = try await service.tokens(of: try call.id("workspace_id"))
                return try .page(tokens.map { AgentTokenJSON($0) }, nextCursor: nil)
            },
            Endpoint(
                .delete, "/api/v1/workspaces/{workspace_id:uuid}/agent-tokens/{token_id:uuid}",
                "Revoke an agent token", tag: Self.tag, access: .permission("workspace.own"),
                rate: .write, answer: .nothing, errors: [.notFound]
            ) { [service] call in
                try await service.revokeToken(
                    try call.id("token_id"), of: try call.id("workspace_id"))
                return .empty()
            },
        ]
    }

    // Pairing.

    private var pairing: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/agents/pair", "Pair an agent by its token", tag: "agents",
                access: .open, rate: .login,
                body: .json(
                    .object([
                        .required("token", .string(1...128)),
                        .required("public_key", .string(43...43), "Ed25519, base64url"),
                        .required("name", .string(1...60)),
                        .optional("platform", .string(0...60)),
                    ]), limit: 4096), answer: .item(PairingJSON.schema), status: .created,
                errors: [.unauthorized, .conflict]
            ) { [self] call in
                let body: PairBody = try call.body()
                let pairing = try await service.pair(
                    token: body.token, publicKey: body.publicKey, name: body.name,
                    platform: body.platform ?? "")
                return try .item(
                    PairingJSON(pairing, broker: broker, serverPublicKey: serverPublicKey),
                    status: .created)
            },
            Endpoint(
                .post, "/api/v1/agents/credential",
                "Renew an agent's credential, signed with its key", tag: "agents", access: .open,
                rate: .login,
                body: .json(
                    .object([
                        .required("agent_id", .uuid),
                        .required("issued_at_ms", .unixMilliseconds),
                        .required("nonce", .string(1...64)),
                        .required(
                            "signature", .string(1...128),
                            "over cuelight-credential|agent_id|issued_at_ms|nonce, base64url"),
                    ]), limit: 4096), answer: .item(PairingJSON.schema), errors: [.unauthorized]
            ) { [self] call in
                let body: CredentialBody = try call.body()
                let pairing = try await service.renewCredential(
                    of: body.agentID, issuedAtMilliseconds: body.issuedAtMilliseconds,
                    nonce: body.nonce,
                    signature: body.signature)
                return try .item(
                    PairingJSON(pairing, broker: broker, serverPublicKey: serverPublicKey))
            },
        ]
    }

    // Agents.

    private var agents: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/agents", "Agents", tag: "agents",
                access: .permission("workspace.watch"), rate: .read,
                answer: .page(of: AgentJSON.schema)
            ) { [service] call in
                let workspace: WorkspaceID = try call.id("workspace_id")
                let stops = Set(await service.stops(of: workspace))
                let (agents, _) = await service.overview(of: workspace)
                let items = agents.map { agent in
                    AgentJSON(
                        agent,
                        isStopped: stops.contains(.workspace(workspace))
                            || stops.contains(.agent(agent.id)))
                }
                return try .page(items, nextCursor: nil)
            },
            Endpoint(
                .delete, "/api/v1/workspaces/{workspace_id:uuid}/agents/{agent_id:uuid}",
                "Revoke an agent: its connection ends at once", tag: "agents",
                access: .permission("workspace.own"), rate: .write, answer: .nothing,
                errors: [.notFound]
            ) { [service] call in
                try await service.revokeAgent(
                    try call.id("agent_id"), of: try call.id("workspace_id"))
                return .empty()
            },
        ]
    }

    // Devices.

    private var devices: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/devices",
                "Devices with their channels and how they are", tag: Self.tag,
                access: .permission("workspace.watch"), rate: .read,
                answer: .page(of: DeviceJSON.schema)
            ) { [service] call in
                let (_, devices) = await service.overview(of: try call.id("workspace_id"))
                let items = devices.map {
                    DeviceJSON(
                        $0.0, state: $0.1, link: $0.link, isStopped: $0.isStopped,
                        inputs: $0.inputs, firmware: $0.firmware, flash: $0.flash)
                }
                return try .page(items, nextCursor: nil)
            },
            Endpoint(
                .patch, "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}",
                "Rename a device", tag: Self.tag, access: .permission("workspace.operate"),
                rate: .write,
                body: .json(.object([.required("name", .string(1...60))]), limit: 1024),
                answer: .nothing, errors: [.notFound]
            ) { [service] call in
                let body: NameBody = try call.body()
                try await service.renameDevice(
                    try call.id("device_id"), of: try call.id("workspace_id"), to: body.name)
                return .empty()
            },
        ]
    }

    private var unlocking: Endpoint {
        Endpoint(
            .put, "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}/unlock",
            "Unlock dangerous channels for a while, and lock the others; it ends with its time, an "
                + "E-stop, and whatever else disarms the board", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(
                .object([
                    .required(
                        "channels",
                        .array(of: .string(1...24), 0...BoardManifest.channelsMax),
                        "none locks all of them"),
                    .required("for_s", .integer(1...Int64(Unlock.durationMaxSeconds))),
                ]), limit: 4096), answer: .nothing, errors: [.notFound, .conflict]
        ) { [service] call in
            let body: UnlockBody = try call.body()
            try await service.unlock(
                body.channels, of: try call.id("device_id"), in: try call.id("workspace_id"),
                seconds: body.seconds, by: try call.requireAccount())
            return .empty()
        }
    }

    // Commands.

    private var commands: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}/commands",
                "Command a channel by hand", tag: "commands",
                access: .permission("workspace.operate"), rate: .write,
                body: .json(
                    .object([
                        .required("channel", .string(1...24)),
                        .required("operation", OperationSchema.schema),
                        .optional("deadline_ms", .integer(100...60_000), "10000 if absent"),
                    ]), limit: 4096), answer: .item(CommandIDJSON.schema), status: .accepted,
                isIdempotent: true, errors: [.notFound]
            ) { [service, clock] call in
                let body: CommandBody = try call.body()
                let trace = Trace(
                    id: call.request.id, clock: clock,
                    arrivedNanoseconds: call.request.arrivedNanoseconds)
                let id = try await service.command(
                    Action(
                        device: try call.id("device_id"), channel: body.channel,
                        operation: body.operation), in: try call.id("workspace_id"),
                    deadline: .milliseconds(body.deadlineMilliseconds ?? 10_000), trace: trace)
                return try .item(CommandIDJSON(commandID: id), status: .accepted)
            },
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/commands",
                "Ended commands, newest first", tag: "commands",
                access: .permission("workspace.watch"), rate: .read, query: [.limit, .idCursor],
                answer: .page(of: CommandJSON.schema)
            ) { [service] call in
                let (page, next) = try await service.commands(
                    of: try call.id("workspace_id"), before: call.queryID("cursor"),
                    limit: call.limit())
                return try .page(page.map { CommandJSON($0) }, nextCursor: next?.description)
            },
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/commands/{command_id:uuid}",
                "One ended command", tag: "commands", access: .permission("workspace.watch"),
                rate: .read, answer: .item(CommandJSON.schema), errors: [.notFound]
            ) { [service] call in
                let command = try await service.command(
                    try call.id("command_id"), of: try call.id("workspace_id"))
                return try .item(CommandJSON(command))
            },
        ]
    }

    // E-stop.

    private var stops: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/stops", "E-stops that are pressed",
                tag: "stop", access: .permission("workspace.watch"), rate: .read,
                answer: .page(of: StopJSON.schema)
            ) { [service] call in
                let records = await service.stopRecords(of: try call.id("workspace_id"))
                return try .page(records.map(StopJSON.init), nextCursor: nil)
            }
        ]
            + stop("/api/v1/workspaces/{workspace_id:uuid}/stop", "the whole workspace") { call in
                .workspace(try call.id("workspace_id"))
            }
            + stop(
                "/api/v1/workspaces/{workspace_id:uuid}/agents/{agent_id:uuid}/stop",
                "an agent with all its boards"
            ) { call in .agent(try call.id("agent_id")) }
            + stop(
                "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}/stop", "a device"
            ) { call in .device(try call.id("device_id")) }
    }

    private func stop(
        _ path: PathPattern, _ what: String,
        target: @escaping @Sendable (Call) throws -> StopTarget
    ) -> [Endpoint] {
        [(Method.put, "Press the E-stop of \(what)"), (.delete, "Release the E-stop of \(what)")]
            .map { method, summary in
                Endpoint(
                    method, path, summary, tag: "stop", access: .permission("workspace.stop"),
                    rate: .stop, answer: .item(StopReportJSON.schema),
                    otherStatuses: [.accepted], errors: [.notFound, .serviceUnavailable]
                ) { [service] call in
                    let order = try await service.setStop(
                        try target(call), in: try call.id("workspace_id"),
                        isStopped: method == .put, by: try call.requireAccount())
                    let report = await service.report(on: order)
                    return try .item(
                        StopReportJSON(report), status: report.isComplete ? .ok : .accepted)
                }
            }
    }
}

extension RateClass {
    /// Pressing and releasing E-stops: apart from all else that the same person does, so that no
    /// flood of comments or commands holds up a stop.
    package static let stop = RateClass(rawValue: "stop")
}

// The bodies, as they are on the wire.

private struct TokenBody: Decodable {
    let name: String
    let lifetimeSeconds: Int64?

    private enum CodingKeys: String, CodingKey { case name, lifetimeSeconds = "expires_in_s" }
}

private struct PairBody: Decodable {
    let token: String
    let publicKey: String
    let name: String
    let platform: String?

    private enum CodingKeys: String, CodingKey {
        case token, publicKey = "public_key", name, platform
    }
}

private struct CredentialBody: Decodable {
    let agentID: AgentID
    let issuedAtMilliseconds: Int64
    let nonce: String
    let signature: String

    private enum CodingKeys: String, CodingKey {
        case agentID = "agent_id", issuedAtMilliseconds = "issued_at_ms", nonce, signature
    }
}

private struct NameBody: Decodable { let name: String }

private struct UnlockBody: Decodable {
    let channels: [String]
    let seconds: Int

    private enum CodingKeys: String, CodingKey { case channels, seconds = "for_s" }
}

private struct CommandBody: Decodable {
    let channel: String
    let operation: Operation
    let deadlineMilliseconds: Int64?

    private enum CodingKeys: String, CodingKey {
        case channel, operation, deadlineMilliseconds = "deadline_ms"
    }
}

private struct CommandIDJSON: Encodable {
    let commandID: CommandID
    private enum CodingKeys: String, CodingKey { case commandID = "command_id" }
    static let schema = Schema.object([.required("command_id", .uuid)])
}
