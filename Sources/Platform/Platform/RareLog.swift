internal import Synchronization

/// Writes what may happen very often, such as a bad frame from a stranger, at most once in a
/// while, with the number of times that it was left out. Any thread.
package final class RareLog: Sendable {
    private struct State {
        var nextNanoseconds = Int64.min
        var leftOutCount = 0
    }

    private let log: Log
    private let periodNanoseconds: Int64
    private let monotonicNanoseconds: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameter period: between two lines.
    package init(
        _ log: Log, every period: Duration = .seconds(10), time: TimeSource = .system
    ) {
        self.log = log
        periodNanoseconds = period.nanosecondsClamped
        monotonicNanoseconds = time.monotonicNanoseconds
    }

    /// Writes the warning, or counts it.
    package func warning(
        _ message: @autoclosure () -> String, _ more: KeyValuePairs<String, Log.Value> = [:]
    ) {
        let now = monotonicNanoseconds()
        let leftOut = state.withLock { state -> Int? in
            guard now >= state.nextNanoseconds else {
                state.leftOutCount += 1
                return nil
            }
            let (next, overflow) = now.addingReportingOverflow(periodNanoseconds)
            state.nextNanoseconds = overflow ? .max : next
            defer { state.leftOutCount = 0 }
            return state.leftOutCount
        }
        guard let leftOut else { return }
        let counted = leftOut == 0 ? log : log.with("left_out", .int(Int64(leftOut)))
        counted.warning(message(), more)
    }
}
