internal import CGPIO
internal import Glibc

/// Lines of one GPIO chip of this computer, held for us alone through libgpiod 1.6. Used by one
/// thread at a time. Calls take microseconds on a chip of the SoC, and as long as its bus on an
/// expander.
///
/// The kernel takes the lines back when the process ends, however it ends; what is on the pin
/// then is up to the chip's driver.
package final class GPIOChip {
    /// Why a chip or a line cannot be used.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// What was tried.
        package let operation: String
        /// errno.
        package let code: Int32

        package init(operation: String, code: Int32) {
            self.operation = operation
            self.code = code
        }

        package var description: String {
            let advice =
                switch code {
                case ENOENT: "it is not there (gpiodetect lists the chips)"
                case EACCES, EPERM: "no permission; add the agent's user to the group gpio"
                case EBUSY: "another program, or a driver of the kernel, holds it (gpioinfo)"
                case EINVAL: "the chip has no such line, or cannot do this"
                default: String(cString: strerror(code))
                }
            return "\(operation): \(advice)"
        }

        /// The chip is gone from the machine.
        package var isGone: Bool { code == ENODEV || code == ENXIO || code == ENOENT }
    }

    /// Which resistor holds an input while nothing drives it.
    package enum Pull: String, Hashable, Sendable, CaseIterable {
        case up, down, none
        /// As the chip has it.
        case asIs = "as_is"
    }

    /// Lines held at most.
    package static let linesMax = 32

    private let chip: OpaquePointer
    private var lines: [UInt32: OpaquePointer] = [:]
    private static let consumer = "cuelight-agent"

    /// - Parameter path: such as `/dev/gpiochip0`.
    package init(path: String) throws(Problem) {
        errno = 0
        // gpiod_chip_open: owns the handle until gpiod_chip_close.
        guard let chip = gpiod_chip_open(path) else { throw .current(path) }
        self.chip = chip
    }

    deinit { close() }

    /// Gives all lines back; what is on them then is up to the chip.
    private func close() {
        for line in lines.values { gpiod_line_release(line) }
        gpiod_chip_close(chip)
    }

    /// Takes a line as an output, which is off from the first moment.
    package func takeOutput(_ number: UInt32, isActiveLow: Bool) throws(Problem) {
        let line = try find(number)
        errno = 0
        let flags = isActiveLow ? cue_gpio_active_low() : 0
        guard gpiod_line_request_output_flags(line, Self.consumer, flags, 0) == 0 else {
            throw .current("line \(number)")
        }
        lines[number] = line
    }

    /// Takes a line as an input that tells its edges.
    /// - Returns: a descriptor that becomes readable with an edge; the line's, closed with it.
    package func takeInput(
        _ number: UInt32, isActiveLow: Bool, pull: Pull
    ) throws(Problem) -> Int32 {
        let line = try find(number)
        errno = 0
        var flags = isActiveLow ? cue_gpio_active_low() : 0
        switch pull {
        case .up: flags |= cue_gpio_pull_up()
        case .down: flags |= cue_gpio_pull_down()
        case .none: flags |= cue_gpio_pull_none()
        case .asIs: break
        }
        guard gpiod_line_request_both_edges_events_flags(line, Self.consumer, flags) == 0 else {
            throw .current("line \(number)")
        }
        lines[number] = line
        let descriptor = gpiod_line_event_get_fd(line)
        guard descriptor >= 0 else { throw .current("line \(number)") }
        return descriptor
    }

    package func set(_ number: UInt32, _ isOn: Bool) throws(Problem) {
        guard let line = lines[number] else { throw Problem(operation: "line", code: EINVAL) }
        errno = 0
        guard gpiod_line_set_value(line, isOn ? 1 : 0) == 0 else {
            throw .current("line \(number)")
        }
    }

    /// Whether the line is on, as its active level says.
    package func isOn(_ number: UInt32) throws(Problem) -> Bool {
        guard let line = lines[number] else { throw Problem(operation: "line", code: EINVAL) }
        errno = 0
        let value = gpiod_line_get_value(line)
        guard value >= 0 else { throw .current("line \(number)") }
        return value == 1
    }

    /// Takes one edge that waits; only after its descriptor was readable.
    package func takeEdge(_ number: UInt32) throws(Problem) {
        guard let line = lines[number] else { throw Problem(operation: "line", code: EINVAL) }
        errno = 0
        var event = gpiod_line_event()
        guard gpiod_line_event_read(line, &event) == 0 else { throw .current("line \(number)") }
    }

    private func find(_ number: UInt32) throws(Problem) -> OpaquePointer {
        guard lines[number] == nil, lines.count < Self.linesMax else {
            throw Problem(operation: "line \(number)", code: EBUSY)
        }
        errno = 0
        // gpiod_chip_get_line: the line belongs to the chip.
        guard let line = gpiod_chip_get_line(chip, number) else {
            throw .current("line \(number)")
        }
        return line
    }
}

extension GPIOChip.Problem {
    fileprivate static func current(_ operation: String) -> Self {
        Self(operation: operation, code: errno == 0 ? EIO : errno)
    }
}
