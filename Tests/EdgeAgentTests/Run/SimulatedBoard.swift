import Foundation
import Glibc
import Platform
import SharedModels
import TestSupport
import Testing

/// A board simulator of the firmware on a pty: the core compiled for this machine, or the Uno's
/// machine code in real time. It ends with the test. Its time stands still while this process
/// does: a board that a test left alone for half a second would rightly disarm.
final class SimulatedBoard: Sendable {
    enum Kind: String, CaseIterable {
        case host, avr
        /// The host with channels of every kind and room for sequences.
        case hostStage = "host-stage"

        /// Those of the boards that people have.
        static let allCases: [Kind] = [.host, .avr]
    }

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

    private static let keeper: EventLoop = {
        do { return try EventLoop.start(name: "test-board") } catch { fatalError("\(error)") }
    }()

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
        keeper.submit { board.keepRunning() }
        return board
    }

    private init(_ kind: Kind, uid: String) throws {
        let firmware = "\(Self.root)/.build/firmware"
        let program = "\(firmware)/cuelight-board-\(kind.rawValue)"
        guard access(program, X_OK) == 0 else { throw Problem.missing(program) }
        // In memory where there is such a folder: a board does not wait for a busy disk.
        let isInMemory = access("/dev/shm", W_OK) == 0
        folder = try TestProcess.makeFolder("board", under: isInMemory ? "/dev/shm" : "/tmp")
        port = folder + "/port"
        let fifo = folder + "/control"
        guard mkfifo(fifo, 0o600) == 0 else { throw LinuxError.current("mkfifo") }
        // Not blocking: nobody reads what is told to a board that was killed.
        control = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        var command = "exec \(program) --pty-link \(port) --events \(folder)/events --uid \(uid)"
        if kind == .avr { command += " --firmware \(firmware)/uno.hex" }
        process = try TestProcess.spawn(
            ["/bin/sh", "-c", command + " < \(fifo)"], output: folder + "/log", asRoot: true)
    }

    deinit {
        process.kill()
        close(control)
        // What cannot be removed stays behind in the temporary folder.
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Grants the board a little more time, again and again while this process runs.
    private func keepRunning() {
        tell("run 100")
        Self.keeper.schedule(after: .milliseconds(20)) { [weak self] in self?.keepRunning() }
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
        let microseconds: Int64
        let servo: String?
        let widthMicroseconds: Int?

        enum CodingKeys: String, CodingKey {
            case servo, widthMicroseconds = "width_us"
            case pin, level, wallNanoseconds = "wall_ns", microseconds = "t_us"
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

    /// How long each pulse of the pin was, in microseconds of the board's clock.
    func pulses(_ pin: Int) -> [Int64] {
        var rose: Int64?
        var lengths: [Int64] = []
        for event in events where event.pin == "D\(pin)" {
            if event.level == 1 {
                rose = rose ?? event.microseconds
            } else if let start = rose {
                lengths.append(event.microseconds - start)
                rose = nil
            }
        }
        return lengths
    }

    /// The pin's last level; nil if it never had one.
    func level(_ pin: Int) -> Int? { events.last { $0.pin == "D\(pin)" }?.level }

    /// How often the servo at this pin began to hold a position.
    func holds(_ pin: Int) -> Int {
        var width = 0
        var count = 0
        for event in events where event.servo == "D\(pin)" {
            let next = event.widthMicroseconds ?? 0
            if width == 0, next > 0 { count += 1 }
            width = next
        }
        return count
    }
}
