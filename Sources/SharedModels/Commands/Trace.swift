/// The times of one cue's hops. Stamps are monotonic nanoseconds (`CLOCK_MONOTONIC`) of the
/// machine that made them; two stamps compare only if their machines' `clock` ids are equal.
package struct Trace: Hashable, Sendable, Codable {
    /// Names the cue in logs; the cue's id.
    package var id: String
    /// The control plane's clock: its machine's boot id.
    package var clock: String
    /// The agent's clock; empty until an agent stamped.
    package var agentClock: String
    /// How old the event already was when its bytes arrived, by the source's wall clock, in
    /// milliseconds; −1 if the source does not say.
    package var sourceAgeMilliseconds: Int64

    /// Of an event that a board's input made: the clock of the agent that read it, and when.
    package var inputClock: String?
    package var inputNanoseconds: Int64?
    /// The event's bytes were read from the socket.
    package var arrivedNanoseconds: Int64
    /// The rule engine decided.
    package var matchedNanoseconds: Int64
    /// The command was handed to the broker's socket.
    package var publishedNanoseconds: Int64
    /// The agent read it (agent's clock, as all below).
    package var receivedNanoseconds: Int64
    /// Its frame was written to the serial port.
    package var writtenNanoseconds: Int64
    /// The board's ACK was read.
    package var acknowledgedNanoseconds: Int64

    package init(
        id: String, clock: String, sourceAgeMilliseconds: Int64 = -1, arrivedNanoseconds: Int64,
        matchedNanoseconds: Int64 = 0, publishedNanoseconds: Int64 = 0
    ) {
        self.id = id
        self.clock = clock
        self.sourceAgeMilliseconds = sourceAgeMilliseconds
        self.arrivedNanoseconds = arrivedNanoseconds
        self.matchedNanoseconds = matchedNanoseconds
        self.publishedNanoseconds = publishedNanoseconds
        agentClock = ""
        receivedNanoseconds = 0
        writtenNanoseconds = 0
        acknowledgedNanoseconds = 0
    }

    private enum CodingKeys: String, CodingKey {
        case id, clock, agentClock = "agent_clock", sourceAgeMilliseconds = "source_age_ms"
        case inputClock = "input_clock", inputNanoseconds = "input_ns"
        case arrivedNanoseconds = "arrived_ns", matchedNanoseconds = "matched_ns"
        case publishedNanoseconds = "published_ns", receivedNanoseconds = "received_ns"
        case writtenNanoseconds = "written_ns", acknowledgedNanoseconds = "acknowledged_ns"
    }
}
