internal import Crypto
internal import FoundationEssentials
package import SharedModels

/// What the agent asks of the control plane over HTTP: to be paired, and a new credential.
package struct ServerCalls: Sendable {
    /// An answer as it came.
    package struct Answer: Sendable {
        package var status: Int
        package var body: [UInt8]
        /// The server's clock by its `Date` header, Unix milliseconds, to the second.
        package var dateMilliseconds: Int64?

        package init(status: Int, body: [UInt8], dateMilliseconds: Int64?) {
            self.status = status
            self.body = body
            self.dateMilliseconds = dateMilliseconds
        }
    }

    /// Posts JSON to a path of the server (a GET if there is no body), and waits at most ten
    /// seconds. Throws if there is no answer.
    package typealias Transport =
        @Sendable (_ path: String, _ body: [UInt8]?) async throws -> Answer

    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// The server said no; its words.
        case refused(status: Int, message: String)
        /// The answer is not what this release understands.
        case unreadable
        /// There was no answer.
        case unreachable(String)

        package var description: String {
            switch self {
            case .refused(let status, let message): "the server refused (\(status)): \(message)"
            case .unreadable: "the server's answer is not understood; is it a Cuelight server?"
            case .unreachable(let reason): "the server cannot be reached: \(reason)"
            }
        }
    }

    /// What pairing gives.
    package struct Paired: Hashable, Sendable {
        package let identity: AgentIdentity
        package let credential: StoredCredential
    }

    private let transport: Transport
    private let server: String

    /// - Parameter server: its address, without a slash at the end.
    package init(server: String, transport: @escaping Transport) {
        self.server = server
        self.transport = transport
    }

    /// Spends an agent token.
    package func pair(
        token: String, name: String, platform: String, publicKey: String, nowMilliseconds: Int64
    ) async throws(Problem) -> Paired {
        let body = PairBody(token: token, publicKey: publicKey, name: name, platform: platform)
        let answer = try await post("/api/v1/agents/pair", body, as: PairAnswer.self)
        return Paired(
            identity: AgentIdentity(
                agent: answer.agent, workspace: answer.workspace, name: name, server: server,
                serverPublicKey: answer.serverPublicKey, broker: answer.mqtt),
            credential: StoredCredential(
                credential: answer.credential, obtainedAtMilliseconds: nowMilliseconds,
                expiresAtMilliseconds: answer.expires))
    }

    /// Asks for a new credential, signed with the agent's key.
    /// - Parameters:
    ///   - nowMilliseconds: our clock.
    ///   - clockAheadMilliseconds: how far the server's clock is ahead of ours; it refuses
    ///     requests that are far from its own time.
    package func renew(
        _ agent: AgentID, key: Ed25519Key, nonce: String, nowMilliseconds: Int64,
        clockAheadMilliseconds: Int64
    ) async throws(Problem) -> StoredCredential {
        let issued = nowMilliseconds &+ clockAheadMilliseconds
        let text = "cuelight-credential|\(agent)|\(issued)|\(nonce)"
        let body = RenewBody(
            agent: agent, issued: issued, nonce: nonce, signature: key.signature(of: text))
        let answer = try await post("/api/v1/agents/credential", body, as: RenewAnswer.self)
        return StoredCredential(
            credential: answer.credential, obtainedAtMilliseconds: nowMilliseconds,
            expiresAtMilliseconds: answer.expires &- clockAheadMilliseconds)
    }

    /// Whether the server answers, and its clock.
    package func health() async throws(Problem) -> Int64? {
        let answer = try await call("/api/v1/health", nil)
        guard answer.status < 500 else {
            throw .refused(status: answer.status, message: "it is not ready")
        }
        return answer.dateMilliseconds
    }

    private func call(_ path: String, _ body: [UInt8]?) async throws(Problem) -> Answer {
        do {
            return try await transport(path, body)
        } catch {
            throw .unreachable("\(error)")
        }
    }

    private func post<Value: Decodable>(
        _ path: String, _ body: some Encodable, as type: Value.Type
    ) async throws(Problem) -> Value {
        // Encoding plain text and numbers cannot fail.
        guard let bytes = try? JSONEncoder().encode(body) else {
            throw .unreadable
        }
        let answer = try await call(path, Array(bytes))
        let data = Data(answer.body)
        guard (200..<300).contains(answer.status) else {
            // An error page of something in between has no message of ours.
            if let failure = try? JSONDecoder().decode(Failure.self, from: data) {
                throw .refused(status: answer.status, message: failure.error.message)
            }
            // Below 500 it is another server; from there on ours may be behind it.
            guard answer.status >= 500 else { throw .unreadable }
            throw .refused(status: answer.status, message: "no reason given; try again later")
        }
        do {
            return try JSONDecoder().decode(Envelope<Value>.self, from: data).data
        } catch {
            throw .unreadable
        }
    }

    private struct Envelope<Value: Decodable>: Decodable { let data: Value }

    private struct Failure: Decodable {
        struct Detail: Decodable { let message: String }
        let error: Detail
    }

    private struct PairBody: Encodable {
        let token: String
        let publicKey: String
        let name: String
        let platform: String
        enum CodingKeys: String, CodingKey {
            case token, publicKey = "public_key", name, platform
        }
    }

    private struct PairAnswer: Decodable {
        let agent: AgentID
        let workspace: WorkspaceID
        let mqtt: AgentIdentity.Broker
        let credential: String
        let expires: Int64
        let serverPublicKey: String
        enum CodingKeys: String, CodingKey {
            case agent = "agent_id", workspace = "workspace_id", mqtt, credential
            case expires = "credential_expires_at_ms", serverPublicKey = "server_public_key"
        }
    }

    private struct RenewBody: Encodable {
        let agent: AgentID
        let issued: Int64
        let nonce: String
        let signature: String
        enum CodingKeys: String, CodingKey {
            case agent = "agent_id", issued = "issued_at_ms", nonce, signature
        }
    }

    private struct RenewAnswer: Decodable {
        let credential: String
        let expires: Int64
        enum CodingKeys: String, CodingKey {
            case credential, expires = "credential_expires_at_ms"
        }
    }
}

/// The agent's own key.
package struct Ed25519Key: Sendable {
    private let key: Ed25519.PrivateKey

    /// A new key.
    package init() { key = Ed25519.PrivateKey() }

    /// The key of a seed of 32 bytes; nil if the seed has another size.
    package init?(seed: [UInt8]) {
        // The only error is a wrong size.
        guard let key = try? Ed25519.PrivateKey(seed: seed) else { return nil }
        self.key = key
    }

    package var seed: [UInt8] { key.seed }
    /// The public half, base64url.
    package var publicKey: String { "\(key.publicKey)" }

    /// The signature over a text's UTF-8, base64url.
    package func signature(of text: String) -> String {
        Base64URL.encode(key.sign(Array(text.utf8)))
    }
}
