package import Hardware
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
        /// False if its outputs stay on when this computer dies; nil for true.
        package var watchdog: Bool?
        package var condition: BoardState.Condition
        package var fault: String
        package var pending: Int
        package var channels: [Channel]
        /// What its links have counted since the agent started; nil if it was never connected.
        package var link: AgentTelemetry.Link?
        /// The connection that there is; nil if there is none.
        package var connection: Connection?
        /// Nil for none.
        package var sequences: [SequenceState]? = nil
        /// The number of the sequence that it plays.
        package var playing: Int? = nil
        /// How far off its clock may be as the agent knows it; nil if it is not read.
        package var clockDoubtMicroseconds: Int? = nil

        private enum CodingKeys: String, CodingKey {
            case uid, port, profile, firmware, condition, fault, pending, channels, link
            case connection, sequences, playing, clockDoubtMicroseconds = "clock_doubt_us"
        }
    }

    package struct Connection: Hashable, Sendable, Codable {
        package var strays: Int
        package var refusals: Int
        package var reboots: Int
        package var lostEvents: Int
        /// The board's own counters; nil until they were read.
        package var board: BoardCounters?

        private enum CodingKeys: String, CodingKey {
            case strays, refusals, reboots, lostEvents = "lost_events", board
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
        /// The trouble of a port that may not be opened.
        static let leftAlone = "left alone, as --allow-port and --deny-port say"

        package var path: String
        /// What the USB device says of itself; empty if nothing.
        package var usb: String
        package var isOpen: Bool
        /// What is wrong; empty if nothing.
        package var trouble: String
        /// How long until it is tried again, milliseconds; 0 while it is open or never.
        package var retryMilliseconds: Int

        private enum CodingKeys: String, CodingKey {
            case path, usb, isOpen = "open", trouble, retryMilliseconds = "retry_ms"
        }
    }

    /// How the agent learns of ports that come and go.
    package struct PortWatch: Hashable, Sendable, Codable {
        package var way: PortWatcher.Way
        /// Why it is not udev; empty if it is, or if nothing else was wanted.
        package var trouble: String
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
    /// Nil if ports are not found by themselves.
    package var portWatch: PortWatch?
    /// How the last flashing that was ordered stands; nil for none.
    package var flashing: FlashReport?
    /// The latest, newest last.
    package var outcomes: [Outcome]

    private enum CodingKeys: String, CodingKey {
        case version, isOnline = "online", brokerTrouble = "broker_trouble"
        case isStopped = "stopped", stopSequence = "stop_sequence", telemetry, received
        case executed, boards, ports, portWatch = "port_watch", flashing, outcomes
    }
}
