internal import Agent
internal import HTTPClient
internal import Platform

/// `cuelight-agent doctor`.
struct DoctorCommand {
    private let flags: CommandLineFlags

    init(_ flags: CommandLineFlags) { self.flags = flags }

    func run() async throws -> Int32 {
        if let word = flags.words.first { return try explain(word) }
        let loop = try EventLoop.start(name: "doctor")
        let doctor = Doctor(
            folder: CuelightAgent.folder(flags), ports: flags.all("port"),
            transport: { server in ServerTransport.make(server: server, loop: loop) },
            knock: { host, port in try await TCPKnock.knock(host: host, port: port) })
        let findings = await doctor.examine()
        let text = findings.map(\.lines).joined()
        _ = CuelightAgent.say(text)
        let isWell = !findings.contains { $0.level == .bad }
        return isWell ? CuelightAgent.ExitCode.done : CuelightAgent.ExitCode.problemFound
    }

    private func explain(_ word: String) throws -> Int32 {
        let found = Explanation.of(word)
        guard !found.isEmpty else {
            let known = Set(Explanation.all.map(\.word)).sorted()
            let near = NearestName.find(word, among: known)
            let hint =
                near.map { "did you mean \($0)?" }
                ?? "there are \(known.joined(separator: ", "))"
            throw UsageError("there is no reason \"\(word)\"; \(hint)", of: "doctor")
        }
        return CuelightAgent.say(
            found.map { "\(word): \($0.sentence)\n\($0.advice)\n" }.joined())
    }
}
