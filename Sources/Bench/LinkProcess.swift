import Foundation
import Glibc
import Platform

/// A program that runs until it is ended, and what it uses.
final class LinkProcess {
    private let process = Process()
    private let input = Pipe()

    init(_ arguments: [String], log: String) throws {
        guard let program = arguments.first, access(program, X_OK) == 0 else {
            throw LinkProblem.missing(arguments.first ?? "program")
        }
        try Data().write(to: URL(fileURLWithPath: log))
        let output = FileHandle(forWritingAtPath: log)
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(arguments.dropFirst())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit { end() }

    /// A line to its standard input.
    func tell(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

    /// Kills it: it may have been started with signals blocked that would ask it to end.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// User and system time used so far.
    var cpuSeconds: Double {
        // Behind the name in parentheses; utime and stime are fields 14 and 15.
        let fields = text("stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    var residentMegabytes: Double {
        let line = text("status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
        return (kilobytes ?? 0) * 1024 / 1e6
    }

    private func text(_ name: String) -> String {
        let path = "/proc/\(process.processIdentifier)/\(name)"
        // A process that has ended uses nothing.
        return (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}

/// A simulated Uno.
struct LinkBoard {
    /// What a board's clock and ours said at one moment.
    struct Clock: Decodable {
        let microseconds: Double
        let nanoseconds: Double

        enum CodingKeys: String, CodingKey { case microseconds = "t_us", nanoseconds = "wall_ns" }

        /// How much the board's clock went on while ours went on by 1.
        func pace(since other: Clock) -> Double {
            (microseconds - other.microseconds) * 1000 / (nanoseconds - other.nanoseconds)
        }
    }

    let process: LinkProcess
    let port: String
    private let events: String

    init(number: Int, folder: String) throws {
        let firmware = "\(FileManager.default.currentDirectoryPath)/.build/firmware"
        port = "\(folder)/board\(number)"
        events = "\(port).events"
        process = try LinkProcess(
            [
                "\(firmware)/cuelight-board-avr", "--firmware", "\(firmware)/uno.hex",
                "--pty-link", port, "--events", events, "--no-frames", "--uid",
                "00000000000000b\(number)",
            ], log: "\(port).log")
    }

    func end() { process.end() }

    func ready() async throws {
        for _ in 0..<6000 {
            if access(port, F_OK) == 0 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw LinkProblem.timeout(port)
    }

    /// Both clocks now. Asking for the memory makes the board write an event.
    func clock() throws -> Clock {
        let before = lines().count
        process.tell("memory")
        for _ in 0..<60_000 {
            let found = lines()
            if found.count > before, let line = found.last { return try decoded(line) }
            usleep(1000)
        }
        throw LinkProblem.timeout("a board's clock")
    }

    private func decoded(_ line: Substring) throws -> Clock {
        try JSONDecoder().decode(Clock.self, from: Data(line.utf8))
    }

    private func lines() -> [Substring] {
        let text = (try? String(contentsOfFile: events, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { $0.contains("ram_untouched") }
    }
}
