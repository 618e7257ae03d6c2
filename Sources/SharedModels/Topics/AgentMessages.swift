/// The wanted stop state of one agent; the payload of the `estop` topic. It is retained, so an
/// agent that was away finds it. A stop latches: only a later message with a higher `sequence`
/// and without the stop releases it.
package struct EmergencyStop: Hashable, Sendable, Codable {
    /// Grows with each change; an agent ignores one that is not above the last it obeyed.
    package let sequence: Int64
    /// The whole agent is stopped (agent or workspace E-stop).
    package let isAgentStopped: Bool
    /// The boards stopped one by one.
    package let stoppedBoards: [BoardUID]

    package init(sequence: Int64, isAgentStopped: Bool, stoppedBoards: [BoardUID]) {
        self.sequence = sequence
        self.isAgentStopped = isAgentStopped
        self.stoppedBoards = stoppedBoards
    }

    /// Whether that board must not move.
    package func stops(_ board: BoardUID) -> Bool {
        isAgentStopped || stoppedBoards.contains(board)
    }

    private enum CodingKeys: String, CodingKey {
        case sequence, isAgentStopped = "agent_stopped", stoppedBoards = "stopped_boards"
    }
}

/// Commands to take back if they are still queued; the payload of the `cancel` topic.
package struct Cancellation: Hashable, Sendable, Codable {
    /// 1 to 256.
    package let commands: [CommandID]

    package init(commands: [CommandID]) { self.commands = commands }

    private enum CodingKeys: String, CodingKey { case commands = "command_ids" }
}

/// What an agent is and how its boards are; the payload of the `state` topic, retained. The
/// will is the same with `isOnline` false and no boards.
package struct AgentState: Hashable, Sendable, Codable {
    package let isOnline: Bool
    package let version: String
    /// When the agent's process started, Unix milliseconds UTC.
    package let startedAtMilliseconds: Int64
    /// The sequence of the last `EmergencyStop` obeyed; 0 for none.
    package let stopSequence: Int64
    package let isStopped: Bool
    package let boards: [BoardState]
    /// The firmware that it can flash; nil for none, and from agents that cannot say so.
    package let firmware: [FirmwareOffer]?
    /// How the last flashing that it was told to do stands, also after a restart; nil for none.
    package let flashing: FlashReport?

    package init(
        isOnline: Bool, version: String, startedAtMilliseconds: Int64, stopSequence: Int64,
        isStopped: Bool, boards: [BoardState], firmware: [FirmwareOffer]? = nil,
        flashing: FlashReport? = nil
    ) {
        self.isOnline = isOnline
        self.version = version
        self.startedAtMilliseconds = startedAtMilliseconds
        self.stopSequence = stopSequence
        self.isStopped = isStopped
        self.boards = boards
        self.firmware = firmware
        self.flashing = flashing
    }

    private enum CodingKeys: String, CodingKey {
        case firmware, flashing
        case isOnline = "online", version, startedAtMilliseconds = "started_at_ms"
        case stopSequence = "stop_sequence", isStopped = "stopped", boards
    }
}

/// How one board is.
package struct BoardState: Hashable, Sendable, Codable {
    package enum Condition: String, Hashable, Sendable, Codable, CaseIterable {
        /// No port, or a port that does not answer.
        case offline
        /// Answering, outputs at their safe values, not armed.
        case safe
        /// Ready for commands.
        case armed
        /// E-stop latched.
        case estopped
        /// Kept restarting and was put out of use; answers, disarmed.
        case quarantined
    }

    package let uid: BoardUID
    package let condition: Condition
    /// The last fault's word (`link_lost`, `watchdog`, `max_on`, …); empty for none.
    package let fault: String
    /// The dangerous channels that may be used now; nil for none.
    package let unlocked: [String]?
    /// What became of its sequences; nil for none.
    package let sequences: [SequenceState]?
    /// The number of the sequence that it plays; nil for none.
    package let playing: Int?

    package init(
        uid: BoardUID, condition: Condition, fault: String = "", unlocked: [String]? = nil,
        sequences: [SequenceState]? = nil, playing: Int? = nil
    ) {
        self.uid = uid
        self.condition = condition
        self.fault = fault
        self.unlocked = unlocked
        self.sequences = sequences
        self.playing = playing
    }
}

/// The boards of an agent with their manifests; the payload of the `manifest` topic, retained.
package struct AgentManifest: Hashable, Sendable, Codable {
    package struct Board: Hashable, Sendable, Codable {
        package let uid: BoardUID
        package let port: String
        package let manifest: BoardManifest

        package init(uid: BoardUID, port: String, manifest: BoardManifest) {
            self.uid = uid
            self.port = port
            self.manifest = manifest
        }
    }

    /// At most `boardsMax`.
    package let boards: [Board]
    package static let boardsMax = 16

    package init(boards: [Board]) { self.boards = boards }
}

/// Figures of an agent, sent every ten seconds; the payload of the `telemetry` topic.
package struct AgentTelemetry: Hashable, Sendable, Codable {
    /// What the links with one board have counted since the agent started, over all connections
    /// and on both ends of the line.
    package struct Link: Hashable, Sendable, Codable {
        package let uid: BoardUID
        /// Frames sent for the first time, and again.
        package let sent: Int
        package let retries: Int
        /// Frames that arrived damaged.
        package let crcErrors: Int
        package let framingErrors: Int
        /// Bytes that the board had no room for.
        package let overruns: Int
        /// Frames that came twice and were not carried out again.
        package let duplicates: Int
        /// Connections that ended by themselves: unplugged, or no answer.
        package let losses: Int
        /// Restarts of the board that nobody asked for.
        package let resets: Int
        /// Round trip of the latest frames, microseconds; 0 before the first.
        package let roundTripP50Microseconds: Int
        package let roundTripP99Microseconds: Int

        package init(
            uid: BoardUID, sent: Int, retries: Int, crcErrors: Int, framingErrors: Int,
            overruns: Int, duplicates: Int, losses: Int, resets: Int,
            roundTripP50Microseconds: Int, roundTripP99Microseconds: Int
        ) {
            self.uid = uid
            self.sent = sent
            self.retries = retries
            self.crcErrors = crcErrors
            self.framingErrors = framingErrors
            self.overruns = overruns
            self.duplicates = duplicates
            self.losses = losses
            self.resets = resets
            self.roundTripP50Microseconds = roundTripP50Microseconds
            self.roundTripP99Microseconds = roundTripP99Microseconds
        }

        /// Also reads what an older agent sends, which counts less.
        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            func count(_ key: CodingKeys) throws -> Int {
                try container.decode(Int.self, forKey: key)
            }
            func laterCount(_ key: CodingKeys) throws -> Int {
                try container.decodeIfPresent(Int.self, forKey: key) ?? 0
            }
            self.init(
                uid: try container.decode(BoardUID.self, forKey: .uid), sent: try count(.sent),
                retries: try count(.retries), crcErrors: try count(.crcErrors),
                framingErrors: try laterCount(.framingErrors), overruns: try count(.overruns),
                duplicates: try count(.duplicates), losses: try laterCount(.losses),
                resets: try laterCount(.resets),
                roundTripP50Microseconds: try count(.roundTripP50Microseconds),
                roundTripP99Microseconds: try count(.roundTripP99Microseconds))
        }

        /// Every figure that only grows while the agent runs, by its name.
        package var counts: [(name: String, value: Int)] {
            [
                ("sent", sent), ("retries", retries), ("crc_errors", crcErrors),
                ("framing_errors", framingErrors), ("overruns", overruns),
                ("duplicates", duplicates), ("losses", losses), ("resets", resets),
            ]
        }

        private enum CodingKeys: String, CodingKey {
            case uid, sent, retries, crcErrors = "crc_errors", framingErrors = "framing_errors"
            case overruns, duplicates, losses, resets
            case roundTripP50Microseconds = "round_trip_p50_us"
            case roundTripP99Microseconds = "round_trip_p99_us"
        }
    }

    package let uptimeSeconds: Int
    package let residentBytes: Int
    package let spooledOutcomes: Int
    package let droppedOutcomes: Int
    package let links: [Link]

    package init(
        uptimeSeconds: Int, residentBytes: Int, spooledOutcomes: Int, droppedOutcomes: Int,
        links: [Link]
    ) {
        self.uptimeSeconds = uptimeSeconds
        self.residentBytes = residentBytes
        self.spooledOutcomes = spooledOutcomes
        self.droppedOutcomes = droppedOutcomes
        self.links = links
    }

    private enum CodingKeys: String, CodingKey {
        case uptimeSeconds = "uptime_s", residentBytes = "resident_bytes"
        case spooledOutcomes = "spooled_outcomes", droppedOutcomes = "dropped_outcomes", links
    }
}
