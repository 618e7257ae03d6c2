internal import CLinux

/// A moment of the wall clock in Unix microseconds, UTC: SQL's `timestamptz`, exactly.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var unixMicroseconds: Int64

    package init(unixMicroseconds: Int64) { self.unixMicroseconds = unixMicroseconds }

    /// What does not fit becomes `distantPast` or `distantFuture`.
    package init(unixMilliseconds: Int64) {
        let (value, overflow) = unixMilliseconds.multipliedReportingOverflow(by: 1000)
        unixMicroseconds = overflow ? (unixMilliseconds < 0 ? .min : .max) : value
    }

    /// SQL's `-infinity` and `infinity`.
    package static let distantPast = Timestamp(unixMicroseconds: .min)
    package static let distantFuture = Timestamp(unixMicroseconds: .max)

    /// Now, by this machine's clock, to the millisecond.
    package static var now: Timestamp { Timestamp(unixMilliseconds: cue_unix_ms()) }

    /// Unix milliseconds, rounded down.
    package var unixMilliseconds: Int64 {
        let (quotient, remainder) = unixMicroseconds.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.unixMicroseconds < right.unixMicroseconds
    }

    /// Moves by whole microseconds; stops at the distant ends.
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let part = attoseconds / 1_000_000_000_000
        let (delta, overflow2) = whole.addingReportingOverflow(part)
        let (sum, overflow3) = time.unixMicroseconds.addingReportingOverflow(delta)
        guard !overflow, !overflow2, !overflow3 else {
            return duration < .zero ? .distantPast : .distantFuture
        }
        return Timestamp(unixMicroseconds: sum)
    }
}

extension Timestamp: PostgresValue {
    /// PostgreSQL counts from 2000-01-01; Unix microseconds of that moment.
    private static let epoch: Int64 = 946_684_800_000_000

    package static var postgresType: PostgresType { .timestamptz }
    package static var postgresArrayType: PostgresType { .timestamptzArray }
    package static func accepts(_ type: PostgresType) -> Bool { type == .timestamptz }

    package func encode(to buffer: inout PostgresBuffer) {
        let (value, overflow) = unixMicroseconds.subtractingReportingOverflow(Self.epoch)
        switch unixMicroseconds {
        case .max, .min: buffer.append(unixMicroseconds)
        // Before anything that PostgreSQL can hold, which it then says itself.
        default: buffer.append(overflow ? Int64.min + 1 : value)
        }
    }

    package init(from cell: PostgresCell) throws(PostgresCellError) {
        let value = try cell.integer(as: Int64.self)
        if value == .max || value == .min {
            self.init(unixMicroseconds: value)
            return
        }
        let (unix, overflow) = value.addingReportingOverflow(Self.epoch)
        guard !overflow else { throw .malformed("time out of range") }
        self.init(unixMicroseconds: unix)
    }
}
