internal import Agent
internal import Glibc
internal import Platform

/// `cuelight-agent pair`.
struct PairCommand {
    private let flags: Flags
    private let server: String
    private let token: String

    init(_ flags: Flags) throws {
        self.flags = flags
        guard flags.words.isEmpty else {
            throw UsageError(
                command: "pair", message: "\"\(flags.words[0])\" is not a flag of pair")
        }
        guard var server = flags["server"], let token = flags["token"] else {
            throw UsageError(command: "pair", message: "pair needs --server and --token")
        }
        guard server.hasPrefix("https://") || server.hasPrefix("http://") else {
            throw UsageError(
                command: "pair", message: "--server must begin with https:// or http://")
        }
        while server.hasSuffix("/") { server.removeLast() }
        self.server = server
        self.token = token
    }

    func run() async throws -> Int32 {
        let folder = CuelightAgent.folder(flags)
        guard !folder.isPaired || flags.has("force") else {
            throw PairError.alreadyPaired(folder.path)
        }
        try folder.make()
        try folder.lock()
        // A new pairing is a new agent: it gets a key of its own.
        let key = Ed25519Key()
        let loop = try EventLoop.start(name: "pair")
        let calls = ServerCalls(
            server: server, transport: ServerTransport.make(server: server, loop: loop))
        let paired = try await calls.pair(
            token: try readToken(), name: flags["name"] ?? Self.hostName,
            platform: Self.platform, publicKey: key.publicKey,
            nowMilliseconds: SystemTime.unixMilliseconds)
        folder.forgetJournal()
        try folder.saveKeySeed(key.seed)
        try folder.save(paired.credential)
        // Last: with it the agent counts as paired.
        try folder.save(paired.identity)
        return CuelightAgent.say(
            """
            Paired as "\(paired.identity.name)", agent \(paired.identity.agent).
            Start it with: cuelight-agent run

            """)
    }

    private func readToken() throws -> String {
        guard token == "-" else { return token }
        guard let line = readLine(strippingNewline: true), !line.isEmpty else {
            throw UsageError(command: "pair", message: "no token on the standard input")
        }
        return line
    }

    private static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "agent" }
        let name = String(
            decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "agent" : String(name.prefix(60))
    }

    private static var platform: String {
        #if arch(arm64)
            "linux-arm64"
        #elseif arch(x86_64)
            "linux-x86_64"
        #elseif arch(arm)
            "linux-armv7"
        #else
            "linux"
        #endif
    }
}

enum PairError: Error, CustomStringConvertible {
    case alreadyPaired(String)

    var description: String {
        switch self {
        case .alreadyPaired(let path):
            "this agent is paired already (\(path)); --force pairs it anew"
        }
    }
}
