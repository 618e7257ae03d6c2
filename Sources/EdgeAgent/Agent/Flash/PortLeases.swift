internal import Platform

/// How a port is had from who holds it, for a while: a running agent lets go of it, and takes it
/// back by itself when the time is over.
package struct PortLeases: Sendable {
    package enum Limits {
        /// How long a lease lasts at most, seconds; it is renewed while flashing goes on.
        package static let secondsMax = 300
        static let renewal: Duration = .seconds(30)
        static let seconds = 120
    }

    /// Asks for a port for so many seconds. Returns once it is free.
    package let take: @Sendable (_ port: String, _ seconds: Int) async throws(FlashProblem) -> Void
    package let giveBack: @Sendable (_ port: String) async -> Void

    package init(
        take: @escaping @Sendable (String, Int) async throws(FlashProblem) -> Void,
        giveBack: @escaping @Sendable (String) async -> Void
    ) {
        self.take = take
        self.giveBack = giveBack
    }

    /// Nobody holds ports.
    package static let none = PortLeases(take: { _, _ in }, giveBack: { _ in })

    /// From the agent that runs with this control socket, if one does.
    package static func ofAgent(at controlPath: String) -> PortLeases {
        PortLeases(
            take: { port, seconds throws(FlashProblem) in
                do {
                    try ControlClient.lease(port, seconds: seconds, at: controlPath)
                } catch ControlClient.Problem.notRunning {
                    // Nobody to ask.
                } catch {
                    throw .notStarted("the running agent does not let go of the port: \(error)")
                }
            },
            giveBack: { port in
                // The lease ends by itself.
                try? ControlClient.giveBack(port, at: controlPath)
            })
    }

    /// From an agent in this process.
    package static func of(_ core: AgentCore) -> PortLeases {
        PortLeases(
            take: { port, seconds in
                await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                    core.loop.submit {
                        core.lease(port, seconds: seconds)
                        done.resume()
                    }
                }
            },
            giveBack: { port in
                await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                    core.loop.submit {
                        core.takeBack(port)
                        done.resume()
                    }
                }
            })
    }
}
