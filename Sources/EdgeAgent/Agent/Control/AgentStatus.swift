package import SharedModels

/// Everything a running agent can say of itself; what `status` and `doctor` show.
package struct AgentStatus: Hashable, Sendable, Codable {
    package struct Board: Hashable, Sendable, Codable {
        package struct Channel: Hashable, Sendable, Codable {
            package var name: String
            package var kind: String
            /// Commands that wait for it.
            package var waiting: Int
            /// Why a command would not be done at once; empty if it would.
            package var obstacle: String
            package var detail: String
            package var advice: String
        }

        package var uid: BoardUID
        /// Empty while it is not connected.
        package var port: String
        package var profile: String
        package var firmware: String
        package var condition: BoardState.Condition
        package var fault: String
        package var pending: Int
        package var channels: [Channel]
        package var link: Link?
    }

    package struct Link: Hashable, Sendable, Codable {
        package var sent: Int
        package var retries: Int
        package var damaged: Int
        package var strays: Int
        package var refusals: Int
        package var reboots: Int
        package var lostEvents: Int
        package var roundTripP50Microseconds: Int
        package var roundTripP99Microseconds: Int
        /// The board's own counters; nil until they were read.
        package var board: BoardCounters?

        private enum CodingKeys: String, CodingKey {
            case sent, retries, damaged, strays, refusals, reboots, lostEvents = "lost_events"
            case roundTripP50Microseconds = "round_trip_p50_us"
            case roundTripP99Microseconds = "round_trip_p99_us", board
        }
    }

    package struct BoardCounters: Hashable, Sendable, Codable {
        package var crcErrors: Int
        package var framingErrors: Int
        package var overruns: Int
        package var duplicates: Int
        package var linkLosses: Int
        package var executed: Int
        package var loopMaxMicroseconds: Int
        package var resetCause: String
        package var uptimeSeconds: Int
        package var boots: Int

        private enum CodingKeys: String, CodingKey {
            case crcErrors = "crc_errors", framingErrors = "framing_errors", overruns, duplicates
            case linkLosses = "link_losses", executed, loopMaxMicroseconds = "loop_max_us"
            case resetCause = "reset_cause", uptimeSeconds = "uptime_s", boots
        }
    }

    package struct Port: Hashable, Sendable, Codable {
        package var path: String
        package var isOpen: Bool
        /// What is wrong; empty if nothing.
        package var trouble: String

        private enum CodingKeys: String, CodingKey { case path, isOpen = "open", trouble }
    }

    package var version: String
    package var isOnline: Bool
    /// Why there is no broker; empty while online.
    package var brokerTrouble: String
    package var isStopped: Bool
    package var stopSequence: Int64
    package var telemetry: AgentTelemetry
    package var received: Int
    package var executed: Int
    package var boards: [Board]
    package var ports: [Port]
    /// The latest, newest last.
    package var outcomes: [Outcome]

    private enum CodingKeys: String, CodingKey {
        case version, isOnline = "online", brokerTrouble = "broker_trouble"
        case isStopped = "stopped", stopSequence = "stop_sequence", telemetry, received
        case executed, boards, ports, outcomes
    }
}
