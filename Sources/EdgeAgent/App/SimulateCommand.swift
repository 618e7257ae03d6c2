internal import Agent
internal import Glibc
internal import Platform

/// `cuelight-agent simulate`: becomes the simulator program.
struct SimulateCommand {
    private static let program = "cuelight-board-host"

    enum Problem: Error, CustomStringConvertible {
        case noProgram([String])
        case badUID(String)

        var description: String {
            switch self {
            case .noProgram(let paths):
                "the simulator is not installed; looked for \(paths.joined(separator: ", "))"
            case .badUID(let text): "--uid must be 16 hexadecimal digits, not \"\(text)\""
            }
        }
    }

    private let flags: CommandLineFlags

    init(_ flags: CommandLineFlags) { self.flags = flags }

    func run() throws -> Int32 {
        let folder = CuelightAgent.folder(flags)
        let link = flags["link"] ?? "\(folder.path)/simulated-board"
        let program = try find()
        if flags["link"] == nil {
            try folder.make()
            try folder.becomeOwner()
        }
        var arguments = [
            program, "--pty-link", link, "--eeprom", flags["eeprom"] ?? "\(link).eeprom",
            "--events", flags["events"] ?? "-",
        ]
        if !flags.has("frames") { arguments.append("--no-frames") }
        if let uid = flags["uid"] {
            guard uid.utf8.count == 16, uid.allSatisfy(\.isHexDigit) else {
                throw Problem.badUID(uid)
            }
            arguments += ["--uid", uid]
        }
        Log.standardError(
            """
            A simulated board is on \(link). Let the agent drive it:
              cuelight-agent run --port \(link)
            What its pins do follows. Type "button 1", "button 0", "hang" or "reset"; Ctrl-C ends it.

            """)
        try keepInputOpen()
        Signals.release()
        var argv = arguments.map { strdup($0) } + [nil]
        defer { for text in argv { free(text) } }
        execv(program, &argv)
        throw LinuxError.current("start \(program)")
    }

    /// Beside the agent, where the package has it, or where a checkout builds it.
    private func find() throws -> String {
        let own = Environment.programPath ?? "/usr/bin/cuelight-agent"
        let folder = own.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        let places = [
            "\(folder)/\(Self.program)", "\(folder)/../libexec/cuelight/\(Self.program)",
            "\(folder)/../../firmware/\(Self.program)",
        ]
        guard let found = places.first(where: { access($0, X_OK) == 0 }) else {
            throw Problem.noProgram(places)
        }
        return found
    }

    /// The simulator ends when its input does; /dev/null has ended already.
    private func keepInputOpen() throws {
        var (input, null) = (stat(), stat())
        let isOpen = fstat(0, &input) == 0
        guard
            !isOpen
                || stat("/dev/null", &null) == 0 && input.st_rdev == null.st_rdev
                    && input.st_mode & S_IFMT == S_IFCHR
        else { return }
        // The writing end stays with the process itself, so this input never ends.
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, dup2(ends[0], 0) == 0 else { throw LinuxError.current("pipe") }
    }
}
