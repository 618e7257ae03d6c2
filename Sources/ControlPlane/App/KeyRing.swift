internal import Crypto
internal import Glibc
internal import Platform

/// The control plane's own secrets, made at the first start and kept in files that only their
/// owner can read.
struct KeyRing: Sendable {
    /// Signs the MQTT credentials of agents.
    let broker: BrokerCredentialSigner
    /// Signs access tokens.
    let access: TokenSigner

    /// Reads `<folder>/keys`, and makes what is missing.
    init(folder: String) throws {
        let keys = folder + "/keys"
        try ServiceProgram.makeFolder(keys, for: nil, mode: 0o700)
        let seed = try Self.secret(keys + "/broker-signing-key", size: 32)
        broker = BrokerCredentialSigner(try Ed25519.PrivateKey(seed: seed))
        access = try TokenSigner(
            purpose: "access", key: try Self.secret(keys + "/access-token-key", size: 32))
    }

    private init(broker: BrokerCredentialSigner, access: TokenSigner) {
        self.broker = broker
        self.access = access
    }

    /// Keys that are gone with the process.
    static func ephemeral() throws -> KeyRing {
        KeyRing(
            broker: BrokerCredentialSigner(Ed25519.PrivateKey()),
            access: try TokenSigner(purpose: "access", key: SecureRandom.bytes(32)))
    }

    private static func secret(_ path: String, size: Int) throws -> [UInt8] {
        if Glibc.access(path, F_OK) != 0 {
            let text = Base64URL.encode(SecureRandom.bytes(size)) + "\n"
            try SmallFile.replace(path, with: Array(text.utf8), mode: 0o600)
        }
        let bytes = try SmallFile.readSecret(path, sizeMax: 1024)
        let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
        guard let secret = Base64URL.decode(text), secret.count == size else {
            throw StartProblem.badKey(path: path)
        }
        return secret
    }
}

/// Why the control plane cannot start.
enum StartProblem: Error, CustomStringConvertible {
    case badKey(path: String)
    case notReady(part: String, reason: String)
    case badURL(key: String, value: String)
    case alreadyRunning(folder: String)

    var description: String {
        switch self {
        case .badKey(let path): "\(path) does not hold a key; remove it to have a new one made"
        case .notReady(let part, let reason): "\(part) is not ready: \(reason)"
        case .badURL(let key, let value): "\(key): \(value) will not do"
        case .alreadyRunning(let folder):
            "another control plane runs in \(folder); stop it first, or choose another folder with "
                + "--data"
        }
    }
}
