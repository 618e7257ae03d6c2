/// One measured value beside what the same run measured of a peer.
struct BenchRow: Sendable {
    /// What was measured, and of whom the peer is. Begins with its part's name and a colon.
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

    /// How many times better than the peer we are: below 1 is worse. Of rates more is better, of
    /// times and sizes less; of other units, and without a peer, there is no better: nil.
    var advantage: Double? {
        guard let ratio, ratio > 0 else { return nil }
        if unit.hasSuffix("/s") { return ratio }
        let measure = unit.split(separator: "/").first.map(String.init) ?? ""
        return ["ns", "us", "µs", "ms", "s", "bytes"].contains(measure) ? 1 / ratio : nil
    }
}

extension BenchRow: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, value, unit, peer, peerValue = "peer_value", ratio
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            value: try values.decode(Double.self, forKey: .value),
            unit: try values.decode(String.self, forKey: .unit),
            peer: try values.decode(String.self, forKey: .peer),
            peerValue: try values.decodeIfPresent(Double.self, forKey: .peerValue) ?? 0)
    }

    /// Without a peer, `peer` is empty and `peer_value` and `ratio` are null.
    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(value, forKey: .value)
        try values.encode(unit, forKey: .unit)
        try values.encode(peer, forKey: .peer)
        if let ratio {
            try values.encode(peerValue, forKey: .peerValue)
            try values.encode(ratio, forKey: .ratio)
        } else {
            try values.encodeNil(forKey: .peerValue)
            try values.encodeNil(forKey: .ratio)
        }
    }
}
