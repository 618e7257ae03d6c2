import FoundationEssentials
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

/// Lines of output as they came.
private final class Output: Sendable {
    private let lines = Mutex<[(ChildProcess.Output, String)]>([])

    var sink: @Sendable (ChildProcess.Output, String) -> Void {
        { [self] from, line in lines.withLock { $0.append((from, line)) } }
    }
    func from(_ source: ChildProcess.Output) -> [String] {
        lines.withLock { $0.filter { $0.0 == source }.map(\.1) }
    }
    var standard: [String] { from(.standardOutput) }
}

@Suite("Child process")
struct ChildProcessTests {
    private let loop: EventLoop
    private let output = Output()

    init() throws { loop = try EventLoop.start(name: "children") }

    private func shell(_ script: String, environment: [String: String] = [:])
        -> ChildProcess.Program
    {
        ChildProcess.Program(
            path: "/bin/sh", arguments: ["-c", script],
            environment: environment.merging(["PATH": "/usr/bin:/bin"]) { mine, _ in mine })
    }

    private func run(_ program: ChildProcess.Program) async throws -> ChildProcess.Exit {
        let child = try await ChildProcess.start(program, on: loop, onLine: output.sink)
        return await child.waitForExit()
    }

    @Test("output, exit code, environment and folder are those of the program")
    func basics() async throws {
        let folder = try TemporaryFolder()
        var program = shell(
            "echo out $NAME; echo err >&2; pwd; env | wc -l; cat; exit 7",
            environment: ["NAME": "v=1"])
        program.directory = folder.path
        #expect(try await run(program) == .exited(code: 7))
        #expect(output.standard.prefix(2) == ["out v=1", folder.path])
        #expect(output.from(.standardError) == ["err"])
    }

    @Test("all output is there when the exit is told, also of a child that wrote and died")
    func allOutput() async throws {
        let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; kill -9 $$"
        #expect(try await run(shell(script)) == .killed(signal: SIGKILL))
        #expect(output.standard == (0..<3000).map { "line \($0)" })
    }

    @Test("a line without end, of no end, and of strange bytes is cut and mended")
    func strangeLines() async throws {
        let script = "head -c 20000 /dev/zero | tr '\\0' x; printf '\\n\\377\\r\\n\\nlast'"
        #expect(try await run(shell(script)).isSuccess)
        #expect(output.standard.map(\.utf8.count) == [8192, 8192, 3616, 3, 0, 4])
        #expect(output.standard.last == "last")
    }

    @Test("a program that is not there, or may not be run, is an error of its name")
    func missing() async throws {
        let folder = try TemporaryFolder()
        let plain = try folder.write("text", to: "plain")
        for (path, code) in [("/nowhere/program", ENOENT), (plain, EACCES), ("/tmp", EACCES)] {
            await #expect(throws: LinuxError("start \(path)", code: code)) {
                _ = try await ChildProcess.start(ChildProcess.Program(path: path), on: loop)
            }
        }
        var nowhere = shell("true")
        nowhere.directory = "/nowhere"
        await #expect(throws: LinuxError("start /bin/sh", code: ENOENT)) {
            _ = try await ChildProcess.start(nowhere, on: loop)
        }
        await #expect(throws: LinuxError("start /bin/sh", code: EINVAL)) {
            _ = try await ChildProcess.start(shell("true\0false"), on: loop)
        }
    }

    @Test("a child that stops when asked is not killed; one that does not, is, with its children")
    func terminate() async throws {
        let polite = try await ChildProcess.start(
            shell("trap 'exit 3' TERM; echo ready; while :; do :; done"), on: loop,
            onLine: output.sink)
        await eventually { output.standard == ["ready"] }
        #expect(await polite.terminate(grace: .seconds(30)) == .exited(code: 3))
        #expect(polite.exit == .exited(code: 3))

        let rude = try await ChildProcess.start(
            shell("trap '' TERM; sleep 1000 & echo $!; wait; wait; sleep 1000"), on: loop,
            onLine: output.sink)
        await eventually { output.standard.count == 2 }
        let grandchild = try #require(Int32(output.standard[1]))
        #expect(await rude.terminate(grace: .milliseconds(50)) == .killed(signal: SIGKILL))
        await eventually("the grandchild ends") { !isRunning(grandchild) }
    }

    @Test("a child whose handle goes is killed")
    func handleGoes() async throws {
        var child: ChildProcess? = try await ChildProcess.start(shell("sleep 1000"), on: loop)
        let pid = try #require(child?.pid)
        #expect(isRunning(pid))
        child = nil
        await eventually("the child ends") { !isRunning(pid) }
    }

    @Test("a child inherits no descriptors and no blocked signals")
    func cleanStart() async throws {
        let leaked = dup(2)
        defer { close(leaked) }
        #expect(
            try await run(
                shell("ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status")
            )
            .isSuccess)
        // Its three and the one that lists them.
        #expect(output.standard.first.map(Int.init) == 4)
        #expect(output.standard.dropFirst().first == "SigBlk:\t0000000000000000")
    }

    @Test("root can run a child as somebody else, without its other groups")
    func otherUser() async throws {
        var program = shell("id -u; id -g; id -G")
        program.user = ChildProcess.User(userID: 65534, groupID: 65534)
        if geteuid() == 0 {
            #expect(try await run(program).isSuccess)
            #expect(output.standard == ["65534", "65534", "65534"])
        } else {
            await #expect(throws: LinuxError("start /bin/sh", code: EPERM)) {
                _ = try await run(program)
            }
        }
    }

    @Test("many children at once are all reaped, and no descriptor stays open")
    func many() async throws {
        _ = try await run(shell("true"))
        let before = try openDescriptors()
        let exits = try await withThrowingTaskGroup(of: ChildProcess.Exit.self) { group in
            for code in 0..<40 { group.addTask { try await run(shell("exit \(code)")) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(exits == Set((0..<40).map { .exited(code: $0) }))
        try await eventually("descriptors are closed") { try openDescriptors() <= before + 8 }
    }

    @Test("what a child leaves behind neither delays the news of its exit nor outlives it")
    func heldPipe() async throws {
        let child = try await ChildProcess.start(
            shell("sleep 1000 & echo $!"), on: loop, onLine: output.sink)
        #expect(await child.waitForExit() == .exited(code: 0))
        let grandchild = try #require(output.standard.first.flatMap { Int32($0) })
        await eventually("the grandchild ends") { !isRunning(grandchild) }
    }

    private func isRunning(_ pid: Int32) -> Bool {
        guard let text = try? SmallFile.read("/proc/\(pid)/stat", sizeMax: 4096) else {
            return false
        }
        let state = String(decoding: text, as: UTF8.self).split(separator: ")").last?.dropFirst()
        return state?.first != "Z"
    }

    /// Those that a child needs, pipes and process descriptors: other tests of this process open others.
    private func openDescriptors() throws -> Int {
        let folder = "/proc/self/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "\(folder)/\(name)")
            return target.map { $0.hasPrefix("pipe:") || $0.contains("pidfd") } ?? false
        }
    }
}
