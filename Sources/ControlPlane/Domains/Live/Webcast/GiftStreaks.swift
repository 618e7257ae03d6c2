package import SharedModels

/// Turns the frames of gift streaks into exact increments: whatever is repeated, late, missed or
/// out of order, the counts of one streak add up to its largest running total, and no gift
/// counts twice.
///
/// A frame carries the streak's running total. What it adds is the difference to the largest
/// total seen, never to the last one, for frames overtake each other within a burst. Waiting for
/// the end frame instead would cost about three seconds.
package struct GiftStreaks: Sendable {
    /// One streak: the same room, viewer, gift and group.
    package struct Key: Hashable, Sendable {
        package let roomID: Int64
        package let viewerID: String
        package let giftID: Int64
        package let groupID: Int64

        package init(roomID: Int64, viewerID: String, giftID: Int64, groupID: Int64) {
            self.roomID = roomID
            self.viewerID = viewerID
            self.giftID = giftID
            self.groupID = groupID
        }
    }

    /// What one frame added.
    package struct Outcome: Hashable, Sendable {
        /// The part of the streak from before we connected: shown, never acted on.
        package var history: GiftIncrement?
        package var increment: GiftIncrement?
        package var ended: GiftStreak?
        /// The frame's numbers cannot be true, and nothing of it counts.
        package var isRefused = false

        var coins: Int { (history?.coins ?? 0) + (increment?.coins ?? 0) }
    }

    /// A streak that fell silent.
    package struct Expired: Hashable, Sendable {
        package let viewer: Viewer?
        package let streak: GiftStreak
    }

    fileprivate struct Streak: Sendable {
        var total = 0
        var coins = 0
        var isEnded = false
        var endedAtMilliseconds: Int64 = 0
        var lastFrameNanoseconds: Int64
        var gift: Gift
        var viewer: Viewer?
    }

    private var streaks: [Key: Streak] = [:]
    private var nextSweepNanoseconds = Int64.min

    package init() {}

    /// How many streaks are remembered, ended ones included.
    package var count: Int { streaks.count }

    /// - Parameters:
    ///   - createdAtMilliseconds: when the source made the frame.
    ///   - connectedAtMilliseconds: when we first connected; the part of a streak that began
    ///     before is history. 0 if nothing is (replays).
    ///   - coinsMax: how much the frame may add; if it would add more, it is refused.
    package mutating func add(
        _ frame: GiftFrame, key: Key, viewer: Viewer?, createdAtMilliseconds: Int64,
        connectedAtMilliseconds: Int64, coinsMax: Int = LiveLimits.frameCoins, now: Moment
    ) -> Outcome {
        guard frame.gift.coins <= LiveLimits.giftCoins, frame.addedCoins <= LiveLimits.frameCoins,
            frame.repeatCount <= LiveLimits.streakTotal
        else { return Outcome(isRefused: true) }
        let known = streaks[key]
        var streak =
            known
            ?? Streak(
                lastFrameNanoseconds: now.monotonicNanoseconds, gift: frame.gift, viewer: viewer)
        // An end frame without a group may belong to a single send: it then adds nothing.
        let isSingle = key.groupID == 0 && !frame.isCombo && !frame.isEnd
        let isAgain =
            key.groupID == 0 && streak.isEnded && !frame.isEnd
            && createdAtMilliseconds > streak.endedAtMilliseconds
        if isSingle || isAgain {
            // Without a group id nothing ties two sends together, so each is its own streak.
            (streak.total, streak.coins, streak.isEnded) = (0, 0, false)
        }
        let isPartlyOld =
            known == nil && key.groupID > 0 && key.groupID < connectedAtMilliseconds
        streak.lastFrameNanoseconds = now.monotonicNanoseconds
        var outcome = streak.grow(
            by: frame, streakID: isSingle ? "" : DecimalText.make(key.groupID),
            isPartlyOld: isPartlyOld)
        guard outcome.coins <= coinsMax else { return Outcome(isRefused: true) }
        if frame.isEnd || isSingle {
            if !streak.isEnded, !isSingle { outcome.ended = streak.ended(key) }
            streak.isEnded = true
            streak.endedAtMilliseconds = max(streak.endedAtMilliseconds, createdAtMilliseconds)
        }
        if known == nil { makeRoom() }
        streaks[key] = streak
        return outcome
    }

    /// Ends the streaks that fell silent, and forgets those that ended long ago.
    package mutating func expire(now: Moment) -> [Expired] {
        guard now.monotonicNanoseconds >= nextSweepNanoseconds else { return [] }
        nextSweepNanoseconds = now.monotonicNanoseconds &+ 1_000_000_000
        let silence = LiveLimits.streakSilence.wholeNanoseconds
        let memory = LiveLimits.streakMemory.wholeNanoseconds
        var expired: [Expired] = []
        for (key, streak) in streaks {
            let silent = now.nanoseconds(since: streak.lastFrameNanoseconds)
            if streak.isEnded, silent >= memory {
                streaks[key] = nil
            } else if !streak.isEnded, silent >= silence {
                streaks[key]?.isEnded = true
                streaks[key]?.endedAtMilliseconds = now.unixMilliseconds
                expired.append(Expired(viewer: streak.viewer, streak: streak.ended(key)))
            }
        }
        return expired.sorted { $0.streak.streakID < $1.streak.streakID }
    }

    /// Forgets the ended streak that is longest silent, or the longest silent of all.
    private mutating func makeRoom() {
        guard streaks.count >= LiveLimits.streaks else { return }
        let oldest = streaks.min { left, right in
            if left.value.isEnded != right.value.isEnded { return left.value.isEnded }
            return left.value.lastFrameNanoseconds < right.value.lastFrameNanoseconds
        }
        if let oldest { streaks[oldest.key] = nil }
    }
}

extension GiftStreaks.Streak {
    /// Raises the total to the frame's and says what that added.
    fileprivate mutating func grow(
        by frame: GiftFrame, streakID: String, isPartlyOld: Bool
    ) -> GiftStreaks.Outcome {
        if frame.gift.coins > 0 || gift.coins == 0 { gift = frame.gift }
        let reached = frame.repeatCount == 0 && !frame.isEnd ? 1 : frame.repeatCount
        let added = reached - total
        guard added > 0 else { return GiftStreaks.Outcome() }
        let own = ownCount(of: frame, added: added, isPartlyOld: isPartlyOld)
        let ownCoins = frame.addedCoins > 0 ? frame.addedCoins : own * gift.coins
        let missedCoins = (added - own) * gift.coins
        var outcome = GiftStreaks.Outcome()
        if isPartlyOld, own < added {
            outcome.history = step(
                added - own, coins: missedCoins, streakID: streakID, frame: frame, isRecovered: true
            )
            if own > 0 {
                outcome.increment = step(
                    own, coins: ownCoins, streakID: streakID, frame: frame, isRecovered: false)
            }
        } else {
            outcome.increment = step(
                added, coins: ownCoins + missedCoins, streakID: streakID, frame: frame,
                isRecovered: own < added)
        }
        return outcome
    }

    /// How many of the `added` gifts this very frame brought. The rest are from frames that
    /// were missed or are late; should they still come, they add nothing.
    private func ownCount(of frame: GiftFrame, added: Int, isPartlyOld: Bool) -> Int {
        if frame.addedCoins > 0 {
            return gift.coins > 0 ? min(max(frame.addedCoins / gift.coins, 1), added) : added
        }
        if frame.isEnd { return 0 }
        return isPartlyOld ? 1 : added
    }

    private mutating func step(
        _ count: Int, coins: Int, streakID: String, frame: GiftFrame, isRecovered: Bool
    ) -> GiftIncrement {
        total += count
        self.coins = min(self.coins + coins, LiveLimits.counter)
        return GiftIncrement(
            gift: gift, streakID: streakID, count: count, total: total, coins: coins,
            isRecovered: isRecovered)
    }

    fileprivate func ended(_ key: GiftStreaks.Key) -> GiftStreak {
        GiftStreak(gift: gift, streakID: String(key.groupID), total: total, coins: coins)
    }
}
