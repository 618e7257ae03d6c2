internal import Platform
internal import SharedModels
internal import Synchronization

/// Writes down the E-stops that were pressed. They have acted by then, so nobody waits for it: it
/// is tried until the database has them, or until they are released.
final class StopKeeper: Worker {
    enum Limits {
        static let retryDelay = Duration.seconds(1)
    }

    private struct Debt {
        let workspace: WorkspaceID
        let account: AccountID?
        /// Whether the stop itself must be written, and not only a higher number.
        var isNew: Bool
        let number: Int
    }

    private struct Debts {
        /// Bounded by the number of targets.
        var open: [StopTarget: Debt] = [:]
        var count = 0
    }

    let name = "stop keeper"
    private let store: DevicesStore
    private let dispatcher: CommandDispatcher
    private let turn: Turn
    private let log: Log
    private let kept: @Sendable (WorkspaceID) -> Void
    private let debts = Mutex(Debts())
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - turn: taken while stops change in the database.
    ///   - kept: called when a stop of the workspace was written down.
    init(
        store: DevicesStore, dispatcher: CommandDispatcher, turn: Turn, log: Log,
        kept: @escaping @Sendable (WorkspaceID) -> Void
    ) {
        self.store = store
        self.dispatcher = dispatcher
        self.turn = turn
        self.log = log
        self.kept = kept
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Writes down that the target is stopped, soon.
    /// - Parameters:
    ///   - account: who pressed; nil if that is not known.
    ///   - isNew: false if it was stopped already, and only its agents have new numbers.
    func owe(
        _ target: StopTarget, of workspace: WorkspaceID, by account: AccountID?, isNew: Bool
    ) {
        debts.withLock { debts in
            debts.count += 1
            let old = debts.open[target]
            debts.open[target] = Debt(
                workspace: workspace, account: old?.account ?? account,
                isNew: isNew || (old?.isNew ?? false), number: debts.count)
        }
        wakeUp.yield()
    }

    /// Whether the database knows that the target is stopped, if it is.
    func isKept(_ target: StopTarget) -> Bool {
        debts.withLock { !($0.open[target]?.isNew ?? false) }
    }

    func run() async throws {
        for await _ in wakeUps {
            while !Task.isCancelled, await !payAll() {
                // Cancellation cuts the pause short, and ends the loop.
                try? await Task.sleep(for: Limits.retryDelay)
            }
        }
    }

    private func payAll() async -> Bool {
        for (target, debt) in debts.withLock({ $0.open }) {
            do { try await pay(debt, for: target) } catch {
                log.error("an E-stop is not written down yet", ["reason": .string("\(error)")])
            }
        }
        return debts.withLock { $0.open.isEmpty }
    }

    private func pay(_ debt: Debt, for target: StopTarget) async throws {
        try await turn.take {
            let sequences = await dispatcher.run { dispatcher -> [(AgentID, Int64)]? in
                let directory = dispatcher.directory
                guard directory.stops.contains(target) else { return nil }
                return directory.stopSequences(of: target, in: debt.workspace)
            }
            // Released meanwhile: there is nothing to write down.
            if let sequences {
                try await store.insertStop(
                    target, of: debt.workspace, by: debt.account, sequences: sequences,
                    deadline: DevicesService.StopLimits.writing)
            }
            debts.withLock { debts in
                // A press that came while this was written has numbers of its own.
                if debts.open[target]?.number == debt.number {
                    debts.open[target] = nil
                } else if sequences != nil {
                    debts.open[target]?.isNew = false
                }
            }
        }
        kept(debt.workspace)
    }
}
