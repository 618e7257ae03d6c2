package import HTTP
internal import SharedModels

/// The endpoints of the domain.
struct LiveRoutes {
    let service: LiveService
    let hub: Hub
    private let limits = LiveSocket.makeLimits()

    private static let tag = "live"

    var endpoints: [Endpoint] { streamer + watching + deeds }

    // The streamer.

    private var streamer: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/workspaces/{workspace_id:uuid}/livestreams", "Start a livestream",
                tag: Self.tag, access: .permission("workspace.operate"), rate: .write,
                body: .json(
                    .object([
                        .required("title", .string(1...LiveLimits.titleCharacters)),
                        .optional(
                            "source", .choice(SourceKind.ofLivestreams.map(\.rawValue)),
                            "native unless said otherwise"),
                        .optional("host_id", .string(0...64), "the source's id of the host"),
                    ]), limit: 4096), answer: .item(LivestreamJSON.schema), status: .created,
                isIdempotent: true, errors: [.conflict]
            ) { [service] call in
                let body: StartBody = try call.body()
                let livestream = try await service.start(
                    in: try call.id("workspace_id"), title: body.title,
                    source: body.source ?? .native, hostID: body.hostID ?? "",
                    by: try call.requireAccount())
                return try .item(LivestreamJSON(livestream), status: .created)
            },
            Endpoint(
                .post,
                "/api/v1/workspaces/{workspace_id:uuid}/livestreams/{livestream_id:uuid}/end",
                "End a livestream", tag: Self.tag, access: .permission("workspace.operate"),
                rate: .write, answer: .nothing, errors: [.notFound, .conflict]
            ) { [service] call in
                try await service.end(
                    try call.id("livestream_id"), in: try call.id("workspace_id"))
                return .empty()
            },
            Endpoint(
                .post,
                "/api/v1/workspaces/{workspace_id:uuid}/livestreams/{livestream_id:uuid}/frames",
                "Feed one Webcast push frame, as a recorder or a browser saw it", tag: Self.tag,
                access: .permission("workspace.operate"), rate: .frames,
                body: .collected(type: "application/octet-stream", limit: LiveLimits.frameBytes),
                answer: .item(IntakeJSON.schema), errors: [.badRequest, .notFound]
            ) { [service] call in
                let intake = try service.ingest(
                    call.bodyBytes, of: try call.id("livestream_id"),
                    in: try call.id("workspace_id"),
                    arrivedNanoseconds: call.request.arrivedNanoseconds)
                return try .item(IntakeJSON(intake))
            },
        ]
    }

    // Watching.

    private var watching: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/livestreams",
                "Livestreams of a workspace, newest first", tag: Self.tag,
                access: .permission("workspace.watch"), rate: .read,
                query: [.limit, .idCursor], answer: .page(of: LivestreamJSON.schema)
            ) { [service] call in
                let limit = call.limit()
                let found = try await service.livestreams(
                    of: try call.id("workspace_id"), before: call.queryID("cursor"),
                    limit: limit + 1)
                let page = found.prefix(limit)
                return try .page(
                    page.map { LivestreamJSON($0, service.summary(of: $0.id)) },
                    nextCursor: found.count > limit ? page.last?.id.description : nil)
            },
            Endpoint(
                .get, "/api/v1/livestreams/{livestream_id:uuid}", "A livestream", tag: Self.tag,
                access: .signedIn, rate: .read, answer: .item(LivestreamJSON.schema),
                errors: [.notFound]
            ) { [service] call in
                let livestream = try await service.livestream(try call.id("livestream_id"))
                return try .item(
                    LivestreamJSON(livestream, service.summary(of: livestream.id)))
            },
            Endpoint(
                .get,
                "/api/v1/workspaces/{workspace_id:uuid}/livestreams/{livestream_id:uuid}/events",
                "Events of a livestream, newest first", tag: Self.tag,
                access: .permission("workspace.watch"), rate: .read, query: [.limit, .idCursor],
                answer: .page(of: LiveEventJSON.schema), errors: [.notFound]
            ) { [service] call in
                let limit = call.limit()
                let found = try await service.events(
                    of: try call.id("livestream_id"), in: try call.id("workspace_id"),
                    before: call.queryID("cursor"), limit: limit + 1)
                let page = Array(found.prefix(limit))
                return try .page(
                    page, nextCursor: found.count > limit ? page.last?.id.description : nil)
            },
            Endpoint(
                .get, "/api/v1/livestreams/{livestream_id:uuid}/stream",
                "Events as they happen, after those missed since Last-Event-ID", tag: Self.tag,
                access: .signedIn, rate: .stream, answer: .events(LiveEventJSON.schema),
                errors: [.notFound]
            ) { [service, hub] call in
                let livestream = try await service.livestream(try call.id("livestream_id"))
                let last = call.lastEventID.flatMap { LiveEventID($0) }
                return call.events(
                    EventStreamHandler { sink in
                        Self.replay(service.recentEvents(of: livestream.id), after: last, to: sink)
                        hub.join(LiveService.topic(livestream.id), sink)
                    })
            },
            Endpoint(
                .get, "/api/v1/gifts", "Gifts that can be sent here", tag: Self.tag,
                access: .open, rate: .read, answer: .page(of: GiftJSON.schema)
            ) { _ in try .page(GiftCatalogue.gifts, nextCursor: nil) },
        ]
    }

    /// Sends what came after the event `last`; everything remembered if that is too long ago,
    /// nothing if the client has seen nothing yet and asks for no past.
    private static func replay(
        _ events: [LiveEvent], after last: LiveEventID?, to sink: EventSink
    ) {
        guard let last else { return }
        let start = events.firstIndex { $0.id == last }.map { $0 + 1 } ?? 0
        for event in events[start...] {
            if let message = LiveStreamEvent.make(event) { sink.send(message) }
        }
    }

    // What viewers do.

    /// Their `Idempotency-Key` is honoured in memory while the livestream runs: no database
    /// stands between a deed and the hardware.
    private var deeds: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/livestreams/{livestream_id:uuid}/socket",
                "Events as they happen, and deeds, over a WebSocket", tag: Self.tag,
                access: .signedIn, rate: .stream, answer: .webSocket(LiveEventJSON.schema),
                errors: [.notFound]
            ) { [service, hub, limits] call in
                let livestream = try await service.livestream(try call.id("livestream_id"))
                let socket = LiveSocket(service: service, hub: hub, limits: limits)
                return try call.webSocket(
                    socket.handler(of: try call.requireAccount(), in: livestream.id))
            },
            Endpoint(
                .post, "/api/v1/livestreams/{livestream_id:uuid}/comments", "Comment",
                tag: Self.tag, access: .signedIn, rate: .write,
                body: .json(.object([.required("text", .string(1...500))]), limit: 4096),
                answer: .item(LiveEventJSON.schema), status: .created,
                errors: [.notFound, .serviceUnavailable]
            ) { [service] call in
                let body: CommentBody = try call.body()
                return try await Self.take(.comment(text: body.text), call, service)
            },
            Endpoint(
                .post, "/api/v1/livestreams/{livestream_id:uuid}/gifts", "Send a gift",
                tag: Self.tag, access: .signedIn, rate: .write,
                body: .json(
                    .object([
                        .required("gift_id", .integer(1...Int64.max)),
                        .optional("count", .integer(1...Int64(NativeDeed.giftCount))),
                    ]), limit: 1024), answer: .item(LiveEventJSON.schema), status: .created,
                isIdempotent: true, errors: [.notFound, .unprocessable, .serviceUnavailable]
            ) { [service] call in
                let body: GiftBody = try call.body()
                guard let gift = GiftCatalogue.gift(body.giftID) else {
                    throw LiveError.unknownGift
                }
                return try await Self.take(.gift(gift, count: body.count ?? 1), call, service)
            },
            Endpoint(
                .post, "/api/v1/livestreams/{livestream_id:uuid}/likes", "Like", tag: Self.tag,
                access: .signedIn, rate: .write,
                body: .json(
                    .object([
                        .required("count", .integer(1...Int64(LiveLimits.likesPerFrame)))
                    ]), limit: 1024), answer: .item(LiveEventJSON.schema), status: .created,
                isIdempotent: true, errors: [.notFound, .serviceUnavailable]
            ) { [service] call in
                let body: LikeBody = try call.body()
                return try await Self.take(.like(count: body.count), call, service)
            },
            plain("/api/v1/livestreams/{livestream_id:uuid}/follows", "Follow the host", .follow),
            plain("/api/v1/livestreams/{livestream_id:uuid}/shares", "Share", .share),
            plain("/api/v1/livestreams/{livestream_id:uuid}/joins", "Join", .join),
        ]
    }

    private func plain(_ path: PathPattern, _ summary: String, _ deed: NativeDeed) -> Endpoint {
        Endpoint(
            .post, path, summary, tag: Self.tag, access: .signedIn, rate: .write,
            answer: .item(LiveEventJSON.schema), status: .created,
            errors: [.notFound, .serviceUnavailable]
        ) { [service] call in try await Self.take(deed, call, service) }
    }

    private static func take(
        _ deed: NativeDeed, _ call: Call, _ service: LiveService
    ) async throws -> Response {
        let event = try await service.take(
            deed, by: try call.requireAccount(), in: try call.id("livestream_id"),
            id: RepeatKey.make(
                try call.requireAccount(), call.request.header("idempotency-key")),
            arrivedNanoseconds: call.request.arrivedNanoseconds)
        return try .item(event, status: .created)
    }
}

extension RateClass {
    /// Frames of a source: many small requests of one recorder.
    package static let frames = RateClass(rawValue: "frames")
}

// The bodies, as they are on the wire.

private struct StartBody: Decodable {
    let title: String
    let source: SourceKind?
    let hostID: String?

    private enum CodingKeys: String, CodingKey { case title, source, hostID = "host_id" }
}

private struct CommentBody: Decodable { let text: String }

private struct GiftBody: Decodable {
    let giftID: Int64
    let count: Int?

    private enum CodingKeys: String, CodingKey { case giftID = "gift_id", count }
}

private struct LikeBody: Decodable { let count: Int }
