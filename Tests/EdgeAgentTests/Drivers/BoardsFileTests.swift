import Foundation
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// `boards.json`: what it may say, and how it is told what it may not.
@Suite("Boards file")
struct BoardsFileTests {
    static let good = """
        {"boards": [
          {"driver": "firmata", "name": "lamps", "port": "/dev/serial/by-id/usb-x", "channels": [
            {"name": "lamp", "kind": "light", "pin": 9, "max_on_ms": 60000, "max_permille": 800},
            {"name": "arm", "kind": "servo", "pin": "A3", "max_on_ms": 5000, "min_cdeg": 500}]},
          {"driver": "gpio", "name": "shelf", "chip": "/dev/gpiochip0", "uid": "00000000000000cd",
           "channels": [
            {"name": "fan", "kind": "relay", "line": 17, "active_low": true, "max_on_ms": 5000,
             "min_pause_ms": 100, "max_rate_per_min": 30, "accept_no_watchdog": true},
            {"name": "door", "kind": "button", "line": 27, "pull": "up", "active_low": true}]}]}
        """

    private func problem(_ text: String) -> String {
        do {
            _ = try BoardsFile.parse(Array(text.utf8), machine: "m")
            return "none"
        } catch {
            return error.description
        }
    }

    @Test("boards and channels are read with their limits")
    func reads() throws {
        let boards = try BoardsFile.parse(Array(Self.good.utf8), machine: "m")
        #expect(boards.map(\.name) == ["lamps", "shelf"])
        #expect(boards[0].reach == .firmata(port: "/dev/serial/by-id/usb-x", baud: 57_600))
        let (lamp, arm) = (boards[0].lines[0], boards[0].lines[1])
        #expect(lamp.channel.pin == 9 && lamp.channel.bounds.permilleMax == 800)
        #expect(arm.analogNumber == 3 && arm.channel.angleMinCentidegrees == 500)
        #expect(arm.channel.angleMaxCentidegrees == 18_000 && arm.channel.delivery == .atMostOnce)
        let (fan, door) = (boards[1].lines[0], boards[1].lines[1])
        #expect(fan.isActiveLow && fan.channel.bounds.rateMaxPerMinute == 30)
        #expect(
            door.pull == "up" && door.debounceMilliseconds == 30 && door.channel.kind == .button)
        #expect(boards[1].uid == BoardUID(value: 0xCD))
        for board in boards {
            let manifest = board.manifest(version: "1.2.3", pins: [1: 17])
            #expect(manifest.problem == nil && manifest.hasWatchdog == false)
            #expect(manifest.channels[1].pin == 17)
        }
    }

    @Test("an identity comes from computer and place, and stays")
    func identity() throws {
        let first = try BoardsFile.parse(Array(Self.good.utf8), machine: "m")[0].uid
        let renamed = Self.good.replacingOccurrences(of: "lamps", with: "other")
        #expect(try BoardsFile.parse(Array(renamed.utf8), machine: "m")[0].uid == first)
        #expect(try BoardsFile.parse(Array(Self.good.utf8), machine: "n")[0].uid != first)
        let moved = Self.good.replacingOccurrences(of: "usb-x", with: "usb-y")
        #expect(try BoardsFile.parse(Array(moved.utf8), machine: "m")[0].uid != first)
    }

    private static func firmata(_ channel: String) -> String {
        """
        {"boards":[{"driver":"firmata","name":"b","port":"/dev/p","channels":[\(channel)]}]}
        """
    }

    private static func gpio(_ channel: String) -> String {
        """
        {"boards":[{"driver":"gpio","name":"b","chip":"/dev/gpiochip0","channels":[\(channel)]}]}
        """
    }

    @Test("what would stay on when the computer dies is refused, with what to do instead")
    func refused() {
        for kind in ["motor", "relay", "solenoid", "stepper"] {
            let told = problem(Self.firmata(#"{"name":"x","kind":"\#(kind)","pin":3}"#))
            #expect(told.hasPrefix("boards[0].channels[0].kind: a \(kind) is refused: "), "\(told)")
            #expect(told.contains("Cuelight firmware"))
        }
        for kind in ["motor", "solenoid", "stepper", "servo", "strip", "buzzer", "analog", "lamp"] {
            let told = problem(Self.gpio(#"{"name":"x","kind":"\#(kind)","line":3}"#))
            #expect(told.hasPrefix("boards[0].channels[0].kind: "), "\(told)")
        }
        for kind in ["button", "switch", "strip", "buzzer", "distance"] {
            let told = problem(Self.firmata(#"{"name":"x","kind":"\#(kind)","pin":3}"#))
            #expect(told.hasPrefix("boards[0].channels[0].kind: "), "\(told)")
        }
        let relay = #"{"name":"x","kind":"relay","line":3,"max_on_ms":10}"#
        #expect(problem(Self.gpio(relay)).contains("accept_no_watchdog: nothing opens this relay"))
    }

    @Test(
        "a mistake is told with its place",
        arguments: [
            ("", "it is not JSON"), ("[]", "an object is expected: { … }"),
            (#"{"board":[]}"#, "board: nothing is called so here; there are boards"),
            ("{}", "boards: it is missing"),
            (#"{"boards":[7]}"#, "boards[0]: an object is expected: { … }"),
            (#"{"boards":[{}]}"#, "boards[0].driver: it is missing: firmata or gpio"),
            (
                firmata(#"{"name":"x","kind":"light","pin":3}"#),
                "boards[0].channels[0].max_on_ms: it is missing: "
                    + "the longest it may be on without being told again, 1 to 60000 ms"
            ),
            (
                firmata(#"{"name":"x","kind":"light","pin":3.5,"max_on_ms":1}"#),
                "boards[0].channels[0].pin: a whole number from 0 to 127 is expected"
            ),
            (
                firmata(#"{"name":"x","kind":"light","pin":"B1","max_on_ms":1}"#),
                #"boards[0].channels[0].pin: a number, or one such as "A3", is expected"#
            ),
            (
                firmata(#"{"name":"X!","kind":"light","pin":1,"max_on_ms":1}"#),
                "boards[0].channels[0].name: a channel's name is not a plain word"
            ),
            (
                firmata(#"{"name":"x","kind":"light","pin":1,"max_on_ms":1,"active_low":true}"#),
                "boards[0].channels[0].active_low: the sketch drives every pin low when the board "
                    + "starts, which would be on; wire the output so that high is on"
            ),
            (
                gpio(#"{"name":"x","kind":"light","pin":1,"max_on_ms":1}"#),
                "boards[0].channels[0].pin: gpio has a line"
            ),
            (
                gpio(#"{"name":"x","kind":"light","line":1,"max_on_ms":1,"pull":"up"}"#),
                "boards[0].channels[0].pull: only an input has it"
            ),
            (
                gpio(
                    #"{"name":"x","kind":"button","line":1},{"name":"y","kind":"button","line":1}"#),
                "boards[0].channels[1]: another channel has its name or its pin"
            ),
        ])
    func mistakes(text: String, told: String) { #expect(problem(text) == told) }

    @Test("any bytes are a board or a mistake")
    func hostile() {
        var random = SeededGenerator(seed: 3)
        let good = Array(Self.good.utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[index] = UInt8.random(in: 0...255, using: &random)
                } else {
                    bytes.remove(at: index)
                }
            }
            // Either will do; neither may trap.
            if let boards = try? BoardsFile.parse(bytes, machine: "m") {
                for board in boards {
                    #expect(board.manifest(version: "1", pins: [:]).problem == nil)
                }
            }
        }
    }

    @Test("the message names the file")
    func names() throws {
        let folder = try TestProcess.makeFolder("boards")
        let path = folder + "/boards.json"
        #expect(throws: BoardsFile.Problem.self) { try BoardsFile.read(path, machine: "") }
        try Data(repeating: 0x20, count: 70_000).write(to: URL(filePath: path))
        let error = #expect(throws: BoardsFile.Problem.self) {
            try BoardsFile.read(path, machine: "")
        }
        #expect(error?.description == "\(path): it is longer than 65536 bytes")
    }
}
