import Foundation
import SharedModels
import Testing

@Suite("Operation")
struct OperationTests {
    private static let black = RGB(red: 0, green: 0, blue: 0)

    /// For each number of each operation: how to put a value in, and its range.
    private static let ranges:
        [(String, ClosedRange<Int>, @Sendable (Int) -> SharedModels.Operation)] =
            [
                ("duration_ms", 0...65_535, { .set(on: true, durationMilliseconds: $0) }),
                ("duration_ms", 1...65_535, { .pulse(durationMilliseconds: $0) }),
                ("angle_cdeg", 0...36_000, { .target(angleCentidegrees: $0, holdMilliseconds: 0) }),
                ("hold_ms", 0...65_535, { .target(angleCentidegrees: 0, holdMilliseconds: $0) }),
                (
                    "speed_permille", -1000...1000,
                    { .drive(speedPermille: $0, durationMilliseconds: 0) }
                ),
                ("duration_ms", 0...65_535, { .drive(speedPermille: 0, durationMilliseconds: $0) }),
                (
                    "frequency_hz", 20...20_000,
                    { .tone(frequencyHertz: $0, durationMilliseconds: 1) }
                ),
                (
                    "duration_ms", 1...65_535,
                    { .tone(frequencyHertz: 20, durationMilliseconds: $0) }
                ),
                (
                    "first", 0...255,
                    { .fill(color: black, first: $0, count: 0, durationMilliseconds: 0) }
                ),
                (
                    "count", 0...255,
                    { .fill(color: black, first: 0, count: $0, durationMilliseconds: 0) }
                ),
                (
                    "duration_ms", 0...65_535,
                    { .fill(color: black, first: 0, count: 0, durationMilliseconds: $0) }
                ),
                ("angle_cdeg", 0...36_000, { glide(angle: $0) }),
                ("move_ms", 0...65_535, { glide(move: $0) }),
                ("hold_ms", 0...65_535, { glide(hold: $0) }),
                ("duration_ms", 1...65_535, { .brake(durationMilliseconds: $0) }),
                (
                    "level_permille", 0...1000,
                    { .level(permille: $0, fadeMilliseconds: 0, durationMilliseconds: 0) }
                ),
                (
                    "fade_ms", 0...65_535,
                    { .level(permille: 1, fadeMilliseconds: $0, durationMilliseconds: 0) }
                ),
                (
                    "duration_ms", 0...65_535,
                    { .level(permille: 1, fadeMilliseconds: 0, durationMilliseconds: $0) }
                ),
                (
                    "period_ms", 334...65_535,
                    {
                        .effect(
                            .flash, color: black, periodMilliseconds: $0, durationMilliseconds: 0)
                    }
                ),
                (
                    "period_ms", 100...65_535,
                    {
                        .effect(
                            .chase, color: black, periodMilliseconds: $0, durationMilliseconds: 0)
                    }
                ),
                (
                    "duration_ms", 0...65_535,
                    {
                        .effect(
                            .flash, color: black, periodMilliseconds: 500,
                            durationMilliseconds: $0)
                    }
                ),
                ("position_steps", Int(Int32.min)...Int(Int32.max), { move(to: $0) }),
                ("speed_sps", 16...4_000, { move(speed: $0) }),
                ("hold_ms", 0...65_535, { move(hold: $0) }),
            ]

    private static func glide(
        angle: Int = 0, move: Int = 0, hold: Int = 0
    ) -> SharedModels.Operation {
        .glide(
            angleCentidegrees: angle, moveMilliseconds: move, easing: .smooth,
            holdMilliseconds: hold)
    }

    private static func move(
        to position: Int = 0, speed: Int = 100, hold: Int = 0
    ) -> SharedModels.Operation {
        .move(positionSteps: position, speedStepsPerSecond: speed, holdMilliseconds: hold)
    }

    @Test("each number is good at the ends of its range and bad beyond, and then it is named")
    func numbers() throws {
        for (name, range, make) in Self.ranges {
            for value in [range.lowerBound, range.upperBound] {
                #expect(make(value).problem == nil)
                let json = try JSONEncoder().encode(make(value))
                #expect(
                    try JSONDecoder().decode(SharedModels.Operation.self, from: json)
                        == make(value))
            }
            for value in [range.lowerBound - 1, range.upperBound + 1, .min, .max] {
                let problem = try #require(make(value).problem)
                #expect(problem.hasPrefix(name + " must be "))
                let json = try JSONEncoder().encode(make(value))
                #expect(throws: DecodingError.self) {
                    try JSONDecoder().decode(SharedModels.Operation.self, from: json)
                }
            }
        }
    }

    @Test(
        "what is not an operation is refused",
        arguments: [
            "{}", "[]", "null", "1", #"{"type":"explode"}"#, #"{"type":"set"}"#,
            #"{"type":"pulse"}"#, #"{"type":"pulse","duration_ms":"20"}"#,
            #"{"type":"pulse","duration_ms":20.5}"#, #"{"type":"pulse","duration_ms":1e400}"#,
            #"{"type":"pulse","duration_ms":99999999999999999999}"#,
            #"{"type":"set","on":1,"duration_ms":1}"#, #"{"type":"fill","color":"red"}"#,
            #"{"type":"tone","frequency_hz":440}"#, #"{"type":"glide","angle_cdeg":5}"#,
            #"{"type":"glide","angle_cdeg":5,"move_ms":1,"easing":"bouncy"}"#,
            #"{"type":"brake"}"#, #"{"type":"level"}"#, #"{"type":"move","speed_sps":100}"#,
            ##"{"type":"effect","effect":"fire","color":"#ffffff","period_ms":500}"##,
            ##"{"type":"effect","effect":"chase","color":"red","period_ms":500}"##,
        ])
    func hostile(text: String) {
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(SharedModels.Operation.self, from: Data(text.utf8))
        }
    }

    @Test("numbers that may be left out are zero then")
    func defaults() throws {
        func decode(_ text: String) throws -> SharedModels.Operation {
            try JSONDecoder().decode(SharedModels.Operation.self, from: Data(text.utf8))
        }
        #expect(
            try decode(#"{"type":"set","on":true}"#) == .set(on: true, durationMilliseconds: 0))
        #expect(
            try decode(#"{"type":"target","angle_cdeg":9000}"#)
                == .target(angleCentidegrees: 9000, holdMilliseconds: 0))
        #expect(
            try decode(##"{"type":"fill","color":"#010203"}"##)
                == .fill(
                    color: RGB(red: 1, green: 2, blue: 3), first: 0, count: 0,
                    durationMilliseconds: 0))
        #expect(
            try decode(#"{"type":"glide","angle_cdeg":9000,"move_ms":500}"#)
                == .glide(
                    angleCentidegrees: 9000, moveMilliseconds: 500, easing: .linear,
                    holdMilliseconds: 0))
        #expect(
            try decode(#"{"type":"level","level_permille":5}"#)
                == .level(permille: 5, fadeMilliseconds: 0, durationMilliseconds: 0))
    }

    @Test("how long it keeps its channel busy")
    func duration() {
        #expect(
            SharedModels.Operation.set(on: false, durationMilliseconds: 9).durationMilliseconds == 0
        )
        #expect(
            SharedModels.Operation.set(on: true, durationMilliseconds: 9).durationMilliseconds == 9)
        #expect(SharedModels.Operation.off.durationMilliseconds == 0)
        #expect(Self.glide(move: 30, hold: 12).durationMilliseconds == 42)
        #expect(Self.move(hold: 12).durationMilliseconds == 12)
        #expect(Self.glide(move: .max, hold: .max).durationMilliseconds == .max)
    }
}

@Suite("RGB")
struct RGBTests {
    @Test("every byte of each colour reads back")
    func roundTrip() {
        for value in 0...255 as ClosedRange<UInt8> {
            for color in [
                RGB(red: value, green: 0, blue: 0), RGB(red: 0, green: value, blue: 0),
                RGB(red: 0, green: 0, blue: value),
            ] {
                #expect(RGB(color.hex) == color)
            }
        }
        #expect(RGB("#FfA01b") == RGB(red: 255, green: 160, blue: 27))
    }

    @Test(
        "hostile text is not a colour",
        arguments: [
            "", "#", "ffffff", "#fff", "#fffffff", "#gggggg", "#+fffff", "#-00000", "# fffff",
            "#ffff\u{e9}", "\u{0}ffffff", "#\u{301}ffffff", "＃ffffff", "#ffffff\n",
        ])
    func hostile(text: String) { #expect(RGB(text) == nil) }
}
