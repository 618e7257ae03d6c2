import Foundation
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

/// Keeps what is logged.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var sink: Log.Sink { { [self] line in lines.withLock { $0.append(line) } } }
    var all: [String] { lines.withLock { $0 } }

    func object(_ index: Int = 0) throws -> [String: any Sendable] {
        let data = Data(all[index].utf8)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: any Sendable]
        return try #require(object)
    }
}

@Suite("Log")
struct LogTests {
    private let lines = Lines()

    @Test("a line is one JSON object with all that is known")
    func line() throws {
        let log = Log(component: "live", unixMilliseconds: { 1234 }, sink: lines.sink)
        log.of("room").with(requestID: "r-1").with(traceID: "t-1").warning(
            "slow", ["took_ms": 12, "is_late": true, "ratio": .double(0.5), "nan": .double(.nan)])
        #expect(lines.all[0].hasSuffix("}\n"))
        let object = try lines.object()
        #expect(object["time_ms"] as? Int == 1234)
        #expect(object["level"] as? String == "warning")
        #expect(object["component"] as? String == "live.room")
        #expect(object["message"] as? String == "slow")
        #expect(object["request_id"] as? String == "r-1")
        #expect(object["trace_id"] as? String == "t-1")
        #expect(object["took_ms"] as? Int == 12)
        #expect(object["is_late"] as? Bool == true)
        #expect(object["ratio"] as? Double == 0.5)
        #expect(object["nan"] is NSNull)
    }

    @Test("whatever strangers send stays one line of harmless text")
    func hostileText() throws {
        let log = Log(component: "live", sink: lines.sink)
        withSeeds(200) { generator in
            let scalars = (0..<50).compactMap { _ in
                Unicode.Scalar(
                    UInt32.random(
                        in: 0...(Bool.random(using: &generator) ? 0xFF : 0x10FFFF),
                        using: &generator))
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: scalars)
            let index = lines.all.count
            log.info(text, ["field": .string(text)])
            let line = lines.all[index].dropLast()
            #expect(
                !line.unicodeScalars.contains {
                    $0.value < 0x20 || (0x7F...0x9F).contains($0.value)
                },
                "seed \(generator.seed)")
            let object = try lines.object(index)
            #expect(object["message"] as? String == text, "seed \(generator.seed)")
            #expect(object["field"] as? String == text, "seed \(generator.seed)")
        }
    }

    @Test("an endless text is cut at a whole character")
    func endlessText() throws {
        let log = Log(component: "live", sink: lines.sink)
        log.info(String(repeating: "é", count: 1_000_000))
        log.info("x" + String(repeating: "é", count: 1_000_000))
        #expect(lines.all.allSatisfy { $0.utf8.count < 2 * Log.textSizeMax })
        #expect((try lines.object(0)["message"] as? String)?.hasSuffix("é…") == true)
        _ = try lines.object(1)
    }

    @Test("less important lines are neither written nor made")
    func minimum() {
        let log = Log(component: "live", minimum: .warning, sink: lines.sink)
        func dear() -> String {
            Issue.record("made")
            return ""
        }
        log.debug(dear())
        log.info(dear())
        log.error("shown")
        #expect(lines.all.count == 1)
    }

    @Test("levels have names", arguments: Log.Level.allCases)
    func levels(level: Log.Level) {
        #expect(Log.Level(name: "\(level)") == level)
        #expect(Log.Level(name: "\(level) ") == nil)
        #expect(Log.Level(name: "") == nil)
    }

    @Test("a rare log writes once in a while and says how much it left out")
    func rare() throws {
        let clock = ManualClock()
        let rare = RareLog(
            Log(component: "link", sink: lines.sink), every: .seconds(10), time: clock.timeSource)
        for _ in 0..<5 { rare.warning("bad frame") }
        #expect(lines.all.count == 1)
        clock.advance(by: .milliseconds(9999))
        rare.warning("bad frame")
        #expect(lines.all.count == 1)
        clock.advance(by: .milliseconds(1))
        rare.warning("bad frame")
        rare.warning("bad frame")
        #expect(lines.all.count == 2)
        #expect(try lines.object(0)["left_out"] == nil)
        #expect(try lines.object(1)["left_out"] as? Int == 5)
    }
}

@Suite("Log writer")
struct LogWriterTests {
    private struct Pipe {
        let reader: Int32
        let writer: Int32

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
            _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        }

        func readAll() -> String {
            var text: [UInt8] = []
            var bytes = [UInt8](repeating: 0, count: 65536)
            while case let count = read(reader, &bytes, bytes.count), count > 0 {
                text += bytes[..<count]
            }
            return String(decoding: text, as: UTF8.self)
        }

        func close() {
            _ = Glibc.close(reader)
            _ = Glibc.close(writer)
        }
    }

    @Test("a reader that hangs costs lines, not time, and is told how many")
    func hangingReader() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let writer = LogWriter(descriptor: pipe.writer, patience: .milliseconds(20))
        // Waiting for each line would take 400 seconds.
        let start = ContinuousClock.now
        for number in 0..<20_000 { writer.write("line \(number)\n") }
        #expect(ContinuousClock.now - start < .seconds(60))
        let dropped = writer.droppedCount
        #expect(dropped > 10_000)
        let kept = pipe.readAll().split(separator: "\n")
        #expect(kept.count == 20_000 - dropped)
        #expect(kept.last.map(String.init) == "line \(kept.count - 1)")
        writer.write("again\n")
        #expect(writer.droppedCount == 0)
        let after = pipe.readAll().split(separator: "\n")
        #expect(after.count == 2)
        #expect(after.first?.hasSuffix("\"count\":\(dropped)}") == true)
        #expect(after.last == "again")
    }

    @Test("a line cut in the middle does not run into the next")
    func cutLine() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let writer = LogWriter(descriptor: pipe.writer, patience: .zero)
        // Larger than any pipe: it cannot be written whole while nobody reads.
        writer.write(String(repeating: "x", count: 1 << 21) + "\n")
        #expect(writer.droppedCount == 1)
        #expect(pipe.readAll().allSatisfy { $0 == "x" })
        writer.write("next\n")
        let lines = pipe.readAll().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        #expect(lines[0].isEmpty)
        #expect(lines[2] == "next")
    }

    @Test("lines of many threads are not mixed")
    func manyThreads() async throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let writer = LogWriter(descriptor: pipe.writer, patience: .seconds(10))
        await withTaskGroup(of: Void.self) { group in
            for letter in "abcd" {
                group.addTask {
                    for _ in 0..<20 {
                        writer.write(String(repeating: letter, count: 500) + "\n")
                    }
                }
            }
        }
        let lines = pipe.readAll().split(separator: "\n")
        #expect(lines.count == 80)
        #expect(lines.allSatisfy { Set($0).count == 1 && $0.count == 500 })
    }

    @Test("a descriptor that is closed takes nothing and stops nothing")
    func closed() {
        LogWriter(descriptor: -1).write("line\n")
        LogWriter(descriptor: 1_000_000).write("line\n")
    }
}
