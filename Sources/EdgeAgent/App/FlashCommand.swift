internal import Agent
internal import Glibc
internal import Hardware
internal import Platform
internal import Synchronization

/// `cuelight-agent flash`.
struct FlashCommand {
    private let flags: CommandLineFlags
    private let folder: StateFolder
    private let library: FirmwareLibrary

    init(_ flags: CommandLineFlags) throws {
        self.flags = flags
        folder = CuelightAgent.folder(flags)
        library =
            flags["images"].map { FirmwareLibrary(folder: $0) }
            ?? .standard(programPath: Environment.programPath)
        if flags.has("list"), flags.has("resume") {
            throw UsageError("--list and --resume are two different things", of: "flash")
        }
    }

    func run(_ signals: Signals) async throws -> Int32 {
        if flags.has("list") { return try list() }
        try folder.becomeOwner()
        let loop = try EventLoop.start(name: "flash")
        let service = FlashService(
            folder: folder, library: library, leases: .ofAgent(at: folder.controlPath), loop: loop)
        let progress = ProgressText(isTerminal: isatty(STDOUT_FILENO) == 1)
        let task = { @Sendable () async -> Result<String, FlashProblem> in
            do throws(FlashProblem) {
                return .success(try await words(service, progress))
            } catch {
                return .failure(error)
            }
        }
        // Ctrl-C ends the writing, and the former firmware is put back.
        let result = try await signals.run(on: loop, task)
        progress.end()
        switch result {
        case .success(let words): return CuelightAgent.say("\(words)\n")
        case .failure(let problem):
            Log.standardError("cuelight-agent: \(problem)\n")
            return Self.exitCode(of: problem)
        }
    }

    private func words(
        _ service: FlashService, _ progress: ProgressText
    ) async throws(FlashProblem) -> String {
        if flags.has("resume") {
            let report = try await service.resume(
                port: flags["port"], progressed: { progress.show($0) })
            return report.map(Self.words) ?? "Nothing to resume: no flashing was cut off."
        }
        let request = FlashService.Request(
            port: try Self.port(flags, folder), board: flags["board"],
            source: flags["image"].map { .file($0) } ?? .library, again: flags.has("again"))
        return Self.words(
            try await service.flash(request, progressed: { progress.show($0) }))
    }

    private func list() throws -> Int32 {
        var text = "firmware in \(library.folder)\n"
        for entry in try library.entries() {
            text += "  \(entry.board)  \(entry.version)  build \(entry.build)  \(entry.file)\n"
        }
        return CuelightAgent.say(text)
    }

    /// The port that was named, or the only one there is.
    static func port(
        _ flags: CommandLineFlags, _ folder: StateFolder
    ) throws(FlashProblem) -> String {
        if let port = flags["port"] { return port }
        var boards: [String: String] = [:]
        var ports = PortScanner(configured: [], findsUSB: true).scan()
        // Without an agent there is nobody to ask.
        if let status = try? ControlClient.status(at: folder.controlPath) {
            for port in status.ports where !ports.contains(port.path) { ports.append(port.path) }
            for board in status.boards where !board.port.isEmpty {
                boards[board.port] = board.profile
            }
        }
        if let wanted = flags["board"], ports.count > 1 {
            let known = ports.filter { boards[$0] == wanted }
            if known.count == 1 { ports = known }
        }
        guard let port = ports.first else {
            throw .notStarted("no serial port was found; plug the board in, or name its --port")
        }
        guard ports.count == 1 else {
            let list = ports.map { port in boards[port].map { "\(port) (\($0))" } ?? port }
            throw .notStarted(
                "there are several ports; name one with --port: "
                    + list.joined(separator: ", "))
        }
        return port
    }

    private static func words(_ report: FlashService.Report) -> String {
        let runs = report.runs?.words ?? "the firmware that was there"
        return switch report.end {
        case .flashed: "Flashed: the board runs \(runs)."
        case .current: "The board runs \(runs) already; --again flashes it nevertheless."
        case .untouched: "Nothing had been written: the board runs \(runs)."
        case .putBack: "The former firmware is back: the board runs \(runs)."
        }
    }

    static func exitCode(of problem: FlashProblem) -> Int32 {
        switch problem {
        case .notStarted, .inProgress: CuelightAgent.ExitCode.failed
        case .refused: CuelightAgent.ExitCode.refused
        case .putBack: CuelightAgent.ExitCode.putBack
        case .unfinished, .stranded: CuelightAgent.ExitCode.stranded
        }
    }
}

/// Progress for people: a bar on a terminal, else a line for every tenth.
private final class ProgressText: Sendable {
    private static let width = 40
    private let isTerminal: Bool
    private let last = Mutex(Last())

    private struct Last {
        var words = ""
        var isOpen = false
    }

    init(isTerminal: Bool) { self.isTerminal = isTerminal }

    func show(_ progress: FlashProgress) {
        let words = FlashProgress(progress.step).description
        last.withLock { last in
            let isNew = last.words != words
            last.words = words
            let text =
                isTerminal
                ? (last.isOpen && isNew ? "\n" : "") + "\r" + bar(words, progress.percent)
                : line(words, progress.percent, isNew: isNew)
            last.isOpen = isTerminal
            write(text)
        }
    }

    func end() {
        last.withLock { last in
            if last.isOpen { write("\n") }
            last.isOpen = false
        }
    }

    private func bar(_ words: String, _ percent: Int?) -> String {
        guard let percent else { return words }
        let full = min(max(percent, 0), 100) * Self.width / 100
        return words + " [" + String(repeating: "#", count: full)
            + String(repeating: ".", count: Self.width - full) + "] \(percent) %"
    }

    private func line(_ words: String, _ percent: Int?, isNew: Bool) -> String {
        guard let percent else { return words + "\n" }
        return isNew || percent % 10 == 0 ? "\(words) \(percent) %\n" : ""
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A reader that has gone must not end a flashing.
        _ = Glibc.write(STDOUT_FILENO, bytes, bytes.count)
    }
}
