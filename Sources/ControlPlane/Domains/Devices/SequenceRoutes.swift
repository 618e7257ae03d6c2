internal import HTTP
internal import SharedModels

/// The endpoints of sequences.
struct SequenceRoutes {
    let service: DevicesService
    let clock: String

    private static let tag = "sequences"
    private static let one = PathPattern(
        "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}"
            + "/sequences/{number:integer}")

    var endpoints: [Endpoint] { [all, list, read, write, delete, play] }

    private var all: Endpoint {
        Endpoint(
            .get, "/api/v1/workspaces/{workspace_id:uuid}/sequences",
            "Sequences of all devices of a workspace, and how they are on their boards",
            tag: Self.tag, access: .permission("workspace.watch"), rate: .read,
            answer: .page(of: SequenceJSON.schema)
        ) { [service] call in
            let found = await service.sequences(in: try call.id("workspace_id"))
            return try .page(found.map(SequenceJSON.init), nextCursor: nil)
        }
    }

    private var list: Endpoint {
        Endpoint(
            .get, "/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}/sequences",
            "Sequences of a device, and how they are on their board", tag: Self.tag,
            access: .permission("workspace.watch"), rate: .read,
            answer: .page(of: SequenceJSON.schema), errors: [.notFound]
        ) { [service] call in
            let found = try await service.sequences(
                of: try call.id("device_id"), in: try call.id("workspace_id"))
            return try .page(found.map(SequenceJSON.init), nextCursor: nil)
        }
    }

    private var read: Endpoint {
        Endpoint(
            .get, Self.one,
            "One sequence of a device", tag: Self.tag, access: .permission("workspace.watch"),
            rate: .read, answer: .item(SequenceJSON.schema), errors: [.notFound]
        ) { [service] call in
            try .item(
                SequenceJSON(
                    try await service.sequence(
                        try number(call), of: try call.id("device_id"),
                        in: try call.id("workspace_id"))))
        }
    }

    private var write: Endpoint {
        Endpoint(
            .put, Self.one,
            "Give a device a sequence, 0 to 254, in place of the one of that number; its agent "
                + "uploads it while the board is off", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(SequenceJSON.draft, limit: 65_536), answer: .item(SequenceJSON.schema),
            errors: [.notFound, .conflict]
        ) { [service] call in
            let body: SequenceBody = try call.body()
            return try .item(
                SequenceJSON(
                    try await service.putSequence(
                        try number(call), of: try call.id("device_id"),
                        in: try call.id("workspace_id"), name: body.name, steps: body.steps,
                        by: try call.requireAccount())))
        }
    }

    private var delete: Endpoint {
        Endpoint(
            .delete, Self.one,
            "Take a sequence from a device", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write, answer: .nothing,
            errors: [.notFound]
        ) { [service] call in
            try await service.deleteSequence(
                try number(call), of: try call.id("device_id"), in: try call.id("workspace_id"))
            return .empty()
        }
    }

    private var play: Endpoint {
        Endpoint(
            .post, "/api/v1/workspaces/{workspace_id:uuid}/plays",
            "Start sequences of several devices at one time", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(PlayJSON.draft, limit: 16_384), answer: .item(PlayJSON.schema),
            status: .accepted, isIdempotent: true, errors: [.notFound]
        ) { [service, clock] call in
            let body: PlayBody = try call.body()
            let (start, commands) = try await service.play(
                body.plays.map { .init(device: $0.deviceID, sequence: $0.sequence) },
                in: try call.id("workspace_id"), startAtMilliseconds: body.startAtMilliseconds,
                deadline: .milliseconds(body.deadlineMilliseconds ?? 10_000),
                trace: Trace(
                    id: call.request.id, clock: clock,
                    arrivedNanoseconds: call.request.arrivedNanoseconds))
            return try .item(
                PlayJSON(startAtMilliseconds: start, commandIDs: commands), status: .accepted)
        }
    }

    private func number(_ call: Call) throws -> Int {
        guard let number = Int(call.path("number")),
            ChannelSequence.Limits.numbers.contains(number)
        else { throw DevicesError.notFound("sequence") }
        return number
    }
}

/// A sequence as the API shows it.
struct SequenceJSON: Encodable {
    let deviceID: DeviceID
    let number: Int
    let name: String
    let steps: [ChannelSequence.Step]
    let milliseconds: Int
    let sizeBytes: Int
    let condition: SequenceState.Condition
    let detail: String
    let isPlaying: Bool
    let createdAtMilliseconds: Int64
    let updatedAtMilliseconds: Int64

    init(_ report: SequenceReport) {
        let stored = report.stored
        deviceID = stored.device
        number = stored.number
        name = stored.name
        steps = stored.steps
        milliseconds = stored.sequence.milliseconds
        sizeBytes = stored.sequence.sizeBytes
        condition = report.condition
        detail = report.detail
        isPlaying = report.isPlaying
        createdAtMilliseconds = stored.createdAtMilliseconds
        updatedAtMilliseconds = stored.updatedAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case deviceID = "device_id", number, name, steps, milliseconds = "time_ms"
        case sizeBytes = "size_bytes", condition, detail, isPlaying = "playing"
        case createdAtMilliseconds = "created_at_ms", updatedAtMilliseconds = "updated_at_ms"
    }

    static let draft = Schema.named(
        "SequenceDraft",
        .object([
            .required("name", .string(1...ChannelSequence.Limits.nameLengthMax)),
            .required("steps", steps, "loops stand at most two deep"),
        ]))

    static let schema = Schema.named(
        "Sequence",
        .object([
            .required("device_id", .uuid), .required("number", .integer(0...254)),
            .required("name", .text), .required("steps", steps),
            .required("time_ms", .integer(0...600_000), "from its start to its end"),
            .required("size_bytes", .count, "of the board's `sequence_bytes`"),
            .required("condition", .choice(SequenceState.Condition.allCases.map(\.rawValue))),
            .required("detail", .text, "why it is not ready; empty if it is"),
            .required("playing", .boolean),
            .required("created_at_ms", .unixMilliseconds),
            .required("updated_at_ms", .unixMilliseconds),
        ]))

    private static let steps = steps(depth: 0)

    private static func steps(depth: Int) -> Schema {
        var variants: [Schema.Variant] = [
            .init(
                "command",
                [
                    .required("channel", .string(1...24)),
                    .required("operation", OperationSchema.schema),
                ]),
            .init(
                "wait",
                [.required("wait_ms", .integer(1...60_000), "from the step before to the next")]),
        ]
        if depth < ChannelSequence.Limits.depthMax {
            variants.append(
                .init(
                    "loop",
                    [
                        .required("rounds", .integer(1...255)),
                        .required("steps", steps(depth: depth + 1), "10 ms or longer"),
                    ]))
        }
        let name = ["SequenceStep", "SequenceStepInLoop", "SequenceStepInInnerLoop"][depth]
        return .array(
            of: .named(name, .variants(by: "type", variants)),
            1...ChannelSequence.Limits.stepsMax)
    }
}

private struct SequenceBody: Decodable {
    let name: String
    let steps: [ChannelSequence.Step]
}

private struct PlayBody: Decodable {
    struct Play: Decodable {
        let deviceID: DeviceID
        let sequence: Int
        private enum CodingKeys: String, CodingKey { case deviceID = "device_id", sequence }
    }

    let plays: [Play]
    let startAtMilliseconds: Int64?
    let deadlineMilliseconds: Int64?

    private enum CodingKeys: String, CodingKey {
        case plays, startAtMilliseconds = "start_at_ms", deadlineMilliseconds = "deadline_ms"
    }
}

private struct PlayJSON: Encodable {
    let startAtMilliseconds: Int64
    let commandIDs: [CommandID]

    private enum CodingKeys: String, CodingKey {
        case startAtMilliseconds = "start_at_ms", commandIDs = "command_ids"
    }

    static let draft = Schema.object([
        .required(
            "plays",
            .array(
                of: .object([
                    .required("device_id", .uuid), .required("sequence", .integer(0...254)),
                ]), 1...DevicesService.PlayLimits.devicesMax)),
        .optional(
            "start_at_ms", .unixMilliseconds,
            "8000 ms ahead at most; as soon as all can be told if absent"),
        .optional("deadline_ms", .integer(100...60_000), "10000 if absent"),
    ])

    static let schema = Schema.object([
        .required("start_at_ms", .unixMilliseconds),
        .required(
            "command_ids", .array(of: .uuid, 1...DevicesService.PlayLimits.devicesMax),
            "in the order of the plays"),
    ])
}
