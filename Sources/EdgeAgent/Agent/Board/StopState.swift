package import SharedModels

/// The latched E-stop of this agent: the last `EmergencyStop` obeyed. A pure value, kept by the
/// journal, so that a restart does not release it.
package struct StopState: Hashable, Sendable {
    package private(set) var last: EmergencyStop

    /// Nothing was ever stopped.
    package init() {
        last = EmergencyStop(sequence: 0, isAgentStopped: false, stoppedBoards: [])
    }

    package init(_ last: EmergencyStop) { self.last = last }

    package func stops(_ board: BoardUID) -> Bool { last.stops(board) }

    /// Obeys a message; false if it is not above the last one obeyed, which changes nothing.
    package mutating func obey(_ message: EmergencyStop) -> Bool {
        guard message.sequence > last.sequence else { return false }
        last = message
        return true
    }
}
