import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import HTTP
@testable import Live

/// A service on a database, with everything it delivered.
private struct Stage {
    let service: LiveService
    let eventLog: EventLog
    let hub = Hub()
    let delivered = Deliveries()
    let workspace = WorkspaceID(high: 7, low: 7)
    let host = AccountID(high: 1, low: 1)
    let ann = AccountID(high: 1, low: 2)
    let opened = Openings()

    final class Openings: Sendable {
        private let list = Mutex<[Livestream]>([])
        var all: [Livestream] { list.withLock { $0 } }
        func add(_ livestream: Livestream) { list.withLock { $0.append(livestream) } }
    }

    final class Deliveries: Sendable {
        private let list = Mutex<[LiveDelivery]>([])
        var all: [LiveDelivery] { list.withLock { $0 } }
        var happenings: [Happening] { all.map(\.event.happening) }
        func add(_ delivery: LiveDelivery) { list.withLock { $0.append(delivery) } }
    }

    init(_ pool: PostgresPool, lease: Duration = LiveLimits.lease, isAlone: Bool = false) {
        let log = Log(component: "test", minimum: .error)
        let delivered = delivered
        let opened = opened
        eventLog = EventLog(pool: pool, log: log)
        service = LiveService(
            pool: pool, eventLog: eventLog, hub: hub, identifiers: IDGenerator(), lease: lease,
            isAlone: isAlone, log: log,
            findViewer: { account in
                account.low > 9
                    ? nil
                    : Viewer(id: account.description, handle: "v\(account.low)", name: "Viewer")
            }, deliver: { delivered.add($0) }, opened: { opened.add($0) })
    }

    /// So many likes of our own, one at a time.
    func like(_ count: Int, in livestream: LivestreamID) async throws {
        for _ in 0..<count {
            _ = try await service.take(.like(count: 1), by: ann, in: livestream)
        }
    }

    func start(source: SourceKind = .native) async throws -> Livestream {
        try await service.start(
            in: workspace, title: "Tonight", source: source, hostID: "", by: host)
    }
}

@Suite("LiveService", .needsServices)
struct LiveServiceTests {
    @Test("a livestream starts, is listed, and ends once")
    func startAndEnd() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let first = try await stage.start()
        let second = try await stage.start(source: .tiktok)
        let listed = try await stage.service.livestreams(
            of: stage.workspace, before: nil, limit: 10)
        #expect(listed == [second, first])
        let older = try await stage.service.livestreams(
            of: stage.workspace, before: second.id, limit: 10)
        #expect(older == [first])

        try await stage.service.end(first.id, in: stage.workspace)
        await #expect(throws: LiveError.ended) {
            try await stage.service.end(first.id, in: stage.workspace)
        }
        #expect(try await stage.service.livestream(first.id).isLive == false)
        #expect(
            stage.delivered.happenings == [
                .control(.started), .control(.started), .control(.ended),
            ])
        await #expect(throws: LiveError.elsewhere) {
            _ = try await stage.service.take(.follow, by: stage.ann, in: first.id)
        }
    }

    @Test("another workspace sees nothing")
    func tenants() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let livestream = try await stage.start()
        let other = WorkspaceID(high: 8, low: 8)
        await #expect(throws: LiveError.notFound) {
            _ = try await stage.service.livestream(livestream.id, in: other)
        }
        await #expect(throws: LiveError.notFound) {
            try await stage.service.end(livestream.id, in: other)
        }
        await #expect(throws: LiveError.notFound) {
            _ = try await stage.service.events(
                of: livestream.id, in: other, before: nil, limit: 9)
        }
        #expect(throws: LiveError.notFound) {
            _ = try stage.service.ingest([], of: livestream.id, in: other)
        }
        #expect(
            try await stage.service.livestreams(of: other, before: nil, limit: 9).isEmpty)
    }

    @Test("what viewers do is delivered before the call returns, and written behind")
    func deeds() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let livestream = try await stage.start()
        let rose = GiftCatalogue.gifts[0]
        let deeds: [NativeDeed] = [
            .comment(text: "go left"), .gift(rose, count: 2), .like(count: 3), .follow, .share,
            .join,
        ]
        for deed in deeds {
            let event = try await stage.service.take(deed, by: stage.ann, in: livestream.id)
            #expect(stage.delivered.all.last?.event == event)
            #expect(stage.delivered.all.last?.workspace == stage.workspace)
        }
        let byHost = try await stage.service.take(.join, by: stage.host, in: livestream.id)
        #expect(byHost.viewer?.roles == .host)

        #expect(await stage.eventLog.write())
        let written = try await stage.service.events(
            of: livestream.id, in: stage.workspace, before: nil, limit: 100)
        #expect(Set(written) == Set(stage.delivered.all.map(\.event)))
        let page = try await stage.service.events(
            of: livestream.id, in: stage.workspace, before: written[2].id, limit: 2)
        #expect(page == Array(written[3...4]))
        #expect(stage.service.summary(of: livestream.id)?.likes == 3)
        #expect(stage.service.summary(of: livestream.id)?.coins == 2)

        await #expect(throws: LiveError.emptyDeed) {
            _ = try await stage.service.take(
                .comment(text: ""), by: stage.ann, in: livestream.id)
        }
        await #expect(throws: LiveError.notFound) {
            let nobody = AccountID(high: 0, low: 99)
            _ = try await stage.service.take(.join, by: nobody, in: livestream.id)
        }
    }

    @Test("a made-up show goes in as frames; hostile text reaches the database whole")
    func frames() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let livestream = try await stage.start(source: .replay)
        for frame in SyntheticShow.frames(.init()) {
            _ = try stage.service.ingest(
                frame.bytes, of: livestream.id, in: stage.workspace)
        }
        let hostile = Frames.chat("a\0b\u{202E}'; DROP TABLE live.event; --", id: 1)
        _ = try stage.service.ingest(
            Frames.push([Frames.envelope("WebcastChatMessage", hostile)]), of: livestream.id,
            in: stage.workspace)
        #expect(throws: LiveError.badFrame(.malformed(.truncated))) {
            _ = try stage.service.ingest([0x42, 9], of: livestream.id, in: stage.workspace)
        }
        #expect(await stage.eventLog.write())
        var written: [LiveEvent] = []
        var cursor: LiveEventID?
        repeat {
            let page = try await stage.service.events(
                of: livestream.id, in: stage.workspace, before: cursor, limit: 100)
            written += page
            cursor = page.last?.id
        } while cursor != nil
        #expect(written.count == stage.delivered.all.count)
        #expect(Set(written) == Set(stage.delivered.all.map(\.event)))
    }

    @Test("a workspace has at most its livestreams at once, however they are asked for")
    func limit() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<(LiveLimits.livestreamsPerWorkspace + 8) {
                group.addTask { (try? await stage.start()) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == LiveLimits.livestreamsPerWorkspace)
    }

    @Test("what a dead process held goes to one other alone, and the dead one may not act")
    func takeOver() async throws {
        let database = try await TestDatabase.make()
        let dead = Stage(database.pool, lease: .zero)
        var all: Set<LivestreamID> = []
        for _ in 0..<LiveLimits.livestreamsPerWorkspace {
            all.insert(try await dead.start().id)
        }
        let heirs = [Stage(database.pool), Stage(database.otherPool())]
        async let first: Void = heirs[0].service.keepLeases()
        async let second: Void = heirs[1].service.keepLeases()
        _ = try await (first, second)
        for id in all {
            let holders = heirs.filter { $0.service.summary(of: id) != nil }
            #expect(holders.count == 1)
            _ = try await holders[0].service.take(.join, by: holders[0].ann, in: id)
            await #expect(throws: LiveError.elsewhere) {
                _ = try await dead.service.take(.join, by: dead.ann, in: id)
            }
        }
        try await dead.service.keepLeases()
        #expect(all.allSatisfy { dead.service.summary(of: $0) == nil })

        // A clean end gives everything back at once.
        for heir in heirs { try await heir.service.release() }
        let last = Stage(database.pool)
        try await last.service.keepLeases()
        #expect(all.allSatisfy { last.service.summary(of: $0) != nil })
    }

    @Test(
        "who is alone with its database waits for no lease of a dead process, and for none of its own"
    )
    func alone() async throws {
        let database = try await TestDatabase.make()
        let livestream = try await Stage(database.pool).start()
        // Killed here, with a lease that lasts.
        let heir = Stage(database.pool, lease: .zero, isAlone: true)
        try await heir.service.keepLeases()
        #expect(heir.opened.all.map(\.id) == [livestream.id])
        // Its own has run out by now, as while the database hangs.
        _ = try await heir.service.take(.follow, by: heir.ann, in: livestream.id)
        #expect(heir.delivered.happenings == [.follow])
        try await heir.service.keepLeases()
        #expect(heir.opened.all.count == 1, "it was taken again, from itself")
    }

    @Test("totals outlive a clean end, and the milestones behind them are known")
    func totals() async throws {
        let database = try await TestDatabase.make()
        let first = Stage(database.pool)
        let livestream = try await first.start()
        try await first.like(25, in: livestream.id)
        _ = try await first.service.take(
            .gift(GiftCatalogue.gifts[0], count: 3), by: first.ann, in: livestream.id)
        let before = try #require(first.service.summary(of: livestream.id))
        try await first.service.release()

        let second = Stage(database.otherPool())
        try await second.service.keepLeases()
        let after = try #require(second.service.summary(of: livestream.id))
        #expect(after.likes == 25)
        #expect(after.coins == before.coins && after.coins > 0)
        #expect(after.state == .started)
        #expect(second.opened.all.map(\.totals.likesPassed) == [25])
        try await second.like(1, in: livestream.id)
        #expect(second.service.summary(of: livestream.id)?.likes == 26)

        try await second.service.end(livestream.id, in: second.workspace)
        let ended = try await first.service.livestream(livestream.id)
        #expect(ended.totals.likes == 26)
        #expect(ended.totals.state == .ended)
    }

    @Test("a killed process loses what it had not written, and no milestone comes again for it")
    func totalsAfterKill() async throws {
        let database = try await TestDatabase.make()
        let dead = Stage(database.pool)
        let livestream = try await dead.start()
        try await dead.like(40, in: livestream.id)
        try await dead.service.writeTotals()
        try await dead.like(LiveLimits.likesMargin, in: livestream.id)
        // Killed here. The lease must run out before another may take the livestream.
        try await database.pool.execute(
            "UPDATE live.livestream SET lease_expires_at = now() - interval '1 second'")
        let heir = Stage(database.otherPool())
        try await heir.service.keepLeases()
        #expect(heir.service.summary(of: livestream.id)?.likes == 40)
        let passed = try #require(heir.opened.all.first?.totals.likesPassed)
        #expect(passed >= 40 + LiveLimits.likesMargin)
    }

    @Test("a lease from before the clock was set back has no holder")
    func leaseFromTheFuture() async throws {
        let database = try await TestDatabase.make()
        let dead = Stage(database.pool)
        let livestream = try await dead.start()
        try await database.pool.execute(
            "UPDATE live.livestream SET lease_expires_at = now() + interval '1 hour'")
        let heir = Stage(database.otherPool())
        try await heir.service.keepLeases()
        #expect(heir.service.summary(of: livestream.id) != nil)
    }

    @Test("only who holds a livestream writes its totals")
    func totalsOfALostLivestream() async throws {
        let database = try await TestDatabase.make()
        let dead = Stage(database.pool)
        let livestream = try await dead.start()
        try await database.pool.execute(
            "UPDATE live.livestream SET lease_expires_at = now() - interval '1 second'")
        let heir = Stage(database.otherPool())
        try await heir.service.keepLeases()
        try await heir.like(7, in: livestream.id)
        try await heir.service.writeTotals()
        try await dead.like(3, in: livestream.id)
        try await dead.service.writeTotals()
        try await heir.service.end(livestream.id, in: heir.workspace)
        let fresh = Stage(database.pool)
        #expect(try await fresh.service.livestream(livestream.id).totals.likes == 7)
    }

    @Test(
        "a title that cannot be seen, or that turns text around, is refused",
        arguments: [" ", "\u{3000}", "a\u{202E}b", "a\u{200B}b", "a\nb"])
    func badTitle(title: String) async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        await #expect(throws: LiveError.self) {
            _ = try await stage.service.start(
                in: stage.workspace, title: title, source: .native, hostID: "", by: stage.host)
        }
    }

    @Test("an event that the database will never take does not hold up the others")
    func poison() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let livestream = try await stage.start()
        let event = try await stage.service.take(.join, by: stage.ann, in: livestream.id)
        let poison = LiveEvent(
            id: LiveEventID(high: 3, low: 3), livestream: livestream.id, source: .native,
            sourceMessageID: "a\0b", viewer: nil, happening: .join, createdAtMilliseconds: 1,
            isHistory: false)
        stage.eventLog.append([poison])
        _ = try await stage.service.take(.share, by: stage.ann, in: livestream.id)
        #expect(await stage.eventLog.write())
        #expect(stage.eventLog.droppedCount == 1)
        let written = try await stage.service.events(
            of: livestream.id, in: stage.workspace, before: nil, limit: 9)
        #expect(Set(written.map(\.happening)) == [.control(.started), .join, .share])
        #expect(written.contains(event))
    }

    @Test("what one livestream's watchers see does not wait for the database")
    func stream() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let livestream = try await stage.start()
        _ = try await stage.service.take(.join, by: stage.ann, in: livestream.id)
        let recent = stage.service.recentEvents(of: livestream.id)
        #expect(recent.map(\.happening) == [.control(.started), .join])
        let message = try #require(LiveStreamEvent.make(recent[1]))
        #expect(message.id == recent[1].id.description)
        #expect(message.name == "join")
    }

    @Test("events wait while the database is away, and the oldest go at the limit")
    func databaseAway() async throws {
        let database = try await TestDatabase.make()
        let pool = database.otherPool()
        let stage = Stage(pool)
        let livestream = try await stage.start()
        await pool.close()
        for _ in 0..<3 {
            _ = try await stage.service.take(.join, by: stage.ann, in: livestream.id)
        }
        #expect(await stage.eventLog.write() == false)
        #expect(stage.delivered.all.count == 4)
        let event = stage.delivered.all[0].event
        stage.eventLog.append(Array(repeating: event, count: LiveLimits.waitingEvents))
        #expect(stage.eventLog.droppedCount == 4)
    }
}

@Suite("LiveRoutes", .needsServices)
struct LiveRoutesTests {
    private func application(_ stage: Stage) -> Application {
        let routes = LiveRoutes(service: stage.service, hub: stage.hub)
        let account = stage.ann
        return Application(
            endpoints: routes.endpoints,
            hooks: Hooks(
                authenticate: { request in
                    request.header("authorization") == nil
                        ? nil
                        : Caller(kind: .account, subject: account.description, account: account)
                }, authorise: { _, permission, _ in permission.hasPrefix("workspace.") }),
            log: Log(component: "test", minimum: .error))
    }

    private func call(
        _ application: Application, _ method: Method, _ path: String, _ body: String? = nil,
        bytes: [UInt8]? = nil
    ) async throws -> (status: Int, text: String) {
        var headers = [("Authorization", "Bearer x")]
        if body != nil { headers.append(("Content-Type", "application/json")) }
        if bytes != nil { headers.append(("Content-Type", "application/octet-stream")) }
        let request = try #require(
            Request(method, path, headers: headers, body: bytes ?? Array((body ?? "").utf8)))
        let response = await application.respond(to: request)
        let text =
            switch response.content {
            case .item(let data), .page(let data, _), .bytes(let data):
                String(decoding: data, as: UTF8.self)
            default: ""
            }
        return (response.status.rawValue, text)
    }

    @Test("from start to end over the API")
    func wholeShow() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let application = application(stage)
        let base = "/api/v1/workspaces/\(stage.workspace)/livestreams"
        let started = try await call(
            application, .post, base, #"{"title": "Tonight", "source": "replay"}"#)
        #expect(started.status == 201, "\(started.text)")
        let livestream = try #require(
            try await stage.service.livestreams(of: stage.workspace, before: nil, limit: 1).first)
        let room = "/api/v1/livestreams/\(livestream.id)"
        for (path, body) in [
            ("comments", #"{"text": "!light"}"#), ("gifts", #"{"gift_id": 5655, "count": 3}"#),
            ("likes", #"{"count": 5}"#), ("follows", nil), ("shares", nil), ("joins", nil),
        ] as [(String, String?)] {
            let answer = try await call(application, .post, "\(room)/\(path)", body)
            #expect(answer.status == 201, "\(path): \(answer.text)")
        }
        let frame = SyntheticShow.frames(.init())[0].bytes
        let fed = try await call(
            application, .post, "\(base)/\(livestream.id)/frames", bytes: frame)
        #expect(fed.status == 200, "\(fed.text)")
        #expect(fed.text.contains(#""messages_left_out":0"#))
        #expect(await stage.eventLog.write())
        let page = try await call(application, .get, "\(base)/\(livestream.id)/events?limit=100")
        #expect(page.status == 200 && page.text.contains("!light"))
        let shown = try await call(application, .get, room)
        #expect(shown.text.contains(#""likes":5"#) || shown.text.contains(#""likes":"#))
        #expect(try await call(application, .get, "/api/v1/gifts").text.contains("Rose"))
        #expect(try await call(application, .get, base).text.contains("Tonight"))
        #expect(
            try await call(application, .post, "\(base)/\(livestream.id)/end").status == 204)
        #expect(
            try await call(application, .post, "\(base)/\(livestream.id)/end").status == 409)
        #expect(
            try await call(application, .post, "\(room)/joins").status == 503)
    }

    @Test("what is wrong is refused with its reason")
    func refused() async throws {
        let stage = Stage(try await TestDatabase.make().pool)
        let application = application(stage)
        let base = "/api/v1/workspaces/\(stage.workspace)/livestreams"
        let livestream = try await stage.start()
        let room = "/api/v1/livestreams/\(livestream.id)"
        let unknown = "/api/v1/livestreams/\(LivestreamID(high: 5, low: 5))"
        for (path, body, status) in [
            (base, #"{"title": ""}"#, 422), (base, #"{"title": " "}"#, 422),
            (base, #"{"title": "x", "source": "radio"}"#, 422),
            ("\(room)/comments", #"{"text": ""}"#, 422), ("\(room)/comments", "{}", 422),
            ("\(room)/gifts", #"{"gift_id": 1}"#, 422),
            ("\(room)/gifts", #"{"gift_id": 5655, "count": 9999}"#, 422),
            ("\(room)/likes", #"{"count": 16}"#, 422),
            ("\(unknown)/comments", #"{"text": "x"}"#, 503),
        ] {
            let answer = try await call(application, .post, path, body)
            #expect(answer.status == status, "\(path) \(body) \(answer.text)")
        }
        let bad = try await call(
            application, .post, "\(base)/\(livestream.id)/frames", bytes: [0x42, 9])
        #expect(bad.status == 400 && bad.text.contains("bad_frame"))
        #expect(try await call(application, .get, unknown).status == 404)
    }
}
