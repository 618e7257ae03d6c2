import Foundation
import SharedModels
import Testing

/// One value of each payload and case that crosses a wire or is stored, by the name of its
/// golden file. Identifiers and times are made up and never change.
enum PayloadSamples {
    /// A value that is written and read as JSON, its type forgotten.
    struct Sample: Sendable, CustomTestStringConvertible {
        let name: String
        let write: @Sendable () throws -> Data
        /// Whether the JSON reads as exactly this value.
        let reads: @Sendable (Data) throws -> Bool
        /// Reads any bytes as this type and writes what was read again; nil if they do not read.
        let reread: @Sendable (Data) -> (Data, isSame: Bool)?

        var testDescription: String { name }

        init<Value: Codable & Equatable & Sendable>(_ name: String, _ value: Value) {
            self.name = name
            write = { try Self.encoder().encode(value) }
            reads = { try JSONDecoder().decode(Value.self, from: $0) == value }
            reread = { data in
                guard let value = try? JSONDecoder().decode(Value.self, from: data),
                    let text = try? Self.encoder().encode(value)
                else { return nil }
                let again = try? JSONDecoder().decode(Value.self, from: text)
                return (text, isSame: again == value)
            }
        }

        private static func encoder() -> JSONEncoder {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return encoder
        }
    }

    static let all: [Sample] =
        commands + outcomes + agents + inputs + sequences + events + rules

    private static func id<Entity>(_ number: UInt64) -> Identifier<Entity> {
        Identifier(high: 0x0190_B5A0_1234_7000, low: 0x8000_0000_0000_0000 | number)
    }

    private static let flashJob = FlashJobID(
        high: 0x0190_B5A0_1234_7000, low: 0x8000_0000_0000_0020)
    private static let board = BoardUID(value: 0x0123_4567_89AB_CDEF)

    private static let trace: Trace = {
        var trace = Trace(
            id: "0190b5a0-1234-7000-8000-000000000001", clock: "boot-1",
            sourceAgeMilliseconds: 120, arrivedNanoseconds: 1_000_000_000,
            matchedNanoseconds: 1_000_020_000, publishedNanoseconds: 1_000_060_000)
        trace.agentClock = "boot-2"
        trace.receivedNanoseconds = 2_000_000_000
        trace.writtenNanoseconds = 2_000_100_000
        trace.acknowledgedNanoseconds = 2_002_100_000
        return trace
    }()

    private static let operations: [SharedModels.Operation] = [
        .set(on: true, durationMilliseconds: 500), .pulse(durationMilliseconds: 50),
        .target(angleCentidegrees: 9000, holdMilliseconds: 800),
        .drive(speedPermille: -250, durationMilliseconds: 1500),
        .tone(frequencyHertz: 440, durationMilliseconds: 200),
        .fill(
            color: RGB(red: 255, green: 0, blue: 128), first: 2, count: 6,
            durationMilliseconds: 3000), .off,
        .glide(
            angleCentidegrees: 12_000, moveMilliseconds: 1500, easing: .smooth,
            holdMilliseconds: 200), .brake(durationMilliseconds: 300),
        .level(permille: 750, fadeMilliseconds: 400, durationMilliseconds: 2000),
        .effect(
            .breathe, color: RGB(red: 0, green: 64, blue: 255), periodMilliseconds: 1200,
            durationMilliseconds: 5000),
        .move(positionSteps: -1600, speedStepsPerSecond: 800, holdMilliseconds: 100),
    ]

    /// Of the board itself.
    private static let plays: [SharedModels.Operation] = [
        .play(sequence: 3, startAtMilliseconds: 1_800_000_000_080), .stop,
    ]

    private static let commands = (operations + plays).map { operation in
        Sample(
            "command-\(operation.type)",
            Command(
                id: id(2), board: board, channel: "stage_1", operation: operation,
                issuedAtMilliseconds: 1_800_000_000_000, expiresAtMilliseconds: 1_800_000_010_000,
                trace: trace))
    }

    private static let outcomes = Outcome.Status.allCases.map { status in
        Sample(
            "outcome-\(status.rawValue)",
            Outcome(
                command: id(2), status: status, reason: status == .executed ? "" : "no_board",
                detail: status == .executed ? "" : "the board \"uno\" is not there",
                endedAtMilliseconds: 1_800_000_000_012, trace: trace))
    }

    private static let manifest = BoardManifest(
        linkVersion: 1, board: "uno", firmware: "0.1.0", build: "0a1b2c3d", receiveWindowBytes: 60,
        channels: [
            Channel(
                id: 0, name: "relay1", kind: .relay, pin: 7, onMaxMilliseconds: 5000,
                pauseMinMilliseconds: 20, delivery: .atLeastOnce),
            Channel(
                id: 1, name: "servo", kind: .servo, pin: 9, onMaxMilliseconds: 2000,
                angleMinCentidegrees: 0, angleMaxCentidegrees: 18_000),
            Channel(
                id: 2, name: "strip", kind: .strip, pin: 6, onMaxMilliseconds: 10_000,
                isQuiet: true, pixels: 8), Channel(id: 3, name: "button", kind: .button, pin: 2),
        ])

    private static let agents = [
        Sample("cancellation", Cancellation(commands: [id(2), id(3)])),
        Sample(
            "estop-agent", EmergencyStop(sequence: 3, isAgentStopped: true, stoppedBoards: [])),
        Sample(
            "estop-boards",
            EmergencyStop(sequence: 4, isAgentStopped: false, stoppedBoards: [board])),
        Sample(
            "state-online",
            AgentState(
                isOnline: true, version: "0.1.0", startedAtMilliseconds: 1_800_000_000_000,
                stopSequence: 3, isStopped: true,
                boards: BoardState.Condition.allCases.enumerated().map { index, condition in
                    BoardState(
                        uid: BoardUID(value: UInt64(index)), condition: condition,
                        fault: condition == .quarantined ? "boot_loop" : "")
                })),
        Sample(
            "state-will",
            AgentState(
                isOnline: false, version: "0.1.0", startedAtMilliseconds: 0, stopSequence: 0,
                isStopped: false, boards: [])), Sample("manifest-board", manifest),
        Sample(
            "manifest-agent",
            AgentManifest(boards: [.init(uid: board, port: "/dev/ttyACM0", manifest: manifest)])),
        Sample(
            "telemetry",
            AgentTelemetry(
                uptimeSeconds: 3600, residentBytes: 12_000_000, spooledOutcomes: 1,
                droppedOutcomes: 0,
                links: [
                    .init(
                        uid: board, sent: 100, retries: 2, crcErrors: 1, framingErrors: 3,
                        overruns: 0, duplicates: 1, losses: 4, resets: 5,
                        roundTripP50Microseconds: 2100, roundTripP99Microseconds: 4200)
                ])),
    ]

    private static let steps: [ChannelSequence.Step] = [
        .loop(
            rounds: 8,
            [
                .command(channel: "lamp", .pulse(durationMilliseconds: 50)),
                .wait(milliseconds: 250),
            ]),
        .command(
            channel: "servo",
            .glide(
                angleCentidegrees: 9000, moveMilliseconds: 1500, easing: .smooth,
                holdMilliseconds: 200)), .wait(milliseconds: 1700),
    ]

    private static let sequences = [
        Sample("sequence", ChannelSequence(steps: steps)),
        Sample(
            "agent-sequences",
            AgentSequences(boards: [
                .init(
                    uid: board,
                    sequences: [.init(number: 3, revision: 1_800_000_000_000, steps: steps)])
            ])),
        Sample(
            "board-state-sequences",
            BoardState(
                uid: board, condition: .armed,
                sequences: SequenceState.Condition.allCases.enumerated().map { index, condition in
                    SequenceState(
                        number: index, revision: 7, condition: condition,
                        detail: condition == .ready ? "" : "The board is not connected.")
                }, playing: 1)),
    ]

    private static let inputs = [
        Sample(
            "input-change",
            InputChange(
                board: board, channel: "button", value: 1,
                startedAtMilliseconds: 1_800_000_000_000, sequence: 7,
                readAtMilliseconds: 1_800_000_001_000, isLate: false, agentClock: "boot-2",
                readNanoseconds: 2_000_000_000)),
        Sample(
            "event-of-no-livestream",
            LiveEvent(
                id: id(4), livestream: nil, source: .hardware, sourceMessageID: "", viewer: nil,
                happening: .input(InputReading(device: id(8), channel: "knob", value: -3)),
                createdAtMilliseconds: 1_800_000_000_000, isHistory: true)),
        Sample(
            "input-match-pressed",
            InputMatch(device: id(8), channel: "button", condition: .pressed)),
        Sample(
            "input-match-below",
            InputMatch(
                device: id(8), channel: "eye", condition: .below(300, hysteresis: 0))),
        Sample("channel-kinds", channelKinds),
        Sample(
            "unlock",
            Unlock(
                board: board, channels: ["bell"], durationSeconds: 60,
                expiresAtMilliseconds: 1_800_000_010_000)),
        Sample(
            "flash",
            FlashOrder(
                id: flashJob, board: board, kind: "uno", build: "0a1b2c3d",
                expiresAtMilliseconds: 1_800_000_010_000)),
        Sample(
            "state-flashing",
            AgentState(
                isOnline: true, version: "0.2.0", startedAtMilliseconds: 1_800_000_000_000,
                stopSequence: 0, isStopped: false,
                boards: [BoardState(uid: board, condition: .offline)],
                firmware: [FirmwareOffer(board: "uno", version: "0.2.0", build: "0a1b2c3d")],
                flashing: FlashReport(
                    id: flashJob, status: .running, step: "writing", percent: 45))),
        Sample(
            "board-state-unlocked", BoardState(uid: board, condition: .armed, unlocked: ["bell"])),
        Sample(
            "manifest-minor-1",
            BoardManifest(
                linkVersion: 1, board: "mega", firmware: "0.2.0", build: "0a1b2c3d",
                receiveWindowBytes: 60, minor: 1, sequenceBytes: 3000,
                channels: [
                    Channel(
                        id: 0, name: "bell", kind: .solenoid, pin: 7, onMaxMilliseconds: 500,
                        bounds: .init(
                            dutyMaxPermille: 100, rateMaxPerMinute: 60, dangerous: true)),
                    Channel(
                        id: 1, name: "arm", kind: .stepper, pin: 8, onMaxMilliseconds: 10_000,
                        bounds: .init(
                            stepsMin: -3200, stepsMax: 3200, speedMaxStepsPerSecond: 2000)),
                    Channel(
                        id: 2, name: "motor", kind: .motor, pin: 9, onMaxMilliseconds: 5000,
                        bounds: .init(permilleMax: 800, brakePin: 4)),
                    Channel(
                        id: 3, name: "horn", kind: .buzzer, pin: 10, onMaxMilliseconds: 5000,
                        bounds: .init(hertzMin: 100, hertzMax: 5000)),
                ])),
        Sample(
            "manifest-no-watchdog",
            BoardManifest(
                linkVersion: 1, board: "gpio", firmware: "0.2.0", build: "",
                receiveWindowBytes: 0, hasWatchdog: false,
                channels: [
                    Channel(
                        id: 0, name: "lamp", kind: .light, pin: 22, onMaxMilliseconds: 60_000,
                        delivery: .atLeastOnce)
                ])),
        Sample(
            "trace-of-input",
            {
                var trace = PayloadSamples.trace
                trace.inputClock = "boot-2"
                trace.inputNanoseconds = 1_999_000_000
                return trace
            }()),
    ]

    /// Each kind, and one that nobody knows.
    private static let channelKinds: [Channel] = [
        "relay", "servo", "motor", "buzzer", "strip", "light", "solenoid", "stepper", "button",
        "switch", "analog", "distance", "confetti",
    ].enumerated().map { index, kind in
        Channel(id: UInt8(index), name: kind, kind: Channel.Kind(name: kind), pin: index)
    }

    private static let rose = Gift(id: 5655, name: "Rose", coins: 1)

    private static let happenings: [Happening] = [
        .comment(text: "spin \u{1F389} \"now\"\n"),
        .gift(
            GiftIncrement(
                gift: rose, streakID: "77", count: 3, total: 12, coins: 3, isRecovered: true,
                guestID: "42")),
        .giftEnded(GiftStreak(gift: rose, streakID: "77", total: 12, coins: 12)),
        .like(LikeIncrement(count: 15, total: 2000)), .follow, .share, .join, .subscribe,
        .viewers(count: 321), .control(.paused),
        .deleted(messageIDs: ["7400000000001"], viewerIDs: ["v1", "v2"]),
        .input(InputReading(device: id(8), channel: "button", value: 1)),
    ]

    private static let events = happenings.map { happening in
        Sample(
            "event-\(happening.type)",
            LiveEvent(
                id: id(4), livestream: id(5), source: .tiktok, sourceMessageID: "7400000000001",
                viewer: Viewer(
                    id: "v1", handle: "ana", name: "Ana 🌹", roles: [.follower, .moderator]),
                happening: happening, createdAtMilliseconds: 1_800_000_000_000, isHistory: false))
    }

    private static let triggers: [Trigger] = [
        .comment(TextMatch(mode: .word, text: "spin")),
        .gift(
            GiftMatch(
                giftID: 5655, giftName: "Rose", coinsMin: 1, coinsMax: 99, firing: .comboEnd)),
        .likeMilestone(every: 1000), .follow, .share, .join, .subscribe,
        .input(
            InputMatch(
                device: id(8), channel: "knob", condition: .above(500, hysteresis: 20))),
    ]

    private static let rules = triggers.map { trigger in
        Sample(
            "rule-\(trigger.type)",
            Rule(
                id: id(6), workspace: id(7), name: "Spin it", isEnabled: false, priority: -5,
                trigger: trigger,
                conditions: [
                    .anyRole([.moderator, .host]), .anySource([.native, .replay]),
                    .handleIn(["ana"]), .handleNotIn(["bob", "eve"]),
                ],
                actions: operations.map {
                    Action(device: id(8), channel: "stage_1", operation: $0)
                },
                guards: Guards(
                    cooldownMilliseconds: 1000, viewerCooldownMilliseconds: 5000,
                    chancePermille: 250, deadlineMilliseconds: 3000)))
    }
}
