internal import Hardware
internal import Platform

/// ESP32 boards, through the loader in the chip's ROM.
struct ESPProgrammer: BoardProgrammer {
    enum Limits {
        /// How often a transfer is begun anew.
        static let attempts = 3
    }

    let port: String
    let chip: ESPChip
    let room: Range<Int>
    let loop: EventLoop

    func connect() async throws(ProgrammerProblem) -> FoundLoader {
        _ = try await run(.identify) { _ in }
        return FoundLoader(name: "rom", room: room)
    }

    func read(
        _ room: Range<Int>, _ loader: FoundLoader, progressed: @escaping Progressed
    ) async throws(ProgrammerProblem) -> FirmwareImage {
        let bytes = try await run(.read(room), progressed: progressed)
        return FirmwareImage(at: room.lowerBound, bytes).cut(to: room)
    }

    func write(
        imageAt path: String, _ image: FirmwareImage, _ loader: FoundLoader,
        progressed: @escaping @Sendable (_ isVerifying: Bool, _ percent: Int) -> Void
    ) async throws(ProgrammerProblem) {
        _ = try await run(.write(image)) { progressed(false, $0) }
        _ = try await run(.verify(image)) { progressed(true, $0) }
    }

    func restart() async {
        // The board may have restarted before it answered; its HELLO tells.
        _ = try? await run(.restart) { _ in }
    }

    private func run(
        _ job: ESPSession.Job, progressed: @escaping Progressed
    ) async throws(ProgrammerProblem) -> [UInt8] {
        var last = ESPSession.Failure.different
        for _ in 0..<Limits.attempts {
            switch await ESPConversation.run(
                job, chip: chip, port: port, loop: loop, progressed: progressed)
            {
            case .success(let bytes): return bytes
            case .failure(.chip(let failure)):
                if case .wrongChip = failure { throw .wrongChip("\(failure)") }
                // It was asked thirty times.
                if failure == .silent { throw .unreachable("\(port): \(failure)") }
                last = failure
            case .failure(.port(let reason)): throw .unreachable("\(port): \(reason)")
            }
        }
        throw .failed("\(last)")
    }
}

/// One conversation with the ROM on a port, which is closed again in the end.
private final class ESPConversation: @unchecked Sendable {
    // Safe: used on its loop alone; only the result leaves it, once.

    enum Failure: Error {
        case chip(ESPSession.Failure)
        case port(String)
    }

    /// How long the reset line is held, and the boot pin after it.
    private static let resetHold: Duration = .milliseconds(100)
    private static let bootHold: Duration = .milliseconds(50)

    private static let openingsMax = 20

    private let loop: EventLoop
    private let progressed: BoardProgrammer.Progressed
    private var session: ESPSession
    private let restartsAfter: Bool
    private var port: SerialPort?
    private var timer: LoopTimer?
    private var percent = -1
    private var openings = 0
    private var done: ((Result<[UInt8], Failure>) -> Void)?

    private init(
        _ job: ESPSession.Job, chip: ESPChip, loop: EventLoop,
        progressed: @escaping BoardProgrammer.Progressed,
        done: @escaping (Result<[UInt8], Failure>) -> Void
    ) {
        session = ESPSession(job, chip: chip)
        restartsAfter = job == .restart
        self.loop = loop
        self.progressed = progressed
        self.done = done
    }

    static func run(
        _ job: ESPSession.Job, chip: ESPChip, port: String, loop: EventLoop,
        progressed: @escaping BoardProgrammer.Progressed
    ) async -> Result<[UInt8], Failure> {
        await withCheckedContinuation { done in
            loop.submit {
                ESPConversation(job, chip: chip, loop: loop, progressed: progressed) {
                    done.resume(returning: $0)
                }.open(port)
            }
        }
    }

    private func open(_ path: String) {
        do throws(SerialPort.Problem) {
            port = try SerialPort(
                path: path, baud: 115_200, loop: loop,
                // The port keeps this object until the conversation is over.
                received: { bytes in self.act { $0.receive(bytes, at: $1) } },
                closed: { reason in
                    self.port = nil
                    self.finish(.failure(.port(reason)))
                })
        } catch {
            // A process that is being started may have the port for a moment.
            guard error == .busy, openings < Self.openingsMax else {
                return finish(.failure(.port("\(error)")))
            }
            openings += 1
            timer = loop.schedule(after: Self.resetHold) { self.open(path) }
            return
        }
        // RTS holds the chip in reset, DTR holds its boot pin low while it comes out.
        port?.setLines(dataTerminalReady: false, requestToSend: true)
        timer = loop.schedule(after: Self.resetHold) {
            self.port?.setLines(dataTerminalReady: true, requestToSend: false)
            self.timer = self.loop.schedule(after: Self.bootHold) {
                self.port?.setLines(dataTerminalReady: false, requestToSend: false)
                self.act { $0.start(at: $1) }
            }
        }
    }

    private func act(_ body: (inout ESPSession, Int64) -> [ESPSession.Action]) {
        guard port != nil, !session.isOver else { return }
        for action in body(&session, SystemTime.monotonicNanoseconds) { perform(action) }
        guard let due = session.nextDeadlineNanoseconds, port != nil else { return }
        timer?.cancel()
        let delay = max(0, due - SystemTime.monotonicNanoseconds)
        timer = loop.schedule(after: .nanoseconds(delay)) { self.act { $0.tick(at: $1) } }
    }

    private func perform(_ action: ESPSession.Action) {
        switch action {
        case .send(let bytes): port?.write(bytes)
        case .progress(let count, let total):
            let now = count * 100 / max(1, total)
            guard now != percent else { return }
            percent = now
            progressed(now)
        case .finished(let bytes):
            guard restartsAfter else { return finish(.success(bytes)) }
            port?.setLines(dataTerminalReady: false, requestToSend: true)
            timer?.cancel()
            timer = loop.schedule(after: Self.resetHold) {
                self.port?.setLines(dataTerminalReady: false, requestToSend: false)
                self.finish(.success(bytes))
            }
        case .failed(let failure): finish(.failure(.chip(failure)))
        }
    }

    private func finish(_ result: Result<[UInt8], Failure>) {
        timer?.cancel()
        port?.close()
        port = nil
        guard let done else { return }
        self.done = nil
        done(result)
    }
}
