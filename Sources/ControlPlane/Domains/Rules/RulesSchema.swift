internal import HTTP
internal import SharedModels

/// What rules look like in the API.
struct RulesSchema {
    /// Of an operation, which is described where devices are.
    let operation: Schema

    /// What a caller sends.
    var body: Schema { .named("RuleDraft", .object(draft)) }

    /// What a caller gets.
    var rule: Schema {
        .named(
            "Rule",
            .object(
                [
                    .required("id", .uuid), .required("workspace_id", .uuid),
                    .required("created_at_ms", .unixMilliseconds),
                    .required("updated_at_ms", .unixMilliseconds),
                ] + draft.filter { $0.name != "version" } + [.required("version", .count)]))
    }

    private var draft: [Schema.Field] {
        [
            .required("name", .string(1...80)),
            .optional("is_enabled", .boolean, "true if absent"),
            .optional("priority", .integer(-1000...1000), "higher goes first; 0 if absent"),
            .required("trigger", Self.trigger),
            .optional(
                "conditions", .array(of: Self.condition, 0...Rule.conditionsMax), "all must hold"),
            .required("actions", .array(of: action, 1...Rule.actionsMax)),
            .optional("guards", Self.guards),
            .optional("version", .count, "the version that is replaced; any if absent"),
        ]
    }

    private var action: Schema {
        .named(
            "Action",
            .object([
                .required("device_id", .uuid), .required("channel", .string(1...24)),
                .required("operation", operation),
            ]))
    }

    private static let trigger = Schema.named(
        "Trigger",
        .variants(
            by: "type",
            [
                .init("comment", [.optional("match", .nullable(match), "every comment if absent")]),
                .init("gift", [.required("gift", gift)]),
                .init("like_milestone", [.required("every", .integer(1...1_000_000_000))]),
                .init("follow"), .init("share"), .init("join"), .init("subscribe"),
                .init("input", [.required("input", input, "acts with and without a livestream")]),
            ]))

    private static let match = Schema.named(
        "TextMatch",
        .object([
            .required("mode", .choice(TextMatch.Mode.allCases.map(\.rawValue))),
            .required("text", .string(1...TextMatch.textLengthMax)),
        ]))

    private static let input = Schema.named(
        "InputMatch",
        .variants(
            by: "condition",
            [
                .init("pressed", channel), .init("released", channel), .init("changed", channel),
                .init("above", channel + crossing), .init("below", channel + crossing),
            ]))

    private static let channel: [Schema.Field] = [
        .required("device_id", .uuid), .required("channel", .string(1...24)),
    ]

    private static let crossing: [Schema.Field] = [
        .required(
            "threshold",
            .integer(Int64(InputReading.values.lowerBound)...Int64(InputReading.values.upperBound)),
            "permille or millimetres, as the channel's kind has it"),
        .optional(
            "hysteresis", .integer(0...Int64(InputCondition.hysteresisMax)),
            "how far the value must come back before a crossing counts again; 0 if absent"),
    ]

    private static let gift = Schema.named(
        "GiftMatch",
        .object([
            .optional("gift_id", .nullable(.integer(Int64.min...Int64.max))),
            .optional("gift_name", .nullable(.string(1...64))),
            .optional("coins_min", .nullable(.count)), .optional("coins_max", .nullable(.count)),
            .required("firing", .choice(GiftMatch.Firing.allCases.map(\.rawValue))),
        ]))

    private static let condition = Schema.named(
        "Condition",
        .variants(
            by: "type",
            [
                .init(
                    "role",
                    [.required("any", .array(of: .choice(ViewerRoles.names.map(\.name)), 1...8))]),
                .init(
                    "source",
                    [
                        .required(
                            "any",
                            .array(of: .choice(SourceKind.ofLivestreams.map(\.rawValue)), 1...8))
                    ]),
                .init("handle", [.required("any", handles)]),
                .init("not_handle", [.required("any", handles)]),
            ]))

    private static let handles = Schema.array(of: .string(1...64), 1...100)

    private static let guards = Schema.named(
        "Guards",
        .object([
            .optional("cooldown_ms", .integer(0...86_400_000)),
            .optional("viewer_cooldown_ms", .integer(0...86_400_000)),
            .optional("chance_permille", .integer(1...1000)),
            .optional("deadline_ms", .integer(100...60_000)),
        ]))
}
