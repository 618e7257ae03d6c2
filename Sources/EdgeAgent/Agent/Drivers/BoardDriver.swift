internal import Hardware
internal import Platform
internal import SharedModels

/// The driver seam: one way to reach one board. What decides about commands, the journal, the
/// E-stop and the queues (`AgentCore`, `BoardSession`) knows nothing else of a board. Used on the
/// loop alone; what a driver finds out it tells its `PortOwner`.
///
/// `PortDriver` speaks EP/1 with a board whose firmware keeps the safety floor. `HostedDriver`
/// drives pins that know nothing of safety, and keeps the floor here (docs/guides/add-a-driver.md).
protocol BoardDriver: AnyObject {
    /// Where the board is, as the configuration names it; unlike that of any other driver.
    var path: String { get }
    /// The device file behind `path`, without symbolic links.
    var device: String { get }
    /// What the USB device says of itself, for people; empty if it says nothing.
    var usb: String { get }
    /// The board, once identified; nil while it is closed.
    var uid: BoardUID? { get }
    /// What is wrong, for people; empty if nothing.
    var trouble: String { get }
    /// The board found here that is connected through another driver; nil if there is none.
    var rivalUID: BoardUID? { get }
    var isOpen: Bool { get }
    /// The configuration names it, so that it is waited for while it is away.
    var isConfigured: Bool { get }
    /// Of the connection that there is, or was last; nil before the first.
    var statistics: LinkStatistics? { get }
    /// What the board counts itself; nil if it does not, or has not told yet.
    var counters: LinkCounters? { get }
    /// The board's state as last heard; nil before the first connection.
    var linkState: LinkState? { get }

    func start()
    /// Something has changed: a closed driver tries again now.
    func retry()
    /// The device is gone from the machine: closes for good.
    func unplug()
    /// Makes the board safe if that is possible, and closes for good.
    func end()
    /// How long until it is tried again, nanoseconds; 0 while it is open.
    func pauseLeft(at now: Int64) -> Int64
    /// What the board shall be from now on.
    func become(_ wish: LinkSession.Wish)
    /// Whether a command could go out now.
    func canSend(isQuiet: Bool, at now: Int64) -> Bool
    /// Sends a command; only after `canSend`. Its end is told by `PortOwner.ended`, once.
    func send(_ operation: Operation, on channel: Channel, id: CommandID)
    /// Unlocks dangerous channels, in place of those unlocked before.
    func unlock(mask: UInt16, seconds: UInt16)
}

extension PortDriver: BoardDriver {
    var isConfigured: Bool { false }
    var statistics: LinkStatistics? { link?.statistics }
    var counters: LinkCounters? { link?.counters }
    var linkState: LinkState? { link?.state }

    func send(_ operation: Operation, on channel: Channel, id: CommandID) {
        send(LinkCommand(operation, on: channel), id: id)
    }
}
