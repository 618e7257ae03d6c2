internal import FoundationEssentials
internal import HTTP
internal import SharedModels

// The answers of the domain, as they are on the wire.

struct LivestreamJSON: Encodable {
    let id: LivestreamID
    let workspaceID: WorkspaceID
    let title: String
    let source: SourceKind
    let isLive: Bool
    let createdAtMilliseconds: Int64
    let endedAtMilliseconds: Int64?
    let viewers: Int
    let likes: Int
    let coins: Int
    let state: ControlAction?

    init(_ livestream: Livestream, _ summary: LiveRoom.Summary? = nil) {
        id = livestream.id
        workspaceID = livestream.workspace
        title = livestream.title
        source = livestream.source
        isLive = livestream.isLive
        createdAtMilliseconds = livestream.createdAtMilliseconds
        endedAtMilliseconds = livestream.endedAtMilliseconds
        let totals = livestream.totals
        viewers = summary?.viewers ?? totals.viewers
        likes = summary?.likes ?? totals.likes
        coins = summary?.coins ?? totals.coins
        state = summary?.state ?? totals.state
    }

    private enum CodingKeys: String, CodingKey {
        case id, workspaceID = "workspace_id", title, source, isLive = "is_live"
        case createdAtMilliseconds = "created_at_ms", endedAtMilliseconds = "ended_at_ms"
        case viewers, likes, coins, state
    }

    static let schema = Schema.named(
        "Livestream",
        .object([
            .required("id", .uuid), .required("workspace_id", .uuid), .required("title", .text),
            .required("source", .choice(SourceKind.ofLivestreams.map(\.rawValue))),
            .required("is_live", .boolean), .required("created_at_ms", .unixMilliseconds),
            .optional("ended_at_ms", .unixMilliseconds),
            .required("viewers", .count, "as last heard"), .required("likes", .count),
            .required("coins", .count, "of gifts, without history"),
            .optional("state", .choice(ControlAction.allCases.map(\.rawValue))),
        ]))
}

struct IntakeJSON: Encodable {
    let events: Int
    let messagesLeftOut: Int
    let implausible: Int

    init(_ intake: LiveRoom.Intake) {
        events = intake.events.count
        messagesLeftOut = intake.droppedMessages
        implausible = intake.implausible
    }

    private enum CodingKeys: String, CodingKey {
        case events, messagesLeftOut = "messages_left_out", implausible
    }

    static let schema = Schema.named(
        "FrameIntake",
        .object([
            .required("events", .count, "events that the frame held"),
            .required(
                "messages_left_out", .count,
                "messages beyond the \(LiveLimits.messagesPerFrame) of a frame, which were not read"
            ),
            .required(
                "implausible", .count,
                "gifts and totals of likes whose numbers cannot be true, and which do not count"),
        ]))
}

enum LiveEventJSON {
    static let schema = Schema.named(
        "LiveEvent",
        .object([
            .required("id", .uuid), .required("livestream_id", .uuid),
            .required("source", .choice(SourceKind.ofLivestreams.map(\.rawValue))),
            .required("source_message_id", .text),
            .optional(
                "viewer",
                .object([
                    .required("id", .text), .required("handle", .text), .required("name", .text),
                    .required(
                        "roles",
                        .array(
                            of: .choice(ViewerRoles.names.map(\.name)),
                            0...ViewerRoles.names.count)),
                ])),
            .required("happening", .freeObject(maxValues: 1_000), "its type names the rest"),
            .required("created_at_ms", .integer(0...Int64.max)),
            .required("is_history", .boolean),
        ]))
}

enum GiftJSON {
    static let schema = Schema.named(
        "Gift",
        .object([
            .required("id", .integer(0...Int64.max)), .required("name", .text),
            .required("coins", .count),
        ]))
}

/// A live event as one message of a stream.
enum LiveStreamEvent {
    /// Nil if it cannot be written, which no event should do.
    static func make(_ event: LiveEvent) -> ServerSentEvent? {
        // An event that cannot be written is left out of the stream; the log keeps it.
        guard let data = try? JSONEncoder().encode(event) else { return nil }
        return ServerSentEvent(
            id: event.id.description, name: event.happening.type,
            data: String(decoding: data, as: UTF8.self))
    }
}
