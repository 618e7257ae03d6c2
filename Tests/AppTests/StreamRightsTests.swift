import Devices
import MQTT
import Platform
import Postgres
import SharedModels
import TestSupport
import Testing

@testable import Accounts
@testable import HTTP
@testable import cuelight

/// A person with a session.
private struct Person {
    let handle: String
    let tokens: SessionTokens
    var token: String { tokens.accessToken }
}

/// A control plane on a database, serving on a free port; its clock is in the test's hand.
private struct Stand {
    let clock: ManualClock
    let plane: ControlPlane
    let application: Application
    let port: UInt16

    private static let loop: EventLoop = {
        do { return try EventLoop.start(name: "test-stage") } catch { fatalError("\(error)") }
    }()

    static func plane(
        _ pool: PostgresPool, clock: ManualClock, keys: KeyRing
    ) throws -> ControlPlane {
        let log = Log(component: "test", minimum: .error)
        // Nobody runs the broker's client: no stream needs it.
        let client = try MQTTClient(
            MQTTConfiguration(
                address: .unix(path: "/none"), clientID: "test", username: "test",
                password: { "" }), loop: loop, log: log)
        return try ControlPlane(
            ControlPlane.Ground(
                pool: pool, client: client, keys: keys,
                broker: BrokerAddress(host: "localhost", port: 1883, isTLS: false),
                metrics: Metrics(),
                log: log, time: clock.timeSource))
    }

    static func run(
        _ pool: PostgresPool, keys: KeyRing? = nil, clock: ManualClock = ManualClock(),
        _ body: (Stand) async throws -> Void
    ) async throws {
        let log = Log(component: "test", minimum: .error)
        let plane = try plane(pool, clock: clock, keys: try keys ?? KeyRing.ephemeral())
        let made = plane.application()
        let application = Application(
            endpoints: made.endpoints + [operatorsOnly], hooks: plane.hooks, log: log,
            rights: plane.rights)
        var configuration = HTTPConfiguration(addresses: [.ip("127.0.0.1", port: 0)])
        configuration.time = clock.timeSource
        configuration.limits.tick = .milliseconds(5)
        // Nobody answers pings here.
        configuration.limits.silenceDeadline = .seconds(100_000_000)
        let server = HTTPServer(configuration, log: log) { await application.respond(to: $0) }
        guard case .ip(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        do {
            try await body(
                Stand(clock: clock, plane: plane, application: application, port: port))
        } catch {
            running.cancel()
            try await running.value
            throw error
        }
        running.cancel()
        try await running.value
    }

    /// No stream of the API needs more than a watcher yet.
    private static let operatorsOnly = Endpoint(
        .get, "/api/v1/workspaces/{workspace_id:uuid}/test", "For operators.", tag: "test",
        access: .permission("workspace.operate"), rate: .stream, answer: .events(.text)
    ) { call in call.events(EventStreamHandler(opened: { _ in })) }

    func person(_ handle: String) async throws -> Person {
        _ = try await plane.accounts.service.register(
            email: "\(handle)@example.org", handle: handle, displayName: handle,
            password: "correct horse")
        return try await again(handle)
    }

    /// Another session of the same person.
    func again(_ handle: String) async throws -> Person {
        Person(
            handle: handle,
            tokens: try await plane.accounts.service.logIn(
                email: "\(handle)@example.org", password: "correct horse"))
    }

    /// A request of the API; returns its status and body.
    @discardableResult
    func ask(
        _ method: HTTP.Method, _ path: String, by person: Person? = nil, _ body: String? = nil,
        status: Int
    ) async throws -> JSONValue {
        var headers: [(name: String, value: String)] = []
        if let person { headers.append(("Authorization", "Bearer \(person.token)")) }
        if body != nil { headers.append(("Content-Type", "application/json")) }
        let request = try #require(
            Request(method, path, headers: headers, body: Array((body ?? "").utf8)))
        let response = await application.respond(to: request)
        let bytes = response.bodyBytes(requestID: "test")
        #expect(
            response.status.rawValue == status, "\(path): \(String(decoding: bytes, as: UTF8.self))"
        )
        return bytes.isEmpty ? .null : try JSONParser.parse(bytes)
    }

    /// A workspace of `owner`, in which others have these roles.
    func workspace(_ owner: Person, _ roles: [String: String] = [:]) async throws -> String {
        let made = try await plane.accounts.service.makeWorkspace(
            name: "Stage", owner: owner.tokens.account.id)
        let path = "/api/v1/workspaces/\(made.workspace)"
        for (handle, role) in roles {
            try await ask(
                .put, "\(path)/members/\(handle)", by: owner, #"{"role":"\#(role)"}"#, status: 204)
        }
        return path
    }

    func events(_ path: String, by person: Person) async throws -> RawClient {
        let client = try RawClient(port: port)
        client.startReading()
        client.send(
            "GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(person.token)\r\n\r\n")
        try await client.wait(for: "\r\n\r\n")
        #expect(client.text.hasPrefix("HTTP/1.1 200 "))
        return client
    }

    func socket(_ path: String, by person: Person) async throws -> WebSocketClient {
        let client = try RawClient(port: port)
        client.startReading()
        return try await WebSocketClient.open(
            on: client, path, headers: "Authorization: Bearer \(person.token)\r\n")
    }

    /// Turns the clock and waits until the stream has heard a ping.
    func ping(_ client: RawClient, after pause: Duration = .seconds(20)) async throws {
        let before = Self.pings(client.bytes)
        clock.advance(by: pause)
        try await client.wait { bytes, isClosed in isClosed || Self.pings(bytes) > before }
        #expect(!client.isClosed)
    }

    private static func pings(_ bytes: [UInt8]) -> Int {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").count { $0.hasSuffix(":") }
    }

    func livestream(_ workspace: String, by person: Person) async throws -> String {
        let made = try await ask(
            .post, "\(workspace)/livestreams", by: person, #"{"title":"Tonight"}"#, status: 201)
        return "/api/v1/livestreams/\(try #require(made["data"]?["id"]?.text))"
    }
}

private func ended(_ code: String) -> String {
    "event: ended\ndata: {\"type\":\"ended\",\"data\":{\"code\":\"\(code)\""
}

@Suite("Streams and rights", .needsServices)
struct StreamRightsTests {
    @Test("a removed member's console stream ends at once, those of others go on")
    func removed() async throws {
        try await Stand.run(try await TestDatabase.make().pool) { stand in
            let (ann, bob) = (try await stand.person("ann"), try await stand.person("bob"))
            let workspace = try await stand.workspace(ann, ["bob": "watcher"])
            let stays = try await stand.events("\(workspace)/stream", by: ann)
            let gone = try await stand.events("\(workspace)/stream", by: bob)
            try await stand.ask(.delete, "\(workspace)/members/bob", by: ann, status: 204)
            try await gone.waitForClose()
            #expect(gone.text.contains(ended("forbidden")))
            for _ in 1...3 { try await stand.ping(stays) }
        }
    }

    @Test("removed by another process, the member's stream ends with the next ping")
    func removedElsewhere() async throws {
        let (database, keys, clock) = (
            try await TestDatabase.make(), try KeyRing.ephemeral(), ManualClock()
        )
        try await Stand.run(database.pool, keys: keys, clock: clock) { stand in
            let (ann, bob) = (try await stand.person("ann"), try await stand.person("bob"))
            let workspace = try await stand.workspace(ann, ["bob": "watcher"])
            let stays = try await stand.events("\(workspace)/stream", by: ann)
            let gone = try await stand.events("\(workspace)/stream", by: bob)
            try await Stand.run(database.otherPool(), keys: keys, clock: clock) { other in
                try await other.ask(.delete, "\(workspace)/members/bob", by: ann, status: 204)
            }
            #expect(!gone.isClosed)
            clock.advance(by: .seconds(20))
            try await gone.waitForClose()
            #expect(gone.text.contains(ended("forbidden")))
            try await stand.ping(stays)
        }
    }

    @Test("a signed-out viewer's WebSocket closes with 1008, that of another session does not")
    func signedOut() async throws {
        try await Stand.run(try await TestDatabase.make().pool) { stand in
            let (ann, bob) = (try await stand.person("ann"), try await stand.person("bob"))
            let live = try await stand.livestream(try await stand.workspace(ann), by: ann)
            let desk = try await stand.again("bob")
            let gone = try await stand.socket("\(live)/socket", by: bob)
            let stays = try await stand.socket("\(live)/socket", by: desk)
            let events = try await stand.events("\(live)/stream", by: bob)
            try await stand.ask(.delete, "/api/v1/sessions/current", by: bob, status: 204)
            let frame = try #require(try await gone.frames(1).last)
            #expect(frame.opcode == 8 && frame.payload.prefix(2) == [0x03, 0xF0])
            try await events.waitForClose()
            #expect(events.text.contains(ended("session_ended")))
            // What it says now is heard by nobody.
            gone.send(#"{"type":"comment","text":"still here"}"#)
            stays.send(#"{"type":"comment","text":"on we go"}"#)
            try await stays.client.wait(for: "on we go")
            #expect(!stays.client.text.contains("still here"))
        }
    }

    @Test("a refresh token that comes back ends the streams of its session")
    func reused() async throws {
        try await Stand.run(try await TestDatabase.make().pool) { stand in
            let ann = try await stand.person("ann")
            let workspace = try await stand.workspace(ann)
            let client = try await stand.events("\(workspace)/stream", by: ann)
            let body = #"{"refresh_token":"\#(ann.tokens.refreshToken)"}"#
            try await stand.ask(.post, "/api/v1/sessions/refresh", body, status: 200)
            try await stand.ping(client)
            try await stand.ask(.post, "/api/v1/sessions/refresh", body, status: 401)
            try await client.waitForClose()
            #expect(client.text.contains(ended("session_ended")))
        }
    }

    @Test("a lowered role ends what it does not suffice for, and nothing else")
    func lowered() async throws {
        try await Stand.run(try await TestDatabase.make().pool) { stand in
            let (ann, bob) = (try await stand.person("ann"), try await stand.person("bob"))
            let workspace = try await stand.workspace(ann, ["bob": "operator"])
            let gone = try await stand.events("\(workspace)/test", by: bob)
            let stays = try await stand.events("\(workspace)/stream", by: bob)
            for role in ["owner", "operator", "watcher"] {
                #expect(!gone.isClosed)
                try await stand.ask(
                    .put, "\(workspace)/members/bob", by: ann, #"{"role":"\#(role)"}"#, status: 204)
            }
            try await gone.waitForClose()
            #expect(gone.text.contains(ended("forbidden")))
            try await stand.ping(stays)
        }
    }

    @Test("a stream outlives its access token, and ends with its session")
    func expiry() async throws {
        try await Stand.run(try await TestDatabase.make().pool) { stand in
            let ann = try await stand.person("ann")
            let workspace = try await stand.workspace(ann)
            let client = try await stand.events("\(workspace)/stream", by: ann)
            try await stand.ping(client, after: AccountsService.Limits.accessLifetime)
            try await stand.ask(.get, "/api/v1/me", by: ann, status: 401)
            for _ in 1...3 {
                await eventually { stand.plane.rights.isIdle }
                try await stand.ping(client)
            }
            await eventually { stand.plane.rights.isIdle }
            stand.clock.advance(by: AccountsService.Limits.sessionLifetime)
            try await client.waitForClose()
            #expect(client.text.contains(ended("session_ended")))
        }
    }

    @Test("a deleted account's streams end with the next ping")
    func deleted() async throws {
        let pool = try await TestDatabase.make().pool
        try await Stand.run(pool) { stand in
            let (ann, bob) = (try await stand.person("ann"), try await stand.person("bob"))
            let live = try await stand.livestream(try await stand.workspace(ann), by: ann)
            let client = try await stand.events("\(live)/stream", by: bob)
            try await pool.execute(
                "DELETE FROM accounts.account WHERE id = \(bob.tokens.account.id)")
            stand.clock.advance(by: .seconds(20))
            try await client.waitForClose()
            #expect(client.text.contains(ended("session_ended")))
        }
    }

    @Test("while the database is away streams go on for the grace, and no longer")
    func databaseAway() async throws {
        // What was written must be there after the kill.
        let server = try await TestPostgres.start(settings: ["synchronous_commit=on"])
        let pool = PostgresPool(
            try server.configuration(), loop: TestPostgres.loop,
            log: Log(component: "test", minimum: .error))
        try await TestPostgres.migrate(pool)
        try await Stand.run(pool) { stand in
            let ann = try await stand.person("ann")
            let workspace = try await stand.workspace(ann)
            let client = try await stand.events("\(workspace)/stream", by: ann)
            server.kill()
            for _ in 1...10 { try await stand.ping(client) }
            // A short outage costs nothing, and the grace begins anew.
            try await server.restart()
            try await pool.execute("SELECT 1")
            await eventually { stand.plane.rights.isIdle }
            try await stand.ping(client)
            await eventually { stand.plane.rights.isIdle }
            server.kill()
            let grace = RightsLedger.Limits.grace
            for _ in 1..<Int(grace / .seconds(20)) { try await stand.ping(client) }
            for _ in 1...2 { stand.clock.advance(by: .seconds(20)) }
            try await client.waitForClose()
            #expect(client.text.contains(ended("unavailable")))
        }
    }

    @Test("signing out ends a stream while the database is away: this process knows")
    func signedOutWhileAway() async throws {
        let database = try await TestDatabase.make()
        let pool = database.otherPool()
        try await Stand.run(pool) { stand in
            let ann = try await stand.person("ann")
            let workspace = try await stand.workspace(ann)
            let client = try await stand.events("\(workspace)/stream", by: ann)
            await pool.close()
            await #expect(throws: (any Error).self) {
                try await stand.plane.accounts.service.logOut(ann.tokens.session)
            }
            try await client.waitForClose()
            #expect(client.text.contains(ended("session_ended")))
        }
    }
}
