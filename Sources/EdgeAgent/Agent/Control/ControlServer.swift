internal import CLinux
internal import FoundationEssentials
internal import Glibc
package import Platform
package import SharedModels

/// Answers `status` and `doctor` through a unix socket in the state folder: one JSON object a
/// line, one answer for each question. On the loop.
package final class ControlServer {
    enum Limits {
        static let connectionsMax = 8
        /// Of one question, bytes; beyond it the connection is closed.
        static let questionMaxBytes = 4096
        /// Of answers that a client does not read; beyond it the connection is closed.
        static let answerMaxBytes = 1024 * 1024
        static let idle: Duration = .seconds(30)
    }

    /// A question, such as `{"ask":"status"}`, or a wish, such as
    /// `{"ask":"release","board":"00000000000000ab"}` (out of quarantine),
    /// `{"ask":"lease","port":"/dev/ttyACM0","seconds":60}` or
    /// `{"ask":"return","port":"/dev/ttyACM0"}`.
    struct Question: Codable {
        let ask: String
        var board: BoardUID?
        var port: String?
        var seconds: Int?
    }

    /// A wish was granted.
    struct Done: Codable {
        let done: String
    }

    struct Release: Codable {
        /// Whether the board was in quarantine.
        let isReleased: Bool

        private enum CodingKeys: String, CodingKey { case isReleased = "released" }
    }

    struct Refusal: Codable {
        let error: String
    }

    private final class Connection {
        let descriptor: Int32
        var watch: Watch?
        var timer: LoopTimer?
        var question: [UInt8] = []
        var answer: [UInt8] = []

        init(descriptor: Int32) { self.descriptor = descriptor }
    }

    private let loop: EventLoop
    private let path: String
    private let log: Log
    private let lease: (String, Int) -> Void
    private let takeBack: (String) -> Void
    private let release: (BoardUID) -> Bool
    private let status: () -> AgentStatus
    private var listener: Int32 = -1
    private var watch: Watch?
    private var connections: [Int32: Connection] = [:]

    /// All closures are called on the loop.
    /// - Parameters:
    ///   - lease: gives a port away for so many seconds.
    ///   - takeBack: takes it back.
    ///   - release: lets a board out of quarantine; false if it is not in it.
    ///   - status: asked for each question.
    package init(
        path: String, loop: EventLoop, log: Log,
        lease: @escaping (String, Int) -> Void = { _, _ in },
        takeBack: @escaping (String) -> Void = { _ in },
        release: @escaping (BoardUID) -> Bool, status: @escaping () -> AgentStatus
    ) {
        self.path = path
        self.lease = lease
        self.takeBack = takeBack
        self.loop = loop
        self.log = log.of("control")
        self.release = release
        self.status = status
    }

    package func start() throws(LinuxError) {
        listener = try Socket.listen(.unix(path: path), backlog: 8)
        watch = try loop.watch(listener, for: .readable) { [weak self] _ in self?.accept() }
    }

    package func end() {
        watch?.cancel()
        if listener >= 0 { close(listener) }
        listener = -1
        unlink(path)
        for connection in connections.values { drop(connection) }
    }

    private func accept() {
        while true {
            let descriptor = cue_accept(listener)
            guard descriptor >= 0 else { return }
            guard connections.count < Limits.connectionsMax else {
                close(descriptor)
                continue
            }
            let connection = Connection(descriptor: descriptor)
            do {
                connection.watch = try loop.watch(descriptor, for: .readable) {
                    [weak self, weak connection] readiness in
                    guard let self, let connection else { return }
                    self.ready(connection, readiness)
                }
            } catch {
                log.error("cannot watch a client", ["reason": .string("\(error)")])
                close(descriptor)
                continue
            }
            connection.timer = loop.schedule(after: Limits.idle) { [weak self, weak connection] in
                if let connection { self?.drop(connection) }
            }
            connections[descriptor] = connection
        }
    }

    private func ready(_ connection: Connection, _ readiness: Readiness) {
        if readiness.contains(.writable) { push(connection) }
        guard connections[connection.descriptor] === connection,
            !readiness.isDisjoint(with: [.readable, .hangUp])
        else { return }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(connection.descriptor, &bytes, bytes.count)
        if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { return drop(connection) }
        connection.question += bytes.prefix(max(0, count))
        while let end = connection.question.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(connection.question[..<end])
            connection.question.removeFirst(end + 1)
            connection.answer += answer(to: line)
        }
        guard connection.question.count <= Limits.questionMaxBytes,
            connection.answer.count <= Limits.answerMaxBytes
        else { return drop(connection) }
        push(connection)
    }

    private func answer(to line: [UInt8]) -> [UInt8] {
        let encoder = JSONEncoder()
        let newline = [UInt8(ascii: "\n")]
        do {
            let question = try JSONDecoder().decode(Question.self, from: Data(line))
            let answer: any Encodable
            switch (question.ask, question.board, question.port) {
            case ("status", _, _): answer = status()
            case ("release", let board?, _): answer = Release(isReleased: release(board))
            case ("lease", _, let port?):
                lease(port, question.seconds ?? 0)
                answer = Done(done: question.ask)
            case ("return", _, let port?):
                takeBack(port)
                answer = Done(done: question.ask)
            default: answer = Refusal(error: "unknown question")
            }
            return Array(try encoder.encode(answer)) + newline
        } catch {
            return Array("{\"error\":\"not a question\"}\n".utf8)
        }
    }

    private func push(_ connection: Connection) {
        if !connection.answer.isEmpty {
            let count = send(
                connection.descriptor, connection.answer, connection.answer.count,
                Int32(MSG_NOSIGNAL))
            if count < 0 && errno != EAGAIN && errno != EINTR { return drop(connection) }
            connection.answer.removeFirst(max(0, count))
        }
        connection.watch?.change(
            to: connection.answer.isEmpty ? .readable : [.readable, .writable])
    }

    private func drop(_ connection: Connection) {
        guard connections[connection.descriptor] === connection else { return }
        connections[connection.descriptor] = nil
        connection.timer?.cancel()
        connection.watch?.cancel()
        close(connection.descriptor)
    }
}

/// Asks a running agent. Blocks; for the command line.
package enum ControlClient {
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case notRunning
        /// An agent runs there, and belongs to somebody else.
        case notPermitted
        case unreadable

        package var description: String {
            switch self {
            case .notRunning:
                "no agent runs with this state folder; start it: systemctl start cuelight-agent, "
                    + "or cuelight-agent run"
            case .notPermitted:
                "this user may not ask the agent; ask as root or as the agent's own user"
            case .unreadable: "the running agent's answer is not understood; is it another release?"
            }
        }
    }

    /// How long each read may wait, seconds.
    private static let patienceSeconds = 5

    /// A socket that blocks.
    private static func connect(_ path: String) throws(LinuxError) -> Int32 {
        let descriptor = try Socket.connect(.unix(path: path))
        var limit = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard fcntl(descriptor, F_SETFL, 0) == 0 else {
            let error = LinuxError.current("fcntl \(path)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    package static func status(at path: String) throws(Problem) -> AgentStatus {
        try ask(ControlServer.Question(ask: "status"), at: path)
    }

    /// Lets a board out of quarantine; false if it is not in it.
    package static func release(_ board: BoardUID, at path: String) throws(Problem) -> Bool {
        let question = ControlServer.Question(ask: "release", board: board)
        let answer: ControlServer.Release = try ask(question, at: path)
        return answer.isReleased
    }

    /// Has the agent let go of a port for so many seconds; when it returns, the port is free.
    package static func lease(_ port: String, seconds: Int, at path: String) throws(Problem) {
        let _: ControlServer.Done = try ask(
            ControlServer.Question(ask: "lease", port: port, seconds: seconds), at: path)
    }

    /// Gives the port back.
    package static func giveBack(_ port: String, at path: String) throws(Problem) {
        let _: ControlServer.Done = try ask(
            ControlServer.Question(ask: "return", port: port), at: path)
    }

    private static func ask<Answer: Decodable>(
        _ question: ControlServer.Question, at path: String
    ) throws(Problem) -> Answer {
        let descriptor: Int32
        do {
            descriptor = try connect(path)
        } catch {
            throw error.code == EACCES ? .notPermitted : .notRunning
        }
        defer { close(descriptor) }
        // A word and an identity; this cannot fail.
        guard let text = try? JSONEncoder().encode(question) else { throw .unreadable }
        let question = Array(text) + [UInt8(ascii: "\n")]
        guard
            send(descriptor, question, question.count, Int32(MSG_NOSIGNAL))
                == question.count
        else { throw .notRunning }
        var answer: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        while answer.last != UInt8(ascii: "\n"),
            answer.count <= ControlServer.Limits.answerMaxBytes
        {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { throw .unreadable }
            answer += bytes.prefix(count)
        }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(answer))
        } catch {
            throw .unreadable
        }
    }
}
