/// When the frames of a capture are due in a replay at 1 to 100 times its speed. Pure: the
/// caller waits until `due` and tells the clock.
package struct ReplaySchedule: Hashable, Sendable {
    /// The speeds that can be asked for; others are held within.
    package static let speeds = 1.0...100.0

    package let speed: Double
    private let startNanoseconds: Int64
    private let firstOffsetMicroseconds: Int64

    /// - Parameters:
    ///   - startNanoseconds: monotonic time at which the first frame is due.
    ///   - firstOffsetMicroseconds: the offset of that frame, so that silence before it is
    ///     left out.
    package init(speed: Double, startNanoseconds: Int64, firstOffsetMicroseconds: Int64) {
        self.speed =
            speed.isNaN ? 1 : min(max(speed, Self.speeds.lowerBound), Self.speeds.upperBound)
        self.startNanoseconds = startNanoseconds
        self.firstOffsetMicroseconds = firstOffsetMicroseconds
    }

    /// The monotonic time in nanoseconds at which the frame is due. Frames keep their distance
    /// to the start, so a late one does not delay those behind it.
    package func due(_ frame: CapturedFrame) -> Int64 {
        let offset = max(
            0,
            frame.offsetMicroseconds.subtractingReportingOverflow(
                firstOffsetMicroseconds
            ).partialValue)
        let nanoseconds = Double(offset) * 1_000 / speed
        guard nanoseconds < 9e18 else { return .max }
        let (due, overflow) = startNanoseconds.addingReportingOverflow(Int64(nanoseconds))
        return overflow ? .max : due
    }

    /// How long to wait for the frame; zero if it is due.
    package func wait(for frame: CapturedFrame, nowNanoseconds: Int64) -> Duration {
        let (wait, overflow) = due(frame).subtractingReportingOverflow(nowNanoseconds)
        return .nanoseconds(overflow ? .max : max(0, wait))
    }
}
