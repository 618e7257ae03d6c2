internal import Firmata
internal import Hardware
internal import Platform
internal import SharedModels

/// The pins of a board that speaks Firmata, on a serial port. Used on the loop alone.
final class FirmataDevice: PinDevice {
    /// A pin as the board and the file describe it together.
    private struct Pin {
        let number: Int
        let line: HostedBoard.Line
        /// The duty that is full; nil where the pin is only on or off.
        let dutyMax: Int?
        var isServing = false
    }

    /// Why the board cannot do what the file says.
    private struct Mismatch: Error {
        let reason: String
    }

    private let board: HostedBoard
    private let baud: Int
    private let loop: EventLoop
    private let tell: (PinEvent) -> Void
    private var port: SerialPort?
    private var session: FirmataSession?
    private var alarm: Alarm?
    private var pins: [UInt8: Pin] = [:]
    /// What is told once the first write, which puts everything off, was taken.
    private var introduction: PinEvent?
    private static let introductionToken: UInt32 = 0

    var framingErrors: Int { session?.framingErrors ?? 0 }

    init(
        _ board: HostedBoard, baud: Int, loop: EventLoop, tell: @escaping (PinEvent) -> Void
    ) {
        self.board = board
        self.baud = baud
        self.loop = loop
        self.tell = tell
    }

    func open() throws {
        do {
            port = try SerialPort(
                path: board.reach.path, baud: baud, loop: loop,
                received: { [weak self] bytes in
                    self?.act { session, now in session.receive(bytes, at: now) }
                },
                closed: { [weak self] reason in
                    self?.port = nil
                    self?.tell(.failed(reason: reason, isGone: true, isLasting: false))
                })
        } catch {
            throw PinProblem(description: error.description, isGone: error == .missing)
        }
        session = FirmataSession(at: SystemTime.monotonicNanoseconds)
        alarm = Alarm(loop: loop) { [weak self] in
            self?.act { session, now in session.tick(at: now) }
        }
        act { session, _ in session.open() }
    }

    func write(_ writes: [SafetyFloor.Write], token: UInt32?) {
        var bytes: [UInt8] = []
        for write in writes { bytes += encode(write) }
        act { session, now in session.write(bytes, token: token, at: now) }
    }

    func close() {
        alarm?.cancel()
        port?.close()
        port = nil
        session = nil
    }

    private func act(_ body: (inout FirmataSession, Int64) -> [FirmataSession.Action]) {
        guard var session, port != nil else { return }
        let actions = body(&session, SystemTime.monotonicNanoseconds)
        self.session = session
        for action in actions { perform(action) }
        alarm?.ring(by: self.session?.nextDeadlineNanoseconds)
    }

    private func perform(_ action: FirmataSession.Action) {
        switch action {
        case .send(let bytes): port?.write(bytes)
        case .ready(let found): take(found)
        case .taken(token: Self.introductionToken, _) where introduction != nil:
            guard let introduction else { return }
            self.introduction = nil
            tell(introduction)
        case .taken(let token, let nanoseconds):
            tell(.taken(token: token, nanoseconds: nanoseconds))
        case .alive(let nanoseconds): tell(.alive(nanoseconds: nanoseconds))
        case .restarted: tell(.restarted)
        case .down(let reason):
            var isLasting = false
            if case .version = reason { isLasting = true }
            tell(.failed(reason: reason.sentence, isGone: false, isLasting: isLasting))
        }
    }

    /// The board has said what its pins can do.
    private func take(_ found: FirmataSession.Board) {
        do {
            for line in board.lines { pins[line.channel.id] = try pin(line, of: found) }
        } catch {
            return tell(.failed(reason: error.reason, isGone: false, isLasting: true))
        }
        // A host that died may have left them on.
        var bytes: [UInt8] = []
        for pin in pins.values.sorted(by: { $0.number < $1.number }) { bytes += off(pin) }
        let named = pins.filter { $0.value.line.analogNumber != nil }.mapValues(\.number)
        introduction = .ready(firmware: found.firmware, pins: named)
        act { session, now in
            session.write(bytes, token: Self.introductionToken, at: now)
        }
    }

    private func pin(
        _ line: HostedBoard.Line, of found: FirmataSession.Board
    ) throws(Mismatch) -> Pin {
        let name = line.channel.name
        var number = line.channel.pin
        if let analog = line.analogNumber {
            guard let pin = found.pin(analog: analog) else {
                throw Mismatch(reason: "channel \(name): the board has no pin A\(analog)")
            }
            number = pin
        }
        guard found.bits(pin: number, .output) != nil else {
            throw Mismatch(reason: "channel \(name): the board's pin \(number) is no output")
        }
        guard line.channel.kind == .servo else {
            let bits = found.bits(pin: number, .pwm)
            return Pin(
                number: number, line: line,
                dutyMax: bits.map { 1 << min(max($0, 1), 16) - 1 })
        }
        guard found.bits(pin: number, .servo) != nil else {
            throw Mismatch(reason: "channel \(name): the board's pin \(number) drives no servo")
        }
        return Pin(number: number, line: line, dutyMax: nil)
    }

    private func encode(_ write: SafetyFloor.Write) -> [UInt8] {
        guard let pin = pins[write.channel] else { return [] }
        switch write.value {
        case .off:
            pins[write.channel]?.isServing = false
            return off(pin)
        case .on: return FirmataRequest.digital(pin: pin.number, isOn: true)
        case .permille(let permille):
            guard let most = pin.dutyMax else {
                return FirmataRequest.digital(pin: pin.number, isOn: true)
            }
            let duty = max(1, permille * most / 1000)
            pins[write.channel]?.isServing = true
            let mode = pin.isServing ? [] : FirmataRequest.mode(pin: pin.number, .pwm)
            return mode + FirmataRequest.analog(pin: pin.number, value: duty)
        case .angle(let angle):
            pins[write.channel]?.isServing = true
            let mode = pin.isServing ? [] : FirmataRequest.mode(pin: pin.number, .servo)
            let degrees = (min(max(angle, 0), 18_000) + 50) / 100
            return mode + FirmataRequest.analog(pin: pin.number, value: degrees)
        }
    }

    /// A plain output at the level that is off: ends a servo's pulses and a duty too.
    private func off(_ pin: Pin) -> [UInt8] {
        FirmataRequest.mode(pin: pin.number, .output)
            + FirmataRequest.digital(pin: pin.number, isOn: false)
    }
}
