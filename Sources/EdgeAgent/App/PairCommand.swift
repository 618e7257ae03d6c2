internal import Agent
internal import HTTPClient
internal import Platform

/// `cuelight-agent pair`.
struct PairCommand {
    private let flags: CommandLineFlags
    private let server: String
    private let token: String

    init(_ flags: CommandLineFlags) throws {
        self.flags = flags
        server = try ServerAddress.read(flags["server"] ?? "", of: "pair")
        token = flags["token"] ?? ""
    }

    func run() async throws -> Int32 {
        let folder = CuelightAgent.folder(flags)
        guard !folder.isPaired || flags.has("force") else {
            throw PairError.alreadyPaired(folder.path)
        }
        try folder.make()
        try folder.lock()
        // The token works once.
        try folder.checkRoom()
        // A new pairing is a new agent: it gets a key of its own.
        let key = Ed25519Key()
        let loop = try EventLoop.start(name: "pair")
        let calls = ServerCalls(
            server: server, transport: ServerTransport.make(server: server, loop: loop))
        let token = try readToken()
        let paired: ServerCalls.Paired
        do {
            paired = try await calls.pair(
                token: token, name: flags["name"] ?? Self.hostName, platform: Self.platform,
                publicKey: key.publicKey, nowMilliseconds: SystemTime.unixMilliseconds)
        } catch {
            throw Self.named(error)
        }
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

    /// The refusal of a token has more to say than others.
    private static func named(_ error: any Error) -> any Error {
        guard let problem = error as? ServerCalls.Problem,
            case .refused(status: 401, let message) = problem
        else { return error }
        return PairError.tokenRefused(message)
    }

    private func readToken() throws -> String {
        guard token == "-" else { return token }
        guard let line = readLine(), let token = line.split(whereSeparator: \.isWhitespace).first
        else { throw UsageError("no token on the standard input", of: "pair") }
        return String(token)
    }

    /// As the server takes it.
    private static var hostName: String { String(MachineID.hostName.prefix(60)) }

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
    /// The server's words.
    case tokenRefused(String)

    var description: String {
        switch self {
        case .alreadyPaired(let path):
            "this agent is paired already (\(path)); --force pairs it anew"
        case .tokenRefused(let message): "\(message) Make a new token in the console."
        }
    }
}
