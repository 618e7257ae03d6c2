package import SharedModels

/// The boards of a running agent; what `boards` shows.
package struct BoardList: Hashable, Sendable, Codable {
    package struct Board: Hashable, Sendable, Codable {
        package var uid: BoardUID
        /// Of its profile, such as `uno`.
        package var name: String
        /// Empty while it is not connected.
        package var port: String
        package var firmware: String
        package var state: String
        /// Empty if there is none.
        package var fault: String
        package var channelCount: Int
        package var pending: Int
        /// Nil while it is not connected.
        package var link: AgentStatus.Link?

        private enum CodingKeys: String, CodingKey {
            case uid, name, port, firmware, state, fault, channelCount = "channels", pending, link
        }
    }

    package var boards: [Board]

    package init(of status: AgentStatus) {
        boards = status.boards.map { board in
            Board(
                uid: board.uid, name: board.profile, port: board.port, firmware: board.firmware,
                state: board.condition.rawValue, fault: board.fault,
                channelCount: board.channels.count, pending: board.pending, link: board.link)
        }
    }

    /// A line a board, under a head.
    package var text: String {
        guard !boards.isEmpty else {
            return "no board yet; plug one in, or try a simulated one: cuelight-agent simulate\n"
        }
        var rows = [
            ["UID", "NAME", "PORT", "FIRMWARE", "STATE", "SENT", "AGAIN", "DAMAGED", "P50", "P99"]
        ]
        rows += boards.map { board in
            let figures = board.link.map { link in
                [
                    "\(link.sent)", "\(link.retries)", "\(link.damaged)",
                    "\(link.roundTripP50Microseconds) µs", "\(link.roundTripP99Microseconds) µs",
                ]
            }
            let state = board.fault.isEmpty ? board.state : "\(board.state) (\(board.fault))"
            // What a board says of itself is a stranger's word.
            let names = ["\(board.uid)", board.name, board.port, board.firmware, state]
            return names.map { $0.isEmpty ? "-" : LogLine.shown($0) }
                + (figures ?? Array(repeating: "-", count: 5))
        }
        let widths = (0..<rows[0].count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
