internal import SharedModels

/// Rules for inputs of boards, by the input.
struct InputTable: Sendable {
    struct Key: Hashable, Sendable {
        let device: DeviceID
        let channel: String

        init(_ match: InputMatch) { (device, channel) = (match.device, match.channel) }
        init(_ reading: InputReading) { (device, channel) = (reading.device, reading.channel) }
    }

    private struct Entry: Sendable {
        let place: Int
        let condition: InputCondition
    }

    let base: Int
    let audience: Audience
    private let entries: [Key: [Entry]]
    private let none: [UInt64]

    var size: Int {
        audience.size + 8 * none.count
            + entries.values.reduce(0) { $0 + $1.count * MemoryLayout<Entry>.stride }
    }

    init(_ rules: [Rule], base: Int) {
        self.base = base
        audience = Audience(rules.map { CompiledConditions($0.conditions) })
        var entries: [Key: [Entry]] = [:]
        for (place, rule) in rules.enumerated() {
            guard case .input(let match) = rule.trigger else { continue }
            entries[Key(match), default: []].append(
                Entry(place: place, condition: match.condition))
        }
        self.entries = entries
        none = [UInt64](repeating: 0, count: audience.words)
    }

    /// Finds the rules whose condition the value meets, the past of thresholds aside.
    func match(
        _ reading: InputReading, of event: borrowing LiveEvent, into matches: inout Matches
    ) {
        guard let mine = entries[Key(reading)] else { return }
        matches.start(with: none)
        for entry in mine where entry.condition.isMet(by: reading.value) {
            matches.bits[entry.place >> 6] |= 1 << UInt64(entry.place & 63)
        }
        matches.finish(event, audience, base: base)
    }

    /// Calls `body` with the place in `RuleSet.rules` of each rule that counts crossings of a
    /// threshold of this input.
    func crossings(_ reading: InputReading, _ body: (Int, InputCondition) -> Void) {
        for entry in entries[Key(reading)] ?? [] where entry.condition.isCrossing {
            body(base + entry.place, entry.condition)
        }
    }
}
