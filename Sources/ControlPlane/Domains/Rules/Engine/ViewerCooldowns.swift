internal import SharedModels

/// When each viewer last made a cue of each rule that limits viewers. At most `capacity` are
/// remembered; beyond that the longest ago is forgotten, so in a crowd larger than that a viewer
/// may come again early, while the rule's own cooldown still holds.
struct ViewerCooldowns: Sendable {
    struct Key: Hashable, Sendable {
        var rule: RuleID
        var viewer: String
    }

    private struct Slot: Sendable {
        var key: Key
        var time: Int64
        var older: Int
        var newer: Int
    }

    private let capacity: Int
    private var places: [Key: Int] = [:]
    /// A list from the longest ago to the newest; slots of forgotten rules are kept in `free`.
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var oldest = none
    private var newest = none

    private static let none = -1

    init(capacity: Int) { self.capacity = max(capacity, 1) }

    var count: Int { places.count }

    /// When the viewer last made a cue of the rule; nil if never, or forgotten.
    func time(of key: Key) -> Int64? { places[key].map { slots[$0].time } }

    /// Remembers that the viewer made a cue of the rule now.
    mutating func note(_ key: Key, at time: Int64) {
        if let place = places[key] {
            slots[place].time = time
            unlink(place)
            append(place)
            return
        }
        let place = vacantPlace()
        let slot = Slot(key: key, time: time, older: Self.none, newer: Self.none)
        if place == slots.count { slots.append(slot) } else { slots[place] = slot }
        places[key] = place
        append(place)
    }

    /// Forgets what belongs to rules that are not kept.
    mutating func keep(only isKept: (RuleID) -> Bool) {
        for (key, place) in places where !isKept(key.rule) {
            unlink(place)
            free.append(place)
            places[key] = nil
        }
    }

    private mutating func vacantPlace() -> Int {
        if let place = free.popLast() { return place }
        guard slots.count >= capacity else { return slots.count }
        let place = oldest
        unlink(place)
        places[slots[place].key] = nil
        return place
    }

    private mutating func append(_ place: Int) {
        slots[place].older = newest
        slots[place].newer = Self.none
        if newest == Self.none { oldest = place } else { slots[newest].newer = place }
        newest = place
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (slots[place].older, slots[place].newer)
        if older == Self.none { oldest = newer } else { slots[older].newer = newer }
        if newer == Self.none { newest = older } else { slots[newer].older = older }
    }
}
