import Foundation
import Glibc
import Platform
import TestSupport

@testable import Agent

/// A board with StandardFirmata on a pseudo terminal (Tests/Peers/fake_firmata.py). It ends with
/// the test.
final class FakeFirmata: Sendable {
    struct Event: Decodable {
        let pin: Int?
        let mode: Int?
        let level: Int?
        let duty: Int?
        let angle: Int?
        let boot: Bool?
        /// A control line that it obeyed.
        let said: String?
    }

    let folder: String
    let port: String
    private let process: TestProcess
    private let control: Int32

    static func start() async throws -> FakeFirmata {
        let board = try FakeFirmata()
        try await board.wait("its port") { access(board.port, F_OK) == 0 }
        return board
    }

    func wait(_ what: String, until condition: () -> Bool) async throws {
        for _ in 0..<6000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw SimulatedBoard.Problem.silent("\(what): \(TestProcess.text(folder + "/log"))")
    }

    private init() throws {
        folder = try TestProcess.makeFolder("firmata")
        port = folder + "/port"
        let fifo = folder + "/control"
        guard mkfifo(fifo, 0o600) == 0 else { throw LinuxError.current("mkfifo") }
        // Both ways, so that the board's input stays open.
        control = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        let script = SimulatedBoard.root + "/Tests/Peers/fake_firmata.py"
        let command = "exec python3 \(script) --link \(port) --events \(folder)/events < \(fifo)"
        process = try TestProcess.spawn(
            ["/bin/sh", "-c", command], output: folder + "/log", asRoot: true)
    }

    deinit {
        process.kill()
        close(control)
    }

    /// `hang`, `reset` or `noise`.
    func tell(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = write(control, bytes, bytes.count)
    }

    func kill() { process.kill() }

    var events: [Event] {
        // All of them, however often the board was taken up anew.
        let text = (try? String(contentsOfFile: folder + "/events", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            // The last line may be half written.
            try? JSONDecoder().decode(Event.self, from: Data($0.utf8))
        }
    }

    var isHung: Bool { events.last { $0.said != nil }?.said == "hang" }

    func events(of pin: Int) -> [Event] { events.filter { $0.pin == pin } }

    /// What the pin is told last: a level, a duty or an angle; nil before the first.
    func last<Value>(_ pin: Int, _ field: KeyPath<Event, Value?>) -> Value? {
        events(of: pin).last?[keyPath: field]
    }
}
