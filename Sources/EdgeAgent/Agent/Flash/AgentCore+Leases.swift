internal import Glibc
internal import Platform

/// Ports that are given away for a while, so that their boards can be flashed.
extension AgentCore {
    /// Lets go of a port: its board is disarmed, the port closed, and left alone until it is given
    /// back or the time is over. A second lease of the same port replaces the first. On the loop.
    package func lease(_ port: String, seconds: Int) {
        loop.preconditionOnLoop()
        let lasts = Duration.seconds(min(max(seconds, 1), PortLeases.Limits.secondsMax))
        let path = Self.resolved(port)
        leases[path] = SystemTime.monotonicNanoseconds + lasts.nanosecondsClamped
        for (name, driver) in drivers where Self.resolved(name) == path {
            log.info("port given away", ["port": .string(name)])
            driver.end()
            drivers[name] = nil
        }
    }

    /// Takes a port back. On the loop.
    package func takeBack(_ port: String) {
        loop.preconditionOnLoop()
        guard leases.removeValue(forKey: Self.resolved(port)) != nil, !isEnded else { return }
        log.info("port taken back", ["port": .string(port)])
        look()
    }

    /// Whether somebody else has the port now.
    func isLeased(_ port: String) -> Bool {
        guard !leases.isEmpty else { return false }
        let now = SystemTime.monotonicNanoseconds
        leases = leases.filter { $0.value > now }
        return leases[Self.resolved(port)] != nil
    }

    /// The path without symbolic links: a port has several names.
    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
