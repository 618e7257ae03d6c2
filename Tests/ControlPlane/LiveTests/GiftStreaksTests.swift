import Platform
import SharedModels
import Testing

@testable import Live

/// Streaks fed frame by frame, with everything that came out.
private struct Feed {
    var streaks = GiftStreaks()
    var counts: [GiftStreaks.Key: Int] = [:]
    var liveCounts: [GiftStreaks.Key: Int] = [:]
    var coins: [GiftStreaks.Key: Int] = [:]
    var ended: [GiftStreaks.Key: [GiftStreak]] = [:]

    @discardableResult
    mutating func add(
        _ frame: GiftFrame, room: Int64 = 1, viewer: String = "v", createdAt: Int64 = 0,
        connectedAt: Int64 = 0, at seconds: Double = 0
    ) -> GiftStreaks.Outcome {
        let key = GiftStreaks.Key(
            roomID: room, viewerID: viewer, giftID: frame.gift.id, groupID: frame.groupID)
        let outcome = streaks.add(
            frame, key: key, viewer: nil, createdAtMilliseconds: createdAt,
            connectedAtMilliseconds: connectedAt, now: .at(seconds))
        for step in [outcome.history, outcome.increment].compactMap({ $0 }) {
            #expect(step.count > 0)
            counts[key, default: 0] += step.count
            coins[key, default: 0] += step.coins
        }
        liveCounts[key, default: 0] += outcome.increment?.count ?? 0
        if let end = outcome.ended { ended[key, default: []].append(end) }
        return outcome
    }
}

private func rose(
    _ total: Int, coins: Int = 1, end: Bool = false, group: Int64 = 1_000, price: Int = 1,
    combo: Bool = true
) -> GiftFrame {
    GiftFrame(
        gift: Gift(id: 5_655, name: "Rose", coins: price), repeatCount: total,
        addedCoins: end ? 0 : coins, isEnd: end, groupID: group, isCombo: combo)
}

@Suite("GiftStreaks")
struct GiftStreaksTests {
    @Test("a streak counts each increment at once, and its end adds nothing")
    func plainStreak() {
        var feed = Feed()
        let outcomes = [
            rose(1), rose(3, coins: 2), rose(7, coins: 4), rose(10, coins: 3), rose(11),
            rose(11, end: true),
        ].map { feed.add($0) }
        #expect(outcomes.map { $0.increment?.count } == [1, 2, 4, 3, 1, nil])
        #expect(outcomes.map { $0.increment?.coins } == [1, 2, 4, 3, 1, nil])
        #expect(outcomes.allSatisfy { $0.increment?.isRecovered != true })
        #expect(outcomes[5].ended?.total == 11)
        #expect(outcomes[5].ended?.coins == 11)
    }

    @Test("frames that overtake each other count once")
    func outOfOrder() {
        var feed = Feed()
        for total in [1, 2, 15, 17, 16, 17, 18] { feed.add(rose(total)) }
        #expect(feed.counts.values.first == 18)
        #expect(feed.coins.values.first == 18)
        feed.add(rose(18, end: true))
        feed.add(rose(18, end: true))
        feed.add(rose(16))
        #expect(feed.counts.values.first == 18)
        #expect(feed.ended.values.first?.count == 1)
    }

    @Test("an end frame seen first recovers the whole streak")
    func endFirst() {
        var feed = Feed()
        let outcome = feed.add(rose(5, end: true, price: 10))
        #expect(outcome.increment?.count == 5)
        #expect(outcome.increment?.coins == 50)
        #expect(outcome.increment?.isRecovered == true)
        #expect(outcome.ended?.total == 5)
        feed.add(rose(4, price: 10))
        #expect(feed.counts.values.first == 5)
    }

    @Test("what a streak had before we connected is history")
    func startedBefore() {
        var feed = Feed()
        let outcome = feed.add(rose(34, price: 1), connectedAt: 2_000)
        #expect(outcome.history?.count == 33)
        #expect(outcome.history?.isRecovered == true)
        #expect(outcome.increment?.count == 1)
        #expect(outcome.increment?.total == 34)
        #expect(outcome.increment?.isRecovered == false)
        #expect(feed.add(rose(36, coins: 2), connectedAt: 2_000).increment?.count == 2)

        var late = Feed()
        let end = late.add(rose(9, end: true), connectedAt: 2_000)
        #expect(end.history?.count == 9)
        #expect(end.increment == nil)
        #expect(end.ended?.total == 9)
    }

    @Test("missed frames are recovered from the running total")
    func missed() {
        var feed = Feed()
        feed.add(rose(1, coins: 5, price: 5))
        let outcome = feed.add(rose(4, coins: 5, price: 5))
        #expect(outcome.increment?.count == 3)
        #expect(outcome.increment?.coins == 15)
        #expect(outcome.increment?.isRecovered == true)
    }

    @Test("without coins in the frame the price counts")
    func withoutCoins() {
        var feed = Feed()
        let outcome = feed.add(rose(3, coins: 0, price: 7))
        #expect(outcome.increment?.coins == 21)
        #expect(outcome.increment?.isRecovered == false)
    }

    @Test("coins of the frame win over the price when they differ")
    func bundle() {
        var feed = Feed()
        #expect(feed.add(rose(1, coins: 8, price: 10)).increment?.coins == 8)
        #expect(feed.add(rose(2, coins: 25, price: 10)).increment?.coins == 25)
    }

    @Test("gifts without streaks count each time, and an end frame after one adds nothing")
    func single() {
        var feed = Feed()
        let single = rose(1, coins: 100, group: 0, price: 100, combo: false)
        #expect(feed.add(single, createdAt: 5).increment?.streakID == "")
        #expect(feed.add(single, createdAt: 6).increment?.count == 1)
        var end = single
        (end.isEnd, end.addedCoins) = (true, 0)
        #expect(feed.add(end, createdAt: 7) == GiftStreaks.Outcome())
        #expect(feed.streaks.expire(now: .at(100)).isEmpty)
    }

    @Test("a streak without a group id starts anew after its end")
    func groupless() {
        var feed = Feed()
        for (time, frame) in [
            rose(1, group: 0), rose(2, group: 0), rose(2, end: true, group: 0),
            rose(1, group: 0), rose(2, group: 0), rose(2, end: true, group: 0),
        ].enumerated() {
            feed.add(frame, createdAt: Int64(time))
        }
        #expect(feed.counts.values.first == 4)
        #expect(feed.ended.values.first?.count == 2)
    }

    @Test("a silent streak ends after a minute and late frames still count once")
    func expiry() {
        var feed = Feed()
        feed.add(rose(3, coins: 3), at: 0)
        #expect(feed.streaks.expire(now: .at(59)).isEmpty)
        let expired = feed.streaks.expire(now: .at(61))
        #expect(expired.map(\.streak.total) == [3])
        #expect(feed.streaks.expire(now: .at(63)).isEmpty)
        feed.add(rose(3, end: true), at: 64)
        feed.add(rose(4), at: 65)
        #expect(feed.counts.values.first == 4)
        #expect(feed.ended.isEmpty)
        _ = feed.streaks.expire(now: .at(700))
        #expect(feed.streaks.count == 0)
    }

    @Test("the table stays bounded and forgets ended streaks first")
    func bounded() {
        var feed = Feed()
        feed.add(rose(1, group: 1), at: 0)
        feed.add(rose(1, end: true, group: 2), at: 1)
        for group in 3...Int64(LiveLimits.streaks + 1) { feed.add(rose(1, group: group), at: 2) }
        #expect(feed.streaks.count == LiveLimits.streaks)
        feed.add(rose(2, group: 1), at: 3)
        let first = GiftStreaks.Key(roomID: 1, viewerID: "v", giftID: 5_655, groupID: 1)
        #expect(feed.counts[first] == 2)
        for group in 10_000...Int64(10_100) { feed.add(rose(1, group: group), at: 4) }
        #expect(feed.streaks.count == LiveLimits.streaks)
    }

    @Test("hostile numbers stay within limits")
    func hostile() {
        var feed = Feed()
        let frame = GiftFrame(
            gift: Gift(id: 1, name: "", coins: LiveLimits.giftCoins),
            repeatCount: LiveLimits.streakTotal, addedCoins: LiveLimits.counter, isEnd: false,
            groupID: .min, isCombo: true)
        #expect(feed.add(frame) == GiftStreaks.Outcome(isRefused: true))
        var end = frame
        (end.isEnd, end.addedCoins, end.groupID) = (true, 0, .max)
        #expect(feed.add(end, connectedAt: .max).isRefused)
        #expect(feed.streaks.count == 0)
        var dear = rose(1, coins: LiveLimits.giftCoins, price: LiveLimits.giftCoins)
        #expect(feed.add(dear).increment?.coins == LiveLimits.giftCoins)
        dear.repeatCount = LiveLimits.streakTotal
        #expect(feed.add(dear).isRefused, "too many coins at once")
        #expect(feed.counts.values.reduce(0, +) == 1)
    }
}

@Suite(
    "Recorded streaks", .enabled(if: Recordings.isPresent, "the folder shared/webcast is absent"))
struct RecordedStreaksTests {
    private func key(_ row: Recordings.GiftRow) -> GiftStreaks.Key {
        GiftStreaks.Key(
            roomID: Int64(row.room.dropFirst(5)) ?? 0, viewerID: "v", giftID: row.giftID,
            groupID: row.frame.groupID)
    }

    private func feed(_ rows: [Recordings.GiftRow], into feed: inout Feed, connectedAt: Int64 = 0) {
        for row in rows {
            feed.add(
                row.frame, room: key(row).roomID, createdAt: row.createTime,
                connectedAt: connectedAt)
        }
    }

    private func expected(
        _ rows: [Recordings.GiftRow]
    ) -> [GiftStreaks.Key: (count: Int, price: Int)] {
        var totals: [GiftStreaks.Key: (count: Int, price: Int)] = [:]
        for row in rows {
            totals[key(row)] = (max(totals[key(row)]?.count ?? 0, row.repeatCount), row.diamonds)
        }
        return totals
    }

    private func check(
        _ feed: Feed, _ rows: [Recordings.GiftRow], _ remark: String = "",
        at location: SourceLocation = #_sourceLocation
    ) {
        for (key, total) in expected(rows) {
            let count = feed.counts[key]
            #expect(count == total.count, "\(key) \(remark)", sourceLocation: location)
            let coins = feed.coins[key]
            #expect(
                coins == total.count * total.price, "\(key) \(remark)", sourceLocation: location)
        }
    }

    @Test("increments of each streak add up to its last total, and coins to its price")
    func inOrder() throws {
        let rows = try Recordings.rows("gift-streaks.json", Recordings.GiftRow.self)
        var fed = Feed()
        feed(rows, into: &fed)
        check(fed, rows)
        for (key, ends) in fed.ended { #expect(ends.count == 1, "\(key)") }
        #expect(fed.ended.count == rows.filter { $0.repeatEnd == 1 }.count)
    }

    @Test("in any order and with repeats", arguments: 1...60)
    func shuffled(seed: UInt64) throws {
        let recorded = try Recordings.rows("gift-streaks.json", Recordings.GiftRow.self)
        var chance = SplitMix(seed: seed)
        var rows = recorded
        // Gifts without a group cannot be told from a repeat here; message ids do that.
        for row in recorded where row.groupID != "0" && chance.below(3) == 0 { rows.append(row) }
        for index in rows.indices.reversed() {
            rows.swapAt(index, chance.below(index + 1))
        }
        var fed = Feed()
        feed(rows, into: &fed)
        check(fed, recorded, "seed \(seed)")
    }

    @Test("cut at any point and joined again, nothing counts twice")
    func reconnect() throws {
        let rows = try Recordings.rows("gift-streaks.json", Recordings.GiftRow.self)
            .filter { $0.groupID != "0" }.sorted { $0.createTime < $1.createTime }
        for cut in rows.indices {
            // The same process: the server repeats ten frames, then goes on.
            var same = Feed()
            feed(Array(rows[..<cut]), into: &same)
            feed(Array(rows[max(0, cut - 10)...]), into: &same)
            check(same, rows, "cut \(cut)")

            // Frames lost in the gap come back through the running totals.
            var gap = Feed()
            feed(Array(rows[..<max(0, cut - 3)]), into: &gap)
            feed(Array(rows[cut...]), into: &gap)
            for (key, total) in expected(rows) {
                #expect((gap.counts[key] ?? 0) <= total.count, "cut \(cut)")
            }

            // A new process that knows nothing: what was acted on before is history to it.
            var before = Feed()
            feed(Array(rows[..<cut]), into: &before)
            var after = Feed()
            feed(Array(rows[cut...]), into: &after, connectedAt: rows[cut].createTime)
            for (key, total) in expected(rows) {
                let live = (before.liveCounts[key] ?? 0) + (after.liveCounts[key] ?? 0)
                #expect(live <= total.count, "cut \(cut) \(key)")
            }
        }
    }
}
