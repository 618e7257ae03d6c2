import Crypto
import Foundation
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

@Suite("Server calls")
struct ServerCallsTests {
    private let agent = AgentID(high: 5, low: 6)

    private func calls(
        _ status: Int, _ body: String,
        seen: @escaping @Sendable (String, [UInt8]) -> Void = { _, _ in }
    ) -> ServerCalls {
        ServerCalls(server: "http://s") { path, sent in
            seen(path, sent ?? [])
            return .init(status: status, body: Array(body.utf8), dateMilliseconds: nil)
        }
    }

    @Test("pairing spends the token and learns who the agent is")
    func pair() async throws {
        let sent = Mutex("")
        let answer = """
            {"data":{"agent_id":"\(agent)","workspace_id":"\(WorkspaceID(high: 7, low: 8))",
            "mqtt":{"host":"h","port":1883,"tls":false},"credential":"v1.a.b",
            "credential_expires_at_ms":99,"server_public_key":"k","more":1}}
            """
        let paired = try await calls(201, answer) { path, body in
            #expect(path == "/api/v1/agents/pair")
            sent.withLock { $0 = String(decoding: body, as: UTF8.self) }
        }.pair(token: "t", name: "n", platform: "p", publicKey: "pk", nowMilliseconds: 1)
        #expect(paired.identity.agent == agent)
        #expect(paired.identity.broker == .init(host: "h", port: 1883, tls: false))
        #expect(paired.credential.renewAtMilliseconds == 1 + 1000)
        #expect(sent.withLock { $0.contains("\"public_key\":\"pk\"") })
    }

    @Test("a renewal is signed with the agent's key over what the server checks")
    func renew() async throws {
        let key = Ed25519Key()
        let body = Mutex<[UInt8]>([])
        let answer = "{\"data\":{\"credential\":\"new\",\"credential_expires_at_ms\":9000}}"
        let credential = try await calls(200, answer) { _, sent in body.withLock { $0 = sent } }
            .renew(
                agent, key: key, nonce: "abc", nowMilliseconds: 1000, clockAheadMilliseconds: 500)
        #expect(credential.expiresAtMilliseconds == 8500)
        struct Sent: Decodable {
            let agent: String
            let issued: Int64
            let nonce: String
            let signature: String

            enum CodingKeys: String, CodingKey {
                case agent = "agent_id", issued = "issued_at_ms", nonce, signature
            }
        }
        let sent = try JSONDecoder().decode(Sent.self, from: Data(body.withLock { $0 }))
        let text = "cuelight-credential|\(sent.agent)|\(sent.issued)|\(sent.nonce)"
        let signature = try #require(Base64URL.decode(sent.signature))
        #expect(sent.issued == 1500)
        #expect(
            try Ed25519.PublicKey(key.publicKey).verify(signature, of: Array(text.utf8)))
    }

    @Test("a refusal carries the server's words; anything else is not understood")
    func refusals() async throws {
        let refused = calls(401, "{\"error\":{\"code\":\"x\",\"message\":\"no such token\"}}")
        await #expect(throws: ServerCalls.Problem.refused(status: 401, message: "no such token")) {
            try await refused.pair(
                token: "t", name: "n", platform: "p", publicKey: "k", nowMilliseconds: 0)
        }
        for body in ["", "<html>", "{}", "{\"data\":{}}", "[]"] {
            await #expect(throws: ServerCalls.Problem.unreadable) {
                try await calls(200, body).pair(
                    token: "t", name: "n", platform: "p", publicKey: "k", nowMilliseconds: 0)
            }
        }
    }

    @Test("a credential is renewed at half of its life, kept in the folder, and used at once")
    func keeper() async throws {
        let folder = StateFolder(path: try TestProcess.makeFolder("state"))
        let (renewals, renewed) = AsyncStream<Void>.makeStream()
        let now = SystemTime.unixMilliseconds
        let answer =
            "{\"data\":{\"credential\":\"new\",\"credential_expires_at_ms\":\(now + 9_000_000)}}"
        let keeper = CredentialKeeper(
            folder: folder, agent: agent, key: Ed25519Key(),
            credential: StoredCredential(
                credential: "old", obtainedAtMilliseconds: now - 10_000,
                expiresAtMilliseconds: now + 9_000),
            calls: calls(200, answer), log: Log(component: "test", minimum: .error),
            renewed: { renewed.yield() }, clockMeasured: { _ in })
        #expect(keeper.password == "old")
        let task = Task { try await keeper.run() }
        _ = await renewals.first { _ in true }
        #expect(keeper.password == "new")
        #expect(try folder.credential().credential == "new")
        task.cancel()
        try await task.value
    }
}
