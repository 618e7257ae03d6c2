internal import SharedModels

/// Rules for gifts. Each is found by the most selective thing it asks for: the gift's number,
/// else its name, else its coins; what else it asks is checked afterwards.
struct GiftTable: Sendable {
    /// What a rule found by number or name asks besides.
    private struct Check: Sendable {
        /// The position of the name in `names`; nil if any will do.
        var name: Int?
        var low: Int
        var high: Int
    }

    let base: Int
    let audience: Audience
    /// Rules for every gift.
    private let every: [UInt64]
    private let numbers: NumberIndex
    private let names: TextIndex
    /// The rules of each number, then those of each name; with `checkTag` if there is a check.
    private let starts: [UInt32]
    private let postings: [UInt32]
    private let checks: [Check]
    private let coins: CoinIntervals
    private let numberCount: Int

    private static let checkTag: UInt32 = 1 << 31

    var size: Int {
        audience.size + 8 * every.count + numbers.size + names.size + coins.size
            + 4 * (starts.count + postings.count) + 40 * checks.count
    }

    init(_ rules: [Rule], base: Int) {
        self.base = base
        audience = Audience(rules.map { CompiledConditions($0.conditions) })
        let gifts = rules.enumerated().compactMap { place, rule in
            WantedGift(rule.trigger, place: place)
        }
        let ids = Set(gifts.compactMap(\.id)).sorted()
        let texts = Set(gifts.compactMap(\.name)).sorted { $0.lexicographicallyPrecedes($1) }
        numbers = NumberIndex(ids)
        names = TextIndex(texts)
        numberCount = ids.count
        let nameNumbers = Dictionary(uniqueKeysWithValues: zip(texts, texts.indices))
        checks = gifts.map { gift in
            Check(
                name: gift.name.flatMap { nameNumbers[$0] }, low: gift.low, high: gift.high)
        }
        let byID = Dictionary(grouping: gifts.indices) { gifts[$0].id }
        let byName = Dictionary(grouping: gifts.indices.filter { gifts[$0].id == nil }) {
            gifts[$0].name
        }
        var starts: [UInt32] = [0]
        var postings: [UInt32] = []
        for (places, isNamed) in ids.map({ (byID[$0] ?? [], false) })
            + texts.map({ (byName[$0] ?? [], true) })
        {
            for place in places {
                let isChecked = gifts[place].hasCoins || (!isNamed && gifts[place].name != nil)
                postings.append(UInt32(place) | (isChecked ? Self.checkTag : 0))
            }
            starts.append(UInt32(postings.count))
        }
        self.starts = starts
        self.postings = postings
        gifted = gifts.map { UInt32($0.place) }
        let loose = gifts.filter { $0.id == nil && $0.name == nil }
        every = RuleBits.bits(
            of: loose.filter { !$0.hasCoins }.map(\.place), words: audience.words)
        coins = CoinIntervals(
            loose.filter(\.hasCoins).map { .init(rule: $0.place, low: $0.low, high: $0.high) },
            words: audience.words)
    }

    /// The place in the table of each gift that was compiled.
    private let gifted: [UInt32]

    func match(_ gift: borrowing Gift, of event: borrowing LiveEvent, into matches: inout Matches) {
        guard audience.words > 0 else { return }
        matches.start(with: every)
        addCoins(gift.coins, into: &matches.bits)
        let name = names.count > 0 ? position(of: gift.name, &matches.text) : nil
        if let number = numbers.position(of: gift.id) {
            add(number, name, gift.coins, into: &matches.bits)
        }
        if let name { add(numberCount + name, name, gift.coins, into: &matches.bits) }
        matches.finish(event, audience, base: base)
    }

    private func addCoins(_ count: Int, into bits: inout [UInt64]) {
        var bits = bits.mutableSpan
        coins.insert(count, into: &bits)
    }

    private func position(of name: String, _ text: inout FoldedText) -> Int? {
        text.fold(name)
        guard text.count > 0, !text.isCut else { return nil }
        let count = text.count
        return text.buffer.withUnsafeBufferPointer {
            names.position(of: UnsafeBufferPointer(rebasing: $0[..<count]))
        }
    }

    private func add(_ slot: Int, _ name: Int?, _ coins: Int, into bits: inout [UInt64]) {
        var bits = bits.mutableSpan
        for place in Int(starts[slot])..<Int(starts[slot + 1]) {
            let number = Int(postings[place] & ~Self.checkTag)
            if postings[place] & Self.checkTag != 0 {
                let check = checks[number]
                guard check.low <= coins, coins <= check.high,
                    check.name == nil || check.name == name
                else { continue }
            }
            RuleBits.insert(Int(gifted[number]), into: &bits)
        }
    }
}

/// What one rule wants of a gift; nil if nothing can satisfy it.
private struct WantedGift {
    var place: Int
    var id: Int64?
    /// Folded.
    var name: [UInt8]?
    var low: Int
    var high: Int

    var hasCoins: Bool { low > .min || high < .max }

    init?(_ trigger: Trigger, place: Int) {
        guard case .gift(let match) = trigger else { return nil }
        self.place = place
        id = match.giftID
        low = match.coinsMin ?? .min
        high = match.coinsMax ?? .max
        guard low <= high else { return nil }
        if let text = match.giftName {
            let folded = FoldedText(text)
            guard folded.count > 0, !folded.isCut else { return nil }
            name = folded.bytes
        }
    }
}
