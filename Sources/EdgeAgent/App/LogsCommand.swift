internal import Agent
internal import Glibc
internal import Platform

/// `cuelight-agent logs`.
struct LogsCommand {
    private let flags: CommandLineFlags
    private let minimum: Log.Level
    private let lineCount: Int

    init(_ flags: CommandLineFlags) throws {
        guard let minimum = flags["level"].flatMap({ Log.Level(name: $0) }) else {
            throw UsageError("--level will not do", of: "logs")
        }
        guard let lineCount = flags["lines"].flatMap({ Int($0) }), lineCount >= 0 else {
            throw UsageError("--lines must be a number, 0 or more", of: "logs")
        }
        self.flags = flags
        self.minimum = minimum
        self.lineCount = lineCount
    }

    func run(_ signals: Signals) async throws -> Int32 {
        let show = printer
        guard let source = flags.words.first else {
            return try await run(
                "/usr/bin/journalctl",
                [
                    "--unit", flags["unit"] ?? "", "--output", "cat", "--no-pager", "--lines",
                    "\(lineCount)",
                ]
                    + (flags.has("follow") ? ["--follow"] : []), signals, show)
        }
        if source == "-" { return try read(show) }
        guard access(source, R_OK) == 0 else { throw LinuxError.current("open \(source)") }
        return try await run(
            "/usr/bin/tail",
            ["--lines", "\(lineCount)"] + (flags.has("follow") ? ["--follow=name", "--retry"] : [])
                + ["--", source], signals, show)
    }

    /// Shows a line if it is important enough; what is no line of a log always is.
    private var printer: @Sendable (String) -> Void {
        let isColoured = isatty(1) == 1 && Environment.variables["NO_COLOR"] == nil
        let minimum = minimum
        return { text in
            guard let line = LogLine(text) else { return print(LogLine.shown(text)) }
            if line.level >= minimum { print(line.text(isColoured: isColoured)) }
            fflush(nil)
        }
    }

    /// The standard input, to its end.
    private func read(_ show: (String) -> Void) throws -> Int32 {
        var splitter = LineSplitter(lineSizeMax: LogLine.sizeMax)
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        Signals.release()
        while true {
            let count = Glibc.read(0, &bytes, bytes.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw LinuxError.current("read the standard input") }
            guard count > 0 else { break }
            splitter.add(bytes.prefix(count), line: show)
        }
        splitter.finish(line: show)
        return CuelightAgent.ExitCode.done
    }

    /// Shows what a program says, until it ends or we are asked to.
    private func run(
        _ path: String, _ arguments: [String], _ signals: Signals,
        _ show: @escaping @Sendable (String) -> Void
    ) async throws -> Int32 {
        guard access(path, X_OK) == 0 else {
            throw LinuxError("\(path), which keeps the log; name a file instead", code: errno)
        }
        let loop = try EventLoop.start(name: "logs")
        let child = try await ChildProcess.start(
            .init(path: path, arguments: arguments), on: loop
        ) { output, line in
            if output == .standardOutput { show(line) } else { Log.standardError(line + "\n") }
        }
        let exit = try await signals.run(on: loop) {
            await withTaskCancellationHandler {
                await child.waitForExit()
            } onCancel: {
                child.signal(SIGTERM)
            }
        }
        return exit == .exited(code: 0) || exit == .killed(signal: SIGTERM)
            ? CuelightAgent.ExitCode.done : CuelightAgent.ExitCode.failed
    }
}
