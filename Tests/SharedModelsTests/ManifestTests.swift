import SharedModels
import Testing

private func channel(
    _ id: UInt8 = 0, _ name: String = "relay1", kind: Channel.Kind = .relay, pin: Int = 7,
    onMax: Int = 1000, pause: Int = 0, angles: (Int, Int)? = nil, pixels: Int? = nil
) -> Channel {
    Channel(
        id: id, name: name, kind: kind, pin: pin, onMaxMilliseconds: onMax,
        pauseMinMilliseconds: pause, angleMinCentidegrees: angles?.0,
        angleMaxCentidegrees: angles?.1, pixels: pixels)
}

private func board(
    version: Int = 1, name: String = "uno", firmware: String = "0.1.0", window: Int = 60,
    _ channels: [Channel] = [channel()]
) -> BoardManifest {
    BoardManifest(
        linkVersion: version, board: name, firmware: firmware, build: "00000000",
        receiveWindowBytes: window, channels: channels)
}

@Suite("Board manifest")
struct ManifestTests {
    @Test("a good one has no problem, with as many channels as there may be")
    func good() {
        let full = (0..<UInt8(BoardManifest.channelsMax)).map { channel($0, "c\($0)") }
        #expect(board(full).problem == nil)
        #expect(board([]).problem == nil)
        #expect(
            board([channel(kind: .servo, angles: (0, 36_000)), channel(1, "s", pixels: 255)])
                .problem
                == nil)
    }

    @Test("what is out of its limits is a problem")
    func bad() {
        let many = (0...UInt8(BoardManifest.channelsMax)).map { channel($0, "c\($0)") }
        let bad = [
            board(version: 2), board(name: ""), board(name: String(repeating: "x", count: 33)),
            board(name: "a\u{0}b"), board(name: "Zoë"), board(firmware: "1\n2"), board(window: -1),
            board(window: .max), board(many), board([channel(), channel()]),
            board([channel(0, "a"), channel(1, "a")]), board([channel(0, "a"), channel(0, "b")]),
            board([channel(0, "")]), board([channel(0, "Relay")]), board([channel(0, "a b")]),
            board([channel(0, String(repeating: "a", count: 25))]), board([channel(pin: .min)]),
            board([channel(onMax: -1)]), board([channel(onMax: 60_001)]),
            board([channel(pause: .max)]), board([channel(angles: (-1, 5))]),
            board([channel(angles: (9, 5))]), board([channel(angles: (0, .max))]),
            board([channel(pixels: -1)]), board([channel(pixels: 256)]),
        ]
        for manifest in bad { #expect(manifest.problem != nil, "\(manifest)") }
    }

    @Test("each kind of channel takes its own operations and refuses the others")
    func operations() {
        let operations: [(Operation, Set<Channel.Kind>)] = [
            (.set(on: true, durationMilliseconds: 0), [.relay]),
            (.pulse(durationMilliseconds: 1), [.relay]),
            (.target(angleCentidegrees: 100, holdMilliseconds: 0), [.servo]),
            (.drive(speedPermille: 5, durationMilliseconds: 0), [.motor]),
            (.tone(frequencyHertz: 440, durationMilliseconds: 10), [.buzzer]),
            (
                .fill(
                    color: RGB(red: 1, green: 1, blue: 1), first: 0, count: 0,
                    durationMilliseconds: 0), [.strip]
            ), (.off, [.relay, .servo, .motor, .buzzer, .strip]),
        ]
        for (operation, kinds) in operations {
            for kind in Channel.Kind.allCases {
                let refusal = channel(kind: kind, pixels: 8).refusal(of: operation)
                #expect((refusal == nil) == kinds.contains(kind), "\(kind) \(operation)")
            }
        }
    }

    @Test("a servo keeps to its range, a strip to its pixels")
    func ranges() {
        let servo = channel(kind: .servo, angles: (1000, 2000))
        for (angle, isGood) in [(999, false), (1000, true), (2000, true), (2001, false)] {
            let refusal = servo.refusal(of: .target(angleCentidegrees: angle, holdMilliseconds: 0))
            #expect((refusal == nil) == isGood)
        }
        func fill(_ first: Int, _ count: Int) -> Operation {
            .fill(
                color: RGB(red: 1, green: 1, blue: 1), first: first, count: count,
                durationMilliseconds: 0)
        }
        let strip = channel(kind: .strip, pixels: 8)
        for (first, count, isGood) in [
            (0, 0, true), (0, 8, true), (7, 1, true), (7, 0, true), (8, 0, false), (0, 9, false),
            (4, 5, false),
        ] { #expect((strip.refusal(of: fill(first, count)) == nil) == isGood) }
        #expect(channel(kind: .strip).refusal(of: fill(0, 1)) != nil)
    }

    @Test("numbers beyond every range are refused and never add up to a trap")
    func extremes() {
        for kind in Channel.Kind.allCases {
            for value in [Int.min, -1, .max] {
                let hostile = channel(
                    kind: kind, pin: value, onMax: value, pause: value, angles: (value, value),
                    pixels: value)
                let operations: [Operation] = [
                    .target(angleCentidegrees: value, holdMilliseconds: value),
                    .fill(
                        color: RGB(red: 0, green: 0, blue: 0), first: value, count: value,
                        durationMilliseconds: value),
                    .drive(speedPermille: value, durationMilliseconds: value),
                ]
                for operation in operations { #expect(hostile.refusal(of: operation) != nil) }
            }
        }
    }
}

@Suite("Agent messages")
struct AgentMessagesTests {
    private func state(version: String = "1", sequence: Int64 = 0, _ boards: [BoardState])
        -> AgentState
    {
        AgentState(
            isOnline: true, version: version, startedAtMilliseconds: 0, stopSequence: sequence,
            isStopped: false, boards: boards)
    }

    @Test("a state within its limits has no problem, and one beyond them has")
    func states() {
        func boards(_ count: Int) -> [BoardState] {
            (0..<count).map { BoardState(uid: BoardUID(value: UInt64($0)), condition: .armed) }
        }
        #expect(state(boards(AgentState.boardsMax)).problem == nil)
        #expect(state(boards(AgentState.boardsMax + 1)).problem != nil)
        #expect(state(boards(1) + boards(1)).problem != nil)
        #expect(state(version: String(repeating: "1", count: 65), []).problem != nil)
        #expect(state(version: "1\u{0}", []).problem != nil)
        #expect(state(sequence: -1, []).problem != nil)
        let faulty = BoardState(uid: .blank, condition: .quarantined, fault: "<script>")
        #expect(state([faulty]).problem != nil)
    }

    @Test("figures that cannot be true have a problem, and so have too many of them")
    func telemetry() {
        typealias Link = AgentTelemetry.Link
        func link(_ uid: UInt64, sent: Int = 1, losses: Int = 0, p99: Int = 0) -> Link {
            AgentTelemetry.Link(
                uid: BoardUID(value: uid), sent: sent, retries: 0, crcErrors: 0, framingErrors: 0,
                overruns: 0, duplicates: 0, losses: losses, resets: 0,
                roundTripP50Microseconds: 0, roundTripP99Microseconds: p99)
        }
        func problem(_ links: [AgentTelemetry.Link]) -> String? {
            AgentTelemetry(
                uptimeSeconds: 1, residentBytes: 1, spooledOutcomes: 0, droppedOutcomes: 0,
                links: links
            ).problem
        }
        #expect(problem((0..<16).map { link($0) }) == nil)
        #expect(problem((0..<17).map { link($0) }) != nil)
        #expect(problem([link(1), link(1)]) != nil)
        #expect(problem([link(1, sent: -1)]) != nil)
        #expect(problem([link(1, losses: .min)]) != nil)
        #expect(problem([link(1, p99: -1)]) != nil)
    }

    @Test("a list of boards with one twice, or too many, has a problem")
    func manifests() {
        func list(_ values: [UInt64]) -> AgentManifest {
            AgentManifest(
                boards: values.map {
                    AgentManifest.Board(uid: BoardUID(value: $0), port: "p", manifest: board())
                })
        }
        #expect(list([1, 2]).problem == nil)
        #expect(list([1, 1]).problem != nil)
        #expect(list((0...UInt64(AgentManifest.boardsMax)).map { $0 }).problem != nil)
    }

    @Test("an outcome is cut to its limits, and cannot rewrite the control plane's times")
    func outcomes() {
        let command = Command(
            id: CommandID(high: 1, low: 1), board: .blank, channel: "c", operation: .off,
            issuedAtMilliseconds: 1, expiresAtMilliseconds: 2,
            trace: Trace(
                id: "ours", clock: "clock", arrivedNanoseconds: 5, matchedNanoseconds: 6,
                publishedNanoseconds: 7))
        var trace = Trace(id: "theirs", clock: "x", arrivedNanoseconds: .min)
        trace.agentClock = String(repeating: "é\u{0}", count: 1000)
        trace.receivedNanoseconds = .min
        trace.acknowledgedNanoseconds = 9
        let kept = Outcome(
            command: command.id, status: .failed, reason: "a\u{0}b",
            detail: String(repeating: "🎉", count: 1000), endedAtMilliseconds: .max, trace: trace
        ).bounded(for: command)
        #expect(kept.reason == "ab")
        #expect(kept.detail == String(repeating: "🎉", count: 75))
        #expect(kept.endedAtMilliseconds == 253_402_300_799_999)
        #expect(kept.trace.id == "ours")
        #expect(kept.trace.clock == "clock")
        #expect(kept.trace.arrivedNanoseconds == 5)
        #expect(kept.trace.publishedNanoseconds == 7)
        #expect(kept.trace.agentClock == String(repeating: "é", count: 32))
        #expect(kept.trace.receivedNanoseconds == 0)
        #expect(kept.trace.acknowledgedNanoseconds == 9)
    }
}
