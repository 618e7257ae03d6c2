internal import HTTP
internal import SharedModels

/// The endpoints of flashing.
struct FlashRoutes {
    let service: DevicesService

    private static let path =
        PathPattern("/api/v1/workspaces/{workspace_id:uuid}/devices/{device_id:uuid}/flash")

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post, Self.path,
                "Flash firmware that its agent has onto a device. It is told on the stream, as "
                    + "`flash`; a stopped device stays stopped", tag: "devices",
                access: .permission("workspace.operate"), rate: .write,
                body: .json(
                    .object([
                        .required("build", .string(8...8), "one of the device's `firmware`")
                    ]), limit: 1024), answer: .item(FlashJobJSON.schema), status: .accepted,
                isIdempotent: true, errors: [.notFound, .conflict]
            ) { [service] call in
                let body: FlashBody = try call.body()
                let job = try await service.flash(
                    body.build, onto: try call.id("device_id"), in: try call.id("workspace_id"),
                    by: try call.requireAccount())
                return try .item(FlashJobJSON(job), status: .accepted)
            },
            Endpoint(
                .get, Self.path, "The last flashing of a device", tag: "devices",
                access: .permission("workspace.watch"), rate: .read,
                answer: .item(FlashJobJSON.schema), errors: [.notFound]
            ) { [service] call in
                let job = try await service.flashing(
                    of: try call.id("device_id"), in: try call.id("workspace_id"))
                guard let job else { throw DevicesError.notFound("flashing of the device") }
                return try .item(FlashJobJSON(job))
            },
        ]
    }
}

private struct FlashBody: Decodable { let build: String }

/// A flashing as people see it.
package struct FlashJobJSON: Encodable {
    private let job: FlashJob

    package init(_ job: FlashJob) { self.job = job }

    private enum CodingKeys: String, CodingKey {
        case id, deviceID = "device_id", kind, build, formerBuild = "former_build", status, step
        case percent, reason, by = "ordered_by", createdAtMilliseconds = "created_at_ms"
        case endedAtMilliseconds = "ended_at_ms"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(job.id, forKey: .id)
        try container.encode(job.device, forKey: .deviceID)
        try container.encode(job.kind, forKey: .kind)
        try container.encode(job.build, forKey: .build)
        try container.encode(job.formerBuild, forKey: .formerBuild)
        try container.encode(job.status.rawValue, forKey: .status)
        try container.encode(job.step, forKey: .step)
        try container.encodeIfPresent(job.percent, forKey: .percent)
        try container.encode(job.reason, forKey: .reason)
        try container.encode(job.by, forKey: .by)
        try container.encode(job.createdAtMilliseconds, forKey: .createdAtMilliseconds)
        try container.encodeIfPresent(job.endedAtMilliseconds, forKey: .endedAtMilliseconds)
    }

    static let schema = Schema.named(
        "FlashJob",
        .object([
            .required("id", .uuid), .required("device_id", .uuid),
            .required("kind", .text, "of board"), .required("build", .text),
            .required("former_build", .text, "what the board ran before"),
            .required(
                "status", .choice(FlashJob.Status.allCases.map(\.rawValue)),
                "flashed: the board runs the new build and said so; refused and failed: nothing "
                    + "was written; put_back: the former build runs again; stranded: `reason` "
                    + "says how to recover"),
            .required("step", .text, "what is being done, or was last"),
            .optional("percent", .integer(0...100), "within the step"),
            .required("reason", .text), .required("ordered_by", .uuid),
            .required("created_at_ms", .unixMilliseconds),
            .optional("ended_at_ms", .unixMilliseconds),
        ]))
}

/// Firmware for a device.
struct FirmwareJSON: Encodable {
    let version: String
    let build: String

    static let schema = Schema.object([.required("version", .text), .required("build", .text)])
}
