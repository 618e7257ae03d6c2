/// What happened in a livestream.
package enum Happening: Hashable, Sendable {
    /// A viewer wrote `text`, at most 2,000 bytes.
    case comment(text: String)
    /// A viewer's gift grew by what `GiftIncrement` says; one for each frame that adds something.
    case gift(GiftIncrement)
    /// A gift streak ended; nothing was added.
    case giftEnded(GiftStreak)
    /// A viewer liked.
    case like(LikeIncrement)
    case follow
    case share
    case join
    case subscribe
    /// How many viewers are there now.
    case viewers(count: Int)
    case control(ControlAction)
    /// The source took messages or viewers back; what is queued for them is cancelled.
    case deleted(messageIDs: [String], viewerIDs: [String])
    /// An input of a board changed; belongs to no livestream.
    case input(InputReading)
}

/// What one gift frame added to its streak.
package struct GiftIncrement: Hashable, Sendable, Codable {
    package let gift: Gift
    /// Identifies the streak within its room, viewer and gift; empty for a gift without streaks.
    package let streakID: String
    /// How many of the gift this frame added, at least 1.
    package let count: Int
    /// How many the streak has now.
    package let total: Int
    /// Coins added by this frame, in the source's smallest unit (TikTok: diamonds).
    package let coins: Int
    /// True if frames before were missed and `count` was recovered from the running total.
    package let isRecovered: Bool
    /// The source's id of the guest it was given to; nil if it was for the host, or if the
    /// source does not say.
    package let guestID: String?

    package init(
        gift: Gift, streakID: String, count: Int, total: Int, coins: Int, isRecovered: Bool,
        guestID: String? = nil
    ) {
        self.gift = gift
        self.streakID = streakID
        self.count = count
        self.total = total
        self.coins = coins
        self.isRecovered = isRecovered
        self.guestID = guestID
    }

    private enum CodingKeys: String, CodingKey {
        case gift, streakID = "streak_id", count, total, coins, isRecovered = "is_recovered"
        case guestID = "guest_id"
    }
}

/// A gift streak as it stood when it ended.
package struct GiftStreak: Hashable, Sendable, Codable {
    package let gift: Gift
    package let streakID: String
    package let total: Int
    package let coins: Int

    package init(gift: Gift, streakID: String, total: Int, coins: Int) {
        self.gift = gift
        self.streakID = streakID
        self.total = total
        self.coins = coins
    }

    private enum CodingKeys: String, CodingKey {
        case gift, streakID = "streak_id", total, coins
    }
}

/// A kind of gift.
package struct Gift: Hashable, Sendable, Codable {
    /// The source's number of the gift.
    package let id: Int64
    /// At most 64 bytes; empty if the source does not say.
    package let name: String
    /// The price of one, in coins.
    package let coins: Int

    package init(id: Int64, name: String, coins: Int) {
        self.id = id
        self.name = name
        self.coins = coins
    }
}

/// What one like frame added.
package struct LikeIncrement: Hashable, Sendable, Codable {
    /// Likes added by this frame, at least 0.
    package let count: Int
    /// The room's total after it; never runs backwards, whatever the source says.
    package let total: Int

    package init(count: Int, total: Int) {
        self.count = count
        self.total = total
    }
}

/// What happened to the broadcast as a whole.
package enum ControlAction: String, Hashable, Sendable, Codable, CaseIterable {
    case started, paused, resumed, ended, suspended
}
