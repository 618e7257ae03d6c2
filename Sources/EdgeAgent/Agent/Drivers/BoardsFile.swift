internal import FoundationEssentials
internal import GPIO
internal import Glibc
internal import Hardware
internal import SharedModels

/// `boards.json`: the boards that have no firmware of ours, and what their pins are
/// (docs/guides/other-boards.md). What is not allowed is refused here, with the reason and what to
/// do instead.
package enum BoardsFile {
    package enum Limits {
        /// Longest file, bytes.
        package static let sizeMaxBytes = 65_536
    }

    /// The standard name, in the state folder.
    package static let name = "boards.json"

    /// Why a file cannot be used.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// Empty until it is known.
        package var file = ""
        /// Where in it, such as `boards[0].channels[1].pin`; empty for the whole.
        package let place: String
        package let reason: String

        init(place: String, reason: String) {
            self.place = place
            self.reason = reason
        }

        package var description: String {
            (file.isEmpty ? "" : "\(file): ") + (place.isEmpty ? "" : "\(place): ") + reason
        }
    }

    /// The boards of a file.
    /// - Parameter machine: names this computer, for the identities of its boards.
    package static func read(
        _ path: String, machine: String
    ) throws(Problem) -> [HostedBoard] {
        do {
            return try parse(try bytes(of: path), machine: machine)
        } catch {
            var problem = error
            problem.file = path
            throw problem
        }
    }

    /// This computer's name for itself, which lasts; empty if it has none.
    package static var machine: String {
        // A computer without one is one more that has none.
        let bytes = (try? bytes(of: "/etc/machine-id")) ?? []
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    private static func bytes(of path: String) throws(Problem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Problem(place: "", reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Limits.sizeMaxBytes + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            guard more >= 0 else {
                throw Problem(place: "", reason: String(cString: strerror(errno)))
            }
            if more == 0 { return Array(bytes.prefix(count)) }
            count += more
        }
        throw Problem(place: "", reason: "it is longer than \(Limits.sizeMaxBytes) bytes")
    }

    /// The boards that the bytes describe.
    package static func parse(
        _ bytes: [UInt8], machine: String
    ) throws(Problem) -> [HostedBoard] {
        let root: JSONNode
        do {
            root = try JSONDecoder().decode(JSONNode.self, from: Data(bytes))
        } catch {
            throw Problem(place: "", reason: "it is not JSON")
        }
        let file = try BoardsFileObject(root, at: "", allowed: ["boards"])
        var boards: [HostedBoard] = []
        for (index, node) in try file.list("boards", 0...HostedBoard.Limits.boardsMax).enumerated()
        {
            let place = "boards[\(index)]"
            let board = try board(node, at: place, machine: machine)
            if boards.contains(where: { $0.reach.path == board.reach.path }) {
                throw Problem(place: place, reason: "\(board.reach.path) has a board already")
            }
            if boards.contains(where: { $0.uid == board.uid }) {
                throw Problem(place: place, reason: "another board has the uid \(board.uid)")
            }
            boards.append(board)
        }
        return boards
    }

    private static func board(
        _ node: JSONNode, at place: String, machine: String
    ) throws(Problem) -> HostedBoard {
        let fields = try BoardsFileObject(
            node, at: place,
            allowed: ["driver", "name", "uid", "port", "baud", "chip", "channels"])
        guard let driver = try fields.choice("driver", ["firmata", "gpio"]) else {
            throw fields.problem("driver", "it is missing: firmata or gpio")
        }
        let reach: HostedBoard.Reach
        if driver == "firmata" {
            guard fields.node("chip") == nil else {
                throw fields.problem("chip", "a firmata board has a port, not a chip")
            }
            let baud = try fields.number("baud", 1...4_000_000) ?? 57_600
            guard SerialPort.rates.contains(baud) else {
                let rates = SerialPort.rates.map(String.init).joined(separator: ", ")
                throw fields.problem("baud", "one of \(rates) is expected")
            }
            reach = .firmata(port: try path("port", of: fields), baud: baud)
        } else {
            guard fields.node("port") == nil, fields.node("baud") == nil else {
                throw fields.problem("port", "a gpio board has a chip, and neither port nor baud")
            }
            reach = .gpio(chip: try path("chip", of: fields))
        }
        var lines: [HostedBoard.Line] = []
        let nodes = try fields.list("channels", 1...HostedBoard.Limits.channelsMax)
        for (index, node) in nodes.enumerated() {
            let place = "\(place).channels[\(index)]"
            let line = try BoardsFileChannel.read(node, at: place, id: UInt8(index), reach: reach)
            let isTaken = lines.contains {
                $0.channel.name == line.channel.name
                    || $0.channel.pin == line.channel.pin && $0.analogNumber == line.analogNumber
            }
            if isTaken {
                throw Problem(place: place, reason: "another channel has its name or its pin")
            }
            lines.append(line)
        }
        return HostedBoard(
            name: try fields.needText("name", 1...32), uid: try uid(fields, reach, machine),
            reach: reach, lines: lines)
    }

    private static func path(
        _ name: String, of fields: BoardsFileObject
    ) throws(Problem) -> String {
        let path = try fields.needText(name, 1...255)
        guard path.hasPrefix("/") else {
            throw fields.problem(name, "a whole path is expected, such as /dev/…")
        }
        return path
    }

    private static func uid(
        _ fields: BoardsFileObject, _ reach: HostedBoard.Reach, _ machine: String
    ) throws(Problem) -> BoardUID {
        guard let text = try fields.text("uid", 1...64) else {
            return HostedBoard.uid(of: reach, machine: machine)
        }
        guard let uid = BoardUID(text), !uid.isBlank, uid.value != 0 else {
            throw fields.problem("uid", "16 hexadecimal digits, not all 0 or f, are expected")
        }
        return uid
    }
}
