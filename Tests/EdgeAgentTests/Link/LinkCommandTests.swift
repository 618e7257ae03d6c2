import Hardware
import SharedModels
import Testing

@testable import Agent

/// The bytes of a COMMAND's payload for each operation (docs/link.md §5).
@Suite("Link commands")
struct LinkCommandTests {
    private func payload(_ operation: SharedModels.Operation) -> [UInt8] {
        let channel = Channel(id: 5, name: "it", kind: .relay, pin: 1, pixels: 8)
        return LinkCommand(operation, on: channel).payload
    }

    @Test(
        "channel, operation and arguments are written in their order, low bytes first",
        arguments: [
            (.set(on: true, durationMilliseconds: 0x0102), [1, 1, 2, 1]),
            (.pulse(durationMilliseconds: 0x0102), [2, 2, 1]),
            (.target(angleCentidegrees: 0x0102, holdMilliseconds: 0x0304), [3, 2, 1, 4, 3]),
            (.drive(speedPermille: -2, durationMilliseconds: 0x0304), [4, 0xFE, 0xFF, 4, 3]),
            (.tone(frequencyHertz: 0x0102, durationMilliseconds: 0x0304), [5, 2, 1, 4, 3]),
            (
                .fill(
                    color: RGB(red: 1, green: 2, blue: 3), first: 4, count: 2,
                    durationMilliseconds: 0x0506), [6, 1, 2, 3, 4, 2, 6, 5]
            ), (.off, [7]),
            (
                .glide(
                    angleCentidegrees: 0x0102, moveMilliseconds: 0x0304, easing: .smooth,
                    holdMilliseconds: 0x0506), [8, 2, 1, 4, 3, 1, 6, 5]
            ),
            (
                .glide(
                    angleCentidegrees: 0, moveMilliseconds: 1, easing: .linear,
                    holdMilliseconds: 0), [8, 0, 0, 1, 0, 0, 0, 0]
            ), (.brake(durationMilliseconds: 0x0102), [9, 2, 1]),
            (
                .level(permille: 0x0102, fadeMilliseconds: 0x0304, durationMilliseconds: 0x0506),
                [10, 2, 1, 4, 3, 6, 5]
            ),
            // Off has no end, as the board wants it.
            (
                .level(permille: 0, fadeMilliseconds: 0x0304, durationMilliseconds: 0x0506),
                [10, 0, 0, 4, 3, 0, 0]
            ),
            (
                .effect(
                    .sparkle, color: RGB(red: 1, green: 2, blue: 3), periodMilliseconds: 0x0405,
                    durationMilliseconds: 0x0607), [11, 5, 1, 2, 3, 5, 4, 7, 6]
            ),
            (
                .move(
                    positionSteps: -2, speedStepsPerSecond: 0x0102, holdMilliseconds: 0x0304),
                [12, 0xFE, 0xFF, 0xFF, 0xFF, 2, 1, 4, 3]
            ),
        ] as [(SharedModels.Operation, [UInt8])])
    func bytes(operation: SharedModels.Operation, expected: [UInt8]) {
        #expect(payload(operation) == [5] + expected)
    }

    @Test("each effect has its number")
    func effects() {
        let numbers = SharedModels.Operation.Effect.allCases.map { effect in
            payload(
                .effect(
                    effect, color: RGB(red: 1, green: 1, blue: 1), periodMilliseconds: 500,
                    durationMilliseconds: 0))[2]
        }
        #expect(SharedModels.Operation.Effect.allCases.map(\.rawValue).first == "rainbow")
        #expect(numbers == [1, 2, 3, 4, 5])
    }

    @Test("no command's frame is longer than the window counts for it")
    func frames() throws {
        let longest: [SharedModels.Operation] = [
            .effect(
                .rainbow, color: RGB(red: 255, green: 255, blue: 255),
                periodMilliseconds: 65_535, durationMilliseconds: 65_535),
            .move(positionSteps: -1, speedStepsPerSecond: 4000, holdMilliseconds: 65_535),
        ]
        for operation in longest {
            let wire = Frame(type: 6, sequence: 255, payload: payload(operation)).wire
            #expect(try #require(wire).count <= LinkSession.Limits.commandMaxBytes)
        }
    }
}
