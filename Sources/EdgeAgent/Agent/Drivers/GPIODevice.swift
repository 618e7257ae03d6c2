internal import GPIO
internal import Glibc
internal import Platform
internal import SharedModels

/// The lines of a GPIO chip of this computer as the pins of a board. Used on the loop alone.
final class GPIODevice: PinDevice {
    /// An input and what it is known to be.
    private final class Input {
        let line: HostedBoard.Line
        var value: Bool
        var watch: Watch?
        var settle: Alarm?
        var settlesNanoseconds: Int64?

        init(_ line: HostedBoard.Line, value: Bool) {
            self.line = line
            self.value = value
        }
    }

    let framingErrors = 0
    private let board: HostedBoard
    private let loop: EventLoop
    private let tell: (PinEvent) -> Void
    private var chip: GPIOChip?
    private var inputs: [Input] = []

    init(_ board: HostedBoard, loop: EventLoop, tell: @escaping (PinEvent) -> Void) {
        self.board = board
        self.loop = loop
        self.tell = tell
    }

    func open() throws {
        do {
            let chip = try GPIOChip(path: board.reach.path)
            // Kept before any line is watched: watches end before the lines are given back.
            self.chip = chip
            for line in board.lines {
                let number = UInt32(clamping: line.channel.pin)
                if line.channel.kind.isInput {
                    try take(line, number, of: chip)
                } else {
                    try chip.takeOutput(number, isActiveLow: line.isActiveLow)
                }
            }
        } catch let problem as GPIOChip.Problem {
            close()
            throw PinProblem(description: problem.description, isGone: problem.isGone)
        } catch {
            close()
            throw error
        }
        tell(.ready(firmware: "libgpiod", pins: [:]))
    }

    func write(_ writes: [SafetyFloor.Write], token: UInt32?) {
        guard let chip else { return }
        let began = SystemTime.monotonicNanoseconds
        do {
            for write in writes {
                guard let line = board.lines.first(where: { $0.channel.id == write.channel })
                else { continue }
                try chip.set(UInt32(clamping: line.channel.pin), write.value != .off)
            }
        } catch {
            return fail(error)
        }
        guard let token else { return }
        let took = SystemTime.monotonicNanoseconds - began
        loop.schedule(after: .zero) { [weak self] in
            self?.tell(.taken(token: token, nanoseconds: took))
        }
    }

    func close() {
        for input in inputs {
            input.watch?.cancel()
            input.settle?.cancel()
        }
        inputs = []
        chip = nil
    }

    private func take(
        _ line: HostedBoard.Line, _ number: UInt32, of chip: GPIOChip
    ) throws {
        let pull = GPIOChip.Pull(rawValue: line.pull) ?? .asIs
        let descriptor = try chip.takeInput(number, isActiveLow: line.isActiveLow, pull: pull)
        let input = Input(line, value: try chip.isOn(number))
        inputs.append(input)
        input.settle = Alarm(loop: loop) { [weak self, weak input] in
            if let input { self?.look(at: input) }
        }
        input.watch = try loop.watch(descriptor, for: .readable) { [weak self, weak input] ready in
            if let input { self?.edges(of: input, isBroken: !ready.contains(.readable)) }
        }
    }

    /// Something moved: what the input is, is asked when it has been quiet for long enough.
    private func edges(of input: Input, isBroken: Bool) {
        guard let chip else { return }
        let number = UInt32(clamping: input.line.channel.pin)
        do {
            if isBroken { throw GPIOChip.Problem(operation: "line \(number)", code: ENODEV) }
            // The descriptor tells again what is left.
            try chip.takeEdge(number)
        } catch {
            return fail(error)
        }
        let quiet = Int64(input.line.debounceMilliseconds) * 1_000_000
        let due = SystemTime.monotonicNanoseconds + quiet
        input.settlesNanoseconds = due
        input.settle?.ring(by: due)
    }

    private func look(at input: Input) {
        guard let chip, let due = input.settlesNanoseconds else { return }
        guard SystemTime.monotonicNanoseconds >= due else {
            return input.settle?.ring(by: due) ?? ()
        }
        input.settlesNanoseconds = nil
        do {
            let value = try chip.isOn(UInt32(clamping: input.line.channel.pin))
            guard value != input.value else { return }
            input.value = value
            tell(.input(channel: input.line.channel.id, value: value ? 1 : 0))
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: any Error) {
        let isGone = (error as? GPIOChip.Problem)?.isGone ?? false
        loop.schedule(after: .zero) { [weak self] in
            self?.tell(.failed(reason: "\(error)", isGone: isGone, isLasting: false))
        }
    }
}
