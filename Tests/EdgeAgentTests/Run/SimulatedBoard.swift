import Foundation
import Glibc
import Platform
import SharedModels
import TestSupport
import Testing

/// A board simulator of the firmware on a pty: the core compiled for this machine, or the Uno's
/// machine code in real time. It ends with the test.
final class SimulatedBoard: Sendable {
    enum Kind: String, CaseIterable { case host, avr }

    enum Problem: Error, CustomStringConvertible {
        case missing(String)
        case silent(String)

        var description: String {
            switch self {
            case .missing(let path): "no \(path): run \"make firmware\""
            case .silent(let log): "the simulated board does not start: \(log)"
            }
        }
    }

    let folder: String
    let port: String
    private let process: TestProcess
    /// Holding both ends keeps the simulator's input open.
    private let control: Int32

    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path()

    static func start(
        _ kind: Kind = .host, uid: String = "00000000000000ab"
    ) async throws -> SimulatedBoard {
        let board = try SimulatedBoard(kind, uid: uid)
        for _ in 0..<6000 where access(board.port, F_OK) != 0 {
            try await Task.sleep(for: .milliseconds(10))
        }
        guard access(board.port, F_OK) == 0 else {
            throw Problem.silent(TestProcess.text(board.folder + "/log"))
        }
        return board
    }

    private init(_ kind: Kind, uid: String) throws {
        let firmware = "\(Self.root)/.build/firmware"
        let program = "\(firmware)/cuelight-board-\(kind.rawValue)"
        guard access(program, X_OK) == 0 else { throw Problem.missing(program) }
        folder = try TestProcess.makeFolder("board")
        port = folder + "/port"
        let fifo = folder + "/control"
        guard mkfifo(fifo, 0o600) == 0 else { throw LinuxError.current("mkfifo") }
        control = open(fifo, O_RDWR | O_CLOEXEC)
        var command = "exec \(program) --pty-link \(port) --events \(folder)/events --uid \(uid)"
        if kind == .avr { command += " --firmware \(firmware)/uno.hex" }
        process = try TestProcess.spawn(
            ["/bin/sh", "-c", command + " < \(fifo)"], output: folder + "/log", asRoot: true)
    }

    deinit {
        process.kill()
        close(control)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A control line, such as `hang` or `reset`.
    func tell(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = write(control, bytes, bytes.count)
    }

    func kill() { process.kill() }
    func signal(_ number: Int32) { process.signal(number) }

    private struct Event: Decodable {
        let pin: String?
        let level: Int?
        let wallNanoseconds: Int64
        let received: String?

        enum CodingKeys: String, CodingKey {
            case pin, level, wallNanoseconds = "wall_ns", received = "uart_rx"
        }
    }

    private var events: [Event] {
        let text = (try? String(contentsOfFile: folder + "/events", encoding: .utf8)) ?? ""
        let decoder = JSONDecoder()
        return text.split(separator: "\n").compactMap {
            // The last line may be half written.
            try? decoder.decode(Event.self, from: Data($0.utf8))
        }
    }

    /// When the pin went from low to high, monotonic nanoseconds.
    func risings(_ pin: Int) -> [Int64] {
        var level = 0
        var times: [Int64] = []
        for event in events where event.pin == "D\(pin)" {
            if event.level == 1, level == 0 { times.append(event.wallNanoseconds) }
            level = event.level == 1 ? 1 : 0
        }
        return times
    }

    /// The pin's last level; nil if it never had one.
    func level(_ pin: Int) -> Int? { events.last { $0.pin == "D\(pin)" }?.level }

    /// When the last byte of each frame of a type was on the line, monotonic nanoseconds.
    /// A frame that is sent again is the same frame, and counts once.
    func frames(ofType type: UInt8) -> [Int64] {
        var last = ""
        return events.compactMap { event in
            guard let hex = event.received, hex != last else { return nil }
            // 00, the COBS code, then the type, which is never zero.
            let position = hex.index(hex.startIndex, offsetBy: 4, limitedBy: hex.endIndex)
            guard let position, hex[position...].prefix(2) == String(format: "%02x", type) else {
                return nil
            }
            last = hex
            return event.wallNanoseconds
        }
    }
}
