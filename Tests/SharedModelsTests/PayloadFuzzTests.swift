import Foundation
import SharedModels
import TestSupport
import Testing

/// Damaged and made-up JSON into every decoder. A trap would end the process; what does read
/// must read the same again, and every check must take it.
@Suite("Payload fuzz")
struct PayloadFuzzTests {
    private static let rounds = 300

    private static let scraps = [
        "null", "true", "-1", "0", "1e999", "-1e999", "1.5", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "18446744073709551616", "\"\"", "[]", "{}",
        "\"\\u0000\"", "\"\\ud800\"", "[[[[[[[[]]]]]]]]", "\"ffffffffffffffff\"", "65536", "256",
        "\"-000000000000000\"", "\"#+00000\"", "{\"type\":\"off\"}", "{\"type\":1}",
    ]

    @Test("no damage to a payload traps", arguments: PayloadSamples.all)
    func damaged(sample: PayloadSamples.Sample) throws {
        let whole = Array(try sample.write())
        var read = 0
        for seed in 0..<UInt64(Self.rounds) {
            var chance = SeededGenerator(seed: seed)
            let bytes = Data(Self.damage(whole, &chance))
            if let again = sample.reread(bytes) {
                #expect(again.isSame, "\(sample.name), seed \(seed)")
                read += 1
            }
            Self.check(bytes)
        }
        // Damage that all of it refuses would prove nothing.
        #expect(read > 0)
    }

    @Test("noise and deep nesting trap nothing")
    func noise() {
        var chance = SeededGenerator(seed: 9)
        for size in [0, 1, 2, 7, 64, 1000] {
            for _ in 0..<50 {
                let bytes = Data((0..<size).map { _ in UInt8.random(in: 0...255, using: &chance) })
                for sample in PayloadSamples.all { _ = sample.reread(bytes) }
            }
        }
        for opening in ["[", "{\"a\":", "{\"type\":{\"type\":"] {
            let deep = Data(String(repeating: opening, count: 100_000).utf8)
            for sample in PayloadSamples.all { #expect(sample.reread(deep) == nil) }
        }
    }

    /// Everything that looks at what was read.
    private static func check(_ bytes: Data) {
        let decoder = JSONDecoder()
        if let state = try? decoder.decode(AgentState.self, from: bytes) { _ = state.problem }
        if let board = try? decoder.decode(BoardManifest.self, from: bytes) { look(board) }
        if let agent = try? decoder.decode(AgentManifest.self, from: bytes) {
            _ = agent.problem
            for board in agent.boards { look(board.manifest) }
        }
        // Refusing noise is right; trapping is what is looked for.
        if let change = try? decoder.decode(InputChange.self, from: bytes) {
            _ = (change.problem, change.isStale(atMilliseconds: .max))
            _ = change.isStale(atMilliseconds: .min)
        }
        if let outcome = try? decoder.decode(Outcome.self, from: bytes) {
            let command = Command(
                id: outcome.command, board: .blank, channel: "", operation: .off,
                issuedAtMilliseconds: 0, expiresAtMilliseconds: 0, trace: outcome.trace)
            _ = outcome.bounded(for: command)
        }
    }

    private static func look(_ manifest: BoardManifest) {
        _ = manifest.problem
        let operations: [SharedModels.Operation] = [
            .target(angleCentidegrees: .max, holdMilliseconds: .min),
            .fill(
                color: RGB(red: 0, green: 0, blue: 0), first: 255, count: 255,
                durationMilliseconds: 1),
        ]
        for channel in manifest.channels {
            _ = channel.refusal(of: .above(0, hysteresis: 0))
            for operation in operations { _ = channel.refusal(of: operation) }
        }
    }

    /// One to four changes: a byte, a cut, a doubled piece, or a scrap in a value's place.
    private static func damage(_ whole: [UInt8], _ chance: inout SeededGenerator) -> [UInt8] {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...4, using: &chance) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &chance)
            switch Int.random(in: 0..<8, using: &chance) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &chance)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + 5))
            case 2: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
            default: replaceValue(after: place, in: &bytes, &chance)
            }
        }
        return bytes
    }

    private static func replaceValue(
        after place: Int, in bytes: inout [UInt8], _ chance: inout SeededGenerator
    ) {
        guard let colon = bytes[place...].firstIndex(of: UInt8(ascii: ":")),
            let end = bytes[colon...].firstIndex(where: { ",\n".utf8.contains($0) })
        else { return }
        let scrap = scraps[Int.random(in: 0..<scraps.count, using: &chance)]
        bytes.replaceSubrange((colon + 1)..<end, with: scrap.utf8)
    }
}
