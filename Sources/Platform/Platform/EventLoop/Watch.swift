/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// The peer closed, reset or failed; read what is left, or close.
    package static let hangUp = Readiness(rawValue: 4)
}

/// One watched descriptor of an event loop. Used on the loop alone.
package final class Watch {
    package let descriptor: Int32
    package private(set) var interest: Readiness
    let isEdgeTriggered: Bool
    /// Let go at cancellation, with all it captures.
    private(set) var handler: ((Readiness) -> Void)?
    var token: UInt64 = 0
    private weak var loop: EventLoop?
    private var isCancelled = false

    init(
        loop: EventLoop, descriptor: Int32, interest: Readiness, isEdgeTriggered: Bool,
        handler: @escaping (Readiness) -> Void
    ) {
        self.loop = loop
        self.descriptor = descriptor
        self.interest = interest
        self.isEdgeTriggered = isEdgeTriggered
        self.handler = handler
    }

    /// Watches for something else from now on; costs nothing if it is the same.
    package func change(to interest: Readiness) {
        guard interest != self.interest, !isCancelled else { return }
        self.interest = interest
        loop?.change(self, to: interest)
    }

    /// Stops watching; the handler is not called again. Cancel before closing the descriptor.
    package func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        handler = nil
        loop?.cancel(self)
    }
}

/// The watches of a loop, found by slot and generation, so that an event that was already
/// fetched when its watch went cannot reach the next watch in the same slot.
struct WatchTable {
    private var slots: [(generation: UInt32, watch: Watch?)] = []
    private var free: [Int] = []

    mutating func insert(_ watch: Watch) -> UInt64 {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot].watch = watch
        } else {
            slot = slots.count
            slots.append((0, watch))
        }
        return UInt64(slots[slot].generation) << 32 | UInt64(slot)
    }

    mutating func remove(_ token: UInt64) {
        let slot = Int(token & 0xFFFF_FFFF)
        guard self[token] != nil else { return }
        slots[slot].watch = nil
        // The top value is kept for the loop's own wake-up.
        slots[slot].generation = (slots[slot].generation &+ 1) & 0x7FFF_FFFF
        free.append(slot)
    }

    subscript(token: UInt64) -> Watch? {
        let slot = Int(token & 0xFFFF_FFFF)
        guard slot < slots.count, slots[slot].generation == UInt32(token >> 32) else { return nil }
        return slots[slot].watch
    }
}
