package import Hardware
package import SharedModels

/// What the agent decides about one board: which command goes next, what becomes of those that
/// cannot go, and whether the board may be used at all. It outlives the board's connections.
/// A pure value; times are monotonic nanoseconds.
package struct BoardSession: Sendable {
    package enum Limits {
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

    /// What a restart of the board means.
    package struct Restart: Hashable, Sendable {
        /// Whether nobody asked for it.
        package var isUnexpected = false
        /// Whether it has put the board out of use.
        package var isQuarantined = false
        package var ended: [Ended] = []
    }

    package let uid: BoardUID
    package private(set) var manifest: BoardManifest
    package private(set) var isConnected = false
    package private(set) var isStopped: Bool
    /// The circuit of the E-stop that is wired to the board is open, as the board said.
    private var isWireOpen = false
    package var isQuarantined: Bool { resets.isQuarantined }
    /// The last fault's word; empty for none.
    package private(set) var fault = ""
    package private(set) var mode = LinkState.Mode.safe
    /// The commands whose frames are on the line, in that order; each of another channel, so that a
    /// channel's commands keep their order also where a frame is lost.
    package private(set) var inFlight: [PendingCommand] = []
    private var queues: [UInt8: ChannelQueue] = [:]
    private var resets = ResetWatch()
    /// Of the boot that was heard of last; nil if none was, or its hello has not come yet.
    private var nonce: UInt32?
    /// Whether a restart was counted whose hello has not come yet.
    private var isRestarting = false
    /// A bit for each dangerous channel that may be used, until then.
    private var unlocked: (mask: UInt16, until: Int64) = (0, 0)
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
        if isQuarantined { return .quarantined }
        return switch mode {
        case .estopped: .estopped
        case .armed: .armed
        case .safe: .safe
        }
    }

    /// Commands that wait, and those on the line.
    package var pendingCount: Int { queues.values.reduce(inFlight.count) { $0 + $1.count } }

    /// Commands that wait for one channel.
    package func waitingCount(channel: UInt8) -> Int { queues[channel]?.count ?? 0 }

    /// Why a command for the channel would not be done now; nil if it would.
    package func obstacle(channel: Channel, at now: Int64) -> Reason? {
        if isStopped || isWireOpen { return .estopped }
        if isQuarantined { return .quarantined }
        if !isConnected { return .boardOffline }
        if let hold { return hold }
        if mode != .armed { return .notArmed }
        if isLocked(channel, at: now) { return .locked }
        let queue = queues[channel.id] ?? ChannelQueue()
        if queue.count >= ChannelQueue.countMax { return .queueFull }
        return queue.freeAtNanoseconds > now ? .busy : nil
    }

    /// Takes a command for one of its channels.
    package mutating func submit(_ pending: PendingCommand, at now: Int64) -> [Ended] {
        if isStopped || isWireOpen { return [Ended(pending, .rejected, .estopped)] }
        if isQuarantined { return [Ended(pending, .rejected, .quarantined)] }
        if pending.deadlineNanoseconds <= now { return [Ended(pending, .expired, .late)] }
        if isLocked(pending.channel, at: now), !pending.command.operation.isOff {
            return [Ended(pending, .rejected, .locked)]
        }
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
        guard isConnected, hold == nil, !isStopped, !isQuarantined else { return nil }
        let ready = queues.lazy.filter { queue in
            !inFlight.contains { $0.channel.id == queue.key }
        }.compactMap { $0.value.ready(at: now) }
        guard let first = ready.min(by: { $0.order < $1.order }),
            inFlight.isEmpty || !first.isAlone && !inFlight.contains(where: \.isAlone),
            canSend(first.channel.isQuiet)
        else { return nil }
        return first
    }

    /// Puts the command that `next` named in flight; its frame is written next.
    package mutating func begin(_ pending: PendingCommand) {
        guard var taken = queues[pending.channel.id]?.takeFirst(),
            taken.command.id == pending.command.id
        else { preconditionFailure("only the first of a queue begins") }
        taken.wasSent = true
        inFlight.append(taken)
    }

    /// Takes out a command that waits, as if it had never come.
    package mutating func withdraw(_ id: CommandID) { _ = take { $0.take([id]) } }

    /// Stamps a command on the line.
    package mutating func stamp(_ id: CommandID, _ change: (inout Trace) -> Void) {
        guard let index = inFlight.firstIndex(where: { $0.command.id == id }) else { return }
        change(&inFlight[index].command.trace)
    }

    /// The link's word about a command on the line.
    package mutating func finish(
        _ id: CommandID, _ result: LinkSession.CommandResult, at now: Int64
    ) -> [Ended] {
        guard let index = inFlight.firstIndex(where: { $0.command.id == id }) else { return [] }
        let pending = inFlight.remove(at: index)
        switch result {
        case .executed:
            queues[pending.channel.id, default: ChannelQueue()].executed(pending, at: now)
            return [Ended(pending, .executed)]
        case .refused(let refusal, let remaining):
            return refused(pending, refusal, remaining, at: now)
        case .unknown(.unplugged): return [Ended(pending, .failed, .unplugged)]
        case .unknown(.rebooted): return unknown(pending, .rebooted)
        case .unknown(.silent): return unknown(pending, .linkLost)
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
            return again(pending, notBefore: due)
        case .notArmed where pending.refusals < Limits.refusalsMax && !isStopped:
            var refused = pending
            refused.refusals += 1
            return again(refused, notBefore: now + Limits.refusalPauseNanoseconds)
        case .estopped where isStopped:
            return [Ended(pending, .cancelled, .estopped)]
        default:
            return [Ended(pending, .rejected, Reason(refusal))]
        }
    }

    /// Set-state commands are sent again; motion is not, because it may have been done.
    private mutating func unknown(_ pending: PendingCommand, _ reason: Reason) -> [Ended] {
        let delivery = pending.channel.delivery(of: pending.command.operation)
        guard delivery == .atLeastOnce, !isStopped,
            queues[pending.channel.id, default: ChannelQueue()].putBack(pending, notBefore: 0)
        else { return [Ended(pending, .failed, reason)] }
        return []
    }

    /// Tries a command that was not done once more, unless its channel was switched off meanwhile.
    private mutating func again(_ pending: PendingCommand, notBefore: Int64) -> [Ended] {
        let isBack = queues[pending.channel.id, default: ChannelQueue()]
            .putBack(pending, notBefore: notBefore)
        return isBack ? [] : [Ended(pending, .cancelled, .superseded)]
    }

    /// Takes commands back that are not on the line yet.
    package mutating func cancel(_ ids: Set<CommandID>) -> [Ended] {
        take { $0.take(ids) }.map { Ended($0, .cancelled, .takenBack) }
    }

    /// The latched E-stop, set or released. What waits is cancelled.
    package mutating func stop(_ isStopped: Bool) -> [Ended] {
        self.isStopped = isStopped
        if isStopped { lock() }
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

    /// A board says who it is, on a port that was just opened or after a restart. A restart
    /// that nobody saw, by its watchdog or for want of power, counts as well; one that the
    /// opening of its port, a plug or a button explains does not.
    package mutating func greeted(_ hello: Hello, at now: Int64) -> Restart {
        let isOther = nonce.map { $0 != hello.nonce } ?? false
        let isSeen = isRestarting
        nonce = hello.nonce
        isRestarting = false
        guard isOther, !isSeen, hello.resetCause.isFailure else { return Restart() }
        return unexpectedReset(at: now)
    }

    /// The port closed.
    package mutating func disconnect() {
        isConnected = false
        isWireOpen = false
        mode = .safe
        lock()
    }

    /// The board is gone from its port: what waits for it ends, so that nothing old happens
    /// when it comes back.
    package mutating func unplug() -> [Ended] {
        disconnect()
        return take { $0.takeAll() }.map { Ended($0, .failed, .unplugged, "It was not sent.") }
    }

    package mutating func enter(_ state: LinkState) {
        if mode == .estopped, state.mode != .estopped { isWireOpen = false }
        mode = state.mode
        if mode != .armed { lock() }
    }

    /// The board unlocked these dangerous channels until then, and locked the others.
    package mutating func unlock(mask: UInt16, until: Int64) { unlocked = (mask, until) }

    /// The bits of those of the named channels that are dangerous.
    package func mask(of names: [String]) -> UInt16 {
        manifest.channels.filter { $0.isDangerous && $0.id < 16 && names.contains($0.name) }
            .reduce(0) { $0 | 1 << UInt16($1.id) }
    }

    /// The dangerous channels that may be used now.
    package func unlockedChannels(at now: Int64) -> [String] {
        manifest.channels.filter { $0.isDangerous && !isLocked($0, at: now) }.map(\.name)
    }

    private func isLocked(_ channel: Channel, at now: Int64) -> Bool {
        guard channel.isDangerous else { return false }
        return channel.id >= 16 || unlocked.mask & 1 << UInt16(channel.id) == 0
            || now >= unlocked.until
    }

    private mutating func lock() { unlocked = (0, 0) }

    /// The board restarted by itself while its port was open.
    package mutating func rebooted(at now: Int64) -> Restart {
        isConnected = false
        mode = .safe
        lock()
        isRestarting = true
        return unexpectedReset(at: now)
    }

    private mutating func unexpectedReset(at now: Int64) -> Restart {
        guard resets.reset(at: now) else { return Restart(isUnexpected: true) }
        fault = Self.bootLoop
        return Restart(
            isUnexpected: true, isQuarantined: true,
            ended: take { $0.takeAll() }.map { Ended($0, .rejected, .quarantined) })
    }

    /// Lets a board out of quarantine that has been quiet for long enough; true if it just was.
    package mutating func ease(at now: Int64) -> Bool {
        guard resets.ease(at: now) else { return false }
        forgetBootLoop()
        return true
    }

    /// Lets a board out of quarantine because a person says so; false if it was not in it.
    package mutating func release() -> Bool {
        guard resets.release() else { return false }
        forgetBootLoop()
        return true
    }

    private mutating func forgetBootLoop() {
        if fault == Self.bootLoop { fault = "" }
    }

    private static let bootLoop = BoardFault.bootLoop.rawValue

    /// The board tells of a fault. What waits is cancelled if it was the wired E-stop.
    package mutating func report(_ fault: BoardEvent.Fault) -> [Ended] {
        self.fault = fault.word
        guard fault == .wiredStop else { return [] }
        isWireOpen = true
        return take { $0.takeAll() }.map { Ended($0, .cancelled, .estopped) }
    }

    /// When something may change by time alone.
    package func nextDeadlineNanoseconds(at now: Int64) -> Int64? {
        let due = queues.values.lazy.compactMap { $0.nextDeadlineNanoseconds(at: now) }.min()
        guard let quiet = resets.quietAtNanoseconds else { return due }
        return min(due ?? .max, quiet)
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
