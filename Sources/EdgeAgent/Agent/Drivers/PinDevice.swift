internal import SharedModels

/// The pins behind a `HostedDriver`: they do as they are told and judge nothing. Used on the loop.
protocol PinDevice: AnyObject {
    /// Takes the pins. Every output is at its safe value before `ready` is told.
    func open() throws
    /// Writes, in order.
    /// - Parameter token: told back by `taken` once the pins have it; nil if nobody asks.
    func write(_ writes: [SafetyFloor.Write], token: UInt32?)
    /// Lets go; nobody is told.
    func close()
    /// What was found damaged on the way; nil where there is no way.
    var framingErrors: Int { get }
}

/// What the pins tell their driver, on the loop.
enum PinEvent {
    /// They can be used.
    /// - firmware: what says so, for people.
    /// - pins: numbers that only the board knew, by channel.
    case ready(firmware: String, pins: [UInt8: Int])
    /// The write of that number was taken, after so long.
    case taken(token: UInt32, nanoseconds: Int64)
    /// The board is there; nothing was asked of its pins.
    case alive(nanoseconds: Int64)
    /// An input changed, and has settled: 1 or 0.
    case input(channel: UInt8, value: Int16)
    /// The board booted by itself; its pins are at their defaults.
    case restarted
    /// They cannot be used any more.
    /// - isGone: the device has left the machine.
    /// - isLasting: trying again soon will not help.
    case failed(reason: String, isGone: Bool, isLasting: Bool)
}

/// Why the pins cannot be taken.
struct PinProblem: Error, Hashable, CustomStringConvertible {
    let description: String
    /// It is not there.
    let isGone: Bool
}
