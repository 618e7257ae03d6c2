internal import Glibc

/// A system call that failed.
package struct LinuxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried, as a phrase: "open /dev/ttyACM0".
    package let operation: String
    /// The `errno` value, positive.
    package let code: Int32

    package init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// The error that `errno` holds now.
    package static func current(_ operation: String) -> LinuxError {
        LinuxError(operation, code: errno)
    }

    package var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

/// Turns the result of a C shim (≥ 0, or −errno) into a value or an error.
package func checked(_ operation: @autoclosure () -> String, _ result: Int32) throws(LinuxError)
    -> Int32
{
    guard result >= 0 else { throw LinuxError(operation(), code: -result) }
    return result
}
