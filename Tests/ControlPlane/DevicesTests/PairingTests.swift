import Crypto
import Glibc
import MQTT
import Platform
import Postgres
import SharedModels
import TestSupport
import Testing

@testable import Devices

@Suite("Agent tokens and pairing", .needsServices, .timeLimit(.minutes(2)))
struct PairingTests {
    private func key() -> String { Ed25519.PrivateKey().publicKey.description }

    @Test("a token is shown once, and the database has only its hash")
    func shownOnce() async throws {
        let site = try await Site.start()
        let (token, text) = try await site.service.makeToken(
            name: "  stage   left ", in: Site.home, lifetime: nil, by: Site.owner)
        #expect(text.hasPrefix("cla_"))
        #expect(token.name == "stage left")
        #expect(try await site.service.tokens(of: Site.home) == [token])
        let row = try await site.pool.queryOne(
            "SELECT t::text, t.hash FROM devices.agent_token AS t", as: (String, [UInt8]).self)
        let (whole, hash) = try #require(row)
        #expect(!whole.contains(text.dropFirst(4)))
        #expect(hash == SHA256.hash(Array(text.utf8)))
        await site.stop()
    }

    @Test("a token serves once, even when 20 agents come at once")
    func servesOnce() async throws {
        let site = try await Site.start()
        let token = try await site.token()
        let results = await withTaskGroup(of: Result<Pairing, any Error>.self) { group in
            for number in 0..<20 {
                group.addTask {
                    do {
                        return .success(
                            try await site.service.pair(
                                token: token, publicKey: key(), name: "agent \(number)",
                                platform: ""))
                    } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.filter { (try? $0.get()) != nil }.count == 1)
        for case .failure(let error) in results {
            #expect(error as? DevicesError == .wrongAgentToken)
        }
        let agents = await site.service.overview(of: Site.home).agents
        #expect(agents.count == 1)
        let rows = try await site.pool.queryOne(
            "SELECT count(*) FROM devices.agent", as: (Int64).self)
        #expect(rows == 1)
        let listed = try #require(try await site.service.tokens(of: Site.home).first)
        #expect(listed.agent == agents.first?.id)
        #expect(listed.usedAtMilliseconds == site.hands.now)
        await site.stop()
    }

    @Test("a revoked, an expired and an unknown token are refused alike")
    func refused() async throws {
        let site = try await Site.start()
        let revoked = try await site.service.makeToken(
            name: "a", in: Site.home, lifetime: nil, by: Site.owner)
        try await site.service.revokeToken(revoked.0.id, of: Site.home)
        let expired = try await site.service.makeToken(
            name: "b", in: Site.home, lifetime: .seconds(60), by: Site.owner)
        site.hands.move(.seconds(61))
        for text in [revoked.text, expired.text, "cla_nonsense", "", "\u{0}"] {
            await #expect(throws: DevicesError.wrongAgentToken) {
                _ = try await site.service.pair(
                    token: text, publicKey: key(), name: "x", platform: "")
            }
        }
        await site.stop()
    }

    @Test("a token of another workspace is neither seen nor revoked")
    func otherWorkspace() async throws {
        let site = try await Site.start()
        let (token, text) = try await site.service.makeToken(
            name: "a", in: Site.home, lifetime: nil, by: Site.owner)
        #expect(try await site.service.tokens(of: Site.elsewhere).isEmpty)
        await #expect(throws: DevicesError.notFound("agent token")) {
            try await site.service.revokeToken(token.id, of: Site.elsewhere)
        }
        let pairing = try await site.service.pair(
            token: text, publicKey: key(), name: "a", platform: "")
        #expect(pairing.workspace == Site.home)
        await site.stop()
    }

    @Test("a key belongs to one agent, and a refused pairing does not use up its token")
    func keyTaken() async throws {
        let site = try await Site.start()
        let (first, second) = (try await site.token(), try await site.token())
        let key = key()
        _ = try await site.service.pair(token: first, publicKey: key, name: "a", platform: "")
        await #expect(throws: DevicesError.keyTaken) {
            _ = try await site.service.pair(token: second, publicKey: key, name: "b", platform: "")
        }
        _ = try await site.service.pair(
            token: second, publicKey: self.key(), name: "b", platform: "")
        await site.stop()
    }

    @Test("what is no key or no name is named, and the token stays good")
    func invalid() async throws {
        let site = try await Site.start()
        let token = try await site.token()
        let zeros = Base64URL.encode([UInt8](repeating: 0, count: 32))
        for bad in ["", "x", zeros, Base64URL.encode([UInt8](repeating: 9, count: 31)), "\u{0}"] {
            await #expect(throws: DevicesError.self) {
                _ = try await site.service.pair(
                    token: token, publicKey: bad, name: "a", platform: "")
            }
        }
        for bad in ["", "   ", "a\u{0}b", "a\nb", String(repeating: "x", count: 61)] {
            await #expect(throws: DevicesError.self) {
                _ = try await site.service.pair(
                    token: token, publicKey: key(), name: bad, platform: "")
            }
        }
        _ = try await site.service.pair(token: token, publicKey: key(), name: "a", platform: "")
        await site.stop()
    }

    @Test("whatever the agent calls its machine is kept as far as it fits")
    func platform() async throws {
        let site = try await Site.start()
        let hostile = "Linux\u{0}" + String(repeating: "e\u{301}", count: 1000)
        let pairing = try await site.service.pair(
            token: try await site.token(), publicKey: key(), name: "a", platform: hostile)
        let agent = try #require(await site.agent(pairing.agent))
        #expect(agent.platform.unicodeScalars.count == 60)
        #expect(agent.platform.hasPrefix("Linux"))
        await site.stop()
    }

    @Test(
        "names that cannot be seen, or that turn text around, are refused",
        arguments: [" ", "a\u{202E}b", "a\u{200B}b", "a\nb"])
    func badNames(name: String) async throws {
        let site = try await Site.start()
        await #expect(throws: DevicesError.self) {
            _ = try await site.service.makeToken(
                name: name, in: Site.home, lifetime: nil, by: Site.owner)
        }
        let token = try await site.token()
        await #expect(throws: DevicesError.self) {
            _ = try await site.service.pair(
                token: token, publicKey: key(), name: name, platform: "linux")
        }
        await #expect(throws: DevicesError.self) {
            try await site.service.renameDevice(
                DeviceID(high: 1, low: 1), of: Site.home, to: name)
        }
        await site.stop()
    }

    @Test("a workspace has at most so many unused tokens, of a bounded life")
    func limits() async throws {
        let site = try await Site.start()
        for lifetime in [Duration.seconds(59), .seconds(30 * 24 * 3600 + 1), .zero, .seconds(-5)] {
            await #expect(throws: DevicesError.self) {
                _ = try await site.service.makeToken(
                    name: "a", in: Site.home, lifetime: lifetime, by: Site.owner)
            }
        }
        for _ in 0..<DevicesService.Limits.openTokensMax { _ = try await site.token() }
        await #expect(throws: DevicesError.tooMany("unused agent tokens")) {
            _ = try await site.token()
        }
        _ = try await site.token(in: Site.elsewhere)
        await site.stop()
    }
}

@Suite("Agent credentials", .needsServices, .timeLimit(.minutes(2)))
struct CredentialTests {
    private func sign(_ agent: TestAgent, at time: Int64, nonce: String = "n") -> String {
        let text = "cuelight-credential|\(agent.id)|\(time)|\(nonce)"
        return Base64URL.encode(agent.key.sign(Array(text.utf8)))
    }

    private func renew(
        _ site: Site, _ agent: TestAgent, at time: Int64, nonce: String = "n",
        signature: String? = nil
    ) async throws -> Pairing {
        try await site.service.renewCredential(
            of: agent.id, issuedAtMilliseconds: time, nonce: nonce,
            signature: signature ?? sign(agent, at: time, nonce: nonce))
    }

    @Test("an agent renews its credential with its key; the same request again gives no more")
    func renews() async throws {
        let site = try await Site.start()
        let agent = try await site.pair()
        site.hands.move(.seconds(3600))
        let time = site.hands.now
        let first = try await renew(site, agent, at: time)
        #expect(first.agent == agent.id)
        #expect(
            first.credentialExpiresAtMilliseconds
                == agent.pairing.credentialExpiresAtMilliseconds + 3_600_000)
        site.hands.move(.seconds(60))
        let replayed = try await renew(site, agent, at: time)
        #expect(replayed.agent == agent.id)
        #expect(replayed.workspace == first.workspace)
        await site.stop()
    }

    @Test("a request that is too old or too new is refused, and any number is only a number")
    func stale() async throws {
        let site = try await Site.start()
        let agent = try await site.pair()
        let now = site.hands.now
        for time in [now - 300_000, now + 300_000] { _ = try await renew(site, agent, at: time) }
        for time in [now - 300_001, now + 300_001, 0, -1, .min, .max] {
            await #expect(throws: DevicesError.wrongSignature) {
                _ = try await renew(site, agent, at: time)
            }
        }
        await site.stop()
    }

    @Test("a signature over anything else is refused")
    func badSignature() async throws {
        let site = try await Site.start()
        let (agent, other) = (try await site.pair(), try await site.pair())
        let now = site.hands.now
        let bad = [
            sign(other, at: now), sign(agent, at: now + 1), sign(agent, at: now, nonce: "m"), "",
            "!!!!", Base64URL.encode([UInt8](repeating: 0, count: 64)),
            Base64URL.encode([UInt8](repeating: 0, count: 63)),
        ]
        for signature in bad {
            await #expect(throws: DevicesError.wrongSignature) {
                _ = try await renew(site, agent, at: now, signature: signature)
            }
        }
        let long = String(repeating: "n", count: 65)
        await #expect(throws: DevicesError.wrongSignature) {
            _ = try await renew(site, agent, at: now, nonce: long)
        }
        let stranger = AgentID(high: 9, low: 9)
        await #expect(throws: DevicesError.wrongSignature) {
            _ = try await site.service.renewCredential(
                of: stranger, issuedAtMilliseconds: now, nonce: "n", signature: sign(agent, at: now)
            )
        }
        await site.stop()
    }

    @Test("a revoked agent gets no credential, in this process and the next")
    func revoked() async throws {
        var site = try await Site.start()
        let agent = try await site.pair()
        await #expect(throws: DevicesError.notFound("agent")) {
            try await site.service.revokeAgent(agent.id, of: Site.elsewhere)
        }
        try await site.service.revokeAgent(agent.id, of: Site.home)
        for _ in 0..<2 {
            await #expect(throws: DevicesError.wrongSignature) {
                _ = try await renew(site, agent, at: site.hands.now)
            }
            site = try await site.restart()
        }
        await site.stop()
    }

    @Test("the broker takes what the service issues, and refuses the same with a changed letter")
    func plugin() async throws {
        let site = try await Site.start(isGuarded: true)
        // The plugin reads the machine's clock.
        site.hands.set(SystemTime.unixMilliseconds)
        let agent = try await site.pair()
        let line = try agent.line()
        for await state in line.states() where state == .connected { break }
        await line.stop()
        var bytes = Array(agent.pairing.credential.utf8)
        bytes[20] = bytes[20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let other = try await site.pair()
        for password in [String(decoding: bytes, as: UTF8.self), "", other.pairing.credential] {
            let line = try agent.line(password: password)
            for await state in line.states() { if case .refused = state { break } }
            await line.stop()
        }
        await site.stop()
    }

    @Test("revocation ends a live connection, and the agent cannot come back")
    func revocationEndsConnection() async throws {
        let site = try await Site.start(isGuarded: true)
        site.hands.set(SystemTime.unixMilliseconds)
        await site.connected()
        let (agent, other) = (try await site.pair(), try await site.pair())
        let (line, otherLine) = (try agent.line(), try other.line())
        var states = line.states().makeAsyncIterator()
        while let state = await states.next(), state != .connected {}
        for await state in otherLine.states() where state == .connected { break }
        try await site.service.revokeAgent(agent.id, of: Site.home)
        while let state = await states.next() { if case .refused = state { break } }
        // The other one is still there, and heard.
        try await otherLine.showUp(with: [BoardUID(value: 1)])
        try await site.until { await site.device(BoardUID(value: 1)) != nil }
        await line.stop()
        await otherLine.stop()
        await site.stop()
    }

    @Test("nothing of a revoked agent stays at the broker", arguments: [false, true])
    func revocationClears(isBrokerAway: Bool) async throws {
        let site = try await Site.start(isGuarded: true)
        site.hands.set(SystemTime.unixMilliseconds)
        await site.connected()
        let (agent, other) = (try await site.pair(), try await site.pair())
        let (line, otherLine) = (try agent.line(), try other.line())
        try await line.showUp(with: [BoardUID(value: 1)])
        try await otherLine.showUp(with: [BoardUID(value: 2)])
        try await site.press(.workspace(Site.home))
        let topics = Set([Topic.Leaf.state, .manifest, .estop, .sequences].map(agent.topic))

        let observer = try site.controlLine("control-2")
        var seen = await observer.messages("cuelight/1/#").makeAsyncIterator()
        var retained: Set<String> = []
        while !retained.isSuperset(of: topics), let message = await seen.next() {
            retained.insert(message.topic)
        }
        if isBrokerAway { site.broker.signal(SIGSTOP) }
        try await site.service.revokeAgent(agent.id, of: Site.home)
        if isBrokerAway { site.broker.signal(SIGCONT) }
        var cleared: Set<String> = []
        while !cleared.isSuperset(of: topics), let message = await seen.next() {
            if message.payload.isEmpty { cleared.insert(message.topic) }
        }
        // Whoever subscribes now is told of the other one alone.
        let late = try site.controlLine("control-3")
        var told = await late.messages("cuelight/1/#").makeAsyncIterator()
        try await otherLine.publish(.outcome, [])
        var found: Set<String> = []
        while let message = await told.next(), message.topic != other.topic(.outcome) {
            found.insert(message.topic)
        }
        #expect(found == Set([Topic.Leaf.state, .manifest, .estop, .sequences].map(other.topic)))
        for each in [line, otherLine, observer, late] { await each.stop() }
        await site.stop()
    }

    @Test("an agent revoked while the broker was away is refused when it is back")
    func revokedWhileAway() async throws {
        let site = try await Site.start(isGuarded: true)
        site.hands.set(SystemTime.unixMilliseconds)
        await site.connected()
        let agent = try await site.pair()
        site.broker.kill()
        try await site.service.revokeAgent(agent.id, of: Site.home)
        let broker = try await TestBroker.restart(site.broker)
        let line = try agent.line(on: broker)
        for await state in line.states() { if case .refused = state { break } }
        await line.stop()
        await site.stop()
    }
}
