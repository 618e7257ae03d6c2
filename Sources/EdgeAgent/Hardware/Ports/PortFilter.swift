internal import Glibc

/// Which of the ports that are found may be opened, by patterns of a shell (`*`, `?`, `[…]`).
/// A pattern is compared with the port's path (`/dev/ttyUSB*`) and with its USB numbers
/// (`2341:0043`, `1a86:*`).
package struct PortFilter: Hashable, Sendable {
    /// Only what one of these matches is opened; empty allows everything.
    package let allowed: [String]
    /// What one of these matches is never opened, whatever is allowed.
    package let denied: [String]

    package init(allowed: [String] = [], denied: [String] = []) {
        self.allowed = allowed
        self.denied = denied
    }

    package func allows(path: String, usb: USBIdentity?) -> Bool {
        func matches(_ patterns: [String]) -> Bool {
            patterns.contains { pattern in
                if fnmatch(pattern, path, 0) == 0 { return true }
                guard let numbers = usb?.numbers.lowercased() else { return false }
                return fnmatch(pattern.lowercased(), numbers, 0) == 0
            }
        }
        return !matches(denied) && (allowed.isEmpty || matches(allowed))
    }
}
