internal import CLinux
internal import FoundationEssentials
internal import Glibc
package import Platform

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

    /// A question, such as `{"ask":"status"}`.
    struct Question: Codable {
        let ask: String
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
    private let status: () -> AgentStatus
    private var listener: Int32 = -1
    private var watch: Watch?
    private var connections: [Int32: Connection] = [:]

    /// - Parameter status: asked for each question, on the loop.
    package init(path: String, loop: EventLoop, log: Log, status: @escaping () -> AgentStatus) {
        self.path = path
        self.loop = loop
        self.log = log.of("control")
        self.status = status
    }

    package func start() throws(LinuxError) {
        listener = try UnixSocket.listen(path)
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
            guard question.ask == "status" else {
                return Array(try encoder.encode(Refusal(error: "unknown question"))) + newline
            }
            return Array(try encoder.encode(status())) + newline
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

    package static func status(at path: String) throws(Problem) -> AgentStatus {
        let descriptor: Int32
        do {
            descriptor = try UnixSocket.connect(path)
        } catch {
            throw error.code == EACCES ? .notPermitted : .notRunning
        }
        defer { close(descriptor) }
        let question = Array("{\"ask\":\"status\"}\n".utf8)
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
            return try JSONDecoder().decode(AgentStatus.self, from: Data(answer))
        } catch {
            throw .unreadable
        }
    }
}
