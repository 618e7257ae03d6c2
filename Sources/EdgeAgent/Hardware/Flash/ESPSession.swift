/// One conversation with the ROM of an ESP32: finds it, and then reads or writes its flash. A pure
/// value: bytes and times go in, actions come out; times are monotonic nanoseconds.
package struct ESPSession: Sendable {
    package enum Job: Hashable, Sendable {
        /// Only finds out which chip it is.
        case identify
        case read(Range<Int>)
        /// Writes, and lets the ROM make a digest of what it has.
        case write(FirmwareImage)
        case verify(FirmwareImage)
        /// Ends the loader: the firmware runs.
        case restart
    }

    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case silent
        case unanswered(ESPCommand.Operation)
        case refused(ESPCommand.Operation, reason: UInt8)
        case badAnswer(ESPCommand.Operation)
        /// Nothing was written.
        case wrongChip(magic: UInt32)
        case different

        package var description: String {
            switch self {
            case .silent:
                "the chip's loader does not answer; hold BOOT while you press RESET, and try again"
            case .unanswered(let operation): "the chip does not answer \(operation)"
            case .refused(let operation, let reason):
                "the chip refuses \(operation) (reason \(reason))"
            case .badAnswer(let operation): "the chip's answer to \(operation) makes no sense"
            case .wrongChip(let magic): "it is another chip (0x\(String(magic, radix: 16)))"
            case .different: "what is in the flash is not what was sent"
            }
        }
    }

    package enum Action: Hashable, Sendable {
        case send([UInt8])
        case progress(done: Int, total: Int)
        /// What was read, for a reading job.
        case finished([UInt8])
        case failed(Failure)
    }

    package enum Limits {
        /// SYNCs until a chip counts as silent: 3 s.
        package static let syncsMax = 30
    }

    private enum Stage: Hashable { case syncing, identifying, attaching, sizing, working, over }

    private let chip: ESPChip
    private let job: Job
    private var stage = Stage.syncing
    private var decoder = SLIP.Decoder()
    private var current: ESPCommand?
    private var dueNanoseconds = Int64.max
    private var syncs = 0
    private var queue: [Step] = []
    private var next = 0
    private var read: [UInt8] = []

    private enum Step: Hashable, Sendable {
        case begin(FirmwareImage.Segment)
        case data(FirmwareImage.Segment, number: Int)
        case digest(FirmwareImage.Segment)
        case read(address: Int)
        case restart
    }

    package init(_ job: Job, chip: ESPChip) {
        self.chip = chip
        self.job = job
        queue = Self.steps(of: job)
    }

    private static func steps(of job: Job) -> [Step] {
        switch job {
        case .identify: []
        case .read(let range):
            stride(from: range.lowerBound, to: range.upperBound, by: ESPCommand.Sizes.readBytes)
                .map { .read(address: $0) }
        case .write(let image):
            image.segments.flatMap { segment -> [Step] in
                let size = ESPCommand.Sizes.blockBytes
                let blocks = (segment.bytes.count + size - 1) / size
                return [.begin(segment)] + (0..<blocks).map { .data(segment, number: $0) }
                    + [.digest(segment)]
            }
        case .verify(let image): image.segments.map { .digest($0) }
        case .restart: [.restart]
        }
    }

    package var isOver: Bool { stage == .over }
    /// When `tick` must be called at the latest.
    package var nextDeadlineNanoseconds: Int64? { isOver ? nil : dueNanoseconds }

    package mutating func start(at now: Int64) -> [Action] {
        var actions: [Action] = []
        send(.sync, at: now, &actions)
        return actions
    }

    package mutating func receive(_ bytes: some Sequence<UInt8>, at now: Int64) -> [Action] {
        var packets: [[UInt8]] = []
        decoder.feed(bytes) { packets.append($0) }
        var actions: [Action] = []
        for packet in packets where !isOver {
            // The ROM answers one SYNC eight times; what nobody asked for is left alone.
            guard let command = current, let answer = ESPAnswer(packet),
                answer.operation == command.operation.rawValue
            else { continue }
            take(answer, to: command, at: now, &actions)
        }
        return actions
    }

    package mutating func tick(at now: Int64) -> [Action] {
        var actions: [Action] = []
        guard !isOver, now >= dueNanoseconds, let command = current else { return actions }
        if stage == .syncing {
            syncs += 1
            if syncs < Limits.syncsMax {
                send(.sync, at: now, &actions)
            } else {
                fail(.silent, &actions)
            }
        } else if job == .restart, stage == .working {
            // A chip that restarts at once has no time to answer.
            finish(&actions)
        } else {
            fail(.unanswered(command.operation), &actions)
        }
        return actions
    }

    private mutating func take(
        _ answer: ESPAnswer, to command: ESPCommand, at now: Int64, _ actions: inout [Action]
    ) {
        guard let content = answer.content(of: command) else {
            if stage == .syncing { return }
            let reason = answer.refusal(of: command)
            return fail(
                reason.map { .refused(command.operation, reason: $0) }
                    ?? .badAnswer(command.operation), &actions)
        }
        switch stage {
        case .syncing:
            stage = .identifying
            send(.readRegister(ESPCommand.magicRegister), at: now, &actions)
        case .identifying:
            guard chip.magics.contains(answer.value) else {
                return fail(.wrongChip(magic: answer.value), &actions)
            }
            stage = .attaching
            send(.spiAttach, at: now, &actions)
        case .attaching:
            stage = .sizing
            send(.spiSetParameters, at: now, &actions)
        case .sizing:
            stage = .working
            proceed(at: now, &actions)
        case .working: work(content, at: now, &actions)
        case .over: break
        }
    }

    private mutating func work(_ content: [UInt8], at now: Int64, _ actions: inout [Action]) {
        switch queue[next] {
        case .digest(let segment):
            let wanted = MD5.hash(segment.bytes).flatMap { byte -> [UInt8] in
                let digits = Array("0123456789abcdef".utf8)
                return [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
            guard content == wanted else { return fail(.different, &actions) }
        case .read: read += content
        case .begin, .data, .restart: break
        }
        next += 1
        actions.append(.progress(done: next, total: queue.count))
        proceed(at: now, &actions)
    }

    private mutating func proceed(at now: Int64, _ actions: inout [Action]) {
        guard next < queue.count else { return finish(&actions) }
        switch queue[next] {
        case .begin(let segment):
            send(
                .flashBegin(address: segment.address, sizeBytes: segment.bytes.count, chip: chip),
                at: now, &actions)
        case .data(let segment, let number):
            let start = number * ESPCommand.Sizes.blockBytes
            let end = min(start + ESPCommand.Sizes.blockBytes, segment.bytes.count)
            send(.flashData(number: number, segment.bytes[start..<end]), at: now, &actions)
        case .digest(let segment):
            send(
                .spiFlashMD5(address: segment.address, sizeBytes: segment.bytes.count), at: now,
                &actions)
        case .read(let address): send(.readFlashSlow(address: address), at: now, &actions)
        case .restart: send(.flashEndRestart, at: now, &actions)
        }
    }

    private mutating func send(_ command: ESPCommand, at now: Int64, _ actions: inout [Action]) {
        current = command
        dueNanoseconds = now + command.patienceNanoseconds
        actions.append(.send(command.wire))
    }

    private mutating func finish(_ actions: inout [Action]) {
        stage = .over
        current = nil
        if case .read(let range) = job { read = Array(read.prefix(range.count)) }
        actions.append(.finished(read))
    }

    private mutating func fail(_ failure: Failure, _ actions: inout [Action]) {
        stage = .over
        current = nil
        actions.append(.failed(failure))
    }
}
