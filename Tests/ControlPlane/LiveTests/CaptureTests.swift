import Foundation
import Platform
import SharedModels
import Testing

@testable import Live

@Suite("Capture")
struct CaptureTests {
    private let frames = [
        CapturedFrame(offsetMicroseconds: 0, bytes: [1, 2, 3]),
        CapturedFrame(offsetMicroseconds: 5, bytes: []),
        CapturedFrame(offsetMicroseconds: 1 << 40, bytes: [UInt8](repeating: 9, count: 70_000)),
    ]

    private var file: [UInt8] {
        CaptureFormat.header(startUnixMilliseconds: 42)
            + frames.flatMap { CaptureFormat.record($0) ?? [] }
    }

    private func parse(_ bytes: [UInt8], piece: Int) throws(CaptureError) -> [CapturedFrame] {
        var parser = CaptureParser()
        var found: [CapturedFrame] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            parser.feed(bytes[start..<min(start + piece, bytes.count)])
            while let frame = try parser.next() { found.append(frame) }
        }
        while let frame = try parser.next(isEnd: true) { found.append(frame) }
        return found
    }

    @Test("frames come back whole, whatever the pieces", arguments: [1, 7, 16, 4_096, 1 << 20])
    func roundTrip(piece: Int) throws {
        #expect(try parse(file, piece: piece) == frames)
    }

    @Test("a file cut anywhere gives the whole records before the cut")
    func cut() throws {
        let small = Array(file[..<(16 + 15 + 12)])
        for size in 16...small.count {
            let found = try parse(Array(small[..<size]), piece: 8)
            #expect(found == Array(frames[..<(size < 31 ? 0 : size < 43 ? 1 : 2)]))
        }
        #expect(throws: CaptureError.unknownFormat) { try parse(Array(small[..<10]), piece: 8) }
    }

    @Test("what is wrong with a file is said in words")
    func words() {
        #expect("\(CaptureError.unknownFormat)".contains("neither a capture"))
        #expect("\(CaptureError.unknownVersion(9))".contains("version 9"))
        #expect("\(CaptureError.malformed(record: 3))".contains("record 3"))
        #expect("\(CaptureError.tooLarge(record: 4))".contains("record 4"))
        #expect("\(CaptureError.system(errno: ENOENT))".contains("No such file"))
    }

    @Test("what is no capture is refused by name")
    func refused() {
        #expect(throws: CaptureError.unknownFormat) { try parse(Array("hello".utf8), piece: 9) }
        var other = file
        other[6] = 9
        #expect(throws: CaptureError.unknownVersion(9)) { try parse(other, piece: 99) }
        var large = CaptureFormat.header(startUnixMilliseconds: 0)
        large += [0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 8)
        #expect(throws: CaptureError.tooLarge(record: 1)) { try parse(large, piece: 99) }
        var backwards = CaptureFormat.header(startUnixMilliseconds: 0)
        for offset in [9, 8] as [Int64] {
            backwards +=
                CaptureFormat.record(
                    CapturedFrame(offsetMicroseconds: offset, bytes: [])) ?? []
        }
        #expect(throws: CaptureError.malformed(record: 2)) { try parse(backwards, piece: 99) }
        let oversized = [UInt8](repeating: 0, count: LiveLimits.captureRecordBytes + 1)
        #expect(CaptureFormat.record(.init(offsetMicroseconds: 0, bytes: oversized)) == nil)
    }

    @Test("random bytes never trap", arguments: 1...100)
    func randomBytes(seed: UInt64) {
        var chance = SplitMix(seed: seed)
        var bytes = chance.below(2) == 0 ? CaptureFormat.header(startUnixMilliseconds: 1) : [0x7B]
        for _ in 0..<chance.below(300) { bytes.append(UInt8(truncatingIfNeeded: chance.next())) }
        var small = bytes
        if bytes.count > 18 { small[17] = 0; small[18] = 0 }
        for input in [bytes, small] { _ = try? parse(input, piece: 1 + chance.below(40)) }
    }

    @Test("recorded lines become frames, paced by their times")
    func recordings() throws {
        let body = Data(Frames.chat("hi", id: 1)).base64EncodedString()
        func line(_ time: String?) -> String {
            let time = time.map { #", "recorded_at": "\#($0)""# } ?? ""
            return #"{"type": "WebcastChatMessage", "sha": "x", "payload_b64": "\#(body)"\#(time)}"#
        }
        let text = [
            line("2023-12-05T17:23:06.838160300"), "", line("2023-12-05T17:23:07.038160300"),
            line("2023-12-09T00:00:00Z"), line(nil), line("2023-12-05T17:23:07"),
        ].joined(separator: "\n")
        let found = try parse(Array(text.utf8), piece: 50)
        #expect(
            found.map(\.offsetMicroseconds) == [0, 200_000, 1_200_000, 1_450_000, 1_700_000])
        for frame in found {
            #expect(Decoded(frame.bytes).messages.first?.content == .chat(text: "hi"))
        }
    }

    @Test("a bad line is refused by its number")
    func badLines() {
        for bad in [
            "{", "{}", #"{"type": "", "payload_b64": ""}"#, #"{"type": "A", "payload_b64": "%%"}"#,
        ] {
            let text = #"{"type": "A", "payload_b64": ""}"# + "\n" + bad
            #expect(throws: CaptureError.malformed(record: 2)) {
                try parse(Array(text.utf8), piece: 64)
            }
        }
        let long =
            [UInt8(ascii: "{")] + [UInt8](repeating: 32, count: LiveLimits.captureRecordBytes)
        #expect(throws: CaptureError.tooLarge(record: 1)) { try parse(long, piece: 1 << 16) }
    }

    @Test("times are read as UTC to the microsecond")
    func times() {
        #expect(RecordedLines.microseconds("1970-01-01T00:00:00") == 0)
        #expect(RecordedLines.microseconds("2023-11-13T21:43:45.5Z") == 1_699_911_825_500_000)
        #expect(RecordedLines.microseconds("2024-02-29T12:00:00.000001") == 1_709_208_000_000_001)
        for bad in ["", "2023", "2023-13-01T00:00:00", "2023-01-01T99:00:00", "x-y-zTa:b:c"] {
            #expect(RecordedLines.microseconds(bad) == nil, "\(bad)")
        }
    }

    @Test("a file is written and read back, and is not written over")
    func files() throws {
        let path = NSTemporaryDirectory() + "cuelight-capture-\(UUID().uuidString)"
        defer { unlink(path) }
        do {
            var writer = try CaptureWriter(path: path, startUnixMilliseconds: 42)
            for frame in frames {
                try writer.append(frame.bytes, offsetMicroseconds: frame.offsetMicroseconds)
            }
            try writer.append([7], offsetMicroseconds: 3)
        }
        var reader = try CaptureReader(path: path)
        var found: [CapturedFrame] = []
        while let frame = try reader.next() { found.append(frame) }
        #expect(reader.startUnixMilliseconds == 42)
        #expect(found.dropLast() == frames[...])
        #expect(found.last == CapturedFrame(offsetMicroseconds: 1 << 40, bytes: [7]))
        #expect(throws: CaptureError.system(errno: EEXIST)) {
            _ = try CaptureWriter(path: path, startUnixMilliseconds: 0)
        }
        #expect(throws: CaptureError.system(errno: ENOENT)) {
            _ = try CaptureReader(path: path + "-absent")
        }
        #expect(throws: CaptureError.system(errno: EISDIR)) {
            var folder = try CaptureReader(path: NSTemporaryDirectory())
            _ = try folder.next()
        }
    }

    @Test(
        "the recorded messages replay as a file",
        .enabled(if: Recordings.isPresent, "the folder shared/webcast is absent"))
    func recordingFile() throws {
        let folder = try #require(Recordings.folder)
        var reader = try CaptureReader(path: folder.appendingPathComponent("messages.jsonl").path)
        var room = LiveRoom(livestream: .init(high: 1, low: 1), source: .replay, seed: 1)
        var kinds: [String: Int] = [:]
        while let frame = try reader.next() {
            for event in try room.ingest(frame: frame.bytes, now: .at(0)).events {
                #expect(!event.isHistory)
                kinds[event.happening.type, default: 0] += 1
            }
        }
        #expect(room.summary.counters.frames == 971)
        #expect(kinds["comment"] == 64)
        #expect(kinds["like"] == 70)
        #expect(kinds["join"] == 95)
        #expect((kinds["follow"] ?? 0) + (kinds["share"] ?? 0) == 69)
        #expect(kinds["viewers"] == 92)
        #expect(kinds["deleted"] == 5)
    }
}

@Suite("ReplaySchedule")
struct ReplayScheduleTests {
    private func frame(_ offset: Int64) -> CapturedFrame {
        CapturedFrame(offsetMicroseconds: offset, bytes: [])
    }

    @Test("frames are due at their offset divided by the speed")
    func speeds() {
        for (speed, due) in [(1.0, 2_000_000), (10, 200_000), (100, 20_000)] as [(Double, Int64)] {
            let schedule = ReplaySchedule(
                speed: speed, startNanoseconds: 50, firstOffsetMicroseconds: 1_000)
            #expect(schedule.due(frame(1_000)) == 50)
            #expect(schedule.due(frame(3_000)) == 50 + due)
        }
    }

    @Test("a late frame is due at once and does not delay those behind it")
    func late() {
        let schedule = ReplaySchedule(speed: 1, startNanoseconds: 0, firstOffsetMicroseconds: 0)
        #expect(schedule.wait(for: frame(1), nowNanoseconds: 9_000) == .zero)
        #expect(schedule.wait(for: frame(10), nowNanoseconds: 9_000) == .nanoseconds(1_000))
    }

    @Test("any speed and any offset stay within limits")
    func limits() {
        for speed in [-1, 0, .nan, .infinity, 1e300] as [Double] {
            let schedule = ReplaySchedule(
                speed: speed, startNanoseconds: .max - 1, firstOffsetMicroseconds: .min)
            #expect(ReplaySchedule.speeds.contains(schedule.speed))
            for offset in [.min, -1, 0, .max] as [Int64] {
                _ = schedule.wait(for: frame(offset), nowNanoseconds: .min)
            }
        }
    }
}
