import SharedModels
import Testing

private func channel(
    _ id: UInt8 = 0, _ name: String = "relay1", kind: Channel.Kind = .relay, pin: Int = 7,
    onMax: Int = 1000, pause: Int = 0, angles: (Int, Int)? = nil, pixels: Int? = nil,
    bounds: Channel.Bounds = .init()
) -> Channel {
    Channel(
        id: id, name: name, kind: kind, pin: pin, onMaxMilliseconds: onMax,
        pauseMinMilliseconds: pause, angleMinCentidegrees: angles?.0,
        angleMaxCentidegrees: angles?.1, pixels: pixels, bounds: bounds)
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
            board([channel(bounds: .init(permilleMax: 1001))]),
            board([channel(bounds: .init(hertzMin: 9, hertzMax: 8))]),
            board([channel(bounds: .init(brakePin: -1))]),
            board([channel(bounds: .init(stepsMin: 1))]),
            board([channel(bounds: .init(stepsMax: .max))]),
            board([channel(bounds: .init(speedMaxStepsPerSecond: 0))]),
            board([channel(bounds: .init(dutyMaxPermille: 0))]),
            board([channel(bounds: .init(rateMaxPerMinute: -1))]),
        ]
        for manifest in bad { #expect(manifest.problem != nil, "\(manifest)") }
    }

    @Test("each kind of channel takes its own operations and refuses the others")
    func operations() {
        let operations: [(Operation, Set<Channel.Kind>)] = [
            (.set(on: true, durationMilliseconds: 0), [.relay]),
            (.pulse(durationMilliseconds: 1), [.relay, .solenoid]),
            (.target(angleCentidegrees: 100, holdMilliseconds: 0), [.servo]),
            (.drive(speedPermille: 5, durationMilliseconds: 0), [.motor]),
            (.tone(frequencyHertz: 440, durationMilliseconds: 10), [.buzzer]),
            (
                .fill(
                    color: RGB(red: 1, green: 1, blue: 1), first: 0, count: 0,
                    durationMilliseconds: 0), [.strip]
            ),
            (
                .glide(
                    angleCentidegrees: 100, moveMilliseconds: 5, easing: .linear,
                    holdMilliseconds: 0), [.servo]
            ), (.brake(durationMilliseconds: 5), [.motor]),
            (.level(permille: 5, fadeMilliseconds: 0, durationMilliseconds: 0), [.light]),
            (
                .effect(
                    .rainbow, color: RGB(red: 0, green: 0, blue: 0), periodMilliseconds: 500,
                    durationMilliseconds: 0), [.strip]
            ),
            (
                .move(positionSteps: 5, speedStepsPerSecond: 100, holdMilliseconds: 0),
                [.stepper]
            ), (.off, Set(Channel.Kind.allKnown.filter(\.isOutput))),
        ]
        for (operation, kinds) in operations {
            for kind in Channel.Kind.allKnown + [.other("fogger")] {
                let refusal = channel(
                    kind: kind, pixels: 8, bounds: .init(brakePin: 3, stepsMax: 10)
                ).refusal(of: operation)
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

    @Test("a channel keeps to the bounds of its manifest")
    func bounds() {
        func refuses(
            _ kind: Channel.Kind, _ bounds: Channel.Bounds, _ operation: Operation
        ) -> Bool {
            channel(kind: kind, pixels: 8, bounds: bounds).refusal(of: operation) != nil
        }
        func move(_ position: Int, _ speed: Int) -> Operation {
            .move(positionSteps: position, speedStepsPerSecond: speed, holdMilliseconds: 0)
        }
        let arm = Channel.Bounds(stepsMin: -5, stepsMax: 9, speedMaxStepsPerSecond: 200)
        for (position, speed, isRefused) in [
            (-5, 200, false), (9, 16, false), (-6, 100, true), (10, 100, true), (0, 201, true),
        ] { #expect(refuses(.stepper, arm, move(position, speed)) == isRefused) }
        #expect(refuses(.stepper, .init(), move(1, 100)))
        let weak = Channel.Bounds(permilleMax: 600)
        func level(_ permille: Int) -> Operation {
            .level(permille: permille, fadeMilliseconds: 0, durationMilliseconds: 0)
        }
        func drive(_ speed: Int) -> Operation {
            .drive(speedPermille: speed, durationMilliseconds: 0)
        }
        #expect(!refuses(.light, weak, level(600)) && refuses(.light, weak, level(601)))
        #expect(!refuses(.motor, weak, drive(-600)) && refuses(.motor, weak, drive(-601)))
        #expect(refuses(.motor, weak, .brake(durationMilliseconds: 5)))
        func tone(_ hertz: Int) -> Operation {
            .tone(frequencyHertz: hertz, durationMilliseconds: 5)
        }
        let horn = Channel.Bounds(hertzMin: 100, hertzMax: 5000)
        for (hertz, isRefused) in [(99, true), (100, false), (5000, false), (5001, true)] {
            #expect(refuses(.buzzer, horn, tone(hertz)) == isRefused)
        }
        let dark = RGB(red: 0, green: 0, blue: 0)
        #expect(
            refuses(
                .strip, .init(),
                .effect(.chase, color: dark, periodMilliseconds: 500, durationMilliseconds: 0)))
    }

    @Test("a pause is as long as pause and duty ask for, a period as the rate does")
    func pauses() {
        let hot = channel(kind: .solenoid, pause: 50, bounds: .init(dutyMaxPermille: 250))
        #expect(hot.pauseMilliseconds(afterOn: 0) == 50)
        #expect(hot.pauseMilliseconds(afterOn: 10) == 50)
        #expect(hot.pauseMilliseconds(afterOn: 100) == 300)
        #expect(hot.pauseMilliseconds(afterOn: .max) == 393_210)
        #expect(channel(pause: 7).pauseMilliseconds(afterOn: 1000) == 7)
        #expect(channel(bounds: .init(rateMaxPerMinute: 7)).periodMinMilliseconds == 8_572)
        #expect(channel().periodMinMilliseconds == 0)
    }

    @Test("numbers beyond every range are refused and never add up to a trap")
    func extremes() {
        for kind in Channel.Kind.allKnown + [.other("fogger")] {
            for value in [Int.min, -1, .max] {
                let hostile = channel(
                    kind: kind, pin: value, onMax: value, pause: value, angles: (value, value),
                    pixels: value,
                    bounds: .init(
                        permilleMax: value, hertzMin: value, hertzMax: value, brakePin: value,
                        stepsMin: value, stepsMax: value, speedMaxStepsPerSecond: value,
                        dutyMaxPermille: value, rateMaxPerMinute: value))
                _ = hostile.pauseMilliseconds(afterOn: value)
                _ = hostile.periodMinMilliseconds
                for operation in [
                    Operation.move(
                        positionSteps: 0, speedStepsPerSecond: 16, holdMilliseconds: 0),
                    .level(permille: 1, fadeMilliseconds: 0, durationMilliseconds: 0),
                    .tone(frequencyHertz: 440, durationMilliseconds: 1),
                ] { _ = hostile.refusal(of: operation) }
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
