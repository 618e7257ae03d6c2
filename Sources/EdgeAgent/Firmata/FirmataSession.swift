/// The host's side of one conversation with a Firmata board: who is it, what can its pins do, and
/// then writes, each followed by a version query. Firmata acknowledges nothing, but a board takes
/// its bytes in order, so the answer to that query says that the write before it was taken.
/// A pure value: events with a monotonic time (nanoseconds) go in, actions come out.
package struct FirmataSession: Sendable {
    /// Times in nanoseconds.
    package enum Limits {
        /// How long a board may boot before it answers: a bootloader, then the sketch's greeting
        /// by its light.
        package static let greetingNanoseconds: Int64 = 10_000_000_000
        /// A board is asked when its port is opened, and once more so much later; one that was
        /// restarted by the opening speaks by itself. Asked sooner, a Mega would never start: its
        /// bootloader takes each byte for a programmer, and stays five seconds more.
        package static let greetingPeriodNanoseconds: Int64 = 7_000_000_000
        /// How long an answer may take. Nothing is asked twice, so that answers stay in order.
        package static let answerNanoseconds: Int64 = 1_000_000_000
        /// How often a silent board is asked whether it is there.
        package static let alivePeriodNanoseconds: Int64 = 1_000_000_000
        /// Writes under way at once, before the line counts as stuck.
        package static let pendingMax = 16
        /// The oldest protocol that knows single pins.
        package static let versionMin: (major: UInt8, minor: UInt8) = (2, 5)
    }

    /// What a board is.
    package struct Board: Hashable, Sendable {
        package internal(set) var protocolVersion = ""
        package internal(set) var firmware = ""
        package internal(set) var pins: [[UInt8: UInt8]] = []
        package internal(set) var analog: [UInt8?] = []

        /// The pin of an analog number (`A3`); nil if there is none.
        package func pin(analog number: Int) -> Int? {
            analog.firstIndex { $0.map(Int.init) == number }
        }

        /// The bits of a pin's mode; nil if it does not have it.
        package func bits(pin: Int, _ mode: FirmataRequest.Mode) -> Int? {
            pins.indices.contains(pin) ? pins[pin][mode.rawValue].map(Int.init) : nil
        }
    }

    package enum DownReason: Hashable, Sendable {
        case silent
        case unanswered
        case version(major: UInt8, minor: UInt8)
        case stuck

        /// For people.
        package var sentence: String {
            switch self {
            case .silent:
                "no Firmata board answers; flash StandardFirmata, or correct its baud"
            case .unanswered: "the board stopped answering"
            case .version(let major, let minor):
                "the board speaks Firmata \(major).\(minor); flash StandardFirmata 2.5 or later"
            case .stuck: "the board does not take what is sent"
            }
        }
    }

    package enum Action: Hashable, Sendable {
        case send([UInt8])
        case ready(Board)
        /// The board has taken the write of that number, after so long.
        case taken(token: UInt32, nanoseconds: Int64)
        /// The board is there.
        case alive(nanoseconds: Int64)
        /// The board booted by itself: its pins are at their defaults, and this session is over.
        case restarted
        case down(DownReason)
    }

    package enum Phase: Hashable, Sendable {
        case greeting, firmware, capabilities, mapping, ready, down
    }

    private struct Question: Sendable {
        let token: UInt32?
        let askedNanoseconds: Int64
    }

    package private(set) var phase = Phase.greeting
    package private(set) var board = Board()
    /// What it complained about last; empty for nothing.
    package private(set) var complaint = ""
    package var framingErrors: Int { parser.framingErrors }
    private var parser = FirmataParser()
    private var questions: [Question] = []
    private let openedNanoseconds: Int64
    private var askedNanoseconds: Int64

    /// - Parameter now: when the port was opened.
    package init(at now: Int64) {
        openedNanoseconds = now
        askedNanoseconds = now
    }

    package func open() -> [Action] { [.send(FirmataRequest.version)] }

    /// Writes, and asks whether it was taken; only when ready.
    package mutating func write(_ bytes: [UInt8], token: UInt32?, at now: Int64) -> [Action] {
        guard phase == .ready else { return [] }
        // A stop is written even if nobody listens: the bytes go first.
        guard questions.count < Limits.pendingMax else {
            phase = .down
            return [.send(bytes), .down(.stuck)]
        }
        questions.append(Question(token: token, askedNanoseconds: now))
        askedNanoseconds = now
        return [.send(bytes + FirmataRequest.version)]
    }

    package mutating func receive(_ bytes: some Sequence<UInt8>, at now: Int64) -> [Action] {
        var messages: [FirmataMessage] = []
        parser.feed(bytes) { messages.append($0) }
        var actions: [Action] = []
        for message in messages where phase != .down { take(message, at: now, &actions) }
        return actions
    }

    package mutating func tick(at now: Int64) -> [Action] {
        guard let due = nextDeadlineNanoseconds, due <= now else { return [] }
        switch phase {
        case .down: return []
        case .greeting where now < openedNanoseconds + Limits.greetingNanoseconds:
            askedNanoseconds = now
            return [.send(FirmataRequest.version)]
        case .ready where questions.isEmpty:
            return write([], token: nil, at: now)
        case .greeting:
            phase = .down
            return [.down(.silent)]
        default:
            phase = .down
            return [.down(.unanswered)]
        }
    }

    /// When `tick` must be called at the latest; nil for never.
    package var nextDeadlineNanoseconds: Int64? {
        switch phase {
        case .down: nil
        case .greeting:
            min(
                askedNanoseconds + Limits.greetingPeriodNanoseconds,
                openedNanoseconds + Limits.greetingNanoseconds)
        case .ready:
            questions.first.map { $0.askedNanoseconds + Limits.answerNanoseconds }
                ?? askedNanoseconds + Limits.alivePeriodNanoseconds
        default: askedNanoseconds + Limits.answerNanoseconds
        }
    }

    private mutating func take(
        _ message: FirmataMessage, at now: Int64, _ actions: inout [Action]
    ) {
        switch (phase, message) {
        case (.greeting, .version(let major, let minor)):
            guard major == Limits.versionMin.major, minor >= Limits.versionMin.minor else {
                phase = .down
                return actions.append(.down(.version(major: major, minor: minor)))
            }
            board.protocolVersion = "\(major).\(minor)"
            ask(.firmware, FirmataRequest.firmware, at: now, &actions)
        case (.firmware, .firmware(let name, let major, let minor)):
            board.firmware = "\(name) \(major).\(minor)"
            ask(.capabilities, FirmataRequest.capabilities, at: now, &actions)
        case (.capabilities, .capabilities(let pins)):
            board.pins = pins
            ask(.mapping, FirmataRequest.analogMapping, at: now, &actions)
        case (.mapping, .analogMapping(let analog)):
            board.analog = analog
            phase = .ready
            askedNanoseconds = now
            actions.append(.ready(board))
        case (.ready, .version): answered(at: now, &actions)
        case (.ready, .firmware):
            // Nobody asked: this is what it says after booting.
            phase = .down
            actions.append(.restarted)
        case (_, .text(let text)): complaint = text
        default: break
        }
    }

    private mutating func answered(at now: Int64, _ actions: inout [Action]) {
        // Answers to the greeting's repeats still come in.
        guard !questions.isEmpty else { return }
        let question = questions.removeFirst()
        let nanoseconds = now - question.askedNanoseconds
        if let token = question.token {
            actions.append(.taken(token: token, nanoseconds: nanoseconds))
        } else {
            actions.append(.alive(nanoseconds: nanoseconds))
        }
    }

    private mutating func ask(
        _ phase: Phase, _ bytes: [UInt8], at now: Int64, _ actions: inout [Action]
    ) {
        self.phase = phase
        askedNanoseconds = now
        actions.append(.send(bytes))
    }
}
