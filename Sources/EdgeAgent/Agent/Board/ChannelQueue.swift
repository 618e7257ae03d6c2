package import SharedModels

/// A command on its way to a board.
package struct PendingCommand: Hashable, Sendable {
    package var command: Command
    package let channel: Channel
    /// Monotonic; past it the command is dropped.
    package let deadlineNanoseconds: Int64
    /// Grows with each command of the agent: the order of arrival.
    package let order: UInt64
    /// How often the board refused it as not armed.
    package internal(set) var refusals = 0
    /// Whether its frame was ever written.
    package internal(set) var wasSent = false

    package init(
        command: Command, channel: Channel, deadlineNanoseconds: Int64, order: UInt64,
        wasSent: Bool = false
    ) {
        self.command = command
        self.channel = channel
        self.deadlineNanoseconds = deadlineNanoseconds
        self.order = order
        self.wasSent = wasSent
    }

    /// It leads to the channel's safe value, which a board never refuses as busy.
    package var isOff: Bool { command.operation.isOff }

    /// Nothing else may be on the line with it: its channel is quiet, or it is for the board as a
    /// whole and must not change places with a channel's commands.
    var isAlone: Bool { channel.isQuiet || command.operation.isOfBoard }
}

extension Operation {
    /// Whether it only switches off.
    var isOff: Bool {
        switch self {
        case .off, .set(on: false, _), .stop: true
        case .drive(let speed, _): speed == 0
        case .level(let permille, _, _): permille == 0
        default: false
        }
    }

    /// How long the next command of the channel waits for this one, milliseconds. Fills do not
    /// wait for each other: several of them make one picture.
    var exclusiveMilliseconds: Int {
        if case .fill = self { return 0 }
        return isOff ? 0 : durationMilliseconds
    }
}

/// The commands of one channel, in order, until the channel is free. A pure value.
///
/// An off does not wait: it takes the place of everything before it, which is superseded, so
/// that the last word counts and off is always possible.
package struct ChannelQueue: Sendable {
    /// Commands that wait, at most; beyond it a command is refused as `queue_full`.
    package static let countMax = 32

    /// What a board may be late with switching off, milliseconds: its pause begins then, and
    /// a command that comes sooner is refused as busy and costs another round trip.
    static let settleMilliseconds = 2

    private var waiting: [PendingCommand] = []
    /// Until then the last command has the channel, monotonic.
    private(set) var freeAtNanoseconds: Int64 = 0
    /// Since when the channel is on, and when it goes off by itself; nil while it is off.
    private var on: (since: Int64, until: Int64)?

    package init() {}

    package var count: Int { waiting.count }
    package var isEmpty: Bool { waiting.isEmpty }

    package enum Admission: Hashable, Sendable {
        case taken(superseded: [PendingCommand])
        case full
    }

    /// Puts a command at the end.
    package mutating func append(_ command: PendingCommand) -> Admission {
        if command.isOff {
            let superseded = waiting
            waiting = [command]
            return .taken(superseded: superseded)
        }
        guard waiting.count < Self.countMax else { return .full }
        waiting.append(command)
        return .taken(superseded: [])
    }

    /// The next command if it may go now.
    package func ready(at now: Int64) -> PendingCommand? {
        guard let first = waiting.first, first.isOff || freeAtNanoseconds <= now else {
            return nil
        }
        return first
    }

    /// Takes the first command out, to send it.
    package mutating func takeFirst() -> PendingCommand? {
        waiting.isEmpty ? nil : waiting.removeFirst()
    }

    /// Puts a command back to the front, not to be tried before `notBefore`; false if an off has
    /// come meanwhile, which supersedes it.
    package mutating func putBack(_ command: PendingCommand, notBefore: Int64) -> Bool {
        guard waiting.first?.isOff != true else { return false }
        waiting.insert(command, at: 0)
        freeAtNanoseconds = max(freeAtNanoseconds, notBefore)
        return true
    }

    /// The board executed a command: the channel has it for its duration and the pause after,
    /// which is as long as the channel's pause, duty and rate ask for.
    package mutating func executed(_ command: PendingCommand, at now: Int64) {
        let channel = command.channel
        if let on, on.until <= now { self.on = nil }
        guard !command.isOff else {
            let since = on.map(\.since)
            on = nil
            freeAtNanoseconds = Self.free(channel, onSince: since, offAt: now)
            return
        }
        let operation = command.command.operation
        let duration =
            operation.durationMilliseconds > 0
            ? operation.durationMilliseconds : channel.onMaxMilliseconds
        let since = on?.since ?? now
        on = (since, now + Int64(duration) * 1_000_000)
        let exclusive = operation.exclusiveMilliseconds
        freeAtNanoseconds =
            exclusive > 0
            ? Self.free(channel, onSince: since, offAt: now + Int64(exclusive) * 1_000_000) : now
    }

    /// When a channel that goes off then may be switched on again.
    private static func free(_ channel: Channel, onSince since: Int64?, offAt: Int64) -> Int64 {
        let on = since.map { Int(clamping: (offAt - $0) / 1_000_000) } ?? 0
        let paused = offAt + Int64(channel.pauseMilliseconds(afterOn: on)) * 1_000_000
        let rated = since.map { $0 + Int64(channel.periodMinMilliseconds) * 1_000_000 } ?? 0
        return max(paused, rated) + Int64(settleMilliseconds) * 1_000_000
    }

    /// The board has lost its state: nothing runs any more.
    package mutating func reset() {
        freeAtNanoseconds = 0
        on = nil
    }

    /// Takes out what is past its deadline.
    package mutating func takeExpired(at now: Int64) -> [PendingCommand] {
        guard waiting.contains(where: { $0.deadlineNanoseconds <= now }) else { return [] }
        let expired = waiting.filter { $0.deadlineNanoseconds <= now }
        waiting.removeAll { $0.deadlineNanoseconds <= now }
        return expired
    }

    /// Takes out everything.
    package mutating func takeAll() -> [PendingCommand] {
        defer { waiting = [] }
        return waiting
    }

    /// Takes out the named commands.
    package mutating func take(_ ids: Set<CommandID>) -> [PendingCommand] {
        let taken = waiting.filter { ids.contains($0.command.id) }
        if !taken.isEmpty { waiting.removeAll { ids.contains($0.command.id) } }
        return taken
    }

    /// When something may change by time alone: the channel gets free, or a deadline passes.
    package func nextDeadlineNanoseconds(at now: Int64) -> Int64? {
        guard var due = waiting.lazy.map(\.deadlineNanoseconds).min() else { return nil }
        if freeAtNanoseconds > now { due = min(due, freeAtNanoseconds) }
        return due
    }
}
