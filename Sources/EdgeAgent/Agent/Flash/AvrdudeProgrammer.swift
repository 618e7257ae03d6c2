internal import Glibc
internal import Hardware
internal import Platform
internal import Synchronization

/// AVR boards, through avrdude as a child process.
struct AvrdudeProgrammer: BoardProgrammer {
    enum Limits {
        /// Looking for one bootloader at one rate. It answers within the first second or not at all:
        /// avrdude's first two tries are enough, and it makes ten, in a minute.
        static let connecting: Duration = .seconds(12)
        /// A Mega's 256 KB take some 50 s, written and read.
        static let transfer: Duration = .seconds(180)
        /// Nothing printed for so long means that the line is dead, which avrdude takes minutes to
        /// believe.
        static let silenceNanoseconds: Int64 = 15_000_000_000
        /// How often a bootloader is looked for.
        static let rounds = 3
    }

    let port: String
    let part: String
    let signature: [UInt8]
    let loaders: [FlashProfile.Loader]
    let loop: EventLoop
    /// The program.
    let path: String
    /// Where a read image may be put for a moment.
    let scratch: String

    func connect() async throws(ProgrammerProblem) -> FoundLoader {
        guard access(path, X_OK) == 0 else {
            throw .unreachable("avrdude is missing; install it: apt install avrdude")
        }
        var complaint = ""
        for _ in 0..<Limits.rounds {
            for loader in loaders {
                let run = try await run(loader, [], within: Limits.connecting) { _ in }
                if !run.output.signature.isEmpty, run.output.signature != signature {
                    throw .wrongChip(
                        "the chip's signature is \(Self.hex(run.output.signature)), not "
                            + "\(Self.hex(signature)) (\(part)): it is another board")
                }
                if run.exit.isSuccess, run.output.signature == signature {
                    return FoundLoader(name: loader.name, room: 0..<loader.startAddress)
                }
                complaint = run.output.complaint
            }
        }
        throw .unreachable("no bootloader answers on \(port) (\(complaint))")
    }

    func read(
        _ room: Range<Int>, _ found: FoundLoader, progressed: @escaping Progressed
    ) async throws(ProgrammerProblem) -> FirmwareImage {
        unlink(scratch)
        defer { unlink(scratch) }
        let run = try await run(
            loader(found), ["-U", "flash:r:\(scratch):i"], within: Limits.transfer
        ) { progressed($0.percent) }
        guard run.exit.isSuccess else { throw .failed("reading failed: \(run.trouble)") }
        do {
            let file = try SmallFile.read(scratch, sizeMax: IntelHex.Limits.fileMaxBytes)
            return try IntelHex.read(file).cut(to: room)
        } catch {
            throw .failed("what avrdude has read is unusable: \(error)")
        }
    }

    func write(
        imageAt path: String, _ image: FirmwareImage, _ found: FoundLoader,
        progressed: @escaping @Sendable (_ isVerifying: Bool, _ percent: Int) -> Void
    ) async throws(ProgrammerProblem) {
        let run = try await run(
            loader(found), ["-D", "-U", "flash:w:\(path):i"], within: Limits.transfer
        ) { progressed($0.activity == .reading, $0.percent) }
        guard run.exit.isSuccess else { throw .failed("writing failed: \(run.trouble)") }
    }

    /// Opening the port restarts the board.
    func restart() async {}

    private func loader(_ found: FoundLoader) throws(ProgrammerProblem) -> FlashProfile.Loader {
        guard let loader = loaders.first(where: { $0.name == found.name }) else {
            throw .unreachable("there is no bootloader \(found.name)")
        }
        return loader
    }

    private struct Run {
        let exit: ChildProcess.Exit
        let output: AvrdudeOutput

        var trouble: String {
            output.complaint.isEmpty ? "avrdude \(exit)" : output.complaint
        }
    }

    private func run(
        _ loader: FlashProfile.Loader, _ arguments: [String], within limit: Duration,
        progressed: @escaping @Sendable (AvrdudeOutput.Progress) -> Void
    ) async throws(ProgrammerProblem) -> Run {
        let output = Mutex(AvrdudeOutput())
        let heardNanoseconds = Mutex(SystemTime.monotonicNanoseconds)
        let program = ChildProcess.Program(
            path: path,
            arguments: [
                "-c", loader.programmer, "-p", part, "-P", Folder.absolute(port), "-b",
                "\(loader.baud)",
            ] + arguments)
        let child: ChildProcess
        do {
            child = try await ChildProcess.start(
                program, on: loop,
                onBytes: { _, bytes in
                    heardNanoseconds.withLock { $0 = SystemTime.monotonicNanoseconds }
                    var steps: [AvrdudeOutput.Progress] = []
                    output.withLock { $0.feed(bytes) { steps.append($0) } }
                    for step in steps { progressed(step) }
                })
        } catch {
            throw .unreachable("avrdude does not start: \(error)")
        }
        let watchdog = Task {
            let end = SystemTime.monotonicNanoseconds + limit.nanosecondsClamped
            while true {
                try await Task.sleep(for: .seconds(1))
                let now = SystemTime.monotonicNanoseconds
                let heard = heardNanoseconds.withLock { $0 }
                if now > end || now - heard > Limits.silenceNanoseconds { child.signal(SIGKILL) }
            }
        }
        // A cancelled flashing ends like a broken one: with the old image put back.
        let exit = await withTaskCancellationHandler {
            await child.waitForExit()
        } onCancel: {
            child.signal(SIGTERM)
        }
        watchdog.cancel()
        return Run(exit: exit, output: output.withLock { $0 })
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        "0x"
            + bytes.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0\(digits)" : digits
            }.joined()
    }
}
