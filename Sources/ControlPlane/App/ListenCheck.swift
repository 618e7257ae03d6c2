internal import Glibc
internal import Platform

/// Finds out whether addresses can be listened on, before anything is started that needs them.
struct ListenCheck {
    /// How long an address may stay taken at the start: the services of a control plane that was
    /// killed a moment ago are still ending.
    private static let patience = Duration.seconds(2)
    private static let pause = Duration.milliseconds(100)

    let address: SocketAddress
    /// The setting that names it, and its flag.
    let setting: String

    /// Of the API and the console.
    static func http(_ settings: Settings) -> ListenCheck {
        ListenCheck(address: settings.listen, setting: "http.listen (--listen)")
    }

    /// Of the embedded broker.
    static func broker(_ settings: Settings) -> ListenCheck {
        ListenCheck(address: settings.brokerListen, setting: "mqtt.listen (--mqtt-listen)")
    }

    /// Throws `StartProblem.cannotListen` if the address cannot be listened on now. Socket files
    /// are left alone: whoever listens replaces a dead one.
    func check() throws(StartProblem) {
        if let descriptor = try open() { close(descriptor) }
    }

    /// Checks addresses that are wanted all together.
    static func check(_ checks: [ListenCheck]) async throws {
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        let end = ContinuousClock.now + patience
        for check in checks {
            while true {
                do {
                    if let descriptor = try check.open() { held.append(descriptor) }
                    break
                } catch {
                    guard error.isInUse, ContinuousClock.now < end else { throw error }
                    try await Task.sleep(for: pause)
                }
            }
        }
    }

    /// The failure to listen at the end of a start, as the same problem.
    func problem(_ reason: LinuxError) -> StartProblem {
        .cannotListen(address, setting: setting, reason: reason)
    }

    private func open() throws(StartProblem) -> Int32? {
        guard case .ip(_, let port) = address, port != 0 else { return nil }
        do throws(LinuxError) { return try Socket.listen(address) } catch {
            throw problem(error)
        }
    }
}

extension StartProblem {
    fileprivate var isInUse: Bool {
        if case .cannotListen(_, _, let reason) = self { reason.code == EADDRINUSE } else { false }
    }
}
