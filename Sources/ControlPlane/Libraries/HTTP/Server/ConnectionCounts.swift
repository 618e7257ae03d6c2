internal import Synchronization

/// How many connections there are, in all and from each address; shared by the loops.
final class ConnectionCounts: Sendable {
    enum Verdict { case accepted, tooMany, tooManyFromAddress }

    private struct Counts {
        var total = 0
        var byAddress: [String: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let limits: HTTPLimits

    init(limits: HTTPLimits) { self.limits = limits }

    var total: Int { counts.withLock { $0.total } }

    /// - Parameter address: nil is counted in total only.
    func add(_ address: String?) -> Verdict {
        counts.withLock { counts in
            guard counts.total < limits.connections else { return .tooMany }
            if let address {
                let count = counts.byAddress[address, default: 0]
                guard count < limits.connectionsPerAddress else { return .tooManyFromAddress }
                counts.byAddress[address] = count + 1
            }
            counts.total += 1
            return .accepted
        }
    }

    func remove(_ address: String?) {
        counts.withLock { counts in
            counts.total -= 1
            guard let address, let count = counts.byAddress[address] else { return }
            counts.byAddress[address] = count > 1 ? count - 1 : nil
        }
    }
}
