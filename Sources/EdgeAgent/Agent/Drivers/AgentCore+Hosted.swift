internal import Hardware
internal import Platform

/// Boards of the configuration file.
extension AgentCore {
    /// Opens those that are not, unless their port is given away.
    func openConfigured() {
        guard !isEnded else { return }
        for board in setup.hosted where drivers[board.reach.path] == nil {
            let path = board.reach.path
            guard !isLeased(path) else { continue }
            let loop = loop
            let driver = HostedDriver(
                board, usb: setup.ports.usb(of: path)?.words ?? "", version: setup.version,
                loop: loop, owner: self, log: log
            ) { board, tell in
                switch board.reach {
                case .firmata(_, let baud):
                    FirmataDevice(board, baud: baud, loop: loop, tell: tell)
                case .gpio: GPIODevice(board, loop: loop, tell: tell)
                }
            }
            drivers[path] = driver
            driver.start()
        }
    }

    /// Whether the configuration file says what is on the port: then nobody asks it in EP/1.
    func isHosted(_ port: String) -> Bool {
        guard !setup.hosted.isEmpty else { return false }
        let device = PortScanner.resolved(port)
        return setup.hosted.contains { PortScanner.resolved($0.reach.path) == device }
    }
}
