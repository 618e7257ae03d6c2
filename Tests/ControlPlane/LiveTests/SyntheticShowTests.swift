import Foundation
import SharedModels
import Testing

@testable import Live

@Suite("SyntheticShow")
struct SyntheticShowTests {
    private static var golden: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Golden/captures/demo.capture")
    }

    /// The show of `Tests/Golden/captures/demo.capture`.
    private static var demo: SyntheticShow.Script {
        var script = SyntheticShow.Script()
        script.seconds = 45
        return script
    }

    @Test("the demo capture in the repository is what the generator makes, byte for byte")
    func matchesGoldenFile() throws {
        let made = SyntheticShow.capture(Self.demo)
        if ProcessInfo.processInfo.environment["CUELIGHT_GOLDEN"] == "write" {
            try FileManager.default.createDirectory(
                at: Self.golden.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(made).write(to: Self.golden)
        }
        let kept = Array(try Data(contentsOf: Self.golden))
        #expect(kept.count < 60_000)
        let isSame = kept == made
        #expect(isSame, "rewrite with CUELIGHT_GOLDEN=write and review the difference")
    }

    private func play(_ frames: [CapturedFrame]) throws -> (events: [LiveEvent], LiveRoom.Summary) {
        var room = LiveRoom(livestream: .init(high: 1, low: 1), source: .replay, seed: 1)
        var events: [LiveEvent] = []
        for frame in frames {
            let seconds = Double(frame.offsetMicroseconds) / 1e6
            let intake = try room.ingest(frame: frame.bytes, now: .at(seconds))
            #expect(intake.acknowledgement != nil)
            events += intake.events
            events += room.tick(now: .at(seconds))
        }
        return (events, room.summary)
    }

    @Test("the demo holds every kind of happening, and one bad message")
    func kinds() throws {
        let (events, summary) = try play(SyntheticShow.frames(Self.demo))
        let kinds = Dictionary(grouping: events, by: \.happening.type).mapValues(\.count)
        for kind in [
            "comment", "gift", "gift_ended", "like", "follow", "share", "join", "viewers",
            "control", "deleted",
        ] {
            #expect((kinds[kind] ?? 0) > 0, "\(kind)")
        }
        for keyword in Self.demo.keywords {
            #expect(events.contains { $0.happening == .comment(text: keyword) }, "\(keyword)")
        }
        #expect(summary.counters.badMessages == 1)
        #expect(summary.counters.badFrames == 0)
        #expect(summary.counters.unknown.count > 1)
        #expect(summary.state == .ended)
        #expect(summary.coins > 0)
    }

    @Test("streaks end with the total of their increments, and likes go up", arguments: 1...30)
    func streaks(seed: UInt64) throws {
        var script = SyntheticShow.Script()
        script.seed = seed
        script.packing = .gzip(level: 1)
        script.isDetailed = seed % 2 == 0
        let (events, _) = try play(SyntheticShow.frames(script))
        var totals: [String: Int] = [:]
        var ended = 0
        var likes = 0
        for event in events {
            switch event.happening {
            case .gift(let increment):
                totals[increment.streakID, default: 0] += increment.count
                #expect(!increment.isRecovered, "seed \(seed)")
            case .giftEnded(let streak):
                #expect(totals[streak.streakID] == streak.total, "seed \(seed)")
                ended += 1
            case .like(let increment):
                #expect(increment.total >= likes, "seed \(seed)")
                likes = increment.total
            default: break
            }
        }
        #expect(ended == totals.keys.filter { !$0.isEmpty }.count, "seed \(seed)")
    }

    @Test("the same script gives the same show, another seed another")
    func seeded() {
        var other = Self.demo
        other.seed = 2
        let first = SyntheticShow.capture(Self.demo)
        #expect(first == SyntheticShow.capture(Self.demo))
        #expect(first != SyntheticShow.capture(other))
    }

    @Test("offsets never run backwards and hostile scripts stay within limits")
    func limits() {
        var script = SyntheticShow.Script()
        script.seconds = -5
        script.viewers = 0
        script.messagesPerTenSeconds = 0
        script.keywords = []
        let frames = SyntheticShow.frames(script)
        #expect(!frames.isEmpty)
        let offsets = SyntheticShow.frames(Self.demo).map(\.offsetMicroseconds)
        #expect(offsets == offsets.sorted())
    }
}
