import Hardware
import SharedModels
import Testing

@testable import Agent

/// The bytes of programs and of the frames about them (docs/link.md §3 and §8).
@Suite("Program memory")
struct ProgramMemoryTests {
    static let manifest = BoardManifest(
        linkVersion: 1, board: "stage", firmware: "0.2.0", build: "00000000",
        receiveWindowBytes: 60, minor: 1, sequenceBytes: 200,
        channels: [
            Channel(id: 2, name: "lamp", kind: .relay, pin: 13, onMaxMilliseconds: 10_000),
            Channel(
                id: 3, name: "servo", kind: .servo, pin: 9, onMaxMilliseconds: 10_000,
                angleMinCentidegrees: 0, angleMaxCentidegrees: 18_000),
        ])

    static let flashes = ChannelSequence(steps: [
        .loop(
            rounds: 5,
            [
                .command(channel: "lamp", .pulse(durationMilliseconds: 50)),
                .wait(milliseconds: 300),
            ]), .command(channel: "lamp", .off),
    ])

    @Test("programs stand one after the other, each with its head")
    func bytes() {
        let glide = ChannelSequence(steps: [
            .command(
                channel: "servo",
                .glide(
                    angleCentidegrees: 9000, moveMilliseconds: 1500, easing: .smooth,
                    holdMilliseconds: 200)), .wait(milliseconds: 0x1234),
        ])
        let memory = ProgramMemory([(2, Self.flashes), (9, glide)], on: Self.manifest)
        let first: [UInt8] = [
            0x01, 2, 14, 0, 0x03, 5, 0x84, 2, 2, 50, 0, 0x02, 0x2C, 0x01, 0x04, 0x82, 2, 7,
        ]
        let second: [UInt8] = [
            0x01, 9, 13, 0, 0x89, 3, 8, 0x28, 0x23, 0xDC, 0x05, 1, 200, 0, 0x02, 0x34, 0x12,
        ]
        #expect(memory.bytes == first + second)
        #expect(memory.crc32 == CRC32.of(first + second))
        #expect(memory.bytes.count == Self.flashes.sizeBytes + glide.sizeBytes)
    }

    @Test("every operation takes as many bytes as SharedModels reckons")
    func sizes() {
        let channel = Channel(id: 5, name: "it", kind: .strip, pin: 1, pixels: 8)
        let color = RGB(red: 1, green: 2, blue: 3)
        let operations: [SharedModels.Operation] = [
            .set(on: true, durationMilliseconds: 5), .pulse(durationMilliseconds: 5),
            .target(angleCentidegrees: 5, holdMilliseconds: 5),
            .drive(speedPermille: 5, durationMilliseconds: 5),
            .tone(frequencyHertz: 50, durationMilliseconds: 5),
            .fill(color: color, first: 0, count: 0, durationMilliseconds: 5),
            .glide(
                angleCentidegrees: 5, moveMilliseconds: 5, easing: .linear, holdMilliseconds: 5),
            .brake(durationMilliseconds: 5),
            .level(permille: 5, fadeMilliseconds: 5, durationMilliseconds: 5),
            .effect(.chase, color: color, periodMilliseconds: 500, durationMilliseconds: 5),
            .move(positionSteps: 5, speedStepsPerSecond: 50, holdMilliseconds: 5), .off,
        ]
        for operation in operations {
            #expect(
                LinkCommand(operation, on: channel).payload.count == operation.commandBytes,
                "\(operation)")
        }
    }

    @Test("requests and answers are the golden frames'")
    func frames() throws {
        func payload(_ request: LinkRequest) -> [UInt8] { [request.type] + request.payload }
        #expect(payload(.sequenceWrite(offset: 40, bytes: [1, 2])) == [0x0B, 40, 0, 1, 2])
        let programs = CommittedPrograms(sizeBytes: 80, crc32: 0xDEAD_BEEF)
        #expect(payload(.sequenceCommit(programs)) == [0x0C, 80, 0, 0xEF, 0xBE, 0xAD, 0xDE])
        #expect(payload(.sequenceRead) == [0x0D])
        #expect(payload(.clockRead) == [0x11])
        let start = LinkCommand(program: 1, startAtMilliseconds: 123_456)
        #expect(payload(.command(start)) == [0x0E, 1, 0x40, 0xE2, 1, 0])
        let frame = Frame(type: 0x0E, sequence: 0x18, payload: start.payload)
        #expect(
            frame.wire == [0, 7, 0x0E, 0x18, 1, 0x40, 0xE2, 1, 3, 0x74, 0x2E, 0],
            "one frame of 12 bytes starts a sequence")

        let clock = Frame(
            type: 0x91, sequence: 0, payload: [0x15, 0xCD, 0x5B, 7, 0x40, 0xE2, 1, 0, 99])
        let reading = ClockReading(microseconds: 123_456_789, milliseconds: 123_456)
        #expect(LinkMessage(clock) == .clock(reading))
        #expect(reading.rest == 789)
        let found = Frame(type: 0x8D, sequence: 0, payload: [80, 0, 0xEF, 0xBE, 0xAD, 0xDE])
        #expect(LinkMessage(found) == .committed(programs))
        for (type, size) in [(UInt8(0x91), 7), (0x8D, 5)] {
            let short = [UInt8](repeating: 0, count: size)
            #expect(LinkMessage(Frame(type: type, sequence: 0, payload: short)) == nil)
        }
        guard
            case .event(let event) = LinkMessage(
                Frame(type: 0xA0, sequence: 0, payload: [4, 2, 2, 0, 1, 0, 0, 0]))
        else {
            Issue.record("no event")
            return
        }
        #expect(event.kind == .sequence(.ended))
        #expect(event.channel == 2)
    }

    @Test("a reading whose two numbers are not one clock is known, also over their wrap-around")
    func reading() {
        #expect(ClockReading(microseconds: 5_000_999, milliseconds: 5000).rest == 999)
        #expect(ClockReading(microseconds: 5_001_000, milliseconds: 5000).rest == nil)
        #expect(ClockReading(microseconds: 4_999_999, milliseconds: 5000).rest == nil)
        let milliseconds: UInt32 = 4_294_967_295
        #expect(
            ClockReading(microseconds: milliseconds &* 1000 &+ 7, milliseconds: milliseconds).rest
                == 7)
    }
}
