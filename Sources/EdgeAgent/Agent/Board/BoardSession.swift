package import Hardware
package import SharedModels

/// What the agent decides about one board: which command goes next, what becomes of those that
/// cannot go, and whether the board may be used at all. It outlives the board's connections.
/// A pure value; times are monotonic nanoseconds.
package struct BoardSession: Sendable {
    package enum Limits {
        /// Unexpected restarts within the window that put a board out of use.
        package static let rebootsMax = 3
        package static let rebootWindowNanoseconds: Int64 = 60_000_000_000
        /// How often one command is tried again after `not_armed`.
        package static let refusalsMax = 3
        /// Pause before a command that was refused as not armed is tried again.
        package static let refusalPauseNanoseconds: Int64 = 50_000_000
    }

    /// How a command ended here.
    package struct Ended: Hashable, Sendable {
        package let pending: PendingCommand
        package let status: Outcome.Status
        /// Nil if executed.
        package let reason: Reason?
        /// More than the reason's own sentence, or empty.
        package let detail: String

        init(
            _ pending: PendingCommand, _ status: Outcome.Status, _ reason: Reason? = nil,
            _ detail: String = ""
        ) {
            self.pending = pending
            self.status = status
            self.reason = reason
            self.detail = detail
        }
    }

    package let uid: BoardUID
    package private(set) var manifest: BoardManifest
    package private(set) var isConnected = false
    package private(set) var isStopped: Bool
    package private(set) var isQuarantined = false
    /// The last fault's word; empty for none.
    package private(set) var fault = ""
    package private(set) var mode = LinkState.Mode.safe
    /// The command whose frame is on the line.
    package private(set) var inFlight: PendingCommand?
    private var queues: [UInt8: ChannelQueue] = [:]
    private var reboots: [Int64] = []
    /// Why nothing new may be sent; nil if it may.
    private var hold: Reason?
    /// Nobody can reach the agent to stop it, so the board is not kept armed.
    private var isCutOff: Bool

    /// - Parameters:
    ///   - manifest: of this or an earlier connection.
    ///   - isStopped: the latched E-stop.
    ///   - hold: why commands may not go out yet; nil if they may.
    ///   - isCutOff: whether the broker has been away for too long.
    package init(
        uid: BoardUID, manifest: BoardManifest, isStopped: Bool, hold: Reason?,
        isCutOff: Bool = false
    ) {
        self.isCutOff = isCutOff
        self.uid = uid
        self.manifest = manifest
        self.isStopped = isStopped
        self.hold = hold
    }

    /// What the link shall make of the board.
    package var wish: LinkSession.Wish {
        if isStopped { return .stopped }
        return isQuarantined || isCutOff ? .safe : .armed
    }

    /// For the state topic.
    package var condition: BoardState.Condition {
        guard isConnected else { return .offline }
        if isQuarantined { return .faulted }
        return switch mode {
        case .estopped: .estopped
        case .armed: .armed
        case .safe: .safe
        }
    }

    /// Commands that wait, and the one on the line.
    package var pendingCount: Int {
        queues.values.reduce(inFlight == nil ? 0 : 1) { $0 + $1.count }
    }

    /// Commands that wait for one channel.
    package func waitingCount(channel: UInt8) -> Int { queues[channel]?.count ?? 0 }

    /// Why a command for the channel would not be done now; nil if it would.
    package func obstacle(channel: Channel, at now: Int64) -> Reason? {
        if isStopped { return .estopped }
        if isQuarantined { return .quarantined }
        if !isConnected { return .boardOffline }
        if let hold { return hold }
        if mode != .armed { return .notArmed }
        let queue = queues[channel.id] ?? ChannelQueue()
        if queue.count >= ChannelQueue.countMax { return .queueFull }
        return queue.freeAtNanoseconds > now ? .busy : nil
    }

    /// Takes a command for one of its channels.
    package mutating func submit(_ pending: PendingCommand, at now: Int64) -> [Ended] {
        if isStopped { return [Ended(pending, .rejected, .estopped)] }
        if isQuarantined { return [Ended(pending, .rejected, .quarantined)] }
        if pending.deadlineNanoseconds <= now { return [Ended(pending, .expired, .late)] }
        switch queues[pending.channel.id, default: ChannelQueue()].append(pending) {
        case .full: return [Ended(pending, .rejected, .queueFull)]
        case .taken(let superseded):
            return superseded.map { Ended($0, .cancelled, .superseded) }
        }
    }

    /// Takes out what is past its deadline.
    package mutating func expire(at now: Int64) -> [Ended] {
        let reason: Reason =
            !isConnected ? .boardOffline : hold ?? .waited
        return take { $0.takeExpired(at: now) }.map { Ended($0, .expired, reason) }
    }

    /// The command that may go now, if there is one.
    /// - Parameter canSend: whether the link takes a command, quiet or not.
    package func next(at now: Int64, canSend: (_ isQuiet: Bool) -> Bool) -> PendingCommand? {
        guard isConnected, hold == nil, !isStopped, !isQuarantined, inFlight == nil else {
            return nil
        }
        let ready = queues.values.lazy.compactMap { $0.ready(at: now) }
        guard let first = ready.min(by: { $0.order < $1.order }),
            canSend(first.channel.isQuiet)
        else { return nil }
        return first
    }

    /// Puts the command that `next` named in flight; its frame is written next.
    package mutating func begin(_ pending: PendingCommand) {
        precondition(inFlight == nil, "one command at a time")
        let taken = queues[pending.channel.id]?.takeFirst()
        precondition(taken?.command.id == pending.command.id, "only the first of a queue begins")
        inFlight = taken
        inFlight?.wasSent = true
    }

    /// Takes out a command that waits, as if it had never come.
    package mutating func withdraw(_ id: CommandID) { _ = take { $0.take([id]) } }

    /// Stamps the command on the line.
    package mutating func stamp(_ change: (inout Trace) -> Void) {
        guard var pending = inFlight else { return }
        change(&pending.command.trace)
        inFlight = pending
    }

    /// The link's word about the command on the line.
    package mutating func finish(
        _ id: CommandID, _ result: LinkSession.CommandResult, at now: Int64
    ) -> [Ended] {
        guard let pending = inFlight, pending.command.id == id else { return [] }
        inFlight = nil
        switch result {
        case .executed:
            queues[pending.channel.id, default: ChannelQueue()].executed(pending, at: now)
            return [Ended(pending, .executed)]
        case .refused(let refusal, let remaining):
            return refused(pending, refusal, remaining, at: now)
        case .unknown(let isReboot):
            return unknown(pending, isReboot ? .rebooted : .linkLost)
        }
    }

    private mutating func refused(
        _ pending: PendingCommand, _ refusal: Refusal?, _ remaining: Int, at now: Int64
    ) -> [Ended] {
        switch refusal {
        case .busy:
            // One millisecond more, because the board cuts to whole ones.
            let due = now + Int64(remaining + 1) * 1_000_000
            guard due < pending.deadlineNanoseconds else {
                let detail = "It is busy for another \(remaining) ms."
                return [Ended(pending, .rejected, .busy, detail)]
            }
            queues[pending.channel.id, default: ChannelQueue()].putBack(pending, notBefore: due)
            return []
        case .notArmed where pending.refusals < Limits.refusalsMax && !isStopped:
            var again = pending
            again.refusals += 1
            queues[pending.channel.id, default: ChannelQueue()]
                .putBack(again, notBefore: now + Limits.refusalPauseNanoseconds)
            return []
        case .estopped where isStopped:
            return [Ended(pending, .cancelled, .estopped)]
        default:
            return [Ended(pending, .rejected, Reason(refusal))]
        }
    }

    /// Set-state commands are sent again; motion is not, because it may have been done.
    private mutating func unknown(_ pending: PendingCommand, _ reason: Reason) -> [Ended] {
        let delivery = pending.channel.delivery(of: pending.command.operation)
        guard delivery == .atLeastOnce, !isStopped else {
            return [Ended(pending, .failed, reason)]
        }
        queues[pending.channel.id, default: ChannelQueue()].putBack(pending, notBefore: 0)
        return []
    }

    /// Takes commands back that are not on the line yet.
    package mutating func cancel(_ ids: Set<CommandID>) -> [Ended] {
        take { $0.take(ids) }.map { Ended($0, .cancelled, .takenBack) }
    }

    /// The latched E-stop, set or released. What waits is cancelled.
    package mutating func stop(_ isStopped: Bool) -> [Ended] {
        self.isStopped = isStopped
        return isStopped ? take { $0.takeAll() }.map { Ended($0, .cancelled, .estopped) } : []
    }

    /// Whether commands may go out: the broker is there and the stop state is known.
    package mutating func hold(because hold: Reason?) { self.hold = hold }

    /// Whether the broker has been away for so long that the board must not be on any more.
    package mutating func cutOff(_ isCutOff: Bool) { self.isCutOff = isCutOff }

    /// The board was identified on a port.
    package mutating func connect(_ manifest: BoardManifest, _ state: LinkState) {
        self.manifest = manifest
        isConnected = true
        mode = state.mode
        for id in queues.keys { queues[id]?.reset() }
    }

    /// The port closed. A board that was put out of use gets another chance when it returns.
    package mutating func disconnect() {
        isConnected = false
        isQuarantined = false
        reboots = []
        mode = .safe
    }

    package mutating func enter(_ state: LinkState) { mode = state.mode }

    /// The board restarted by itself. After too many of them it is put out of use until it is
    /// plugged in again.
    package mutating func rebooted(at now: Int64) -> [Ended] {
        isConnected = false
        mode = .safe
        reboots.removeAll { now - $0 >= Limits.rebootWindowNanoseconds }
        reboots.append(now)
        guard reboots.count >= Limits.rebootsMax else { return [] }
        isQuarantined = true
        fault = "boot_loop"
        return take { $0.takeAll() }.map { Ended($0, .rejected, .quarantined) }
    }

    package mutating func report(_ fault: BoardEvent.Fault) { self.fault = fault.word }

    /// When something may change by time alone.
    package func nextDeadlineNanoseconds(at now: Int64) -> Int64? {
        queues.values.lazy.compactMap { $0.nextDeadlineNanoseconds(at: now) }.min()
    }

    private mutating func take(
        _ body: (inout ChannelQueue) -> [PendingCommand]
    ) -> [PendingCommand] {
        var taken: [PendingCommand] = []
        for id in queues.keys.sorted() {
            guard var queue = queues[id] else { continue }
            taken += body(&queue)
            queues[id] = queue
        }
        return taken.sorted { $0.order < $1.order }
    }
}
