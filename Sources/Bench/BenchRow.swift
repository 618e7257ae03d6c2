/// One measured value beside what the same run measured of a peer.
struct BenchRow: Sendable {
    /// What was measured, and of whom the peer is.
    var name: String
    var value: Double
    /// Such as `events/s`, `ns`, `bytes`.
    var unit: String
    /// The peer's name; empty if there is none.
    var peer: String
    /// In the same unit; 0 if there is no peer.
    var peerValue: Double

    init(name: String, value: Double, unit: String, peer: String = "", peerValue: Double = 0) {
        self.name = name
        self.value = value
        self.unit = unit
        self.peer = peer
        self.peerValue = peerValue
    }

    /// Ours divided by the peer's; nil without a peer.
    var ratio: Double? { peer.isEmpty || peerValue == 0 ? nil : value / peerValue }
}
