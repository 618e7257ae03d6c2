import Foundation
import SharedModels
import Testing

/// A board with one of several kinds and room for 200 bytes of sequences.
private let board = BoardManifest(
    linkVersion: 1, board: "stage", firmware: "0.2.0", build: "00000000", receiveWindowBytes: 60,
    minor: 1, sequenceBytes: 200,
    channels: [
        Channel(id: 0, name: "lamp", kind: .relay, pin: 13, onMaxMilliseconds: 1000),
        Channel(
            id: 1, name: "servo", kind: .servo, pin: 9, onMaxMilliseconds: 5000,
            angleMinCentidegrees: 0, angleMaxCentidegrees: 18_000),
        Channel(id: 2, name: "light", kind: .light, pin: 11, onMaxMilliseconds: 60_000),
        Channel(id: 3, name: "door", kind: .switch, pin: 15),
    ])

private let pulse = ChannelSequence.Step.command(
    channel: "lamp", .pulse(durationMilliseconds: 50))

@Suite("Sequences")
struct SequenceTests {
    private let flashes = ChannelSequence(steps: [
        .loop(rounds: 3, [pulse, .wait(milliseconds: 100)]),
        .command(
            channel: "servo",
            .glide(
                angleCentidegrees: 9000, moveMilliseconds: 500, easing: .smooth,
                holdMilliseconds: 100)),
        .wait(milliseconds: 600),
    ])

    private func paths(_ steps: [ChannelSequence.Step], on manifest: BoardManifest = board)
        -> [String]
    {
        ChannelSequence(steps: steps).problems(on: manifest).map(\.path)
    }

    @Test("time, channels and size are reckoned over loops")
    func sums() {
        #expect(flashes.milliseconds == 900)
        #expect(flashes.channels == ["lamp", "servo"])
        // Head 4; loop 3 around pulse 5 and wait 3; glide 10; wait 3.
        #expect(flashes.sizeBytes == 4 + 11 + 10 + 3)
        #expect(flashes.problems(on: board) == [])
    }

    @Test("numbers that are too large for sums do not trap")
    func overflow() {
        let deep = ChannelSequence(steps: [
            .loop(rounds: .max, [.loop(rounds: .max, [.wait(milliseconds: .max), pulse])])
        ])
        #expect(deep.milliseconds == .max)
        #expect(!deep.problems(on: board).isEmpty)
    }

    @Test("each limit is told with its place")
    func limits() {
        #expect(paths([pulse, .wait(milliseconds: 0)]) == ["steps[1].wait_ms"])
        #expect(paths([pulse, .wait(milliseconds: 60_001)]) == ["steps[1].wait_ms"])
        #expect(
            paths([.loop(rounds: 256, [pulse, .wait(milliseconds: 10)])]) == ["steps[0].rounds"])
        #expect(paths([.loop(rounds: 2, [pulse, .wait(milliseconds: 9)])]) == ["steps[0].steps"])
        let inner = ChannelSequence.Step.loop(rounds: 2, [pulse, .wait(milliseconds: 10)])
        #expect(
            paths([.loop(rounds: 2, [.loop(rounds: 2, [inner])])]).first
                == "steps[0].steps[0].steps[0]")
        #expect(paths([.loop(rounds: 2, [inner])]) == [])
        #expect(paths([.wait(milliseconds: 10)]) == ["steps"])
        #expect(
            paths([pulse] + Array(repeating: .wait(milliseconds: 60_000), count: 11)) == ["steps"])
        let many = ChannelSequence(
            steps: Array(repeating: .command(channel: "lamp", .off), count: 257))
        #expect(many.problems(on: board).contains { $0.message.contains("at most 256") })
    }

    @Test("what the board's channels cannot do is told")
    func channels() {
        func one(_ name: String, _ operation: SharedModels.Operation) -> [String] {
            paths([.command(channel: name, operation), .wait(milliseconds: 10)])
        }
        #expect(one("nowhere", .off) == ["steps[0].channel"])
        #expect(one("*", .stop) == ["steps[0].channel"])
        #expect(one("lamp", .play(sequence: 1, startAtMilliseconds: nil)) == ["steps[0].operation"])
        #expect(one("door", .off) == ["steps[0].operation"])
        #expect(one("lamp", .pulse(durationMilliseconds: 1001)) == ["steps[0].operation"])
        #expect(
            one("light", .level(permille: 500, fadeMilliseconds: 60_001, durationMilliseconds: 0))
                == ["steps[0].operation"])
        #expect(
            one("servo", .target(angleCentidegrees: 18_001, holdMilliseconds: 0))
                == ["steps[0].operation"])
    }

    @Test("a board of EP/1.0, one without memory, and one with too little are told apart")
    func boards() throws {
        func manifest(minor: Int?, bytes: Int?) -> BoardManifest {
            BoardManifest(
                linkVersion: 1, board: "stage", firmware: "", build: "", receiveWindowBytes: 60,
                minor: minor, sequenceBytes: bytes, channels: board.channels)
        }
        #expect(
            manifest(minor: nil, bytes: 200).sequencesRefusal?.contains("EP/1.0") == true)
        #expect(manifest(minor: 1, bytes: 0).sequencesRefusal?.contains("memory") == true)
        #expect(manifest(minor: 1, bytes: 28).sequencesRefusal == nil)
        #expect(flashes.problems(on: manifest(minor: 1, bytes: 28)) == [])
        #expect(flashes.problems(on: manifest(minor: 1, bytes: 27)).map(\.path) == ["steps"])
        let play = SharedModels.Operation.play(sequence: 1, startAtMilliseconds: nil)
        let own = try #require(manifest(minor: 1, bytes: 28).channel(named: "*"))
        #expect(own.refusal(of: play) == nil)
        #expect(own.refusal(of: .stop) == nil)
        #expect(own.refusal(of: .off) != nil)
        let none = try #require(manifest(minor: nil, bytes: 28).channel(named: "*"))
        #expect(none.refusal(of: play)?.contains("EP/1.0") == true)
        #expect(board.channels[0].refusal(of: play) != nil)
    }

    @Test(
        "it is written and read back as JSON; deep loops and wrong numbers are refused in reading")
    func json() throws {
        let text = try JSONEncoder().encode(flashes)
        #expect(try JSONDecoder().decode(ChannelSequence.self, from: text) == flashes)
        let step = #"{"type":"loop","rounds":2,"steps":["#
        let deep = String(repeating: step, count: 200) + String(repeating: "]}", count: 200)
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(
                ChannelSequence.self, from: Data("{\"steps\":[\(deep)]}".utf8))
        }
        for wrong in [#"{"type":"play","sequence":255}"#, #"{"type":"play","sequence":-1}"#] {
            #expect(throws: (any Error).self) {
                try JSONDecoder().decode(SharedModels.Operation.self, from: Data(wrong.utf8))
            }
        }
    }

    @Test("what an agent is told to keep has rising numbers, few enough")
    func message() {
        func message(_ numbers: [Int]) -> AgentSequences {
            AgentSequences(boards: [
                .init(
                    uid: BoardUID(value: 1),
                    sequences: numbers.map { .init(number: $0, revision: 1, steps: [pulse]) })
            ])
        }
        #expect(message([0, 3, 254]).problem == nil)
        for wrong in [[1, 1], [2, 1], [255], [-1], Array(0...16)] {
            #expect(message(wrong).problem != nil)
        }
    }
}
