internal import Hardware
internal import Platform
internal import SharedModels

/// Opens a port and asks the board who it is; the port is closed again in the end.
final class BoardProbe: @unchecked Sendable {
    // Safe: used on its loop alone; only the answer leaves it, once.

    enum Answer: Sendable {
        case found(FirmwareFacts, build: UInt32)
        /// Nobody, or nobody who speaks our language, and why.
        case silent(String)
        case noPort(SerialPort.Problem)
        /// The board says no to the options.
        case refused(Refusal)
    }

    private static let pauseNanoseconds: Int64 = 100_000_000

    private let path: String
    private let baud: Int
    private let options: UInt8?
    private let loop: EventLoop
    private let deadlineNanoseconds: Int64
    private var port: SerialPort?
    private var link: LinkSession?
    private var timer: LoopTimer?
    private var answer: ((Answer) -> Void)?
    private var found = Answer.silent("it did not say who it is")

    private init(
        path: String, baud: Int, options: UInt8?, loop: EventLoop, patience: Duration,
        answer: @escaping (Answer) -> Void
    ) {
        self.path = path
        self.baud = baud
        self.options = options
        self.loop = loop
        self.answer = answer
        deadlineNanoseconds = SystemTime.monotonicNanoseconds + patience.nanosecondsClamped
    }

    /// - Parameters:
    ///   - options: what the board shall keep, as in OPTIONS_WRITE; nil to leave it as it is.
    ///   - patience: how long asking is repeated; each time takes up to 2.5 s.
    static func ask(
        _ path: String, baud: Int = 115_200, options: UInt8? = nil, patience: Duration,
        loop: EventLoop
    ) async -> Answer {
        await withCheckedContinuation { done in
            loop.submit {
                BoardProbe(
                    path: path, baud: baud, options: options, loop: loop, patience: patience
                ) {
                    done.resume(returning: $0)
                }.open()
            }
        }
    }

    private func open() {
        let now = SystemTime.monotonicNanoseconds
        do throws(SerialPort.Problem) {
            port = try SerialPort(
                path: path, baud: baud, loop: loop,
                // The port keeps this object until the answer is given.
                received: { bytes in self.act { link, now in link.receive(bytes, at: now) } },
                closed: { reason in
                    self.port = nil
                    self.again(.silent(reason))
                })
        } catch {
            // A port may come back a moment after its board restarted.
            return again(.noPort(error))
        }
        var generator = SystemRandomNumberGenerator()
        link = LinkSession(
            at: now, wish: .safe,
            newUID: BoardUID(value: UInt64.random(in: 1..<UInt64.max, using: &generator)),
            knownManifests: [:], firstSequence: UInt8.random(in: 0...255))
        act { link, now in link.open(at: now, quiet: LinkSession.Limits.bootNanoseconds) }
    }

    private func act(_ body: (inout LinkSession, Int64) -> [LinkSession.Action]) {
        guard port != nil, var session = link else { return }
        link = nil
        let actions = body(&session, SystemTime.monotonicNanoseconds)
        link = session
        var isIdentified = false
        for action in actions {
            switch action {
            case .send(let bytes, _): port?.write(bytes)
            case .identified(let identity):
                let facts = FirmwareFacts(
                    board: identity.manifest.board, version: identity.hello.version,
                    build: identity.manifest.build)
                found = .found(facts, build: identity.hello.build)
                if options == nil { return finish(found) }
                isIdentified = true
            case .optionsWritten(let refusal):
                return finish(refusal.map(Answer.refused) ?? found)
            case .down(let reason): return again(.silent(reason.sentence))
            default: break
            }
        }
        if isIdentified, let options {
            return act { link, now in link.writeOptions(options, at: now) }
        }
        guard let due = link?.nextDeadlineNanoseconds, port != nil else { return }
        wake(at: due) { self.act { link, now in link.tick(at: now) } }
    }

    private func wake(at due: Int64, _ body: @escaping () -> Void) {
        timer?.cancel()
        let delay = max(0, due - SystemTime.monotonicNanoseconds)
        timer = loop.schedule(after: .nanoseconds(delay), body)
    }

    /// Once more, if there is time.
    private func again(_ answer: Answer) {
        port?.close()
        port = nil
        link = nil
        let next = SystemTime.monotonicNanoseconds + Self.pauseNanoseconds
        guard next < deadlineNanoseconds else { return finish(answer) }
        wake(at: next) { self.open() }
    }

    private func finish(_ found: Answer) {
        timer?.cancel()
        port?.close()
        port = nil
        link = nil
        guard let answer else { return }
        self.answer = nil
        answer(found)
    }
}
