import Firmata
import TestSupport
import Testing

/// Firmata's bytes, and one conversation.
@Suite("Firmata")
struct FirmataTests {
    private func messages(_ bytes: [UInt8]) -> [FirmataMessage] {
        var parser = FirmataParser()
        var found: [FirmataMessage] = []
        parser.feed(bytes) { found.append($0) }
        return found
    }

    @Test("requests are the bytes of the protocol's description")
    func requests() {
        #expect(FirmataRequest.mode(pin: 9, .pwm) == [0xF4, 9, 3])
        #expect(FirmataRequest.digital(pin: 13, isOn: true) == [0xF5, 13, 1])
        #expect(FirmataRequest.analog(pin: 9, value: 255) == [0xE9, 0x7F, 0x01])
        #expect(FirmataRequest.analog(pin: 44, value: 300) == [0xF0, 0x6F, 44, 0x2C, 0x02, 0xF7])
        #expect(
            FirmataRequest.analog(pin: 3, value: 0x4000) == [0xF0, 0x6F, 3, 0, 0, 1, 0xF7])
        #expect(
            FirmataRequest.servo(pin: 10, leastMicroseconds: 544, mostMicroseconds: 2400)
                == [0xF0, 0x70, 10, 0x20, 0x04, 0x60, 0x12, 0xF7])
        // Whatever the numbers, only the first byte is a command.
        for pin in [-1, 0, 15, 16, 127, 128, .max] {
            for value in [Int.min, -1, 0, 16_383, 16_384, .max] {
                let bytes = FirmataRequest.analog(pin: pin, value: value)
                #expect(bytes.dropFirst().allSatisfy { $0 < 0x80 || $0 == 0xF7 })
            }
        }
    }

    @Test("answers are understood")
    func answers() {
        #expect(messages([0xF9, 2, 5]) == [.version(major: 2, minor: 5)])
        #expect(
            messages([0xF0, 0x79, 2, 5, 0x41, 0, 0x42, 0, 0xF7])
                == [.firmware(name: "AB", major: 2, minor: 5)])
        #expect(
            messages([0xF0, 0x6C, 0x7F, 0, 1, 1, 1, 3, 8, 0x7F, 0xF7])
                == [.capabilities([[:], [0: 1, 1: 1, 3: 8]])])
        #expect(messages([0xF0, 0x6A, 0x7F, 0, 1, 0xF7]) == [.analogMapping([nil, 0, 1])])
        #expect(messages([0xF0, 0x71, 0x68, 0, 0x69, 0, 0xF7]) == [.text("hi")])
        #expect(messages([0xE0, 1, 2, 0xF0, 0xF7]) == [.other, .other])
        // Cut off in the middle: the next message is whole again.
        #expect(messages([0xF9, 2, 0xF9, 2, 6]) == [.version(major: 2, minor: 6)])
    }

    @Test("any bytes will do, in any pieces, and the parser stays small")
    func hostile() {
        var random = SeededGenerator(seed: 7)
        var parser = FirmataParser()
        let starts: [UInt8] = [0xF0, 0xF7, 0xF9, 0x79, 0x6C, 0x6A, 0x71, 0x7F, 0xE3, 0xFF]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ -> UInt8 in
                Bool.random(using: &random)
                    ? starts.randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...255, using: &random)
            }
            parser.feed(bytes) { message in
                if case .capabilities(let pins) = message {
                    #expect(pins.count <= FirmataParser.pinsMax)
                }
            }
        }
        // A message without an end is given up at the limit, once, and the next is understood.
        parser = FirmataParser()
        parser.feed([0xF0] + [UInt8](repeating: 0x6C, count: 100_000)) { _ in
            Issue.record("a message came of it")
        }
        #expect(parser.framingErrors == 1)
        var found: [FirmataMessage] = []
        parser.feed([0xF7, 0xF9, 2, 5]) { found.append($0) }
        #expect(found == [.version(major: 2, minor: 5)])
    }

    private static let second: Int64 = 1_000_000_000

    /// A session that is ready at 10 s.
    private func ready() -> FirmataSession {
        var session = FirmataSession(at: 0)
        let now = 10 * Self.second
        #expect(session.open() == [.send([0xF9])])
        #expect(session.receive([0xF9, 2, 5], at: now) == [.send([0xF0, 0x79, 0xF7])])
        #expect(
            session.receive([0xF0, 0x79, 2, 5, 0x53, 0, 0xF7], at: now)
                == [.send([0xF0, 0x6B, 0xF7])])
        #expect(
            session.receive([0xF0, 0x6C, 0x7F, 1, 1, 3, 8, 0x7F, 0xF7], at: now)
                == [.send([0xF0, 0x69, 0xF7])])
        let actions = session.receive([0xF0, 0x6A, 0x7F, 0, 0xF7], at: now)
        guard case .ready(let board)? = actions.first else {
            Issue.record("not ready: \(actions)")
            return session
        }
        #expect(board.firmware == "S 2.5" && board.protocolVersion == "2.5")
        #expect(board.pin(analog: 0) == 1 && board.pin(analog: 9) == nil)
        #expect(board.bits(pin: 1, .pwm) == 8 && board.bits(pin: 0, .output) == nil)
        return session
    }

    @Test("a write is taken when the version that was asked for after it comes")
    func taken() {
        var session = ready()
        let now = 10 * Self.second
        #expect(
            session.write([0xF5, 1, 1], token: 7, at: now) == [.send([0xF5, 1, 1, 0xF9])])
        #expect(session.receive([0xF9, 2], at: now + 5).isEmpty)
        #expect(session.receive([5], at: now + 9) == [.taken(token: 7, nanoseconds: 9)])
        // An answer to nothing says nothing.
        #expect(session.receive([0xF9, 2, 5], at: now + 10).isEmpty)
    }

    @Test("a quiet board is asked whether it is there, and given up when it is not")
    func alive() {
        var session = ready()
        var now = 11 * Self.second
        #expect(session.nextDeadlineNanoseconds == now)
        #expect(session.tick(at: now) == [.send([0xF9])])
        #expect(session.receive([0xF9, 2, 5], at: now + 3) == [.alive(nanoseconds: 3)])
        _ = session.write([1], token: 1, at: now + 4)
        now += 4 + FirmataSession.Limits.answerNanoseconds
        #expect(session.tick(at: now - 1).isEmpty)
        #expect(session.tick(at: now) == [.down(.unanswered)])
        #expect(session.nextDeadlineNanoseconds == nil && session.tick(at: .max).isEmpty)
        #expect(session.receive([0xF9, 2, 5], at: now).isEmpty)
    }

    @Test("a board that boots by itself, is too old or never answers is told so")
    func ends() {
        var session = ready()
        let greeting: [UInt8] = [0xF9, 2, 5, 0xF0, 0x79, 2, 5, 0xF7]
        #expect(session.receive(greeting, at: 11 * Self.second) == [.restarted])

        session = FirmataSession(at: 0)
        #expect(
            session.receive([0xF9, 2, 4], at: 1) == [.down(.version(major: 2, minor: 4))])

        // Asked at its opening and once more, after the time that a Mega's bootloader may stay.
        session = FirmataSession(at: 0)
        var asked = session.open().count
        while let due = session.nextDeadlineNanoseconds {
            let actions = session.tick(at: due)
            if actions == [.send([0xF9])] {
                #expect(due > 6 * Self.second)
                asked += 1
            } else {
                #expect(actions == [.down(.silent)])
            }
        }
        #expect(asked == 2)

        // A board that stops in the middle of saying what it is.
        session = FirmataSession(at: 0)
        _ = session.receive([0xF9, 2, 5], at: 5)
        #expect(
            session.tick(at: 5 + FirmataSession.Limits.answerNanoseconds) == [.down(.unanswered)])
    }

    @Test("no bytes trap a session, and what waits for answers is bounded")
    func noise() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            var session = FirmataSession(at: 0)
            for now in 1...60 as ClosedRange<Int64> {
                let bytes = (0..<20).map { _ in
                    [0xF0, 0xF7, 0xF9, 0x79, 0x6C, 0x6A, 2, 5, 0x7F, 0].randomElement(
                        using: &random) ?? UInt8(1)
                }
                _ = session.receive(bytes, at: now)
                _ = session.write([1], token: 1, at: now)
                _ = session.tick(at: now)
            }
        }
        var session = ready()
        for _ in 0..<FirmataSession.Limits.pendingMax {
            _ = session.write([1], token: 1, at: 10 * Self.second)
        }
        // The bytes of a stop go out all the same.
        #expect(
            session.write([9], token: nil, at: 10 * Self.second) == [.send([9]), .down(.stuck)])
    }
}
