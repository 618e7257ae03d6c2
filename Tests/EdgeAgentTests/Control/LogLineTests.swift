import Platform
import Synchronization
import Testing

@testable import Agent

/// Keeps what is logged.
private final class Lines: Sendable {
    private let kept = Mutex("")
    var text: String { kept.withLock { $0 } }
    @Sendable func add(_ line: String) { kept.withLock { $0 += line } }
}

@Suite("Log lines in words")
struct LogLineTests {
    private func text(_ line: String, isColoured: Bool = false) throws -> String {
        try #require(LogLine(line)).text(isColoured: isColoured, secondsEastOfUTC: 3600)
    }

    @Test("time, level, component, message and fields in their order")
    func whole() throws {
        let line = """
            {"time_ms":1763662211123,"level":"warning","component":"agent.link","message":"no answer",\
            "port":"/dev/ttyACM0","tries":5,"ratio":0.5,"late":true,"gone":null,"reason":"a \\"b\\" c"}
            """
        #expect(
            try text(line)
                == "2025-11-20 19:10:11.123 warning agent.link  no answer  gone=null late=true "
                + #"port=/dev/ttyACM0 ratio=0.5 reason="a \"b\" c" tries=5"#)
    }

    @Test("what the log itself writes is read")
    func ours() throws {
        let lines = Lines()
        let log = Log(component: "agent", unixMilliseconds: { 0 }, sink: lines.add)
        log.error("broken", ["empty": "", "n": -3, "late": false])
        let written = lines.text.filter { $0 != "\n" }
        #expect(
            try text(written)
                == #"1970-01-01 01:00:00.000 error   agent  broken  empty="" late=false n=-3"#)
    }

    @Test("nothing in a line commands the terminal")
    func dangers() throws {
        let line =
            #"{"message":"\u001b[2Ja\nb\u202ec","component":"\u0007","\u009bx":"\u2028y","level":"info"}"#
        let shown = try text(line)
        #expect(
            shown.hasSuffix(
                #"info    \u{7}  \u{1b}[2Ja\u{a}b\u{202e}c  \u{9b}x=\u{2028}y"#), "\(shown)")
        #expect(LogLine.shown("\u{1B}]0;x\u{7}") == #"\u{1b}]0;x\u{7}"#)
    }

    @Test(
        "what is no line of a log is none",
        arguments: [
            "", "Segmentation fault", "{", "{}", "[1]", #"{"message":1}"#, #"{"level":"info"}"#,
            #"{"message":"a","x":[1]}"#, #"{"message":"a"}"# + "x",
            #"{"message":""# + String(repeating: "a", count: 65_536) + #""}"#,
        ])
    func none(line: String) { #expect(LogLine(line) == nil) }

    @Test("times that cannot be are shown, not trapped on")
    func times() throws {
        for time in [Int64.min, -1, 0, .max] {
            #expect(try text(#"{"message":"a","time_ms":\#(time)}"#).hasSuffix("info      a"))
        }
    }

    @Test("colour is only in the level")
    func colour() throws {
        let line = #"{"message":"a","component":"b","level":"error","time_ms":0}"#
        #expect(
            try text(line, isColoured: true)
                == "1970-01-01 01:00:00.000 \u{1B}[31merror\u{1B}[0m   b  a")
    }

    @Test("random bytes are shown without harm", arguments: [UInt64(1), 2, 3])
    func noise(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            let text = LogLine.shown(String(decoding: bytes, as: UTF8.self))
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        }
    }
}
