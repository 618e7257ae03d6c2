internal import FoundationEssentials
internal import Glibc
package import Platform
package import SharedModels

/// The agent's folder: who it is, its key, its credential, its journal and its control socket.
/// Mode 0700; the files with secrets 0600.
package struct StateFolder: Sendable, Hashable {
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case notPaired(String)
        case damaged(file: String)
        case system(LinuxError)
        /// Another agent runs with this folder.
        case inUse(String)

        package var description: String {
            switch self {
            case .notPaired(let path):
                "this agent is not paired (no \(path)/agent.json); run \"cuelight-agent pair\""
            case .damaged(let file): "\(file) is damaged; pair the agent again, with --force"
            case .system(let error): error.description + Self.advice(on: error.code)
            case .inUse(let path):
                "another cuelight-agent runs with \(path); stop it first "
                    + "(\"cuelight-agent status\" says how it is)"
            }
        }

        private static func advice(on code: Int32) -> String {
            switch code {
            case EACCES, EPERM:
                "; run this as the folder's owner, or name another folder with --state-dir"
            case EROFS, ENOTDIR: "; name a folder that can be written with --state-dir"
            case ENOSPC, EDQUOT: "; make room on that disk"
            default: ""
            }
        }
    }

    /// Of a file that is read whole.
    private static let fileMaxBytes = 64 * 1024

    package let path: String

    package init(path: String) { self.path = path }

    /// Where the folder is if nobody says: systemd's, root's, or the user's.
    package static func standard(environment: (String) -> String?) -> StateFolder {
        // systemd separates several by colons; the first is ours.
        if let folders = environment("STATE_DIRECTORY"),
            let first = folders.split(separator: ":").first
        {
            return StateFolder(path: String(first))
        }
        if getuid() == 0 { return StateFolder(path: "/var/lib/cuelight-agent") }
        if let state = environment("XDG_STATE_HOME"), !state.isEmpty {
            return StateFolder(path: "\(state)/cuelight-agent")
        }
        return StateFolder(path: "\(environment("HOME") ?? ".")/.local/state/cuelight-agent")
    }

    package var journalPath: String { "\(path)/journal.db" }
    package var controlPath: String { "\(path)/control.sock" }
    package var keyPath: String { "\(path)/key" }
    package var identityPath: String { "\(path)/agent.json" }
    package var credentialPath: String { "\(path)/credential.json" }

    /// Makes the folder and its parents, for the owner alone.
    package func make() throws(Problem) {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            built += "/\(part)"
            guard mkdir(built, 0o700) == 0 || errno == EEXIST else {
                throw .system(.current("make \(built)"))
            }
        }
        guard chmod(path, 0o700) == 0 else { throw .system(.current("chmod \(path)")) }
    }

    /// Holds the folder for this process.
    package func lock() throws(Problem) {
        let lock: FolderLock?
        do { lock = try FolderLock.take(path) } catch { throw .system(error) }
        // Never released: it goes with the process.
        guard lock != nil else { throw .inUse(path) }
    }

    /// Proves that files can be written, before something is spent that is worth nothing
    /// unless it is kept.
    package func checkRoom() throws(Problem) {
        let probe = "\(path)/probe"
        defer { unlink(probe) }
        try write([UInt8](repeating: 0, count: Self.fileMaxBytes), to: probe)
    }

    package var isPaired: Bool { access(identityPath, F_OK) == 0 }

    package func identity() throws(Problem) -> AgentIdentity {
        // A folder that may not be looked into is another problem, which reading tells.
        guard isPaired || errno != ENOENT else { throw .notPaired(path) }
        return try decode(AgentIdentity.self, from: identityPath)
    }

    package func save(_ identity: AgentIdentity) throws(Problem) {
        try encode(identity, to: identityPath)
    }

    package func credential() throws(Problem) -> StoredCredential {
        try decode(StoredCredential.self, from: credentialPath)
    }

    package func save(_ credential: StoredCredential) throws(Problem) {
        try encode(credential, to: credentialPath)
    }

    /// The 32 bytes of the agent's Ed25519 key; nil if it has none yet.
    package func keySeed() throws(Problem) -> [UInt8]? {
        guard access(keyPath, F_OK) == 0 else { return nil }
        let bytes = try read(keyPath)
        guard bytes.count == 32 else { throw .damaged(file: keyPath) }
        return bytes
    }

    package func saveKeySeed(_ seed: [UInt8]) throws(Problem) { try write(seed, to: keyPath) }

    /// Forgets the journal of an earlier pairing: its E-stop sequence and outcomes are another
    /// agent's.
    package func forgetJournal() {
        for end in ["", "-wal", "-shm"] { unlink(journalPath + end) }
    }

    /// The permission bits of a file; nil if it is not there.
    package static func mode(of path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    /// Bytes free for us on the folder's file system.
    package var freeBytes: Int64? {
        var figures = statvfs()
        guard statvfs(path, &figures) == 0 else { return nil }
        return Int64(clamping: figures.f_bavail) * Int64(clamping: figures.f_frsize)
    }

    private func decode<Value: Decodable>(
        _ type: Value.Type, from path: String
    ) throws(Problem) -> Value {
        let bytes = try read(path)
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw .damaged(file: path)
        }
    }

    private func encode(_ value: some Encodable, to path: String) throws(Problem) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try write(Array(try encoder.encode(value)), to: path)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .damaged(file: path)
        }
    }

    private func read(_ path: String) throws(Problem) -> [UInt8] {
        do { return try SmallFile.read(path, sizeMax: Self.fileMaxBytes) } catch {
            throw .system(error)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(Problem) {
        do { try SmallFile.replace(path, with: bytes) } catch { throw .system(error) }
    }
}

/// Who this agent is; `agent.json`.
package struct AgentIdentity: Hashable, Sendable, Codable {
    /// Where its broker is.
    package struct Broker: Hashable, Sendable, Codable {
        package var host: String
        package var port: UInt16
        package var tls: Bool

        package init(host: String, port: UInt16, tls: Bool) {
            self.host = host
            self.port = port
            self.tls = tls
        }
    }

    package var agent: AgentID
    package var workspace: WorkspaceID
    package var name: String
    /// The control plane's address, without a slash at the end.
    package var server: String
    /// The control plane's Ed25519 key, base64url.
    package var serverPublicKey: String
    package var broker: Broker

    package init(
        agent: AgentID, workspace: WorkspaceID, name: String, server: String,
        serverPublicKey: String, broker: Broker
    ) {
        self.agent = agent
        self.workspace = workspace
        self.name = name
        self.server = server
        self.serverPublicKey = serverPublicKey
        self.broker = broker
    }

    private enum CodingKeys: String, CodingKey {
        case agent = "agent_id", workspace = "workspace_id", name, server
        case serverPublicKey = "server_public_key", broker = "mqtt"
    }
}

/// The broker credential with its times; `credential.json`.
package struct StoredCredential: Hashable, Sendable, Codable {
    package var credential: String
    /// When it was got, Unix milliseconds by this machine.
    package var obtainedAtMilliseconds: Int64
    package var expiresAtMilliseconds: Int64

    package init(
        credential: String, obtainedAtMilliseconds: Int64, expiresAtMilliseconds: Int64
    ) {
        self.credential = credential
        self.obtainedAtMilliseconds = obtainedAtMilliseconds
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case credential, obtainedAtMilliseconds = "obtained_at_ms"
        case expiresAtMilliseconds = "expires_at_ms"
    }

    /// When it is to be renewed: half of its life, at least a second after it was got.
    package var renewAtMilliseconds: Int64 {
        let life = max(0, expiresAtMilliseconds &- obtainedAtMilliseconds)
        return obtainedAtMilliseconds &+ max(1000, life / 2)
    }
}
