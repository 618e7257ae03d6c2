import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import HTTP

private let workspace = WorkspaceID("01890000-0000-7000-8000-0000000000aa")!
private let elsewhere = WorkspaceID("01890000-0000-7000-8000-0000000000bb")!

/// A person of the tests: account and session have the same number.
private func caller(_ number: UInt64) -> Caller {
    Caller(
        kind: .account, subject: "\(number)", account: AccountID(high: 1, low: number),
        session: SessionID(high: 2, low: number))
}

/// Who may what, as a database would know it; counts how it is asked.
private final class Desk: Sendable {
    struct Away: Error {}

    private struct State {
        var signedOut: Set<Caller> = []
        var removed: Set<Caller> = []
        var isAway = false
        var isTokenOld = false
        var checks = 0
        var running = 0
        var runningMax = 0
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var checks: Int { state.withLock { $0.checks } }
    var runningMax: Int { state.withLock { $0.runningMax } }
    var heldCount: Int { state.withLock { $0.held.count } }

    func signOut(_ caller: Caller) { state.withLock { _ = $0.signedOut.insert(caller) } }
    func remove(_ caller: Caller) { state.withLock { _ = $0.removed.insert(caller) } }
    func goAway(_ isAway: Bool = true) { state.withLock { $0.isAway = isAway } }
    func letTokensExpire() { state.withLock { $0.isTokenOld = true } }

    /// Checks wait from now on, until `release`.
    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for one in held { one.resume() }
    }

    func confirm(_ caller: Caller) async throws -> Bool {
        state.withLock { state in
            state.checks += 1
            state.running += 1
            state.runningMax = max(state.runningMax, state.running)
        }
        defer { state.withLock { $0.running -= 1 } }
        await withCheckedContinuation { continuation in
            let isHeld = state.withLock { state in
                if state.isHeld { state.held.append(continuation) }
                return state.isHeld
            }
            if !isHeld { continuation.resume() }
        }
        return try state.withLock { state in
            if state.isAway { throw Away() }
            return !state.signedOut.contains(caller)
        }
    }

    var hooks: Hooks {
        Hooks(
            authenticate: { [self] request in
                guard let number = request.bearerToken.flatMap({ UInt64($0) }) else { return nil }
                if state.withLock({ $0.isTokenOld }) { throw HTTPError.unauthenticated }
                return caller(number)
            }, confirm: { [self] in try await confirm($0) },
            authorise: { [self] caller, _, call in
                if state.withLock({ $0.removed.contains(caller) }) { throw HTTPError.notFound }
                return call.path("workspace_id") == "\(workspace)"
            })
    }
}

private struct Stand {
    let server: TestServer
    let clock: ManualClock
    let rights: StreamRights
    let desk: Desk
    let hub: Hub

    static let tick = Duration.milliseconds(5)

    /// - Parameter entering: called in the handler, between being let in and the stream's begin.
    static func run(
        entering: @escaping @Sendable (StreamRights, Desk) -> Void = { _, _ in },
        _ body: (Stand) async throws -> Void
    ) async throws {
        let (clock, desk, hub) = (ManualClock(), Desk(), Hub())
        let rights = StreamRights(
            time: clock.timeSource, log: Log(component: "test", minimum: .error))
        var limits = HTTPLimits()
        limits.tick = tick
        // Nobody answers pings here.
        limits.silenceDeadline = .seconds(100_000)
        let path: PathPattern = "/w/{workspace_id:uuid}/events"
        let endpoints: [Endpoint] = [
            Endpoint(
                .get, path, "Streams.", tag: "test", access: .permission("watch"), rate: .stream,
                answer: .events(.text)
            ) { call in
                entering(rights, desk)
                return call.events(EventStreamHandler(opened: { hub.join("room", $0) }))
            },
            Endpoint(
                .get, "/socket", "Talks.", tag: "test", access: .signedIn, rate: .stream,
                answer: .webSocket(.text)
            ) { call in
                try call.webSocket(WebSocketHandler(opened: { hub.join("room", $0) }))
            },
        ]
        try await TestServer.run(
            endpoints, hooks: desk.hooks, limits: limits, time: clock.timeSource, rights: rights
        ) { server in
            try await body(
                Stand(server: server, clock: clock, rights: rights, desk: desk, hub: hub))
        }
    }

    func events(_ number: UInt64) async throws -> RawClient {
        let client = try server.connect()
        client.send(
            "GET /w/\(workspace)/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(number)\r\n\r\n"
        )
        try await client.wait(for: "\r\n\r\n")
        #expect(client.text.hasPrefix("HTTP/1.1 200 "))
        return client
    }

    func socket(_ number: UInt64) async throws -> WebSocketClient {
        try await WebSocketClient.open(
            server, "/socket", headers: "Authorization: Bearer \(number)\r\n")
    }

    /// Turns the clock to the next ping and waits until it has gone out.
    func ping(_ client: RawClient) async throws {
        let before = Self.pings(client.bytes)
        clock.advance(by: .seconds(20))
        try await client.wait { bytes, isClosed in isClosed || Self.pings(bytes) > before }
    }

    private static func pings(_ bytes: [UInt8]) -> Int {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").count { $0.hasSuffix(":") }
    }

    /// Waits until so many checks have been made, and nothing of them is under way.
    func waitForChecks(_ count: Int) async {
        await eventually("\(count) checks") { desk.checks >= count && rights.isIdle }
    }
}

private func ended(_ code: String) -> String {
    "event: ended\ndata: {\"type\":\"ended\",\"data\":{\"code\":\"\(code)\""
}

@Suite("Rights of streams")
struct StreamRightsTests {
    @Test("whoever was removed is told so at the next ping, and the stream ends")
    func removedAtPing() async throws {
        try await Stand.run { stand in
            let client = try await stand.events(1)
            stand.desk.remove(caller(1))
            stand.clock.advance(by: .seconds(20))
            try await client.waitForClose()
            #expect(client.text.contains(ended("forbidden")))
            #expect(client.text.hasSuffix("\n\n"))
            #expect(stand.rights.streamCount == 0)
            client.end()
            await eventually { stand.hub.viewerCount(of: "room") == 0 }
        }
    }

    @Test("whoever is told of is looked at in the same moment, without the clock")
    func removedAtOnce() async throws {
        try await Stand.run { stand in
            let (gone, stays) = (try await stand.events(1), try await stand.events(2))
            stand.desk.remove(caller(1))
            stand.rights.tell(.member(AccountID(high: 1, low: 1), of: workspace))
            try await gone.waitForClose()
            #expect(gone.text.contains(ended("forbidden")))
            #expect(stand.desk.checks == 1)
            try await stand.ping(stays)
            stand.hub.publish(ServerSentEvent(data: "on we go"), to: "room")
            try await stays.wait(for: "on we go")
            #expect(!gone.text.contains("on we go") && !stays.isClosed)
        }
    }

    @Test("a WebSocket whose session has ended closes with 1008 and says why")
    func signedOut() async throws {
        try await Stand.run { stand in
            let (gone, stays) = (try await stand.socket(1), try await stand.socket(2))
            stand.desk.signOut(caller(1))
            stand.rights.tell(.session(SessionID(high: 2, low: 1)))
            let frames = try await gone.frames(1)
            #expect(frames.map(\.opcode) == [8])
            #expect(frames[0].payload.prefix(2) == [0x03, 0xF0])
            #expect(
                String(decoding: frames[0].payload.dropFirst(2), as: UTF8.self)
                    == "Your session has ended. Sign in again.")
            gone.send(opcode: 8, [0x03, 0xF0])
            try await gone.client.waitForClose()
            stand.hub.publish(ServerSentEvent(data: "on we go"), to: "room")
            #expect(try await stays.frames(1).map(\.opcode) == [1])
        }
    }

    @Test("a client that does not answer the close is cut off")
    func silentAfterClose() async throws {
        try await Stand.run { stand in
            let gone = try await stand.socket(1)
            stand.desk.signOut(caller(1))
            stand.rights.tell(.session(SessionID(high: 2, low: 1)))
            _ = try await gone.frames(1)
            stand.clock.advance(by: HTTPLimits().lingerDeadline)
            try await gone.client.waitForClose()
        }
    }

    @Test("a stream outlives the token that opened it as long as its session goes on")
    func oldToken() async throws {
        try await Stand.run { stand in
            let client = try await stand.events(1)
            stand.desk.letTokensExpire()
            for count in 1...50 {
                try await stand.ping(client)
                await stand.waitForChecks(count)
            }
            #expect(!client.isClosed)
            stand.desk.signOut(caller(1))
            stand.clock.advance(by: .seconds(20))
            try await client.waitForClose()
            #expect(client.text.contains(ended("session_ended")))
        }
    }

    @Test("while rights cannot be looked at streams go on for the grace, and then end with 1013")
    func away() async throws {
        try await Stand.run { stand in
            let (events, socket) = (try await stand.events(1), try await stand.socket(2))
            stand.desk.goAway()
            // Pings go on, and a hook that tells cannot end what it cannot judge.
            stand.rights.tell(.account(AccountID(high: 1, low: 1)))
            let grace = RightsLedger.Limits.grace
            for _ in 1...Int(grace / .seconds(20)) { try await stand.ping(events) }
            #expect(!events.isClosed && !socket.client.isClosed)
            await eventually { stand.desk.checks >= 2 }
            for _ in 1...2 { stand.clock.advance(by: .seconds(20)) }
            try await events.waitForClose()
            #expect(events.text.contains(ended("unavailable")))
            await eventually {
                WebSocketClient.frames(socket.client.bytes).contains {
                    $0.opcode == 8 && $0.payload.prefix(2) == [0x03, 0xF5]
                }
            }
        }
    }

    @Test("a database that comes back within the grace ends nothing, and the grace begins anew")
    func awayForAWhile() async throws {
        try await Stand.run { stand in
            let client = try await stand.events(1)
            for _ in 1...3 {
                stand.desk.goAway()
                for _ in 1...10 { try await stand.ping(client) }
                await eventually { stand.rights.isIdle }
                stand.desk.goAway(false)
                let checks = stand.desk.checks
                try await stand.ping(client)
                await stand.waitForChecks(checks + 1)
            }
            #expect(!client.isClosed)
        }
    }

    @Test("a change told between being let in and the stream's begin counts for it")
    func changedWhileEntering() async throws {
        try await Stand.run(entering: { rights, desk in
            desk.remove(caller(1))
            rights.tell(.member(AccountID(high: 1, low: 1), of: workspace))
        }) { stand in
            let client = try await stand.events(1)
            try await client.waitForClose()
            #expect(client.text.contains(ended("forbidden")))
        }
    }

    @Test("streams that begin together do not ping together")
    func phases() async throws {
        try await Stand.run { stand in
            var clients: [RawClient] = []
            for number in 1...40 { clients.append(try await stand.events(UInt64(number))) }
            #expect(stand.desk.checks == 0)
            stand.clock.advance(by: .seconds(15))
            await eventually { stand.desk.checks > 0 }
            // An answer of the same loop: whatever was due in this tick has been seen to.
            _ = try await stand.server.exchange(
                "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await eventually { stand.rights.isIdle }
            #expect(stand.desk.checks < 40)
            stand.clock.advance(by: .seconds(5))
            await eventually { stand.desk.checks == 40 }
            #expect(clients.allSatisfy { !$0.isClosed })
        }
    }

    @Test("a viewer that reads nothing is ended as well")
    func stuckViewer() async throws {
        try await Stand.run { stand in
            let client = try RawClient(port: stand.server.port, receiveBuffer: 4096)
            client.send(
                "GET /w/\(workspace)/events HTTP/1.1\r\nHost: a\r\n"
                    + "Authorization: Bearer 1\r\n\r\n")
            try await stand.server.waitForViewers(stand.hub, "room", 1)
            let text = String(repeating: "x", count: 100_000)
            for _ in 0..<100 { stand.hub.publish(ServerSentEvent(data: text), to: "room") }
            stand.desk.remove(caller(1))
            stand.rights.tell(.account(AccountID(high: 1, low: 1)))
            await eventually { stand.desk.checks == 1 && stand.rights.streamCount == 0 }
            await eventually {
                stand.clock.advance(by: .seconds(1))
                return stand.server.server.connectionCount == 0
            }
        }
    }
}

@Suite("Checks of rights")
struct RightsLoadTests {
    private func right(
        _ desk: Desk, _ rights: StreamRights, _ number: UInt64, in place: WorkspaceID = workspace
    ) -> StreamRight {
        let caller = caller(number)
        return StreamRight(
            key: .init(
                caller: caller, permission: "watch", route: "/w", pathValues: ["\(place)"]),
            rights: rights
        ) {
            do { return try await desk.confirm(caller) ? .holds : .ended(.sessionEnded) } catch {
                return .unknown("\(error)")
            }
        }
    }

    private func rights(_ clock: ManualClock) -> StreamRights {
        StreamRights(time: clock.timeSource, log: Log(component: "test", minimum: .error))
    }

    @Test("a thousand streams of as many people are looked at a few at a time, each once")
    func manyPeople() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        desk.hold()
        let entries = (1...1000).map { rights.enter(right(desk, rights, $0)) { _ in } }
        clock.advance(by: .seconds(20))
        for entry in entries { entry.ping() }
        for _ in 1...5 { for entry in entries { entry.ping() } }
        await eventually { desk.heldCount == RightsLedger.Limits.checksMax }
        #expect(desk.checks == RightsLedger.Limits.checksMax)
        #expect(RightsLedger.Limits.checksMax <= 8, "a pool has few connections")
        desk.release()
        await eventually { desk.checks == 1000 }
        #expect(desk.runningMax == RightsLedger.Limits.checksMax)
        // All are fresh now.
        for entry in entries { entry.ping() }
        await eventually { rights.isIdle }
        #expect(desk.checks == 1000)
        for entry in entries { entry.leave() }
        #expect(rights.streamCount == 0)
    }

    @Test("a thousand streams on one right cost one check, and end together")
    func oneRight() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        let ends = Mutex<[StreamEnd]>([])
        let entries = (1...1000).map { _ in
            rights.enter(right(desk, rights, 1)) { end in ends.withLock { $0.append(end) } }
        }
        clock.advance(by: .seconds(20))
        for entry in entries { entry.ping() }
        await eventually { rights.isIdle }
        #expect(desk.checks == 1)
        desk.signOut(caller(1))
        rights.tell(.session(SessionID(high: 2, low: 1)))
        await eventually { ends.withLock { $0.count } == 1000 }
        #expect(ends.withLock { $0 }.allSatisfy { $0 == .sessionEnded })
        #expect(desk.checks == 2)
        #expect(rights.streamCount == 0)
    }

    @Test("a change told while a check runs is looked at once more")
    func changeDuringCheck() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        let entry = rights.enter(right(desk, rights, 1)) { _ in }
        desk.hold()
        rights.tell(.account(AccountID(high: 1, low: 1)))
        await eventually { desk.heldCount == 1 }
        for _ in 1...10 { rights.tell(.account(AccountID(high: 1, low: 1))) }
        desk.release()
        await eventually { rights.isIdle }
        #expect(desk.checks == 2)
        entry.leave()
    }

    @Test("a change asks for those alone whom it concerns")
    func concerns() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        let entries = [
            rights.enter(right(desk, rights, 1)) { _ in },
            rights.enter(right(desk, rights, 2)) { _ in },
            rights.enter(right(desk, rights, 1, in: elsewhere)) { _ in },
        ]
        func cost(_ change: RightsChange) async -> Int {
            let before = desk.checks
            rights.tell(change)
            await eventually { rights.isIdle }
            return desk.checks - before
        }
        let ann = AccountID(high: 1, low: 1)
        #expect(await cost(.member(ann, of: workspace)) == 1)
        #expect(await cost(.account(ann)) == 2)
        #expect(await cost(.session(SessionID(high: 2, low: 1))) == 2)
        #expect(await cost(.workspace(workspace)) == 2)
        #expect(await cost(.workspace(elsewhere)) == 1)
        #expect(await cost(.account(AccountID(high: 1, low: 3))) == 0)
        for entry in entries { entry.leave() }
    }

    @Test("a check outlived by its streams says nothing of those that come after")
    func outlived() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        desk.hold()
        desk.signOut(caller(1))
        let old = rights.enter(right(desk, rights, 1)) { _ in Issue.record("it had left") }
        rights.tell(.account(AccountID(high: 1, low: 1)))
        await eventually { desk.heldCount == 1 }
        old.leave()
        let change = rights.changeCount
        let key = right(desk, rights, 1).key
        let new = rights.enter(
            StreamRight(key: key, rights: rights, changeCount: change) { .holds }
        ) { _ in Issue.record("ended by another's check") }
        desk.release()
        await eventually { rights.isIdle }
        #expect(rights.streamCount == 1)
        new.leave()
    }

    @Test("coming and going while checks hang does not make the line long")
    func comingAndGoing() {
        let rights = rights(ManualClock())
        let desk = Desk()
        var ledger = RightsLedger()
        for number in 1...20_000 {
            let (id, _) = ledger.enter(right(desk, rights, UInt64(number)), at: 0)
            _ = ledger.tell(.account(AccountID(high: 1, low: UInt64(number))))
            ledger.leave(id)
        }
        #expect(ledger.streamCount == 0)
        #expect(ledger.lineCount <= 2048)
        let (_, work) = ledger.enter(right(desk, rights, 1), at: 0)
        #expect(work.checks.isEmpty)
    }

    @Test("when checks hang, pings alone end the streams after the grace")
    func hanging() async throws {
        let (clock, desk) = (ManualClock(), Desk())
        let rights = rights(clock)
        desk.hold()
        let ends = Mutex<[StreamEnd]>([])
        let entries = (1...20).map { number in
            rights.enter(right(desk, rights, number)) { end in ends.withLock { $0.append(end) } }
        }
        clock.advance(by: .seconds(20))
        for entry in entries { entry.ping() }
        clock.advance(by: RightsLedger.Limits.grace - .seconds(20))
        for entry in entries { entry.ping() }
        #expect(ends.withLock { $0.isEmpty })
        clock.advance(by: .milliseconds(1))
        for entry in entries { entry.ping() }
        #expect(ends.withLock { $0 } == Array(repeating: .unchecked, count: 20))
        desk.release()
        await eventually { rights.isIdle }
    }
}
