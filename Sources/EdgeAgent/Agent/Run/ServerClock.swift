/// The server's clock as the agent knows it, carried on by the monotonic clock: whoever sets this
/// machine's clock neither makes commands late nor lets late ones through. A pure value; until it
/// is measured it is our own clock.
struct ServerClock: Hashable, Sendable {
    /// How far our clock and the carried one may come apart before it is measured anew.
    static let stepMilliseconds: Int64 = 500
    /// Below this a measurement tells nothing: the server's date has whole seconds.
    static let noiseMilliseconds: Int64 = CommandVerifier.Limits.skewMaxMilliseconds

    /// Unix time of the server at the monotonic time 0, milliseconds.
    private var origin: Int64
    /// The same of our own clock, at the last measurement.
    private var ownOrigin: Int64

    init(unixMilliseconds: Int64, monotonicNanoseconds: Int64) {
        ownOrigin = unixMilliseconds &- monotonicNanoseconds / 1_000_000
        origin = ownOrigin
    }

    /// Takes a measurement made just now: how far the server's clock is ahead of ours.
    mutating func measured(
        aheadMilliseconds: Int64, unixMilliseconds: Int64, monotonicNanoseconds: Int64
    ) {
        ownOrigin = unixMilliseconds &- monotonicNanoseconds / 1_000_000
        let isClear = aheadMilliseconds.magnitude > UInt64(Self.noiseMilliseconds)
        origin = ownOrigin &+ (isClear ? aheadMilliseconds : 0)
    }

    /// Unix milliseconds by the server's clock.
    func now(monotonicNanoseconds: Int64) -> Int64 {
        origin &+ monotonicNanoseconds / 1_000_000
    }

    /// Whether our own clock was set since the last measurement.
    func hasStepped(unixMilliseconds: Int64, monotonicNanoseconds: Int64) -> Bool {
        let step = unixMilliseconds &- monotonicNanoseconds / 1_000_000 &- ownOrigin
        return step.magnitude > UInt64(Self.stepMilliseconds)
    }
}
